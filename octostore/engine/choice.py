"""Which engines there are, and which of them made the store in a folder.

A new engine is one line here, and a subclass of tests/octostore/engine_suite.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from octostore.engine import Engine, Table
from octostore.engine.lmdb_engine import LMDB_DATA, LmdbEngine
from octostore.engine.lmdb_pages import file_faults
from octostore.engine.sqlite_engine import SQLITE_DATA, SqliteEngine
from octostore.errors import StoreError

__all__ = ["DEFAULT_ENGINE", "ENGINES", "EngineKind", "engine_of", "open_engine"]


class _Open(Protocol):
    def __call__(
        self, path: Path, tables: Sequence[Table], *, readonly: bool = False
    ) -> Engine: ...


class _Faults(Protocol):
    def __call__(self, file: Path, /) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class EngineKind:
    """How to open it, the file that tells it, and what can be said unopened.

    `faults` looks at the file before the engine does, for an engine that trusts
    its file so much that a damaged one ends the process.
    """

    open: _Open
    data: str
    faults: _Faults | None = None


DEFAULT_ENGINE: Final = "lmdb"

#: Engines by the name that `Octostore.open` takes.
ENGINES: Final[Mapping[str, EngineKind]] = {
    "lmdb": EngineKind(LmdbEngine.open, LMDB_DATA, file_faults),
    "sqlite": EngineKind(SqliteEngine.open, SQLITE_DATA),
}


def engine_of(path: Path) -> str | None:
    """The name of the engine whose store is in this folder; None if none is."""
    for name, kind in ENGINES.items():
        if (path / kind.data).exists():
            return name
    return None


def open_engine(
    path: Path, tables: Sequence[Table], *, readonly: bool, name: str | None
) -> Engine:
    """Open the store in a folder with the engine that made it.

    `name` says which engine makes a store that is not there yet.

    Raises:
        StoreError: the store is there and another engine made it; and as the
            engine says.
    """
    found = engine_of(path)
    if name is not None and found is not None and found != name:
        raise StoreError(f"a store of {found}, not of {name}", at=str(path))
    kind = ENGINES[found or name or DEFAULT_ENGINE]
    return kind.open(path, tables, readonly=readonly)
