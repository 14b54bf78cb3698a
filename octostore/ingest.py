"""The one door for statements: stage all, verify each, commit groups, receipt.

    accepted     newly logged: its signature holds and its closure is here
    known        its signed part was logged before, under this envelope or another
    pending      its closure is not here yet; its blocks are kept, and it is logged
                 by itself when a later delivery brings the rest
    quarantined  does not decode, hash or verify, or passes a limit
    skipped      the invalid records of an accepted statement

One bad element never stops the others. A block is taken for a statement if it is
a root or begins as an envelope does. A block that is part of no closure is
ignored, unless a statement of its delivery waits; what can be part of none
(another codec or hash) is ignored always, sound or not. A delivery that breaks
off is malformed: what was whole is taken.
Source: FORMATS 7; docs/spec/log.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.errors import CidError, EncodingError
from octostore import tables
from octostore.car import CarReader, Damaged, Sound
from octostore.closure import Needs
from octostore.draft import Draft
from octostore.engine import Engine
from octostore.errors import CarError, StatementError
from octostore.index import Index, append_entry
from octostore.log import KIND_STATEMENT, Entry
from octostore.receipt import Quarantined, Receipt, Skipped
from octostore.spool import Spool
from octostore.statement import ReceivedStatement, Statement

__all__ = [
    "DAMAGED_MAX",
    "PENDING_MAX",
    "QUARANTINE_BLOCK_BYTES_MAX",
    "QUARANTINE_MAX",
    "Delivery",
    "Item",
    "ingest",
    "is_cut_off",
    "keep",
]

Item: TypeAlias = tuple[CID, bytes] | Damaged
Delivery: TypeAlias = Iterable[Item]

#: Statements that may wait; each has a signature, but anybody can make keys.
PENDING_MAX: Final = 10_000

#: Quarantined blocks that are kept as evidence, and how large one may be: at most
#: 64 MiB. Past that the reason is still reported, once.
QUARANTINE_MAX: Final = 1024
QUARANTINE_BLOCK_BYTES_MAX: Final = 1 << 16

#: Damaged blocks of one delivery that are reported before it is given up.
DAMAGED_MAX: Final = 1 << 16

#: Rows of what waits that are looked at at once.
_PAGE: Final = 1024

#: An array of two whose first element is 64 bytes: only envelopes begin so.
_ENVELOPE_HEAD: Final = b"\x82\x58\x40"


def ingest(
    engine: Engine,
    folder: Path,
    delivery: Delivery,
    roots: Sequence[CID],
    *,
    in_order: bool = False,
) -> Receipt:
    """Take what a delivery holds; one call at a time on one engine.

    On return everything the receipt says is on the disk. If the disk fails on
    the way, whole groups are there or not; delivering again completes them.

    `in_order` is for following another log, whose order is given: the roots alone
    are taken for statements, one after the other, up to the first that is not newly
    logged. That one is in the receipt, and nothing waits for its blocks.

    Raises:
        StoreFullError: no space; earlier groups are kept.
        StoreError: the disk failed.
    """
    was_cut_off = is_cut_off(engine)
    with Spool(folder) as spool, Draft(engine, tables.DELIVERING) as draft:
        door = _Door(draft, spool, in_order=in_order)
        envelopes = door.stage(delivery, roots)
        if in_order:
            door.follow(roots)
        else:
            for envelope in envelopes:
                door.take(envelope)
            door.complete(spool)
            if was_cut_off:
                door.complete(door.arrived())
            door.keep_rest()
        draft.finish()
        return door.receipt()


def is_cut_off(engine: Engine) -> bool:
    """Whether a delivery was cut off here between its groups."""
    with engine.snapshot() as rows:
        return rows.get(tables.META.name, tables.DELIVERING) is not None


def keep(engine: Engine, folder: Path, data: bytes) -> None:
    """Keep bytes; what waited for a block that they are is tried again.

    Raises:
        StoreFullError: no space.
        StoreError: the disk failed.
    """
    digest = hashlib.sha256(data).digest()
    with Spool(folder) as spool, Draft(engine, tables.DELIVERING) as draft:
        draft.add(digest, data)
        if len(data) <= BLOCK_BYTES_MAX:  # what is larger is no block of a statement
            _Door(draft, spool, in_order=False).complete([digest])
        draft.finish()


class _Door:
    """One delivery on its way in."""

    def __init__(self, draft: Draft, spool: Spool, *, in_order: bool) -> None:
        self._draft = draft
        self._spool = spool
        self._in_order = in_order
        self._index = Index(draft, self._find)
        self._accepted: dict[CID, None] = {}
        self._known: dict[CID, None] = {}
        self._pending: dict[CID, None] = {}
        self._quarantined: dict[Quarantined, None] = {}
        self._skipped: list[Skipped] = []
        self._malformed: str | None = None
        self._waiting_before = sum(1 for _ in draft.scan(tables.PENDING.name))
        self._quarantined_before = sum(1 for _ in draft.scan(tables.QUARANTINE.name))

    def stage(self, delivery: Delivery, roots: Sequence[CID]) -> list[CID]:
        """Lay all blocks down, hashed; returns those to take for statements."""
        absent = dict.fromkeys(roots)
        envelopes: dict[CID, None] = {}
        items: Iterable[list[Sound] | Item] = (
            delivery.hashed() if isinstance(delivery, CarReader) else delivery
        )
        root_digests = {cid.digest for cid in roots if tables.is_ours(cid)}
        try:
            for item in items:
                if not isinstance(item, list):
                    self._examine(item, absent, envelopes)
                    continue
                self._spool.add_all(item)
                for digest, block in item:
                    if block.startswith(_ENVELOPE_HEAD) or digest in root_digests:
                        cid = tables.our_cid(digest)
                        absent.pop(cid, None)
                        envelopes[cid] = None
        except CarError as error:
            self._malformed = str(error)
        if absent and self._malformed is None:
            self._malformed = f"root {next(iter(absent))} is not in the delivery"
        return list(envelopes)

    def _examine(
        self,
        item: Item,
        absent: dict[CID, None],
        envelopes: dict[CID, None],
    ) -> None:
        """Lay down one block that nobody has hashed, or that is of no usual kind."""
        cid = _cid_of(item)
        is_root = cid in absent or cid in envelopes
        absent.pop(cid, None)  # type: ignore[arg-type] # None is no root
        if cid is None or not (is_root or tables.is_ours(cid)):
            return
        if self._lay_down(cid, item, is_root=is_root):
            envelopes[cid] = None
        if len(self._quarantined) > DAMAGED_MAX:
            raise CarError(f"more than {DAMAGED_MAX} damaged blocks; gave up")

    def follow(self, roots: Sequence[CID]) -> None:
        """Take the roots in their order, up to the first that is not newly logged."""
        for root in roots:
            before = len(self._accepted)
            if self._find(root.digest) is None:
                return
            self.take(root)
            if len(self._accepted) == before:
                return

    def take(self, envelope: CID) -> None:
        """Decide about one block that should be a statement."""
        block = self._find(envelope.digest)
        assert block is not None, "staged before"  # noqa: S101
        try:
            statement = ReceivedStatement.from_block(block).verify()
        except (EncodingError, StatementError) as error:
            self._quarantine(envelope, str(error), block)
            return
        self._decide(statement)

    def complete(self, arrived: Iterable[bytes]) -> None:
        """Try again what waited for these blocks, which are here now."""
        if not self._waiting_before:
            return
        for digest in arrived:
            prefix = tables.WAITING.key.prefix(tables.our_cid(digest))
            for key, _ in list(self._draft.scan(tables.WAITING.name, prefix)):
                self._retry(tables.WAITING.key.decode(key)[1])
                self._draft.delete(tables.WAITING.name, key)

    def arrived(self) -> Iterator[bytes]:
        """What is waited for and here all the same: a delivery was cut off."""
        after = b""
        while page := list(
            islice(self._draft.scan(tables.WAITING.name, after=after), _PAGE)
        ):
            cids = dict.fromkeys(tables.WAITING.key.decode(key)[0] for key, _ in page)
            yield from [cid.digest for cid in cids if self._is_here(cid.digest)]
            after = page[-1][0]

    def keep_rest(self) -> None:
        """If a statement of this delivery waits, keep all that came with it.

        What lies behind a missing block cannot be known; most likely it is here.
        """
        if not self._pending:
            return
        refused = {item.cid for item in self._quarantined}
        for cid in map(tables.our_cid, self._spool):
            block = None if cid in refused else self._spool.find(cid.digest)
            if block is not None:
                self._draft.add_block(block)
                self._draft.commit_if_large()

    def receipt(self) -> Receipt:
        """What became of it all."""
        return Receipt(
            accepted=tuple(self._accepted),
            known=tuple(self._known),
            pending=tuple(self._pending),
            quarantined=tuple(self._quarantined),
            skipped=tuple(self._skipped),
            checkpoint=self._draft.view.checkpoint(),
            malformed=self._malformed,
        )

    def _find(self, digest: bytes) -> bytes | None:
        block = self._spool.find(digest)
        return self._draft.view.find_digest(digest) if block is None else block

    def _is_here(self, digest: bytes) -> bool:
        block = self._find(digest)
        return block is not None and len(block) <= BLOCK_BYTES_MAX

    def _lay_down(
        self, cid: CID, item: tuple[CID, bytes] | Damaged, *, is_root: bool
    ) -> bool:
        """Spool a block if it is sound; whether it is to be taken for a statement."""
        if isinstance(item, Damaged):
            self._quarantine(cid, str(item.error), None)
            return False
        block = item[1]
        if len(block) > BLOCK_BYTES_MAX:
            reason = f"{len(block)} bytes; a block has at most {BLOCK_BYTES_MAX}"
            self._quarantine(cid, reason, None)
            return False
        if not tables.is_ours(cid):
            self._quarantine(cid, "a root is no statement: not dag-cbor", block)
            return False
        if not cid.matches(block):
            self._quarantine(cid, "the bytes hash to another CID", block)
            return False
        self._spool.add(cid.digest, block)
        return is_root or block.startswith(_ENVELOPE_HEAD)

    def _decide(self, statement: Statement) -> None:
        if self._draft.view.index(statement.cid) is not None:
            self._known[statement.cid] = None
            return
        needs = self._index.closure.needs(statement.part)
        if needs.missing and self._in_order:
            self._pending[statement.cid] = None
        elif needs.missing:
            self._hold(statement, needs)
        else:
            self._accept(statement, needs)

    def _accept(self, statement: Statement, needs: Needs) -> None:
        held = self._held(statement.cid)
        if held is not None:  # its first valid envelope is the one to log
            statement = ReceivedStatement.from_block(held).verify()
        self._keep_blocks(statement, needs)
        index = self._draft.view.frontier().size
        self._skipped += self._index.add_statement(statement, index)
        append_entry(self._draft, Entry(KIND_STATEMENT, statement.envelope_cid))
        if held is not None:
            # In the batch of the entry: until then it must not cease to wait.
            pending = tables.PENDING.key.encode(statement.cid)
            self._draft.delete(tables.PENDING.name, pending)
        self._accepted[statement.cid] = None
        self._draft.commit_if_large()

    def _hold(self, statement: Statement, needs: Needs) -> None:
        """Keep what came of an incomplete statement, and what it waits for."""
        is_new = self._held(statement.cid) is None
        if is_new and self._waiting_before + len(self._pending) >= PENDING_MAX:
            self._quarantine(
                statement.envelope_cid,
                f"incomplete, and {PENDING_MAX} statements wait already;"
                " send it with its blocks",
                None,
            )
            return
        self._keep_blocks(statement, needs)
        if is_new:  # with all that it waits for in one batch
            self._draft.put(
                tables.PENDING.name,
                tables.PENDING.key.encode(statement.cid),
                tables.BLOCK_VALUE.encode(statement.envelope_cid),
            )
        for missing in map(tables.our_cid, needs.missing):
            waiting = tables.WAITING.key.encode(missing, statement.cid)
            self._draft.put(tables.WAITING.name, waiting, b"")
        self._pending[statement.cid] = None
        self._draft.commit_if_large()

    def _retry(self, part: CID) -> None:
        held = self._held(part)
        if held is not None:
            self._decide(ReceivedStatement.from_block(held).verify())

    def _held(self, part: CID) -> bytes | None:
        """The envelope of a statement that waits, or None."""
        row = self._draft.get(tables.PENDING.name, tables.PENDING.key.encode(part))
        if row is None:
            return None
        return self._draft.view.get(tables.BLOCK_VALUE.decode(row)[0])

    def _keep_blocks(self, statement: Statement, needs: Needs) -> None:
        self._draft.add(statement.envelope_cid.digest, statement.envelope)
        for digest in needs.present:
            block = self._spool.find(digest)
            if block is not None:
                self._draft.add(digest, block)
                self._draft.commit_if_large()

    def _quarantine(self, cid: CID, reason: str, block: bytes | None) -> None:
        self._quarantined[Quarantined(cid, reason)] = None
        row: dict[str, dagcbor.Ipld] = {"cid": cid, "reason": reason}
        if block is not None and len(block) <= QUARANTINE_BLOCK_BYTES_MAX:
            row["block"] = block
        key = hashlib.sha256(cid.raw + (block or b"")).digest()
        if self._quarantined_before + len(self._quarantined) <= QUARANTINE_MAX:
            self._draft.put(tables.QUARANTINE.name, key, dagcbor.encode(row))


def _cid_of(item: tuple[CID, bytes] | Damaged) -> CID | None:
    """The CID a block came under; None if it is of a kind that we do not accept."""
    if not isinstance(item, Damaged):
        return item[0]
    try:
        return CID.from_bytes(item.cid)
    except CidError:
        return None
