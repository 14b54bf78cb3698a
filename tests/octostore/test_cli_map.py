"""The map and questions as of a size, from the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from invocation_spec.cid import CID
from invocation_spec.model import Input
from octostore.car import Block, CarReader, chunks
from octostore.keys import SecretKey
from octostore.log_key import LogKey
from octostore.proven import verify_answer
from octostore.questions.answer import Asked
from octostore.questions.completeness import WholeProof
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.note import Note, Signer
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.said import Command
from tests.octostore.test_store import fill
from tests.octostore.world import C1, D1, Issuer, Ran, result
from tests.server.conftest import serving

LOG = Signer("log.example", SecretKey.from_seed(bytes(32)))


@pytest.fixture
def store(tmp_path: Path, octostore: Command) -> Path:
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
    return tmp_path / "store"


def told(said: Any) -> Any:
    return json.loads(said.out)


def test_the_map_is_updated_and_shown(store: Path, octostore: Command) -> None:
    shown = told(octostore("map", "show", "--json"))
    assert (shown["map"], shown["behind"]) == (None, 7)
    assert "no map head" in octostore("map", "show").out
    done = told(octostore("map", "update", "--json"))
    assert done["updated"] is True
    assert (done["map"]["size"], done["map"]["entry"], done["behind"]) == (7, 7, 0)
    assert told(octostore("map", "update", "--json"))["updated"] is False
    assert "map of 7 entries" in octostore("map", "show").out
    with Octostore.open(store) as opened:
        opened.ingest(Issuer("late").claims(Ran(), result())[1])
    assert told(octostore("map", "show", "--json"))["behind"] == 1


def test_an_answer_is_proved_and_written(
    store: Path, octostore: Command, tmp_path: Path
) -> None:
    question = ("who", str(C1), str(D1))
    said = octostore(*question, "--prove")
    assert said.code == 6
    assert "map update" in said.err
    assert octostore("map", "update").code == 0
    said = octostore(*question, "--prove", "--json")
    assert said.code == 0
    proof = WholeProof.from_json(told(said)["proof"])
    assert told(said)["map"] == proof.logged.to_json()
    assert "proof" not in told(octostore(*question, "--json"))
    assert "its map covers 7 entries" in octostore(*question).out
    file = tmp_path / "answer.car"
    assert octostore(*question, "--out", file).code == 0
    with file.open("rb") as stream:
        found = verify_answer(stream, Asked(C1, D1), is_page=False)
    assert found.whole == proof
    said = octostore(*question, "-o", file)
    assert said.code == 2
    assert "exists" in said.err


def test_pages_are_proved_one_after_the_other(
    store: Path, octostore: Command, tmp_path: Path
) -> None:
    more = Ran(input=Input(files={"/d": D1}, args=("more",)))
    with Octostore.open(store) as opened:
        opened.ingest(Issuer("more").claims(more, result())[1])
    octostore("map", "update")
    question = ("who", str(C1), str(D1), "--limit", "1", "--prove", "--json")
    after: tuple[str, ...] = ()
    pages = 0
    while pages == 0 or after:
        file = tmp_path / f"{pages}.car"
        said = told(octostore(*question, *after, "--out", file))
        assert said.get("after") == (after[1] if after else None)
        verified = told(octostore("verify", file, "--json"))
        assert any("left out of this page" in note for note in verified["notes"])
        after, pages = (("--after", said["next"]) if "next" in said else ()), pages + 1
    assert pages > 1
    said = octostore(*question, "--after", "AAAA")
    assert said.code == 2


def test_an_answer_that_was_written_is_verified(
    store: Path, octostore: Command, tmp_path: Path
) -> None:
    octostore("map", "update")
    file = tmp_path / "answer.car"
    shown = octostore("who", str(C1), str(D1), "--out", file)
    said = octostore("verify", file)
    assert said.code == 0
    assert shown.out.strip() in said.out
    assert "proven: nothing was left out of the first 7 entries" in said.out
    assert "none signed this; `octostore bundle` writes" in said.out
    found = told(octostore("verify", file, "--json"))
    assert (found["holds"], found["proof"], found["whole"]) == (True, "answer", True)
    assert found["answer"]["asked"] == {"program": str(C1), "input": str(D1)}
    said = octostore("verify", file, "--log", str(LOG.verifier))
    assert said.code == 2
    assert "no log signed this answer" in said.err


def test_an_answer_that_was_changed_is_not_verified(
    store: Path, octostore: Command, tmp_path: Path
) -> None:
    octostore("map", "update")
    file, bent = tmp_path / "answer.car", tmp_path / "bent.car"
    octostore("who", str(C1), str(D1), "--out", file)
    with file.open("rb") as stream:
        answer, *rest = [b for b in CarReader(stream) if isinstance(b, Block)]
    value = json.loads(answer.data)
    hidden = {**value, "invocations": []}
    another = {**value, "asked": {"program": str(C1), "input": str(C1)}}
    nothing = {**value, "asked": {"program": "x"}}
    nonsense = {**value, "asked": {"colour": str(C1)}}
    no_list = {**value, "invocations": 1}
    for told_, code in (
        (value, 0),
        (hidden, 5),
        (another, 5),
        (nothing, 2),
        (nonsense, 2),
        (no_list, 5),
    ):
        data = json.dumps(told_, separators=(",", ":")).encode()
        root = CID.of_bytes(data)
        bent.write_bytes(b"".join(chunks([root], [Block(root, data), *rest])))
        assert octostore("verify", bent).code == code, told_
    raw = file.read_bytes()
    for at in range(60, len(raw), 97):
        bent.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        assert octostore("verify", bent).code in (2, 5), at
    bent.write_bytes(raw[:-1])
    assert octostore("verify", bent).code == 5


def test_each_address_of_a_spec_has_a_proof_of_its_own(
    store: Path, octostore: Command, tmp_path: Path
) -> None:
    assert octostore("map", "update").code == 0
    code = "bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq"
    spec, resolutions = tmp_path / "run.json", tmp_path / "resolutions.json"
    run = {"rsc": f"ipfs://{code}", "op": "wasm/run", "nnc": ""}
    spec.write_text(json.dumps({**run, "input": {"func": "f", "args": [1]}}))
    resolutions.write_text(json.dumps({f"ipfs:{code}": str(C1)}))
    question = ("who", spec, "--resolutions", resolutions)
    said = octostore(*question, "--prove", "--json")
    assert said.code == 0, said.err
    each = told(said)["addresses"]
    assert len({item["asked"]["invocation"] for item in each}) == 2
    for item in each:
        proof = WholeProof.from_json(item["proof"])
        assert item["map"] == proof.logged.to_json()
    said = octostore(*question, "--after", "AAAA")
    assert said.code == 2
    assert each[1]["asked"]["invocation"] in said.err


def test_a_question_is_asked_as_of_a_size_or_a_checkpoint(
    store: Path, octostore: Command, tmp_path: Path
) -> None:
    question = ("who", str(C1), str(D1), "--json")
    assert told(octostore(*question, "--as-of", "3"))["checkpoint"]["size"] == 3
    assert octostore(*question, "--as-of", "8").code == 6
    with Octostore.open(store, readonly=True) as opened, opened.view(4) as view:
        then = view.checkpoint()
    signer = Signer("log.example", SecretKey.from_seed(bytes(32)))
    for root, code in ((then.root, 0), (bytes(32), 5)):
        file = tmp_path / f"{code}.txt"
        checkpoint = LogCheckpoint("log.example", then.size, root)
        file.write_bytes(bytes(SignedCheckpoint.sign(checkpoint, signer)))
        said = octostore(*question, "--as-of", file)
        assert said.code == code
        if code == 0:
            assert told(said)["checkpoint"]["size"] == 4
        else:
            assert "another root at size 4" in told(said)["reason"]
    file = tmp_path / "none.txt"
    file.write_text("no checkpoint")
    for odd in (file, "nowhere.txt", "-3", "9" * 16):
        assert octostore(*question, "--as-of", str(odd)).code == 2, odd


def test_an_answer_as_of_an_earlier_head_is_proved(
    store: Path, octostore: Command
) -> None:
    octostore("map", "update")
    with Octostore.open(store) as opened:
        opened.ingest(Issuer("late").claims(Ran(), result())[1])
    octostore("map", "update")
    said = told(octostore("who", str(C1), str(D1), "--as-of", "8", "--prove", "--json"))
    assert WholeProof.from_json(said["proof"]).logged.head.size == 7
    said = octostore("who", str(C1), str(D1), "--as-of", "7", "--prove")
    assert said.code == 6
    assert "no map head in the log as of this size" in said.err


def test_the_signature_of_a_checkpoint_is_verified_or_said_not_to_be(
    store: Path, octostore: Command, tmp_path: Path
) -> None:
    question = ("who", str(C1), str(D1), "--as-of")
    file = tmp_path / "checkpoint"
    file.write_text(octostore("log", "checkpoint").out)
    said = octostore(*question, file)
    assert (said.code, said.err) == (0, "")
    own = LogKey.open(store)
    tree = own.newest().checkpoint
    forger = Signer(tree.origin, LOG.key)
    line = replace(forger.sign(str(tree)), key_id=own.verifier.id)
    for note in (SignedCheckpoint.sign(tree, forger).note, Note(str(tree), (line,))):
        file.write_bytes(bytes(note))
        assert octostore(*question, file).code == 5
    other = LogCheckpoint("log.example", tree.size, tree.root)
    file.write_bytes(bytes(SignedCheckpoint.sign(other, LOG)))
    said = octostore(*question, file)
    assert said.code == 0
    assert "not verified: that log.example signed the checkpoint" in said.err
    assert octostore(*question, "4").err == ""


def test_a_server_is_asked_for_the_proof_and_for_earlier_sizes(
    store: Path, octostore: Command, tmp_path: Path
) -> None:
    question = ("who", str(C1), str(D1))
    with Octostore.open(store) as opened:
        app = create_app(opened, Settings(path=store))
        with serving(app) as url:
            asked = (*question, "--server", url)
            said = octostore(*asked, "--prove")
            assert said.code == 6
            said = octostore(*asked)
            assert said.code == 0
            assert "not proven: that nothing was left out" in said.err
            assert opened.update_map(1_700_000_000)
            said = octostore(*asked)
            assert said.code == 0
            assert "proven: nothing was left out of the first 7 entries" in said.err
            said = octostore(*asked, "--as-of", "2", "--json")
            assert told(said)["checkpoint"]["size"] == 2
            said = octostore(*asked, "--out", tmp_path / "answer.car")
            assert said.code == 2
