"""POST /v1/canonicalize: what a document asks for, by content.

Canonical, unresolved and impure are answers (200); a document that is refused is
a problem (422). The JSON is that of `octostore canonicalize`.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from octostore_server import models
from octostore_server.documents import BODY, outcomes_of
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS
from octostore_server.texts import NetworkText

__all__ = ["router"]

router = APIRouter(tags=["documents"], responses=PROBLEMS)


@router.post(
    "/v1/canonicalize",
    summary="The invocations of a job document",
    response_model=models.Outcome | models.Outcomes,
    response_model_exclude_unset=True,
    openapi_extra=BODY,
)
async def post_canonicalize(
    request: Request, node: AtNode, network: NetworkText = None
) -> object:
    """One outcome, or `invocations` of them if the document holds several tasks."""
    found = [item.to_json() for item in await outcomes_of(request, node, network)]
    return found[0] if len(found) == 1 else {"invocations": found}
