"""Which invocations are worth running again, drawn so that no claimant can know.

    seed = token_bytes(SEED_BYTES)                  secret until it is drawn
    found = candidates(view, policy, seed)
    draw(found.candidates, 10, seed)                the same from the same seed, later

Every invocation that can be run here has a weight above nothing, so none is safe:

    stakes = 1 + groups that claim it + 1 if others do + invocations that use it
    weight = 64 stakes, times 8 where groups conflict and no anchor has looked,
             divided by 4 for each anchor that has, up to three

Keys that the policy does not know are one claimant together, and what they use or
contradict counts for nothing: otherwise they would draw all checks to themselves. Of
each candidate a number is drawn by HMAC-SHA-256 of its CID under the seed, and those
with the least -ln(number)/weight are taken (Efraimidis and Spirakis, 2006): a draw
without replacement, that anybody recomputes who is told the seed.
"""

from __future__ import annotations

import heapq
import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import combinations, islice
from typing import Final

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from invocation_spec.model import Input, Invocation, WasiProgram, program_from_block
from octostore import tables
from octostore.belief.groups import Groups
from octostore.belief.policy import Policy
from octostore.keys import PublicKey
from octostore.map.heads import log_time_s
from octostore.questions.lineage import used
from octostore.questions.standing import Standings
from octostore.result import Agreement, Result, compare_outputs
from octostore.tables import Known
from octostore.view import LoggedClaim, View

__all__ = [
    "CANDIDATES_MAX",
    "SAMPLE_MAX",
    "SCANNED_MAX",
    "SEED_BYTES",
    "Candidate",
    "Candidates",
    "candidates",
    "draw",
]

SEED_BYTES: Final = 32

#: Invocations of one sample: each is run twice, and all checks are one statement.
SAMPLE_MAX: Final = 1000

#: Invocations that are counted for a sample, and those of them that are looked at:
#: a look reads claims. Of more, those are looked at that the seed picks.
SCANNED_MAX: Final = 10_000_000
CANDIDATES_MAX: Final = 10_000

#: Claims of one invocation that are looked at, and values of its outputs.
_CLAIMS_MAX: Final = 1000
_VALUES_MAX: Final = 16

#: Groups, and uses, past which stakes do not grow; uses looked at, and their claims.
_GROUPS_MAX: Final = 16
_USES_MAX: Final = 16
_USES_LOOKED_MAX: Final = 64
_USERS_MAX: Final = 8

_UNIT: Final = 64
_CONFLICT: Final = 8
_CHECKS_MAX: Final = 3

#: Far more digits than weights have; `ln` is correctly rounded by its specification.
_EXACT: Final = Context(prec=40)
_SPACE: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class Candidate:
    """An invocation that can be run here, and what speaks for doing so."""

    invocation: CID
    groups: int
    strangers: bool
    checks: int
    uses: int
    conflict: bool

    @property
    def weight(self) -> int:
        """How much more likely it is drawn than one of weight 1; never 0."""
        stakes = 1 + min(self.groups, _GROUPS_MAX) + self.strangers
        stakes += min(self.uses, _USES_MAX)
        urgent = _CONFLICT if self.conflict and not self.checks else 1
        return _UNIT * stakes * urgent >> 2 * min(self.checks, _CHECKS_MAX)

    def to_json(self) -> dict[str, object]:
        """`{invocation, weight, groups, strangers, checks, uses, conflict}`."""
        return {
            "invocation": str(self.invocation),
            "weight": self.weight,
            "groups": self.groups,
            "strangers": self.strangers,
            "checks": self.checks,
            "uses": self.uses,
            "conflict": self.conflict,
        }


@dataclass(frozen=True, slots=True)
class Candidates:
    """Those that were looked at and can be run; `others` cannot be run here.

    `unseen` were not looked at: there are more than `CANDIDATES_MAX`.
    """

    candidates: tuple[Candidate, ...]
    others: int
    unseen: int


def candidates(view: View, policy: Policy, seed: bytes) -> Candidates:
    """What can be run again of what is claimed, in the order of arrival.

    Raises:
        StoreError: the store cannot be read.
    """
    rows = islice(view.rows.scan(tables.RAN.name), SCANNED_MAX)
    numbers = (tables.RAN.key.decode(key)[0] for key, _ in rows)
    total, picked = _picked(numbers, seed)
    looker = _Looker(view, policy)
    found = [looker.look(number) for number in sorted(picked)]
    runnable = tuple(item for item in found if item is not None)
    return Candidates(runnable, len(found) - len(runnable), total - len(found))


