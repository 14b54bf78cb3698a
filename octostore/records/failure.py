"""Why a run gave no result.

    {"kind": "time-out", "message": "job exceeded 3600 s"}

Source: FORMATS 5 and 6; docs/spec/records.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias, cast, get_args

from invocation_spec.dagcbor import Ipld
from octostore.errors import RecordError
from octostore.records import shape
from octostore.records.fields import Fields

__all__ = ["FAILURE_KINDS", "Failure", "FailureKind"]

FailureKind: TypeAlias = Literal["limit", "not-started", "other", "time-out", "trap"]

FAILURE_KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no result; it never conflicts with one.

    `trap`: the guest was aborted. `limit`: memory, fuel or disk ran out.
    `time-out`: it was stopped. `not-started`: the code never ran.
    `other`: the network says that it failed and not why.
    """

    kind: FailureKind
    message: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in FAILURE_KINDS:
            raise RecordError(
                f"{self.kind!r}; expected {', '.join(FAILURE_KINDS)}",
                at="/failure/kind",
            )
        if self.message is not None:
            shape.check_text(self.message, "/failure/message")

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{kind, message?}`."""
        kind = cast("FailureKind", fields.need("kind", str))
        failure = cls(kind, fields.find("message", str))
        fields.close()
        return failure

    def to_ipld(self) -> Ipld:
        """`{kind, message?}`."""
        return shape.present({"kind": self.kind, "message": self.message})
