"""Why two documents do or do not hash alike, field by field.

    /program/code       a bafybei..  b bafkrei..   may be the same bytes
    /input/args/0       a "-v"       b "--verbose"
    /input/env/LANG     a "C"

What is compared are the canonical forms, never the text: `at` is a JSON pointer
into `{program, input}`, the names are those of the blocks. A part that is not
complete is not compared. Source: DESIGN 3 and 6; FORMATS 3, 5 and 8.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from typing import Final, TypeAlias, cast

from invocation_spec import dagcbor, dagjson
from invocation_spec.cid import CID, DAG_CBOR, RAW
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from invocation_spec.findings import Json
from invocation_spec.model import DEFAULT_ENTRY, Input, OciProgram, Program
from invocation_spec.node import escape
from invocation_spec.outcome import Outcome

__all__ = [
    "ABSENT",
    "DIFFERENCES_MAX",
    "DIFFERENCES_PLACES_MAX",
    "Absent",
    "Difference",
    "Explanation",
    "Side",
    "explain",
]

#: Differences that are listed; who has more reads the first ones, if any.
DIFFERENCES_MAX: Final = 1000

#: Characters of their places: below one long key each repeats it.
DIFFERENCES_PLACES_MAX: Final = 1 << 20


class Absent(Enum):
    """The type of `ABSENT`, which no value of a block can be."""

    ABSENT = "absent"


#: One side says nothing at a place; null is a value.
ABSENT: Final = Absent.ABSENT

Side: TypeAlias = "Ipld | Absent"
_Path: TypeAlias = tuple[str | int, ...]

#: Codecs whose hash is that of the bytes themselves: one digest, one content.
_WHOLE: Final = (RAW, DAG_CBOR)

_COMMANDS: Final = (
    "one states the whole command, the other leaves the image's entrypoint in force:"
    " resolutions with the image's entrypoint and cmd decide whether they are one"
)
_SAME_BYTES: Final = (
    "may be the same bytes in another encoding: check, then link them (same-bytes)"
)
_INDEX: Final = (
    "one may be an index and the other its manifest for a platform:"
    " check, then link them (selects)"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two canonical forms differ."""

    path: _Path
    a: Side
    b: Side
    hint: str | None = None

    @property
    def at(self) -> str:
        """The place as a JSON pointer into `{program, input}`."""
        return "".join(f"/{escape(str(part))}" for part in self.path)

    @property
    def words(self) -> str:
        """The place as a person names it: `args[0]`, `env LANG`, `file /in`."""
        _, name, *rest = self.path
        found = "file" if name == "files" and rest else str(name)
        for part in rest:
            found += f"[{part}]" if isinstance(part, int) else f" {part}"
        return found

    def to_json(self) -> dict[str, Json]:
        """`{at, a?, b?, hint?}`; a side that says nothing is left out."""
        sides = {"a": self.a, "b": self.b}
        told = {name: _json(side) for name, side in sides.items() if side is not ABSENT}
        hint: dict[str, Json] = {} if self.hint is None else {"hint": self.hint}
        return {"at": self.at, **told, **hint}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Two outcomes side by side, and where their complete parts differ.

    `left_out` is how many differences there are beyond those listed, `links_alone`
    whether all are CIDs that may mean the same.
    """

    a: Outcome
    b: Outcome
    differences: tuple[Difference, ...]
    left_out: int = 0
    links_alone: bool = False

    @property
    def same(self) -> bool | None:
        """Whether they are one invocation; None while that is not decided."""
        if self.a.invocation is not None and self.b.invocation is not None:
            return self.a.invocation == self.b.invocation
        return False if self.differences else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the differences, or their absence, amount to."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        if self.links_alone:
            yield "they agree but for CIDs that may mean the same: check, then link"
        if self._by_image_command():
            yield _COMMANDS
        if self._but_for_nonce():
            yield "they agree but for the nonce, which makes each its own run"
        for one, other, name in ((self.a, self.b, "b"), (self.b, self.a, "a")):
            key = one.invocation
            if key is not None and key.cid in {also.invocation for also in other.also}:
                yield f"{name} is the other without some of its resolutions"
        waits = {item.reference for item in self.a.unresolved}
        if (
            waits
            and self.same is None
            and waits == {item.reference for item in self.b.unresolved}
        ):
            yield "they wait for the same references: resolved alike, they may meet"

    def _by_image_command(self) -> bool:
        """Whether one argv, and args or none, are told of one image."""
        if not isinstance(self.a.program, OciProgram):
            return False
        if self.a.program != self.b.program:
            return False
        inputs = [item.input for item in (self.a, self.b) if item.input is not None]
        if len(inputs) < 2 or any(given.steps for given in inputs):
            return False
        return bool(inputs[0].argv) != bool(inputs[1].argv)

    def _but_for_nonce(self) -> bool:
        return [item.path for item in self.differences] == [("input", "nonce")]

    def to_json(self) -> dict[str, Json]:
        """`{same, differences, left_out, notes, outcomes: {a, b}}`."""
        return {
            "same": self.same,
            "differences": [item.to_json() for item in self.differences],
            "left_out": self.left_out,
            "notes": list(self.notes),
            "outcomes": {"a": self.a.to_json(), "b": self.b.to_json()},
        }


def explain(a: Outcome, b: Outcome) -> Explanation:
    """Where the canonical forms of two outcomes differ, as far as both have them.

    At most `DIFFERENCES_MAX` are listed, and no more once their places have
    `DIFFERENCES_PLACES_MAX` characters; the others are counted.
    """
    listed: list[Difference] = []
    characters = left_out = 0
    links_alone = True
    for item in _differences(a, b):
        links_alone = links_alone and item.hint is not None
        if len(listed) < DIFFERENCES_MAX and characters < DIFFERENCES_PLACES_MAX:
            characters += sum(len(str(part)) for part in item.path)
            listed.append(item)
        else:
            left_out += 1
    alone = bool(listed) and links_alone
    return Explanation(a, b, tuple(listed), left_out, alone)


def _differences(a: Outcome, b: Outcome) -> Iterator[Difference]:
    if a.program is not None and b.program is not None:
        images = isinstance(a.program, OciProgram) and isinstance(b.program, OciProgram)
        sides = _program(a.program), _program(b.program)
        yield from _compare(("program",), *sides, images=images)
    if a.input is not None and b.input is not None:
        yield from _compare(("input",), _input(a.input), _input(b.input))


def _program(program: Program) -> Ipld:
    """The block's value, its entry point written out: a default is a choice."""
    value = cast("Mapping[str, Ipld]", program.to_ipld())
    return {"entry": DEFAULT_ENTRY, **value} if program.kind == "wasi" else value


