"""Questions to the map, and where in its trie they lead.

    Question(key(Topic.PAIR, C1, D1))               all keys that begin so
    Question(prefix, first=k, last=m)               a page of them

Maker and reader of a proof follow the same ways. Source: docs/spec/map.md, Proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from octostore.map.trie import bit

__all__ = ["Question", "Way", "sides", "ways"]


class Question(NamedTuple):
    """All keys that begin with `prefix`; of them those in `first` .. `last`.

    `first` and `last` must be keys of the map, and belong to the answer.
    """

    prefix: bytes
    first: bytes | None = None
    last: bytes | None = None


class Way(NamedTuple):
    """A question that leads to the subtree at hand, with the bounds that do, too."""

    number: int
    prefix: bytes
    first: bytes | None
    last: bytes | None


def ways(questions: Iterable[Question]) -> list[Way]:
    """Where questions stand before the root."""
    return [Way(number, *question) for number, question in enumerate(questions)]


def sides(way: Way, depth: int) -> tuple[Way | None, Way | None]:
    """What of a question leads to the left and right of an inner node at `depth`."""
    number, prefix, first, last = way
    if depth < 8 * len(prefix):
        return (None, way) if bit(prefix, depth) else (way, None)
    begins_right = first is not None and _bit(first, depth)
    ends_left = last is not None and not _bit(last, depth)
    left = Way(number, prefix, first, last if ends_left else None)
    right = Way(number, prefix, first if begins_right else None, last)
    return None if begins_right else left, None if ends_left else right


def _bit(key: bytes, depth: int) -> int:
    """The bit, 0 past the end: such a bound is met by no leaf, and refused there."""
    return bit(key, depth) if depth < 8 * len(key) else 0
