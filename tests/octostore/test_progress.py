"""How far long work is, on a terminal and nowhere else."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from octostore.store import Octostore
from tests.octostore.test_ingest import car_of
from tests.octostore.world import Issuer, Ran, data, result

OCTOSTORE = Path(sys.executable).with_name("octostore")

#: What a terminal is told: a control sequence, a control character, or text.
_TOLD = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")

#: How long a terminal is looked at for something.
_PATIENCE_S = 60


@pytest.fixture
def car(tmp_path: Path) -> bytes:
    """A delivery of some statements, with one that is waited for in the end."""
    issuer = Issuer("one")
    first, blocks = issuer.claims(Ran(), result())
    for n in range(50):
        blocks += issuer.claims(Ran(), result(data(f"R{n}")))[1]
    (tmp_path / "one.car").write_bytes(car_of(first, blocks))
    return (tmp_path / "one.car").read_bytes()


class Terminal:
    """A terminal that somebody looks at: all that it was told, and what stands there.

    Knows what is needed to take lines back: return, feed, up, erase, colours.
    """

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        self.told = ""

    def wait_for(self, words: str) -> None:
        """Look until the words were told."""
        started = time.monotonic()
        while words not in self.told:
            assert time.monotonic() - started < _PATIENCE_S, self.told[-1000:]
            self._look()

    def look_to_the_end(self) -> None:
        """Look until nobody has the terminal any more."""
        os.close(self.theirs)
        try:
            while True:
                self._look()
        except OSError:  # how Linux says the end of a terminal
            os.close(self.ours)

    def _look(self) -> None:
        ready, _, _ = select.select([self.ours], [], [], _PATIENCE_S)
        assert ready, f"nothing more was told than {self.told!r}"
        self.told += os.read(self.ours, 1 << 16).decode(errors="replace")

    @property
    def screen(self) -> list[str]:
        """The lines that are left."""
        lines, row, column, hidden = [""], 0, 0, False
        for told in _TOLD.finditer(self.told):
            digits, verb, control, text = told.groups()
            if text:
                lines[row] = lines[row][:column].ljust(column) + text
                column += len(text)
            elif control == "\r":
                column = 0
            elif control == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif verb == "A":
                row -= int(digits or 1)
            elif verb == "K":
                lines[row] = ""
            elif (digits, verb) in (("?25", "l"), ("?25", "h")):
                hidden = verb == "l"
            else:
                assert verb == "m", told[0]
        assert not hidden, "the cursor is to be seen again"
        return [line for line in lines if line.strip()]


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def start(
    folder: Path, *arguments: str, stderr: int, term: str = "xterm"
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [OCTOSTORE, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "OCTOSTORE_PATH": str(folder / "store"),
            "TERM": term,
            "COLUMNS": "120",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


def pipes(running: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert running.stdin
    assert running.stdout
    return running.stdin, running.stdout


def test_bytes_and_statements_are_shown_while_they_come_and_then_go_away(
    tmp_path: Path, car: bytes, terminal: Terminal
) -> None:
    with start(tmp_path, "ingest", "-", stderr=terminal.theirs) as running:
        stdin, stdout = pipes(running)
        half = len(car) // 2
        stdin.write(car[:half])
        stdin.flush()
        terminal.wait_for(f"{half / 1000:.1f} kB")
        terminal.wait_for("0 statements taken")
        stdin.write(car[half:])
        stdin.close()
        said = stdout.read().decode()
        terminal.look_to_the_end()
    assert running.returncode == 0
    assert said.count("accepted") == 51
    assert "\x1b" not in said
    assert terminal.screen == []


def test_the_size_of_a_file_is_shown_beside_what_was_read(
    tmp_path: Path, car: bytes, terminal: Terminal
) -> None:
    with start(tmp_path, "ingest", "one.car", stderr=terminal.theirs) as running:
        pipes(running)[1].read()
        terminal.look_to_the_end()
    assert running.returncode == 0
    assert re.search(rf"one\.car .* of {len(car) / 1000:.1f} kB", terminal.told)
    assert terminal.screen == []


def test_an_error_stands_alone_where_the_progress_was(
    tmp_path: Path, car: bytes, terminal: Terminal
) -> None:
    (tmp_path / "one.car").write_bytes(car[:-1])
    with start(tmp_path, "ingest", "one.car", stderr=terminal.theirs) as running:
        pipes(running)[1].read()
        terminal.look_to_the_end()
    assert running.returncode == 5
    assert len(terminal.screen) == 1
    assert terminal.screen[0].startswith("octostore: one.car: byte 4701")


COMMANDS = [["ingest", "one.car"], ["check"], ["rebuild"], ["backup", "copy"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_long_work_is_shown_on_a_terminal_and_taken_back(
    tmp_path: Path, car: bytes, terminal: Terminal, command: list[str]
) -> None:
    (tmp_path / "first.car").write_bytes(car)
    with Octostore.open(tmp_path / "store"):
        pass
    with start(tmp_path, *command, stderr=terminal.theirs) as running:
        said = pipes(running)[1].read()
        terminal.look_to_the_end()
    assert running.returncode == 0
    assert terminal.told.strip()
    assert terminal.screen == []
    assert b"\x1b" not in said


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("how", ["a pipe", "--json", "TERM=dumb"])
@pytest.mark.usefixtures("car")
def test_nothing_is_shown_elsewhere(
    tmp_path: Path, terminal: Terminal, command: list[str], how: str
) -> None:
    with Octostore.open(tmp_path / "store"):
        pass
    more = ["--json"] if how == "--json" else []
    term = "dumb" if how == "TERM=dumb" else "xterm"
    where = subprocess.PIPE if how == "a pipe" else terminal.theirs
    with start(tmp_path, *command, *more, stderr=where, term=term) as running:
        out, err = running.communicate()
        terminal.look_to_the_end()
    assert running.returncode == 0
    assert terminal.told == ""
    assert not err
    assert b"\x1b" not in out
    if more:
        assert json.loads(out)


def test_a_server_is_sent_a_delivery_as_long_as_it_is(
    tmp_path: Path, car: bytes, terminal: Terminal
) -> None:
    # Nobody listens on the discard port: what is shown is taken back all the same.
    server = ["--server", "http://127.0.0.1:9"]
    with start(
        tmp_path, "ingest", "one.car", *server, stderr=terminal.theirs
    ) as running:
        pipes(running)[1].read()
        terminal.look_to_the_end()
    assert running.returncode == 7
    assert len(terminal.screen) == 1
    assert terminal.screen[0].startswith("octostore: http://127.0.0.1:9: ")
