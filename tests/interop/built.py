"""Large programs of others, built once and kept outside the checkout."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.interop.conftest import build

__all__ = ["BUILD_S", "cached"]

#: Bacalhau takes ten minutes on two cores, with all that it needs.
BUILD_S = 3600

_HERE = Path(__file__).parent


def cached(name: str, package: str) -> Path:
    """The program of a Go package, in the version that tests/interop/NAME/go.mod says.

    It is built if OCTOSTORE_INTEROP names it, as `make interop-..` does; otherwise
    only one that was built before is used.
    """
    mod = _HERE / name / "go.mod"
    home = os.environ.get("XDG_CACHE_HOME")
    cache = Path(home) if home else Path.home() / ".cache"
    version = next(
        line.split()[-1] for line in mod.read_text().splitlines() if "require" in line
    )
    folder = cache / "octostore" / "interop" / f"{name}-{version}"
    program = folder / package.rpartition("/")[2]
    if program.is_file():
        return program
    if name not in os.environ.get("OCTOSTORE_INTEROP", "").split():
        pytest.skip(f"{name} is not built; `make interop-bacalhau` does that")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(mod, folder)
    made = program.with_name("made")
    build(folder, "build", "-o", str(made), package, bin_=folder, timeout_s=BUILD_S)
    made.rename(program)
    return program
