"""A run as a network reports it, before anybody signs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from invocation_spec import Outcome
from octostore.claiming import Prepared, Reported, credentials, links, prepare
from octostore.errors import RecordError
from octostore.records import Link

__all__ = [
    "ITEM_CHARACTERS_MAX",
    "Known",
    "Observed",
    "Reached",
    "Seen",
    "Unclaimed",
    "judged",
]

#: The name that a network gives a run; UUIDs and CIDs have less than a hundred.
ITEM_CHARACTERS_MAX = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One run that a network says has ended.

    `item` is the network's own name of the run, the same whenever it is read again:
    an execution, a receipt, a batch. `at` is where it stood in what was read, for
    people: a file and a JSON pointer, a URL. The outcome need not be canonical.
    `links` are what the report itself says of content, such as a promise that was
    replayed; those of resolutions are added.
    """

    item: str
    at: str
    outcome: Outcome
    reported: Reported
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """One thing that was read and gives no claim, and why.

    `outcome` is there if a spec was read: what is unresolved in it can be settled.
    `has_ended` is false of a run that may have a claim when it is read again.
    """

    item: str
    at: str
    reason: str
    outcome: Outcome | None = None
    has_ended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One run that the outbox holds already, so that it was not read again."""

    item: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a source was read, in words that its harvester understands.

    It is remembered when all that was yielded before it has been dealt with, and the
    next harvest of the same `source` may begin there.
    """

    source: str
    value: str


#: What a harvester yields.
Seen: TypeAlias = Observed | Unclaimed | Known | Reached


def judged(
    seen: Observed, *, publishes_credentials: bool
) -> tuple[Prepared, tuple[Link, ...]] | Unclaimed:
    """The claim of a run and the links that go with it, or why there is none."""
    outcome = seen.outcome
    reason = _not_canonical(outcome)
    if reason is None and outcome.input is not None and not publishes_credentials:
        names = credentials(outcome.input)
        if names and "input" not in seen.reported.withheld:
            reason = (
                "its environment holds what looks like credentials:"
                f" {', '.join(names)}; --publish-credentials claims it all the same"
            )
    if reason is None and not 0 < len(seen.item) <= ITEM_CHARACTERS_MAX:
        reason = (
            f"its name has {len(seen.item)} characters; expected 1 to"
            f" {ITEM_CHARACTERS_MAX}"
        )
    if reason is None:
        try:
            return prepare(outcome, seen.reported), (*links(outcome), *seen.links)
        except RecordError as error:
            reason = str(error)
    return Unclaimed(item=seen.item, at=seen.at, reason=reason, outcome=outcome)


def _not_canonical(outcome: Outcome) -> str | None:
    if outcome.impure:
        return f"impure: {outcome.impure[0].at}: {outcome.impure[0].reason}"
    if outcome.unresolved:
        first, *others = outcome.unresolved
        more = f", and {len(others)} more" if others else ""
        return f"unresolved: {first.at}: {first.reference}{more}"
    return None
