"""Homestar's database: one SQLite file with a write-ahead log, read from a copy.

    receipts  cid TEXT, ran TEXT, instruction TEXT, out BLOB, meta BLOB,
              issuer TEXT or null, prf BLOB, version TEXT

The node may be running. To open its file, even only to read, takes locks in it and
may make files beside it, so file and write-ahead log are copied and the copy is
opened. A copy that was torn shows nothing false: each receipt is held to its CID.
Tasks stand in no table; `workflows` has their CID and how many they are.
Source: homestar-runtime/migrations, src/db.rs.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from invocation_spec.errors import DocumentError
from octostore.errors import FileError, StoreError, StoreFullError
from octostore.harvest.homestar.receipt import RECEIPT_BYTES_MAX, Receipt, of_row

__all__ = [
    "DATABASE_BYTES_MAX",
    "ROWS_MAX",
    "Place",
    "is_database",
    "opened_database",
]

#: Bytes of a database that is copied, its log included: what a disk has to spare.
DATABASE_BYTES_MAX: Final = 16 << 30

#: Receipts of one database; each becomes a line of the report.
ROWS_MAX: Final = 1_000_000

_HEAD: Final = b"SQLite format 3\0"

#: What SQLite writes beside a database, and needs to read it as it is.
_BESIDE: Final = ("", "-wal", "-journal")

#: How often a copy is begun again because the node has written meanwhile.
_TRIES: Final = 8

_COLUMNS: Final = (
    *("cid", "ran", "instruction", "out", "meta", "issuer", "prf", "version"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a receipt stands: its name there, for people, and the way to read it.

    `read` raises DocumentError where there is no receipt, each time it is called.
    """

    item: str
    at: str
    read: Callable[[], Receipt]


def is_database(path: Path) -> bool:
    """Whether a file begins as SQLite's do.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(len(_HEAD)) == _HEAD
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error


@contextmanager
def opened_database(path: Path) -> Iterator[Callable[[], Iterator[Place]]]:
    """What reads the receipts of a database, in the order in which they were stored.

    Raises:
        FileError: no database of Homestar, a damaged one, one that is too large or
            that is written to all the time.
        StoreFullError: no space for its copy.
    """
    with tempfile.TemporaryDirectory(prefix="octostore-homestar-") as folder:
        copy = Path(folder) / "copy.db"
        _copy(path, copy)
        with _worded(path):
            connection = sqlite3.connect(copy, isolation_level=None)
        with closing(connection):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2 * RECEIPT_BYTES_MAX)
            connection.text_factory = bytes
            with _worded(path):
                # A view or a generated column could say anything, for ever.
                connection.execute("PRAGMA trusted_schema = OFF")
                _check(connection, path)
            yield partial(_places, connection, path)


def _places(connection: sqlite3.Connection, path: Path) -> Iterator[Place]:
    with _worded(path):
        rows = connection.execute("SELECT rowid FROM receipts ORDER BY rowid")
    for count in range(ROWS_MAX + 1):
        with _worded(path):
            row = rows.fetchone()
        if row is None:
            return
        if count == ROWS_MAX:
            raise FileError(f"more than {ROWS_MAX} receipts", at=str(path))
        at = f"{path}: row {row[0]} of receipts"
        yield Place(at, at, partial(_receipt, connection, row[0], path))


def _receipt(connection: sqlite3.Connection, number: int, path: Path) -> Receipt:
    with _worded(path):
        try:
            row = connection.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM receipts WHERE rowid = ?",  # noqa: S608 - our own names
                (number,),
            ).fetchone()
        except sqlite3.DataError as error:  # SQLITE_TOOBIG
            raise DocumentError(
                f"more than {2 * RECEIPT_BYTES_MAX} bytes in a row"
            ) from error
    if row is None:
        raise FileError(
            f"damaged: row {number} of receipts is listed and not there", at=str(path)
        )
    found: dict[str, bytes | None] = {}
    for name, value in zip(_COLUMNS, row, strict=True):
        if value is not None and not isinstance(value, bytes):
            raise DocumentError(
                f"the number {value!r}; expected text or bytes", at=f"/{name}"
            )
        found[name] = value
    return of_row(found)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    kind = connection.execute(
        "SELECT type FROM sqlite_master WHERE name = 'receipts'"
    ).fetchone()
    plain = {
        row[1].decode("utf-8", "replace")
        for row in connection.execute("PRAGMA table_xinfo(receipts)")
        if not row[6]
    }
    missing = [name for name in _COLUMNS if name not in plain]
    if kind != (b"table",) or missing:
        found = "no table receipts" if kind != (b"table",) else f"no {missing[0]} in it"
        raise FileError(
            f"no database of Homestar: {found}; expected a table receipts with"
            f" {', '.join(_COLUMNS)}",
            at=str(path),
        )


def _copy(path: Path, copy: Path) -> None:
    """Copy a database as it is between two writes of its node."""
    for _ in range(_TRIES):
        before = _state(path)
        size = sum(part[1] for part in before)
        if size > DATABASE_BYTES_MAX:
            raise FileError(
                f"{size} bytes; at most {DATABASE_BYTES_MAX} are copied", at=str(path)
            )
        for suffix, *_ in before:
            _copy_file(_beside(path, suffix), _beside(copy, suffix))
        if _state(path) == before:
            return
        for suffix in _BESIDE:
            _beside(copy, suffix).unlink(missing_ok=True)
    raise FileError(
        f"written to while it was copied, {_TRIES} times; stop the node, or copy it"
        ' with sqlite3 FILE ".backup COPY"',
        at=str(path),
    )


def _copy_file(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as stream:
            try:
                with target.open("wb") as copy:
                    shutil.copyfileobj(stream, copy, 1 << 20)
            except OSError as error:
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                raise (StoreFullError if full else StoreError)(
                    f"the database is not copied: {error.strerror}", at=str(target)
                ) from error
    except FileNotFoundError:
        return  # a log that the node has just removed; seen when the states differ
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(source)) from error


def _state(path: Path) -> list[tuple[str, int, int, int]]:
    """What is there of a database: each file's suffix, size, time and number."""
    found: list[tuple[str, int, int, int]] = []
    for suffix in _BESIDE:
        try:
            status = _beside(path, suffix).stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise FileError(
                f"cannot be read: {error.strerror}", at=str(path)
            ) from error
        found.append((suffix, status.st_size, status.st_mtime_ns, status.st_ino))
    return found


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


@contextmanager
def _worded(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise FileError(f"no database that can be read: {error}", at=str(path)) from (
            error
        )
