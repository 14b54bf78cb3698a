"""The question: who is this key, and which keys have signed here at all?

    {"issuer": did, "checkpoint": {..}, "chains": [{"chain": "07..", "seq": 11,
        "head": "bafyrei..", "index": 40, "issued_at_s": 1669111200}], "name": "node 7",
     "organisations": [{"organisation": did, "name": "Bristol", ..}],
     "members": [..], "revocations": [{"by": did, "keep": [..], "takes_effect": true}]}

A name is what a key calls itself. An organisation is listed if both sides said so; what
only one said stands under `unanswered`. Anybody may say thousands of things of a key:
each list has a largest length, and `cut` names those that are longer.
Source: FORMATS 6; docs/spec/issuers.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from octostore import tables
from octostore.errors import NotFoundError
from octostore.keys import Did, PublicKey
from octostore.log import Checkpoint
from octostore.questions.standing import Affiliation, Said, Standings
from octostore.records import Delegation, Membership, Profile, Revocation
from octostore.view import LoggedStatement, View

__all__ = [
    "CHAINS_MAX",
    "ISSUERS_MAX",
    "SAID_MAX",
    "Chain",
    "IssuerAnswer",
    "IssuersAnswer",
    "issuer",
    "issuers",
]

#: Past all rows of one issuer.
_LAST: Final = b"\xff" * 64

#: Issuers on one page.
ISSUERS_MAX: Final = 1000

#: Chains that are shown of one issuer; a key has one on each machine it signs on.
CHAINS_MAX: Final = 1000

#: Organisations, members, unanswered words and revocations that are shown of one key,
#: of each so many.
SAID_MAX: Final = 1000

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of a key, and the last statement of it that the log has."""

    chain: bytes
    seq: int
    head: LoggedStatement

    def to_json(self) -> dict[str, object]:
        """`{chain, seq, head, index, issued_at_s}`."""
        return {
            "chain": self.chain.hex(),
            "seq": self.seq,
            "head": str(self.head.cid),
            "index": self.head.index,
            "issued_at_s": self.head.issued_at_s,
        }


