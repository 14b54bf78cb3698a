"""Files that a command writes because it was told to: named in every error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from octostore.cli.rim import UsageError
from octostore.durable import replace_file, write_new
from octostore.errors import StoreError

__all__ = ["write_once", "write_over"]


def write_once(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, whole or not at all.

    Raises:
        UsageError: something of that name is there.
        StoreError: the disk.
    """
    with _named(path):
        write_new(path, lambda _status: content)


def write_over(path: Path, content: bytes, mode: int) -> None:
    """Write a file, or another content of it, whole or not at all; see `replace_file`.

    Raises:
        StoreError: the disk.
    """
    with _named(path):
        replace_file(path, lambda _status: content, mode=mode)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise UsageError("exists; name another file", at=str(path)) from error
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(path)) from error
