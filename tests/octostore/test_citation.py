"""A verdict as papers cite it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from octostore.belief.citation import Source, cite
from octostore.belief.policy import Group, Policy, Quorum
from octostore.belief.reader import Judged, believing
from octostore.store import Octostore
from tests.octostore.said import Command
from tests.octostore.world import R1, R2, Issuer, Ran, result

TIME_S = 1_669_032_000


def policy(name: str = "my lab", *groups: str) -> Policy:
    return Policy(
        name=name,
        model="quorum",
        groups=tuple(
            Group(name=group, keys=(Issuer(group).key.public.did,))
            for group in sorted(groups or ("Bristol", "Caltech"))
        ),
        quorum=Quorum(against=1),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Octostore.open(tmp_path / "store") as store:
        for name, value in (("Bristol", R1), ("Caltech", R1), ("liar", R2)):
            assert store.ingest(Issuer(name).claims(Ran(), result(value))[1]).accepted
        store.update_map(TIME_S)
    return tmp_path / "store"


def judged(path: Path, by: Policy) -> Judged:
    with Octostore.open(path) as store, believing(store, by) as reader:
        return reader.judged(Ran().cid)


def test_the_sentence_names_invocation_policy_checkpoint_and_verdict(
    path: Path,
) -> None:
    found = judged(path, policy())
    citation = cite(found, policy(), Source("example.com/log"))
    for part in (
        Ran().cid,
        R1,
        "Bristol and Caltech",
        policy().cid,
        "first 4 entries of the log example.com/log",
        found.verdict.root.hex(),
        found.verdict.cid,
        "is agreed",
    ):
        assert str(part) in citation.sentence
    assert "liar" not in citation.sentence


def test_the_permalink_has_all_that_a_verdict_hangs_on(path: Path) -> None:
    found = judged(path, policy())
    at = cite(found, policy(), Source(base="https://node.example/")).permalink
    assert at.startswith(f"https://node.example/v1/who?invocation={Ran().cid}&as_of=4#")
    assert f"policy={policy().cid}" in at
    assert f"verdict={found.verdict.cid}" in at
    assert cite(found, policy(), Source()).permalink.startswith(
        f"octostore:{Ran().cid}"
    )


def test_tex_obeys_no_name(path: Path) -> None:
    evil = policy(r"50% of {\input{x}} & $a_b^c~#", "Bristol", "Caltech")
    bibtex = cite(judged(path, evil), evil, Source()).bibtex
    assert r"50\% of \{\textbackslash" in bibtex
    assert re.search(r"(?<!\\)[%&$#](?!.*url)", bibtex.split("  url")[0]) is None
    depth = 0
    for letter in re.sub(r"\\[{}]", "", bibtex):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0


def test_the_day_is_that_of_the_last_map_head(path: Path) -> None:
    citation = cite(judged(path, policy()), policy(), Source())
    assert citation.csl["issued"] == {"date-parts": [[2022, 11, 21]]}
    assert "year = {2022}" in citation.bibtex


def test_the_command_writes_bibtex_and_csl(
    octostore: Command, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "p").write_bytes(policy().block)
    said = octostore("cite", str(Ran().cid), "--policy", "p", "--json")
    assert said.code == 0
    assert said.json["verdict"]["state"] == "agreed"
    for name in ("a.bib", "a.json"):
        assert octostore("cite", str(Ran().cid), "--policy", "p", "-o", name).code == 0
    assert (tmp_path / "a.bib").read_text() == said.json["bibtex"]
    (csl,) = json.loads((tmp_path / "a.json").read_text())
    assert csl == said.json["csl"]
    again = octostore("cite", str(Ran().cid), "--policy", "p", "-o", "a.bib")
    assert again.code == 2
    other = octostore("cite", str(Ran().cid), "--policy", "p", "-o", "a.txt")
    assert other.code == 2


def test_what_is_not_agreed_is_said_and_exit_1(
    octostore: Command, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "p").write_bytes(policy("x", "Bristol", "liar").block)
    said = octostore("cite", str(Ran().cid), "--policy", "p", "--json")
    assert said.code == 1
    assert "is in dispute" in said.json["sentence"]
    assert octostore("cite", str(R1), str(R2), "--policy", "p").code == 6
    assert octostore("cite", str(Ran().cid), "--policy", "p", "--url", "x y").code == 2
