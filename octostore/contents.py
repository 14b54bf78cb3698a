"""Finding the bytes of a CID: in folders that are given, or in the store.

A folder is hashed file by file, once for each hash function that is asked for;
nothing is believed by its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from invocation_spec.cid import CID, RAW, SHA2_256
from octostore.errors import FileError, NotFoundError

__all__ = [
    "FILES_MAX",
    "Blocks",
    "Contents",
    "cid_of_file",
    "cid_of_stream",
    "files_below",
]

#: Files below one folder; a data set has many, a mistyped `/` has more.
FILES_MAX: Final = 100_000

_PIECE_BYTES: Final = 1 << 18


class Blocks(Protocol):
    """Whoever has blocks: a store."""

    def find(self, cid: CID) -> bytes | None:
        """The bytes, or None."""
        ...


class Contents:
    """Content by CID from folders and, after them, from a store.

    A dag-pb CID names a UnixFS tree, not bytes; it is found only as a block.
    """

    def __init__(self, folders: Sequence[Path], blocks: Blocks | None = None) -> None:
        self._folders = folders
        self._blocks = blocks
        self._by_cid: dict[CID, Path] | None = None

    def get(self, cid: CID) -> bytes | Path:
        """The bytes of `cid`, or the file that holds them.

        Raises:
            NotFoundError: neither the folders nor the store have it.
        """
        path = self._indexed().get(cid)
        if path is None and cid.codec == RAW and cid.hash_code != SHA2_256:
            path = self._by_other_hash(cid)
        if path is not None:
            return path
        data = self._blocks.find(cid) if self._blocks is not None else None
        if data is None:
            where = ", ".join(str(folder) for folder in self._folders)
            raise NotFoundError(
                f"its bytes are neither in {where or 'a folder (none was named)'}"
                " nor in the store; name a folder or file that has them",
                at=str(cid),
            )
        return data

    def _indexed(self) -> dict[CID, Path]:
        if self._by_cid is None:
            self._by_cid = {
                cid_of_file(path): path
                for folder in self._folders
                for path in files_below(folder)
            }
        return self._by_cid

    def _by_other_hash(self, cid: CID) -> Path | None:
        for path in self._indexed().values():
            if cid.matches(path.read_bytes()):
                return path
        return None


def cid_of_file(path: Path) -> CID:
    """The raw sha2-256 CID of a file of any size.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return cid_of_stream(stream)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error


def cid_of_stream(stream: BinaryIO) -> CID:
    """The raw sha2-256 CID of what a stream still holds."""
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE_BYTES):
        digest.update(piece)
    return CID.of_digest(digest.digest())


def files_below(folder: Path, *, whole: bool = False) -> Sequence[Path]:
    """The regular files at and below `folder`, by path; links are not followed.

    `whole` says that nothing may be passed over.

    Raises:
        FileError: it is not there; more than `FILES_MAX`, a mistaken folder most
            likely; if `whole`, something that is neither file nor folder.
    """
    try:
        if not folder.is_dir():
            folder.stat()
            return [folder]
        found: list[Path] = []
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                found.append(path)
            elif whole and (path.is_symlink() or not path.is_dir()):
                raise FileError("neither a file nor a folder", at=str(path))
            if len(found) > FILES_MAX:
                raise FileError(
                    f"more than {FILES_MAX} files below; name a smaller folder",
                    at=str(folder),
                )
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(folder)) from error
    return sorted(found)
