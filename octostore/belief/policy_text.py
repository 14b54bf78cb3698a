"""A policy as people write it: TOML with the words of the block.

    name = "my lab"                        # the reader's word for it
    model = "quorum"                       # or "evidence", or "open"

    [[groups]]
    name = "Bristol"
    keys = ["did:key:z6Mk.."]

    [quorum]
    groups = 2

Probabilities are decimals (`0.99`) and become whole parts of `ONE`; sets may stand in
any order and become sorted. Nothing else is repaired. Source: docs/spec/policy.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from difflib import get_close_matches
from importlib.resources import files
from itertools import pairwise
from typing import Final, TypeAlias, TypeVar, cast

from octostore.belief.policy import (
    MODELS,
    ONE,
    EvidenceTerms,
    Failures,
    Group,
    Model,
    Policy,
    Quorum,
)
from octostore.errors import DidError, PolicyError
from octostore.keys import Did

__all__ = [
    "LINE_POINTS_MAX",
    "POLICY_BYTES_MAX",
    "PROBABILITIES",
    "read_policy",
    "ready_text",
]

_T = TypeVar("_T")

#: What says which words a table has: the fields of the value that it becomes.
_Words: TypeAlias = "type[Policy] | type[Group] | type[Quorum] | type[EvidenceTerms]"

#: A policy becomes a block, which is no larger; this is looked at before parsing.
POLICY_BYTES_MAX: Final = 1 << 20

#: Points on one line. Each may be a level of a dotted key, and `tomllib` keeps all
#: levels of all levels: a line of 200 KB would take 40 GB.
LINE_POINTS_MAX: Final = 64

#: Fields that are decimals in TOML and whole parts of `ONE` in the block.
PROBABILITIES: Final = frozenset(
    {"anchor_error", "confidence", "error", "floor", "level", "recheck", "shared"}
)

#: Digits of a probability that can be told apart, with room for zeros at its end.
_DIGITS_MAX: Final = 40

#: More than any number of a policy, fewer than TOML has.
_INT_BITS_MAX: Final = 63

_KINDS: Final = {
    bool: "true or false",
    dict: "a table",
    int: "a whole number",
    list: "an array",
    str: "text",
}


def read_policy(data: bytes) -> Policy:
    """The policy that this TOML says.

    Raises:
        PolicyError: too large, no TOML, an unknown word, or a rule broken.
    """
    if len(data) > POLICY_BYTES_MAX:
        raise PolicyError(f"{len(data)} bytes; a policy has at most {POLICY_BYTES_MAX}")
    for number, line in enumerate(data.split(b"\n"), 1):
        if (points := line.count(b".")) > LINE_POINTS_MAX:
            raise PolicyError(
                f"{points} points on one line; expected at most {LINE_POINTS_MAX},"
                " break the line",
                at=f"line {number}",
            )
    try:
        table = tomllib.loads(data.decode(), parse_float=_decimal)
    except UnicodeDecodeError as error:
        raise PolicyError("not UTF-8, as TOML is", at=f"byte {error.start}") from error
    except RecursionError as error:
        raise PolicyError("nested too deeply; a policy has two levels") from error
    except ValueError as error:  # of tomllib, or a number of too many digits
        raise PolicyError(f"not TOML: {error}") from error
    return _policy(_Table(table, Policy, ""))


def ready_text(model: Model) -> str:
    """The policy that comes with Octostore for this model, as TOML.

    `open` works as it is; the others want groups.
    """
    assert model in MODELS, model  # noqa: S101 - a word of the program, not of input
    return (files("octostore.belief") / "ready" / f"{model}.toml").read_text("utf-8")


class _Table:
    """A table of TOML of which all words are known; each is taken by its type."""

    def __init__(self, value: Mapping[str, object], words: _Words, at: str) -> None:
        known = [field.name for field in fields(words)]
        for name in value:
            if name not in known:
                near = get_close_matches(name[:80], known, 1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else _one_of(known)
                raise PolicyError(f"unknown word {name[:80]!r}; {hint}", at=at or "/")
        self._value = value
        self._at = at

    def find(self, name: str, kind: type[_T]) -> _T | None:
        """The value under this word, if it is there."""
        value = self._value.get(name)
        return None if value is None else _typed(value, kind, f"{self._at}/{name}")

    def need(self, name: str, kind: type[_T]) -> _T:
        """The value under a word that must be there."""
        value = self.find(name, kind)
        if value is None:
            raise PolicyError(f"no {name!r}; expected one", at=self._at or "/")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A set of texts, sorted."""
        return _set(self.find(name, list) or (), f"{self._at}/{name}")

    def number(self, name: str) -> int | None:
        """A number, if it is there; a probability in parts of `ONE`."""
        if name not in PROBABILITIES:
            return self.find(name, int)
        value = self.find(name, object)
        return None if value is None else _parts(value, f"{self._at}/{name}")

    def numbers(
        self, name: str, words: type[Quorum] | type[EvidenceTerms]
    ) -> dict[str, int]:
        """Those numbers that are there of a table of numbers."""
        inner = _Table(self.find(name, dict) or {}, words, f"{self._at}/{name}")
        found = {word: inner.number(word) for word in words.BOUNDS}
        return {word: number for word, number in found.items() if number is not None}


