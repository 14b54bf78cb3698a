"""Pieces of the OpenAPI document that FastAPI cannot know: problems, bytes, bodies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from octostore_server.errors import PROBLEM_TYPE

__all__ = [
    "PROBLEMS",
    "Responses",
    "binary",
    "body_of",
    "document",
    "problem_with",
    "raw_body",
]

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


#: Where the models of bodies stand in the document.
_AT: Final = "#/components/schemas/{model}"


def body_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """The schema of a body that a route reads as it comes, by reference."""
    return {"$ref": _AT.format(model=model.__name__)}


def document(app: FastAPI, bodies: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """The OpenAPI document of the app, with the models of such bodies in it."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
    )
    schemas: dict[str, Any] = made["components"]["schemas"]
    for model in bodies:
        schema = model.model_json_schema(ref_template=_AT)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return made
