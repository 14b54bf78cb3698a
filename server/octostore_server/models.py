"""The shapes of JSON that the server answers with; nothing below imports them.

They restate `to_json` of the values in `octostore` for other languages: a field
that an answer leaves out is optional here, and none is ever null unless it says
so. Source: FORMATS 4, 7 and 9; schemas/ is generated from this module.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from invocation_spec.cid import CID_TEXT_MAX

__all__ = [
    "AlsoItem",
    "Asked",
    "Checkpoint",
    "ClaimItem",
    "DocumentRequest",
    "FindingItem",
    "Health",
    "InvocationItem",
    "MapHead",
    "Outcome",
    "Outcomes",
    "OutputItem",
    "QuarantinedItem",
    "Receipt",
    "SkippedItem",
    "UnresolvedItem",
    "WhoAnswer",
    "WholeProof",
]

CidText: TypeAlias = Annotated[
    str,
    Field(
        description="A CIDv1 in lower-case base32",
        pattern=r"^b[a-z2-7]+$",
        max_length=CID_TEXT_MAX,
    ),
]
_Did: TypeAlias = Annotated[str, Field(pattern=r"^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]+$")]
_Count: TypeAlias = Annotated[int, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Checkpoint(_Model):
    """How many entries the log has, and the Merkle root over them."""

    size: _Count
    root: Annotated[str, Field(description="32 bytes in base64")]


class QuarantinedItem(_Model):
    """A block that does not decode, hash or verify, or that passes a limit."""

    cid: str
    reason: str


class SkippedItem(_Model):
    """An invalid record of an accepted statement."""

    record: CidText
    reason: str


class Receipt(_Model):
    """What became of a delivery; given after the disk has it."""

    accepted: Annotated[list[CidText], Field(description="Newly logged")]
    known: Annotated[list[CidText], Field(description="Logged before")]
    pending: Annotated[list[CidText], Field(description="Blocks are missing")]
    quarantined: list[QuarantinedItem]
    skipped: list[SkippedItem]
    checkpoint: Checkpoint
    malformed: Annotated[
        str | None, Field(description="Why the delivery as a whole is broken")
    ] = None


class Asked(_Model):
    """The question, as the server understood it."""

    program: CidText | None = None
    input: CidText | None = None
    invocation: CidText | None = None


class ClaimItem(_Model):
    """One claim as somebody signed it."""

    claim: CidText
    statement: Annotated[CidText, Field(description="CID of the signed part")]
    issuer: Annotated[_Did, Field(description="Who signed it")]
    name: Annotated[
        str | None, Field(description="What the issuer calls itself; unverified")
    ] = None
    network: Annotated[str, Field(description="Where it ran")]
    executor: Annotated[
        str | None, Field(description="Who ran it, in the network's own words")
    ] = None
    witness: Annotated[
        bool, Field(description="The executor is not bound to the issuer")
    ]
    platform: str | None = None
    result: CidText | None = None
    exit: int | None = None
    failure: str | None = None
    issued_at_s: _Count
    index: Annotated[_Count, Field(description="Place of the statement in the log")]
    withdrawn: Literal[True] | None = None
    unproven: Annotated[
        Literal[True] | None, Field(description="Logged after the map head")
    ] = None


class OutputItem(_Model):
    """One value of one output, who claims it, and in whose names."""

    value: CidText
    claims: list[CidText]
    groups: list[str]


class InvocationItem(_Model):
    """All claims about one invocation, and where they contradict each other."""

    invocation: CidText
    program: CidText
    input: CidText
    outputs: Annotated[
        dict[str, list[OutputItem]],
        Field(description='By name: a guest path, "stdout", "value", "error" or ""'),
    ]
    conflicts: Annotated[
        list[str], Field(description='Outputs that conflict; "exit" for the status')
    ]
    failures: list[CidText]
    claims: list[ClaimItem]
    nonced: Annotated[
        Literal[True] | None, Field(description="Its input holds a nonce")
    ] = None


class MapHead(_Model):
    """The latest head of the map in the log, and the place of its entry there."""

    size: Annotated[_Count, Field(description="It covers so many entries")]
    root: Annotated[str, Field(description="32 bytes in base64")]
    time: Annotated[_Count, Field(description="Unix seconds, by the log's clock")]
    entry: _Count


class WholeProof(_Model):
    """That nothing was left out (docs/spec/map.md); bytes in base64."""

    head: Annotated[str, Field(description="The block of the map head")]
    entry: Annotated[_Count, Field(description="The place of the head in the log")]
    path: Annotated[list[str], Field(description="Its inclusion in the checkpoint")]
    map: Annotated[str, Field(description="The proof of the map, as DAG-CBOR")]


class WhoAnswer(_Model):
    """Who claims which results; an empty list of invocations is an answer."""

    asked: Asked
    checkpoint: Checkpoint
    map: MapHead | None = None
    proof: WholeProof | None = None
    invocations: list[InvocationItem]
    links: list[CidText]
    after: Annotated[
        str | None, Field(description="Where a page begins that comes with its proof")
    ] = None
    next: Annotated[
        str | None, Field(description="Pass it as `after` for the next page")
    ] = None


class UnresolvedItem(_Model):
    """A reference that is no content address, and what would settle it."""

    at: str
    reference: str
    kind: str
    settle: dict[str, Any]


class FindingItem(_Model):
    """Something impure, or a warning."""

    at: str
    kind: str
    reason: str


class AlsoItem(_Model):
    """The invocation as it would be without some resolutions."""

    invocation: CidText
    without: list[str]


class Outcome(_Model):
    """What canonicalizing one task gave."""

    outcome: Literal["canonical", "unresolved", "impure"]
    rules: str
    network: str
    form: str
    program: CidText | None
    input: CidText | None
    invocation: CidText | None
    without_nonce: CidText | None = None
    also: list[AlsoItem]
    aliases: dict[str, str]
    unresolved: list[UnresolvedItem]
    impure: list[FindingItem]
    warnings: list[FindingItem]
    resolutions: dict[str, Any]


class Outcomes(_Model):
    """The outcomes of a document that holds several tasks, in its order."""

    invocations: list[Outcome]


class DocumentRequest(_Model):
    """A document with what it needs to be read; the body of the envelope type."""

    document: Annotated[str, Field(description="The document, as text")]
    network: str | None = None
    resolutions: dict[str, Any] = Field(default_factory=dict)


class Health(_Model):
    """The store reads, and this is its log."""

    status: Literal["ok"]
    checkpoint: Checkpoint
