"""GET / and /docs: the pages that a person reads."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse

from invocation_spec.errors import OctostoreError
from octostore.errors import StoreError
from octostore.questions.who import who
from octostore_server import page, reference
from octostore_server.errors import status_of
from octostore_server.node import AtNode
from octostore_server.texts import asked_of

__all__ = ["router"]

_CLAIMS_SHOWN = 200

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_HEADERS = {
    "content-security-policy": page.POLICY,
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@router.get("/")
def get_page(
    node: AtNode,
    program: Annotated[str, Query(max_length=5000)] = "",
    input: Annotated[str, Query(max_length=5000)] = "",
) -> HTMLResponse:
    """The form, and the answer if something was asked."""
    checkpoint = node.store.checkpoint()
    answer, refusal, status = None, None, 200
    if program or input:
        try:
            asked = asked_of(program.strip(), input.strip(), None)
            answer = who(node.store, asked, limit=_CLAIMS_SHOWN)
        except StoreError:
            raise
        except OctostoreError as error:
            refusal, status = str(error), status_of(type(error))
    text = page.render(checkpoint, (program, input), answer, refusal)
    return HTMLResponse(text, status_code=status, headers=_HEADERS)


@router.get("/docs")
def get_reference(request: Request) -> HTMLResponse:
    """The API in words, from the same document as /openapi.json."""
    text = reference.render(request.app.openapi())
    return HTMLResponse(text, headers=_HEADERS)
