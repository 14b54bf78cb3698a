"""A watch beside a real server, which comes later, goes away and comes back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from invocation_spec import canonicalize
from octostore.client import Remote
from octostore.questions.answer import Asked
from tests.octostore.jobs import job
from tests.server.test_serving import STARTED, environment

OCTOSTORE = str(Path(sys.executable).with_name("octostore"))
WAIT_S = 60


@contextmanager
def serving(path: Path, port: int) -> Iterator[str]:
    """A server on this port, in a process of its own; its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "octostore_server"],
        env=environment(path) | {"OCTOSTORE_PORT": str(port)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        url = next(filter(None, map(STARTED.search, process.stderr)))[1]
        try:
            yield url
        finally:
            process.terminate()
            process.communicate(timeout=WAIT_S)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def claims(url: str, spec: Path) -> int:
    (outcome,) = canonicalize(spec.read_bytes())
    assert outcome.invocation is not None
    with Remote(url) as remote:
        answer = remote.who(Asked(invocation=outcome.invocation.cid)).answer
    return sum(len(found.claims) for found in answer.invocations)


def test_claims_wait_for_a_server_and_reach_it_once(tmp_path: Path) -> None:
    port = free_port()
    new = [OCTOSTORE, "key", "new", "node.key"]
    subprocess.run(new, cwd=tmp_path, check=True, capture_output=True)
    first = job(tmp_path / "jobs", "j1")
    words = [
        *("watch", "jobs", "--network", "bacalhau", "--key", "node.key"),
        *("--server", f"http://127.0.0.1:{port}", "--every", "0.1"),
    ]

    def once() -> subprocess.CompletedProcess[str]:
        command = [OCTOSTORE, *words, "--once"]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    away = once()
    assert away.returncode == 7
    assert [line.split()[0] for line in away.stdout.splitlines()] == [
        *("claimed", "waiting")
    ]
    with (
        serving(tmp_path / "store", port) as url,
        subprocess.Popen(
            [OCTOSTORE, *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().startswith("watching")
        assert process.stdout.readline() == "delivered 1 statements\n"
        assert claims(url, first / "spec.json") == 1
        second = job(tmp_path / "jobs", "j2")
        for name in ("y", "z"):  # the look that finds the second began after j2
            bad = tmp_path / "jobs" / name
            bad.mkdir()
            (bad / "done").touch()
            assert process.stdout.readline().startswith(f"refused {name}")
        process.terminate()
        rest, _ = process.communicate(timeout=WAIT_S)
        assert [line.split()[0] for line in rest.splitlines()] == [
            *("claimed", "delivered", "stopped")
        ]
        assert claims(url, second / "spec.json") == 1
    with serving(tmp_path / "store", port) as url:
        again = once()
        assert again.returncode == 0
        assert "claimed" not in again.stdout
        assert claims(url, first / "spec.json") == 1
