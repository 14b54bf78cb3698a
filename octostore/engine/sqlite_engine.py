"""An engine on SQLite: a table for each table, a write-ahead log, fsync on.

    store/               0700
      store.sqlite       0600, the tables: (key, value), ordered by key
      store.sqlite-wal   what was committed since the last checkpoint of SQLite
      store.sqlite-shm   where readers stand
      writer.lock        held (flock) by the one writer; its process id inside

Built as unlike LMDB as can be (no map, no growing, a journal), so that the
suite of engines is about the protocol. The only module that knows SQLite.
Source: DESIGN 4; sqlite.org/wal.html, sqlite.org/withoutrowid.html.
"""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from octostore.durable import new_folder, sync_file, sync_folder
from octostore.engine import (
    KEY_BYTES_MAX,
    Changes,
    Row,
    Snapshot,
    Table,
    grouped,
    successor,
)
from octostore.errors import StoreCorruptError, StoreError, StoreFullError
from octostore.folder import check_folder, disk_error
from octostore.locks import SnapshotGate, WriterLock

__all__ = ["SQLITE_DATA", "SqliteEngine"]

SQLITE_DATA: Final = "store.sqlite"

_OURS: Final = {"writer.lock", f"{SQLITE_DATA}-wal", f"{SQLITE_DATA}-shm"}

#: How long a reader waits while the last writer folds its journal into the file.
_BUSY_S: Final = 60

#: SQLite says "write failed" for a file that may not grow. If less than this is
#: free, or the process is limited, it was the space.
_SLACK_BYTES: Final = 1 << 20

_SHORT: Final = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)


