"""From the log to the map: the keys of new entries, and a head when they are in.

    entries covered .. size  ->  valid claims  ->  keys  ->  pages, root  ->  head

Beside the ingest, from a snapshot of its own (batch.py); what is written last is one
batch of keys, pages, state and head, so the stored map is always that of the last
head. Source: docs/spec/map.md, Map head; ADR 16.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from octostore import tables
from octostore.draft import Draft
from octostore.engine import Engine
from octostore.errors import ProofError
from octostore.map.batch import Batch, is_behind, next_batch
from octostore.map.head import MapHead
from octostore.map.heads import LoggedHead, append_head, covered, last_head
from octostore.view import View

__all__ = ["derive", "follow", "update"]


def update(
    engine: Engine,
    writing: Callable[[], AbstractContextManager[object]],
    now_s: int,
    derived: Callable[[int], Batch | None] | None = None,
) -> LoggedHead | None:
    """Bring the map up to the log as it is now; one call at a time on one engine.

    `writing` is entered for each commit and keeps other writers out. Each batch is
    logged with a head of its own. Returns the last of them, None if no statement
    was new. Statements that come meanwhile are left for the next call. `derived`
    gives the next batch up to an entry, if it is derived elsewhere.

    Raises:
        StoreFullError: no space; map and log are as the last batch left them.
        StoreCorruptError: log, blocks and indexes contradict each other.
    """
    with engine.snapshot() as rows:
        end = View(rows).frontier().size
        is_over = not is_behind(View(rows), end)
    logged: LoggedHead | None = None
    while not is_over:
        batch = _derived(engine, end) if derived is None else derived(end)
        if batch is None:
            break
        with writing(), Draft(engine) as draft:
            before = last_head(draft)
            time_s = now_s if before is None else max(now_s, before.head.time_s)
            head = MapHead(batch.size, batch.root, time_s)
            _write(draft, batch)
            index = append_head(draft, head)
            draft.commit()
        logged = LoggedHead(index, head)
        is_over = batch.size == end
    return logged


def _derived(engine: Engine, end: int) -> Batch | None:
    with engine.snapshot() as rows:
        return next_batch(View(rows), end)


def follow(engine: Engine, block: bytes) -> LoggedHead:
    """Log a head that another log made, if it is what the entries here make.

    Raises:
        ProofError: it is no head, covers entries that are not before it, does not
            follow the head before, or has another root.
    """
    head = MapHead.from_block(block)
    with engine.snapshot() as rows:
        size, before = View(rows).frontier().size, last_head(rows)
    if head.size > size:
        raise ProofError(
            f"a map of {head.size} entries; it stands at {size}, and covers at most"
            " those before it"
        )
    if before is not None and (
        head.size < before.head.size or head.time_s < before.head.time_s
    ):
        raise ProofError(
            f"size {head.size}, time {head.time_s}; the head before has size"
            f" {before.head.size}, time {before.head.time_s}, and none goes back"
        )
    root = derive(engine, head.size)
    if root != head.root:
        raise ProofError(
            f"the map of the first {head.size} entries has the root {root.hex()};"
            f" the head says {head.root.hex()}"
        )
    with Draft(engine) as draft:
        index = append_head(draft, head)
        draft.commit()
    return LoggedHead(index, head)


def derive(engine: Engine, size: int) -> bytes:
    """Derive the map of the first `size` entries, from where it stands; its root.

    Appends no head: the log has what it has.
    """
    while True:
        with engine.snapshot() as rows:
            at, root = covered(rows)
            batch = next_batch(View(rows), size) if at < size else None
        with Draft(engine) as draft:
            _write(draft, batch or Batch({}, at, size, root))
            draft.commit()
        if batch is None:
            return root


def _write(draft: Draft, batch: Batch) -> None:
    at, _ = covered(draft)
    # What a process of its own derived is of another map if this one has moved on.
    assert at == batch.start, (at, batch.start)  # noqa: S101 - one update at a time
    for table, rows in batch.rows.items():
        for key, value in rows.items():
            draft.put(table, key, value)
    state = tables.MAP_STATE_VALUE.encode(batch.size, batch.root)
    draft.put(tables.MAP_STATE.name, tables.MAP_NOW, state)
