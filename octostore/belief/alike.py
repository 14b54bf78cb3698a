"""Invocations of the log whose normal form is that of one: found by what they hold.

    programs   by each code that is the same as its code
    inputs     by each name of the one content that fewest inputs have
    both       every pair of them that is claimed, as far as claims disclose it

Source: FORMATS 8; docs/spec/links.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from invocation_spec.cid import CID
from invocation_spec.model import Input, Invocation, Program, program_from_block
from octostore import tables
from octostore.belief.normal import Least, Place, normal, places
from octostore.questions.found import disclosed
from octostore.tables import Known, Role
from octostore.view import View

__all__ = ["CANDIDATES_MAX", "Alike", "TooManyError", "alike"]

#: Programs, inputs and pairs of them that are looked at for one question.
CANDIDATES_MAX: Final = 4096

#: Contents of an input of which the rarest is looked for.
_PLACES_COUNTED: Final = 64

#: All members of the class of what stands in a place.
Members = Callable[[Place], tuple[CID, ...]]


class TooManyError(Exception):
    """More candidates than are looked at; never leaves the package."""


@dataclass(frozen=True, slots=True)
class Alike:
    """An invocation that is claimed, with those parts that differ from one's own."""

    invocation: CID
    program: Program | None
    input: Input | None


def alike(
    view: View,
    ran: Invocation,
    program: Program | None,
    input: Input | None,
    least: Least,
    members: Members,
) -> Iterator[Alike]:
    """The invocations of the log that are the same as this one, itself left out.

    Raises:
        TooManyError: more than `CANDIDATES_MAX` would have to be looked at.
    """
    programs: dict[CID, Program | None] = {ran.program: program}
    if program is not None and _has_names(program, members):
        programs |= _programs(view, program, least, members)
    inputs: dict[CID, Input | None] = {ran.input: input}
    if input is not None and _has_names(input, members):
        inputs |= _inputs(view, input, least, members)
    if len(programs) * len(inputs) > CANDIDATES_MAX:
        raise TooManyError
    for of, one in programs.items():
        for given, other in inputs.items():
            found = Invocation(of, given)
            if found != ran and _is_shown(view, found, ran):
                yield Alike(found.cid, one, other)


def _has_names(value: Program | Input, members: Members) -> bool:
    return any(len(members(place)) > 1 for place in places(value))


def _programs(
    view: View, program: Program, least: Least, members: Members
) -> dict[CID, Program | None]:
    form, keys = normal(program, least), tables.CODES.key
    found: dict[CID, Program | None] = {}
    looks = 0
    for code in members(Place(program.code, is_code=True)):
        for key, role in view.rows.scan(tables.CODES.name, keys.prefix(code)):
            looks = _counted(looks)
            cid = keys.decode(key)[1]
            if Role(role[0]) is Role.CODE and (block := view.find_block(cid)):
                other = program_from_block(block)
                if normal(other, least) == form:
                    found[cid] = other
    return found


def _inputs(
    view: View, input: Input, least: Least, members: Members
) -> dict[CID, Input | None]:
    form = normal(input, least)
    named = [place for place in places(input) if len(members(place)) > 1]
    rarest = min(
        named[:_PLACES_COUNTED], key=lambda place: _holders(view, members(place))
    )
    found: dict[CID, Input | None] = {}
    looks = 0
    for cid in members(rarest):
        for key, _ in view.rows.scan(tables.DATA.name, tables.short(cid.raw)):
            looks = _counted(looks)
            block = view.block(tables.DATA.key.decode(key)[1])
            other = Input.from_block(block)
            if normal(other, least) == form:
                found[CID.of_block(block)] = other
    return found


def _holders(view: View, cids: tuple[CID, ...]) -> int:
    """How many inputs hold one of these; past the most that are looked at, as many."""
    count = 0
    for cid in cids:
        rows = view.rows.scan(tables.DATA.name, tables.short(cid.raw))
        count += sum(1 for _ in islice(rows, CANDIDATES_MAX + 1 - count))
    return count


def _is_shown(view: View, found: Invocation, ran: Invocation) -> bool:
    """Whether it is claimed, and its claims show those parts that are not the same."""
    number = view.number(found.cid)
    if number is None or not any(True for _ in view.claims_of(number)):
        return False
    known = disclosed(view, number)
    return (found.program == ran.program or Known.PROGRAM in known) and (
        found.input == ran.input or Known.INPUT in known
    )


def _counted(looks: int) -> int:
    if looks >= CANDIDATES_MAX:
        raise TooManyError
    return looks + 1
