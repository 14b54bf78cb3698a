"""Each kind of reference has one normal spelling, and an end."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID
from invocation_spec.errors import CidError, EncodingError
from invocation_spec.references import (
    GATEWAYS,
    REFERENCE_BYTES_MAX,
    IpfsPath,
    IpnsName,
    is_gateway_like,
    parse_data_url,
    parse_golem_package,
    parse_image,
    parse_ipfs,
    parse_sha256,
    parse_url,
    s3_reference,
    url_name,
)

V0 = "QmYtUc4iTCbbfVSDNKvtQqrfyezPPnFvE33wFmutw9PBBk"
V1 = str(CID.parse(V0))
KEY = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
HEX = "ab" * 32


@pytest.mark.parametrize(
    "text",
    [
        f"ipfs://{V0}",
        f"IPFS://{V1}",
        f"ipfs://{V1}/",
        f"/ipfs/{V1.upper()}",
        f"/ipfs/{V0}/",
        *(f"https://{host}/ipfs/{V0}" for host in GATEWAYS),
        *(f"https://{V1}.ipfs.{host}/" for host in GATEWAYS),
        f"http://IPFS.io:80/ipfs/{V1}/?filename=a.csv#top",
        f"https://dweb.link:443/ipfs/{V1}",
    ],
)
def test_one_content_in_every_spelling(text: str) -> None:
    assert parse_ipfs(text) == IpfsPath(CID.parse(V0))
    assert str(parse_ipfs(text)) == f"ipfs:{V1}"


@pytest.mark.parametrize(
    "text",
    [
        f"https://gateway.example/ipfs/{V0}",
        f"https://ipfs.io.example/ipfs/{V0}",
        f"https://notipfs.io/ipfs/{V0}",
        f"https://ipfs.io:8080/ipfs/{V0}",
        f"https://a@ipfs.io/ipfs/{V0}",
        f"https://ipfs.io/ipfs/{V0}/a",
        f"https://ipfs.io/ipfs/{V0}?format=raw",
        f"https://ipfs.io/ipfs/{V0}?filename=a&x=1",
        f"https://ipfs.io/api/{V0}",
        "https://ipfs.io/",
        "https://ipfs.ipfs.io/",
        f"https://{V1}.ipfs.dweb.link/a",
        f"https://{V1}.dweb.link/",
        f"ftp://ipfs.io/ipfs/{V0}",
        V0,
        f"ipfs:{V0}",
        "",
        "https://[",
    ],
)
def test_what_only_looks_like_content_is_none(text: str) -> None:
    assert parse_ipfs(text) is None


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (f"ipfs://{V0}/a/b", f"ipfs:{V1}/a/b"),
        (f"/ipfs/{V0}/a/../b", f"ipfs:{V1}/a/../b"),
        (f"ipns://{KEY}", f"ipns:{KEY}"),
        ("/ipns/example.org/a", "ipns:example.org/a"),
        (f"/ipfs/{KEY}", f"ipns:{KEY}"),
        ("https://example-org.ipns.dweb.link/", "ipns:example-org"),
    ],
)
def test_paths_and_names_are_told(text: str, normal: str) -> None:
    found = parse_ipfs(text)
    assert isinstance(found, IpfsPath | IpnsName)
    assert str(found) == normal


@pytest.mark.parametrize(
    "text", ["ipfs://", "ipfs:///a", "/ipfs/x", "ipns://", "https://ipfs.io/ipfs/Qm"]
)
def test_a_place_for_a_cid_that_holds_none_is_refused(text: str) -> None:
    with pytest.raises(CidError):
        parse_ipfs(text)


def test_hosts_off_the_list_are_worth_a_hint() -> None:
    assert is_gateway_like(f"https://gateway.example/ipfs/{V0}")
    assert is_gateway_like(f"https://{V1}.ipfs.example.org/a")
    assert not is_gateway_like("https://example.org/a/ipfs/b")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.org", "https://example.org/"),
        ("HTTPS://Example.ORG:443/A#b", "https://example.org/A"),
        ("http://h:443/", "http://h:443/"),
        ("https://h/a b", "https://h/a%20b"),
        ("https://h/%7e~", "https://h/%7e~"),
        ("https://h/a/../b/./c", "https://h/b/c"),
        ("https://h/?b=1&a=2", "https://h/?b=1&a=2"),
        ("https://é.example/é", "https://xn--9ca.example/%C3%A9"),
        ("https://u:p@h/", "https://u:p@h/"),
        ("ftp://h/a", "ftp://h/a"),
    ],
)
def test_a_url_is_as_whatwg_has_it_without_its_fragment(text: str, url: str) -> None:
    assert parse_url(text) == url
    assert parse_url(url) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "/a", "//h/a", "https://", "https://[x/a", "https://h:x/"),
        *("ipfs:Qm", "mailto:a@b", "data:,x", "https:// h/", "http://a b/"),
        "https://h/" + "a" * REFERENCE_BYTES_MAX,
        "https://h/" + "€" * (REFERENCE_BYTES_MAX // 9 + 1),
    ],
)
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(EncodingError) as caught:
        parse_url(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/b.csv", "b.csv"),
        ("https://h/a/", "a"),
        ("https://h/a//", "a"),
        ("https://h/a?b=/c", "a"),
        ("https://h/a#/c", "a"),
        ("https://h/a;v=1", "a;v=1"),
        ("https://h/a%20b", "a b"),
        ("https://h/a%2Fb", "b"),
        ("https://h/%C3%A9", "é"),
        ("https://h/a/../b", "b"),
        ("https://h", None),
        ("https://h/", None),
        ("https://h?a/b", None),
        ("https://h/a/..", None),
        ("https://h/a/%2e", None),
        ("https://h/%ff", None),
        ("https://h/a%00", None),
        ("https://h/a%0a", None),
        ("https://[x/a", "a"),
        ("nonsense", None),
    ],
)
def test_a_download_is_called_what_go_calls_it(url: str, name: str | None) -> None:
    assert url_name(url) == name


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("python", "oci:docker.io/library/python:latest"),
        ("python:3.11", "oci:docker.io/library/python:3.11"),
        ("library/python", "oci:docker.io/library/python:latest"),
        ("docker.io/python", "oci:docker.io/library/python:latest"),
        ("index.docker.io/library/python", "oci:docker.io/library/python:latest"),
        ("docker://python", "oci:docker.io/library/python:latest"),
        ("me/tool", "oci:docker.io/me/tool:latest"),
        ("ghcr.io/me/tool:v1", "oci:ghcr.io/me/tool:v1"),
        ("localhost/tool", "oci:localhost/tool:latest"),
        ("localhost:5000/a/b/c:1", "oci:localhost:5000/a/b/c:1"),
        ("[::1]:5000/a", "oci:[::1]:5000/a:latest"),
        ("h.example/a__b/c-d.e", "oci:h.example/a__b/c-d.e:latest"),
        (f"python@sha256:{HEX}", f"oci:docker.io/library/python@sha256:{HEX}"),
        (f"python:3@sha256:{HEX}", f"oci:docker.io/library/python@sha256:{HEX}"),
        ("python:" + "t" * 128, "oci:docker.io/library/python:" + "t" * 128),
    ],
)
def test_an_image_is_what_docker_understands(text: str, normal: str) -> None:
    assert str(parse_image(text)) == normal
    assert str(parse_image(normal.removeprefix("oci:"))) == normal


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "Python", "a/B", "-a", "a-", "a..b", "a___b", "a//b", "/a", "a/"),
        *("a:", "a:-b", "a@", "a b", "a\n", "a:b:c", "é", "h.example/", "a@latest"),
        f"a@sha256:{HEX[1:]}",
        f"a@sha256:{HEX}0",
        f"a@sha256:{HEX.upper()}",
        f"a@sha512:{HEX * 2}",
        f"a@sha256:{HEX}@sha256:{HEX}",
        "a:" + "t" * 129,
        "a" * (REFERENCE_BYTES_MAX + 1),
    ],
)
def test_what_docker_does_not_understand_is_refused(text: str) -> None:
    with pytest.raises(EncodingError) as caught:
        parse_image(text)
    assert len(str(caught.value)) < 300


def test_a_digest_is_a_whole_sha256_in_lower_case() -> None:
    assert parse_sha256(f"sha256:{HEX}") == bytes.fromhex(HEX)
    for text in ("", HEX, f"SHA256:{HEX}", f"sha256:{HEX} ", "sha256:" + "g" * 64):
        with pytest.raises(EncodingError):
            parse_sha256(text)


def test_an_s3_reference_keeps_bucket_and_key_apart() -> None:
    def named(bucket: str, key: str, endpoint: str = "", version: str = "") -> str:
        return s3_reference(bucket, key, endpoint=endpoint, version_id=version)

    assert named("b", "d/a.csv") == "s3://b/d/a.csv"
    assert named("b", "a", "https://e", "v") == (
        "s3://b/a?endpoint=https%3A%2F%2Fe&versionId=v"
    )
    assert named("b", "a", version="v") == "s3://b/a?versionId=v"
    assert named("b/d", "a") != named("b", "d/a")
    assert named("b", "a?versionId=v") != named("b", "a", version="v")
    assert named("b", "a#b") == "s3://b/a%23b"
    assert named("b", "/a") != named("b", "a")


SHA3 = "d5e31b2eed628572a5898bf8c34447644bfc4b5130cfc1e4f10aeaa1"


@pytest.mark.parametrize(
    "text",
    [
        f"hash:sha3:{SHA3}:http://h/a",
        f"hash://sha3:{SHA3}:http://h/b",
        f"HASH:sha3:0x{SHA3.upper()}:x",
        f"hash:sha3:0X{SHA3}:x\ny",
    ],
)
def test_a_golem_package_is_its_hash(text: str) -> None:
    found = parse_golem_package(text)
    assert found is not None
    assert str(found) == f"golem:sha3-224:{SHA3}"
    assert found.cid.digest.hex() == SHA3


@pytest.mark.parametrize(
    "text", ["", "hash", "http://h/a", f"hash:sha3:{SHA3}", "hash:::"]
)
def test_what_has_not_the_form_of_a_package_is_none(text: str) -> None:
    assert parse_golem_package(text) is None


@pytest.mark.parametrize(
    "text",
    [
        f"hash:SHA3:{SHA3}:x",
        f"hash:sha2:{SHA3}:x",
        f"hash:sha3:{SHA3[:-1]}:x",
        f"hash:sha3:{SHA3[:-2]}:x",
        "hash:" + "a" * 10_000 + f":{SHA3}:x",
    ],
)
def test_a_package_with_another_hash_is_refused(text: str) -> None:
    with pytest.raises(EncodingError) as caught:
        parse_golem_package(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "media_type", "data"),
    [
        ("data:,", "", b""),
        ("data:,a,b", "", b"a,b"),
        ("DATA:Text/Plain;charset=utf-8,a%20b", "text/plain", b"a b"),
        ("data:text/plain;base64,YWI=", "text/plain", b"ab"),
        ("data:;BASE64,YWI", "", b"ab"),
        ("data:;base64,Y W\nI=", "", b"ab"),
        ("data:;base64,YWI%3D", "", b"ab"),
        ("data:application/gzip;base64,", "application/gzip", b""),
        ("data:,é", "", "é".encode()),
        ("data:;base64;x,YWI=", "", b"YWI="),
    ],
)
def test_a_data_url_is_its_bytes(text: str, media_type: str, data: bytes) -> None:
    found = parse_data_url(text)
    assert (found.media_type, found.data) == (media_type, data)


@pytest.mark.parametrize(
    "text",
    [
        *("", "data", "data:", "data:text/plain", "http://h/,a", " data:,a"),
        *("data:;base64,A", "data:;base64,YW I?", "data:;base64,é", "data:;base64,-_"),
        *("data:,%", "data:,%2", "data:,%zz", "data:;base64,YWI=YWI="),
    ],
)
def test_what_is_no_data_url_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        parse_data_url(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "a-" * 4000,
        "a." * 4000 + "/",
        "a" * 8000 + "!",
        "a/" * 4000,
        "a_" * 4000,
        "a__" * 2700,
        "-" * 8000,
        "[" + ":" * 8000,
        "hash:" * 1_000_000,
        "hash:sha3:" + "0x" * 1_000_000,
        "hash:sha3:" + "a" * 1_000_000,
        "data:" + ";" * 1_000_000,
        "data:;base64," + "=" * 1_000_000,
        "data:," + "%" * 1_000_000,
        "https://" + "a." * 1_000_000,
        "https://h/" + "../" * 1_000_000,
        "/ipfs/" + "b" * 1_000_000,
    ],
)
def test_no_reference_takes_long(text: str) -> None:
    start = time.process_time()
    for parse in (parse_image, parse_ipfs, parse_url, parse_golem_package, url_name):
        try:
            parse(text)
        except (EncodingError, CidError):
            continue
    with suppress(EncodingError):
        parse_data_url(text)
    assert time.process_time() - start < 2


@given(st.text(max_size=40) | st.from_regex(r"(https?|ipfs|ipns|hash|data):.{0,30}"))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    for parse in (parse_image, parse_ipfs, parse_url, parse_golem_package, url_name):
        try:
            parse(text)
        except (EncodingError, CidError):
            continue
    with suppress(EncodingError):
        parse_data_url(text)