def _picked(numbers: Iterable[int], seed: bytes) -> tuple[int, list[int]]:
    """How many there are, and those to look at: all, or as the seed has it."""
    counted = [0]

    def each() -> Iterator[int]:
        for number in numbers:
            counted[0] += 1
            yield number

    picked = heapq.nsmallest(
        CANDIDATES_MAX, each(), key=lambda number: _number(seed, tables.no_of(number))
    )
    return counted[0], picked


def draw(found: Sequence[Candidate], count: int, seed: bytes) -> list[Candidate]:
    """So many of them, the first drawn first, by weight and by the seed."""

    def place(item: Candidate) -> tuple[Decimal, CID]:
        number = _number(seed, item.invocation.raw) + 1
        share = _EXACT.divide(Decimal(number), Decimal(_SPACE))
        waits = _EXACT.divide(_EXACT.ln(share).copy_abs(), Decimal(item.weight))
        return waits, item.invocation

    return heapq.nsmallest(min(count, SAMPLE_MAX), found, key=place)


def _number(seed: bytes, name: bytes) -> int:
    return int.from_bytes(hmac.digest(seed, name, "sha256"), "big")


class _Looker:
    """Looks at one invocation after the other; keys are looked up once."""

    def __init__(self, view: View, policy: Policy) -> None:
        self._view = view
        self._policy = policy
        self._groups = Groups(policy, Standings(view))

    def look(self, number: int) -> Candidate | None:
        """What speaks for running it again, None if it cannot be or has no claim."""
        view = self._view
        block = view.block(number)
        if not self._is_runnable(number, Invocation.from_block(block)):
            return None
        claims = list(islice(view.claims_of(number), _CLAIMS_MAX))
        said: dict[str, dict[str, set[CID]]] = defaultdict(lambda: defaultdict(set))
        groups: set[str] = set()
        strangers = False
        for claim in claims:
            group = self._group(claim)
            if group is None:
                strangers = True
                continue
            groups.add(group)
            for name, value in self._outputs(claim).items():
                said[name][group].add(value)
        if not claims:
            return None
        return Candidate(
            invocation=CID.of_block(block),
            groups=len(groups),
            strangers=strangers,
            checks=len(groups.intersection(self._policy.anchors)),
            uses=self._uses(said),
            conflict=any(_conflict(by_group) for by_group in said.values()),
        )

    def _is_runnable(self, number: int, invocation: Invocation) -> bool:
        view = self._view
        row = view.rows.get(tables.RAN.name, tables.RAN.key.encode(number))
        known = Known.NOTHING if row is None else Known(row[0])
        if Known.PROGRAM not in known or Known.INPUT not in known:
            return False
        try:
            program = program_from_block(view.get(invocation.program))
            given = Input.from_block(view.get(invocation.input))
        except EncodingError:
            return False
        return isinstance(program, WasiProgram) and not given.steps

    def _group(self, claim: LoggedClaim) -> str | None:
        """For whom a claim speaks; without any group in the policy, its key."""
        statement = claim.statement
        if self._view.is_withdrawn(claim.cid, statement.issuer):
            return None
        if not self._policy.groups:
            return str(statement.issuer.did)
        time_s = log_time_s(self._view.rows, statement.index)
        return self._groups.speaks(statement, claim.claim.network, time_s).group

    def _outputs(self, claim: LoggedClaim) -> Mapping[str, CID]:
        if claim.claim.result is None:
            return {}
        return Result.from_block(self._view.get(claim.claim.result)).outputs

    def _uses(self, said: Mapping[str, Mapping[str, set[CID]]]) -> int:
        """Invocations that are given an output, and that somebody known claims."""
        values = sorted(
            {value for by in said.values() for some in by.values() for value in some}
        )
        users: set[int] = set()
        for value in values[:_VALUES_MAX]:
            for number in islice(used(self._view, value), _USES_LOOKED_MAX):
                if number not in users and self._is_claimed(number):
                    users.add(number)
                if len(users) >= _USES_MAX:
                    return len(users)
        return len(users)

    def _is_claimed(self, number: int) -> bool:
        claims = islice(self._view.claims_of(number), _USERS_MAX)
        return any(self._is_known(claim.statement.issuer) for claim in claims)

    def _is_known(self, key: PublicKey) -> bool:
        return not self._policy.groups or self._groups.named(key) is not None


def _conflict(by_group: Mapping[str, set[CID]]) -> bool:
    """Whether two groups say what cannot both be right."""
    for ours, theirs in combinations(islice(by_group.values(), _GROUPS_MAX), 2):
        for a in islice(ours, _VALUES_MAX):
            for b in islice(theirs, _VALUES_MAX):
                if compare_outputs(a, b) is Agreement.CONFLICT:
                    return True
    return False
