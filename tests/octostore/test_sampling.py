"""What is drawn to be checked: by weight, in secret, and open to an audit."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from invocation_spec import CID
from invocation_spec.model import Input, OciProgram, WasiProgram
from octostore import sampling
from octostore.belief.policy import Group, Policy
from octostore.result import Result
from octostore.sampling import (
    SAMPLE_MAX,
    SEED_BYTES,
    Candidate,
    Candidates,
    candidates,
    draw,
)
from octostore.store import Octostore
from tests.octostore.said import Command
from tests.octostore.test_runner import module
from tests.octostore.world import Issuer, Ran, data, result

SEED = bytes(SEED_BYTES)
SAYS_X = module("(call $say #1024 #1)", data="x")


def seeds(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield hashlib.sha256(b"%d" % number).digest()


def policy(*names: str, anchors: Sequence[str] = ()) -> Policy:
    groups = tuple(
        Group(name=name, keys=(Issuer(name).key.public.did,)) for name in sorted(names)
    )
    return Policy(name="p", model="open", groups=groups, anchors=tuple(sorted(anchors)))


def ran(number: int) -> Ran:
    return Ran(input=Input(args=(str(number),)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


def claim(store: Octostore, who: str, what: Ran, value: CID) -> None:
    statement, blocks = Issuer(who, chain=what.cid.digest[:16]).claims(
        what, result(value)
    )
    assert store.ingest(blocks, [statement.envelope_cid]).sound


def found(store: Octostore, by: Policy, seed: bytes = SEED) -> Candidates:
    with store.view() as view:
        return candidates(view, by, seed)


def only(store: Octostore, by: Policy) -> Candidate:
    (one,) = found(store, by).candidates
    return one


BOTH = policy("Bristol", "Caltech", "Me", anchors=["Me"])


class TestWeights:
    def test_more_groups_weigh_more(self, store: Octostore) -> None:
        claim(store, "Bristol", ran(0), data("r"))
        before = only(store, BOTH)
        claim(store, "Caltech", ran(0), data("r"))
        after = only(store, BOTH)
        assert (before.groups, after.groups) == (1, 2)
        assert after.weight > before.weight

    def test_a_conflict_weighs_more_until_an_anchor_has_looked(
        self, store: Octostore
    ) -> None:
        claim(store, "Bristol", ran(0), data("r"))
        claim(store, "Caltech", ran(0), data("r"))
        agreed = only(store, BOTH)
        claim(store, "Caltech", ran(0), data("other"))
        torn = only(store, BOTH)
        assert torn.conflict
        assert torn.weight == 8 * agreed.weight
        claim(store, "Me", ran(0), data("r"))
        checked = only(store, BOTH)
        assert checked.checks == 1
        assert checked.weight < agreed.weight

    def test_strangers_are_one_however_many_and_whatever_they_say(
        self, store: Octostore
    ) -> None:
        claim(store, "Bristol", ran(0), data("r"))
        alone = only(store, BOTH)
        for number in range(20):
            claim(store, f"sybil {number}", ran(0), data(f"r{number}"))
        crowd = only(store, BOTH)
        assert not crowd.conflict
        assert crowd.strangers
        assert crowd.weight == alone.weight * 3 // 2  # 2 stakes, then 3

    def test_uses_count_where_somebody_known_claims_them(
        self, store: Octostore
    ) -> None:
        claim(store, "Bristol", ran(0), data("r"))
        downstream = Ran(input=Input(files={"/d": data("r")}))
        claim(store, "sybil", downstream, data("s"))
        first = ran(0).cid
        by = {item.invocation: item for item in found(store, BOTH).candidates}
        assert by[first].uses == 0
        claim(store, "Caltech", downstream, data("s"))
        by = {item.invocation: item for item in found(store, BOTH).candidates}
        assert by[first].uses == 1

    def test_no_weight_is_zero(self) -> None:
        least = Candidate(data("i"), 0, False, 1000, 0, False)
        assert least.weight >= 1

    def test_without_groups_each_key_is_one(self, store: Octostore) -> None:
        claim(store, "Bristol", ran(0), data("r"))
        claim(store, "Caltech", ran(0), data("other"))
        one = only(store, Policy(name="all", model="open"))
        assert (one.groups, one.conflict) == (2, True)

    def test_what_cannot_be_run_here_is_no_candidate(self, store: Octostore) -> None:
        claim(store, "Bristol", ran(0), data("r"))
        image = Ran(OciProgram(data("image")), Input(argv=("/bin/true",)))
        claim(store, "Bristol", image, data("r"))
        statement, blocks = Issuer("Caltech").claims(
            ran(1), result(data("r")), withheld=("input",)
        )
        assert store.ingest(blocks, [statement.envelope_cid]).sound
        seen = found(store, BOTH)
        assert [item.invocation for item in seen.candidates] == [ran(0).cid]
        assert seen.others == 2


def weighing(*groups: int) -> list[Candidate]:
    return [
        Candidate(data(f"i{number}"), count, False, 0, 0, False)
        for number, count in enumerate(groups)
    ]


class TestDraw:
    def test_the_same_seed_draws_the_same_in_any_order(self) -> None:
        many = weighing(*range(50))
        for seed in seeds(5):
            assert draw(many, 7, seed) == draw(many[::-1], 7, seed)

    def test_a_larger_sample_begins_with_the_smaller(self) -> None:
        many = weighing(*range(50))
        assert draw(many, 20, SEED)[:7] == draw(many, 7, SEED)

    def test_draws_follow_the_weights_and_miss_nobody(self) -> None:
        """Weights 1, 2, 5 of 8: 2,000 draws, each within five deviations."""
        three = weighing(0, 1, 4)
        total = sum(item.weight for item in three)
        counts = Counter(draw(three, 1, seed)[0].invocation for seed in seeds(2000))
        for item in three:
            share = item.weight / total
            deviation = (2000 * share * (1 - share)) ** 0.5
            assert abs(counts[item.invocation] - 2000 * share) < 5 * deviation

    def test_a_sample_has_so_many(self) -> None:
        many = weighing(*([1] * (SAMPLE_MAX + 1)))
        assert len(draw(many, SAMPLE_MAX + 1, SEED)) == SAMPLE_MAX

    def test_a_large_store_is_looked_at_where_the_seed_says(
        self, store: Octostore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(8):
            claim(store, "Bristol", ran(number), data("r"))
        monkeypatch.setattr(sampling, "CANDIDATES_MAX", 5)
        looked = [found(store, BOTH, seed) for seed in seeds(20)]
        assert {len(item.candidates) for item in looked} == {5}
        assert {item.unseen for item in looked} == {3}
        assert looked[3] == found(store, BOTH, list(seeds(4))[3])
        everywhere = {one.invocation for item in looked for one in item.candidates}
        assert everywhere == {ran(number).cid for number in range(8)}

    def test_so_many_invocations_are_counted(
        self, store: Octostore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(4):
            claim(store, "Bristol", ran(number), data("r"))
        monkeypatch.setattr(sampling, "SCANNED_MAX", 3)
        assert len(found(store, BOTH).candidates) == 3


@pytest.fixture
def claimed(tmp_path: Path) -> Path:
    """Three invocations of one program: right, wrong, and one whose code is lost."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "p.wasm").write_bytes(SAYS_X)
    program = WasiProgram(CID.of_bytes(SAYS_X))
    with Octostore.open(tmp_path / "store") as store:
        for number, said in enumerate((b"x", b"y")):
            what = Ran(program, Input(args=(str(number),)))
            statement, blocks = Issuer("Bristol", bytes([number]) * 16).claims(
                what, Result({"stdout": CID.of_bytes(said)}, exit=0)
            )
            assert store.ingest(blocks, [statement.envelope_cid]).sound
        claim(store, "Bristol", Ran(input=Input()), data("r"))
    did = Issuer("Bristol").key.public.did.text
    (tmp_path / "p.toml").write_text(
        f'name = "lab"\nmodel = "open"\n[[groups]]\nname = "B"\nkeys = ["{did}"]\n'
    )
    return tmp_path


