"""The embedded engine: LMDB, one writer, many readers, every commit on the disk.

    store/               0700
      data.mdb           0600, the tables
      lock.mdb           LMDB's table of readers
      writer.lock        held (flock) by the one writer; its process id inside

The only module that knows LMDB. Durability flags stay at LMDB's defaults: data
and meta page are synced before `commit` returns. Source: DESIGN 4; LMDB 0.9.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self, cast

import lmdb

from octostore.durable import new_folder, reserve, sync_file, sync_folder
from octostore.engine import Changes, Row, Snapshot, Table, grouped, successor
from octostore.engine.lmdb_pages import COMMIT_KEY, Pages
from octostore.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreVersionError,
)
from octostore.folder import NO_SPACE, check_folder, disk_error
from octostore.locks import SnapshotGate, WriterLock

__all__ = ["LMDB_DATA", "MAP_BYTES", "MAP_BYTES_MAX", "READERS_MAX", "LmdbEngine"]

#: Address space to begin with; it grows by doubling and costs no disk.
MAP_BYTES: Final = 1 << 28

#: Where growing stops: 16 TiB, an eighth of what 47 bits can address.
MAP_BYTES_MAX: Final = 1 << 44

#: Snapshots open at once over all processes, each with a slot in a table.
READERS_MAX: Final = 1024
_SLOT_BYTES: Final = 64
_READERS: Final = "lock.mdb"

LMDB_DATA: Final = "data.mdb"
_DENIED: Final = (errno.EACCES, errno.EPERM, errno.EROFS)

#: LMDB reports a write cut short by a full disk as EIO. If less than this is
#: free beyond the batch itself, it was the disk that was full.
_SLACK_BYTES: Final = 1 << 20


class LmdbEngine:
    """An `Engine` in a folder. Make it with `open`, once per process and folder."""

    def __init__(
        self,
        path: Path,
        env: lmdb.Environment,
        tables: Sequence[Table],
        lock: WriterLock | None,
        *,
        readonly: bool,
    ) -> None:
        self._path = path
        self._readonly = readonly
        self._env = env
        self._lock = lock
        self._gate = SnapshotGate()
        self._append = {table.name for table in tables if table.append}
        self._dbs = _open_tables(env, tables, readonly=readonly)

    @classmethod
    def open(
        cls,
        path: Path,
        tables: Sequence[Table],
        *,
        readonly: bool = False,
        map_bytes: int = MAP_BYTES,
    ) -> Self:
        """Open the folder, making it if it is missing and not `readonly`.

        A reader works beside the writer. Where it may not write LMDB's table of
        readers, it keeps writers out while it is open, because nothing else
        would keep the pages that it reads. A table that a reader does not find
        is empty.

        Raises:
            StoreLockedError: another process writes here (or a reader keeps
                writers out).
            StoreFullError: no space to begin with.
            StoreVersionError: a data file of another LMDB.
            StoreError: not a store, not ours to open, open in this process.
        """
        check_folder(path, LMDB_DATA, ("writer.lock", "lock.mdb"), readonly=readonly)
        lock = None if readonly else WriterLock.take(path)
        env: lmdb.Environment | None = None
        try:
            env, lock = _open_env(path, lock, len(tables), map_bytes, readonly=readonly)
            if not readonly:
                sync_folder(path)  # the name of the data file, which LMDB leaves open
            return cls(path, env, tables, lock, readonly=readonly)
        except BaseException as error:
            if env is not None:
                env.close()
            if lock is not None:
                lock.release()
            if isinstance(error, lmdb.Error):
                raise _store_error(error, path, "open") from error
            if isinstance(error, OSError):
                raise disk_error(error, path) from error
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A consistent view, as `Engine.snapshot` says."""
        while True:
            with self._gate.shared():
                txn = self._begin()
                if txn is not None:
                    try:
                        yield _LmdbSnapshot(self._path, txn, self._dbs)
                    finally:
                        txn.abort()
                    return
            with self._gate.exclusive(self._path):
                self._env.set_mapsize(0)  # take the size of the data file

    def commit(self, batch: Iterable[Row]) -> None:
        """Apply the batch or nothing, as `Engine.commit` says."""
        self.apply(grouped(batch))

    def apply(self, changes: Changes) -> None:
        """Apply the changes or nothing, as `Engine.apply` says."""
        if self._readonly:
            raise StoreError("opened for reading only", at=str(self._path))
        while any(changes.values()):
            try:
                self._apply(changes)
                return
            except lmdb.MapFullError:
                self._grow()
            except lmdb.Error as error:
                size = _size(changes)
                raise _store_error(error, self._path, "write", size) from error

    def copy_to(self, path: Path) -> None:
        """A consistent copy without free pages, as `Engine.copy_to` says."""
        part = path / f"{LMDB_DATA}.part"
        try:
            with new_folder(path):
                self._write_copy(part)
                _stamp_copy(part)
                sync_file(part)
                part.rename(path / LMDB_DATA)
        except lmdb.Error as error:
            raise _store_error(error, path, "copy", _SLACK_BYTES) from error
        except OSError as error:
            raise disk_error(error, path) from error

    def faults(self) -> Iterator[str]:
        """What the pages of the file say, as `Engine.faults` says."""
        while True:
            with self.snapshot() as rows:
                assert isinstance(rows, _LmdbSnapshot)  # noqa: S101
                pages = Pages(self._path / LMDB_DATA)
                # A snapshot keeps the pages of its own commit, of no other.
                if pages.commit in (None, rows.commit):
                    fault = pages.fault()
                    yield from () if fault is None else (fault,)
                    return

    def close(self) -> None:
        """Let go of the files and of the writer's place."""
        with self._gate.exclusive(self._path):
            self._env.close()
        if self._lock is not None:
            self._lock.release()

    def _begin(self) -> lmdb.Transaction[bytes] | None:
        """A transaction, or None if another process has grown the map."""
        try:
            return self._env.begin()
        except lmdb.MapResizedError:
            return None
        except lmdb.Error as error:
            raise _store_error(error, self._path, "read") from error

    def _apply(self, changes: Changes) -> None:
        with self._env.begin(write=True) as txn:
            _stamp(txn)
            for table in sorted(changes):
                rows = changes[table]
                keys = sorted(rows)
                if None in rows.values():
                    for key in keys:
                        if rows[key] is None:
                            txn.delete(key, db=self._dbs[table])
                    keys = [key for key in keys if rows[key] is not None]
                self._put(txn, table, list(zip(keys, map(rows.get, keys), strict=True)))

    def _put(
        self,
        txn: lmdb.Transaction[bytes],
        table: str,
        rows: list[tuple[bytes, bytes | None]],
    ) -> None:
        with txn.cursor(self._dbs[table]) as cursor:
            puts = cast("list[tuple[bytes, bytes]]", rows)  # deletions are done
            _, added = cursor.putmulti(puts, append=table in self._append)
        if added < len(rows):
            raise StoreCorruptError(
                f"table {table} only grows, but a key of the batch is not"
                " greater than its last",
                at=str(self._path),
            )

    def _write_copy(self, file: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(file, flags, 0o600)
        try:
            with self._gate.shared():
                self._env.copyfd(descriptor, compact=True)
        finally:
            os.close(descriptor)

    def _grow(self) -> None:
        size = self._env.info()["map_size"] * 2
        if size > MAP_BYTES_MAX:
            raise StoreFullError(
                f"the store has reached {MAP_BYTES_MAX} bytes", at=str(self._path)
            )
        with self._gate.exclusive(self._path):
            self._env.set_mapsize(size)


class _LmdbSnapshot:
    """A `Snapshot` over one read transaction."""

    def __init__(
        self,
        path: Path,
        txn: lmdb.Transaction[bytes],
        dbs: dict[str, lmdb._Database | None],
    ) -> None:
        self._path = path
        self._txn = txn
        self._dbs = dbs

    @property
    def commit(self) -> int:
        """The number of the commit that is seen."""
        return self._txn.id()

    def get(self, table: str, key: bytes) -> bytes | None:
        db = self._dbs[table]
        if db is None:
            return None
        try:
            return self._txn.get(key, db=db)
        except lmdb.Error as error:
            raise _store_error(error, self._path, "read") from error

    def get_many(self, table: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        db = self._dbs[table]
        if db is None:
            return {}
        try:
            with self._txn.cursor(db) as cursor:
                # In order, so that one page after the other is looked at once.
                return dict(cursor.getmulti(sorted(keys)))
        except lmdb.Error as error:
            raise _store_error(error, self._path, "read") from error

    def scan(
        self, table: str, prefix: bytes = b"", *, after: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        db = self._dbs[table]
        if db is None:
            return
        try:
            with self._txn.cursor(db) as cursor:
                found = cursor.set_range(max(prefix, after))
                if found and after and cursor.key() == after:
                    found = cursor.next()
                for row in cursor.iternext() if found else ():
                    if not row[0].startswith(prefix):
                        return
                    yield row
        except lmdb.Error as error:
            raise _store_error(error, self._path, "read") from error

    def last(self, table: str, prefix: bytes = b"") -> tuple[bytes, bytes] | None:
        db = self._dbs[table]
        if db is None:
            return None
        try:
            with self._txn.cursor(db) as cursor:
                beyond = successor(prefix)
                if beyond is not None and cursor.set_range(beyond):
                    found = cursor.prev()
                else:
                    found = cursor.last()
                if found and cursor.key().startswith(prefix):
                    return cursor.item()
                return None
        except lmdb.Error as error:
            raise _store_error(error, self._path, "read") from error


def _stamp_copy(file: Path) -> None:
    """Stamp a copy, whose commits LMDB numbers from 1 again."""
    map_bytes = file.stat().st_size + MAP_BYTES
    env = lmdb.open(str(file), subdir=False, lock=False, map_size=map_bytes)
    try:
        with env.begin(write=True) as txn:
            _stamp(txn)
    finally:
        env.close()


def _size(changes: Changes) -> int:
    return sum(
        len(key) + len(value or b"")
        for rows in changes.values()
        for key, value in rows.items()
    )


def _open_env(
    path: Path,
    lock: WriterLock | None,
    tables: int,
    map_bytes: int,
    *,
    readonly: bool,
) -> tuple[lmdb.Environment, WriterLock | None]:
    def opened(*, reader_table: bool) -> lmdb.Environment:
        if reader_table:
            reserve(path / _READERS, _SLOT_BYTES * (READERS_MAX + 2))
        return lmdb.open(
            str(path),
            map_size=map_bytes,
            readonly=readonly,
            create=not readonly,
            mode=0o600,
            max_dbs=tables,
            max_readers=READERS_MAX,
            lock=reader_table,
        )

    try:
        env = opened(reader_table=True)
    except (lmdb.Error, OSError) as error:
        code = error.code if isinstance(error, lmdb.Error) else error.errno
        if not readonly or code not in _DENIED + NO_SPACE:
            raise
        shared = WriterLock.keep_out(path)
        return opened(reader_table=False), shared
    # Slots of readers that were killed keep old pages. A reader clears them as well:
    # a writer may stay open for years, and begins another where one was killed.
    env.reader_check()
    return env, lock


def _open_tables(
    env: lmdb.Environment, tables: Sequence[Table], *, readonly: bool
) -> dict[str, lmdb._Database | None]:
    dbs: dict[str, lmdb._Database | None] = {}
    with env.begin() as txn, txn.cursor() as cursor:
        found = {bytes(name) for name in cursor.iternext(values=False)}
    if found and not found & {table.name.encode() for table in tables}:
        raise StoreError("the data file of another program", at=env.path())
    missing = [table for table in tables if table.name.encode() not in found]
    if missing and not readonly:
        with env.begin(write=True) as txn:
            for table in missing:
                env.open_db(table.name.encode(), txn=txn)
            _stamp(txn)
    for table in tables:
        try:
            dbs[table.name] = env.open_db(table.name.encode(), create=False)
        except (lmdb.NotFoundError, lmdb.ReadonlyError):
            dbs[table.name] = None
    return dbs


def _stamp(txn: lmdb.Transaction[bytes]) -> None:
    """Let the commit name itself, so that no older one passes for it."""
    txn.put(COMMIT_KEY, txn.id().to_bytes(8, "big"))


def _store_error(
    error: lmdb.Error, path: Path, doing: str, size: int = 0
) -> StoreError:
    at = str(path)
    if _is_full(error, path, size):
        return StoreFullError("no space left; free some and try again", at=at)
    if isinstance(error, lmdb.VersionMismatchError):
        return StoreVersionError(f"a data file of another LMDB: {error}", at=at)
    if isinstance(error, lmdb.InvalidError):
        return StoreError(f"{LMDB_DATA} is no data file of a store", at=at)
    if isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError):
        return StoreCorruptError(f"cannot {doing}: {error}", at=at)
    if error.code in _DENIED:
        return StoreError(f"cannot {doing}: permission denied", at=at)
    return StoreError(f"cannot {doing}: {error}", at=at)


def _is_full(error: lmdb.Error, path: Path, size: int) -> bool:
    if error.code in NO_SPACE or isinstance(error, lmdb.DiskError):
        return True
    if error.code != errno.EIO or not size:
        return False
    needed = size + _SLACK_BYTES
    largest = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if largest != resource.RLIM_INFINITY:
        return (path / LMDB_DATA).stat().st_size + needed > largest
    return shutil.disk_usage(path).free < needed
