"""What a store writes short, it reads back; and each block is written in one way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from octostore import tables
from octostore.check import check_folder
from octostore.engine import Row
from octostore.engine.choice import ENGINES
from octostore.packed import PHRASES, pack, unpack
from octostore.store import Octostore
from tests.octostore.test_check import change, rows_of
from tests.octostore.world import Issuer, Ran, result

#: Whole phrases, beginnings of them, what marks them, and what lies between.
PIECES = st.one_of(
    st.sampled_from(PHRASES),
    st.builds(lambda phrase, n: phrase[:n], st.sampled_from(PHRASES), st.integers(0)),
    st.integers(0, len(PHRASES) + 1).map(lambda n: bytes((0xFE, n))),
    st.integers(0, len(PHRASES) + 1).map(lambda n: bytes((n,))),
    st.sampled_from([b"\xfe", b"\x82\x58\x40", b"\xa9"]),
    st.binary(max_size=40),
)


@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_what_is_packed_is_unpacked_to_the_same_bytes(block: bytes) -> None:
    assert unpack(pack(block)) == block


@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_only_bytes_that_begin_with_the_mark_may_grow(block: bytes) -> None:
    assert len(pack(block)) <= len(block) or block.startswith(b"\xfe")
    assert len(pack(block)) <= 2 * len(block) + 1


@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_any_bytes_unpack_to_something_of_bounded_size(value: bytes) -> None:
    longest = max(map(len, PHRASES))
    assert len(unpack(value)) <= longest * len(value) // 2 + len(value)


def test_no_phrase_can_be_taken_for_a_mark_or_begins_as_its_number() -> None:
    numbers = bytes(range(len(PHRASES) + 1))
    assert len(PHRASES) < 0x60
    for phrase in PHRASES:
        assert b"\xfe" not in phrase
        assert phrase[0] not in numbers


def test_the_numbers_of_phrases_are_those_of_the_layout() -> None:
    """Another order reads the blocks of stores that are there as others."""
    assert tables.LAYOUT_VERSION == b"6"
    assert [phrase[:8].hex() for phrase in PHRASES] == [
        "647479706565636c",
        "66726573756c74d8",
        "6a696e766f636174",
        "676e6574776f726b",
        "6773746172746564",
        "686578656375746f",
        "6866696e69736865",
        "68706c6174666f72",
        "a26168483401ed01",
        "6369737378386469",
        "65636861696e50",
        "677265636f726473",
        "d82a582500017112",
        "a265696e707574d8",
        "6770726f6772616d",
        "667374646f7574d8",
        "676f757470757473",
        "6566696c6573",
        "d82a582500015512",
    ]


@pytest.mark.parametrize("index", range(6))
def test_every_block_of_a_claim_is_kept_shorter(index: int) -> None:
    _, blocks = Issuer("one").claims(Ran(), result())
    block = blocks[index][1]
    assert len(pack(block)) < len(block)
    assert pack(block).startswith(b"\xfe")


def test_bytes_larger_than_a_block_keep_their_phrases() -> None:
    large = PHRASES[0] * (BLOCK_BYTES_MAX // len(PHRASES[0]) + 1)
    assert pack(large) == large
    assert unpack(pack(b"\xfe" + large)) == b"\xfe" + large


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_bytes_of_any_kind_come_back_from_a_store(tmp_path: Path, engine: str) -> None:
    some = [b"", b"\xfe", b"\xfe\x01", *PHRASES, *(b"\xfe" + p for p in PHRASES)]
    with Octostore.open(tmp_path, engine=engine) as store:
        cids = [store.add_bytes(data) for data in some]
        assert [store.get(cid) for cid in cids] == some
        store.rebuild()
        assert [store.get(cid) for cid in cids] == some
    assert check_folder(tmp_path).holds


def test_a_block_that_is_packed_otherwise_is_a_fault(tmp_path: Path) -> None:
    _, blocks = Issuer("one").claims(Ran(), result())
    with Octostore.open(tmp_path) as store:
        store.ingest(blocks)
    key, value = rows_of(tmp_path, "blocks")[0]
    assert unpack(value) != value
    change(tmp_path, Row("blocks", key, unpack(value)))
    with Octostore.open(tmp_path) as store:
        assert store.find(blocks[0][0]) == blocks[0][1]
    (fault,) = check_folder(tmp_path).faults
    assert (fault.table, fault.key) == ("blocks", "block 0")
