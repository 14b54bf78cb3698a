"""From the log to the map: the keys of new entries, and a head when they are in.

    entries covered .. size  ->  valid claims  ->  keys  ->  pages, root  ->  head

Beside the ingest, from a snapshot of its own; what is written last is one batch of
keys, pages, state and head, so the stored map is always that of the last head. A
claim is valid if the index of claims has it. An invocation's keys grow with what
its claims disclose, so what they did is kept:

    map_ran     no of invocation -> flags

Source: docs/spec/map.md, Keys; ADR 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from invocation_spec.model import Input, Invocation, Program, program_from_block
from octostore import tables
from octostore.draft import Draft
from octostore.engine import Engine, Row
from octostore.log import KIND_STATEMENT
from octostore.map.head import MapHead
from octostore.map.heads import LoggedHead, append_head, covered, last_head
from octostore.map.keys import invocation_claims, invocation_keys
from octostore.map.pages import grow
from octostore.tables import Known
from octostore.view import View

__all__ = ["BATCH_CLAIMS", "DISCLOSED", "derive", "update"]

#: Claims that join the map in one batch, more only if one statement has more: a
#: few seconds of work, some 100 MB of memory.
BATCH_CLAIMS: Final = 1 << 15

#: What a claim can withhold, and what is known when it does not.
DISCLOSED: Final = (("program", Known.PROGRAM), ("input", Known.INPUT))


class _Batch(NamedTuple):
    """What the next entries make of the map."""

    rows: list[Row]
    size: int
    root: bytes


def update(
    engine: Engine, writing: Callable[[], AbstractContextManager[object]], now_s: int
) -> LoggedHead | None:
    """Bring the map up to the log as it is now; one call at a time on one engine.

    `writing` is entered for each commit and keeps other writers out. Each batch is
    logged with a head of its own. Returns the last of them, None if no statement
    was new. Statements that come meanwhile are left for the next call.

    Raises:
        StoreFullError: no space; map and log are as the last batch left them.
        StoreCorruptError: log, blocks and indexes contradict each other.
    """
    with engine.snapshot() as rows:
        end = View(rows).frontier().size
    logged: LoggedHead | None = None
    while True:
        with engine.snapshot() as rows:
            batch = _next(View(rows), end)
        if batch is None:
            return logged
        with writing(), Draft(engine) as draft:
            before = last_head(draft)
            time_s = now_s if before is None else max(now_s, before.head.time_s)
            head = MapHead(batch.size, batch.root, time_s)
            _write(draft, batch)
            index = append_head(draft, head)
            draft.commit()
        logged = LoggedHead(index, head)


def derive(engine: Engine, size: int) -> bytes:
    """Derive the map of the first `size` entries, from where it stands; its root.

    Appends no head: the log has what it has.
    """
    while True:
        with engine.snapshot() as rows:
            at, root = covered(rows)
            batch = _next(View(rows), size) if at < size else None
        with Draft(engine) as draft:
            _write(draft, batch or _Batch([], size, root))
            draft.commit()
        if batch is None:
            return root


def _next(view: View, end: int) -> _Batch | None:
    """The next entries up to `end`, as many as make a batch; None without claims.

    Entries that are no statements change nothing, so a map that lacks only those
    is up to date.
    """
    at, _ = covered(view.rows)
    reader = _Reader(view, at)
    is_new = False
    while at < end and reader.count < BATCH_CLAIMS:
        if view.entry(at).kind == KIND_STATEMENT:
            reader.read(at)
            is_new = True
        at += 1
    if not is_new:
        return None
    keys, flags = reader.finish()
    changed, root = grow(view.rows, keys)
    return _Batch([*changed, *flags], at, root)


def _write(draft: Draft, batch: _Batch) -> None:
    for table, key, value in batch.rows:
        assert value is not None  # noqa: S101 - the map only grows
        draft.put(table, key, value)
    state = tables.MAP_STATE_VALUE.encode(batch.size, batch.root)
    draft.put(tables.MAP_STATE.name, tables.MAP_NOW, state)


@dataclass(slots=True)
class _Ran:
    """An invocation of the batch: what its claims disclose, and which they are."""

    number: int
    invocation: Invocation
    before: Known | None
    now: Known
    claims: list[tuple[CID, CID]] = field(default_factory=list)


class _Reader:
    """Reads valid claims of the log, and gathers the keys of a batch."""

    def __init__(self, view: View, start: int) -> None:
        self._view = view
        self._start = start
        self._ran: dict[int, _Ran] = {}
        self.count = 0

    def read(self, index: int) -> None:
        """Take the claims of the statement at this place.

        Raises:
            StoreCorruptError: a block that the indexes name is not there.
        """
        _, statement = self._view.envelope(index)
        for record in statement.part.records:
            found = self._claim(index, record)
            if found is None:
                continue
            ran, withheld = found
            for name, flag in DISCLOSED:
                if name not in withheld:
                    ran.now |= flag
            ran.claims.append((statement.cid, record))
            self.count += 1

    def finish(self) -> tuple[set[bytes], list[Row]]:
        """The keys of all that was read, and what is disclosed since."""
        keys: set[bytes] = set()
        flags: list[Row] = []
        for ran in self._ran.values():
            program = self._program(ran) if Known.PROGRAM in ran.now else None
            input = self._input(ran) if Known.INPUT in ran.now else None
            claims: Iterable[tuple[CID, CID]] = ran.claims
            if ran.now != ran.before:
                keys.update(invocation_keys(ran.invocation, program, input))
                name = tables.MAP_RAN.key.encode(ran.number)
                flags.append(Row(tables.MAP_RAN.name, name, bytes((ran.now,))))
                if ran.before is not None and input is not None and input.nonce:
                    claims = [*self._earlier(ran), *claims]
            keys.update(invocation_claims(ran.invocation, input, claims))
        return keys, flags

    def _claim(self, index: int, record: CID) -> tuple[_Ran, Sequence[object]] | None:
        """The invocation of a valid claim and what is withheld; None if it is none.

        The index of claims has the valid ones, so little is looked at here.
        """
        number = self._view.number(record)
        if number is None:
            return None
        try:
            claim = dagcbor.decode(self._view.get(record))
        except EncodingError:
            return None
        if not isinstance(claim, dict):
            return None
        invocation = claim.get("invocation")
        at = self._view.number(invocation) if isinstance(invocation, CID) else None
        if at is None:
            return None
        key = tables.CLAIMS.key.encode(at, index, number)
        if self._view.rows.get(tables.CLAIMS.name, key) is None:
            return None
        withheld = claim.get("withheld", ())
        assert isinstance(withheld, Sequence)  # noqa: S101 - it is valid
        return self._ran_of(at), withheld

    def _ran_of(self, number: int) -> _Ran:
        """The invocation as the map has it so far, and what this batch adds."""
        ran = self._ran.get(number)
        if ran is None:
            key = tables.MAP_RAN.key.encode(number)
            row = self._view.rows.get(tables.MAP_RAN.name, key)
            before = None if row is None else Known(row[0])
            invocation = Invocation.from_block(self._view.block(number))
            ran = _Ran(number, invocation, before, before or Known.NOTHING)
            self._ran[number] = ran
        return ran

    def _earlier(self, ran: _Ran) -> Iterator[tuple[CID, CID]]:
        """Claims of the invocation that are in the map already."""
        for claim in self._view.claims_of(ran.number):
            if claim.statement.index >= self._start:
                return
            yield claim.statement.cid, claim.cid

    def _program(self, ran: _Ran) -> Program:
        return program_from_block(self._view.get(ran.invocation.program))

    def _input(self, ran: _Ran) -> Input:
        return Input.from_block(self._view.get(ran.invocation.input))
