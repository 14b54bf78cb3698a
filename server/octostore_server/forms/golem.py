"""The schema of Golem's bundle. Source: docs/spec/forms/golem.md."""

from __future__ import annotations

from typing import Any, Final

from octostore_server.forms.words import (
    ANYTHING,
    EMPTY,
    TEXT,
    Schema,
    closed,
    either,
    listed,
    mapped,
    ref,
    schema,
)

__all__ = ["bundle"]

_NULL: Final[Schema] = {"type": "null"}
_NAME: Final[Schema] = {"type": "string", "minLength": 1}
_CID: Final[Schema] = {"type": "string", "minLength": 1}
_RUNTIMES: Final = ("vm", "vm-nvidia", "wasmtime")


#: A key of `inputs`; what begins with `hash:` is none.
_URL: Final = "^(?![Hh][Aa][Ss][Hh]:)([Gg][Ff][Tt][Pp]:|[A-Za-z][A-Za-z0-9+.-]*://)"
_CONTAINER: Final = "[Cc][Oo][Nn][Tt][Aa][Ii][Nn][Ee][Rr]:"
_SCHEME: Final = "[A-Za-z][A-Za-z0-9+.-]*:"
_SPACE: Final = "[\\t\\n\\u000b\\f\\r ]*"
#: An end of a transfer: elsewhere, or a path in the container.
_PLACE: Final = either(
    {"type": "string", "pattern": f"^{_SPACE}(?!{_CONTAINER}){_SCHEME}"},
    {
        "type": "string",
        "pattern": f"^{_SPACE}({_CONTAINER}|(?!{_SCHEME}))(?!//(?!/))"
        f"[^?#\\u0000-\\u001f]+{_SPACE}$",
    },
)


def _body(fields: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    """What a command is given; fields that it does not have are ignored."""
    whole: Schema = {
        "type": "object",
        "properties": fields,
        "required": list(required),
    }
    return whole if required else either(ref("empty"), whole)


def _commands() -> Schema:
    kind: Schema = {
        "type": "object",
        "propertyNames": {"enum": ["host", "ram", "storage"]},
        "minProperties": 1,
        "maxProperties": 1,
    }
    dropped = dict.fromkeys(("hostname", "progress", "env"), ANYTHING)
    volumes = either(ref("empty"), listed(TEXT), mapped(kind))
    start = either(_NULL, listed({"const": "start-entrypoint"}))
    bodies: dict[str, Schema] = {
        "deploy": _body(
            {
                "volumes": volumes,
                "net": either(ref("empty"), {"type": "array"}),
                "hosts": either(ref("empty"), {"type": "object"}),
                **dropped,
            }
        ),
        "start": _body({"args": start}),
        "run": _body(
            {
                "entry_point": _NAME,
                "args": either(_NULL, listed(TEXT)),
                "env": ANYTHING,
                "capture": ANYTHING,
            },
            ("entry_point",),
        ),
        "transfer": _body(
            {
                "from": _PLACE,
                "to": _PLACE,
                **dict.fromkeys(("format", "depth", "fileset", "progress"), ANYTHING),
            },
            ("from", "to"),
        ),
        "sign": _body({}),
        "terminate": _body({}),
    }
    command = closed(bodies, minProperties=1, maxProperties=1)
    return either(
        listed(command, minItems=1),
        TEXT,
        closed({"text": either(listed(command), TEXT)}, ["text"]),
    )


def bundle() -> dict[str, Any]:
    """Terms, script and contents of one activity."""
    runtime = closed({"name": {"enum": [*_RUNTIMES]}, "version": ANYTHING}, ["name"])
    terms: Schema = {"type": "object", "minProperties": 1}
    root: Schema = {
        "type": "object",
        "properties": {
            "runtime": either(_NULL, runtime),
            "demand": either(_NULL, terms),
            "agreement": either(_NULL, terms),
            "exeScript": _commands(),
            "inputs": either(
                ref("empty"),
                mapped(_CID, propertyNames={"pattern": _URL}),
            ),
            "activityId": either(ref("empty"), TEXT),
        },
        "patternProperties": {"^_": ANYTHING},
        "additionalProperties": False,
        "required": ["exeScript"],
        "oneOf": [
            {"required": [name], "properties": {name: {"not": _NULL}}}
            for name in ("demand", "agreement")
        ],
    }
    return schema(
        "Golem bundle",
        "golem.md",
        root,
        {"empty": EMPTY},
        (
            "Properties come flat, nested or in part of each, so that their names are"
            " not said here; nor is the order of commands. A runtime is named in one"
            " place at least.",
        ),
    )
