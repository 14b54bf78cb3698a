"""What became of a delivery, element by element.

    {"accepted": [bafyrei..], "known": [], "pending": [], "quarantined": [],
     "skipped": [{"record": bafyrei.., "reason": ".."}],
     "checkpoint": {"size": 1, "root": "bjQLnP+z.."}}

Statements are named by the CID of their signed part; what is quarantined, by
the CID it came under. Source: FORMATS 7; docs/spec/log.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from invocation_spec.cid import CID
from octostore.log import Checkpoint

__all__ = ["Quarantined", "Receipt", "Skipped"]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A block that does not decode, hash or verify, or that passes a limit."""

    cid: CID
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """An invalid record of an accepted statement: logged with it, counted never."""

    record: CID
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one delivery; given after the disk has it.

    `accepted` are newly logged (also those that waited and are complete now),
    `known` were logged before, `pending` lack blocks. `malformed` says why the
    delivery as a whole is broken (it breaks off, a root is absent), if it is:
    what was whole in it is nevertheless in the other lists.
    """

    accepted: tuple[CID, ...]
    known: tuple[CID, ...]
    pending: tuple[CID, ...]
    quarantined: tuple[Quarantined, ...]
    skipped: tuple[Skipped, ...]
    checkpoint: Checkpoint
    malformed: str | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing is quarantined and the delivery is well formed."""
        return not self.quarantined and self.malformed is None

    def to_json(self) -> dict[str, object]:
        """The receipt as JSON, `malformed` only if it is."""
        value: dict[str, object] = {
            "accepted": [str(cid) for cid in self.accepted],
            "known": [str(cid) for cid in self.known],
            "pending": [str(cid) for cid in self.pending],
            "quarantined": [
                {"cid": str(item.cid), "reason": item.reason}
                for item in self.quarantined
            ],
            "skipped": [
                {"record": str(item.record), "reason": item.reason}
                for item in self.skipped
            ],
            "checkpoint": self.checkpoint.to_json(),
        }
        if self.malformed is not None:
            value["malformed"] = self.malformed
        return value
