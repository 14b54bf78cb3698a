"""The rows that follow from a statement in the log; `rebuild` makes them again.

    invocation       found by program, code, input, data, and pairs of code and data
    statement        found by name, by place in the log, by issuer and chain
    record           found by what it speaks of: invocation, claim, issuer, CIDs

Rows of invocations hold no place in the log and may be committed before it is
taken; rows of the statement go into the batch of its log entry.
Source: FORMATS 3 (nonce), 6 (withheld), 7; tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from invocation_spec.cid import CID
from invocation_spec.model import Input, Invocation, Program, WasiProgram
from octostore import tables
from octostore.closure import Closure, Fact, Ran
from octostore.draft import Draft
from octostore.keys import PublicKey
from octostore.log import Entry, leaf_hash
from octostore.receipt import Skipped
from octostore.records import Claim, Link, Profile, Withdrawal
from octostore.statement import Statement
from octostore.tables import Known, Role

__all__ = ["append_entry", "index_invocation", "index_statement"]

_NOTHING: Final = b""


def append_entry(draft: Draft, entry: Entry) -> int:
    """Log the entry, whose block is there; returns its place.

    With it go the hashes of all subtrees that it completes (tables.py).
    """
    raw = bytes(entry)
    frontier, hashes = draft.view.frontier().grown(leaf_hash(raw))
    index = frontier.size - 1
    draft.put(
        tables.LOG.name,
        tables.LOG.key.encode(index),
        tables.LOG_VALUE.encode(raw, b"".join(hashes)),
    )
    draft.put(tables.META.name, tables.FRONTIER, bytes(frontier))
    return index


def index_statement(
    draft: Draft, closure: Closure, statement: Statement, index: int
) -> list[Skipped]:
    """Make a statement at its place in the log, and its valid records, found.

    Returns the invalid ones. May commit what holds no place in the log.
    """
    skipped: list[Skipped] = []
    rows: list[tuple[str, bytes]] = []
    for fact in closure.facts(statement.part):
        if isinstance(fact, Skipped):
            skipped.append(fact)
            continue
        if fact.ran is not None:
            index_invocation(draft, closure, fact.ran)
        rows += _record_rows(draft, statement.part.iss.key, index, fact)
        draft.commit_if_large()
    for table, key in rows:
        draft.put(table, key, _NOTHING)
    _statement_rows(draft, statement, index)
    return skipped


def index_invocation(draft: Draft, closure: Closure, ran: Ran) -> None:
    """Make an invocation found by all that is disclosed of it.

    One claim may withhold what another discloses: what is indexed only grows,
    and rows that need both halves are written when the second comes.
    """
    invocation, number = ran.invocation, draft.number(ran.cid)
    by_program = tables.BY_PROGRAM.key.encode(invocation.program, number)
    row = draft.get(tables.BY_PROGRAM.name, by_program)
    before = Known.NOTHING if row is None else Known(tables.OTHER_HALF.decode(row)[1])
    program, input = ran.program, ran.input
    if program is None and Known.PROGRAM in before:
        program = closure.program(invocation.program)
    if input is None and Known.INPUT in before:
        input = closure.input(invocation.input)
    now = _known(program, input)
    if row is not None and now == before:
        return
    if program is not None:
        _code_rows(draft, invocation.program, program)
    if input is not None:
        _data_rows(draft, invocation.input, input)
        if input.nonce:
            _nonce_rows(draft, invocation, number, input, now)
    if program is not None and input is not None:
        for data in input.data:
            key = tables.PAIRS.key.encode(tables.pair(program.code, data), number)
            draft.put(tables.PAIRS.name, key, _NOTHING)
    draft.put(
        tables.BY_PROGRAM.name,
        by_program,
        tables.OTHER_HALF.encode(invocation.input, now),
    )
    draft.put(
        tables.BY_INPUT.name,
        tables.BY_INPUT.key.encode(invocation.input, number),
        tables.OTHER_HALF.encode(invocation.program, now),
    )


def _known(program: Program | None, input: Input | None) -> Known:
    known = Known.NOTHING
    if program is not None:
        known |= Known.PROGRAM
    if input is not None:
        known |= Known.INPUT
        known |= Known.NONCED if input.nonce else Known.NOTHING
    return known


def _statement_rows(draft: Draft, statement: Statement, index: int) -> None:
    part = statement.part
    issuer = part.iss.key
    draft.put(
        tables.PARTS.name,
        tables.PARTS.key.encode(statement.cid),
        tables.NUMBER.encode(index),
    )
    draft.put(
        tables.STATEMENTS.name,
        tables.STATEMENTS.key.encode(index),
        tables.STATEMENT_VALUE.encode(statement.cid, issuer, part.iat),
    )
    draft.put(
        tables.CHAINS.name,
        tables.CHAINS.key.encode(issuer, part.chain, part.seq, index),
        _NOTHING,
    )


def _record_rows(
    draft: Draft, issuer: PublicKey, index: int, fact: Fact
) -> Iterator[tuple[str, bytes]]:
    number, record = draft.number(fact.cid), fact.record
    if isinstance(record, Claim):
        invocation = draft.number(record.invocation)
        yield tables.CLAIMS.name, tables.CLAIMS.key.encode(invocation, index, number)
    elif isinstance(record, Profile):
        yield tables.PROFILES.name, tables.PROFILES.key.encode(issuer, index, number)
    elif isinstance(record, Withdrawal):
        key = tables.WITHDRAWALS.key.encode(record.claim, issuer, index, number)
        yield tables.WITHDRAWALS.name, key
    elif isinstance(record, Link):
        for end in (record.a, record.b):
            yield tables.LINKS.name, tables.LINKS.key.encode(end, index, number)


def _code_rows(draft: Draft, cid: CID, program: Program) -> None:
    roles = {program.code: Role.CODE}
    if isinstance(program, WasiProgram):
        for item in program.imports:
            roles.setdefault(item.code, Role.IMPORT)
    for code, role in roles.items():
        _put_new(draft, tables.CODES.name, tables.CODES.key.encode(code, cid), role)


def _data_rows(draft: Draft, cid: CID, input: Input) -> None:
    for data in input.data:
        _put_new(draft, tables.DATA.name, tables.DATA.key.encode(data, cid))


def _nonce_rows(
    draft: Draft, invocation: Invocation, number: int, input: Input, known: Known
) -> None:
    """Let the invocation without the nonce lead to this one."""
    plain = replace(input, nonce=b"").cid
    sibling = Invocation(invocation.program, plain).cid
    key = tables.PAIRS.key.encode(sibling.digest, number)
    draft.put(tables.PAIRS.name, key, _NOTHING)
    draft.put(
        tables.BY_INPUT.name,
        tables.BY_INPUT.key.encode(plain, number),
        tables.OTHER_HALF.encode(invocation.program, known),
    )


def _put_new(draft: Draft, table: str, key: bytes, role: Role | None = None) -> None:
    """Put a row unless it is there: programs and inputs are shared by many."""
    if draft.get(table, key) is None:
        draft.put(table, key, _NOTHING if role is None else bytes((role,)))
