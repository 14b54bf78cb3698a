"""The blocks of a bundle: read in order, each hashed, and held against its root.

    car = BundleCar(stream)
    car.next(car.root)                            the root, and what it names
    take_statements(car, root.statements, spool)  the rest: statements, each whole

Nothing is believed of a statement but what it and its own blocks say.
Source: docs/spec/bundle.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import BinaryIO, Final

from invocation_spec.cid import CID
from octostore.car import Block, CarReader
from octostore.closure import Closure
from octostore.errors import CarError, ProofError
from octostore.spool import Spool
from octostore.statement import ReceivedStatement, Statement
from octostore.tables import our_cid

__all__ = ["BLOCKS_MAX", "BUNDLE_BYTES_MAX", "BundleCar", "take_statements"]

#: Blocks of one bundle: six for each claim of a popular invocation, and more.
BLOCKS_MAX: Final = 1 << 17

#: What one answer may weigh; its statements come whole.
BUNDLE_BYTES_MAX: Final = 512 << 20


class BundleCar:
    """The blocks of a bundle one after the other; memory stays below one block.

    Raises:
        CarError: from each method: no CAR, or it breaks off.
        ProofError: from each method: other roots than one, a block that is not
            what its CID says, or more than a bundle may have.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._reader = CarReader(stream)
        self._items = iter(self._reader)
        if len(self._reader.roots) != 1:
            raise ProofError(
                f"a CAR of {len(self._reader.roots)} roots; a bundle has one"
            )
        self.root = self._reader.roots[0]
        self.count = 0

    def next(self, cid: CID) -> bytes:
        """The next block, which is to be this one."""
        at = self._reader.offset
        block = next(self.rest(), None)
        if block is None:
            raise CarError("breaks off", at=f"byte {at}")
        if block.cid != cid:
            raise ProofError(f"{block.cid}, where {cid} is to be", at=f"byte {at}")
        return block.data

    def rest(self) -> Iterator[Block]:
        """All blocks that were not read yet."""
        for item in self._items:
            self.count += 1
            if self.count > BLOCKS_MAX or self._reader.offset > BUNDLE_BYTES_MAX:
                raise ProofError(
                    f"more than {BLOCKS_MAX} blocks or {BUNDLE_BYTES_MAX} bytes"
                )
            if not isinstance(item, Block):
                raise ProofError(
                    f"{item.text}: {item.error.reason}", at=f"byte {item.at}"
                )
            yield item


def take_statements(
    car: BundleCar, listed: Sequence[tuple[int, CID]], spool: Spool
) -> dict[CID, int]:
    """Verify the listed statements; the place of each, by its signed part.

    `spool` has all blocks then. They are those of the statements, in the one order
    that these have, and nothing is left over.

    Raises:
        CarError: the file breaks off.
        EncodingError: an envelope is not canonical.
        StatementError: an envelope is none, or its signature does not hold.
        ProofError: a block is missing, left over, or stands elsewhere.
    """
    first, came = car.count, []
    for block in car.rest():
        came.append(block.cid)
        spool.add(block.cid.digest, block.data)
    statements = [_statement(spool, *item) for item in listed]
    places = {
        statement.cid: index
        for statement, (index, _) in zip(statements, listed, strict=True)
    }
    if len(places) < len(listed):
        raise ProofError("one statement in two envelopes")
    for number, (found, due) in enumerate(
        zip_longest(came, _order(spool, statements)), first
    ):
        if found != due:
            raise ProofError(
                f"{found or 'nothing'}, where {due or 'nothing'} is to be",
                at=f"block {number}",
            )
    return places


def _statement(spool: Spool, index: int, envelope: CID) -> Statement:
    block = spool.find(envelope.digest)
    if block is None:
        raise ProofError("its statement is absent", at=f"entry {index}")
    return ReceivedStatement.from_block(block).verify()


def _order(spool: Spool, statements: Iterable[Statement]) -> Iterator[CID]:
    """What is due: each envelope, then its closure; no block twice."""
    seen: set[CID] = set()
    closure = Closure(spool.find)
    for statement in statements:
        needs = closure.needs(statement.part.digests)
        if needs.missing:
            raise ProofError(
                f"its block {our_cid(needs.missing[0])} is absent",
                at=str(statement.cid),
            )
        for cid in (statement.envelope_cid, *map(our_cid, needs.present)):
            if cid not in seen:
                seen.add(cid)
                yield cid
