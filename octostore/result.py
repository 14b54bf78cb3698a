"""What came out: named outputs and, where one was reported, the exit status.

    {"outputs": {"/outputs/r.csv": bafkrei.., "stdout": bafkrei..}, "exit": 0}

A result is a partial map. Names are compared one by one, and a name that only
one side has says nothing. Source: FORMATS 5; schemas/result.ipldsch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Self

from invocation_spec import dagcbor
from invocation_spec.cid import CID, DAG_CBOR, RAW
from invocation_spec.dagcbor import Ipld
from invocation_spec.paths import is_clean
from octostore.errors import ResultError

__all__ = [
    "ERROR",
    "EXIT",
    "EXIT_MAX",
    "OUTPUTS_MAX",
    "STDOUT",
    "UNOPENED_TREE",
    "VALUE",
    "Agreement",
    "Result",
    "compare",
    "compare_outputs",
]

STDOUT: Final = "stdout"
#: The unwrapped ok value of a typed function.
VALUE: Final = "value"
#: The error of a typed function: then the only output.
ERROR: Final = "error"
#: A tree of outputs that nobody could open: compared only with its like.
UNOPENED_TREE: Final = ""

#: How `compare` names the exit status; no output can be called so.
EXIT: Final = "exit"

#: Outputs of one result; as many links as fit a block, in a round number.
OUTPUTS_MAX: Final = 16_384

#: WASI gives the widest exit status, 32 unsigned bits. Below zero there is none:
#: networks use -1 for "not known", and that is written as no exit at all.
EXIT_MAX: Final = 2**32 - 1

#: What Python makes of file names that are not UTF-8.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_WORDS: Final = frozenset({STDOUT, VALUE, ERROR, UNOPENED_TREE})


class Agreement(StrEnum):
    """How two values of one name stand to each other."""

    AGREE = "agree"
    CONFLICT = "conflict"
    INCOMPARABLE = "incomparable"


@dataclass(frozen=True, slots=True)
class Result:
    """Outputs by name, and the exit status where one was reported.

    Raises:
        ResultError: a name or an exit status outside the rules, or nothing said.
    """

    outputs: Mapping[str, CID] = field(hash=False)
    exit: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", MappingProxyType(dict(self.outputs)))
        if len(self.outputs) > OUTPUTS_MAX:
            raise ResultError(
                f"{len(self.outputs)} outputs; a result has at most {OUTPUTS_MAX}",
                at="/outputs",
            )
        for name, value in self.outputs.items():
            _check_output(name, value)
        _check_prefixes(self.outputs)
        _check_exit(self.exit)
        _check_whole(self)

    @classmethod
    def from_ipld(cls, value: Ipld) -> Self:
        """The result that this value says.

        Raises:
            ResultError: another shape, an unknown field, or a broken rule.
        """
        if not isinstance(value, Mapping) or "outputs" not in value:
            raise ResultError("a result is a map {outputs, exit?}")
        unknown = sorted(value.keys() - {"outputs", "exit"})
        if unknown:
            raise ResultError(f"unknown field {unknown[0]!r}; a result has none such")
        outputs, status = value["outputs"], value.get("exit")
        if not isinstance(outputs, Mapping):
            raise ResultError("not a map of names to links", at="/outputs")
        if "exit" in value and type(status) is not int:
            raise ResultError("not an integer; leave it out if unknown", at="/exit")
        return cls(outputs, status)  # type: ignore[arg-type] # checked when made

    @classmethod
    def from_block(cls, block: bytes) -> Self:
        """The result whose one encoding these bytes are.

        Raises:
            EncodingError: not canonical DAG-CBOR, or too large.
            ResultError: not a result.
        """
        return cls.from_ipld(dagcbor.decode(block))

    def to_ipld(self) -> Ipld:
        """The value as it is encoded; an absent exit is left out."""
        value: dict[str, Ipld] = {"outputs": dict(self.outputs)}
        if self.exit is not None:
            value["exit"] = self.exit
        return value

    @property
    def block(self) -> bytes:
        """Its one encoding."""
        return dagcbor.encode(self.to_ipld())

    @property
    def cid(self) -> CID:
        """The CID of its block."""
        return CID.of_block(self.block)


def compare_outputs(a: CID, b: CID) -> Agreement:
    """How two values of one output stand to each other.

    Equal CIDs agree. Two CIDs conflict only if unequal digests prove unequal
    bytes: both raw or both dag-cbor, by one hash function. Of any other pair a
    link or the bytes must decide, since one file has many CIDs.
    """
    if a == b:
        return Agreement.AGREE
    flat = a.codec == b.codec and a.codec in (RAW, DAG_CBOR)
    if flat and a.hash_code == b.hash_code:
        return Agreement.CONFLICT
    return Agreement.INCOMPARABLE


def compare(a: Result, b: Result) -> dict[str, Agreement]:
    """Every name that both results report, in order, `exit` last."""
    found = {
        name: compare_outputs(a.outputs[name], b.outputs[name])
        for name in sorted(a.outputs.keys() & b.outputs.keys())
    }
    if a.exit is not None and b.exit is not None:
        same = a.exit == b.exit
        found[EXIT] = Agreement.AGREE if same else Agreement.CONFLICT
    return found


def _check_output(name: object, value: object) -> None:
    if not isinstance(name, str):
        raise ResultError("a name of an output is not text", at="/outputs")
    if _SURROGATE.search(name):
        raise ResultError(f"output {name[:80]!r}: its name is not UTF-8", at="/outputs")
    if name not in _WORDS and (name == "/" or not is_clean(name)):
        raise ResultError(
            f"output {name[:80]!r}; expected a clean absolute path,"
            f' "{STDOUT}", "{VALUE}", "{ERROR}" or ""',
            at="/outputs",
        )
    if not isinstance(value, CID):
        raise ResultError(f"output {name[:80]!r} is not a link", at="/outputs")


def _check_prefixes(outputs: Mapping[str, CID]) -> None:
    """A path is a file here, so nothing lies below it; `""` is the whole tree."""
    # Between a prefix and its extension only other extensions sort, so that
    # neighbours are enough.
    ordered = sorted(f"{name}/" for name in outputs)
    for upper, lower in pairwise(ordered):
        if lower.startswith(upper):
            raise ResultError(
                f"output {lower[:-1][:80]!r} lies below output {upper[:-1][:80]!r};"
                " a directory is reported as its files",
                at="/outputs",
            )


def _check_exit(status: int | None) -> None:
    if status is not None and not 0 <= status <= EXIT_MAX:
        raise ResultError(
            f"{status}; an exit status is 0 to {EXIT_MAX}, or left out if unknown",
            at="/exit",
        )


def _check_whole(result: Result) -> None:
    if not result.outputs and result.exit is None:
        raise ResultError("neither an output nor an exit status; it says nothing")
    if ERROR in result.outputs and len(result.outputs) > 1:
        raise ResultError('"error" is the only output of a function', at="/outputs")
    if result.exit is not None and result.outputs.keys() & {VALUE, ERROR}:
        raise ResultError("a function returns a value or an error, no exit", at="/exit")
