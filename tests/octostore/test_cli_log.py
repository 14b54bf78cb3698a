"""`octostore log ...` and `octostore verify` of what it prints, on real files."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from octostore.cli import run
from octostore.keys import SecretKey
from octostore.log_key import LogKey
from octostore.store import Octostore
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.note import KeyType, Signer, VerifierKey
from octostore.tlog.proof import TlogProof
from tests.octostore.test_log_rows import append_head, grow

REPO = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "store"
    monkeypatch.setenv("OCTOSTORE_PATH", str(path))
    monkeypatch.chdir(tmp_path)
    with Octostore.open(path) as store:
        grow(store, 3)
        append_head(store)
        grow(store, 5)
    return path


def out(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code
    return capsys.readouterr().out


def test_a_log_is_named_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vkey = out(capsys, "log", "init", "--origin", "log.example/a").strip()
    assert vkey.startswith("log.example/a+")
    assert out(capsys, "log", "key").strip() == vkey
    assert json.loads(out(capsys, "log", "key", "--json")) == {
        "vkey": vkey,
        "origin": "log.example/a",
    }
    said = out(capsys, "log", "init", "--origin", "b", "--json", code=2)
    assert json.loads(said)["error"] == "key-file"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "ex\udcffample", "x" * 256])
def test_a_name_that_no_key_may_have_is_a_mistake_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A byte that is no UTF-8 comes as a surrogate."""
    new = tmp_path / "new"
    for command in (
        ["log", "init", "--origin", name, "--store", str(new)],
        ["key", "new", str(new), "--witness", name],
    ):
        assert run(command) == 2
        said = capsys.readouterr()
        assert f"{command[2] if command[0] == 'log' else '--witness'}: " in said.err
        assert "is no name of a key" in said.err
        assert len(said.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_init_makes_a_store_if_none_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "new")
    assert out(capsys, "log", "init", "--store", store).startswith("octostore.alt/")
    assert out(capsys, "log", "checkpoint", "--store", store).split("\n")[1] == "0"


def test_a_checkpoint_is_printed_as_its_bytes(
    path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["log", "checkpoint"]) == 0
    key = LogKey.open(path).verifier
    signed = SignedCheckpoint.open(capsysbinary.readouterr().out, key)
    assert signed.checkpoint.size == 5
    assert run(["log", "checkpoint", "--json"]) == 0
    said = json.loads(capsysbinary.readouterr().out)
    assert said["note"].encode() == bytes(signed)
    assert said["checkpoint"]["size"] == 5


