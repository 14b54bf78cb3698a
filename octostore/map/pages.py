"""The trie of the map on disk: its keys in order, and hashes of its upper part.

    map_keys    key                    ->
    map_nodes   path(n nibbles) parity -> depth(2) shared bitmap(2) hashes(32 each)

A subtree of more than `PAGE_KEYS` keys has a page, and no other has: the page is
found by the nibbles that lead to it, and says at which nibble its keys part (and
the nibbles up to there) and the hash of the subtree behind each. What is smaller
is hashed anew from its keys, which stand side by side. So the rows follow from the
set of keys alone, whatever came first. Source: docs/spec/map.md; ADR 16.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from octostore import tables
from octostore.engine import Snapshot
from octostore.errors import StoreCorruptError
from octostore.map.proof import MapProof
from octostore.map.questions import Question, Way, sides, ways
from octostore.map.trie import (
    EMPTY,
    HASH_BYTES,
    bit,
    fold,
    parting,
    root_of,
)

__all__ = ["PAGE_KEYS", "MapTrie", "grow", "prove"]

#: Keys below a node that are hashed anew when one of them changes: fewer make more
#: pages, more make each change dearer (benchmarks/map.py).
PAGE_KEYS: Final = 16

_HEAD_BYTES: Final = 4


@dataclass(slots=True)
class _Page:
    """A subtree of many keys: `path` to where they part, and what is behind."""

    start: int  # nibbles that lead to the page
    depth: int  # nibbles that all its keys share
    path: bytes  # of them, the last perhaps half
    hashes: dict[int, bytes]

    @property
    def row(self) -> tuple[bytes, bytes]:
        """The page as key and value of `map_nodes`."""
        symbols = sorted(self.hashes)
        bitmap = sum(1 << symbol for symbol in symbols)
        value = (
            self.depth.to_bytes(2, "big")
            + self.path[self.start // 2 :]
            + bitmap.to_bytes(2, "big")
            + b"".join(self.hashes[symbol] for symbol in symbols)
        )
        return _name(self.path, self.start), value

    @property
    def hash(self) -> bytes:
        """The hash of the whole subtree."""
        symbols = sorted(self.hashes)
        return self.fold(symbols)

    def fold(self, symbols: Sequence[int]) -> bytes:
        """The hash of the part behind these symbols, which stand side by side."""
        base = 4 * self.depth + 4
        return fold(
            [self.hashes[symbol] for symbol in symbols],
            [base - (a ^ b).bit_length() for a, b in pairwise(symbols)],
        )

    def parting(self, a: int, b: int) -> int:
        """The bit at which keys behind two symbols part."""
        return 4 * self.depth + 4 - (a ^ b).bit_length()


class MapTrie:
    """The keys and pages that a snapshot has, with changes laid over them."""

    def __init__(self, rows: Snapshot) -> None:
        self._rows = rows
        self.changed: dict[bytes, bytes] = {}

    def page(self, key: bytes, start: int) -> _Page | None:
        """The page that the first nibbles of `key` lead to, or None.

        Raises:
            StoreCorruptError: it is no page.
        """
        name = _name(key, start)
        raw = self.changed.get(name)
        if raw is None:
            raw = self._rows.get(tables.MAP_NODES.name, name)
        return None if raw is None else _page(raw, key, start)

    def put(self, page: _Page) -> bytes:
        """Lay a page over what is there; returns its hash."""
        name, value = page.row
        self.changed[name] = value
        return page.hash

    def keys(self, key: bytes, nibbles: int) -> list[bytes]:
        """All keys that begin with these nibbles of `key`, in order."""
        prefix = key[: nibbles // 2]
        if not nibbles % 2:
            return [found for found, _ in self._rows.scan(tables.MAP_KEYS.name, prefix)]
        keys: list[bytes] = []
        half, symbol = len(prefix), key[nibbles // 2] & 0xF0
        after = prefix + bytes((symbol,))  # no key is so short, so none is left out
        for found, _ in self._rows.scan(tables.MAP_KEYS.name, prefix, after=after):
            if found[half] & 0xF0 != symbol:
                break
            keys.append(found)
        return keys

    @property
    def root(self) -> bytes:
        """The root of all keys."""
        page = self.page(b"", 0)
        return root_of(self.keys(b"", 0)) if page is None else page.hash


def grow(
    rows: Snapshot, keys: Collection[bytes]
) -> tuple[dict[str, dict[bytes, bytes]], bytes]:
    """The rows that change when these keys join the map, and its root then.

    By table, in order: sorted here, they are not sorted where they are written.

    Keys may be there already. All is read from one snapshot; what it costs goes
    with the keys, not with the map.

    Raises:
        StoreCorruptError: a page is none.
    """
    trie = MapTrie(rows)
    new = sorted(set(keys))
    root = _grow(trie, 0, new) if new else trie.root
    changed = {
        tables.MAP_KEYS.name: dict.fromkeys(new, b""),
        tables.MAP_NODES.name: dict(sorted(trie.changed.items())),
    }
    return changed, root


def prove(
    rows: Snapshot, questions: Sequence[Question], known: Collection[int] = ()
) -> MapProof:
    """The proof of what the map of this snapshot answers to these questions.

    `known` are numbers of questions whose answers the reader will have: their keys
    are left out. Questions are sorted, none inside another.

    Raises:
        ProofError: the proof has too many items; ask for less at once.
        StoreCorruptError: a page is none.
    """
    trie = MapTrie(rows)
    if trie.root == EMPTY:
        return MapProof(())
    maker = _Maker(trie, frozenset(known))
    maker.behind(b"", 0, ways(questions))
    return MapProof(tuple(maker.items))


def _grow(trie: MapTrie, start: int, new: Sequence[bytes]) -> bytes:
    """Let sorted keys join the subtree that their first nibbles lead to."""
    page = trie.page(new[0], start)
    if page is None:
        return _build(trie, start, sorted({*trie.keys(new[0], start), *new}))
    depth = min(_shared(page, new[0]), _shared(page, new[-1]))
    if depth < page.depth:  # keys part earlier than they did
        symbol = _nibble(page.path, depth)
        page.start = depth + 1
        trie.put(page)
        page = _Page(start, depth, _path(page.path, depth), {symbol: page.hash})
    if len(new) == 1:  # as it is for most pages that most keys lead to
        page.hashes[_nibble(new[0], depth)] = _grow(trie, depth + 1, new)
    else:
        for symbol, group in groupby(new, lambda key: _nibble(key, depth)):
            page.hashes[symbol] = _grow(trie, depth + 1, list(group))
    return trie.put(page)


def _build(trie: MapTrie, start: int, keys: Sequence[bytes]) -> bytes:
    """The hash of a subtree of these keys, sorted; pages for what is large."""
    if len(keys) <= PAGE_KEYS:
        return root_of(keys)
    depth = parting(keys[0], keys[-1]) // 4
    page = _Page(start, depth, _path(keys[0], depth), {})
    for symbol, group in groupby(keys, lambda key: _nibble(key, depth)):
        page.hashes[symbol] = _build(trie, depth + 1, list(group))
    return trie.put(page)


class _Maker:
    """Opens the trie where questions lead (docs/spec/map.md, Proof).

    Its methods add the items of one subtree to `items`.
    """

    def __init__(self, trie: MapTrie, known: frozenset[int]) -> None:
        self._trie = trie
        self._known = known
        self._absent: set[int] = set()
        self.items: list[int | bytes | None] = []

    def behind(self, path: bytes, start: int, alive: Sequence[Way]) -> None:
        """The subtree that these nibbles lead to."""
        page = self._trie.page(path, start)
        if page is None:
            self._of_keys(self._trie.keys(path, start), alive)
        elif self._is_known(page, alive):
            self.items.append(None)
        else:
            self._of_symbols(page, sorted(page.hashes), alive)

    def _is_known(self, page: _Page, alive: Sequence[Way]) -> bool:
        """Whether all of a page answers a question that the reader knows."""
        for way in alive:
            if (
                way.number in self._known
                and way.first is None
                and way.last is None
                and 2 * len(way.prefix) <= page.depth
                and page.path.startswith(way.prefix)
            ):
                # Others that lead here end here: none has a key among these.
                self._absent.update(w.number for w in alive if w is not way)
                return True
        return False

    def _of_symbols(
        self, page: _Page, symbols: Sequence[int], alive: Sequence[Way]
    ) -> None:
        if not alive:
            self.items.append(page.fold(symbols))
            return
        if len(symbols) == 1:
            path = _joined(page.path, page.depth, symbols[0])
            self.behind(path, page.depth + 1, alive)
            return
        depth = page.parting(symbols[0], symbols[-1])
        shift = 4 * page.depth + 3 - depth
        middle = bisect_left(symbols, symbols[-1] >> shift << shift)
        left, right = _led(alive, depth)
        begin = self._open(depth)
        self._of_symbols(page, symbols[:middle], left)
        self._of_symbols(page, symbols[middle:], self._left_of(right))
        self._close(begin)

    def _of_keys(self, keys: Sequence[bytes], alive: Sequence[Way]) -> None:
        if not alive:
            self.items.append(root_of(keys))
            return
        if len(keys) == 1:
            self._absent.update(
                way.number for way in alive if not keys[0].startswith(way.prefix)
            )
            is_known = any(
                way.number in self._known and keys[0].startswith(way.prefix)
                for way in alive
            )
            self.items.append(None if is_known else keys[0])
            return
        depth = parting(keys[0], keys[-1])
        middle = bisect_left(keys, 1, key=lambda key: bit(key, depth))
        left, right = _led(alive, depth)
        begin = self._open(depth)
        self._of_keys(keys[:middle], left)
        self._of_keys(keys[middle:], self._left_of(right))
        self._close(begin)

    def _left_of(self, alive: Sequence[Way]) -> Sequence[Way]:
        """Those whose question has not been found to have no answer."""
        if not self._absent:
            return alive
        return [way for way in alive if way.number not in self._absent]

    def _open(self, depth: int) -> int:
        """Begin an inner node; its two sides follow."""
        self.items.append(depth)
        return len(self.items)

    def _close(self, begin: int) -> None:
        """End it: two known subtrees are one."""
        if self.items[begin:] == [None, None]:
            del self.items[begin:]
            self.items[begin - 1] = None


def _led(alive: Sequence[Way], depth: int) -> tuple[list[Way], list[Way]]:
    """What of the questions leads to the left and right of a node at `depth`."""
    left: list[Way] = []
    right: list[Way] = []
    for way in alive:
        one, other = sides(way, depth)
        if one is not None:
            left.append(one)
        if other is not None:
            right.append(other)
    return left, right


def _page(raw: bytes, key: bytes, start: int) -> _Page:
    depth = int.from_bytes(raw[:2], "big")
    shared = (depth + 1) // 2 - start // 2
    at = 2 + shared
    bitmap = int.from_bytes(raw[at : at + 2], "big")
    if (
        depth < start
        or shared < 0
        or len(raw) != at + 2 + HASH_BYTES * bitmap.bit_count()
    ):
        raise StoreCorruptError("no page of the map; rebuild the indexes")
    symbols = (symbol for symbol in range(16) if bitmap >> symbol & 1)
    at += 2
    hashes = {
        symbol: raw[at + HASH_BYTES * n : at + HASH_BYTES * (n + 1)]
        for n, symbol in enumerate(symbols)
    }
    return _Page(start, depth, key[: start // 2] + raw[2 : 2 + shared], hashes)


def _name(key: bytes, nibbles: int) -> bytes:
    """How a page is found: the nibbles that lead to it, and whether they are odd."""
    return _path(key, nibbles) + bytes((nibbles & 1,))


def _path(key: bytes, nibbles: int) -> bytes:
    """The first nibbles of a key; of a half byte the rest is zero."""
    if not nibbles & 1:
        return key[: nibbles // 2]
    return key[: nibbles // 2] + bytes((key[nibbles // 2] & 0xF0,))


def _joined(path: bytes, nibbles: int, symbol: int) -> bytes:
    """A path and one nibble more."""
    if nibbles & 1:
        return path[:-1] + bytes((path[-1] | symbol,))
    return path + bytes((symbol << 4,))


def _nibble(key: bytes, at: int) -> int:
    byte = key[at >> 1]
    return byte & 15 if at & 1 else byte >> 4


def _shared(page: _Page, key: bytes) -> int:
    """How many nibbles of its path a key shares with a page, at most all."""
    if key.startswith(page.path):
        return page.depth
    return min(parting(page.path, key) // 4, page.depth)
