"""What is kept outside the log: pending statements, and what is quarantined."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from octostore import tables
from octostore.check.report import Seen
from octostore.closure import Closure
from octostore.errors import StoreCorruptError
from octostore.statement import ReceivedStatement, Statement
from octostore.view import View

__all__ = ["check_waiting"]


def check_waiting(view: View, seen: Seen) -> None:
    """Verify what waits, that it waits for what is missing, and the quarantine.

    A statement that waits for a block that is there is no fault, whatever else it
    lacks: the delivery that brought the block was cut off, nobody was told, and it
    will come again.

    Raises:
        StoreError: a table cannot be read.
    """
    name = tables.WAITING.name
    cut_off: set[CID] = set()
    for key, _ in seen.count(name, view.rows.scan(name)):
        missing, part = tables.WAITING.key.decode(key)
        held = view.rows.get(tables.PENDING.name, tables.PENDING.key.encode(part))
        if held is None and view.index(part) is None:
            seen.wrong(name, key, "neither pending nor logged", "a statement here")
        if held is not None and view.number(missing) is not None:
            cut_off.add(part)
    _check_pending(view, seen, cut_off)
    name = tables.QUARANTINE.name
    for key, value in seen.count(name, view.rows.scan(name)):
        if not _is_quarantined(key, value):
            found = f"{len(value)} bytes"
            seen.wrong(name, key, found, "{cid, reason, block?} under their hash")


def _check_pending(view: View, seen: Seen, cut_off: Set[CID]) -> None:
    name, closure = tables.PENDING.name, Closure(view.find_digest)
    for key, value in seen.count(name, view.rows.scan(name)):
        try:
            statement = _held(view, key, value)
            if statement.cid not in cut_off:
                _check_waits(view, closure, statement)
        except OctostoreError as error:
            seen.wrong(name, key, str(error), "a statement that waits")


def _held(view: View, key: bytes, value: bytes) -> Statement:
    (envelope,) = tables.BLOCK_VALUE.decode(value)
    block = view.find_block(envelope)
    if block is None:
        raise StoreCorruptError(f"its envelope {envelope} is not there")
    statement = ReceivedStatement.from_block(block).verify()
    if tables.PENDING.key.encode(statement.cid) != key:
        raise StoreCorruptError(f"{envelope} holds {statement.cid}")
    if view.index(statement.cid) is not None:
        raise StoreCorruptError("it is in the log already")
    return statement


def _check_waits(view: View, closure: Closure, statement: Statement) -> None:
    for missing in map(tables.our_cid, closure.needs(statement.part.digests).missing):
        row = tables.WAITING.key.encode(missing, statement.cid)
        if view.rows.get(tables.WAITING.name, row) is None:
            raise StoreCorruptError(f"{missing} is missing, and not waited for")


def _is_quarantined(key: bytes, value: bytes) -> bool:
    try:
        row = dagcbor.decode(value)
    except OctostoreError:
        return False
    if not isinstance(row, Mapping) or row.keys() - {"block"} != {"cid", "reason"}:
        return False
    cid, reason, block = row["cid"], row["reason"], row.get("block")
    if not isinstance(cid, CID) or not isinstance(reason, str):
        return False
    if "block" not in row:
        # Too large to keep. Its row is under a hash of the block, and nobody can
        # compute that any more; nor does anything hash the reason of a row.
        return len(key) == hashlib.sha256().digest_size
    return isinstance(block, bytes) and hashlib.sha256(cid.raw + block).digest() == key
