"""The rim: exit codes, errors in one line, JSON, the options all commands share.

    0  done                        4  impure
    1  it holds; the answer is no  5  a signature, proof or encoding does not hold
    2  usage, or refused document  6  named by its identifier and not there
    3  unresolved                  7  our disk, or a server that cannot be reached

Source: DESIGN 6.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, NoReturn, TypeAlias

import typer

from invocation_spec.errors import (
    CidError,
    DocumentError,
    EncodingError,
    OctostoreError,
)
from octostore.errors import (
    AddressError,
    BlockMismatchError,
    CarError,
    DidError,
    FileError,
    NoteError,
    NotFoundError,
    ProofError,
    RecordError,
    StatementError,
    StoreError,
    WitnessConflictError,
)
from octostore.runner import RunError
from octostore.told import RemoteError

if TYPE_CHECKING:
    from octostore.client import Remote

__all__ = [
    "DONE",
    "EXIT_CODES",
    "NO",
    "NOT_THERE",
    "UNSOUND",
    "AsJson",
    "Server",
    "StorePath",
    "UsageError",
    "complain",
    "exit_code",
    "leave",
    "one_line",
    "print_json",
    "report",
    "say",
    "server_at",
    "store_path",
]

DONE: Final = 0
NO: Final = 1
USAGE: Final = 2
UNRESOLVED: Final = 3
IMPURE: Final = 4
UNSOUND: Final = 5
NOT_THERE: Final = 6
OUR_DISK: Final = 7


class UsageError(OctostoreError):
    """The command line asks for something that cannot be meant."""

    code: ClassVar[str] = "usage"


#: The one table of exit codes; the nearest ancestor decides.
EXIT_CODES: Final[Mapping[type[OctostoreError], int]] = {
    UsageError: USAGE,
    CidError: USAGE,
    DocumentError: USAGE,
    DidError: USAGE,
    FileError: USAGE,
    RunError: USAGE,
    EncodingError: UNSOUND,
    RecordError: UNSOUND,
    StatementError: UNSOUND,
    CarError: UNSOUND,
    BlockMismatchError: UNSOUND,
    ProofError: UNSOUND,
    NoteError: UNSOUND,
    WitnessConflictError: UNSOUND,
    AddressError: OUR_DISK,
    NotFoundError: NOT_THERE,
    StoreError: OUR_DISK,
    RemoteError: OUR_DISK,
}

OUTCOME_CODES: Final = {"canonical": DONE, "unresolved": UNRESOLVED, "impure": IMPURE}

AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout.")
]
StorePath: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="PATH",
        envvar="OCTOSTORE_PATH",
        help="The store; by default in the user's data directory.",
    ),
]
Server: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        envvar="OCTOSTORE_SERVER",
        help="Ask this server, and verify what it says.",
    ),
]


def exit_code(error: OctostoreError) -> int:
    """The exit code of an error: that of its nearest ancestor in the table."""
    for kind in type(error).__mro__:
        if kind in EXIT_CODES:
            return EXIT_CODES[kind]
    raise LookupError(type(error).__name__)


def report(error: OctostoreError, *, as_json: bool, **more: str) -> int:
    """Say an error: one line on stderr, and with `--json` an object on stdout."""
    if as_json:
        place = {} if error.at is None else {"at": error.at}
        print_json({**more, "error": error.code, **place, "reason": error.reason})
    complain(str(error))
    return exit_code(error)


def complain(text: str) -> None:
    """Say one line on stderr."""
    print(f"octostore: {one_line(text)}", file=sys.stderr)


def one_line(text: str) -> str:
    """Text on one line of a terminal, escapes shown and not obeyed."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def print_json(value: object) -> None:
    """Print one JSON object; keys in the order that the format gives them.

    In ASCII: no terminal obeys it, every encoding carries it, and a file name
    that is no text is still JSON.
    """
    print(json.dumps(value, indent=2))


def say(line: str = "") -> None:
    """Print a line for people; a conflict stands out on a terminal.

    Names in it come from strangers: escapes are shown and not obeyed.
    """
    from rich.console import Console  # --json does without
    from rich.text import Text

    # Text, not str: rich would read `:key:` in a DID as the name of an emoji.
    text = Text(one_line(line))
    text.highlight_words(["CONFLICT"], style="bold red")
    Console(soft_wrap=True).print(text)


def leave(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise typer.Exit(code)


def server_at(url: str) -> Remote:
    """The server at a URL, to be closed; what asks it is loaded when one is named."""
    from octostore.client import Remote

    return Remote(url)


def store_path(given: Path | None) -> Path:
    """The store to use: as given, else in the user's data directory (XDG)."""
    if given is not None:
        return given
    data = os.environ.get("XDG_DATA_HOME")
    base = Path(data) if data else Path.home() / ".local" / "share"
    return base / "octostore"
