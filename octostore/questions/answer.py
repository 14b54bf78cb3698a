"""The answer to "who got which result": invocations, claims, conflicts.

    {"asked": {"program": C1, "input": D1}, "checkpoint": {"size": 2, ..},
     "invocations": [{"invocation": .., "outputs": {"/r.csv": [
        {"value": R1, "claims": [..], "groups": ["Bristol", "Caltech"]}]}, ..}]}

Results of different invocations are never compared. A name is what the issuer
calls itself, unverified. Source: FORMATS 9.
"""

from __future__ import annotations

from dataclasses import dataclass

from invocation_spec.cid import CID
from octostore.keys import Did
from octostore.log import Checkpoint
from octostore.map.heads import LoggedHead

__all__ = ["Answer", "Asked", "ClaimAnswer", "InvocationAnswer", "OutputAnswer"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The question: an invocation, or a program (or code) and an input (or data)."""

    program: CID | None = None
    input: CID | None = None
    invocation: CID | None = None

    def to_json(self) -> dict[str, object]:
        """What was asked, CIDs as text."""
        named = (
            ("program", self.program),
            ("input", self.input),
            ("invocation", self.invocation),
        )
        return {name: str(cid) for name, cid in named if cid is not None}


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """One claim as somebody signed it.

    `issuer` signed it, on `network` it ran, `executor` ran it; `witness` says
    that the issuer's profile does not bind that executor to the issuer. `name`
    is the issuer's own, unverified. `index` is the statement's place in the log.
    """

    claim: CID
    statement: CID
    issuer: Did
    name: str | None
    network: str
    executor: str | None
    witness: bool
    platform: str | None
    result: CID | None
    exit: int | None
    failure: str | None
    issued_at_s: int
    index: int
    withdrawn: bool

    def to_json(self, covered: int | None = None) -> dict[str, object]:
        """The claim as JSON; what it does not say is left out.

        `covered` is the size of the map; from there on a claim is `unproven`.
        """
        value: dict[str, object] = {
            "claim": str(self.claim),
            "statement": str(self.statement),
            "issuer": str(self.issuer),
            "network": self.network,
            "witness": self.witness,
            "issued_at_s": self.issued_at_s,
            "index": self.index,
        }
        optional: tuple[tuple[str, object], ...] = (
            ("name", self.name),
            ("executor", self.executor),
            ("platform", self.platform),
            ("result", None if self.result is None else str(self.result)),
            ("exit", self.exit),
            ("failure", self.failure),
            ("withdrawn", self.withdrawn or None),
            ("unproven", (covered is not None and self.index >= covered) or None),
        )
        return value | {name: item for name, item in optional if item is not None}


@dataclass(frozen=True, slots=True)
class OutputAnswer:
    """One value of one output, who claims it, and in whose names."""

    value: CID
    claims: tuple[CID, ...]
    groups: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """`{value, claims, groups}`."""
        return {
            "value": str(self.value),
            "claims": [str(cid) for cid in self.claims],
            "groups": list(self.groups),
        }


@dataclass(frozen=True, slots=True)
class InvocationAnswer:
    """All claims about one invocation, and where they contradict each other.

    Withdrawn claims stand in `claims` only. `nonced` says that its input holds a
    nonce, so that it was meant to be one run of its own.
    """

    invocation: CID
    program: CID
    input: CID
    outputs: dict[str, tuple[OutputAnswer, ...]]
    conflicts: tuple[str, ...]
    failures: tuple[CID, ...]
    claims: tuple[ClaimAnswer, ...]
    nonced: bool

    def to_json(self, covered: int | None = None) -> dict[str, object]:
        """The invocation as JSON; `nonced` only if it is."""
        value: dict[str, object] = {
            "invocation": str(self.invocation),
            "program": str(self.program),
            "input": str(self.input),
            "outputs": {
                name: [item.to_json() for item in values]
                for name, values in self.outputs.items()
            },
            "conflicts": list(self.conflicts),
            "failures": [str(cid) for cid in self.failures],
            "claims": [claim.to_json(covered) for claim in self.claims],
        }
        return value | ({"nonced": True} if self.nonced else {})


@dataclass(frozen=True, slots=True)
class Answer:
    """A list of invocations at one checkpoint; `next` continues a long one.

    `links` are the link records that name what was asked or found; they are
    shown, not followed. `map` is the latest map head before the checkpoint. `after`
    is where a page begins that can be proved (`paged.py`).
    """

    asked: Asked
    checkpoint: Checkpoint
    invocations: tuple[InvocationAnswer, ...]
    links: tuple[CID, ...]
    next: str | None = None
    map: LoggedHead | None = None
    after: str | None = None

    def to_json(self) -> dict[str, object]:
        """The shape of `who --json`; `next` only if there is more.

        With a map head, claims that it does not cover are `unproven`.
        """
        covered = None if self.map is None else self.map.head.size
        value: dict[str, object] = {
            "asked": self.asked.to_json(),
            "checkpoint": self.checkpoint.to_json(),
            "invocations": [item.to_json(covered) for item in self.invocations],
            "links": [str(cid) for cid in self.links],
        }
        if self.map is not None:
            value["map"] = self.map.to_json()
        cursors = (("after", self.after), ("next", self.next))
        return value | {name: text for name, text in cursors if text is not None}
