"""Who may speak: which statements of a key count, and for which organisation.

    revocation  of K, by K or by its organisation, keep [..]    what `keep` does not
                                                                lead back to is void
    delegation  O -> K,  membership  K -> O                     K speaks for O

All from records in the log, in its order; nothing is believed of what is said one-
sidedly. Source: FORMATS 6; docs/spec/issuers.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from invocation_spec.cid import CID
from octostore.errors import NotFoundError, StoreCorruptError
from octostore.keys import PublicKey
from octostore.records import Delegation, Membership, Revocation, parse_record
from octostore.view import LoggedStatement, View

__all__ = ["Affiliation", "Said", "Standings"]

_Tie: TypeAlias = Delegation | Membership | Revocation


@dataclass(frozen=True, slots=True)
class Said:
    """A record about keys, and the statement in the log that says it."""

    cid: CID
    record: _Tie
    by: LoggedStatement


@dataclass(frozen=True, slots=True)
class Affiliation:
    """A delegation that its member has answered with a membership; both count."""

    organisation: PublicKey
    member: PublicKey
    delegation: Said
    membership: Said

    @property
    def terms(self) -> Delegation:
        """What the organisation grants: for which network, until when."""
        record = self.delegation.record
        assert isinstance(record, Delegation)  # noqa: S101 - so it was made
        return record


class Standings:
    """What the log says of keys, as of one view; each key is looked up once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._ties: dict[PublicKey, tuple[Said, ...]] = {}
        self._voiding: dict[PublicKey, tuple[Said, ...]] = {}
        self._walks: dict[CID, _Walk] = {}

    def said_of(self, key: PublicKey) -> tuple[Said, ...]:
        """Delegations, memberships and revocations by or of this key, in log order."""
        found = self._ties.get(key)
        if found is None:
            found = self._ties[key] = tuple(self._read(key))
        return found

    def revocations(self, key: PublicKey) -> tuple[Said, ...]:
        """Those of the key that take effect; where there are several, all do.

        Its organisations' outrank its own. Of two organisations the one that the key
        joined first is heard first: what it voids made no second one.
        """
        found = self._voiding.get(key)
        if found is None:
            by_others = self._by_organisations(key)
            found = self._voiding[key] = by_others or self._own(key)
        return found

    def counts(self, statement: LoggedStatement) -> bool:
        """Whether no revocation voids this statement."""
        return self._is_kept(statement, self.revocations(statement.issuer))

    def affiliations(self, key: PublicKey) -> tuple[Affiliation, ...]:
        """To which organisations a key belongs, by word of both that counts."""
        return tuple(
            Affiliation(granted.by.issuer, key, granted, joined)
            for joined in self._joined(key)
            if self.counts(joined.by)
            for granted in self._granted(key, _of(joined))
            if self.counts(granted.by)
        )

    def _read(self, key: PublicKey) -> Iterator[Said]:
        for index, number in self._view.ties_of(key):
            block = self._view.block(number)
            record = parse_record(block)
            if not isinstance(record, Delegation | Membership | Revocation):
                raise StoreCorruptError("a block is indexed as a tie and is none")
            yield Said(CID.of_block(block), record, self._view.logged(index))

    def _own(self, key: PublicKey) -> tuple[Said, ...]:
        return tuple(
            said
            for said in self.said_of(key)
            if said.by.issuer == key and _revokes(said, key)
        )

    def _by_organisations(self, key: PublicKey) -> tuple[Said, ...]:
        """Valid ones by who delegated to it and was joined before.

        Statements of organisations are judged by their own revocations alone, so
        that two keys cannot void each other in a circle.
        """
        found: list[Said] = []
        for joined in self._joined(key):
            organisation = _of(joined)
            if not self._is_kept(joined.by, found):
                continue
            granted = [
                said.by.index
                for said in self._granted(key, organisation)
                if self._is_kept(said.by, self._own(organisation))
            ]
            if not granted:
                continue
            since = max(joined.by.index, min(granted))
            found += [
                said
                for said in self.said_of(key)
                if said.by.issuer == organisation
                and _revokes(said, key)
                and said.by.index > since
                and said not in found
                and self._is_kept(said.by, self._own(organisation))
            ]
        return tuple(found)

    def _joined(self, key: PublicKey) -> Iterator[Said]:
        """Memberships that the key has signed, the first of each organisation."""
        seen: set[PublicKey] = set()
        for said in self.said_of(key):
            if isinstance(said.record, Membership) and said.by.issuer == key:
                organisation = said.record.of.key
                if organisation != key and organisation not in seen:
                    seen.add(organisation)
                    yield said

    def _granted(self, key: PublicKey, organisation: PublicKey) -> Iterator[Said]:
        """Delegations to the key that the organisation has signed."""
        for said in self.said_of(key):
            if (
                isinstance(said.record, Delegation)
                and said.by.issuer == organisation
                and said.record.to.key == key
            ):
                yield said

    def _is_kept(self, statement: LoggedStatement, by: Iterable[Said]) -> bool:
        return all(
            any(self._leads(head, statement) for head in said.record.keep)
            for said in by
            if isinstance(said.record, Revocation)
        )

    def _leads(self, head: CID, statement: LoggedStatement) -> bool:
        walk = self._walks.get(head)
        if walk is None:
            walk = self._walks[head] = _Walk(self._view, head)
        return walk.issuer == statement.issuer and walk.reaches(statement.cid)


class _Walk:
    """The statements that one leads back to by `prev`, read as far as is asked."""

    def __init__(self, view: View, head: CID) -> None:
        self._view = view
        self._seen: set[CID] = set()
        self._next: CID | None = head
        index = view.index(head)
        self.issuer = None if index is None else view.logged(index).issuer

    def reaches(self, cid: CID) -> bool:
        while cid not in self._seen and self._next is not None:
            here = self._next
            self._seen.add(here)
            self._next = self._before(here)
        return cid in self._seen

    def _before(self, cid: CID) -> CID | None:
        """The statement before this one; None at the first, and where one lacks."""
        try:
            index = self._view.index(cid)
            if index is None:
                return None
            part = self._view.envelope(index)[1].part
        except NotFoundError:
            return None
        return part.prev if part.iss.key == self.issuer else None


def _of(said: Said) -> PublicKey:
    assert isinstance(said.record, Membership)  # noqa: S101 - from `_joined`
    return said.record.of.key


def _revokes(said: Said, key: PublicKey) -> bool:
    return isinstance(said.record, Revocation) and said.record.key.key == key
