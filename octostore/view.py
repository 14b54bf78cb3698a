"""One consistent look at a store: blocks by CID, statements, claims in log order.

A view reads a snapshot, so all that it says belongs to one checkpoint. Every
block is hashed again when it is read: a bit that rotted is an error, never an
answer. Source: DESIGN 4; docs/spec/log.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import Final, NamedTuple

from invocation_spec.cid import CID, SHA2_256
from octostore import tables
from octostore.engine import Snapshot
from octostore.errors import NotFoundError, StoreCorruptError
from octostore.keys import PublicKey
from octostore.log import (
    ENTRY_BYTES,
    INDEX_MAX,
    KIND_STATEMENT,
    Checkpoint,
    Entry,
    Frontier,
)
from octostore.packed import unpack
from octostore.records import Claim, Profile, parse_record
from octostore.statement import ReceivedStatement, Said, Statement, read_again
from octostore.tlog.merkle import HASH_BYTES, range_root
from octostore.usual import read_claim

__all__ = ["LoggedClaim", "LoggedStatement", "View"]

#: Claims of one invocation that are read together; each is at most a block.
_CLAIMS_AT_ONCE: Final = 32

#: Rows of statements that stay read, from one question to the next.
_STATEMENTS_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """What is kept at hand of a statement: where it stands, who signed it, when."""

    index: int
    cid: CID
    issuer: PublicKey
    issued_at_s: int


class LoggedClaim(NamedTuple):
    """A claim as a statement in the log names it; the pair is its identity.

    `number` is the block number of the record, for going on after it.
    """

    cid: CID
    claim: Claim
    statement: LoggedStatement
    number: int


class View:
    """A store as one commit left it; use it inside the snapshot.

    With `size`, as if the log had only so many entries: what later ones say of
    claims, profiles, withdrawals and links is not seen.
    """

    def __init__(self, rows: Snapshot, size: int | None = None) -> None:
        self.rows = rows
        self._end = INDEX_MAX + 1 if size is None else size
        self.is_as_of = size is not None

    def over(self, rows: Snapshot) -> View:
        """The same look at other rows."""
        return View(rows, self._end if self.is_as_of else None)

    def number(self, cid: CID) -> int | None:
        """The arrival number of the block with these bytes, or None."""
        if cid.hash_code != SHA2_256:
            return None
        raw = self.rows.get(tables.AT.name, cid.digest)
        return None if raw is None else tables.NUMBER.decode(raw)[0]

    def block(self, number: int) -> bytes:
        """The bytes that arrived under this number.

        Raises:
            StoreCorruptError: an index names a block that is not there.
        """
        value = self.rows.get(tables.BLOCKS.name, tables.BLOCKS.key.encode(number))
        if value is None:
            raise StoreCorruptError(f"block {number} is not there; rebuild the indexes")
        return unpack(value)

    def find_block(self, cid: CID) -> bytes | None:
        """The block this CID names, or None.

        Raises:
            StoreCorruptError: the bytes on disk have another hash.
        """
        return self.find_digest(cid.digest) if cid.hash_code == SHA2_256 else None

    def find_digest(self, digest: bytes) -> bytes | None:
        """The bytes with this sha2-256, or None.

        Raises:
            StoreCorruptError: the bytes on disk have another hash.
        """
        no = self.rows.get(tables.AT.name, digest)
        if no is None:
            return None
        (number,) = tables.NUMBER.decode(no)
        block = self.block(number)
        if sha256(block).digest() != digest:
            raise StoreCorruptError(
                f"block {number} has changed on the disk",
                at=str(tables.our_cid(digest)),
            )
        return block

    def find(self, cid: CID) -> bytes | None:
        """The bytes this CID names, or None; signed parts of the log too.

        Raises:
            StoreCorruptError: the bytes on disk have another hash.
        """
        block = self.find_block(cid)
        if block is not None:
            return block
        index = self.index(cid)
        return None if index is None else self.envelope(index)[1].signed

    def get(self, cid: CID) -> bytes:
        """The bytes this CID names.

        Raises:
            NotFoundError: they are not here.
            StoreCorruptError: the bytes on disk have another hash.
        """
        block = self.find(cid)
        if block is None:
            raise NotFoundError("no such block here", at=str(cid))
        return block

    def frontier(self) -> Frontier:
        """What the log needs to grow."""
        raw = self.rows.get(tables.META.name, tables.FRONTIER)
        return Frontier() if raw is None else _frontier(raw)

    def checkpoint(self) -> Checkpoint:
        """Size and root of the log, or as of the size that is looked at.

        Raises:
            NotFoundError: the log is shorter.
        """
        now = self.frontier().checkpoint
        if not self.is_as_of or now.size == self._end:
            return now
        if now.size < self._end:
            raise NotFoundError(
                f"the log has {now.size} entries; ask as of that or less",
                at=f"size {self._end}",
            )
        return Checkpoint(self._end, range_root(self.node, 0, self._end))

    def index(self, part: CID) -> int | None:
        """The place in the log of the statement with this signed part, or None."""
        if not tables.is_ours(part):
            return None
        raw = self.rows.get(tables.PARTS.name, tables.PARTS.key.encode(part))
        return None if raw is None else tables.NUMBER.decode(raw)[0]

    def entry(self, index: int) -> Entry:
        """What stands at this place in the log.

        Raises:
            NotFoundError: the log is shorter.
        """
        return Entry.from_bytes(tables.LOG_VALUE.decode(self._log_row(index))[0])

    def node(self, level: int, index: int) -> bytes:
        """The hash of a full subtree of the log (`octostore.tlog.merkle.Node`).

        Raises:
            NotFoundError: the log is shorter.
            StoreCorruptError: the row does not have it.
        """
        last = (index + 1 << level) - 1
        start = ENTRY_BYTES + level * HASH_BYTES
        found = self._log_row(last)[start : start + HASH_BYTES]
        if len(found) != HASH_BYTES:
            raise StoreCorruptError(
                f"no hash of the {1 << level} leaves that end there", at=f"entry {last}"
            )
        return found

    def _log_row(self, index: int) -> bytes:
        raw = None
        if 0 <= index <= INDEX_MAX:
            raw = self.rows.get(tables.LOG.name, tables.LOG.key.encode(index))
        if raw is None:
            raise NotFoundError("the log is shorter", at=f"entry {index}")
        return raw

    def envelope(self, index: int) -> tuple[Entry, ReceivedStatement]:
        """The entry at this place in the log, and the envelope it names.

        Raises:
            NotFoundError: the log is shorter, or a map head stands there.
            StoreCorruptError: the envelope is not there.
        """
        entry, block = self._envelope(index)
        return entry, ReceivedStatement.from_block(block)

    def _envelope(self, index: int) -> tuple[Entry, bytes]:
        entry = self.entry(index)
        if entry.kind != KIND_STATEMENT:
            raise NotFoundError("a map head, no statement", at=f"entry {index}")
        block = self.find_block(entry.block)
        if block is None:
            raise StoreCorruptError(f"no envelope of log entry {index}")
        return entry, block

    def said(self, index: int) -> Said:
        """What the statement at this place in the log says, which was verified then.

        Raises:
            NotFoundError: the log is shorter, or a map head stands there.
            StoreCorruptError: the envelope is not there.
        """
        return read_again(self._envelope(index)[1])

    def statement(self, cid: CID) -> Statement:
        """The logged statement whose signed part has this CID, verified again.

        Raises:
            NotFoundError: no such statement is in the log.
        """
        index = self.index(cid)
        if index is None:
            raise NotFoundError("no such statement in the log", at=str(cid))
        return self.envelope(index)[1].verify()

    def logged(self, index: int) -> LoggedStatement:
        """What is kept at hand of the statement at this place in the log.

        Raises:
            NotFoundError: the log is shorter, or a map head stands there.
        """
        raw = self.rows.get(tables.STATEMENTS.name, tables.STATEMENTS.key.encode(index))
        if raw is None:
            self.envelope(index)
            raise StoreCorruptError("no row; rebuild the indexes", at=f"entry {index}")
        return _logged(index, raw)

    def claims_of(
        self, invocation: int, *, after: tuple[int, int] | None = None
    ) -> Iterator[LoggedClaim]:
        """All claims of the invocation with this block number, in log order.

        With `after` (log index, number of the record), those that follow it.
        """
        rows = self.claim_rows(invocation, after=after)
        while some := list(islice(rows, _CLAIMS_AT_ONCE)):
            yield from self.claims_in(some)

    def claim_rows(
        self, invocation: int, *, after: tuple[int, int] | None = None
    ) -> Iterator[bytes]:
        """The rows of the same claims, for `claims_in`; none of them is read."""
        keys = tables.CLAIMS.key
        beyond = keys.encode(invocation, *after) if after else b""
        prefix = keys.prefix(invocation)
        for key, _ in self.rows.scan(tables.CLAIMS.name, prefix, after=beyond):
            if self.is_as_of and keys.decode(key)[1] >= self._end:
                return
            yield key

    def claims_in(self, keys: Sequence[bytes]) -> Iterator[LoggedClaim]:
        """Claims by their rows: number of the invocation, place, of the record."""
        size = tables.NO_BYTES
        if any(len(key) != 3 * size for key in keys):
            raise StoreCorruptError("a row of claims of another size")
        numbers = [key[2 * size :] for key in keys]
        places = [key[size : 2 * size] for key in keys]
        rows = self.rows.get_many(tables.BLOCKS.name, numbers)
        blocks = {no: unpack(value) for no, value in rows.items()}
        digests = {no: sha256(block).digest() for no, block in blocks.items()}
        at = self.rows.get_many(tables.AT.name, digests.values())
        statements = self.rows.get_many(tables.STATEMENTS.name, set(places))
        for place, no in zip(places, numbers, strict=True):
            number = int.from_bytes(no, "big")
            block = blocks.get(no)
            if block is None:
                block = self.block(number)  # which says that it is not there
            digest = digests[no]
            record = read_claim(block) or parse_record(block)
            if at.get(digest) != no or not isinstance(record, Claim):
                raise StoreCorruptError(f"block {number} is not the claim it was")
            row, index = statements.get(place), int.from_bytes(place, "big")
            statement = self.logged(index) if row is None else _logged(index, row)
            yield LoggedClaim(tables.our_cid(digest), record, statement, number)

    def equivocations(self, statement: Statement) -> tuple[LoggedStatement, ...]:
        """Logged statements with the same issuer, chain and seq, itself included."""
        part = statement.part
        prefix = tables.CHAINS.key.prefix(part.iss.key, part.chain, part.seq)
        return tuple(
            self.logged(tables.CHAINS.key.decode(key)[3])
            for key, _ in self.rows.scan(tables.CHAINS.name, prefix)
        )

    def profile(self, issuer: PublicKey) -> Profile | None:
        """What the issuer last said about itself in log order; nobody verifies it."""
        keys, name = tables.PROFILES.key, tables.PROFILES.name
        row = self.rows.last(name, keys.prefix(issuer))
        if row is not None and keys.decode(row[0])[1] >= self._end:
            row = None
            for key, value in self.rows.scan(name, keys.prefix(issuer)):
                if keys.decode(key)[1] >= self._end:
                    break
                row = key, value
        if row is None:
            return None
        record = parse_record(self.block(keys.decode(row[0])[2]))
        if not isinstance(record, Profile):
            raise StoreCorruptError("a block is indexed as a profile and is none")
        return record

    def is_withdrawn(self, claim: CID, issuer: PublicKey) -> bool:
        """Whether this issuer has taken back this claim of its own."""
        return next(self.withdrawals(claim, issuer), None) is not None

    def withdrawals(self, claim: CID, issuer: PublicKey) -> Iterator[int]:
        """Entries in which this issuer takes back this claim, in log order."""
        keys, prefix = tables.WITHDRAWALS.key, tables.WITHDRAWALS.key.prefix
        rows = self.rows.scan(tables.WITHDRAWALS.name, prefix(claim, issuer))
        for key, _ in rows:
            index = keys.decode(key)[2]
            if index >= self._end:
                return
            yield index

    def committed(self, commitment: CID, issuer: PublicKey) -> int | None:
        """The first entry in which this issuer states this commitment, or None."""
        keys = tables.COMMITMENTS.key
        prefix = keys.prefix(issuer, commitment)
        for key, _ in self.rows.scan(tables.COMMITMENTS.name, prefix):
            index = keys.decode(key)[2]
            return index if index < self._end else None
        return None

    def has_equivocated(self, issuer: PublicKey) -> bool:
        """Whether this key has signed two statements for one place of a chain."""
        return next(self.doubles(issuer), None) is not None

    def doubles(self, issuer: PublicKey) -> Iterator[int]:
        """Entries with a statement of this key whose place another had taken."""
        keys = tables.DOUBLES.key
        for key, _ in self.rows.scan(tables.DOUBLES.name, keys.prefix(issuer)):
            index = keys.decode(key)[1]
            if index >= self._end:
                return
            yield index

    def is_double(self, index: int) -> bool:
        """Whether the statement at this place in the log is such a one."""
        key = tables.DOUBLES.key.encode(self.logged(index).issuer, index)
        return self.rows.get(tables.DOUBLES.name, key) is not None

    def ties_of(self, key: PublicKey) -> Iterator[tuple[int, int]]:
        """Places and block numbers of records that tie this key to others.

        Delegations, memberships and revocations, by it or of it, in log order.
        """
        keys = tables.TIES.key
        for row, _ in self.rows.scan(tables.TIES.name, keys.prefix(key)):
            _, index, number = keys.decode(row)
            if index >= self._end:
                return
            yield index, number

    def links_of(self, cid: CID) -> Iterator[CID]:
        """Link records that name this CID on either side, in log order."""
        keys = tables.LINKS.key
        for key, _ in self.rows.scan(tables.LINKS.name, keys.prefix(cid)):
            if keys.decode(key)[1] >= self._end:
                return
            yield CID.of_block(self.block(keys.decode(key)[2]))


@lru_cache(_STATEMENTS_KEPT)
def _logged(index: int, row: bytes) -> LoggedStatement:
    """What a row of `statements` says."""
    cid, issuer, issued_at_s = tables.STATEMENT_VALUE.decode(row)
    return LoggedStatement(index, cid, issuer, issued_at_s)


@lru_cache(1)
def _frontier(raw: bytes) -> Frontier:
    """What a row of `meta` says; a writer asks twice for each statement."""
    return Frontier.from_bytes(raw)
