"""A process of our own beside the writer, which reads CARs before the writer does.

    to it      where the first byte stands in its CAR (8), then the bytes of the CAR
               in pieces: size (4), bytes; a piece of no bytes ends it; and so on
    from it    frames: size (4), then what `marshal` makes of one of

        ("ready",)                                   it can be fed
        ("blocks", at, [(digest, block)], told)      of ours and sound, what was read
        ("block", at, cid, block)                    sound, and none of ours
        ("damaged", at, cid, begin, reason)          what `car.Damaged` says
        ("broken", at, reason)                       what a `CarError` says; the end
        ("end", at)                                  the CAR is read

`at` is the byte behind what was read. It runs what the writer would run: `CarReader`
and `reading.read`. It has no store, no key and no file but two pipes, writes nothing
but frames, and ends when the writer does. Source: ADR 21.
"""

from __future__ import annotations

import fcntl
import gc
import marshal
import os
import subprocess
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO, Final, TypeAlias, cast

from invocation_spec.cid import DAG_CBOR, SHA2_256
from octostore.car import Block, CarReader, Damaged, Sound
from octostore.errors import CarError
from octostore.own_process import command
from octostore.reading import Told, read

__all__ = ["ANSWER_S_MAX", "Frame", "Worker", "WorkerGoneError", "main", "serve"]

#: The name of a frame, the byte behind what was read, and what is said of it.
Frame: TypeAlias = tuple[Any, ...]

#: What pipes hold if the system lets us: several milliseconds of work.
_PIPE_BYTES: Final = 1 << 20
_AT_BYTES: Final = 8
_SIZE_BYTES: Final = 4

#: Values and nothing shared: what is sent is read once.
_MARSHAL: Final = 2

#: It makes no cycles; the collector would only walk what waits to be sent.
_GARBAGE_AFTER: Final = 1 << 17

#: Bytes without a frame after which it gives up: no block may be so large, so whoever
#: sends one has his CAR read by the writer, who skips the block as it comes.
_SILENT_BYTES_MAX: Final = 1 << 22

#: Longest wait for what it says, with more to read than it needs to say something:
#: it takes milliseconds. One that was stopped would be waited for without end.
ANSWER_S_MAX: Final = 60.0

_OURS: Final = bytes((1, DAG_CBOR, SHA2_256, 32))


class WorkerGoneError(Exception):
    """The process ended or says nothing; what it was fed must be read again."""


