"""What was logged, told to many at once: read once, sent to each as fast as he reads.

One task looks whether the log has grown, for as long as anybody listens, and a delivery
here wakes it at once. Subscribers that stand at the same place share one reading of the
store. Each holds one reading at a time and no queue: who reads slowly goes on slowly,
and is cut off when he takes nothing for too long; he knows the last `id` he got.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from anyio import CapacityLimiter, to_thread

from invocation_spec.errors import OctostoreError
from octostore.questions.stream import News, Place
from octostore.store import Octostore
from octostore.view import View
from octostore_server.errors import BusyError

__all__ = ["BEAT_S", "Feed", "Reader"]

#: Seconds between two looks at the log, for what other processes write.
_LOOK_S: Final = 0.25

#: Seconds of silence after which a stream says that it is there.
BEAT_S: Final = 15.0

#: Readings of the store at once; more wait, so that subscribers who catch up leave the
#: threads of the server to who asks a question.
_READINGS_MAX: Final = 4

#: Readings that are kept for who comes to the same place a little later.
_KEPT: Final = 64

#: Reads the next items from a place on; `claims` or `statements` of the question.
Reader: TypeAlias = Callable[[View, Place], tuple[list[News], Place]]
_LOG: Final = logging.getLogger("octostore.server")

_Reading: TypeAlias = tuple[list[News], Place]


class Feed:
    """The news of one store; use it in one event loop."""

    def __init__(self, store: Octostore, streams_max: int) -> None:
        self._store = store
        self._streams_max = streams_max
        self._streams = 0
        self._size = -1
        self._grown = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._lane = CapacityLimiter(_READINGS_MAX)
        self._readings: dict[tuple[Reader, Place, int], asyncio.Future[_Reading]] = {}
        self.is_over = False

    @property
    def streams(self) -> int:
        """How many listen now."""
        return self._streams

    def stop(self) -> None:
        """End all streams, each after what it is sending."""
        self.is_over = True
        self._grown.set()

    def wake(self) -> None:
        """Say that something may have been logged; from the event loop."""
        if self._streams:
            asyncio.get_running_loop().create_task(self._look())

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A place among the subscribers.

        Raises:
            BusyError: all places are taken, or the server stops.
        """
        if self._streams >= self._streams_max or self.is_over:
            raise BusyError("too many streams at once; try again later")
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    async def news(
        self, read: Reader, at: Place, *, follow: bool
    ) -> AsyncIterator[list[News] | None]:
        """Readings from a place on; None where nothing came for `BEAT_S`.

        Without `follow` it ends at the end of the log, else when the server stops.
        """
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._keep_looking())
        await self._look()
        while not self.is_over:
            if at.entry < self._size:
                some, at = await self._read(read, at)
                yield some
            elif not follow:
                await self._look()
                if at.entry >= self._size:
                    return
            else:
                grown = self._grown
                try:
                    async with asyncio.timeout(BEAT_S):
                        await grown.wait()
                except TimeoutError:
                    yield None

    async def _read(self, read: Reader, at: Place) -> _Reading:
        """One reading for all that stand at this place."""
        key = (read, at, self._size)
        found = self._readings.get(key)
        if found is None:
            found = asyncio.ensure_future(
                to_thread.run_sync(self._from, read, at, limiter=self._lane)
            )
            while len(self._readings) >= _KEPT:
                del self._readings[next(iter(self._readings))]
            self._readings[key] = found
            found.add_done_callback(lambda done: self._forget_failed(key, done))
        return await asyncio.shield(found)

    def _forget_failed(
        self, key: tuple[Reader, Place, int], done: asyncio.Future[_Reading]
    ) -> None:
        if done.cancelled() or done.exception() is not None:
            self._readings.pop(key, None)

    def _from(self, read: Reader, at: Place) -> _Reading:
        with self._store.view() as view:
            return read(view, at)

    async def _keep_looking(self) -> None:
        while self._streams and not self.is_over:
            await asyncio.sleep(_LOOK_S)
            try:
                await self._look()
            except OctostoreError as error:  # told again when it is mended
                _LOG.error("streams: %s", error)

    async def _look(self) -> None:
        checkpoint = await to_thread.run_sync(self._store.checkpoint)
        if checkpoint.size > self._size:
            self._size = checkpoint.size
            self._grown.set()
            self._grown = asyncio.Event()
