"""POST /v1/invocations: which of many keys anybody has claimed, in one look.

    {"invocations": ["bafyrei..", "bafyrei..", ..]}
    {"checkpoint": {..}, "claimed": [{"invocation": "bafyrei..", "claims": 3}]}

For whoever has thousands of keys, most of which nobody has claimed: what is found is
asked for with `POST /v1/who`.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from octostore.questions.many import claimed
from octostore_server import bodies, models
from octostore_server.answering import Told, json_response
from octostore_server.node import AtNode, Node
from octostore_server.openapi import PROBLEMS, body_of, raw_body
from octostore_server.texts import cid_at

__all__ = ["KEYS_BYTES_MAX", "router"]

#: A body of 10,000 keys, each in the longest spelling that is usual.
KEYS_BYTES_MAX: Final = 2 << 20

router = APIRouter(tags=["questions"], responses=PROBLEMS)


@router.post(
    "/v1/invocations",
    summary="Which of these keys anybody has claimed",
    response_class=Response,
    responses={200: {"model": models.InvocationsAnswer}},
    openapi_extra=raw_body({"application/json": body_of(models.InvocationsRequest)}),
)
async def post_invocations(request: Request, node: AtNode) -> Response:
    """Look up to 10,000 invocations up at one checkpoint."""
    body = await bodies.read(request, KEYS_BYTES_MAX, node.settings)
    return await run_in_threadpool(_looked_up, node, body)


def _looked_up(node: Node, body: bytes) -> Response:
    asked = bodies.model_of(body, models.InvocationsRequest)
    cids = [
        cid_at(f"body/invocations/{number}", text)
        for number, text in enumerate(asked.invocations)
    ]
    with node.store.view(asked.as_of) as view:
        told: Told = {
            "checkpoint": view.checkpoint().to_json(),
            "claimed": [
                {"invocation": str(cid), "claims": count}
                for cid, count in claimed(view, cids).items()
            ],
        }
    return json_response(told)
