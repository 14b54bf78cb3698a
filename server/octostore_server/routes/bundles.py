"""A whole answer with all that proves it, to keep and to pass on.

    GET /v1/bundle?program=C1&input=D1      a CAR: docs/spec/bundle.md
    GET /v1/bundle?invocation=CID

As of the last map head; the checkpoint is the newest that covers it.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from octostore.bundle.make import checkpoint_over, make_bundle
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS, binary
from octostore_server.routes.log import key_of
from octostore_server.texts import AskedText, asked_of
from octostore_server.wanted import CAR_TYPE

__all__ = ["router"]

router = APIRouter(prefix="/v1/bundle", tags=["questions"], responses=PROBLEMS)


@router.get(
    "",
    summary="Who got which result, and the proof of it in one file",
    response_class=StreamingResponse,
    responses=binary(CAR_TYPE),
)
def get_bundle(
    node: AtNode,
    program: AskedText = None,
    input: AskedText = None,
    invocation: AskedText = None,
) -> StreamingResponse:
    """Ask as `/v1/who`; what was logged after the last map head is not in it."""
    asked = asked_of(program, input, invocation)
    signed = checkpoint_over(node.store, key_of(node))
    return StreamingResponse(
        make_bundle(node.store, asked, signed), media_type=f"{CAR_TYPE}; version=1"
    )
