"""A real witness on a loopback port, and a log that asks it over HTTP."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from octostore.cli import run
from octostore.errors import FileError, NoteError
from octostore.log_key import LogKey
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import consistency_proof
from octostore.tlog.witness import REQUEST_BYTES_MAX, AddCheckpoint
from octostore.witness import Witness
from octostore_server.app import create_app
from octostore_server.routes.witnessing import read_logs
from octostore_server.settings import Settings
from tests.octostore.test_log_rows import grow
from tests.server.conftest import serving


@dataclass
class Place:
    url: str
    log: LogKey
    witness: Witness
    store: Path

    def grow(self, size: int) -> None:
        with Octostore.open(self.store) as store:
            grow(store, size)

    def post(self, body: bytes) -> httpx.Response:
        return httpx.post(f"{self.url}/add-checkpoint", content=body)

    def asked(self, old: int) -> AddCheckpoint:
        with Octostore.open(self.store) as store:
            signed = self.log.checkpoint(store)
            with store.view() as view:
                path = consistency_proof(view.node, old, signed.checkpoint.size)
        return AddCheckpoint(old, path, bytes(signed))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A witness with a store of its own, and the log of another store."""
    witness = Witness.create(tmp_path / "w.key", "w.example", secrets.token_bytes)
    Octostore.open(tmp_path / "store").close()
    log = LogKey.create(tmp_path / "store", secrets.token_bytes, "log.example")
    with Octostore.open(tmp_path / "mine") as mine:
        (tmp_path / "logs").write_text(f"# known here\n\n{log.verifier}\n")
        settings = Settings(
            path=tmp_path / "mine",
            witness_key=tmp_path / "w.key",
            witness_logs=tmp_path / "logs",
        )
        with serving(create_app(mine, settings)) as url:
            yield Place(f"{url}/witness", log, witness, tmp_path / "store")


def test_a_log_gets_its_checkpoints_signed(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    vkey = str(place.witness.signer.verifier)
    ask = ["log", "witness", place.url, "--witness", vkey]
    ask += ["--store", str(place.store), "--json"]
    for size in (2, 2, 7):
        place.grow(size)
        assert run(ask) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["witness"], said["checkpoint"]["size"]) == ("w.example", size)
        prove = ["log", "prove", "1", "--store", str(place.store)]
        assert run(prove) == 0
        assert "\u2014 w.example " in capsys.readouterr().out
    name = sha256(b"log.example").hexdigest()
    newest = httpx.get(f"{place.url}/{name}/checkpoint")
    signed = SignedCheckpoint.open(
        newest.content, place.log.verifier, [place.witness.signer.verifier]
    )
    assert (signed.checkpoint.size, len(signed.cosigned)) == (7, 1)


def test_refusals_have_the_status_of_the_protocol(place: Place) -> None:
    place.grow(3)
    good = place.asked(0)
    assert place.post(bytes(good)).status_code == 200
    again = place.post(bytes(good))
    assert (again.status_code, again.text) == (409, "3\n")
    assert again.headers["content-type"] == "text/x.tlog.size"
    place.grow(5)
    good = place.asked(3)
    bent = AddCheckpoint(3, tuple(reversed(good.path)), good.checkpoint)
    unknown = SignedCheckpoint.sign(
        LogCheckpoint("unknown.example", 5, bytes(32)), place.log.signer
    )
    text = good.checkpoint.replace(b"\n5\n", b"\n6\n")
    for status, body in (
        (400, b""),
        (400, b"old 3\n\nno checkpoint"),
        (400, bytes(AddCheckpoint(6, (), good.checkpoint))),
        (403, bytes(AddCheckpoint(3, good.path, text))),
        (403, bytes(AddCheckpoint(9, good.path, text))),  # before its old size
        (404, bytes(AddCheckpoint(0, (), bytes(unknown)))),
        (413, b"x" * (REQUEST_BYTES_MAX + 1)),
        (422, bytes(bent)),
        (422, bytes(AddCheckpoint(3, (), good.checkpoint))),
        (200, bytes(good)),
    ):
        assert place.post(body).status_code == status, body[:200]
    assert httpx.get(f"{place.url}/{'0' * 64}/checkpoint").status_code == 404
    assert httpx.get(f"{place.url}/add-checkpoint").status_code == 405


def test_a_fault_of_the_witness_is_not_told_to_strangers(
    place: Place, tmp_path: Path
) -> None:
    place.grow(1)
    assert place.post(bytes(place.asked(0))).status_code == 200
    (kept,) = (
        path for path in place.witness.folder.iterdir() if path.name != "witness"
    )
    kept.write_bytes(b"")
    answer = place.post(bytes(place.asked(0)))
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    name = sha256(b"log.example").hexdigest()
    assert httpx.get(f"{place.url}/{name}/checkpoint").status_code == 500


def test_a_witness_that_refuses_or_is_no_witness_is_an_error_in_one_line(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.grow(1)
    vkey = str(place.witness.signer.verifier)
    more = ["--witness", vkey, "--store", str(place.store)]
    for url in (place.url.removesuffix("/witness"), "http://127.0.0.1:1"):
        assert run(["log", "witness", url, *more]) == 7
        assert len(capsys.readouterr().err.splitlines()) == 1
    wrong = ["--witness", str(place.log.verifier), "--store", str(place.store)]
    assert run(["log", "witness", place.url, *wrong]) == 2


def test_a_server_without_the_key_of_a_witness_is_none(
    store: Octostore, settings: Settings
) -> None:
    with serving(create_app(store, settings)) as url:
        answer = httpx.post(f"{url}/witness/add-checkpoint", content=b"old 0\n\n")
    assert answer.status_code == 404


def test_a_file_of_logs_is_read_line_by_line(place: Place, tmp_path: Path) -> None:
    path, vkey = tmp_path / "logs", str(place.log.verifier)
    assert read_logs(path) == (place.log.verifier,)
    with pytest.raises(FileError, match="cannot be read"):
        read_logs(tmp_path / "nowhere")
    for text, error in (
        (f"{vkey}\n{vkey}\n", FileError),
        (f"{place.witness.signer.verifier}\n", FileError),
        ("x\n", NoteError),
        ("#" * (2 << 20), FileError),
    ):
        path.write_text(text)
        with pytest.raises(error):
            read_logs(path)


def test_the_key_of_a_witness_is_made_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "w.key")
    assert run(["key", "new", file, "--witness", "w.example"]) == 0
    made = capsys.readouterr().out
    assert made.startswith("w.example+")
    assert run(["key", "show", file]) == 0
    assert capsys.readouterr().out == made
    assert run(["key", "show", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"vkey": made.strip(), "file": file}
