"""Streams over a real server: resumed, shared, slow, many, and ended."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from octostore.questions.stream import Place, claims
from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.world import C1, D1, R1, Issuer, Ran, claim, result
from tests.server.conftest import CAR, Story, serving
from tests.server.test_serving import process

SUBSCRIBERS = 1000
EVENTS = {"accept": "text/event-stream"}


@pytest.fixture
def url(store: Octostore, settings: Settings) -> Iterator[str]:
    with serving(create_app(store, settings)) as url:
        yield url


def lines(answer: httpx.Response) -> list[dict[str, object]]:
    return [json.loads(line) for line in answer.text.splitlines() if line]


def late(store: Octostore, name: str, network: str = "bacalhau") -> str:
    statement, blocks = Issuer(name).claims(Ran(), result(R1), network=network)
    assert store.ingest(blocks, [statement.envelope_cid]).accepted
    return str(statement.cid)


def test_what_is_there_comes_in_the_order_of_the_log(
    url: str, store: Octostore, full: Story
) -> None:
    answer = httpx.get(f"{url}/v1/stream", params={"follow": "false"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [item["statement"] for item in lines(answer)] == [
        str(statement.cid) for statement in full.statements
    ]
    params = {"follow": "false", "what": "claims", "program": str(C1)}
    told = lines(httpx.get(f"{url}/v1/stream", params=params))
    with store.view() as view:
        assert told == [item.value for item in claims(view, Place(0))[0]]
    rest = httpx.get(f"{url}/v1/stream", params=params | {"after": str(told[0]["id"])})
    assert lines(rest) == told[1:]


def test_events_are_resumed_by_their_last_id(url: str, full: Story) -> None:
    answer = httpx.get(f"{url}/v1/stream?follow=false", headers=EVENTS)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    events = [part for part in answer.text.split("\n\n") if part.startswith("id: ")]
    assert len(events) == len(full.statements)
    ids = [event.partition("\n")[0].removeprefix("id: ") for event in events]
    headers = {**EVENTS, "last-event-id": ids[2]}
    rest = httpx.get(f"{url}/v1/stream?follow=false&after=0", headers=headers)
    assert rest.text.split("\n\n")[1:-1] == events[3:]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"after": "x"}, 422),
        ({"what": "blocks"}, 400),
        ({"program": "x"}, 400),
        ({"issuer": "did:key:x"}, 400),
        ({"follow": "perhaps"}, 400),
    ],
)
def test_what_is_no_stream_is_a_problem(
    url: str, params: dict[str, str], status: int
) -> None:
    answer = httpx.get(f"{url}/v1/stream", params=params)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_delivery_reaches_who_listens(url: str, story: Story) -> None:
    params = {"what": "claims", "input": str(D1)}
    with (
        httpx.Client(base_url=url, timeout=20) as client,
        client.stream("GET", "/v1/stream", params=params) as answer,
    ):
        told = answer.iter_lines()
        assert next(told) == ""
        for one in story.cars:
            client.post("/v1/statements", content=one, headers=CAR)
        found = [json.loads(next(told))["statement"] for _ in range(3)]
    wanted = [str(story.statements[at].cid) for at in (1, 3, 4)]
    assert found == wanted


def test_what_another_writer_logs_is_seen(url: str, store: Octostore) -> None:
    with httpx.stream("GET", f"{url}/v1/stream", timeout=20) as answer:
        told = answer.iter_lines()
        assert next(told) == ""
        # Past the server: nothing wakes it but its own looks.
        cid = late(store, "other")
        assert json.loads(next(told))["statement"] == cid


def test_a_place_too_many_is_told_to_wait(store: Octostore, tmp_path: Path) -> None:
    settings = Settings(path=tmp_path / "store", streams_max=1)
    with serving(create_app(store, settings)) as url:
        with httpx.stream("GET", f"{url}/v1/stream", timeout=20) as answer:
            told = answer.iter_lines()
            assert next(told) == ""
            second = httpx.get(f"{url}/v1/stream")
            assert second.status_code == 503
            assert second.headers["retry-after"]
        end = time.monotonic() + 20
        while httpx.get(f"{url}/v1/stream?follow=false").status_code != 200:
            assert time.monotonic() < end, "the place is not free again"


def test_who_takes_nothing_is_cut_off_and_goes_on_later(
    store: Octostore, tmp_path: Path
) -> None:
    issuer = Issuer("many")
    for number in range(40):
        many = [
            claim(Ran(), result(R1), job=f"{number} {n} {'x' * 300}")
            for n in range(200)
        ]
        closure = [*Ran().blocks, (result(R1).cid, result(R1).block)]
        statement, some = issuer.state(many, closure)
        assert store.ingest(some, [statement.envelope_cid]).accepted
    settings = Settings(path=tmp_path / "store", stream_stall_seconds=1)
    with serving(create_app(store, settings)) as url:
        port = int(url.rpartition(":")[2])
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", port))
            slow.settimeout(30)
            slow.sendall(b"GET /v1/stream?what=claims HTTP/1.1\r\nhost: x\r\n\r\n")
            time.sleep(3)  # it takes nothing for longer than it may
            got = b""
            while part := slow.recv(1 << 16):
                got += part
        ids = [
            json.loads(line)["id"]
            for line in got.decode().splitlines()
            if line.startswith("{") and line.endswith("}")
        ]
        assert 0 < len(ids) < 8000, "it was not cut off"
        params = {"what": "claims", "follow": "false", "after": ids[-1]}
        rest = httpx.get(f"{url}/v1/stream", params=params, timeout=60)
        assert len(ids) + len(lines(rest)) == 8000


@pytest.mark.slow
def test_a_thousand_listen_at_once_in_bounded_memory(
    store: Octostore, full: Story, settings: Settings
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4 * SUBSCRIBERS:
        pytest.skip(f"only {hard} open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * SUBSCRIBERS), hard))
    app = create_app(store, settings)
    with serving(app) as url:
        before = _resident_bytes()
        got = asyncio.run(_listened(url, store))
        after = _resident_bytes()
    assert len(got) == SUBSCRIBERS
    assert all(item == got[0] for item in got)
    assert len(got[0]) == len(full.statements) + 1
    assert after - before < 256 << 20


async def _listened(url: str, store: Octostore) -> list[list[str]]:
    """A thousand connections that get all statements, and then one more."""
    host, port = url.removeprefix("http://").split(":")
    there = store.checkpoint().size

    async def listen() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, list[str]]:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/stream HTTP/1.1\r\nhost: x\r\n\r\n")
        return reader, writer, await told(reader, there)

    async def told(reader: asyncio.StreamReader, count: int) -> list[str]:
        found: list[str] = []
        while len(found) < count:
            line = (await asyncio.wait_for(reader.readline(), 60)).decode()
            if line.startswith("{"):
                found.append(json.loads(line)["statement"])
        return found

    open_ = await asyncio.gather(*(listen() for _ in range(SUBSCRIBERS)))
    await asyncio.to_thread(late, store, "late")
    last = await asyncio.gather(*(told(reader, 1) for reader, _, _ in open_))
    for _, writer, _ in open_:
        writer.close()
    return [found + more for (_, _, found), more in zip(open_, last, strict=True)]


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_streams_end_when_the_server_stops(tmp_path: Path) -> None:
    with (
        process(tmp_path / "store") as (running, url),
        httpx.stream("GET", f"{url}/v1/stream", timeout=20) as answer,
    ):
        told = answer.iter_lines()
        assert next(told) == ""
        begin = time.monotonic()
        running.terminate()
        assert list(told) == []
        assert running.wait(timeout=20) == 0
        assert time.monotonic() - begin < 8


def test_who_catches_up_leaves_the_threads_to_who_asks(
    store: Octostore, settings: Settings, full: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(store, settings)
    begun, most, lock = threading.Event(), 0, threading.Lock()
    now, over = 0, threading.Event()
    read = app.state.node.feed._from

    def slow(*given: Any) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        begun.set()
        over.wait(20)
        with lock:
            now -= 1
        return read(*given)

    monkeypatch.setattr(app.state.node.feed, "_from", slow)
    with serving(app) as url, ThreadPoolExecutor(60) as pool:
        # Each stands elsewhere, or asks for other items, and has a reading of his own.
        asked = [
            f"{url}/v1/stream?follow=false&what=claims&after=0.{n}" for n in range(60)
        ]
        told = [pool.submit(httpx.get, one, timeout=60) for one in asked]
        assert begun.wait(20)
        try:
            for _ in range(5):
                assert httpx.get(f"{url}/healthz", timeout=10).status_code == 200
        finally:
            over.set()
        assert {one.result().status_code for one in told} == {200}
    assert most <= 4
