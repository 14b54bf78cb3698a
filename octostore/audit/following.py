"""The entries of a log, one bundle after the other, through the one door.

    bundle -> entries -> blocks beside it, or one by one -> verified, logged here

What is logged here is what holds, in the order of the log, and as far as it holds:
the first entry that does not ends the way, and becomes a fault with its proof.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile, groupby, takewhile

from invocation_spec.cid import CID
from invocation_spec.errors import CidError, EncodingError, OctostoreError
from octostore.audit.source import Source
from octostore.car import Block
from octostore.closure import Closure
from octostore.errors import CarError, ProofError, StatementError, StoreCorruptError
from octostore.fraud import BadEntry, FalseMapHead, LoggedEntry, Proof, Withheld
from octostore.fraud.head import ENTRIES_MAX
from octostore.fraud.withheld import CLOSURE_BYTES_MAX, MISSING_MAX
from octostore.log import KIND_STATEMENT, Entry
from octostore.log_blocks import closures
from octostore.map.head import MapHead
from octostore.map.heads import last_head
from octostore.statement import ReceivedStatement
from octostore.store import Octostore
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import consistency_proof, inclusion_proof
from octostore.tlog.tiles import ENTRIES, WIDTH, Tile
from octostore.tlog.verified import VerifiedTiles

__all__ = ["Follower", "NotHeld"]


@dataclass(frozen=True, slots=True)
class NotHeld:
    """The first entry that does not hold; `proof` is None where none can be made."""

    index: int
    what: str
    kind: str
    proof: Proof | None


@dataclass(slots=True)
class Follower:
    """Takes a log into a store, from where the store is to the end of the tree."""

    store: Octostore
    source: Source
    tree: VerifiedTiles
    signed: SignedCheckpoint
    clock_s: Callable[[], int]
    statements: int = 0
    heads: int = 0
    _blocks: dict[CID, bytes] = field(default_factory=dict)

    def follow(self) -> NotHeld | None:
        """Take the next bundle; None if all of it holds.

        Raises:
            ProofError: the bundle is not that of the tree.
            NotFoundError: it is not served.
            RemoteError: the source cannot be asked.
            StoreError: our disk.
        """
        at = self.store.checkpoint().size
        bundle = at // WIDTH
        raw = self.tree.entries(bundle)[at - bundle * WIDTH :]
        entries: list[Entry] = []
        bad: OctostoreError | None = None
        for item in raw:
            try:
                entries.append(Entry.from_bytes(item))
            except (CidError, StatementError) as error:
                bad = error
                break
        width = min(WIDTH, self.tree.size - bundle * WIDTH)
        self._read(Tile(ENTRIES, bundle, width))
        begun = at
        for kind, group in groupby(entries, lambda entry: entry.kind):
            run = [entry.block for entry in group]
            if kind == KIND_STATEMENT:
                after = entries[at - begun + len(run) :]
                beside = self._beside(run[0], after[0].block if after else None)
                stopped = self._take_statements(at, run, beside)
            else:
                stopped = self._take_heads(at, run)
            if stopped is not None:
                return stopped
            at += len(run)
        if bad is not None:
            proof = BadEntry(self._logged(at, raw[len(entries)]), None, {})
            return NotHeld(at, str(bad), proof.kind, proof)
        return None

    def _read(self, bundle: Tile) -> None:
        """What stands beside the bundle; what does not hold there is passed over."""
        self._blocks.clear()
        size = 0
        try:
            for item in self.source.blocks(bundle):
                if not isinstance(item, Block):
                    continue
                size += len(item.data)
                if size > CLOSURE_BYTES_MAX:  # the rest is asked for by name
                    return
                self._blocks[item.cid] = item.data
        except CarError:
            return

    def _take_statements(
        self, at: int, roots: Sequence[CID], beside: list[tuple[CID, bytes]]
    ) -> NotHeld | None:
        done = len(self.store.follow(beside, roots).accepted)
        while done < len(roots):
            # Not all stands beside the bundle: ask for it block by block.
            rest = roots[done:]
            found = self._gather(rest)
            more = len(self.store.follow(found.items(), rest).accepted)
            if not more:
                self.statements += done
                return self._judge(at + done, rest[0])
            done += more
        self.statements += done
        return None

    def _beside(self, first: CID, after: CID | None) -> list[tuple[CID, bytes]]:
        """What stands beside the bundle from one entry's block up to another's."""
        from_first = dropwhile(lambda item: item[0] != first, self._blocks.items())
        return list(takewhile(lambda item: item[0] != after, from_first))

    def _find(self, cid: CID) -> bytes | None:
        block = self._blocks.get(cid)
        return self.store.find(cid) if block is None else block

    def _find_digest(self, digest: bytes) -> bytes | None:
        return self._find(CID.of_block_digest(digest))

    def _gather(self, roots: Sequence[CID]) -> dict[CID, bytes]:
        """The blocks of these statements, asked for by name in as few rounds as can be.

        Of more than fit into memory, those of the first statement alone.
        """
        asked: set[CID] = set()
        needed: dict[CID, None] = dict.fromkeys(roots)
        closure = Closure(self._find_digest)
        while True:
            for root in roots:
                needed |= dict.fromkeys(self._needs(closure, root))
            missing = [cid for cid in needed if self._find(cid) is None]
            fresh = [cid for cid in missing if cid not in asked]
            if not fresh:
                break
            asked.update(fresh)
            self._blocks |= self.source.find(fresh)
            if len(roots) > 1 and self._is_large():
                self._blocks.clear()
                return self._gather(roots[:1])
        found = ((cid, self._find(cid)) for cid in needed)
        return {cid: block for cid, block in found if block is not None}

    def _is_large(self) -> bool:
        return sum(map(len, self._blocks.values())) > CLOSURE_BYTES_MAX

    def _needs(self, closure: Closure, root: CID) -> tuple[CID, ...]:
        block = self._find(root)
        if block is None:
            return ()
        try:
            needs = closure.needs(ReceivedStatement.from_block(block).part.digests)
        except (EncodingError, StatementError):
            return ()
        return tuple(map(CID.of_block_digest, needs.present + needs.missing))

    def _judge(self, index: int, root: CID) -> NotHeld:
        """What keeps this statement from being logged."""
        entry = self._logged(index, bytes(Entry(KIND_STATEMENT, root)))
        block = self._find(root)
        if block is None:
            return self._withheld(entry, [root], {})
        try:
            statement = ReceivedStatement.from_block(block).verify()
        except (EncodingError, StatementError):
            return _bad(BadEntry(entry, None, {root: block}))
        with self.store.view() as view:
            before = view.index(statement.cid)
            other = None if before is None else view.entry(before)
        if before is not None and other is not None:
            earlier = self._logged(before, bytes(other))
            blocks = {root: block, other.block: self.store.get(other.block)}
            return _bad(BadEntry(entry, earlier, blocks))
        needs = Closure(self._find_digest).needs(statement.part.digests)
        if not needs.missing:
            raise StoreCorruptError("a whole statement is not logged", at=str(root))
        missing = tuple(map(CID.of_block_digest, needs.missing))
        present = map(CID.of_block_digest, needs.present)
        here = {cid: self._find(cid) or b"" for cid in present}
        return self._withheld(entry, missing, {root: block, **here})

    def _take_heads(self, at: int, cids: Sequence[CID]) -> NotHeld | None:
        for index, cid in enumerate(cids, at):
            block = self._find(cid)
            if block is None:
                block = self.source.find([cid]).get(cid)
            entry = self._logged(
                index, self.tree.entries(index // WIDTH)[index % WIDTH]
            )
            if block is None:
                return self._withheld(entry, [cid], {})
            try:
                self.store.follow_head(block)
            except ProofError as error:
                return self._judge_head(entry, cid, block, error)
            self.heads += 1
        return None

    def _judge_head(
        self, entry: LoggedEntry, cid: CID, block: bytes, error: ProofError
    ) -> NotHeld:
        """What is wrong with a head: its own text, its place, or its root."""
        with self.store.view() as view:
            last = last_head(view.rows)
            before = None if last is None else view.entry(last.entry)
        earlier, blocks = None, {cid: block}
        if last is not None and before is not None:
            earlier = self._logged(last.entry, bytes(before))
            blocks[before.block] = self.store.get(before.block)
        try:
            return _bad(BadEntry(entry, earlier, blocks))
        except ProofError:  # nothing of that: then it is the root
            head = MapHead.from_block(block)
        proof = None
        if head.size <= ENTRIES_MAX:
            proof = self._false_head(entry, head)
        return NotHeld(entry.index, str(error), FalseMapHead.kind, proof)

    def _false_head(self, entry: LoggedEntry, head: MapHead) -> FalseMapHead:
        with self.store.view() as view:
            entries = tuple(view.entry(index) for index in range(head.size))
        said = (item for item in entries if item.kind == KIND_STATEMENT)
        return FalseMapHead(
            entry=entry,
            head=head,
            root=self.store.map_root(head.size),
            prefix=consistency_proof(self.tree, head.size, self.tree.size),
            entries=tuple(map(bytes, entries)),
            blocks=closures(said, lambda it: self.store.find(CID.of_block_digest(it))),
        )

    def _withheld(
        self, entry: LoggedEntry, missing: Sequence[CID], here: dict[CID, bytes]
    ) -> NotHeld:
        proof = Withheld(
            entry,
            tuple(missing[:MISSING_MAX]),
            self.source.name,
            self.clock_s(),
            here,
        )
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        what = f"{missing[0]}{more} not served, which entry {entry.index} needs"
        return NotHeld(entry.index, what, proof.kind, proof)

    def _logged(self, index: int, raw: bytes) -> LoggedEntry:
        path = inclusion_proof(self.tree, index, self.tree.size)
        return LoggedEntry(self.signed, index, raw, path)


def _bad(proof: BadEntry) -> NotHeld:
    return NotHeld(proof.entry.index, str(proof.what), proof.kind, proof)
