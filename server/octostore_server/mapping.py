"""The map kept up to the log while a server runs: a thread, and a process for the work.

Updates begin `every_s` apart, or at once when the last one took longer: a head then
follows a receipt by that and the time of an update at most.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from invocation_spec.errors import OctostoreError
from octostore.map_process import MapProcess
from octostore.store import Octostore
from octostore_server.condition import MapState

__all__ = ["mapping"]

_log = logging.getLogger("uvicorn.error")


@contextmanager
def mapping(store: Octostore, every_s: float) -> Iterator[MapState]:
    """Bring the map up to the log each `every_s` seconds, and once at the end.

    0 means never, and a store that is only read has nobody to do it. A disk that
    fails is told in the log of the server and tried again; deliveries go on. What is
    yielded says how that goes.
    """
    state = MapState()
    if store.readonly or every_s == 0:
        yield state
        return
    state.looked()
    stopping = threading.Event()

    def keep_up(process: MapProcess) -> None:
        is_stopping, begin = False, time.monotonic()
        while not is_stopping:
            is_stopping = stopping.wait(max(begin + every_s - time.monotonic(), 0))
            begin = time.monotonic()
            try:
                logged = store.update_map(int(time.time()), process)
            except OctostoreError as error:
                _log.error("the map is not updated: %s", error)
                state.looked(failing=error.code)
                continue
            state.looked()
            if logged is not None:
                _log.info(
                    "map of %d entries, head at entry %d",
                    logged.head.size,
                    logged.entry,
                )

    with MapProcess(store.path) as process:
        thread = threading.Thread(target=keep_up, args=(process,), name="map")
        thread.start()
        try:
            yield state
        finally:
            stopping.set()
            thread.join()
