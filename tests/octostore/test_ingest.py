from __future__ import annotations

import io
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invocation_spec import dagcbor
from invocation_spec.cid import CID, RAW
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.model import Input, Invocation, OciProgram, WasiProgram
from octostore import car, draft, ingest, tables
from octostore.check import check_folder
from octostore.engine.choice import ENGINES
from octostore.errors import CarError, NotFoundError, StoreFullError
from octostore.log import KIND_STATEMENT, Entry, Frontier, leaf_hash
from octostore.receipt import Receipt
from octostore.records import Commitment, Failure
from octostore.statement import Statement
from octostore.store import Octostore
from tests.octostore.world import (
    R2,
    Blocks,
    Issuer,
    Ran,
    block_of,
    claim,
    data,
    result,
)


@pytest.fixture(params=sorted(ENGINES))
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store", engine=request.param) as store:
        yield store


def dump(store: Octostore) -> dict[str, list[tuple[bytes, bytes]]]:
    with store.view() as view:
        return {table.name: list(view.rows.scan(table.name)) for table in tables.TABLES}


def without(blocks: Blocks, *missing: CID) -> Blocks:
    return [item for item in blocks if item[0] not in missing]


def car_of(statement: Statement, blocks: Blocks) -> bytes:
    stream = io.BytesIO()
    car.write(stream, [statement.envelope_cid], blocks)
    return stream.getvalue()


def words(receipt: Receipt) -> dict[str, object]:
    return {
        "accepted": receipt.accepted,
        "known": receipt.known,
        "pending": receipt.pending,
        "quarantined": tuple(item.cid for item in receipt.quarantined),
        "skipped": tuple(item.record for item in receipt.skipped),
    }


NOTHING: dict[str, object] = {
    "accepted": (),
    "known": (),
    "pending": (),
    "quarantined": (),
    "skipped": (),
}


def test_a_whole_statement_is_accepted_and_logged(store: Octostore) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    receipt = store.ingest_car(io.BytesIO(car_of(statement, blocks)))
    assert words(receipt) == NOTHING | {"accepted": (statement.cid,)}
    assert receipt.sound
    entry = bytes(Entry(KIND_STATEMENT, statement.envelope_cid))
    assert receipt.checkpoint == Frontier().append(leaf_hash(entry)).checkpoint
    assert receipt.checkpoint == store.checkpoint()


def test_every_block_of_the_closure_and_both_of_the_statement_are_served(
    store: Octostore,
) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    store.ingest(blocks)
    for cid, block in blocks:
        assert store.get(cid) == block
    assert store.get(statement.cid) == statement.signed
    assert store.statement(statement.cid) == statement


def test_what_was_logged_is_known_however_often_it_comes(store: Octostore) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    store.ingest(blocks)
    before = dump(store)
    for _ in range(2):
        assert words(store.ingest(blocks)) == NOTHING | {"known": (statement.cid,)}
    assert dump(store) == before


@pytest.mark.parametrize("left_out", range(1, 6))
def test_a_statement_waits_for_each_block_of_its_closure(
    store: Octostore, left_out: int
) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    cid, block = blocks[left_out]
    receipt = store.ingest(without(blocks, cid))
    assert words(receipt) == NOTHING | {"pending": (statement.cid,)}
    assert receipt.checkpoint.size == 0
    with pytest.raises(NotFoundError):
        store.statement(statement.cid)
    receipt = store.ingest([(cid, block)])
    assert words(receipt) == NOTHING | {"accepted": (statement.cid,)}
    assert store.claims_of(Ran().cid)[0].statement.cid == statement.cid


def test_a_statement_waits_across_deliveries_and_restarts(tmp_path: Path) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    for block in blocks[:-1]:
        with Octostore.open(tmp_path) as store:
            assert store.ingest([block]).accepted == ()
    with Octostore.open(tmp_path) as store:
        assert store.ingest(blocks[-1:]).accepted == (statement.cid,)
        assert dump(store)["pending"] == dump(store)["waiting"] == []


