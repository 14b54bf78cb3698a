"""What was logged after a place, in the order of the log: statements, or their claims.

    news, at = claims(view, Place(128, 0), limit=256)
    for one in news: one.place, one.to_json()

A place is an entry of the log and a record of its statement; whoever goes on after the
last one that he read misses nothing and reads nothing twice. Source: DESIGN 5 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple, Self

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model import (
    Input,
    Invocation,
    WasiProgram,
    program_from_block,
)
from octostore import tables
from octostore.keys import Did
from octostore.log import INDEX_MAX, KIND_STATEMENT
from octostore.questions.claims import ClaimReader
from octostore.questions.found import indexed
from octostore.questions.listing import claim_rows
from octostore.tables import Known
from octostore.view import View

__all__ = ["NEWS_MAX", "Asked", "News", "Place", "claims", "statements"]

#: Items that are read at once, for one subscriber or for all that stand there.
NEWS_MAX: Final = 256

_RECORD_MAX: Final = 1 << 32


class Place(NamedTuple):
    """Where to go on: an entry of the log, and a record of the statement there."""

    entry: int
    record: int = 0

    @classmethod
    def after(cls, text: str) -> Self:
        """The place after the one that an item names: `INDEX` or `INDEX.RECORD`.

        Raises:
            DocumentError: it names none.
        """
        index, dot, record = text.partition(".")
        is_number = all(
            part.isascii() and part.isdecimal() and len(part) < 16
            for part in (index, record if dot else "0")
        )
        if not is_number or int(index) >= INDEX_MAX or int(record or 0) > _RECORD_MAX:
            raise DocumentError(
                f"{text[:40]!r}; expected the `id` of an item", at="after"
            )
        return cls(int(index), int(record) + 1) if dot else cls(int(index) + 1)


@dataclass(frozen=True, slots=True)
class News:
    """One item: what it says, and by what it can be asked for.

    `id` names its place; `run` are the program and the codes of a claim, `given` its
    input and the data in it, as far as they are disclosed.
    """

    id: str
    value: dict[str, object]
    issuer: Did
    network: str | None = None
    run: frozenset[CID] = frozenset()
    given: frozenset[CID] = frozenset()


@dataclass(frozen=True, slots=True)
class Asked:
    """Which items are wanted; what is None is not looked at."""

    issuer: Did | None = None
    network: str | None = None
    program: CID | None = None
    input: CID | None = None

    def admits(self, news: News) -> bool:
        """Whether it is one of those; `golem` is `golem:polygon` too."""
        if self.issuer is not None and news.issuer != self.issuer:
            return False
        if self.network is not None:
            name = news.network or ""
            if name != self.network and name.partition(":")[0] != self.network:
                return False
        if self.program is not None and self.program not in news.run:
            return False
        return self.input is None or self.input in news.given


def statements(
    view: View, at: Place, limit: int = NEWS_MAX
) -> tuple[list[News], Place]:
    """The next statements, and where to go on; at most `limit` entries are read."""
    news: list[News] = []
    size = view.checkpoint().size
    end = min(size, at.entry + limit)
    for index in range(at.entry, end):
        if view.entry(index).kind != KIND_STATEMENT:
            continue
        logged, said = view.logged(index), view.said(index)
        value: dict[str, object] = {
            "id": str(index),
            "index": index,
            "statement": str(logged.cid),
            "issuer": str(logged.issuer.did),
            "issued_at_s": logged.issued_at_s,
            "records": len(said.records),
        }
        news.append(News(str(index), value, logged.issuer.did))
    return news, Place(max(end, at.entry))


def claims(view: View, at: Place, limit: int = NEWS_MAX) -> tuple[list[News], Place]:
    """The next claims, and where to go on; at most `limit` records are read."""
    size = view.checkpoint().size
    rows: list[tuple[Place, bytes]] = []
    looks = 0
    while at.entry < size and looks < limit:
        if view.entry(at.entry).kind != KIND_STATEMENT:
            at, looks = Place(at.entry + 1), looks + 1
            continue
        room = limit - looks
        records = list(islice(claim_rows(view, at.entry), at.record, at.record + room))
        rows += [
            (Place(at.entry, number), row) for number, row in records if row is not None
        ]
        looks += len(records) + 1
        is_over = len(records) < room
        at = Place(at.entry + 1) if is_over else Place(at.entry, at.record + room)
    return list(_claims(view, rows)), at


def _claims(view: View, rows: list[tuple[Place, bytes]]) -> Iterator[News]:
    about: dict[int, tuple[CID, frozenset[CID], frozenset[CID]]] = {}
    claimed = ClaimReader(view).read_rows([row for _, row in rows])
    for (place, row), (claim, _) in zip(rows, claimed, strict=True):
        number = tables.CLAIMS.key.decode(row)[0]
        if number not in about:
            about[number] = _about(view, number)
        invocation, run, given = about[number]
        id_ = f"{place.entry}.{place.record}"
        value = {"id": id_, "invocation": str(invocation), **claim.to_json()}
        yield News(id_, value, claim.issuer, claim.network, run, given)


def _about(view: View, number: int) -> tuple[CID, frozenset[CID], frozenset[CID]]:
    """An invocation, and what it runs and is given, as far as it is disclosed."""
    block = view.block(number)
    ran = Invocation.from_block(block)
    run, given = {ran.program}, {ran.input}
    known = indexed(view, number)
    if Known.PROGRAM in known:
        program = program_from_block(view.get(ran.program))
        run.add(program.code)
        if isinstance(program, WasiProgram):
            run.update(item.code for item in program.imports)
    if Known.INPUT in known:
        given.update(Input.from_block(view.get(ran.input)).data)
    return CID.of_block(block), frozenset(run), frozenset(given)
