"""Changes to a document that keep it a document, more often than not.

Bytes alone seldom get past a JSON parser, and never past a signature or a hash;
so trees are changed: a value for another, a key twice, in other letters or gone,
a part of another vector put in. Messages of actions are opened for it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from tests.fuzz.actions import closed, opened
from tests.fuzz.trees import Pairs, Tree, read, subtrees, write

__all__ = ["Mutator"]

#: Of one piece put in, in characters of its Python spelling.
_PIECE_MAX = 1500

_WORDS: tuple[Tree, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.0, 1.5, -0.0, 1e300, 2**53, 2**64, -(2**63)),
    *("", " ", "\0", "{{x}}", "${x}", "no", "010", "1_0", "~", "<<", "a=b", "=", "é"),
    *("/", "//", "..", "/..", "a/../..", ".", "/a", "/a/b", "a", "K", "0x1", "_start"),
    *("http://h", "https://ipfs.io/ipfs/", "ipfs://", "/ipfs/", "ipns://k", "s3://b/k"),
    *("data:,", "data:;base64,AA==", "docker.io/a", "a:b", "a@sha256:" + "0" * 64),
    *("sha256:" + "f" * 64, "gftp://a/b", "hash:sha3:" + "0" * 56 + ":http://h"),
    *([], Pairs(), [[]], b"", b"\0", 2**63, Pairs([("/", "bafkqaaa")])),
    Pairs([("/", Pairs([("bytes", "AA")]))]),
    *("a" * 1500, "/a" * 900, "a=" * 900, "\u20ac" * 1100, "https://h/" + "a" * 1500),
)


class Mutator:
    """Mutations of documents, with the pieces of the seeds to put in.

    `raw` is libFuzzer's own mutation of bytes, which knows what was compared.
    """

    def __init__(
        self, seeds: Iterable[bytes], raw: Callable[[bytes, int], bytes]
    ) -> None:
        self._raw = raw
        self._pieces: list[Tree] = list(_WORDS)
        self._entries: list[tuple[str, Tree]] = [("a", 0)]
        seen: set[str] = set()
        for seed in seeds:
            found = read(seed)
            for piece in subtrees(opened(found[1])) if found else ():
                text = repr(piece)
                if len(text) > _PIECE_MAX or text in seen:
                    continue
                seen.add(text)
                self._pieces.append(piece)
                if isinstance(piece, Pairs):
                    self._entries += piece

    def __call__(self, data: bytes, size_max: int, seed: int) -> bytes:
        """Other bytes, at most `size_max` of them."""
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        found = read(data) if chance.random() < 0.9 else None
        if found is None:
            return self._raw(data, size_max)
        syntax, tree = found
        if chance.random() < 0.9:
            tree = opened(tree)
        try:
            for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
                tree = self._changed(tree, chance)
            if syntax in ("json", "yaml") and chance.random() < 0.02:
                syntax = chance.choice(("json", "yaml", "cbor"))
            out = write(syntax, closed(tree), sound=chance.random() < 0.9)
        except (RecursionError, OverflowError, ValueError):  # too deep, too large
            return self._raw(data, size_max)
        return out if len(out) <= size_max else data[:size_max]

    def _changed(self, tree: Tree, chance: random.Random) -> Tree:
        """The tree with one of its places changed."""
        places = list(_places(tree))
        place = chance.choice(places)
        return _with(tree, place, lambda value: self._other(value, chance))

    def _other(self, value: Tree, chance: random.Random) -> Tree:
        if chance.random() < 0.15:
            return chance.choice(self._pieces)
        if isinstance(value, Pairs):
            return self._other_map(value, chance)
        if isinstance(value, list):
            return self._other_list(value, chance)
        return self._other_leaf(value, chance)

    def _other_map(self, value: Pairs, chance: random.Random) -> Tree:
        entries = Pairs(value)
        act = chance.choice(("put", "put", "gone", "twice", "case", "key", "swap"))
        if act == "put" or not entries:
            key, item = chance.choice(self._entries)
            entries = Pairs(entry for entry in entries if entry[0] != key)
            entries.insert(chance.randint(0, len(entries)), (key, item))
            return entries
        at = chance.randrange(len(entries))
        key, item = entries[at]
        if act == "gone":
            del entries[at]
        elif act == "twice":
            entries.append((_cased(key, chance), item))
        elif act == "case":
            entries[at] = (_cased(key, chance), item)
        elif act == "key":
            entries[at] = (chance.choice(self._entries)[0], item)
        else:
            other = chance.randrange(len(entries))
            entries[at] = (key, entries[other][1])
            entries[other] = (entries[other][0], item)
        return entries

    def _other_list(self, value: list[Tree], chance: random.Random) -> Tree:
        items = list(value)
        act = chance.choice(("put", "gone", "twice", "shuffle", "bare"))
        if act == "put" or not items:
            items.insert(chance.randint(0, len(items)), chance.choice(self._pieces))
        elif act == "gone":
            del items[chance.randrange(len(items))]
        elif act == "twice":
            items.append(chance.choice(items))
        elif act == "shuffle":
            chance.shuffle(items)
        else:
            return chance.choice(items)
        return items

    def _other_leaf(self, value: Tree, chance: random.Random) -> Tree:
        act = chance.random()
        if act < 0.1:
            return [value]
        if act < 0.2:
            return chance.choice(_WORDS)
        if isinstance(value, str | bytes):
            return self._other_string(value, chance)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return chance.choice((value + 1, -value, value * 2, str(value), value / 2))
        return chance.choice(self._pieces)

    def _other_string(self, value: str | bytes, chance: random.Random) -> Tree:
        if isinstance(value, bytes):
            return self._raw(value, len(value) + 16)
        act = chance.choice(("raw", "raw", "join", "cut", "case"))
        if act == "join":
            other = chance.choice(self._pieces)
            return value + other if isinstance(other, str) else f"{value}{other!r}"
        if act == "cut":
            at = chance.randint(0, len(value))
            return value[at:] if chance.random() < 0.5 else value[:at]
        if act == "case":
            return _cased(value, chance)
        data = value.encode("utf-8", "surrogatepass")
        return self._raw(data, len(data) + 16).decode("utf-8", "replace")


def _cased(text: str, chance: random.Random) -> str:
    return chance.choice((text, text.lower(), text.upper(), text.swapcase()))


def _places(tree: Tree, path: tuple[int, ...] = ()) -> Iterable[tuple[int, ...]]:
    yield path
    if isinstance(tree, list):
        for at, item in enumerate(tree):
            below = item[1] if isinstance(tree, Pairs) else item
            yield from _places(below, (*path, at))


def _with(tree: Any, path: tuple[int, ...], change: Callable[[Tree], Tree]) -> Tree:
    if not path:
        return change(tree)
    at, *rest = path
    whole = Pairs(tree) if isinstance(tree, Pairs) else list(tree)
    if isinstance(whole, Pairs):
        whole[at] = (whole[at][0], _with(whole[at][1], tuple(rest), change))
    else:
        whole[at] = _with(whole[at], tuple(rest), change)
    return whole
