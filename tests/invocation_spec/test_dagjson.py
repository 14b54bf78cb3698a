"""DAG-JSON: the fixtures of IPLD, the reserved key, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import CID, DocumentError, EncodingError, dagcbor, dagjson
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import read_document

_LINK = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

#: Links whose form is normalised: CIDv0, and an identity CID of raw bytes.
_REFORMED = {
    "cid-QmQg1v4o9xdT3Q14wh4S7dxZkDjyZ9ssFzFzyep1YrVJBY",
    "cid-QmRgutAxd8t7oGkSm4wmeuByG6M51wcTso6cubDdQtuEfL",
    "cid-QmXg9Pp2ytZ14xgmQjYEiHjVjMFXzCVVEcRTWJBmLgR39V",
    "cid-bafkqabiaaebagba",
}

#: Links by SHA-1, double SHA-256 (truncated) or keccak: hashes not accepted here.
_REFUSED = {
    "cid-arrayof",
    "cid-bahaacvrabdhd3fzrwaambazyivoiustl2bo2c3rgweo2ug4rogcoz2apaqaa",
    "cid-bahaacvrasyauh7rmlyrmyc7qzvktjv7x6q2h6ttvei6qon43tl3riaaaaaaa",
    "cid-mapof",
    "cid-z8mWaJ1dZ9fH5EetPuRsj8jj26pXsgpsr",
    "garbage-02",
    "garbage-14",
    "garbage-20",
}


def _decoded(text: str) -> Any:
    tree: Any = read_document(f"[{text}]".encode()).tree
    return dagjson.decode(tree[0])


def test_fixtures_of_ipld_decode_and_encode_to_their_bytes(
    shared_fixtures: Path,
) -> None:
    folders = sorted((shared_fixtures / "ipvm" / "codec-fixtures").iterdir())
    assert len(folders) == 74
    for folder in folders:
        (json_file,), (cbor_file,) = (
            folder.glob("*.dag-json"),
            folder.glob("*.dag-cbor"),
        )
        text = json_file.read_text()
        if folder.name in _REFUSED:
            with pytest.raises(DocumentError, match="not collision resistant"):
                _decoded(text)
            continue
        value = _decoded(text)
        same = folder.name not in _REFORMED
        block = dagcbor.encode(value, floats=True)
        assert (block == cbor_file.read_bytes()) is same, folder.name
        assert (dagjson.encode(value) == text) is same, folder.name


@pytest.mark.parametrize(
    "text",
    [
        _LINK,
        _LINK.upper(),
        "zb2rhk6GMPQF3hfzwXTaNYFLKomMeC6UXdUt6jZKPpeVirLtV",
    ],
)
def test_a_link_in_any_base_is_its_cid(text: str) -> None:
    assert _decoded(f'{{"/": "{text}"}}') == CID.parse(_LINK)


def test_bytes_are_unpadded_base64() -> None:
    assert _decoded('{"/": {"bytes": ""}}') == b""
    assert _decoded('{"/": {"bytes": "oVI8"}}') == b"\xa1R<"
    assert _decoded('{"/": {"bytes": "+/+/Cg"}}') == b"\xfb\xff\xbf\n"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ('{"/": 1}', ""),
        ('{"/": null}', ""),
        ('{"/": {}}', ""),
        ('{"/": {"bytes": "oVI8", "more": 1}}', ""),
        ('{"/": {"/": {"bytes": ""}}}', ""),
        (f'{{"/": "{_LINK}", "x": 1}}', ""),
        (f'{{"x": 1, "/": "{_LINK}"}}', ""),
        ('{"a": [0, {"/": "nothing"}]}', "/a/1"),
        ('{"a/b": {"/": ""}}', "/a~1b"),
        (f'{{"/": "ipfs://{_LINK}"}}', ""),
        (f'{{"/": "{_LINK[:-1]}"}}', ""),
        ('{"/": {"bytes": 1}}', "/~1/bytes"),
        ('{"/": {"bytes": "oVI8XA=="}}', "/~1/bytes"),
        ('{"/": {"bytes": "oVI8XB"}}', "/~1/bytes"),
        ('{"/": {"bytes": "oVI8X"}}', "/~1/bytes"),
        ('{"/": {"bytes": "oVI-"}}', "/~1/bytes"),
        ('{"/": {"bytes": "oV I8"}}', "/~1/bytes"),
        ('{"/": {"bytes": "ö"}}', "/~1/bytes"),
    ],
)
def test_the_reserved_key_holds_nothing_else(text: str, at: str) -> None:
    with pytest.raises(DocumentError) as refused:
        _decoded(text)
    assert (refused.value.at or "") == at


@pytest.mark.parametrize("text", ["a: no", "a: -0.0", "yes: 1"])
def test_yaml_that_its_readers_disagree_on_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        dagjson.decode(read_document(text.encode()).tree)


def test_a_map_with_the_reserved_key_cannot_be_written() -> None:
    with pytest.raises(EncodingError, match="reserved"):
        dagjson.encode([{"/": "text"}])


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(
        lambda number: str(number) != "-0.0"
    )
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.binary().map(CID.of_bytes)
)


def _without_reserved(value: Mapping[str, Any]) -> bool:
    return "/" not in value


@given(
    st.recursive(
        _LEAVES,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"])), inner
            ).filter(_without_reserved)
        ),
        max_leaves=10,
    )
)
def test_what_is_encoded_decodes_to_the_same_value(value: Ipld) -> None:
    again = _decoded(dagjson.encode(value))
    assert dagcbor.encode(again, floats=True) == dagcbor.encode(value, floats=True)
