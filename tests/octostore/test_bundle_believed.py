"""Verdicts in bundles: computed again offline, and what they rest on said."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest

from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from invocation_spec.model import Input
from octostore.belief.policy import EvidenceTerms, Group, Policy
from octostore.belief.reader import believing
from octostore.bundle.make import checkpoint_over, make_bundle
from octostore.bundle.verify import Reading, VerifiedBundle, verify_bundle
from octostore.errors import ProofError
from octostore.log_key import LogKey
from octostore.questions.answer import Asked
from octostore.records import Delegation, Link, Membership, Revocation
from octostore.store import Octostore
from tests.octostore.said import Command
from tests.octostore.world import C1, D1, R1, R2, Issuer, Ran, data, result

_FILE = Path(__file__).parents[1] / "vectors" / "believed.json"
ROWS: list[dict[str, Any]] = json.loads(_FILE.read_text())
GOOD = [row for row in ROWS if row["valid"]]
BAD = [row for row in ROWS if not row["valid"]]

QUESTION = Asked(program=C1, input=D1)


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row["name"])
def test_verdicts_that_follow_hold(row: dict[str, Any]) -> None:
    found = verify_bundle(io.BytesIO(base64.b64decode(row["car"])))
    assert found.believed is not None
    assert [one.verdict.state for one in found.believed.judged] == row["states"]
    assert found.steps[-1].name == "verdict"


@pytest.mark.parametrize("row", BAD, ids=lambda row: row["name"])
def test_what_does_not_follow_is_refused_at_its_step(row: dict[str, Any]) -> None:
    reading = Reading(io.BytesIO(base64.b64decode(row["car"])))
    with pytest.raises(OctostoreError):
        for _ in reading.steps():
            pass
    assert reading.step == row["step"]


def key(name: str) -> Any:
    return Issuer(name).key.public.did


def policy(model: str = "quorum", **more: object) -> Policy:
    groups = tuple(
        Group(name=name, keys=(key(name),)) for name in ("Bristol", "Caltech", "Mine")
    )
    return Policy(name="lab", model=model, groups=groups, **more)  # type: ignore[arg-type]


EVIDENCE = policy(
    "evidence",
    anchors=("Mine",),
    evidence=EvidenceTerms(checks=1, confidence=600_000_000),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two groups agree, one of them by a member; an anchor has checked both before."""
    issuers = {name: Issuer(name) for name in ("Bristol", "Caltech", "Mine", "member")}
    with Octostore.open(tmp_path / "store") as store:

        def take(name: str, ran: Ran, value: Any) -> None:
            assert store.ingest(issuers[name].claims(ran, result(value))[1]).accepted

        joined = Membership(of=key("Caltech"))
        granted = Delegation(to=key("member"))
        assert store.ingest(issuers["member"].state([joined])[1]).accepted
        assert store.ingest(issuers["Caltech"].state([granted])[1]).accepted
        for n in range(6):
            ran = Ran(input=Input(files={"/d": data(f"checked {n}")}))
            for name in (("Bristol", "member")[n % 2], "Mine"):
                take(name, ran, R1)
        for name, value in (("Bristol", R1), ("member", R1), ("liar", R2)):
            issuers.setdefault(name, Issuer(name))
            take(name, Ran(), value)
        store.update_map(1_700_000_000)
    return tmp_path / "store"


def bundle(path: Path, by: Policy) -> VerifiedBundle:
    with Octostore.open(path) as store:
        own = LogKey.open_or_create(path, lambda size: bytes(range(size)))
        signed = checkpoint_over(store, own)
        file = b"".join(make_bundle(store, QUESTION, signed, by))
        with believing(store, by) as reader:
            expected = reader.verdict(Ran().cid)
    found = verify_bundle(io.BytesIO(file))
    assert found.believed is not None
    (judged,) = found.believed.judged
    assert judged.verdict.block == expected.block
    return found


def test_a_verdict_by_heads_rests_on_delegations_and_says_so(path: Path) -> None:
    found = bundle(path, policy())
    assert found.believed is not None
    assert found.believed.judged[0].verdict.state == "agreed"
    trusted = " ".join(found.trusted)
    assert "keys which the policy does not name" in trusted
    assert "was revoked" in trusted
    assert "error rates" not in trusted


def test_a_verdict_by_evidence_rests_on_rates_and_says_so(path: Path) -> None:
    found = bundle(path, EVIDENCE)
    assert found.believed is not None
    told = {subject[0]: error for subject, error in found.believed.rates}
    assert told.keys() == {"Bristol", "Caltech"}
    assert None not in told.values()
    assert any("error rates of 2 groups" in line for line in found.trusted)
    assert found.believed.judged[0].verdict.outputs["/r.csv"].lower_bound > 0


def test_what_a_policy_does_not_delegate_is_not_told(path: Path) -> None:
    found = bundle(path, policy(delegations=False))
    assert found.believed is not None
    assert found.believed.judged[0].verdict.state == "single"
    assert found.believed.by_delegation == 0


def test_a_revoked_claim_stays_silent_offline(path: Path) -> None:
    with Octostore.open(path) as store:
        again = Issuer("Bristol", chain=bytes([1] * 16))
        revoked = Revocation(key=key("Bristol"), keep=())
        assert store.ingest(again.state([revoked])[1]).accepted
        store.update_map(1_700_000_060)
    found = bundle(path, policy())
    assert found.believed is not None
    heard = found.believed.judged[0].heard
    assert [t.silent for t in heard.testimonies] == ["revoked", None, "no-group"]


def test_a_verdict_that_relies_on_links_is_in_no_bundle(path: Path) -> None:
    other = data("D1 by another name")
    flat = sorted((CID.of_block_digest(D1.digest), D1))
    with Octostore.open(path) as store:
        issuer = Issuer("Mine", chain=bytes([1] * 16))
        link = Link(a=flat[0], b=flat[1], means="same-bytes")
        assert store.ingest(issuer.state([link])[1]).accepted
        ran = Ran(input=Input(files={"/d": CID.of_block_digest(D1.digest)}))
        issuer = Issuer("Bristol", chain=bytes([2] * 16))
        assert store.ingest(issuer.claims(ran, result(other))[1]).accepted
        store.update_map(1_700_000_060)
    with pytest.raises(ProofError, match="relies on links"):
        bundle(path, policy(links=("Mine",)))


def test_claims_after_the_map_head_are_no_part_of_a_verdict(path: Path) -> None:
    with Octostore.open(path) as store:
        own = LogKey.open_or_create(path, lambda size: bytes(range(size)))
        late = Issuer("Mine", chain=bytes([1] * 16))
        assert store.ingest(late.claims(Ran(), result(R2))[1]).accepted
        signed = own.checkpoint(store)
        with pytest.raises(ProofError, match="make the bundle again"):
            b"".join(make_bundle(store, QUESTION, signed, policy()))


def test_the_commands_write_and_verify_a_verdict(
    octostore: Command, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "p").write_bytes(policy().block)
    ask = ("bundle", str(C1), str(D1), "--policy", "p", "-o", "a.car")
    assert octostore(*ask).code == 0
    said = octostore("verify", "a.car", "--json")
    assert said.code == 0
    (item,) = said.json["answer"]["invocations"]
    assert item["verdict"]["state"] == "agreed"
    assert said.json["answer"]["policy"] == str(policy().cid)
    people = octostore("verify", "a.car").out
    assert "verdict      holds" in people
    assert "verdict   agreed; use it again" in people
    remote = octostore(*ask[:-1], "b.car", "--server", "http://localhost:1")
    assert remote.code == 2
