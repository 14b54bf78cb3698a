"""The command line in-process, for all tests that speak to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from octostore.cli import run
from tests.octostore.said import Command, Said


@pytest.fixture
def octostore(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Carry out a command in a folder of its own, with a store of its own."""
    monkeypatch.setenv("OCTOSTORE_PATH", str(tmp_path / "store"))
    monkeypatch.delenv("OCTOSTORE_SERVER", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Said:
        code = run([str(item) for item in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call
