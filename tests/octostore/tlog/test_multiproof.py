"""Many entries shown in one tree at once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octostore.errors import ProofError
from octostore.tlog.merkle import (
    SIZE_MAX,
    Node,
    inclusion_proof,
    leaf_hash,
    range_root,
    verify_inclusion,
)
from octostore.tlog.multiproof import multiproof, verify_multiproof
from tests.vectors.make.bundles import together
from tests.vectors.make.merkle import root as root_of

ENTRIES = [b"%d" % number for number in range(70)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def node(level: int, index: int) -> bytes:
    start = index << level
    return root_of(ENTRIES[start : start + (1 << level)])


_TREES = st.integers(1, len(ENTRIES)).flatmap(
    lambda size: st.tuples(
        st.just(size), st.sets(st.integers(0, size - 1), min_size=1, max_size=12)
    )
)


def shown(size: int, places: Sequence[int]) -> tuple[bytes, ...]:
    return multiproof(node, sorted(places), size)


@given(_TREES)
def test_it_is_what_the_definition_says(tree: tuple[int, set[int]]) -> None:
    size, places = tree
    proof = shown(size, list(places))
    assert list(proof) == together(ENTRIES[:size], places)
    leaves = {place: LEAVES[place] for place in places}
    verify_multiproof(leaves, size, proof, range_root(node, 0, size))


@given(
    st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1)))
)
def test_of_one_leaf_it_holds_the_path_of_inclusion(tree: tuple[int, int]) -> None:
    size, place = tree
    path = inclusion_proof(node, place, size)
    assert sorted(shown(size, [place])) == sorted(path)
    verify_inclusion(LEAVES[place], place, size, path, range_root(node, 0, size))


@given(_TREES, st.data())
def test_anything_else_is_refused(
    tree: tuple[int, set[int]], data: st.DataObject
) -> None:
    size, places = tree
    proof, root = shown(size, list(places)), range_root(node, 0, size)
    leaves = {place: LEAVES[place] for place in places}
    place = data.draw(st.sampled_from(sorted(places)))
    wrong: list[tuple[dict[int, bytes], int, tuple[bytes, ...], bytes]] = [
        (leaves | {place: bytes(32)}, size, proof, root),
        (leaves, size, (*proof, bytes(32)), root),
        (leaves, size, proof, bytes(32)),
        (leaves | {size: bytes(32)}, size, proof, root),
        (leaves | {-1: bytes(32)}, size, proof, root),
        ({}, size, (root,), root),
    ]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        wrong.append((leaves, size, (*proof[:at], flipped, *proof[at + 1 :]), root))
        wrong.append((leaves, size, proof[:-1], root))
        wrong.append((leaves, size, (*proof[:-1], proof[-1][:31]), root))
    for case in wrong:
        with pytest.raises(ProofError):
            verify_multiproof(*case)


@pytest.mark.slow
@pytest.mark.parametrize("size", [2**40, 2**62 + 1, SIZE_MAX])
def test_a_tree_of_any_size_takes_time_by_what_came(size: int) -> None:
    """Sound paths in a tree that nobody could hold, of many leaves."""

    def anything(level: int, index: int) -> bytes:
        return hashlib.sha256(b"%d %d" % (level, index)).digest()

    places = sorted({(size - 1) * part // 300 for part in range(301)})
    leaves = {place: anything(0, place) for place in places}
    made: Node = anything
    begun = time.perf_counter()
    proof = multiproof(made, places, size)
    with pytest.raises(ProofError, match="another root"):
        verify_multiproof(leaves, size, proof, bytes(32))
    with pytest.raises(ProofError, match="fewer"):
        verify_multiproof(leaves, size, (), bytes(32))
    assert time.perf_counter() - begun < 5


def test_a_larger_tree_than_any_is_refused() -> None:
    with pytest.raises(ProofError, match="cannot be in a tree"):
        verify_multiproof({0: bytes(32)}, SIZE_MAX + 1, (), bytes(32))


@pytest.mark.parametrize(
    ("places", "size"), [([], 3), ([3], 3), ([-1], 3), ([1, 1], 3), ([2, 1], 3)]
)
def test_no_proof_is_made_of_what_is_not_there(places: list[int], size: int) -> None:
    with pytest.raises(ValueError, match=r"leaves|ascend"):
        multiproof(node, places, size)
