"""Faults are counted here, and the table is printed when the tests end.

`make test` runs a sample of each; `make faults` (OCTOSTORE_FAULTS=full) all of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FULL = os.environ.get("OCTOSTORE_FAULTS") == "full"


@dataclass
class Faults:
    """What was done to stores, how often, and what came of it."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, fault: str, *, lost: int = 0, corrupt: int = 0, **more: int) -> None:
        """Count one fault and what it cost."""
        row = self.counts.setdefault(fault, Counter())
        row.update({"times": 1, "lost": lost, "corrupt": corrupt, **more})

    def lines(self) -> Iterator[str]:
        """The table."""
        yield f"{'fault':<52}{'times':>7}{'lost':>6}{'corrupt':>9}  besides"
        for fault, row in self.counts.items():
            rest = set(row) - {"times", "lost", "corrupt"}
            more = ", ".join(f"{word} {row[word]}" for word in sorted(rest))
            yield (
                f"{fault:<52}{row['times']:>7}{row['lost']:>6}{row['corrupt']:>9}"
                f"  {more}"
            )


_FAULTS = Faults()


@pytest.fixture(scope="session")
def faults() -> Faults:
    return _FAULTS


@pytest.fixture(scope="session")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes a disk fail, built from failing.c."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here to build tests/faults/failing.c")
    library = tmp_path_factory.mktemp("failing") / "failing.so"
    source = Path(__file__).with_name("failing.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"],
        check=True,
    )
    return library


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _FAULTS.counts:
        terminalreporter.section("faults")
        for line in _FAULTS.lines():
            terminalreporter.write_line(line)
