"""What was found for a question, and what it asks of the map.

    Found(invocation, program, input, claims)      of an answer, as far as disclosed
    is_asked(asked, found)                         whether it belongs to the question
    questions(asked, [found, ..])                  prefixes that the answer stands below

A CID can have several roles: code or program, data or input; each is one prefix.
Source: docs/spec/map.md, Questions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Final

from invocation_spec.cid import CID
from invocation_spec.model import Input, Invocation, Program, program_from_block
from octostore import tables
from octostore.map.batch import DISCLOSED
from octostore.map.keys import (
    Topic,
    invocation_claims,
    invocation_keys,
    key,
    places,
)
from octostore.map.questions import Question
from octostore.questions.answer import Asked, InvocationAnswer
from octostore.records import Claim, parse_record
from octostore.tables import Known, is_ours
from octostore.view import View

__all__ = [
    "Found",
    "disclosed",
    "found_of",
    "indexed",
    "is_asked",
    "questions",
    "read_found",
]


_ALL: Final = Known.PROGRAM | Known.INPUT


@dataclass(frozen=True, slots=True)
class Found:
    """An invocation of an answer with its claims, as (statement, record).

    Program and input if one of these claims discloses them.
    """

    invocation: Invocation
    program: Program | None
    input: Input | None
    claims: tuple[tuple[CID, CID], ...] = ()

    def mapped(self) -> Iterable[bytes]:
        """All keys that these claims have in the map."""
        yield from invocation_keys(self.invocation, self.program, self.input)
        yield from invocation_claims(self.invocation, self.input, self.claims)


def found_of(view: View, item: InvocationAnswer, size: int) -> Found:
    """What an answer has of an invocation in the first `size` entries of the log.

    `view` is of a store with the statements behind the answer; the places are those
    that the answer names.

    Raises:
        StoreCorruptError: the view has not what the answer is made of.
    """
    invocation = Invocation(item.program, item.input)
    claims = [claim for claim in item.claims if claim.index < size]
    known = Known.NOTHING
    for claim in claims:
        if known == _ALL:  # most often the first claim says all there is
            break
        record = parse_record(view.get(claim.claim))
        assert isinstance(record, Claim)  # noqa: S101 - a view made the answer
        for name, flag in DISCLOSED:
            known |= flag if name not in record.withheld else Known.NOTHING
    return read_found(
        view,
        invocation,
        known,
        tuple((claim.statement, claim.claim) for claim in claims),
    )


def indexed(view: View, invocation: int) -> Known:
    """What the index has of the invocation with this block number, as of now."""
    row = view.rows.get(tables.RAN.name, tables.RAN.key.encode(invocation))
    return Known.NOTHING if row is None else Known(row[0])


def disclosed(view: View, invocation: int) -> Known:
    """What claims of the invocation with this block number disclose, as of the view.

    Claims are read until all is found that is disclosed by now: most often the first
    one, but all of them as of then if what they withhold was disclosed later.
    """
    all_of_it = indexed(view, invocation) & _ALL
    known = Known.NOTHING
    claims = view.claims_of(invocation)
    while known != all_of_it and (logged := next(claims, None)) is not None:
        for name, flag in DISCLOSED:
            known |= flag if name not in logged.claim.withheld else Known.NOTHING
    return known


def read_found(
    view: View,
    invocation: Invocation,
    known: Known,
    claims: tuple[tuple[CID, CID], ...] = (),
) -> Found:
    """The invocation with as much of it as is known to be disclosed.

    Raises:
        NotFoundError: a block of it is not there.
    """
    program = input = None
    if Known.PROGRAM in known:
        program = program_from_block(view.get(invocation.program))
    if Known.INPUT in known:
        input = Input.from_block(view.get(invocation.input))
    return Found(invocation, program, input, claims)


def questions(asked: Asked, found: Iterable[Found]) -> list[Question]:
    """What an answer with these invocations asks of the map, sorted.

    Of each invocation its claims where it stands itself: below its place without the
    nonce stand other runs, too, which are asked for only by that place.
    """
    prefixes = set(_roles(asked))
    for item in found:
        program = item.invocation.program
        prefixes.add(key(Topic.CLAIMS, program, item.invocation.input))
        for at in places(item.invocation, item.input):
            if asked.invocation == Invocation(program, at).cid:
                prefixes.add(key(Topic.CLAIMS, program, at))
    if asked.invocation is not None and not prefixes:
        prefixes.add(key(Topic.INVOCATION, asked.invocation))
    return [Question(prefix) for prefix in sorted(prefixes)]


def is_asked(asked: Asked, found: Found) -> bool:
    """Whether what is disclosed of an invocation shows that it is asked for."""
    if asked.invocation is not None:
        program = found.invocation.program
        return any(
            Invocation(program, at).cid == asked.invocation
            for at in places(found.invocation, found.input)
        )
    roles = tuple(_roles(asked))
    if not roles:
        return False
    invocation, input = found.invocation, found.input
    claims = (
        key(Topic.CLAIMS, invocation.program, at) for at in places(invocation, input)
    )
    others = invocation_keys(invocation, found.program, input)
    return any(item.startswith(roles) for item in chain(claims, others))


def _roles(asked: Asked) -> Iterable[bytes]:
    """The prefixes of the roles that two CIDs can have."""
    code, data = asked.program, asked.input
    if code is None or data is None:
        return
    yield key(Topic.PAIR, code, data)
    if is_ours(code):
        yield key(Topic.DATA, data, code)
    if is_ours(data):
        yield key(Topic.CODE, code, data)
    if is_ours(code) and is_ours(data):
        yield key(Topic.CLAIMS, code, data)
