"""`octostore bundle`, and `verify` of what it wrote, by people and by programs."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from octostore.bundle.make import checkpoint_over, make_bundle
from octostore.bundle.verify import verify_bundle
from octostore.cli.signing import key_of
from octostore.errors import NotFoundError
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.records import Withdrawal
from octostore.store import Octostore
from octostore.tlog.note import KeyType, Signer
from octostore.tlog.witness import Quorum
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.said import Command
from tests.octostore.test_bundle import of
from tests.octostore.world import (
    C1,
    D1,
    R2,
    Issuer,
    Ran,
    claim,
    data,
    result,
)
from tests.server.conftest import serving

ASKED = Asked(program=C1, input=D1)
NOW = 1_700_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    with Octostore.open(path) as store:
        bristol = Issuer("bristol")
        for _, blocks in (
            bristol.says("University of Bristol"),
            bristol.claims(Ran(), result()),
            Issuer("caltech").claims(Ran(), result(R2)),
            Issuer("other").claims(Ran(input=Ran().input), result()),
        ):
            assert store.ingest(blocks).accepted
    return path


def made(store: Octostore, asked: Asked = ASKED) -> bytes:
    return b"".join(make_bundle(store, asked, checkpoint_over(store, key_of(store))))


def test_a_bundle_is_written_and_verified_elsewhere(
    path: Path, octostore: Command
) -> None:
    said = octostore("bundle", str(C1), str(D1), "-o", "answer.car")
    assert (said.code, said.out.split()[0]) == (0, "answer.car")
    assert "brought up to 4 entries" in said.err
    vkey = octostore("log", "key").out.strip()
    path.rename(path.with_name("gone"))
    shown = octostore("verify", "answer.car")
    assert shown.code == 0
    steps = [line.split()[0] for line in shown.out.splitlines()[1:9] if line]
    assert steps == [
        *("file", "checkpoint", "entries", "map", "statements", "answer", "complete")
    ]
    assert "University of Bristol*" in shown.out
    assert "which only this file says" in shown.out
    assert f"that {vkey} is the key" in shown.out
    found = octostore("verify", "answer.car", "--log", vkey, "--json").json
    assert found["holds"] is True
    assert found["trusted"]["log"] == vkey
    assert found["trusted"]["because"] == "as --log names it"
    assert [item["step"] for item in found["steps"]][-1] == "complete"
    claims = found["answer"]["invocations"][0]["claims"]
    assert [item["index"] for item in claims] == [1, 2, 3]
    assert not path.exists()


def test_what_no_map_shows_of_code_and_data_is_said(
    path: Path, octostore: Command
) -> None:
    """Whoever makes the bundle and whoever reads it: map.md, Keys."""
    pairs = "4096 pairs of code and data imports this code"
    wrote = octostore("bundle", str(C1), str(D1), "-o", "answer.car")
    read = octostore("verify", "answer.car")
    for out in (wrote.out, read.out):
        assert [pairs in " ".join(out.split()), "not proven" in out] == [True, True]
    (said,) = octostore("verify", "answer.car", "--json").json["not_proven"]
    assert said.endswith(pairs)
    with Octostore.open(path) as store:
        Path("one.car").write_bytes(made(store, Asked(invocation=Ran().cid)))
    assert "not proven" not in octostore("verify", "one.car").out
    assert octostore("verify", "one.car", "--json").json["not_proven"] == []


def test_what_does_not_hold_is_named_with_exit_5(octostore: Command) -> None:
    Path("cut.car").write_bytes(of("cut by one claim"))
    said = octostore("verify", "cut.car")
    assert said.code == 5
    assert said.out.splitlines()[-1].split() == ["complete", "DOES", "NOT", "HOLD"]
    assert "the map has a claim that is left out" in said.err
    told = octostore("verify", "cut.car", "--json")
    assert (told.code, told.json["step"], told.json["error"]) == (
        5,
        "complete",
        "proof",
    )


def test_what_is_no_proof_at_all_is_bad_usage(octostore: Command) -> None:
    other = of("root: another tag").replace(b"bundle@2", b"bundle@9")
    for raw in (b"", b"no proof", other):
        Path("file").write_bytes(raw)
        assert octostore("verify", "file").code == 2


def test_a_key_of_another_log_and_a_witness_that_did_not_sign_are_refused(
    octostore: Command,
) -> None:
    Path("answer.car").write_bytes(of("cosigned"))
    witness = Signer("w.example", Issuer("w").key, KeyType.COSIGNATURE).verifier
    log = Signer("log.example", Issuer("log").key).verifier
    assert octostore("verify", "answer.car").code == 0
    assert octostore("verify", "answer.car", "--log", str(log)).code == 5
    said = octostore("verify", "answer.car", "--witness", str(witness))
    assert (said.code, "not by w.example" in said.err) == (5, True)
    assert octostore("verify", "answer.car", "--log", str(witness)).code == 2


def test_an_answer_without_claims_is_proved_too(path: Path, octostore: Command) -> None:
    assert octostore("bundle", str(C1), str(data("D9")), "-o", "none.car").code == 0
    said = octostore("verify", "none.car")
    assert said.code == 0
    assert "There are no claims on" in said.out


def test_a_file_that_is_there_is_kept(path: Path, octostore: Command) -> None:
    Path("answer.car").write_text("mine")
    said = octostore("bundle", str(C1), str(D1), "-o", "answer.car")
    assert (said.code, Path("answer.car").read_text()) == (2, "mine")


def test_a_question_makes_no_store(tmp_path: Path, octostore: Command) -> None:
    said = octostore("bundle", str(C1), str(D1), "-o", "answer.car")
    assert said.code == 7
    assert not (tmp_path / "store").exists()


def elsewhere(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    program = "import octostore.cli; octostore.cli.main()"
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_writer_beside_it_keeps_the_map_and_the_bundle_says_so(
    path: Path, octostore: Command
) -> None:
    asked = "bundle", str(C1), str(D1), "-o", "a.car", "--json"
    with Octostore.open(path) as store:
        assert elsewhere(*asked).returncode == 6  # there is no map yet
        store.update_map(NOW)
        _, blocks = Issuer("late").claims(Ran(), result())
        assert store.ingest(blocks).accepted
        said = elsewhere(*asked)
    assert said.returncode == 0, said.stderr
    assert "as of the last map head" in said.stderr
    assert json.loads(said.stdout)["claims"] == 3
    assert octostore("verify", "a.car").code == 0


def test_a_server_gives_a_bundle_that_is_verified_before_it_is_kept(
    path: Path, octostore: Command
) -> None:
    with Octostore.open(path) as store:
        with serving(create_app(store, Settings(path=path))) as url:
            asked = str(C1), str(D1), "-o", "a.car", "--server", url
            assert octostore("bundle", *asked).code == 6  # it has no map yet
            assert not Path("a.car").exists()
            store.update_map(NOW)
            said = octostore("bundle", *asked, "--json")
        assert said.json["claims"] == 3
        assert Path("a.car").read_bytes() == made(store)
    assert octostore("verify", "a.car").code == 0


def test_two_makers_give_one_file(path: Path, tmp_path: Path) -> None:
    """The same statements in another store, logged alike, under one key."""
    with Octostore.open(path) as store:
        store.update_map(NOW)
        first = made(store)
        assert made(store) == first
    with Octostore.open(path, readonly=True) as store:
        store.copy_to(tmp_path / "copy")
        signed = checkpoint_over(store, key_of(store))
    with Octostore.open(tmp_path / "copy") as copy:
        copy.rebuild()
        assert b"".join(make_bundle(copy, ASKED, signed)) == first


def test_a_bundle_says_what_who_says(path: Path) -> None:
    with Octostore.open(path) as store:
        caltech = Issuer("caltech", seq=1, prev=None)
        caltech.prev = store.claims_of(Ran().cid)[1].statement.cid
        taken = claim(Ran(), result(R2))
        _, blocks = caltech.state([Withdrawal(claim=taken.cid, why="a typo")])
        assert store.ingest(blocks).accepted
        store.update_map(NOW)
        for asked in (
            ASKED,
            Asked(program=Ran().program.cid, input=Ran().input.cid),
            Asked(invocation=Ran().cid),
        ):
            found = verify_bundle(io.BytesIO(made(store, asked))).answer
            told = who(store, asked)
            assert [item.to_json() for item in found.invocations] == [
                item.to_json() for item in told.invocations
            ]
            assert found.map == told.map
        (item,) = found.invocations
        assert [one.withdrawn for one in item.claims] == [False, True, False]


def test_no_bundle_without_a_map_or_a_checkpoint_over_it(path: Path) -> None:
    with Octostore.open(path) as store:
        early = key_of(store).checkpoint(store)
        with pytest.raises(NotFoundError, match="no map head"):
            make_bundle(store, ASKED, early)
        store.update_map(NOW)
        with pytest.raises(NotFoundError, match="no map head"):
            make_bundle(store, ASKED, early)
        assert checkpoint_over(store, key_of(store)).checkpoint.size == 5


def test_a_checkpoint_that_was_cosigned_is_used_while_it_covers_the_map(
    path: Path,
) -> None:
    witness = Signer("w.example", Issuer("w").key, KeyType.COSIGNATURE)
    with Octostore.open(path) as store:
        store.update_map(NOW)
        key = key_of(store)
        signed = key.checkpoint(store)
        line = witness.sign(str(signed.checkpoint), time_s=NOW)
        key.add_cosignatures(signed.checkpoint.size, [line], [witness.verifier])
        _, blocks = Issuer("late").claims(Ran(), result())
        assert store.ingest(blocks).accepted
        file = made(store)
    quorum = Quorum((witness.verifier,), 1)
    found = verify_bundle(io.BytesIO(file), log=key.verifier, quorum=quorum)
    assert "cosigned by w.example" in " ".join(found.trusted)
    assert json.dumps(found.answer.to_json())


def test_one_of_anything_is_said_in_the_singular(
    tmp_path: Path, octostore: Command
) -> None:
    """A log with one statement of one claim, and with its map: by each verb."""
    with Octostore.open(tmp_path / "store") as store:
        assert store.ingest(Issuer("bristol").claims(Ran(), result())[1]).accepted
    said = [octostore("bundle", str(C1), str(D1), "-o", "one.car")]
    said += [
        octostore(*words)
        for words in (
            ("verify", "one.car"),
            ("who", str(C1), str(D1), "--prove"),
            ("map", "show"),
            ("check",),
            ("log", "export", "www"),
            ("audit", "www"),
        )
    ]
    assert [one.code for one in said] == [0] * len(said)
    text = "".join(one.out + one.err for one in said)
    assert (
        re.findall(r"\b1 (?:entries|statements|claims|invocations|files)\b", text) == []
    )
    for words in (
        "1 claim\n",
        "first entry",
        "1 statement, signed and whole",
        "1 claim on 1 invocation",
        "1 statement, 1 claim, 1 map head, 0 pending",
    ):
        assert words in text, words
