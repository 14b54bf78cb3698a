"""The Merkle tree of RFC 6962: hashes, and proofs of inclusion and consistency.

    level 2            (2,0)                 (level, index): the full subtree of
    level 1      (1,0)       (1,1)           2**level leaves that begins at leaf
    level 0   (0,0) (0,1) (0,2) (0,3)        index * 2**level

Proofs are made from a function that gives the hash of any full subtree, wherever
it is kept; a tree of any size is some full subtrees side by side. They are checked
from bytes alone, in at most 63 steps whatever size is declared.
Source: RFC 6962 section 2.1; RFC 9162 sections 2.1.3 and 2.1.4 (how to verify);
draft-ietf-plants-merkle-tree-certs section 4 (subtrees).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from octostore.errors import ProofError

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "PROOF_HASHES_MAX",
    "SIZE_MAX",
    "Node",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "range_root",
    "verify_consistency",
    "verify_inclusion",
    "verify_subtree",
]

HASH_BYTES: Final = 32

#: Largest tree: a level of a tile is at most 63 (tlog-tiles), and sizes are kept in
#: signed 64 bits by most other programs.
SIZE_MAX: Final = (1 << 63) - 1

#: A path in the largest tree; also what a witness takes (tlog-witness).
PROOF_HASHES_MAX: Final = 63

#: The root of a tree without leaves.
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

#: The hash of the full subtree at (level, index).
Node: TypeAlias = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962: sha256 of 0x00 and the bytes of the entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962: sha256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def range_root(node: Node, start: int, end: int) -> bytes:
    """The hash of the leaves `start` to `end`, where a subtree begins at `start`.

    With `start` 0 it is the root of a tree of `end` leaves.
    """
    root: bytes | None = None
    for level, index in reversed(list(_full_subtrees(start, end))):
        left = node(level, index)
        root = left if root is None else node_hash(left, root)
    return EMPTY_ROOT if root is None else root


def inclusion_proof(node: Node, index: int, size: int) -> tuple[bytes, ...]:
    """The path from a leaf to the root of the tree of `size` leaves, leaf first.

    Raises:
        ValueError: there is no such leaf in such a tree.
    """
    if not 0 <= index < size <= SIZE_MAX:
        raise ValueError(f"leaf {index} of a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(node, middle, end))
            end = middle
        else:
            path.append(range_root(node, start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_proof(node: Node, old: int, size: int) -> tuple[bytes, ...]:
    """What shows that the tree of `old` leaves is how the tree of `size` began.

    Empty if `old` is 0 or `size`.

    Raises:
        ValueError: `old` is larger, or no such tree can be.
    """
    if not 0 <= old <= size <= SIZE_MAX:
        raise ValueError(f"a tree of {old} in a tree of {size}")
    if old in (0, size):
        return ()
    path: list[bytes] = []
    start, end = 0, size
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_root(node, middle, end))
            end = middle
        else:
            path.append(range_root(node, start, middle))
            start = middle
    if start:  # else it is the old root itself, which the verifier has
        path.append(range_root(node, start, end))
    return tuple(reversed(path))


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Return if the leaf with this hash is at `index` in the tree of `size`.

    Raises:
        ProofError: it is not shown: another length, another root, no such place.
    """
    if not 0 <= index < size <= SIZE_MAX:
        raise ProofError(f"leaf {index} cannot be in a tree of {size} leaves")
    _check_hashes([leaf, root, *proof])
    inner = (index ^ (size - 1)).bit_length()
    expected = inner + (index >> inner).bit_count()
    if len(proof) != expected:
        raise ProofError(
            f"{len(proof)} hashes; leaf {index} of {size} is shown by {expected}"
        )
    found = leaf
    for level, beside in enumerate(proof):
        # Above the last turn, only subtrees to the left are left to join.
        is_right = level >= inner or index >> level & 1
        found = node_hash(beside, found) if is_right else node_hash(found, beside)
    if found != root:
        raise ProofError("the path of inclusion leads to another root")


