"""`octostore verdict`, and `who --policy`: what a reader's policy believes."""

from __future__ import annotations

from pathlib import Path

import pytest

from invocation_spec.model import Input
from octostore.belief.policy import Group, Policy
from octostore.belief.policy_text import read_policy
from octostore.belief.reputation import Reputation, folder_of
from octostore.cli import judging
from octostore.records import Revocation
from octostore.store import Octostore
from tests.octostore.said import Command
from tests.octostore.world import C1, D1, Blocks, Issuer, Ran, data, result

KEY = str(Ran().cid)
OTHER = Ran(input=Input(files={"/d": data("D2")}))


def did(name: str) -> str:
    return str(Issuer(name).key.public.did)


def group(name: str, *keys: str) -> str:
    listed = ", ".join(f'"{did(key)}"' for key in keys)
    return f'[[groups]]\nname = "{name}"\nkeys = [{listed}]\n'


QUORUM = (
    'name = "my lab"\nmodel = "quorum"\n[quorum]\ngroups = 2\nagainst = 1\n'
    + group("Bristol", "bristol")
    + group("Pasadena", "caltech")
)
EVIDENCE = (
    'name = "my lab"\nmodel = "evidence"\nanchors = ["Mine"]\n'
    "[evidence]\nconfidence = 0.9\nchecks = 1\n"
    + group("Bristol", "bristol")
    + group("Mine", "anchor")
    + group("Pasadena", "caltech")
)


