"""Files that survive a power loss: on the disk when the call returns."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from octostore.errors import StoreError

__all__ = [
    "locked_folder",
    "make_folders",
    "new_folder",
    "replace_file",
    "reserve",
    "sync_file",
    "sync_folder",
    "sync_name",
    "write_new",
]

#: For its owner only: what is written here holds secrets or guards them.
_MODE: Final = 0o600

#: What systems say that have no files without names (open(2), O_TMPFILE).
_NO_TMPFILE: Final = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


def write_new(path: Path, content: Callable[[os.stat_result], bytes]) -> None:
    """Create a file that is not there yet, mode 0600, and fsync it and its name.

    `content` is told the status of the new file, still empty. The file has no name
    until it is whole, so that whoever is killed leaves nothing half-written behind;
    where a file system has no files without names, it may leave an empty one.

    Raises:
        FileExistsError: it is there; nothing was touched.
        OSError: the disk; the file is whole or not there.
    """
    try:
        descriptor = os.open(path.parent, os.O_WRONLY | os.O_TMPFILE, _MODE)
    except (AttributeError, OSError) as error:
        if getattr(error, "errno", None) not in (None, *_NO_TMPFILE):
            raise
        _write(path, content)
    else:
        with os.fdopen(descriptor, "wb") as file:
            _fill(file, content)
            _name(descriptor, path)
    sync_folder(path.parent)


def replace_file(
    path: Path,
    content: Callable[[os.stat_result], bytes | Iterator[bytes]],
    *,
    mode: int = _MODE,
) -> None:
    """Put a new file in the place of `path`: readers see the old one or the new.

    What is large comes piece by piece. `mode` is for what others shall read; the
    umask takes from it.

    Raises:
        OSError: the disk; `path` is whole, but may be either of the two.
    """
    beside = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        beside.unlink()
    _write(beside, content, mode)
    beside.replace(path)
    sync_folder(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """Make a folder that is not there yet, mode 0700, for the body to fill.

    When the body ends, folder and name are fsynced; when it raises, they are gone.

    Raises:
        FileExistsError: it is there; nothing was touched.
        OSError: the disk.
    """
    path.mkdir(mode=0o700)
    try:
        yield
        sync_folder(path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """Hold a folder, made if it is not there; who else wants to hold it waits.

    For what must be read and replaced as one, where the files come and go.

    Raises:
        StoreError: it cannot be made, opened or locked.
    """
    try:
        make_folders(path, 0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"not opened: {error.strerror}", at=str(path)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreError(
                f"not locked: {error.strerror}; keep it on a local disk", at=str(path)
            ) from error
        yield
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Bring to the disk what others wrote into a file.

    Raises:
        OSError: the disk.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(path: Path, mode: int) -> None:
    """Make a folder, and those above it that are missing, with their names synced.

    Raises:
        OSError: the disk, or not ours to write.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    for folder in missing:
        sync_name(folder)


def sync_name(path: Path) -> None:
    """Bring the name of a file or folder to the disk.

    Raises:
        OSError: the disk.
    """
    # One can make names in a folder that one may not read; it cannot be synced.
    with suppress(PermissionError):
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk: what was made, renamed, removed.

    Raises:
        OSError: the disk, or the folder is not to be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reserve(path: Path, size: int) -> None:
    """Give a file its place on the disk; one that is missing or empty gets `size`.

    What is mapped into memory and has no place yet kills the process (SIGBUS)
    when the disk is full; here the disk says so.

    Raises:
        OSError: no space, or not ours to write.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, os.fstat(descriptor).st_size or size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # of few file systems
            raise
    finally:
        os.close(descriptor)


def _write(
    path: Path,
    content: Callable[[os.stat_result], bytes | Iterator[bytes]],
    mode: int = _MODE,
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _fill(file, content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _name(descriptor: int, path: Path) -> None:
    """Give a file without a name this one."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # With a folder it is linkat(2), which alone follows what /proc has for links.
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _fill(
    file: BinaryIO, content: Callable[[os.stat_result], bytes | Iterator[bytes]]
) -> None:
    found = content(os.fstat(file.fileno()))
    file.writelines((found,) if isinstance(found, bytes) else found)
    file.flush()
    os.fsync(file.fileno())
