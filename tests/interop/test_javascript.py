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

# Where the text leaves open what the vectors state: the reason, and the cases
# as file::name. Nothing of these is a CID of a canonical invocation.
_KNOWN: dict[str, set[str]] = {
    "which place of a fault is named": {
        "golem::neither demand nor agreement",
        "golem::NUL in an argument",
        "golem::another argument of start",
        "golem::no end in the container",
        "golem::start-entrypoint",
        "golem::impure and unresolved",
        "homestar::args-bytes-padded",
        "homestar::args-bytes-spare-bits",
        "own::bytes-padded",
        "own::car-of-a-program-twice",
        "own::entry-default-json",
        "own::entry-default-car",
        "own::imports-empty-json",
        "own::imports-empty-car",
        "own::args-empty-json",
        "own::args-empty-car",
        "own::env-empty-json",
        "own::env-empty-car",
        "own::stdin-null-json",
        "own::stdin-null-car",
        "own::program-more-json",
        "own::program-more-car",
        "own::input-more-json",
        "own::input-more-car",
        "own::kind-unknown-json",
        "own::kind-unknown-car",
        "own::path-unclean-json",
        "own::path-unclean-car",
        "own::path-relative-json",
        "own::path-relative-car",
        "own::code-text-json",
        "own::code-text-car",
        "own::float-in-program-json",
        "own::await-of-a-value-json",
        "own::await-of-a-value-car",
        "ucan-batch::refused-promise-without-a-pointer",
        "ucan-batch::refused-promise-of-a-text-cid",
        "ucan-invocation::refused-function-twice",
        "ucan-invocation::refused-nonce-long",
    },
    "which of two faults is named": {
        "homestar::input-params-of-ucan-1",
        "ucan-batch::refused-input-for-args",
        "ucan-invocation::refused-code-as-rsc",
        "ucan-invocation::refused-params-as-input",
    },
    "an archive for a module that is not one file: refused, or unresolved": {
        "bacalhau-job::module as an archive of several",
    },
    "a bare instruction with a name: a template, or refused": {
        "homestar::template-in-rsc-nonce-and-key",
    },
    "an end that closes an action other than if": {
        "lilypad::template-range",
        "lilypad::template-with",
        "lilypad::template-condition",
        "lilypad::template-definition",
        "lilypad::bundle-action-left",
    },
    "an image by a tag that nobody resolved: a warning of indexes, or none": {
        "ucan-task::docker-tag",
    },
}


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
    known = set().union(*_KNOWN.values())
    surprises = [
        {"file": report["file"], **one}
        for report in reports
        for one in report["disagreements"]
        if f"{Path(report['file']).stem}::{one['name']}" not in known
    ]
    assert surprises == []


@pytest.mark.slow
def test_each_family_is_one_invocation(implementation: Path, vectors: Path) -> None:
    written = _check(implementation, "--families", str(vectors / "invocation"))
    lines = written.splitlines()
    assert lines
    assert [line for line in lines if not line.endswith(": agrees")] == []
