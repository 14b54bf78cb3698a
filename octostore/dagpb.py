"""Blocks of dag-pb, and what UnixFS says in them.

    PBNode  { 2: PBLink { 1: CID, 2: name, 3: size } ..,  1: Data }
    Data    { 1: type, 2: bytes, 3: filesize, 4: blocksizes .., 6: fanout }

Source: the dag-pb and UnixFS specifications of IPLD and IPFS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from invocation_spec.cid import CID, DAG_PB, RAW, SHA2_256, identity_of
from invocation_spec.errors import CidError

__all__ = [
    "DIRECTORY",
    "FILE",
    "PIECE",
    "SHARD",
    "SYMLINK",
    "Link",
    "Node",
    "NotReadError",
    "decode",
]

#: Types of UnixFS; a piece is `Raw`, a leaf of a file in a dag-pb block.
PIECE, DIRECTORY, FILE, SYMLINK, SHARD = 0, 1, 2, 4, 5

_VARINT_BYTES_MAX: Final = 10


class NotReadError(Exception):
    """It cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a block leads; `name` is that of an entry of a folder, else empty.

    `raw` is the CID as it stands there, maybe a CIDv0. `held` are the bytes of an
    identity CID; `cid` is then that of their hash.
    """

    cid: CID
    name: str
    raw: bytes
    held: bytes | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A block of UnixFS; `data` of a file stands before that of its links.

    `size` is that of the whole file, `sizes` those of its links, `fanout` the width
    of a sharded directory.
    """

    kind: int
    data: bytes
    size: int | None
    sizes: tuple[int, ...]
    links: tuple[Link, ...]
    fanout: int | None = None

    @property
    def is_file(self) -> bool:
        """Whether its data and those of its links are the bytes of a file."""
        return self.kind in (FILE, PIECE)


def decode(block: bytes, cid: CID) -> Node:
    """One block of dag-pb, strictly: links, then data, and nothing unknown.

    Raises:
        NotReadError: it is none, or no UnixFS.
    """
    links: list[Link] = []
    data: bytes | None = None
    for number, value in _fields(block, cid):
        if number == 2 and data is None and isinstance(value, bytes):
            links.append(_link(value, cid))
        elif number == 1 and data is None and isinstance(value, bytes):
            data = value
        else:
            raise NotReadError(f"{cid} is no canonical dag-pb")
    if data is None:
        raise NotReadError(f"{cid} is dag-pb and no UnixFS")
    return _unixfs(data, tuple(links), cid)


def _link(value: bytes, cid: CID) -> Link:
    found: dict[int, int | bytes] = {}
    for number, item in _fields(value, cid):
        if number in found or number not in (1, 2, 3):
            raise NotReadError(f"{cid} has a link that is none")
        found[number] = item
    raw, name = found.get(1), found.get(2, b"")
    if not isinstance(raw, bytes) or not isinstance(name, bytes):
        raise NotReadError(f"{cid} has a link without a CID")
    try:
        identity = identity_of(raw)
        if identity is None:
            return Link(CID.from_bytes(raw), name.decode(), raw)
        return Link(_hashed(*identity), name.decode(), raw, identity[1])
    except CidError as error:
        raise NotReadError(f"{cid} has a link: {error.reason}") from error
    except UnicodeDecodeError as error:
        raise NotReadError(f"{cid} has a name that is not UTF-8") from error


def _hashed(codec: int, held: bytes) -> CID:
    """The CID that the bytes of an identity CID would have as a block.

    Raises:
        CidError: of a codec that UnixFS does not have.
    """
    if codec not in (DAG_PB, RAW):
        raise CidError(f"an identity CID of codec {codec:#x}; expected raw or dag-pb")
    digest = hashlib.sha256(held).digest()
    return CID.from_bytes(bytes((1, codec, SHA2_256, 32)) + digest)


def _unixfs(data: bytes, links: tuple[Link, ...], cid: CID) -> Node:
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
            raise NotReadError(f"{cid} says one field of UnixFS twice")
        else:
            single[number] = value
    kind, inner, total = single.get(1), single.get(2, b""), single.get(3)
    if (
        not isinstance(kind, int)
        or not isinstance(inner, bytes)
        or not isinstance(total, int | None)
    ):
        raise NotReadError(f"{cid} is dag-pb and no UnixFS")
    fanout = single.get(6)
    if not isinstance(fanout, int | None):
        raise NotReadError(f"{cid} is dag-pb and no UnixFS")
    return Node(kind, inner, total, tuple(sizes), links, fanout)


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
            raise NotReadError(f"{cid} is no dag-pb")


def _varint(data: bytes, at: int, cid: CID) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    raise NotReadError(f"{cid} is no dag-pb")
