"""What a command loads before it does anything; each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from octostore.cli import VERBS, harvesting, run

_SAY_MODULES = """
import json, sys
from octostore.cli import run
code = run(sys.argv[1:])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def _modules_after(*arguments: str, place: Path, code: int = 0) -> set[str]:
    """The modules that a process has imported when a command has ended, with a code."""
    done = subprocess.run(
        [sys.executable, "-c", _SAY_MODULES, *arguments],
        env={"OCTOSTORE_PATH": str(place / "store")},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


_HARVESTS = "octostore.cli.harvesting"

KEPLER = Path(__file__).parents[2] / "examples" / "kepler"
NIX_KEY = "cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
JOB = str(KEPLER / "bacalhau-job.yaml")

#: What is slow to load, and most commands do without: the machine that runs programs,
#: the client of HTTP, the codec that words refusals, messages of the Remote Execution
#: API.
_SLOW = {"wasmtime", "httpx", "dag_cbor", "multiformats", "google.protobuf"}
_ADAPTERS = {"yaml", "invocation_spec.canonicalization", "invocation_spec.adapters"}
_STORE = {"lmdb", "octostore.store", "octostore.ingest"}


@pytest.mark.parametrize(
    ("arguments", "homes"),
    [
        (["key", "new", "a.key"], {"octostore.cli.keys"}),
        (["cid", "."], {"octostore.cli.specs"}),
        (["harvest", "tes", "--help"], {_HARVESTS, f"{_HARVESTS}.tes"}),
        (["harvest", "nix", "--help"], {_HARVESTS, f"{_HARVESTS}.nix"}),
    ],
)
def test_a_verb_loads_no_other(
    tmp_path: Path, arguments: list[str], homes: set[str]
) -> None:
    places = (*VERBS.values(), *harvesting.NETWORKS.values())
    of_verbs = {place.partition(":")[0] for place in places}
    found = _modules_after(*arguments, place=tmp_path) & of_verbs
    # `--key` is an option of many, and is declared where keys are made.
    assert homes <= found <= homes | {"octostore.cli.keys"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key, a store with one claim, and that claim in a file."""
    folder = tmp_path_factory.mktemp("start")
    key = ["--key", str(folder / "a.key")]
    claim = ["claim", JOB, "--network", "golem", "--exit", "0", *key]
    assert run(["key", "new", key[1]]) == 0
    assert run([*claim, "--out", str(folder / "claim.car")]) == 0
    ingest = ["ingest", str(folder / "claim.car")]
    assert run([*ingest, "--store", str(folder / "store")]) == 0
    return folder


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--version"], _SLOW | _ADAPTERS | _STORE | {"rich.console"}),
        (["key", "show", "a.key"], _SLOW | _ADAPTERS | _STORE),
        (["who", f"{KEPLER}/kepler.wasm", f"{KEPLER}/planets.csv"], _SLOW | _ADAPTERS),
        (["ingest", "claim.car"], _SLOW | _ADAPTERS),
        (["issuers"], _SLOW | _ADAPTERS),
        (["check"], _SLOW | _ADAPTERS),
        (["log", "checkpoint"], _SLOW | _ADAPTERS),
        (["canonicalize", JOB], _SLOW),
        (["claim", JOB, "--network", "golem", "--exit", "0", "--key", "a.key"], _SLOW),
        (["harvest", "tes", "none.json", "--key", "a.key"], _SLOW),
        (
            ["harvest", "nix", ".", "--key", "a.key", "--trusted-key", NIX_KEY],
            _SLOW,
        ),
    ],
)
def test_a_command_loads_only_what_it_needs(
    place: Path, arguments: list[str], absent: set[str]
) -> None:
    (place / "none.json").write_text('{"tasks": []}')
    assert not _modules_after(*arguments, place=place) & absent


@pytest.mark.parametrize(
    ("arguments", "code", "there"),
    [
        (["check", "--second-opinion"], 0, "dag_cbor"),
        (["run", JOB, "--files", str(KEPLER)], 0, "wasmtime"),
        (["ingest", "claim.car", "--server", "http://127.0.0.1:1"], 7, "httpx"),
    ],
)
def test_what_a_command_needs_is_loaded(
    place: Path, arguments: list[str], code: int, there: str
) -> None:
    assert there in _modules_after(*arguments, place=place, code=code)
