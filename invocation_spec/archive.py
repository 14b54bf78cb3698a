"""A gzipped tar given inline, as the files it unpacks to.

Gzip and tar are not canonical, so the bytes of the archive are no identity: its
regular files are. Source: FORMATS 4; bacalhau pkg/storage/inline/storage.go.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib

from invocation_spec.cid import CID

__all__ = ["ARCHIVE_BYTES_MAX", "ARCHIVE_ENTRIES_MAX", "NotPlainError", "unpack"]

#: Bytes after unpacking; a gzip bomb makes a thousand of one.
ARCHIVE_BYTES_MAX = 64 << 20

#: Entries of one archive.
ARCHIVE_ENTRIES_MAX = 65_536


class NotPlainError(Exception):
    """The archive holds more than regular files in directories."""


def unpack(data: bytes) -> dict[str, CID]:
    """The CIDs of an archive's files by their relative path.

    Raises:
        NotPlainError: not a gzipped tar, too large, or an entry that is no file
            or directory, that has `..` in its name or one that is not UTF-8.
    """
    files: dict[str, CID] = {}
    entries = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflate(data)), mode="r:") as archive:
            for entry in archive:
                entries += 1
                if entries > ARCHIVE_ENTRIES_MAX:
                    raise NotPlainError(f"more than {ARCHIVE_ENTRIES_MAX} entries")
                _check(entry)
                if entry.isdir():
                    continue
                stream = archive.extractfile(entry)
                if stream is None or entry.name in files:
                    raise NotPlainError(f"{entry.name!r} stands twice")
                files[entry.name] = CID.of_bytes(stream.read())
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise NotPlainError(f"no gzipped tar: {error}") from error
    return files


def _inflate(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        plain = stream.read(ARCHIVE_BYTES_MAX + 1)
    if len(plain) > ARCHIVE_BYTES_MAX:
        raise NotPlainError(f"unpacks to more than {ARCHIVE_BYTES_MAX} bytes")
    return plain


def _check(entry: tarfile.TarInfo) -> None:
    name = entry.name
    if not (entry.isreg() or entry.isdir()) or entry.issparse():
        raise NotPlainError(f"{name!r} is neither a regular file nor a directory")
    if ".." in name.split("/") or name.startswith("/"):
        raise NotPlainError(f"{name!r} leads out of its directory")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise NotPlainError("a name that is not UTF-8") from error
