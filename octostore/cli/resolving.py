"""`octostore resolutions`: what would settle a spec, written down and looked up."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from invocation_spec import Outcome, Resolutions
from invocation_spec.errors import OctostoreError
from invocation_spec.findings import Json
from invocation_spec.outcome import needed
from octostore.cli.inputs import (
    From,
    ResolutionsFile,
    outcomes_in,
    read_spec,
    resolutions_of,
)
from octostore.cli.rim import (
    DONE,
    OUTCOME_CODES,
    AsJson,
    UsageError,
    exit_code,
    leave,
    one_line,
    print_json,
    say,
)
from octostore.cli.words import mend
from octostore.errors import StoreError
from octostore.lookup import DOWNLOAD_BYTES_MAX, Web
from octostore.meanings import Found, can_look_up, look_up

__all__ = ["app"]

app = typer.Typer(
    name="resolutions",
    help="Write and look up what mutable references in a spec meant.",
    epilog="Example: octostore resolutions fill job.yaml -o resolutions.json",
    no_args_is_help=True,
)

_Spec = Annotated[str, typer.Argument(metavar="FILE", help="A spec; - for stdin.")]
_Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="OUT", help="Write here, not to stdout."),
]
_PLATFORM: Final = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9_]+)?")


@dataclass(slots=True)
class _Sheet:
    """A resolutions document in the making.

    `notes` say where and when a value was found; `left` why a part of the spec
    is not settled by it.
    """

    entries: dict[str, Json]
    notes: dict[str, Json] = field(default_factory=dict)
    errors: dict[str, OctostoreError] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


@app.command("template")
def template_command(
    file: _Spec,
    network: From = None,
    resolutions: ResolutionsFile = None,
    out: _Out = None,
    as_json: AsJson = False,
) -> None:
    """Write the resolutions that a spec needs, to be filled in.

    Example: octostore resolutions template job.yaml -o resolutions.json
    """
    _check_out(out, resolutions)
    given = resolutions_of(resolutions)
    outcomes = outcomes_in(file, read_spec(file), given, network)
    sheet = _Sheet({**given.source, **needed(outcomes)})
    hopeless = list(_hopeless(outcomes))
    sheet.left += [line for _, line in hopeless]
    _tell(sheet, out, as_json=as_json)
    leave(max((code for code, _ in hopeless), default=DONE))


@app.command("fill")
def fill_command(
    file: _Spec,
    network: From = None,
    resolutions: ResolutionsFile = None,
    platform: Annotated[
        str | None,
        typer.Option(metavar="OS/ARCH", help="Which image of an index: linux/amd64."),
    ] = None,
    image_config: Annotated[
        bool,
        typer.Option(
            "--image-config", help="Say the entrypoint, cmd and workdir of images too."
        ),
    ] = False,
    bytes_max: Annotated[
        int,
        typer.Option(
            "--max-bytes", metavar="N", min=1, help="Most bytes of one download."
        ),
    ] = DOWNLOAD_BYTES_MAX,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Plain http to a loopback registry.")
    ] = False,
    out: _Out = None,
    as_json: AsJson = False,
) -> None:
    """Look up over the network what the references of a spec mean now.

    Images are asked of their registries, downloads are hashed. Of an image its
    digest and platform are said, so that a tag gives what its digest gives; with
    --image-config its entrypoint and cmd too, which make a command whole. With
    -o OUT.json the source and time of each stand beside it, in OUT.notes.json.

    Example: octostore resolutions fill job.yaml -o resolutions.json
    """
    if platform is not None and not _PLATFORM.fullmatch(platform):
        raise UsageError(f"{platform!r}; expected OS/ARCH", at="--platform")
    _check_out(out, resolutions)
    sheet = _Sheet(dict(resolutions_of(resolutions).source))
    data = read_spec(file)
    with Web(insecure=insecure) as web:
        while True:  # one answer may uncover the next question
            given = Resolutions.of(sheet.entries)
            outcomes = outcomes_in(file, data, given, network)
            todo = _todo(sheet, outcomes)
            if not todo:
                break
            for reference, to_fill in todo.items():
                _look_up(
                    sheet,
                    reference,
                    partial(
                        look_up,
                        web,
                        reference,
                        to_fill,
                        platform,
                        bytes_max,
                        image_config=image_config,
                    ),
                )
    _leave_rest(sheet, outcomes)
    _tell(sheet, out, as_json=as_json)
    codes = [OUTCOME_CODES[outcome.name] for outcome in outcomes]
    leave(max(codes + [exit_code(error) for error in sheet.errors.values()]))


def _look_up(sheet: _Sheet, reference: str, ask: Callable[[], Found]) -> None:
    """Ask for one reference; an error of one does not stop the others."""
    if sys.stderr.isatty():
        print(f"octostore: looking up {one_line(reference)}", file=sys.stderr)
    try:
        found = ask()
    except OctostoreError as error:
        sheet.errors[reference] = error
        return
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    sheet.entries[reference] = found.meaning
    sheet.notes[reference] = {**found.note, "time": time}


def _todo(sheet: _Sheet, outcomes: Iterable[Outcome]) -> dict[str, Json]:
    return {
        reference: to_fill
        for reference, to_fill in needed(outcomes).items()
        if can_look_up(reference)
        and reference not in sheet.errors
        and reference not in sheet.notes
    }


def _hopeless(outcomes: Iterable[Outcome]) -> Iterator[tuple[int, str]]:
    """What no resolution settles, each with its exit code and a line."""
    for outcome in outcomes:
        for item in outcome.unresolved:
            if not item.settle:
                yield OUTCOME_CODES["unresolved"], mend(item)
        for part in outcome.impure:
            yield OUTCOME_CODES["impure"], f"{part.at}: {part.reason}"


def _leave_rest(sheet: _Sheet, outcomes: Iterable[Outcome]) -> None:
    """Write what was not found as a template does, and say why."""
    for reference, to_fill in needed(outcomes).items():
        sheet.entries[reference] = to_fill
        error = sheet.errors.get(reference)
        why = "is not looked up; write its value yourself" if error is None else error
        sheet.left.append(f"{reference}: {why}")
    sheet.left += [line for _, line in _hopeless(outcomes)]


def _tell(sheet: _Sheet, out: Path | None, *, as_json: bool) -> None:
    """The document on stdout or in a file, the rest beside it or on stderr."""
    text = _pretty(sheet.entries)
    if out is not None:
        _write(out, text)
        if sheet.notes:
            _write(_notes_path(out), _pretty(sheet.notes))
    if as_json:
        print_json(
            {
                "resolutions": sheet.entries,
                "notes": sheet.notes,
                "left": sheet.left,
            }
        )
    elif out is None:
        print(text)
    else:
        say(f"written to  {out}")
    for reference, note in sheet.notes.items():
        if out is None:
            _remark(f"{reference}: found, {json.dumps(note, ensure_ascii=False)}")
        if isinstance(note, dict) and "platforms" in note:
            _remark(f"{reference}: is an index; --platform picks the image of one")
    for line in sheet.left:
        _remark(line)


def _remark(line: str) -> None:
    print(f"octostore: {one_line(line)}", file=sys.stderr)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _check_out(out: Path | None, resolutions: str | None) -> None:
    """Refuse to overwrite, before any work; the file that was read may be written."""
    if out is None or not out.exists():
        return
    if resolutions is None or not out.samefile(resolutions):
        raise UsageError(
            "exists; to add to it, give it as --resolutions as well", at=str(out)
        )


def _notes_path(out: Path) -> Path:
    return out.with_name(f"{out.name.removesuffix('.json')}.notes.json")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(path)) from error
