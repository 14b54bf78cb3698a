"""What a document asks for, by content, and why two do or do not ask for the same.

    POST /v1/canonicalize     the document, or an envelope of it
    POST /v1/explain          {"a": envelope, "b": envelope}

Canonical, unresolved and impure are answers (200); a document that is refused is
a problem (422). The JSON is that of `octostore canonicalize`.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from invocation_spec.errors import DocumentError
from invocation_spec.explanation import explain
from invocation_spec.outcome import Outcome
from octostore_server import bodies, models
from octostore_server.answering import json_response
from octostore_server.documents import BODY, outcomes_of, read_enveloped
from octostore_server.errors import NotCanonicalError
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS, body_of, raw_body
from octostore_server.texts import NetworkText

__all__ = ["router"]

router = APIRouter(tags=["documents"], responses=PROBLEMS)


@router.post(
    "/v1/canonicalize",
    summary="The invocations of a job document",
    response_model=models.Outcome | models.Outcomes,
    response_model_exclude_unset=True,
    openapi_extra=raw_body(BODY),
)
async def post_canonicalize(
    request: Request, node: AtNode, network: NetworkText = None
) -> object:
    """One outcome, or `invocations` of them if the document holds several tasks."""
    found = [item.to_json() for item in await outcomes_of(request, node, network)]
    return found[0] if len(found) == 1 else {"invocations": found}


@router.post(
    "/v1/explain",
    summary="Why two job documents do or do not have one CID",
    response_class=Response,
    responses={200: {"model": models.Explanation}},
    openapi_extra=raw_body({"application/json": body_of(models.ExplainRequest)}),
)
async def post_explain(request: Request, node: AtNode) -> Response:
    """Compare two documents of one task each, field by field."""
    body = await bodies.read(request, node.settings.document_bytes_max, node.settings)
    asked = bodies.model_of(body, models.ExplainRequest)
    return json_response(await run_in_threadpool(_explained, asked))


def _explained(asked: models.ExplainRequest) -> dict[str, Any]:
    a, b = (_one(name, item) for name, item in (("a", asked.a), ("b", asked.b)))
    return explain(a, b).to_json()


def _one(name: str, item: models.DocumentRequest) -> Outcome:
    try:
        found = read_enveloped(item)
    except DocumentError as error:
        raise DocumentError(f"{name}: {error.reason}", at=error.at) from error
    if len(found) > 1:
        raise NotCanonicalError(
            f"{len(found)} tasks; compare one with one", at=f"body/{name}"
        )
    return found[0]
