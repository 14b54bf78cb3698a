"""The tiles of a store's log, made of its rows when they are asked for.

They never change, so whoever asks may keep them. Source: C2SP tlog-tiles; ADR 15.
"""

from __future__ import annotations

from itertools import islice

from octostore import tables
from octostore.errors import NotFoundError
from octostore.log import ENTRY_BYTES
from octostore.tlog.merkle import HASH_BYTES
from octostore.tlog.tiles import ENTRIES, Tile, encode_entries
from octostore.view import View

__all__ = ["tile_bytes"]

#: Levels of the tree that a tile spans.
_HEIGHT = 8


def tile_bytes(view: View, tile: Tile) -> bytes:
    """The bytes of a tile.

    Raises:
        NotFoundError: the log is shorter.
    """
    size = view.checkpoint().size
    if not tile.is_in(size):
        raise NotFoundError(f"a log of {size} entries has no such tile", at=tile.path)
    if tile.level > 0:
        places = range(tile.start, tile.start + tile.width)
        return b"".join(view.node(_HEIGHT * tile.level, place) for place in places)
    key = tables.LOG.key.encode
    after = key(tile.start - 1) if tile.start else b""
    rows = islice(view.rows.scan(tables.LOG.name, after=after), tile.width)
    if tile.level == ENTRIES:
        return encode_entries([value[:ENTRY_BYTES] for _, value in rows])
    end = ENTRY_BYTES + HASH_BYTES
    return b"".join(value[ENTRY_BYTES:end] for _, value in rows)
