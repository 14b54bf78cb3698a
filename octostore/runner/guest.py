"""One guest as its WASI calls see it: arguments, files, clock, randomness.

Everything here follows from what the guest was given and from the calls it has
made, so the same program sees the same world on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from octostore.runner.errno import Errno, WasiError
from octostore.runner.filesystem import (
    EPOCH_NS,
    Directory,
    File,
    Filesystem,
    LimitError,
    Place,
)
from octostore.runner.report import RunError

__all__ = [
    "CLOCK_STEP_NS",
    "Calls",
    "Clock",
    "Exit",
    "Guest",
    "Handle",
    "Memory",
    "OpenDirectory",
    "OpenFile",
    "Sink",
    "Source",
    "read_vectors",
    "u32",
]

#: How far each reading moves the clock, so that a program which waits for time to
#: pass gets there (wazero's fake clock, `internal/platform/time.go`).
CLOCK_STEP_NS = 1_000_000

#: The year 2100, and a minute: whatever the guest sleeps, times stay below 2^63.
START_NS_MAX = 4_102_444_800_000_000_000
STEP_NS_MAX = 60_000_000_000

#: Keeps every time below 2^63 ns, whatever the guest sleeps.
ELAPSED_NS_MAX = 1 << 62

#: Bytes moved by one call. More is answered with a short count, as POSIX allows,
#: so that no call outlasts the run's time.
IO_BYTES_MAX = 16 << 20

#: Buffers of one call and events of one poll: IOV_MAX of Linux.
VECTORS_MAX = 1024

#: Open handles: the usual RLIMIT_NOFILE of Linux.
HANDLES_MAX = 1024

#: Names in directories that are being read at the same time.
NAMES_LISTED_MAX = 1 << 20


class Exit(Exception):  # noqa: N818 - proc_exit is no error
    """The guest called proc_exit."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Memory(Protocol):
    """The linear memory of the calling module; FAULT outside its bounds."""

    def read(self, at: int, count: int) -> bytes:
        """The `count` bytes at address `at`."""
        ...

    def write(self, at: int, content: bytes) -> None:
        """Puts the bytes at address `at`."""
        ...


@dataclass(slots=True, eq=False)
class Source:
    """Standard input."""

    content: bytes
    offset: int = 0


@dataclass(slots=True, eq=False)
class Sink:
    """Standard output or standard error."""

    name: str
    bytes_max: int
    content: bytearray

    def write(self, content: bytes) -> None:
        """Appends, or ends the run: a cut output would be a false one."""
        if len(self.content) + len(content) > self.bytes_max:
            raise LimitError(f"wrote more than {self.bytes_max} bytes to {self.name}")
        self.content += content


@dataclass(slots=True, eq=False)
class OpenFile:
    """A regular file that the guest holds open."""

    file: File
    readable: bool
    writable: bool
    flags: int
    offset: int = 0


