"""The verdict of a policy on what it hears: pure, without clock and store.

    judge(policy, heard, rates, policy_cid=, size=, root=) -> Verdict
    explain(policy, heard, rates) -> what each group moved: the bound without it

Per output, which value suffices under the policy's model; then the state of the whole
and what to do. Undecided is an answer, and so is every tie. Source: FORMATS 9;
docs/spec/verdict.md; ADR 26.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from invocation_spec.cid import CID
from octostore.belief.ballot import Vote, ballots, can_be_checked
from octostore.belief.evidence import Rates, weight
from octostore.belief.heard import Heard, Testimony
from octostore.belief.models import Clusters, Standing, stand
from octostore.belief.platforms import Platforms
from octostore.belief.policy import ONE, Policy
from octostore.belief.verdict import (
    Advice,
    OutputValue,
    OutputVerdict,
    State,
    Verdict,
)
from octostore.result import EXIT

__all__ = ["EXPLAINED_MAX", "Judge", "Moved", "explain", "judge"]

#: Groups that are left out in turn to explain an output: those with most weight.
EXPLAINED_MAX: Final = 64

_RECHECK: Final = b"octostore/recheck@1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What one group does to the leading value of one output.

    `error` is its rate, None if it has no weight; `bound` the value's lower bound with
    all that was heard, `without` the same without this group. Parts of `ONE`.
    """

    output: str
    value: OutputValue
    group: str
    agrees: bool
    error: int | None
    weight: int
    bound: int
    without: int
    claims: tuple[CID, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """What counts of all that was heard, group by group.

    `failing` are groups that report failures alone, with their weights.
    """

    votes: dict[str, list[Vote]]
    failing: dict[str, int]
    errors: dict[str, int | None]
    claims: dict[str, list[CID]]

    def weights(self, name: str) -> dict[str, int]:
        """The weight of each group that can have moved this output."""
        weights = dict(self.failing)
        for vote in self.votes[name]:
            weights[vote.group] = max(weights.get(vote.group, 0), vote.weight)
        return weights

    def without(self, name: str, group: str) -> _Said:
        """The same of one output, had this group said nothing."""
        return replace(
            self,
            votes={name: [vote for vote in self.votes[name] if vote.group != group]},
            failing={key: self.failing[key] for key in self.failing if key != group},
        )


class Judge:
    """A policy made ready to judge many invocations."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._platforms = Platforms(policy)
        self._clusters = Clusters(policy)
        self._names = frozenset(group.name for group in policy.groups)
        self._anchors = frozenset(policy.anchors)
        stated = {group.name for group in policy.groups if group.error is not None}
        self._vouched = self._anchors | stated
        self._outputs = frozenset(policy.outputs)
        self._ignored = frozenset(policy.ignored)
        self._weighs = policy.model == "evidence"

    def judge(
        self, heard: Heard, rates: Rates, *, policy_cid: CID, size: int, root: bytes
    ) -> Verdict:
        """The verdict as of the log's first `size` entries with this Merkle root."""
        said = self._said(heard, rates)
        standings = self._standings(said)
        state = self._state(standings, failed=any(self._heavy(said.failing)))
        spoke = set[str]().union(
            *(one.for_ | one.against for one in standings.values())
        )
        if self._weighs:
            spoke = {group for group in spoke if _weight(said.errors[group])}
        return Verdict(
            invocation=heard.invocation,
            policy=policy_cid,
            size=size,
            root=root,
            state=state,
            advice=self._advice(state, heard, policy_cid, root),
            outputs={name: self._output(one) for name, one in standings.items()},
            evidence=tuple(
                sorted(
                    {cid for name in spoke for cid in said.claims.get(name, ())},
                    key=bytes,
                )
            ),
            links=tuple(sorted(set(heard.links))),
        )

    def explain(self, heard: Heard, rates: Rates) -> tuple[Moved, ...]:
        """What moved the leading value of each output, the strongest first."""
        said = self._said(heard, rates)
        moved: list[Moved] = []
        for name, standing in self._standings(said).items():
            if standing.value is not None:
                moved += self._moved(name, standing, standing.value, said)
        return tuple(moved)

    def _moved(
        self, name: str, standing: Standing, value: OutputValue, said: _Said
    ) -> list[Moved]:
        weights = said.weights(name)
        spoke = sorted(
            standing.for_ | standing.against, key=lambda one: (-weights[one], one)
        )
        found = []
        for group in spoke[:EXPLAINED_MAX]:
            rest = self._standings(said.without(name, group))[name]
            found.append(
                Moved(
                    output=name,
                    value=value,
                    group=group,
                    agrees=group in standing.for_,
                    error=said.errors.get(group),
                    weight=weights[group],
                    bound=standing.lower_bound,
                    without=rest.bounds.get(value, 0),
                    claims=tuple(sorted(said.claims[group])),
                )
            )
        return sorted(found, key=lambda one: (-abs(one.bound - one.without), one.group))

    def _counts(self, testimony: Testimony) -> bool:
        return (
            testimony.group in self._names
            and testimony.silent is None
            and not testimony.equivocates
        )

    def _said(self, heard: Heard, rates: Rates) -> _Said:
        said = _Said({name: [] for name in self._outputs}, {}, {}, {})
        errors: dict[tuple[str, str], int | None] = {}
        failing: dict[str, int] = {}
        answered = set()
        for testimony in heard.testimonies:
            if testimony.group is None or not self._counts(testimony):
                continue
            group, platform = testimony.group, self._platforms.of(testimony.platform)
            if self._weighs and (group, platform) not in errors:
                error = rates.error(group, heard.kind or "", platform)
                errors[group, platform] = error
                said.errors[group] = _less(said.errors.get(group), error)
            heavy = _weight(errors.get((group, platform)))
            said.claims.setdefault(group, []).append(testimony.claim)
            if testimony.failure is not None:
                failing[group] = max(failing.get(group, 0), heavy)
                continue
            answered.add(group)
            values: dict[str, OutputValue] = dict(testimony.outputs)
            if testimony.exit is not None:
                values[EXIT] = testimony.exit
            network = testimony.network.partition(":")[0]
            for name, value in values.items():
                if self._wanted(name):
                    known = group in self._vouched or can_be_checked(value)
                    worth = heavy if known else 0
                    vote = Vote(group, platform, value, network, worth)
                    said.votes.setdefault(name, []).append(vote)
        said.failing.update(
            {group: heavy for group, heavy in failing.items() if group not in answered}
        )
        return said

    def _wanted(self, name: str) -> bool:
        if self._outputs:
            return name in self._outputs
        return name not in self._ignored

    def _standings(self, said: _Said) -> dict[str, Standing]:
        against = said.failing if self.policy.failures == "against" else {}
        return {
            name: stand(self.policy, ballots(votes), against, self._clusters)
            for name, votes in sorted(said.votes.items())
        }

    def _heavy(self, weights: Mapping[str, int]) -> list[str]:
        return [name for name in weights if weights[name] or not self._weighs]

    def _output(self, standing: Standing) -> OutputVerdict:
        return OutputVerdict(
            finding=standing.finding,
            value=standing.value,
            values=standing.values,
            for_=tuple(sorted(standing.for_)),
            against=tuple(sorted(standing.against)),
            silent=tuple(sorted(self._names - standing.for_ - standing.against)),
            lower_bound=standing.lower_bound,
        )

    def _state(self, standings: Mapping[str, Standing], *, failed: bool) -> State:
        """The first row of the table in docs/spec/verdict.md that holds."""
        named = [
            one
            for name, one in standings.items()
            if one.counted or name in self._outputs
        ]
        undecided = [one for one in named if one.finding == "undecided"]
        if not any(one.counted for one in named):
            return "failed" if failed else "unknown"
        if any(self._differs_by_itself(one) for one in undecided):
            return "nondeterministic"
        if any(one.conflict for one in undecided):
            return "conflict"
        if any(one.finding == "incomparable" or not one.counted for one in named):
            return "unknown"
        if undecided or not any(one.solid for one in named):
            return "single"
        return "agreed"

    def _differs_by_itself(self, standing: Standing) -> bool:
        contradicting = standing.contradicting
        return len(contradicting) > 1 or not contradicting.isdisjoint(self._anchors)

    def _advice(
        self, state: State, heard: Heard, policy_cid: CID, root: bytes
    ) -> Advice:
        if state == "agreed":
            again = self.policy.recheck and _drawn(
                self.policy.recheck, policy_cid, heard.invocation, root
            )
            return "compare" if again else "reuse"
        if state in ("failed", "nondeterministic"):
            return "run"
        if any(testimony.failure is None for testimony in heard.testimonies):
            return "compare"
        return "run"


def judge(
    policy: Policy,
    heard: Heard,
    rates: Rates,
    *,
    policy_cid: CID,
    size: int,
    root: bytes,
) -> Verdict:
    """The verdict of a policy, whose CID this is, on what it hears.

    It is as of the log's first `size` entries, whose Merkle root is `root`. Who judges
    many invocations makes a `Judge` once.
    """
    return Judge(policy).judge(
        heard, rates, policy_cid=policy_cid, size=size, root=root
    )


def explain(policy: Policy, heard: Heard, rates: Rates) -> tuple[Moved, ...]:
    """For each output with a leading value, what each group did to its lower bound."""
    return Judge(policy).explain(heard, rates)


def _less(a: int | None, b: int | None) -> int | None:
    """The smaller of two errors; None is of whom nothing is known."""
    return b if a is None else a if b is None else min(a, b)


def _weight(error: int | None) -> int:
    return 0 if error is None else weight(error)


def _drawn(share: int, policy_cid: CID, invocation: CID, root: bytes) -> bool:
    """Whether this answer is among the `share` that is to be run again all the same.

    Nobody can tell before the root of the log is there, and then everybody can.
    """
    drawn = hashlib.sha256(_RECHECK + policy_cid.raw + invocation.raw + root).digest()
    return int.from_bytes(drawn[:8], "big") * ONE >> 64 < share
