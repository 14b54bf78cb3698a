"""Proofs of the map: a trie opened where questions lead, closed everywhere else.

    {"octostore/map-proof@1": [0, 5, h'9f..', 31, null, h'c0..', h'77..']}
                               |  |   |        |    |
                               |  |   closed   |    the keys that the reader knows
                               an inner node   and so on, each node before its sides

One proof answers many questions. A question is a prefix, and its answer all keys
of the map that begin with it, none included; of a long answer a page, from one key
to another. Keys that the reader has from elsewhere (claims of an answer) cost a
byte altogether. For one map, its questions and the keys known there is one proof.
The maker is pages.py. Source: docs/spec/map.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from invocation_spec import dagcbor
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.errors import EncodingError
from octostore.engine import successor
from octostore.errors import ProofError
from octostore.map.questions import Question, Way, sides, ways
from octostore.map.trie import (
    EMPTY,
    HASH_BYTES,
    KEY_BYTES_MAX,
    bit,
    inner_hash,
    leaf_hash,
    parting,
    root_of,
)

__all__ = [
    "ITEMS_MAX",
    "KNOWN_MAX",
    "PATH_MAX",
    "MapProof",
    "QUESTIONS_MAX",
    "open_proof",
]

_TAG: Final = "octostore/map-proof@1"

_DEPTH_MAX: Final = 8 * KEY_BYTES_MAX - 1

#: Items of one proof: a page of 10,000 keys with all that lies between takes 20,000.
ITEMS_MAX: Final = 1 << 16

#: Questions of one proof: each invocation of a page of `who`, and a few more.
QUESTIONS_MAX: Final = 1 << 12

#: Inner nodes on the way of a question, on the average: some 20 in a map of a million
#: keys; each more costs whoever wants it there twice the hashes of the last.
PATH_MAX: Final = 128

#: Keys that one proof speaks of: a popular invocation, whole.
KNOWN_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class MapProof:
    """What it holds is believed only when `open_proof` has led it to a root.

    Raises:
        ProofError: too many items, or one that is none.
    """

    items: tuple[int | bytes | None, ...]

    def __post_init__(self) -> None:
        if len(self.items) > ITEMS_MAX:
            raise ProofError(
                f"{len(self.items)} items; a proof has at most {ITEMS_MAX}"
            )
        for at, item in enumerate(self.items):
            if isinstance(item, bytes):
                if not HASH_BYTES <= len(item) <= KEY_BYTES_MAX:
                    raise _wrong(at, f"{len(item)} bytes are no hash and no key")
            elif item is not None and (
                type(item) is not int or not 0 <= item <= _DEPTH_MAX
            ):
                raise _wrong(at, f"{item!r} is no depth; 0 .. {_DEPTH_MAX}")

    @classmethod
    def from_bytes(cls, block: bytes) -> Self:
        """Read what `bytes` wrote.

        Raises:
            ProofError: anything but the one encoding of a proof.
        """
        try:
            value = dagcbor.decode(block)
        except EncodingError as error:
            raise ProofError(f"no proof of the map: {error}") from error
        if not isinstance(value, dict) or value.keys() != {_TAG}:
            raise ProofError(f"no proof of the map; expected a map of {_TAG} alone")
        items = value[_TAG]
        if not isinstance(items, list):
            raise ProofError("no proof of the map: its items are no list")
        return cls(tuple(items))

    def __bytes__(self) -> bytes:
        """The proof as DAG-CBOR.

        Raises:
            ProofError: larger than a block; ask for less at once.
        """
        try:
            return dagcbor.encode({_TAG: list(self.items)})
        except EncodingError as error:
            raise ProofError(
                f"a proof of more than {BLOCK_BYTES_MAX} bytes; ask for less at once"
            ) from error


def open_proof(
    proof: MapProof,
    root: bytes,
    questions: Sequence[Question],
    known: Iterable[bytes] = (),
) -> tuple[tuple[bytes, ...], ...]:
    """The keys that answer each question, in order; all that the map has.

    `known` are keys that the proof may leave out; each must answer a question, and
    those that it does not lead to the root are refused.

    Raises:
        ProofError: the proof does not lead to the root, opens less or more than
            the questions need, or a known key is not in the map; `at` says at
            which item.
    """
    keys = sorted(set(known))
    _check_questions(questions)
    _check_known(keys, questions)
    return _Opening(proof.items, questions, keys).check(root)


@dataclass(slots=True)
class _Open:
    """An inner node on the way: its depth, and what waits on the right."""

    depth: int
    alive: list[Way]
    known: tuple[int, int]
    left: bytes | None = None
    left_known: bool = False


@dataclass(slots=True)
class _Opening:
    """One pass over the items; memory as deep as the trie is."""

    items: Sequence[int | bytes | None]
    questions: Sequence[Question]
    known: Sequence[bytes]
    found: list[list[bytes]] = field(init=False)
    absent: set[int] = field(init=False, default_factory=set)
    path: list[_Open] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.found = [[] for _ in self.questions]

    def check(self, root: bytes) -> tuple[tuple[bytes, ...], ...]:
        if root == EMPTY:
            if self.items or self.known:
                raise ProofError("something is shown of a map that is empty")
            self.absent.update(range(len(self.questions)))
        elif self._root() != root:
            raise ProofError("it leads to another root")
        for number, question in enumerate(self.questions):
            is_page = question.first is not None or question.last is not None
            if not self.found[number] and (is_page or number not in self.absent):
                raise ProofError("no answer to a question", at=question.prefix.hex())
        return tuple(tuple(keys) for keys in self.found)

    def _root(self) -> bytes:
        alive = ways(self.questions)
        span, end = (0, len(self.known)), len(self.items)
        at = 0
        work = 2 * end + PATH_MAX * len(self.questions)
        while at < end:
            item = self.items[at]
            work -= len(alive)
            if work < 0:
                raise _wrong(at, "questions lead to more places than any map has")
            if isinstance(item, int):
                alive, span = self._inner(at, item, alive, span)
                at += 1
                continue
            subtree = self._subtree(at, item, alive, span)
            is_known = item is None
            at += 1
            while self.path and self.path[-1].left is not None:
                parent = self.path.pop()
                if is_known and parent.left_known:
                    raise _wrong(at - 1, "two known subtrees, which are one")
                assert parent.left is not None  # noqa: S101 - as the loop says
                subtree = inner_hash(parent.depth, parent.left, subtree)
                is_known = False
            if not self.path:
                if at < end:
                    raise _wrong(at, "more items than the trie has")
                return subtree
            parent = self.path[-1]
            parent.left, parent.left_known = subtree, is_known
            alive = [way for way in parent.alive if way.number not in self.absent]
            span = parent.known
        raise _wrong(at, "it breaks off")

    def _inner(
        self, at: int, depth: int, alive: list[Way], span: tuple[int, int]
    ) -> tuple[list[Way], tuple[int, int]]:
        """Open an inner node: what leads to its left is looked at first."""
        if self.path and depth <= self.path[-1].depth:
            raise _wrong(at, f"depth {depth} under depth {self.path[-1].depth}")
        if not alive:
            raise _wrong(at, "opened, and no question leads here")
        middle = self._split(at, depth, span)
        left: list[Way] = []
        right: list[Way] = []
        for way in alive:
            for side, going in zip((left, right), sides(way, depth), strict=True):
                if going is not None:
                    side.append(going)
        self.path.append(_Open(depth, right, (middle, span[1])))
        return left, (span[0], middle)

    def _split(self, at: int, depth: int, span: tuple[int, int]) -> int:
        """Where among the known keys of a node its right side begins."""
        low, high = span
        if low == high:
            return low
        first, last = self.known[low], self.known[high - 1]
        if 8 * len(first) <= depth or (first != last and parting(first, last) < depth):
            raise _not_here(at, first)
        while low < high:
            middle = (low + high) // 2
            if bit(self.known[middle], depth):
                high = middle
            else:
                low = middle + 1
        return low

    def _subtree(
        self,
        at: int,
        item: bytes | None,
        alive: list[Way],
        span: tuple[int, int],
    ) -> bytes:
        """The hash of a subtree that is closed, known whole, or one leaf."""
        known = self.known[span[0] : span[1]]
        if item is None:
            if not known:
                raise _wrong(at, "known keys, where none is known")
            self._answer(at, known, alive)
            return root_of(known)
        if known:
            if item in known:
                raise _wrong(at, "a known key, which is to be left out")
            raise _not_here(at, known[0])
        if len(item) == HASH_BYTES:
            if alive:
                asked = alive[0].prefix.hex()
                raise _wrong(at, f"closed, where the question {asked} leads")
            return item
        if not alive:
            raise _wrong(at, "a key, where no question leads")
        self._answer(at, [item], alive)
        return leaf_hash(item)

    def _answer(self, at: int, keys: Sequence[bytes], alive: list[Way]) -> None:
        """Give each question that leads here its keys, all that are here."""
        for way in alive:
            prefix, found = way.prefix, self.found[way.number]
            begin = bisect_left(keys, prefix)
            beyond = successor(prefix)
            end = len(keys) if beyond is None else bisect_left(keys, beyond)
            mine = keys[begin:end]
            if (way.first is not None and mine[:1] != [way.first]) or (
                way.last is not None and mine[-1:] != [way.last]
            ):
                raise _wrong(at, "the page does not begin and end where it should")
            if mine:
                found += mine
            elif found:
                raise _wrong(at, "a key among others that it does not belong to")
            else:
                self.absent.add(way.number)


def _check_questions(questions: Sequence[Question]) -> None:
    """Sorted, none inside another, and bounds inside their question."""
    if len(questions) > QUESTIONS_MAX:
        raise ProofError(f"{len(questions)} questions; at most {QUESTIONS_MAX} at once")
    before: bytes | None = None
    for question in questions:
        prefix = question.prefix
        if before is not None and (prefix <= before or prefix.startswith(before)):
            raise ProofError(
                "questions are to be sorted, none inside another", at=prefix.hex()
            )
        if len(prefix) > KEY_BYTES_MAX:
            raise ProofError("longer than any key", at=prefix.hex())
        bounds = [key for key in (question.first, question.last) if key is not None]
        if any(not key.startswith(prefix) for key in bounds) or bounds != sorted(
            bounds
        ):
            raise ProofError("a page outside of its question", at=prefix.hex())
        before = prefix


def _check_known(keys: Sequence[bytes], questions: Sequence[Question]) -> None:
    """Each of these sorted keys answers a question."""
    if len(keys) > KNOWN_MAX:
        raise ProofError(f"{len(keys)} keys; at most {KNOWN_MAX} at once")
    number = 0
    for key in keys:
        while number < len(questions) and not key.startswith(questions[number].prefix):
            number += 1
        if (
            number == len(questions)
            or not HASH_BYTES < len(key) <= KEY_BYTES_MAX
            or not _is_between(key, questions[number])
        ):
            raise ProofError("a key that answers no question", at=key.hex())


def _is_between(key: bytes, question: Question) -> bool:
    return (question.first is None or question.first <= key) and (
        question.last is None or key <= question.last
    )


def _wrong(at: int, reason: str) -> ProofError:
    return ProofError(reason, at=f"item {at}")


def _not_here(at: int, key: bytes) -> ProofError:
    return ProofError(f"the map does not hold {key.hex()} there", at=f"item {at}")
