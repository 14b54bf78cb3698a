"""`octostore explain`: why two documents do or do not hash alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import typer

from invocation_spec import Outcome
from invocation_spec.dagjson import encode
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.explanation import ABSENT, Difference, Explanation, Side, explain
from octostore.cli.inputs import ResolutionsFile, outcomes_of
from octostore.cli.rim import (
    DONE,
    NO,
    OUTCOME_CODES,
    AsJson,
    UsageError,
    leave,
    one_line,
    print_json,
    report,
    say,
)
from octostore.cli.words import mend

__all__ = ["explain_command"]

#: Differences that are shown to people; `--json` has them all.
_SHOWN_MAX: Final = 40

#: Longest value that is shown whole.
_VALUE_MAX: Final = 200


def explain_command(
    first: Annotated[str, typer.Argument(metavar="A", help="A spec; - for stdin.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another spec.")],
    resolutions: ResolutionsFile = None,
    networks: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="NETWORK",
            help="The network of both; given twice, of A and of B.",
        ),
    ] = None,
    task: Annotated[
        int | None,
        typer.Option(min=0, help="Which task, from 0, of a spec with several."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say field by field why two specs do or do not have one CID.

    Example: octostore explain bacalhau-job.yaml golem-bundle.json
    """
    if first == second == "-":
        raise UsageError("only one of the two can come from stdin", at="-")
    of_a, of_b = _networks(networks or [])
    try:
        a = _read(first, resolutions, of_a)
        b = _read(second, resolutions, of_b)
    except DocumentError as error:
        leave(report(error, as_json=as_json, outcome="refused"))
    found = [explain(*pair) for pair in _paired(_chosen(a, task), _chosen(b, task))]
    if as_json:
        print_json(_json(found))
    else:
        for number, item in enumerate(found):
            if len(found) > 1:
                say(f"task {number}")
            for line in _lines(item, first, second):
                say(one_line(line))
    leave(max(_code(item) for item in found))


def _read(
    name: str, resolutions: str | None, network: str | None
) -> tuple[Outcome, ...]:
    """The outcomes of one of the two; a refusal says of which."""
    try:
        return outcomes_of(name, resolutions, network)
    except DocumentError as error:
        if name in error.reason:
            raise
        raise DocumentError(f"{name}: {error.reason}", at=error.at) from error


def _networks(given: Sequence[str]) -> tuple[str | None, str | None]:
    if len(given) > 2:
        raise UsageError("expected one network, or two: of A and of B", at="--from")
    return (given[0], given[-1]) if given else (None, None)


def _chosen(outcomes: Sequence[Outcome], task: int | None) -> Sequence[Outcome]:
    if task is None or len(outcomes) == 1:
        return outcomes
    if task >= len(outcomes):
        raise UsageError(f"there are tasks 0 to {len(outcomes) - 1}", at="--task")
    return outcomes[task : task + 1]


def _paired(
    a: Sequence[Outcome], b: Sequence[Outcome]
) -> Iterable[tuple[Outcome, Outcome]]:
    if len(a) != len(b):
        raise UsageError(
            f"A holds {len(a)} and B {len(b)} tasks; choose one with --task N"
        )
    return zip(a, b, strict=True)


def _json(found: Sequence[Explanation]) -> object:
    """One object for one task, `{same, tasks: [..]}` for several."""
    if len(found) == 1:
        return found[0].to_json()
    answers = {item.same for item in found}
    same = False if False in answers else None if None in answers else True
    return {"same": same, "tasks": [item.to_json() for item in found]}


def _code(item: Explanation) -> int:
    if item.a.name == item.b.name == "canonical":
        return DONE if item.same else NO
    return max(OUTCOME_CODES[item.a.name], OUTCOME_CODES[item.b.name])


def _lines(item: Explanation, first: str, second: str) -> Iterable[str]:
    yield _VERDICTS[item.same]
    for name, file, outcome in (("A", first, item.a), ("B", second, item.b)):
        key = f"  {outcome.invocation.cid}" if outcome.invocation else ""
        yield f"  {name}  {file}  ({outcome.network}, {outcome.form})"
        yield f"     {outcome.name}{key}"
    shown = item.differences[:_SHOWN_MAX]
    width = max((len(difference.words) for difference in shown), default=0)
    for difference in shown:
        yield from _difference(difference, width)
    more = len(item.differences) - len(shown) + item.left_out
    if more:
        listed = f"the first {len(item.differences)}" if item.left_out else "all"
        yield f"  and {more} more differences; --json has {listed}"
    for name, outcome in (("A", item.a), ("B", item.b)):
        yield from _findings(name, outcome)
    for note in item.notes:
        yield f"  note: {note}"


_VERDICTS = {
    True: "the same invocation",
    False: "not the same invocation",
    None: "not decided: what is complete agrees",
}


def _difference(item: Difference, width: int) -> Iterable[str]:
    yield f"  {item.words.ljust(width)}  A {_shown(item.a)}"
    yield f"  {' ' * width}  B {_shown(item.b)}"
    if item.hint:
        yield f"  {' ' * width}  {item.hint}"


def _findings(name: str, outcome: Outcome) -> Iterable[str]:
    for part, value in (("program", outcome.program), ("input", outcome.input)):
        if value is None:
            yield f"  {name}: its {part} is not known yet, and was not compared"
    for found in outcome.unresolved:
        yield f"  {name}: unresolved {mend(found)}"
    for impure in outcome.impure:
        yield f"  {name}: impure {impure.at}: {impure.reason}"


def _shown(side: Side) -> str:
    if side is ABSENT:
        return "has none"
    try:
        text = encode(side)
    except EncodingError:
        text = repr(side)
    if text.startswith('{"/":"'):
        text = text[6:-2]  # a link, without the clothes of DAG-JSON
    return text if len(text) <= _VALUE_MAX else text[: _VALUE_MAX - 2] + ".."
