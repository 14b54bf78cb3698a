"""`octostore disagreements`: where those who ran the same do not say the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated

import typer

from octostore.belief.disagreements import (
    DISAGREEMENTS_MAX,
    Disagreement,
    Disagreements,
    disagreements,
)
from octostore.belief.reader import Reader, believing
from octostore.cli.policies import PolicyOption, policy_of
from octostore.cli.rim import AsJson, StorePath, one_line, print_json, say, store_path
from octostore.counted import counted, entries
from octostore.store import Octostore

__all__ = ["disagreements_command"]


def disagreements_command(
    policy: PolicyOption = None,
    limit: Annotated[
        int,
        typer.Option(min=1, max=DISAGREEMENTS_MAX, help="Disagreements on one page."),
    ] = DISAGREEMENTS_MAX,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on after `next`.")
    ] = None,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """List invocations on which results contradict each other.

    With a policy, what its groups say; without one, what any keys say.

    Example: octostore disagreements --policy lab.toml
    """
    believed = None if policy is None else policy_of(policy)
    with ExitStack() as stack:
        opened = stack.enter_context(Octostore.open(store_path(store), readonly=True))
        reader: Reader | None = None
        if believed is not None:
            reader = stack.enter_context(believing(opened, believed))
        view = stack.enter_context(opened.view()) if reader is None else reader.view
        page = disagreements(view, reader, limit=limit, after=after)
    if as_json:
        told = {} if believed is None else {"policy": str(believed.cid)}
        print_json(told | page.to_json())
    else:
        for line in _lines(page):
            say(line)
    for note in () if reader is None else reader.notes:
        print(f"octostore: {note}", file=sys.stderr)


def _lines(page: Disagreements) -> Iterator[str]:
    for item in page.found:
        yield from _item(item)
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


def _item(item: Disagreement) -> Iterator[str]:
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
