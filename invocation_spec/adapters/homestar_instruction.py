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
from dataclasses import dataclass, field

from invocation_spec.adapters.homestar_args import (
    Arguments,
    Links,
    Path,
    Promise,
    find_promise,
)
from invocation_spec.adapters.homestar_ids import ability
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.model import WasmFunctionProgram
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Reading, made
from invocation_spec.references import parse_data_url

__all__ = ["Call", "close", "read_instruction"]

_OP = "wasm/run"

#: 12 bytes (xid) or 16 (UUID) in base32hex, lower case, no padding.
_NONCE_TEXT = re.compile(r"[0-9a-v]{20}|[0-9a-v]{26}")


@dataclass(frozen=True, slots=True)
class Call:
    """What a function is given; None while a part of it is not known."""

    args: list[Ipld] | None = None
    nonce: bytes | None = None
    promises: Mapping[Path, Promise] = field(default_factory=dict)


def close(fields: Struct, names: str) -> None:
    """Refuse what nobody has asked for.

    Raises:
        DocumentError: a field that the form does not have.
    """
    unknown = fields.unknown()
    if unknown:
        raise DocumentError(f"no field of this form; it has {names}", at=unknown[0].at)


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
    return _Instruction(reading, node.struct(), links, template).read()


@dataclass(frozen=True, slots=True)
class _Instruction:
    reading: Reading
    fields: Struct
    links: Links
    template: bool

    def read(self) -> Call:
        fields = self.fields
        op = fields["op"]
        if not (self.template and op.is_absent) and ability(op.text()) != _OP:
            raise op.refuse(f"{_OP}, the one operation that Homestar has")
        if "name" in fields:
            fields["name"].text()
        code = self._code(fields["rsc"])
        nonce = self._nonce(fields["nnc"])
        given = fields["input"]
        close(fields, "rsc, op, input and nnc")
        if self._awaits(given):
            return Call(nonce=nonce)
        if not isinstance(given.value, Mapping):
            raise given.refuse("a map {func, args}")
        inner = given.struct()
        self._function(code, inner["func"])
        arguments, values = Arguments(self.reading, self.links, self.template), None
        if not self._awaits(inner["args"]):
            values = arguments.read(inner["args"])
        close(inner, "func and args")
        return Call(values if arguments.complete else None, nonce, arguments.promises)

    def _awaits(self, node: Node) -> bool:
        """Whether a promise stands where only a value can; it is left unresolved."""
        promise = find_promise(node.value, node.at, self.links)
        if promise is None:
            return False
        self.reading.findings.leave_unresolved(node.at, str(promise.target), "await")
        return True

    def _text(self, node: Node) -> str | None:
        return self.reading.literal(node) if self.template else node.text()

    def _code(self, node: Node) -> CID | None:
        if self.template and node.is_absent:
            self.reading.findings.call_impure(
                node.at,
                "template",
                "no rsc: the client finds it by the task's name; render the template,"
                " then hash it",
            )
            return None
        if self._awaits(node):
            return None
        if isinstance(node.value, CID):
            return self.reading.resolver.cid(node.value)
        name = self.links.names.get(node.at)
        if name is not None:
            return self.reading.resolver.content(f"ipfs://{name}", node.at)
        text = self._text(node)
        if text is None:
            return None
        if text[:5].lower() == "data:":
            return _inline(text, node)
        return self.reading.resolver.content(text, node.at)

    def _function(self, code: CID | None, node: Node) -> None:
        if self._awaits(node):
            return
        name = self._text(node)
        if name is None:
            return
        if not name:
            raise node.refuse("the name of an exported function")
        if code is not None:
            self.reading.program = made(node.at, WasmFunctionProgram, code, name)

    def _nonce(self, node: Node) -> bytes | None:
        if node.is_null:
            return b""
        if isinstance(node.value, bytes):
            return node.value
        if self._awaits(node):
            return None
        if not isinstance(node.value, str):
            raise node.refuse('bytes, or a string; "" is no nonce')
        text = self._text(node)
        return None if text is None else _nonce_bytes(text)


def _inline(text: str, node: Node) -> CID:
    try:
        inline = parse_data_url(text)
    except EncodingError as error:
        raise DocumentError(error.reason, at=node.at) from error
    if inline.media_type != "application/wasm":
        raise node.refuse("data:application/wasm;base64,..")
    return CID.of_bytes(inline.data)


def _nonce_bytes(text: str) -> bytes:
    """The bytes that a string writes in base32hex; else those of the string."""
    if _NONCE_TEXT.fullmatch(text):
        padded = text.upper() + "=" * (-len(text) % 8)
        data = base64.b32hexdecode(padded)
        if base64.b32hexencode(data) == padded.encode():
            return data
    return text.encode()