SAMPLE = ("reproduce", "--policy", "p.toml", "--files", "code")


class TestCommand:
    def test_all_checks_of_a_sample_are_one_statement(
        self, octostore: Command, claimed: Path
    ) -> None:
        octostore("key", "new", "check.key")
        said = octostore(*SAMPLE, "--sample", "3", "--key", "check.key", "--json")
        assert said.code == 1
        assert len(said.json["sample"]["drawn"]) == 3
        holds = [item.get("holds") for item in said.json["reproduced"]]
        assert sorted(map(str, holds)) == ["False", "None", "True"]
        (lost,) = [item for item in said.json["reproduced"] if "error" in item]
        assert lost["error"] == "not-found"
        assert len(said.json["signed"]["records"]) == 2
        with Octostore.open(claimed / "store", readonly=True) as store:
            statement = store.statement(CID.parse(said.json["signed"]["statement"]))
            for cid in statement.part.records:
                with store.view() as view:
                    assert view.get(cid)

    def test_a_sample_can_be_drawn_again_from_its_seed(
        self, octostore: Command, claimed: Path
    ) -> None:
        first = octostore(*SAMPLE, "--sample", "2", "--json").json["sample"]
        assert len(bytes.fromhex(first["seed"])) == SEED_BYTES
        again = octostore(*SAMPLE, "--sample", "2", "--seed", first["seed"], "--json")
        assert again.code == 0
        assert again.json == {"sample": first}
        shown = octostore(*SAMPLE, "--sample", "2", "--seed", first["seed"])
        assert f"seed        {first['seed']}" in shown.out
        assert "drawn       2 of 3 that run here; 0 do not" in shown.out

    def test_two_samples_have_two_seeds(
        self, octostore: Command, claimed: Path
    ) -> None:
        one, two = (octostore(*SAMPLE, "--sample", "1", "--json") for _ in range(2))
        assert one.json["sample"]["seed"] != two.json["sample"]["seed"]

    def test_what_cannot_be_had_exits_6_if_nothing_differs(
        self, octostore: Command, claimed: Path
    ) -> None:
        (claimed / "code" / "p.wasm").unlink()
        said = octostore(*SAMPLE, "--sample", "3")
        assert said.code == 6
        assert said.out.count("not run     ") == 3

    @pytest.mark.parametrize(
        "words",
        [
            (),
            ("job.yaml", "--sample", "1", "--policy", "p.toml"),
            ("--sample", "1"),
            ("job.yaml", "--policy", "p.toml"),
            ("job.yaml", "--seed", "00"),
            ("--sample", "0", "--policy", "p.toml"),
            ("--sample", str(SAMPLE_MAX + 1), "--policy", "p.toml"),
            ("--sample", "1", "--policy", "none.toml"),
            ("--sample", "1", "--policy", "p.toml", "--seed", "0g"),
            ("--sample", "1", "--policy", "p.toml", "--server", "http://localhost:1"),
        ],
        ids=str,
    )
    def test_what_contradicts_itself_is_bad_usage(
        self, octostore: Command, claimed: Path, words: Sequence[str]
    ) -> None:
        assert octostore("reproduce", *words).code == 2

    def test_without_a_store_there_is_nothing_to_draw(
        self, octostore: Command, claimed: Path
    ) -> None:
        said = octostore(*SAMPLE, "--sample", "1", "--store", "nowhere")
        assert said.code == 7