class Place:
    """A store that is closed whenever a command asks it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, blocks: Blocks) -> None:
        with Octostore.open(self.path) as store:
            assert store.ingest(blocks).accepted

    def head(self, now_s: int) -> None:
        with Octostore.open(self.path) as store:
            store.update_map(now_s)

    @property
    def size(self) -> int:
        with Octostore.open(self.path, readonly=True) as store:
            return store.checkpoint().size


@pytest.fixture
def store(tmp_path: Path) -> Place:
    (tmp_path / "lab.toml").write_text(QUORUM)
    (tmp_path / "evidence.toml").write_text(EVIDENCE)
    Octostore.open(tmp_path / "store").close()
    return Place(tmp_path / "store")


def claims(store: Place, name: str, ran: Ran, value: int) -> None:
    issuer = ISSUERS.setdefault(name, Issuer(name))
    store.take(issuer.claims(ran, result(data(f"R{value}")))[1])


ISSUERS: dict[str, Issuer] = {}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    ISSUERS.clear()


def test_groups_that_agree_are_a_verdict_whatever_strangers_say(
    octostore: Command, store: Place
) -> None:
    claims(store, "bristol", Ran(), 1)
    claims(store, "caltech", Ran(), 1)
    for n in range(5):
        claims(store, f"stranger {n}", Ran(), 2)
    said = octostore("verdict", str(C1), str(D1), "--policy", "lab.toml", "--json")
    assert said.code == 0
    (found,) = said.json["verdicts"]
    assert (found["invocation"], found["state"], found["advice"]) == (
        KEY,
        "agreed",
        "reuse",
    )
    assert found["outputs"]["/r.csv"] == {
        "value": str(data("R1")),
        "for": ["Bristol", "Pasadena"],
        "against": [],
        "silent": [],
        "lower_bound": 0,
    }
    assert {item["reason"] for item in found["not_counted"]["claims"]} == {"no-group"}
    assert len(found["not_counted"]["claims"]) == 5
    people = octostore("verdict", KEY, "--policy", "lab.toml")
    assert people.code == 0
    assert "agreed; use it again" in people.out
    assert "for       Bristol, Pasadena" in people.out
    assert f"{did('stranger 3')}  on bacalhau  in no group of the policy" in people.out


@pytest.mark.parametrize(
    ("values", "state"),
    [((1, 2), "conflict"), ((1,), "single"), ((), "unknown")],
)
def test_what_is_not_agreed_is_exit_1(
    octostore: Command, store: Place, values: tuple[int, ...], state: str
) -> None:
    claims(store, "stranger", Ran(), 1)
    for name, value in zip(("bristol", "caltech"), values, strict=False):
        claims(store, name, Ran(), value)
    said = octostore("verdict", KEY, "--policy", "lab.toml", "--json")
    assert said.code == 1
    assert said.json["verdicts"][0]["state"] == state


def test_of_what_nobody_claims_the_verdict_is_to_run_it(
    octostore: Command, store: Place
) -> None:
    said = octostore("verdict", KEY, "--policy", "lab.toml", "--json")
    assert said.code == 1
    (found,) = said.json["verdicts"]
    assert (found["state"], found["advice"]) == ("unknown", "run")
    nothing = octostore("verdict", str(C1), str(D1), "--policy", "lab.toml")
    assert nothing.code == 1
    assert "no claims, so no verdict" in nothing.out


def test_a_verdict_is_the_same_in_every_store_with_the_same_log(
    octostore: Command, store: Place, tmp_path: Path
) -> None:
    for n, name in enumerate(("anchor", "bristol", "caltech", "stranger")):
        for ran in (Ran(), OTHER):
            claims(store, name, ran, 1 + n // 3)
    store.head(1_700_000_000)
    found: dict[str, list[str]] = {}
    with Octostore.open(store.path, readonly=True) as opened:
        opened.copy_to(tmp_path / "copy")
    with Octostore.open(tmp_path / "copy") as copy:
        copy.rebuild()
    for place in ("store", "copy"):
        for policy in ("lab.toml", "evidence.toml"):
            said = octostore(
                "verdict", KEY, "--policy", policy, "--json", "--store", place
            )
            found.setdefault(policy, []).append(said.json["verdicts"][0]["cid"])
    assert found["lab.toml"][0] == found["lab.toml"][1]
    assert found["evidence.toml"][0] == found["evidence.toml"][1]
    assert found["lab.toml"][0] != found["evidence.toml"][0]


def test_evidence_is_learned_from_what_an_anchor_checked_and_explained(
    octostore: Command, store: Place, tmp_path: Path
) -> None:
    for n in range(20):
        ran = Ran(input=Input(files={"/d": data(f"checked {n}")}))
        claims(store, "bristol", ran, n)
        claims(store, "anchor", ran, n)
    claims(store, "bristol", Ran(), 1)
    claims(store, "caltech", Ran(), 2)
    store.head(1_700_000_000)
    said = octostore("verdict", KEY, "--policy", "evidence.toml", "--explain", "--json")
    (found,) = said.json["verdicts"]
    output = found["outputs"]["/r.csv"]
    moved = {
        item["group"]: item for item in found["moved"] if item["output"] == "/r.csv"
    }
    assert moved["Bristol"]["bound"] == output["lower_bound"] > 0
    assert moved["Bristol"]["without"] == 0
    assert moved["Pasadena"]["error"] is None
    people = octostore("verdict", KEY, "--policy", "evidence.toml", "--explain").out
    assert "no weight: it was checked too seldom" in people
    assert "without" in people
    folder = tmp_path / "store" / "belief" / said.json["policy"]
    assert (folder / "data.mdb").is_file()
    assert octostore("check").code == 0
    assert octostore("backup", tmp_path / "copy").code == 0
    again = octostore("verdict", KEY, "--policy", "evidence.toml", "--json")
    assert again.json["verdicts"][0]["cid"] == found["cid"]


def test_earlier_is_learned_anew_and_what_is_kept_stays(
    octostore: Command, store: Place
) -> None:
    claims(store, "bristol", OTHER, 1)
    claims(store, "anchor", OTHER, 1)
    claims(store, "bristol", Ran(), 1)
    store.head(1_700_000_000)
    ask = ("verdict", KEY, "--policy", "evidence.toml", "--json")
    before = octostore(*ask).json["verdicts"][0]
    size = store.size
    claims(store, "bristol", OTHER, 2)
    store.head(1_700_086_400)
    after = octostore(*ask).json["verdicts"][0]
    assert after["cid"] != before["cid"]
    then = octostore(*ask, "--as-of", str(size)).json["verdicts"][0]
    assert then["cid"] == before["cid"]
    assert octostore(*ask).json["verdicts"][0]["cid"] == after["cid"]
    beyond = octostore(*ask, "--as-of", "999")
    assert (beyond.code, beyond.json["error"]) == (6, "not-found")


def test_where_nothing_can_be_kept_it_is_learned_anew_and_said(
    octostore: Command, store: Place, tmp_path: Path
) -> None:
    claims(store, "bristol", Ran(), 1)
    claims(store, "anchor", Ran(), 1)
    store.head(1_700_000_000)
    ask = ("verdict", KEY, "--policy", "evidence.toml", "--json")
    kept = octostore(*ask)
    assert kept.err == ""
    policy = read_policy((tmp_path / "evidence.toml").read_bytes())
    with Reputation(folder_of(store.path, policy), policy):
        said = octostore(*ask)
    assert said.json == kept.json
    assert "learned anew, for nothing can be kept" in said.err


def test_a_policy_is_a_file_a_block_or_a_name(
    octostore: Command, store: Place, tmp_path: Path
) -> None:
    claims(store, "bristol", Ran(), 1)
    policy = Policy(
        name="block",
        model="quorum",
        groups=(Group(name="Bristol", keys=(Issuer("bristol").key.public.did,)),),
    )
    (tmp_path / "block").write_bytes(policy.block)
    said = octostore("verdict", KEY, "--policy", "block", "--json")
    assert said.json["policy"] == str(policy.cid)
    assert octostore("verdict", KEY, "--policy", "open").code == 1
    missing = octostore("verdict", KEY, "--policy", "nowhere", "--json")
    assert (missing.code, missing.json["error"]) == (2, "file")
    (tmp_path / "bad.toml").write_text('name = "x"\nmodel = "all"\n')
    refused = octostore("verdict", KEY, "--policy", "bad.toml", "--json")
    assert (refused.code, refused.json["error"]) == (2, "policy")
    assert refused.json["at"] == "/model"
    assert octostore("verdict", KEY).code == 2


def test_more_invocations_than_are_judged_at_once_are_refused(
    octostore: Command, store: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "JUDGED_MAX", 1)
    for ran in (Ran(), Ran(input=Input(args=("x",), files={"/d": D1}))):
        claims(store, "bristol", ran, 1)
    said = octostore("verdict", str(C1), str(D1), "--policy", "lab.toml", "--json")
    assert (said.code, said.json["error"]) == (2, "usage")


def test_who_with_a_policy_names_groups_as_the_reader_does(
    octostore: Command, store: Place
) -> None:
    for name, called in (("caltech", "Caltech"), ("liar", "Bristol")):
        ISSUERS[name] = Issuer(name)
        store.take(ISSUERS[name].says(called)[1])
    for name, value in (("bristol", 1), ("caltech", 1), ("liar", 2)):
        claims(store, name, Ran(), value)
    said = octostore("who", str(C1), str(D1), "--policy", "lab.toml", "--json")
    assert said.code == 0
    (found,) = said.json["invocations"]
    assert found["verdict"]["state"] == "agreed"
    values = {item["value"]: item["groups"] for item in found["outputs"]["/r.csv"]}
    assert values == {
        str(data("R1")): ["Bristol", "Pasadena"],
        str(data("R2")): [did("liar")],
    }
    by = {claim["issuer"]: claim for claim in found["claims"]}
    assert by[did("caltech")]["group"] == "Pasadena"
    assert by[did("liar")]["silent"] == "no-group"
    assert "group" not in by[did("liar")]
    people = octostore("who", str(C1), str(D1), "--policy", "lab.toml").out
    assert f"Bristol* {did('liar')}" in people
    assert "Caltech" not in people
    assert "verdict   agreed; use it again" in people
    assert "nobody has checked it" in people


def test_who_without_a_policy_shows_no_confidence(
    octostore: Command, store: Place
) -> None:
    claims(store, "bristol", Ran(), 1)
    assert "verdict" not in octostore("who", str(C1), str(D1)).out
    said = octostore("who", str(C1), str(D1), "--json").json
    assert "verdict" not in said["invocations"][0]
    assert "policy" not in said


def test_who_says_of_each_silent_claim_why(octostore: Command, store: Place) -> None:
    claims(store, "bristol", Ran(), 1)
    bristol = ISSUERS["bristol"]
    revoked = Revocation(key=bristol.key.public.did, keep=())
    store.take(bristol.state([revoked])[1])
    people = octostore("who", str(C1), str(D1), "--policy", "lab.toml").out
    assert f"{did('bristol')}  on bacalhau  revoked" in people
    told = octostore("who", str(C1), str(D1), "--policy", "lab.toml", "--json").json
    assert told["invocations"][0]["claims"][0]["silent"] == "revoked"


def test_a_policy_is_not_asked_of_a_server(octostore: Command) -> None:
    said = octostore(
        *(
            "who",
            str(C1),
            str(D1),
            "--policy",
            "open",
            "--server",
            "http://localhost:1",
            "--json",
        )
    )
    assert (said.code, said.json["error"]) == (2, "usage")
