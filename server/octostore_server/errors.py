"""Errors on the wire: RFC 9457 problems, and one table of class to status.

    HTTP/1.1 404
    content-type: application/problem+json

    {"type": "urn:octostore:error:not-found", "title": "Not Found", "status": 404,
     "detail": "no such block here", "at": "bafyrei.."}

`type` is stable and ends in the `code` of the class. What goes wrong on our disk
is told in the log of the server and not to strangers. Source: RFC 9457.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from invocation_spec.errors import (
    CidError,
    DocumentError,
    EncodingError,
    OctostoreError,
)
from octostore.errors import (
    AddressError,
    BlockMismatchError,
    CarError,
    DidError,
    KeyFileError,
    NoteError,
    NotFoundError,
    ProofError,
    RecordError,
    StatementError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    WitnessConflictError,
)
from octostore.told import RemoteError

__all__ = [
    "PROBLEM_TYPE",
    "STATUS",
    "BodySlowError",
    "BodyTooLargeError",
    "BusyError",
    "ForbiddenError",
    "MediaTypeError",
    "NotAcceptableError",
    "NotCanonicalError",
    "NotReadyError",
    "QuarantinedError",
    "QueryError",
    "ReadonlyError",
    "RequestError",
    "install",
    "problem",
    "TooManyError",
    "UnauthorizedError",
    "status_of",
]

PROBLEM_TYPE: Final = "application/problem+json"

_LOG: Final = logging.getLogger("octostore.server")


class RequestError(OctostoreError):
    """A request that this server does not take, whatever it is about."""

    code = "request"


class QueryError(RequestError):
    """Parameters that are no question."""

    code = "query"


class BodyTooLargeError(RequestError):
    """A body that passes a limit of this server."""

    code = "too-large"


class BodySlowError(RequestError):
    """A body that did not come in time."""

    code = "too-slow"


class MediaTypeError(RequestError):
    """A body of a type that is not read here."""

    code = "media-type"


class NotAcceptableError(RequestError):
    """No form of the content that the client accepts."""

    code = "not-acceptable"


class NotCanonicalError(RequestError):
    """A document without an invocation CID, where one is needed."""

    code = "not-canonical"


class QuarantinedError(RequestError):
    """Something in a delivery does not decode, hash or verify."""

    code = "quarantined"


class ReadonlyError(RequestError):
    """This server answers only."""

    code = "readonly"


class BusyError(RequestError):
    """Too many deliveries at once; try again later."""

    code = "busy"


class UnauthorizedError(RequestError):
    """A delivery without a token that is on the list."""

    code = "unauthorized"


class ForbiddenError(RequestError):
    """A delivery with statements of an issuer whose statements are not taken."""

    code = "forbidden"


class TooManyError(RequestError):
    """More than this server takes now; `wait_s` says when to try again."""

    code = "too-many"

    def __init__(self, reason: str, *, wait_s: int) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class NotReadyError(RequestError):
    """This node cannot do all of its work now."""

    code = "not-ready"


#: The status of a class is its own, or that of its nearest ancestor here.
STATUS: Final[Mapping[type[OctostoreError], int]] = {
    CidError: 400,
    DidError: 400,
    CarError: 400,
    RequestError: 400,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    ReadonlyError: 403,
    NotFoundError: 404,
    NotAcceptableError: 406,
    BodySlowError: 408,
    WitnessConflictError: 409,
    BodyTooLargeError: 413,
    MediaTypeError: 415,
    BlockMismatchError: 422,
    DocumentError: 422,
    EncodingError: 422,
    NotCanonicalError: 422,
    NoteError: 422,
    ProofError: 422,
    QuarantinedError: 422,
    RecordError: 422,
    StatementError: 422,
    KeyFileError: 500,
    AddressError: 500,
    StoreError: 500,
    RemoteError: 502,
    TooManyError: 429,
    BusyError: 503,
    NotReadyError: 503,
    StoreLockedError: 503,
    StoreFullError: 507,
}

#: What strangers are told of faults on our side.
_OUR_FAULT: Final[Mapping[int, str]] = {
    503: "the server is busy; try again later",
    507: "the server has no space left; nothing that it acknowledged is lost",
}
_OUR_FAULT_DEFAULT: Final = "a fault of the server, told in its log"

_RETRY_SECONDS: Final = "10"

#: Codes of refusals that come from the routing, not from a class of ours.
_ROUTING: Final[Mapping[int, str]] = {404: "no-route", 405: "method"}


def status_of(kind: type[OctostoreError]) -> int:
    """The status of an error class."""
    for ancestor in kind.__mro__:
        if ancestor in STATUS:
            return STATUS[ancestor]
    return 500


def problem(
    code: str,
    status: int,
    detail: str,
    *,
    at: str | None = None,
    headers: Mapping[str, str] | None = None,
    **extension: object,
) -> JSONResponse:
    """A problem document; extensions stand beside the members of RFC 9457."""
    content: dict[str, object] = {
        "type": f"urn:octostore:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if at is not None:
        content["at"] = at
    return JSONResponse(
        content | extension,
        status_code=status,
        media_type=PROBLEM_TYPE,
        # What is not here now may be here in a second, whatever caches think of a 404.
        headers={"cache-control": "no-store", **(headers or {})},
    )


def install(app: FastAPI) -> None:
    """Let every refusal and every fault leave as a problem."""
    app.add_exception_handler(OctostoreError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_query)
    app.add_exception_handler(HTTPException, _of_routing)
    app.add_exception_handler(Exception, _of_bug)


def _of_ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, OctostoreError):
        raise error
    status = status_of(type(error))
    headers = {"retry-after": _RETRY_SECONDS} if status == 503 else None
    if isinstance(error, TooManyError):
        headers = {"retry-after": str(error.wait_s)}
    if isinstance(error, UnauthorizedError):
        headers = {"www-authenticate": "Bearer"}
    if status < 500 or isinstance(error, RequestError):
        return problem(error.code, status, error.reason, at=error.at, headers=headers)
    _LOG.error("%s %s: %s", request.method, request.url.path, error)
    detail = _OUR_FAULT.get(status, _OUR_FAULT_DEFAULT)
    return problem(error.code, status, detail, headers=headers)


def _of_query(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    at = "/".join(str(part) for part in first["loc"])
    return problem(QueryError.code, 400, str(first["msg"]), at=at)


def _of_routing(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = _ROUTING.get(error.status_code, RequestError.code)
    detail = f"{request.method} {request.url.path[:200]}: {error.detail}; see /docs"
    return problem(code, error.status_code, detail, headers=error.headers)


def _of_bug(_request: Request, _error: Exception) -> Response:
    return problem("fault", 500, _OUR_FAULT_DEFAULT)
