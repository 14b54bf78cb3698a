"""`octostore disagreements`: where those who ran the same do not say the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Annotated, Final, TypeAlias, cast

import typer

from invocation_spec import CID
from octostore.belief.disagreements import (
    DISAGREEMENTS_MAX,
    Disagreement,
    Disagreements,
    disagreements,
)
from octostore.belief.reader import Reader, believing
from octostore.belief.verdict import OutputValue
from octostore.cli.at_hand import Folders, Gateways, Known, MaxBytes, sources
from octostore.cli.differing import compared_lines
from octostore.cli.policies import PolicyOption, policy_of
from octostore.cli.rim import (
    AsJson,
    StorePath,
    UsageError,
    one_line,
    print_json,
    say,
    store_path,
)
from octostore.contents import CONTENTS_BYTES_MAX, Contents
from octostore.counted import counted, entries
from octostore.differences import OutputDifferences, differences
from octostore.store import Octostore

__all__ = ["disagreements_command"]

#: How the values of each output differ; an exit status needs no words for that.
Gaps: TypeAlias = dict[str, OutputDifferences]

#: Outputs of one page whose values are fetched and laid side by side.
_DIFFED_MAX: Final = 100


def disagreements_command(
    policy: PolicyOption = None,
    limit: Annotated[
        int,
        typer.Option(min=1, max=DISAGREEMENTS_MAX, help="Disagreements on one page."),
    ] = DISAGREEMENTS_MAX,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on after `next`.")
    ] = None,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Find the outputs, and say how they differ."),
    ] = False,
    files: Folders = None,
    gateway: Gateways = None,
    max_bytes: MaxBytes = CONTENTS_BYTES_MAX,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """List invocations on which results contradict each other.

    With a policy, what its groups say; without one, what any keys say. With --diff the
    outputs are looked for in the folders given, in the store, and at the gateways.

    Example: octostore disagreements --policy lab.toml --diff --files results
    """
    if (files or gateway) and not diff:
        raise UsageError("--files and --gateway are for --diff; name it too")
    believed = None if policy is None else policy_of(policy)
    with ExitStack() as stack:
        opened = stack.enter_context(Octostore.open(store_path(store), readonly=True))
        reader: Reader | None = None
        if believed is not None:
            reader = stack.enter_context(believing(opened, believed))
        view = stack.enter_context(opened.view()) if reader is None else reader.view
        page = disagreements(view, reader, limit=limit, after=after)
        gaps: list[Gaps] = []
        if diff:
            place = Known(opened)
            with sources(
                place, files or (), gateway or (), None, max_bytes
            ) as contents:
                gaps = _gaps(page, contents)
    if as_json:
        told = {} if believed is None else {"policy": str(believed.cid)}
        print_json(told | _json(page, gaps))
    else:
        for line in _lines(page, gaps):
            say(line)
    for note in () if reader is None else reader.notes:
        print(f"octostore: {note}", file=sys.stderr)


def _gaps(page: Disagreements, contents: Contents) -> list[Gaps]:
    """How the values of each output in dispute differ, for each disagreement."""
    left = _DIFFED_MAX
    found: list[Gaps] = []
    for item in page.found:
        gaps: Gaps = {}
        for name, said in item.outputs.items():
            values = [one.value for one in said if isinstance(one.value, CID)]
            if values and left:
                left -= 1
                gaps[name] = differences(values, contents)
        found.append(gaps)
    return found


def _json(page: Disagreements, gaps: Sequence[Gaps]) -> dict[str, object]:
    """The page, and with `--diff` how the values of each output differ."""
    shown = page.to_json()
    items = cast("list[dict[str, object]]", shown["disagreements"])
    for item, gap in zip(items, gaps, strict=False):
        item["differences"] = {name: one.to_json() for name, one in gap.items()}
    return shown


def _lines(page: Disagreements, gaps: Sequence[Gaps]) -> Iterator[str]:
    each: Sequence[Gaps | None] = gaps or [None] * len(page.found)
    for item, gap in zip(page.found, each, strict=True):
        yield from _item(item, gap)
        yield ""
    programs = dict.fromkeys(
        str(item.program) for item in page.found if item.is_nondeterministic
    )
    if programs:
        yield "nondeterministic programs"
        for program in programs:
            yield f"  {program}"
    if not page.found:
        yield "no disagreements" + ("" if page.next is None else " so far")
    looked = counted(page.looked_at, "invocation")
    yield f"{looked} looked at, from a log of {entries(page.checkpoint.size)}"
    if page.next is not None:
        yield f"there is more: --after {page.next}"


def _item(item: Disagreement, gaps: Gaps | None) -> Iterator[str]:
    yield f"invocation  {item.invocation}"
    yield f"  program   {item.program}"
    if item.cut is not None:
        yield f"  {item.cut}"
    if item.dirs_differ:
        yield "  other folders were laid over the image: it may have seen other files"
    for party in item.contradicting:
        yield f"  nondeterministic: {one_line(party)} contradicts itself"
    for name, values in item.outputs.items():
        yield f"  {one_line(name) or 'the whole tree'}   CONFLICT"
        for number, said in enumerate(values, 1):
            yield f"    R{number} = {said.value}"
            yield f"      said by  {', '.join(map(one_line, said.parties))}"
            where = ", ".join(said.networks)
            if said.platforms:
                where += f" ({', '.join(said.platforms)})"
            yield f"      ran on   {where}"
            if item.dirs_differ:
                dirs = ", ".join(map(one_line, said.dirs)) or "none"
                yield f"      folders  {dirs}"
        if gaps is not None and isinstance(values[0].value, CID):
            marks = {said.value: f"R{number}" for number, said in enumerate(values, 1)}
            yield from _gap_lines(marks, gaps.get(name))


def _gap_lines(
    marks: Mapping[OutputValue, str], gap: OutputDifferences | None
) -> Iterator[str]:
    """How the values of one output differ from the first that can be had."""
    if gap is None:
        yield f"    not laid side by side: more than {_DIFFED_MAX} outputs"
        return
    if gap.missing is not None:
        yield f"    {marks[gap.first]}: {gap.missing}"
    for other in gap.others:
        for line in compared_lines(
            f"{marks[gap.first]} to {marks[other.value]}", other
        ):
            yield f"    {line}"
    if gap.left_out:
        yield f"    {counted(gap.left_out, 'other value')} not laid side by side"