def _policy(table: _Table) -> Policy:
    groups = [
        _group(_Table(_typed(item, dict, f"/groups/{i}"), Group, f"/groups/{i}"))
        for i, item in enumerate(table.find("groups", list) or ())
    ]
    platforms = [
        _set(_typed(item, list, f"/platforms/{i}"), f"/platforms/{i}")
        for i, item in enumerate(table.find("platforms", list) or ())
    ]
    delegations = table.find("delegations", bool)
    failures = table.find("failures", str)
    return Policy(
        name=table.need("name", str),
        model=cast("Model", table.need("model", str)),
        groups=tuple(sorted(groups, key=lambda group: group.name)),
        anchors=table.texts("anchors"),
        quorum=Quorum(**table.numbers("quorum", Quorum)),
        evidence=EvidenceTerms(**table.numbers("evidence", EvidenceTerms)),
        outputs=table.texts("outputs"),
        ignored=table.texts("ignored"),
        platforms=tuple(sorted(platforms)),
        links=table.texts("links"),
        delegations=True if delegations is None else delegations,
        failures="shown" if failures is None else cast("Failures", failures),
        recheck=table.number("recheck") or 0,
    )


def _group(table: _Table) -> Group:
    return Group(
        name=table.need("name", str),
        keys=tuple(_did(text) for text in table.texts("keys")),
        shares=table.texts("shares"),
        error=table.number("error"),
    )


def _did(text: str) -> Did:
    try:
        return Did(text)
    except DidError as error:
        raise PolicyError(f"{text[:80]!r}: {error.reason}", at="/groups") from error


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except DecimalException as error:
        raise ValueError(f"the number {text[:40]!r} is out of all bounds") from error


def _parts(value: object, at: str) -> int:
    """A probability, 0 to 1, in whole parts of `ONE`."""
    if type(value) is not int and not isinstance(value, Decimal):
        raise PolicyError(f"{_named(value)}; expected a decimal like 0.99", at=at)
    if not Decimal(value).is_finite() or not 0 <= value <= 1:
        raise PolicyError(f"{str(value)[:40]}; expected 0 to 1", at=at)
    exact = Context(prec=_DIGITS_MAX, traps=[Inexact, InvalidOperation])
    try:
        parts = exact.multiply(Decimal(value), Decimal(ONE))
        return int(parts.to_integral_exact(context=exact))
    except DecimalException as error:
        raise PolicyError(
            f"{str(value)[:40]}; expected at most nine digits after the point", at=at
        ) from error


def _set(items: Sequence[object], at: str) -> tuple[str, ...]:
    found = [_typed(item, str, f"{at}/{i}") for i, item in enumerate(items)]
    found.sort()
    for text, following in pairwise(found):
        if text == following:
            raise PolicyError(f"{text[:80]!r} stands there twice", at=at)
    return tuple(found)


def _typed(value: object, kind: type[_T], at: str) -> _T:
    # TOML has 64 bits; `tomllib` reads hexadecimal of any length, and Python refuses
    # to write such a number into a message.
    if type(value) is int and value.bit_length() > _INT_BITS_MAX:
        raise PolicyError(
            f"a number of {value.bit_length()} bits; expected a smaller one", at=at
        )
    # Not isinstance: true is an int in Python and another value in TOML.
    if kind is not object and type(value) is not kind:
        raise PolicyError(f"{_named(value)}; expected {_KINDS[kind]}", at=at)
    return cast("_T", value)


def _named(value: object) -> str:
    if isinstance(value, Decimal):
        return "a decimal"
    return _KINDS.get(type(value), "a date or time")


def _one_of(names: Sequence[str]) -> str:
    return f"expected {', '.join(names)}"
