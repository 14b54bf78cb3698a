"""The blocks of a bundle's entries: beside it, or asked for by name.

    with AtHand(store, source, bundles) as blocks:
        with blocks.more() as spool:        a place for some, and then the store's own
            for batch in blocks.beside(): spool.add_all(..)   of the next bundle
            blocks.gather(roots, spool)     what is missing of these statements

What stands beside bundles is read by a process beside this one where that pays
(`octostore.ahead`): it hashes and verifies what comes while this one writes.
What does not fit into memory is in a file that vanishes with the process; of what was
taken already the store has it. Source: docs/spec/log.md, Blocks.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from types import TracebackType
from typing import BinaryIO, Final, Self

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from octostore.ahead import Batch, ReadAhead
from octostore.audit.source import Source
from octostore.car import Block
from octostore.closure import Closure
from octostore.errors import CarError, FileError, StatementError
from octostore.spool import Spool
from octostore.statement import ReceivedStatement
from octostore.store import Octostore
from octostore.tables import is_ours
from octostore.tlog.tiles import Tile

__all__ = ["GATHERED_MAX", "AtHand"]

#: Statements whose blocks are asked for by name together; with the most that each
#: may need they fit into one spool.
GATHERED_MAX: Final = 32

#: Blocks that are handed on together.
_BATCH: Final = 1 << 10

#: Blocks that are asked for at once, 64 MiB at most.
_ASKED_MAX: Final = 64


class AtHand:
    """Blocks that came, and behind them those of the store."""

    def __init__(
        self, store: Octostore, source: Source, bundles: Iterable[Tile]
    ) -> None:
        self._store = store
        self._source = source
        self._spools: list[Spool] = []
        self._streams = self._cars(bundles)
        self._ahead = ReadAhead(self._streams)
        self._coming = iter(self._ahead)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ahead.__exit__(kind, error, trace)
        self._streams.close()

    def _cars(self, bundles: Iterable[Tile]) -> Generator[BinaryIO, None, None]:
        for bundle in bundles:
            with self._source.car(bundle) as stream:
                yield stream

    def beside(self) -> Iterator[Batch]:
        """What is sound of the blocks beside the next bundle, to where it breaks off.

        Raises:
            RemoteError: the source cannot be asked.
            FileError: it cannot be read.
        """
        item = next(self._coming)
        if isinstance(item, CarError):
            return
        try:
            for part in item.hashed():
                if isinstance(part, Batch):
                    yield part
                elif isinstance(part, Block) and is_ours(part.cid):
                    yield Batch([(part.cid.digest, part.data)], {})
        except CarError:
            return
        except OSError as error:
            raise FileError(f"not read: {error}", at=self._source.name) from error

    @contextmanager
    def more(self) -> Iterator[Spool]:
        """A place for blocks that are looked for before the store's own."""
        with Spool(self._store.path) as spool:
            self._spools.append(spool)
            try:
                yield spool
            finally:
                self._spools.remove(spool)

    def all(self) -> Iterator[Batch]:
        """What came, in its order, and what was read of it."""
        for spool in self._spools:
            digests, told = iter(spool), spool.told
            while some := list(islice(digests, _BATCH)):
                yield Batch(
                    [(digest, spool.find(digest) or b"") for digest in some], told
                )
                told = {}

    def find(self, cid: CID) -> bytes | None:
        """The block, of those that came or of the store's."""
        for spool in self._spools:
            block = spool.find(cid.digest)
            if block is not None:
                return block
        return self._store.find(cid)

    def find_digest(self, digest: bytes) -> bytes | None:
        """The same by its digest (`closure.Find`)."""
        return self.find(CID.of_block_digest(digest))

    def gather(self, roots: Sequence[CID], spool: Spool) -> Iterator[tuple[CID, bytes]]:
        """What these statements need, at most `GATHERED_MAX`, as far as it is there.

        What is not at hand is asked for by name, in as few rounds as can be, and laid
        into the spool.
        """
        asked: set[CID] = set()
        needed: dict[CID, None] = dict.fromkeys(roots)
        closure = Closure(self.find_digest)
        while True:
            for root in roots:
                needed |= dict.fromkeys(self._needs(closure, root))
            missing = [cid for cid in needed if self.find(cid) is None]
            fresh = [cid for cid in missing if cid not in asked]
            if not fresh:
                break
            asked.update(fresh)
            for start in range(0, len(fresh), _ASKED_MAX):
                found = self._source.find(fresh[start : start + _ASKED_MAX])
                for cid, block in found.items():
                    spool.add(cid.digest, block)
        here = ((cid, self.find(cid)) for cid in needed)
        return ((cid, block) for cid, block in here if block is not None)

    def _needs(self, closure: Closure, root: CID) -> tuple[CID, ...]:
        block = self.find(root)
        if block is None:
            return ()
        try:
            needs = closure.needs(ReceivedStatement.from_block(block).part.digests)
        except (EncodingError, StatementError):
            return ()
        return tuple(map(CID.of_block_digest, needs.present + needs.missing))
