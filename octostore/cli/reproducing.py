"""`octostore reproduce`: run what others claim, compare, and sign the check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from invocation_spec import CID, CidError, Outcome
from octostore.claiming import Prepared, links
from octostore.cli.at_hand import Place, known, outcome_of, sources
from octostore.cli.claiming import refuse_credentials
from octostore.cli.inputs import From, ResolutionsFile, Task, one_canonical, outcomes_of
from octostore.cli.progress import told
from octostore.cli.publishing import OutFile, Published, deliver
from octostore.cli.reproduced import Reproduced
from octostore.cli.rerunning import LOCAL, Way, check_of, reproduced
from octostore.cli.rim import (
    DONE,
    NO,
    AsJson,
    Server,
    StorePath,
    UsageError,
    leave,
    print_json,
    say,
)
from octostore.cli.specs import leave_not_canonical
from octostore.cli.storing import leave_with
from octostore.contents import CONTENTS_BYTES_MAX
from octostore.errors import RecordError
from octostore.keyfile import KeyFile
from octostore.records.shape import RecordBase, check_network
from octostore.runner import RunLimits
from octostore.runner.report import FUEL, MEMORY_BYTES, TIME_S

__all__ = ["reproduce_command"]


def reproduce_command(
    invocation: Annotated[
        str,
        typer.Argument(
            metavar="INVOCATION|SPEC",
            help="The CID of an invocation, or a spec; - for stdin.",
        ),
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The key that signs the check; without it none is."
        ),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--files", metavar="DIR", help="A folder or file that holds code or data."
        ),
    ] = None,
    gateway: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="A Trustless Gateway of IPFS that may have them."
        ),
    ] = None,
    output_dir: Annotated[
        list[str] | None,
        typer.Option(
            "--output-dir",
            metavar="PATH",
            help="A guest directory to collect; else those that spec or claims have.",
        ),
    ] = None,
    ran_on: Annotated[
        str,
        typer.Option("--network", metavar="NAME", help="Where the claim says it ran."),
    ] = LOCAL,
    sign_stable: Annotated[
        bool,
        typer.Option(
            "--sign-stable",
            help="Of a nondeterministic program, sign the outputs that did not vary.",
        ),
    ] = False,
    publish_credentials: Annotated[
        bool, typer.Option(help="Publish environment values that look secret.")
    ] = False,
    fuel: Annotated[int, typer.Option(help="Instructions of a run, about.")] = FUEL,
    memory: Annotated[
        int, typer.Option(metavar="BYTES", help="Most memory of the guest.")
    ] = MEMORY_BYTES,
    time: Annotated[
        float, typer.Option(metavar="SECONDS", help="Longest run.")
    ] = TIME_S,
    max_bytes: Annotated[
        int, typer.Option(min=1, help="Most bytes that are fetched for it.")
    ] = CONTENTS_BYTES_MAX,
    task: Task = None,
    network: From = None,
    resolutions: ResolutionsFile = None,
    out: OutFile = None,
    store: StorePath = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Run what others claim, compare, and sign the check.

    It runs twice, the second time with another clock and other randomness. Code and
    files are found by CID in the folders given, in the store or on the server, and at
    gateways, in this order; what is sent is hashed.

    Example: octostore reproduce bafyrei.. --gateway https://ipfs.io --key me.key
    """
    key_file = None if key is None else KeyFile.open(key)
    _check_network(ran_on)
    limits = RunLimits(fuel=fuel, memory_bytes=memory, time_s=time)
    way = Way(limits, tuple(sorted(set(output_dir or ()))))
    with known(store, server) as place:
        outcome, keys = _target(
            place, invocation, (resolutions, network, task), as_json=as_json
        )
        if key_file is not None and place.find(_input_of(outcome)) is None:
            refuse_credentials(outcome, (), allowed=publish_credentials)
        answers = [item for item in map(place.answer, keys) if item is not None]
        with (
            sources(place, files or (), gateway or (), server, max_bytes) as contents,
            told("running it twice", as_json=as_json),
        ):
            done = reproduced(place, outcome, answers, contents, way)
    if not as_json:
        for line in done.lines():
            say(line)
    check = check_of(done, way, ran_on, sign_stable=sign_stable)
    published = None
    if key_file is not None and isinstance(check, Prepared):
        items: list[Prepared | RecordBase] = [check, *links(outcome)]
        published = deliver(items, key_file, out, store, server)
    _say(done, published, check, as_json=as_json)
    for note in place.notes:
        print(f"octostore: {note}", file=sys.stderr)
    receipt = None if published is None else published.receipt
    if receipt is not None and (receipt.pending or not receipt.sound):
        leave_with(receipt)
    leave(DONE if done.holds else NO)


def _check_network(name: str) -> None:
    try:
        check_network(name, "--network")
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error


def _target(
    place: Place,
    name: str,
    reading: tuple[str | None, str | None, int | None],
    *,
    as_json: bool,
) -> tuple[Outcome, Sequence[CID]]:
    """What to run, and the CIDs under which it may be claimed."""
    resolutions, network, task = reading
    try:
        cid = CID.parse(name)
    except CidError as error:
        if name != "-" and not Path(name).exists():
            raise UsageError(
                f"{error.reason}, and no spec of that name is here", at=name
            ) from error
    else:
        return outcome_of(place, cid), [cid]
    outcome = one_canonical(outcomes_of(name, resolutions, network), task)
    if not isinstance(outcome, Outcome):
        leave_not_canonical(outcome, as_json=as_json)
    assert outcome.invocation is not None  # noqa: S101 - it is canonical
    also = [item.invocation for item in outcome.also]
    return outcome, [outcome.invocation.cid, *also]


def _input_of(outcome: Outcome) -> CID:
    assert outcome.input is not None  # noqa: S101 - it is canonical
    return outcome.input.cid


def _say(
    done: Reproduced,
    published: Published | None,
    check: Prepared | str,
    *,
    as_json: bool,
) -> None:
    """What was signed, or why nothing was; as JSON, all of it."""
    why = check if isinstance(check, str) else "no --key"
    if as_json:
        signed = None if published is None else published.to_json()
        more = {"signed": signed} | ({"unsigned": why} if published is None else {})
        print_json(done.to_json() | more)
        return
    say()
    if published is None:
        say(f"not signed  {why}")
    else:
        for line in published.lines():
            say(line)
