"""From the log to what a policy hears: every claim, its group, or why it is silent.

    hear(view, policy, invocation) -> Heard        as of the view, in log order

Only the log decides, never when a claim came here. Two bounds keep it short whoever
floods an invocation: strangers past `STRANGERS_MAX` are counted and not read, and past
`LOOKS_MAX` rows there is no answer rather than one of a part. Source: FORMATS 6, 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from invocation_spec.model import Invocation, program_from_block
from octostore import tables
from octostore.belief.classes import Classes
from octostore.belief.groups import Groups, Voice
from octostore.belief.heard import Heard, Silence, Testimony
from octostore.belief.policy import Policy
from octostore.errors import NotFoundError, ProofError, RecordError
from octostore.keys import PublicKey
from octostore.map.heads import head_at, log_time_s
from octostore.questions.found import disclosed
from octostore.questions.standing import Standings
from octostore.records import Claim, Commitment, parse_record
from octostore.result import Result
from octostore.tables import NO_BYTES, Known
from octostore.view import LoggedClaim, View

__all__ = [
    "DOUBLES_MAX",
    "LOOKS_MAX",
    "STRANGERS_MAX",
    "TESTIMONIES_MAX",
    "WITHDRAWALS_MAX",
    "Hearing",
    "hear",
]

#: Claims by the reader's own groups that are heard on one invocation.
TESTIMONIES_MAX: Final = 1 << 16

#: Claims by keys of no group that are heard one by one; of more only their number.
STRANGERS_MAX: Final = 1000

#: Claims of one invocation that are looked at, by whomever: some seconds.
LOOKS_MAX: Final = 1 << 20

#: Times that one key takes back one claim; the first that counts is enough.
WITHDRAWALS_MAX: Final = 1024

#: Second statements for a place of a chain; a key with more is of nobody one trusts.
DOUBLES_MAX: Final = 1024

#: Rows whose claims are read together.
_AT_ONCE: Final = 64

#: Whose independent word a claim is: a group's, or a stranger's own.
_Speaker: TypeAlias = str | PublicKey


class _Said(NamedTuple):
    """A claim of the log, the voice that it has, and when the log had it."""

    logged: LoggedClaim
    voice: Voice
    log_time_s: int | None

    @property
    def speaker(self) -> _Speaker:
        return self.voice.group or self.logged.statement.issuer


def hear(view: View, policy: Policy, invocation: CID) -> Heard:
    """All that is claimed of an invocation, as this policy hears it.

    Raises:
        NotFoundError: nobody claims anything of it here.
        ProofError: more claims than are looked at for one verdict.
        StoreError: the store cannot be read.
    """
    return Hearing(view, policy).hear(invocation)


class Hearing:
    """One policy at one checkpoint; what is known of keys and links is read once."""

    def __init__(self, view: View, policy: Policy) -> None:
        self.view = view
        self.policy = policy
        self.checkpoint = view.checkpoint()
        head = head_at(view.rows, self.checkpoint.size)
        self.time_s = None if head is None else head.head.time_s
        self.standings = Standings(view)
        self.groups = Groups(policy, self.standings)
        self._equivocates: dict[PublicKey, bool] = {}
        self._strangers: set[PublicKey] = set()

    def hear(self, invocation: CID) -> Heard:
        """The same as the function says."""
        ran = self._invocation(invocation)
        classes = self.classes()
        same = classes.same_as(invocation)
        claims = _Claims()
        for cid in (invocation, *same.invocations):
            self._gather(cid, claims)
        if not claims.looks:
            raise NotFoundError("nobody claims anything of it", at=str(invocation))
        claims.said.sort(key=lambda said: (_place(said), said.logged.number))
        links = dict.fromkeys(same.links)
        testimonies = tuple(
            self._testimony(said, claims.first, classes, links) for said in claims.said
        )
        return Heard(
            invocation=invocation,
            kind=self._kind(invocation, ran),
            testimonies=testimonies,
            time_s=self.time_s,
            also=same.invocations,
            links=tuple(links),
            strangers=claims.passed,
            cuts=tuple((cut.at, cut.reason) for cut in classes.cuts),
        )

    def classes(self) -> Classes:
        """What links make the same, for one question.

        Each has the same number of looks: else a verdict would hang on the questions
        before it.
        """
        return Classes(self.view, self.policy, self.groups)

    def _invocation(self, cid: CID) -> Invocation:
        block = self.view.find_block(cid)
        try:
            return Invocation.from_block(block or b"")
        except EncodingError as error:
            raise NotFoundError("no such invocation here", at=str(cid)) from error

    def _gather(self, invocation: CID, claims: _Claims) -> None:
        number = self.view.number(invocation)
        if number is None:
            return
        rows: list[bytes] = []
        for row in self.view.claim_rows(number):
            claims.looked(invocation)
            index = int.from_bytes(row[NO_BYTES : 2 * NO_BYTES], "big")
            issuer = self.view.logged(index).issuer
            if issuer in self._strangers and claims.passes(index, issuer):
                continue
            rows.append(row)
            if len(rows) == _AT_ONCE:
                self._read(rows, invocation, claims)
                rows = []
        self._read(rows, invocation, claims)

    def _read(self, rows: list[bytes], invocation: CID, claims: _Claims) -> None:
        for logged in self.view.claims_in(rows):
            statement = logged.statement
            time_s = log_time_s(self.view.rows, statement.index, self.checkpoint.size)
            voice = self.groups.speaks(statement, logged.claim.network, time_s)
            if voice.silent == "no-group":
                self._strangers.add(statement.issuer)
            claims.add(_Said(logged, voice, time_s), invocation)

    def _testimony(
        self, said: _Said, first: _First, classes: Classes, links: dict[CID, None]
    ) -> Testimony:
        logged, voice = said.logged, said.voice
        claim, statement = logged.claim, logged.statement
        outputs: dict[str, CID] = {}
        status = None
        if claim.result is not None:
            result = Result.from_block(self.view.get(claim.result))
            status = result.exit
            for name, value in result.outputs.items():
                least = outputs[name] = classes.least(value)
                links.update(dict.fromkeys(classes.links(value, least)))
        silent: Silence | None = voice.silent
        withdrawn = self._withdrawn(logged) if silent is None else None
        if withdrawn is not None:
            silent = "withdrawn"
        return Testimony(
            claim=logged.cid,
            statement=statement.cid,
            index=statement.index,
            record=logged.number,
            issuer=statement.issuer,
            network=claim.network,
            group=voice.group,
            silent=silent,
            platform=claim.platform,
            outputs=outputs,
            exit=status,
            failure=None if claim.failure is None else claim.failure.kind,
            log_time_s=said.log_time_s,
            committed=self._committed(said, first),
            equivocates=self._has_equivocated(statement.issuer),
            silent_since=withdrawn,
        )

    def _withdrawn(self, logged: LoggedClaim) -> int | None:
        """The entry in which its issuer took it back, if that one is not revoked."""
        entries = self.view.withdrawals(logged.cid, logged.statement.issuer)
        for index in islice(entries, WITHDRAWALS_MAX):
            if self.standings.counts(self.view.logged(index)):
                return index
        return None

    def _has_equivocated(self, key: PublicKey) -> bool:
        known = self._equivocates.get(key)
        if known is None:
            known = self._equivocates[key] = self._signed_two(key)
        return known

    def _signed_two(self, key: PublicKey) -> bool:
        """Whether two statements for one place both count: none of them is revoked."""
        keys, places = tables.CHAINS.key, set[bytes]()
        for looks, index in enumerate(self.view.doubles(key)):
            if looks >= DOUBLES_MAX:
                return True
            said = self.view.said(index)
            places.add(keys.prefix(key, said.chain, said.seq))
        return any(self._counted(place) > 1 for place in places)

    def _counted(self, place: bytes) -> int:
        """How many statements for one place of a chain count, up to two."""
        keys, found = tables.CHAINS.key, 0
        for row, _ in self.view.rows.scan(tables.CHAINS.name, place):
            index = keys.decode(row)[3]
            if index < self.checkpoint.size:
                found += self.standings.counts(self.view.logged(index))
            if found > 1:
                break
        return found

    def _committed(self, said: _Said, first: _First) -> int | None:
        """The entry of the commitment that a claim reveals, if that counts.

        Strangers speak before it, too: whoever saw their value could have copied it.
        """
        claim, issuer = said.logged.claim, said.logged.statement.issuer
        if claim.reveals is None or not self._opens(claim, issuer):
            return None
        index = self.view.committed(claim.reveals.commitment, issuer)
        if index is None or index >= _place(said):
            return None
        if not self.standings.counts(self.view.logged(index)):
            return None
        other = first.of_others(said.speaker)
        return index if other is None or index < other else None

    def _opens(self, claim: Claim, issuer: PublicKey) -> bool:
        reveal, result = claim.reveals, claim.result
        if reveal is None or result is None or not tables.is_ours(reveal.commitment):
            return False
        block = self.view.find_block(reveal.commitment)
        if block is None:
            return False
        try:
            record = parse_record(block)
        except (EncodingError, RecordError):
            return False
        return isinstance(record, Commitment) and record.opens(
            issuer.did, claim.invocation, result, reveal.salt
        )

    def _kind(self, cid: CID, ran: Invocation) -> str | None:
        """The kind of the program, if a claim as of the view discloses it."""
        number = self.view.number(cid)
        if number is None or Known.PROGRAM not in disclosed(self.view, number):
            return None
        return program_from_block(self.view.get(ran.program)).kind


@dataclass(slots=True)
class _First:
    """Who spoke first on an invocation, and who was the first of the others."""

    one: tuple[int, _Speaker] | None = None
    other: tuple[int, _Speaker] | None = None

    def add(self, index: int, speaker: _Speaker) -> None:
        one, other = self.one, self.other
        if one is None or one[1] == speaker:
            self.one = (index if one is None else min(index, one[0]), speaker)
        elif index < one[0]:
            self.one, self.other = (index, speaker), one
        elif other is None or index < other[0]:
            self.other = (index, speaker)

    def of_others(self, speaker: _Speaker) -> int | None:
        """The first entry in which anybody else spoke."""
        first = self.other if self.one and self.one[1] == speaker else self.one
        return None if first is None else first[0]


class _Claims:
    """The claims of one invocation in the making, and of those that are the same."""

    def __init__(self) -> None:
        self.said: list[_Said] = []
        self.first = _First()
        self.looks = self.passed = self._strangers = 0

    def looked(self, invocation: CID) -> None:
        self.looks += 1
        if self.looks > LOOKS_MAX:
            raise _too_many(LOOKS_MAX, invocation)

    def passes(self, index: int, issuer: PublicKey) -> bool:
        """Whether a stranger's claim is one more than are read."""
        if self._strangers < STRANGERS_MAX:
            return False
        self.first.add(index, issuer)
        self.passed += 1
        return True

    def add(self, said: _Said, invocation: CID) -> None:
        self.first.add(_place(said), said.speaker)
        if said.voice.silent == "no-group":
            if self._strangers >= STRANGERS_MAX:
                self.passed += 1
                return
            self._strangers += 1
        elif len(self.said) - self._strangers >= TESTIMONIES_MAX:
            raise _too_many(TESTIMONIES_MAX, invocation)
        self.said.append(said)


def _place(said: _Said) -> int:
    return said.logged.statement.index


def _too_many(most: int, invocation: CID) -> ProofError:
    return ProofError(
        f"more than {most} claims, which is the most that one verdict is made of",
        at=str(invocation),
    )
