"""A folder of IPFS in a CAR, as `ipfs dag export CID > results.car` writes it.

    PBNode  { 2: PBLink { 1: CID, 2: name, 3: size } ..,  1: Data }
    Data    { 1: type, 2: bytes, 3: filesize, 4: blocksizes .. }

The CAR is read once to hash every block and note where it lies, then the folder is
walked from the root. Files of many blocks are hashed block by block. A sharded folder
(HAMT, thousands of names) and a symlink are refused. Source: the dag-pb and UnixFS
specifications of IPLD and IPFS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from invocation_spec.cid import CID, DAG_PB, RAW
from invocation_spec.errors import CidError
from invocation_spec.paths import PATH_BYTES_MAX
from octostore.car import CarReader, Damaged
from octostore.errors import FileError
from octostore.published.layout import ENTRIES_MAX, FOLDER_BYTES_MAX, File, hashed

__all__ = ["BLOCKS_MAX", "NODE_BYTES_MAX", "TREE_DEPTH_MAX", "files_of_car"]

#: Largest block: what Bitswap carries.
NODE_BYTES_MAX: Final = 2 << 20

#: Blocks of a CAR, and blocks looked at on the way through a folder: 256 GiB in the
#: usual pieces. A folder may name one block many times, so visits are what counts.
BLOCKS_MAX: Final = 1 << 20

#: Folders inside each other, and levels of a file; 174 links a level hold any file.
TREE_DEPTH_MAX: Final = 64

_DIRECTORY, _FILE, _RAW, _SYMLINK, _SHARD = 1, 2, 0, 4, 5
_VARINT_BYTES_MAX: Final = 10


class _NotReadError(Exception):
    """The folder cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class _Link:
    cid: CID
    name: str


@dataclass(frozen=True, slots=True)
class _Node:
    """A block of UnixFS; `data` of a file stands before that of its links."""

    kind: int
    data: bytes
    size: int | None
    sizes: tuple[int, ...]
    links: tuple[_Link, ...]


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
    except _NotReadError as error:
        raise FileError(str(error), at=str(path)) from error
    return root, _files(path, root, places, bytes_max)


def _files(
    path: Path, root: CID, places: dict[CID, tuple[int, int]], bytes_max: int
) -> Iterator[File]:
    try:
        with path.open("rb") as stream:
            yield from _Tree(stream, places, bytes_max).files(root)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error
    except _NotReadError as error:
        raise FileError(str(error), at=str(path)) from error


def _index(stream: BinaryIO) -> tuple[CID, dict[CID, tuple[int, int]]]:
    """The root, and where each block of UnixFS lies; all of them hash right."""
    reader = CarReader(stream, block_bytes_max=NODE_BYTES_MAX, cidv0_roots=True)
    if len(reader.roots) != 1:
        raise _NotReadError(f"{len(reader.roots)} roots; expected that of the folder")
    places: dict[CID, tuple[int, int]] = {}
    for count, item in enumerate(reader, 1):
        if count > BLOCKS_MAX:
            raise _NotReadError(f"more than {BLOCKS_MAX} blocks")
        if isinstance(item, Damaged):
            raise _NotReadError(f"block {item.text}: {item.error.reason}")
        # Blocks of other codecs come out several at once; none is of UnixFS.
        if item.cid.codec in (DAG_PB, RAW):
            places[item.cid] = (reader.offset - len(item.data), len(item.data))
    return reader.roots[0], places


class _Tree:
    def __init__(
        self, stream: BinaryIO, places: dict[CID, tuple[int, int]], bytes_max: int
    ) -> None:
        self._stream = stream
        self._places = places
        self._bytes_max = bytes_max
        self._bytes = 0
        self._visits = 0
        self._entries = 0

    def files(self, root: CID) -> Iterator[File]:
        if root.codec != DAG_PB or (node := self._node(root)).kind == _FILE:
            raise _NotReadError(f"{root} is a file; expected the folder of results")
        yield from self._folder(node, ())

    def _folder(self, node: _Node, path: tuple[str, ...]) -> Iterator[File]:
        _check_folder(node, path)
        for link in node.links:
            self._entries += 1
            if self._entries > ENTRIES_MAX:
                raise _NotReadError(f"more than {ENTRIES_MAX} entries")
            below = (*path, link.name)
            if len(below) > TREE_DEPTH_MAX:
                raise _NotReadError(f"folders deeper than {TREE_DEPTH_MAX}")
            if link.cid.codec == RAW:
                yield hashed(below, self._raw(link.cid))
                continue
            inner = self._node(link.cid)
            if inner.kind in (_FILE, _RAW):
                yield hashed(below, self._content(inner, 0))
            else:
                yield from self._folder(inner, below)

    def _content(self, node: _Node, depth: int) -> Iterator[bytes]:
        if depth > TREE_DEPTH_MAX:
            raise _NotReadError(f"a file of more than {TREE_DEPTH_MAX} levels")
        if node.kind not in (_FILE, _RAW):
            raise _NotReadError("a piece of a file that is none")
        if len(node.sizes) != len(node.links):
            raise _NotReadError("a file with other pieces than it has sizes of")
        before = self._bytes
        yield self._counted(node.data)
        for link, size in zip(node.links, node.sizes, strict=True):
            start = self._bytes
            if link.cid.codec == RAW:
                yield from self._raw(link.cid)
            else:
                yield from self._content(self._node(link.cid), depth + 1)
            if self._bytes - start != size:
                raise _NotReadError("a file whose pieces have other sizes than it says")
        if node.size not in (None, self._bytes - before):
            raise _NotReadError("a file of another size than it says")

    def _raw(self, cid: CID) -> Iterator[bytes]:
        yield self._counted(self._block(cid))

    def _counted(self, data: bytes) -> bytes:
        self._bytes += len(data)
        if self._bytes > self._bytes_max:
            raise _NotReadError(f"more than {self._bytes_max} bytes")
        return data

    def _node(self, cid: CID) -> _Node:
        if cid.codec != DAG_PB:
            raise _NotReadError(f"{cid} is neither dag-pb nor raw")
        return _decode(self._block(cid), cid)

    def _block(self, cid: CID) -> bytes:
        self._visits += 1
        if self._visits > BLOCKS_MAX:
            raise _NotReadError(f"more than {BLOCKS_MAX} blocks on the way through it")
        if cid not in self._places:
            raise _NotReadError(f"block {cid} is not there; export the whole folder")
        offset, size = self._places[cid]
        self._stream.seek(offset)
        return self._stream.read(size)


