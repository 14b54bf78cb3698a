"""The documents tell the truth: what they show is run and compared."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import invocation_spec
import octostore
from invocation_spec.errors import OctostoreError
from octostore.cli import VERBS, harvesting
from tests.modules import import_all

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
OCTOSTORE = Path(sys.executable).with_name("octostore")


def _sessions(text: str) -> list[tuple[str, str]]:
    """Commands of the console blocks with what they should print."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            found.append((command, expected))
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def _run(command: str, place: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    assert program == "octostore", f"only octostore commands are shown: {command}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "OCTOSTORE_PATH": str(place / "store"),
    }
    return subprocess.run(
        [OCTOSTORE, *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_session_of_the_readme_runs_as_shown(place: Path) -> None:
    checker = doctest.OutputChecker()
    sessions = _sessions(README)
    assert len(sessions) >= 10
    for command, expected in sessions:
        done = _run(command, place)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert checker.check_output(expected, done.stdout, doctest.ELLIPSIS), (
            f"{command} printed\n{done.stdout}\ninstead of\n{expected}"
        )


def test_the_readme_shows_what_the_demo_prints(place: Path) -> None:
    printed = _run("octostore demo", place).stdout
    assert f"```\n{printed}```" in README


def test_every_command_stands_in_the_documents() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    for verb in VERBS:
        assert f"`octostore {verb}" in text
    for network in harvesting.NETWORKS:
        assert f"`octostore harvest {network}" in text


def test_every_error_stands_in_the_documents() -> None:
    text = (ROOT / "docs" / "errors.md").read_text()
    import_all(invocation_spec, octostore)

    def below(kind: type[OctostoreError]) -> list[type[OctostoreError]]:
        return [kind, *(leaf for sub in kind.__subclasses__() for leaf in below(sub))]

    for error in below(OctostoreError)[1:]:
        assert f"`{error.code}`" in text, error.__name__


def test_links_between_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
