"""Receipts, and the answer to `who`: FORMATS 7 and 9."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from octostore_server.models.base import (
    Checkpoint,
    CidText,
    Count,
    DidText,
    MapHead,
    Model,
)

__all__ = [
    "Asked",
    "ClaimItem",
    "InvocationItem",
    "OutputItem",
    "QuarantinedItem",
    "Receipt",
    "SkippedItem",
    "WhoAnswer",
    "WholeProof",
]


class QuarantinedItem(Model):
    """A block that does not decode, hash or verify, or that passes a limit."""

    cid: str
    reason: str


class SkippedItem(Model):
    """An invalid record of an accepted statement."""

    record: CidText
    reason: str


class Receipt(Model):
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


class Asked(Model):
    """The question, as the server understood it."""

    program: CidText | None = None
    input: CidText | None = None
    invocation: CidText | None = None


class ClaimItem(Model):
    """One claim as somebody signed it."""

    claim: CidText
    statement: Annotated[CidText, Field(description="CID of the signed part")]
    issuer: Annotated[DidText, Field(description="Who signed it")]
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
    issued_at_s: Count
    index: Annotated[Count, Field(description="Place of the statement in the log")]
    withdrawn: Literal[True] | None = None
    unproven: Annotated[
        Literal[True] | None, Field(description="Logged after the map head")
    ] = None


class OutputItem(Model):
    """One value of one output, who claims it, and in whose names."""

    value: CidText
    claims: list[CidText]
    groups: list[str]


class InvocationItem(Model):
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


class WholeProof(Model):
    """That nothing was left out (docs/spec/map.md); bytes in base64."""

    head: Annotated[str, Field(description="The block of the map head")]
    entry: Annotated[Count, Field(description="The place of the head in the log")]
    path: Annotated[list[str], Field(description="Its inclusion in the checkpoint")]
    map: Annotated[str, Field(description="The proof of the map, as DAG-CBOR")]


class WhoAnswer(Model):
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
