"""Programs: content-addressed code and how it is called.

{"kind": "wasi", "code": bafkrei..}
{"kind": "wasm-function", "code": bafkrei.., "function": "add-one"}
{"kind": "oci", "code": bafkrei..}
{"kind": "nix", "code": bafkrei..}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from invocation_spec.model.values import (
    Value,
    check_count,
    check_fields,
    check_text,
    items,
    link,
    mapping,
    same_block,
    text,
)

__all__ = [
    "DEFAULT_ENTRY",
    "GvmiProgram",
    "Import",
    "NixProgram",
    "OciProgram",
    "Program",
    "WasiProgram",
    "WasmFunctionProgram",
    "program_from_block",
]

#: The function that a WASI command exports and that networks call by default.
DEFAULT_ENTRY: Final = "_start"


@dataclass(frozen=True, slots=True)
class Import:
    """A module linked into a WASI program; `name` is what the network links by."""

    code: CID
    name: str = ""

    def __post_init__(self) -> None:
        check_text(self.name, "name of an import")

    def to_ipld(self) -> Ipld:
        """`{code, name?}`."""
        return {"code": self.code} | ({"name": self.name} if self.name else {})


@dataclass(frozen=True, slots=True)
class WasiProgram(Value):
    """A WASI command module: entry point and imports, in linking order."""

    kind: ClassVar[str] = "wasi"
    code: CID
    entry: str = DEFAULT_ENTRY
    imports: tuple[Import, ...] = ()

    def __post_init__(self) -> None:
        check_text(self.entry, "entry", empty=False)
        object.__setattr__(self, "imports", tuple(self.imports))
        check_count(self.imports, "imports")

    def to_ipld(self) -> Ipld:
        """`{kind, code, entry?, imports?}`."""
        value: dict[str, Ipld] = {"kind": self.kind, "code": self.code}
        if self.entry != DEFAULT_ENTRY:
            value["entry"] = self.entry
        if self.imports:
            value["imports"] = [item.to_ipld() for item in self.imports]
        return value


@dataclass(frozen=True, slots=True)
class WasmFunctionProgram(Value):
    """One exported function, called with typed values (IPVM `wasm/run`)."""

    kind: ClassVar[str] = "wasm-function"
    code: CID
    function: str

    def __post_init__(self) -> None:
        check_text(self.function, "function", empty=False)

    def to_ipld(self) -> Ipld:
        """`{kind, code, function}`."""
        return {"kind": self.kind, "code": self.code, "function": self.function}


@dataclass(frozen=True, slots=True)
class OciProgram(Value):
    """A container image by the digest of its manifest (or index)."""

    kind: ClassVar[str] = "oci"
    code: CID

    def to_ipld(self) -> Ipld:
        """`{kind, code}`."""
        return {"kind": self.kind, "code": self.code}


@dataclass(frozen=True, slots=True)
class GvmiProgram(Value):
    """A Golem VM image that is known by its own hash only."""

    kind: ClassVar[str] = "gvmi"
    code: CID

    def to_ipld(self) -> Ipld:
        """`{kind, code}`."""
        return {"kind": self.kind, "code": self.code}


@dataclass(frozen=True, slots=True)
class NixProgram(Value):
    """A Nix derivation that is resolved, by the text that Nix keeps of it."""

    kind: ClassVar[str] = "nix"
    code: CID

    def to_ipld(self) -> Ipld:
        """`{kind, code}`."""
        return {"kind": self.kind, "code": self.code}


Program: TypeAlias = (
    WasiProgram | WasmFunctionProgram | OciProgram | GvmiProgram | NixProgram
)

#: Kinds that have their code alone.
_PLAIN: Final[Mapping[str, type[OciProgram | GvmiProgram | NixProgram]]] = {
    "oci": OciProgram,
    "gvmi": GvmiProgram,
    "nix": NixProgram,
}

_PROGRAM_FIELDS = {
    "wasi": {"kind", "code", "entry", "imports"},
    "wasm-function": {"kind", "code", "function"},
    "oci": {"kind", "code"},
    "gvmi": {"kind", "code"},
    "nix": {"kind", "code"},
}


def program_from_block(block: bytes) -> Program:
    """The program whose block this is.

    Raises:
        EncodingError: any other bytes, explicit defaults and unknown fields too.
    """
    value = mapping(dagcbor.decode(block), "a program")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in _PROGRAM_FIELDS:
        raise EncodingError(
            f"program kind {kind!r}; expected one of {', '.join(_PROGRAM_FIELDS)}"
        )
    check_fields(value, _PROGRAM_FIELDS[kind], f"a program of kind {kind}")
    program: Program
    if kind == "wasi":
        program = WasiProgram(
            link(value, "code"),
            entry=text(value, "entry", DEFAULT_ENTRY),
            imports=tuple(_import(item) for item in items(value, "imports")),
        )
    elif kind == "wasm-function":
        program = WasmFunctionProgram(
            link(value, "code"), function=text(value, "function", "")
        )
    else:
        program = _PLAIN[kind](link(value, "code"))
    return same_block(program, block)


def _import(value: Ipld) -> Import:
    item = mapping(value, "an import")
    check_fields(item, {"code", "name"}, "an import")
    return Import(link(item, "code"), name=text(item, "name", ""))
