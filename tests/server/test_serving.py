"""The server as a process: `python -m octostore_server`."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from invocation_spec.model import Input
from octostore.errors import AddressError
from octostore.store import Octostore
from octostore_server.app import HEADER_BYTES_MAX, serve
from octostore_server.settings import Settings
from tests.octostore.world import Issuer, Ran, result
from tests.server.conftest import CAR, Story, car_of

ROOT = Path(__file__).parents[2]
STARTED = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


#: The server, in a process that may write files of a few MiB only.
SMALL_DISK = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
runpy.run_module("octostore_server", run_name="__main__")
"""


def environment(path: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'server'}",
        "OCTOSTORE_PATH": str(path),
        "OCTOSTORE_PORT": "0",
        "OCTOSTORE_SPOOL_MEMORY_BYTES": str(64 << 20),
    }


@contextmanager
def process(path: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    running = subprocess.Popen(
        [sys.executable, *(arguments or ("-m", "octostore_server"))],
        env=environment(path),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    try:
        found = None
        for line in running.stderr:
            if found := STARTED.search(line):
                break
        assert found is not None, "it ended before it listened"
        yield running, found[1]
    finally:
        running.kill()
        running.wait()
        running.stderr.close()


def test_it_serves_until_it_is_told_to_stop_and_closes_the_store(
    tmp_path: Path, story: Story
) -> None:
    path = tmp_path / "store"
    for told in (signal.SIGTERM, signal.SIGINT):
        with process(path) as (running, url):
            for one in story.cars:
                httpx.post(f"{url}/v1/statements", content=one, headers=CAR)
            answer = httpx.get(f"{url}/healthz")
            was_told = told is signal.SIGINT  # then it is the second time
            size = len(story.cars) + was_told
            assert answer.json()["checkpoint"]["size"] == size
            assert "server" not in answer.headers
            running.send_signal(told)
            assert running.wait(timeout=20) == 0
    with Octostore.open(path) as store:
        # When it stopped it brought the map up to the log, and logged its head.
        assert store.checkpoint().size == len(story.cars) + 1


def test_headers_that_grow_too_large_are_refused(tmp_path: Path) -> None:
    with process(tmp_path / "store") as (_, url):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nx: " + b"x" * HEADER_BYTES_MAX)
            assert raw.recv(12) == b"HTTP/1.1 400"
        assert httpx.get(f"{url}/healthz").status_code == 200


def test_a_second_server_on_one_store_says_who_has_it(tmp_path: Path) -> None:
    with process(tmp_path / "store") as (running, _):
        done = subprocess.run(
            [sys.executable, "-m", "octostore_server"],
            env=environment(tmp_path / "store"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode != 0
        assert f"process {running.pid} has it open" in done.stderr


def test_a_disk_that_is_full_is_507_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "store"
    issuer = Issuer("bristol")
    statuses = []
    with process(path, "-c", SMALL_DISK) as (_, url):
        for number in range(8):
            big = Input(args=tuple(f"{number}{n}" + "x" * 200_000 for n in range(4)))
            statement, blocks = issuer.claims(Ran(input=big), result())
            body = car_of([statement.envelope_cid], blocks)
            answer = httpx.post(f"{url}/v1/statements", content=body, headers=CAR)
            statuses.append(answer.status_code)
        assert answer.json()["type"] == "urn:octostore:error:store-full"
        taken = statuses.count(201)
        assert httpx.get(f"{url}/healthz").json()["checkpoint"]["size"] == taken
    assert statuses == sorted(statuses)
    assert set(statuses) == {201, 507}
    with Octostore.open(path, readonly=True) as store:
        assert store.checkpoint().size == taken


def test_a_port_in_use_is_said_in_a_line_and_nothing_is_begun(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(path=tmp_path / "store", port=port)
        with pytest.raises(AddressError, match="choose another"):
            serve(settings)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "\udcff", "a" * 300])
def test_a_host_that_is_none_is_said_in_a_line(tmp_path: Path, host: str) -> None:
    with pytest.raises(AddressError):
        serve(Settings(path=tmp_path / "store", host=host))
