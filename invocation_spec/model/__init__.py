"""What was asked: Program, Input and Invocation, blocks with a CID.

Each value checks itself when made, so an invalid one cannot be held. A field
that equals its default is not written, so that a field added later changes no
CID; decoders refuse whatever the encoder would not have written.
Source: FORMATS 3; the normative shapes are in schemas/invocation.ipldsch.
"""

from invocation_spec.model.awaits import Await, When
from invocation_spec.model.input import NONCE_BYTES_MAX, Input
from invocation_spec.model.invocation import FIELDS_BY_KIND, Invocation, check_fit
from invocation_spec.model.program import (
    DEFAULT_ENTRY,
    GvmiProgram,
    Import,
    NixProgram,
    OciProgram,
    Program,
    WasiProgram,
    WasmFunctionProgram,
    program_from_block,
)
from invocation_spec.model.steps import Put, Run, Step
from invocation_spec.model.values import ITEMS_MAX, TEXT_BYTES_MAX, Block

__all__ = [
    "DEFAULT_ENTRY",
    "FIELDS_BY_KIND",
    "ITEMS_MAX",
    "NONCE_BYTES_MAX",
    "TEXT_BYTES_MAX",
    "Await",
    "Block",
    "GvmiProgram",
    "Import",
    "Input",
    "Invocation",
    "NixProgram",
    "OciProgram",
    "Program",
    "Put",
    "Run",
    "Step",
    "WasiProgram",
    "WasmFunctionProgram",
    "When",
    "check_fit",
    "program_from_block",
]
