"""An implementation in another language, from the text alone, agrees."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_PACKAGE = Path(__file__).parent / "js"
_INSTALL_S = 300
_CHECK_S = 300

_NO_REGISTRY = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"
    r"|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED)\b"
)


def _run(
    words: list[str], folder: Path, timeout_s: int
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=folder,
        timeout=timeout_s,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def implementation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with its packages, so that the checkout stays as it is."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("interop") / "js"
    shutil.copytree(_PACKAGE, folder, ignore=shutil.ignore_patterns("node_modules"))
    words = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
    words += ["--fetch-retries=0"]
    try:
        done = _run(words, folder, _INSTALL_S)
    except subprocess.TimeoutExpired:
        pytest.skip("npm install: no answer from a registry")
    missing = _NO_REGISTRY.search(done.stderr)
    if done.returncode != 0 and missing:
        pytest.skip(f"npm install: no registry ({missing[0]})")
    assert done.returncode == 0, done.stderr
    return folder


def _check(implementation: Path, *words: str) -> str:
    done = _run(["node", "check.js", *words], implementation, _CHECK_S)
    assert done.returncode in (0, 1), done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.slow
def test_agrees_with_the_vectors(implementation: Path, vectors: Path) -> None:
    written = _check(implementation, "--json", str(vectors / "invocation"))
    reports: list[dict[str, Any]] = json.loads(written)
    assert len(reports) == len(list((vectors / "invocation").glob("*.json")))
    disagreements = [
        {"file": report["file"], **one}
        for report in reports
        for one in report["disagreements"]
    ]
    assert disagreements == []


@pytest.mark.slow
def test_each_family_is_one_invocation(implementation: Path, vectors: Path) -> None:
    written = _check(implementation, "--families", str(vectors / "invocation"))
    lines = written.splitlines()
    assert lines
    assert [line for line in lines if not line.endswith(": agrees")] == []
