"""Bodies as they come: counted, timed, and never larger than asked for.

A declared length that is too large is refused before a byte is read; a body
without one (chunked) is refused at the byte that is too many.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from octostore.errors import StoreFullError
from octostore_server.errors import (
    BodySlowError,
    BodyTooLargeError,
    MediaTypeError,
    QueryError,
    RequestError,
)
from octostore_server.settings import Settings

__all__ = ["media_type", "model_of", "read", "spool"]

_Model = TypeVar("_Model", bound=BaseModel)


def media_type(request: Request) -> str:
    """The type of the body without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def model_of(body: bytes, model: type[_Model]) -> _Model:
    """What a body of JSON asks, by its shape.

    Raises:
        QueryError: it has another shape; `at` is the place in it.
    """
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = "/".join(("body", *(str(part) for part in first["loc"])))
        raise QueryError(f"{first['msg']}; see /docs", at=at) from error


async def read(request: Request, bytes_max: int, settings: Settings) -> bytes:
    """The whole body.

    Raises:
        BodyTooLargeError: it is larger than `bytes_max`.
        BodySlowError: it did not come in time.
    """
    return b"".join([part async for part in _parts(request, bytes_max, settings)])


async def spool(
    request: Request, file: SpooledTemporaryFile[bytes], settings: Settings
) -> None:
    """Write the whole body into `file`, which then stands at its beginning.

    Raises:
        BodyTooLargeError: it is larger than a delivery may be.
        BodySlowError: it did not come in time.
        StoreFullError: the disk cannot hold it.
    """
    async for part in _parts(request, settings.delivery_bytes_max, settings):
        try:
            await run_in_threadpool(file.write, part)
        except OSError as error:
            raise StoreFullError("no space for a delivery to wait in") from error
    await run_in_threadpool(file.seek, 0)


async def _parts(
    request: Request, bytes_max: int, settings: Settings
) -> AsyncIterator[bytes]:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise MediaTypeError("a compressed body; send it as it is")
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdecimal() and int(declared) > bytes_max:
        raise _too_large(bytes_max)
    deadline = asyncio.get_running_loop().time() + settings.body_seconds_max
    parts = aiter(request.stream())
    size = 0
    while part := await _next(parts, deadline):
        size += len(part)
        if size > bytes_max:
            raise _too_large(bytes_max)
        yield part


async def _next(parts: AsyncIterator[bytes], deadline: float) -> bytes:
    """The next part; Starlette ends a body with an empty one."""
    try:
        async with asyncio.timeout_at(deadline):
            return await anext(parts, b"")
    except TimeoutError as error:
        raise BodySlowError("the body did not come in time; send less") from error
    except ClientDisconnect as error:
        raise RequestError("the body breaks off") from error


def _too_large(bytes_max: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"a body of more than {bytes_max} bytes; send it in several parts"
    )
