"""The calls of WASI preview1 on open files and directories: `fd_*`.

Source: wasi_snapshot_preview1.witx and typenames.witx (WebAssembly/WASI).
"""

from __future__ import annotations

import struct

from octostore.runner.errno import Errno, WasiError
from octostore.runner.filesystem import Directory, File, Node, Symlink
from octostore.runner.guest import (
    Calls,
    Guest,
    Handle,
    Memory,
    OpenDirectory,
    OpenFile,
    Sink,
    Source,
    read_vectors,
    u32,
)

__all__ = [
    "APPEND",
    "CALLS",
    "RIGHT_READ",
    "RIGHT_WRITE",
    "filestat",
    "set_times",
]

CALLS = Calls()

UNKNOWN, DIRECTORY, REGULAR, SYMLINK = 0, 3, 4, 7  # filetype

APPEND = 1  # fdflags; the others ask for durability or waiting, which have no meaning
_FDFLAGS = 0b11111

RIGHT_READ, RIGHT_WRITE = 1 << 1, 1 << 6
#: datasync read seek set_flags sync tell write advise allocate, stat, size, times, poll
_FILE_RIGHTS = 0x08E001FF
#: set_flags sync advise, all path_*, readdir, stat, times, poll
_DIRECTORY_RIGHTS = 0x0FBFFE98
#: read write set_flags stat poll; without seek and tell, so no terminal has them
_STREAM_RIGHTS = 0x0820004A

_FDSTAT = struct.Struct("<BxH4xQQ")
_FILESTAT = struct.Struct("<QQB7xQQQQQ")
_DIRENT = struct.Struct("<QQIB3x")

_DEVICE = 1
_OFFSET_MAX = (1 << 63) - 1


def _kind(node: Node) -> int:
    if isinstance(node, Directory):
        return DIRECTORY
    return SYMLINK if isinstance(node, Symlink) else REGULAR


def filestat(node: Node) -> bytes:
    """What stat says: numbers count nodes in order of making, times are fixed."""
    size = node.size if isinstance(node, File) else 0
    if isinstance(node, Symlink):
        size = len(node.target)
    times = (node.accessed_ns, node.modified_ns, node.modified_ns)
    return _FILESTAT.pack(_DEVICE, node.number, _kind(node), node.links, size, *times)


def set_times(
    guest: Guest, node: Node, accessed: int, modified: int, which: int
) -> None:
    """Sets the times that fstflags name, to the given values or to now."""
    if which & 3 == 3 or which & 12 == 12:
        raise WasiError(Errno.INVAL)
    if which & 3:
        node.accessed_ns = accessed if which & 1 else guest.now_ns(0)
    if which & 12:
        node.modified_ns = modified if which & 4 else guest.now_ns(0)


@CALLS.add("iIIi")
def fd_advise(
    guest: Guest, memory: Memory, fd: int, offset: int, count: int, advice: int
) -> None:
    """Accepted and ignored."""
    guest.file(fd)
    if advice > 5:
        raise WasiError(Errno.INVAL)


@CALLS.add("iII")
def fd_allocate(guest: Guest, memory: Memory, fd: int, offset: int, count: int) -> None:
    """Not supported, as in wasmtime."""
    guest.file(fd)
    raise WasiError(Errno.NOTSUP)


@CALLS.add("i")
def fd_close(guest: Guest, memory: Memory, fd: int) -> None:
    """Frees the descriptor."""
    guest.close(fd)


@CALLS.add("i")
def fd_datasync(guest: Guest, memory: Memory, fd: int) -> None:
    """Nothing to do: there is no disk."""
    guest.handle(fd)


@CALLS.add("i")
def fd_sync(guest: Guest, memory: Memory, fd: int) -> None:
    """Nothing to do: there is no disk."""
    guest.handle(fd)


