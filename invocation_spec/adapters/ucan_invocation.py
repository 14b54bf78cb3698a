"""The UCAN invocation of version 1.0, with the command `/wasm/run`.

    [signature, {"h": varsig, "ucan/inv@1.0.0": {
        "iss": did:key, "sub": did, "aud": did, "cmd": "/wasm/run",
        "args": {"mod": "data:application/wasm;base64,..", "fun": "add_one",
                 "params": [42]},
        "nonce": bytes, "prf": [&Delegation], "meta": {}, "exp": null,
        "iat": 1767225600, "cause": &Receipt}}]

DAG-CBOR or DAG-JSON. The signature must hold, though who signed is no identity:
nor are `sub`, `aud`, `prf`, `meta`, `exp`, `iat` and `cause`. Delegations and
times are not judged; whether the request was allowed is the executor's question.
`func` is read for `fun` and `args` for `params`, as every earlier version calls
them. Zero bytes of `nonce` are no nonce: the specification asks for them where a
function is pure. Other commands are refused by name.
Source: ucan-wg/invocation 445f444 README (1.0.0-rc.1); ucan-wg/spec 1.0.0;
research: ipvm 1 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import cast

from invocation_spec import dagcbor, dagjson
from invocation_spec.adapters.homestar_args import Links, find_promise
from invocation_spec.adapters.pipeline import Task, fill
from invocation_spec.adapters.ucan_envelope import Envelope, Token
from invocation_spec.adapters.wasm_call import Call, WasmCall, close
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import DOCUMENT_BYTES_MAX, Document
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Reading, made
from invocation_spec.resolutions import Resolutions

__all__ = ["is_token", "read_invocation"]

_TAGS = "ucan/inv@"
_COMMAND = "/wasm/run"
_NOT_IDENTITY = ("iss", "aud", "prf", "meta", "exp", "iat", "cause")


def is_token(document: Document) -> bool:
    """Whether the document has the marks of a UCAN 1.0 token, of whatever kind."""
    root = document.tree
    if not isinstance(root, list) or len(root) != 2:
        return False
    part = root[1]
    return isinstance(part, Mapping) and any(key.startswith("ucan/") for key in part)


def read_invocation(document: Document, resolutions: Resolutions) -> list[Reading]:
    """The one reading of an invocation.

    Raises:
        DocumentError: the document breaks a rule of the form, its signature does
            not hold, or it invokes something else than a function.
    """
    links = Links()
    value = cast("Ipld", document.tree)
    if document.syntax != "dag-cbor":
        value = dagjson.decode(document.tree, link=links)
        if not links.are_as_written(Node(value)):
            raise DocumentError(
                "holds a CIDv0, an identity CID or a name as a link: the bytes that"
                " were signed are not those of any link here; give the DAG-CBOR"
            )
    token = Envelope.from_ipld(value).verify()
    reading = Reading.start("UCAN invocation 1.0", resolutions)
    payload = _payload(token)
    reading.aliases["ucan-invocation"] = str(token.cid)
    reading.aliases["ucan-task"] = str(_task_cid(payload))
    call = WasmCall(reading, links, partial(find_promise, links=links))
    at = token.envelope.at
    task = Task(at=at, reading=reading, call=_call(call, payload))
    fill([task], {})
    return [reading]


def _payload(token: Token) -> Struct:
    """The fields of an invocation of `/wasm/run`."""
    at = token.envelope.at
    if not token.tag.startswith(_TAGS):
        raise DocumentError(
            f"{token.tag} is no invocation; expected {_TAGS}<version>", at=at
        )
    fields = Node(token.payload, at).struct()
    fields.pass_over(*_NOT_IDENTITY)
    command = fields["cmd"]
    if command.text() != _COMMAND:
        raise command.refuse(f"{_COMMAND}, the one command that is read here")
    for name, kind, expected in (
        ("sub", str, "a DID"),
        ("args", Mapping, "a map {mod, fun, params}"),
        ("nonce", bytes, "bytes; zero of them are no nonce"),
    ):
        if not isinstance(fields[name].value, kind):
            raise fields[name].refuse(expected)
    close(fields, "sub, cmd, args, nonce, " + ", ".join(_NOT_IDENTITY))
    return fields


def _task_cid(payload: Struct) -> CID:
    """UCAN's own name of the task: what is asked, and of whom."""
    value = {
        name: cast("Ipld", payload[name].value)
        for name in ("sub", "cmd", "args", "nonce")
    }
    return CID.of_block(
        made(
            payload.at,
            dagcbor.encode,
            value,
            floats=True,
            bytes_max=DOCUMENT_BYTES_MAX,
        )
    )


def _call(call: WasmCall, payload: Struct) -> Call:
    args = payload["args"].struct()
    code = call.code(args["mod"])
    call.function(code, _either(args, "fun", "func"))
    nonce = cast("bytes", payload["nonce"].value)
    found = call.arguments(_either(args, "params", "args"), nonce)
    close(args, "mod, fun and params")
    return found


def _either(fields: Struct, name: str, alias: str) -> Node:
    if alias not in fields:
        return fields[name]
    if name in fields:
        raise DocumentError(f"{name} and {alias} are one thing; keep one", at=fields.at)
    return fields[alias]
