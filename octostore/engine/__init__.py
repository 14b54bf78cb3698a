"""What the store asks of a database: ordered bytes, snapshots, atomic batches.

    engine.commit([Row("log", key, value), Row("pending", key, None)])
    with engine.snapshot() as rows:
        rows.get("log", key)
        for key, value in rows.scan("claims", prefix=invocation): ...

That is all: rows of one table are ordered by their keys as bytes, keys are
unique, an index is a table whose values are empty. Statements are immutable,
content-addressed and idempotent, so an engine of many machines can hold them
behind the same few methods. tests/octostore/engine_suite.py is what each must
pass. Source: DESIGN 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeAlias

__all__ = [
    "KEY_BYTES_MAX",
    "Changes",
    "Engine",
    "Row",
    "Snapshot",
    "Table",
    "grouped",
    "successor",
]

#: Longest key of any engine, LMDB's as it is built by default; none is empty.
KEY_BYTES_MAX: Final = 511


class Table(NamedTuple):
    """A table by name; `append` promises that keys only ever grow."""

    name: str
    append: bool = False


class Row(NamedTuple):
    """One change of a batch: put the value, or delete the key if it is None."""

    table: str
    key: bytes
    value: bytes | None


#: A batch by table: key -> value to put, or None to delete the key.
Changes: TypeAlias = Mapping[str, Mapping[bytes, bytes | None]]


class Snapshot(Protocol):
    """The rows as one commit left them; later commits do not show."""

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value, or None if there is no such key."""
        ...

    def get_many(self, table: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The rows of these keys that are there, in one go; in no given order."""
        ...

    def scan(
        self, table: str, prefix: bytes = b"", *, after: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        """The rows whose key begins with `prefix`, in order; none if none does.

        With `after`, only keys greater than it. Use the iterator inside the
        snapshot; it reads as it goes.
        """
        ...

    def last(self, table: str, prefix: bytes = b"") -> tuple[bytes, bytes] | None:
        """The row with the greatest key that begins with `prefix`, or None."""
        ...


class Engine(Protocol):
    """An ordered map of bytes per table, on disk."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A consistent view; many at once, beside a commit, from any thread.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def commit(self, batch: Iterable[Row]) -> None:
        """Apply the whole batch or nothing; on return it is on the disk.

        Of two rows with one key the later wins; a put over an equal row and a
        delete of a missing key do nothing. Not from inside a snapshot of the
        same thread. Killed half-way, or if the batch itself raises, nothing of
        it is there.

        Raises:
            StoreFullError: no space; nothing of the batch is there.
            StoreError: opened for reading only, a key that is empty or longer
                than `KEY_BYTES_MAX`, or the disk failed.
        """
        ...

    def apply(self, changes: Changes) -> None:
        """The same of a batch that is grouped by table, as a writer of many has it."""
        ...

    def copy_to(self, path: Path) -> None:
        """Copy the rows as one commit left them, also beside a writer.

        `path` is a folder that is not there yet. On return a store is in it, on
        the disk; after an error nothing is; killed half-way, no store.

        Raises:
            StoreFullError: no space there.
            StoreError: `path` exists, or a disk failed.
        """
        ...

    def faults(self) -> Iterator[str]:
        """What is wrong with the files themselves, a line each; also beside a writer.

        None is said of rows: what they should be, the engine does not know.
        """
        ...

    def close(self) -> None:
        """Let go of the files; twice is harmless."""
        ...


def grouped(batch: Iterable[Row]) -> Changes:
    """The rows of a batch by table; of two with one key the later."""
    changes: dict[str, dict[bytes, bytes | None]] = {}
    for table, key, value in batch:
        changes.setdefault(table, {})[key] = value
    return changes


def successor(prefix: bytes) -> bytes | None:
    """The least key greater than every key with this prefix; None if there is none."""
    body = prefix.rstrip(b"\xff")
    return body[:-1] + bytes((body[-1] + 1,)) if body else None
