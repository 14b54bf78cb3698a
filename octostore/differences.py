"""How values of one output differ: sizes, the first byte, lines, numbers.

    difference(a, b)    -> Difference(sizes=(14, 15), first=9, text=True, lines=(..),
                                      numbers=Numbers(greatest absolute, relative))
    differences([R1, R2, R3], contents)       the first value against each of the others

The values are files of any size, and written by strangers: they are read as streams,
lines are compared in a window around the first byte that differs, and control
characters are written as escapes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Context, Decimal
from difflib import unified_diff
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from invocation_spec.cid import CID
from invocation_spec.errors import CidError
from octostore.contents import Contents
from octostore.errors import NotFoundError

__all__ = [
    "DIFF_LINES_MAX",
    "LINE_CHARACTERS_MAX",
    "NUMBERS_BYTES_MAX",
    "VALUES_MAX",
    "WINDOW_BYTES_MAX",
    "Compared",
    "Difference",
    "Gap",
    "Numbers",
    "OutputDifferences",
    "beside",
    "difference",
    "differences",
]

#: Values of one output that are compared with the first: each is a file to fetch.
VALUES_MAX: Final = 16

#: Bytes of each side in which lines are compared: their comparison is quadratic.
WINDOW_BYTES_MAX: Final = 16 << 10

#: Lines of a diff that are shown, and characters of each.
DIFF_LINES_MAX: Final = 40
LINE_CHARACTERS_MAX: Final = 160

#: Bytes of each side in which numbers are compared: a few seconds.
NUMBERS_BYTES_MAX: Final = 4 << 20

#: Characters of a line whose numbers are compared; one file may be one line.
_ROW_CHARACTERS_MAX: Final = 1 << 16

_PIECE_BYTES: Final = 1 << 18
_CONTEXT_LINES: Final = 2
#: Below 200, from which on `difflib` takes lines that are frequent for junk.
_WINDOW_LINES: Final = 199

#: A number as tables have it, of a length that nobody computes with for long.
_NUMBER: Final = re.compile(
    r"(?<![\w.])([+-]?(?:\d{1,64}(?:\.\d{0,64})?|\.\d{1,64})(?:[eE][+-]?\d{1,4})?)"
    r"(?![\w.])"
)
_EXACT: Final = Context(prec=40)

Content: TypeAlias = "bytes | Path"


@dataclass(frozen=True, slots=True)
class Gap:
    """Two numbers, as they are written, on one line; and how far they are apart."""

    line: int
    a: str
    b: str
    gap: Decimal

    def to_json(self) -> dict[str, object]:
        """`{line, a, b, gap}`; the gap in decimal, of six digits."""
        return {"line": self.line, "a": self.a, "b": self.b, "gap": f"{self.gap:.6g}"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """What differs where lines are alike but for their numbers.

    `other_lines` differ in words too, or stand on one side only. The relative gap is to
    the larger of two numbers; it is None where no numbers differ. With `partial`, the
    files go on.
    """

    compared: int
    differing: int
    other_lines: int
    absolute: Gap | None
    relative: Gap | None
    partial: bool

    def to_json(self) -> dict[str, object]:
        """`{compared, differing, other_lines, absolute?, relative?, partial}`."""
        gaps = {"absolute": self.absolute, "relative": self.relative}
        return {
            "compared": self.compared,
            "differing": self.differing,
            "other_lines": self.other_lines,
            **{name: gap.to_json() for name, gap in gaps.items() if gap is not None},
            "partial": self.partial,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """How two files differ; `first` is the offset of the first byte, None if equal.

    `lines` are those of a unified diff around it, of text only; `more` says that there
    are others. `numbers` only where some differ.
    """

    sizes: tuple[int, int]
    first: int | None
    text: bool
    lines: tuple[str, ...] = ()
    more: bool = False
    numbers: Numbers | None = None

    def to_json(self) -> dict[str, object]:
        """`{sizes, first, text, lines?, more?, numbers?}`."""
        found: dict[str, object] = {
            "sizes": list(self.sizes),
            "first": self.first,
            "text": self.text,
        }
        if self.lines:
            found |= {"lines": list(self.lines), "more": self.more}
        if self.numbers is not None:
            found["numbers"] = self.numbers.to_json()
        return found


@dataclass(frozen=True, slots=True)
class Compared:
    """One value beside the first: how they differ, or why nobody can tell."""

    value: CID
    difference: Difference | None = None
    missing: str | None = None

    def to_json(self) -> dict[str, object]:
        """`{value, difference?, missing?}`."""
        found: dict[str, object] = {"value": str(self.value)}
        if self.difference is not None:
            found["difference"] = self.difference.to_json()
        if self.missing is not None:
            found["missing"] = self.missing
        return found


@dataclass(frozen=True, slots=True)
class OutputDifferences:
    """The values of one output: `others` against `first`; more were left out."""

    first: CID
    missing: str | None
    others: tuple[Compared, ...]
    left_out: int

    def to_json(self) -> dict[str, object]:
        """`{first, missing?, others, left_out}`."""
        missing = {} if self.missing is None else {"missing": self.missing}
        return {
            "first": str(self.first),
            **missing,
            "others": [item.to_json() for item in self.others],
            "left_out": self.left_out,
        }


def differences(values: Sequence[CID], contents: Contents) -> OutputDifferences:
    """The first value against each of the others, as far as they can be had.

    If the first cannot, the next one that can takes its place.
    """
    looked_at = list(dict.fromkeys(values))[:VALUES_MAX]
    left_out = len(set(values)) - len(looked_at)
    missing: list[Compared] = []
    for at, first in enumerate(looked_at):
        try:
            ours = contents.get(first)
        except (NotFoundError, CidError) as error:
            missing.append(Compared(first, missing=error.reason))
            continue
        others = [beside(ours, value, contents) for value in looked_at[at + 1 :]]
        return OutputDifferences(first, None, (*missing, *others), left_out)
    head, *others = missing
    return OutputDifferences(head.value, head.missing, tuple(others), left_out)


def beside(ours: Content, value: CID, contents: Contents) -> Compared:
    """How another value differs from bytes that are at hand, if it can be had."""
    try:
        theirs = contents.get(value)
    except (NotFoundError, CidError) as error:
        return Compared(value, missing=error.reason)
    return Compared(value, difference(ours, theirs))


def difference(a: Content, b: Content) -> Difference:
    """How two files differ, in time and memory that do not grow with them much.

    Raises:
        OSError: a file cannot be read.
    """
    with ExitStack() as opened:
        ours, theirs = (opened.enter_context(_opened(item)) for item in (a, b))
        sizes = (_size(ours), _size(theirs))
        first = _first(ours, theirs)
        if first is None:
            return Difference(sizes, None, _is_text(ours))
        if not (_is_text(ours, first) and _is_text(theirs, first)):
            return Difference(sizes, first, False)
        lines, more = _diff(ours, theirs, first)
        numbers = _numbers(ours, theirs)
        return Difference(
            sizes, first, True, lines, more, numbers if numbers.differing else None
        )


def _opened(content: Content) -> BinaryIO:
    if isinstance(content, bytes):
        return io.BytesIO(content)
    return cast("BinaryIO", content.open("rb"))


def _size(stream: BinaryIO) -> int:
    return stream.seek(0, io.SEEK_END)


def _first(a: BinaryIO, b: BinaryIO) -> int | None:
    """The offset of the first byte that differs, or where one of them ends."""
    a.seek(0)
    b.seek(0)
    at = 0
    while True:
        ours, theirs = a.read(_PIECE_BYTES), b.read(_PIECE_BYTES)
        if ours != theirs:
            pairs = zip(ours, theirs, strict=False)
            same = next((i for i, (x, y) in enumerate(pairs) if x != y), None)
            return at + (min(len(ours), len(theirs)) if same is None else same)
        if not ours:
            return None
        at += len(ours)


def _is_text(stream: BinaryIO, at: int = 0) -> bool:
    """Whether the beginning and what is around a place is UTF-8 without NUL."""
    for start in {0, max(0, at - WINDOW_BYTES_MAX // 2)}:
        stream.seek(start)
        piece = stream.read(WINDOW_BYTES_MAX)
        cuts = (3 if start else 0, 3 if stream.read(1) else 0)
        if b"\0" in piece or not _decodes(piece, *cuts):
            return False
    return True


def _decodes(piece: bytes, at_begin: int, at_end: int) -> bool:
    """Whether bytes are UTF-8 but for so many at the ends, where a text was cut."""
    for begin in range(at_begin + 1):
        for end in range(at_end + 1):
            try:
                piece[begin : len(piece) - end].decode()
            except UnicodeDecodeError:
                continue
            return True
    return False


def _diff(a: BinaryIO, b: BinaryIO, first: int) -> tuple[tuple[str, ...], bool]:
    """A unified diff around the first difference, and whether there is more."""
    start = _line_before(a, first)
    number = _lines_to(a, start)
    ours, a_ends = _window(a, start)
    theirs, b_ends = _window(b, start)
    found: list[str] = []
    for line in unified_diff(ours, theirs, n=_CONTEXT_LINES, lineterm=""):
        if line.startswith(("---", "+++")) and not found:
            continue
        if len(found) == DIFF_LINES_MAX:
            return tuple(found), True
        found.append(_shown(_renumbered(line, number)))
    return tuple(found), not (a_ends and b_ends)


def _window(stream: BinaryIO, start: int) -> tuple[list[str], bool]:
    """Lines from a place on, and whether those are all."""
    stream.seek(start)
    piece = stream.read(WINDOW_BYTES_MAX)
    ends = not stream.read(1)
    lines = piece.decode(errors="replace").split("\n")
    if lines[-1] == "":
        lines.pop()
    elif ends:
        lines.append("\\ no newline at the end")
    return lines[:_WINDOW_LINES], ends and len(lines) <= _WINDOW_LINES


def _line_before(stream: BinaryIO, at: int) -> int:
    """Where a line begins, some lines before a place, not far from it."""
    begin = max(0, at - WINDOW_BYTES_MAX // 4)
    stream.seek(begin)
    before = stream.read(at - begin)
    ends = [i for i, byte in enumerate(before) if byte == 0x0A]
    if len(ends) > _CONTEXT_LINES:
        return begin + ends[-_CONTEXT_LINES - 1] + 1
    if begin == 0:
        return 0
    return begin + ends[0] + 1 if ends else begin


def _lines_to(stream: BinaryIO, end: int) -> int:
    """How many lines end before a place."""
    stream.seek(0)
    count, left = 0, end
    while left and (piece := stream.read(min(left, _PIECE_BYTES))):
        count += piece.count(b"\n")
        left -= len(piece)
    return count


_HUNK: Final = re.compile(r"@@ -(\d+)(\S*) \+(\d+)(\S*) @@")


def _renumbered(line: str, number: int) -> str:
    """The head of a hunk with the numbers of lines in the whole file."""
    hunk = _HUNK.fullmatch(line)
    if hunk is None:
        return line
    a, b = int(hunk[1]) + number, int(hunk[3]) + number
    return f"@@ -{a}{hunk[2]} +{b}{hunk[4]} @@"


def _shown(line: str) -> str:
    """One line of a terminal: escapes shown, and not too long."""
    text = line[: LINE_CHARACTERS_MAX + 1]
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return (
        text if len(text) <= LINE_CHARACTERS_MAX else text[:LINE_CHARACTERS_MAX] + ".."
    )


def _numbers(a: BinaryIO, b: BinaryIO) -> Numbers:
    """Numbers that stand at the same place of lines that are else the same."""
    compared = differing = others = 0
    absolute: Gap | None = None
    relative: Gap | None = None
    partial = max(_size(a), _size(b)) > NUMBERS_BYTES_MAX
    for at, (ours, theirs) in enumerate(zip_longest(_lines(a), _lines(b)), 1):
        if (
            ours is None
            or theirs is None
            or max(len(ours), len(theirs)) > _ROW_CHARACTERS_MAX
        ):
            others += ours != theirs
            continue
        mine, yours = _NUMBER.split(ours), _NUMBER.split(theirs)
        if mine[::2] != yours[::2]:
            others += 1
            continue
        compared += len(mine) // 2
        for x, y in zip(mine[1::2], yours[1::2], strict=True):
            if x == y:
                continue
            differing += 1
            gap, share = _gaps(Decimal(x), Decimal(y))
            if absolute is None or gap > absolute.gap:
                absolute = Gap(at, x, y, gap)
            if relative is None or share > relative.gap:
                relative = Gap(at, x, y, share)
    return Numbers(compared, differing, others, absolute, relative, partial)


def _gaps(x: Decimal, y: Decimal) -> tuple[Decimal, Decimal]:
    gap = _EXACT.subtract(x, y).copy_abs()
    larger = max(x.copy_abs(), y.copy_abs())
    return gap, _EXACT.divide(gap, larger) if larger else Decimal(0)


def _lines(stream: BinaryIO) -> Iterator[str]:
    """The lines of a text as far as they are looked at."""
    stream.seek(0)
    left = NUMBERS_BYTES_MAX
    rest = b""
    while left and (piece := stream.read(min(left, _PIECE_BYTES))):
        left -= len(piece)
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
