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
from typing import BinaryIO, Final, Self, cast

from octostore.errors import CarError, StoreError, StoreFullError
from octostore.reading import Told

__all__ = ["SPOOL_BLOCKS_MAX", "SPOOL_MEMORY_BYTES", "Spool"]

#: Bytes of blocks that stay in memory; a delivery of 30,000 claims.
SPOOL_MEMORY_BYTES: Final = 1 << 25

#: Blocks of one delivery; each costs some 200 bytes of memory.
SPOOL_BLOCKS_MAX: Final = 1 << 20


class Spool:
    """Blocks of ours by digest, in the order they came; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memory: dict[bytes, bytes] = {}
        #: What was read of blocks in memory before they came here.
        self.told: Told = {}
        self._memory_bytes = 0
        self._file: BinaryIO | None = None
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
        if self._file is not None:
            self._file.close()

    def add(self, digest: bytes, block: bytes) -> None:
        """Lay a block down; the same one twice is one. It was hashed before.

        Raises:
            CarError: more blocks than one delivery may have.
            StoreFullError: no space.
        """
        if digest in self:
            return
        if len(self._memory) + len(self._places) >= SPOOL_BLOCKS_MAX:
            raise CarError(
                f"more than {SPOOL_BLOCKS_MAX} blocks in one delivery; send the rest"
                " in another"
            )
        if self._file is None:
            self._memory_bytes += len(block)
            if self._memory_bytes <= SPOOL_MEMORY_BYTES:
                self._memory[digest] = block
                return
        self._write(digest, block)

    def add_all(self, blocks: list[tuple[bytes, bytes]], told: Told) -> None:
        """Lay blocks down that were hashed before, as `add` does one by one.

        What was told of them stays in memory if they do.

        Raises:
            CarError: more blocks than one delivery may have.
            StoreFullError: no space.
        """
        size = self._memory_bytes + sum([len(block) for _, block in blocks])
        count = len(self._memory) + len(blocks)
        if self._file or size > SPOOL_MEMORY_BYTES or count > SPOOL_BLOCKS_MAX:
            for digest, block in blocks:
                self.add(digest, block)
            return
        self._memory_bytes = size
        self.told |= told
        self._memory.update(blocks)  # the same bytes, if any were there

    def find(self, digest: bytes) -> bytes | None:
        """The block, or None if it did not come.

        Raises:
            StoreError: the file cannot be read.
        """
        block = self._memory.get(digest)
        if block is not None or self._file is None:
            return block
        place = self._places.get(digest)
        if place is None:
            return None
        try:
            self._file.seek(place[0])
            return self._file.read(place[1])
        except OSError as error:
            raise StoreError(f"cannot unpack: {error.strerror}") from error

    def __contains__(self, digest: bytes) -> bool:
        """Whether the block came."""
        return digest in self._memory or digest in self._places

    def __iter__(self) -> Iterator[bytes]:
        """The digests in the order the blocks came."""
        yield from self._memory
        yield from self._places

    def _write(self, digest: bytes, block: bytes) -> None:
        try:
            if self._file is None:
                file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed in exit
                self._file = cast("BinaryIO", file)
            self._file.seek(self._end)
            self._file.write(block)
        except OSError as error:
            raise StoreFullError(f"no space to unpack: {error.strerror}") from error
        self._places[digest] = (self._end, len(block))
        self._end += len(block)
