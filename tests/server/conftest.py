"""A real store behind the real app: in process, or on a loopback port."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from invocation_spec.cid import CID
from octostore import car
from octostore.statement import Statement
from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.connection import Connection
from octostore_server.settings import Settings
from tests.octostore.world import R1, R2, Issuer, Ran, result

CAR = {"content-type": "application/vnd.ipld.car"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(path=tmp_path / "store")


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://octostore.test")


@pytest.fixture
async def api(store: Octostore, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(store, settings)) as client:
        yield client


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The app on a free loopback port; connections queue until it listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, lifespan="off", log_level="error", http=Connection)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def car_of(roots: Iterable[CID], blocks: Iterable[tuple[CID, bytes]]) -> bytes:
    stream = io.BytesIO()
    car.write(stream, roots, blocks)
    return stream.getvalue()


@dataclass
class Story:
    """Bristol and Caltech got R1, Mallory says R2; the CAR of each statement."""

    ran: Ran
    statements: list[Statement]
    cars: list[bytes]


@pytest.fixture
def story() -> Story:
    bristol, caltech, mallory = Issuer("bristol"), Issuer("caltech"), Issuer("mallory")
    ran = Ran()
    told = [
        bristol.says("University of Bristol", bacalhau=("node-b",)),
        bristol.claims(ran, result(R1), executor="node-b"),
        caltech.says("Caltech <3"),
        caltech.claims(ran, result(R1), network="golem:polygon", executor="0xca17"),
        mallory.claims(ran, result(R2)),
    ]
    cars = [car_of([one.envelope_cid], blocks) for one, blocks in told]
    return Story(ran, [one for one, _ in told], cars)


@pytest.fixture
def full(store: Octostore, story: Story) -> Story:
    """The story, taken in."""
    for one in story.cars:
        assert store.ingest_car(io.BytesIO(one)).sound
    return story
