"""A tar.gz of results, as Bacalhau's local publisher and S3 publisher write them.

    ./  exitCode  outputs/  outputs/residuals.csv  stderr  stdout

It comes from strangers. Names lead nowhere, because nothing is written; what is no
file and no directory is refused, and so is what unpacks to more than it may.
Source: bacalhau pkg/lib/gzip/gzip.go at v1.9.0.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from invocation_spec.archive import relative
from invocation_spec.tar import NotPlainError, entries
from octostore.errors import FileError
from octostore.published.layout import (
    ENTRIES_MAX,
    FOLDER_BYTES_MAX,
    NAMES_BYTES_MAX,
    File,
    hashed,
)

__all__ = ["EXTENSION_BYTES_MAX", "files_of_tarball"]

#: A name or a pax header, which is read whole; names of files are far shorter.
EXTENSION_BYTES_MAX: Final = 1 << 20


def files_of_tarball(
    path: Path, *, bytes_max: int = FOLDER_BYTES_MAX
) -> Iterator[File]:
    """The files, hashed as they are unpacked; a piece of one in memory at a time.

    Raises:
        FileError: no whole gzipped tar, too large, too many entries, one that is no
            file or directory, a name that leads out of it, is not UTF-8 or stands
            twice.
    """
    try:
        with gzip.open(path, "rb") as plain:
            yield from _files(_Measured(plain, bytes_max))
    except NotPlainError as error:
        raise FileError(f"no archive of results: {error}", at=str(path)) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileError(f"no whole gzip: {error}", at=str(path)) from error
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error


def _files(stream: _Measured) -> Iterator[File]:
    directories: set[str] = set()
    files: set[str] = set()
    names_bytes = 0
    for count, entry in enumerate(entries(stream, EXTENSION_BYTES_MAX), 1):
        if count > ENTRIES_MAX:
            raise NotPlainError(f"more than {ENTRIES_MAX} entries")
        names_bytes += len(entry.name)
        if names_bytes > NAMES_BYTES_MAX:
            raise NotPlainError(f"names of more than {NAMES_BYTES_MAX} bytes")
        name = "/".join(filter(None, relative(entry.name).split("/")))
        if entry.is_directory:
            directories.add(name)
            continue
        if not name:
            raise NotPlainError("a file without a name")
        files.add(name)
        yield hashed(tuple(name.split("/")), entry.pieces)
    both = next(iter(files & directories), None)
    if both is not None:
        raise NotPlainError(f"{both[:80]!r} is a file and a directory")


class _Measured:
    """A stream that ends in an error when it gives more than it may."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, bytes_max: int) -> None:
        self._stream = stream
        self._bytes_max = bytes_max
        self._bytes = 0

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._bytes += len(data)
        if self._bytes > self._bytes_max:
            raise NotPlainError(f"unpacks to more than {self._bytes_max} bytes")
        return data
