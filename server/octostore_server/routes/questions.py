"""Who got which result: by program and input, by invocation, by document.

    GET  /v1/who?program=C1&input=D1        JSON
    GET  /v1/who?program=C1&input=D1&as_of=128    of the first 128 entries of the log
    GET  /v1/who?program=C1&input=D1&proof=1      and that nothing is left out
    GET  /v1/who?program=C1&input=D1&format=car
    POST /v1/who                            a job document, asked by its invocation
    POST /v1/who                            many questions (many.py)

The CAR proves the answer: its root is the answer as raw JSON, after it stand the
statements that the answer rests on, with all that verifies them, in log order.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from octostore import car
from octostore.questions import evidence
from octostore.questions.answer import Answer, Asked
from octostore.questions.completeness import WholeProof
from octostore.questions.who import CLAIMS_MAX, who
from octostore.store import Octostore
from octostore_server import bodies, models
from octostore_server.answering import answered, json_response
from octostore_server.documents import BODY, outcomes_of
from octostore_server.errors import NotCanonicalError, problem, status_of
from octostore_server.many import QUESTIONS_BYTES_MAX, QUESTIONS_TYPE, answers
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS, body_of, problem_with, raw_body
from octostore_server.texts import (
    AfterText,
    AskedText,
    LimitNumber,
    NetworkText,
    ProofText,
    SizeNumber,
    asked_of,
)
from octostore_server.wanted import CAR_TYPE

__all__ = ["router"]


router = APIRouter(prefix="/v1/who", tags=["questions"], responses=PROBLEMS)


@router.get(
    "",
    summary="Who got which result",
    response_class=Response,
    responses={
        200: {"model": models.WhoAnswer, "content": {CAR_TYPE: {}}},
        304: {"description": "You have it"},
    },
)
def get_who(
    request: Request,
    node: AtNode,
    program: AskedText = None,
    input: AskedText = None,
    invocation: AskedText = None,
    limit: LimitNumber = CLAIMS_MAX,
    after: AfterText = None,
    format: Annotated[
        Literal["json", "car"] | None,
        Query(description="car: the answer and its proof; wins over Accept"),
    ] = None,
    as_of: SizeNumber = None,
    proof: ProofText = "0",
) -> Response:
    """Ask with a program (or code) and an input (or data), or with an invocation."""
    asked = asked_of(program, input, invocation)
    store, whole = node.store, None
    is_car = format == "car" or (format is None and _wants_car(request))
    if proof == "0" and not is_car:
        return answered(
            request,
            store.checkpoint(),
            lambda: who(store, asked, limit=limit, after=after, as_of=as_of).to_json(),
        )
    if proof == "0":
        answer = who(store, asked, limit=limit, after=after, as_of=as_of)
    else:
        answer, whole = evidence.ask(
            store,
            asked,
            limit=limit,
            after=after,
            as_of=as_of,
            must_prove=proof == "1",
        )
    if is_car:
        return _car(store, answer, whole)
    return json_response(
        answer.to_json() | ({} if whole is None else {"proof": whole.to_json()})
    )


@router.post(
    "",
    summary="Who got which result of this job, or of many keys",
    response_class=Response,
    responses={
        200: {"model": models.WhoAnswer | models.ManyAnswer},
        422: problem_with("Without an invocation CID", "outcome", "Outcome"),
    },
    openapi_extra=raw_body({**BODY, QUESTIONS_TYPE: body_of(models.ManyRequest)}),
)
async def post_who(
    request: Request,
    node: AtNode,
    network: NetworkText = None,
    limit: LimitNumber = CLAIMS_MAX,
    after: AfterText = None,
) -> Response:
    """Ask with a document of one task, as to /v1/canonicalize, or many questions."""
    if bodies.media_type(request) == QUESTIONS_TYPE:
        body = await bodies.read(request, QUESTIONS_BYTES_MAX, node.settings)
        return json_response(await run_in_threadpool(answers, node, body))
    found = await outcomes_of(request, node, network)
    if len(found) > 1:
        raise NotCanonicalError(f"{len(found)} tasks; ask for one at a time")
    invocation = found[0].invocation
    if invocation is None:
        return problem(
            NotCanonicalError.code,
            status_of(NotCanonicalError),
            f"the document is {found[0].name}; it has no invocation CID",
            outcome=found[0].to_json(),
        )
    asked = Asked(invocation=invocation.cid)
    answer = await run_in_threadpool(who, node.store, asked, limit=limit, after=after)
    return json_response(answer.to_json())


def _wants_car(request: Request) -> bool:
    """Whether the client names CAR and not JSON as what it accepts."""
    kinds = [
        item.partition(";")[0].strip().lower()
        for item in request.headers.get("accept", "").split(",")
    ]
    return CAR_TYPE in kinds and "application/json" not in kinds


def _car(store: Octostore, answer: Answer, proof: WholeProof | None) -> Response:
    root, blocks = evidence.packed(store, answer, proof)
    return StreamingResponse(
        car.chunks([root], blocks),
        media_type=f"{CAR_TYPE}; version=1",
        headers={"vary": "accept"},
    )
