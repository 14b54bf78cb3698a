"""What the chains in a log show: equivocation, gaps, forks, times that go back.

    equivocation  two statements at one place: the key proves itself untrue
    gap           places before a statement that are not here (yet)
    fork          `prev` names another statement than those one place before
    time          signed, by its own clock, before the statement it follows

None of them is a reason to refuse a statement; all are shown. Source: FORMATS 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from invocation_spec.cid import CID
from octostore import tables
from octostore.equivocation import Equivocation
from octostore.keys import PublicKey
from octostore.statement import Statement
from octostore.view import LoggedStatement, View

__all__ = [
    "EQUIVOCATION",
    "FORK",
    "GAP",
    "TIME",
    "Finding",
    "equivocation_at",
    "equivocations",
    "findings",
    "findings_at",
]

EQUIVOCATION: Final = "equivocation"
GAP: Final = "gap"
FORK: Final = "fork"
TIME: Final = "time"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd about one logged statement; `what` says it in words."""

    kind: str
    issuer: PublicKey
    chain: bytes
    seq: int
    statement: CID
    what: str

    def to_json(self) -> dict[str, object]:
        """`{finding, issuer, chain, seq, statement, what}`."""
        return {
            "finding": self.kind,
            "issuer": str(self.issuer.did),
            "chain": self.chain.hex(),
            "seq": self.seq,
            "statement": str(self.statement),
            "what": self.what,
        }


@dataclass(frozen=True, slots=True)
class _Place:
    """A place of a chain, and the statements that claim it, in log order."""

    issuer: PublicKey
    chain: bytes
    seq: int
    here: tuple[LoggedStatement, ...]


def equivocations(
    view: View, issuer: PublicKey | None = None
) -> Iterator[Equivocation]:
    """The proofs that the log holds, of one issuer or of all.

    Of n statements at one place the first makes a proof with each other.
    """
    for place in _places(view, issuer):
        if len(place.here) > 1:
            first = _statement(view, place.here[0])
            for other in place.here[1:]:
                yield Equivocation.of(first, _statement(view, other))


def findings(
    view: View, issuer: PublicKey | None = None, *, since: int = 0
) -> Iterator[Finding]:
    """All that is odd about the chains of one issuer or of all, in their order.

    With `since`, of the statements that stand there in the log, or later.
    """
    before: _Place | None = None
    for place in _places(view, issuer):
        if before is not None and (before.issuer, before.chain) != (
            place.issuer,
            place.chain,
        ):
            before = None
        for item in place.here:
            if item.index >= since:
                yield from _of_statement(view, before, place, item)
        before = place


def findings_at(view: View, index: int) -> Iterator[Finding]:
    """What is odd about the statement at this place in the log.

    A few look-ups, however long its chain is, and however many stand at its place: so
    a gap is named only if anybody looks at it.
    """
    item, said = view.logged(index), view.said(index)
    chain, seq = said.chain, said.seq
    keys, rows = tables.CHAINS.key, view.rows

    def found(kind: str, what: str) -> Finding:
        return Finding(kind, item.issuer, chain, seq, item.cid, what)

    first = _first_at(view, item.issuer, chain, seq)
    if first is not None and first != index:
        yield found(EQUIVOCATION, f"{view.logged(first).cid} stands at the same place")
    if seq == 0:
        return
    before = _first_at(view, item.issuer, chain, seq - 1)
    if before is None:
        yield found(GAP, _gap(_due(view, item.issuer, chain, seq), seq))
        return
    assert said.prev is not None  # noqa: S101 - else `seq` were 0
    prev = CID.of_block_digest(said.prev)
    at = view.index(prev)
    if (
        at is None
        or rows.get(tables.CHAINS.name, keys.encode(item.issuer, chain, seq - 1, at))
        is None
    ):
        yield found(FORK, f"follows {prev}, not {view.logged(before).cid}")
    elif item.issued_at_s < (earlier := view.logged(at).issued_at_s):
        early = earlier - item.issued_at_s
        yield found(TIME, f"{early} s before the statement it follows")


def equivocation_at(view: View, index: int) -> Equivocation:
    """The proof that this statement makes with the first one at its place.

    Raises:
        ProofError: it is the first.
    """
    item, said = view.logged(index), view.said(index)
    first = _first_at(view, item.issuer, said.chain, said.seq)
    assert first is not None  # noqa: S101 - it stands there itself
    return Equivocation.of(_statement(view, view.logged(first)), _statement(view, item))


def _first_at(view: View, issuer: PublicKey, chain: bytes, seq: int) -> int | None:
    """The first entry of the log that stands at a place of a chain."""
    keys = tables.CHAINS.key
    for key, _ in view.rows.scan(tables.CHAINS.name, keys.prefix(issuer, chain, seq)):
        return keys.decode(key)[3]
    return None


def _due(view: View, issuer: PublicKey, chain: bytes, seq: int) -> int:
    """The first of the places before `seq` that nobody has taken."""
    keys = tables.CHAINS.key
    prefix = keys.prefix(issuer, chain)
    place = keys.prefix(issuer, chain, seq)[len(prefix) :]
    for at in range(len(place) - 1, -1, -1):
        for byte in range(place[at] - 1, -1, -1):
            row = view.rows.last(
                tables.CHAINS.name, prefix + place[:at] + bytes((byte,))
            )
            if row is not None:
                return keys.decode(row[0])[2] + 1
    return 0


def _gap(due: int, seq: int) -> str:
    last = seq - 1
    return f"seq {due}" + (f" to {last}" if last > due else "") + " missing"


def _of_statement(
    view: View, before: _Place | None, place: _Place, item: LoggedStatement
) -> Iterator[Finding]:
    def found(kind: str, what: str) -> Finding:
        return Finding(kind, place.issuer, place.chain, place.seq, item.cid, what)

    if item is not place.here[0]:
        yield found(EQUIVOCATION, f"{place.here[0].cid} stands at the same place")
    due = before.seq + 1 if before is not None else 0
    if place.seq > due:
        yield found(GAP, _gap(due, place.seq))
    if before is None or before.seq + 1 != place.seq:
        return
    # It was verified when it was logged; here only what it says is read again.
    prev = view.envelope(item.index)[1].part.prev
    follows = [other for other in before.here if other.cid == prev]
    if not follows:
        yield found(FORK, f"follows {prev}, not {before.here[0].cid}")
    elif item.issued_at_s < follows[0].issued_at_s:
        early = follows[0].issued_at_s - item.issued_at_s
        yield found(TIME, f"{early} s before the statement it follows")


def _places(view: View, issuer: PublicKey | None) -> Iterator[_Place]:
    keys = tables.CHAINS.key
    prefix = b"" if issuer is None else keys.prefix(issuer)
    rows = (keys.decode(key) for key, _ in view.rows.scan(tables.CHAINS.name, prefix))
    for (key, chain, seq), group in groupby(rows, lambda row: row[:3]):
        here = tuple(view.logged(row[3]) for row in group)
        yield _Place(key, chain, seq, here)


def _statement(view: View, item: LoggedStatement) -> Statement:
    return view.envelope(item.index)[1].verify()
