"""Make every index again from blocks and log, which alone are true.

Not one batch, since a store may be large: a mark in `meta` says that it is under
way, and whoever opens the store for writing after a crash begins again.
Source: DESIGN 2; tables.py.
"""

from __future__ import annotations

import hashlib

from octostore import tables
from octostore.closure import Closure
from octostore.draft import Draft
from octostore.engine import Engine, Row
from octostore.errors import StoreCorruptError
from octostore.index import index_statement
from octostore.log import Entry, Frontier, leaf_hash

__all__ = ["is_unfinished", "rebuild"]

_MARK = b"1"


def is_unfinished(engine: Engine) -> bool:
    """Whether a rebuild began here and did not end."""
    with engine.snapshot() as rows:
        return rows.get(tables.META.name, tables.REBUILDING) is not None


def rebuild(engine: Engine) -> None:
    """Delete all indexes and derive them again; nobody else writes meanwhile.

    Raises:
        StoreCorruptError: blocks and log contradict each other.
        StoreFullError: no space; the store stays marked.
    """
    engine.commit([Row(tables.META.name, tables.REBUILDING, _MARK)])
    with Draft(engine) as draft:
        for table in tables.INDEXES:
            _delete_all(draft, table)
        draft.commit()
        _find_blocks(draft)
        draft.commit()
        _read_log(draft)
        draft.delete(tables.META.name, tables.REBUILDING)
        draft.commit()


def _delete_all(draft: Draft, table: str) -> None:
    after = b""
    while True:
        for key, _ in draft.scan(table, after=after):
            draft.delete(table, key)
            if draft.is_large:
                after = key
                break
        else:
            return
        draft.commit()


def _find_blocks(draft: Draft) -> None:
    after = b""
    while True:
        for key, block in draft.scan(tables.BLOCKS.name, after=after):
            draft.put(tables.AT.name, hashlib.sha256(block).digest(), key)
            if draft.is_large:
                after = key
                break
        else:
            return
        draft.commit()


def _read_log(draft: Draft) -> None:
    closure = Closure(draft.view.find_block)
    frontier = Frontier()
    while True:
        key = tables.LOG.key.encode(frontier.size)
        row = draft.get(tables.LOG.name, key)
        if row is None:
            break
        raw, leaf = tables.LOG_VALUE.decode(row)
        if leaf != leaf_hash(raw):
            raise StoreCorruptError("its leaf hash differs", at=f"entry {frontier.size}")
        entry, received = draft.view.envelope(frontier.size)
        assert entry == Entry.from_bytes(raw)  # noqa: S101
        index_statement(draft, closure, received.verify(), frontier.size)
        frontier = frontier.append(leaf)
        draft.put(tables.META.name, tables.FRONTIER, bytes(frontier))
        draft.commit_if_large()
    draft.put(tables.META.name, tables.FRONTIER, bytes(frontier))
