"""The schema of Nix's derivations in JSON. Source: docs/spec/forms/nix.md."""

from __future__ import annotations

from typing import Any, Final

from octostore_server.forms.words import (
    ANYTHING,
    EMPTY,
    NUL_FREE,
    TEXT,
    Schema,
    closed,
    either,
    listed,
    mapped,
    ref,
    schema,
)

__all__ = ["derivation"]

_NAME: Final = "(?!\\.\\.?(-|$))[0-9A-Za-z+._?=-]{1,211}"
_PATH: Final[Schema] = {
    "type": "string",
    "pattern": f"^(/nix/store/)?[0-9a-df-np-sv-z]{{32}}-{_NAME}$",
}
_EMPTY: Final = ref("empty")


def _derivation() -> Schema:
    output = closed(
        {
            "path": _PATH,
            "hashAlgo": TEXT,
            "hash": TEXT,
            "method": {"enum": ["nar", "flat", "text", "git"]},
            "impure": either(_EMPTY, {"type": "boolean"}),
        }
    )
    names = either(_EMPTY, listed(TEXT))
    dynamic = closed(
        {"outputs": names, "dynamicOutputs": either(_EMPTY, mapped(ANYTHING))}
    )
    paths = either(_EMPTY, listed(_PATH))
    drvs = either(_EMPTY, mapped(either(names, dynamic), propertyNames=_PATH))
    fields: dict[str, Schema] = {
        "version": {"enum": [1, 2, 3, 4]},
        "name": {"type": "string", "pattern": f"^{_NAME}$"},
        "outputs": mapped(
            either(_EMPTY, output),
            minProperties=1,
            propertyNames={"pattern": f"^{_NAME}$"},
        ),
        "inputSrcs": paths,
        "inputDrvs": drvs,
        "inputs": either(_EMPTY, listed(_PATH), closed({"srcs": paths, "drvs": drvs})),
        "system": NUL_FREE,
        "builder": NUL_FREE,
        "args": either(_EMPTY, listed(NUL_FREE)),
        "env": either(_EMPTY, mapped(NUL_FREE)),
        "structuredAttrs": {"type": ["object", "null"]},
    }
    return closed(fields, ["builder", "outputs", "system"])


def derivation() -> dict[str, Any]:
    """One derivation, or several by path; not the text of one, which is no JSON."""
    named = mapped(
        ref("derivation"), minProperties=1, propertyNames={"pattern": "\\.drv$"}
    )
    whole = closed({"derivations": named, "version": ANYTHING}, ["derivations"])
    return schema(
        "Nix derivation",
        "nix.md",
        either(ref("derivation"), named, whole),
        {"derivation": _derivation(), "empty": EMPTY},
        (
            "Outputs of one derivation are of one type. The name stands among the"
            " attributes, and a key is the path that follows from what it holds.",
        ),
    )
