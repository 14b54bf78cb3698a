"""Folders for a while, which go with their process, also where it was killed.

    /tmp/octostore-scratch-x7d2  lock  ..

An flock on `lock` says that the process lives: the kernel frees it on any death. The
next process of the same user that wants such a folder removes those whose lock is free.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["temporary_folder"]

_LOCK: Final = "lock"


@contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """A new folder for whatever is called so; with all in it, it goes at the end.

    Raises:
        OSError: it cannot be made.
    """
    prefix = f"octostore-{kind}-"
    _remove_left_behind(tempfile.gettempdir(), prefix)
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name)
        lock = _taken(folder)
        try:
            yield folder
        finally:
            os.close(lock)


def _taken(folder: Path) -> int:
    """The lock of a folder, held; it has its name only once it is."""
    unnamed = folder / f"{_LOCK}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unnamed.rename(folder / _LOCK)
    except BaseException:
        os.close(lock)
        raise
    return lock


@cache
def _remove_left_behind(parent: str, prefix: str) -> None:
    """Remove folders of dead processes, once in the life of this one.

    Nobody waits for it, and what cannot be removed stays: it may be another user's, or
    on a disk without locks.
    """
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(prefix):
                with suppress(OSError):
                    _remove_if_dead(Path(entry.path))


def _remove_if_dead(folder: Path) -> None:
    """Remove a folder of our own whose lock is free.

    Raises:
        OSError: it has no lock, or a process has it (`BlockingIOError`).
    """
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)
