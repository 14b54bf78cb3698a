"""The three models: which value of an output suffices, by what groups say of it.

    open       shows all, and nothing ever suffices
    quorum     so many independent groups, on so many networks, with so few against
    evidence   a lower bound of the chance that it is right, from error rates

Source: docs/spec/verdict.md; ADR 26.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from octostore.belief.ballot import Ballot, may_coincide
from octostore.belief.evidence import confidences, support
from octostore.belief.policy import Policy
from octostore.belief.verdict import Finding, OutputValue

__all__ = ["Clusters", "Standing", "stand"]


class Clusters:
    """Groups that share infrastructure, whoever of them speaks.

    Two that have a label in common are in one cluster, and so are two that are each in
    one with a third: what fails for both may run through it.
    """

    def __init__(self, policy: Policy) -> None:
        self._of: dict[str, str] = {}
        labels: dict[str, str] = {}
        for group in policy.groups:
            for label in group.shares:
                self._join(group.name, labels.setdefault(label, group.name))
        for name in tuple(self._of):
            self._of[name] = self._first(name)

    def of(self, group: str) -> str:
        """The group that stands for the cluster of this one."""
        return self._of.get(group, group)

    def apart(self, groups: Iterable[str]) -> dict[str, list[str]]:
        """The groups, cluster by cluster."""
        members: dict[str, list[str]] = defaultdict(list)
        for group in groups:
            members[self.of(group) if self._of else group].append(group)
        return members

    def _join(self, a: str, b: str) -> None:
        first, second = sorted((self._first(a), self._first(b)))
        if first != second:
            self._of[second] = first

    def _first(self, group: str) -> str:
        """The same while they are joined; each way is shortened as it is gone."""
        while group in self._of:
            above = self._of[group]
            self._of[group] = self._of.get(above, above)
            group = above
        return group


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one output stands.

    `counted` says that somebody with weight named it, `conflict` that such values
    exclude each other, `contradicting` who of them says two things at once. `solid` is
    a value that wrong ones do not hit upon by chance.
    """

    finding: Finding = "undecided"
    value: OutputValue | None = None
    values: tuple[OutputValue, ...] = ()
    for_: frozenset[str] = frozenset()
    against: frozenset[str] = frozenset()
    lower_bound: int = 0
    bounds: Mapping[OutputValue, int]
    counted: bool
    conflict: bool
    contradicting: frozenset[str]
    solid: bool = False


class _Case(NamedTuple):
    """A value on one ballot; more of `rank` is more behind it."""

    rank: tuple[int, int]
    enough: bool
    bound: int
    ballot: Ballot


def stand(
    policy: Policy,
    on: Mapping[OutputValue, tuple[Ballot, ...]],
    failing: Mapping[str, int],
    clusters: Clusters,
) -> Standing:
    """The standing of an output whose values are on these ballots.

    `failing` are groups that count as against every value, with their weights.
    """
    judged: dict[int, dict[OutputValue, _Case]] = {}
    cases: dict[OutputValue, _Case] = {}
    for claimed, where in on.items():
        for ballot in where:
            if id(ballot) not in judged:
                judged[id(ballot)] = _cases(policy, ballot, failing, clusters)
        found = [judged[id(ballot)][claimed] for ballot in where]
        cases[claimed] = max(found, key=lambda case: (case.enough, case.rank))
    boards = {id(ballot): ballot for where in on.values() for ballot in where}.values()
    everybody = policy.model != "evidence"
    contradicting = frozenset(
        group
        for ballot in boards
        for group in ballot.contradicting
        if everybody or ballot.weights[group]
    )
    enough = [value for value, case in cases.items() if case.enough]
    finding, value, values, for_, against = _found(cases, enough)
    return Standing(
        finding=finding,
        value=value,
        values=values,
        for_=for_,
        against=against | failing.keys()
        if on and finding != "incomparable"
        else against,
        lower_bound=cases[value].bound if value is not None else 0,
        bounds={claimed: case.bound for claimed, case in cases.items()},
        counted=bool(on)
        and (everybody or any(any(ballot.weights.values()) for ballot in boards)),
        conflict=bool(contradicting)
        or any(_rivals(ballot, everybody=everybody) > 1 for ballot in boards),
        contradicting=contradicting,
        solid=any(not may_coincide(claimed) for claimed in enough),
    )


