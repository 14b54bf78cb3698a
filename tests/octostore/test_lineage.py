"""Where results come from and go to."""

from __future__ import annotations

from pathlib import Path

import pytest

from invocation_spec.cid import CID
from invocation_spec.model import Input, WasiProgram
from octostore import tables
from octostore.check import check
from octostore.engine import Row
from octostore.questions.lineage import produced, used
from octostore.records import Failure
from octostore.result import Result
from octostore.store import Octostore
from tests.octostore.world import C1, D1, R1, R2, Issuer, Ran, claim, data, result


@pytest.fixture
def store(tmp_path: Path) -> Octostore:
    return Octostore.open(tmp_path / "store")


def add(store: Octostore, ran: Ran, got: Result | Failure, by: str = "a") -> CID:
    chain = by.encode().rjust(16, b"\0")
    statement, blocks = Issuer(by, chain).claims(ran, got)
    assert store.ingest(blocks, [statement.envelope_cid]).accepted
    return claim(ran, got).cid


def producers(store: Octostore, output: CID) -> list[CID]:
    with store.view() as view:
        return [item.cid for item in produced(view, output)]


def users(store: Octostore, cid: CID) -> list[CID]:
    with store.view() as view:
        return [CID.of_block(view.block(number)) for number in used(view, cid)]


def test_a_result_leads_to_every_claim_that_produced_it(store: Octostore) -> None:
    one, other = Ran(), Ran(input=Input(files={"/d": data("D2")}))
    first = add(store, one, result(R1), "a")
    add(store, one, result(R2), "b")
    add(store, one, Failure("trap"), "c")
    second = add(store, other, Result({"/other": R1, "stdout": R2}), "d")
    assert producers(store, R1) == [first, second]
    assert len(producers(store, R2)) == 2
    assert producers(store, D1) == []


def test_two_claimants_of_one_result_are_two_claims(store: Octostore) -> None:
    add(store, Ran(), result(R1), "a")
    statement, blocks = Issuer("b").state(
        [claim(Ran(), result(R1), job="another")],
        [*Ran().blocks, (result(R1).cid, result(R1).block)],
    )
    assert store.ingest(blocks, [statement.envelope_cid]).accepted
    assert len(producers(store, R1)) == 2


def test_an_output_that_is_an_input_elsewhere_is_found_on_both_sides(
    store: Octostore,
) -> None:
    made = add(store, Ran(), result(R1))
    next_run = Ran(input=Input(files={"/d": R1, "/again": R1}), program=WasiProgram(C1))
    add(store, next_run, result(R2), "b")
    as_code = Ran(program=WasiProgram(R1))
    add(store, as_code, result(R2), "c")
    assert producers(store, R1) == [made]
    assert set(users(store, R1)) == {next_run.cid, as_code.cid}
    assert len(users(store, R1)) == 2
    assert set(users(store, C1)) == {Ran().cid, next_run.cid}
    assert users(store, R2) == []


def test_a_nonced_run_is_used_once_and_by_its_own_input(store: Octostore) -> None:
    ran = Ran(input=Input(files={"/d": D1}, nonce=b"n"))
    add(store, ran, result(R1))
    assert users(store, D1) == [ran.cid]


def test_rows_that_only_look_alike_are_passed_over(tmp_path: Path) -> None:
    with Octostore.open(tmp_path / "store") as store:
        add(store, Ran(), result(R1))
        with store.view() as view:
            number = view.number(result(R1).cid)
            ran = view.number(Ran().input.cid)
            assert number is not None
            assert ran is not None
        forged = data("not there")
        store._engine.commit(
            [
                Row("outputs", tables.short(forged.raw) + tables.no_of(number), b""),
                Row("data", tables.short(forged.raw) + tables.no_of(ran), b""),
            ]
        )
        assert producers(store, forged) == []
        assert users(store, forged) == []
        report = check(store)
        assert {fault.table for fault in report.faults} == {"outputs", "data"}


def test_rebuild_and_check_know_the_lineage(store: Octostore) -> None:
    made = add(store, Ran(), result(R1))
    store._engine.commit(
        [
            Row(table, key, None)
            for table in ("outputs", "made")
            for key in _keys(store, table)
        ]
    )
    assert producers(store, R1) == []
    assert {fault.table for fault in check(store).faults} == {"outputs", "made"}
    store.rebuild()
    assert producers(store, R1) == [made]
    assert not check(store).faults


def _keys(store: Octostore, table: str) -> list[bytes]:
    with store.view() as view:
        return [key for key, _ in view.rows.scan(table)]
