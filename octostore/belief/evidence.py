"""What anchored checks say of a group, and what agreement is worth from it: numbers.

    Check(group, kind, platform, day, right)      one output set of one claim, checked
    Rates.error(group, kind, platform)            upper credible bound, parts of ONE

Whole numbers and correctly rounded decimals only: the same on every machine. Source:
ADR 26; docs/spec/verdict.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from invocation_spec.cid import CID

__all__ = ["Check", "Rates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One group's claim was checked by an anchor's on the same invocation.

    `kind` is the program's, `platform` the policy's class of it, `day` that of the log
    time, days since 1970. `by` are the claims that show it.
    """

    group: str
    kind: str
    platform: str
    day: int
    right: bool
    by: tuple[CID, ...] = ()


class Rates(Protocol):
    """What is learned of groups, as of one checkpoint."""

    def error(self, group: str, kind: str, platform: str) -> int | None:
        """Upper bound of its error rate, parts of `ONE`; None if it has no weight."""
        ...