def _found(
    cases: Mapping[OutputValue, _Case], enough: list[OutputValue]
) -> tuple[
    Finding,
    OutputValue | None,
    tuple[OutputValue, ...],
    frozenset[str],
    frozenset[str],
]:
    if len(enough) > 1:
        for_ = [cases[value].ballot.for_[value] for value in enough]
        values = tuple(sorted(enough))
        return "incomparable", None, values, frozenset().union(*for_), frozenset()
    ranks = sorted((case.rank for case in cases.values()), reverse=True)
    for value, case in cases.items():
        leads = case.rank == ranks[0] and ranks[1:2] != ranks[:1]
        if case.enough or (leads and not enough):
            ballot = case.ballot
            finding: Finding = "value" if case.enough else "undecided"
            return finding, value, (), ballot.for_[value], ballot.against(value)
    boards = {id(case.ballot): case.ballot for case in cases.values()}.values()
    everybody = frozenset().union(*(ballot.weights.keys() for ballot in boards))
    return "undecided", None, (), frozenset(), everybody


def _cases(
    policy: Policy, ballot: Ballot, failing: Mapping[str, int], clusters: Clusters
) -> dict[OutputValue, _Case]:
    if policy.model == "evidence":
        cases = _by_evidence(policy, ballot, failing, clusters)
    else:
        cases = _by_heads(policy, ballot, failing, clusters)
    ranks = sorted((case.rank for case in cases.values()), reverse=True)
    if ranks[1:2] == ranks[:1]:  # a tie is undecided
        return {value: case._replace(enough=False) for value, case in cases.items()}
    return {
        value: case._replace(enough=case.enough and case.rank == ranks[0])
        for value, case in cases.items()
    }


def _by_heads(
    policy: Policy, ballot: Ballot, failing: Collection[str], clusters: Clusters
) -> dict[OutputValue, _Case]:
    terms = policy.quorum
    cases = {}
    for value, groups in ballot.for_.items():
        heads = len(clusters.apart(groups))
        against = len(ballot.weights) - len(groups) + len(failing)
        enough = (
            policy.model == "quorum"
            and heads >= terms.groups
            and len(ballot.networks.get(value, ())) >= terms.networks
            and against <= terms.against
            and heads > against
        )
        cases[value] = _Case((heads, -against), enough, 0, ballot)
    return cases


def _by_evidence(
    policy: Policy, ballot: Ballot, failing: Mapping[str, int], clusters: Clusters
) -> dict[OutputValue, _Case]:
    terms, weights = policy.evidence, {**failing, **ballot.weights}

    def worth(groups: Iterable[str]) -> int:
        heavy = [group for group in groups if weights[group]]
        apart = clusters.apart(heavy).values()
        return support(
            ([weights[group] for group in cluster] for cluster in apart), terms.shared
        )

    supports = {
        value: max((weights[group] for group in groups), default=0)
        if may_coincide(value)
        else worth(groups)
        for value, groups in ballot.for_.items()
    }
    against = worth((*ballot.contradicting, *failing))
    bounds = confidences(supports, against, terms.floor)
    return {
        value: _Case((bound, 0), bound >= terms.confidence, bound, ballot)
        for value, bound in bounds.items()
    }


def _rivals(ballot: Ballot, *, everybody: bool) -> int:
    """How many values somebody who counts is for."""
    return sum(
        any(everybody or ballot.weights[group] for group in groups)
        for groups in ballot.for_.values()
    )