@CALLS.add("ii")
def fd_fdstat_get(guest: Guest, memory: Memory, fd: int, out: int) -> None:
    """Kind, flags and rights."""
    handle = guest.handle(fd)
    kind, flags, rights, inheriting = UNKNOWN, 0, _STREAM_RIGHTS, 0
    if isinstance(handle, OpenDirectory):
        kind, rights = DIRECTORY, _DIRECTORY_RIGHTS
        inheriting = _DIRECTORY_RIGHTS | _FILE_RIGHTS
    elif isinstance(handle, OpenFile):
        kind, flags, rights = REGULAR, handle.flags, _FILE_RIGHTS
        if not handle.readable:
            rights &= ~RIGHT_READ
        if not handle.writable:
            rights &= ~RIGHT_WRITE
    memory.write(out, _FDSTAT.pack(kind, flags, rights, inheriting))


@CALLS.add("ii")
def fd_fdstat_set_flags(guest: Guest, memory: Memory, fd: int, flags: int) -> None:
    """Of all flags only append has an effect."""
    handle = guest.handle(fd)
    if flags & ~_FDFLAGS:
        raise WasiError(Errno.INVAL)
    if isinstance(handle, OpenFile):
        handle.flags = flags


@CALLS.add("iII")
def fd_fdstat_set_rights(
    guest: Guest, memory: Memory, fd: int, base: int, inheriting: int
) -> None:
    """Not supported, as in wasmtime."""
    guest.handle(fd)
    raise WasiError(Errno.NOTSUP)


@CALLS.add("ii")
def fd_filestat_get(guest: Guest, memory: Memory, fd: int, out: int) -> None:
    """What stat says of an open file; a stream has neither size nor times."""
    handle = guest.handle(fd)
    if isinstance(handle, OpenFile):
        memory.write(out, filestat(handle.file))
    elif isinstance(handle, OpenDirectory):
        memory.write(out, filestat(handle.directory))
    else:
        memory.write(out, bytes(_FILESTAT.size))


@CALLS.add("iI")
def fd_filestat_set_size(guest: Guest, memory: Memory, fd: int, size: int) -> None:
    """Cuts the file or fills it up with zeros."""
    handle = guest.file(fd)
    if not handle.writable or size > _OFFSET_MAX:
        raise WasiError(Errno.INVAL)
    guest.filesystem.resize(handle.file, size)


@CALLS.add("iIIi")
def fd_filestat_set_times(
    guest: Guest, memory: Memory, fd: int, accessed: int, modified: int, which: int
) -> None:
    """Sets the times of an open file or directory."""
    handle = guest.handle(fd)
    if isinstance(handle, OpenFile):
        set_times(guest, handle.file, accessed, modified, which)
    elif isinstance(handle, OpenDirectory):
        set_times(guest, handle.directory, accessed, modified, which)


@CALLS.add("iiiIi")
def fd_pread(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, offset: int, out: int
) -> None:
    """Reads at an offset."""
    done = _read(guest.file(fd), memory, at, count, offset)
    memory.write(out, u32(done))


@CALLS.add("iiiIi")
def fd_pwrite(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, offset: int, out: int
) -> None:
    """Writes at an offset."""
    done = _write(guest, guest.file(fd), memory, at, count, offset)
    memory.write(out, u32(done))


@CALLS.add("iiii")
def fd_read(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, out: int
) -> None:
    """Reads where the last read or write ended."""
    handle = guest.handle(fd)
    if isinstance(handle, Sink | OpenDirectory):
        raise WasiError(Errno.BADF)
    done = _read(handle, memory, at, count, handle.offset)
    handle.offset += done
    memory.write(out, u32(done))


@CALLS.add("iiii")
def fd_write(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, out: int
) -> None:
    """Writes where the last read or write ended, or at the end if appending."""
    handle = guest.handle(fd)
    if isinstance(handle, Source | OpenDirectory):
        raise WasiError(Errno.BADF)
    if isinstance(handle, Sink):
        content = _gather(memory, at, count)
        handle.write(content)
        done = len(content)
    else:
        offset = handle.file.size if handle.flags & APPEND else handle.offset
        done = _write(guest, handle, memory, at, count, offset)
        handle.offset = offset + done
    memory.write(out, u32(done))


