"""The entries of a log, one bundle after the other, through the one door.

    bundle -> entries -> blocks beside it, or one by one -> verified, logged here

What is logged here is what holds, in the order of the log, and as far as it holds:
the first entry that does not ends the way, and becomes a fault with its proof.
Of the blocks beside a bundle a few statements are at hand at a time, and never less
than one; what does not fit into memory is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Final

from invocation_spec.cid import CID
from invocation_spec.errors import CidError, EncodingError, OctostoreError
from octostore.audit.at_hand import GATHERED_MAX, AtHand
from octostore.audit.source import Source
from octostore.car import Sound
from octostore.closure import Closure
from octostore.errors import CarError, ProofError, StatementError, StoreCorruptError
from octostore.fraud import BadEntry, FalseMapHead, LoggedEntry, Proof, Withheld
from octostore.fraud.head import ENTRIES_MAX
from octostore.fraud.withheld import (
    CLOSURE_BLOCKS_MAX,
    CLOSURE_BYTES_MAX,
    MISSING_MAX,
)
from octostore.log import KIND_MAP_HEAD, KIND_STATEMENT, Entry
from octostore.log_blocks import closures
from octostore.map.head import MapHead
from octostore.map.heads import last_head
from octostore.reading import Told
from octostore.statement import ReceivedStatement
from octostore.store import Octostore
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import consistency_proof, inclusion_proof
from octostore.tlog.tiles import ENTRIES, WIDTH, Tile
from octostore.tlog.verified import VerifiedTiles

__all__ = ["Follower", "NotHeld", "bundles_of"]

#: Bytes of blocks after which the statements that they are of are taken: one commit.
_PORTION_BYTES: Final = 1 << 23


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
    blocks: AtHand
    statements: int = 0
    heads: int = 0

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
        stopped = self._take_portions(at, entries)
        if stopped is None and bad is not None:
            at += len(entries)
            proof = BadEntry(self._logged(at, raw[len(entries)]), None, {})
            return NotHeld(at, str(bad), proof.kind, proof)
        return stopped

    def _take_portions(self, at: int, entries: Sequence[Entry]) -> NotHeld | None:
        """Take the entries as their blocks come, and at the end those that are left.

        An entry's own block comes before all that it needs, so the next one's says
        that it is whole; but an issuer may have named that before, as a record.
        """
        places: dict[bytes, int] = {}
        for place, entry in enumerate(entries):
            places.setdefault(entry.block.digest, place)
        begun, size, enough = 0, 0, 0
        with ExitStack() as held:
            spool = held.enter_context(self.blocks.more())
            for place, blocks, told in self._pieces(places):
                is_turn = size >= _PORTION_BYTES or (
                    place > begun and entries[place].kind != entries[begun].kind
                )
                if place > begun and is_turn and size >= enough:
                    taken, stopped = self._take(at + begun, entries[begun:place])
                    if stopped is not None:
                        return stopped
                    begun, enough = begun + taken, 2 * size
                    if begun == place:
                        held.close()
                        spool = held.enter_context(self.blocks.more())
                        size = enough = 0
                size += sum([len(block) for _, block in blocks])
                try:
                    spool.add_all(blocks, told)
                except CarError:  # more than any statement needs
                    break
            return self._take_rest(at + begun, entries[begun:])

    def _pieces(
        self, places: Mapping[bytes, int]
    ) -> Iterator[tuple[int, list[Sound], Told]]:
        """What stands beside the bundle, cut where the blocks of entries stand.

        Their place, -1 where it goes on; nothing of what was taken before.
        """
        is_begun = False
        for blocks, told in self.blocks.beside():
            cuts = [n for n, (digest, _) in enumerate(blocks) if digest in places]
            if is_begun and (not cuts or cuts[0]):
                yield -1, blocks[: cuts[0] if cuts else None], told
            for start, end in pairwise([*cuts, len(blocks)]):
                yield places[blocks[start][0]], blocks[start:end], told
                told = {}  # once is enough
            is_begun |= bool(cuts)

    def _take(self, at: int, entries: Sequence[Entry]) -> tuple[int, NotHeld | None]:
        """Take the first of these, of one kind, as far as they are whole at hand."""
        run = _same(entries)
        if entries[0].kind == KIND_STATEMENT:
            done = len(self.store.follow(self.blocks.all(), run).accepted)
            self.statements += done
            return done, None
        here = list(takewhile(lambda cid: self.blocks.find(cid) is not None, run))
        return len(here), self._take_heads(at, here)

    def _take_rest(self, at: int, entries: Sequence[Entry]) -> NotHeld | None:
        """Take all of these; what is not at hand is asked for block by block."""
        done, stopped = self._take(at, entries) if entries else (0, None)
        while stopped is None and done < len(entries):
            run = _same(entries[done:])
            if entries[done].kind == KIND_STATEMENT:
                stopped = self._take_statements(at + done, run)
            else:
                stopped = self._take_heads(at + done, run)
            done += len(run)
        return stopped

    def _take_statements(self, at: int, roots: Sequence[CID]) -> NotHeld | None:
        done = 0
        while done < len(roots):
            rest = roots[done : done + GATHERED_MAX]
            with self.blocks.more() as spool:
                whole = self.blocks.gather(rest, spool)
                more = len(self.store.follow(whole, rest).accepted)
                self.statements += more
                if not more:
                    return self._judge(at + done, rest[0])
            done += more
        return None

    def _judge(self, index: int, root: CID) -> NotHeld:
        """What keeps this statement from being logged."""
        entry = self._logged(index, bytes(Entry(KIND_STATEMENT, root)))
        block = self.blocks.find(root)
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
        needs = Closure(self.blocks.find_digest).needs(statement.part.digests)
        if not needs.missing:
            raise StoreCorruptError("a whole statement is not logged", at=str(root))
        missing = tuple(map(CID.of_block_digest, needs.missing))
        here, size = {root: block}, len(block)
        for cid in map(CID.of_block_digest, needs.present):
            here[cid] = self.blocks.find(cid) or b""
            size += len(here[cid])
            if size > CLOSURE_BYTES_MAX or len(here) > CLOSURE_BLOCKS_MAX:
                what = _what_is_withheld(missing, index)
                return NotHeld(index, what, Withheld.kind, None)
        return self._withheld(entry, missing, here)

    def _take_heads(self, at: int, cids: Sequence[CID]) -> NotHeld | None:
        for index, cid in enumerate(cids, at):
            block = self.blocks.find(cid)
            if block is None:
                block = self.source.find([cid]).get(cid)
            raw = bytes(Entry(KIND_MAP_HEAD, cid))
            if block is None:
                return self._withheld(self._logged(index, raw), [cid], {})
            try:
                self.store.follow_head(block)
            except ProofError as error:
                return self._judge_head(self._logged(index, raw), cid, block, error)
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
        what = _what_is_withheld(missing, entry.index)
        return NotHeld(entry.index, what, proof.kind, proof)

    def _logged(self, index: int, raw: bytes) -> LoggedEntry:
        path = inclusion_proof(self.tree, index, self.tree.size)
        return LoggedEntry(self.signed, index, raw, path)


def bundles_of(start: int, size: int) -> Iterator[Tile]:
    """The bundles of a tree of `size`, from that of the entry `start` on."""
    for index in range(start // WIDTH, -(-size // WIDTH)):
        yield Tile(ENTRIES, index, min(WIDTH, size - index * WIDTH))


def _same(entries: Sequence[Entry]) -> list[CID]:
    """What the first entries name that are of one kind."""
    kind = entries[0].kind
    return [item.block for item in takewhile(lambda it: it.kind == kind, entries)]


def _what_is_withheld(missing: Sequence[CID], index: int) -> str:
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{missing[0]}{more} not served, which entry {index} needs"


def _bad(proof: BadEntry) -> NotHeld:
    return NotHeld(proof.entry.index, str(proof.what), proof.kind, proof)
