"""The map follows the log: same statements, same root, whatever came in between."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID
from invocation_spec.model import Import, Input, WasiProgram
from octostore import tables
from octostore.check import check, check_folder
from octostore.draft import Draft
from octostore.engine import Row
from octostore.engine.choice import ENGINES
from octostore.errors import ProofError, StoreCorruptError, StoreError
from octostore.index import append_entry
from octostore.log import KIND_MAP_HEAD, Entry
from octostore.map import batch as updating
from octostore.map.head import MapHead
from octostore.map.heads import covered, head_at, last_head, log_time_s
from octostore.map.keys import Topic, claim_key, invocation_keys, key, places
from octostore.map.pages import MapTrie, prove
from octostore.map.proof import open_proof
from octostore.map.questions import Question
from octostore.map.trie import EMPTY
from octostore.records import Claim
from octostore.store import Octostore
from octostore.usual import usual_input
from tests.octostore.test_check import change
from tests.octostore.test_ingest import dump
from tests.octostore.test_store import fill, fill_map
from tests.octostore.world import (
    C1,
    D1,
    Blocks,
    Issuer,
    Ran,
    block_of,
    claim,
    data,
    result,
)
from tests.vectors.make import trie

REPO = Path(__file__).parents[2]
NOW = 1_700_000_000

Said = tuple[CID, Claim, Ran]


@pytest.fixture(params=sorted(ENGINES))
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store", engine=request.param) as store:
        yield store


def keys_by_definition(said: Iterable[Said]) -> set[bytes]:
    """docs/spec/map.md, Keys, over all claims at once."""
    found: set[bytes] = set()
    claims = list(said)
    for ran in {ran.cid: ran for _, _, ran in claims}.values():
        mine = [(part, item) for part, item, other in claims if other.cid == ran.cid]
        shows = {
            name: any(name not in item.withheld for _, item in mine)
            for name in ("program", "input")
        }
        input = ran.input if shows["input"] else None
        program = ran.program if shows["program"] else None
        found.update(invocation_keys(ran.invocation, program, input))
        for part, item in mine:
            for at in places(ran.invocation, input):
                found.add(claim_key(ran.program.cid, at, part, item.cid))
    return found


def kept(store: Octostore) -> set[bytes]:
    return {row for row, _ in dump(store)["map_keys"]}


RANS = [
    Ran(),
    Ran(input=Input(files={"/d": D1}, nonce=b"once")),
    Ran(input=Input(files={"/d": D1}, nonce=b"twice")),
    Ran(WasiProgram(C1, imports=(Import(data("lib")),))),
    Ran(input=Input(args=("x",), nonce=b"once")),
    Ran(input=Input(args=("x",))),
]
_HIDDEN = st.sampled_from([(), ("program",), ("input",), ("input", "program")])
_CLAIMS = st.lists(
    st.tuples(st.integers(0, len(RANS) - 1), _HIDDEN, st.booleans()),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@given(_CLAIMS)
def test_every_batch_gives_the_keys_of_the_definition(
    made: Path, told: list[tuple[int, tuple[str, ...], bool]]
) -> None:
    """Programs and inputs withheld and disclosed later; heads at any time."""
    path = made / os.urandom(8).hex()
    said: list[Said] = []
    with Octostore.open(path) as store:
        for number, (which, withheld, is_time) in enumerate(told):
            ran, got = RANS[which], result(data(f"R{number}"))
            item = claim(ran, got, withheld=withheld)
            blocks = [block_of(ran.invocation), block_of(got)]
            if "program" not in withheld:
                blocks.append(block_of(ran.program))
            if "input" not in withheld:
                blocks.append(block_of(ran.input))
            statement, sent = Issuer(f"{number}").state([item], blocks)
            assert store.ingest(sent).accepted
            said.append((statement.cid, item, ran))
            if is_time:
                logged = store.update_map(NOW + number)
                assert logged
                assert logged.head.root == trie.root(keys_by_definition(said))
        store.update_map(NOW)
        assert kept(store) == keys_by_definition(said)
        report = check(store)
        assert report.holds, report.faults
        before = dump(store)
        store.rebuild()
        assert dump(store) == before


def test_a_head_is_logged_only_if_a_statement_is_new(store: Octostore) -> None:
    assert store.update_map(NOW) is None
    fill(store)
    logged = store.update_map(NOW)
    assert logged
    assert (logged.entry, logged.head.size, logged.head.time_s) == (7, 7, NOW)
    assert store.update_map(NOW + 1) is None
    assert store.checkpoint().size == 8
    store.ingest(Issuer("late").says("Late")[1])
    more = store.update_map(NOW - 5)
    assert more
    assert (more.entry, more.head.size, more.head.time_s) == (9, 9, NOW)
    assert more.head.root == logged.head.root  # a profile has no key


def test_small_batches_have_a_head_each(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the map that is kept is always that of the last head."""
    monkeypatch.setattr(updating, "BATCH_CLAIMS", 2)
    fill(store)
    fill_map(store)
    with store.view() as view:
        last = last_head(view.rows)
        assert last
        assert covered(view.rows) == (last.head.size, last.head.root)
        assert len(dump(store)["map_heads"]) > 1
    assert check(store).holds
    before = dump(store)
    store.rebuild()
    assert dump(store) == before