class SqliteEngine:
    """An `Engine` in a folder. Make it with `open`."""

    def __init__(
        self,
        path: Path,
        tables: Sequence[Table],
        writer: sqlite3.Connection | None,
        lock: WriterLock | None,
    ) -> None:
        self._path = path
        self._writer = writer
        self._lock = lock
        self._one_commit = threading.Lock()
        self._gate = SnapshotGate()
        self._idle: list[sqlite3.Connection] = []
        self._is_closed = False
        self._append = {table.name for table in tables if table.append}
        self._names = frozenset(table.name for table in tables)
        with self._connection() as connection:
            self._found = _tables_of(connection, self._names, path)

    @classmethod
    def open(
        cls, path: Path, tables: Sequence[Table], *, readonly: bool = False
    ) -> Self:
        """Open the folder, making it if it is missing and not `readonly`.

        A reader works beside the writer; it must be allowed to write in the
        folder, because SQLite keeps there where readers stand. A table that a
        reader does not find is empty.

        Raises:
            StoreLockedError: another process writes here.
            StoreFullError: no space to begin with.
            StoreError: not a store, not ours to open.
        """
        check_folder(path, SQLITE_DATA, _OURS, readonly=readonly)
        lock = None if readonly else WriterLock.take(path)
        writer = None
        try:
            writer = None if readonly else _open_writer(path, tables)
            return cls(path, tables, writer, lock)
        except BaseException as error:
            if writer is not None:
                writer.close()
            if lock is not None:
                lock.release()
            if isinstance(error, sqlite3.Error):
                raise _store_error(error, path, "open") from error
            if isinstance(error, OSError):
                raise disk_error(error, path) from error
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A consistent view, as `Engine.snapshot` says."""
        with self._gate.shared(), self._connection() as connection:
            rows = _SqliteSnapshot(self._path, connection, self._names, self._found)
            try:
                with _naming(self._path, "read"):
                    connection.execute("BEGIN")
                    # A transaction begins to see with its first read.
                    connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
                yield rows
            finally:
                rows.close()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def commit(self, batch: Iterable[Row]) -> None:
        """Apply the batch or nothing, as `Engine.commit` says."""
        self.apply(grouped(batch))

    def apply(self, changes: Changes) -> None:
        """Apply the changes or nothing, as `Engine.apply` says."""
        if self._writer is None:
            raise StoreError("opened for reading only", at=str(self._path))
        for rows in changes.values():
            for key in rows:
                if not 1 <= len(key) <= KEY_BYTES_MAX:
                    raise StoreError(
                        f"a key of {len(key)} bytes; expected 1 to {KEY_BYTES_MAX}"
                    )
        with self._one_commit, _naming(self._path, "write"):
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                self._apply(self._writer, changes)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def copy_to(self, path: Path) -> None:
        """A consistent copy, as `Engine.copy_to` says."""
        part = path / f"{SQLITE_DATA}.part"
        try:
            with new_folder(path), _naming(path, "copy"):
                with self._connection() as connection:
                    connection.execute("VACUUM INTO ?", (str(part),))
                part.chmod(0o600)
                sync_file(part)
                part.rename(path / SQLITE_DATA)
        except OSError as error:
            raise disk_error(error, path) from error

    def faults(self) -> Iterator[str]:
        """What SQLite itself finds wrong, as `Engine.faults` says."""
        try:
            with self._connection() as connection:
                for (line,) in connection.execute("PRAGMA integrity_check"):
                    if line != "ok":
                        yield str(line)
        except sqlite3.Error as error:
            yield str(error)

    def close(self) -> None:
        """Let go of the files and of the writer's place."""
        with self._gate.exclusive(self._path):
            self._is_closed = True
            while self._idle:
                self._idle.pop().close()
            if self._writer is not None:
                self._writer.close()
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one reader at a time; connections are kept."""
        if self._is_closed:
            raise StoreError("it was closed", at=str(self._path))
        with _naming(self._path, "read"):
            connection = self._idle.pop() if self._idle else _connect(self._path, "ro")
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def _apply(self, writer: sqlite3.Connection, changes: Changes) -> None:
        for table in sorted(changes):
            mine = sorted(changes[table].items())
            puts = [(key, value) for key, value in mine if value is not None]
            gone = [(key,) for key, value in mine if value is None]
            if puts and table in self._append:
                self._check_grows(writer, table, puts[0][0])
            # Names are quoted, and those of the caller's own constants.
            writer.executemany(f'DELETE FROM "{table}" WHERE key = ?', gone)  # noqa: S608
            writer.executemany(f'REPLACE INTO "{table}" VALUES (?, ?)', puts)  # noqa: S608

    def _check_grows(
        self, writer: sqlite3.Connection, table: str, least: bytes
    ) -> None:
        (last,) = writer.execute(f'SELECT max(key) FROM "{table}"').fetchone()  # noqa: S608
        if last is not None and least <= last:
            raise StoreCorruptError(
                f"table {table} only grows, but a key of the batch is not greater"
                " than its last",
                at=str(self._path),
            )


class _SqliteSnapshot:
    """A `Snapshot` over one read transaction."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        names: frozenset[str],
        found: frozenset[str],
    ) -> None:
        self._path = path
        self._connection = connection
        self._names = names
        self._found = found
        self._cursors: set[sqlite3.Cursor] = set()

    def get(self, table: str, key: bytes) -> bytes | None:
        if not self._has(table):
            return None
        with _naming(self._path, "read"):
            row = self._connection.execute(
                f'SELECT value FROM "{table}" WHERE key = ?',  # noqa: S608
                (key,),
            ).fetchone()
        return None if row is None else row[0]

    def get_many(self, table: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        found = ((key, self.get(table, key)) for key in keys)
        return {key: value for key, value in found if value is not None}

    def scan(
        self, table: str, prefix: bytes = b"", *, after: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        if not self._has(table):
            return
        start = "key > ?" if after >= prefix else "key >= ?"
        end, beyond = "", successor(prefix)
        bounds = [max(prefix, after)]
        if beyond is not None:
            end = "AND key < ?"
            bounds.append(beyond)
        query = f'SELECT key, value FROM "{table}" WHERE {start} {end} ORDER BY key'  # noqa: S608
        cursor = self._connection.cursor()
        self._cursors.add(cursor)
        try:
            with _naming(self._path, "read"):
                yield from cursor.execute(query, bounds)
        finally:
            self._cursors.discard(cursor)
            cursor.close()

    def last(self, table: str, prefix: bytes = b"") -> tuple[bytes, bytes] | None:
        if not self._has(table):
            return None
        end, beyond = "", successor(prefix)
        bounds = [prefix]
        if beyond is not None:
            end = "AND key < ?"
            bounds.append(beyond)
        with _naming(self._path, "read"):
            row: tuple[bytes, bytes] | None = self._connection.execute(
                f'SELECT key, value FROM "{table}" WHERE key >= ? {end}'  # noqa: S608
                " ORDER BY key DESC LIMIT 1",
                bounds,
            ).fetchone()
        return row

    def close(self) -> None:
        """End scans that are under way; they would keep the transaction open."""
        for cursor in self._cursors:
            cursor.close()

    def _has(self, table: str) -> bool:
        if table not in self._names:
            raise KeyError(table)
        return table in self._found


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{(path / SQLITE_DATA).absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_S,
    )


def _open_writer(path: Path, tables: Sequence[Table]) -> sqlite3.Connection:
    # Made here, because SQLite would make it readable by others; its journal
    # then has the same mode.
    os.close(os.open(path / SQLITE_DATA, os.O_RDWR | os.O_CREAT, 0o600))
    writer = _connect(path, "rw")
    try:
        _tables_of(writer, frozenset(table.name for table in tables), path)
        (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError("no write-ahead log on this file system", at=str(path))
        writer.execute("PRAGMA synchronous = FULL")
        writer.execute("BEGIN IMMEDIATE")
        # Now the write-ahead log is there, until the last connection closes. SQLite
        # syncs the folder after it has written the first commit into it, and takes a
        # failure of that for success (unixSync in os_unix.c): a commit could be
        # reported whose file has no name on the disk.
        sync_folder(path)
        for table in tables:
            writer.execute(
                f'CREATE TABLE IF NOT EXISTS "{table.name}"'
                " (key BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID"
            )
        writer.execute("COMMIT")
    except BaseException:
        writer.close()
        raise
    return writer


def _tables_of(
    connection: sqlite3.Connection, names: frozenset[str], path: Path
) -> frozenset[str]:
    query = "SELECT name FROM sqlite_schema WHERE type = 'table'"
    with _naming(path, "open"):
        found = frozenset(name for (name,) in connection.execute(query))
    if found and not found & names:
        raise StoreError("the data file of another program", at=str(path))
    return found & names


@contextmanager
def _naming(path: Path, doing: str) -> Iterator[None]:
    """Say errors of SQLite in our words."""
    try:
        yield
    except sqlite3.Error as error:
        raise _store_error(error, path, doing) from error


def _store_error(error: sqlite3.Error, path: Path, doing: str) -> StoreError:
    at = str(path)
    # An error of the module itself (a cursor that was closed) has no code.
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_FULL or (code in _SHORT and _is_short(path)):
        return StoreFullError("no space left; free some and try again", at=at)
    if code == sqlite3.SQLITE_NOTADB:
        return StoreError(f"{SQLITE_DATA} is no data file of a store", at=at)
    if code & 0xFF == sqlite3.SQLITE_CORRUPT:
        return StoreCorruptError(f"cannot {doing}: {error}", at=at)
    return StoreError(f"cannot {doing}: {error}", at=at)


def _is_short(path: Path) -> bool:
    limited = resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
    return limited or shutil.disk_usage(path).free < _SLACK_BYTES
