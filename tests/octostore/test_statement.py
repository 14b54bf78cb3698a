"""A statement is verified over the bytes that came, and named by what is signed."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import cbrrr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.errors import OctostoreError
from octostore import statement
from octostore.errors import SignatureError, StatementError
from octostore.keys import SIGNATURE_BYTES, SecretKey
from octostore.statement import (
    CHAIN_BYTES,
    RECORDS_MAX,
    STATEMENT_TAG,
    VARSIG_HEADER,
    ReceivedStatement,
    SignedPart,
    Statement,
    sign,
)

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "statements.json").read_text()
)
VALID = [pytest.param(row, id=row["name"]) for row in VECTORS if row["valid"]]
INVALID = [pytest.param(row, id=row["name"]) for row in VECTORS if not row["valid"]]

KEY = SecretKey.from_seed(bytes(range(32)))
RECORD = CID.of_block(b"record")


def part(*records: CID, **fields: Any) -> SignedPart:
    whole: dict[str, Any] = {
        "iss": KEY.public.did,
        "chain": bytes(16),
        "seq": 0,
        "prev": None,
        "iat": 1_669_000_000,
        "records": records or (RECORD,),
    }
    return SignedPart(**{**whole, **fields})


@pytest.mark.parametrize("row", VALID)
def test_a_valid_statement_verifies_and_keeps_its_names(row: dict[str, Any]) -> None:
    received = ReceivedStatement.from_block(bytes.fromhex(row["block"]))
    assert received.signed.hex() == row["signed"]
    statement = received.verify()
    assert str(statement.cid) == row["cid"]
    assert str(statement.envelope_cid) == row["envelope_cid"]
    assert statement.envelope.hex() == row["block"]
    assert statement.part.block == statement.signed
    assert statement.part.cid == statement.cid
    # Ed25519 is deterministic: the vectors can be made again.
    assert sign(statement.part, KEY) == statement


@pytest.mark.parametrize("row", INVALID)
def test_an_invalid_statement_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(OctostoreError) as caught:
        ReceivedStatement.from_block(bytes.fromhex(row["block"])).verify()
    assert caught.value.code == row["error"]


def test_the_signature_covers_the_header_and_the_tag() -> None:
    envelope = sign(part(), KEY).envelope
    assert envelope[67:].startswith(
        bytes.fromhex("a2 6168 48 3401ed01ed011371 75") + b"octostore/statement@1"
    )


def test_one_bit_flipped_anywhere_and_nothing_verifies() -> None:
    envelope = sign(part(), KEY).envelope
    for bit in range(len(envelope) * 8):
        bent = bytearray(envelope)
        bent[bit // 8] ^= 1 << bit % 8
        with pytest.raises(OctostoreError):
            ReceivedStatement.from_block(bytes(bent)).verify()


def test_cut_anywhere_and_nothing_is_read() -> None:
    envelope = sign(part(), KEY).envelope
    for size in range(len(envelope)):
        with pytest.raises(OctostoreError):
            ReceivedStatement.from_block(envelope[:size])


def test_a_statement_is_made_only_by_verifying() -> None:
    envelope = bytearray(sign(part(), KEY).envelope)
    envelope[3] ^= 1
    received = ReceivedStatement.from_block(bytes(envelope))
    with pytest.raises(SignatureError):
        Statement(received)


def test_touching_the_signature_does_not_rename_the_statement() -> None:
    statement = sign(part(), KEY)
    bent = bytearray(statement.envelope)
    bent[3] ^= 1
    assert ReceivedStatement.from_block(bytes(bent)).cid == statement.cid


def test_a_verified_statement_travels_between_processes() -> None:
    statement = sign(part(), KEY)
    assert pickle.loads(pickle.dumps(statement)) == statement  # noqa: S301 - our own


def test_the_largest_statement_fits_a_block() -> None:
    records = [CID.of_block(b"%d" % i) for i in range(RECORDS_MAX + 1)]
    statement = sign(part(*records[:-1], seq=2**53 - 1, prev=RECORD), KEY)
    assert len(statement.envelope) < BLOCK_BYTES_MAX // 4
    with pytest.raises(StatementError, match="expected 1 to 4096"):
        part(*records)


def test_a_block_larger_than_any_is_not_looked_at() -> None:
    head = bytes.fromhex("825840") + bytes(SIGNATURE_BYTES)
    with pytest.raises(StatementError, match="a block has at most"):
        ReceivedStatement.from_block(head + bytes(BLOCK_BYTES_MAX))


def test_a_part_of_another_issuer_is_not_signed() -> None:
    with pytest.raises(StatementError, match="is not did:key"):
        sign(part(), SecretKey.from_seed(bytes(32)))


chains = st.binary(min_size=CHAIN_BYTES, max_size=CHAIN_BYTES)
numbers = st.integers(0, 2**53 - 1)
lists = st.lists(
    st.binary(max_size=3).map(CID.of_block), min_size=1, max_size=9, unique=True
)


@given(chains, numbers, numbers, lists)
def test_what_is_signed_reads_back(
    chain: bytes, seq: int, iat: int, records: list[CID]
) -> None:
    prev = RECORD if seq else None
    made = part(*records, chain=chain, seq=seq, prev=prev, iat=iat)
    assert ReceivedStatement.from_block(sign(made, KEY).envelope).verify().part == made


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(noise: bytes) -> None:
    valid = sign(part(), KEY).envelope
    for block in (noise, valid[:67] + noise, valid[:100] + noise):
        with pytest.raises(OctostoreError):
            ReceivedStatement.from_block(block).verify()


def long_way(signed: bytes) -> SignedPart | None:
    """What the full reader says of the bytes that are signed."""
    try:
        part = SignedPart.from_ipld(dagcbor.decode(signed))
    except OctostoreError:
        return None
    return part if part.block == signed else None


def agree(signed: bytes) -> None:
    """The short way may give up; it may not say anything else."""
    short = statement._usual_part(signed)
    assert short in (None, long_way(signed))
    if short is not None:
        assert short.block == signed
        assert short.digests == tuple(record.digest for record in short.records)


def usual(**fields: Any) -> bytes:
    """The bytes of a statement of any fields; those that are `...` are left out."""
    whole: dict[str, Any] = {
        "iss": str(KEY.public.did),
        "chain": bytes(16),
        "seq": 1,
        "prev": RECORD,
        "iat": 1_669_000_000,
        "records": [RECORD, CID.of_block(b"another")],
    }
    payload = {key: item for key, item in (whole | fields).items() if item is not ...}
    outer: Any = {"h": VARSIG_HEADER, STATEMENT_TAG: payload}
    return cbrrr.encode_dag_cbor(outer, cid_type=CID)


@pytest.mark.parametrize("row", VALID)
def test_the_short_way_reads_every_valid_vector(row: dict[str, Any]) -> None:
    signed = bytes.fromhex(row["signed"])
    assert statement._usual_part(signed) == long_way(signed) is not None


@pytest.mark.parametrize("row", INVALID)
def test_on_every_invalid_vector_the_two_ways_agree(row: dict[str, Any]) -> None:
    agree(bytes.fromhex(row["block"])[3 + SIGNATURE_BYTES :])


ODD: list[Any] = [
    *(..., None, True, False, 0, 1, -1, 2**53 - 1, 2**53, 1.0, "", "a", b"", {}, []),
    *(bytes(15), bytes(16), bytes(17), RECORD, RECORD.raw, CID.of_bytes(b"raw")),
    *([RECORD], [RECORD, RECORD], [RECORD.raw], [CID.of_bytes(b"raw")], [None]),
    *(CID.of_digest(bytes(64), hash_code=0x13), str(KEY.public.did), "did:key:z6Mk"),
    [CID.of_block(bytes((n & 0xFF, n >> 8))) for n in range(RECORDS_MAX)],
    [CID.of_block(bytes((n & 0xFF, n >> 8))) for n in range(RECORDS_MAX + 1)],
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize(
    "name", ["iss", "chain", "seq", "prev", "iat", "records", "more"]
)
def test_on_every_odd_field_the_two_ways_agree(name: str, value: Any) -> None:
    agree(usual(**{name: value}))
    agree(usual(**{"seq": 0, "prev": None, name: value}))


@given(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 3))
def test_on_damaged_bytes_the_two_ways_agree(at: int, some: bytes, cut: int) -> None:
    signed = usual()
    assert statement._usual_part(signed) == long_way(signed) is not None
    agree(signed[:at] + some + signed[at + cut :])
