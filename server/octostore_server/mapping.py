"""The map kept up to the log while a server runs, in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from octostore.errors import StoreError
from octostore.store import Octostore

__all__ = ["mapping"]

_log = logging.getLogger("uvicorn.error")


@contextmanager
def mapping(store: Octostore, every_s: float) -> Iterator[None]:
    """Bring the map up to the log each `every_s` seconds, and once at the end.

    0 means never, and a store that is only read has nobody to do it. A disk that
    fails is told in the log of the server and tried again; deliveries go on.
    """
    if store.readonly or every_s == 0:
        yield
        return
    stopping = threading.Event()

    def keep_up() -> None:
        is_stopping = False
        while not is_stopping:
            is_stopping = stopping.wait(every_s)
            try:
                logged = store.update_map(int(time.time()))
            except StoreError as error:
                _log.error("the map is not updated: %s", error)
                continue
            if logged is not None:
                _log.info(
                    "map of %d entries, head at entry %d",
                    logged.head.size,
                    logged.entry,
                )

    thread = threading.Thread(target=keep_up, name="map")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
