"""Which invocations a question asks for, one after the other, from any place on.

    code C1 x data D1          one range of `pairs`
    program P x input I        the invocation {P, I}, and the same with a nonce
    program P x data D1        the range of (code of P, D1), those of P; then those
                               of P whose claims withhold it, if it is known by D1
    code C1 x input I          for each program with that code, as above

A CID is looked for in every role it could have. Roles cannot overlap (a block
cannot hold its own hash), so no invocation comes twice. Source: FORMATS 3, 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from invocation_spec.model import Input, Invocation, program_from_block
from octostore import tables
from octostore.questions.answer import Asked
from octostore.tables import Known, Role
from octostore.view import View

__all__ = ["PLACE_BYTES", "Place", "search"]

_BY_CIDS: Final = 0
_BY_PROGRAM: Final = 1
_BY_CODE: Final = 2

_LOOKED_AT: Final = 0
_EXACT: Final = 1
_NONCED: Final = 2
_WITH_DATA: Final = 3
_WITHHELD_BY_DATA: Final = 4
_WITHHELD_BY_PROGRAM: Final = 5

#: Rows counted to choose the shorter of two ranges; past that neither is short.
_COUNTED_MAX: Final = 4096

_NO_PROGRAM: Final = bytes(32)

#: A place written down: phase, program, step, number.
PLACE_BYTES: Final = 1 + 32 + 1 + 6


class Place(NamedTuple):
    """Where a search stands; places are ordered as the search goes."""

    phase: int
    program: bytes
    step: int
    number: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Place:
        """Read `PLACE_BYTES` bytes; any are a place, if not a sensible one."""
        return cls(raw[0], raw[1:33], raw[33], int.from_bytes(raw[34:], "big"))

    def __bytes__(self) -> bytes:
        return (
            bytes((self.phase,))
            + self.program
            + bytes((self.step,))
            + self.number.to_bytes(6, "big")
        )


def search(
    view: View, asked: Asked, after: Place | None = None
) -> Iterator[tuple[Place, int | None]]:
    """Block numbers of the invocations asked for, each with its place.

    None stands where something was looked at in vain, so that whoever asks can
    stop at any amount of work and go on from that place.
    """
    if asked.invocation is not None:
        sources: Iterator[_Source | _Withheld] = _run(
            view, (_BY_CIDS, _NO_PROGRAM), asked.invocation
        )
    elif asked.program is not None and asked.input is not None:
        sources = _of_two(view, asked.program, asked.input, after)
    else:
        return
    for source in sources:
        if after is None or source.place >= after[:3]:
            yield from source.numbers(after)


class _Source(NamedTuple):
    """Candidates in order: a range of `pairs`, or one, or one look in vain."""

    view: View
    place: tuple[int, bytes, int]
    key: bytes | None = None
    single: int | None = None
    program: CID | None = None  # only its invocations are asked for

    def numbers(self, after: Place | None) -> Iterator[tuple[Place, int | None]]:
        beyond = after.number if after and after[:3] == self.place else None
        if self.key is None:
            number = self.single or 0
            if beyond is None or number > beyond:
                yield Place(*self.place, number), self.single
            return
        keys, name = tables.PAIRS.key, tables.PAIRS.name
        start = b""
        if beyond is not None and beyond >= 0:
            start = keys.encode(self.key, beyond)
        for key, _ in self.view.rows.scan(name, self.key, after=start):
            number = keys.decode(key)[1]
            is_asked = self.program is None or _runs(self.view, self.program, number)
            yield Place(*self.place, number), number if is_asked else None


class _Withheld(NamedTuple):
    """Invocations of a program that their claims withhold, by disclosed data.

    Over the inputs with the data or over the runs of the program, as the place says;
    what both ways find is the same.
    """

    view: View
    place: tuple[int, bytes, int]
    program: CID
    data: CID

    def numbers(self, after: Place | None) -> Iterator[tuple[Place, int | None]]:
        by_data = self.place[2] == _WITHHELD_BY_DATA
        layout = tables.DATA if by_data else tables.BY_PROGRAM
        prefix = _with(self.data) if by_data else _of(self.program)
        start = b""
        if after is not None and after[:3] == self.place and after.number >= 0:
            start = layout.key.encode(prefix, after.number)
        for row, _ in self.view.rows.scan(layout.name, prefix, after=start):
            at = layout.key.decode(row)[1]
            number = self._of_input(at) if by_data else at
            is_asked = number is not None and self._is_asked(number)
            yield Place(*self.place, at), number if is_asked else None

    def _of_input(self, number: int) -> int | None:
        given = CID.of_block(self.view.block(number))
        return self.view.number(Invocation(self.program, given).cid)

    def _is_asked(self, number: int) -> bool:
        row = self.view.rows.get(tables.RAN.name, tables.RAN.key.encode(number))
        known = Known.NOTHING if row is None else Known(row[0])
        if Known.PROGRAM in known or Known.INPUT not in known:
            return False
        ran = Invocation.from_block(self.view.block(number))
        if ran.program != self.program:
            return False
        return self.data in Input.from_block(self.view.get(ran.input)).data


def _of_two(
    view: View, code: CID, data: CID, after: Place | None
) -> Iterator[_Source | _Withheld]:
    pair = tables.pair(code.raw, data.raw)
    yield _Source(view, (_BY_CIDS, _NO_PROGRAM, _EXACT), pair)
    if tables.is_ours(code):
        phase = (_BY_PROGRAM, code.digest)
        if tables.is_ours(data):
            yield from _run(view, phase, Invocation(code, data).cid)
        yield from _with_data(view, phase, code, data)
        yield _withheld(view, phase, code, data, after)
    is_input = _is_input(view, data)
    for program, role in _programs(view, code, after):
        phase = (_BY_CODE, program.digest)
        yield _Source(view, (*phase, _LOOKED_AT))
        if is_input:
            yield from _run(view, phase, Invocation(program, data).cid)
        if role is Role.IMPORT:
            yield from _with_data(view, phase, program, data)


def _programs(view: View, code: CID, after: Place | None) -> Iterator[tuple[CID, Role]]:
    keys = tables.CODES.key
    prefix = start = keys.prefix(code)
    if after is not None and after.phase == _BY_CODE:
        start += _before(after.program)
    for key, role in view.rows.scan(tables.CODES.name, prefix, after=start):
        yield keys.decode(key)[1], Role(role[0])


def _before(digest: bytes) -> bytes:
    """The digest before this one, so that a scan `after` it begins with this one."""
    value = int.from_bytes(digest, "big")
    return max(value - 1, 0).to_bytes(len(digest), "big")


def _run(view: View, phase: tuple[int, bytes], cid: CID) -> Iterator[_Source]:
    """The invocation itself, and those that differ from it by a nonce only."""
    if not tables.is_ours(cid):
        return
    number = view.number(cid)
    if number is not None:
        yield _Source(view, (*phase, _EXACT), single=number)
    yield _Source(view, (*phase, _NONCED), cid.digest[: tables.SHORT_BYTES])


def _with_data(
    view: View, phase: tuple[int, bytes], program: CID, data: CID
) -> Iterator[_Source]:
    """Invocations of this very program with the data, where both are disclosed."""
    block = view.find_block(program)
    if block is None:
        return
    try:
        code = program_from_block(block).code
    except EncodingError:
        return
    yield _Source(
        view, (*phase, _WITH_DATA), tables.pair(code.raw, data.raw), program=program
    )


def _withheld(
    view: View,
    phase: tuple[int, bytes],
    program: CID,
    data: CID,
    after: Place | None,
) -> _Withheld:
    """The shorter way; on a later page the way that the first one went."""
    step = after.step if after is not None and after[:2] == phase else None
    if step not in (_WITHHELD_BY_DATA, _WITHHELD_BY_PROGRAM):
        with_data = _counted(view, tables.DATA.name, _with(data))
        runs = _counted(view, tables.BY_PROGRAM.name, _of(program))
        step = _WITHHELD_BY_PROGRAM if runs < with_data else _WITHHELD_BY_DATA
    return _Withheld(view, (*phase, step), program, data)


def _counted(view: View, table: str, prefix: bytes) -> int:
    return sum(1 for _ in islice(view.rows.scan(table, prefix), _COUNTED_MAX))


def _with(data: CID) -> bytes:
    return tables.short(data.raw)


def _of(program: CID) -> bytes:
    return program.digest[: tables.SHORT_BYTES]


def _runs(view: View, program: CID, number: int) -> bool:
    key = tables.BY_PROGRAM.key.encode(program.digest[: tables.SHORT_BYTES], number)
    return view.rows.get(tables.BY_PROGRAM.name, key) is not None


def _is_input(view: View, cid: CID) -> bool:
    if not tables.is_ours(cid):
        return False
    prefix = cid.digest[: tables.SHORT_BYTES]
    return any(True for _ in view.rows.scan(tables.BY_INPUT.name, prefix))