@dataclass(frozen=True, slots=True)
class IssuerAnswer:
    """What the log says of one key; see the module."""

    issuer: PublicKey
    checkpoint: Checkpoint
    chains: tuple[Chain, ...]
    profile: Profile | None
    organisations: tuple[Affiliation, ...]
    members: tuple[Affiliation, ...]
    unanswered: tuple[Said, ...]
    revocations: tuple[tuple[Said, bool], ...]
    names: dict[PublicKey, str]
    #: The lists that are longer than what is shown of them.
    cut: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The shape of `octostore issuers DID --json`; what is empty is left out."""
        value: dict[str, object] = {
            "issuer": str(self.issuer.did),
            "checkpoint": self.checkpoint.to_json(),
            "chains": [chain.to_json() for chain in self.chains],
        }
        if self.profile is not None:
            told = self.profile.to_ipld()
            assert isinstance(told, dict)  # noqa: S101 - a record is a map
            value |= {name: item for name, item in told.items() if name != "type"}
        lists = {
            "organisations": [
                self._named("organisation", item.organisation) | _terms(item)
                for item in self.organisations
            ],
            "members": [
                self._named("member", item.member) | _terms(item)
                for item in self.members
            ],
            "unanswered": [self._unanswered(said) for said in self.unanswered],
            "revocations": [
                _revocation(said, takes_effect)
                for said, takes_effect in self.revocations
            ],
        }
        value |= {name: items for name, items in lists.items() if items}
        return value | ({"cut": list(self.cut)} if self.cut else {})

    def _named(self, role: str, key: PublicKey) -> dict[str, object]:
        value: dict[str, object] = {role: str(key.did)}
        name = self.names.get(key)
        return value if name is None else value | {"name": name}

    def _unanswered(self, said: Said) -> dict[str, object]:
        other = said.record.to if isinstance(said.record, Delegation) else None
        if isinstance(said.record, Membership):
            other = said.record.of
        return {
            "says": said.record.type,
            "by": str(said.by.issuer.did),
            "of": str(other),
            "record": str(said.cid),
        }


@dataclass(frozen=True, slots=True)
class IssuersAnswer:
    """Keys that have signed statements of the log, in the order of their bytes."""

    checkpoint: Checkpoint
    issuers: tuple[tuple[PublicKey, str | None], ...]
    next: Did | None

    def to_json(self) -> dict[str, object]:
        """The shape of `octostore issuers --json`."""
        value: dict[str, object] = {
            "checkpoint": self.checkpoint.to_json(),
            "issuers": [
                {"issuer": str(key.did)} | ({} if name is None else {"name": name})
                for key, name in self.issuers
            ],
        }
        return value | ({} if self.next is None else {"next": str(self.next)})


def issuer(view: View, key: PublicKey) -> IssuerAnswer:
    """What the log says of this key, and what others say of it.

    Raises:
        NotFoundError: it has signed nothing here, and nobody speaks of it.
    """
    cut: list[str] = []
    found = tuple(islice(_chains(view, key), CHAINS_MAX + 1))
    chains = _shown("chains", found, CHAINS_MAX, cut)
    standings = Standings(view)
    said = standings.said_of(key)
    if not chains and not said:
        raise NotFoundError("no such issuer in the log", at=str(key.did))
    organisations = standings.affiliations(key)
    members = tuple(
        item
        for other in dict.fromkeys(_members(said, key))
        for item in standings.affiliations(other)
        if item.organisation == key
    )
    answered = {
        one.cid
        for item in (*organisations, *members)
        for one in (item.delegation, item.membership)
    }
    effective = {(item.cid, item.by.index) for item in standings.revocations(key)}
    unanswered = [
        item
        for item in said
        if not isinstance(item.record, Revocation) and item.cid not in answered
    ]
    revocations = [
        (item, (item.cid, item.by.index) in effective)
        for item in said
        if isinstance(item.record, Revocation) and item.record.key.key == key
    ]
    organisations = _shown("organisations", organisations, SAID_MAX, cut)
    members = _shown("members", members, SAID_MAX, cut)
    known = {item.organisation for item in organisations} | {
        item.member for item in members
    }
    return IssuerAnswer(
        issuer=key,
        checkpoint=view.checkpoint(),
        chains=chains,
        profile=view.profile(key),
        organisations=organisations,
        members=members,
        unanswered=_shown("unanswered", unanswered, SAID_MAX, cut),
        revocations=_shown("revocations", _weighty(revocations), SAID_MAX, cut),
        names={
            other: profile.name
            for other in known
            if (profile := view.profile(other)) is not None
        },
        cut=tuple(cut),
    )


def _shown(
    name: str, items: Sequence[_Item], most: int, cut: list[str]
) -> tuple[_Item, ...]:
    """The first of a list; if there are more, its name is among those that are cut."""
    if len(items) > most:
        cut.append(name)
    return tuple(items[:most])


def _weighty(revocations: list[tuple[Said, bool]]) -> list[tuple[Said, bool]]:
    """In log order; if there are too many, those that take effect come first.

    Whoever says a thousand times that a key is revoked hides no word that counts.
    """
    if len(revocations) <= SAID_MAX:
        return revocations
    return sorted(revocations, key=lambda item: not item[1])


def issuers(
    view: View, *, limit: int = ISSUERS_MAX, after: PublicKey | None = None
) -> IssuersAnswer:
    """The next `limit` keys that have signed statements here, after this one."""
    found: list[tuple[PublicKey, str | None]] = []
    most = min(max(limit, 1), ISSUERS_MAX)
    key = _next_issuer(view, after)
    while key is not None and len(found) < most:
        profile = view.profile(key)
        found.append((key, None if profile is None else profile.name))
        key = _next_issuer(view, key)
    following = found[-1][0].did if key is not None and found else None
    return IssuersAnswer(view.checkpoint(), tuple(found), following)


def _next_issuer(view: View, after: PublicKey | None) -> PublicKey | None:
    beyond = b"" if after is None else after.raw + _LAST
    for key, _ in view.rows.scan(tables.CHAINS.name, after=beyond):
        return tables.CHAINS.key.decode(key)[0]
    return None


def _chains(view: View, key: PublicKey) -> Iterator[Chain]:
    """The chains of a key, each by its last row: of two with one place the later."""
    keys, name = tables.CHAINS.key, tables.CHAINS.name
    after = b""
    while True:
        row = next(view.rows.scan(name, keys.prefix(key), after=after), None)
        if row is None:
            return
        chain = keys.decode(row[0])[1]
        last = view.rows.last(name, keys.prefix(key, chain))
        assert last is not None  # noqa: S101 - one was just read
        _, _, seq, index = keys.decode(last[0])
        yield Chain(chain, seq, view.logged(index))
        after = last[0]


def _members(said: tuple[Said, ...], key: PublicKey) -> list[PublicKey]:
    return [
        item.record.to.key
        for item in said
        if isinstance(item.record, Delegation) and item.by.issuer == key
    ]


def _terms(item: Affiliation) -> dict[str, object]:
    terms: dict[str, object] = {
        "delegation": str(item.delegation.cid),
        "membership": str(item.membership.cid),
    }
    if item.terms.scope is not None:
        terms["scope"] = item.terms.scope
    if item.terms.until is not None:
        terms["until"] = item.terms.until
    return terms


def _revocation(said: Said, takes_effect: bool) -> dict[str, object]:
    assert isinstance(said.record, Revocation)  # noqa: S101 - so they were chosen
    return {
        "by": str(said.by.issuer.did),
        "record": str(said.cid),
        "index": said.by.index,
        "keep": [str(cid) for cid in said.record.keep],
        "takes_effect": takes_effect,
    }
