"""Which map heads the log holds: the current one, one as of a size, a log time.

    map_state   "map"           -> size(6) root        what `map_keys` are the map of
    map_heads   size(6)         -> index time(8) root  the first head of that size

Rows that are written and read here alone follow from the log. Source: FORMATS 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from octostore import tables
from octostore.draft import Draft
from octostore.engine import Snapshot
from octostore.errors import ProofError, StoreCorruptError
from octostore.index import append_entry
from octostore.log import KIND_MAP_HEAD, Entry
from octostore.map.head import MapHead
from octostore.map.trie import EMPTY

__all__ = [
    "LoggedHead",
    "append_head",
    "covered",
    "head_at",
    "index_head",
    "last_head",
    "log_time_s",
]

#: How far back the head before a size is looked for at first; then twice as far.
_STEP: Final = 1 << 10


@dataclass(frozen=True, slots=True)
class LoggedHead:
    """A map head, and the place of its entry in the log."""

    entry: int
    head: MapHead

    def to_json(self) -> dict[str, object]:
        """`{size, root, time, entry}`."""
        return {**self.head.to_json(), "entry": self.entry}


def append_head(draft: Draft, head: MapHead) -> int:
    """Log a map head, with its block and its row; returns its place."""
    draft.add_block(head.block)
    index = append_entry(draft, Entry(KIND_MAP_HEAD, head.cid))
    index_head(draft, index, head.block)
    return index


def index_head(draft: Draft, index: int, block: bytes) -> MapHead:
    """Make a map head at its place in the log found.

    Raises:
        StoreCorruptError: the block is no map head.
    """
    try:
        head = MapHead.from_block(block)
    except ProofError as error:
        raise StoreCorruptError(str(error), at=f"entry {index}") from error
    key = tables.MAP_HEADS.key.encode(head.size)
    if draft.get(tables.MAP_HEADS.name, key) is None:
        value = tables.MAP_HEAD_VALUE.encode(index, head.time_s, head.root)
        draft.put(tables.MAP_HEADS.name, key, value)
    return head


def covered(rows: Snapshot) -> tuple[int, bytes]:
    """Size and root of the map as it is kept: its keys are those of so many entries."""
    raw = rows.get(tables.MAP_STATE.name, tables.MAP_NOW)
    return (0, EMPTY) if raw is None else tables.MAP_STATE_VALUE.decode(raw)


def last_head(rows: Snapshot) -> LoggedHead | None:
    """The latest head in the log, or None."""
    row = rows.last(tables.MAP_HEADS.name)
    return None if row is None else _head(*row)


def head_at(rows: Snapshot, size: int) -> LoggedHead | None:
    """The latest head among the first `size` entries of the log, or None."""
    last = last_head(rows)
    if last is None or last.entry < size:
        return last
    step = _STEP
    while True:
        start = max(size - step, 0)
        after = tables.MAP_HEADS.key.encode(start - 1) if start else b""
        found = None
        for row in rows.scan(tables.MAP_HEADS.name, after=after):
            head = _head(*row)
            if head.entry >= size:
                break
            found = head
        if found is not None or not start:
            return found
        step *= 2


def log_time_s(rows: Snapshot, index: int, size: int | None = None) -> int | None:
    """When the log says that it had this entry: the time of the first head over it.

    With `size`, as of so many entries: a head that stands behind them is not seen.
    """
    after = tables.MAP_HEADS.key.encode(index)
    for row in rows.scan(tables.MAP_HEADS.name, after=after):
        found = _head(*row)
        return found.head.time_s if size is None or found.entry < size else None
    return None


def _head(key: bytes, value: bytes) -> LoggedHead:
    (size,) = tables.MAP_HEADS.key.decode(key)
    entry, time_s, root = tables.MAP_HEAD_VALUE.decode(value)
    return LoggedHead(entry, MapHead(size, root, time_s))
