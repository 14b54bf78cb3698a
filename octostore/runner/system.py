"""The calls of WASI preview1 that concern no file.

Source: wasi_snapshot_preview1.witx and typenames.witx (WebAssembly/WASI).
"""

from __future__ import annotations

import struct
from itertools import accumulate, islice

from octostore.runner.errno import Errno, WasiError
from octostore.runner.guest import (
    VECTORS_MAX,
    Calls,
    Exit,
    Guest,
    Memory,
    OpenFile,
    Source,
    u32,
)

__all__ = ["CALLS"]

CALLS = Calls()

#: subscription: userdata, tag, then clock id or descriptor, timeout, flags.
_SUBSCRIPTION = struct.Struct("<QB7xI4xQ8xH6x")
#: event: userdata, error, type, bytes ready, flags.
_EVENT = struct.Struct("<QHB5xQH6x")

_CLOCK, _FD_READ, _FD_WRITE = 0, 1, 2
_ABSOLUTE = 1  # subclockflags: the timeout is a time, not a duration


def _put_strings(
    memory: Memory, strings: list[bytes], pointers: int, buffer: int
) -> None:
    memory.write(buffer, b"".join(strings))
    starts = accumulate(map(len, strings[:-1]), initial=buffer)
    memory.write(pointers, u32(*islice(starts, len(strings))))


@CALLS.add("ii")
def args_get(guest: Guest, memory: Memory, pointers: int, buffer: int) -> None:
    """The arguments, argv[0] first."""
    _put_strings(memory, guest.args, pointers, buffer)


@CALLS.add("ii")
def args_sizes_get(guest: Guest, memory: Memory, count: int, size: int) -> None:
    """How many arguments, in how many bytes."""
    memory.write(count, u32(len(guest.args)))
    memory.write(size, u32(sum(map(len, guest.args))))


@CALLS.add("ii")
def environ_get(guest: Guest, memory: Memory, pointers: int, buffer: int) -> None:
    """The environment, sorted by name."""
    _put_strings(memory, guest.env, pointers, buffer)


@CALLS.add("ii")
def environ_sizes_get(guest: Guest, memory: Memory, count: int, size: int) -> None:
    """How many variables, in how many bytes."""
    memory.write(count, u32(len(guest.env)))
    memory.write(size, u32(sum(map(len, guest.env))))


@CALLS.add("ii")
def clock_res_get(guest: Guest, memory: Memory, clock: int, out: int) -> None:
    """The step of the clock."""
    if clock > 3:
        raise WasiError(Errno.INVAL)
    memory.write(out, struct.pack("<Q", guest.clock.step_ns))


@CALLS.add("iIi")
def clock_time_get(
    guest: Guest, memory: Memory, clock: int, precision: int, out: int
) -> None:
    """A reading, which also moves the clock on."""
    memory.write(out, struct.pack("<Q", guest.now_ns(clock)))


@CALLS.add("ii")
def random_get(guest: Guest, memory: Memory, buffer: int, count: int) -> None:
    """Bytes of the seeded stream."""
    memory.write(buffer, guest.random(count))


@CALLS.add("iiii")
def poll_oneoff(
    guest: Guest, memory: Memory, subscriptions: int, events: int, count: int, out: int
) -> None:
    """Answers at once: files are always ready, and a sleep only moves the clock."""
    if not 0 < count <= VECTORS_MAX:
        raise WasiError(Errno.INVAL)
    table = memory.read(subscriptions, _SUBSCRIPTION.size * count)
    ready: list[bytes] = []
    waits: list[tuple[int, int]] = []
    for userdata, tag, subject, timeout, flags in _SUBSCRIPTION.iter_unpack(table):
        if tag == _CLOCK and subject <= 3:
            since = guest.clock.start_ns if subject == 0 else 0
            due = timeout - since if flags & _ABSOLUTE else guest.elapsed_ns + timeout
            waits.append((due, userdata))
        else:
            ready.append(_ready(guest, userdata, tag, subject))
    if not ready:
        guest.advance(min(waits)[0])
        first = max(min(waits)[0], guest.elapsed_ns)
        ready = [_EVENT.pack(u, 0, _CLOCK, 0, 0) for due, u in waits if due <= first]
    memory.write(events, b"".join(ready))
    memory.write(out, u32(len(ready)))


def _ready(guest: Guest, userdata: int, tag: int, fd: int) -> bytes:
    handle = guest.handles.get(fd) if tag in (_FD_READ, _FD_WRITE) else None
    error = 0
    if tag not in (_FD_READ, _FD_WRITE):
        error = Errno.INVAL
    elif handle is None:
        error = Errno.BADF
    count = 1
    if tag == _FD_READ and isinstance(handle, Source):
        count = len(handle.content) - handle.offset
    elif tag == _FD_READ and isinstance(handle, OpenFile):
        count = max(0, handle.file.size - handle.offset)
    return _EVENT.pack(userdata, error, tag, count, 0)


@CALLS.add("i")
def proc_exit(guest: Guest, memory: Memory, code: int) -> None:
    """Ends the run with an exit status."""
    raise Exit(code)


@CALLS.add("i")
def proc_raise(guest: Guest, memory: Memory, signal: int) -> None:
    """There are no signals, as in wasmtime."""
    raise WasiError(Errno.NOTSUP)


@CALLS.add("")
def sched_yield(guest: Guest, memory: Memory) -> None:
    """There is nobody to yield to."""


def _no_socket(guest: Guest, memory: Memory, fd: int, *others: int) -> None:
    guest.handle(fd)
    raise WasiError(Errno.NOTSOCK)


CALLS["sock_accept"] = ("iii", _no_socket)
CALLS["sock_recv"] = ("iiiiii", _no_socket)
CALLS["sock_send"] = ("iiiii", _no_socket)
CALLS["sock_shutdown"] = ("ii", _no_socket)
