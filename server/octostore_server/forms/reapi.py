"""The schema of an action. Source: docs/spec/forms/reapi.md."""

from __future__ import annotations

from typing import Any, Final

from octostore_server.forms.words import (
    EMPTY,
    Schema,
    closed,
    either,
    listed,
    ref,
    schema,
)

__all__ = ["action"]

#: Padded, and no spare bits: the last digit before a `=` has some that are zero.
_MESSAGE: Final[Schema] = {
    "type": "string",
    "pattern": "^([A-Za-z0-9+/]{4})*"
    "([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$",
}


def action() -> dict[str, Any]:
    """An action, its command and its directories, each a message in base64."""
    root = closed(
        {
            "action": {"$ref": "#/$defs/message", "minLength": 1},
            "command": {"$ref": "#/$defs/message", "minLength": 1},
            "directories": either(
                ref("empty"), listed(ref("message"), uniqueItems=True)
            ),
        },
        ["action", "command"],
    )
    return schema(
        "Action of the Remote Execution API",
        "reapi.md",
        root,
        {"empty": EMPTY, "message": _MESSAGE},
        (
            "What the messages hold is not said here, nor that each has the digest by"
            " which another names it.",
        ),
    )