def _input(given: Input) -> Ipld:
    """The block's value, with maps to name entries in even where it has none."""
    return {"env": {}, "files": {}, **cast("Mapping[str, Ipld]", given.to_ipld())}


def _compare(
    path: _Path, a: Side, b: Side, *, images: bool = False
) -> Iterator[Difference]:
    """The differences below one place, in the order of names and positions."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in sorted({*a, *b}):
            sides = a.get(key, ABSENT), b.get(key, ABSENT)
            yield from _compare((*path, key), *sides, images=images)
    elif _is_list(a) and _is_list(b):
        lists = cast("Sequence[Ipld]", a), cast("Sequence[Ipld]", b)
        for index, pair in enumerate(zip_longest(*lists, fillvalue=ABSENT)):
            yield from _compare((*path, index), *pair, images=images)
    elif type(a) is not type(b) or a != b:  # 1, 1.0 and true are three values
        yield Difference(path, a, b, _hint(path, a, b, images=images))


def _is_list(side: Side) -> bool:
    return isinstance(side, list | tuple)


def _hint(path: _Path, a: Side, b: Side, *, images: bool) -> str | None:
    if not (isinstance(a, CID) and isinstance(b, CID)):
        return None
    if a.codec == b.codec and a.hash_code == b.hash_code and a.codec in _WHOLE:
        return _INDEX if images and path == ("program", "code") else None
    return _SAME_BYTES


def _json(value: Ipld) -> Json:
    try:
        return cast("Json", json.loads(dagjson.encode(value)))
    except EncodingError:  # a map with the key `/`: said as the bytes of its block
        block = dagcbor.encode(value, floats=True)
        return cast("Json", json.loads(dagjson.encode({"dag-cbor": block})))
