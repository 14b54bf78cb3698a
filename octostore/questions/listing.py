"""Claims one after the other: of an issuer, about a program or an input, of an output.

    claims(view, Listed(issuer=key))     in the order of its chains
    claims(view, Listed(program=C1))     of a program, or of a code in programs
    claims(view, Listed(input=D1))       of an input, or of data in inputs
    claims(view, Listed(output=R1))      of results that name it
    claims(view, Listed(invocation=K))   in the order of the log

A page ends at a place, and the next one goes on after it: what is logged meanwhile
moves nothing, and no claim comes twice. Source: DESIGN 5; tables.py.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from octostore import tables
from octostore.keys import PublicKey
from octostore.log import Checkpoint
from octostore.map.heads import LoggedHead, head_at
from octostore.questions.answer import ClaimAnswer
from octostore.questions.claims import ClaimReader
from octostore.questions.reach import Role, Step, reach
from octostore.records import Claim, parse_record
from octostore.usual import usual_claim
from octostore.view import View

__all__ = ["LISTED_MAX", "LOOKS_MAX", "Listed", "Listing", "claim_rows", "claims"]

#: Claims on one page.
LISTED_MAX: Final = 1000

#: Invocations and records looked at for one page, so that it costs a bounded time.
LOOKS_MAX: Final = 20_000

_STEP_BYTES: Final = 1 + 32  # phase, by what
_CLAIM_BYTES: Final = 3 * tables.NO_BYTES  # invocation, index, record: a row of claims
_CHAIN_BYTES: Final = 16 + 8 + tables.NO_BYTES  # chain, seq, index

#: Past every claim of an invocation.
_ALL_CLAIMS: Final = b"\xff" * (2 * tables.NO_BYTES)

#: Places in order, each with a row of claims; None where one looked in vain.
_Rows: TypeAlias = Iterator[tuple[bytes, bytes | None]]


@dataclass(frozen=True, slots=True)
class Listed:
    """Which claims are asked for; exactly one of these."""

    issuer: PublicKey | None = None
    program: CID | None = None
    input: CID | None = None
    output: CID | None = None
    invocation: CID | None = None

    def to_json(self) -> dict[str, object]:
        """What was asked, as text."""
        named: tuple[tuple[str, object], ...] = (
            ("issuer", None if self.issuer is None else self.issuer.did),
            ("program", self.program),
            ("input", self.input),
            ("output", self.output),
            ("invocation", self.invocation),
        )
        return {name: str(value) for name, value in named if value is not None}


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of claims, each with the invocation that it is about."""

    asked: Listed
    checkpoint: Checkpoint
    claims: tuple[tuple[CID, ClaimAnswer], ...]
    next: str | None = None
    map: LoggedHead | None = None

    def to_json(self) -> dict[str, object]:
        """`{asked, checkpoint, map?, claims: [{invocation, ..}], next?}`."""
        covered = None if self.map is None else self.map.head.size
        value: dict[str, object] = {
            "asked": self.asked.to_json(),
            "checkpoint": self.checkpoint.to_json(),
            "claims": [
                {"invocation": str(cid)} | claim.to_json(covered)
                for cid, claim in self.claims
            ],
        }
        if self.map is not None:
            value["map"] = self.map.to_json()
        return value if self.next is None else value | {"next": self.next}


def claims(
    view: View, asked: Listed, *, limit: int = LISTED_MAX, after: str | None = None
) -> Listing:
    """The next claims of a list, at most `limit`.

    `next` goes on; a page may have fewer claims, or none, and a `next` still. Of
    programs and inputs that are withheld nothing is known, and nothing found. As of
    an earlier size, what led to an invocation may have been disclosed later.

    Raises:
        NotFoundError: the view is of more entries than the log has.
        DocumentError: `after` is no `next` of such a list.
    """
    checkpoint = view.checkpoint()
    most = min(max(limit, 1), LISTED_MAX)
    place = None if after is None else _read(after, asked)
    rows: list[bytes] = []
    last, end = place, None
    for looks, (at, row) in enumerate(_rows(view, asked, place)):
        if looks >= LOOKS_MAX or (row is not None and len(rows) == most):
            end = last
            break
        if row is not None:
            rows.append(row)
        last = at
    return Listing(
        asked,
        checkpoint,
        tuple(_shown(view, rows)),
        None if end is None else _text(end),
        head_at(view.rows, checkpoint.size),
    )


def _shown(view: View, rows: Sequence[bytes]) -> Iterator[tuple[CID, ClaimAnswer]]:
    numbers = [tables.CLAIMS.key.decode(row)[0] for row in rows]
    named = {no: CID.of_block(view.block(no)) for no in dict.fromkeys(numbers)}
    claimed = ClaimReader(view).read_rows(rows)
    for number, (claim, _) in zip(numbers, claimed, strict=True):
        yield named[number], claim