def _check_folder(node: _Node, path: tuple[str, ...]) -> None:
    name = "/".join(path)[:80] or "the root"
    if node.kind == _SHARD:
        raise _NotReadError(
            f"{name} is a sharded folder (HAMT), which is not read; get it with"
            " `ipfs get` and name the folder"
        )
    if node.kind == _SYMLINK:
        raise _NotReadError(f"{name} is a symlink; a result has files only")
    if node.kind != _DIRECTORY or node.data:
        raise _NotReadError(f"{name} is neither a file nor a folder of UnixFS")
    names = [link.name for link in node.links]
    if len(set(names)) < len(names):
        raise _NotReadError(f"a name stands twice in {name}")
    for inner in names:
        is_long = len(inner.encode()) > PATH_BYTES_MAX  # as a path with it would be
        if is_long or inner in ("", ".", "..") or "/" in inner or "\0" in inner:
            raise _NotReadError(f"{inner[:80]!r} in {name} is no name of a file")


def _decode(block: bytes, cid: CID) -> _Node:
    """One block of dag-pb, strictly: links, then data, and nothing unknown."""
    links: list[_Link] = []
    data: bytes | None = None
    for number, value in _fields(block, cid):
        if number == 2 and data is None and isinstance(value, bytes):
            links.append(_link(value, cid))
        elif number == 1 and data is None and isinstance(value, bytes):
            data = value
        else:
            raise _NotReadError(f"{cid} is no canonical dag-pb")
    if data is None:
        raise _NotReadError(f"{cid} is dag-pb and no UnixFS")
    return _unixfs(data, tuple(links), cid)


def _link(value: bytes, cid: CID) -> _Link:
    found: dict[int, int | bytes] = {}
    for number, item in _fields(value, cid):
        if number in found or number not in (1, 2, 3):
            raise _NotReadError(f"{cid} has a link that is none")
        found[number] = item
    raw, name = found.get(1), found.get(2, b"")
    if not isinstance(raw, bytes) or not isinstance(name, bytes):
        raise _NotReadError(f"{cid} has a link without a CID")
    try:
        return _Link(CID.from_bytes(raw), name.decode())
    except CidError as error:
        raise _NotReadError(f"{cid} has a link: {error.reason}") from error
    except UnicodeDecodeError as error:
        raise _NotReadError(f"{cid} has a name that is not UTF-8") from error


def _unixfs(data: bytes, links: tuple[_Link, ...], cid: CID) -> _Node:
    single: dict[int, int | bytes] = {}
    sizes: list[int] = []
    for number, value in _fields(data, cid):
        if number == 4 and isinstance(value, int):
            sizes.append(value)
        elif number == 4 and isinstance(value, bytes):  # packed, as proto3 writes it
            at = 0
            while at < len(value):
                size, at = _varint(value, at, cid)
                sizes.append(size)
        elif number in single:
            raise _NotReadError(f"{cid} says one field of UnixFS twice")
        else:
            single[number] = value
    kind, inner, total = single.get(1), single.get(2, b""), single.get(3)
    if (
        not isinstance(kind, int)
        or not isinstance(inner, bytes)
        or not isinstance(total, int | None)
    ):
        raise _NotReadError(f"{cid} is dag-pb and no UnixFS")
    return _Node(kind, inner, total, tuple(sizes), links)


def _fields(data: bytes, cid: CID) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a protobuf message: numbers and bytes, which is all there is here."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at, cid)
        value, at = _varint(data, at, cid)
        if key & 7 == 0:
            yield key >> 3, value
        elif key & 7 == 2 and at + value <= len(data):
            yield key >> 3, data[at : at + value]
            at += value
        else:
            raise _NotReadError(f"{cid} is no dag-pb")


def _varint(data: bytes, at: int, cid: CID) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    raise _NotReadError(f"{cid} is no dag-pb")
