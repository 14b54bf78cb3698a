"""The map derived in a process of its own, which reads the store and never writes.

    parent -> child     end(8)                            derive up to this entry
    child  -> parent    kind(1) length(8) payload         a batch, none, or an error

Reading, hashing and growing the trie take as much of an interpreter as taking claims
in, so beside an ingest they are done by another. It opens the store read-only and
answers with the rows of a batch; who holds the writer's place commits them with their
head (map/update.py). Killed at any time, nothing is lost: the next request starts
another. It ends when its input does, hence with its parent. Source: ADR 22.
"""

from __future__ import annotations

import marshal
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Final, Self

from invocation_spec.errors import OctostoreError
from octostore import errors, tables
from octostore.engine import Engine
from octostore.engine.choice import open_engine
from octostore.errors import StoreCorruptError, StoreError
from octostore.map.batch import Batch, next_batch
from octostore.own_process import command
from octostore.view import View

__all__ = ["BATCH_S_MAX", "MapProcess", "answer", "main"]

#: Longest time for one batch, some hundred times what the largest takes; past that
#: the process hangs, and whoever waits for it would too.
BATCH_S_MAX: Final = 600

#: How long it may take to end by itself, before it is killed; it has nothing to lose.
_ENDING_S: Final = 2.0

#: Largest answer that is taken: a statement of as many claims as one can have, each
#: on an invocation of as many keys as one can have, is far below.
_PAYLOAD_BYTES_MAX: Final = 1 << 32

_END_BYTES: Final = 8
_HEAD_BYTES: Final = 9
_BATCH: Final = 0
_NONE: Final = 1
_ERROR: Final = 2


class MapProcess:
    """The process for one store; started when it is first asked, a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def next_batch(self, end: int) -> Batch | None:
        """As `map.batch.next_batch`, of the store as it is now.

        Raises:
            StoreError: what it raised there, or the process ended or hung; ask again.
        """
        child = self._child or self._start()
        # An answer that is not waited for would be taken for the next.
        self._child = None
        late = threading.Timer(BATCH_S_MAX, child.kill)
        late.start()
        try:
            kind, payload = _ask(child, end)
        except (EOFError, OSError) as error:
            _end(child)
            raise StoreError(
                f"the process that derives the map ended (status {child.returncode});"
                " nothing is lost, the next update starts another",
                at=str(self._path),
            ) from error
        except BaseException:
            _end(child)
            raise
        finally:
            late.cancel()
        self._child = child
        if kind == _NONE:
            return None
        # Written by `_frame` in our own child, by this very interpreter.
        value = marshal.loads(payload)  # noqa: S302
        if kind == _ERROR:
            name, reason, at = value
            raise getattr(errors, name)(reason, at=at)
        return Batch(*value)

    def close(self) -> None:
        """Let the process end; twice is harmless."""
        if self._child is not None:
            _end(self._child)
            self._child = None

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - this interpreter, this module
                command(__name__, str(self._path)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError as error:
            raise StoreError(
                f"no process to derive the map: {error.strerror}", at=str(self._path)
            ) from error


def answer(engine: Engine, asked: BinaryIO, told: BinaryIO) -> None:
    """Answer requests until there are no more; the child's side."""
    while len(request := asked.read(_END_BYTES)) == _END_BYTES:
        told.write(_answered(engine, int.from_bytes(request, "big")))
        told.flush()


def _answered(engine: Engine, end: int) -> bytes:
    try:
        with engine.snapshot() as rows:
            batch = next_batch(View(rows), end)
    except StoreError as error:
        return _frame(_ERROR, (type(error).__name__, error.reason, error.at))
    except OctostoreError as error:  # a block of the log that reads as none
        return _frame(_ERROR, (StoreCorruptError.__name__, error.reason, error.at))
    return _frame(_NONE) if batch is None else _frame(_BATCH, tuple(batch))


def _frame(kind: int, value: tuple[Any, ...] | None = None) -> bytes:
    payload = b"" if value is None else marshal.dumps(value)
    return bytes((kind,)) + len(payload).to_bytes(8, "big") + payload


def _ask(child: subprocess.Popen[bytes], end: int) -> tuple[int, bytes]:
    assert child.stdin is not None  # noqa: S101 - as `_start` says
    assert child.stdout is not None  # noqa: S101
    child.stdin.write(end.to_bytes(_END_BYTES, "big"))
    child.stdin.flush()
    head = _read(child.stdout, _HEAD_BYTES)
    size = int.from_bytes(head[1:], "big")
    if size > _PAYLOAD_BYTES_MAX:
        raise EOFError
    return head[0], _read(child.stdout, size)


def _read(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None  # noqa: S101 - as `_start` says
    assert child.stdout is not None  # noqa: S101
    for stream in (child.stdin, child.stdout):
        try:
            stream.close()
        except OSError:  # what was not written, to nobody
            continue
    try:
        child.wait(_ENDING_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def main() -> None:
    """Be the child: requests come on the standard input, answers go out."""
    # A signal to the group is for the parent, which ends us when it has done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    path = Path(sys.argv[1])
    engine = open_engine(path, tables.TABLES, readonly=True, name=None)
    try:
        answer(engine, sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # nobody listens any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        engine.close()
