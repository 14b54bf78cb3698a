"""The map on disk: what it says is what the definitions say, whatever came first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octostore import tables
from octostore.engine import Engine, Row
from octostore.engine.choice import ENGINES
from octostore.errors import StoreCorruptError
from octostore.map.pages import PAGE_KEYS, MapTrie, grow, prove
from octostore.map.proof import MapProof, open_proof
from octostore.map.questions import Question
from octostore.map.trie import EMPTY, root_of
from tests.octostore.test_map_proof import asked_of_a_map
from tests.vectors.make import trie


@pytest.fixture(params=sorted(ENGINES))
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = ENGINES[request.param].open(tmp_path / "engine", tables.TABLES)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for many examples, emptied before each."""
    engine = ENGINES["lmdb"].open(tmp_path_factory.mktemp("map") / "s", tables.TABLES)
    yield engine
    engine.close()


def empty(engine: Engine) -> None:
    with engine.snapshot() as rows:
        batch = [
            Row(table, key, None)
            for table in (tables.MAP_KEYS.name, tables.MAP_NODES.name)
            for key, _ in rows.scan(table)
        ]
    engine.commit(batch)


def add(engine: Engine, keys: list[bytes]) -> bytes:
    with engine.snapshot() as rows:
        changed, root = grow(rows, keys)
    engine.apply(changed)
    with engine.snapshot() as rows:
        assert MapTrie(rows).root == root
    return root


def dump(engine: Engine) -> list[list[tuple[bytes, bytes]]]:
    with engine.snapshot() as rows:
        names = (tables.MAP_KEYS.name, tables.MAP_NODES.name)
        return [list(rows.scan(name)) for name in names]


def many(count: int, seed: int = 0) -> list[bytes]:
    """Keys as in a real map: popular programs, invocations with many claims."""

    def part(number: int, place: int, kinds: int) -> bytes:
        drawn = hashlib.sha256(b"%d %d %d" % (seed, number, place)).digest()
        kind = int.from_bytes(drawn[:8], "big") % kinds
        return hashlib.sha256(b"%d" % kind).digest()

    return [
        b"\x01" + part(n, 0, 9) + part(n, 1, 40) + part(n, 2, 10**9) + bytes(32)
        if n % 5 < 3
        else b"\x04" + part(n, 0, 3) + part(n, 1, 10**9) + part(n, 2, 10**9)
        for n in range(count)
    ]


def shuffled(keys: list[bytes], seed: int) -> list[bytes]:
    return sorted(keys, key=lambda key: hashlib.sha256(b"%d" % seed + key).digest())


def test_an_empty_map_has_the_root_of_no_keys(engine: Engine) -> None:
    assert add(engine, []) == EMPTY
    with engine.snapshot() as rows:
        proof = prove(rows, [Question(b"\x01")])
    assert open_proof(proof, EMPTY, [Question(b"\x01")]) == ((),)


@pytest.mark.parametrize("batches", [1, 2, 7, 60])
def test_order_and_batches_show_nowhere(engine: Engine, batches: int) -> None:
    keys = shuffled(many(1200), batches)
    root = b""
    for at in range(batches):
        root = add(engine, keys[at::batches])
    assert root == root_of(sorted(set(keys)))
    empty(engine)
    rows = dump(engine)
    assert rows == [[], []]
    add(engine, sorted(keys))
    whole = dump(engine)
    empty(engine)
    for at in range(batches):
        add(engine, keys[at::batches])
    assert dump(engine) == whole


def test_keys_that_are_there_change_nothing(engine: Engine) -> None:
    keys = many(300)
    root, before = add(engine, keys), dump(engine)
    assert add(engine, keys[:100]) == root
    assert dump(engine) == before


def test_keys_that_part_above_a_page_move_it_down(engine: Engine) -> None:
    """A long shared prefix, then a key that leaves it at each nibble."""
    stem = b"\x01" + bytes(range(1, 65))
    keys = [stem + hashlib.sha256(b"%d" % n).digest() * 2 for n in range(60)]
    root = add(engine, keys)
    assert root == trie.root(keys)
    for at in range(1, 65):
        for flip in (0x01, 0x10):
            odd = bytearray(keys[0])
            odd[at] ^= flip
            keys.append(bytes(odd))
            assert add(engine, [bytes(odd)]) == root_of(sorted(keys))
    rows = dump(engine)
    empty(engine)
    add(engine, keys)
    assert dump(engine) == rows


_BATCHES = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 4)), min_size=1, max_size=5
)


@given(_BATCHES, st.integers(0, 10**6))
def test_growing_gives_the_root_by_definition(
    fast: Engine, batches: list[tuple[int, int]], seed: int
) -> None:
    empty(fast)
    keys: set[bytes] = set()
    for count, more in batches:
        new = many(count, seed + more)
        keys.update(new)
        assert add(fast, new) == root_of(sorted(keys))


@given(asked_of_a_map(), st.data())
def test_proofs_are_those_of_the_definition(
    fast: Engine,
    asked: tuple[set[bytes], list[trie.Question], set[bytes]],
    data: st.DataObject,
) -> None:
    keys, questions, _ = asked
    if data.draw(st.booleans()):  # so many that there are pages
        keys |= set(many(data.draw(st.sampled_from([PAGE_KEYS, 60])), 1))
    empty(fast)
    root = add(fast, sorted(keys))
    numbers = data.draw(st.sets(st.integers(0, max(len(questions) - 1, 0))))
    known = {
        key
        for number in numbers
        if number < len(questions)
        for key in trie.answer(keys, questions[number])
    }
    found = [Question(*question) for question in questions]
    with fast.snapshot() as rows:
        proof = prove(rows, found, numbers)
    assert list(proof.items) == trie.prove(keys, questions, known)
    opened = open_proof(MapProof.from_bytes(bytes(proof)), root, found, known)
    assert [list(keys) for keys in opened] == [
        trie.answer(keys, question) for question in questions
    ]


def test_pages_chain_to_the_whole(engine: Engine) -> None:
    keys = sorted(set(many(2000)))
    root = add(engine, keys)
    prefix = next(key for key in keys if key[0] == 1)[:33]
    mine = [key for key in keys if key.startswith(prefix)]
    got: list[bytes] = []
    with engine.snapshot() as rows:
        for at in range(0, len(mine), 50):
            first = mine[at - 1] if at else None
            last = mine[at + 49] if at + 50 < len(mine) else None
            page = [Question(prefix, first, last)]
            (found,) = open_proof(prove(rows, page), root, page)
            got += found if first is None else found[1:]
    assert got == mine


def test_a_page_that_is_none_is_named(engine: Engine) -> None:
    add(engine, many(200))
    engine.commit([Row(tables.MAP_NODES.name, b"\x00", b"\x00\x00")])
    with engine.snapshot() as rows, pytest.raises(StoreCorruptError, match="page"):
        grow(rows, many(1, 5))
