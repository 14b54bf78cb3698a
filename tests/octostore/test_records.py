"""A record is closed: one shape, one encoding, every limit checked."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError, OctostoreError
from invocation_spec.references import REFERENCE_BYTES_MAX
from octostore.errors import RecordError
from octostore.keys import Did, SecretKey
from octostore.records import (
    RECORD_TYPES,
    Claim,
    Commitment,
    Failure,
    Link,
    Membership,
    Profile,
    Revocation,
    parse_record,
)
from octostore.records.claim import DIRS_MAX, EVIDENCE_MAX, NATIVE_MAX, URLS_MAX
from octostore.records.issuers import EXECUTORS_MAX, KEEP_MAX, NETWORKS_MAX
from octostore.records.resolutions import PARTS_MAX, RESOLUTIONS_MAX
from octostore.records.shape import LABEL_BYTES_MAX, TEXT_BYTES_MAX

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "records.json").read_text()
)
VALID = [pytest.param(row, id=row["name"]) for row in VECTORS if row["valid"]]
INVALID = [pytest.param(row, id=row["name"]) for row in VECTORS if not row["valid"]]

INVOCATION = CID.of_block(b"invocation")
RESULT = CID.of_block(b"result")
DID = SecretKey.from_seed(bytes(32)).public.did


def from_dag_json(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"/"}:
        inner = value["/"]
        if isinstance(inner, str):
            return CID.parse(inner)
        return base64.b64decode(inner["bytes"] + "==")
    if isinstance(value, dict):
        return {key: from_dag_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_dag_json(item) for item in value]
    return value


@pytest.mark.parametrize("row", VALID)
def test_a_valid_record_reads_back_to_the_same_bytes(row: dict[str, Any]) -> None:
    block = bytes.fromhex(row["block"])
    record = parse_record(block)
    assert record.block == block
    assert str(record.cid) == row["cid"]
    assert record.to_ipld() == from_dag_json(row["value"])
    assert type(record) is RECORD_TYPES[row["value"]["type"]]
    assert parse_record(record.block) == record
    assert hash(parse_record(record.block)) == hash(record)


@pytest.mark.parametrize("row", INVALID)
def test_an_invalid_record_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(OctostoreError) as caught:
        parse_record(bytes.fromhex(row["block"]))
    assert caught.value.code == row["error"]


@pytest.mark.parametrize("row", VALID)
def test_a_field_more_is_refused(row: dict[str, Any]) -> None:
    value = from_dag_json(row["value"])
    with pytest.raises(RecordError, match="unknown field"):
        parse_record(dagcbor.encode({**value, "zz": 1}))


@pytest.mark.parametrize("row", VALID)
def test_null_stands_for_no_field(row: dict[str, Any]) -> None:
    value = from_dag_json(row["value"])
    for name in value:
        with pytest.raises(RecordError):
            parse_record(dagcbor.encode({**value, name: None}))
    present = {field.name for field in dataclasses.fields(RECORD_TYPES[value["type"]])}
    for name in present - value.keys():
        with pytest.raises(RecordError):
            parse_record(dagcbor.encode({**value, name: None}))


@pytest.mark.parametrize("row", VALID)
def test_every_field_has_one_type(row: dict[str, Any]) -> None:
    value = from_dag_json(row["value"])
    others: list[Any] = ["", 0, True, b"", [], {}, [1], {"a": 1}, INVOCATION]
    for name in value:
        for other in others:
            if type(other) is type(value[name]):
                continue
            with pytest.raises(RecordError):
                parse_record(dagcbor.encode({**value, name: other}))


def test_the_vectors_show_every_type() -> None:
    shown = {row["value"]["type"] for row in VECTORS if row["valid"]}
    assert shown == set(RECORD_TYPES)


def test_a_claim_needs_its_invocation_and_its_result() -> None:
    claim = Claim(invocation=INVOCATION, network="ipvm", result=RESULT)
    assert claim.links() == (INVOCATION, RESULT)
    failed = Claim(invocation=INVOCATION, network="ipvm", failure=Failure("limit"))
    assert failed.links() == (INVOCATION,)
    assert Membership(of=DID).links() == ()


def test_a_commitment_opens_only_with_what_it_was_made_of() -> None:
    row = next(row for row in VECTORS if "opens_with" in row)
    commitment = parse_record(bytes.fromhex(row["block"]))
    assert isinstance(commitment, Commitment)
    opened = row["opens_with"]
    issuer, salt = Did(opened["iss"]), bytes.fromhex(opened["salt"])
    assert commitment.opens(issuer, INVOCATION, RESULT, salt)
    assert Commitment.to(issuer, INVOCATION, RESULT, salt) == commitment
    assert not commitment.opens(DID, INVOCATION, RESULT, salt)
    assert not commitment.opens(issuer, RESULT, INVOCATION, salt)
    assert not commitment.opens(issuer, INVOCATION, RESULT, salt[::-1])
    with pytest.raises(RecordError, match="salt"):
        commitment.opens(issuer, INVOCATION, RESULT, salt[1:])


def many(count: int) -> tuple[CID, ...]:
    return tuple(sorted(CID.of_block(b"%d" % i) for i in range(count)))


def claim(**fields: Any) -> Claim:
    return Claim(invocation=INVOCATION, network="ipvm", result=RESULT, **fields)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"/{i:05}" for i in range(count))


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda n: claim(dirs=names(n)), DIRS_MAX),
        (lambda n: claim(evidence=many(n)), EVIDENCE_MAX),
        (lambda n: claim(at=tuple(f"https://a{x}" for x in names(n))), URLS_MAX),
        (lambda n: claim(native=dict.fromkeys(names(n), "x")), NATIVE_MAX),
        (lambda n: claim(resolutions=dict.fromkeys(names(n), "x")), RESOLUTIONS_MAX),
        (lambda n: claim(resolutions={"a": dict.fromkeys(names(n), "x")}), PARTS_MAX),
        (lambda n: claim(resolutions={"a": {"cmd": names(n)}}), PARTS_MAX),
        (lambda n: claim(resolutions={"x" * n: "y"}), REFERENCE_BYTES_MAX),
        (lambda n: claim(executor="x" * n), LABEL_BYTES_MAX),
        (lambda n: claim(native={"a": "x" * n}), TEXT_BYTES_MAX),
        (lambda n: Revocation(key=DID, keep=many(n)), KEEP_MAX),
        (lambda n: Profile(name="a", executors={"b": names(n)}), EXECUTORS_MAX),
        (
            lambda n: Profile(name="a", executors={f"n{i}": ("b",) for i in range(n)}),
            NETWORKS_MAX,
        ),
    ],
)
def test_every_limit_is_reached_and_not_passed(make: Any, most: int) -> None:
    record = make(most)
    assert parse_record(record.block) == record
    with pytest.raises(RecordError):
        make(most + 1)


def test_lengths_are_counted_in_bytes() -> None:
    longest = "\u00e9" * (LABEL_BYTES_MAX // 2)
    assert claim(executor=longest).executor == longest
    with pytest.raises(RecordError, match="bytes"):
        claim(executor=longest + "x")


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(RecordError, match="surrogate"):
        claim(executor="\ud800")


def test_a_record_that_fills_more_than_a_block_has_no_block() -> None:
    wide = claim(dirs=tuple(f"/{i:03}{'x' * 4090}" for i in range(DIRS_MAX)))
    with pytest.raises(EncodingError, match="a block has at most"):
        _ = wide.block


def test_a_record_cannot_be_changed() -> None:
    native, meaning = {"a": "b"}, {"cmd": ["x"]}
    record = claim(native=native, resolutions={"r": meaning})
    before = record.block
    native["a"] = "c"
    meaning["cmd"].append("y")
    assert record.block == before


def test_links_of_two_issuers_have_one_cid() -> None:
    a, b = sorted((CID.of_bytes(b"a"), INVOCATION))
    assert (
        Link(a=a, b=b, means="same-bytes").cid == Link(means="same-bytes", b=b, a=a).cid
    )
    with pytest.raises(RecordError, match="lesser"):
        Link(a=b, b=a, means="same-bytes")
