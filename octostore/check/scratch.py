"""A scratch engine that reads the truth of a snapshot and derives beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from octostore import tables
from octostore.engine import Changes, Engine, Row, Snapshot
from octostore.engines import DEFAULT_ENGINE, ENGINES

__all__ = ["DERIVED", "scratch"]

#: What is derived there; `at` is held against the blocks themselves.
DERIVED: Final = frozenset(tables.INDEXES) - {tables.AT.name}


@contextmanager
def scratch(rows: Snapshot) -> Iterator[Engine]:
    """An engine that reads the truth of a snapshot, and derives beside it."""
    with tempfile.TemporaryDirectory(prefix="octostore-check-") as folder:
        path = Path(folder) / "scratch"
        engine = ENGINES[DEFAULT_ENGINE].open(path, tables.TABLES)
        try:
            yield _Beside(rows, engine)
        finally:
            engine.close()


class _Beside:
    """An `Engine`: indexes in the scratch engine, all else in the snapshot."""

    def __init__(self, truth: Snapshot, scratch: Engine) -> None:
        self._truth = truth
        self._scratch = scratch
        self.copy_to = scratch.copy_to
        self.faults = scratch.faults
        self.close = scratch.close

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        with self._scratch.snapshot() as derived:
            yield _Layers(self._truth, derived)

    def commit(self, batch: Iterable[Row]) -> None:
        self._scratch.commit(batch)

    def apply(self, changes: Changes) -> None:
        self._scratch.apply(changes)


class _Layers:
    """A `Snapshot` of two."""

    def __init__(self, truth: Snapshot, derived: Snapshot) -> None:
        self._truth = truth
        self._derived = derived

    def get(self, table: str, key: bytes) -> bytes | None:
        return self._of(table).get(table, key)

    def get_many(self, table: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        return self._of(table).get_many(table, keys)

    def scan(
        self, table: str, prefix: bytes = b"", *, after: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._of(table).scan(table, prefix, after=after)

    def last(self, table: str, prefix: bytes = b"") -> tuple[bytes, bytes] | None:
        return self._of(table).last(table, prefix)

    def _of(self, table: str) -> Snapshot:
        return self._derived if table in DERIVED else self._truth
