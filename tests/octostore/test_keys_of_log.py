"""What the log has of a key at one look: its commitments, and two histories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octostore import index, tables
from octostore.records import Commitment, Profile
from octostore.store import Octostore
from tests.octostore.world import Blocks, Issuer

SECRET = Commitment(hash=bytes(range(32)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


def two_histories(name: str) -> list[Blocks]:
    return [Issuer(name).says(f"{name} {n}")[1] for n in range(2)]


def has_equivocated(store: Octostore, name: str, size: int | None = None) -> bool:
    with store.view(size) as view:
        return view.has_equivocated(Issuer(name).key.public)


def test_two_statements_for_one_place_are_noticed_across_deliveries(
    store: Octostore,
) -> None:
    first, second = two_histories("twice")
    store.ingest(first)
    assert not has_equivocated(store, "twice")
    store.ingest(Issuer("once").says("Once")[1])
    store.ingest(second)
    assert has_equivocated(store, "twice")
    assert not has_equivocated(store, "twice", 2)
    assert has_equivocated(store, "twice", 3)
    assert not has_equivocated(store, "once")


def test_two_statements_for_one_place_are_noticed_in_one_delivery(
    store: Octostore,
) -> None:
    first, second = two_histories("twice")
    receipt = store.ingest([*first, *Issuer("once").says("Once")[1], *second])
    assert len(receipt.accepted) == 3
    assert has_equivocated(store, "twice")
    assert not has_equivocated(store, "once")


def test_the_places_that_came_last_are_kept_and_no_more(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "GROUP_ROWS", 2)
    long = Issuer("long")
    blocks = [block for n in range(5) for block in long.says(f"long {n}")[1]]
    assert len(store.ingest(blocks).accepted) == 5
    assert not has_equivocated(store, "long")


@given(order=st.permutations([*range(4), *range(4)]), cuts=st.sets(st.integers(1, 7)))
@settings(max_examples=25, deadline=None)
def test_two_histories_are_noticed_in_any_order_and_in_any_deliveries(
    order: list[int], cuts: set[int]
) -> None:
    said: dict[int, list[Blocks]] = {}
    for version in range(2):
        issuer = Issuer("twice")
        for n in range(4):
            said.setdefault(n, []).append(issuer.says(f"{version} {n}")[1])
    expected, seen = [], set[int]()
    with TemporaryDirectory() as folder, Octostore.open(Path(folder) / "s") as store:
        blocks: Blocks = []
        for place, n in enumerate(order):
            if place in cuts:
                store.ingest(blocks)
                blocks = []
            blocks += said[n].pop()
            if n in seen:
                expected.append(place)
            seen.add(n)
        store.ingest(blocks)
        with store.view() as view:
            keys = tables.DOUBLES.key
            rows = view.rows.scan(tables.DOUBLES.name)
            assert [keys.decode(key)[1] for key, _ in rows] == expected


def test_one_statement_that_comes_twice_is_one(store: Octostore) -> None:
    _, blocks = Issuer("again").says("Again")
    for _ in range(2):
        store.ingest(blocks)
    assert not has_equivocated(store, "again")


def test_a_commitment_is_found_at_its_first_entry_and_by_its_issuer_alone(
    store: Octostore,
) -> None:
    store.ingest(Issuer("before").says("Before")[1])
    one = Issuer("one")
    assert store.ingest(one.state([SECRET])[1]).accepted
    assert store.ingest(one.state([Profile(name="One"), SECRET])[1]).accepted
    with store.view() as view:
        assert view.committed(SECRET.cid, one.key.public) == 1
        assert view.committed(SECRET.cid, Issuer("thief").key.public) is None
    with store.view(1) as view:
        assert view.committed(SECRET.cid, one.key.public) is None
