"""Auditing over HTTP: a real node, static files, and servers that misbehave."""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from octostore.audit import remote
from octostore.audit.remote import RemoteSource, Timing
from octostore.audit.report import AuditReport
from octostore.audit.run import audit, key_of
from octostore.audit.state import LogState
from octostore.errors import NoteError, NotFoundError
from octostore.log_key import LogKey
from octostore.store import Octostore
from octostore.told import RemoteError
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.lying import Log, put
from tests.octostore.test_log_rows import append_head, grow
from tests.server.conftest import serving

NOW = 1_700_000_000
SOON = Timing(request_s=30.0, car_s=30.0, wait=lambda seconds: None)
AT_ONCE = Timing(request_s=1.0, car_s=1.0, wait=lambda seconds: None)

Handle = Callable[[SimpleHTTPRequestHandler], bool]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., AuditReport]:
    def call(url: str, timing: Timing = SOON) -> AuditReport:
        with RemoteSource(url, timing) as source:
            key = key_of(source, tmp_path / "state", None)
            return audit(source, tmp_path / "state", key, clock_s=lambda: NOW)

    return call


Run = Callable[..., AuditReport]


class Counted:
    """An app, and which paths it was asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.asked: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked[scope["path"]] += 1
        await self.app(scope, receive, send)


@contextmanager
def files(folder: Path, handle: Handle = lambda request: False) -> Iterator[str]:
    """A plain web server over a folder; `handle` may answer first."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if not handle(self):
                super().do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64
        daemon_threads = True

    server = Server(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_node_is_audited_and_then_only_what_is_new(
    store: Octostore, settings: Settings, run: Run
) -> None:
    grow(store, 300)
    append_head(store)
    app = Counted(create_app(store, settings))
    with serving(app) as url:
        report = run(url)
        assert report.holds
        assert report.verified == 301
        assert report.log == LogKey.open(store.path).verifier
        assert app.asked["/blocks/000"] == 1
        grow(store, 310)
        app.asked.clear()
        report = run(url)
        assert report.holds
        assert report.steps[-2].counts == {
            **{"verified": 310, "new": 9, "statements": 9, "heads": 0}
        }
        assert app.asked == Counter(
            [
                *("/checkpoint", "/tile/0/001.p/54", "/tile/1/000.p/1"),
                *("/tile/entries/001.p/54", "/blocks/001.p/54"),
            ]
        )


def test_static_files_are_audited(tmp_path: Path, run: Run) -> None:
    Log().claims("a", "b").publish(tmp_path / "www" / "log")
    with files(tmp_path / "www") as url:
        assert run(f"{url}/log/").verified == 2
        with pytest.raises(NoteError, match="names no key"):
            run(f"{url}/elsewhere")


def test_blocks_are_asked_for_side_by_side(tmp_path: Path, run: Run) -> None:
    """Without CARs, as of a log that was exported before there were any."""
    log = Log().claims(*(f"issuer {n}" for n in range(40)))
    folder = log.publish(tmp_path / "www")
    (folder / "blocks/000.p/40").unlink()
    for blocks in log.blocks:
        for cid, block in blocks:
            put(folder / f"ipfs/{cid}", block)
    inside, most = Counter[str](), 0

    def handle(request: SimpleHTTPRequestHandler) -> bool:
        nonlocal most
        if request.path.startswith("/ipfs/"):
            inside["now"] += 1
            most = max(most, inside["now"])
            time.sleep(0.002)
            inside["now"] -= 1
        return False

    with files(folder, handle) as url:
        assert run(url).verified == 40
    assert 1 < most <= remote.CONNECTIONS_MAX


def test_a_server_that_leads_elsewhere_is_not_followed(
    tmp_path: Path, run: Run
) -> None:
    folder = Log().claims("a").publish(tmp_path / "www")
    reached: list[str] = []

    def target(request: SimpleHTTPRequestHandler) -> bool:
        reached.append(request.path)
        return False

    with files(folder, target) as other:

        def handle(request: SimpleHTTPRequestHandler) -> bool:
            request.send_response(302)
            request.send_header("location", other + request.path)
            request.end_headers()
            return True

        with (
            files(folder, handle) as url,
            pytest.raises(RemoteError, match=r"leads to http://127\.0\.0\.1"),
        ):
            run(url)
    assert reached == []


def drip(request: SimpleHTTPRequestHandler, first: bytes, each: bytes) -> bool:
    """Send a byte now and then, for ever."""
    try:
        request.wfile.write(first)
        while True:
            request.wfile.write(each)
            request.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return True


@pytest.mark.slow
@pytest.mark.parametrize("where", ["headers", "body", "tile", "blocks"])
def test_a_server_that_never_ends_is_left(tmp_path: Path, run: Run, where: str) -> None:
    folder = Log().claims("a").publish(tmp_path / "www")

    def handle(request: SimpleHTTPRequestHandler) -> bool:
        slow = {"tile": "/tile/", "blocks": "/blocks/"}.get(where, "/checkpoint")
        if not request.path.startswith(slow):
            return False
        if where == "headers":
            return drip(request, b"HTTP/1.1 200 OK\r\nx: ", b"x")
        return drip(request, b"HTTP/1.1 200 OK\r\n\r\n", b"x")

    with files(folder, handle) as url:
        begun = time.monotonic()
        with pytest.raises(RemoteError, match="not sent in 1 s"):
            run(url, AT_ONCE)
        assert time.monotonic() - begun < 10


def test_what_a_server_sends_has_limits(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Log().claims("a").publish(tmp_path / "www")
    (folder / "checkpoint").write_bytes(bytes(1 << 20))
    with files(folder) as url, pytest.raises(RemoteError, match="than 262144 bytes"):
        run(url)
    Log().claims("a").publish(folder)
    monkeypatch.setattr(remote, "CAR_BYTES_MAX", 100)
    with files(folder) as url, pytest.raises(RemoteError, match="more than 100 bytes"):
        run(url)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/checkpoint", "/tile/", "/blocks/"])
def test_what_is_sent_compressed_is_never_unpacked(
    tmp_path: Path, run: Run, path: str
) -> None:
    """A bomb: a gibibyte of zeros in a megabyte, and what was asked for in it."""
    folder = Log().claims("a").publish(tmp_path / "www")
    bomb = gzip.compress(bytes(1 << 20)) * 1024

    def handle(request: SimpleHTTPRequestHandler) -> bool:
        if not request.path.startswith(path):
            return False
        request.send_response(200)
        request.send_header("content-encoding", "gzip")
        request.end_headers()
        with suppress(OSError):
            request.wfile.write(bomb)
        return True

    with files(folder, handle) as url:
        begun = time.process_time()
        with pytest.raises(RemoteError, match="is compressed, which was not asked"):
            run(url)
        assert time.process_time() - begun < 5


def test_no_server_answers_for_the_tiles_of_another_log(
    tmp_path: Path, run: Run
) -> None:
    """Checkpoint of one, tiles, entries and blocks of another: each by itself."""
    mine = Log().claims("a", "b", "c").publish(tmp_path / "mine")
    other = Log().claims("x", "y", "z").publish(tmp_path / "other")
    for path in ("tile/0/000.p/3", "tile/entries/000.p/3", "blocks/000.p/3"):
        served = tmp_path / path.replace("/", "-")
        shutil.copytree(mine, served)
        (served / path).write_bytes((other / path).read_bytes())
        with files(served) as url:
            report = run(url)
        kind = "withheld" if path.startswith("blocks") else "bad-tile"
        assert [fault.kind for fault in report.faults] == [kind]
        assert report.verified == 0


def test_a_server_that_fails_is_asked_again(tmp_path: Path, run: Run) -> None:
    folder = Log().claims("a").publish(tmp_path / "www")
    asked: Counter[str] = Counter()
    failing = remote.TRIES_MAX - 1

    def handle(request: SimpleHTTPRequestHandler) -> bool:
        asked[request.path] += 1
        if asked[request.path] > failing:
            return False
        if asked[request.path] % 2:
            request.send_error(503)
        else:
            request.connection.shutdown(socket.SHUT_RDWR)
        return True

    with files(folder, handle) as url:
        assert run(url).holds
        assert asked["/checkpoint"] == remote.TRIES_MAX
        failing = 99
        asked.clear()
        with pytest.raises(RemoteError, match="tried 3 times"):
            run(url)
    with pytest.raises(RemoteError, match="cannot be asked"):
        run(url)


@pytest.mark.parametrize("url", ["ftp://x/log", "http://", "https:///x", "http://x\n"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(RemoteError, match="no URL of a log"):
        RemoteSource(url)


def test_a_status_that_is_no_answer_is_refused(tmp_path: Path, run: Run) -> None:
    folder = Log().claims("a").publish(tmp_path / "www")

    def handle(request: SimpleHTTPRequestHandler) -> bool:
        if request.path == "/checkpoint":
            request.send_error(418)
            return True
        return False

    with files(folder, handle) as url, pytest.raises(RemoteError, match="answers 418"):
        run(url)
    (folder / "checkpoint").unlink()
    with files(folder) as url, pytest.raises(NotFoundError):
        run(url)


def test_an_audit_that_is_killed_is_gone_on_with(
    store: Octostore, settings: Settings, tmp_path: Path, run: Run
) -> None:
    """The command, killed wherever it is, until one comes through."""
    grow(store, 1500)
    LogKey.open_or_create(store.path, secrets.token_bytes)
    state = tmp_path / "state"
    command = (
        "import sys; from octostore.cli import main; sys.argv[0] = 'octostore'; main()"
    )
    with serving(create_app(store, settings)) as url:
        verified = [0]
        for wait_s in (0.7, 0.8, 0.9, 1.0, 1.1, 1.2):
            with subprocess.Popen(
                [sys.executable, "-c", command, "audit", url, "--state", str(state)],
                stdout=subprocess.DEVNULL,
            ) as audited:
                time.sleep(wait_s)
                os.kill(audited.pid, signal.SIGKILL)
            folder = LogState.open(state, LogKey.open(store.path).verifier).store
            if folder.exists():
                with Octostore.open(folder) as mine:
                    verified.append(mine.checkpoint().size)
        assert verified == sorted(verified)
        report = run(url)
        assert report.holds
        assert report.verified == 1500
