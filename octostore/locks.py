"""Who may touch the files when: the writer's place, and the gate of snapshots."""

from __future__ import annotations

import fcntl
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from octostore.errors import StoreError, StoreLockedError

__all__ = ["GATE_WAIT_S", "SnapshotGate", "WriterLock"]

_NAME: Final = "writer.lock"

#: How long the map waits for open snapshots before it gives up growing.
GATE_WAIT_S: Final = 60.0


@dataclass(slots=True)
class WriterLock:
    """The one place of a writer: an flock, which the kernel frees on any death."""

    _fd: int | None

    @classmethod
    def take(cls, path: Path) -> Self:
        """Take the place, at once or not at all.

        Raises:
            StoreLockedError: another process has it.
            StoreError: the lock file cannot be made here.
        """
        try:
            fd = os.open(path / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot write here: {error.strerror}; open it read-only, or name"
                " another store",
                at=str(path),
            ) from error
        lock = cls._locked(path, fd, fcntl.LOCK_EX)
        with suppress(OSError):  # a full disk; the number is only told to others
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return lock

    @classmethod
    def keep_out(cls, path: Path) -> Self:
        """Keep writers out, for a reader that LMDB cannot see.

        Raises:
            StoreLockedError: a writer is there.
        """
        try:
            fd = os.open(path / _NAME, os.O_RDONLY)
        except FileNotFoundError:
            return cls(None)
        except OSError as error:
            raise StoreError(
                f"cannot read here: {error.strerror}", at=str(path)
            ) from error
        return cls._locked(path, fd, fcntl.LOCK_SH)

    @classmethod
    def _locked(cls, path: Path, fd: int, how: int) -> Self:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            os.close(fd)
            who = f"process {holder}" if holder else "another process"
            raise StoreLockedError(
                f"{who} has it open for writing; stop it, ask it"
                " over HTTP (`--server URL`), or try again later",
                at=str(path),
            ) from error
        return cls(fd)

    def release(self) -> None:
        """Give the place up; twice is harmless."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class SnapshotGate:
    """Lets snapshots in together, and the growth of the map alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: Counter[int] = Counter()
        self._closed = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold a snapshot open; a thread inside may enter again."""
        me = threading.get_ident()
        with self._changed:
            while self._closed and not self._inside[me]:
                self._changed.wait()
            self._inside[me] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[me] -= 1
                if not self._inside[me]:
                    del self._inside[me]
                self._changed.notify_all()

    @contextmanager
    def exclusive(self, path: Path) -> Iterator[None]:
        """Wait until no snapshot is open and keep new ones waiting.

        Raises:
            StoreError: a snapshot stayed open for `GATE_WAIT_S`.
        """
        with self._changed:
            self._closed = True
            try:
                if not self._changed.wait_for(lambda: not self._inside, GATE_WAIT_S):
                    raise StoreError(
                        f"a reader has been inside for {GATE_WAIT_S:.0f} s;"
                        " the store could not grow",
                        at=str(path),
                    )
                yield
            finally:
                self._closed = False
                self._changed.notify_all()
