"""A store on disk: takes statements in, keeps them, says what is there.

    with Octostore.open(path) as store:
        receipt = store.ingest_car(stream)
        who(store, Asked(program=C1, input=D1))

Threads may share one store: reads run beside each other and beside a delivery,
deliveries one after the other. Source: DESIGN 4; docs/spec/log.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.errors import EncodingError
from octostore import tables
from octostore.ahead import WORKER_AFTER_BYTES, ReadAhead
from octostore.engine import Engine, Row
from octostore.engine.choice import engine_of, open_engine
from octostore.errors import (
    CarError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreVersionError,
)
from octostore.ingest import Delivery, ingest, is_cut_off, keep
from octostore.log import Checkpoint
from octostore.map.heads import LoggedHead
from octostore.map.update import derive, follow, update
from octostore.map_process import MapProcess
from octostore.rebuild import is_unfinished, rebuild
from octostore.receipt import Receipt
from octostore.statement import Statement
from octostore.view import LoggedClaim, View

__all__ = ["BYTES_MAX", "Octostore"]

#: Largest bytes that are kept whole under one CID, and only when asked: a module
#: or an input file. What is larger is fetched from where claims say it lies.
BYTES_MAX: Final = 1 << 26

_META: Final = tuple(table for table in tables.TABLES if table.name == tables.META.name)


class Octostore:
    """Statements, their blocks and their log; make it with `open`."""

    def __init__(self, path: Path, engine: Engine, *, readonly: bool) -> None:
        self.path = path
        self.readonly = readonly
        self._engine = engine
        self._one_writer = threading.Lock()
        self._one_mapper = threading.Lock()

    @classmethod
    def open(
        cls, path: Path, *, readonly: bool = False, engine: str | None = None
    ) -> Self:
        """Open the store in this folder, making one unless `readonly`.

        `engine` names the engine of a new store (`engines.ENGINES`); a store
        that is there is opened with the one that made it. What waits for blocks of
        a delivery that was cut off is tried again.

        Raises:
            StoreLockedError: another process writes to it.
            StoreVersionError: its layout is of another version.
            StoreError: the folder is no store, or not to be opened.
        """
        if not readonly and engine_of(path) is not None:
            _check_untouched(path)
        opened = open_engine(path, tables.TABLES, readonly=readonly, name=engine)
        try:
            _check_layout(opened, path, readonly=readonly)
            store = cls(path, opened, readonly=readonly)
            if not readonly and is_unfinished(opened):
                store.rebuild()
            if not readonly and is_cut_off(opened):
                with suppress(StoreFullError):  # the next delivery goes on with it
                    ingest(opened, path, (), ())
        except BaseException:
            opened.close()
            raise
        return store

    def close(self) -> None:
        """Let go of the files; twice is harmless."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def view(self, size: int | None = None) -> Iterator[View]:
        """One consistent look, for questions that read more than once.

        With `size`, as of so many entries of the log. Leave it before the same
        thread writes.

        Raises:
            StoreError: the indexes are being rebuilt.
        """
        with self._engine.snapshot() as rows:
            if rows.get(tables.META.name, tables.REBUILDING) is not None:
                raise StoreError(
                    "the indexes are being rebuilt; try again later", at=str(self.path)
                )
            yield View(rows, size)

    def ingest(self, delivery: Delivery, roots: Sequence[CID] = ()) -> Receipt:
        """Take blocks under their CIDs; the roots are statements, others may be.

        Every block is hashed. What the receipt says is on the disk. A `CarError`
        from the delivery itself, or a root that is absent, makes it malformed:
        what was whole is taken.

        Raises:
            StoreFullError: no space; deliver again when there is.
            StoreError: the store is open for reading only, or the disk failed.
        """
        self._check_writable()
        with self._one_writer:
            return ingest(self._engine, self.path, delivery, roots)

    def follow(self, delivery: Delivery, roots: Sequence[CID]) -> Receipt:
        """Take statements of another log in its order; see `ingest.ingest`.

        The roots are envelopes. They are logged one after the other, up to the
        first that does not verify, lacks a block, or is here already.

        Raises:
            StoreFullError: no space; follow again when there is.
            StoreError: the store is open for reading only, or the disk failed.
        """
        self._check_writable()
        with self._one_writer:
            return ingest(self._engine, self.path, delivery, roots, in_order=True)

    def follow_head(self, block: bytes) -> LoggedHead:
        """Log the map head that stands next in another log, if it is true.

        Raises:
            ProofError: it is none, does not follow the head before, or its root is
                not that of the map of the entries here. Nothing was logged.
            StoreError: the store is open for reading only, or the disk failed.
        """
        self._check_writable()
        with self._one_mapper, self._one_writer:
            return follow(self._engine, block)

    def map_root(self, size: int) -> bytes:
        """The root of the map of the first entries; never fewer than asked before.

        Raises:
            StoreError: the store is open for reading only, or the disk failed.
        """
        self._check_writable()
        with self._one_mapper, self._one_writer:
            return derive(self._engine, size)

    def ingest_car(self, stream: BinaryIO) -> Receipt:
        """Take what a CAR v1 holds, read as a stream; see `ingest`."""
        (receipt,) = self.ingest_cars([stream])
        return receipt

    def ingest_cars(
        self,
        streams: Iterable[BinaryIO],
        *,
        worker_after_bytes: int = WORKER_AFTER_BYTES,
    ) -> Iterator[Receipt]:
        """Take one CAR after the other, and give a receipt for each; see `ingest`.

        Past `worker_after_bytes` a process beside this one reads on (ahead.py), so
        the next stream is asked for while the last is still taken; it may be closed
        when the one behind it is asked for.
        """
        with ReadAhead(streams, worker_after_bytes=worker_after_bytes) as coming:
            for delivery in coming:
                if isinstance(delivery, CarError):
                    reason, now = str(delivery), self.checkpoint()
                    yield Receipt((), (), (), (), (), now, reason)
                else:
                    yield self.ingest(delivery, delivery.roots)

    def add_bytes(self, data: bytes, *, bytes_max: int = BLOCK_BYTES_MAX) -> CID:
        """Keep bytes (code, data, outputs) and return their raw sha2-256 CID.

        Bytes that are there already are not written again. A statement that waits
        for the block that they are is tried again.

        Raises:
            EncodingError: more than `bytes_max`, or than `BYTES_MAX` in any case.
            StoreFullError: no space.
            StoreError: the store is open for reading only, or the disk failed.
        """
        self._check_writable()
        most = min(bytes_max, BYTES_MAX)
        if len(data) > most:
            raise EncodingError(f"{len(data)} bytes; at most {most} are kept")
        with self._one_writer:
            keep(self._engine, self.path, data)
        return CID.of_bytes(data)

    def get(self, cid: CID) -> bytes:
        """The bytes this CID names: a block, a signed part, or bytes added.

        Raises:
            NotFoundError: they are not here.
            StoreCorruptError: the bytes on disk have another hash.
        """
        with self.view() as view:
            return view.get(cid)

    def find(self, cid: CID) -> bytes | None:
        """The same, None if they are not here.

        Raises:
            StoreCorruptError: the bytes on disk have another hash.
        """
        with self.view() as view:
            return view.find(cid)

    def checkpoint(self) -> Checkpoint:
        """Size and root of the log; unsigned."""
        with self.view() as view:
            return view.checkpoint()

    def statement(self, cid: CID) -> Statement:
        """The logged statement whose signed part has this CID, verified again.

        Raises:
            NotFoundError: no such statement is in the log.
        """
        with self.view() as view:
            return view.statement(cid)

    def claims_of(self, invocation: CID) -> tuple[LoggedClaim, ...]:
        """All claims of an invocation in log order; none if nobody claims any.

        For an invocation that many thousands claim, page with `who` instead.
        """
        with self.view() as view:
            number = view.number(invocation)
            return () if number is None else tuple(view.claims_of(number))

    def update_map(self, now_s: int, by: MapProcess | None = None) -> LoggedHead | None:
        """Bring the map up to the log, and log its head; None if nothing is new.

        Deliveries go on meanwhile. `now_s` is Unix seconds by the log's clock; a
        head is never dated before the one that it follows. `by` a process of its
        own it takes deliveries little of their time.

        Raises:
            StoreFullError: no space; map and log are as they were.
            StoreError: the store is open for reading only, or the disk failed.
        """
        self._check_writable()
        with self._one_mapper:
            derived = None if by is None else by.next_batch
            return update(self._engine, lambda: self._one_writer, now_s, derived)

    def rebuild(
        self, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> None:
        """Delete every index and derive it again from blocks and log.

        Readers are refused meanwhile. Killed half-way, the next `open` for
        writing begins again. `progress` is told how many statements are done,
        and of how many.

        Raises:
            StoreCorruptError: blocks and log contradict each other.
            StoreError: the store is open for reading only, or the disk failed.
        """
        self._check_writable()
        with self._one_mapper, self._one_writer:
            rebuild(self._engine, progress)

    def copy_to(self, path: Path) -> None:
        """Copy the store as one commit left it into a new folder, on the disk.

        A writer may go on meanwhile, in this process or another.

        Raises:
            StoreFullError: no space there.
            StoreError: `path` exists, a disk failed, or the indexes are being
                rebuilt.
        """
        with self.view():
            pass
        self._engine.copy_to(path)

    def file_faults(self) -> Iterator[str]:
        """What is wrong with the files of the engine, a line each."""
        return self._engine.faults()

    def _check_writable(self) -> None:
        if self.readonly:
            raise StoreError("opened for reading only", at=str(self.path))


def _check_untouched(path: Path) -> None:
    """Refuse a store of another layout before an engine makes our tables in it.

    Raises:
        StoreVersionError: its layout is of another version.
    """
    try:
        peeked = open_engine(path, _META, readonly=True, name=None)
    except StoreVersionError:
        raise
    except StoreError:
        return  # whoever opens it for writing says why, or makes it whole
    try:
        with peeked.snapshot() as rows:
            version = rows.get(tables.META.name, tables.LAYOUT)
    except StoreError:
        return
    finally:
        peeked.close()
    if version is not None:
        _check_version(version, path)


def _check_version(version: bytes, path: Path) -> None:
    if version != tables.LAYOUT_VERSION:
        raise StoreVersionError(
            f"layout {version.decode('ascii', 'replace')!r}; this version reads"
            f" {tables.LAYOUT_VERSION.decode()!r}; nothing was changed. Its blocks and"
            " log are the truth: with the version that wrote it, `octostore log export"
            " DIR`; then with this one, into a new store, `octostore ingest` the files"
            " of DIR/blocks",
            at=str(path),
        )


def _check_layout(engine: Engine, path: Path, *, readonly: bool) -> None:
    with engine.snapshot() as rows:
        version = rows.get(tables.META.name, tables.LAYOUT)
        is_empty = rows.last(tables.META.name) is None
    if version is not None:
        _check_version(version, path)
        return
    if readonly:
        raise StoreError("no store here; `ingest` makes one", at=str(path))
    if not is_empty:
        raise StoreCorruptError("the layout is not named", at=str(path))
    engine.commit([Row(tables.META.name, tables.LAYOUT, tables.LAYOUT_VERSION)])
