"""Claims by who signed them and what they are about; where a CID comes from and goes.

GET /v1/claims?issuer=did:key:z6Mk..     what a key has claimed
GET /v1/claims?program=C1                of a program, or of a code in programs
GET /v1/claims?input=D1                  of an input, or of data in inputs
GET /v1/claims?output=R1                 with a result that names it
GET /v1/claims?invocation=K
GET /v1/lineage/R1                       produced by, run by, given to
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from octostore.questions.listing import LISTED_MAX, Listed, claims
from octostore_server import models
from octostore_server.answering import Told, answered, of_model
from octostore_server.errors import QueryError
from octostore_server.many import shared
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS
from octostore_server.texts import (
    AfterText,
    AskedText,
    CidPath,
    DidText,
    LimitNumber,
    SizeNumber,
    cid_at,
    key_at,
)

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["questions"], responses=PROBLEMS)


@router.get(
    "/claims",
    summary="Claims by who signed them, or by what they are about",
    response_class=Response,
    responses=of_model(models.ClaimsAnswer),
)
def get_claims(
    request: Request,
    node: AtNode,
    issuer: DidText = None,
    program: AskedText = None,
    input: AskedText = None,
    output: AskedText = None,
    invocation: AskedText = None,
    limit: LimitNumber = LISTED_MAX,
    after: AfterText = None,
    as_of: SizeNumber = None,
) -> Response:
    """Ask with exactly one of issuer, program, input, output and invocation.

    A page that `next` goes on from is not moved by what is logged meanwhile; it may
    have fewer claims than asked for, or none.
    """
    cids = (program, input, output, invocation)
    if [issuer, *cids].count(None) != len(cids):
        raise QueryError(
            "ask with exactly one of issuer, program, input, output and invocation"
        )
    asked = Listed(
        issuer=None if issuer is None else key_at("query/issuer", issuer),
        program=None if program is None else cid_at("query/program", program),
        input=None if input is None else cid_at("query/input", input),
        output=None if output is None else cid_at("query/output", output),
        invocation=None
        if invocation is None
        else cid_at("query/invocation", invocation),
    )

    def make() -> Told:
        with node.store.view(as_of) as view:
            return claims(view, asked, limit=limit, after=after).to_json()

    return answered(request, node.store.checkpoint(), make)


@router.get(
    "/lineage/{cid}",
    summary="Where a CID comes from, and where it goes",
    response_class=Response,
    responses=of_model(models.LineageAnswer),
)
def get_lineage(
    request: Request,
    node: AtNode,
    cid: CidPath,
    limit: LimitNumber = 100,
    as_of: SizeNumber = None,
) -> Response:
    """The first claims of each side; `next` of a side goes on at /v1/claims."""
    named = cid_at("path/cid", cid)
    sides = {
        "produced": Listed(output=named),
        "run": Listed(program=named),
        "given": Listed(input=named),
    }

    def make() -> Told:
        with node.store.view(as_of) as view:
            found = {
                side: claims(view, asked, limit=limit) for side, asked in sides.items()
            }
        common, pages = shared([listing.to_json() for listing in found.values()])
        return {"cid": str(named), **common, **dict(zip(found, pages, strict=True))}

    return answered(request, node.store.checkpoint(), make)