@CALLS.add("ii")
def fd_prestat_get(guest: Guest, memory: Memory, fd: int, out: int) -> None:
    """Descriptor 3 is the root, and the only one opened beforehand."""
    _preopened(guest.handle(fd))
    memory.write(out, u32(0, len(b"/")))


@CALLS.add("iii")
def fd_prestat_dir_name(
    guest: Guest, memory: Memory, fd: int, at: int, count: int
) -> None:
    """The root's name."""
    _preopened(guest.handle(fd))
    if count < len(b"/"):
        raise WasiError(Errno.NAMETOOLONG)
    memory.write(at, b"/")


@CALLS.add("iiiIi")
def fd_readdir(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, cookie: int, out: int
) -> None:
    """Entries from the cookie-th on: `.`, `..`, then the names in order of bytes.

    The names are taken when the reading starts and kept until it ends, so that a
    program which removes what it lists still meets every name.
    """
    handle = guest.directory(fd)
    here = handle.directory
    if cookie == 0 or handle.names is None:
        handle.names = guest.listing(here)
    names = (b".", b"..", *handle.names[max(0, cookie - 2) :])
    listed = bytearray()
    for name in names[min(cookie, 2) :]:
        cookie += 1
        node = here.entries.get(name)
        if name == b".":
            node = here
        elif name == b"..":
            node = here.parent or here
        if node is not None:  # not removed since
            listed += _DIRENT.pack(cookie, node.number, len(name), _kind(node)) + name
        if len(listed) >= count:
            break
    else:
        handle.names = None
    memory.write(at, bytes(listed[:count]))
    memory.write(out, u32(min(len(listed), count)))


@CALLS.add("ii")
def fd_renumber(guest: Guest, memory: Memory, old: int, new: int) -> None:
    """Moves a handle onto another open descriptor, which is closed."""
    handle = guest.handle(old)
    guest.handle(new)
    if old != new:
        guest.close(new)
        guest.handles[new] = handle
        del guest.handles[old]


@CALLS.add("iIii")
def fd_seek(
    guest: Guest, memory: Memory, fd: int, offset: int, whence: int, out: int
) -> None:
    """Moves the offset, counted from the start, from where it is, or from the end."""
    handle = guest.file(fd)
    if whence > 2:
        raise WasiError(Errno.INVAL)
    if offset > _OFFSET_MAX:  # the one signed parameter of preview1
        offset -= 1 << 64
    offset += (0, handle.offset, handle.file.size)[whence]
    if not 0 <= offset <= _OFFSET_MAX:
        raise WasiError(Errno.INVAL)
    handle.offset = offset
    memory.write(out, struct.pack("<Q", offset))


@CALLS.add("ii")
def fd_tell(guest: Guest, memory: Memory, fd: int, out: int) -> None:
    """The offset."""
    memory.write(out, struct.pack("<Q", guest.file(fd).offset))


def _preopened(handle: Handle) -> None:
    if not (isinstance(handle, OpenDirectory) and handle.preopened):
        raise WasiError(Errno.BADF)


def _read(
    handle: Source | OpenFile, memory: Memory, at: int, count: int, offset: int
) -> int:
    if isinstance(handle, OpenFile):
        if not handle.readable:
            raise WasiError(Errno.BADF)
        if offset > _OFFSET_MAX:
            raise WasiError(Errno.INVAL)
    start = offset
    for address, length in read_vectors(memory, at, count):
        if isinstance(handle, Source):
            content = handle.content[offset : offset + length]
        else:
            content = handle.file.read(offset, length)
        memory.write(address, content)
        offset += len(content)
    return offset - start


def _write(
    guest: Guest, handle: OpenFile, memory: Memory, at: int, count: int, offset: int
) -> int:
    if not handle.writable:
        raise WasiError(Errno.BADF)
    if offset > _OFFSET_MAX:
        raise WasiError(Errno.INVAL)
    content = _gather(memory, at, count)
    if content:
        guest.filesystem.write(handle.file, offset, content)
    return len(content)


def _gather(memory: Memory, at: int, count: int) -> bytes:
    vectors = read_vectors(memory, at, count)
    return b"".join(memory.read(start, length) for start, length in vectors)
