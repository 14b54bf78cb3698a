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

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from invocation_spec.model import Invocation, Program, WasiProgram
from octostore import tables
from octostore.closure import Claimed, Closure, Fact, Find, Ran
from octostore.draft import GROUP_ROWS, Draft
from octostore.keys import PublicKey
from octostore.log import INDEX_BYTES, Entry, Frontier, grown, leaf_hash
from octostore.reading import CLAIM, Told, Verified
from octostore.receipt import Skipped
from octostore.records import (
    Commitment,
    Delegation,
    Link,
    Membership,
    Profile,
    Revocation,
    Withdrawal,
)
from octostore.tables import Known, Role
from octostore.usual import Given, UsualClaim

__all__ = ["Index", "append_entry", "log_size"]

_NOTHING: Final = b""
_EMPTY: Final = bytes(Frontier())

#: As plain numbers: a flag of `enum` costs more than the row it is found in.
_PROGRAM, _INPUT, _NONCED = map(int, (Known.PROGRAM, Known.INPUT, Known.NONCED))
_DISCLOSED: Final = _PROGRAM | _INPUT

#: An issuer and its chain, which a place in it begins with.
_CHAIN_BYTES: Final = 48

#: What stays known of invocations, results, programs and inputs; far more than one
#: statement speaks of.
_KEPT_MAX: Final = 1 << 16


def append_entry(draft: Draft, entry: Entry) -> int:
    """Log the entry, whose block is there; returns its place.

    With it go the hashes of all subtrees that it completes (tables.py).
    """
    raw = bytes(entry)
    before = _frontier(draft)
    index, frontier, hashes = grown(before, leaf_hash(raw))
    # As `LOG.key` and `LOG_VALUE` would spell them, without a call for each part.
    draft.put(tables.LOG.name, before[:INDEX_BYTES], raw + hashes)
    draft.put(tables.META.name, tables.FRONTIER, frontier)
    return index


def log_size(draft: Draft) -> int:
    """How many entries the log has: the place of the next."""
    return int.from_bytes(_frontier(draft)[:INDEX_BYTES], "big")


def _frontier(draft: Draft) -> bytes:
    return draft.get(tables.META.name, tables.FRONTIER) or _EMPTY


