"""A tar as a stream: its regular files and directories, and nothing else.

    name(100) mode uid gid size(12) mtime checksum(8) kind(1) link ustar .. prefix(155)
    the bytes of the entry, padded to 512; two empty blocks or more at the end

Tar has grown many dialects; this reads the plain middle of them (v7, ustar, pax and
GNU long names) and calls all else not plain, so that the answer is the same in every
language. Source: POSIX pax; FORMATS 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Entry", "NotPlainError", "Readable", "entries", "shown"]

_BLOCK = 512
_PIECE_BYTES = 1 << 18
_FILE, _OLD_FILE, _DIRECTORY = b"0", b"\0", b"5"
_PAX, _PAX_GLOBAL, _LONG_NAME = b"x", b"g", b"L"

_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_PAX_RECORD = re.compile(rb"([1-9][0-9]{0,8}) ")
#: What a pax record can change of a file that stays one.
_PAX_SAYS = ("path", "size")


class NotPlainError(Exception):
    """The archive holds more than regular files in directories."""


class Readable(Protocol):
    """Bytes in order, such as a file that is being unpacked."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; fewer only at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a directory, its name as it is written.

    `pieces` are the bytes, to be taken before the next entry or not at all.
    """

    name: bytes
    is_directory: bool
    pieces: Iterator[bytes]


def entries(stream: Readable, extension_bytes_max: int) -> Iterator[Entry]:
    """The files and directories, what extends a header applied to it.

    An extension (a pax header, a long name) is read whole and has a largest size.

    Raises:
        NotPlainError: while iterating: no tar, one that breaks off, or an entry that
            is neither a file nor a directory.
    """
    said: dict[str, bytes] = {}
    while True:
        header = stream.read(_BLOCK)
        if not any(header):
            break
        size = _size(said.pop("size", b"")) or _octal(header[124:136], "size")
        _check_header(header)
        kind = header[156:157]
        if kind in (_PAX, _PAX_GLOBAL, _LONG_NAME):
            if size > extension_bytes_max:
                raise NotPlainError(f"a name or pax header of {size} bytes")
            data = b"".join(_pieces(stream, size))
            if said:
                raise NotPlainError("two extensions of one header")
            said = _extension(kind, data)
            continue
        name = said.pop("path", None) or _name(header)
        if kind == _OLD_FILE:  # v7 knows directories by their name only
            kind = _DIRECTORY if name.endswith(b"/") else _FILE
        if kind not in (_FILE, _DIRECTORY) or (kind == _DIRECTORY and size):
            raise NotPlainError(
                f"{shown(name)} is neither a regular file nor a directory"
            )
        pieces = _pieces(stream, size)
        yield Entry(name, kind == _DIRECTORY, pieces)
        for _ in pieces:
            pass  # what nobody took
    if said or len(header) < _BLOCK or not _is_empty(stream):
        raise NotPlainError("does not end with an empty block")


def _pieces(stream: Readable, size: int) -> Iterator[bytes]:
    """The bytes of an entry; the padding after it is read too."""
    left = size
    while left:
        piece = stream.read(min(left, _PIECE_BYTES))
        if not piece:
            raise NotPlainError("breaks off inside an entry")
        left -= len(piece)
        yield piece
    stream.read(-size % _BLOCK)


def _is_empty(stream: Readable) -> bool:
    while piece := stream.read(_PIECE_BYTES):
        if any(piece):
            return False
    return True


def _check_header(header: bytes) -> None:
    blank = header[:148] + b" " * 8 + header[156:]
    if len(header) < _BLOCK or sum(blank) != _octal(header[148:156], "checksum"):
        raise NotPlainError("no tar: a header breaks off or fails its checksum")
    if header[508:] == b"tar\0":
        raise NotPlainError("a tar of star's dialect")


def _octal(field: bytes, what: str) -> int:
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise NotPlainError(f"no tar: a {what} that is not octal")
    return int(match[1] or b"0", 8)


def _size(text: bytes) -> int:
    if text and not re.fullmatch(rb"[0-9]{1,10}", text):
        raise NotPlainError("a pax size that is no number")
    return int(text or b"0")


def _name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    if header[257:263] != b"ustar\0":
        return name
    prefix = header[345:500].partition(b"\0")[0]
    return prefix + b"/" + name if prefix else name


def _extension(kind: bytes, data: bytes) -> dict[str, bytes]:
    """What an extension says of the header after it."""
    if kind == _LONG_NAME:
        return {"path": data.partition(b"\0")[0]}
    said = _pax(data)
    if "hdrcharset" in said or any(key.startswith("GNU.sparse") for key in said):
        raise NotPlainError("a sparse file, or names in another character set")
    found = {key: said[key] for key in _PAX_SAYS if key in said}
    if found and kind == _PAX_GLOBAL:
        raise NotPlainError("a global header that names files")
    return found


def _pax(data: bytes) -> dict[str, bytes]:
    """Records `LENGTH KEY=VALUE`, a line each, where the length counts itself."""
    said: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        match = _PAX_RECORD.match(data, at)
        end = at + int(match[1]) if match else 0
        record = data[match.end() : end] if match else b""
        key, equals, value = record[:-1].partition(b"=")
        name = key.decode("utf-8", "replace")
        if not equals or record[-1:] != b"\n" or end > len(data) or name in said:
            raise NotPlainError("a pax header that is malformed")
        said[name] = value
        at = end
    return said


def shown(name: str | bytes) -> str:
    """A name as messages tell it."""
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    return repr(text if len(text) <= 80 else text[:77] + "...")
