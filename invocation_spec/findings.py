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
from invocation_spec.references import REFERENCE_BYTES_MAX

__all__ = [
    "FINDINGS_MAX",
    "TOLD_CHARACTERS_MAX",
    "Findings",
    "Impure",
    "Json",
    "Unresolved",
    "Warned",
    "characters_of",
]

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"

#: Findings of one document; a larger one is broken, not unlucky.
FINDINGS_MAX = 100_000

#: Characters of what is told of one document beside its blocks: places, references,
#: aliases, resolutions. A place repeats each key above it, which may be as long as a
#: document; ten thousand partitions repeat all of them.
TOLD_CHARACTERS_MAX = 64 << 20


def characters_of(value: Json) -> int:
    """Characters of the texts and keys of a value, one more for each."""
    if isinstance(value, str):
        return len(value) + 1
    if isinstance(value, list):
        return sum(map(characters_of, value))
    if isinstance(value, dict):
        return sum(len(key) + 1 + characters_of(item) for key, item in value.items())
    return 0


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
    _characters: int = 0

    def leave_unresolved(
        self,
        at: str,
        reference: str,
        kind: str,
        settle: Mapping[str, Json] | None = None,
    ) -> None:
        """Note a reference that has no content address yet."""
        if len(reference.encode()) > REFERENCE_BYTES_MAX:
            raise DocumentError(
                f"a reference of {len(reference.encode())} bytes; at most"
                f" {REFERENCE_BYTES_MAX}",
                at=at,
            )
        self._count(at, reference)
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

    def _count(self, at: str, reference: str = "") -> None:
        if self.count >= FINDINGS_MAX:
            raise DocumentError(f"more than {FINDINGS_MAX} findings", at=at)
        self._characters += len(at) + len(reference)
        if self._characters > TOLD_CHARACTERS_MAX:
            raise DocumentError(
                f"findings whose places and references have more than"
                f" {TOLD_CHARACTERS_MAX} characters in all; use shorter keys",
                at=at,
            )