class Index:
    """Writes rows into a draft; a `Shelf` of what it finds there.

    `find` gives the blocks that statements name, which were hashed; `told` is what
    was read of some of them before.
    """

    def __init__(self, draft: Draft, find: Find, told: Told | None = None) -> None:
        self._draft = draft
        self.settled: set[bytes] = set()
        self.made: set[bytes] = set()
        self.closure = Closure(find, self, told)
        self._shared: set[bytes] = set()
        self._looked_up: set[bytes] = set()
        #: Places of chains that were taken last, and where chains end.
        self._last: dict[bytes, bytes] = {}
        self._ends: dict[bytes, bytes] = {}

    def look_up(self, records: Mapping[bytes, UsualClaim | None]) -> None:
        """Find out what is known of these records and of what they name."""
        if self._looked_up.issuperset(records):
            return
        for kept in (self.settled, self.made, self._shared, self._looked_up):
            if len(kept) > _KEPT_MAX:
                kept.clear()
        self._looked_up.update(records)
        draft = self._draft
        claims = {claim for claim in records.values() if claim is not None}
        invocations = {claim.invocation for claim in claims}
        draft.look_up({*records, *invocations, *(claim.result for claim in claims)})
        find = draft.find_no
        numbered = {no: cid for cid in invocations if (no := find(cid)) is not None}
        if not numbered:
            return  # all is new
        self.settled.update(
            numbered[no]
            for no, flags in draft.get_many(tables.RAN.name, numbered).items()
            if flags[0] & _DISCLOSED == _DISCLOSED
        )
        pairs = {
            made + ran: claim.result + claim.invocation
            for claim in claims
            if (made := find(claim.result)) and (ran := find(claim.invocation))
        }
        found = draft.get_many(tables.MADE.name, pairs)
        self.made.update(pairs[key] for key in found)

    def look_ahead(self, blocks: Iterable[tuple[bytes, bytes]], told: Told) -> None:
        """The same of all that came at once, before it is known who needs it."""
        self._draft.look_up([digest for digest, _ in blocks])
        self.look_up(
            {
                digest: tuple.__new__(UsualClaim, what[1:])
                for digest, what in told.items()
                if what[0] == CLAIM
            }
        )

    def add_statement(self, statement: Verified, index: int) -> list[Skipped]:
        """Make a statement at its place in the log, and its valid records, found.

        Returns the invalid ones. May commit what holds no place in the log.
        """
        skipped: list[Skipped] = []
        claims: list[bytes] = []
        made: list[bytes] = []
        rows: list[tuple[str, bytes]] = []
        draft, place = self._draft, tables.no_of(index)
        for fact in self.closure.facts(statement.records):
            if isinstance(fact, Claimed):
                record, invocation, result, ran = fact
                if ran is not None:
                    self.add_invocation(ran)
                    draft.commit_if_large()
                ran_no = draft.no(invocation)
                claims.append(ran_no + place + draft.no(record))
                if result is not None and self._makes(result, invocation):
                    made.append(draft.no(result) + ran_no)
            elif isinstance(fact, Skipped):
                skipped.append(fact)
            else:
                rows += _record_rows(
                    draft.no(fact.digest), statement.issuer, index, fact
                )
        draft.put_keys(tables.CLAIMS.name, claims)
        draft.put_keys(tables.MADE.name, made)
        for table, key in rows:
            draft.put(table, key, _NOTHING)
        self._statement_rows(statement, index)
        return skipped

    def add_invocation(self, ran: Ran) -> None:
        """Make an invocation found by all that is disclosed of it.

        One claim may withhold what another discloses: what is indexed only grows,
        and rows that need both halves are written when the second comes.
        """
        draft, no = self._draft, self._draft.no(ran.digest)
        row = draft.get_of(tables.RAN.name, no)
        before = 0 if row is None else row[0]
        program, given = self._halves(ran, before)
        now = _known(program, given)
        if now & _DISCLOSED == _DISCLOSED:
            self.settled.add(ran.digest)
        if row is not None and now == before:
            return
        if program is not None:
            self._code_rows(ran.program_digest, program)
        if given is not None:
            self._data_rows(ran.input_digest, given)
            if now & _NONCED:
                self._nonce_rows(ran, no)
        if program is not None and given is not None:
            for data in given.data:
                key = tables.pair(program.code.raw, data) + no
                draft.put(tables.PAIRS.name, key, _NOTHING)
        draft.put(tables.RAN.name, no, bytes((now,)))
        for table, digest in (
            (tables.BY_PROGRAM.name, ran.program_digest),
            (tables.BY_INPUT.name, ran.input_digest),
        ):
            draft.put(table, digest[: tables.SHORT_BYTES] + no, _NOTHING)

    def _halves(self, ran: Ran, before: int) -> tuple[Program | None, Given | None]:
        """What this claim and those before it disclose together."""
        program, given = ran.program, ran.given
        if program is None and before & _PROGRAM:
            program = self.closure.program(ran.program_digest)
        if given is None and before & _INPUT:
            given = self.closure.given(ran.input_digest)
        return program, given

    def add_outputs(self, digest: bytes) -> None:
        """Make a result found by what it says came out."""
        no = self._draft.no(digest)
        for output in self.closure.outputs(digest):
            self._draft.put(tables.OUTPUTS.name, tables.short(output) + no, _NOTHING)

    def _makes(self, result: bytes, invocation: bytes) -> bool:
        """Whether it is new that this invocation made this result."""
        made = result + invocation
        if made in self.made:
            return False
        self.made.add(made)
        self.add_outputs(result)
        self._draft.commit_if_large()
        return True

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

    def _data_rows(self, digest: bytes, given: Given) -> None:
        if digest in self._shared:
            return
        self._shared.add(digest)
        no = self._draft.no(digest)
        for data in given.data:
            self._draft.put(tables.DATA.name, tables.short(data) + no, _NOTHING)

    def _nonce_rows(self, ran: Ran, no: bytes) -> None:
        """Let the invocation without the nonce lead to this one."""
        plain = replace(self.closure.input(ran.input_digest), nonce=b"").cid
        sibling = Invocation(tables.our_cid(ran.program_digest), plain).cid
        for table, cid in ((tables.PAIRS.name, sibling), (tables.BY_INPUT.name, plain)):
            key = cid.digest[: tables.SHORT_BYTES] + no
            self._draft.put(table, key, _NOTHING)

    def _statement_rows(self, statement: Verified, index: int) -> None:
        """The rows as their layouts would spell them, without a call for each part."""
        draft, part, issuer = self._draft, statement.part, statement.issuer
        place, iat = tables.no_of(index), statement.iat.to_bytes(8, "big")
        draft.put(tables.PARTS.name, part, place)
        draft.put(tables.STATEMENTS.name, place, part + issuer + iat)
        link = issuer + statement.chain + statement.seq.to_bytes(8, "big")
        if self._is_taken(link):
            draft.put(tables.DOUBLES.name, issuer + place, _NOTHING)
        draft.put(tables.CHAINS.name, link + place, _NOTHING)

    def _is_taken(self, link: bytes) -> bool:
        """Whether a statement stands at this place of a chain already.

        What is not committed yet is only among those that came last. Most often the
        place is past the end of its chain, which is looked for once.
        """
        last, ends, chain = self._last, self._ends, link[:_CHAIN_BYTES]
        if link in last:
            return True
        _keep(last, link, link)
        end = ends.get(chain)
        if end is None:
            row = self._draft.last(tables.CHAINS.name, chain)
            end = chain if row is None else row[0][: len(link)]
        if link > end:
            _keep(ends, chain, link)
            return False
        _keep(ends, chain, end)
        return self._draft.last(tables.CHAINS.name, link) is not None


