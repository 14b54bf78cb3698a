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
from hashlib import sha256
from typing import Final, NamedTuple

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from invocation_spec.model import Invocation
from octostore import tables
from octostore.closure import Closure
from octostore.draft import Draft
from octostore.engine import Engine, Row
from octostore.errors import ProofError, RecordError, StoreCorruptError
from octostore.log import KIND_STATEMENT
from octostore.map.head import MapHead
from octostore.map.heads import LoggedHead, append_head, covered, last_head
from octostore.map.keys import (
    Topic,
    claim_part,
    codes_of,
    key,
    places,
    shown_keys,
)
from octostore.map.pages import grow
from octostore.packed import unpack
from octostore.records import Claim, parse_record
from octostore.tables import Known
from octostore.usual import usual_claim
from octostore.view import View

__all__ = ["BATCH_CLAIMS", "DISCLOSED", "derive", "follow", "update"]

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
    for table, name, value in batch.rows:
        assert value is not None  # noqa: S101 - the map only grows
        draft.put(table, name, value)
    state = tables.MAP_STATE_VALUE.encode(batch.size, batch.root)
    draft.put(tables.MAP_STATE.name, tables.MAP_NOW, state)


@dataclass(slots=True)
class _Ran:
    """An invocation of the batch: what its claims disclose, and how their keys end."""

    digest: bytes
    before: Known | None
    now: Known
    claims: list[bytes] = field(default_factory=list)


class _Reader:
    """Reads valid claims of the log, and gathers the keys of a batch.

    Blocks and rows are read many at once, and usual claims without their values.
    """

    def __init__(self, view: View, start: int) -> None:
        self._view = view
        self._start = start
        self._closure = Closure(view.find_digest)
        self._nos: dict[bytes, bytes] = {}
        self._ran: dict[bytes, _Ran] = {}
        self.count = 0

    def read(self, index: int) -> None:
        """Take the claims of the statement at this place.

        Raises:
            StoreCorruptError: a block that the indexes name is not there.
        """
        get_many = self._view.rows.get_many
        _, statement = self._view.envelope(index)
        part = sha256(statement.cid.raw).digest()
        spoken = self._spoken_of(record.digest for record in statement.part.records)
        new = {item.invocation for item in spoken if item.invocation not in self._nos}
        self._nos |= get_many(tables.AT.name, new)
        place = tables.no_of(index)
        keys = [
            self._nos.get(item.invocation, b"") + place + item.no for item in spoken
        ]
        valid = get_many(tables.CLAIMS.name, keys)
        for item, row in zip(spoken, keys, strict=True):
            if row not in valid:
                continue
            ran = self._ran_of(item.invocation)
            for name, flag in DISCLOSED:
                if name not in item.withheld:
                    ran.now |= flag
            record = sha256(CID.of_block_digest(item.record).raw).digest()
            ran.claims.append(part + record)
            self.count += 1

    def finish(self) -> tuple[set[bytes], list[Row]]:
        """The keys of all that was read, and what is disclosed since."""
        keys: set[bytes] = set()
        flags: list[Row] = []
        for ran in self._ran.values():
            program, input = map(CID.of_block_digest, self._closure.ends(ran.digest))
            invocation = Invocation(program, input)
            at: tuple[CID, ...] = (input,)
            is_new = ran.now != ran.before
            if is_new:
                at, more = self._shown(invocation, ran)
                keys.update(more)
                number = self._nos[ran.digest]
                flags.append(Row(tables.MAP_RAN.name, number, bytes((ran.now,))))
            elif Known.NONCED in ran.now:
                at = places(invocation, self._closure.input(input.digest))
            claims: Iterable[bytes] = ran.claims
            if is_new and ran.before is not None and len(at) > 1:
                claims = [*self._earlier(ran), *claims]
            for place in at:
                prefix = key(Topic.CLAIMS, program, place)
                keys.update(prefix + item for item in claims)
        return keys, flags

    def _shown(
        self, invocation: Invocation, ran: _Ran
    ) -> tuple[tuple[CID, ...], Iterator[bytes]]:
        """Places and keys of an invocation, by what its claims disclose now."""
        at: tuple[CID, ...] = (invocation.input,)
        codes: Sequence[CID] = ()
        data: Sequence[CID] = ()
        if Known.PROGRAM in ran.now:
            codes = codes_of(self._closure.program(invocation.program.digest))
        if Known.INPUT in ran.now:
            given = self._closure.given(invocation.input.digest)
            data = tuple(map(CID, given.data))
            if "nonce" in given.fields:
                ran.now |= Known.NONCED
                at = places(invocation, self._closure.input(invocation.input.digest))
        return at, shown_keys(invocation, at, codes, data)

    def _spoken_of(self, records: Iterable[bytes]) -> list[_Spoken]:
        """What each record that may be a claim speaks of, by their digests."""
        get_many = self._view.rows.get_many
        nos = get_many(tables.AT.name, records)
        blocks = get_many(tables.BLOCKS.name, nos.values())
        found: list[_Spoken] = []
        for record, no in nos.items():
            block = unpack(blocks.get(no, b""))
            if sha256(block).digest() != record:
                raise StoreCorruptError(
                    "a block has changed on the disk",
                    at=str(CID.of_block_digest(record)),
                )
            usual = usual_claim(block)
            if usual is not None:
                found.append(_Spoken(record, no, usual.invocation, ()))
                continue
            claim = _claim(block)
            if claim is not None:
                invocation = claim.invocation.digest
                found.append(_Spoken(record, no, invocation, claim.withheld))
        return found

    def _ran_of(self, digest: bytes) -> _Ran:
        """The invocation as the map has it so far, and what this batch adds."""
        ran = self._ran.get(digest)
        if ran is None:
            row = self._view.rows.get(tables.MAP_RAN.name, self._nos[digest])
            before = None if row is None else Known(row[0])
            ran = _Ran(digest, before, before or Known.NOTHING)
            self._ran[digest] = ran
        return ran

    def _earlier(self, ran: _Ran) -> Iterator[bytes]:
        """Claims of the invocation that are in the map already."""
        (number,) = tables.NUMBER.decode(self._nos[ran.digest])
        for claim in self._view.claims_of(number):
            if claim.statement.index >= self._start:
                return
            yield claim_part(claim.statement.cid, claim.cid)


class _Spoken(NamedTuple):
    """A record that may be a claim: its digest and number, and its invocation."""

    record: bytes
    no: bytes
    invocation: bytes
    withheld: tuple[str, ...]


def _claim(block: bytes) -> Claim | None:
    """The claim of this block, valid or not; None if it is no claim."""
    try:
        record = parse_record(block)
    except (EncodingError, RecordError):
        return None
    return record if isinstance(record, Claim) else None
