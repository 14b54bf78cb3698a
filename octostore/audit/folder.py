"""A log in a folder, as `octostore log export` writes it.

DIR/checkpoint  DIR/vkey  DIR/tile/..  DIR/blocks/..  and, if there, DIR/ipfs/CID
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Final

from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from octostore.audit.source import TILE_BYTES_MAX, VKEY_BYTES_MAX
from octostore.errors import FileError, NotFoundError
from octostore.log_blocks import blocks_path
from octostore.log_export import CHECKPOINT, VKEY
from octostore.tlog.note import NOTE_BYTES_MAX
from octostore.tlog.tiles import Tile

__all__ = ["FolderSource"]

#: Blocks that stand alone, named by their CIDs, as a gateway serves them.
_SINGLE: Final = "ipfs"


class FolderSource:
    """The log in one folder."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder.absolute())
        self._folder = folder

    def vkey(self) -> str | None:
        """See `Source.vkey`."""
        try:
            return self._read(VKEY, VKEY_BYTES_MAX).decode("ascii", "replace").strip()
        except NotFoundError:
            return None

    def checkpoint(self) -> bytes:
        """See `Source.checkpoint`."""
        return self._read(CHECKPOINT, NOTE_BYTES_MAX)

    def tile(self, tile: Tile) -> bytes:
        """See `Source.tile`."""
        return self._read(tile.path, TILE_BYTES_MAX)

    def car(self, bundle: Tile) -> AbstractContextManager[BinaryIO]:
        """See `Source.car`."""
        path = self._folder / blocks_path(bundle)
        try:
            return path.open("rb") if path.is_file() else io.BytesIO()
        except OSError as error:
            raise FileError(f"not read: {error.strerror}", at=str(path)) from error

    def find(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        """See `Source.find`."""
        found: dict[CID, bytes] = {}
        for cid in cids:
            try:
                data = self._read(f"{_SINGLE}/{cid}", BLOCK_BYTES_MAX)
            except NotFoundError:
                continue
            if cid.matches(data):
                found[cid] = data
        return found

    def _read(self, name: str, bytes_max: int) -> bytes:
        path = self._folder / name
        try:
            with path.open("rb") as file:
                data = file.read(bytes_max + 1)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError("is not there", at=str(path)) from error
        except OSError as error:
            raise FileError(f"not read: {error.strerror}", at=str(path)) from error
        if len(data) > bytes_max:
            raise FileError(f"more than {bytes_max} bytes", at=str(path))
        return data