def verify_consistency(
    old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes
) -> None:
    """Return if the tree of `old` leaves is how the tree of `size` began.

    Raises:
        ProofError: it is not shown; the proof of an empty or an equal tree is empty.
    """
    if not 0 <= old <= size <= SIZE_MAX:
        raise ProofError(f"a tree of {old} leaves cannot precede one of {size}")
    if size == 0 and root != EMPTY_ROOT:
        raise ProofError("an empty tree with the root of another")
    if old == size and old_root != root:
        raise ProofError(f"two trees of {size} leaves with different roots")
    verify_subtree(0, old, size, proof, old_root, root)


def verify_subtree(
    start: int,
    end: int,
    size: int,
    proof: Sequence[bytes],
    subtree_root: bytes,
    root: bytes,
) -> None:
    """Return if the leaves `start` to `end` of the tree hash to `subtree_root`.

    A subtree begins at a multiple of the least power of two that holds it. One
    without leaves is part of every tree, and has no proof.

    Raises:
        ProofError: it is not shown, or it is no subtree.
    """
    if not 0 <= start <= end <= size <= SIZE_MAX:
        raise ProofError(f"leaves {start} to {end} of a tree of {size}")
    if start == end or (start, end) == (0, size):
        if proof:
            raise ProofError(f"{len(proof)} hashes, where none shows anything")
        if subtree_root != (EMPTY_ROOT if start == end else root):
            raise ProofError(f"no tree of {end - start} leaves has this root")
        return
    if start & (1 << (end - start - 1).bit_length()) - 1:
        raise ProofError(f"no subtree holds just the leaves {start} to {end}")
    _check_hashes([subtree_root, root, *proof])
    inside, outside = _climb(start, end - 1, size - 1, subtree_root, proof)
    if inside != subtree_root:
        raise ProofError("the proof of consistency begins with another old root")
    if outside != root:
        raise ProofError("the proof of consistency leads to another root")


def _climb(
    first: int, last: int, edge: int, subtree_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The roots that a proof gives to the subtree `first` to `last`, and to the tree.

    `edge` is the last leaf of the tree; all three are counted in nodes of the level
    that has been reached.
    """
    # The proof begins at the largest full subtree that ends the subtree; where
    # that is the subtree itself, the verifier has its hash.
    skip = (first ^ last).bit_length()
    if last != edge:
        skip = min(skip, _trailing_zeros(~last))
    first, last, edge = first >> skip, last >> skip, edge >> skip
    rest = iter(proof)
    seed = subtree_root if first == last else next(rest, None)
    if seed is None:
        raise ProofError("no hashes, where some are needed")
    inside = outside = seed
    for beside in rest:
        if edge == 0:
            raise ProofError("more hashes than the tree has levels")
        if last & 1 or last == edge:
            if first < last:
                inside = node_hash(beside, inside)
            outside = node_hash(beside, outside)
            skip = _trailing_zeros(last)
            first, last, edge = first >> skip, last >> skip, edge >> skip
        else:
            outside = node_hash(outside, beside)
        first, last, edge = first >> 1, last >> 1, edge >> 1
    if edge:
        raise ProofError("fewer hashes than the tree has levels")
    return inside, outside


def _full_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The largest full subtrees that the leaves consist of, from left to right."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _split(count: int) -> int:
    """The largest power of two less than `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def _trailing_zeros(number: int) -> int:
    """How many bits below the lowest one are zero; 63 if there is none."""
    return (number & -number).bit_length() - 1 if number else 63


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if len(hashes) > PROOF_HASHES_MAX + 2:
        raise ProofError(
            f"a proof of {len(hashes) - 2} hashes; at most {PROOF_HASHES_MAX}"
        )
    for item in hashes:
        if len(item) != HASH_BYTES:
            raise ProofError(f"a hash of {len(item)} bytes; expected {HASH_BYTES}")
