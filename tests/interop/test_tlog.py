"""Clients of C2SP logs that are not ours read ours: torchwood, Tessera, x/mod.

`make interop-tlog` runs this; it needs Go and a module proxy.
"""

from __future__ import annotations

import random
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from octostore.keys import SecretKey
from octostore.log_export import export_log
from octostore.log_key import LogKey
from octostore.log_proof import prove
from octostore.store import Octostore
from octostore.tlog.note import KeyType, Signer
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.test_log_export import fill
from tests.octostore.test_log_rows import append_head, grow
from tests.server.conftest import serving

pytestmark = pytest.mark.slow

_RUN_S = 120


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


@pytest.fixture
def key(store: Octostore) -> LogKey:
    return LogKey.create(store.path, secrets.token_bytes, "log.example/a")


def run(program: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words], capture_output=True, text=True, timeout=_RUN_S, check=False
    )


def test_an_export_holds_for_others_while_it_grows(
    tlogread: Path, store: Octostore, key: LogKey, tmp_path: Path
) -> None:
    folder, old = tmp_path / "log", tmp_path / "old"
    for size in (1, 255, 256, 257, 1000, 66_000):
        fill(store, size)
        if (folder / "checkpoint").exists():
            old.write_bytes((folder / "checkpoint").read_bytes())
        export_log(store, key.checkpoint(store), folder)
        before = [old] if old.exists() else []
        done = run(tlogread, "check", folder, str(key.verifier), *before)
        assert done.returncode == 0, done.stderr
        assert f"log.example/a: {size} entries" in done.stdout


def test_one_byte_of_any_tile_is_missed(
    tlogread: Path, store: Octostore, key: LogKey, tmp_path: Path
) -> None:
    folder = tmp_path / "log"
    fill(store, 700)
    export_log(store, key.checkpoint(store), folder)
    assert run(tlogread, "check", folder, str(key.verifier)).returncode == 0
    # What clients of C2SP read; the blocks of the entries are ours beside it.
    tiles = (file for file in (folder / "tile").rglob("*") if file.is_file())
    files = sorted([folder / "checkpoint", *tiles])
    assert len(files) == 8
    chance = random.Random(3)  # noqa: S311 - which byte
    for file in files:
        whole = file.read_bytes()
        bent = bytearray(whole)
        bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
        file.write_bytes(bent)
        done = run(tlogread, "check", folder, str(key.verifier))
        assert done.returncode == 1, file
        file.write_bytes(whole)
    other = Signer("log.example/a", SecretKey.from_seed(bytes(32))).verifier
    assert run(tlogread, "check", folder, str(other)).returncode == 1


def test_a_running_server_holds_for_others(
    tlogread: Path, store: Octostore, key: LogKey
) -> None:
    grow(store, 5)
    fill(store, 600)
    with serving(create_app(store, Settings(path=store.path))) as url:
        done = run(tlogread, "check", url, str(key.verifier))
    assert done.returncode == 0, done.stderr
    assert "600 entries" in done.stdout


def test_a_proof_holds_for_others(
    tlogread: Path, store: Octostore, key: LogKey, tmp_path: Path
) -> None:
    witness = Signer("w.example", SecretKey.from_seed(bytes(32)), KeyType.COSIGNATURE)
    grow(store, 3)
    append_head(store)
    signed = key.checkpoint(store)
    line = witness.sign(str(signed.checkpoint), time_s=1_669_075_200)
    signed = key.add_cosignatures(4, [line], [witness.verifier])
    file = tmp_path / "proof"
    for index in range(4):
        with store.view() as view:
            raw = bytes(prove(view, index, signed))
        file.write_bytes(raw)
        words = "proof", file, str(key.verifier), str(witness.verifier)
        done = run(tlogread, *words)
        assert done.returncode == 0, done.stderr
        for part in (b"extra ", b"index ", b"\n\n", b"w.example "):
            bent = bytearray(raw)
            bent[raw.index(part) + len(part) + 4] ^= 1
            file.write_bytes(bent)
            assert run(tlogread, *words).returncode == 1, part