def _rows(view: View, asked: Listed, after: bytes | None) -> _Rows:
    if asked.issuer is not None:
        return _of_issuer(view, asked.issuer, after)
    if asked.invocation is not None:
        number = view.number(asked.invocation)
        return iter(()) if number is None else _of_one(view, number, after)
    roles = (
        (Role.PROGRAM, asked.program),
        (Role.INPUT, asked.input),
        (Role.OUTPUT, asked.output),
    )
    for role, cid in roles:
        if cid is not None:
            return _about(view, role, cid, after)
    return iter(())


def _of_one(view: View, number: int, after: bytes | None) -> _Rows:
    """Rows of one invocation; a place is a row."""
    size = view.checkpoint().size
    keys, name = tables.CLAIMS.key, tables.CLAIMS.name
    for row, _ in view.rows.scan(name, keys.prefix(number), after=after or b""):
        if keys.decode(row)[1] >= size:
            return
        yield row, row


def _about(view: View, role: Role, cid: CID, after: bytes | None) -> _Rows:
    """Rows of all that a CID leads to; a place is a step and a row."""
    at, beyond = None, None
    if after is not None:
        beyond = after[_STEP_BYTES:]
        number = int.from_bytes(beyond[: tables.NO_BYTES], "big")
        at = Step(after[0], after[1:_STEP_BYTES], number)
    for step in reach(view, role, cid, at):
        by = bytes((step.phase,)) + step.by
        mine = beyond if step == at else None
        for row, _ in _of_one(view, step.number, mine):
            gives = role is not Role.OUTPUT or _gives(view, row, step.by)
            yield by + row, row if gives else None
        yield by + tables.no_of(step.number) + _ALL_CLAIMS, None


def _of_issuer(view: View, issuer: PublicKey, after: bytes | None) -> _Rows:
    """Rows of what a key signed; a place is one of its chains, and a record there."""
    size = view.checkpoint().size
    keys, prefix = tables.CHAINS.key, tables.CHAINS.key.prefix(issuer)
    start, done = b"", 0
    if after is not None:
        chain = after[:_CHAIN_BYTES]
        done = int.from_bytes(after[_CHAIN_BYTES:], "big") + 1
        for found in _records(view, prefix + chain, size):
            if found[0] >= done:
                yield chain + tables.no_of(found[0]), found[1]
        start = prefix + chain
    for key, _ in view.rows.scan(tables.CHAINS.name, prefix, after=start):
        assert keys.decode(key)  # noqa: S101 - a row as it should be
        for number, row in _records(view, key, size):
            yield key[len(prefix) :] + tables.no_of(number), row


def _records(view: View, key: bytes, size: int) -> Iterator[tuple[int, bytes | None]]:
    """Records of a statement by its row of `chains`, each with its row of claims."""
    index = tables.CHAINS.key.decode(key)[3]
    if index < size and view.rows.get(tables.CHAINS.name, key) is not None:
        yield from claim_rows(view, index)


def claim_rows(view: View, index: int) -> Iterator[tuple[int, bytes | None]]:
    """The records of the statement at this place, each with its row of claims.

    None stands where a record is no claim, or was skipped.
    """
    for number, digest in enumerate(view.said(index).records):
        yield number, _row_of(view, index, digest)


def _row_of(view: View, index: int, record: bytes) -> bytes | None:
    """The row of claims of a record, if it is a claim and was not skipped."""
    no = view.rows.get(tables.AT.name, record)
    if no is None:
        return None
    about = _invocation(view.block(int.from_bytes(no, "big")))
    number = None if about is None else view.rows.get(tables.AT.name, about)
    if number is None:
        return None
    row = number + tables.no_of(index) + no
    return row if view.rows.get(tables.CLAIMS.name, row) is not None else None


def _gives(view: View, row: bytes, result: bytes) -> bool:
    """Whether the claim of this row is of the result with this digest."""
    block = view.block(tables.CLAIMS.key.decode(row)[2])
    usual = usual_claim(block)
    if usual is not None:
        return usual.result == result
    record = parse_record(block)
    return (
        isinstance(record, Claim)
        and record.result is not None
        and record.result.digest == result
    )


def _invocation(block: bytes) -> bytes | None:
    """The digest of what a claim is about; None of other records."""
    usual = usual_claim(block)
    if usual is not None:
        return usual.invocation
    record = parse_record(block)
    return record.invocation.digest if isinstance(record, Claim) else None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read(text: str, asked: Listed) -> bytes:
    """The place that a `next` names; of the right form for what is asked."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise _no_place() from error
    size = _STEP_BYTES + _CLAIM_BYTES
    if asked.issuer is not None:
        size = _CHAIN_BYTES + tables.NO_BYTES
    elif asked.invocation is not None:
        size = _CLAIM_BYTES
    if len(raw) != size or _text(raw) != text:
        raise _no_place()
    return raw


def _no_place() -> DocumentError:
    return DocumentError("not the `next` of such a list", at="after")
