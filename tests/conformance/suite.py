"""What a suite of others is here: cases, each with what became of it and why.

A suite that finds something it did not expect fails; it never counts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

__all__ = [
    "NOT_APPLICABLE",
    "PASSED",
    "STRICTER",
    "WIDER",
    "Case",
    "Suite",
    "row_of",
]

PASSED: Final = "passed"
STRICTER: Final = "stricter"
WIDER: Final = "wider"
NOT_APPLICABLE: Final = "not applicable"

#: The name of a case, what became of it, and the reason unless it passed.
Case: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite: its name, what is asked of us, and how it is run."""

    name: str
    asks: str
    run: Callable[[Path], Iterator[Case]]


def row_of(suite: Suite, folder: Path) -> str:
    """The suite's row of the page, made by running it."""
    cases = list(suite.run(folder))
    found = Counter(verdict for _, verdict, _ in cases)
    reasons = Counter((verdict, why) for _, verdict, why in cases if why)
    assert cases, suite.name
    cells = [
        suite.name,
        suite.asks,
        len(cases),
        found[PASSED],
        _told(reasons, STRICTER, WIDER),
        _told(reasons, NOT_APPLICABLE),
        f"`{suite.run.__module__.rpartition('.')[2]}.{suite.run.__name__}`",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def _told(reasons: Counter[tuple[str, str]], *verdicts: str) -> str:
    told = [
        f"{count}: {'wider: ' if verdict == WIDER else ''}{why}"
        for (verdict, why), count in reasons.items()
        if verdict in verdicts
    ]
    return "; ".join(told) or "-"