def test_blocks_of_another_statement_complete_one_that_waits(store: Octostore) -> None:
    thin, _ = Issuer("caltech").claims(Ran(), result())
    full, blocks = Issuer("bristol").claims(Ran(), result())
    record = claim(Ran(), result())
    receipt = store.ingest([(thin.envelope_cid, thin.envelope), block_of(record)])
    assert receipt.pending == (thin.cid,)
    receipt = store.ingest(blocks)
    assert words(receipt) == NOTHING | {"accepted": (full.cid, thin.cid)}


def test_a_waiting_statement_is_logged_under_its_first_envelope(
    store: Octostore,
) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    store.ingest(blocks[:1])
    store.ingest(blocks[:1])
    assert store.ingest(blocks).accepted == (statement.cid,)
    assert store.checkpoint().size == 1
    assert dump(store)["pending"] == []


def test_withheld_blocks_are_not_waited_for(store: Octostore) -> None:
    ran = Ran()
    statement, blocks = Issuer("bristol").claims(
        ran, result(), withheld=("input", "program")
    )
    thin = without(blocks, ran.program.cid, ran.input.cid)
    receipt = store.ingest(thin)
    assert words(receipt) == NOTHING | {"accepted": (statement.cid,)}


def test_a_claim_of_a_failure_needs_no_result(store: Octostore) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), Failure(kind="trap"))
    assert store.ingest(blocks).accepted == (statement.cid,)


def test_a_wrong_signature_is_quarantined(store: Octostore) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    bad = bytearray(statement.envelope)
    bad[10] ^= 1
    forged = CID.of_block(bytes(bad)), bytes(bad)
    receipt = store.ingest([forged, *blocks[1:]], [forged[0]])
    assert words(receipt) == NOTHING | {"quarantined": (forged[0],)}
    assert "signature" in receipt.quarantined[0].reason
    assert store.find(forged[0]) is None
    row = dagcbor.decode(dump(store)["quarantine"][0][1])
    assert row == {
        "cid": forged[0],
        "reason": receipt.quarantined[0].reason,
        "block": forged[1],
    }
    # It does not stand in the way of the true one.
    assert store.ingest(blocks).accepted == (statement.cid,)


def test_bytes_that_are_not_what_their_cid_says_are_quarantined(
    store: Octostore,
) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    cid, block = blocks[1]
    receipt = store.ingest([blocks[0], (cid, block + b"\x00"), *blocks[2:]])
    assert words(receipt) == NOTHING | {
        "pending": (statement.cid,),
        "quarantined": (cid,),
    }
    assert store.ingest(blocks[1:2]).accepted == (statement.cid,)


def test_a_root_that_is_no_statement_is_quarantined(store: Octostore) -> None:
    record = block_of(claim(Ran(), result()))
    raw = CID.of_bytes(b"raw"), b"raw"
    receipt = store.ingest([record, raw], [record[0], raw[0]])
    assert {item.cid for item in receipt.quarantined} == {record[0], raw[0]}


def test_a_block_over_the_limit_is_quarantined(store: Octostore) -> None:
    block = dagcbor.encode([b"x" * (1 << 20)], bytes_max=1 << 21)
    receipt = store.ingest([(CID.of_block(block), block)])
    assert [item.cid for item in receipt.quarantined] == [CID.of_block(block)]
    assert "at most" in receipt.quarantined[0].reason


def test_one_bad_of_many_stops_none(store: Octostore) -> None:
    good = [Issuer(str(n)).claims(Ran(), result()) for n in range(10)]
    bad = b"\x82\x58\x40" + bytes(100)
    receipt = store.ingest(
        [*good[0][1], (CID.of_block(bad), bad)]
        + [item for _, blocks in good[1:] for item in blocks]
    )
    assert words(receipt) == NOTHING | {
        "accepted": tuple(statement.cid for statement, _ in good),
        "quarantined": (CID.of_block(bad),),
    }


