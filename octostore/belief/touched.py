"""Which invocations a part of the log may have changed for a policy, and no others.

    claim          its invocation
    withdrawal     that of the claim
    link           all that have a CID of its class in code, files or outputs
    tie            all that the key speaks of whose word it may change, and of keys
                   that this one delegated to or revoked
    map head       those of the entries it covers: now they have a log time
    two histories  all that the key speaks of

With each invocation go those that links make the same. Too many is slow and never
wrong; a test holds what follows from it against all computed anew. Source: FORMATS 6-8.
"""

from __future__ import annotations

from collections.abc import Iterator

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from octostore import tables
from octostore.belief.hear import Hearing
from octostore.errors import RecordError
from octostore.keys import PublicKey
from octostore.log import KIND_STATEMENT
from octostore.map.head import MapHead
from octostore.questions.reach import Role, reach
from octostore.questions.standing import Said
from octostore.records import (
    Claim,
    Delegation,
    Link,
    Membership,
    Record,
    Revocation,
    Withdrawal,
    parse_record,
)
from octostore.records.link import SYMMETRIC
from octostore.usual import usual_claim
from octostore.view import View

__all__ = ["all_claimed", "touched"]


def touched(hearing: Hearing, since: int, covered: int) -> set[CID]:
    """Invocations that entries from `since` on may have changed.

    `covered` is how many entries the last map head before `since` covers.
    """
    walk = _Walk(hearing)
    for index in range(since, hearing.checkpoint.size):
        entry = hearing.view.entry(index)
        if entry.kind == KIND_STATEMENT:
            walk.statement(index)
            if hearing.view.is_double(index):
                walk.key(hearing.view.logged(index).issuer)
            continue
        head = MapHead.from_block(hearing.view.get(entry.block))
        for other in range(covered, min(head.size, since)):
            if hearing.view.entry(other).kind == KIND_STATEMENT:
                walk.statement(other)
        covered = max(covered, head.size)
    return walk.found


def all_claimed(view: View) -> Iterator[CID]:
    """All invocations of which anything is claimed, as of the view."""
    keys, after = tables.CLAIMS.key, b""
    while True:
        row = next(view.rows.scan(tables.CLAIMS.name, after=after), None)
        if row is None:
            return
        number = keys.decode(row[0])[0]
        if next(view.claim_rows(number), None) is not None:
            yield CID.of_block(view.block(number))
        after = keys.prefix(number) + b"\xff" * (2 * tables.NO_BYTES)


class _Walk:
    """From entries to invocations; keys and links are followed once each."""

    def __init__(self, hearing: Hearing) -> None:
        self.found: set[CID] = set()
        self._hearing = hearing
        self._view = hearing.view
        self._keys: set[PublicKey] = set()
        self._classes: set[CID] = set()

    def statement(self, index: int) -> None:
        """All that the records of one statement touch."""
        for digest in self._view.said(index).records:
            block = self._view.find_digest(digest)
            usual = None if block is None else usual_claim(block)
            if usual is not None:
                self._invocation(CID.of_block_digest(usual.invocation))
            elif block is not None:
                try:
                    record = parse_record(block)
                except (EncodingError, RecordError):
                    continue  # skipped by everyone alike
                self._record(record, self._view.logged(index).issuer)

    def _record(self, record: Record, issuer: PublicKey) -> None:
        if isinstance(record, Claim):
            self._invocation(record.invocation)
        elif isinstance(record, Withdrawal):
            self._claim(record.claim)
        elif isinstance(record, Link):
            if record.means in SYMMETRIC:
                self._class(record.a)
                self._class(record.b)
        elif isinstance(record, Delegation | Membership | Revocation):
            key = _whose_word(record, issuer)
            if self._matters(record, issuer):
                self.key(key)

    def _invocation(self, cid: CID) -> None:
        if cid not in self.found:
            self.found.add(cid)
            self.found.update(self._hearing.classes().same_as(cid).invocations)

    def _claim(self, cid: CID) -> None:
        block = self._view.find_block(cid)
        if block is None:
            return
        try:
            record = parse_record(block)
        except (EncodingError, RecordError):
            return
        if isinstance(record, Claim):
            self._invocation(record.invocation)

    def _class(self, cid: CID) -> None:
        """All that run, are given or give a CID of this class."""
        classes = self._hearing.classes()
        same = (*classes.members(cid), *classes.members(cid, is_code=True))
        for member in dict.fromkeys(same):
            if member in self._classes:
                continue
            self._classes.add(member)
            for role in Role:
                for step in reach(self._view, role, member):
                    self._invocation(CID.of_block(self._view.block(step.number)))

    def key(self, key: PublicKey) -> None:
        """All that a key says, and those say whom it delegated to or revoked.

        Two steps: whether a delegation counts hangs on who delegated, and on who may
        have revoked him, whose own word is judged by his own revocations alone.
        """
        for other in self._below([key], 2):
            if other in self._keys:
                continue
            self._keys.add(other)
            keys = tables.CHAINS.key
            rows = self._view.rows.scan(tables.CHAINS.name, keys.prefix(other))
            for row, _ in rows:
                index = keys.decode(row)[3]
                if index < self._hearing.checkpoint.size:
                    self._plain(index)

    def _plain(self, index: int) -> None:
        """The same as of a statement, but ties: those are followed already."""
        for digest in self._view.said(index).records:
            block = self._view.find_digest(digest)
            if block is None:
                continue
            try:
                record = parse_record(block)
            except (EncodingError, RecordError):
                continue
            if isinstance(record, Claim | Withdrawal | Link):
                self._record(record, self._view.logged(index).issuer)

    def _below(self, keys: list[PublicKey], steps: int) -> dict[PublicKey, None]:
        found = dict.fromkeys(keys)
        for _ in range(steps):
            keys = [
                other
                for key in keys
                for said in self._hearing.standings.said_of(key)
                if said.by.issuer == key and (other := _named(said)) is not None
                if other not in found
            ]
            found.update(dict.fromkeys(keys))
        return found

    def _matters(
        self, record: Delegation | Membership | Revocation, issuer: PublicKey
    ) -> bool:
        """Whether both sides have said something: alone, one changes nothing.

        Anybody may name any key; the other side's answer is a tie of its own.
        """
        key = _whose_word(record, issuer)
        other = record.of.key if isinstance(record, Membership) else issuer
        if key == other:
            return True
        said = self._hearing.standings.said_of(key)
        joined = any(
            isinstance(item.record, Membership)
            and item.by.issuer == key
            and item.record.of.key == other
            for item in said
        )
        granted = any(
            isinstance(item.record, Delegation)
            and item.by.issuer == other
            and item.record.to.key == key
            for item in said
        )
        return joined and granted


def _whose_word(
    record: Delegation | Membership | Revocation, issuer: PublicKey
) -> PublicKey:
    """The key for whose statements it makes a difference."""
    if isinstance(record, Delegation):
        return record.to.key
    return issuer if isinstance(record, Membership) else record.key.key


def _named(said: Said) -> PublicKey | None:
    """Whom a tie of a key makes a difference to, but itself."""
    record = said.record
    if isinstance(record, Delegation):
        return record.to.key
    return record.key.key if isinstance(record, Revocation) else None
