"""What a policy means in plain words, and whether it can ever decide.

    said(policy)    sentences, the most important first
    never(policy)   why no value can be agreed under it; nothing if one can
    idle(policy)    words in it that have no effect

Source: docs/spec/policy.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from octostore.belief.evidence import COUNT_MAX, confidences, error_bound, support
from octostore.belief.evidence import weight as weight_of
from octostore.belief.models import Clusters
from octostore.belief.policy import ONE, Group, Policy
from octostore.counted import counted

__all__ = ["idle", "never", "percent", "said"]


def said(policy: Policy) -> tuple[str, ...]:
    """What the policy says, sentence by sentence."""
    return tuple(_said(policy))


def never(policy: Policy) -> tuple[str, ...]:
    """Why this policy can never decide, each with what to change; empty if it can."""
    if policy.model == "open":
        return ("the model is open, which counts nobody; that is what it is for",)
    if not policy.groups:
        return ("there is no group; name at least one under [[groups]]",)
    return tuple(_quorum(policy) if policy.model == "quorum" else _evidence(policy))


def idle(policy: Policy) -> tuple[str, ...]:
    """What stands in the policy and changes nothing."""
    return tuple(_idle(policy))


def percent(parts: int) -> str:
    """A share in parts of `ONE` as people write it: `99.9 %`."""
    whole, part = divmod(parts, ONE // 100)
    return f"{whole}.{part:07}".rstrip("0").rstrip(".") + " %"


def _said(policy: Policy) -> Iterator[str]:
    yield _model(policy)
    if policy.model == "evidence":
        yield from _learning(policy)
    yield from _compared(policy)
    if policy.failures == "against":
        yield "A group that says a run failed is against every value."
    if policy.delegations and policy.groups:
        yield "Members of an organisation named here speak for its group."
    elif policy.groups:
        yield "Only keys that are named here speak for a group."
    if policy.links:
        yield f"Links by {_listed(policy.links)} are followed."
    if policy.recheck:
        yield f"Of agreed answers {percent(policy.recheck)} are to be run again."
    for group in policy.groups:
        yield _group(group)


def _compared(policy: Policy) -> Iterator[str]:
    if policy.outputs:
        yield f"Only these outputs must agree: {_listed(policy.outputs)}."
    if policy.ignored:
        yield f"These outputs are left out: {_listed(policy.ignored)}."
    for platforms in policy.platforms:
        yield f"Results on {' and '.join(platforms)} are compared with each other."


def _model(policy: Policy) -> str:
    if policy.model == "open":
        return "Everything is shown and nobody counted: no verdict is decided."
    if policy.model == "evidence":
        least = percent(policy.evidence.confidence)
        return f"A value is agreed when it is right with a chance of {least} or more."
    terms = policy.quorum
    others = counted(terms.against, "group") if terms.against else "no group"
    return (
        f"A value is agreed when {counted(terms.groups, 'group')} or more report it, on"
        f" {counted(terms.networks, 'network')} or more, and {others} reports another."
    )


def _learning(policy: Policy) -> Iterator[str]:
    terms = policy.evidence
    if policy.anchors:
        yield f"Anchors, whose results check those of all: {_listed(policy.anchors)}."
    yield (
        f"A group counts from {counted(terms.checks, 'check')} on; before any,"
        f" {terms.prior_wrong} of {terms.prior_wrong + terms.prior_right} results of it"
        " are taken as wrong."
    )
    yield (
        f"Error rates are taken at their upper {percent(terms.level)} bound; a check"
        f" loses half of its weight in {counted(terms.half_life_days, 'day')}."
    )
    yield (
        f"Groups that share infrastructure agree anyway by {percent(terms.shared)};"
        f" {percent(terms.floor)} always remain to doubt."
    )


def _group(group: Group) -> str:
    about = [counted(len(group.keys), "key")]
    if group.error is not None:
        about.append(f"taken to be wrong {percent(group.error)} of the time")
    if group.shares:
        about.append(f"shares {_listed(group.shares)}")
    return f"{group.name}: {', '.join(about)}."


def _quorum(policy: Policy) -> Iterator[str]:
    clusters = Clusters(policy)
    heads = len(clusters.apart(group.name for group in policy.groups))
    wanted = policy.quorum.groups
    if wanted > len(policy.groups):
        there = counted(len(policy.groups), "group")
        yield f"{wanted} groups must agree and there {_are(there)}; ask for fewer"
    elif wanted > heads:
        yield (
            f"{wanted} groups must agree, and those that share infrastructure are one:"
            f" {heads} are left; ask for fewer"
        )


def _evidence(policy: Policy) -> Iterator[str]:
    terms = policy.evidence
    most = _most(policy, 10**6 * ONE)
    if most < terms.confidence:
        yield (
            f"a confidence of {percent(terms.confidence)} is asked for, and"
            f" {percent(terms.floor)} always remain to doubt; ask for"
            f" {percent(most)} or less"
        )
        return
    held = any(group.error is not None for group in policy.groups)
    if not policy.anchors and not held and terms.checks:
        yield (
            "there is no anchor and no group with an error rate, so nobody is ever"
            " checked; name anchors, your own key's group for one"
        )
        return
    best = _most(policy, _worth(policy))
    if best < terms.confidence:
        yield (
            f"if all groups agree and never were wrong that makes {percent(best)};"
            f" {percent(terms.confidence)} are asked for: name more groups or anchors,"
            " or ask for less"
        )


def _worth(policy: Policy) -> int:
    """What the agreement of all groups is worth at best, parts of `ONE`."""
    teachers = {one.name for one in policy.groups if one.error is not None}
    teachers |= set(policy.anchors)
    weights = {
        group.name: weight_of(error)
        for group in policy.groups
        if (error := _least_error(policy, group, teachers)) is not None
    }
    apart = Clusters(policy).apart(name for name, weight in weights.items() if weight)
    return support(
        ([weights[name] for name in cluster] for cluster in apart.values()),
        policy.evidence.shared,
    )


def _least_error(policy: Policy, group: Group, teachers: set[str]) -> int | None:
    """The least error rate that a group can come to have; only others teach of it."""
    terms, held = policy.evidence, group.error
    if held is None and group.name in policy.anchors:
        held = terms.anchor_error
    is_taught = len(teachers) > (group.name in teachers)
    checks = COUNT_MAX if is_taught else 0
    if held is None and checks < terms.checks:
        return None
    learned = error_bound(terms.prior_wrong, terms.prior_right + checks, terms.level)
    return learned if held is None else min(held, learned)


def _most(policy: Policy, worth: int) -> int:
    """The lower bound of a value with this support and nobody against it."""
    return confidences({"value": worth}, 0, policy.evidence.floor)["value"]


def _idle(policy: Policy) -> Iterator[str]:
    if policy.model != "evidence":
        if policy.anchors:
            yield f"anchors: the model {policy.model} learns from no checks"
        if any(group.error is not None for group in policy.groups):
            yield f"error: the model {policy.model} has no error rates"
    if policy.model == "open":
        if policy.outputs:
            yield "outputs: the model open agrees on none"
        if policy.recheck:
            yield "recheck: the model open reuses no answer"
    if policy.model == "quorum" and policy.quorum.networks > len(policy.groups):
        yield (
            f"{counted(policy.quorum.networks, 'network')} and"
            f" {counted(len(policy.groups), 'group')}: some must report from several"
        )


def _listed(items: tuple[str, ...]) -> str:
    return ", ".join(item or '""' for item in items)


def _are(count: str) -> str:
    return f"{'is' if count.startswith('1 ') else 'are'} {count}"
