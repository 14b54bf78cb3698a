"""A scratch engine that reads the truth of a snapshot and derives beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from octostore import tables
from octostore.engine import Changes, Engine, Row, Snapshot
from octostore.engine.choice import DEFAULT_ENGINE, ENGINES
from octostore.temporary import temporary_folder

__all__ = ["scratch"]


@contextmanager
def scratch(rows: Snapshot, derived: Collection[str]) -> Iterator[Engine]:
    """An engine that has these tables for itself, and reads the others of a snapshot.

    Raises:
        StoreError: no scratch space.
    """
    with temporary_folder("scratch") as folder:
        engine = ENGINES[DEFAULT_ENGINE].open(folder / "scratch", tables.TABLES)
        try:
            yield _Beside(rows, engine, derived)
        finally:
            engine.close()


class _Beside:
    """An `Engine`: some tables in the scratch engine, all else in the snapshot."""

    def __init__(
        self, truth: Snapshot, scratch: Engine, derived: Collection[str]
    ) -> None:
        self._truth = truth
        self._scratch = scratch
        self._tables = derived
        self.copy_to = scratch.copy_to
        self.faults = scratch.faults
        self.close = scratch.close

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        with self._scratch.snapshot() as derived:
            yield _Layers(self._truth, derived, self._tables)

    def commit(self, batch: Iterable[Row]) -> None:
        self._scratch.commit(batch)

    def apply(self, changes: Changes) -> None:
        self._scratch.apply(changes)


class _Layers:
    """A `Snapshot` of two."""

    def __init__(
        self, truth: Snapshot, derived: Snapshot, names: Collection[str]
    ) -> None:
        self._truth = truth
        self._derived = derived
        self._names = names

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
        return self._derived if table in self._names else self._truth
