"""Where a delivery waits while it is examined: memory first, then a nameless file.

A statement may stand before or after the blocks it needs, so all blocks of a
delivery are laid down before any is used. Memory holds the small ones and where
the others lie; the file vanishes with the process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from invocation_spec.cid import CID
from octostore import tables
from octostore.errors import CarError, StoreError, StoreFullError

__all__ = ["SPOOL_BLOCKS_MAX", "SPOOL_MEMORY_BYTES", "Spool"]

#: Bytes of blocks that stay in memory; a delivery of 30,000 claims.
SPOOL_MEMORY_BYTES: Final = 1 << 25

#: Blocks of one delivery; each costs some 200 bytes of memory.
SPOOL_BLOCKS_MAX: Final = 1 << 20


class Spool:
    """Blocks of ours by CID, in the order they came; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed in exit
            SPOOL_MEMORY_BYTES, mode="w+b", dir=str(folder)
        )
        self._places: dict[bytes, tuple[int, int]] = {}
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, cid: CID, block: bytes) -> None:
        """Lay a block down; the same one twice is one. It was hashed before.

        Raises:
            CarError: more blocks than one delivery may have.
            StoreFullError: no space.
        """
        key = cid.digest
        if key in self._places:
            return
        if len(self._places) >= SPOOL_BLOCKS_MAX:
            raise CarError(
                f"more than {SPOOL_BLOCKS_MAX} blocks in one delivery; send the rest"
                " in another"
            )
        try:
            self._file.seek(self._end)
            self._file.write(block)
        except OSError as error:
            raise StoreFullError(f"no space to unpack: {error.strerror}") from error
        self._places[key] = (self._end, len(block))
        self._end += len(block)

    def find(self, cid: CID) -> bytes | None:
        """The block, or None if it did not come.

        Raises:
            StoreError: the file cannot be read.
        """
        place = self._places.get(cid.digest) if tables.is_ours(cid) else None
        if place is None:
            return None
        try:
            self._file.seek(place[0])
            block: bytes = self._file.read(place[1])
        except OSError as error:
            raise StoreError(f"cannot unpack: {error.strerror}") from error
        return block

    def __iter__(self) -> Iterator[CID]:
        """The CIDs in the order the blocks came."""
        return (tables.PARTS.key.decode(digest)[0] for digest in self._places)
