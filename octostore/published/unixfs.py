"""A folder of IPFS in a CAR, as `ipfs dag export CID > results.car` writes it.

The CAR is read once to hash every block and note where it lies, then the folder is
walked from the root (`octostore/unixfs.py`). What identity CIDs hold may lack.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from invocation_spec.cid import CID, DAG_PB, RAW, identity_of
from invocation_spec.errors import CidError
from octostore.car import CarReader, Damaged
from octostore.dagpb import NotReadError
from octostore.errors import FileError
from octostore.published.layout import ENTRIES_MAX, FOLDER_BYTES_MAX, File, hashed
from octostore.unixfs import BLOCKS_MAX, NODE_BYTES_MAX, Tree

__all__ = ["files_of_car"]


def files_of_car(
    path: Path, *, bytes_max: int = FOLDER_BYTES_MAX
) -> tuple[CID, Iterator[File]]:
    """The root of a CAR, and the files of the folder that it is.

    Raises:
        CarError: no CAR v1, or one that breaks off.
        FileError: a block that does not hash to its CID or is not there; no folder;
            a form of UnixFS that is not read; more than the limits; it cannot be
            read. The iterator raises it too.
    """
    try:
        with path.open("rb") as stream:
            root, places = _index(stream)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error
    except NotReadError as error:
        raise FileError(str(error), at=str(path)) from error
    return root, _files(path, root, places, bytes_max)


def _files(
    path: Path, root: CID, places: dict[CID, tuple[int, int]], bytes_max: int
) -> Iterator[File]:
    try:
        with path.open("rb") as stream:
            tree = Tree(
                lambda cid: _block(stream, places, cid),
                bytes_max=bytes_max,
                entries_max=ENTRIES_MAX,
            )
            for below, pieces in tree.files(root):
                yield hashed(below, pieces)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error
    except NotReadError as error:
        raise FileError(str(error), at=str(path)) from error


def _index(stream: BinaryIO) -> tuple[CID, dict[CID, tuple[int, int]]]:
    """The root, and where each block of UnixFS lies; all of them hash right."""
    reader = CarReader(stream, block_bytes_max=NODE_BYTES_MAX, cidv0_roots=True)
    if len(reader.roots) != 1:
        raise NotReadError(f"{len(reader.roots)} roots; expected that of the folder")
    places: dict[CID, tuple[int, int]] = {}
    for count, item in enumerate(reader, 1):
        if count > BLOCKS_MAX:
            raise NotReadError(f"more than {BLOCKS_MAX} blocks")
        if isinstance(item, Damaged):
            if _is_identity(item.cid):
                continue  # whoever links to it has its bytes
            raise NotReadError(f"block {item.text}: {item.error.reason}")
        # Blocks of other codecs come out several at once; none is of UnixFS.
        if item.cid.codec in (DAG_PB, RAW):
            places[item.cid] = (reader.offset - len(item.data), len(item.data))
    return reader.roots[0], places


def _is_identity(raw: bytes) -> bool:
    try:
        return identity_of(raw) is not None
    except CidError:
        return False


def _block(stream: BinaryIO, places: dict[CID, tuple[int, int]], cid: CID) -> bytes:
    if cid not in places:
        raise NotReadError(f"block {cid} is not there; export the whole folder")
    offset, size = places[cid]
    stream.seek(offset)
    return stream.read(size)
