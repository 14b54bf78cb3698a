"""A Homestar instruction: which function, of what, with which arguments.

    field    absent, null     ""          [], {}
    rsc      refused          refused     refused    (absent in a template: impure)
    op       refused          refused     refused    (absent in a template: passes)
    func     refused          refused     refused
    args     refused          refused     [] no arguments, {} refused
    nnc      no nonce         no nonce    refused

Zero bytes of `nnc` are no nonce either. An unknown field is refused, though
Homestar drops it: some other reader may have meant something by it.
Source: homestar-invocation/src/task/instruction.rs and instruction/nonce.rs,
homestar-wasm/src/io.rs; FORMATS 3.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from invocation_spec.adapters.homestar_args import Links, find_promise
from invocation_spec.adapters.homestar_ids import ability
from invocation_spec.adapters.wasm_call import Call, WasmCall, close
from invocation_spec.cid import CID
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Reading

__all__ = ["read_instruction"]

_OP = "wasm/run"

#: 12 bytes (xid) or 16 (UUID) in base32hex, lower case, no padding.
_NONCE_TEXT = re.compile(r"[0-9a-v]{20}|[0-9a-v]{26}")


def read_instruction(
    reading: Reading, node: Node, links: Links, *, template: bool
) -> Call:
    """Read the instruction at `node`: its program into `reading`, and its call.

    Raises:
        DocumentError: the instruction breaks a rule of the form.
    """
    if isinstance(node.value, CID):
        raise node.refuse("the instruction itself: inline what the link names")
    if not isinstance(node.value, Mapping):
        raise node.refuse("an instruction {rsc, op, input, nnc}")
    find = partial(find_promise, links=links)
    call = WasmCall(reading, links, find, template)
    return _Instruction(call, node.struct()).read()


@dataclass(frozen=True, slots=True)
class _Instruction:
    call: WasmCall
    fields: Struct

    def read(self) -> Call:
        call, fields = self.call, self.fields
        op = fields["op"]
        if not (call.template and op.is_absent) and ability(op.text()) != _OP:
            raise op.refuse(f"{_OP}, the one operation that Homestar has")
        if "name" in fields:
            fields["name"].text()
        code = self._code(fields["rsc"])
        nonce = self._nonce(fields["nnc"])
        given = fields["input"]
        close(fields, "rsc, op, input and nnc")
        if call.awaits(given):
            return Call(nonce=nonce)
        if not isinstance(given.value, Mapping):
            raise given.refuse("a map {func, args}")
        inner = given.struct()
        call.function(code, inner["func"])
        found = call.arguments(inner["args"], nonce)
        close(inner, "func and args")
        return found

    def _code(self, node: Node) -> CID | None:
        if self.call.template and node.is_absent:
            self.call.reading.findings.call_impure(
                node.at,
                "template",
                "no rsc: the client finds it by the task's name; render the template,"
                " then hash it",
            )
            return None
        return self.call.code(node)

    def _nonce(self, node: Node) -> bytes | None:
        if node.is_null:
            return b""
        if isinstance(node.value, bytes):
            return node.value
        if self.call.awaits(node):
            return None
        if not isinstance(node.value, str):
            raise node.refuse('bytes, or a string; "" is no nonce')
        text = self.call.text(node)
        return None if text is None else _nonce_bytes(text)


def _nonce_bytes(text: str) -> bytes:
    """The bytes that a string writes in base32hex; else those of the string."""
    if _NONCE_TEXT.fullmatch(text):
        padded = text.upper() + "=" * (-len(text) % 8)
        data = base64.b32hexdecode(padded)
        if base64.b32hexencode(data) == padded.encode():
            return data
    return text.encode()
