"""Tiles: the tree and the entries of a log as files that never change.

    tile/0/x001/x234/067          256 leaf hashes, from leaf 1234067 * 256 on
    tile/1/000                    256 hashes, each of a full tile of level 0
    tile/1/000.p/17               the first 17 of them: the log ends there
    tile/entries/000.p/112        112 entries, each after its length in two bytes

A log of n entries has floor(n / 256**level) hashes on a level; the last tile is
partial unless they fill it. Source: C2SP tlog-tiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from octostore.errors import ProofError
from octostore.tlog.merkle import HASH_BYTES, SIZE_MAX

__all__ = [
    "ENTRIES",
    "ENTRY_BYTES_MAX",
    "LEVEL_MAX",
    "WIDTH",
    "Tile",
    "decode_entries",
    "encode_entries",
    "split_hashes",
    "tiles_of",
]

#: Hashes, or entries, of a full tile; a tile spans eight levels of the tree.
WIDTH: Final = 256
_HEIGHT: Final = 8

#: The level of bundles of entries.
ENTRIES: Final = -1

#: Above this no tree has a hash: 256**8 leaves are more than `SIZE_MAX`.
LEVEL_MAX: Final = 7

#: What two bytes of length can say.
ENTRY_BYTES_MAX: Final = 0xFFFF

_PATH: Final = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])"
    r"/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A tile by its place: level (or `ENTRIES`), index on it, hashes in it.

    Raises:
        ProofError: no tree has such a tile.
    """

    level: int
    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        if not (ENTRIES <= self.level <= LEVEL_MAX and 1 <= self.width <= WIDTH):
            raise ProofError(f"a tile of level {self.level}, {self.width} wide")
        most = SIZE_MAX >> _HEIGHT * max(self.level, 0)
        if not 0 <= self.index * WIDTH <= most - self.width:
            raise ProofError(f"tile {self.index} of level {self.level} in no tree")

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a path, from `tile/` on, in its one spelling.

        Raises:
            ProofError: another spelling, or no tree has it.
        """
        found = _PATH.fullmatch(path)
        if found is None:
            raise ProofError(f"{path[:80]!r} is no path of a tile, as tile/0/x001/234")
        level = ENTRIES if found["level"] == "entries" else int(found["level"])
        index = int(found["index"].replace("x", "").replace("/", ""))
        tile = cls(level, index, int(found["width"] or WIDTH))
        if tile.path != path:
            raise ProofError(f"{path[:80]!r} is spelled {tile.path}")
        return tile

    @property
    def path(self) -> str:
        """Where it is served and kept, without a leading slash."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        index = "".join(f"x{group}/" for group in groups[:-1]) + groups[-1]
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{index}" + ("" if self.is_full else f".p/{self.width}")

    @property
    def is_full(self) -> bool:
        """Whether it can grow no more."""
        return self.width == WIDTH

    @property
    def start(self) -> int:
        """Its first hash, counted on its level; its first entry."""
        return self.index * WIDTH

    def is_in(self, size: int) -> bool:
        """Whether a log of so many entries has all its hashes."""
        return self.start + self.width <= size >> _HEIGHT * max(self.level, 0)


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """The tiles of a log of `size` entries, but for those full at size `since`.

    Bundles of entries first, then level by level, each from left to right.
    """
    for level in range(ENTRIES, LEVEL_MAX + 1):
        shift = _HEIGHT * max(level, 0)
        count = size >> shift
        for start in range((since >> shift) // WIDTH * WIDTH, count, WIDTH):
            yield Tile(level, start // WIDTH, min(WIDTH, count - start))


def split_hashes(raw: bytes, width: int) -> list[bytes]:
    """The hashes of a tile.

    Raises:
        ProofError: there are more or fewer.
    """
    if len(raw) != width * HASH_BYTES:
        raise ProofError(
            f"a tile of {len(raw)} bytes; {width} hashes have {width * HASH_BYTES}"
        )
    return [raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)]


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """The bundle of these entries, of at most `ENTRY_BYTES_MAX` bytes each."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(raw: bytes, width: int) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        ProofError: there are more or fewer, or the last breaks off.
    """
    found: list[bytes] = []
    at = 0
    while at < len(raw) and len(found) < width:
        start = at + 2
        at = start + int.from_bytes(raw[at:start], "big")
        found.append(raw[start:at])
    if at != len(raw) or len(found) != width:
        raise ProofError(
            f"a bundle of {len(raw)} bytes does not hold just {width} entries"
        )
    return found
