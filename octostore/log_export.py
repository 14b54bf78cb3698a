"""A log as a folder of static files, for any web server to serve.

    DIR/checkpoint             the signed checkpoint, replaced last
    DIR/vkey                   the key to verify it with
    DIR/tile/0/000             tiles and bundles, never changed
    DIR/tile/entries/000
    DIR/blocks/000             what those entries name, as a CAR (octostore.log_blocks)

What the checkpoint in the folder covers is whole and on the disk. An export that was
cut off goes on where it was; files that no checkpoint covers are compared and, if
they are not what they should be, written again. Source: C2SP tlog-tiles.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

from octostore.durable import replace_file
from octostore.errors import FileError, ProofError, StoreError
from octostore.folder import disk_error
from octostore.log_blocks import blocks_path, bundle_car
from octostore.log_tiles import tile_bytes
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import range_root
from octostore.tlog.note import NOTE_BYTES_MAX, VerifierKey
from octostore.tlog.tiles import ENTRIES, Tile, tiles_of
from octostore.view import View

__all__ = ["CHECKPOINT", "VKEY", "Exported", "export_log"]

#: What the folder has beside tiles and blocks.
CHECKPOINT: Final = "checkpoint"
VKEY: Final = "vkey"

#: For everybody to read, as far as the umask allows.
_MODE: Final = 0o644

_PARTS: Final = frozenset({"tile", "blocks", VKEY, f"{VKEY}.new", f"{CHECKPOINT}.new"})


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did: the checkpoint that is there now, and files it wrote."""

    checkpoint: LogCheckpoint
    written: int


def export_log(store: Octostore, signed: SignedCheckpoint, folder: Path) -> Exported:
    """Bring a folder to the state of a checkpoint of this store's log.

    Raises:
        FileError: the folder holds something else, or another log.
        StoreError: the disk; run it again.
    """
    tree = signed.checkpoint
    try:
        _make(folder)
        before = _checkpoint_in(folder, signed.log)
        with store.view() as view:
            since = before.size if before is not None else 0
            if since > tree.size:
                raise FileError(
                    f"holds {since} entries of this log, more than {tree.size}",
                    at=str(folder),
                )
            if before is not None and range_root(view.node, 0, since) != before.root:
                raise ProofError(
                    f"holds another tree of {since} entries; this log does not follow"
                    " it",
                    at=str(folder),
                )
            written = 0
            for tile in tiles_of(tree.size, since):
                written += _put(folder / tile.path, tile_bytes(view, tile))
            for bundle in takewhile(lambda t: t.level == ENTRIES, tiles_of(tree.size)):
                written += _put_blocks(folder, view, bundle, since)
        written += _put(folder / VKEY, f"{signed.log}\n".encode())
        written += _put(folder / CHECKPOINT, bytes(signed))
    except OSError as error:
        raise _fault(error, folder) from error
    return Exported(tree, written)


def _checkpoint_in(folder: Path, log: VerifierKey) -> LogCheckpoint | None:
    """What was exported here before; None if nothing was."""
    path = folder / CHECKPOINT
    if path.is_file():
        with path.open("rb") as file:
            raw = file.read(NOTE_BYTES_MAX + 1)
        return SignedCheckpoint.open(raw, log).checkpoint
    if {item.name for item in folder.iterdir()} - _PARTS:
        raise FileError(
            "not empty, and no export of a log; name another folder", at=str(folder)
        )
    return None


def _put(path: Path, content: bytes) -> int:
    """Write a file unless it is there; how many were written."""
    if path.is_file() and path.read_bytes() == content:
        return 0
    _make(path.parent)
    replace_file(path, lambda _status: content, mode=_MODE)
    return 1


def _put_blocks(folder: Path, view: View, bundle: Tile, since: int) -> int:
    """Write the blocks of a bundle unless an earlier export has; how many files."""
    path = folder / blocks_path(bundle)
    if path.is_file() and bundle.start + bundle.width <= since:
        return 0
    _make(path.parent)
    chunks = bundle_car(view, bundle, view.find_digest)
    replace_file(path, lambda _status: chunks, mode=_MODE)
    return 1


def _make(folder: Path) -> None:
    """Make a folder, and bring its name to the disk."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir()
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fault(error: OSError, folder: Path) -> StoreError:
    at = Path(error.filename) if error.filename else folder
    return disk_error(error, at)
