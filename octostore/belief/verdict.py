"""What a policy says of one invocation at one checkpoint.

    {"octostore/verdict@1": {"invocation": &I, "policy": &P, "size": 40, "root": h'..',
        "state": "agreed", "advice": "reuse", "outputs": {"/r.csv": {"value": &R1,
            "for": ["Bristol", "Caltech"], "against": [], "silent": ["node 7"],
            "lower_bound": 998000000}}, "evidence": [&Claim, ..], "links": []}}

Undecided is a verdict. Source: FORMATS 9; docs/spec/verdict.md; ADR 26.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from invocation_spec.cid import CID

__all__ = ["Advice", "Finding", "OutputVerdict", "State", "Verdict"]

State: TypeAlias = Literal[
    "agreed", "conflict", "failed", "nondeterministic", "single", "unknown"
]
Advice: TypeAlias = Literal["compare", "reuse", "run"]

#: How an output stands: one value, none that suffices, or values that no platform
#: class has in common.
Finding: TypeAlias = Literal["incomparable", "undecided", "value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputVerdict:
    """One output: the value that the policy believes, and who is for and against it.

    Of an undecided output, `for_` and `against` speak of the value with most behind it.
    `lower_bound` is in parts of `policy.ONE`; 0 where the model counts heads.
    """

    finding: Finding
    value: CID | None
    for_: tuple[str, ...]
    against: tuple[str, ...]
    silent: tuple[str, ...]
    lower_bound: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verdict; `evidence` are the claims that counted, `links` what it relied on."""

    invocation: CID
    policy: CID
    size: int
    root: bytes
    state: State
    advice: Advice
    outputs: Mapping[str, OutputVerdict]
    evidence: tuple[CID, ...]
    links: tuple[CID, ...] = ()
