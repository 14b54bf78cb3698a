"""What an audit found, step by step: what holds, and what does not.

A fault is the log's: it, or who serves it, is not what it says. A finding is an
issuer's (`chain_findings`): it is shown, and nothing against the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from octostore.chain_findings import Finding
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.note import VerifierKey, to_base64

__all__ = ["AuditReport", "Fault", "Progress", "Step"]

#: Told how far the audit is: of what, how many, of how many.
Progress: TypeAlias = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hold; `proof` is the file that shows it, if one can.

    `is_absent` says that something is merely not there.
    """

    kind: str
    what: str
    index: int | None = None
    proof: Path | None = None
    is_absent: bool = False

    def to_json(self) -> dict[str, object]:
        """`{fault, what, index?, proof?}`."""
        index = {} if self.index is None else {"index": self.index}
        proof = {} if self.proof is None else {"proof": str(self.proof)}
        return {"fault": self.kind, "what": self.what, **index, **proof}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, what was seen, and how many of what."""

    name: str
    what: str
    holds: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """`{step, holds, what, ...counts}`."""
        return {
            "step": self.name,
            "holds": self.holds,
            "what": self.what,
            **self.counts,
        }


@dataclass(slots=True)
class AuditReport:
    """One run. `verified` entries hold in full, from the first on.

    `more` findings there are than are named.
    """

    source: str
    log: VerifierKey
    state: Path
    signed: SignedCheckpoint | None = None
    verified: int = 0
    steps: list[Step] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    equivocations: list[Path] = field(default_factory=list)
    cosignature: str | None = None

    @property
    def holds(self) -> bool:
        """Whether all holds that was looked at."""
        return not self.faults

    def step(self, name: str, what: str, **counts: int) -> None:
        """Note a step that holds."""
        self.steps.append(Step(name, what, counts=counts))

    def fault(self, name: str, fault: Fault) -> None:
        """Note a step that does not hold, and why."""
        self.steps.append(Step(name, fault.what, holds=False))
        self.faults.append(fault)

    def to_json(self) -> dict[str, object]:
        """All of it; `holds`, and `checkpoint` null if none was taken."""
        tree = self.signed.checkpoint if self.signed is not None else None
        shown = None
        if tree is not None:
            shown = {"size": tree.size, "root": to_base64(tree.root)}
        more = {} if self.cosignature is None else {"cosignature": self.cosignature}
        return {
            "holds": self.holds,
            "source": self.source,
            "log": str(self.log),
            "checkpoint": shown,
            "verified": self.verified,
            "steps": [step.to_json() for step in self.steps],
            "faults": [fault.to_json() for fault in self.faults],
            "findings": [finding.to_json() for finding in self.findings],
            "more": self.more,
            "equivocations": [str(path) for path in self.equivocations],
            "state": str(self.state),
            **more,
        }
