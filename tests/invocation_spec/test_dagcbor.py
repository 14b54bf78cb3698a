"""DAG-CBOR: one value, one encoding, bounded, and without surprises."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import dag_cbor
import multiformats as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID
from invocation_spec.dagcbor import (
    BLOCK_BYTES_MAX,
    DEPTH_MAX,
    INT_MAX,
    INT_MIN,
    decode,
    encode,
)
from invocation_spec.errors import EncodingError

LINK = CID.of_bytes(b"x")

#: Valid for DAG-CBOR and refused here, by name of the fixture: why.
STRICTER = {
    "cid-QmQg1v4o9xdT3Q14wh4S7dxZkDjyZ9ssFzFzyep1YrVJBY": "CIDv0 has a CIDv1",
    "cid-QmRgutAxd8t7oGkSm4wmeuByG6M51wcTso6cubDdQtuEfL": "CIDv0 has a CIDv1",
    "cid-QmXg9Pp2ytZ14xgmQjYEiHjVjMFXzCVVEcRTWJBmLgR39V": "CIDv0 has a CIDv1",
    "cid-arrayof": "a sha1 among them",
    "cid-mapof": "an identity hash among them",
    "cid-bafkqabiaaebagba": "identity",
    "cid-bahaacvrabdhd3fzrwaambazyivoiustl2bo2c3rgweo2ug4rogcoz2apaqaa": "dbl-sha2-256",
    "cid-bahaacvrasyauh7rmlyrmyc7qzvktjv7x6q2h6ttvei6qon43tl3riaaaaaaa": "dbl-sha2-256",
    "cid-z8mWaJ1dZ9fH5EetPuRsj8jj26pXsgpsr": "sha1",
    "garbage-02": "keccak-256",
    "garbage-14": "keccak-256",
    "garbage-20": "keccak-256",
}

#: DASL is narrower than DAG-CBOR: it knows no dag-pb. IPFS does, and so do we.
WIDER = {"CIDv1 that isn't raw or cbor"}


def scalars(floats: bool) -> st.SearchStrategy[Any]:
    found = (
        st.none()
        | st.booleans()
        | st.integers(INT_MIN, INT_MAX)
        | st.text(max_size=20)
        | st.binary(max_size=20)
        | st.binary(max_size=9).map(CID.of_bytes)
    )
    if not floats:
        return found
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    return found | numbers.filter(lambda x: x != 0 or math.copysign(1, x) > 0)


def trees(floats: bool = False) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars(floats),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(max_size=8), inner, max_size=4)
        ),
        max_leaves=20,
    )


def as_reference(value: Any) -> Any:
    if isinstance(value, CID):
        return reference.CID.decode(value.raw)
    if isinstance(value, dict):
        return {key: as_reference(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_reference(item) for item in value]
    return value


@given(trees(floats=True))
def test_the_reference_codec_writes_the_same_bytes(value: Any) -> None:
    block = encode(value, floats=True)
    assert block == dag_cbor.encode(as_reference(value))
    assert decode(block, floats=True) == value
    assert as_reference(decode(block, floats=True)) == dag_cbor.decode(block)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_block_or_refused(block: bytes) -> None:
    try:
        value = decode(block, floats=True)
    except EncodingError:
        return
    assert encode(value, floats=True) == block
    dag_cbor.decode(block)  # what we accept, the reference accepts


@given(trees(), st.data())
def test_one_byte_off_is_another_value_or_refused(value: Any, data: Any) -> None:
    block = bytearray(encode(value))
    block[data.draw(st.integers(0, len(block) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = decode(bytes(block))
    except EncodingError:
        return
    assert encode(found) == bytes(block) != encode(value)


def test_map_keys_sort_by_length_then_bytewise() -> None:
    keys = ["b", "aa", "é", "a", "\U0001f600", "ab"]
    block = encode(dict.fromkeys(keys))
    found = decode(block)
    assert isinstance(found, dict)
    assert list(found) == ["a", "b", "aa", "ab", "é", "\U0001f600"]


@pytest.mark.parametrize(
    ("why", "block"),
    [
        ("keys out of order", "a2616200616100"),
        ("longer key first", "a262616100616200"),
        ("a key twice", "a2616100616101"),
        ("a key that is a number", "a10000"),
        ("a key that is bytes", "a1416100"),
        ("a longer head than needed", "1801"),
        ("a map of indefinite length", "bfff"),
        ("a string of indefinite length", "7f6161ff"),
        ("undefined", "f7"),
        ("a simple value", "e0"),
        ("another tag", "c100"),
        ("a link without its zero byte", "d82a582401551220" + "00" * 32),
        ("a link that is text", "d82a6161"),
        ("a half float", "f93c00"),
        ("a single float", "fa3f800000"),
        ("NaN", "fb7ff8000000000000"),
        ("infinity", "fb7ff0000000000000"),
        ("minus infinity", "fbfff0000000000000"),
        ("-0.0", "fb8000000000000000"),
        ("-2^63 - 1", "3b8000000000000000"),
        ("text that is not UTF-8", "61ff"),
        ("text that is a surrogate", "63eda080"),
        ("nothing", ""),
        ("breaks off", "8201"),
        ("a trailing byte", "0000"),
        ("an array of 2^60", "9b1000000000000000"),
        ("a map of 2^60", "bb1000000000000000"),
        ("bytes of 2^60", "5b1000000000000000"),
    ],
)
def test_nearest_invalid_blocks_are_refused(why: str, block: str) -> None:
    with pytest.raises(EncodingError) as caught:
        decode(bytes.fromhex(block), floats=True)
    assert "\n" not in str(caught.value)


def test_floats_stand_only_where_a_form_allows_them() -> None:
    for value in (1.0, 0.5, -1e300):
        assert decode(encode(value, floats=True), floats=True) == value
        assert len(encode(value, floats=True)) == 9
        with pytest.raises(EncodingError, match="float"):
            encode(value)
        with pytest.raises(EncodingError, match="float"):
            decode(encode(value, floats=True))
    assert encode(1) != encode(1.0, floats=True)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0])
def test_floats_that_have_two_readings_are_refused(value: float) -> None:
    with pytest.raises(EncodingError):
        encode(value, floats=True)


@pytest.mark.parametrize("value", [INT_MIN - 1, INT_MAX + 1, 10**400])
def test_integers_outside_both_ranges_are_refused(value: int) -> None:
    with pytest.raises(EncodingError, match="outside"):
        encode(value)


@pytest.mark.parametrize("value", [INT_MIN, -1, 0, 2**63, INT_MAX])
def test_integers_at_the_ends_are_kept(value: int) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize("value", [{1: 2}, "\ud800", {"\ud800": 1}, object(), {1, 2}])
def test_values_that_the_data_model_lacks_are_refused(value: Any) -> None:
    with pytest.raises(EncodingError):
        encode(value)


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_depth_is_a_limit_and_never_a_crash() -> None:
    block = encode(nested(DEPTH_MAX))
    assert decode(block) == nested(DEPTH_MAX)
    with pytest.raises(EncodingError, match="levels"):
        encode(nested(DEPTH_MAX + 1))
    with pytest.raises(EncodingError):
        decode(b"\x81" + block)
    for opening in (b"\x81", b"\xa1\x61a", b"\xd8\x2a"):
        with pytest.raises(EncodingError):
            decode(opening * 100_000 + b"\x00")


@pytest.mark.parametrize("depth", [1, 100, 127])
@pytest.mark.parametrize("leaf", ["ff", "63ffffff", "a26162006161", "18" + "00" * 9])
def test_a_refusal_is_one_short_line_however_deep(depth: int, leaf: str) -> None:
    with pytest.raises(EncodingError) as refused:
        decode(b"\xa1\x61a" * depth + bytes.fromhex(leaf) + b"\x00")
    assert len(refused.value.reason) < 400
    assert "\n" not in refused.value.reason


def test_a_block_has_a_largest_size() -> None:
    whole = b"\0" * (BLOCK_BYTES_MAX - 5)
    assert len(encode(whole)) == BLOCK_BYTES_MAX
    assert decode(encode(whole)) == whole
    with pytest.raises(EncodingError, match="at most"):
        encode(whole + b"\0")
    with pytest.raises(EncodingError, match="at most"):
        decode(b"\0" * (BLOCK_BYTES_MAX + 1))


@pytest.mark.slow
def test_a_refusal_takes_no_longer_than_a_reading() -> None:
    block = encode(["x" * 60] * 16_000)
    start = time.process_time()
    with pytest.raises(EncodingError):
        decode(block[:-1])
    assert time.process_time() - start < 2


def test_a_link_in_a_block_is_a_cidv1_as_it_stands() -> None:
    assert decode(encode([LINK])) == [LINK]
    for raw in (b"\x12\x20" + bytes(32), b"\x01\x55\x00\x01a"):
        link = encode(b"\0" + raw)
        with pytest.raises(EncodingError, match="a link is no CID"):
            decode(b"\xd8\x2a" + link)


def test_the_fixtures_of_ipld_round_trip(shared_fixtures: Path) -> None:
    paths = sorted((shared_fixtures / "ipvm/codec-fixtures").glob("*/*.dag-cbor"))
    assert len(paths) > 50
    refused = set()
    for path in paths:
        block = path.read_bytes()
        assert CID.parse(path.stem).matches(block)
        try:
            assert encode(decode(block, floats=True), floats=True) == block
        except EncodingError:
            refused.add(path.parent.name)
    assert refused == set(STRICTER)


def test_the_negative_fixtures_of_ipld_are_refused(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "conformance/codec-fixtures/negative-fixtures/dag-cbor"
    for path in folder.rglob("*.json"):
        for row in json.loads(path.read_text()):
            with pytest.raises(EncodingError):
                decode(bytes.fromhex(row["hex"]), floats=True)


def test_the_suite_of_dasl_agrees(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "conformance/dasl-testing/fixtures/cbor"
    seen = 0
    for path in sorted(folder.glob("*.json")):
        for row in json.loads(path.read_text()):
            if row["type"] == "invalid_out":
                continue  # what Python would write there is another test's
            block, seen = bytes.fromhex(row["data"]), seen + 1
            if row["type"] == "roundtrip" or row["name"] in WIDER:
                assert encode(decode(block, floats=True), floats=True) == block
            else:
                with pytest.raises(EncodingError):
                    decode(block, floats=True)
    assert seen > 50
