"""A witness that is not ours, litewitness, signs checkpoints of ours.

`make interop-witness` runs this; it needs Go, a module proxy and OpenSSH.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from octostore.cli import run
from octostore.client import Remote, RemoteError
from octostore.errors import ProofError
from octostore.log_key import LogKey
from octostore.log_witness import witnessed
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import EMPTY_ROOT
from octostore.tlog.note import VerifierKey
from tests.octostore.test_log_export import fill
from tests.octostore.test_log_rows import grow

pytestmark = pytest.mark.slow

_START_S = 60

EMPTY = LogCheckpoint("log.example", 0, EMPTY_ROOT)


@pytest.fixture
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """An ssh-agent with a new key; its socket and the fingerprint of the key."""
    for tool in ("ssh-agent", "ssh-add", "ssh-keygen"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("a")
    file, sock = folder / "key", folder / "s"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)]
    subprocess.run(words, check=True)
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout
            assert running.stdout.readline()  # it listens
            env = {**os.environ, "SSH_AUTH_SOCK": str(sock)}
            subprocess.run(["ssh-add", "-q", str(file)], env=env, check=True)
            said = subprocess.run(
                ["ssh-keygen", "-l", "-f", str(file)],
                check=True,
                capture_output=True,
                text=True,
            )
            yield sock, said.stdout.split()[1]
        finally:
            running.terminate()


@pytest.fixture
def log(tmp_path: Path) -> LogKey:
    Octostore.open(tmp_path / "store").close()
    return LogKey.create(tmp_path / "store", secrets.token_bytes, "log.example")


@pytest.fixture
def witness(
    litewitness: Path, agent: tuple[Path, str], tmp_path: Path, log: LogKey
) -> Iterator[tuple[str, VerifierKey]]:
    """A running witness that knows our log; its URL and key."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"127.0.0.1:{free.getsockname()[1]}"
    words = [str(litewitness), "-name", "w.example", "-listen", at]
    words += ["-ssh-agent", str(agent[0]), "-key", agent[1]]
    words += ["-db", str(tmp_path / "w.db")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as running:
        alarm = threading.Timer(_START_S, running.kill)
        alarm.start()
        try:
            assert running.stderr
            vkey, said = None, []
            for line in running.stderr:
                said.append(line)
                vkey = vkey or re.search(r"w\.example\+[0-9a-f]{8}\+\S+", line)
                if "listening" in line or "serving" in line:
                    break
            assert vkey, said
            alarm.cancel()
            with closing(sqlite3.connect(tmp_path / "w.db")) as known, known:
                empty = base64.b64encode(EMPTY_ROOT).decode()
                known.execute(
                    "INSERT INTO log VALUES (?, 0, ?)", ("log.example", empty)
                )
                row = "log.example", str(log.verifier)
                known.execute("INSERT INTO key VALUES (?, ?)", row)
            yield f"http://{at}", VerifierKey.parse(vkey[0].strip('"'))
        finally:
            alarm.cancel()
            running.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.communicate(timeout=20)


def test_a_witness_of_others_signs_what_follows(
    witness: tuple[str, VerifierKey],
    log: LogKey,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, key = witness
    words = ["--witness", str(key), "--store", str(log.folder), "--json"]
    for size in (3, 3, 300, 1000):  # 409 leads to a proof each time but the first
        with Octostore.open(log.folder) as store:
            fill(store, size)
        assert run(["log", "witness", url, *words]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["witness"], said["checkpoint"]["size"]) == (key.name, size)
    proof = log.folder.with_name("proof")
    prove = ["log", "prove", "7", "-o", str(proof), "--store", str(log.folder)]
    assert run(prove) == 0
    capsys.readouterr()
    assert run(["verify", str(proof), *words[:2], "--log", str(log.verifier)]) == 0
    assert key.name in capsys.readouterr().out


def test_a_witness_of_others_refuses_another_history(
    witness: tuple[str, VerifierKey], log: LogKey, tmp_path: Path
) -> None:
    url, key = witness
    with Octostore.open(log.folder) as store, Remote(url) as remote:
        fill(store, 9)
        witnessed(store, log, key, remote.add_checkpoint)
        with Octostore.open(tmp_path / "twin") as twin:
            # A second store with the same key, as a restored copy would be.
            other = LogKey(twin.path, log.signer)
            other.resume(bytes(SignedCheckpoint.sign(EMPTY, log.signer)))
            grow(twin, 1)
            with pytest.raises(ProofError, match="signed 9 entries of this log"):
                witnessed(twin, other, key, remote.add_checkpoint)
            fill(twin, 12)
            with pytest.raises(RemoteError, match="refuses"):
                witnessed(twin, other, key, remote.add_checkpoint)
        fill(store, 12)
        assert witnessed(store, log, key, remote.add_checkpoint).cosigned
