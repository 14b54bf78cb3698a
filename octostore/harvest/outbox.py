"""What was claimed with a key, and what nobody has acknowledged yet: one SQLite file.

    claimed  network, item   -> claim, statement
    waiting  number          -> statement, CAR
    cursors  source          -> how far it was read

A run and the statement that claims it come into the file in one transaction, before
the statement leaves. So a run is claimed once, whatever is killed or unplugged, and a
signed statement is sent until somebody has it. Source: ADR 20.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from invocation_spec.cid import CID
from octostore.errors import StoreError, StoreVersionError
from octostore.keys import Did

__all__ = ["BUSY_S", "ClaimedRun", "Outbox"]

#: Seconds to wait for another process that writes.
BUSY_S: Final = 60.0

#: "octo"; other SQLite files have another number here, or none.
_APPLICATION: Final = 0x6F63746F
_LAYOUT: Final = 1

_TABLES: Final = (
    "CREATE TABLE owner (did TEXT NOT NULL)",
    "CREATE TABLE claimed (network TEXT NOT NULL, item TEXT NOT NULL,"
    " claim BLOB NOT NULL, statement BLOB NOT NULL,"
    " PRIMARY KEY (network, item)) WITHOUT ROWID",
    "CREATE TABLE waiting (number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " statement BLOB NOT NULL, car BLOB NOT NULL)",
    "CREATE TABLE cursors (source TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run by its network's name, and the record that claims it."""

    item: str
    claim: CID


class Outbox:
    """The file of one key; a context manager.

    Raises:
        StoreError: from every method: the disk, or another process that does not
            end its turn.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path, issuer: Did) -> Self:
        """Open the outbox of a key; one that is not there is made.

        Raises:
            StoreVersionError: a file of another layout, or no outbox.
            StoreError: the outbox of another key.
        """
        with _worded(path):
            connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        outbox = cls(path, connection)
        try:
            outbox._prepare(issuer)
        except BaseException:
            connection.close()
            raise
        return outbox

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def unclaimed(self, network: str, items: Iterable[str]) -> set[str]:
        """Those of the runs that have no claim yet."""
        with _worded(self._path):
            return {item for item in items if not self._is_claimed(network, item)}

    def keep(
        self,
        network: str,
        runs: Sequence[ClaimedRun],
        statement: CID,
        car: bytes,
    ) -> None:
        """Keep a signed statement and the runs that it claims, synced to the disk."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO waiting (statement, car) VALUES (?, ?)",
                (statement.raw, car),
            )
            connection.executemany(
                "INSERT INTO claimed VALUES (?, ?, ?, ?)",
                [(network, run.item, run.claim.raw, statement.raw) for run in runs],
            )

    def waiting(self) -> Iterator[tuple[int, bytes]]:
        """Statements to be delivered, the oldest first: a number and the CAR."""
        after = -1
        while True:
            with _worded(self._path):
                row = self._connection.execute(
                    "SELECT number, car FROM waiting WHERE number > ?"
                    " ORDER BY number LIMIT 1",
                    (after,),
                ).fetchone()
            if row is None:
                return
            after, car = row
            yield after, car

    def waiting_count(self) -> int:
        """How many statements nobody has acknowledged yet."""
        with _worded(self._path):
            row = self._connection.execute("SELECT count(*) FROM waiting").fetchone()
        return int(row[0])

    def delivered(self, number: int) -> None:
        """Let go of a statement that somebody has acknowledged."""
        with self._writing() as connection:
            connection.execute("DELETE FROM waiting WHERE number = ?", (number,))

    def cursor(self, source: str) -> str | None:
        """How far this source was read, in its own words."""
        with _worded(self._path):
            row = self._connection.execute(
                "SELECT value FROM cursors WHERE source = ?", (source,)
            ).fetchone()
        return None if row is None else str(row[0])

    def set_cursor(self, source: str, value: str) -> None:
        """Say how far this source was read; all before it has been dealt with."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO cursors VALUES (?, ?)"
                " ON CONFLICT (source) DO UPDATE SET value = excluded.value",
                (source, value),
            )

    def _is_claimed(self, network: str, item: str) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM claimed WHERE network = ? AND item = ?", (network, item)
        )
        return found.fetchone() is not None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with _worded(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _prepare(self, issuer: Did) -> None:
        with _worded(self._path):
            self._connection.execute("PRAGMA synchronous = EXTRA")
        with self._writing() as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            found = connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            if found is None:
                for table in _TABLES:
                    connection.execute(table)
                connection.execute("INSERT INTO owner VALUES (?)", (str(issuer),))
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {_LAYOUT}")
            elif (application, layout) != (_APPLICATION, _LAYOUT):
                raise StoreVersionError(
                    f"no outbox of layout {_LAYOUT} (found {application:#x},"
                    f" {layout}); name another file with --outbox",
                    at=str(self._path),
                )
            (owner,) = connection.execute("SELECT did FROM owner").fetchone()
        if owner != str(issuer):
            raise StoreError(
                f"the outbox of {owner}; the key is {issuer}", at=str(self._path)
            )


@contextmanager
def _worded(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(f"outbox: {error}", at=str(path)) from error
