"""A call of one exported function of a Wasm module, whatever its fields are called.

    network          code    function   arguments
    Homestar 0.2     rsc     func       args
    December 2022    with    func       args
    UCAN 1.0         mod     fun        params

Code is a link, `ipfs://CID`, a `data:` URL of type application/wasm or another
URL; a promise may stand for any of the three. Source: homestar-wasm/src/io.rs;
ucan-wg/invocation README; FORMATS 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from invocation_spec.adapters.homestar_args import (
    Arguments,
    FindPromise,
    Links,
    Path,
    Promise,
)
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.model import WasmFunctionProgram
from invocation_spec.model.values import check_text
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Reading, made
from invocation_spec.references import parse_data_url

__all__ = ["Call", "WasmCall", "close"]


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


@dataclass(frozen=True, slots=True)
class WasmCall:
    """Reads the parts of a call; what is not known yet is left as a finding.

    `find` knows the form's promises; `template` says that `{{` in a string is a
    place for the client to fill.
    """

    reading: Reading
    links: Links
    find: FindPromise
    template: bool = False

    def awaits(self, node: Node) -> bool:
        """Whether a promise stands where only a value can; it is left unresolved."""
        promise = self.find(node)
        if promise is None:
            return False
        self.reading.findings.leave_unresolved(node.at, str(promise.target), "await")
        return True

    def text(self, node: Node) -> str | None:
        """The string here; None if it is an unrendered template."""
        return self.reading.literal(node) if self.template else node.text()

    def code(self, node: Node) -> CID | None:
        """What the module is, as far as the document fixes it.

        Raises:
            DocumentError: no link, CID or URL, or inline bytes of another type.
        """
        if self.awaits(node):
            return None
        if isinstance(node.value, CID):
            return self.reading.resolver.cid(node.value)
        name = self.links.find_name(node)
        if name is not None:
            return self.reading.resolver.content(f"ipfs://{name}", node.at)
        text = self.text(node)
        if text is None:
            return None
        if text[:5].lower() == "data:":
            return _inline(text, node)
        return self.reading.resolver.content(text, node.at)

    def function(self, code: CID | None, node: Node) -> None:
        """Put the program into the reading, if its code and its function are known.

        Raises:
            DocumentError: no name of a function.
        """
        if self.awaits(node):
            return
        name = self.text(node)
        if name is None:
            return
        if not name:
            raise node.refuse("the name of an exported function")
        made(node.at, check_text, name, "function")
        if code is not None:
            self.reading.program = made(node.at, WasmFunctionProgram, code, name)

    def arguments(self, node: Node, nonce: bytes | None) -> Call:
        """The call with the arguments here.

        Raises:
            DocumentError: no list.
        """
        if self.awaits(node):
            return Call(nonce=nonce)
        arguments = Arguments(self.reading, self.links, self.find, self.template)
        values = arguments.read(node)
        return Call(values if arguments.complete else None, nonce, arguments.promises)


def _inline(text: str, node: Node) -> CID:
    try:
        inline = parse_data_url(text)
    except EncodingError as error:
        raise DocumentError(error.reason, at=node.at) from error
    if inline.media_type != "application/wasm":
        raise node.refuse("data:application/wasm;base64,..")
    return CID.of_bytes(inline.data)
