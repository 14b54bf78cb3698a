"""CARs one after the other, read by a process beside the writer where that pays.

    with ReadAhead(streams) as coming:
        for delivery in coming:            # a CarError if it has no header
            ingest(engine, folder, delivery, delivery.roots)

The first bytes are read here, in the writer. When they are many, a worker is started,
and as soon as it is ready it reads on: the rest of this CAR, and those that follow.
If it ends, for whatever reason, what it was fed and has not answered is read here
again. The answers are the same either way. Source: ADR 21.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self, cast

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from octostore.car import Block, CarReader, Damaged, Sound
from octostore.errors import CarError
from octostore.reading import Told
from octostore.worker import Worker, WorkerGoneError

__all__ = ["AHEAD_BYTES", "WORKER_AFTER_BYTES", "Batch", "Coming", "ReadAhead"]

#: Read here before a worker is started: some 10,000 claims, which take twice as long
#: as it takes to start.
WORKER_AFTER_BYTES: Final = 1 << 23

#: What a worker may be ahead, before it was hashed: more than a group of a draft,
#: so that it works on while one is committed. In memory twice.
AHEAD_BYTES: Final = 1 << 23

#: Read from a stream at once, as a `CarReader` does.
_PIECE_BYTES: Final = 1 << 16


class Batch(NamedTuple):
    """Blocks of ours that were hashed, and what was read of them."""

    blocks: list[Sound]
    told: Told


class _Rest:
    """What a worker was fed and has not answered, then the stream."""

    def __init__(self, unread: Iterable[bytes], stream: BinaryIO | None) -> None:
        self._unread = deque(unread)
        self._stream = stream

    def read(self, most: int) -> bytes:
        """Some bytes, at most so many; none at the end."""
        if self._unread:
            piece = self._unread.popleft()
            if len(piece) > most:
                self._unread.appendleft(piece[most:])
            return piece[:most]
        return b"" if self._stream is None else self._stream.read(most)


@dataclass(eq=False, slots=True)
class Coming:
    """One CAR on its way in; take what it holds with `hashed`."""

    roots: tuple[CID, ...]
    stream: BinaryIO = field(repr=False)
    #: Who reads on in this process, while `is_remote` is not set.
    reader: CarReader = field(repr=False)
    ahead: ReadAhead = field(repr=False)
    is_remote: bool = False
    is_over: bool = False
    #: What a worker was fed, from byte `start` on; it has answered up to `at`.
    unread: deque[bytes] = field(default_factory=deque, repr=False)
    start: int = 0
    at: int = 0
    is_fed: bool = False
    error: OSError | None = None

    def hashed(self) -> Iterator[Batch | Block | Damaged]:
        """The blocks in their order, each hashed, those of ours by the hundred.

        Raises:
            CarError: as `CarReader` does.
            OSError: the stream cannot be read.
        """
        return self.ahead.read(self)

    def answered(self, at: int) -> int:
        """The worker has read up to this byte: how many are that more?"""
        count, self.at = at - self.at, at
        while self.unread and self.start + len(self.unread[0]) <= at:
            self.start += len(self.unread.popleft())
        return count

    def read_here(self) -> None:
        """Go on in this process with what a worker has not answered."""
        unread = deque(self.unread)
        if unread:
            unread[0] = unread[0][self.at - self.start :]
        rest = _Rest(unread, None if self.is_fed else self.stream)
        self.reader = CarReader.resumed(cast("BinaryIO", rest), self.roots, self.at)
        self.unread.clear()
        self.is_remote = False


class ReadAhead:
    """The CARs of these streams, one after the other; a context manager.

    A stream is asked for when the one before it was read to its end, which may be
    closed then. Take what one delivery holds before the next. What goes wrong with a
    stream is raised at its turn.
    """

    def __init__(
        self,
        streams: Iterable[BinaryIO],
        *,
        worker_after_bytes: int = WORKER_AFTER_BYTES,
    ) -> None:
        self._streams = iter(streams)
        self._coming: deque[Coming | Exception] = deque()
        self._taken: Coming | None = None
        self._feeding: Coming | None = None
        self._in_flight = 0
        self._bytes_here = 0
        self._worker_after_bytes = worker_after_bytes
        self._may_start = bool(sys.executable) and _cores() > 1
        self.worker: Worker | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_worker()

    def __iter__(self) -> Iterator[Coming | CarError]:
        while self._coming or self._open():
            item = self._coming.popleft()
            if isinstance(item, Coming):
                self._taken = item
                yield item
                if item.is_remote and not item.is_over:
                    self._end_worker()  # whoever took it has seen enough
            elif isinstance(item, CarError):
                yield item
            else:
                raise item

    def read(self, delivery: Coming) -> Iterator[Batch | Block | Damaged]:
        """What a delivery holds; see `Coming.hashed`."""
        while not delivery.is_over:
            if delivery.error is not None:
                raise delivery.error
            if not delivery.is_remote:
                yield from self._read_here(delivery)
                continue
            try:
                item = self._receive(delivery)
            except WorkerGoneError:
                self._end_worker()
                continue
            if item is not None:
                yield item

    def _open(self) -> bool:
        """Whether there is a next stream; it stands behind those that come."""
        try:
            stream = next(self._streams, None)
            if stream is None:
                return False
            reader = CarReader(stream)
        except CarError as error:
            self._coming.append(error)
        except Exception as error:  # noqa: BLE001 - raised at its turn
            self._coming.append(error)
            self._streams = iter(())
        else:
            self._coming.append(Coming(reader.roots, stream, reader, self))
        return True

    def _read_here(self, delivery: Coming) -> Iterator[Batch | Block | Damaged]:
        reader, before = delivery.reader, delivery.reader.offset
        items = reader.hashed()
        while not self._has_worker():
            item = next(items, None)
            if item is None:
                delivery.is_over = True
                return
            yield Batch(item, {}) if isinstance(item, list) else item
            self._bytes_here += reader.offset - before
            before = reader.offset
        self._hand_over(delivery)

    def _has_worker(self) -> bool:
        """Whether a worker can read on; starts one when that pays."""
        try:
            if self.worker is not None:
                return self.worker.is_ready
            if self._may_start and self._bytes_here >= self._worker_after_bytes:
                self._may_start = False  # one that ended is not started again
                self.worker = Worker()
        except (OSError, WorkerGoneError):
            self._end_worker()
        return False

    def _hand_over(self, delivery: Coming) -> None:
        assert self.worker is not None  # noqa: S101
        delivery.start = delivery.at = delivery.reader.offset
        delivery.is_remote = True
        self._feeding = delivery
        self.worker.begin(delivery.at)
        if delivery.reader.rest:
            self._feed(delivery, delivery.reader.rest)

    def _feed(self, delivery: Coming, piece: bytes) -> None:
        assert self.worker is not None  # noqa: S101
        self.worker.feed(piece)
        delivery.unread.append(piece)
        self._in_flight += len(piece)

    def _feed_more(self) -> bool:
        """Whether the worker got something, or the next stream was looked at."""
        delivery = self._feeding
        if self._in_flight >= AHEAD_BYTES:
            return False
        if delivery is None:
            if not self._open():
                return False
            if isinstance(self._coming[-1], Coming):
                self._hand_over(self._coming[-1])
            return True
        try:
            piece = delivery.stream.read(_PIECE_BYTES)
        except OSError as error:
            delivery.error, piece, self._streams = error, b"", iter(())
        if piece:
            self._feed(delivery, piece)
        else:
            delivery.is_fed = True
            self._end_feeding()
        return True

    def _end_feeding(self) -> None:
        assert self.worker is not None  # noqa: S101
        self.worker.feed(b"")
        self._feeding = None

    def _receive(self, delivery: Coming) -> Batch | Block | Damaged | None:
        """The next that the worker says of this delivery; None at its end.

        It is fed before it is waited for: all there is, or more than it can take
        without a word (`worker.serve`).

        Raises:
            CarError: the CAR is malformed.
            WorkerGoneError: the worker has ended, or is silent for too long.
        """
        worker = self.worker
        assert worker is not None  # noqa: S101
        self._feed_more()
        while self._feed_more() and not worker.has_frame:
            pass
        if delivery.error is not None:
            return None
        name, at, *said = worker.receive()
        self._in_flight -= delivery.answered(at)
        if name == "blocks":
            return Batch(*said)
        if name == "block":
            return Block(CID(said[0]), said[1])
        if name == "damaged":
            return Damaged(said[0], said[1], EncodingError(said[2]))
        delivery.is_over = True
        self._in_flight -= sum(map(len, delivery.unread))
        self._in_flight += delivery.at - delivery.start
        delivery.unread.clear()
        if name == "broken":
            if self._feeding is delivery:
                self._end_feeding()
            raise CarError(*said)
        return None

    def _end_worker(self) -> None:
        """Read on here, whatever it had."""
        worker, self.worker = self.worker, None
        self._feeding, self._in_flight = None, 0
        if worker is not None:
            worker.close()
        for item in (self._taken, *self._coming):
            if isinstance(item, Coming) and item.is_remote and not item.is_over:
                item.read_here()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
