"""What a document asks for: FORMATS 4."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from octostore_server.models.base import CidText, Model

__all__ = [
    "AlsoItem",
    "DocumentRequest",
    "FindingItem",
    "Outcome",
    "Outcomes",
    "UnresolvedItem",
]


class UnresolvedItem(Model):
    """A reference that is no content address, and what would settle it."""

    at: str
    reference: str
    kind: str
    settle: dict[str, Any]


class FindingItem(Model):
    """Something impure, or a warning."""

    at: str
    kind: str
    reason: str


class AlsoItem(Model):
    """The invocation as it would be without some resolutions."""

    invocation: CidText
    without: list[str]


class Outcome(Model):
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


class Outcomes(Model):
    """The outcomes of a document that holds several tasks, in its order."""

    invocations: list[Outcome]


class DocumentRequest(Model):
    """A document with what it needs to be read; the body of the envelope type."""

    document: Annotated[str, Field(description="The document, as text")]
    network: str | None = None
    resolutions: dict[str, Any] = Field(default_factory=dict)
