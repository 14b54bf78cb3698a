"""What a policy says of one invocation at one checkpoint.

    {"octostore/verdict@1": {"invocation": &I, "policy": &P, "size": 40, "root": h'..',
        "state": "agreed", "advice": "reuse", "outputs": {"/r.csv": {"value": &R1,
            "for": ["Bristol", "Caltech"], "against": [], "silent": ["node 7"],
            "lower_bound": 998000000}}, "evidence": [&Claim, ..], "links": []}}

Undecided is a verdict. Source: FORMATS 9; docs/spec/verdict.md;
schemas/verdict.ipldsch; ADR 26.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal, Self, TypeAlias, cast, get_args

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from octostore.belief.policy import ONE
from octostore.result import EXIT, EXIT_MAX

__all__ = [
    "Advice",
    "Finding",
    "OutputValue",
    "OutputVerdict",
    "State",
    "Verdict",
]

State: TypeAlias = Literal[
    "agreed", "conflict", "failed", "nondeterministic", "single", "unknown"
]
Advice: TypeAlias = Literal["compare", "reuse", "run"]

#: How an output stands: one value, none that suffices, or values that each suffice and
#: of which nobody knows whether they are the same bytes.
Finding: TypeAlias = Literal["incomparable", "undecided", "value"]

#: An output is a CID; what is called `exit` is a number.
OutputValue: TypeAlias = CID | int

_TAG: Final = "octostore/verdict@1"
_ROOT_BYTES: Final = 32
#: Largest size of a log: every JSON reader keeps it exactly.
_SIZE_MAX: Final = 2**53 - 1
_FIELDS: Final = frozenset(
    {
        "advice",
        "evidence",
        "invocation",
        "links",
        "outputs",
        "policy",
        "root",
        "size",
        "state",
    }
)
_OUTPUT_FIELDS: Final = frozenset({"against", "for", "lower_bound", "silent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputVerdict:
    """One output: the value that the policy believes, and who is for and against it.

    Of an undecided output, `value`, `for_` and `against` speak of the value with most
    behind it; where several have as much there is none, and all are against.
    `values` are those of an incomparable output, in order; `for_` are then the groups
    for any of them. Names are in order. `lower_bound` is in parts of `policy.ONE`; 0
    where the model counts heads.

    Raises:
        EncodingError: fields that contradict each other or stand out of order.
    """

    finding: Finding
    value: OutputValue | None
    for_: tuple[str, ...]
    against: tuple[str, ...]
    silent: tuple[str, ...]
    lower_bound: int = 0
    values: tuple[OutputValue, ...] = ()

    def __post_init__(self) -> None:
        for name in ("for_", "against", "silent"):
            _check_order(getattr(self, name), name.rstrip("_"))
        if not 0 <= self.lower_bound < ONE:
            raise EncodingError(
                f"a lower bound of {self.lower_bound}; it is 0 to {ONE - 1}"
            )
        if (self.finding == "incomparable") != (len(self.values) > 1):
            raise EncodingError("two values or more are incomparable, fewer never")
        if (self.finding == "value" and self.value is None) or (
            self.finding == "incomparable" and self.value is not None
        ):
            raise EncodingError(f"the value {self.value} with the {self.finding!r}")
        _check_order(self.values, "incomparable")

    def to_ipld(self) -> Ipld:
        """The value as it is encoded: the finding is the name of what was found."""
        found = list(self.values) if self.finding == "incomparable" else self.value
        return {
            self.finding: found,
            "for": list(self.for_),
            "against": list(self.against),
            "silent": list(self.silent),
            "lower_bound": self.lower_bound,
        }

    @classmethod
    def from_ipld(cls, value: Ipld, name: str) -> Self:
        """What `to_ipld` wrote of the output `name`.

        Raises:
            EncodingError: anything else.
        """
        if not isinstance(value, Mapping) or len(value) != len(_OUTPUT_FIELDS) + 1:
            raise EncodingError(f"output {name[:80]!r}: no verdict of an output")
        rest = value.keys() - _OUTPUT_FIELDS
        finding = next(iter(rest))
        if len(rest) != 1 or finding not in get_args(Finding):
            raise EncodingError(
                f"output {name[:80]!r}: {finding[:80]!r} is no finding; expected one of"
                f" {', '.join(get_args(Finding))}"
            )
        found, bound = value[finding], value["lower_bound"]
        if type(bound) is not int:
            raise EncodingError(f"output {name[:80]!r}: its lower bound is no integer")
        several = finding == "incomparable"
        return cls(
            finding=cast(Finding, finding),
            value=None if several else _value_of(found, name),
            values=_values_of(found, name) if several else (),
            for_=_names(value["for"]),
            against=_names(value["against"]),
            silent=_names(value["silent"]),
            lower_bound=bound,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verdict as of the log's first `size` entries, whose Merkle root is `root`.

    `evidence` are the claims that counted, `links` what it relied on; both in order.

    Raises:
        EncodingError: fields outside their bounds, or out of order.
    """

    invocation: CID
    policy: CID
    size: int
    root: bytes
    state: State
    advice: Advice
    outputs: Mapping[str, OutputVerdict] = field(hash=False)
    evidence: tuple[CID, ...]
    links: tuple[CID, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", MappingProxyType(dict(self.outputs)))
        if not 0 <= self.size <= _SIZE_MAX:
            raise EncodingError(f"a log of {self.size} entries; 0 to {_SIZE_MAX}")
        if len(self.root) != _ROOT_BYTES:
            raise EncodingError(f"a root of {len(self.root)} bytes; it has 32")
        _check_order(self.evidence, "evidence")
        _check_order(self.links, "links")

    def to_ipld(self) -> Ipld:
        """The value as it is encoded."""
        return {
            _TAG: {
                "invocation": self.invocation,
                "policy": self.policy,
                "size": self.size,
                "root": self.root,
                "state": self.state,
                "advice": self.advice,
                "outputs": {
                    name: found.to_ipld() for name, found in self.outputs.items()
                },
                "evidence": list(self.evidence),
                "links": list(self.links),
            }
        }

    @classmethod
    def from_ipld(cls, value: Ipld) -> Self:
        """The verdict that this value says.

        Raises:
            EncodingError: another shape, an unknown field, or a broken rule.
        """
        body = value.get(_TAG) if isinstance(value, Mapping) else None
        if not isinstance(body, Mapping) or cast(
            "Mapping[str, Ipld]", value
        ).keys() != {_TAG}:
            raise EncodingError(f"no verdict; expected a map with {_TAG} alone")
        if body.keys() != _FIELDS:
            odd = sorted(body.keys() ^ _FIELDS)
            raise EncodingError(f"no verdict: {odd[0][:80]!r} is missing or unknown")
        outputs, size, root = body["outputs"], body["size"], body["root"]
        if not isinstance(outputs, Mapping):
            raise EncodingError("the outputs of a verdict are to be a map")
        if type(size) is not int or not isinstance(root, bytes):
            raise EncodingError("size is to be an integer, and root bytes")
        return cls(
            invocation=_link(body["invocation"], "invocation"),
            policy=_link(body["policy"], "policy"),
            size=size,
            root=root,
            state=cast(State, _word(body["state"], get_args(State))),
            advice=cast(Advice, _word(body["advice"], get_args(Advice))),
            outputs={
                name: OutputVerdict.from_ipld(found, name)
                for name, found in outputs.items()
            },
            evidence=_links(body["evidence"], "evidence"),
            links=_links(body["links"], "links"),
        )

    @classmethod
    def from_block(cls, block: bytes) -> Self:
        """The verdict whose one encoding these bytes are.

        Raises:
            EncodingError: not canonical DAG-CBOR, too large, or no verdict.
        """
        return cls.from_ipld(dagcbor.decode(block))

    @property
    def block(self) -> bytes:
        """Its one encoding.

        Raises:
            EncodingError: too large for a block: many outputs by many groups. A policy
                that names its `outputs` has smaller verdicts.
        """
        return dagcbor.encode(self.to_ipld())

    @property
    def cid(self) -> CID:
        """The CID of its block."""
        return CID.of_block(self.block)


def _check_order(items: Sequence[OutputValue] | Sequence[str], where: str) -> None:
    """Each once, in order of bytes: of text, that of its code points is the same."""
    if not all(a < b for a, b in pairwise(items)):  # type: ignore[operator] # alike
        raise EncodingError(f"{where} is not in order, or has one twice")


def _value_of(found: Ipld, name: str) -> OutputValue | None:
    if name == EXIT:
        if found is None or (type(found) is int and 0 <= found <= EXIT_MAX):
            return found
        raise EncodingError(f"{EXIT} is no exit status")
    if found is None or isinstance(found, CID):
        return found
    raise EncodingError(f"output {name[:80]!r}: its value is no link")


def _values_of(found: Ipld, name: str) -> tuple[OutputValue, ...]:
    if not isinstance(found, list):
        raise EncodingError(f"output {name[:80]!r}: incomparable values are a list")
    values = [_value_of(item, name) for item in found]
    if None in values:
        raise EncodingError(f"output {name[:80]!r}: nothing is no value")
    return tuple(cast("list[OutputValue]", values))


def _link(value: Ipld, where: str) -> CID:
    if not isinstance(value, CID):
        raise EncodingError(f"{where[:80]} is not a link")
    return value


def _links(value: Ipld, where: str) -> tuple[CID, ...]:
    if not isinstance(value, list):
        raise EncodingError(f"{where[:80]} is not a list of links")
    return tuple(_link(item, where) for item in value)


def _names(value: Ipld) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise EncodingError("groups are to be a list of names")
    return tuple(cast("list[str]", value))


def _word(value: Ipld, words: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in words:
        raise EncodingError(f"{str(value)[:80]!r}; expected one of {', '.join(words)}")
    return value
