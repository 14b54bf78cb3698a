"""Answers as JSON that are true of one state of the log, and say of which.

    etag: W/"128-3f0c..-0.1.0"       size and root of the log, and who computed it
    cache-control: no-cache          may be kept, must be asked about

Whoever asks again with If-None-Match gets 304 before any work is done, as long as
nothing was logged. Nothing is shaped a second time on the way out: `to_json` of the
values is the answer, and tests hold the models against it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

import octostore
from octostore.log import Checkpoint
from octostore_server.openapi import Responses

__all__ = ["Told", "answered", "json_response", "of_model", "tag_of", "unchanged"]

Told: TypeAlias = Mapping[str, object]


def json_response(value: Told, headers: Mapping[str, str] | None = None) -> Response:
    """A 200 of this JSON."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Response(
        body.encode("utf-8", "backslashreplace"),
        headers={"vary": "accept", **(headers or {})},
        media_type="application/json",
    )


def tag_of(checkpoint: Checkpoint) -> str:
    """The weak tag of all that is computed from this state of the log."""
    root = checkpoint.root[:16].hex()
    return f'W/"{checkpoint.size}-{root}-{octostore.__version__}"'


def unchanged(request: Request, etag: str) -> bool:
    """Whether the client has this already (RFC 9110, If-None-Match)."""
    given = request.headers.get("if-none-match", "")
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return etag.removeprefix("W/") in tags or "*" in tags


def answered(
    request: Request, checkpoint: Checkpoint, make: Callable[[], Told]
) -> Response:
    """The answer that `make` computes, or 304 if the client has that of this state.

    The answer may be of a later state than `checkpoint`; then the next question with
    this tag is answered anew.
    """
    headers = {
        "etag": tag_of(checkpoint),
        "cache-control": "no-cache",
        "vary": "accept",
    }
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return json_response(make(), headers)


def of_model(model: type[BaseModel]) -> Responses:
    """How the OpenAPI document describes such an answer, and that it may be 304."""
    return {200: {"model": model}, 304: {"description": "You have it"}}
