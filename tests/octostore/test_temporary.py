"""Folders for a while: gone at the end, also where nobody could take them away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from octostore import temporary
from octostore.temporary import temporary_folder

_HOLD = """
import sys
from octostore.temporary import temporary_folder
with temporary_folder("scratch") as folder:
    (folder / "data").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where folders for a while are made; what is left there was not yet looked at."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    temporary._remove_left_behind.cache_clear()
    yield tmp_path
    temporary._remove_left_behind.cache_clear()


def _holder(place: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(place)},
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_goes_with_all_in_it(place: Path) -> None:
    with temporary_folder("scratch") as folder:
        assert folder.parent == place
        (folder / "data").write_bytes(b"x")
    assert not list(place.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next(place: Path) -> None:
    process, left = _holder(place)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (left / "data").exists()
    with temporary_folder("other"):
        assert left.exists()
    with temporary_folder("scratch"):
        assert not left.exists()


def test_the_folder_of_a_process_that_lives_stays(place: Path) -> None:
    process, held = _holder(place)
    with temporary_folder("scratch"):
        assert (held / "data").exists()
    process.communicate("")
    assert (process.returncode, held.exists()) == (0, False)


def test_what_is_not_surely_left_behind_stays(place: Path) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    (place / "octostore-scratch-link").symlink_to(elsewhere)
    (place / "octostore-scratch-new").mkdir()  # its lock has no name yet
    (place / "octostore-scratch-new" / "lock.new").touch()
    inner = place / "octostore-scratch-led"
    inner.mkdir()
    (inner / "lock").symlink_to(elsewhere / "lock")
    (place / "octostore-scratch-file").touch()
    before = sorted(place.iterdir())
    with temporary_folder("scratch"):
        pass
    assert sorted(place.iterdir()) == before
    assert (elsewhere / "lock").exists()
