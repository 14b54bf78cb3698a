"""From a CID to the invocations that it leads to, one after the other, from any place.

    program P     by_program #P            code C     codes C -> &P,  by_program #P
    input I       by_input #I              data D     data #D -> no of I,  by_input #I
    output R      outputs #R -> no of result, made -> invocation

Rows lead to blocks, and the blocks decide: a row that only looks alike is passed over.
No invocation comes twice: a block cannot hold its own hash, so that no CID is both a
program and the code in it. Source: DESIGN 5; tables.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from invocation_spec.cid import CID
from invocation_spec.model import Input, Invocation
from octostore import tables
from octostore.result import Result
from octostore.tables import Layout
from octostore.view import View

__all__ = ["Role", "Step", "reach"]

_ITSELF, _WITHIN = 0, 1


class Role(StrEnum):
    """What a CID is to the invocations that it leads to."""

    PROGRAM = "program"  # or a code in it
    INPUT = "input"  # or data in it
    OUTPUT = "output"  # of a result that is claimed


class Step(NamedTuple):
    """An invocation by its block number, and by what it was reached.

    `by` is the digest of the program, the input or the result; steps are ordered as
    the walk goes, but for programs and inputs, which stand as their indexes have them.
    """

    phase: int
    by: bytes
    number: int


def reach(view: View, role: Role, cid: CID, at: Step | None = None) -> Iterator[Step]:
    """The invocations in this role; with `at`, those after it, and itself first."""
    for phase, by, prefix in _parents(view, role, cid, at):
        start = b""
        layout = _CHILDREN[role]
        if at is not None and (phase, by) == (at.phase, at.by) and at.number > 0:
            start = prefix + tables.no_of(at.number - 1)
        for key, _ in view.rows.scan(layout.name, prefix, after=start):
            number = int.from_bytes(key[-tables.NO_BYTES :], "big")
            if role is Role.OUTPUT or _is_of(view, role, by, number):
                yield Step(phase, by, number)


_CHILDREN: dict[Role, Layout[bytes, int] | Layout[int, int]] = {
    Role.PROGRAM: tables.BY_PROGRAM,
    Role.INPUT: tables.BY_INPUT,
    Role.OUTPUT: tables.MADE,
}


def _parents(
    view: View, role: Role, cid: CID, at: Step | None
) -> Iterator[tuple[int, bytes, bytes]]:
    """Phase, digest and prefix of its invocations: of each program, input or result."""
    is_first = at is None or at.phase == _ITSELF
    if role is not Role.OUTPUT and tables.is_ours(cid) and is_first:
        yield _ITSELF, cid.digest, cid.digest[: tables.SHORT_BYTES]
    within = None if at is None or at.phase == _ITSELF else at.by
    if role is Role.PROGRAM:
        for digest in _programs(view, cid, within):
            yield _WITHIN, digest, digest[: tables.SHORT_BYTES]
        return
    for number, digest in _holders(view, role, cid, within):
        is_output = role is Role.OUTPUT
        below = tables.no_of(number) if is_output else digest[: tables.SHORT_BYTES]
        yield _WITHIN, digest, below


def _programs(view: View, code: CID, within: bytes | None) -> Iterator[bytes]:
    prefix = start = tables.CODES.key.prefix(code)
    if within is not None:
        before = max(int.from_bytes(within, "big") - 1, 0)
        start = prefix + before.to_bytes(len(within), "big")
    for key, _ in view.rows.scan(tables.CODES.name, prefix, after=start):
        yield tables.CODES.key.decode(key)[1].digest


def _holders(
    view: View, role: Role, cid: CID, within: bytes | None
) -> Iterator[tuple[int, bytes]]:
    """Numbers and digests of the inputs with this data, or results with this output."""
    layout = tables.OUTPUTS if role is Role.OUTPUT else tables.DATA
    prefix, start = tables.short(cid.raw), b""
    if within is not None:
        number = view.number(CID.of_block_digest(within))
        if number is None:
            return  # it was no place of this walk
        start = prefix + tables.no_of(number - 1) if number else b""
    for key, _ in view.rows.scan(layout.name, prefix, after=start):
        number = layout.key.decode(key)[1]
        block = view.block(number)
        if role is Role.OUTPUT:
            is_held = cid in Result.from_block(block).outputs.values()
        else:
            is_held = cid in Input.from_block(block).data
        if is_held:
            yield number, hashlib.sha256(block).digest()


def _is_of(view: View, role: Role, by: bytes, number: int) -> bool:
    ran = Invocation.from_block(view.block(number))
    return (ran.program if role is Role.PROGRAM else ran.input).digest == by
