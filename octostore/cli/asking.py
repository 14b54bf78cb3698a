"""`octostore who`: who got which result for this program on this input."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from invocation_spec import CID, CidError, Outcome
from octostore.answer import Answer, Asked
from octostore.cli.answers import answer_lines
from octostore.cli.inputs import (
    From,
    ResolutionsFile,
    cid_or_path,
    one_canonical,
    outcomes_of,
)
from octostore.cli.rim import (
    AsJson,
    Server,
    StorePath,
    UsageError,
    print_json,
    say,
    store_path,
)
from octostore.cli.specs import leave_not_canonical
from octostore.client import Remote
from octostore.store import Octostore
from octostore.who import CLAIMS_MAX, who

__all__ = ["who_command"]


def who_command(
    program: Annotated[
        str,
        typer.Argument(
            metavar="PROGRAM|SPEC",
            help="Program or code: a CID or ./path. Alone: a spec or an invocation.",
        ),
    ],
    given_input: Annotated[
        str | None,
        typer.Argument(metavar="INPUT", help="Input or data: a CID or ./path."),
    ] = None,
    network: From = None,
    resolutions: ResolutionsFile = None,
    task: Annotated[
        int | None, typer.Option(help="Which task of the spec, from 0.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=CLAIMS_MAX, help="Claims on one page.")
    ] = CLAIMS_MAX,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on after `next`.")
    ] = None,
    store: StorePath = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Say who got which result, and where results conflict.

    Example: octostore who ./kepler.wasm ./planets.csv
    """
    if given_input is not None:
        questions = [
            Asked(program=cid_or_path(program), input=cid_or_path(given_input))
        ]
    else:
        questions = _of_spec(program, network, resolutions, task, as_json=as_json)
    if server is not None:
        answers, notes = _ask_server(server, questions, limit, after)
    else:
        with Octostore.open(store_path(store), readonly=True) as open_store:
            answers = [
                who(open_store, asked, limit=limit, after=after) for asked in questions
            ]
        notes = ()
    answer = _joined(answers)
    if as_json:
        print_json(answer.to_json())
    else:
        for line in answer_lines(answer):
            say(line)
    for note in notes:
        print(f"octostore: {note}", file=sys.stderr)


def _of_spec(
    name: str,
    network: str | None,
    resolutions: str | None,
    task: int | None,
    *,
    as_json: bool,
) -> list[Asked]:
    """What one argument asks: an invocation by CID, or by a document."""
    try:
        return [Asked(invocation=CID.parse(name))]
    except CidError as error:
        if name != "-" and not Path(name).exists():
            raise UsageError(
                f"{error.reason}, and no spec of that name is here", at=name
            ) from error
    outcome = one_canonical(outcomes_of(name, resolutions, network), task)
    if not isinstance(outcome, Outcome):
        leave_not_canonical(outcome, as_json=as_json)
    keys = [outcome.invocation.cid] if outcome.invocation is not None else []
    keys += [also.invocation for also in outcome.also]
    return [Asked(invocation=key) for key in keys]


def _ask_server(
    url: str, questions: list[Asked], limit: int, after: str | None
) -> tuple[list[Answer], tuple[str, ...]]:
    with Remote(url) as remote:
        found = [remote.who(asked, limit=limit, after=after) for asked in questions]
    notes = dict.fromkeys(note for item in found for note in item.notes)
    return [item.answer for item in found], tuple(notes)


def _joined(answers: list[Answer]) -> Answer:
    """One answer for one spec that has several addresses; the first was asked."""
    first = answers[0]
    invocations = {
        item.invocation: item for answer in answers for item in answer.invocations
    }
    links = dict.fromkeys(link for answer in answers for link in answer.links)
    return replace(first, invocations=tuple(invocations.values()), links=tuple(links))
