"""The other questions: lists of claims, lineage, issuers, many keys, explanations."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from octostore.questions.many import COUNTED_MAX, KEYS_MAX, QUESTIONS_MAX
from octostore.questions.who import CLAIMS_MAX
from octostore_server.models.base import (
    Checkpoint,
    CidText,
    Count,
    DidText,
    MapHead,
    Model,
)
from octostore_server.models.documents import DocumentRequest, Outcome
from octostore_server.models.who import Asked, ClaimItem, InvocationItem
from octostore_server.texts import CID_CHARACTERS_MAX

__all__ = [
    "AnyCidText",
    "ChainItem",
    "ClaimsAnswer",
    "ClaimsAsked",
    "ClaimsPage",
    "DifferenceItem",
    "ExplainRequest",
    "Explanation",
    "InvocationsAnswer",
    "InvocationsRequest",
    "IssuerAnswer",
    "IssuerItem",
    "IssuersAnswer",
    "KeyItem",
    "LineageAnswer",
    "ListedClaim",
    "ManyAnswer",
    "ManyItem",
    "ManyRequest",
    "OutcomePair",
    "QuestionItem",
    "RevocationItem",
    "TieItem",
    "UnansweredItem",
]

AnyCidText = Annotated[
    str, Field(max_length=CID_CHARACTERS_MAX, description="A CID in any spelling")
]


class ListedClaim(ClaimItem):
    """One claim as somebody signed it, and what it is about."""

    invocation: CidText


class ClaimsAsked(Model):
    """The question, as the server understood it; one of these."""

    issuer: DidText | None = None
    program: CidText | None = None
    input: CidText | None = None
    output: CidText | None = None
    invocation: CidText | None = None


class ClaimsAnswer(Model):
    """A page of claims; an empty list is an answer."""

    asked: ClaimsAsked
    checkpoint: Checkpoint
    map: MapHead | None = None
    claims: list[ListedClaim]
    next: Annotated[
        str | None, Field(description="Pass it as `after` for the next page")
    ] = None


class ClaimsPage(Model):
    """The first claims of a list; `next` goes on at /v1/claims with `asked`."""

    asked: ClaimsAsked
    claims: list[ListedClaim]
    next: str | None = None


class LineageAnswer(Model):
    """Where a CID comes from and where it goes to."""

    cid: CidText
    checkpoint: Checkpoint
    map: MapHead | None = None
    produced: Annotated[ClaimsPage, Field(description="It is an output of these")]
    run: Annotated[ClaimsPage, Field(description="It is the program, or a code in it")]
    given: Annotated[ClaimsPage, Field(description="It is the input, or data in it")]


class ChainItem(Model):
    """A chain of a key, and the last statement of it that the log has."""

    chain: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    seq: Count
    head: CidText
    index: Count
    issued_at_s: Count


class TieItem(Model):
    """A key that the issuer speaks for or lets speak; both sides have said so."""

    organisation: DidText | None = None
    member: DidText | None = None
    name: str | None = None
    delegation: CidText
    membership: CidText
    scope: str | None = None
    until: Count | None = None


class UnansweredItem(Model):
    """What only one side has said."""

    says: str
    by: DidText
    of: DidText
    record: CidText


class RevocationItem(Model):
    """Who says that the key is not to be believed, but for what is kept."""

    by: DidText
    record: CidText
    index: Count
    keep: list[CidText]
    takes_effect: bool


class IssuerAnswer(Model):
    """What the log says of one key; a name is its own, and unverified."""

    issuer: DidText
    checkpoint: Checkpoint
    chains: list[ChainItem]
    name: str | None = None
    url: str | None = None
    executors: dict[str, list[str]] | None = None
    organisations: list[TieItem] = Field(default_factory=list)
    members: list[TieItem] = Field(default_factory=list)
    unanswered: list[UnansweredItem] = Field(default_factory=list)
    revocations: list[RevocationItem] = Field(default_factory=list)


class IssuerItem(Model):
    """A key that has signed here, and what it calls itself."""

    issuer: DidText
    name: str | None = None


class IssuersAnswer(Model):
    """Keys that have signed statements of the log."""

    checkpoint: Checkpoint
    issuers: list[IssuerItem]
    next: Annotated[
        DidText | None, Field(description="Pass it as `after` for the next page")
    ] = None


class QuestionItem(Model):
    """A question as GET /v1/who has it."""

    program: AnyCidText | None = None
    input: AnyCidText | None = None
    invocation: AnyCidText | None = None


class ManyRequest(Model):
    """Many questions, each as GET /v1/who has it."""

    questions: Annotated[
        list[QuestionItem], Field(min_length=1, max_length=QUESTIONS_MAX)
    ]
    limit: Annotated[
        int, Field(ge=1, le=CLAIMS_MAX, description="Claims of each answer")
    ] = CLAIMS_MAX
    as_of: Annotated[
        Count | None, Field(description="Of the first so many entries")
    ] = None


class ManyItem(Model):
    """The answer to one of them; `next` goes on at GET /v1/who."""

    asked: Asked
    invocations: list[InvocationItem]
    links: list[CidText]
    next: str | None = None


class ManyAnswer(Model):
    """The answers in the order of the questions, all at one checkpoint."""

    checkpoint: Checkpoint
    map: MapHead | None = None
    answers: list[ManyItem]
    left: Annotated[
        Count,
        Field(
            description="So many of the last questions are not answered; ask them again"
        ),
    ] = 0


class InvocationsRequest(Model):
    """Keys that are looked up."""

    invocations: Annotated[list[AnyCidText], Field(min_length=1, max_length=KEYS_MAX)]
    as_of: Annotated[
        Count | None, Field(description="Of the first so many entries")
    ] = None


class KeyItem(Model):
    """A key that somebody has claimed."""

    invocation: CidText
    claims: Annotated[
        int, Field(ge=1, le=COUNTED_MAX, description=f"{COUNTED_MAX}: or more")
    ]


class InvocationsAnswer(Model):
    """Those of the keys that have claims; the others have none."""

    checkpoint: Checkpoint
    claimed: list[KeyItem]


class ExplainRequest(Model):
    """Two documents."""

    a: DocumentRequest
    b: DocumentRequest


class DifferenceItem(Model):
    """A place where the two differ; a side that says nothing is left out."""

    at: str
    a: Any = None
    b: Any = None
    hint: str | None = None


class OutcomePair(Model):
    """What each of them is."""

    a: Outcome
    b: Outcome


class Explanation(Model):
    """Why two documents do or do not hash alike."""

    same: Annotated[bool | None, Field(description="null: not decided")]
    differences: list[DifferenceItem]
    left_out: Count
    notes: list[str]
    outcomes: OutcomePair
