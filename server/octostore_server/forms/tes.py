"""The schema of GA4GH's TES task. Source: docs/spec/forms/tes.md."""

from __future__ import annotations

from typing import Any, Final

from octostore_server.forms.words import (
    ANYTHING,
    EMPTY,
    IMAGE,
    NUL_FREE,
    TEXT,
    Schema,
    either,
    listed,
    mapped,
    ref,
    schema,
)

__all__ = ["tes"]

_PATH: Final[Schema] = {"type": "string", "pattern": "^/[^\\u0000]*$"}
#: The path of a file, which is not the root.
_FILE: Final[Schema] = {**_PATH, "not": {"pattern": "^[/.]*$"}}
_TYPE: Final[Schema] = {"enum": ["FILE", "DIRECTORY"]}
_NOT_EMPTY: Final[Schema] = {"type": "string", "minLength": 1}
#: A URL, or the absolute path of one; `ipfs:`, `data:` and the like have no `//`.
_URL: Final[Schema] = {
    "type": "string",
    "pattern": "^(/|[A-Za-z][A-Za-z0-9+.-]*://)[^\\u0000]*$",
    "maxLength": 8192,
}


def _or_empty(value: Schema) -> Schema:
    return either(ref("empty"), value)


def _map(fields: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    """A map with these fields; others are ignored."""
    return {"type": "object", "properties": fields, "required": list(required)}


def _dropped(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, ANYTHING)


def _executor() -> Schema:
    env = mapped(NUL_FREE, propertyNames={"pattern": "^[^=\\u0000]+$"})
    return _map(
        {
            "image": IMAGE,
            "command": listed(NUL_FREE, minItems=1),
            "env": _or_empty(env),
            "ignore_error": _or_empty({"type": "boolean"}),
            **{
                name: _or_empty(_PATH)
                for name in ("workdir", "stdin", "stdout", "stderr")
            },
        },
        ("image", "command"),
    )


def _input() -> Schema:
    return {
        **_map(
            {
                "path": _FILE,
                "type": _or_empty(_TYPE),
                "content": _or_empty(TEXT),
                "url": _or_empty(TEXT),
                **_dropped("name", "description", "streamable"),
            },
            ("path",),
        ),
        "anyOf": [
            {
                "required": ["content"],
                "properties": {
                    "content": _NOT_EMPTY,
                    "type": {"not": {"const": "DIRECTORY"}},
                },
            },
            {
                "required": ["url"],
                "properties": {"content": ref("empty"), "url": _URL},
            },
        ],
    }


def _output() -> Schema:
    return _map(
        {
            "path": _PATH,
            "type": _or_empty(_TYPE),
            "url": _or_empty(TEXT),
            **_dropped("name", "description", "path_prefix"),
        },
        ("path",),
    )


def tes() -> dict[str, Any]:
    """A task, as clients send it and as servers answer with it."""
    states = ("state", "logs", "creation_time")
    root = _map(
        {
            "executors": listed(_executor(), minItems=1),
            "inputs": _or_empty(listed(_input())),
            "outputs": _or_empty(listed(_output())),
            "volumes": _or_empty(listed(_PATH)),
            "id": _or_empty(TEXT),
            **_dropped("name", "description", "resources", "tags", *states),
        },
        ("executors",),
    )
    return schema(
        "GA4GH TES task",
        "tes.md",
        root,
        {"empty": EMPTY},
        ("Paths that climb above the root are refused, which no pattern here says.",),
    )
