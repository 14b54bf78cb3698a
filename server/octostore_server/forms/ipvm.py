"""Schemas of what IPVM and UCAN ask for, as JSON or DAG-JSON.

Source: docs/spec/forms/ucan-*.md, ipvm-workflow.md and homestar.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from octostore_server.forms.words import (
    ANYTHING,
    BYTES,
    EMPTY,
    IMAGE,
    IPLD,
    LINK,
    TEXT,
    Schema,
    closed,
    either,
    listed,
    mapped,
    ref,
    schema,
    word,
)

__all__ = ["batch", "homestar", "task", "token", "workflow"]

_DAG_JSON: Final = {"ipld": IPLD, "link": LINK, "bytes": BYTES}
_VIEW: Final = "The DAG-JSON view; a document in DAG-CBOR has links and bytes as types."
_ABILITIES: Final = ("docker/run", "wasm32-wasi/run", "wasm/run")
_VERSION: Final[Schema] = {"const": "0.1.0"}
_DIRECTORY: Final[Schema] = {"type": "string", "pattern": "^(/|$)"}
_RESOURCE: Final[Schema] = {"type": "string", "pattern": "^(ipfs:|https?://[^\\\\]*$)"}
_MOUNT: Final[Schema] = {"type": "string", "pattern": "^(ipfs:|http)"}
_CODE: Final = either(ref("link"), {"type": "string", "minLength": 1})
_NAME: Final[Schema] = {"type": "string", "minLength": 1}

#: The keys of promises over a link, and of those by label.
_AWAITS: Final = (
    *("await/ok", "await/error", "await/*"),
    *("ucan/await/ok", "ucan/await/err", "ucan/await/*"),
)
_LABELS: Final = (
    *("ucan/promise", "ucan/ok", "ucan/err", "ucan/ptr"),
    *("promise/ok", "promise/err", "promise/*"),
)
_POINTER: Final[Schema] = {
    "type": "array",
    "prefixItems": [either({"const": "/"}, ref("link")), TEXT],
    "items": False,
    "minItems": 2,
}


def _one_key(keys: Iterable[str], value: Schema) -> Schema:
    return {
        "type": "object",
        "properties": dict.fromkeys(keys, value),
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _or_promise(value: Schema) -> Schema:
    return either(value, ref("promise"))


def _command(ability: str, wrap: Any) -> Schema:
    """The inputs of a command; `wrap` lets a promise stand for a value, or not."""
    texts = wrap(listed(wrap(TEXT)))
    fields: dict[str, Schema] = {
        "mounts": wrap(mapped(wrap(_MOUNT))),
        "outputs": wrap(mapped(ANYTHING)),
        "env": wrap(mapped(wrap(TEXT), propertyNames={"pattern": "^[^=]+$"})),
    }
    if ability == "docker/run":
        fields |= {"entrypoint": texts, "workdir": wrap(_DIRECTORY)}
    else:
        modules = wrap(listed(wrap(_RESOURCE)))
        fields |= {"entrypoint": wrap(TEXT), "parameters": texts, "modules": modules}
    return closed(fields)


def _task(wrap: Any, *, more: Mapping[str, Schema], order: Schema | None) -> Schema:
    """A task of December 2022 whose ability is a command."""
    tasks = []
    for ability, code in (("docker/run", IMAGE), ("wasm32-wasi/run", _RESOURCE)):
        inputs = _command(ability, wrap)
        if order is not None:
            inputs["properties"]["_"] = order
        fields = {"with": wrap(code), "do": {"const": ability}, "inputs": wrap(inputs)}
        tasks.append(closed({**fields, **more}, ["with", "do", "inputs"]))
    return either(*tasks)


def task() -> dict[str, Any]:
    """The UCAN task of December 2022, alone."""
    root = _task(lambda value: value, more={"meta": ANYTHING}, order=None)
    return schema("UCAN task, December 2022", "ucan-task.md", root, {})


def _tasks() -> dict[str, Schema]:
    """The definitions of labelled tasks."""
    more: dict[str, Schema] = {"meta": ANYTHING, "ipvm/config": ANYTHING}
    order = either(ref("promise"), listed(ref("promise")))
    call = closed(
        {
            "func": _or_promise(_NAME),
            "args": _or_promise(listed(ref("ipld"))),
            "_": order,
        },
        ["func", "args"],
    )
    given = {"with": _or_promise(_CODE), "do": {"const": "wasm/run"}}
    calls = closed(
        {**given, "inputs": _or_promise(call), **more}, ["with", "do", "inputs"]
    )
    # An effect is named as one and not read.
    effect = closed(
        {
            "with": ref("ipld"),
            "do": either(
                {"type": "string", "not": {"enum": [*_ABILITIES]}}, ref("promise")
            ),
            "inputs": ref("ipld"),
            **more,
        },
        ["do"],
    )
    commands = _task(_or_promise, more=more, order=order)
    promise = either(_one_key(_AWAITS, ref("link")), _one_key(_LABELS, _POINTER))
    marked = {"type": "object", "required": ["with", "do"]}
    labels = mapped(ref("task"), minProperties=1)
    return {
        **_DAG_JSON,
        "promise": promise,
        "task": either(commands, calls, effect),
        "batch": either(
            # At least one value has the marks: not all lack them.
            {**labels, "not": {"additionalProperties": {"not": marked}}},
            listed(ref("task"), minItems=1) | {"contains": marked},
        ),
        "invocation": either(
            _invocation(),
            closed({"ucan/invoke": _invocation(), "sig": ANYTHING}, ["ucan/invoke"]),
        ),
    }


def _invocation() -> Schema:
    return closed(
        {
            **dict.fromkeys(("uiv", "v"), _VERSION),
            "run": ref("batch"),
            "nnc": TEXT,
            **dict.fromkeys(("prf", "meta", "ext", "sig"), ANYTHING),
        },
        ["run"],
    )


def batch() -> dict[str, Any]:
    """Several tasks, bare or in an invocation of version 0.1."""
    invocation: Schema = {
        "allOf": [ref("invocation")],
        "anyOf": [{"required": ["uiv"]}, {"required": ["ucan/invoke"]}],
    }
    return schema(
        "UCAN batch, December 2022",
        "ucan-batch.md",
        either(ref("batch"), invocation),
        _tasks(),
        (_VIEW, "Labels name tasks of the document; cycles are refused."),
    )


def workflow() -> dict[str, Any]:
    """The IPVM workflow of version 0.1."""
    dropped = ("meta", "parent", "config", "global", "defaults")
    inner = closed(
        {
            "v": _VERSION,
            "tasks": either(ref("batch"), ref("invocation")),
            "catch": EMPTY,
            **dict.fromkeys(dropped, ANYTHING),
        },
        ["tasks"],
    )
    signatures = dict.fromkeys(("sig", "signature"), ANYTHING)
    wrapped = closed(
        {"ipvm/workflow": ref("workflow"), **signatures}, ["ipvm/workflow"]
    )
    return schema(
        "IPVM workflow 0.1",
        "ipvm-workflow.md",
        either(ref("workflow"), wrapped),
        {**_tasks(), "workflow": inner},
        (_VIEW,),
    )


def _instruction(*, template: bool) -> Schema:
    promised = _one_key(_AWAITS, ref("link"))
    fields: dict[str, Schema] = {
        "rsc": either(_CODE, promised),
        "op": word("wasm/run"),
        "nnc": either({"type": ["null", "string"]}, ref("bytes"), promised),
        "input": either(
            closed(
                {
                    "func": either(_NAME, promised),
                    "args": either(listed(ref("ipld")), promised),
                },
                ["func", "args"],
            ),
            promised,
        ),
    }
    if template:
        return closed({**fields, "name": TEXT}, ["input"])
    return closed(fields, ["rsc", "op", "input"])


def _ran(run: Schema) -> Schema:
    values = dict.fromkeys(("cause", "meta", "prf"), ref("ipld"))
    return closed({"run": run, **values}, ["run"])


def homestar(document: str) -> dict[str, Any]:
    """Homestar's instruction, task or workflow."""
    plain = _instruction(template=False)
    named = {"type": "object", "required": ["name"]}
    of_client: Schema = {"allOf": [ref("of-template"), named]}
    definitions: dict[str, Schema] = {
        **_DAG_JSON,
        "instruction": plain,
        "of-template": _instruction(template=True),
    }
    comments = [_VIEW, "A template of the client has a name in some instruction."]
    if document == "instruction":
        has_rsc: Schema = {"allOf": [of_client, {"required": ["rsc"]}]}
        root = either(ref("instruction"), has_rsc)
    elif document == "task":
        root = either(_ran(ref("instruction")), _ran(of_client))
    else:
        some = {"type": "object", "properties": {"run": named}, "required": ["run"]}
        tasks = either(
            listed(_ran(ref("instruction")), minItems=1),
            {
                "type": "array",
                "items": _ran(ref("of-template")),
                "contains": some,
            },
        )
        inner = closed({"tasks": tasks}, ["tasks"])
        root = either(
            inner, closed({"name": ref("ipld"), "workflow": inner}, ["workflow"])
        )
        comments.append("Promises name instructions of the document by their CIDs.")
    return schema(
        f"Homestar 0.2 {document}", "homestar.md", root, definitions, comments
    )


