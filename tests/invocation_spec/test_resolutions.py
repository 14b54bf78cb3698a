"""A resolutions document is read strictly, and by normal keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import CID, DocumentError, Resolutions
from invocation_spec.resolutions import FileMeaning, ImageMeaning, PackageMeaning

FILE = CID.of_bytes(b"file")
HEX = "ab" * 32
DIGEST = f"sha256:{HEX}"
CODE = CID.of_digest(bytes.fromhex(HEX))
V0 = "QmYtUc4iTCbbfVSDNKvtQqrfyezPPnFvE33wFmutw9PBBk"
V1 = CID.parse(V0)
SHA3 = "d5" * 28
URL = "https://example.org/a.csv"


def parse(document: Any) -> Resolutions:
    return Resolutions.parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("key", "normal", "value", "meaning"),
    [
        ("oci:a:1", "oci:docker.io/library/a:1", DIGEST, ImageMeaning(CODE)),
        (
            f"oci:h.example/a:1@{DIGEST}",
            f"oci:h.example/a@{DIGEST}",
            {
                "digest": DIGEST,
                "entrypoint": [],
                "cmd": ["a"],
                "workdir": "/w",
                "platform": "linux/amd64",
            },
            ImageMeaning(CODE, (), ("a",), "/w", "linux/amd64"),
        ),
        ("HTTPS://Example.org:443/a.csv#x", URL, str(FILE), FileMeaning(FILE)),
        (URL, URL, {"cid": str(FILE), "name": ""}, FileMeaning(FILE, "")),
        ("ftp://h/a", "ftp://h/a", str(FILE), FileMeaning(FILE)),
        ("s3://b/a b", "s3://b/a%20b", str(FILE), FileMeaning(FILE)),
        (
            "s3://b/a?endpoint=https://e&versionId=v 1",
            "s3://b/a?endpoint=https%3A%2F%2Fe&versionId=v+1",
            {"cid": str(FILE), "name": "x"},
            FileMeaning(FILE, "x"),
        ),
        ("s3://b/a?versionId=1", "s3://b/a?versionId=1", V0, FileMeaning(V1)),
        (f"ipfs:{V0}", f"ipfs:{V1}", str(FILE), FileMeaning(FILE)),
        (f"ipfs:{V0}/a", f"ipfs:{V1}/a", str(FILE), FileMeaning(FILE)),
        ("ipns:example.org", "ipns:example.org", str(FILE), FileMeaning(FILE)),
        ("gftp://0x1/2", "gftp://0x1/2", str(FILE), FileMeaning(FILE)),
        (
            f"golem:sha3-224:{SHA3}",
            f"golem:sha3-224:{SHA3}",
            {"kind": "wasi", "code": str(FILE)},
            PackageMeaning(code=FILE),
        ),
        (
            f"golem:sha3-224:{SHA3}",
            f"golem:sha3-224:{SHA3}",
            {"kind": "wasi", "entries": {"main": str(FILE)}},
            PackageMeaning(entries={"main": FILE}),
        ),
        (
            f"golem:sha3-224:{SHA3}",
            f"golem:sha3-224:{SHA3}",
            {"kind": "oci", "digest": DIGEST},
            PackageMeaning(image=CODE),
        ),
    ],
)
def test_keys_normalise_and_values_are_read(
    key: str, normal: str, value: Any, meaning: Any
) -> None:
    found = parse({key: value})
    assert found.meanings == {normal: meaning}
    assert parse(json.loads(found.to_json())) == found


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '""', "1", "a: b", "{", '{"a": 1,}']
)
def test_a_resolutions_document_is_a_json_map(text: str) -> None:
    with pytest.raises(DocumentError):
        Resolutions.parse(text.encode())
    assert Resolutions.parse(b"{}") == Resolutions.none()


@pytest.mark.parametrize(
    ("key", "value", "at"),
    [
        ("ubuntu", DIGEST, ""),
        ("oci:", DIGEST, ""),
        ("oci:Upper", DIGEST, ""),
        ("oci:a", HEX, ""),
        ("oci:a", str(FILE), ""),
        ("oci:a", None, ""),
        ("oci:a", [], ""),
        ("oci:a", {}, "/digest"),
        ("oci:a", {"digest": DIGEST, "entrypoint": None}, "/entrypoint"),
        ("oci:a", {"digest": DIGEST, "entrypoint": "a"}, "/entrypoint"),
        ("oci:a", {"digest": DIGEST, "cmd": ["a", 1]}, "/cmd/1"),
        ("oci:a", {"digest": DIGEST, "platform": ""}, "/platform"),
        ("oci:a", {"digest": DIGEST, "Platform": "x"}, "/Platform"),
        ("https://", str(FILE), ""),
        (URL, "x", ""),
        (URL, DIGEST, ""),
        (URL, 1, ""),
        (URL, {"name": "a"}, "/cid"),
        (URL, {"cid": str(FILE), "name": "a/b"}, "/name"),
        (URL, {"cid": str(FILE), "name": ".."}, "/name"),
        (URL, {"cid": str(FILE), "name": None}, "/name"),
        (URL, {"cid": str(FILE), "kind": "a"}, "/kind"),
        ("s3://b", str(FILE), ""),
        ("s3:///a", str(FILE), ""),
        ("s3://b/a?versionId=1&endpoint=e", str(FILE), ""),
        ("s3://b/a?endpoint=", str(FILE), ""),
        ("s3://b/a?region=e", str(FILE), ""),
        ("S3://b/a?versionId=1&endpoint=e", str(FILE), ""),
        (" s3://b/a", str(FILE), ""),
        (f"IPFS://{V0}", str(FILE), ""),
        ("GFTP://0x1/2", str(FILE), ""),
        ("ipfs:x", str(FILE), ""),
        (f"ipfs://{V0}", str(FILE), ""),
        (f"ipfs:{V0}", {"cid": str(FILE)}, ""),
        ("ipns:", str(FILE), ""),
        (f"golem:sha3-256:{SHA3}", {"kind": "oci", "digest": DIGEST}, ""),
        (f"golem:sha3-224:{SHA3.upper()}", {"kind": "oci", "digest": DIGEST}, ""),
        ("golem:sha3-160:" + "a" * 40, {"kind": "oci", "digest": DIGEST}, ""),
        (f"golem:sha3-224:{SHA3}", str(FILE), ""),
        (f"golem:sha3-224:{SHA3}", {"kind": "gvmi"}, "/kind"),
        (f"golem:sha3-224:{SHA3}", {"kind": "wasi"}, "/code"),
        (f"golem:sha3-224:{SHA3}", {"kind": "wasi", "entries": {}}, "/entries"),
        (
            f"golem:sha3-224:{SHA3}",
            {"kind": "wasi", "code": str(FILE), "entries": {"a": str(FILE)}},
            "/code",
        ),
    ],
)
def test_what_is_malformed_is_refused_at_its_place(
    key: str, value: Any, at: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        parse({key: value})
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    assert caught.value.at == pointer + at


def test_two_keys_that_normalise_alike_are_refused() -> None:
    for first, second, value in (
        ("oci:a", "oci:docker.io/library/a:latest", DIGEST),
        (URL, URL + "#x", str(FILE)),
        (f"ipfs:{V0}", f"ipfs:{V1}", str(FILE)),
        ("s3://b/a b", "s3://b/a%20b", str(FILE)),
    ):
        with pytest.raises(DocumentError, match="second key"):
            parse({first: value, second: value})


def test_without_leaves_the_others() -> None:
    found = parse({URL: str(FILE), "oci:a": DIGEST})
    rest = found.without({URL})
    assert set(rest.meanings) == set(rest.source) == {"oci:docker.io/library/a:latest"}


keys = st.sampled_from(
    ["oci:", "https://", "s3://", "ipfs:", "ipns:", "golem:", "gftp:", ""]
)
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.just(str(FILE)),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["cid", "name", "digest", "kind", "code", "x"]), inner
        )
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.tuples(keys, st.text(max_size=20)).map("".join), values))
def test_any_json_map_is_resolutions_or_refused(document: Any) -> None:
    try:
        found = parse(document)
    except DocumentError:
        return
    assert parse(json.loads(found.to_json())) == found


@given(st.binary(max_size=60))
def test_any_bytes_are_resolutions_or_refused(data: bytes) -> None:
    try:
        Resolutions.parse(data)
    except DocumentError:
        return
