"""`octostore cite`: a verdict as a paper cites it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from octostore.belief.citation import Citation, Source, cite
from octostore.belief.reader import believing
from octostore.cli.as_of import AsOfText, read_as_of
from octostore.cli.asking import own_key, questions_of
from octostore.cli.inputs import From, InputOrData, ProgramOrSpec, ResolutionsFile, Task
from octostore.cli.judging import invocations_of
from octostore.cli.policies import PolicyName, policy_of
from octostore.cli.rim import (
    DONE,
    NO,
    AsJson,
    StorePath,
    UsageError,
    leave,
    print_json,
    say,
    store_path,
)
from octostore.cli.verdicts import verdict_json
from octostore.cli.writing import write_once
from octostore.errors import NotFoundError, RecordError
from octostore.records import shape
from octostore.store import Octostore

__all__ = ["cite_command"]


def cite_command(
    program: ProgramOrSpec,
    given_input: InputOrData = None,
    *,
    policy: PolicyName,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A server with this log, for the permalink."),
    ] = None,
    network: From = None,
    resolutions: ResolutionsFile = None,
    task: Task = None,
    as_of: AsOfText = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write BibTeX (.bib) or CSL (.json)."
        ),
    ] = None,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Cite a verdict: a sentence, a permalink, BibTeX, CSL-JSON.

    Exit 1 if it is not agreed; the sentence says so, too.

    Example: octostore cite job.yaml --policy lab.toml -o kepler.bib
    """
    believed = policy_of(policy)
    if out is not None and out.suffix not in (".bib", ".json"):
        raise UsageError("expected a name that ends in .bib or .json", at=str(out))
    questions = questions_of(
        program, given_input, network, resolutions, task, as_json=as_json
    )
    then = read_as_of(as_of)
    size = None if then is None else then.size
    with Octostore.open(store_path(store), readonly=True) as opened:
        own = own_key(opened)
        source = Source(None if own is None else own.name, _checked(url))
        with believing(opened, believed, size) as reader:
            if then is not None:
                then.check(reader.checkpoint)
            found = invocations_of(reader, questions)
            if not found:
                raise NotFoundError("nobody claims anything of it", at=program)
            if len(found) > 1:
                raise UsageError("several invocations; cite one of them by its CID")
            judged = reader.judged(found[0])
    citation = cite(judged, believed, source)
    if out is not None:
        write_once(out, _file(citation, out))
    if as_json:
        print_json(citation.to_json() | {"verdict": verdict_json(judged)})
    else:
        say(citation.sentence)
        say(citation.permalink)
        for line in citation.bibtex.splitlines() if out is None else ():
            say(line)
    for note in reader.notes:
        print(f"octostore: {note}", file=sys.stderr)
    leave(DONE if judged.verdict.state == "agreed" else NO)


def _file(citation: Citation, out: Path) -> bytes:
    if out.suffix == ".bib":
        return citation.bibtex.encode()
    return (json.dumps([citation.csl], indent=2) + "\n").encode()


def _checked(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        shape.check_url(url, "--url")
    except RecordError as error:
        raise UsageError(error.reason, at="--url") from error
    return url
