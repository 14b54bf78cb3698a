"""CAR v1: a header with roots, then blocks, each under its CID.

    3a a2 65 "roots" 81 d82a5825 00 <36>  67 "version" 01     varint, header
    <varint: bytes of CID and block> <CID> <block>            and so on

Read as a stream, one block in memory at a time. Every block is hashed; one that
is not what its CID says, or that we cannot take, comes out as `Damaged` and the
reading goes on, because the frame around it is sound. A frame that is not sound
raises. Source: the CAR v1 specification of IPLD.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple, Self, TypeAlias

from invocation_spec import dagcbor
from invocation_spec.cid import CID, DAG_CBOR, SHA2_256
from invocation_spec.dagcbor import BLOCK_BYTES_MAX, Ipld
from invocation_spec.errors import CidError, EncodingError, OctostoreError
from octostore.errors import BlockMismatchError, CarError

__all__ = [
    "HEADER_BYTES_MAX",
    "Block",
    "CarReader",
    "Damaged",
    "Sound",
    "chunks",
    "section",
    "to_bytes",
    "write",
]

#: A header is a block; one of this size holds some 25,000 roots.
HEADER_BYTES_MAX: Final = BLOCK_BYTES_MAX

#: No varint of multiformats is longer (unsigned-varint specification).
_VARINT_BYTES_MAX: Final = 9

#: Longest CID of a block: four varints, and a digest of at most 64 bytes; an
#: identity CID, which holds what it names, may be as long as this.
_CID_BYTES_MAX: Final = 256

#: Bytes read ahead, and skipped at once.
_CHUNK_BYTES: Final = 1 << 16

#: What sections with a block of ours begin with: CIDv1, dag-cbor, sha2-256.
_OURS: Final = bytes((1, DAG_CBOR, SHA2_256, 32))
_OURS_BYTES: Final = len(_OURS) + 32

#: If more than this is read ahead and no usual block is in it, the next is none.
_SHORT_SECTION_BYTES: Final = 1 << 14
_CIDV0_HEAD: Final = b"\x12\x20"

#: A link in DAG-CBOR: tag 42, a byte string, a zero, the CID; of a CIDv0, and the
#: same as version 1 of dag-pb.
_CIDV0_LINK: Final = re.compile(rb"\xd8\x2a\x58\x23\x00(\x12\x20.{32})", re.DOTALL)
_CIDV1_LINK_HEAD: Final = b"\xd8\x2a\x58\x25\x00\x01\x70"
_CIDV0_BYTES: Final = 34


class Block(NamedTuple):
    """Bytes that hash to their CID."""

    cid: CID
    data: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """A section whose block cannot be taken, and why.

    `cid` is the CID as it was written; `at` is the byte where the section begins.
    """

    cid: bytes
    at: int
    error: OctostoreError = field(compare=False)

    @property
    def text(self) -> str:
        """The CID in base32, even one of a kind that we do not accept."""
        try:
            return str(CID.from_bytes(self.cid))
        except CidError:
            return "b" + base64.b32encode(self.cid).decode().lower().rstrip("=")


#: A block of ours that was hashed: its digest, its bytes.
Sound: TypeAlias = tuple[bytes, bytes]


class CarReader:
    """The roots of a CAR, and its blocks as they are read.

    Memory stays below one block, the header and what is read ahead, whatever
    lengths are declared. `cidv0_roots` admits roots of IPFS in their older form, which
    no block of ours has; they come out as version 1.

    Raises:
        CarError: the header is not that of a CAR v1; while iterating: the file
            breaks off, or a length or a CID is malformed.
    """

    roots: tuple[CID, ...]

    def __init__(
        self,
        stream: BinaryIO,
        *,
        block_bytes_max: int = BLOCK_BYTES_MAX,
        cidv0_roots: bool = False,
    ) -> None:
        self._stream = stream
        self._block_bytes_max = block_bytes_max
        self._cidv0_roots = cidv0_roots
        self._at = 0  # where `_ahead` begins
        self._ahead = b""
        self._next = 0  # the next byte of `_ahead`
        self.roots = self._read_header()

    @classmethod
    def resumed(cls, stream: BinaryIO, roots: tuple[CID, ...], at: int) -> Self:
        """Go on where another reader stopped: `stream` begins at byte `at`."""
        reader = object.__new__(cls)
        reader._stream, reader._block_bytes_max = stream, BLOCK_BYTES_MAX
        reader._at, reader._ahead, reader._next = at, b"", 0
        reader.roots = roots
        return reader

    @property
    def rest(self) -> bytes:
        """What was read ahead and not taken; the stream goes on behind it."""
        return self._ahead[self._next :]

    @property
    def offset(self) -> int:
        """Bytes taken so far."""
        return self._at + self._next

    def __iter__(self) -> Iterator[Block | Damaged]:
        for item in self.hashed():
            if isinstance(item, list):
                for digest, block in item:
                    yield Block(CID.of_block_digest(digest), block)
            else:
                yield item

    def hashed(self) -> Iterator[list[Sound] | Block | Damaged]:
        """The same blocks; those of ours, of usual size and sound, by the hundred.

        A CAR of claims is thousands of small blocks: a value for each CID, and a
        step of an iterator for each block, would cost as much as hashing them.
        """
        while True:
            while some := self._usual():
                yield some
            at = self.offset
            length = self._length()
            if length is None:
                return
            yield self._section(at, length)

    def _usual(self) -> list[Sound]:
        """Blocks of ours of less than 16 KiB, up to the first section that is not.

        At most those that were read ahead; none if the next section is not such.
        """
        found: list[Sound] = []
        sha256, limit, ours = hashlib.sha256, self._block_bytes_max, _OURS
        while not found:
            ahead, at = self._ahead, self._next
            end = len(ahead)
            while at + 2 < end:
                size, begin = ahead[at], at + 1
                if size >= 0x80:
                    high = ahead[begin]
                    if not 0 < high < 0x80:
                        break  # longer than two bytes can say, or a spare one
                    size, begin = size & 0x7F | high << 7, at + 2
                stop = begin + size
                if stop > end:
                    break
                block = ahead[begin + _OURS_BYTES : stop]
                digest = ahead[begin + len(ours) : begin + _OURS_BYTES]
                if (
                    not ahead.startswith(ours, begin)
                    or size < _OURS_BYTES
                    or sha256(block).digest() != digest
                    or len(block) > limit
                ):
                    break
                at = stop
                found.append((digest, block))
            self._next = at
            if found or end - at > _SHORT_SECTION_BYTES or not self._read_ahead():
                break
        return found

    def _read_ahead(self) -> bool:
        """Forget what was taken, and read on; whether there was anything."""
        more = self._stream.read(_CHUNK_BYTES)
        self._at += self._next
        self._ahead = self._ahead[self._next :] + more
        self._next = 0
        return bool(more)

    def _read_header(self) -> tuple[CID, ...]:
        length = self._length()
        if length is None:
            raise CarError("an empty file; expected a CAR v1", at="byte 0")
        if not 0 < length <= HEADER_BYTES_MAX:
            raise CarError(
                f"a header of {length} bytes; expected 1 to {HEADER_BYTES_MAX}."
                " Is this a CAR?",
                at="byte 0",
            )
        header = self._read(length)
        if self._cidv0_roots:
            header = _CIDV0_LINK.sub(lambda link: _CIDV1_LINK_HEAD + link[1], header)
        try:
            return _roots(dagcbor.decode(header))
        except EncodingError as error:
            raise CarError(f"the header is {error.reason}", at="byte 0") from error

    def _section(self, at: int, length: int) -> Block | Damaged:
        head = self._read(min(length, _CID_BYTES_MAX))
        raw = head[: _cid_bytes(head, at)]
        size = length - len(raw)
        if size > self._block_bytes_max:
            self._skip(length - len(head))
            return Damaged(
                raw,
                at,
                EncodingError(
                    f"{size} bytes; a block has at most {self._block_bytes_max}"
                ),
            )
        data = head[len(raw) :] + self._read(length - len(head))
        return _checked(raw, data, at)

    def _length(self) -> int | None:
        """The next varint, or None where the file ends before one begins."""
        at, value = self.offset, 0
        for index in range(_VARINT_BYTES_MAX):
            byte = self._take(1)
            if not byte:
                if index == 0:
                    return None
                raise CarError("breaks off inside a length", at=f"byte {at}")
            value |= (byte[0] & 0x7F) << 7 * index
            if byte[0] < 0x80:
                if byte[0] == 0 and index > 0:
                    raise CarError("a length with spare bytes", at=f"byte {at}")
                return value
        raise CarError(
            f"a length of more than {_VARINT_BYTES_MAX} bytes", at=f"byte {at}"
        )

    def _take(self, most: int) -> bytes:
        """Some of the next bytes, at most so many; none at the end."""
        if self._next == len(self._ahead):
            part = self._stream.read(most)
            self._at += self._next + len(part)
            self._ahead, self._next = b"", 0
            return part
        part = self._ahead[self._next : self._next + most]
        self._next += len(part)
        return part

    def _read(self, count: int) -> bytes:
        parts = []
        missing = count
        while missing:
            part = self._take(missing)
            if not part:
                raise CarError(
                    f"breaks off; {missing} of {count} bytes are missing",
                    at=f"byte {self.offset}",
                )
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _skip(self, count: int) -> None:
        while count:
            count -= len(self._read(min(count, _CHUNK_BYTES)))


def chunks(
    roots: Iterable[CID], blocks: Iterable[tuple[CID, bytes]]
) -> Iterator[bytes]:
    """A CAR v1 piece by piece: the header, then one piece for each block."""
    header = dagcbor.encode({"roots": list(roots), "version": 1})
    yield _varint(len(header)) + header
    for cid, data in blocks:
        yield section(cid.raw, data)


def section(cid: bytes, data: bytes) -> bytes:
    """A block of a CAR under a CID in binary, which may be a CIDv0."""
    return _varint(len(cid) + len(data)) + cid + data


def write(
    stream: BinaryIO, roots: Iterable[CID], blocks: Iterable[tuple[CID, bytes]]
) -> None:
    """Write a CAR v1 of these roots and blocks, in the order given."""
    for chunk in chunks(roots, blocks):
        stream.write(chunk)


def to_bytes(roots: Iterable[CID], blocks: Iterable[tuple[CID, bytes]]) -> bytes:
    """A whole CAR v1 in memory, of blocks that are bounded already."""
    return b"".join(chunks(roots, blocks))


def _roots(header: Ipld) -> tuple[CID, ...]:
    if not isinstance(header, Mapping):
        raise CarError("the header is not a map; is this a CAR?", at="byte 0")
    version = header.get("version")
    if version == 2 and type(version) is int:
        raise CarError(
            "CAR version 2; expected version 1 (for example `ipfs dag export`)",
            at="byte 0",
        )
    if (
        header.keys() != {"roots", "version"}
        or type(version) is not int
        or version != 1
    ):
        raise CarError("expected a header {roots, version: 1}", at="byte 0")
    roots = header["roots"]
    if not isinstance(roots, list) or not roots:
        raise CarError("expected a list of one root or more", at="byte 0")
    for root in roots:
        if not isinstance(root, CID):
            raise CarError("a root is not a link", at="byte 0")
    return tuple(roots)


def _cid_bytes(head: bytes, at: int) -> int:
    """How many bytes of a section are its CID, whatever its hash."""
    if head[:2] == _CIDV0_HEAD and len(head) >= _CIDV0_BYTES:
        return _CIDV0_BYTES
    version, end = _read_varint(head, 0, at)
    if version != 1:
        raise CarError("a section does not begin with a CID", at=f"byte {at}")
    _codec, end = _read_varint(head, end, at)
    _hash, end = _read_varint(head, end, at)
    size, end = _read_varint(head, end, at)
    if end + size > len(head):
        raise CarError(f"a CID with a digest of {size} bytes", at=f"byte {at}")
    return end + size


def _checked(raw: bytes, data: bytes, at: int) -> Block | Damaged:
    try:
        cid = CID.from_bytes(raw)
        if cid.matches(data):
            return Block(cid, data)
    except CidError as error:
        return Damaged(raw, at, error)
    return Damaged(
        raw,
        at,
        BlockMismatchError("the bytes hash to another CID", at=str(cid)),
    )


def _read_varint(raw: bytes, start: int, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(raw[start : start + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if byte == 0 and index > 0:
                break
            return value, start + index + 1
    raise CarError("a section does not begin with a CID", at=f"byte {at}")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
