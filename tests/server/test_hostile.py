"""What strangers send: slow, too much, half, nothing, and tricks in headers."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from octostore.store import Octostore
from octostore_server import connection
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.server.conftest import CAR, Story, serving

#: So many connections that say nothing must be in nobody's way.
IDLE = 300


@pytest.fixture
def url(store: Octostore, tmp_path: Path) -> Iterator[str]:
    settings = Settings(
        path=tmp_path, body_seconds_max=1, deliveries_max=4, delivery_bytes_max=1 << 16
    )
    with serving(create_app(store, settings)) as url:
        yield url


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 20)


def status(raw: socket.socket) -> int:
    answer = b""
    while b"\r\n" not in answer:
        part = raw.recv(4096)
        if not part:
            return 0
        answer += part
    return int(answer.split(b" ", 2)[1])


def drain(raw: socket.socket) -> None:
    while raw.recv(4096):
        pass


POST = (
    b"POST /v1/statements HTTP/1.1\r\nhost: x\r\n"
    b"content-type: application/vnd.ipld.car\r\n"
)


def test_bodies_that_trickle_are_given_up_and_others_go_on(
    url: str, story: Story
) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(url)) for _ in range(4)]
        for raw in slow:
            raw.sendall(POST + b"content-length: 1000\r\n\r\nx")
        waited = time.monotonic()
        while True:
            # All places are taken by who trickles; reads go on all the same.
            assert httpx.get(f"{url}/healthz").status_code == 200
            answer = httpx.post(
                f"{url}/v1/statements", content=story.cars[0], headers=CAR
            )
            if answer.status_code == 201:
                break
            assert answer.status_code == 429
            assert time.monotonic() - waited < 20
            time.sleep(0.1)
        assert [status(raw) for raw in slow] == [408] * 4


def test_a_body_larger_than_said_is_not_read_to_its_end(url: str) -> None:
    with connect(url) as raw:
        raw.sendall(POST + b"content-length: 99999999\r\n\r\n")
        assert status(raw) == 413
    with connect(url) as raw:
        raw.sendall(POST + b"transfer-encoding: chunked\r\n\r\n")
        piece = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
        for _ in range(9):
            raw.sendall(piece)
        assert status(raw) == 413


def test_who_hangs_up_half_way_leaves_his_place(url: str, story: Story) -> None:
    for _ in range(12):
        with connect(url) as raw:
            raw.sendall(POST + b"content-length: 1000\r\n\r\nhalf")
            raw.shutdown(socket.SHUT_WR)
    end = time.monotonic() + 20
    while True:
        answer = httpx.post(f"{url}/v1/statements", content=story.cars[0], headers=CAR)
        if answer.status_code == 201:
            return
        assert time.monotonic() < end


def test_connections_that_say_nothing_are_in_nobodys_way(url: str) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(url)) for _ in range(IDLE)]
        for raw in idle[: IDLE // 2]:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nhost")
        assert httpx.get(f"{url}/healthz").status_code == 200


def test_who_asks_nothing_is_sent_away_and_who_is_answered_is_not(
    url: str, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS_MAX", 1.0)
    with ExitStack() as stack:
        silent, trickling, again, streaming = (
            stack.enter_context(connect(url)) for _ in range(4)
        )
        again.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert status(again) == 200
        streaming.sendall(b"GET /v1/stream HTTP/1.1\r\nhost: x\r\n\r\n")
        assert status(streaming) == 200
        for raw in (trickling, again):
            raw.sendall(b"GET /healthz HTTP/1.1\r\nhost")
        for raw in (silent, trickling, again):
            drain(raw)
        streaming.settimeout(0.2)
        with pytest.raises(TimeoutError):
            drain(streaming)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /ipfs/../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /ipfs/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /tile/../../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/issuers/%00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/claims?program=%ff%fe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/who HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n"
        b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://other.example/v1/who HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        POST + b"content-length: -1\r\n\r\n",
        POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        POST + b"content-encoding: gzip\r\ncontent-length: 1\r\n\r\nx",
    ],
)
def test_tricks_with_paths_and_headers_are_refused(url: str, request_: bytes) -> None:
    with connect(url) as raw:
        raw.sendall(request_)
        assert 400 <= status(raw) < 500


def test_no_cache_keeps_a_refusal(url: str) -> None:
    for path in ("/ipfs/bafkqaaa/x", "/nowhere", "/v1/who"):
        answer = httpx.get(f"{url}{path}")
        assert answer.status_code >= 400
        assert answer.headers["cache-control"] == "no-store"
