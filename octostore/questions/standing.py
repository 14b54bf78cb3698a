"""Who may speak: which statements of a key count, and for which organisation.

    revocation  of K, by K or by its organisation, keep [..]    what `keep` does not
                                                                lead back to is void
    delegation  O -> K,  membership  K -> O                     K speaks for O

All from records in the log, in its order; nothing is believed of what is said one-
sidedly. Source: FORMATS 6; docs/spec/issuers.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class _Ties:
    """What is said of one key, in log order, and by whom.

    Anybody can say thousands of things of any key: none is looked through twice.
    """

    key: PublicKey
    said: tuple[Said, ...]
    joined: list[Said] = field(default_factory=list)
    granted: dict[PublicKey, list[Said]] = field(default_factory=dict)
    revoked: dict[PublicKey, list[Said]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for said in self.said:
            record, by = said.record, said.by.issuer
            if isinstance(record, Membership):
                if by == self.key != record.of.key:
                    self.joined.append(said)
            elif isinstance(record, Delegation):
                if record.to.key == self.key:
                    self.granted.setdefault(by, []).append(said)
            elif record.key.key == self.key:
                self.revoked.setdefault(by, []).append(said)


class Standings:
    """What the log says of keys, as of one view; each key is looked up once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._ties: dict[PublicKey, _Ties] = {}
        self._voiding: dict[PublicKey, tuple[Said, ...]] = {}
        self._before = _Before(view)
        self._walks: dict[tuple[CID, PublicKey], _Walk] = {}

    def said_of(self, key: PublicKey) -> tuple[Said, ...]:
        """Delegations, memberships and revocations by or of this key, in log order."""
        return self._of(key).said

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
        ties = self._of(key)
        joined: dict[PublicKey, Said] = {}
        for said in ties.joined:
            if _organisation(said) not in joined and self.counts(said.by):
                joined[_organisation(said)] = said
        return tuple(
            Affiliation(organisation, key, granted, said)
            for organisation, said in joined.items()
            for granted in ties.granted.get(organisation, ())
            if self.counts(granted.by)
        )

    def _of(self, key: PublicKey) -> _Ties:
        found = self._ties.get(key)
        if found is None:
            found = self._ties[key] = _Ties(key, tuple(self._read(key)))
        return found

    def _read(self, key: PublicKey) -> Iterator[Said]:
        for index, number in self._view.ties_of(key):
            block = self._view.block(number)
            record = parse_record(block)
            if not isinstance(record, Delegation | Membership | Revocation):
                raise StoreCorruptError("a block is indexed as a tie and is none")
            yield Said(CID.of_block(block), record, self._view.logged(index))

    def _own(self, key: PublicKey) -> tuple[Said, ...]:
        return tuple(self._of(key).revoked.get(key, ()))

    def _by_organisations(self, key: PublicKey) -> tuple[Said, ...]:
        """Valid ones by who delegated to it and was joined before.

        Statements of organisations are judged by their own revocations alone, so
        that two keys cannot void each other in a circle.
        """
        ties, found = self._of(key), list[Said]()
        heard: set[PublicKey] = set()
        for joined in ties.joined:
            organisation = _organisation(joined)
            if organisation in heard or not self._is_kept(joined.by, found):
                continue
            heard.add(organisation)
            if organisation not in ties.revoked:
                continue
            own = self._own(organisation)
            granted = [
                said.by.index
                for said in ties.granted.get(organisation, ())
                if self._is_kept(said.by, own)
            ]
            if not granted:
                continue
            since = max(joined.by.index, min(granted))
            found += [
                said
                for said in ties.revoked[organisation]
                if said.by.index > since and self._is_kept(said.by, own)
            ]
        return tuple(found)

    def _is_kept(self, statement: LoggedStatement, by: Iterable[Said]) -> bool:
        return all(self._walk(said, statement).reaches(statement.cid) for said in by)

    def _walk(self, said: Said, statement: LoggedStatement) -> _Walk:
        """From all that a revocation keeps of the issuer of a statement."""
        walk = self._walks.get((said.cid, statement.issuer))
        if walk is None:
            assert isinstance(said.record, Revocation)  # noqa: S101 - so they were chosen
            walk = _Walk(self._before, said.record.keep, statement.issuer)
            self._walks[said.cid, statement.issuer] = walk
        return walk


class _Before:
    """Which statement stands before another in its chain; each is read once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[CID, tuple[PublicKey, CID | None] | None] = {}

    def of(self, cid: CID, issuer: PublicKey) -> tuple[bool, CID | None]:
        """Whether it is a statement of this key in the log, and the one before it."""
        if cid not in self._known:
            self._known[cid] = self._read(cid)
        known = self._known[cid]
        if known is None or known[0] != issuer:
            return False, None
        return True, known[1]

    def _read(self, cid: CID) -> tuple[PublicKey, CID | None] | None:
        try:
            index = self._view.index(cid)
            if index is None:
                return None
            part = self._view.envelope(index)[1].part
        except NotFoundError:
            return None
        return part.iss.key, part.prev


class _Walk:
    """The statements of a key that some lead back to by `prev`, each once.

    Read as far as is asked: where two ways meet, they are one from there.
    """

    def __init__(self, before: _Before, heads: Iterable[CID], key: PublicKey) -> None:
        self._before = before
        self._key = key
        self._seen: set[CID] = set()
        self._left = list(heads)

    def reaches(self, cid: CID) -> bool:
        """Whether one of them leads back to this, or is it."""
        while cid not in self._seen and self._left:
            here = self._left.pop()
            is_its, prev = self._before.of(here, self._key)
            if is_its and here not in self._seen:
                self._seen.add(here)
                if prev is not None:
                    self._left.append(prev)
        return cid in self._seen


def _organisation(said: Said) -> PublicKey:
    assert isinstance(said.record, Membership)  # noqa: S101 - from `joined`
    return said.record.of.key
