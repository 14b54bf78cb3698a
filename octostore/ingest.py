"""The one door for statements: stage all, verify each, commit groups, receipt.

    accepted     newly logged: its signature holds and its closure is here
    known        its signed part was logged before, under this envelope or another
    pending      its closure is not here yet; its blocks are kept, and it is logged
                 by itself when a later delivery brings the rest
    quarantined  does not decode, hash or verify, or passes a limit
    skipped      the invalid records of an accepted statement

One bad element never stops the others. A block is taken for a statement if it is
a root or begins as an envelope does. A block that is part of no closure is
ignored, unless a statement of its delivery waits, or a valid claim of a logged one
names it as evidence, which is kept within bounds and never waited for; what can be
neither (another hash, or another codec and not sound) is ignored always. A delivery
that breaks off is malformed: what was whole is taken.
Source: FORMATS 7; docs/spec/log.md.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.errors import CidError, EncodingError
from octostore import tables
from octostore.ahead import Batch, Coming
from octostore.attached import Attached
from octostore.car import Damaged
from octostore.closure import Needs
from octostore.draft import Draft
from octostore.engine import Engine
from octostore.errors import CarError, StatementError
from octostore.index import Index, append_entry, log_size
from octostore.log import KIND_STATEMENT, Entry
from octostore.reading import ENVELOPE_HEAD, REFUSED, STATEMENT, Verified, verified
from octostore.receipt import Quarantined, Receipt, Skipped
from octostore.spool import Spool

__all__ = [
    "DAMAGED_MAX",
    "PENDING_MAX",
    "QUARANTINE_BLOCK_BYTES_MAX",
    "QUARANTINE_MAX",
    "REFUSED_MAX",
    "Delivery",
    "Item",
    "ingest",
    "is_cut_off",
    "keep",
]

Item: TypeAlias = tuple[CID, bytes] | Damaged
Delivery: TypeAlias = Iterable[Item | Batch] | Coming

#: Statements that may wait; each has a signature, but anybody can make keys.
PENDING_MAX: Final = 10_000

#: Quarantined blocks that are kept as evidence, and how large one may be: at most
#: 64 MiB. Past that the reason is still reported, once.
QUARANTINE_MAX: Final = 1024
QUARANTINE_BLOCK_BYTES_MAX: Final = 1 << 16

#: Damaged blocks of one delivery that are reported before it is given up.
DAMAGED_MAX: Final = 1 << 16

#: Blocks of one delivery that begin as statements do and are none, before the rest is
#: not looked at.
REFUSED_MAX: Final = 1 << 16

#: Rows of what waits that are looked at at once.
_PAGE: Final = 1024


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
        door.stage(delivery, roots)
        if in_order:
            door.follow(roots)
        else:
            door.take_rest()
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
        self._index = Index(draft, self._find, spool.told)
        self._attached = Attached(draft, spool, self._index.closure)
        self._envelopes: set[CID] = set()
        self._untaken: deque[CID] = deque()
        self._is_early = not in_order
        self._accepted: dict[CID, None] = {}
        self._known: dict[CID, None] = {}
        self._pending: dict[CID, None] = {}
        #: What is quarantined: blocks as they come, and what is no statement.
        self._damaged: dict[Quarantined, None] = {}
        self._refused: dict[Quarantined, None] = {}
        self._skipped: list[Skipped] = []
        self._malformed: str | None = None
        self._waiting_before = sum(1 for _ in draft.scan(tables.PENDING.name))
        self._quarantined_before = sum(1 for _ in draft.scan(tables.QUARANTINE.name))

    def stage(self, delivery: Delivery, roots: Sequence[CID]) -> None:
        """Lay all blocks down, hashed, and see which are to be taken for statements.

        Those that are whole when another one follows, and have their evidence, are
        taken at once, in their order, while a worker reads on.
        """
        absent = dict.fromkeys(roots)
        items: Iterable[Batch | Item] = (
            delivery.hashed() if isinstance(delivery, Coming) else delivery
        )
        root_digests = {cid.digest for cid in roots if tables.is_ours(cid)}
        try:
            for item in items:
                if not isinstance(item, Batch):
                    self._examine(item, absent)
                    continue
                before = len(self._untaken)
                try:
                    self._spool.add_all(*item)
                finally:  # of too many the first are there, as if they came alone
                    self._add_envelopes(item, root_digests, absent)
                if len(self._untaken) - before > 1:
                    self._index.look_ahead(*item)
                self._take_whole()
        except CarError as error:
            self._malformed = str(error)
        if absent and self._malformed is None:
            self._malformed = f"root {next(iter(absent))} is not in the delivery"

    def _add_envelopes(
        self, batch: Batch, root_digests: set[bytes], absent: dict[CID, None]
    ) -> None:
        for digest, block in batch.blocks:
            is_one = block.startswith(ENVELOPE_HEAD) or digest in root_digests
            if is_one and digest in self._spool:
                cid = tables.our_cid(digest)
                absent.pop(cid, None)
                self._add_envelope(cid)

    def _add_envelope(self, cid: CID) -> None:
        if cid not in self._envelopes:
            self._envelopes.add(cid)
            self._untaken.append(cid)

    def _take_whole(self) -> None:
        """Take statements that are whole, up to the last, to which more may belong."""
        while self._is_early and len(self._untaken) > 1:
            if len(self._refused) <= REFUSED_MAX and self._take(self._untaken[0]):
                self._untaken.popleft()
            else:
                self._is_early = False  # nor any behind it: their order is kept

    def _examine(self, item: Item, absent: dict[CID, None]) -> None:
        """Lay down one block that nobody has hashed, or that is of no usual kind."""
        cid = _cid_of(item)
        is_root = cid in absent or cid in self._envelopes
        absent.pop(cid, None)  # type: ignore[arg-type] # None is no root
        if cid is None:
            return
        if not (is_root or tables.is_ours(cid)):
            self._attached.lay_down(cid, item)
            return
        if self._lay_down(cid, item, is_root=is_root):
            self._add_envelope(cid)
        if len(self._damaged) > DAMAGED_MAX:
            raise CarError(f"more than {DAMAGED_MAX} damaged blocks; gave up")

    def follow(self, roots: Sequence[CID]) -> None:
        """Take the roots in their order, up to the first that is not newly logged."""
        for root in roots:
            before = len(self._accepted)
            if self._find(root.digest) is None:
                return
            self._take(root)
            if len(self._accepted) == before:
                return

    def take_rest(self) -> None:
        """Take what is left: now all is here that will come."""
        self._is_early = False
        for envelope in self._untaken:
            if len(self._refused) > REFUSED_MAX:
                self._malformed = f"more than {REFUSED_MAX} are no statements"
                return
            self._take(envelope)

    def _take(self, envelope: CID) -> bool:
        """Decide about one block that should be a statement.

        While more is to come, only if all of it is here; whether it was decided.
        """
        block = self._find(envelope.digest)
        assert block is not None, "staged before"  # noqa: S101
        told = self._spool.told.get(envelope.digest)
        if told is not None and told[0] == STATEMENT:
            return self._decide(Verified(*told[1:]), block)  # type: ignore[arg-type] # as it was made
        if told is not None and told[0] == REFUSED:
            self._quarantine(self._refused, envelope, str(told[1]), block)
            return True
        try:
            statement = verified(block)
        except (EncodingError, StatementError) as error:
            self._quarantine(self._refused, envelope, str(error), block)
            return True
        return self._decide(statement, block)

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
        refused = {item.cid for item in self._damaged | self._refused}
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
            quarantined=tuple(self._damaged | self._refused),
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
            self._quarantine(self._damaged, cid, str(item.error), None)
            return False
        block = item[1]
        if len(block) > BLOCK_BYTES_MAX:
            reason = f"{len(block)} bytes; a block has at most {BLOCK_BYTES_MAX}"
            self._quarantine(self._damaged, cid, reason, None)
            return False
        if not tables.is_ours(cid):
            self._quarantine(
                self._damaged, cid, "a root is no statement: not dag-cbor", block
            )
            return False
        if not cid.matches(block):
            self._quarantine(self._damaged, cid, "the bytes hash to another CID", block)
            return False
        self._spool.add(cid.digest, block)
        return is_root or block.startswith(ENVELOPE_HEAD)

    def _decide(self, statement: Verified, envelope: bytes) -> bool:
        part = tables.our_cid(statement.part)
        if self._draft.get(tables.PARTS.name, statement.part) is not None:
            came = filter(self._spool.__contains__, statement.records)
            if self._is_early and self._attached.lacks(came):
                return False
            self._known[part] = None
            self._attached.keep_late(statement.records)
            self._draft.commit_if_large()
            return True
        needs = self._index.closure.needs(statement.records)
        if self._is_early and (needs.missing or self._attached.lacks(needs.unusual)):
            return False
        if not needs.missing:
            self._accept(statement, envelope, needs)
        elif self._in_order:
            self._pending[part] = None
        else:
            self._hold(statement, envelope, needs)
        return True

    def _accept(self, statement: Verified, envelope: bytes, needs: Needs) -> None:
        held = self._held(statement.part)
        if held is not None:  # its first valid envelope is the one to log
            statement, envelope = verified(held), held
        self._keep_blocks(statement, envelope, needs)
        index = log_size(self._draft)
        skipped = self._index.add_statement(statement, index)
        self._skipped += skipped
        append_entry(
            self._draft, Entry(KIND_STATEMENT, tables.our_cid(statement.envelope))
        )
        if held is not None:
            # In the batch of the entry: until then it must not cease to wait.
            self._draft.delete(tables.PENDING.name, statement.part)
        if needs.unusual:
            self._attached.keep(needs.unusual, skipped)
        self._accepted[tables.our_cid(statement.part)] = None
        self._draft.commit_if_large()

    def _hold(self, statement: Verified, envelope: bytes, needs: Needs) -> None:
        """Keep what came of an incomplete statement, and what it waits for."""
        part = tables.our_cid(statement.part)
        is_new = self._held(statement.part) is None
        if is_new and self._waiting_before + len(self._pending) >= PENDING_MAX:
            self._quarantine(
                self._refused,
                tables.our_cid(statement.envelope),
                f"incomplete, and {PENDING_MAX} statements wait already;"
                " send it with its blocks",
                None,
            )
            return
        self._keep_blocks(statement, envelope, needs)
        if is_new:  # with all that it waits for in one batch
            self._draft.put(tables.PENDING.name, statement.part, statement.envelope)
        for missing in map(tables.our_cid, needs.missing):
            self._draft.put(
                tables.WAITING.name, tables.WAITING.key.encode(missing, part), b""
            )
        self._pending[part] = None
        self._draft.commit_if_large()

    def _retry(self, part: CID) -> None:
        held = self._held(part.digest)
        if held is not None:
            self._decide(verified(held), held)

    def _held(self, part: bytes) -> bytes | None:
        """The envelope of a statement that waits, or None."""
        if not self._waiting_before and not self._pending:
            return None
        row = self._draft.get(tables.PENDING.name, part)
        if row is None:
            return None
        return self._draft.view.get(tables.BLOCK_VALUE.decode(row)[0])

    def _keep_blocks(self, statement: Verified, envelope: bytes, needs: Needs) -> None:
        self._draft.add(statement.envelope, envelope)
        self._draft.add_all(needs.present, self._spool.find)

    def _quarantine(
        self,
        kind: dict[Quarantined, None],
        cid: CID,
        reason: str,
        block: bytes | None,
    ) -> None:
        kind[Quarantined(cid, reason)] = None
        row: dict[str, dagcbor.Ipld] = {"cid": cid, "reason": reason}
        if block is not None and len(block) <= QUARANTINE_BLOCK_BYTES_MAX:
            row["block"] = block
        key = hashlib.sha256(cid.raw + (block or b"")).digest()
        count = len(self._damaged) + len(self._refused)
        if self._quarantined_before + count <= QUARANTINE_MAX:
            self._draft.put(tables.QUARANTINE.name, key, dagcbor.encode(row))


def _cid_of(item: tuple[CID, bytes] | Damaged) -> CID | None:
    """The CID a block came under; None if it is of a kind that we do not accept."""
    if not isinstance(item, Damaged):
        return item[0]
    try:
        return CID.from_bytes(item.cid)
    except CidError:
        return None
