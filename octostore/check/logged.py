"""The log: every entry hashed and verified, and its rows derived again."""

from __future__ import annotations

from invocation_spec.errors import OctostoreError
from octostore import tables
from octostore.check.report import Seen
from octostore.draft import Draft
from octostore.errors import StoreCorruptError
from octostore.index import Index
from octostore.log import (
    ENTRY_BYTES,
    KIND_STATEMENT,
    Entry,
    Frontier,
    grown,
    leaf_hash,
)
from octostore.map.heads import index_head
from octostore.reading import Verified
from octostore.row_words import value_words
from octostore.statement import ReceivedStatement
from octostore.tlog.merkle import HASH_BYTES
from octostore.view import View

__all__ = ["check_log"]


def check_log(view: View, seen: Seen, draft: Draft) -> None:
    """Verify every statement and derive its rows into the draft.

    Raises:
        StoreError: a table cannot be read, or there is no scratch space.
    """
    name, keys = tables.LOG.name, tables.LOG.key
    last = view.rows.last(name)
    total = keys.decode(last[0])[0] + 1 if last else 0
    reader = _Reader(view, draft)
    frontier = bytes(Frontier())
    rows = seen.count(name, view.rows.scan(name), total)
    for index, (key, value) in enumerate(rows):
        if keys.decode(key)[0] != index:
            expected = f"entry {index} next"
            seen.wrong(name, key, value_words(name, value), expected)
        raw, kept = value[:ENTRY_BYTES], value[ENTRY_BYTES:]
        _, frontier, hashes = grown(frontier, leaf_hash(raw))
        if kept != hashes:
            found = f"{len(kept)} bytes of hashes, not those of the entries"
            expected = f"hashes of {len(hashes) // HASH_BYTES} subtrees"
            seen.wrong(name, key, found, expected)
        try:
            reader.read(index, raw)
        except OctostoreError as error:
            seen.wrong(name, key, str(error), "a whole, verified statement")
    kept = view.rows.get(tables.META.name, tables.FRONTIER) or bytes(Frontier())
    if kept != frontier:
        key, found = tables.FRONTIER, _frontier_words(kept)
        seen.wrong(tables.META.name, key, found, _frontier_words(frontier))


class _Reader:
    """Reads entries of a log against its blocks."""

    def __init__(self, view: View, draft: Draft) -> None:
        self._view = view
        self._draft = draft
        self._index = Index(draft, view.find_digest)

    def read(self, index: int, raw: bytes) -> None:
        """Verify one entry and derive its rows.

        Raises:
            OctostoreError: what does not hold.
        """
        entry = Entry.from_bytes(raw)
        block = self._view.find_block(entry.block)
        if block is None:
            raise StoreCorruptError(f"its block {entry.block} is not there")
        if entry.kind != KIND_STATEMENT:
            index_head(self._draft, index, block)
            return
        statement = ReceivedStatement.from_block(block).verify()
        before = self._draft.view.index(statement.cid)
        if before is not None:
            raise StoreCorruptError(f"{statement.cid} is entry {before} already")
        self._index.add_statement(Verified.of(statement), index)
        self._draft.commit_if_large()


def _frontier_words(raw: bytes) -> str:
    try:
        checkpoint = Frontier.from_bytes(raw).checkpoint
    except OctostoreError as error:
        return str(error)
    return f"size {checkpoint.size}, root {checkpoint.root.hex()}"
