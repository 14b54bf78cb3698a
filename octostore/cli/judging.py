"""`octostore verdict`: what a policy believes of an invocation, and why."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from invocation_spec.cid import CID
from octostore.belief.reader import Reader, believing
from octostore.cli.as_of import AsOf, AsOfText, read_as_of
from octostore.cli.asking import questions_of
from octostore.cli.inputs import From, InputOrData, ProgramOrSpec, ResolutionsFile, Task
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
from octostore.cli.verdicts import moved_json, moved_lines, verdict_json, verdict_lines
from octostore.counted import entries
from octostore.questions.answer import Asked
from octostore.questions.who import answer_of
from octostore.store import Octostore

__all__ = ["JUDGED_MAX", "invocations_of", "verdict_command"]

#: Invocations that one command judges; a program and an input have one most often.
JUDGED_MAX: Final = 1000


def verdict_command(
    program: ProgramOrSpec,
    given_input: InputOrData = None,
    *,
    policy: PolicyName,
    network: From = None,
    resolutions: ResolutionsFile = None,
    task: Task = None,
    as_of: AsOfText = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say what moved the numbers, and by how much."),
    ] = False,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Judge what is claimed by a policy of one's own.

    Exit 0 if all that was found is agreed, 1 if not: undecided, a conflict, or
    nobody says anything.

    Example: octostore verdict ./kepler.wasm ./planets.csv --policy lab.toml
    """
    believed = policy_of(policy)
    questions = questions_of(
        program, given_input, network, resolutions, task, as_json=as_json
    )
    then = read_as_of(as_of)
    size = None if then is None else then.size
    with (
        Octostore.open(store_path(store), readonly=True) as opened,
        believing(opened, believed, size) as reader,
    ):
        _check(then, reader)
        found = [reader.judged(cid) for cid in invocations_of(reader, questions)]
        moved = [reader.explain(item.heard) if explain else () for item in found]
    checkpoint = reader.checkpoint
    if as_json:
        print_json(
            {
                "policy": str(believed.cid),
                "checkpoint": checkpoint.to_json(),
                "verdicts": [
                    verdict_json(item) | ({"moved": moved_json(why)} if explain else {})
                    for item, why in zip(found, moved, strict=True)
                ],
            }
        )
    else:
        for item, why in zip(found, moved, strict=True):
            say(f"invocation  {item.verdict.invocation}")
            for line in verdict_lines(item, believed):
                say(line)
            for line in moved_lines(why, believed) if explain else ():
                say(line)
            say("")
        if not found:
            say("no claims, so no verdict; run it")
        say(f"policy {believed.cid}")
        say(f"from a log of {entries(checkpoint.size)}")
    for note in reader.notes:
        print(f"octostore: {note}", file=sys.stderr)
    is_agreed = found and all(item.verdict.state == "agreed" for item in found)
    leave(DONE if is_agreed else NO)


def invocations_of(reader: Reader, questions: list[Asked]) -> list[CID]:
    """The invocations asked for of which anything is claimed; one by its CID always.

    Raises:
        UsageError: more than are judged at once.
    """
    found: dict[CID, None] = {}
    for asked in questions:
        if asked.invocation is not None:
            found[asked.invocation] = None
            continue
        after: str | None = None
        while True:
            answer = answer_of(reader.view, asked, after=after)
            found.update(dict.fromkeys(item.invocation for item in answer.invocations))
            if len(found) > JUDGED_MAX:
                raise UsageError(
                    f"more than {JUDGED_MAX} invocations; ask for one of them, by its"
                    " CID or its spec"
                )
            after = answer.next
            if after is None:
                break
    return list(found)


def _check(then: AsOf | None, reader: Reader) -> None:
    """Hold the log against the checkpoint that was named."""
    if then is not None:
        then.check(reader.checkpoint)