class Worker:
    """The process, as the writer sees it. It is there when made, ready later.

    Raises:
        OSError: no process could be started.
        StoreError: there is no interpreter to start one with.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this module
            command(__name__),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the writer, who ends it
        )
        self._is_ready = False
        self._frames = bytearray()
        self._fed: SimpleQueue[bytes] = SimpleQueue()
        self._came: SimpleQueue[bytes] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._send, daemon=True),
            threading.Thread(target=self._receive, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it can be fed; it takes some tenths of a second to start.

        Raises:
            WorkerGoneError: it has ended.
        """
        if not self._is_ready and not self._came.empty():
            self._is_ready = self.receive() == ("ready",)
        return self._is_ready

    @property
    def has_frame(self) -> bool:
        """Whether there is something to receive at once."""
        return bool(self._frames) or not self._came.empty()

    def begin(self, at: int) -> None:
        """Begin a CAR, or go on with one at this byte."""
        self._fed.put(at.to_bytes(_AT_BYTES, "big"))

    def feed(self, piece: bytes) -> None:
        """The next bytes of the CAR; none if it ends there."""
        self._fed.put(len(piece).to_bytes(_SIZE_BYTES, "big") + piece)

    def receive(self) -> Frame:
        """The next frame, when it comes.

        Raises:
            WorkerGoneError: it has ended, or is silent for `ANSWER_S_MAX`.
        """
        frames = self._frames
        while True:
            end = _SIZE_BYTES + int.from_bytes(frames[:_SIZE_BYTES], "big")
            if len(frames) >= max(end, _SIZE_BYTES + 1):
                with memoryview(frames)[_SIZE_BYTES:end] as body:
                    frame = cast("Frame", marshal.loads(body))  # noqa: S302 - our own
                del frames[:end]
                return frame
            try:
                more = self._came.get(timeout=ANSWER_S_MAX)
            except Empty:
                raise WorkerGoneError from None
            if not more:
                self._came.put(more)  # it stays so
                raise WorkerGoneError
            frames += more

    def close(self) -> None:
        """End it; twice is harmless."""
        self._process.kill()
        self._process.wait()
        self._fed.put(b"")
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None  # noqa: S101
            with suppress(OSError):
                pipe.close()

    def _send(self) -> None:
        """Write what is fed, much at a time: a turn of a thread costs more than it."""
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101
        _widen(pipe.fileno())
        with suppress(OSError):
            while piece := self._fed.get():
                pieces, size = [piece], len(piece)
                while size < _PIPE_BYTES and not self._fed.empty():
                    pieces.append(self._fed.get())
                    size += len(pieces[-1])
                left = memoryview(b"".join(pieces))
                while left:
                    left = left[os.write(pipe.fileno(), left) :]
                if not pieces[-1]:
                    return

    def _receive(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101
        _widen(pipe.fileno())
        with suppress(OSError):
            while data := os.read(pipe.fileno(), _PIPE_BYTES):
                self._came.put(data)
        self._came.put(b"")


class _Pieces:
    """The bytes of one CAR as they are fed; as much of a stream as a reader needs."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._piece = b""
        self._is_over = False
        #: Bytes since something was said of them.
        self.silent = 0

    def read(self, most: int) -> bytes:
        """Some bytes, at most so many; none at the end."""
        if not self._piece and not self._is_over:
            size = int.from_bytes(_exactly(self._source, _SIZE_BYTES), "big")
            self._piece = _exactly(self._source, size)
            self._is_over = not size
            self.silent += size
            if self.silent > _SILENT_BYTES_MAX:
                raise EOFError
        some, self._piece = self._piece[:most], self._piece[most:]
        return some

    def skip(self) -> None:
        """Leave out what nobody read."""
        while self.read(_PIPE_BYTES):
            self.silent = 0


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Read CARs from `source` and say what is in them, until it ends."""

    def send(*frame: Any) -> None:
        body = marshal.dumps(frame, _MARSHAL)
        sink.write(len(body).to_bytes(_SIZE_BYTES, "big") + body)
        sink.flush()

    send("ready")
    with suppress(EOFError):
        while True:
            at = int.from_bytes(_exactly(source, _AT_BYTES), "big")
            pieces = _Pieces(source)
            reader = CarReader.resumed(cast("BinaryIO", pieces), (), at)
            try:
                for item in reader.hashed():
                    send(*_frame(item, reader.offset))
                    pieces.silent = 0
            except CarError as error:
                send("broken", reader.offset, str(error))
            else:
                send("end", reader.offset)
            pieces.skip()


def _frame(item: list[Sound] | Block | Damaged, at: int) -> Frame:
    if isinstance(item, Damaged):
        return "damaged", at, item.cid, item.at, str(item.error)
    if isinstance(item, Block):
        if not item.cid.raw.startswith(_OURS):
            return "block", at, item.cid.raw, item.data
        item = [(item.cid.digest, item.data)]
    told: Told = {}
    for digest, block in item:
        found = read(block)
        if found is not None:
            told[digest] = found
    return "blocks", at, item, told


def _exactly(source: BinaryIO, count: int) -> bytes:
    data = source.read(count)
    if len(data) < count:
        raise EOFError  # the writer is gone
    return data


def _widen(pipe: int) -> None:
    """Let a pipe hold more, where the system can; else the two wait more often."""
    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def main() -> None:
    """Be the process."""
    gc.set_threshold(_GARBAGE_AFTER)
    with suppress(BrokenPipeError), open(0, "rb") as source, open(1, "wb") as sink:
        serve(source, sink)
