"""Changes in the making: laid over a snapshot, then committed as one batch.

Nothing is open for writing while a delivery is verified; only `commit` writes.
A draft that is dropped has changed nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from octostore import tables
from octostore.engine import Engine, Snapshot
from octostore.packed import pack
from octostore.view import View

__all__ = ["GROUP_BYTES", "GROUP_ROWS", "Draft"]

#: A batch is committed when it is so large: statements share a commit (one sync
#: for thousands of claims), and memory stays bounded.
GROUP_BYTES: Final = 1 << 23
GROUP_ROWS: Final = 1 << 16

#: Digests that stay looked up; those of the largest statement and more.
_KEPT_MAX: Final = 1 << 16

_MARKED: Final = b"1"
_BLOCKS: Final = tables.BLOCKS.name


class Draft:
    """A snapshot with changes over it. `get` sees them, `scan` and `last` do not.

    `mark` is a key of `meta` that is there while more is to come after a commit: it
    comes with the first group and goes with `finish`.
    """

    def __init__(self, engine: Engine, mark: bytes | None = None) -> None:
        self._engine = engine
        self._mark = mark
        self._changes: dict[str, dict[bytes, bytes | None]] = _nothing()
        self._bytes = self._rows = 0
        self._open = ExitStack()
        self._base: Snapshot = self._open.enter_context(engine.snapshot())
        self.view = View(self)
        #: What `look_up` found: numbers stay, and nobody else adds blocks.
        self._at: dict[bytes, bytes] = {}
        self._absent: set[bytes] = set()
        last = self._base.last(tables.BLOCKS.name)
        self._next = tables.BLOCKS.key.decode(last[0])[0] + 1 if last else 0
        self._fresh = tables.no_of(self._next)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value as changed, or as it was."""
        try:
            return self._changes[table][key]
        except KeyError:
            return self._base.get(table, key)

    def get_of(self, table: str, no: bytes) -> bytes | None:
        """The value under the number of a block; no commit has one of a new block."""
        changed = self._changes[table]
        if no in changed:
            return changed[no]
        return None if no >= self._fresh else self._base.get(table, no)

    def get_many(self, table: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those that are there, as changed or as they were."""
        changed = self._changes[table]
        if not changed:
            return self._base.get_many(table, keys)
        found: dict[bytes, bytes] = {}
        unchanged = []
        for key in keys:
            if key not in changed:
                unchanged.append(key)
                continue
            value = changed[key]
            if value is not None:
                found[key] = value
        if unchanged:
            found.update(self._base.get_many(table, unchanged))
        return found

    def scan(
        self, table: str, prefix: bytes = b"", *, after: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        """Rows as they were at the last commit."""
        return self._base.scan(table, prefix, after=after)

    def last(self, table: str, prefix: bytes = b"") -> tuple[bytes, bytes] | None:
        """The last row as it was at the last commit."""
        return self._base.last(table, prefix)

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Set one row."""
        self._changes[table][key] = value
        self._bytes += len(key) + len(value)
        self._rows += 1

    def put_keys(self, table: str, keys: Sequence[bytes]) -> None:
        """Set rows that are keys only."""
        self._changes[table].update(dict.fromkeys(keys, b""))
        self._bytes += sum(map(len, keys))
        self._rows += len(keys)

    def delete(self, table: str, key: bytes) -> None:
        """Take one row away."""
        self._changes[table][key] = None
        self._bytes += len(key)
        self._rows += 1

    def look_up(self, digests: Iterable[bytes]) -> None:
        """Find out, in one go, which of these blocks are there."""
        if len(self._at) + len(self._absent) > _KEPT_MAX:
            self._at.clear()
            self._absent.clear()
        at, absent = self._at, self._absent
        wanted = {item for item in digests if item not in at and item not in absent}
        if not wanted:
            return
        found = self.get_many(tables.AT.name, wanted)
        self._at.update(found)
        self._absent.update(wanted - found.keys())

    def find_no(self, digest: bytes) -> bytes | None:
        """The number of the block with this digest, as keys spell it, or None."""
        no = self._at.get(digest)
        if no is None and digest not in self._absent:
            no = self.get(tables.AT.name, digest)
        return no

    def no(self, digest: bytes) -> bytes:
        """The same of a block that is known to be there."""
        no = self._at.get(digest) or self.find_no(digest)
        assert no is not None, f"{digest.hex()} was to be added first"  # noqa: S101
        return no

    def add(self, digest: bytes, block: bytes) -> None:
        """Keep this block, which was hashed, under a new number if it is new."""
        if digest in self._absent:
            self._absent.discard(digest)
        elif self.find_no(digest) is not None:
            return
        no = tables.no_of(self._next)
        self._next += 1
        value = self._changes[tables.BLOCKS.name][no] = pack(block)
        self._changes[tables.AT.name][digest] = self._at[digest] = no
        self._bytes += len(value) + len(digest) + 2 * len(no)
        self._rows += 2

    def add_all(
        self, digests: Sequence[bytes], find: Callable[[bytes], bytes | None]
    ) -> None:
        """Keep those of these blocks that are new and that `find` has, in one go."""
        self.look_up(digests)
        at, absent = self._at, self._absent
        numbers, blocks = self._changes[tables.AT.name], self._changes[_BLOCKS]
        for digest in digests:
            if digest in at or (block := find(digest)) is None:
                continue
            absent.discard(digest)
            no = self._next.to_bytes(tables.NO_BYTES, "big")
            self._next += 1
            value = blocks[no] = pack(block)
            numbers[digest] = at[digest] = no
            self._bytes += len(value) + len(digest) + 2 * len(no)
            self._rows += 2
            if self.is_large:
                self.commit_if_large()
                numbers, blocks = self._changes[tables.AT.name], self._changes[_BLOCKS]

    def add_block(self, block: bytes) -> None:
        """Keep this block under a new number if it is new."""
        self.add(hashlib.sha256(block).digest(), block)

    @property
    def is_large(self) -> bool:
        """Whether it is time to commit."""
        return self._bytes >= GROUP_BYTES or self._rows >= GROUP_ROWS

    def commit_if_large(self) -> None:
        """Commit when it is time; scans that are under way end there."""
        if self.is_large:
            if self._mark is not None:
                self.put(tables.META.name, self._mark, _MARKED)
            self.commit()

    def finish(self) -> None:
        """Commit what is left, the last group."""
        if self._mark is not None and self.get(tables.META.name, self._mark):
            self.delete(tables.META.name, self._mark)
        self.commit()

    def commit(self) -> None:
        """Write all changes as one batch; go on over what is there then.

        Raises:
            StoreFullError: no space; nothing of the batch is there.
            StoreError: the disk failed.
        """
        if not self._rows:
            return
        self._open.close()  # the map can grow only while no snapshot is open
        self._engine.apply(
            {table: rows for table, rows in self._changes.items() if rows}
        )
        self._changes = _nothing()
        self._bytes = self._rows = 0
        self._base = self._open.enter_context(self._engine.snapshot())
        self._fresh = tables.no_of(self._next)


def _nothing() -> dict[str, dict[bytes, bytes | None]]:
    return {table.name: {} for table in tables.TABLES}
