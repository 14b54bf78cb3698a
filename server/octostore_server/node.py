"""What every route needs: the store, the settings, and the one writer's lane."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeAlias, cast

from anyio import CapacityLimiter
from fastapi import Depends
from starlette.requests import Request

from octostore.store import Octostore
from octostore_server.condition import MapState, condition
from octostore_server.errors import ReadonlyError, TooManyError
from octostore_server.feed import Feed
from octostore_server.metrics import Metrics
from octostore_server.settings import Settings
from octostore_server.writers import Writers

__all__ = ["AtNode", "Node"]


class Node:
    """One store and how it is served; made once for an app.

    Reads go to the threads of the server, many at once. Writes go through
    `lane`, one at a time: the store has one writer, and a second thread that
    waited for it would be one less that reads.
    """

    def __init__(
        self, store: Octostore, settings: Settings, map_state: MapState | None = None
    ) -> None:
        self.store = store
        self.settings = settings
        self.map_state = map_state or MapState()
        self.lane = CapacityLimiter(1)
        self.writers = Writers(settings)
        self.feed = Feed(store, settings.streams_max)
        self.metrics = Metrics(lambda: condition(store), lambda: self.feed.streams)
        self._deliveries = 0

    @contextmanager
    def delivery(self) -> Iterator[None]:
        """A place among the deliveries that are received or wait.

        Raises:
            ReadonlyError: this server takes none.
            TooManyError: all places are taken.
        """
        if self.settings.readonly:
            raise ReadonlyError("this server takes no statements; send them elsewhere")
        if self._deliveries >= self.settings.deliveries_max:
            raise TooManyError("too many deliveries at once; try again later", wait_s=5)
        self._deliveries += 1
        self.metrics.deliveries.set(self._deliveries)
        try:
            yield
        finally:
            self._deliveries -= 1
            self.metrics.deliveries.set(self._deliveries)


async def _node(request: Request) -> Node:
    return cast("Node", request.app.state.node)


AtNode: TypeAlias = Annotated[Node, Depends(_node)]
