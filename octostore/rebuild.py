"""Make every index again from blocks and log, which alone are true.

Not one batch, since a store may be large: a mark in `meta` says that it is under
way, and whoever opens the store for writing after a crash begins again.
Source: DESIGN 2; tables.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from octostore import tables
from octostore.draft import Draft
from octostore.engine import Engine, Row
from octostore.errors import StoreCorruptError
from octostore.index import Index
from octostore.log import KIND_STATEMENT, Frontier, grown, leaf_hash
from octostore.map.heads import index_head, last_head
from octostore.map.update import derive
from octostore.packed import unpack
from octostore.reading import Verified

__all__ = ["is_unfinished", "rebuild"]

_MARK = b"1"


def is_unfinished(engine: Engine) -> bool:
    """Whether a rebuild began here and did not end."""
    with engine.snapshot() as rows:
        return rows.get(tables.META.name, tables.REBUILDING) is not None


def rebuild(
    engine: Engine, progress: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Delete all indexes and derive them again; nobody else writes meanwhile.

    `progress` is told how many statements are indexed again, and of how many.

    Raises:
        StoreCorruptError: blocks and log contradict each other.
        StoreFullError: no space; the store stays marked.
    """
    engine.commit([Row(tables.META.name, tables.REBUILDING, _MARK)])
    with Draft(engine) as draft:
        for table in tables.INDEXES:
            for key, _ in _rows(draft, table):
                draft.delete(table, key)
        draft.commit()
        for key, value in _rows(draft, tables.BLOCKS.name):
            digest = hashlib.sha256(unpack(value)).digest()
            draft.put(tables.AT.name, digest, key)
        draft.commit()
        _read_log(draft, progress)
        draft.commit()
        head = last_head(draft)
    if head is not None:  # as far as it goes, so that what it says can be proved
        derive(engine, head.head.size)
    engine.commit([Row(tables.META.name, tables.REBUILDING, None)])


def _rows(draft: Draft, table: str) -> Iterator[tuple[bytes, bytes]]:
    """All rows of a table, committing on the way what is made of them."""
    after, is_more = b"", True
    while is_more:
        is_more = False
        for key, value in draft.scan(table, after=after):
            yield key, value
            if draft.is_large:
                after, is_more = key, True
                break
        if is_more:
            draft.commit()


def _read_log(draft: Draft, progress: Callable[[int, int], None]) -> None:
    rows = Index(draft, draft.view.find_digest)
    frontier, index = bytes(Frontier()), 0
    last = draft.last(tables.LOG.name)
    total = tables.LOG.key.decode(last[0])[0] + 1 if last else 0
    while True:
        row = draft.get(tables.LOG.name, tables.LOG.key.encode(index))
        if row is None:
            break
        raw, hashes = tables.LOG_VALUE.decode(row)
        _, frontier, ended = grown(frontier, leaf_hash(raw))
        if hashes != ended:
            raise StoreCorruptError("its hashes differ", at=f"entry {index}")
        if draft.view.entry(index).kind == KIND_STATEMENT:
            _, received = draft.view.envelope(index)
            rows.add_statement(Verified.of(received.verify()), index)
        else:
            index_head(draft, index, draft.view.get(draft.view.entry(index).block))
        draft.put(tables.META.name, tables.FRONTIER, frontier)
        draft.commit_if_large()
        index += 1
        progress(index, total)
    draft.put(tables.META.name, tables.FRONTIER, frontier)