def test_quarantine_is_bounded(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "QUARANTINE_MAX", 3)
    for n in range(5):
        bad = b"\x82\x58\x40" + bytes(100 + n)
        assert len(store.ingest([(CID.of_block(bad), bad)]).quarantined) == 1
    assert len(dump(store)["quarantine"]) == 3


def test_pending_is_bounded(store: Octostore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "PENDING_MAX", 2)
    for n in range(2):
        _, blocks = Issuer(str(n)).claims(Ran(), result())
        assert len(store.ingest(blocks[:1]).pending) == 1
    statement, blocks = Issuer("late").claims(Ran(), result())
    receipt = store.ingest(blocks[:1])
    assert words(receipt) == NOTHING | {"quarantined": (statement.envelope_cid,)}
    assert "with its blocks" in receipt.quarantined[0].reason
    assert store.ingest(blocks).accepted[0] == statement.cid


def test_invalid_records_are_skipped_and_the_statement_is_logged(
    store: Octostore,
) -> None:
    good = claim(Ran(), result())
    bad = dagcbor.encode({"type": "claim", "network": "bacalhau", "colour": "red"})
    issuer = Issuer("bristol")
    statement = issuer.sign([CID.of_block(bad), good])
    receipt = store.ingest(
        [
            (CID.of_block(bad), bad),
            (statement.envelope_cid, statement.envelope),
            block_of(good),
            block_of(result()),
            *Ran().blocks,
        ]
    )
    assert words(receipt) == NOTHING | {
        "accepted": (statement.cid,),
        "skipped": (CID.of_block(bad),),
    }
    assert [item.cid for item in store.claims_of(Ran().cid)] == [good.cid]


def ipld_block(value: dagcbor.Ipld) -> tuple[CID, bytes]:
    block = dagcbor.encode(value)
    return CID.of_block(block), block


ANY = ipld_block({"any": "thing"})


@pytest.mark.parametrize(
    ("program", "input", "reason"),
    [
        (ANY, block_of(Input()), "program: "),
        (block_of(OciProgram(data("image"))), ANY, "input: "),
        (
            block_of(WasiProgram(data("code"))),
            block_of(Input(argv=("a",))),
            "input: kind wasi has no argv",
        ),
    ],
)
def test_a_claim_of_an_invalid_invocation_is_skipped(
    store: Octostore,
    program: tuple[CID, bytes],
    input: tuple[CID, bytes],
    reason: str,
) -> None:
    invocation = Invocation(program[0], input[0])
    ran = Ran()
    record = claim(ran, Failure(kind="trap"))
    record = type(record)(
        invocation=invocation.cid, network="x", failure=Failure(kind="trap")
    )
    statement, blocks = Issuer("bristol").state(
        [record], [block_of(invocation), program, input]
    )
    receipt = store.ingest(blocks)
    assert receipt.accepted == (statement.cid,)
    assert [item.record for item in receipt.skipped] == [record.cid]
    assert receipt.skipped[0].reason.startswith(reason)
    assert store.claims_of(invocation.cid) == ()


def test_a_claim_whose_invocation_or_result_is_another_thing_is_skipped(
    store: Octostore,
) -> None:
    ran = Ran()
    no_result = claim(ran, result())
    no_result = type(no_result)(invocation=ran.cid, network="x", result=ANY[0])
    no_invocation = type(no_result)(
        invocation=ANY[0], network="x", failure=Failure(kind="trap")
    )
    foreign = dagcbor.encode(
        {"program": data("raw, no program"), "input": ran.input.cid}
    )
    no_program = type(no_result)(
        invocation=CID.of_block(foreign), network="x", failure=Failure(kind="trap")
    )
    statement, blocks = Issuer("bristol").state(
        [no_result, no_invocation, no_program],
        [*ran.blocks, ANY, (CID.of_block(foreign), foreign)],
    )
    receipt = store.ingest(blocks)
    assert receipt.accepted == (statement.cid,)
    assert [item.reason.split(":")[0] for item in receipt.skipped] == [
        "result",
        "invocation",
        "invocation",
    ]


