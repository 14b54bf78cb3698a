"""The rows that follow from a statement in the log; `rebuild` makes them again.

    invocation       found by program, code, input, data, and pairs of code and data
    result           found by its outputs, and leads to the invocations it was made by
    statement        found by name, by place in the log, by issuer and chain
    record           found by what it speaks of: invocation, claim, issuer, CIDs

Rows of invocations and outputs hold no place in the log and may be committed before
it is taken; rows of the statement go into the batch of its log entry.
Source: FORMATS 3 (nonce), 6 (withheld), 7; tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from invocation_spec.model import Input, Invocation, Program, WasiProgram
from octostore import tables
from octostore.closure import Claimed, Closure, Fact, Find, Ran
from octostore.draft import Draft
from octostore.keys import PublicKey
from octostore.log import Entry, leaf_hash
from octostore.receipt import Skipped
from octostore.records import Link, Profile, Withdrawal
from octostore.records.usual import UsualClaim
from octostore.statement import Statement
from octostore.tables import Known, Role

__all__ = ["Index", "append_entry"]

_NOTHING: Final = b""

_DISCLOSED: Final = Known.PROGRAM | Known.INPUT

#: What stays known of invocations, results, programs and inputs; far more than one
#: statement speaks of.
_KEPT_MAX: Final = 1 << 16


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


class Index:
    """Writes rows into a draft; a `Shelf` of what it finds there.

    `find` gives the blocks that statements name, which were hashed.
    """

    def __init__(self, draft: Draft, find: Find) -> None:
        self._draft = draft
        self.closure = Closure(find, self)
        self._settled: set[bytes] = set()
        self._made: set[bytes] = set()
        self._shared: set[bytes] = set()

    def look_up(self, records: Mapping[bytes, UsualClaim | None]) -> None:
        """Find out what is known of these records and of what they name."""
        for kept in (self._settled, self._made, self._shared):
            if len(kept) > _KEPT_MAX:
                kept.clear()
        claims = [claim for claim in records.values() if claim is not None]
        invocations = {claim.invocation for claim in claims} - self._settled
        self._draft.look_up(
            {*records, *invocations, *(claim.result for claim in claims)}
        )
        find = self._draft.find_no
        numbered = {no: cid for cid in invocations if (no := find(cid)) is not None}
        ran = self._draft.get_many(tables.RAN.name, numbered)
        self._settled.update(
            numbered[no]
            for no, flags in ran.items()
            if flags[0] & _DISCLOSED == _DISCLOSED
        )
        pairs = ((find(claim.result), find(claim.invocation)) for claim in claims)
        keys = {result + ran for result, ran in pairs if result and ran} - self._made
        self._made.update(self._draft.get_many(tables.MADE.name, keys))

    def is_settled(self, invocation: bytes) -> bool:
        """Whether nothing is left to index of the invocation itself."""
        return invocation in self._settled

    def is_made(self, result: bytes, invocation: bytes) -> bool:
        """Whether nothing is left to index of the result."""
        find = self._draft.find_no
        return (find(result) or b"") + (find(invocation) or b"") in self._made

    def add_statement(self, statement: Statement, index: int) -> list[Skipped]:
        """Make a statement at its place in the log, and its valid records, found.

        Returns the invalid ones. May commit what holds no place in the log.
        """
        skipped: list[Skipped] = []
        rows: list[tuple[str, bytes]] = []
        place = tables.no_of(index)
        issuer = statement.part.iss.key
        for fact in self.closure.facts(statement.part):
            if isinstance(fact, Claimed):
                rows += self._claim_rows(fact, place)
            elif isinstance(fact, Skipped):
                skipped.append(fact)
            else:
                rows += _record_rows(self._draft.no(fact.digest), issuer, index, fact)
            self._draft.commit_if_large()
        for table, key in rows:
            self._draft.put(table, key, _NOTHING)
        _statement_rows(self._draft, statement, index)
        return skipped

    def add_invocation(self, ran: Ran) -> None:
        """Make an invocation found by all that is disclosed of it.

        One claim may withhold what another discloses: what is indexed only grows,
        and rows that need both halves are written when the second comes.
        """
        draft, no = self._draft, self._draft.no(ran.digest)
        row = draft.get(tables.RAN.name, no)
        before = Known.NOTHING if row is None else Known(row[0])
        program, input = self._halves(ran, before)
        now = _known(program, input)
        if now & _DISCLOSED == _DISCLOSED:
            self._settled.add(ran.digest)
        if row is not None and now == before:
            return
        if program is not None:
            self._code_rows(ran.program_digest, program)
        if input is not None:
            self._data_rows(ran.input_digest, input)
            if input.nonce:
                _nonce_rows(draft, ran, no, input)
        if program is not None and input is not None:
            for data in input.data:
                key = tables.pair(program.code, data) + no
                draft.put(tables.PAIRS.name, key, _NOTHING)
        draft.put(tables.RAN.name, no, bytes((now,)))
        for table, digest in (
            (tables.BY_PROGRAM.name, ran.program_digest),
            (tables.BY_INPUT.name, ran.input_digest),
        ):
            draft.put(table, digest[: tables.SHORT_BYTES] + no, _NOTHING)

    def _halves(self, ran: Ran, before: Known) -> tuple[Program | None, Input | None]:
        """What this claim and those before it disclose together."""
        program, input = ran.program, ran.input
        if program is None and Known.PROGRAM in before:
            program = self.closure.program(ran.program_digest)
        if input is None and Known.INPUT in before:
            input = self.closure.input(ran.input_digest)
        return program, input

    def add_outputs(self, digest: bytes) -> None:
        """Make a result found by what it says came out."""
        no = self._draft.no(digest)
        for output in self.closure.result(digest).outputs.values():
            self._draft.put(tables.OUTPUTS.name, tables.short(output) + no, _NOTHING)

    def _claim_rows(self, fact: Claimed, place: bytes) -> Iterator[tuple[str, bytes]]:
        record, invocation, result, ran = fact
        if ran is not None:
            self.add_invocation(ran)
        ran_no = self._draft.no(invocation)
        yield tables.CLAIMS.name, ran_no + place + self._draft.no(record)
        if result is not None:
            made = self._draft.no(result) + ran_no
            if made not in self._made:
                self._made.add(made)
                self.add_outputs(result)
                yield tables.MADE.name, made

    def _code_rows(self, digest: bytes, program: Program) -> None:
        if digest in self._shared:
            return
        self._shared.add(digest)
        roles = {program.code: Role.CODE}
        if isinstance(program, WasiProgram):
            for item in program.imports:
                roles.setdefault(item.code, Role.IMPORT)
        cid = tables.our_cid(digest)
        for code, role in roles.items():
            key = tables.CODES.key.encode(code, cid)
            if self._draft.get(tables.CODES.name, key) is None:
                self._draft.put(tables.CODES.name, key, bytes((role,)))

    def _data_rows(self, digest: bytes, input: Input) -> None:
        if digest in self._shared:
            return
        self._shared.add(digest)
        no = self._draft.no(digest)
        for data in input.data:
            self._draft.put(tables.DATA.name, tables.short(data) + no, _NOTHING)


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
    no: bytes, issuer: PublicKey, index: int, fact: Fact
) -> Iterator[tuple[str, bytes]]:
    number, record = int.from_bytes(no, "big"), fact.record
    if isinstance(record, Profile):
        yield tables.PROFILES.name, tables.PROFILES.key.encode(issuer, index, number)
    elif isinstance(record, Withdrawal):
        key = tables.WITHDRAWALS.key.encode(record.claim, issuer, index, number)
        yield tables.WITHDRAWALS.name, key
    elif isinstance(record, Link):
        for end in (record.a, record.b):
            yield tables.LINKS.name, tables.LINKS.key.encode(end, index, number)


def _nonce_rows(draft: Draft, ran: Ran, no: bytes, input: Input) -> None:
    """Let the invocation without the nonce lead to this one."""
    plain = replace(input, nonce=b"").cid
    sibling = Invocation(tables.our_cid(ran.program_digest), plain).cid
    for table, cid in ((tables.PAIRS.name, sibling), (tables.BY_INPUT.name, plain)):
        draft.put(table, cid.digest[: tables.SHORT_BYTES] + no, _NOTHING)
