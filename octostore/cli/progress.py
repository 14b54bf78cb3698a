"""How far long work is: on stderr if that is a terminal, else nothing, nowhere.

    bristol.car ━━━━━━━━━━━━╺━━━━━ 1.2 GB of 1.9 GB 40,312 statements taken

It goes away when the work ends, and with `--json` it does not begin.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from rich import filesize
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from octostore.cli.rim import one_line
from octostore.errors import StoreError

if TYPE_CHECKING:
    from octostore import check

__all__ = ["following", "metered", "told"]

#: What is read at once, and counted.
_PIECE_BYTES: Final = 1 << 16


@contextmanager
def metered(
    stream: BinaryIO,
    name: str,
    taken: Callable[[], int] | None = None,
    *,
    as_json: bool,
) -> Iterator[BinaryIO]:
    """The same stream; how much of it was read is shown, and what was `taken`."""
    console = None if as_json else _terminal()
    if console is None:
        yield stream
        return
    columns: list[ProgressColumn] = [BarColumn(), _Bytes()]
    if taken is not None:
        columns.append(_Asked(lambda: f"{taken():,} statements taken"))
    with _shown(console, *columns) as shown:
        what = "stdin" if name == "-" else one_line(name)
        task = shown.add_task(what, total=_size(stream))
        yield cast(
            "BinaryIO",
            io.BufferedReader(
                _Counted(stream, lambda count: shown.advance(task, count)),
                _PIECE_BYTES,
            ),
        )


@contextmanager
def told(doing: str, *, as_json: bool) -> Iterator[check.Progress]:
    """Something to tell how far it is: of what, how many, of how many."""
    console = None if as_json else _terminal()
    if console is None:
        yield lambda what, done, total: None
        return
    with console.status(doing) as status:

        def tell(what: str, done: int, total: int | None) -> None:
            of = f" of {total:,}" if total is not None else ""
            status.update(
                f"{doing} {what}: {done:,}{of}" if done else f"{doing} {what}"
            )

        yield tell


@contextmanager
def following(doing: str, folder: Path, *, as_json: bool) -> Iterator[None]:
    """Show how large a folder has become that something else writes."""
    console = None if as_json else _terminal()
    if console is None:
        yield
        return
    with _shown(console, SpinnerColumn(), _Asked(lambda: _size_words(folder))) as shown:
        shown.add_task(doing, total=None)
        yield


class _Bytes(ProgressColumn):
    """How much was read, and of how much, if that is known."""

    def render(self, task: Task) -> Text:
        words = filesize.decimal(int(task.completed))
        if task.total is not None:
            words += f" of {filesize.decimal(int(task.total))}"
        return Text(words)


class _Asked(ProgressColumn):
    """Words that are asked for when they are shown."""

    max_refresh = 0.5

    def __init__(self, words: Callable[[], str]) -> None:
        super().__init__()
        self._words = words
        self._last = ""

    def render(self, task: Task) -> Text:
        with suppress(StoreError, OSError):  # whoever does the work says it
            self._last = self._words()
        return Text(self._last)


class _Counted(io.RawIOBase):
    """A stream whose bytes are counted as they are read."""

    def __init__(self, stream: BinaryIO, count: Callable[[int], None]) -> None:
        self._stream = stream
        self._count = count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # of RawIOBase
        # What is there now: a pipe may take its time to fill the rest.
        data = cast("io.BufferedReader", self._stream).read1(len(buffer))
        buffer[: len(data)] = data
        self._count(len(data))
        return len(data)


def _terminal() -> Console | None:
    """The terminal on stderr, if it is one that can take back what it shows."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    console = Console(stderr=True)
    return None if console.is_dumb_terminal else console


def _size(stream: BinaryIO) -> int | None:
    """How many bytes a file has; a pipe does not know."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _shown(console: Console, *columns: ProgressColumn) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        *columns,
        console=console,
        transient=True,
        # Nothing else is printed meanwhile; without this, stdout would be taken over.
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _size_words(folder: Path) -> str:
    size = sum(item.stat().st_size for item in folder.iterdir())
    return filesize.decimal(size)
