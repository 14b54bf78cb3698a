"""The short way of reading a block says nothing that the long way does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbrrr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from invocation_spec.model import FIELDS_BY_KIND, Input
from octostore.records import Claim, parse_record
from octostore.records.shape import INTEGER_MAX, LABEL_BYTES_MAX
from octostore.result import Result
from octostore.usual import (
    Given,
    UsualClaim,
    read_claim,
    usual_claim,
    usual_input,
    usual_result,
)
from tests.octostore.test_records import from_dag_json

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "records.json").read_text()
)
INVOCATION, RESULT = CID.of_block(b"invocation"), CID.of_block(b"result")
USUAL: dict[str, Any] = {
    "type": "claim",
    "invocation": INVOCATION,
    "network": "golem:polygon",
    "result": RESULT,
    "executor": "0xabc",
    "job": "42",
    "platform": "linux/amd64",
    "started": 0,
    "finished": INTEGER_MAX,
}


def long_way(block: bytes) -> UsualClaim | None:
    """What the full reader says of a claim that withholds nothing and has a result."""
    try:
        record = parse_record(block)
    except OctostoreError:
        return None
    if not isinstance(record, Claim) or record.result is None or record.withheld:
        return None
    return UsualClaim(record.invocation.digest, record.result.digest)


def agree(block: bytes) -> None:
    """The short way may give up; it may not say anything else."""
    assert usual_claim(block) in (None, long_way(block))
    claim = read_claim(block)
    assert (claim is None) == (usual_claim(block) is None)
    if claim is not None:
        assert claim == parse_record(block)
        assert claim.block == block


def test_the_usual_claim_is_read() -> None:
    expected = UsualClaim(INVOCATION.digest, RESULT.digest)
    assert usual_claim(dagcbor.encode(USUAL)) == expected
    for name in ("executor", "job", "platform", "started", "finished"):
        less = {key: value for key, value in USUAL.items() if key != name}
        assert usual_claim(dagcbor.encode(less)) == expected


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["name"])
def test_on_every_vector_the_two_ways_agree(row: dict[str, Any]) -> None:
    if "block" in row:
        agree(bytes.fromhex(row["block"]))
    if "value" in row:
        agree(dagcbor.encode(from_dag_json(row["value"]), floats=True))


ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, INTEGER_MAX + 1, 1.5, "", "a", "\n", "ü", "a\0b"),
    *("x" * LABEL_BYTES_MAX, "x" * (LABEL_BYTES_MAX + 1), "linux/amd64", "Linux/amd64"),
    *("golem", "Golem", "golem:", "claim", b"", b"\x01", [], {}, ["a"], {"a": "b"}),
    *(INVOCATION, CID.of_bytes(b"raw"), CID.of_digest(bytes(64), hash_code=0x13)),
    *(INVOCATION.raw, "a b", "\x7f", "\x80"),
]


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("name", [*USUAL, "native", "withheld", "failure", "unknown"])
def test_on_every_odd_value_the_two_ways_agree(name: str, value: Any) -> None:
    agree(dagcbor.encode(USUAL | {name: value}, floats=True))


@pytest.mark.parametrize("name", USUAL)
def test_without_a_field_the_two_ways_agree(name: str) -> None:
    agree(dagcbor.encode({key: USUAL[key] for key in USUAL if key != name}))


@given(st.integers(0, 400), st.binary(min_size=0, max_size=3), st.integers(0, 3))
def test_on_damaged_bytes_the_two_ways_agree(at: int, bit: bytes, cut: int) -> None:
    block = dagcbor.encode(USUAL)
    agree(block[:at] + bit + block[at + cut :])


@given(
    st.dictionaries(
        st.sampled_from([*USUAL, "native"]),
        st.one_of(st.sampled_from(ODD), st.text(max_size=30), st.integers(-5, 2**60)),
    )
)
def test_on_any_fields_the_two_ways_agree(fields: dict[str, Any]) -> None:
    agree(cbrrr.encode_dag_cbor(USUAL | fields, cid_type=CID))


FILE = CID.of_bytes(b"file")
INPUTS: list[dict[str, Any]] = [
    {"args": ["a", ""], "files": {"/a": FILE, "/b/c": FILE}},
    {"argv": ["a"]},
    {"files": {"/a": INVOCATION}},
    {},
]
RESULTS: list[dict[str, Any]] = [
    {"outputs": {"/a": FILE, "stdout": INVOCATION}, "exit": 0},
    {"outputs": {"stdout": FILE}},
]
#: What texts, lists and maps may be in a block, and what they may not.
INSIDE: list[Any] = [
    *([], [""], ["a"], ["a", 1], [FILE], [["a"]], ["a\0"], [b"a"], [None], [1.5]),
    *({}, {"/": FILE}, {"/a": FILE}, {"a": FILE}, {"/a/": FILE}, {"/a/../b": FILE}),
    *({"/a": b"x"}, {"/a": FILE.raw}, {"/a": None}, {"/a": FILE, "/a/b": FILE}),
    *({"/a": CID.of_digest(bytes(64), hash_code=0x13)}, {"/a\0": FILE}),
    *({"stdout": FILE, "value": FILE}, {"": FILE}, {"error": FILE}, {"x" * 3000: FILE}),
    *({"stdout": FILE, "/a": FILE}, {"/a": FILE, "/b": FILE}, {"/" + "x" * 4096: FILE}),
]


def agree_on_input(block: bytes) -> None:
    found = usual_input(block)
    if found is not None:
        input = Input.from_block(block)
        data = {cid.raw for cid in input.data}
        assert found == Given(frozenset(_map(input)), found.data, is_usual=True)
        assert sorted(found.data) == sorted(data)
        assert found.fields <= FIELDS_BY_KIND["oci"]


def agree_on_result(block: bytes) -> None:
    found = usual_result(block)
    if found is not None:
        values = Result.from_block(block).outputs.values()
        assert sorted(found) == sorted(cid.raw for cid in values)


def _map(input: Input) -> dict[str, Any]:
    value = input.to_ipld()
    assert isinstance(value, dict)
    return value


def encoded(value: Any) -> bytes:
    return cbrrr.encode_dag_cbor(value, cid_type=CID)


def test_usual_inputs_and_results_are_read() -> None:
    for value in INPUTS:
        assert usual_input(encoded(value)) is not None
    for value in RESULTS:
        assert usual_result(encoded(value)) is not None


@pytest.mark.parametrize("value", [*ODD, *INSIDE], ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize(
    "name", ["args", "argv", "files", "env", "nonce", "stdin", "x"]
)
def test_on_every_odd_input_the_two_ways_agree(name: str, value: Any) -> None:
    for good in INPUTS:
        agree_on_input(encoded(good | {name: value}))


@pytest.mark.parametrize("value", [*ODD, *INSIDE], ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("name", ["outputs", "exit", "x"])
def test_on_every_odd_result_the_two_ways_agree(name: str, value: Any) -> None:
    for good in RESULTS:
        agree_on_result(encoded(good | {name: value}))


@given(st.integers(0, 200), st.binary(min_size=0, max_size=3), st.integers(0, 3))
def test_on_damaged_inputs_and_results_they_agree(
    at: int, bit: bytes, cut: int
) -> None:
    for value in INPUTS:
        block = encoded(value)
        agree_on_input(block[:at] + bit + block[at + cut :])
    for value in RESULTS:
        block = encoded(value)
        agree_on_result(block[:at] + bit + block[at + cut :])


def test_half_a_surrogate_pair_is_no_text_either_way() -> None:
    block = encoded({"args": ["abc"]}).replace(b"abc", b"\xed\xa0\x80")
    assert usual_input(block) is None
    block = dagcbor.encode(USUAL | {"job": "abc"}).replace(b"abc", b"\xed\xa0\x80")
    assert usual_claim(block) is None