def test_a_map_head_is_listed_as_one(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = json.loads(out(capsys, "log", "list", "--json"))["entries"]
    assert [list(item)[1] for item in entries] == [
        *("statement", "statement", "statement", "map_head", "statement")
    ]
    assert "map head" in out(capsys, "log", "list").splitlines()[3]


def test_a_proof_is_verified_with_the_key_that_is_named(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = json.loads(out(capsys, "log", "list", "--json"))["entries"]
    statement = entries[1]["statement"]
    Path("printed").write_text(out(capsys, "log", "prove", statement))
    vkey = out(capsys, "log", "key").strip()
    out(capsys, "log", "prove", "1", "-o", "written")
    assert Path("written").read_bytes() == Path("printed").read_bytes()
    assert run(["log", "prove", "2", "-o", "written"]) == 2
    capsys.readouterr()
    elsewhere = "--store", "nowhere"
    said = out(capsys, "verify", "printed", "--log", vkey, *elsewhere)
    assert statement in said
    assert entries[1]["issuer"] in said
    assert vkey in said
    proven = json.loads(
        out(capsys, "verify", "printed", "--log", vkey, "--json", *elsewhere)
    )
    assert (proven["statement"], proven["index"]) == (statement, 1)
    assert proven["trusted"]["log"] == vkey
    assert (
        "name the key"
        in json.loads(out(capsys, "verify", "printed", "--json", *elsewhere, code=2))[
            "reason"
        ]
    )
    trusted = json.loads(out(capsys, "verify", "printed", "--json"))["trusted"]
    assert trusted == {"log": vkey, "because": f"the key of the log in {path}"}


def test_a_proof_of_another_log_or_with_a_bit_flipped_does_not_hold(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out(capsys, "log", "prove", "0", "-o", "proof")
    own = LogKey.open(path).verifier
    stranger = SecretKey.from_seed(bytes(32)).public
    forged = str(VerifierKey(own.name, stranger))
    assert run(["verify", "proof", "--log", forged]) == 5
    raw = bytearray(Path("proof").read_bytes())
    raw[raw.index(b"index 0") + 10] ^= 2
    Path("bent").write_bytes(raw)
    assert run(["verify", "bent"]) == 5
    assert run(["verify", "proof", "--log", "no key"]) == 5


def test_a_witness_that_is_asked_for_must_have_signed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out(capsys, "log", "prove", "0", "-o", "alone")
    witness = Signer("w.example", SecretKey.from_seed(bytes(32)), KeyType.COSIGNATURE)
    key, vkey = LogKey.open(path), str(witness.verifier)
    line = witness.sign(str(key.newest().checkpoint), time_s=1_669_075_200)
    key.add_cosignatures(5, [line], [witness.verifier])
    out(capsys, "log", "prove", "0", "-o", "witnessed")
    said = json.loads(out(capsys, "verify", "witnessed", "--witness", vkey, "--json"))
    assert said["witnesses"] == [{"name": "w.example", "time_s": 1_669_075_200}]
    assert "w.example" in out(capsys, "verify", "witnessed", "--witness", vkey)
    other = Signer("o.example", SecretKey.from_seed(b"o" * 32), KeyType.COSIGNATURE)
    both = ["--witness", vkey, "--witness", str(other.verifier)]
    assert run(["verify", "witnessed", *both]) == 5
    assert run(["verify", "witnessed", *both, "--quorum", "1"]) == 0
    assert run(["verify", "witnessed", *both, "--quorum", "3"]) == 2
    assert run(["verify", "alone", "--witness", vkey]) == 5
    assert run(["verify", "witnessed", "--witness", str(key.verifier)]) == 2
    assert run(["verify", "witnessed", "--log", vkey]) == 2


def test_a_map_head_is_proven_too(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out(capsys, "log", "prove", "3", "-o", "head")
    assert "map head" in out(capsys, "verify", "head")
    assert "map_head" in json.loads(out(capsys, "verify", "head", "--json"))
    proof = TlogProof.from_bytes(Path("head").read_bytes())
    bare = TlogProof(proof.index, proof.path, proof.checkpoint)
    Path("bare").write_bytes(bytes(bare))
    assert run(["verify", "bare"]) == 5
    assert run(["log", "prove", "5"]) == 6
    assert run(["log", "prove", "9" * 15]) == 6


def test_export_says_what_it_did(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "5 entries, 5 files" in out(capsys, "log", "export", "www")
    said = json.loads(out(capsys, "log", "export", "www", "--json"))
    assert (said["written"], said["checkpoint"]["size"]) == (0, 5)
    assert Path("www/tile/0/000.p/5").stat().st_size == 5 * 32
    Path("www/tile/0/000.p/5").unlink()
    assert run(["log", "export", os.devnull]) == 7


def test_a_log_that_was_moved_is_resumed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("newest").write_text(out(capsys, "log", "checkpoint"))
    (path / "log.key.state").unlink()
    refused = json.loads(out(capsys, "log", "checkpoint", "--json", code=7))
    assert refused["error"] == "log-state"
    assert "octostore log resume" in refused["reason"]
    assert "after 5 entries" in out(capsys, "log", "resume", "newest")
    assert out(capsys, "log", "checkpoint") == Path("newest").read_text()
    said = json.loads(out(capsys, "log", "resume", "newest", "--json"))
    assert said["checkpoint"]["size"] == 5


def test_the_specimen_in_the_specification_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = (REPO / "docs" / "spec" / "log.md").read_text()
    specimen = re.search(r"```\n(c2sp\.org/tlog-proof@v1\n.*?)```", spec, re.DOTALL)
    vkey = re.search(r"`(octostore\.alt/[0-9a-f]+\+[^`]+)`", spec)
    assert specimen
    assert vkey
    (tmp_path / "proof").write_text(specimen[1])
    said = out(capsys, "verify", str(tmp_path / "proof"), "--log", vkey[1], "--json")
    assert json.loads(said)["index"] == 1
