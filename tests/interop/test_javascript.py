"""An implementation in another language, from the text alone, agrees."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from invocation_spec.model import Input
from octostore.bundle.make import checkpoint_over, make_bundle
from octostore.bundle.verify import verify_bundle
from octostore.cli.signing import key_of
from octostore.questions.answer import Asked
from octostore.records import Failure
from octostore.store import Octostore
from octostore.tlog.note import Signer
from tests.octostore.world import C1, D1, R2, Issuer, Ran, result

_CHECK_S = 300


def _check(javascript: Path, *words: str, program: str = "check.js") -> str:
    done = subprocess.run(
        ["node", program, *words],
        cwd=javascript,
        timeout=_CHECK_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.slow
def test_agrees_with_the_vectors(javascript: Path, vectors: Path) -> None:
    written = _check(javascript, "--json", str(vectors / "invocation"))
    reports: list[dict[str, Any]] = json.loads(written)
    assert len(reports) == len(list((vectors / "invocation").glob("*.json")))
    disagreements = [
        {"file": report["file"], **one}
        for report in reports
        for one in report["disagreements"]
    ]
    assert disagreements == []


@pytest.mark.slow
def test_each_family_is_one_invocation(javascript: Path, vectors: Path) -> None:
    written = _check(javascript, "--families", str(vectors / "invocation"))
    lines = written.splitlines()
    assert lines
    assert [line for line in lines if not line.endswith(": agrees")] == []


@pytest.mark.slow
def test_agrees_with_the_vectors_of_bundles(javascript: Path, vectors: Path) -> None:
    words = ["--json", "--vectors", str(vectors / "bundles.json")]
    report: dict[str, Any] = json.loads(_check(javascript, *words, program="bundle.js"))
    assert report["cases"] > 0
    assert report["disagreements"] == []


@pytest.mark.slow
def test_a_bundle_that_a_store_wrote_holds(javascript: Path, tmp_path: Path) -> None:
    """Claims of several issuers, with and without a nonce, one of them withheld."""
    nonced = Ran(input=Input(files={"/d": D1}, nonce=b"once"))
    with Octostore.open(tmp_path / "store") as store:
        bristol = Issuer("bristol")
        for _, blocks in (
            bristol.says("University of Bristol", bacalhau=("Qm",)),
            bristol.claims(Ran(), result()),
            Issuer("caltech").claims(Ran(), result(R2), executor="Qm", finished=1),
            Issuer("shy").claims(Ran(), result(), withheld=("input",)),
            Issuer("once").claims(nonced, Failure(kind="trap")),
            Issuer("other").claims(Ran(input=Input(args=("x",))), result()),
        ):
            assert store.ingest(blocks).accepted
        store.update_map(1_700_000_000)
        key = key_of(store)
        asked = Asked(program=C1, input=D1)
        file = b"".join(make_bundle(store, asked, checkpoint_over(store, key)))
        found = verify_bundle(io.BytesIO(file)).answer
    whole, cut = tmp_path / "answer.car", tmp_path / "cut.car"
    whole.write_bytes(file)
    cut.write_bytes(file[:-1])
    words = str(whole), "--log", str(key.verifier)
    answer = json.loads(_check(javascript, *words, program="bundle.js"))["answer"]
    assert answer["asked"] == asked.to_json()
    assert answer["origin"] == key.verifier.name
    assert sorted(item["index"] for item in answer["claims"]) == [1, 2, 3, 4]
    (said,) = answer["notProven"]
    assert said.endswith("4096 pairs of code and data imports this code")
    claims = [claim for item in found.invocations for claim in item.claims]
    assert {item["claim"] for item in answer["claims"]} == {
        str(claim.claim) for claim in claims
    }
    refused = json.loads(_check(javascript, str(cut), program="bundle.js"))
    assert refused["step"] == "file"
    other = Signer(key.verifier.name, Issuer("other").key).verifier
    words = str(whole), "--log", str(other)
    refused = json.loads(_check(javascript, *words, program="bundle.js"))
    assert refused["step"] == "checkpoint"
