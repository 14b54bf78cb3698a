from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octostore.errors import ProofError
from octostore.tlog.merkle import (
    EMPTY_ROOT,
    PROOF_HASHES_MAX,
    SIZE_MAX,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_root,
    verify_consistency,
    verify_inclusion,
    verify_subtree,
)

LEAVES = [leaf_hash(bytes([n])) for n in range(80)]


def by_definition(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(by_definition(hashes[:k]), by_definition(hashes[k:]))


def path(m: int, hashes: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1, word for word."""
    if len(hashes) == 1:
        return []
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if m < k:
        return [*path(m, hashes[:k]), by_definition(hashes[k:])]
    return [*path(m - k, hashes[k:]), by_definition(hashes[:k])]


def subproof(m: int, hashes: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2, word for word."""
    if m == len(hashes):
        return [] if whole else [by_definition(hashes)]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if m <= k:
        return [*subproof(m, hashes[:k], whole), by_definition(hashes[k:])]
    return [*subproof(m - k, hashes[k:], False), by_definition(hashes[:k])]


def node(level: int, index: int) -> bytes:
    return by_definition(LEAVES[index << level : index + 1 << level])


def test_a_range_of_leaves_has_the_root_of_the_definition() -> None:
    for size in range(len(LEAVES) + 1):
        assert range_root(node, 0, size) == by_definition(LEAVES[:size])


def test_every_leaf_of_every_tree_has_the_path_of_the_definition() -> None:
    for size in range(1, 70):
        root = by_definition(LEAVES[:size])
        for index in range(size):
            proof = inclusion_proof(node, index, size)
            assert list(proof) == path(index, LEAVES[:size])
            verify_inclusion(LEAVES[index], index, size, proof, root)


def test_every_tree_has_the_consistency_proof_of_the_definition() -> None:
    for size in range(45):
        root = by_definition(LEAVES[:size])
        for old in range(size + 1):
            proof = consistency_proof(node, old, size)
            expected = subproof(old, LEAVES[:size], True) if old else []
            assert list(proof) == expected
            verify_consistency(old, size, proof, by_definition(LEAVES[:old]), root)


def mutated(proof: tuple[bytes, ...]) -> Iterator[list[bytes]]:
    """The nearest proofs that are others."""
    for at in range(len(proof)):
        for byte in (0, 31):
            bent = bytearray(proof[at])
            bent[byte] ^= 1
            yield [*proof[:at], bytes(bent), *proof[at + 1 :]]
        yield [*proof[:at], *proof[at + 1 :]]
        yield [*proof[:at], proof[at][:-1], *proof[at + 1 :]]
        yield [*proof[: at + 1], *proof[at:]]
    yield [*proof, EMPTY_ROOT]
    yield [EMPTY_ROOT, *proof]
    yield [*proof, b""]


@given(st.data())
def test_a_proof_of_inclusion_holds_for_one_leaf_one_place_and_one_tree(
    data: st.DataObject,
) -> None:
    size = data.draw(st.integers(1, 79))
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(node, index, size), range_root(node, 0, size)
    for other in mutated(proof):
        with pytest.raises(ProofError):
            verify_inclusion(LEAVES[index], index, size, other, root)
    for leaf, place, of, to in (
        (LEAVES[index ^ 1], index, size, root),
        (LEAVES[index], index + 1, size, root),
        (LEAVES[index], index - 1, size, root),
        (LEAVES[index], index, size, LEAVES[index] if size > 1 else EMPTY_ROOT),
    ):
        with pytest.raises(ProofError):
            verify_inclusion(leaf, place, of, proof, to)


@given(st.data())
def test_a_proof_of_consistency_holds_for_two_trees_alone(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 79))
    old = data.draw(st.integers(1, size - 1))
    proof = consistency_proof(node, old, size)
    before, after = range_root(node, 0, old), range_root(node, 0, size)
    verify_consistency(old, size, proof, before, after)
    for other in mutated(proof):
        with pytest.raises(ProofError):
            verify_consistency(old, size, other, before, after)
    for sizes, roots in (
        ((size, old), (before, after)),
        ((old, size), (after, before)),
        ((old, size), (before, before)),
        ((old - 1, size), (before, after)),
        ((old + 1, size), (before, after)),
    ):
        with pytest.raises(ProofError):
            verify_consistency(*sizes, proof, *roots)


@pytest.mark.slow
def test_a_tree_of_any_declared_size_is_refused_at_once() -> None:
    hashes = [EMPTY_ROOT] * PROOF_HASHES_MAX
    started = time.perf_counter()
    for size in (1 << 40, SIZE_MAX):
        for proof in ([], hashes[:40], hashes):
            with pytest.raises(ProofError):
                verify_inclusion(LEAVES[0], size - 1, size, proof, EMPTY_ROOT)
            with pytest.raises(ProofError):
                verify_consistency(size // 3, size, proof, LEAVES[0], EMPTY_ROOT)
    with pytest.raises(ProofError, match="at most 63"):
        verify_consistency(1, SIZE_MAX, hashes * 1000, LEAVES[0], EMPTY_ROOT)
    with pytest.raises(ProofError):
        verify_inclusion(LEAVES[0], 0, SIZE_MAX + 1, hashes, EMPTY_ROOT)
    assert time.perf_counter() - started < 1


def test_no_proof_is_made_of_what_cannot_be() -> None:
    for index, size in ((1, 1), (-1, 1), (0, 0), (0, SIZE_MAX + 1)):
        with pytest.raises(ValueError, match="leaf"):
            inclusion_proof(node, index, size)
    for old, size in ((2, 1), (-1, 1)):
        with pytest.raises(ValueError, match="tree"):
            consistency_proof(node, old, size)


def test_what_was_proven_of_a_subtree_holds_as_the_definition_says() -> None:
    size = 13
    root = by_definition(LEAVES[:size])
    verify_subtree(8, 13, size, [node(3, 0)], by_definition(LEAVES[8:13]), root)
    with pytest.raises(ProofError, match="no subtree"):
        verify_subtree(1, 3, size, [], LEAVES[1], root)
    with pytest.raises(ProofError):
        verify_subtree(8, 13, size, [node(3, 1)], by_definition(LEAVES[8:13]), root)


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


ROWS = json.loads((Path(__file__).parents[2] / "vectors" / "merkle.json").read_text())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_vectors(row: dict[str, Any]) -> None:
    if row["kind"] == "root":
        leaves = [leaf_hash(bytes.fromhex(entry)) for entry in row["entries"]]

        def of_row(level: int, index: int) -> bytes:
            return by_definition(leaves[index << level : index + 1 << level])

        assert range_root(of_row, 0, len(leaves)) == raw(row["root"])
        return
    proof = [raw(item) for item in row["proof"]]

    def check() -> None:
        if row["kind"] == "inclusion":
            place = row["index"], row["size"]
            verify_inclusion(raw(row["leaf"]), *place, proof, raw(row["root"]))
        else:
            roots = raw(row["old_root"]), raw(row["root"])
            verify_consistency(row["old"], row["size"], proof, *roots)

    if row["valid"]:
        check()
    else:
        with pytest.raises(ProofError):
            check()
