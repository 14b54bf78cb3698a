"""Whom a reader counts, and how much agreement is enough: a canonical block.

    {"octostore/policy@1": {"name": "my lab", "model": "quorum",
        "groups": [{"name": "Bristol", "keys": ["did:key:z6Mk.."]}, ..],
        "quorum": {"groups": 2, "networks": 1, "against": 0}, ..}}

People write TOML (`policy_text.py`); this is what it becomes, and what has a CID. There
are no floats in it: a probability is a whole number of parts in `ONE`. Source:
FORMATS 9; docs/spec/policy.md; ADR 26.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from octostore.keys import Did

__all__ = [
    "ONE",
    "EvidenceTerms",
    "Failures",
    "Group",
    "Model",
    "Policy",
    "Quorum",
]

#: Probabilities are whole parts of this: the same on every machine.
ONE: Final = 10**9

Model: TypeAlias = Literal["evidence", "open", "quorum"]

#: What a claim "it failed" does: it is only shown, or the group counts as against.
Failures: TypeAlias = Literal["against", "shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An independence group: who has one vote together, and what they are called.

    `keys` are keys, and organisations for whose members the group speaks. `error`, in
    parts of `ONE`, is what the reader holds of its error rate before any check; without
    it, what is learned. `shares` names infrastructure that it shares with others.
    """

    name: str
    keys: tuple[Did, ...]
    error: int | None = None
    shares: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """How many groups must agree, on how many networks, with how many against."""

    groups: int = 2
    networks: int = 1
    against: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTerms:
    """The numbers of the model `evidence` (belief/evidence.py); parts are of `ONE`.

    A value is agreed if its lower bound is at least `confidence`. An error rate starts
    as Beta(`prior_wrong`, `prior_right`), is taken at its upper credible bound of level
    `level`, and counts from `checks` anchored checks on. What a check says loses half
    of its weight in `half_life_days`. `shared` is how much one agrees with another for
    sharing infrastructure; `floor` is what always remains to doubt, however many agree:
    that they are wrong together. `anchor_error` is held of an anchor for which the
    policy has no `error`.
    """

    confidence: int = 990_000_000
    prior_wrong: int = 1
    prior_right: int = 9
    level: int = 950_000_000
    checks: int = 5
    half_life_days: int = 365
    shared: int = 500_000_000
    floor: int = 100_000
    anchor_error: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A reader's policy.

    `anchors` are those whose claims check the claims of others: names of groups.
    `outputs` must agree, all if there are none; `ignored` are left out (`stderr`).
    `platforms` are classes within which values are compared; a platform in none is one
    of its own. `links` are the groups whose links are followed; mechanically checked
    ones are. With `delegations`, members of an organisation speak for its group.
    `recheck` is the share of answers that are to be run again all the same.
    """

    name: str
    model: Model
    groups: tuple[Group, ...] = ()
    anchors: tuple[str, ...] = ()
    quorum: Quorum = Quorum()
    evidence: EvidenceTerms = EvidenceTerms()
    outputs: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    platforms: tuple[tuple[str, ...], ...] = ()
    links: tuple[str, ...] = ()
    delegations: bool = True
    failures: Failures = "shown"
    recheck: int = 0
