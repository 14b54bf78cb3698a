"""`octostore claim` and `octostore profile`: say, signed, what a run gave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias, cast, get_args

import typer

from invocation_spec import CID, CidError, Outcome
from octostore.claiming import (
    Prepared,
    Reported,
    credentials,
    links,
    outputs_of,
    prepare,
)
from octostore.cli.inputs import From, ResolutionsFile, Task, one_canonical, outcomes_of
from octostore.cli.keys import KeyOption
from octostore.cli.options import expanded
from octostore.cli.publishing import Publication
from octostore.cli.rim import UsageError, say
from octostore.cli.specs import leave_not_canonical
from octostore.committing import read_secret
from octostore.errors import RecordError
from octostore.keyfile import KeyFile
from octostore.published import result_in
from octostore.records import Failure, Limits, Profile
from octostore.records.claim import Withheld
from octostore.records.commitment import Reveal
from octostore.records.failure import FAILURE_KINDS, FailureKind
from octostore.records.limits import NetworkAccess
from octostore.records.shape import RecordBase
from octostore.result import Result

__all__ = [
    "ExitStatus",
    "Outputs",
    "ResultFolder",
    "claim_command",
    "profile_command",
    "refuse_credentials",
    "result_of",
]

Outputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--output", metavar="NAME=VALUE", help="A CID, file or folder."),
]
ResultFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--results",
        metavar="DIR|FILE",
        help="A result folder (stdout, exitCode, outputs), or a .tar.gz or .car.",
    ),
]
ExitStatus: TypeAlias = Annotated[
    int | None, typer.Option("--exit", metavar="N", help="The exit status.")
]


@expanded
def claim_command(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A spec; - for stdin.")],
    key: KeyOption,
    ran_on: Annotated[
        str,
        typer.Option(
            "--network", metavar="NAME", help="Where it ran: golem, golem:polygon, .."
        ),
    ],
    output: Outputs = None,
    results: ResultFolder = None,
    exit_status: ExitStatus = None,
    failure: Annotated[
        str | None,
        typer.Option(
            metavar="KIND[:MESSAGE]",
            help=f"It gave no result: {', '.join(FAILURE_KINDS)}.",
        ),
    ] = None,
    executor: Annotated[
        str | None, typer.Option(help="Who ran it, by the network's own name.")
    ] = None,
    job: Annotated[str | None, typer.Option(help="The network's name of the job.")] = (
        None
    ),
    platform: Annotated[
        str | None, typer.Option(metavar="OS/ARCH", help="Of an image's index.")
    ] = None,
    network_access: Annotated[
        str | None,
        typer.Option(metavar="none|available", help="Could the guest reach a network?"),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Where the outputs can be fetched."),
    ] = None,
    withhold: Annotated[
        list[str] | None,
        typer.Option(metavar="program|input", help="Do not publish this block."),
    ] = None,
    publish_credentials: Annotated[
        bool, typer.Option(help="Publish environment values that look secret.")
    ] = False,
    reveals: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What `octostore commit` wrote, to open it."),
    ] = None,
    task: Task = None,
    network: From = None,
    resolutions: ResolutionsFile = None,
    *,
    where: Publication,
) -> None:
    """Sign what running a spec gave, and publish it.

    Example: octostore claim job.yaml --network golem --results out --key me.key
    """
    outcome = one_canonical(outcomes_of(spec, resolutions, network), task)
    if not isinstance(outcome, Outcome):
        leave_not_canonical(outcome, as_json=where.as_json)
    refuse_credentials(outcome, withhold or [], allowed=publish_credentials)
    key_file = KeyFile.open(key)
    result = _result(outcome, output or [], results, exit_status, failure)
    try:
        reported = Reported(
            network=ran_on,
            result=result,
            failure=_failure(failure),
            executor=executor,
            job=job,
            platform=platform,
            limits=_limits(network_access),
            at=tuple(at or ()),
            withheld=_withheld(withhold or []),
            reveals=_opened(reveals, outcome, result, key_file),
        )
        prepared = prepare(outcome, reported)
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error
    if not where.as_json:
        _show(prepared)
    items: list[Prepared | RecordBase] = [prepared, *links(outcome)]
    where.publish(items, key_file)


@expanded
def profile_command(
    name: Annotated[str, typer.Option(help="What you call yourself.")],
    key: KeyOption,
    url: Annotated[str | None, typer.Option(help="Where to read about you.")] = None,
    executor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK=NAME", help="A node of yours, by its network's name."
        ),
    ] = None,
    *,
    where: Publication,
) -> None:
    """Sign your name, and which nodes are yours.

    Example: octostore profile --name "University of Bristol" --key bristol.key
    """
    nodes: dict[str, list[str]] = {}
    for item in executor or []:
        network, equals, who = item.partition("=")
        if not equals:
            raise UsageError(f"{item!r}; expected NETWORK=NAME", at="--executor")
        nodes.setdefault(network, []).append(who)
    try:
        profile = Profile(
            name=name,
            url=url,
            executors={net: tuple(sorted(set(names))) for net, names in nodes.items()},
        )
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error
    where.publish([profile], KeyFile.open(key))


def refuse_credentials(
    outcome: Outcome, withhold: Sequence[str], *, allowed: bool
) -> None:
    """Return if a claim of this outcome publishes nothing that looks like a secret.

    Raises:
        UsageError: an environment value does, and nobody said that it may.
    """
    if allowed or outcome.input is None or "input" in withhold:
        return
    found = credentials(outcome.input)
    if found:
        raise UsageError(
            f"the environment holds what looks like credentials: {', '.join(found)};"
            " a claim publishes it. Take it out, or --withhold input,"
            " or --publish-credentials"
        )


def _result(
    outcome: Outcome,
    output: Sequence[str],
    results: Path | None,
    exit_status: int | None,
    failure: str | None,
) -> Result | None:
    if failure is None:
        return result_of(outcome, output, results, exit_status)
    if output or results is not None or exit_status is not None:
        raise UsageError("a failure has no outputs and no exit status")
    return None


def result_of(
    outcome: Outcome,
    output: Sequence[str],
    results: Path | None,
    exit_status: int | None,
) -> Result:
    """The result that the options of a command tell.

    Raises:
        UsageError: they contradict each other, or break a rule of results.
        FileError: an output cannot be read.
    """
    try:
        if results is not None:
            if output or exit_status is not None:
                raise UsageError("--results tells all; leave --output and --exit out")
            return result_in(results, outcome.result_names)
        outputs: dict[str, CID] = {}
        for item in output:
            name, equals, value = item.partition("=")
            if not equals or not value:
                raise UsageError(
                    f"{item!r}; expected NAME=CID or NAME=PATH", at="--output"
                )
            for key, cid in outputs_of(name, _cid_or_path(value)):
                if key in outputs:
                    raise UsageError(f"{key} is given twice", at="--output")
                outputs[key] = cid
        return Result(outputs, exit=exit_status)
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error


def _opened(
    file: Path | None, outcome: Outcome, result: Result | None, key_file: KeyFile
) -> Reveal | None:
    """What opens the commitment of a file, if it is one to this very claim."""
    if file is None:
        return None
    kept = read_secret(file)
    if result is None or outcome.invocation is None:
        raise UsageError("a failure reveals no result", at="--reveals")
    if not kept.opens(key_file.key.public.did, outcome.invocation.cid, result.cid):
        raise UsageError(
            "what was committed to is another invocation or result, or with another"
            " key; claim what was committed to, or leave --reveals out",
            at=str(file),
        )
    return kept.reveal


def _cid_or_path(value: str) -> CID | Path:
    try:
        return CID.parse(value)
    except CidError as error:
        path = Path(value)
        if not (path.is_file() or path.is_dir()):
            raise UsageError(
                f"{error.reason}, and no file or folder of that name is here",
                at="--output",
            ) from error
        return path


def _failure(text: str | None) -> Failure | None:
    if text is None:
        return None
    kind, _, message = text.partition(":")
    return Failure(cast("FailureKind", kind), message.strip() or None)


def _limits(access: str | None) -> Limits | None:
    return None if access is None else Limits(network=cast("NetworkAccess", access))


def _withheld(names: Sequence[str]) -> tuple[Withheld, ...]:
    for name in names:
        if name not in get_args(Withheld):
            raise UsageError(f"{name!r}; expected program or input", at="--withhold")
    return cast("tuple[Withheld, ...]", tuple(sorted(set(names))))


def _show(prepared: Prepared) -> None:
    """Say what is about to become public."""
    say("publishes")
    say(f"  invocation  {prepared.invocation.cid}")
    shown = {"program": prepared.program, "input": prepared.input}
    for name, value in shown.items():
        if name in prepared.claim.withheld:
            say(f"  {name:<11} {value.cid}  (the CID only; withheld)")
        else:
            say(f"  {name:<11} {value.cid}")
            for field, item in cast("dict[str, object]", value.to_ipld()).items():
                say(f"    {field}: {_brief(item)}")
    if prepared.result is not None:
        say(f"  result      {prepared.result.cid}")
        for output, cid in sorted(prepared.result.outputs.items()):
            say(f"    {output}: {cid}")


def _brief(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_brief(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(_brief(item) for item in value) + "]"
    return str(value)
