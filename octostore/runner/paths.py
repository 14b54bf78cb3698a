"""The calls of WASI preview1 on paths: `path_*`.

Source: wasi_snapshot_preview1.witx and typenames.witx (WebAssembly/WASI).
"""

from __future__ import annotations

from octostore.runner.descriptors import (
    RIGHT_READ,
    RIGHT_WRITE,
    filestat,
    set_times,
)
from octostore.runner.errno import Errno, WasiError
from octostore.runner.filesystem import Directory, File, Node, Place, Symlink
from octostore.runner.guest import (
    Calls,
    Guest,
    Memory,
    OpenDirectory,
    OpenFile,
    u32,
)

__all__ = ["CALLS"]

CALLS = Calls()

_FOLLOW = 1  # lookupflags
_CREATE, _DIRECTORY, _EXCLUSIVE, _TRUNCATE = 1, 2, 4, 8  # oflags
_FDFLAGS = 0b11111


@CALLS.add("iii")
def path_create_directory(
    guest: Guest, memory: Memory, fd: int, path: int, size: int
) -> None:
    """Makes an empty directory."""
    guest.filesystem.create(guest.place(memory, fd, path, size), Directory)


@CALLS.add("iiiii")
def path_filestat_get(
    guest: Guest, memory: Memory, fd: int, lookup: int, path: int, size: int, out: int
) -> None:
    """What stat says of a path."""
    place = guest.place(memory, fd, path, size, follow=bool(lookup & _FOLLOW))
    memory.write(out, filestat(place.found))


@CALLS.add("iiiiIIi")
def path_filestat_set_times(
    guest: Guest,
    memory: Memory,
    fd: int,
    lookup: int,
    path: int,
    size: int,
    accessed: int,
    modified: int,
    which: int,
) -> None:
    """Sets the times of what a path leads to."""
    place = guest.place(memory, fd, path, size, follow=bool(lookup & _FOLLOW))
    set_times(guest, place.found, accessed, modified, which)


@CALLS.add("iiiiiii")
def path_link(
    guest: Guest,
    memory: Memory,
    old_fd: int,
    lookup: int,
    old: int,
    old_size: int,
    new_fd: int,
    new: int,
    new_size: int,
) -> None:
    """Gives a file a second name."""
    if lookup & _FOLLOW:  # refused by wasmtime too
        raise WasiError(Errno.INVAL)
    node = guest.place(memory, old_fd, old, old_size).found
    guest.filesystem.link(node, guest.place(memory, new_fd, new, new_size))


@CALLS.add("iiiiiIIii")
def path_open(
    guest: Guest,
    memory: Memory,
    fd: int,
    lookup: int,
    path: int,
    size: int,
    how: int,
    rights: int,
    inheriting: int,
    flags: int,
    out: int,
) -> None:
    """Opens, and makes or empties if asked to, a file or a directory."""
    if flags & ~_FDFLAGS:
        raise WasiError(Errno.INVAL)
    if how & _CREATE and how & _DIRECTORY:  # Linux refuses it, and so does wasmtime
        raise WasiError(Errno.INVAL)
    place = guest.place(memory, fd, path, size, follow=bool(lookup & _FOLLOW))
    node = _found_or_made(guest, place, how)
    writable = bool(rights & RIGHT_WRITE)
    handle: OpenFile | OpenDirectory
    if isinstance(node, File):
        readable = bool(rights & RIGHT_READ)
        handle = OpenFile(node, readable, writable, flags)
    elif isinstance(node, Directory):
        if writable or how & (_CREATE | _TRUNCATE):
            raise WasiError(Errno.ISDIR)
        handle = OpenDirectory(node)
    else:
        raise WasiError(Errno.LOOP)
    memory.write(out, u32(guest.open(handle)))
    if isinstance(node, File) and how & _TRUNCATE:
        guest.filesystem.resize(node, 0)


def _found_or_made(guest: Guest, place: Place, how: int) -> Node:
    if place.node is None and how & _CREATE:
        return guest.filesystem.create(place, File)
    node = place.found
    if how & _CREATE and how & _EXCLUSIVE:
        raise WasiError(Errno.EXIST)
    if how & _DIRECTORY and not isinstance(node, Directory):
        raise WasiError(Errno.NOTDIR)
    return node


@CALLS.add("iiiiii")
def path_readlink(
    guest: Guest,
    memory: Memory,
    fd: int,
    path: int,
    size: int,
    at: int,
    count: int,
    out: int,
) -> None:
    """The target of a symbolic link, as much of it as fits."""
    node = guest.place(memory, fd, path, size).found
    if not isinstance(node, Symlink):
        raise WasiError(Errno.INVAL)
    memory.write(at, node.target[:count])
    memory.write(out, u32(min(len(node.target), count)))


@CALLS.add("iii")
def path_remove_directory(
    guest: Guest, memory: Memory, fd: int, path: int, size: int
) -> None:
    """Removes an empty directory."""
    guest.filesystem.remove_directory(guest.place(memory, fd, path, size))


@CALLS.add("iiiiii")
def path_rename(
    guest: Guest,
    memory: Memory,
    old_fd: int,
    old: int,
    old_size: int,
    new_fd: int,
    new: int,
    new_size: int,
) -> None:
    """Moves a name."""
    source = guest.place(memory, old_fd, old, old_size)
    guest.filesystem.rename(source, guest.place(memory, new_fd, new, new_size))


@CALLS.add("iiiii")
def path_symlink(
    guest: Guest,
    memory: Memory,
    target: int,
    target_size: int,
    fd: int,
    path: int,
    size: int,
) -> None:
    """Makes a symbolic link; an absolute target is refused, as in wasmtime."""
    content = memory.read(target, target_size)
    guest.filesystem.symlink(content, guest.place(memory, fd, path, size))


@CALLS.add("iii")
def path_unlink_file(
    guest: Guest, memory: Memory, fd: int, path: int, size: int
) -> None:
    """Takes the name of a file or a symbolic link away."""
    guest.filesystem.unlink(guest.place(memory, fd, path, size))
