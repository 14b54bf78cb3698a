"""The application: routes over one store; and serving it until told to stop.

    with Octostore.open(path) as store:
        app = create_app(store, Settings(path=path))

Whoever opens the store closes it, after the app has stopped.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

import octostore
from octostore.errors import AddressError
from octostore.store import Octostore
from octostore.witness import Witness
from octostore_server import errors, models
from octostore_server.condition import MapState
from octostore_server.connection import Connection
from octostore_server.examples import with_examples
from octostore_server.feed import Feed
from octostore_server.logs import log_config
from octostore_server.mapping import mapping
from octostore_server.metrics import Measured
from octostore_server.middleware import Compressed, Head
from octostore_server.node import Node
from octostore_server.openapi import document
from octostore_server.routes import (
    bundles,
    canonicalization,
    gateway,
    health,
    invocations,
    issuers,
    listing,
    log,
    pages,
    questions,
    statements,
    stream,
)
from octostore_server.routes.witnessing import create_witness, read_logs
from octostore_server.settings import Settings

__all__ = ["HEADER_BYTES_MAX", "create_app", "serve"]

#: Request line and headers together; the longest CID and an Accept fit well.
HEADER_BYTES_MAX: Final = 16 << 10

_KEEP_ALIVE_S: Final = 15

#: Models of bodies that routes read as they come.
_BODIES: Final = (
    *(models.DocumentRequest, models.ExplainRequest),
    *(models.InvocationsRequest, models.ManyRequest),
)

_DESCRIPTION: Final = """
Who got which result: signed claims of compute-over-data networks, by content.

Blocks and statements are content-addressed and signed: verify what you get.
Refusals are RFC 9457 problems whose `type` is stable.
"""


def create_app(
    store: Octostore, settings: Settings, map_state: MapState | None = None
) -> FastAPI:
    """The server's application over an open store."""
    app = FastAPI(
        title="Octostore",
        version=octostore.__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    node = app.state.node = Node(store, settings, map_state)
    errors.install(app)
    app.add_middleware(Compressed)
    app.add_middleware(Head)
    app.add_middleware(Measured, metrics=node.metrics)
    for module in (
        *(questions, listing, issuers, invocations, bundles),
        *(canonicalization, statements, stream, gateway, log, health, pages),
    ):
        app.include_router(module.router)
    app.openapi = cache(partial(_document, app))  # type: ignore[method-assign]
    if settings.witness_key is not None:
        logs = read_logs(settings.witness_logs) if settings.witness_logs else ()
        witness = create_witness(Witness.open(settings.witness_key), logs)
        app.mount("/witness", witness)
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    return with_examples(document(app, _BODIES))


def serve(settings: Settings) -> None:
    """Open the store and answer for it until SIGTERM or Ctrl-C.

    Both end it gently: no new connections, open requests get their time, a
    delivery on its way to the disk is finished, the store is closed.

    Raises:
        AddressError: somebody else listens there, or it is no address of ours.
        StoreLockedError: another process writes to the store.
        StoreError: it cannot be opened.
    """
    with (
        _listening(settings) as listener,
        Octostore.open(settings.path, readonly=settings.readonly) as store,
        mapping(store, settings.map_seconds) as map_state,
    ):
        app = create_app(store, settings, map_state)
        config = uvicorn.Config(
            app,
            log_level=settings.log_level,
            log_config=dict(log_config(settings.log_format)),
            access_log=settings.log_level in ("debug", "info"),
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            http=Connection,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            limit_concurrency=settings.connections_max,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
        # uvicorn has set its logger up; ours would not be heard yet.
        host, port = listener.getsockname()[:2]
        logging.getLogger("uvicorn.error").info("running on http://%s:%s", host, port)
        if threading.current_thread() is threading.main_thread():
            # After its own shutdown uvicorn raises the signal again, which would
            # kill us before the store is closed.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            _Server(config, app.state.node.feed).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends streams first, which would not end by themselves."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.stop()
        await super().shutdown(sockets)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket to listen on, taken before anything else is begun."""
    at = f"{settings.host}:{settings.port}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port)[0][0]
        listener = socket.create_server((settings.host, settings.port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no host of that name"
        raise AddressError(
            f"cannot listen: {reason}; choose another --host or --port", at=at
        ) from error
    with listener:
        yield listener
