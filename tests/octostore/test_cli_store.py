"""The commands that look after a store, on real files."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest

from invocation_spec.errors import OctostoreError
from octostore import car
from octostore.chain_findings import FORK, GAP, TIME, equivocations, findings
from octostore.cli import run
from octostore.engine import Row
from octostore.engine.choice import ENGINES
from octostore.equivocation import Equivocation
from octostore.errors import ProofError
from octostore.statement import SignedPart, Statement, sign
from octostore.store import Octostore
from tests.octostore.test_check import change, rows_of
from tests.octostore.test_store import fill
from tests.octostore.world import R2, Issuer, Ran, result


@pytest.fixture(params=sorted(ENGINES))
def path(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Path:
    path = tmp_path / "store"
    monkeypatch.setenv("OCTOSTORE_PATH", str(path))
    monkeypatch.chdir(tmp_path)
    with Octostore.open(path, engine=request.param) as store:
        fill(store)
    return path


@pytest.fixture
def proof(path: Path) -> Equivocation:
    with Octostore.open(path, readonly=True) as store, store.view() as view:
        (found,) = equivocations(view)
    return found


def test_check_says_what_holds_and_names_what_does_not(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--second-opinion"]) == 0
    assert "all holds: 22 blocks, 7 statements, 4 claims" in capsys.readouterr().out
    assert run(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["holds"] is True
    key, _ = rows_of(path, "claims")[0]
    change(path, Row("claims", key, None))
    assert run(["check"]) == 5
    said = capsys.readouterr().out
    assert "claims: invocation in block " in said
    assert "octostore rebuild" in said
    assert run(["check", "--json"]) == 5
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert fault["table"] == "claims"
    assert (fault["found"], fault["expected"]) == ("no such row", "the row")
    assert run(["rebuild"]) == 0
    assert run(["rebuild", "--json"]) == 0
    assert run(["check"]) == 0
    change(path, Row("blocks", bytes(6), b"another"))
    capsys.readouterr()
    assert run(["check"]) == 5
    assert "restore a backup" in capsys.readouterr().out


def test_check_where_there_is_no_store_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--store", str(tmp_path / "none"), "--json"]) == 7
    assert json.loads(capsys.readouterr().out)["error"] == "store"


def test_a_backup_is_restored_by_using_it(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", "copy"]) == 0
    assert capsys.readouterr().out == "copy  a log of 7 entries\n"
    assert run(["backup", "copy", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"] == "usage"
    assert run(["backup", "second", "--store", "copy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checkpoint"]["size"] == 7
    assert run(["check", "--store", "second"]) == 0
    statement, blocks = Issuer("after").claims(Ran(), result())
    with Path("after.car").open("wb") as stream:
        car.write(stream, [statement.envelope_cid], blocks)
    assert run(["ingest", "after.car", "--store", "second"]) == 0
    assert run(["check", "--store", "second"]) == 0
    assert path.exists()


def test_the_log_is_listed_page_by_page(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["log", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert "2022-11-21T" in lines[0]
    assert "did:key:z6Mk" in lines[0]
    assert run(["log", "list", "--from", "2", "--limit", "3", "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert [entry["index"] for entry in page["entries"]] == [2, 3, 4]
    assert page["next"] == 5


def test_an_equivocation_is_shown_written_and_verified_alone(
    path: Path, proof: Equivocation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["log", "equivocations"]) == 0
    assert "1 equivocation" in capsys.readouterr().out
    for _ in range(2):  # the same proof twice is one file
        assert run(["log", "equivocations", "--out", "proofs", "--json"]) == 0
        (item,) = json.loads(capsys.readouterr().out)["equivocations"]
    assert base64.b64decode(item["proof"]) == proof.to_car()
    assert Path(item["file"]).read_bytes() == proof.to_car()
    for file in path.iterdir():
        file.unlink()
    capsys.readouterr()
    assert run(["verify", item["file"]]) == 0
    assert "one key signed two statements" in capsys.readouterr().out
    assert run(["verify", item["file"], "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["holds"] is True
    assert said["statements"] == [str(proof.first.cid), str(proof.second.cid)]
    assert run(["verify", "nowhere.car"]) == 2
    bent = bytearray(proof.to_car())
    bent[-1] ^= 1
    Path(item["file"]).write_bytes(bent)
    assert run(["verify", item["file"]]) == 5
    Path(item["file"]).write_bytes(b"something else")
    assert run(["verify", item["file"]]) == 2


def test_every_flipped_byte_of_a_proof_is_refused(proof: Equivocation) -> None:
    whole = proof.to_car()
    assert Equivocation.from_car(io.BytesIO(whole)) == proof
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        with pytest.raises(OctostoreError):
            Equivocation.from_car(io.BytesIO(changed))
        if at % 16 == 0:
            Path("changed.car").write_bytes(changed)
            assert run(["verify", "changed.car"]) == 5, at


def test_what_is_nearly_a_proof_is_refused(proof: Equivocation) -> None:
    one, two = proof.first, proof.second
    other = Issuer("other").claims(Ran(), result())[0]
    later = Issuer("liar", seq=1, prev=one.cid).claims(Ran(), result(R2))[0]
    for statements, reason in (
        ([one], "1 envelopes"),
        ([one, one], "other blocks"),
        ([two, one], "wrong order"),
        (sorted([one, other], key=lambda item: item.cid.raw), "two keys"),
        (sorted([one, later], key=lambda item: item.cid.raw), "two places"),
        ([one, two, other], "other blocks|envelopes"),
    ):
        with pytest.raises(ProofError, match=reason):
            Equivocation.from_car(io.BytesIO(_car(statements, statements)))
    for roots in ([one], [two, one], [one, other]):
        with pytest.raises(ProofError):
            Equivocation.from_car(io.BytesIO(_car(roots, [one, two])))
    with pytest.raises(ProofError, match="one statement twice"):
        Equivocation(one, one)


def _car(roots: list[Statement], statements: list[Statement]) -> bytes:
    stream = io.BytesIO()
    blocks = {item.envelope_cid: item.envelope for item in statements}
    car.write(stream, [item.envelope_cid for item in roots], blocks.items())
    return stream.getvalue()


def test_gaps_forks_and_times_that_go_back_are_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    issuer = Issuer("odd")
    first = issuer.claims(Ran(), result())
    lost = issuer.claims(Ran(), result())
    third = issuer.claims(Ran(), result())
    record = first[0].part.records
    fork = _sign(issuer, seq=1, prev=third[0], iat=1_669_000_001, like=first[0])
    back = _sign(issuer, seq=3, prev=third[0], iat=5, like=first[0])
    with Octostore.open(tmp_path / "store") as store:
        for blocks in (third[1], first[1]):
            assert store.ingest(blocks).accepted
        with store.view() as view:
            (gap,) = findings(view)
            assert (gap.kind, gap.seq, gap.what) == (GAP, 2, "seq 1 missing")
        assert store.ingest(lost[1]).accepted
        with store.view() as view:
            assert list(findings(view)) == []
        for odd in (fork, back):
            assert store.ingest([(odd.envelope_cid, odd.envelope)]).accepted
        with store.view() as view:
            found = {(item.kind, item.statement) for item in findings(view)}
            assert list(findings(view, Issuer("nobody").key.public)) == []
        assert found == {
            ("equivocation", fork.cid),
            (FORK, fork.cid),
            (TIME, back.cid),
        }
    assert record
    store_of = ["--store", str(tmp_path / "store")]
    assert run(["log", "findings", *store_of]) == 0
    assert capsys.readouterr().out.endswith("3 findings\n")
    did = str(issuer.key.public.did)
    assert run(["log", "findings", "--issuer", did, "--json", *store_of]) == 0
    assert len(json.loads(capsys.readouterr().out)["findings"]) == 3
    assert run(["log", "findings", "--issuer", "did:key:zzz", *store_of]) == 2


def _sign(
    issuer: Issuer, *, seq: int, prev: Statement, iat: int, like: Statement
) -> Statement:
    part = SignedPart(
        iss=issuer.key.public.did,
        chain=issuer.chain,
        seq=seq,
        prev=prev.cid,
        iat=iat,
        records=like.part.records,
    )
    return sign(part, issuer.key)
