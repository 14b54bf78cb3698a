"""Where those who ran the same do not say the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model import Input
from octostore.belief import disagreements as of
from octostore.belief.disagreements import Disagreement, Disagreements, disagreements
from octostore.belief.policy import Group, Policy
from octostore.belief.reader import believing
from octostore.records import Failure, Withdrawal
from octostore.result import Result
from octostore.store import Octostore
from tests.octostore.said import Command
from tests.octostore.world import R1, R2, Issuer, Ran, data, result


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


def policy(*names: str, **more: object) -> Policy:
    groups = tuple(
        Group(name=name, keys=(Issuer(name).key.public.did,)) for name in sorted(names)
    )
    return Policy(name="mine", model="open", groups=groups, **more)  # type: ignore[arg-type]


def claim(
    store: Octostore, name: str, ran: Ran, got: Result | Failure, **more: object
) -> CID:
    chain = bytes([store.checkpoint().size % 256] * 16)
    statement, blocks = Issuer(name, chain=chain).claims(ran, got, **more)
    assert store.ingest(blocks).accepted
    return statement.part.records[0]


def ran(n: int) -> Ran:
    return Ran(input=Input(files={"/d": data(f"D{n}")}))


def page(store: Octostore, *names: str, **how: object) -> Disagreements:
    if not names:
        with store.view() as view:
            return disagreements(view, **how)  # type: ignore[arg-type]
    with believing(store, policy(*names)) as reader:
        return disagreements(reader.view, reader, **how)  # type: ignore[arg-type]


def one(store: Octostore, *names: str) -> Disagreement:
    (found,) = page(store, *names).found
    return found


def test_two_values_of_one_output_are_a_disagreement_with_all_that_is_said(
    store: Octostore,
) -> None:
    claim(store, "a", ran(0), result(), network="golem", dirs=("/out",))
    claim(store, "b", ran(0), result(R2), platform="linux/arm64")
    claim(store, "c", ran(0), result(R2))
    claim(store, "a", ran(1), result())
    claim(store, "b", ran(1), result())
    found = one(store, "a", "b", "c")
    assert (found.invocation, found.program) == (ran(0).cid, ran(0).program.cid)
    first, second = found.outputs["/r.csv"]
    assert list(found.outputs) == ["/r.csv"]
    assert (first.value, first.parties, first.networks) == (R1, ("a",), ("golem",))
    assert (second.value, second.parties) == (R2, ("b", "c"))
    assert second.platforms == ("linux/arm64",)
    assert (first.dirs, second.dirs, found.dirs_differ) == (("/out",), (), True)
    assert not found.is_nondeterministic


def test_without_a_policy_each_key_is_a_party(store: Octostore) -> None:
    claim(store, "a", ran(0), result())
    claim(store, "b", ran(0), result(R2))
    parties = [said.parties for said in one(store).outputs["/r.csv"]]
    assert parties == [(str(Issuer(name).key.public.did),) for name in "ab"]
    assert page(store, "a").found == ()


def test_who_contradicts_itself_shows_a_nondeterministic_program(
    store: Octostore,
) -> None:
    claim(store, "a", ran(0), result())
    claim(store, "a", ran(0), result(R2))
    found = page(store, "a")
    assert found.found[0].contradicting == ("a",)
    assert found.to_json()["nondeterministic"] == [str(ran(0).program.cid)]


@pytest.mark.parametrize(
    ("got", "more"),
    [
        (result(R2), {"platform": "linux/arm64"}),
        (Failure(kind="trap"), {}),
        (result(R2, name="/other", exit=None), {}),
        (result(CID.of_block(b"the same file, perhaps, in another form")), {}),
    ],
)
def test_what_need_not_differ_is_no_disagreement(
    store: Octostore, got: Result | Failure, more: dict[str, object]
) -> None:
    claim(store, "a", ran(0), result(), platform="linux/amd64")
    claim(store, "b", ran(0), got, **more)
    assert page(store, "a", "b").found == ()
    assert page(store).found == ()


def test_exits_that_differ_are_a_disagreement(store: Octostore) -> None:
    claim(store, "a", ran(0), result(exit=0))
    claim(store, "b", ran(0), result(exit=1))
    assert [said.value for said in one(store, "a", "b").outputs["exit"]] == [0, 1]
    assert page(store).to_json()["disagreements"]


def test_what_does_not_count_is_not_held_against_anybody(store: Octostore) -> None:
    claim(store, "a", ran(0), result())
    claim(store, "stranger", ran(0), result(R2))
    taken_back = claim(store, "b", ran(0), result(R2))
    assert one(store, "a", "b").outputs
    withdrawal = Withdrawal(claim=taken_back, why="wrong")
    again = Issuer("b", chain=bytes([99] * 16))
    assert store.ingest(again.state([withdrawal])[1]).accepted
    assert page(store, "a", "b").found == ()
    assert len(one(store).outputs["/r.csv"]) == 2


def test_outputs_that_a_policy_ignores_do_not_matter(store: Octostore) -> None:
    claim(store, "a", ran(0), result())
    claim(store, "b", ran(0), result(R2))
    for more in ({"ignored": ("/r.csv",)}, {"outputs": ("/other",)}):
        with believing(store, policy("a", "b", **more)) as reader:
            assert disagreements(reader.view, reader).found == ()


def test_pages_of_disagreements_go_on_where_they_end(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        for name, value in (("a", R1), ("b", R2 if n % 2 else R1)):
            claim(store, name, ran(n), result(value))
    whole = [item.invocation for item in page(store).found]
    assert whole == [ran(n).cid for n in (1, 3, 5)]
    for constant, most in (("DISAGREEMENTS_MAX", 1), ("LOOKS_MAX", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(of, constant, most)
            found, after = [], None
            while True:
                some = page(store, after=after)
                found += [item.invocation for item in some.found]
                after = some.next
                if after is None:
                    break
            assert found == whole
    with pytest.raises(DocumentError, match="next"):
        page(store, after="x")


def test_more_claims_than_are_compared_are_said(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of, "ONE_INVOCATION_MAX", 2)
    for name, value in (("a", R1), ("b", R2), ("c", R2)):
        claim(store, name, ran(0), result(value))
    found = one(store)
    assert found.cut == "only the first 2 claims were compared"


def test_the_command_shows_them_to_people_and_as_json(
    octostore: Command, tmp_path: Path
) -> None:
    with Octostore.open(tmp_path / "store") as store:
        claim(store, "a", ran(0), result())
        claim(store, "a", ran(0), result(R2))
        claim(store, "b", ran(1), result())
    (tmp_path / "p").write_bytes(policy("a", "b").block)
    said = octostore("disagreements", "--policy", "p", "--json")
    assert said.code == 0
    assert said.json["policy"] == str(policy("a", "b").cid)
    assert said.json["looked_at"] == 2
    (found,) = said.json["disagreements"]
    assert found["nondeterministic"] is True
    assert found["outputs"]["/r.csv"][0]["parties"] == ["a"]
    people = octostore("disagreements").out
    assert "contradicts itself" in people
    assert "nondeterministic programs" in people
    assert "2 invocations looked at" in people
