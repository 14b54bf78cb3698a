"""Where a log is read: checkpoint, tiles, blocks; nothing of it is believed.

What a source gives is bounded in bytes and in time; whether it holds, the audit
says. Source: C2SP tlog-tiles; docs/spec/log.md, Blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Final, Protocol

from invocation_spec.cid import CID
from octostore.tlog.tiles import ENTRY_BYTES_MAX, WIDTH, Tile

__all__ = ["TILE_BYTES_MAX", "VKEY_BYTES_MAX", "Source"]

#: 256 entries with their lengths; a log that has longer ones than 37 bytes is to be
#: shown to have them.
TILE_BYTES_MAX: Final = WIDTH * (2 + ENTRY_BYTES_MAX)

#: A name of 255 bytes, and a key.
VKEY_BYTES_MAX: Final = 1 << 10


class Source(Protocol):
    """One log, at one place. Each method may be called again."""

    #: What people call it: a URL or a path.
    name: str

    def vkey(self) -> str | None:
        """The key that the source itself names; None if it names none."""
        ...

    def checkpoint(self) -> bytes:
        """The signed checkpoint as it is now.

        Raises:
            NotFoundError: there is none.
            RemoteError: the source cannot be asked, or sends too much.
            FileError: it cannot be read.
        """
        ...

    def tile(self, tile: Tile) -> bytes:
        """The bytes of a tile or a bundle; errors as of `checkpoint`."""
        ...

    def car(self, bundle: Tile) -> AbstractContextManager[BinaryIO]:
        """What stands beside a bundle, as a stream; empty if nothing does.

        Errors as of `checkpoint`.
        """
        ...

    def find(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        """Those of these blocks that are served and hash to their CIDs."""
        ...
