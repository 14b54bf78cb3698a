"""The map as an earlier head says: only the last one is kept, so it is derived again.

    with map_as_of(view) as then: prove(then, asked)

Beside the store, in a scratch folder, from nothing: as long as the log to there takes
to read. Source: docs/spec/map.md; ADR 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from octostore import tables
from octostore.errors import NotFoundError, StoreCorruptError
from octostore.map.heads import covered, head_at
from octostore.map.update import derive
from octostore.scratch import scratch
from octostore.view import View

__all__ = ["EARLIER_MAX", "map_as_of"]

#: Entries from which an earlier map is derived for one answer: a million statements
#: of one claim are some minutes and half a gigabyte of scratch space.
EARLIER_MAX: Final = 1 << 20

_TABLES: Final = frozenset(
    layout.name
    for layout in (
        *(tables.MAP_KEYS, tables.MAP_NODES),
        *(tables.MAP_RAN, tables.MAP_STATE),
    )
)


@contextmanager
def map_as_of(view: View) -> Iterator[View]:
    """The same view with the map as of its latest head; derived if it is not kept.

    Raises:
        NotFoundError: the head is of more entries than are read for it.
        StoreCorruptError: the entries make another map than the head says.
        StoreError: no scratch space.
    """
    logged = head_at(view.rows, view.checkpoint().size)
    if logged is None or covered(view.rows) == (logged.head.size, logged.head.root):
        yield view  # kept, or nothing to derive: whoever proves says so
        return
    head = logged.head
    if head.size > EARLIER_MAX:
        raise NotFoundError(
            f"the map is kept as of its last head only; one of {head.size} entries is"
            f" not derived again, only up to {EARLIER_MAX}",
            at=f"map head of entry {logged.entry}",
        )
    with scratch(view.rows, _TABLES) as engine:
        root = derive(engine, head.size)
        if root != head.root:
            raise StoreCorruptError(
                f"the map of the first {head.size} entries has the root {root.hex()};"
                f" the head says {head.root.hex()}",
                at=f"map head of entry {logged.entry}",
            )
        with engine.snapshot() as rows:
            yield view.over(rows)