def test_blocks_that_nothing_reaches_are_ignored(store: Octostore) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    raw = CID.of_bytes(b"bytes of an output"), b"bytes of an output"
    wrong = CID.of_bytes(b"right"), b"wrong"
    receipt = store.ingest([raw, ANY, wrong, *blocks])
    assert words(receipt) == NOTHING | {"accepted": (statement.cid,)}
    assert store.find(raw[0]) is None
    assert store.find(ANY[0]) is None


def test_a_file_that_breaks_off_is_malformed_and_what_was_whole_is_taken(
    store: Octostore,
) -> None:
    one, first = Issuer("one").claims(Ran(), result())
    two, second = Issuer("two").claims(Ran(), result(R2))
    whole = car_of(one, first + second)
    receipt = store.ingest_car(io.BytesIO(whole[:-3]))
    assert receipt.accepted == (one.cid,)
    assert receipt.pending == (two.cid,)
    assert not receipt.sound
    assert receipt.malformed is not None
    assert "breaks off" in receipt.malformed
    assert receipt.to_json()["malformed"] == receipt.malformed
    assert store.ingest_car(io.BytesIO(whole)).accepted == (two.cid,)


def test_every_truncation_is_malformed_and_harmless(tmp_path: Path) -> None:
    statement, blocks = Issuer("one").claims(Ran(), result())
    whole = car_of(statement, blocks)
    with Octostore.open(tmp_path) as store:
        ends = {len(car_of(statement, blocks[:n])) for n in range(len(blocks) + 1)}
        for size in range(0, len(whole), 7):
            receipt = store.ingest_car(io.BytesIO(whole[:size]))
            assert receipt.accepted == ()
            has_root = size >= len(car_of(statement, blocks[:1]))
            assert receipt.sound == (size in ends and has_root)
        assert store.ingest_car(io.BytesIO(whole)).accepted == (statement.cid,)


def test_a_root_that_is_absent_is_malformed(store: Octostore) -> None:
    statement, blocks = Issuer("one").claims(Ran(), result())
    receipt = store.ingest(blocks, [statement.envelope_cid, ANY[0]])
    assert receipt.accepted == (statement.cid,)
    assert receipt.malformed is not None
    assert str(ANY[0]) in receipt.malformed


def test_what_is_no_car_is_malformed(store: Octostore) -> None:
    receipt = store.ingest_car(io.BytesIO(b"PK\x03\x04 not a CAR"))
    assert words(receipt) == NOTHING
    assert receipt.malformed is not None


def test_a_delivery_that_fails_on_the_way_is_malformed(store: Octostore) -> None:
    statement, blocks = Issuer("one").claims(Ran(), result())

    def broken() -> Iterator[tuple[CID, bytes]]:
        yield from blocks
        raise CarError("breaks off", at="byte 9")

    receipt = store.ingest(broken())
    assert receipt.accepted == (statement.cid,)
    assert receipt.malformed == "byte 9: breaks off"


def test_equivocation_is_kept_both_sides(store: Octostore) -> None:
    one, first = Issuer("liar").claims(Ran(), result())
    two, second = Issuer("liar").claims(Ran(), result(R2))
    assert (one.part.chain, one.part.seq) == (two.part.chain, two.part.seq)
    store.ingest(first)
    assert store.ingest(second).accepted == (two.cid,)
    with store.view() as view:
        found = view.equivocations(store.statement(one.cid))
    assert [item.cid for item in found] == [one.cid, two.cid]


def test_a_second_envelope_of_a_statement_is_known(store: Octostore) -> None:
    # Ed25519 lets the signer make a second valid signature with another nonce.
    statement, blocks = Issuer("one").claims(Ran(), result())
    again = second_envelope(Issuer("one"), statement)
    assert again != statement.envelope
    store.ingest(blocks)
    receipt = store.ingest([(CID.of_block(again), again)], [CID.of_block(again)])
    assert words(receipt) == NOTHING | {"known": (statement.cid,)}
    assert store.checkpoint().size == 1
    assert store.find(CID.of_block(again)) is None


