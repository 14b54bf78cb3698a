"""A gzipped tar given inline, as the files it unpacks to.

Gzip and tar are not canonical, so the bytes of the archive are no identity: its
regular files are. Source: FORMATS 4; bacalhau pkg/util/targzip/targzip.go.
"""

from __future__ import annotations

import gzip
import io
import zlib
from bisect import bisect_left
from itertools import pairwise

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from invocation_spec.paths import clean
from invocation_spec.tar import NotPlainError, entries, shown

__all__ = [
    "ARCHIVES_BYTES_MAX",
    "ARCHIVE_BYTES_MAX",
    "ARCHIVE_ENTRIES_MAX",
    "Archives",
    "NotPlainError",
    "relative",
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
    for count, entry in enumerate(entries(io.BytesIO(tar), ARCHIVE_BYTES_MAX), 1):
        if count > ARCHIVE_ENTRIES_MAX:
            raise NotPlainError(f"more than {ARCHIVE_ENTRIES_MAX} entries")
        name = relative(entry.name)
        if entry.is_directory:
            directories.add(name)
        elif name in files or not name:
            raise NotPlainError(f"{shown(entry.name)} stands twice, or is no name")
        else:
            files[name] = CID.of_bytes(b"".join(entry.pieces))
    _check_tree(files, directories)
    return files


def _check_tree(files: dict[str, CID], directories: set[str]) -> None:
    if not files:
        raise NotPlainError("no file in it")
    below = sorted(f"{name}/" for name in files)
    for outer, inner in pairwise(below):
        if inner.startswith(outer):
            raise NotPlainError(f"{shown(outer)} is a file and a directory")
    for name in directories - {""}:
        at = bisect_left(below, f"{name}/")
        if at == len(below) or not below[at].startswith(f"{name}/"):
            raise NotPlainError(f"{shown(name)} is a directory without a file")
        if below[at] == f"{name}/":
            raise NotPlainError(f"{shown(name)} is a file and a directory")


def _inflate(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            plain = stream.read(ARCHIVE_BYTES_MAX + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise NotPlainError(f"no gzip: {error}") from error
    if len(plain) > ARCHIVE_BYTES_MAX:
        raise NotPlainError(f"unpacks to more than {ARCHIVE_BYTES_MAX} bytes")
    return plain


def relative(name: bytes) -> str:
    """The clean relative path that an entry's name is; empty for the whole.

    Raises:
        NotPlainError: it leads out of the archive, or is not UTF-8.
    """
    try:
        text = name.decode()
        if text.startswith("/") or ".." in text.split("/"):
            raise NotPlainError(f"{shown(text)} leads out of its directory")
        return clean(text).removeprefix("/")
    except UnicodeDecodeError as error:
        raise NotPlainError("a name that is not UTF-8") from error
    except EncodingError as error:
        raise NotPlainError(error.reason) from error
