"""What holds of all routes: HEAD says what GET would, and answers of JSON are small.

Bytes by CID, tiles and streams are never compressed: their length and their tag are
those of the bytes that are hashed.
"""

from __future__ import annotations

from typing import Final

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Compressed", "Head"]

#: Below that a packet has room for all of it.
_COMPRESSED_BYTES_MIN: Final = 1024

#: Of 1 to 9: JSON of an answer becomes a quarter at little cost.
_LEVEL: Final = 4

_AS_THEY_ARE: Final = (
    *("/ipfs/", "/tile/", "/blocks/", "/checkpoint", "/vkey", "/witness/"),
    *("/v1/statements", "/v1/bundle", "/v1/stream"),
)


class Compressed:
    """gzip for whoever accepts it, where the answer is text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(
            app, minimum_size=_COMPRESSED_BYTES_MIN, compresslevel=_LEVEL
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        plain = scope["type"] != "http" or scope["path"].startswith(_AS_THEY_ARE)
        await (self._app if plain else self._gzip)(scope, receive, send)


class Head:
    """HEAD on every route that has GET: the same headers, and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        is_over = False

        async def only_head(message: Message) -> None:
            nonlocal is_over
            if is_over:
                raise OSError("enough")
            if message["type"] == "http.response.body":
                is_over = True
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        try:
            await self._app({**scope, "method": "GET"}, receive, only_head)
        except ClientDisconnect:
            if not is_over:
                raise
