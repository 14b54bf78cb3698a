"""What a command loads before it does anything; each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from octostore.cli import VERBS, harvesting

_SAY_MODULES = """
import json, sys
from octostore.cli import run
try:
    run(sys.argv[1:])
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def _modules_after(*arguments: str, place: Path) -> set[str]:
    """The modules that a process has imported when a command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", _SAY_MODULES, *arguments],
        env={"OCTOSTORE_PATH": str(place / "store")},
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


_HARVESTS = "octostore.cli.harvesting"


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
