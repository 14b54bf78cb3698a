"""An organisation and its machines, on the command line: joined, renewed, stolen from.

The commands are those of docs/guides/organisations.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.octostore.said import Command, Said

JOB = Path(__file__).parents[2] / "examples" / "kepler" / "bacalhau-job.yaml"


class Lab:
    """Keys by name, and what they do."""

    def __init__(self, octostore: Command) -> None:
        self._octostore = octostore

    def do(self, *arguments: str | Path) -> Said:
        said = self._octostore(*arguments)
        assert said.code == 0, said.err
        return said

    def key(self, name: str) -> str:
        self.do("key", "new", f"{name}.key")
        return self.did(name)

    def did(self, name: str) -> str:
        return str(self.do("key", "show", f"{name}.key", "--json").json["did"])

    def head(self, name: str) -> str:
        """The last statement of its chain, as the guide finds it."""
        (chain,) = self.do("issuers", self.did(name), "--json").json["chains"]
        return str(chain["head"])

    def claims(self, name: str, network: str, value: str = "a,b\n") -> None:
        Path("r.csv").write_text(value)
        self.do(
            *("claim", JOB, "--network", network, "--exit", "0"),
            *("--output", "/outputs/r.csv=r.csv", "--key", f"{name}.key"),
        )

    def verdict(self) -> Said:
        return self._octostore("verdict", JOB, "--policy", "lab.toml")


@pytest.fixture
def lab(octostore: Command) -> Lab:
    """Bristol with one machine, which has joined for a time, and Caltech."""
    lab = Lab(octostore)
    node, org, caltech = (lab.key(name) for name in ("node", "org", "caltech"))
    lab.do("delegate", node, "--until", "2100-01-01T00:00:00Z", "--key", "org.key")
    lab.do("join", org, "--key", "node.key")
    lab.do(
        *("policy", "new", "quorum", "-o", "lab.toml"),
        *("--group", f"Bristol={org}", "--group", f"Caltech={caltech}"),
    )
    lab.claims("node", "bacalhau")
    lab.claims("caltech", "ipvm")
    return lab


def test_a_machine_speaks_for_its_organisation_once_the_log_has_a_time(
    lab: Lab,
) -> None:
    early = lab.verdict()
    assert early.code == 1
    assert "no map head covers it yet" in early.out
    lab.do("map", "update")
    found = lab.verdict()
    assert found.code == 0
    assert "Bristol, Caltech" in found.out


def test_a_machine_gets_a_new_key_and_what_it_said_stays(lab: Lab) -> None:
    lab.do("map", "update")
    kept, new = lab.head("node"), lab.key("new")
    lab.do("delegate", new, "--key", "org.key")
    lab.do("join", lab.did("org"), "--key", "new.key")
    lab.do("revoke", lab.did("node"), "--keep", kept, "--key", "org.key")
    assert lab.verdict().code == 0
    lab.claims("node", "bacalhau", "stolen\n")
    found = lab.verdict()
    assert found.code == 0
    assert "revoked" in found.out
    lab.claims("new", "bacalhau", "other\n")
    contradicted = lab.verdict()  # one vote, and it says two things
    assert contradicted.code == 1
    assert "Bristol" in contradicted.out


def test_the_organisation_outranks_who_stole_a_key(lab: Lab) -> None:
    lab.do("map", "update")
    kept = lab.head("node")
    lab.do("revoke", lab.did("node"), "--keep", "none", "--key", "node.key")
    assert lab.verdict().code == 1
    lab.do("revoke", lab.did("node"), "--keep", kept, "--key", "org.key")
    assert lab.verdict().code == 0
