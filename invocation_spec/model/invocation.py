"""The invocation: program and input by CID, and whether they fit each other.

{"input": bafyrei.., "program": bafyrei..}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from invocation_spec.model.input import Input
from invocation_spec.model.program import Program
from invocation_spec.model.steps import Run
from invocation_spec.model.values import (
    Value,
    check_block_link,
    check_fields,
    link,
    mapping,
    texts,
)

__all__ = ["FIELDS_BY_KIND", "Invocation", "check_fit"]

#: Which fields an input of a program of each kind may have.
FIELDS_BY_KIND = {
    "wasi": {"args", "env", "files", "stdin", "steps", "nonce"},
    "wasm-function": {"args", "awaits", "nonce"},
    "oci": {"argv", "args", "env", "cwd", "files", "stdin", "steps", "nonce"},
    "gvmi": {"argv", "env", "cwd", "files", "stdin", "steps", "nonce"},
    "nix": {"files", "nonce"},
}


def check_fit(program: Program, input: Input) -> None:
    """Refuse an input that the program's kind cannot be given.

    Raises:
        EncodingError: a field that the kind does not have, or arguments of the
            wrong type.
    """
    present = set(cast("dict[str, Ipld]", input.to_ipld()))
    foreign = sorted(present - FIELDS_BY_KIND[program.kind])
    if foreign:
        raise EncodingError(f"kind {program.kind} has no {', '.join(foreign)}")
    if program.kind != "wasm-function":
        if not all(isinstance(item, str) for item in input.args):
            raise EncodingError(f"args of kind {program.kind} are strings")
        texts(cast("tuple[str, ...]", input.args), "args")
    if program.kind != "wasi" and any(
        isinstance(step, Run) and not step.argv for step in input.steps
    ):
        raise EncodingError("a run needs a command")


@dataclass(frozen=True, slots=True)
class Invocation(Value):
    """Program and input by CID; its own CID is the key of the database."""

    program: CID
    input: CID

    def __post_init__(self) -> None:
        check_block_link(self.program, "program")
        check_block_link(self.input, "input")

    def to_ipld(self) -> Ipld:
        """`{program, input}`."""
        return {"program": self.program, "input": self.input}

    @classmethod
    def from_block(cls, block: bytes) -> Invocation:
        """The invocation whose block this is.

        Raises:
            EncodingError: any other bytes.
        """
        value = mapping(dagcbor.decode(block), "an invocation")
        check_fields(value, {"program", "input"}, "an invocation")
        return cls(program=link(value, "program"), input=link(value, "input"))
