"""The tree behind a checkpoint, from tiles of which none is believed.

    edge       the partial tile of each level: together they hash to the root
    the rest   each full tile hashes to its place in the tile above it

So whatever size is declared, a tree that is not there is refused after the tiles on
one way from the root to a leaf: at most eight of the edge and eight below.
Source: C2SP tlog-tiles; RFC 6962 section 2.1.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from octostore.errors import ProofError
from octostore.tlog.merkle import leaf_hash, node_hash, range_root
from octostore.tlog.tiles import (
    ENTRIES,
    LEVEL_MAX,
    WIDTH,
    Tile,
    decode_entries,
    split_hashes,
)

__all__ = ["VerifiedTiles"]

_HEIGHT: Final = 8

#: Tiles that are kept at hand: two ways from the root to a leaf, and some beside.
_KEPT_MAX: Final = 64


class VerifiedTiles:
    """The nodes of the tree of `size` leaves with this root (`merkle.Node`).

    `read` gives the bytes of a tile; `count` says how many were read.

    Raises:
        ProofError: when made: the edge is not that of such a tree.
    """

    def __init__(self, read: Callable[[Tile], bytes], size: int, root: bytes) -> None:
        self.size = size
        self.count = 0
        self._read = read
        self._edge: dict[int, list[bytes]] = {}
        self._kept: OrderedDict[Tile, list[bytes]] = OrderedDict()
        for level in range(LEVEL_MAX, -1, -1):
            index, width = divmod(size >> _HEIGHT * level, WIDTH)
            if width:
                self._edge[level] = self._tile(Tile(level, index, width))
        if range_root(self._at_edge, 0, size) != root:
            raise ProofError(
                f"the tiles at the edge of a tree of {size} entries do not hash to the"
                " root of its checkpoint"
            )

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of a full subtree.

        Raises:
            ProofError: the tree has none there, or a tile does not hold.
        """
        row, height = divmod(level, _HEIGHT)
        start, count = index << height, 1 << height
        hashes = self.hashes(row, start // WIDTH)
        found = hashes[start % WIDTH : start % WIDTH + count]
        if len(found) < count:
            raise ProofError(f"a tree of {self.size} leaves has no ({level}, {index})")
        return _fold(found)

    def hashes(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile, verified up to the root.

        Raises:
            ProofError: the tree has no such tile, or it does not hold.
        """
        edge, width = divmod(self.size >> _HEIGHT * level, WIDTH)
        if index == edge and width:
            return self._edge[level]
        if index >= edge:
            raise ProofError(f"no tile {index} of level {level} in {self.size} leaves")
        tile = Tile(level, index)
        if tile in self._kept:
            self._kept.move_to_end(tile)
            return self._kept[tile]
        above = self.hashes(level + 1, index // WIDTH)[index % WIDTH]
        found = self._tile(tile)
        if _fold(found) != above:
            raise ProofError(
                "does not hash to its place in the tile above", at=tile.path
            )
        self._kept[tile] = found
        if len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)
        return found

    def entries(self, index: int) -> list[bytes]:
        """The entries of a bundle, verified up to the root.

        Raises:
            ProofError: the bundle does not hold.
        """
        hashes = self.hashes(0, index)
        bundle = Tile(ENTRIES, index, len(hashes))
        try:
            entries = decode_entries(self._read(bundle), len(hashes))
        except ProofError as error:
            raise ProofError(error.reason, at=bundle.path) from error
        self.count += 1
        for place, (entry, hash_) in enumerate(zip(entries, hashes, strict=True)):
            if leaf_hash(entry) != hash_:
                raise ProofError(
                    f"entry {bundle.start + place} is not the one in the tree",
                    at=bundle.path,
                )
        return entries

    def _tile(self, tile: Tile) -> list[bytes]:
        try:
            found = split_hashes(self._read(tile), tile.width)
        except ProofError as error:
            raise ProofError(error.reason, at=tile.path) from error
        self.count += 1
        return found

    def _at_edge(self, level: int, index: int) -> bytes:
        """A subtree that ends at the edge; only those make the root."""
        row, height = divmod(level, _HEIGHT)
        start = (index << height) % WIDTH
        return _fold(self._edge[row][start : start + (1 << height)])


def _fold(hashes: list[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(*[iter(hashes)] * 2, strict=True)]
    return hashes[0]
