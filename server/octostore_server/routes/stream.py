"""What is logged, as it is logged: server-sent events, or a line of JSON for each.

    GET /v1/stream                          statements, from the first on
    GET /v1/stream?what=claims&program=C1   claims of a program, or of a code
    GET /v1/stream?after=128                what comes after entry 128 of the log
    last-event-id: 128.3                    the same, as browsers send it

Each item has an `id`; given back as `after`, nothing is missed or comes twice. Who
takes nothing for too long is cut off, and goes on from his last `id`.
Source: the HTML standard, server-sent events; DESIGN 7.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from octostore.questions.stream import Asked, News, Place, claims, statements
from octostore_server.feed import Feed, Reader
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS
from octostore_server.texts import AskedText, DidText, NetworkText, cid_at, key_at

__all__ = ["EVENTS_TYPE", "LINES_TYPE", "router"]

EVENTS_TYPE: Final = "text/event-stream"
LINES_TYPE: Final = "application/x-ndjson"

#: What says that a stream is there and has nothing to say.
_BEATS: Final = {EVENTS_TYPE: b":\n\n", LINES_TYPE: b"\n"}

router = APIRouter(tags=["questions"], responses=PROBLEMS)


@router.get(
    "/v1/stream",
    summary="What is logged, as it is logged",
    response_class=Response,
    responses={
        200: {
            "description": "Items as they come",
            "content": {EVENTS_TYPE: {}, LINES_TYPE: {}},
        }
    },
)
async def get_stream(
    request: Request,
    node: AtNode,
    what: Annotated[
        Literal["statements", "claims"], Query(description="Which items")
    ] = "statements",
    after: Annotated[
        str | None, Query(max_length=64, description="`id` of the last item you have")
    ] = None,
    follow: Annotated[
        bool, Query(description="Wait for what comes; false: end where the log ends")
    ] = True,
    issuer: DidText = None,
    network: NetworkText = None,
    program: AskedText = None,
    input: AskedText = None,
) -> Response:
    """Follow the log; network, program (or code) and input (or data) are of claims.

    With `Accept: text/event-stream` server-sent events, else a line of JSON for each.
    """
    asked = Asked(
        issuer=None if issuer is None else key_at("query/issuer", issuer).did,
        network=network,
        program=None if program is None else cid_at("query/program", program),
        input=None if input is None else cid_at("query/input", input),
    )
    last = request.headers.get("last-event-id", after)
    at = Place(0) if last is None else Place.after(last)
    is_events = EVENTS_TYPE in request.headers.get("accept", "")
    kind = EVENTS_TYPE if is_events else LINES_TYPE
    reader: Reader = claims if what == "claims" else statements
    parts = _parts(node.feed, reader, at, asked, kind, follow)
    return _Timed(parts, kind, node.feed, node.settings.stream_stall_seconds)


async def _parts(
    feed: Feed, reader: Reader, at: Place, asked: Asked, kind: str, follow: bool
) -> AsyncIterator[bytes]:
    yield _BEATS[kind]
    async for some in feed.news(reader, at, follow=follow):
        if some is None:
            yield _BEATS[kind]
            continue
        told = b"".join(_told(item, kind) for item in some if asked.admits(item))
        if told:
            yield told


def _told(item: News, kind: str) -> bytes:
    text = json.dumps(item.value, separators=(",", ":"))
    if kind == EVENTS_TYPE:
        return f"id: {item.id}\ndata: {text}\n\n".encode()
    return f"{text}\n".encode()


class _Timed(StreamingResponse):
    """A stream that ends when its reader takes nothing for `stall_s`."""

    def __init__(
        self, parts: AsyncIterator[bytes], kind: str, feed: Feed, stall_s: float
    ) -> None:
        headers = {
            "cache-control": "no-store",
            "vary": "accept",
            "x-accel-buffering": "no",
            "x-content-type-options": "nosniff",
        }
        super().__init__(parts, headers=headers, media_type=kind)
        self._feed = feed
        self._stall_s = stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def timed(message: Message) -> None:
            async with asyncio.timeout(self._stall_s):
                await send(message)

        with self._feed.listening():
            try:
                await super().__call__(scope, receive, timed)
            except TimeoutError:
                return  # the server closes what is not complete
