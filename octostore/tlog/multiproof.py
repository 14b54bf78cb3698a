"""That many entries are in one tree, shown at once.

    tree of 8, leaves 2 and 3:   [(0..2), (4..8)]     two hashes, left to right

Go down from the root, left before right: a subtree that holds none of the leaves is
one hash, a leaf that is asked for is left out, and all others are opened. What the
paths of the leaves share is there once. One set of leaves has one proof. The tree
is that of RFC 6962. Source: docs/spec/bundle.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from octostore.errors import ProofError
from octostore.tlog.merkle import (
    HASH_BYTES,
    SIZE_MAX,
    Node,
    node_hash,
    range_root,
)

__all__ = ["multiproof", "verify_multiproof"]


def multiproof(node: Node, indexes: Sequence[int], size: int) -> tuple[bytes, ...]:
    """What shows that leaves at these ascending places are in the tree of `size`.

    Raises:
        ValueError: no leaf, one twice or out of order, or one outside of the tree.
    """
    if not indexes or indexes[0] < 0 or indexes[-1] >= size or size > SIZE_MAX:
        raise ValueError(f"leaves {list(indexes[:3])} of a tree of {size}")
    if any(a >= b for a, b in pairwise(indexes)):
        raise ValueError("places are to ascend")
    hashes: list[bytes] = []
    left_to_do = [(0, size)]
    while left_to_do:
        start, end = left_to_do.pop()
        first = bisect_left(indexes, start)
        if first == len(indexes) or indexes[first] >= end:
            hashes.append(range_root(node, start, end))
        elif end - start > 1:
            middle = _middle(start, end)
            left_to_do += [(middle, end), (start, middle)]
    return tuple(hashes)


def verify_multiproof(
    leaves: Mapping[int, bytes], size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Return if the leaves with these hashes are at their places in the tree.

    What it costs goes with the leaves and the proof, whatever size is declared.

    Raises:
        ProofError: it is not shown: too few or many hashes, another root, no leaf,
            or a place outside of the tree.
    """
    places = sorted(leaves)
    if not places or places[0] < 0 or places[-1] >= size or size > SIZE_MAX:
        raise ProofError(
            f"{len(places)} leaves up to {places[-1] if places else 'none'}"
            f" cannot be in a tree of {size}"
        )
    for item in (*proof, root, *leaves.values()):
        if len(item) != HASH_BYTES:
            raise ProofError(f"a hash of {len(item)} bytes; expected {HASH_BYTES}")
    rest = iter(proof)
    found = _root(leaves, places, (0, len(places)), (0, size), rest)
    if next(rest, None) is not None:
        raise ProofError(f"{len(proof)} hashes, more than these leaves need")
    if found != root:
        raise ProofError("the path of inclusion leads to another root")


def _root(
    leaves: Mapping[int, bytes],
    places: Sequence[int],
    among: tuple[int, int],
    span: tuple[int, int],
    rest: Iterator[bytes],
) -> bytes:
    """The hash of a subtree; never deeper than 63 calls."""
    (low, high), (start, end) = among, span
    if low == high:
        found = next(rest, None)
        if found is None:
            raise ProofError("fewer hashes than these leaves need")
        return found
    if end - start == 1:
        return leaves[start]
    middle = _middle(start, end)
    cut = bisect_left(places, middle, low, high)
    left = _root(leaves, places, (low, cut), (start, middle), rest)
    right = _root(leaves, places, (cut, high), (middle, end), rest)
    return node_hash(left, right)


def _middle(start: int, end: int) -> int:
    """Where a subtree of more than one leaf parts (RFC 6962)."""
    return start + (1 << (end - start - 1).bit_length() - 1)
