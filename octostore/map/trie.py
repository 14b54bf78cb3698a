"""The Merkle trie of the map: one root for one set of keys, in whatever order.

    sha256(12)                              root of no keys
    sha256(10 | key)                        leaf
    sha256(11 | depth(2) | left | right)    inner node: where keys part, at that bit

Bits of a key count from 0, most significant first; 0 goes left. An inner node
stands only where keys part, so a trie of n keys has n - 1 of them and one shape.
No key is a prefix of another. All here is pure. Source: docs/spec/map.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

__all__ = [
    "EMPTY",
    "HASH_BYTES",
    "KEY_BYTES_MAX",
    "bit",
    "fold",
    "inner_hash",
    "leaf_hash",
    "parting",
    "root_of",
]

HASH_BYTES: Final = 32

_LEAF: Final = b"\x10"
_INNER: Final = b"\x11"

#: Longest key: a topic and four hashes.
KEY_BYTES_MAX: Final = 1 + 4 * HASH_BYTES

#: What inner nodes of each depth begin with.
_INNERS: Final = tuple(
    _INNER + depth.to_bytes(2, "big") for depth in range(8 * KEY_BYTES_MAX)
)

#: The root of a map without keys.
EMPTY: Final = hashlib.sha256(b"\x12").digest()

_sha256 = hashlib.sha256


def leaf_hash(key: bytes) -> bytes:
    """sha256 of 0x10 and the key, which is all a leaf holds."""
    return _sha256(_LEAF + key).digest()


def inner_hash(depth: int, left: bytes, right: bytes) -> bytes:
    """sha256 of 0x11, the bit at which its keys part, and both sides."""
    return _sha256(_INNERS[depth] + left + right).digest()


def bit(key: bytes, depth: int) -> int:
    """The bit of `key` at `depth`, which is inside it."""
    return key[depth >> 3] >> (7 - (depth & 7)) & 1


def parting(a: bytes, b: bytes) -> int:
    """The first bit at which two keys differ, neither a prefix of the other."""
    size = min(len(a), len(b))
    odd = int.from_bytes(a[:size], "big") ^ int.from_bytes(b[:size], "big")
    return size * 8 - odd.bit_length()


def fold(hashes: Sequence[bytes], depths: Sequence[int]) -> bytes:
    """The root over one or more subtrees in order; `depths` is where neighbours part.

    Subtrees that part deepest are joined first, as in the trie of all their keys.
    """
    stack = [hashes[0]]
    open_at: list[int] = []
    # The innermost loop of every update: `inner_hash` is written out.
    for subtree, depth in zip(hashes[1:], depths, strict=True):
        while open_at and open_at[-1] > depth:
            right = stack.pop()
            head = _INNERS[open_at.pop()]
            stack[-1] = _sha256(head + stack[-1] + right).digest()
        open_at.append(depth)
        stack.append(subtree)
    while open_at:
        right = stack.pop()
        stack[-1] = _sha256(_INNERS[open_at.pop()] + stack[-1] + right).digest()
    return stack[0]


def root_of(keys: Sequence[bytes]) -> bytes:
    """The root of keys that are sorted and distinct."""
    if not keys:
        return EMPTY
    return fold([_sha256(_LEAF + key).digest() for key in keys], _partings(keys))


def _partings(keys: Sequence[bytes]) -> list[int]:
    """Where each key parts from the next."""
    bits = 8 * len(keys[0])
    if any(8 * len(key) != bits for key in keys):
        return [parting(a, b) for a, b in pairwise(keys)]
    numbers = [int.from_bytes(key, "big") for key in keys]
    return [bits - (a ^ b).bit_length() for a, b in pairwise(numbers)]
