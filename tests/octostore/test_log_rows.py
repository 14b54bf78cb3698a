"""The tree of the log in its rows: every node is there, of every kind of entry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from octostore import tables
from octostore.chain_findings import findings
from octostore.check import check, check_folder
from octostore.draft import Draft
from octostore.engine import Row
from octostore.engine.choice import ENGINES
from octostore.errors import NotFoundError, StoreCorruptError
from octostore.index import append_entry
from octostore.log import KIND_MAP_HEAD, KIND_STATEMENT, Entry
from octostore.map.head import MapHead
from octostore.map.trie import EMPTY
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.store import Octostore
from octostore.tlog.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_root,
    verify_consistency,
    verify_inclusion,
)
from tests.octostore.test_check import change
from tests.octostore.test_ingest import dump
from tests.octostore.test_store import fill
from tests.octostore.world import C1, D1, Issuer, Ran, result


@pytest.fixture(params=sorted(ENGINES))
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store", engine=request.param) as store:
        yield store


def grow(store: Octostore, size: int) -> None:
    """Statements of many issuers until the log is so long."""
    more = range(store.checkpoint().size, size)
    made = (Issuer(f"issuer {n}").claims(Ran(), result())[1] for n in more)
    store.ingest([block for blocks in made for block in blocks])


def append_head(store: Octostore) -> CID:
    """An entry of kind 1 at the end of the log."""
    logged = store.update_map(now_s=1_700_000_000)
    assert logged
    return logged.head.cid


def test_every_node_of_the_tree_is_in_the_row_of_its_last_leaf(
    store: Octostore,
) -> None:
    grow(store, 21)
    with store.view() as view:
        level = [leaf_hash(bytes(view.entry(n))) for n in range(21)]
        height = 0
        while level:
            assert [view.node(height, n) for n in range(len(level))] == level
            pairs = zip(level[::2], level[1::2], strict=False)
            level = [node_hash(left, right) for left, right in pairs]
            height += 1
        assert view.checkpoint().root == range_root(view.node, 0, 21)


def test_rows_of_the_log_are_spelled_as_the_tables_say(store: Octostore) -> None:
    grow(store, 3)
    for index, (key, value) in enumerate(dump(store)["log"]):
        assert tables.LOG.key.decode(key) == (index,)
        raw, hashes = tables.LOG_VALUE.decode(value)
        assert (len(raw), len(hashes)) == (37, 32 * (1 + (index == 1)))


def test_a_statement_is_provable_as_soon_as_it_is_logged(store: Octostore) -> None:
    for size in range(1, 12):
        before = store.checkpoint()
        grow(store, size)
        with store.view() as view:
            now = view.checkpoint()
            assert now.size == size
            for index in range(size):
                leaf = leaf_hash(bytes(view.entry(index)))
                path = inclusion_proof(view.node, index, size)
                verify_inclusion(leaf, index, size, path, now.root)
            proof = consistency_proof(view.node, before.size, size)
        verify_consistency(before.size, size, proof, before.root, now.root)


def test_a_node_that_is_not_there_is_an_error(store: Octostore) -> None:
    grow(store, 5)
    with store.view() as view:
        for level, index in ((0, 5), (1, 2), (2, 1), (3, 0), (60, 0)):
            with pytest.raises(NotFoundError):
                view.node(level, index)


def test_a_map_head_stands_in_the_log_and_hinders_nobody(store: Octostore) -> None:
    fill(store)
    size = store.checkpoint().size
    answer = who(store, Asked(program=C1, input=D1)).invocations
    head = append_head(store)
    grow(store, size + 3)
    with store.view() as view:
        assert view.entry(size) == Entry(KIND_MAP_HEAD, head)
        assert view.entry(size + 1).kind == KIND_STATEMENT
        for asked in (view.logged, view.envelope):
            with pytest.raises(NotFoundError, match="a map head"):
                asked(size)
        list(findings(view))
    report = check(store)
    assert report.holds, report.faults
    before = dump(store)
    store.rebuild()
    assert dump(store) == before
    assert len(answer) == len(who(store, Asked(program=C1, input=D1)).invocations)


def test_a_map_head_whose_block_is_not_there_is_named(tmp_path: Path) -> None:
    with Octostore.open(tmp_path / "store") as store:
        grow(store, 2)
        with Draft(store._engine) as draft:
            append_entry(draft, Entry(KIND_MAP_HEAD, MapHead(0, EMPTY, 0).cid))
            draft.commit()
        (fault,) = check(store).faults
    assert (fault.table, fault.key) == ("log", "entry 2")
    assert "is not there" in fault.found


@pytest.mark.parametrize("index", range(7))
def test_a_hash_of_a_subtree_that_changed_is_named_and_not_rebuilt_from(
    tmp_path: Path, index: int
) -> None:
    path = tmp_path / "store"
    with Octostore.open(path) as store:
        fill(store)
        key, value = dump(store)["log"][index]
    assert key == tables.LOG.key.encode(index)
    for other in (
        value[:-1] + bytes([value[-1] ^ 1]),
        value[:-32],
        value + hashlib.sha256().digest(),
    ):
        change(path, Row("log", key, other))
        faults = check_folder(path).faults
        assert {(fault.table, fault.key) for fault in faults} == {
            ("log", f"entry {index}")
        }
    with (
        Octostore.open(path) as store,
        pytest.raises(StoreCorruptError, match=f"entry {index}"),
    ):
        store.rebuild()
