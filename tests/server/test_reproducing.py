"""`octostore reproduce` of what a real server knows, with content from its gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import CID, canonicalize
from octostore.claiming import Reported, closure, prepare
from octostore.cli import run
from octostore.gateway import Gateway
from octostore.result import Result
from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.world import Issuer
from tests.server.conftest import serving

KEPLER = Path(__file__).parents[2] / "examples" / "kepler"
OUTPUTS = {
    "stdout": "bafkreic6jtkm7kh4mv7g2xtxwvu454a4q5gmhafypclpaoz4ho6s5ocaiq",
    "/outputs/residuals.csv": (
        "bafkreibgjmcfoqdcmvcuwoqi2vtp7uhbeayoutnffitn7svm2e7xdaphpe"
    ),
}


@pytest.fixture
def invocation(store: Octostore) -> str:
    """One claim on the example, with the bytes that it names."""
    (outcome,) = canonicalize((KEPLER / "bacalhau-job.yaml").read_bytes())
    result = Result({name: CID.parse(cid) for name, cid in OUTPUTS.items()}, exit=0)
    prepared = prepare(outcome, Reported("golem", result))
    statement = Issuer("bristol").sign([prepared.claim])
    blocks = closure(statement, [prepared])
    assert store.ingest(blocks.items(), [statement.envelope_cid]).sound
    for name in ("kepler.wasm", "planets.csv"):
        store.add_bytes((KEPLER / name).read_bytes())
    assert outcome.invocation is not None
    return str(outcome.invocation.cid)


def test_code_and_data_come_from_its_gateway_and_the_check_goes_to_it(
    store: Octostore,
    settings: Settings,
    invocation: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OCTOSTORE_PATH", str(tmp_path / "none"))
    key = str(tmp_path / "check.key")
    assert run(["key", "new", key]) == 0
    capsys.readouterr()
    with serving(create_app(store, settings)) as url:
        words = ["reproduce", invocation, "--server", url, "--key", key, "--json"]
        assert run(words) == 0
    said = capsys.readouterr()
    found: dict[str, Any] = json.loads(said.out)
    assert found["holds"] is True
    assert found["result"]["outputs"] == OUTPUTS
    assert "verified here" in said.err
    claims = store.claims_of(CID.parse(invocation))
    assert [item.claim.network for item in claims] == ["golem", "local"]
    assert not (tmp_path / "none").exists()


def test_a_local_store_takes_its_content_from_the_gateway_of_another(
    store: Octostore, settings: Settings, invocation: str, tmp_path: Path
) -> None:
    with serving(create_app(store, settings)) as url, Gateway(url) as gateway:
        code = (KEPLER / "kepler.wasm").read_bytes()
        with (tmp_path / "code").open("w+b") as file:
            gateway.save(CID.of_bytes(code), file, len(code))
            file.seek(0)
            assert file.read() == code
        assert gateway.block(CID.parse(invocation)) == store.get(CID.parse(invocation))