def test_heads_are_found_as_of_a_size_and_date_statements(store: Octostore) -> None:
    placed = []
    for number in range(30):
        store.ingest(Issuer(f"{number}").claims(Ran(), result())[1])
        if number % 3 == 2:
            logged = store.update_map(NOW + number)
            assert logged
            placed.append(logged)
    with store.view() as view:
        for size in range(view.checkpoint().size + 1):
            before = [item for item in placed if item.entry < size]
            assert head_at(view.rows, size) == (before[-1] if before else None)
        for index in range(view.checkpoint().size):
            over = [item for item in placed if item.head.size > index]
            assert log_time_s(view.rows, index) == (
                over[0].head.time_s if over else None
            )


def test_the_same_statements_give_the_same_root_on_every_node(tmp_path: Path) -> None:
    told = [Issuer(f"{n}").claims(Ran(), result(data(f"{n}")))[1] for n in range(9)]
    roots = set()
    for name, order in (("a", told), ("b", told[::-1])):
        with Octostore.open(tmp_path / name) as store:
            for number, blocks in enumerate(order):
                store.ingest(blocks)
                if name == "a" and number % 2:
                    store.update_map(NOW)
            store.update_map(NOW)
            with store.view() as view:
                roots.add(MapTrie(view.rows).root)
    assert len(roots) == 1


def test_a_pair_over_the_bound_is_found_by_each_of_both(store: Octostore) -> None:
    libraries = tuple(Import(data(f"lib {n}")) for n in range(63))
    ran = Ran(
        WasiProgram(C1, imports=libraries),
        Input(files={f"/{n}": data(f"{n}") for n in range(65)}),
    )
    store.ingest(Issuer("wide").claims(ran, result())[1])
    logged = store.update_map(NOW)
    assert logged
    library, item = libraries[0].code, data("0")
    with store.view() as view:
        for topic, cids, count in (
            (Topic.PAIR, (C1, item), 1),
            (Topic.PAIR, (library, item), 0),
            (Topic.CODE, (library,), 1),
            (Topic.DATA, (item,), 1),
        ):
            asked = [Question(key(topic, *cids))]
            proof = prove(view.rows, asked)
            (found,) = open_proof(proof, logged.head.root, asked)
            assert len(found) == count


def test_one_file_under_many_paths_counts_once(store: Octostore) -> None:
    """96 codes and one data CID are 96 pairs, whatever the paths."""
    libraries = tuple(Import(data(f"lib {n}")) for n in range(95))
    ran = Ran(
        WasiProgram(C1, imports=libraries),
        Input(files={f"/{n}": D1 for n in range(45)}),
    )
    assert usual_input(ran.input.block)
    statement, sent = Issuer("wide").claims(ran, result())
    store.ingest(sent)
    logged = store.update_map(NOW)
    assert logged
    keys = keys_by_definition([(statement.cid, claim(ran, result()), ran)])
    assert kept(store) == keys
    assert logged.head.root == trie.root(keys)
    with store.view() as view:
        asked = [Question(key(Topic.PAIR, libraries[0].code, D1))]
        (found,) = open_proof(prove(view.rows, asked), logged.head.root, asked)
        assert len(found) == 1


def test_a_false_head_in_the_log_is_named(tmp_path: Path) -> None:
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
        false = MapHead(7, EMPTY, NOW)
        with Draft(store._engine) as draft:
            draft.add_block(false.block)
            index = append_entry(draft, Entry(KIND_MAP_HEAD, false.cid))
            draft.commit()
        faults = [fault for fault in check(store).faults if fault.table == "log"]
        assert [fault.key for fault in faults] == [f"entry {index}"]
        assert EMPTY.hex() in faults[0].found
        # The next head is true again, and the false one stays to be seen.
        store.rebuild()
        fill_map(store)
        faults = list(check(store).faults)
        assert [fault.key for fault in faults] == [f"entry {index}"]


def test_heads_whose_size_or_time_goes_back_are_named(tmp_path: Path) -> None:
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
        fill_map(store)
        size = store.checkpoint().size
        for odd in (MapHead(0, EMPTY, NOW), MapHead(99, EMPTY, NOW)):
            with Draft(store._engine) as draft:
                draft.add_block(odd.block)
                append_entry(draft, Entry(KIND_MAP_HEAD, odd.cid))
                draft.commit()
        faults = [fault for fault in check(store).faults if fault.table == "log"]
    assert [fault.key for fault in faults] == [
        f"entry {size}",
        f"entry {size + 1}",
    ]
    assert "size and time from" in faults[0].expected
    assert "at most" in faults[1].expected