def second_envelope(issuer: Issuer, statement: Statement) -> bytes:
    import hashlib

    from nacl import bindings

    order = 2**252 + 27742317777372353535851937790883648493
    digest = bytearray(hashlib.sha512(issuer.key.seed).digest())
    digest[0] &= 248
    digest[31] &= 127
    digest[31] |= 64
    secret = int.from_bytes(digest[:32], "little")
    nonce = 12345
    multiply = bindings.crypto_scalarmult_ed25519_base_noclamp
    point = multiply(nonce.to_bytes(32, "little"))
    message = statement.signed
    public = issuer.key.public.raw
    k = int.from_bytes(hashlib.sha512(point + public + message).digest(), "little")
    s = (nonce + k * secret) % order
    return b"\x82\x58\x40" + point + s.to_bytes(32, "little") + message


def test_a_record_in_two_statements_makes_two_claims(store: Octostore) -> None:
    for name in ("one", "two"):
        store.ingest(Issuer(name).claims(Ran(), result())[1])
    assert len(store.claims_of(Ran().cid)) == 2


def test_other_records_are_logged_too(store: Octostore) -> None:
    statement, blocks = Issuer("one").state([Commitment(bytes(32))])
    assert store.ingest(blocks).accepted == (statement.cid,)


def test_large_deliveries_are_committed_in_groups(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from octostore import draft, spool

    monkeypatch.setattr(draft, "GROUP_ROWS", 5)
    monkeypatch.setattr(spool, "SPOOL_MEMORY_BYTES", 500)
    issuer = Issuer("one")
    ran = [Ran(input=Input(files={"/d": data(f"d{n}")})) for n in range(20)]
    records = [claim(item, result()) for item in ran]
    statement, blocks = issuer.state(
        records,
        [block_of(result()), *(block for item in ran for block in item.blocks)],
    )
    assert store.ingest(blocks).accepted == (statement.cid,)
    before = dump(store)
    assert len(before["claims"]) == 20
    store.rebuild()
    assert dump(store) == before


def test_a_delivery_of_too_many_blocks_is_cut_there(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from octostore import spool

    one, first = Issuer("one").claims(Ran(), result())
    _, second = Issuer("two").claims(Ran(), result(R2))
    monkeypatch.setattr(spool, "SPOOL_BLOCKS_MAX", len(first))
    receipt = store.ingest(first + second)
    assert receipt.accepted == (one.cid,)
    assert receipt.malformed is not None


def test_what_a_car_has_before_one_block_too_many_is_taken(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from octostore import spool

    one, first = Issuer("one").claims(Ran(), result())
    _, second = Issuer("two").claims(Ran(), result(R2))
    monkeypatch.setattr(spool, "SPOOL_BLOCKS_MAX", len(first))
    stream = io.BytesIO()
    car.write(stream, [one.envelope_cid], [*first, *second])
    stream.seek(0)  # few blocks, which are read at once
    receipt = store.ingest_car(stream)
    assert receipt.accepted == (one.cid,)
    assert receipt.malformed is not None
    assert "more than" in receipt.malformed


def test_bytes_added_for_other_uses_never_make_a_statement_whole(
    store: Octostore,
) -> None:
    """No node could send so large a block, so no log may depend on it."""
    big = dagcbor.encode([b"x" * (1 << 20)], bytes_max=1 << 21)
    added = store.add_bytes(big, bytes_max=1 << 21)
    assert added.codec == RAW
    record = claim(Ran(), result())
    record = type(record)(
        invocation=CID.of_block(big), network="x", failure=Failure(kind="trap")
    )
    statement, blocks = Issuer("one").state([record])
    assert store.ingest(blocks).pending == (statement.cid,)


def deliveries() -> list[Blocks]:
    """Statements that share blocks, each thin in its own way, and the rest."""
    one, two = Issuer("one"), Issuer("two")
    shared = Ran()
    nonced = Ran(input=Input(files={"/d": data("D1")}, nonce=b"n"))
    return [
        one.claims(shared, result())[1],
        two.claims(shared, result(R2))[1][:2],
        two.claims(nonced, result(R2))[1],
        one.says("One", bacalhau=("QmA",))[1],
        one.claims(shared, Failure(kind="trap"), withheld=("input",))[1][:3],
        [block_of(result(R2))],
    ]


def logged(store: Octostore) -> tuple[set[CID], set[tuple[CID, CID]]]:
    """All statements, and all claims as pairs of record and statement."""
    statements, claims = set(), set()
    with store.view() as view:
        for index in range(view.checkpoint().size):
            statements.add(view.logged(index).cid)
        for key, _ in view.rows.scan("claims"):
            for item in view.claims_of(tables.CLAIMS.key.decode(key)[0]):
                claims.add((item.cid, item.statement.cid))
    return statements, claims


def in_order() -> tuple[set[CID], set[tuple[CID, CID]]]:
    with tempfile.TemporaryDirectory() as folder, Octostore.open(Path(folder)) as store:
        for part in deliveries():
            store.ingest(part)
        return logged(store)


IN_ORDER = in_order()


@settings(max_examples=15)
@given(order=st.permutations(range(6)))
def test_the_order_of_arrival_does_not_matter(order: list[int]) -> None:
    parts = deliveries()
    with tempfile.TemporaryDirectory() as folder, Octostore.open(Path(folder)) as store:
        for at in order:
            store.ingest(parts[at])
        for at in order:  # a block that came before anybody asked for it comes again
            store.ingest(parts[at])
        assert logged(store) == IN_ORDER
        assert (len(IN_ORDER[0]), len(IN_ORDER[1])) == (5, 4)
        before = dump(store)
        store.rebuild()
        assert dump(store) == before


def test_damaged_blocks_of_a_car_are_quarantined_if_they_could_be_ours(
    store: Octostore,
) -> None:
    statement, blocks = Issuer("one").claims(Ran(), result())
    cid, block = blocks[1]
    sha1 = bytes((1, 0x71, 0x11, 20)) + bytes(20)
    stream = io.BytesIO()
    car.write(
        stream,
        [statement.envelope_cid],
        [blocks[0], (cid, block + b"\x00"), (data("raw"), b"other"), *blocks[2:]],
    )
    stream.write(bytes((len(sha1) + 1,)) + sha1 + b"x")
    receipt = store.ingest_car(io.BytesIO(stream.getvalue()))
    assert words(receipt) == NOTHING | {
        "pending": (statement.cid,),
        "quarantined": (cid,),
    }
    assert receipt.malformed is None


def test_a_delivery_of_damage_only_is_given_up(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "DAMAGED_MAX", 3)
    wrong = [(CID.of_block(bytes([n])), b"wrong") for n in range(10)]
    receipt = store.ingest(wrong)
    assert len(receipt.quarantined) == 4
    assert receipt.malformed is not None


def test_behind_so_much_that_is_no_statement_nothing_is_looked_at(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "REFUSED_MAX", 3)
    false = [b"\x82\x58\x40" + bytes([n]) for n in range(10)]
    first, blocks = Issuer("first").claims(Ran(), result())
    last = Issuer("last").claims(Ran(), result())[1]
    wrong = [(CID.of_block(block), block) for block in false]
    receipt = store.ingest([*blocks, *wrong, *last])
    assert receipt.accepted == (first.cid,)
    assert len(receipt.quarantined) == 4
    assert receipt.malformed == "more than 3 are no statements"
    assert len(store.ingest(last).accepted) == 1


def test_a_full_disk_keeps_what_was_acknowledged_and_the_rest_comes_again(
    tmp_path: Path,
) -> None:
    code = """
import resource, sys
from pathlib import Path
from octostore.errors import StoreFullError
from octostore.store import Octostore
from tests.octostore.world import Issuer, Ran, result

path = Path(sys.argv[1])
told = [Issuer(str(n)).claims(Ran(), result()) for n in range(300)]
accepted = 0
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
with Octostore.open(path) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_001, limits[1]))
    try:
        for statement, blocks in told:
            accepted += len(store.ingest(blocks).accepted)
    except StoreFullError:
        print("full", 0 < accepted < 300)
    print(store.checkpoint().size == accepted)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
with Octostore.open(path) as store:
    print(store.checkpoint().size == accepted)
    for statement, blocks in told:
        receipt = store.ingest(blocks)
        assert receipt.accepted or receipt.known
    print(store.checkpoint().size)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["full", "True", "True", "True", "300"]


def test_another_log_is_followed_in_its_order(store: Octostore) -> None:
    made = [Issuer(name).claims(Ran(), result()) for name in "abcd"]
    blocks = [block for _, found in made for block in found]
    order = [made[n][0] for n in (2, 0, 3, 1)]
    receipt = store.follow(blocks, [one.envelope_cid for one in order])
    assert receipt.accepted == tuple(one.cid for one in order)
    with store.view() as view:
        assert [view.logged(n).cid for n in range(4)] == list(receipt.accepted)


def test_following_stops_at_the_first_that_cannot_be_logged(store: Octostore) -> None:
    made = [Issuer(name).claims(Ran(), result()) for name in "abc"]
    roots = [one.envelope_cid for one, _ in made]
    blocks = [block for _, found in made for block in found]
    lost = result().cid
    short = [item for item in blocks if item[0] != lost]
    assert store.follow(short, roots).accepted == ()
    receipt = store.follow(short, roots)
    assert receipt.pending == (made[0][0].cid,)
    # Nothing waits: what comes later must not be logged out of its order.
    assert store.ingest([block_of(result())]).accepted == ()
    assert store.checkpoint().size == 0
    assert len(store.follow(blocks, roots[:1]).accepted) == 1
    again = store.follow(blocks, roots)
    assert (again.accepted, again.known) == ((), (made[0][0].cid,))
    bad = bytearray(made[1][1][0][1])
    bad[10] ^= 1
    root = CID.of_block(bytes(bad))
    worse = store.follow([*blocks, (root, bytes(bad))], [root, roots[2]])
    assert (worse.accepted, len(worse.quarantined)) == ((), 1)
    assert len(store.follow(blocks, roots[1:]).accepted) == 2


def test_what_only_looks_like_a_statement_is_none_when_a_log_is_followed(
    store: Octostore,
) -> None:
    other, blocks = Issuer("b").claims(Ran(), result())
    holder = Issuer("a").sign([other.envelope_cid])  # a record that is an envelope
    delivery = [(holder.envelope_cid, holder.envelope), *blocks]
    receipt = store.follow(delivery, [holder.envelope_cid])
    assert receipt.accepted == (holder.cid,)
    assert [item.record for item in receipt.skipped] == [other.envelope_cid]
    assert store.checkpoint().size == 1


class CutOffError(Exception):
    """The process ends here."""


def is_cut_off(
    store: Octostore, blocks: Blocks, commits: int, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Deliver in the smallest groups; end after so many commits, if it needs more."""
    kind = type(store._engine)
    real, left = kind.apply, itertools.count(commits, -1)

    def cut(self: Any, changes: Any) -> None:
        if next(left) == 0:
            raise CutOffError
        real(self, changes)

    with monkeypatch.context() as short:
        short.setattr(draft, "GROUP_ROWS", 1)
        short.setattr(kind, "apply", cut)
        try:
            store.ingest(blocks)
        except CutOffError:
            return True
        return False


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_what_waits_completes_although_the_delivery_of_its_blocks_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """Whichever commit of the second delivery is its last, the next open goes on."""
    ran, seen = Ran(), []
    for commits in itertools.count(1):
        path = tmp_path / str(commits)
        waits, thin = Issuer("waits").claims(ran, result())
        other, whole = Issuer("other").claims(ran, result())
        with Octostore.open(path, engine=engine) as store:
            assert store.ingest(thin[:2]).pending == (waits.cid,)
            is_cut = is_cut_off(store, whole, commits, monkeypatch)
        with Octostore.open(path) as store, store.view() as view:
            is_whole = view.index(other.cid) is not None
            if is_whole:  # then nothing is missing here for the other either
                assert view.index(waits.cid) is not None, commits
                assert not list(view.rows.scan(tables.PENDING.name))
            assert view.rows.get(tables.META.name, tables.DELIVERING) is None
        assert check_folder(path).holds
        seen.append((is_cut, is_whole))
        if not is_cut:
            break
    assert {(True, False), (True, True), (False, True)} == set(seen)


def test_a_full_disk_on_the_way_is_made_up_for_by_the_next_delivery(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same without a restart: any delivery wakes what waits."""
    ran = Ran()
    waits, thin = Issuer("waits").claims(ran, result())
    other, whole = Issuer("other").claims(ran, result())
    assert store.ingest(thin[:2]).pending == (waits.cid,)
    kind = type(store._engine)
    real = kind.apply

    def full(self: Any, changes: Any) -> None:
        real(self, changes)
        if tables.LOG.name in changes:
            raise StoreFullError("no space left")

    with monkeypatch.context() as short:
        short.setattr(draft, "GROUP_ROWS", 1)
        short.setattr(kind, "apply", full)
        with pytest.raises(StoreFullError):
            store.ingest(whole)
    with store.view() as view:
        assert view.index(other.cid) is not None
        assert view.index(waits.cid) is None
    _, unrelated = Issuer("unrelated").says("u")
    assert waits.cid in store.ingest(unrelated).accepted


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_store_whose_delivery_was_cut_off_opens_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    ran = Ran()
    waits, thin = Issuer("waits").claims(ran, result())
    _, whole = Issuer("other").claims(ran, result())
    with Octostore.open(tmp_path, engine=engine) as store:
        store.ingest(thin[:2])
        assert is_cut_off(store, whole, 4, monkeypatch)
        kind = type(store._engine)

    def full(self: Any, changes: Any) -> None:
        raise StoreFullError("no space left")

    with monkeypatch.context() as short:
        short.setattr(kind, "apply", full)
        with Octostore.open(tmp_path) as store, store.view() as view:
            assert view.rows.get(tables.META.name, tables.DELIVERING) is not None
    with Octostore.open(tmp_path) as store:
        store.ingest(whole)
        assert store.statement(waits.cid) == waits


def test_bytes_too_large_for_a_block_are_waited_for_although_they_are_here(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No CAR could bring them; a retry changes nothing and loses nothing."""
    large = bytes(BLOCK_BYTES_MAX + 1)
    ran = Ran()
    named = claim(ran, result(), result=CID.of_block(large))
    statement, blocks = Issuer("one").state([named], ran.blocks)
    assert store.ingest(blocks).pending == (statement.cid,)
    before = dump(store)["waiting"]
    store.add_bytes(large, bytes_max=1 << 22)
    assert is_cut_off(store, Issuer("two").says("u")[1], 1, monkeypatch)
    store.ingest(())
    assert dump(store)["waiting"] == before
    with store.view() as view:
        assert view.rows.get(tables.META.name, tables.DELIVERING) is None


@pytest.mark.parametrize("missing", range(1, 6))
def test_bytes_that_are_added_complete_what_waits_for_the_block_that_they_are(
    store: Octostore, missing: int
) -> None:
    statement, blocks = Issuer("one").claims(Ran(), result())
    cid, block = blocks[missing]
    assert store.ingest(without(blocks, cid)).pending == (statement.cid,)
    assert store.add_bytes(block) == CID.of_bytes(block) != cid
    assert store.statement(statement.cid) == statement
    assert store.ingest(blocks).known == (statement.cid,)
    with store.view() as view:
        assert not list(view.rows.scan(tables.PENDING.name))
        assert not list(view.rows.scan(tables.WAITING.name))