def token() -> dict[str, Any]:
    """The UCAN invocation 1.0, as DAG-JSON."""
    args: dict[str, Schema] = {"mod": _or_promise(_CODE)}
    for names, value in (
        (("fun", "func"), _NAME),
        (("params", "args"), listed(ref("ipld"))),
    ):
        args |= dict.fromkeys(names, _or_promise(value))
    given = closed(
        args,
        ["mod"],
        allOf=[
            {"oneOf": [{"required": [one]}, {"required": [other]}]}
            for one, other in (("fun", "func"), ("params", "args"))
        ],
    )
    dropped = ("aud", "prf", "meta", "exp", "iat", "cause")
    payload = closed(
        {
            "iss": {"type": "string", "pattern": "^did:key:z6Mk"},
            "sub": TEXT,
            "cmd": {"const": "/wasm/run"},
            "args": given,
            "nonce": ref("bytes"),
            **dict.fromkeys(dropped, ref("ipld")),
        },
        ["iss", "sub", "cmd", "args", "nonce"],
    )
    header = closed(
        {"/": closed({"bytes": {"const": "NAHtAe0BE3E"}}, ["bytes"])}, ["/"]
    )
    signed: Schema = {
        "type": "object",
        "properties": {"h": header},
        "patternProperties": {"^ucan/inv@": payload},
        "additionalProperties": False,
        "required": ["h"],
        "minProperties": 2,
        "maxProperties": 2,
    }
    root: Schema = {
        "type": "array",
        "prefixItems": [ref("bytes"), signed],
        "items": False,
        "minItems": 2,
    }
    return schema(
        "UCAN invocation 1.0",
        "ucan-invocation.md",
        root,
        {**_DAG_JSON, "promise": _one_key(_AWAITS, ref("link"))},
        (_VIEW, "The signature has to hold."),
    )
