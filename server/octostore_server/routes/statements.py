"""Statements in and out, as CARs.

    POST /v1/statements          a CAR of any number of statements -> receipt
    GET  /v1/statements/bafyr..  one statement, with all that verifies it

The status of a delivery says the worst that became of it, as the exit code of
`octostore ingest` does: 201 something is newly logged, 200 nothing was new, 202
something waits for blocks, 422 something is quarantined, 400 the CAR is
malformed. Refusals carry the receipt too: what was sound is taken in any case.
"""

from __future__ import annotations

import tempfile
import time
from typing import BinaryIO, cast

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from octostore import car
from octostore.errors import CarError
from octostore.questions import evidence
from octostore.receipt import Receipt
from octostore_server import bodies, models
from octostore_server.answering import unchanged
from octostore_server.errors import (
    MediaTypeError,
    QuarantinedError,
    problem,
    status_of,
)
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS, binary, problem_with, raw_body
from octostore_server.routes.gateway import IMMUTABLE
from octostore_server.texts import CidPath, parse_cid
from octostore_server.wanted import CAR_TYPE

__all__ = ["router"]

router = APIRouter(prefix="/v1/statements", tags=["statements"], responses=PROBLEMS)


@router.post(
    "",
    summary="Deliver statements",
    response_model=models.Receipt,
    responses={
        200: {"description": "All of it was known"},
        201: {"description": "Something is newly logged", "model": models.Receipt},
        202: {"description": "Something lacks blocks", "model": models.Receipt},
        400: problem_with("The CAR is malformed", "receipt", "Receipt"),
        422: problem_with("Something is quarantined", "receipt", "Receipt"),
    },
    openapi_extra=raw_body({CAR_TYPE: {"type": "string", "format": "binary"}}),
)
async def post_statements(request: Request, node: AtNode) -> Response:
    """Take a CAR v1 of statements and their blocks; it is on the disk on return."""
    # A type that forms cannot send, so that no web page can deliver for a reader.
    if bodies.media_type(request) != CAR_TYPE:
        raise MediaTypeError(f"expected a body of the type {CAR_TYPE}")
    address = request.client.host if request.client is not None else "unknown"
    node.writers.admit(request.headers.get("authorization"), address)
    with (
        node.delivery(),
        tempfile.SpooledTemporaryFile(node.settings.spool_memory_bytes) as file,
    ):
        await bodies.spool(request, file, node.settings)
        car_file = cast("BinaryIO", file)
        await to_thread.run_sync(node.writers.check, car_file)
        size, begin = file.seek(0, 2), time.perf_counter()
        file.seek(0)
        receipt = await to_thread.run_sync(
            node.store.ingest_car, car_file, limiter=node.lane
        )
    node.metrics.delivered_one(receipt, size, time.perf_counter() - begin)
    if receipt.accepted:
        node.feed.wake()
    return _answer(receipt)


@router.get(
    "/{cid}",
    summary="A statement and all that verifies it",
    response_class=StreamingResponse,
    responses=binary(CAR_TYPE) | {304: {"description": "You have it"}},
)
def get_statement(request: Request, node: AtNode, cid: CidPath) -> Response:
    """A CAR: the envelope as the root, records, and what the claims name.

    A statement is named by the CID of its signed part.
    """
    statement = node.store.statement(parse_cid(cid))
    headers = {
        "etag": f'"{statement.cid}.car"',
        "cache-control": IMMUTABLE,
        "content-disposition": f'attachment; filename="{statement.cid}.car"',
    }
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    blocks = evidence.blocks_of(node.store, [statement.cid])
    return StreamingResponse(
        car.chunks([statement.envelope_cid], blocks),
        media_type=f"{CAR_TYPE}; version=1",
        headers=headers,
    )


def _answer(receipt: Receipt) -> Response:
    if receipt.malformed is not None:
        return problem(
            CarError.code,
            status_of(CarError),
            receipt.malformed,
            receipt=receipt.to_json(),
        )
    if receipt.quarantined:
        return problem(
            QuarantinedError.code,
            status_of(QuarantinedError),
            f"{len(receipt.quarantined)} quarantined; the first:"
            f" {receipt.quarantined[0].reason}",
            at=str(receipt.quarantined[0].cid),
            receipt=receipt.to_json(),
        )
    status = 202 if receipt.pending else 201 if receipt.accepted else 200
    return JSONResponse(receipt.to_json(), status_code=status)
