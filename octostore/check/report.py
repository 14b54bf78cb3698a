"""What a check has seen, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from octostore.log import Checkpoint
from octostore.row_words import key_words

__all__ = ["FAULTS_MAX", "CheckReport", "Fault", "Progress", "Seen"]

#: Faults that are named; the others are counted. One bad disk makes thousands.
FAULTS_MAX: Final = 1000

#: Rows between two words about how far it is.
_STEP: Final = 1000

#: Told what is looked at, how many were, and of how many, if that is known.
Progress: TypeAlias = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not hold: in which table, at which key."""

    table: str
    key: str
    found: str
    expected: str

    def to_json(self) -> dict[str, object]:
        """`{table, key, found, expected}`."""
        return {
            "table": self.table,
            "key": self.key,
            "found": self.found,
            "expected": self.expected,
        }


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found; `rows` counts what was looked at in each table."""

    checkpoint: Checkpoint | None
    rows: dict[str, int]
    faults: tuple[Fault, ...]
    more: int = 0
    unchecked: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether everything was looked at and nothing is wrong."""
        return not self.faults and not self.unchecked

    def to_json(self) -> dict[str, object]:
        """`{holds, checkpoint, rows, faults, more, unchecked}`."""
        return {
            "holds": self.holds,
            "checkpoint": self.checkpoint.to_json() if self.checkpoint else None,
            "rows": self.rows,
            "faults": [fault.to_json() for fault in self.faults],
            "more": self.more,
            "unchecked": list(self.unchecked),
        }


@dataclass
class Seen:
    """What has been looked at, and what was wrong."""

    progress: Progress
    rows: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    more: int = 0

    def wrong(self, table: str, key: bytes, found: str, expected: str) -> None:
        """Name a fault, or count it."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(table, key_words(table, key), found, expected))
        else:
            self.more += 1

    def count(
        self, table: str, rows: Iterator[tuple[bytes, bytes]], total: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """The same rows, counted and told."""
        done = 0
        try:
            for done, row in enumerate(rows, 1):
                if done % _STEP == 1:
                    self.progress(table, done, total)
                yield row
        finally:
            self.rows[table] = done
