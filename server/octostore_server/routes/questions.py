"""Who got which result: by program and input, by invocation, by document.

    GET  /v1/who?program=C1&input=D1        JSON
    GET  /v1/who?program=C1&input=D1&as_of=128    of the first 128 entries of the log
    GET  /v1/who?program=C1&input=D1&proof=1      and that nothing is left out
    GET  /v1/who?program=C1&input=D1&format=car
    POST /v1/who                            a job document, asked by its invocation

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
from octostore_server import models
from octostore_server.documents import BODY, outcomes_of
from octostore_server.errors import NotCanonicalError, problem, status_of
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS, problem_with
from octostore_server.routes.gateway import CAR_TYPE
from octostore_server.texts import (
    AfterText,
    AskedText,
    LimitNumber,
    NetworkText,
    ProofText,
    SizeNumber,
    asked_of,
)

__all__ = ["router"]


router = APIRouter(prefix="/v1/who", tags=["questions"], responses=PROBLEMS)


@router.get(
    "",
    summary="Who got which result",
    response_model=models.WhoAnswer,
    response_model_exclude_unset=True,
    responses={200: {"content": {CAR_TYPE: {}}}},
)
def get_who(
    node: AtNode,
    program: AskedText = None,
    input: AskedText = None,
    invocation: AskedText = None,
    limit: LimitNumber = CLAIMS_MAX,
    after: AfterText = None,
    format: Annotated[
        Literal["json", "car"], Query(description="car: the answer and its proof")
    ] = "json",
    as_of: SizeNumber = None,
    proof: ProofText = "0",
) -> object:
    """Ask with a program (or code) and an input (or data), or with an invocation."""
    asked = asked_of(program, input, invocation)
    store, whole = node.store, None
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
    if format == "car":
        return _car(store, answer, whole)
    return answer.to_json() | ({} if whole is None else {"proof": whole.to_json()})


@router.post(
    "",
    summary="Who got which result of this job",
    response_model=models.WhoAnswer,
    response_model_exclude_unset=True,
    responses={422: problem_with("Without an invocation CID", "outcome", "Outcome")},
    openapi_extra=BODY,
)
async def post_who(
    request: Request,
    node: AtNode,
    network: NetworkText = None,
    limit: LimitNumber = CLAIMS_MAX,
    after: AfterText = None,
) -> object:
    """Ask with a document of one task; the body is that of /v1/canonicalize."""
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
    return answer.to_json()


def _car(store: Octostore, answer: Answer, proof: WholeProof | None) -> Response:
    root, blocks = evidence.packed(store, answer, proof)
    return StreamingResponse(
        car.chunks([root], blocks), media_type=f"{CAR_TYPE}; version=1"
    )