@dataclass(slots=True, eq=False)
class OpenDirectory:
    """A directory that the guest holds open; `names` while it is being read."""

    directory: Directory
    preopened: bool = False
    names: Sequence[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """What the guest's clocks show; runs that are to be equal have the same.

    The wall clock begins at `start_ns` since 1970, and each reading of any clock
    moves all of them by `step_ns`.

    Raises:
        RunError: before 1970 or far off, or a clock that stands still.
    """

    start_ns: int = EPOCH_NS
    step_ns: int = CLOCK_STEP_NS

    def __post_init__(self) -> None:
        if not 0 <= self.start_ns <= START_NS_MAX:
            raise RunError(f"expected 0 to {START_NS_MAX}", at="start_ns")
        if not 0 < self.step_ns <= STEP_NS_MAX:
            raise RunError(f"expected 1 to {STEP_NS_MAX}", at="step_ns")


Handle = Source | Sink | OpenFile | OpenDirectory


class Guest:
    """The state of one run, apart from its memory."""

    def __init__(
        self,
        filesystem: Filesystem,
        *,
        args: Sequence[str],
        env: Mapping[str, str],
        stdin: bytes,
        stdout_bytes_max: int,
        stderr_bytes_max: int,
        seed: bytes,
        clock: Clock = Clock(),
    ) -> None:
        self.filesystem = filesystem
        self.args = [arg.encode() + b"\0" for arg in args]
        self.env = [f"{name}={env[name]}\0".encode() for name in sorted(env)]
        self.stdout = Sink("standard output", stdout_bytes_max, bytearray())
        self.stderr = Sink("standard error", stderr_bytes_max, bytearray())
        self.handles: dict[int, Handle] = {
            0: Source(stdin),
            1: self.stdout,
            2: self.stderr,
            3: OpenDirectory(filesystem.root, preopened=True),
        }
        self.clock = clock
        self.elapsed_ns = 0
        self._seed = hashlib.sha256(seed).digest()
        self._blocks = 0

    def handle(self, fd: int) -> Handle:
        """What a descriptor stands for."""
        handle = self.handles.get(fd)
        if handle is None:
            raise WasiError(Errno.BADF)
        return handle

    def file(self, fd: int) -> OpenFile:
        """An open regular file: what can be sought, cut and read at an offset."""
        handle = self.handle(fd)
        if isinstance(handle, Source | Sink):
            raise WasiError(Errno.SPIPE)
        if isinstance(handle, OpenDirectory):
            raise WasiError(Errno.BADF)
        return handle

    def directory(self, fd: int) -> OpenDirectory:
        """An open directory."""
        handle = self.handle(fd)
        if not isinstance(handle, OpenDirectory):
            raise WasiError(Errno.NOTDIR)
        return handle

    def open(self, handle: OpenFile | OpenDirectory) -> int:
        """The lowest free descriptor, now standing for `handle`."""
        if len(self.handles) >= HANDLES_MAX:
            raise WasiError(Errno.MFILE)
        fd = next(fd for fd in range(HANDLES_MAX) if fd not in self.handles)
        self.handles[fd] = handle
        if isinstance(handle, OpenFile):
            handle.file.opens += 1
        return fd

    def close(self, fd: int) -> None:
        """Frees a descriptor, and its file's bytes if it was the last hold on it."""
        handle = self.handle(fd)
        del self.handles[fd]
        if isinstance(handle, OpenFile):
            handle.file.opens -= 1
            self.filesystem.release(handle.file)

    def listing(self, directory: Directory) -> Sequence[bytes]:
        """The names in a directory, sorted."""
        kept = sum(
            len(handle.names or ())
            for handle in self.handles.values()
            if isinstance(handle, OpenDirectory)
        )
        if kept > NAMES_LISTED_MAX:
            raise LimitError(f"read more than {NAMES_LISTED_MAX} names at a time")
        return sorted(directory.entries)

    def place(
        self, memory: Memory, fd: int, at: int, count: int, *, follow: bool = False
    ) -> Place:
        """Where the path at an address of the guest's memory leads."""
        base = self.directory(fd).directory
        return self.filesystem.resolve(base, memory.read(at, count), follow=follow)

    def now_ns(self, clock: int) -> int:
        """A reading of clock 0 (wall) or 1 to 3 (counted from the start)."""
        if clock > 3:
            raise WasiError(Errno.INVAL)
        reading = self.elapsed_ns + (self.clock.start_ns if clock == 0 else 0)
        self.advance(self.elapsed_ns + self.clock.step_ns)
        return reading

    def advance(self, elapsed_ns: int) -> None:
        """Moves the clock forward to a time since the start, never back."""
        self.elapsed_ns = max(self.elapsed_ns, min(elapsed_ns, ELAPSED_NS_MAX))

    def random(self, count: int) -> bytes:
        """The next bytes of the stream: SHAKE-256 of the seed and a call counter."""
        if count > IO_BYTES_MAX:
            raise LimitError(f"asked for more than {IO_BYTES_MAX} random bytes at once")
        block = self._seed + self._blocks.to_bytes(8, "big")
        self._blocks += 1
        return hashlib.shake_256(block).digest(count)


Call = Callable[..., None]


class Calls(dict[str, tuple[str, Call]]):
    """WASI calls by name: parameter types (`i` 32 bits, `I` 64 bits) and function.

    The function gets the guest, the caller's memory and unsigned parameters; it
    raises WasiError to answer anything but success.
    """

    def add(self, types: str) -> Callable[[Call], Call]:
        """Enters the decorated function under its own name."""

        def enter(call: Call) -> Call:
            self[call.__name__] = (types, call)
            return call

        return enter


def u32(*values: int) -> bytes:
    """32-bit integers as they stand in memory."""
    return b"".join(value.to_bytes(4, "little") for value in values)


def read_vectors(memory: Memory, at: int, count: int) -> Iterator[tuple[int, int]]:
    """Address and length of each buffer, together no longer than IO_BYTES_MAX."""
    if count > VECTORS_MAX:
        raise WasiError(Errno.INVAL)
    table = memory.read(at, 8 * count)
    left = IO_BYTES_MAX
    for i in range(0, len(table), 8):
        start = int.from_bytes(table[i : i + 4], "little")
        length = min(left, int.from_bytes(table[i + 4 : i + 8], "little"))
        left -= length
        if length:
            yield start, length
