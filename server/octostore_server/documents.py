"""A document in the body of a request, alone or in an envelope, to its outcomes.

    POST /v1/canonicalize?network=bacalhau          the document itself
    content-type: application/vnd.octostore.document+json
    {"document": "..", "network": "bacalhau", "resolutions": {"oci:..": "sha256:.."}}

The envelope has a type of its own, because most documents are JSON themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from invocation_spec import Outcome, Resolutions, canonicalize
from invocation_spec.document import read_document
from invocation_spec.errors import DocumentError
from octostore_server import bodies
from octostore_server.errors import QueryError
from octostore_server.models import DocumentRequest
from octostore_server.node import Node
from octostore_server.openapi import body_of

__all__ = ["BODY", "ENVELOPE_TYPE", "outcomes_of", "read_enveloped"]

ENVELOPE_TYPE: Final = "application/vnd.octostore.document+json"

#: How the OpenAPI document describes such a body: type to schema.
BODY: Final[Mapping[str, Mapping[str, Any]]] = {
    "application/octet-stream": {"type": "string", "format": "binary"},
    ENVELOPE_TYPE: body_of(DocumentRequest),
}


async def outcomes_of(
    request: Request, node: Node, network: str | None
) -> tuple[Outcome, ...]:
    """The outcomes of the tasks of the document that the body holds.

    Raises:
        DocumentError: the document, the envelope or the resolutions are refused.
        QueryError: two networks are named.
        BodyTooLargeError: it is larger than a document may be here.
    """
    data = await bodies.read(request, node.settings.document_bytes_max, node.settings)
    if bodies.media_type(request) != ENVELOPE_TYPE:
        return await run_in_threadpool(canonicalize, data, network=network)
    return await run_in_threadpool(_enveloped, data, network)


def _enveloped(data: bytes, network: str | None) -> tuple[Outcome, ...]:
    return read_enveloped(_envelope(data), network)


def read_enveloped(
    asked: DocumentRequest, network: str | None = None
) -> tuple[Outcome, ...]:
    """The outcomes of the document in an envelope.

    Raises:
        DocumentError: the document or the resolutions are refused.
        QueryError: two networks are named.
    """
    if network is not None and asked.network not in (None, network):
        raise QueryError("two networks, one in the query and one in the envelope")
    try:
        given = Resolutions.of(asked.resolutions)
    except DocumentError as error:
        raise DocumentError(
            f"in the resolutions: {error.reason}", at=error.at
        ) from error
    return canonicalize(
        asked.document.encode(), given, network=network or asked.network
    )


def _envelope(data: bytes) -> DocumentRequest:
    # Not pydantic's own JSON: a key that stands twice is refused, not lost.
    document = read_document(data)
    if document.syntax != "json":
        raise DocumentError("an envelope is JSON")
    try:
        return DocumentRequest.model_validate(document.tree, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        at = "/" + "/".join(str(part) for part in first["loc"])
        raise DocumentError(f"in the envelope: {first['msg']}", at=at) from error