def _keep(among: dict[bytes, bytes], key: bytes, value: bytes) -> None:
    """Keep it among the last, more than can wait for a commit."""
    if len(among) >= GROUP_ROWS:
        del among[next(iter(among))]
    among[key] = value


def _known(program: Program | None, given: Given | None) -> int:
    known = 0 if program is None else _PROGRAM
    if given is not None:
        known |= _INPUT | _NONCED if "nonce" in given.fields else _INPUT
    return known


def _record_rows(
    no: bytes, signer: bytes, index: int, fact: Fact
) -> Iterator[tuple[str, bytes]]:
    number, record = int.from_bytes(no, "big"), fact.record
    issuer = PublicKey(signer)
    if isinstance(record, Profile):
        yield tables.PROFILES.name, tables.PROFILES.key.encode(issuer, index, number)
    elif isinstance(record, Withdrawal):
        key = tables.WITHDRAWALS.key.encode(record.claim, issuer, index, number)
        yield tables.WITHDRAWALS.name, key
    elif isinstance(record, Link):
        for end in (record.a, record.b):
            yield tables.LINKS.name, tables.LINKS.key.encode(end, index, number)
    elif isinstance(record, Commitment):
        key = tables.COMMITMENTS.key.encode(issuer, tables.our_cid(fact.digest), index)
        yield tables.COMMITMENTS.name, key
    elif isinstance(record, Delegation | Membership | Revocation):
        for key_of in {issuer, _named(record)}:
            yield tables.TIES.name, tables.TIES.key.encode(key_of, index, number)


def _named(record: Delegation | Membership | Revocation) -> PublicKey:
    """The key that a record about keys speaks of."""
    if isinstance(record, Delegation):
        return record.to.key
    return (record.of if isinstance(record, Membership) else record.key).key
