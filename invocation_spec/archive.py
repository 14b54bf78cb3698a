"""A gzipped tar given inline, as the files it unpacks to.

Gzip and tar are not canonical, so the bytes of the archive are no identity: its
regular files are. Tar has grown many dialects; this reads the plain middle of
them (v7, ustar, pax and GNU long names) and calls all else not plain, so that
the answer is the same in every language.
Source: FORMATS 4; POSIX pax; bacalhau pkg/util/targzip/targzip.go.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from invocation_spec.paths import clean

__all__ = [
    "ARCHIVES_BYTES_MAX",
    "ARCHIVE_BYTES_MAX",
    "ARCHIVE_ENTRIES_MAX",
    "Archives",
    "NotPlainError",
    "unpack",
]

#: Bytes after unpacking; a gzip bomb makes a thousand of one.
ARCHIVE_BYTES_MAX = 64 << 20

#: Bytes of all archives of one document after unpacking: some 200 bombs fit in one.
ARCHIVES_BYTES_MAX = 256 << 20

#: Entries of one archive.
ARCHIVE_ENTRIES_MAX = 65_536

#: Bytes that deflate makes of one, at most.
_GROWTH_MAX = 1032

_BLOCK = 512
_FILE, _OLD_FILE, _DIRECTORY = b"0", b"\0", b"5"
_PAX, _PAX_GLOBAL, _LONG_NAME = b"x", b"g", b"L"

_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_PAX_RECORD = re.compile(rb"([1-9][0-9]{0,8}) ")
#: What a pax record can change of a file that stays one.
_PAX_SAYS = ("path", "size")


class NotPlainError(Exception):
    """The archive holds more than regular files in directories."""


class Archives:
    """The archives of one document, measured together."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = 0

    def unpack(self, data: bytes) -> dict[str, CID]:
        """As `unpack`.

        An archive that is no whole gzip, or unpacks to too much, counts as what it
        might have come to, for the work is done by then.

        Raises:
            NotPlainError: as `unpack`.
            EncodingError: the archives so far unpack to more than
                `ARCHIVES_BYTES_MAX`.
        """
        try:
            tar = _inflate(data)
        except NotPlainError:
            self._count(min(_GROWTH_MAX * len(data), ARCHIVE_BYTES_MAX))
            raise
        self._count(len(tar))
        return _files(tar)

    def _count(self, size_bytes: int) -> None:
        self._bytes += size_bytes
        if self._bytes > ARCHIVES_BYTES_MAX:
            raise EncodingError(
                f"the archives up to here unpack to more than {ARCHIVES_BYTES_MAX}"
                " bytes; give large ones by CID"
            )


def unpack(data: bytes) -> dict[str, CID]:
    """The CIDs of an archive's files by their clean relative path.

    Raises:
        NotPlainError: not a gzipped tar, too large, an entry that is no file or
            directory, that has `..` in its name or one that is not UTF-8, or a
            directory without a file, which no map of files can say.
    """
    return _files(_inflate(data))


def _files(tar: bytes) -> dict[str, CID]:
    files: dict[str, CID] = {}
    directories: set[str] = set()
    for entries, entry in enumerate(_entries(tar), 1):
        if entries > ARCHIVE_ENTRIES_MAX:
            raise NotPlainError(f"more than {ARCHIVE_ENTRIES_MAX} entries")
        name = _relative(entry.name)
        if entry.kind == _DIRECTORY:
            directories.add(name)
        elif name in files or not name:
            raise NotPlainError(f"{_shown(entry.name)} stands twice, or is no name")
        else:
            files[name] = CID.of_bytes(entry.data)
    _check_tree(files, directories)
    return files


def _check_tree(files: dict[str, CID], directories: set[str]) -> None:
    if not files:
        raise NotPlainError("no file in it")
    below = sorted(f"{name}/" for name in files)
    for outer, inner in pairwise(below):
        if inner.startswith(outer):
            raise NotPlainError(f"{_shown(outer)} is a file and a directory")
    for name in directories - {""}:
        at = bisect_left(below, f"{name}/")
        if at == len(below) or not below[at].startswith(f"{name}/"):
            raise NotPlainError(f"{_shown(name)} is a directory without a file")
        if below[at] == f"{name}/":
            raise NotPlainError(f"{_shown(name)} is a file and a directory")


def _inflate(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            plain = stream.read(ARCHIVE_BYTES_MAX + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise NotPlainError(f"no gzip: {error}") from error
    if len(plain) > ARCHIVE_BYTES_MAX:
        raise NotPlainError(f"unpacks to more than {ARCHIVE_BYTES_MAX} bytes")
    return plain


@dataclass(frozen=True, slots=True)
class _Entry:
    """One header with its data; `name` as it is written."""

    name: bytes
    kind: bytes
    data: bytes


def _entries(tar: bytes) -> Iterator[_Entry]:
    """The files and directories, what extends a header applied to it."""
    at = 0
    said: dict[str, bytes] = {}
    while True:
        header = tar[at : at + _BLOCK]
        if not any(header):
            break
        size = _size(said.pop("size", b"")) or _octal(header[124:136], "size")
        _check_header(header)
        end = at + _BLOCK + size
        if end > len(tar):
            raise NotPlainError("breaks off inside an entry")
        data = tar[at + _BLOCK : end]
        at = end + -size % _BLOCK
        kind = header[156:157]
        if kind in (_PAX, _PAX_GLOBAL, _LONG_NAME):
            if said:
                raise NotPlainError("two extensions of one header")
            said = _extension(kind, data)
            continue
        name = said.pop("path", None) or _name(header)
        if kind == _OLD_FILE:  # v7 knows directories by their name only
            kind = _DIRECTORY if name.endswith(b"/") else _FILE
        if kind not in (_FILE, _DIRECTORY) or (kind == _DIRECTORY and size):
            raise NotPlainError(
                f"{_shown(name)} is neither a regular file nor a directory"
            )
        yield _Entry(name, kind, data)
    if said or at + _BLOCK > len(tar) or tar.count(0, at) != len(tar) - at:
        raise NotPlainError("does not end with an empty block")


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


def _relative(name: bytes) -> str:
    try:
        text = name.decode()
        if text.startswith("/") or ".." in text.split("/"):
            raise NotPlainError(f"{_shown(text)} leads out of its directory")
        return clean(text).removeprefix("/")
    except UnicodeDecodeError as error:
        raise NotPlainError("a name that is not UTF-8") from error
    except EncodingError as error:
        raise NotPlainError(error.reason) from error


def _shown(name: str | bytes) -> str:
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    return repr(text if len(text) <= 80 else text[:77] + "...")
