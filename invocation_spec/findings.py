"""What an adapter found on its way: why a document has no CID, or what it dropped.

unresolved  a reference whose bytes the document does not fix
impure      a part that no resolution can make the same everywhere
warnings    what was read in a way that its author may want to know
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from invocation_spec.errors import DocumentError

__all__ = [
    "FINDINGS_MAX",
    "PLACES_CHARACTERS_MAX",
    "Findings",
    "Impure",
    "Json",
    "Unresolved",
    "Warned",
]

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"

#: Findings of one document; a larger one is broken, not unlucky.
FINDINGS_MAX = 100_000


#: Characters of the places of all findings: below one key each repeats it, and it may
#: be as long as a document.
PLACES_CHARACTERS_MAX = 64 << 20


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A reference that is no content address.

    `settle` is the entry of a resolutions document that would settle it, with
    its value to be filled in; empty if no resolution can.
    """

    at: str
    reference: str
    kind: str
    settle: Mapping[str, Json]

    def to_json(self) -> dict[str, Json]:
        """`{at, reference, kind, settle}`."""
        return {
            "at": self.at,
            "reference": self.reference,
            "kind": self.kind,
            "settle": dict(self.settle),
        }


@dataclass(frozen=True, slots=True)
class Impure:
    """A part whose effect depends on more than content."""

    at: str
    kind: str
    reason: str

    def to_json(self) -> dict[str, Json]:
        """`{at, kind, reason}`."""
        return {"at": self.at, "kind": self.kind, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Warned:
    """Something read in a way that may surprise."""

    at: str
    kind: str
    reason: str

    def to_json(self) -> dict[str, Json]:
        """`{at, kind, reason}`."""
        return {"at": self.at, "kind": self.kind, "reason": self.reason}


@dataclass(slots=True)
class Findings:
    """The lists that one task of a document fills while it is read."""

    unresolved: list[Unresolved] = field(default_factory=list)
    impure: list[Impure] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    _places_characters: int = 0

    def leave_unresolved(
        self,
        at: str,
        reference: str,
        kind: str,
        settle: Mapping[str, Json] | None = None,
    ) -> None:
        """Note a reference that has no content address yet."""
        self._count(at)
        self.unresolved.append(Unresolved(at, reference, kind, settle or {}))

    def call_impure(self, at: str, kind: str, reason: str) -> None:
        """Note a part that no resolution can make pure."""
        self._count(at)
        self.impure.append(Impure(at, kind, reason))

    def warn(self, at: str, kind: str, reason: str) -> None:
        """Note what was dropped or assumed."""
        self._count(at)
        self.warnings.append(Warned(at, kind, reason))

    @property
    def count(self) -> int:
        """How many there are, of all three kinds."""
        return len(self.unresolved) + len(self.impure) + len(self.warnings)

    def _count(self, at: str) -> None:
        if self.count >= FINDINGS_MAX:
            raise DocumentError(f"more than {FINDINGS_MAX} findings", at=at)
        self._places_characters += len(at)
        if self._places_characters > PLACES_CHARACTERS_MAX:
            raise DocumentError(
                f"findings whose places have more than {PLACES_CHARACTERS_MAX}"
                " characters in all; use shorter keys",
                at=at,
            )
