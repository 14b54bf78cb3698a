"""Evidence comes with a claim, is kept with it, and is never missed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from octostore import attached, car
from octostore.check import check_folder
from octostore.claiming import Prepared, closure
from octostore.engine.choice import ENGINES
from octostore.questions import evidence
from octostore.records import Claim
from octostore.statement import Statement
from octostore.store import Octostore
from tests.octostore.world import Blocks, Issuer, Ran, claim, result

RECEIPT = b"a receipt, in words of its own"
SIGNED = dagcbor.encode({"text": b"signed", "signature": bytes(64)})
RAW_RECEIPT, BLOCK = CID.of_bytes(RECEIPT), CID.of_block(SIGNED)
FILES: Blocks = [(RAW_RECEIPT, RECEIPT), (BLOCK, SIGNED)]


@pytest.fixture(params=sorted(ENGINES))
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store", engine=request.param) as store:
        yield store


def stated(*named: CID, invalid: bool = False) -> tuple[Statement, Blocks]:
    """A statement of one claim with evidence, and its closure."""
    got = result()
    record: Claim = replace(claim(Ran(), got), evidence=tuple(sorted(named)))
    if invalid:  # no invocation is a result
        record = replace(record, invocation=got.cid)
    statement = Issuer("one").sign([record])
    blocks = [(statement.envelope_cid, statement.envelope), (record.cid, record.block)]
    return statement, [*blocks, (got.cid, got.block), *Ran().blocks]


def test_evidence_is_kept_with_its_claim_in_any_codec(store: Octostore) -> None:
    statement, blocks = stated(RAW_RECEIPT, BLOCK)
    assert store.ingest([*blocks, *FILES]).accepted == (statement.cid,)
    assert store.get(RAW_RECEIPT) == RECEIPT
    assert store.get(BLOCK) == SIGNED


def test_evidence_of_a_car_is_kept_wherever_it_stands(store: Octostore) -> None:
    statement, blocks = stated(RAW_RECEIPT, BLOCK)
    stream = io.BytesIO()
    car.write(stream, [statement.envelope_cid], [*FILES, *blocks])
    stream.seek(0)
    assert store.ingest_car(stream).accepted == (statement.cid,)
    assert store.get(RAW_RECEIPT) == RECEIPT


def test_evidence_that_comes_after_another_statement_is_kept(store: Octostore) -> None:
    statement, blocks = stated(RAW_RECEIPT, BLOCK)
    other, others = Issuer("other").claims(Ran(), result())
    stream = io.BytesIO()
    car.write(stream, [statement.envelope_cid], [*blocks, *others, *FILES])
    stream.seek(0)
    assert store.ingest_car(stream).accepted == (statement.cid, other.cid)
    assert store.get(RAW_RECEIPT) == RECEIPT
    assert store.get(BLOCK) == SIGNED


def test_evidence_of_a_record_that_is_here_is_kept_with_who_signs_it_too(
    store: Octostore,
) -> None:
    statement, blocks = stated(RAW_RECEIPT)
    assert store.ingest(blocks).accepted
    same = Issuer("second").sign(statement.part.records)
    other, others = Issuer("other").claims(Ran(), result())
    stream = io.BytesIO()
    its = [(same.envelope_cid, same.envelope), *others, (RAW_RECEIPT, RECEIPT)]
    car.write(stream, [same.envelope_cid], its)
    stream.seek(0)
    assert store.ingest_car(stream).accepted == (same.cid, other.cid)
    assert store.get(RAW_RECEIPT) == RECEIPT


def test_a_claim_is_whole_without_its_evidence_which_may_come_later(
    store: Octostore,
) -> None:
    statement, blocks = stated(RAW_RECEIPT, BLOCK)
    assert store.ingest(blocks).accepted == (statement.cid,)
    assert store.find(RAW_RECEIPT) is None
    assert store.ingest([*blocks, *FILES]).known == (statement.cid,)
    assert store.get(RAW_RECEIPT) == RECEIPT


def test_what_no_claim_names_is_not_kept(store: Octostore) -> None:
    _, blocks = stated(BLOCK)
    store.ingest([*blocks, *FILES])
    assert store.find(RAW_RECEIPT) is None
    assert store.get(BLOCK) == SIGNED


def test_evidence_of_an_invalid_claim_is_not_kept(store: Octostore) -> None:
    statement, blocks = stated(RAW_RECEIPT, invalid=True)
    receipt = store.ingest([*blocks, *FILES])
    assert receipt.accepted == (statement.cid,)
    assert len(receipt.skipped) == 1
    assert store.find(RAW_RECEIPT) is None
    store.ingest([*blocks, *FILES])
    assert store.find(RAW_RECEIPT) is None


def test_evidence_that_is_not_what_its_cid_says_is_ignored(store: Octostore) -> None:
    statement, blocks = stated(RAW_RECEIPT)
    receipt = store.ingest([*blocks, (RAW_RECEIPT, RECEIPT + b".")])
    assert receipt.accepted == (statement.cid,)
    assert receipt.quarantined == ()
    assert store.find(RAW_RECEIPT) is None


def test_evidence_under_another_hash_is_named_and_not_kept(store: Octostore) -> None:
    sha3 = CID.from_bytes(b"\x01\x55\x16\x20" + hashlib.sha3_256(RECEIPT).digest())
    statement, blocks = stated(sha3)
    assert store.ingest([*blocks, (sha3, RECEIPT)]).accepted == (statement.cid,)
    assert store.find(RAW_RECEIPT) is None


def test_evidence_of_a_statement_that_waits_is_kept_until_it_is_whole(
    store: Octostore,
) -> None:
    statement, blocks = stated(RAW_RECEIPT, BLOCK)
    *most, (last, block) = blocks
    assert store.ingest([*most, *FILES]).pending == (statement.cid,)
    assert store.ingest([(last, block)]).accepted == (statement.cid,)
    assert store.get(RAW_RECEIPT) == RECEIPT
    assert store.get(BLOCK) == SIGNED


def test_evidence_of_one_statement_is_bounded(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted(FILES)
    monkeypatch.setattr(attached, "EVIDENCE_BYTES_MAX", len(first[1]))
    _, blocks = stated(RAW_RECEIPT, BLOCK)
    store.ingest([*blocks, *FILES])
    assert store.get(first[0]) == first[1]
    assert store.find(second[0]) is None


def test_evidence_that_comes_later_counts_with_what_is_here(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted(FILES)
    bound = max(len(first[1]), len(second[1]))
    monkeypatch.setattr(attached, "EVIDENCE_BYTES_MAX", bound)
    statement, blocks = stated(RAW_RECEIPT, BLOCK)
    store.ingest([*blocks, second])
    assert store.ingest([*blocks, first]).known == (statement.cid,)
    assert store.get(second[0]) == second[1]
    assert store.find(first[0]) is None


def test_evidence_that_many_claims_name_counts_once(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attached, "EVIDENCE_BYTES_MAX", len(RECEIPT) + len(SIGNED))
    got = [result(name=name) for name in ("/a", "/b", "/c")]
    records = [
        replace(claim(Ran(), one), evidence=tuple(sorted(named)))
        for one, named in zip(
            got, ([RAW_RECEIPT], [RAW_RECEIPT], [RAW_RECEIPT, BLOCK]), strict=True
        )
    ]
    statement = Issuer("one").sign(records)
    blocks = [
        (statement.envelope_cid, statement.envelope),
        *((record.cid, record.block) for record in records),
        *((one.cid, one.block) for one in got),
        *Ran().blocks,
    ]
    assert store.ingest([*blocks, *FILES]).accepted == (statement.cid,)
    assert store.get(RAW_RECEIPT) == RECEIPT
    assert store.get(BLOCK) == SIGNED


def test_blocks_that_may_be_evidence_are_bounded(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = b"another receipt"
    cids = (RAW_RECEIPT, CID.of_bytes(other))
    statement, blocks = stated(*cids)
    monkeypatch.setattr(attached, "EVIDENCE_STAGED_BYTES_MAX", len(RECEIPT))
    receipt = store.ingest([*blocks, (cids[0], RECEIPT), (cids[1], other)])
    assert receipt.accepted == (statement.cid,)
    assert store.get(cids[0]) == RECEIPT
    assert store.find(cids[1]) is None


def test_a_store_with_evidence_is_sound_and_its_copy_has_it(tmp_path: Path) -> None:
    _, blocks = stated(RAW_RECEIPT, BLOCK)
    with Octostore.open(tmp_path / "store") as store:
        store.ingest([*blocks, *FILES])
        store.copy_to(tmp_path / "copy")
    report = check_folder(tmp_path / "copy", second_opinion=True)
    assert report.holds, report
    with Octostore.open(tmp_path / "copy") as copy:
        assert copy.get(RAW_RECEIPT) == RECEIPT


def test_a_changed_block_of_evidence_is_a_fault(tmp_path: Path) -> None:
    _, blocks = stated(RAW_RECEIPT)
    with Octostore.open(tmp_path / "store", engine="sqlite") as store:
        store.ingest([*blocks, *FILES])
    (file,) = [
        path for path in (tmp_path / "store").iterdir() if RECEIPT in path.read_bytes()
    ]
    file.write_bytes(file.read_bytes().replace(RECEIPT, RECEIPT[::-1]))
    assert not check_folder(tmp_path / "store").holds


def test_what_carries_statements_carries_their_evidence_if_asked(
    store: Octostore,
) -> None:
    statement, blocks = stated(RAW_RECEIPT, BLOCK)
    store.ingest([*blocks, *FILES])
    plain = {block.cid for block in evidence.blocks_of(store, [statement.cid])}
    found = evidence.blocks_of(store, [statement.cid], with_attached=True)
    assert {block.cid for block in found} - plain == {RAW_RECEIPT, BLOCK}


def test_a_claim_that_is_signed_carries_its_evidence() -> None:
    statement, _ = stated(RAW_RECEIPT)
    ran, got = Ran(), result()
    record = replace(claim(ran, got), evidence=(RAW_RECEIPT,))
    prepared = Prepared(
        record, ran.program, ran.input, ran.invocation, got, {RAW_RECEIPT: RECEIPT}
    )
    assert closure(statement, [prepared])[RAW_RECEIPT] == RECEIPT
