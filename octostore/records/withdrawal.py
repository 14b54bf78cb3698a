"""The record "I no longer stand by this claim of mine".

    {"type": "withdrawal", "claim": bafyrei.., "why": "wrong image was run"}

The claim stays and is shown as withdrawn. Source: FORMATS 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from octostore.records import shape
from octostore.records.fields import Fields
from octostore.records.shape import RecordBase

__all__ = ["Withdrawal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal(RecordBase):
    """The issuer takes back its claim, and says why."""

    type: ClassVar[str] = "withdrawal"

    claim: CID
    why: str

    def __post_init__(self) -> None:
        shape.check_block_link(self.claim, "/claim")
        shape.check_text(self.why, "/why")

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{type, claim, why}`."""
        return cls(claim=fields.need("claim", CID), why=fields.need("why", str))

    def to_ipld(self) -> Ipld:
        """`{type, claim, why}`."""
        return {"type": self.type, "claim": self.claim, "why": self.why}
