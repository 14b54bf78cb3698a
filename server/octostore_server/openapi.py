"""Pieces of the OpenAPI document that FastAPI cannot know: problems and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from octostore_server.errors import PROBLEM_TYPE

__all__ = ["PROBLEMS", "Responses", "binary", "problem_with", "raw_body"]

Responses: TypeAlias = dict[int | str, dict[str, Any]]

_PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "RFC 9457; `type` is stable: urn:octostore:error:<code>",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "at": {"type": "string"},
    },
}


def problem_with(description: str, extension: str, model: str) -> dict[str, Any]:
    """A problem that carries one more member, of a model by its name."""
    schema = dict(_PROBLEM)
    schema["properties"] = {
        **_PROBLEM["properties"],
        extension: {"$ref": f"#/components/schemas/{model}"},
    }
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": schema}}}


#: Every endpoint refuses in this way.
PROBLEMS: Final[Responses] = {
    "4XX": {
        "description": "A fault of the request",
        "content": {PROBLEM_TYPE: {"schema": _PROBLEM}},
    },
    "5XX": {
        "description": "A fault of the server",
        "content": {PROBLEM_TYPE: {"schema": _PROBLEM}},
    },
}


def binary(*types: str) -> Responses:
    """A 200 of bytes of these types."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": "The bytes", "content": dict.fromkeys(types, schema)}}


def raw_body(content: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A request body that a route reads as it comes: type to schema."""
    return {
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in content.items()},
        }
    }
