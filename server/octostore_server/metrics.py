"""Figures for Prometheus: requests, deliveries, streams, and the store itself.

    octostore_http_requests_total{method="GET",route="/v1/who",status="200"} 12
    octostore_statements_total{became="accepted"} 3
    octostore_log_entries 128

Routes are named as the OpenAPI document names them, so that no stranger makes a new
row. Figures of the store are read when somebody asks, and each app has its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octostore.errors import StoreError
from octostore.receipt import Receipt
from octostore_server.condition import Condition

__all__ = ["Measured", "Metrics"]

_METHODS: Final = frozenset(("GET", "HEAD", "POST"))

#: Seconds; a look-up takes a millisecond, a large delivery minutes.
_BUCKETS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2.5, 10.0, 60.0)


class Metrics:
    """The figures of one app."""

    def __init__(
        self, look: Callable[[], Condition], streams: Callable[[], float]
    ) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "octostore_http_requests_total",
            "Requests that were answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "octostore_http_request_seconds",
            "From the first byte of a request to the last of its answer",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.statements = Counter(
            "octostore_statements_total",
            "What became of what was delivered",
            ["became"],
            registry=self.registry,
        )
        self.delivered = Counter(
            "octostore_delivered_bytes_total",
            "Bytes of deliveries that came whole",
            registry=self.registry,
        )
        self.ingest_seconds = Histogram(
            "octostore_ingest_seconds",
            "From a delivery that is there to its receipt: verified, and on the disk",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.deliveries = Gauge(
            "octostore_deliveries",
            "Deliveries that come or wait now",
            registry=self.registry,
        )
        Gauge(
            "octostore_streams", "Streams that are open now", registry=self.registry
        ).set_function(streams)
        self.registry.register(_OfStore(look))

    def delivered_one(self, receipt: Receipt, size: int, seconds: float) -> None:
        """Count a delivery that has its receipt."""
        self.delivered.inc(size)
        self.ingest_seconds.observe(seconds)
        for name in ("accepted", "known", "pending", "quarantined", "skipped"):
            self.statements.labels(name).inc(len(getattr(receipt, name)))


class _OfStore(Collector):
    """The store, looked at when somebody asks; left out while it cannot be read."""

    def __init__(self, look: Callable[[], Condition]) -> None:
        self._look = look

    def describe(self) -> list[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            found = self._look()
        except StoreError:
            return
        for name, says, value in (
            ("log_entries", "Entries of the log", found.entries),
            ("map_lag_entries", "Entries behind the last map head", found.lag),
            ("pending", "Statements that wait for blocks, up to 10000", found.pending),
            ("quarantined", "What is quarantined, up to 10000", found.quarantined),
            ("store_bytes", "Bytes of the store on its disk", found.store_bytes),
            ("disk_free_bytes", "Bytes that are free on its disk", found.free_bytes),
        ):
            yield GaugeMetricFamily(f"octostore_{name}", says, value=value)


class Measured:
    """Counts and times all requests, by the route that answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - begin)