@pytest.mark.parametrize("table", ["map_keys", "map_nodes", "map_ran", "map_state"])
def test_a_map_that_is_not_that_of_the_log_is_named(tmp_path: Path, table: str) -> None:
    path = tmp_path / "store"
    with Octostore.open(path) as store:
        fill(store)
        fill_map(store)
        key, value = dump(store)[table][0]
    change(path, Row(table, key, None))
    assert table in {fault.table for fault in check_folder(path).faults}
    changed = bytes((value[0] ^ 1,)) + value[1:] if value else b"more"
    change(path, Row(table, key, changed))
    assert {fault.table for fault in check_folder(path).faults} == {table}
    with Octostore.open(path) as store:
        store.rebuild()
    assert check_folder(path).holds


def test_a_map_is_not_updated_by_a_reader(tmp_path: Path) -> None:
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
    with (
        Octostore.open(tmp_path / "store", readonly=True) as store,
        pytest.raises(StoreError, match="reading only"),
    ):
        store.update_map(NOW)


def test_a_lost_block_stops_the_update_and_nothing_is_logged(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with Octostore.open(path) as store:
        fill(store)
        number = dump(store)["at"]
        (program,) = [no for digest, no in number if digest == Ran().program.cid.digest]
    change(path, Row(tables.BLOCKS.name, program, None))
    with Octostore.open(path) as store:
        with pytest.raises(StoreCorruptError):
            store.update_map(NOW)
        assert store.checkpoint().size == 7
        assert dump(store)["map_keys"] == []


_KILLED = """
import os, sys
from pathlib import Path
from octostore.engine.lmdb_engine import LmdbEngine
from octostore.store import Octostore
from tests.octostore.world import Issuer, Ran, result

path, at = Path(sys.argv[1]), int(sys.argv[2])
commits = 0
whole = LmdbEngine.apply

def commit(self, batch):
    global commits
    if commits == at:
        os._exit(9)
    commits += 1
    whole(self, batch)
    if commits == at:
        os._exit(9)

with Octostore.open(path) as store:
    LmdbEngine.apply = commit
    store.update_map(1_700_000_000)
    store.ingest(Issuer("late").claims(Ran(), result())[1])
    store.update_map(1_700_000_001)
"""


@pytest.mark.parametrize("at", range(4))
def test_killed_around_any_commit_map_and_head_go_together(
    tmp_path: Path, at: int
) -> None:
    path = tmp_path / "store"
    with Octostore.open(path) as store:
        fill(store)
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(path), str(at)],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        check=False,
    )
    assert done.returncode == 9 or at == 3
    assert check_folder(path).holds
    with Octostore.open(path) as store:
        store.update_map(NOW)
        with store.view() as view:
            last = last_head(view.rows)
            assert last
            assert covered(view.rows) == (last.head.size, last.head.root)
    assert check_folder(path).holds


def blocks_of(items: Iterable[Blocks]) -> Blocks:
    return [block for blocks in items for block in blocks]


def test_the_map_grows_beside_deliveries(tmp_path: Path) -> None:
    """Deliveries in one thread, updates in another: every head is true."""
    from threading import Thread

    failed: list[BaseException] = []
    told = [Issuer(f"{n}").claims(Ran(), result(data(f"{n}")))[1] for n in range(60)]
    with Octostore.open(tmp_path / "store") as store:

        def deliver() -> None:
            try:
                for at in range(0, 60, 5):
                    store.ingest(blocks_of(told[at : at + 5]))
            except BaseException as error:
                failed.append(error)
                raise

        thread = Thread(target=deliver)
        thread.start()
        while thread.is_alive():
            store.update_map(NOW)
        thread.join()
        store.update_map(NOW)
        assert not failed
        report = check(store)
        assert report.holds, report.faults
        assert (
            len(kept(store))
            == 60 + len(keys_by_definition([(C1, claim(Ran(), result()), Ran())])) - 1
        )


def test_the_heads_of_another_log_are_followed_if_they_are_true(
    store: Octostore, tmp_path: Path
) -> None:
    one, blocks = Issuer("a").claims(Ran(), result())
    two, more = Issuer("b").claims(Ran(), result())
    store.ingest(blocks)
    logged = store.update_map(NOW)
    assert logged is not None
    true = logged.head
    with Octostore.open(tmp_path / "other") as other:
        with pytest.raises(ProofError, match="a map of 1 entries; it stands at 0"):
            other.follow_head(true.block)
        other.follow([*blocks, *more], [one.envelope_cid])
        for false, why in (
            (replace(true, root=bytes(32)), "the map of the first 1 entries has"),
            (replace(true, size=2), "a map of 2 entries; it stands at 1"),
        ):
            with pytest.raises(ProofError, match=why):
                other.follow_head(false.block)
        with pytest.raises(ProofError, match="no map head"):
            other.follow_head(one.envelope)
        assert other.checkpoint().size == 1
        assert other.follow_head(true.block) == logged
        assert other.checkpoint() == store.checkpoint()
        other.follow([*blocks, *more], [two.envelope_cid])
        early = MapHead(3, other.map_root(3), NOW - 1)
        with pytest.raises(ProofError, match="none goes back"):
            other.follow_head(early.block)
        other.follow_head(replace(early, time_s=NOW).block)
        assert check(other).holds
