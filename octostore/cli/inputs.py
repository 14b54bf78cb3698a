"""What people name on the command line: CIDs, files, documents, `-` for stdin.

What reads documents, with an adapter for every network, is loaded with the first of
them: most commands name CIDs or files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TypeAlias

import typer

from invocation_spec.cid import CID
from invocation_spec.errors import CidError, DocumentError
from invocation_spec.references import IpfsPath, parse_ipfs
from octostore.cli.rim import UsageError
from octostore.contents import cid_of_file
from octostore.errors import FileError, NoteError
from octostore.tlog.note import check_name

if TYPE_CHECKING:
    from invocation_spec import Outcome, Resolutions

__all__ = [
    "From",
    "InputOrData",
    "ProgramOrSpec",
    "ResolutionsFile",
    "Task",
    "checked_name",
    "cid_or_path",
    "one_canonical",
    "opened",
    "outcomes_in",
    "outcomes_of",
    "read_file",
    "read_spec",
    "resolutions_of",
]

ResolutionsFile: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--resolutions",
        metavar="FILE",
        help="JSON: what mutable references in the spec meant.",
    ),
]
From: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="NETWORK", help="The network that the spec was written for."
    ),
]
Task: TypeAlias = Annotated[
    int | None, typer.Option(min=0, help="Which task of the spec, from 0.")
]
ProgramOrSpec: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="PROGRAM|SPEC",
        help="Program or code: a CID or ./path. Alone: a spec or an invocation.",
    ),
]
InputOrData: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="INPUT", help="Input or data: a CID or ./path."),
]


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """A file to read, or stdin for `-`.

    Raises:
        FileError: it cannot be opened, or not read to the end.
    """
    try:
        if name != "-":
            with Path(name).open("rb") as stream:
                yield stream
        elif sys.stdin is None:
            raise FileError("stdin is closed", at=name)
        else:
            yield sys.stdin.buffer
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=name) from error


def read_file(name: str, bytes_max: int) -> bytes:
    """The bytes of a file, or of stdin for `-`; no more than a limit is read.

    Raises:
        DocumentError: it is larger.
        FileError: it cannot be read.
    """
    with opened(name) as stream:
        data = stream.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise DocumentError(
            f"more than {bytes_max} bytes, the most a document may have;"
            " name large files by their CID"
        )
    return data


def checked_name(option: str, name: str) -> None:
    """Return if this option names a key of a log or a witness.

    Raises:
        UsageError: no key may have this name.
    """
    try:
        check_name(name)
    except NoteError as error:
        raise UsageError(f"{option}: {error.reason}") from error


def cid_or_path(text: str) -> CID:
    """The CID that `text` spells, or the raw sha2-256 CID of the file it names.

    Raises:
        UsageError: it is neither.
        FileError: the file cannot be read.
    """
    try:
        found = parse_ipfs(text if "/" in text else f"ipfs://{text}")
    except CidError as error:
        reason = error.reason
    else:
        if isinstance(found, IpfsPath) and not found.path:
            return found.cid
        reason = "not a CID"
    path = Path(text)
    if path.is_dir():
        raise UsageError("a folder has no raw CID; name a file in it", at=text)
    if path.exists():
        return cid_of_file(path)
    raise UsageError(f"{reason}, and no file of that name is here", at=text)


def outcomes_of(
    spec: str, resolutions: str | None, network: str | None
) -> tuple[Outcome, ...]:
    """Canonicalise the document that a file holds.

    Raises:
        DocumentError: the document, or the resolutions, are refused.
        FileError: a file cannot be read.
    """
    given = resolutions_of(resolutions)
    return outcomes_in(spec, read_spec(spec), given, network)


def resolutions_of(name: str | None) -> Resolutions:
    """The resolutions that a file holds; none without a file.

    Raises:
        DocumentError: they are refused.
        FileError: the file cannot be read.
    """
    from invocation_spec import Resolutions
    from invocation_spec.document import DOCUMENT_BYTES_MAX

    if name is None:
        return Resolutions.none()
    with _named(f"in the resolutions {name}", always=True):
        return Resolutions.parse(read_file(name, DOCUMENT_BYTES_MAX))


def read_spec(name: str) -> bytes:
    """The bytes of a document, paths in a Golem bundle hashed; see `read_file`."""
    from invocation_spec.document import DOCUMENT_BYTES_MAX
    from octostore.cli.bundles import with_paths_hashed

    with _named(name, always=False):
        return with_paths_hashed(name, read_file(name, DOCUMENT_BYTES_MAX))


def outcomes_in(
    name: str, data: bytes, given: Resolutions, network: str | None
) -> tuple[Outcome, ...]:
    """Canonicalise a document that was read from the file `name`.

    Raises:
        DocumentError: it is refused.
    """
    from invocation_spec import canonicalize

    with _named(name, always=False):
        return canonicalize(data, given, network=network)


@contextmanager
def _named(name: str, *, always: bool) -> Iterator[None]:
    """Name the file in refusals that point at no place in it, or in all."""
    try:
        yield
    except DocumentError as error:
        if error.at is not None and not always:
            raise
        raise DocumentError(f"{name}: {error.reason}", at=error.at) from error


def one_canonical(
    outcomes: tuple[Outcome, ...], task: int | None
) -> Outcome | tuple[Outcome, ...]:
    """The one outcome to act on; all of them if it is not canonical.

    Raises:
        UsageError: several tasks and none chosen, or no such task.
    """
    if task is not None:
        if not 0 <= task < len(outcomes):
            raise UsageError(f"there are tasks 0 to {len(outcomes) - 1}", at="--task")
        chosen = outcomes[task]
    elif len(outcomes) > 1:
        raise UsageError(
            f"the document holds {len(outcomes)} tasks; choose one with --task N"
        )
    else:
        chosen = outcomes[0]
    return chosen if chosen.name == "canonical" else (chosen,)
