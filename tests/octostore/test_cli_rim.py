"""What a terminal, a pipe and a disk can do to a command; real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from octostore.cli import run

KEPLER = Path(__file__).parents[2] / "examples" / "kepler"
JOB = str(KEPLER / "bacalhau-job.yaml")
_MAIN = "from octostore.cli import main; main()"


def _run(
    place: Path, line: str, *, encoding: str = "utf-8:strict", unbuffered: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Let a shell run `line`, with $O for the command and $JOB for the spec."""
    environment = {
        **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
        "O": f"{sys.executable} -c '{_MAIN}'",
        "JOB": JOB,
        "OCTOSTORE_PATH": str(place / "store"),
        "PYTHONIOENCODING": encoding,
        **({"PYTHONUNBUFFERED": "1"} if unbuffered else {}),
    }
    return subprocess.run(
        ["bash", "-c", line.replace("octostore ", 'eval "$O" ')],
        cwd=place,
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rim")
    store, key = ("--store", str(folder / "store")), ("--key", str(folder / "k.key"))
    assert run(["key", "new", str(folder / "k.key")]) == 0
    assert run(["profile", "--name", "Zürich", *key, *store]) == 0
    assert run(["claim", JOB, "--network", "golem", "--exit", "0", *key, *store]) == 0
    return folder


@pytest.mark.parametrize(
    ("line", "unbuffered"),
    [
        ("octostore who $JOB", False),
        ("octostore who $JOB --json", True),
        ("octostore --help", False),
    ],
)
def test_output_that_cannot_be_written_exits_7_in_one_line(
    place: Path, line: str, unbuffered: bool
) -> None:
    done = _run(place, f"{line} > /dev/full", unbuffered=unbuffered)
    assert done.returncode == 7
    assert done.stderr.decode().splitlines() == [
        "octostore: stdout: No space left on device"
    ]


@pytest.mark.parametrize(
    ("line", "unbuffered"),
    [("who $JOB", True), ("who $JOB --json", True), ("who $JOB --json", False)],
)
def test_a_reader_that_goes_away_ends_a_command_silently_as_a_signal_would(
    place: Path, line: str, unbuffered: bool
) -> None:
    done = _run(
        place,
        f'octostore {line} | true; echo "${{PIPESTATUS[0]}}"',
        unbuffered=unbuffered,
    )
    # It may also have ended before the reader did.
    assert done.stdout.strip() in (b"141", b"0")
    assert done.stderr == b""


@pytest.mark.parametrize("line", ["canonicalize -", "ingest -", "cid -"])
def test_a_closed_stdin_is_bad_usage(place: Path, line: str) -> None:
    done = _run(place, f"octostore {line} <&-")
    assert done.returncode == 2
    assert done.stderr.decode().startswith("octostore: -: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_stdout_harms_nothing(place: Path) -> None:
    done = _run(place, "octostore who $JOB >&-")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8:strict"])
def test_names_are_shown_in_any_encoding(place: Path, encoding: str) -> None:
    done = _run(place, "octostore who $JOB", encoding=encoding)
    assert done.returncode == 0
    assert done.stderr == b""
    as_json = _run(place, "octostore who $JOB --json", encoding=encoding)
    claim = json.loads(as_json.stdout)["invocations"][0]["claims"][0]
    assert claim["name"] == "Zürich"


def test_a_file_name_that_is_no_text_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff")).touch()
    (tmp_path / "a\n\x1b[31m\u202e").touch()
    lines = _run(tmp_path, "octostore cid .").stdout.decode().splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        "a\\n\\x1b[31m\\u202e",
        "\\udcff",
    ]
    found = json.loads(_run(tmp_path, "octostore cid . --json").stdout)
    assert set(found) == {"a\n\x1b[31m\u202e", "\udcff"}


def test_a_missing_file_with_such_a_name_is_one_line(tmp_path: Path) -> None:
    done = _run(tmp_path, "octostore canonicalize $'\\xff' --json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["at"] == "\udcff"
    assert len(done.stderr.splitlines()) == 1


def test_cid_reads_pipes(tmp_path: Path) -> None:
    line = "printf hi > f; octostore cid f; octostore cid - < f; octostore cid <(cat f)"
    done = _run(tmp_path, line)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    assert len(set(done.stdout.splitlines())) == 1


def test_a_pipe_for_a_key_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    done = _run(tmp_path, "mkfifo p; octostore key show p")
    assert done.returncode == 2
    assert b"not a regular file" in done.stderr


def test_a_claim_that_does_not_fit_the_disk_leaves_no_part_of_it(place: Path) -> None:
    outputs = " ".join(f"--output /{n}=k.key" for n in range(20))
    line = "octostore claim $JOB --network g --key k.key -o big.car"
    # Room for the state of the key, 256 bytes, and not for the claim.
    done = _run(place, f"ulimit -f 1; {line} {outputs} > /dev/null")
    assert done.returncode == 7
    assert done.stderr.decode() == "octostore: big.car: not written: File too large\n"
    assert not list(place.glob("*.car"))
