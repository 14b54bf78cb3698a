"""`octostore canonicalize` and `octostore cid`: what was asked, by content."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from invocation_spec.errors import DocumentError, EncodingError
from octostore.cli.inputs import From, ResolutionsFile, opened, outcomes_of
from octostore.cli.rim import (
    OUTCOME_CODES,
    AsJson,
    StorePath,
    UsageError,
    leave,
    print_json,
    report,
    say,
    store_path,
)
from octostore.cli.words import mend, outcome_lines, outcomes_json
from octostore.contents import cid_of_file, cid_of_stream, files_below
from octostore.errors import StoreError
from octostore.store import BYTES_MAX, Octostore

if TYPE_CHECKING:
    from invocation_spec import Outcome

__all__ = ["canonicalize_command", "cid_command", "leave_not_canonical"]

#: What the name of a file says of the form to write.
_OWN_FORMS: Final = (".car", ".json")


def canonicalize_command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A spec; - for stdin.")],
    network: From = None,
    resolutions: ResolutionsFile = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR|FILE",
            help="Write the blocks by CID, or the own form: FILE.car or FILE.json.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give the canonical invocation of a job of any network.

    Example: octostore canonicalize job.yaml
    """
    try:
        outcomes = outcomes_of(file, resolutions, network)
    except DocumentError as error:
        leave(report(error, as_json=as_json, outcome="refused"))
    if out is not None:
        _write(outcomes, out)
    if as_json:
        print_json(outcomes_json(outcomes))
    else:
        for outcome in outcomes:
            for line in outcome_lines(outcome):
                say(line)
    leave(max(OUTCOME_CODES[outcome.name] for outcome in outcomes))


def leave_not_canonical(outcomes: Sequence[Outcome], *, as_json: bool) -> NoReturn:
    """End a command that needs a canonical spec and was given another.

    The full answer on stdout with `--json`; on stderr a line for each finding.
    """
    if as_json:
        print_json(outcomes_json(outcomes))
    for outcome in outcomes:
        for found in outcome.unresolved:
            print(f"octostore: {mend(found)}", file=sys.stderr)
        for part in outcome.impure:
            print(f"octostore: {part.at}: {part.reason}", file=sys.stderr)
    leave(max(OUTCOME_CODES[outcome.name] for outcome in outcomes))


def _write(outcomes: Sequence[Outcome], out: Path) -> None:
    """The blocks that are complete, or one canonical invocation in its own form."""
    try:
        if out.suffix in _OWN_FORMS and not out.is_dir():
            _write_own(outcomes, out)
        else:
            _write_blocks(outcomes, out)
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(out)) from error


def _write_own(outcomes: Sequence[Outcome], file: Path) -> None:
    from invocation_spec.adapters.own import to_car, to_dag_json

    if len(outcomes) > 1:
        raise UsageError(
            f"the document holds {len(outcomes)} tasks and the own form one;"
            " name a folder",
            at=str(file),
        )
    outcome = outcomes[0]
    if outcome.invocation is None:
        print(f"octostore: {file}: not written: {outcome.name}", file=sys.stderr)
        return
    assert outcome.program is not None  # noqa: S101 - as it has an invocation
    assert outcome.input is not None  # noqa: S101
    if file.suffix == ".car":
        file.write_bytes(to_car(outcome.program, outcome.input))
        return
    try:
        file.write_text(to_dag_json(outcome.program, outcome.input) + "\n")
    except EncodingError as error:
        raise UsageError(f"{error.reason}; write a .car", at=str(file)) from error


def _write_blocks(outcomes: Sequence[Outcome], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        for value in outcome.blocks:
            (folder / f"{value.cid}.dag-cbor").write_bytes(value.block)


def cid_command(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A file or a folder; - for stdin.")
    ],
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Also keep the bytes in the store, to serve."),
    ] = False,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Print the CID of a file, or of each file of a folder.

    It is the raw sha2-256 CID of the bytes.

    Example: octostore cid planets.csv
    """
    if str(path) == "-":
        if keep:
            raise UsageError("stdin cannot be kept; write it to a file", at="-")
        with opened("-") as stream:
            found = {path: cid_of_stream(stream)}
    else:
        found = {file: cid_of_file(file) for file in files_below(path)}
    if keep:
        with Octostore.open(store_path(store)) as open_store:
            for file in found:
                open_store.add_bytes(_kept(file), bytes_max=BYTES_MAX)
    if as_json:
        print_json({str(file): str(cid) for file, cid in found.items()})
        return
    for file, cid in found.items():
        say(f"{cid}  {file}" if path.is_dir() else str(cid))


def _kept(file: Path) -> bytes:
    size = file.stat().st_size
    if size > BYTES_MAX:
        raise UsageError(
            f"{size} bytes; the store keeps files of at most {BYTES_MAX}", at=str(file)
        )
    return file.read_bytes()
