"""Schemas of the own form and of resolutions, which both are this project's.

Source: docs/spec/forms/own.md; docs/spec/invocation.md, Model and Resolutions.
"""

from __future__ import annotations

from typing import Any, Final

from octostore_server.forms.words import (
    BYTES,
    IPLD,
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

__all__ = ["own", "resolutions"]

_SOME_TEXT: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "pattern": "^[^\\u0000]*$",
}
_NAME: Final[Schema] = {"type": "string", "minLength": 1}
_STORED: Final[Schema] = {
    "type": "string",
    "pattern": "^/nix/store/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+._?=-]{1,211}$",
}
_LINK: Final = closed({"/": {"type": "string", "pattern": "^b[a-z2-7]+$"}}, ["/"])
_INVOCATION: Final = closed({"/": {"type": "string", "pattern": "^bafyrei"}}, ["/"])
_PATH: Final[Schema] = {
    "type": "string",
    "pattern": "^(/|(/(?!\\.{0,2}(/|$))[^/\\u0000]+)+)$",
}
_FILES: Final = mapped(
    ref("link"),
    minProperties=1,
    propertyNames={"allOf": [_PATH, {"not": {"const": "/"}}]},
)
_TEXTS: Final = listed(NUL_FREE, minItems=1)
_VALUES: Final = listed(ref("ipld"), minItems=1)


def _steps(run: Schema) -> Schema:
    put = closed({"put": _FILES}, ["put"])
    step = either(put, closed({"run": run}, ["run"]))
    return listed(step, minItems=2)


def _fields(kind: str) -> dict[str, Schema]:
    """What an input may have, by the kind of its program."""
    nonce = {"allOf": [ref("bytes"), {"not": {"const": {"/": {"bytes": ""}}}}]}
    if kind == "nix":
        return {"files": _FILES, "nonce": nonce}
    if kind == "wasm-function":
        place = either({"type": "integer", "minimum": 0}, TEXT)
        awaits = closed(
            {
                "at": listed(place, minItems=1),
                "when": {"enum": ["ok", "error", "any"]},
                "invocation": _INVOCATION,
            },
            ["at", "when", "invocation"],
        )
        return {"args": _VALUES, "nonce": nonce, "awaits": listed(awaits, minItems=1)}
    names = {"pattern": "^[^=\\u0000]+$"}
    found: dict[str, Schema] = {
        "env": mapped(NUL_FREE, minProperties=1, propertyNames=names),
        "files": _FILES,
        "stdin": ref("link"),
        "nonce": nonce,
        "steps": _steps(listed(NUL_FREE) if kind == "wasi" else _TEXTS),
    }
    if kind != "gvmi":
        found["args"] = _TEXTS
    if kind != "wasi":
        found |= {"argv": _TEXTS, "cwd": _PATH}
    return found


#: Fields of which an input has one alone.
_APART: Final = (
    ("argv", "args"),
    *(("steps", name) for name in ("argv", "args", "files")),
)


def _program(kind: str) -> Schema:
    fields: dict[str, Schema] = {"kind": {"const": kind}, "code": ref("link")}
    required = ["kind", "code"]
    if kind == "wasm-function":
        fields["function"] = _SOME_TEXT
        required.append("function")
    if kind == "wasi":
        module = closed({"code": ref("link"), "name": _SOME_TEXT}, ["code"])
        fields["imports"] = listed(module, minItems=1)
        fields["entry"] = {"allOf": [_SOME_TEXT, {"not": {"const": "_start"}}]}
    return closed(fields, required)


def own() -> dict[str, Any]:
    """The canonical blocks as DAG-JSON."""
    kinds = []
    for kind in ("wasi", "wasm-function", "oci", "gvmi", "nix"):
        fields = _fields(kind)
        apart = [
            {"not": {"required": list(pair)}}
            for pair in _APART
            if all(name in fields for name in pair)
        ]
        given = closed(fields, allOf=[*apart, {"type": "object"}])
        kinds.append(
            closed({"program": _program(kind), "input": given}, ["program", "input"])
        )
    return schema(
        "Own form",
        "own.md",
        either(*kinds),
        {"ipld": IPLD, "link": _LINK, "bytes": BYTES},
        ("The blocks themselves; the order of awaits and of steps is not said here.",),
    )


def resolutions() -> dict[str, Any]:
    """What mutable references meant."""
    digest: Schema = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
    image = closed(
        {
            "digest": digest,
            **dict.fromkeys(("entrypoint", "cmd"), listed(TEXT)),
            **dict.fromkeys(("workdir", "platform"), _NAME),
        },
        ["digest"],
    )
    cid: Schema = {"type": "string", "minLength": 1}
    name: Schema = {
        "type": "string",
        "pattern": "^[^/\\u0000]*$",
        "not": {"enum": [".", ".."]},
    }
    file = either(cid, closed({"cid": cid, "name": name}, ["cid"]))
    wasi = {"const": "wasi"}
    package = either(
        closed({"kind": wasi, "code": cid}, ["kind", "code"]),
        closed(
            {"kind": wasi, "entries": mapped(cid, minProperties=1)}, ["kind", "entries"]
        ),
        closed({"kind": {"const": "oci"}, "digest": digest}, ["kind", "digest"]),
    )
    stored = closed(
        {"nar": digest, "references": listed(_STORED)}, ["nar", "references"]
    )
    hashes = "|".join(
        f"{bits}:[0-9a-f]{{{bits // 4}}}" for bits in (224, 256, 384, 512)
    )
    others = "^(?!oci:|s3://|ipfs:|ipns:|golem:|gftp:|nix:/nix/store/)[\\s\\S]*://"
    root: Schema = {
        "type": "object",
        "patternProperties": {
            "^oci:": either(digest, image),
            "^s3://": file,
            "^(ipfs|ipns|gftp):": cid,
            f"^golem:sha3-({hashes})$": package,
            "^nix:/nix/store/[^^]*$": stored,
            "^nix:/nix/store/[^^]*\\.drv\\^": _STORED,
            others: file,
        },
        "additionalProperties": False,
        "maxProperties": 100_000,
    }
    page = "../invocation.md#resolutions"
    return schema(
        "Resolutions",
        page,
        root,
        {},
        ("Keys are normalised; two that become one are refused.",),
    )
