"""Who has signed here, and what the log says of one key.

GET /v1/issuers
GET /v1/issuers/did:key:z6Mk..
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from octostore.questions.issuers import ISSUERS_MAX, issuer, issuers
from octostore_server import models
from octostore_server.answering import Told, answered, of_model
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS
from octostore_server.texts import DidPath, DidText, SizeNumber, key_at

__all__ = ["router"]

router = APIRouter(prefix="/v1/issuers", tags=["questions"], responses=PROBLEMS)


@router.get(
    "",
    summary="Who has signed here",
    response_class=Response,
    responses=of_model(models.IssuersAnswer),
)
def get_issuers(
    request: Request,
    node: AtNode,
    limit: Annotated[
        int, Query(ge=1, le=ISSUERS_MAX, description="Issuers on a page")
    ] = ISSUERS_MAX,
    after: DidText = None,
) -> Response:
    """Keys in the order of their bytes, each with what it calls itself."""
    beyond = None if after is None else key_at("query/after", after)

    def make() -> Told:
        with node.store.view() as view:
            return issuers(view, limit=limit, after=beyond).to_json()

    return answered(request, node.store.checkpoint(), make)


@router.get(
    "/{did}",
    summary="What the log says of a key",
    response_class=Response,
    responses=of_model(models.IssuerAnswer),
)
def get_issuer(
    request: Request, node: AtNode, did: DidPath, as_of: SizeNumber = None
) -> Response:
    """Its chains, its own name, for whom it speaks, and who revoked it."""
    key = key_at("path/did", did)

    def make() -> Told:
        with node.store.view(as_of) as view:
            return issuer(view, key).to_json()

    return answered(request, node.store.checkpoint(), make)
