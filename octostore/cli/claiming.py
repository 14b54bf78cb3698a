"""`octostore claim` and `octostore profile`: say, signed, what a run gave."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from invocation_spec import CID, CidError, Outcome
from octostore import car
from octostore.chain import Fresh
from octostore.claiming import (
    Prepared,
    Reported,
    closure,
    credentials,
    links,
    outputs_of,
    prepare,
    results_of,
)
from octostore.cli.inputs import From, ResolutionsFile, one_canonical, outcomes_of
from octostore.cli.keys import KeyOption
from octostore.cli.rim import (
    AsJson,
    Server,
    StorePath,
    UsageError,
    console,
    print_json,
    store_path,
)
from octostore.cli.specs import leave_not_canonical
from octostore.cli.storing import leave_with, receipt_lines
from octostore.client import Remote
from octostore.errors import RecordError, StoreError
from octostore.keyfile import KeyFile
from octostore.receipt import Receipt
from octostore.records import Failure, Limits, Profile
from octostore.records.claim import Withheld
from octostore.records.failure import FAILURE_KINDS, FailureKind
from octostore.records.limits import NetworkAccess
from octostore.records.shape import RecordBase
from octostore.result import Result
from octostore.store import Octostore

__all__ = ["claim_command", "profile_command"]

OutFile = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Write a CAR instead of storing it."
    ),
]


def claim_command(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A spec; - for stdin.")],
    key: KeyOption,
    ran_on: Annotated[
        str,
        typer.Option(
            "--network", metavar="NAME", help="Where it ran: golem, golem:polygon, .."
        ),
    ],
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output", metavar="NAME=VALUE", help="An output: a CID, file or folder."
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A result folder: stdout, exitCode, outputs."),
    ] = None,
    exit_status: Annotated[
        int | None, typer.Option("--exit", metavar="N", help="The exit status.")
    ] = None,
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
    task: Annotated[
        int | None, typer.Option(help="Which task of the spec, from 0.")
    ] = None,
    network: From = None,
    resolutions: ResolutionsFile = None,
    out: OutFile = None,
    store: StorePath = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Sign what running a spec gave, and publish it.

    Example: octostore claim job.yaml --network golem --results out --key me.key
    """
    outcome = one_canonical(outcomes_of(spec, resolutions, network), task)
    if not isinstance(outcome, Outcome):
        leave_not_canonical(outcome, as_json=as_json)
    _refuse_credentials(outcome, withhold or [], allowed=publish_credentials)
    try:
        reported = Reported(
            network=ran_on,
            result=_result(outcome, output or [], results, exit_status, failure),
            failure=_failure(failure),
            executor=executor,
            job=job,
            platform=platform,
            limits=_limits(network_access),
            at=tuple(at or ()),
            withheld=_withheld(withhold or []),
        )
        prepared = prepare(outcome, reported)
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error
    if not as_json:
        _show(prepared, outcome)
    _publish([prepared, *links(outcome)], key, out, store, server, as_json=as_json)


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
    out: OutFile = None,
    store: StorePath = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Sign the name that you give yourself, and the nodes that are yours.

    Example: octostore profile --name "University of Bristol" --key bristol.key
    """
    nodes: dict[str, list[str]] = {}
    for item in executor or []:
        where, equals, who = item.partition("=")
        if not equals:
            raise UsageError(f"{item!r}; expected NETWORK=NAME", at="--executor")
        nodes.setdefault(where, []).append(who)
    try:
        profile = Profile(
            name=name,
            url=url,
            executors={net: tuple(sorted(set(names))) for net, names in nodes.items()},
        )
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error
    _publish([profile], key, out, store, server, as_json=as_json)


def _refuse_credentials(
    outcome: Outcome, withhold: Sequence[str], *, allowed: bool
) -> None:
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
    if failure is not None:
        if output or results is not None or exit_status is not None:
            raise UsageError("a failure has no outputs and no exit status")
        return None
    if results is not None:
        if output or exit_status is not None:
            raise UsageError("--results tells all; leave --output and --exit out")
        return results_of(results, outcome.result_names)
    outputs: dict[str, CID] = {}
    for item in output:
        name, equals, value = item.partition("=")
        if not equals or not value:
            raise UsageError(f"{item!r}; expected NAME=CID or NAME=PATH", at="--output")
        for key, cid in outputs_of(name, _cid_or_path(value)):
            if key in outputs:
                raise UsageError(f"{key} is given twice", at="--output")
            outputs[key] = cid
    return Result(outputs, exit=exit_status)


def _cid_or_path(value: str) -> CID | Path:
    try:
        return CID.parse(value)
    except CidError as error:
        path = Path(value)
        if not path.exists():
            raise UsageError(
                f"{error.reason}, and no file of that name is here", at="--output"
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


def _show(prepared: Prepared, outcome: Outcome) -> None:
    """Say what is about to become public."""
    say = console().print
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


def _publish(
    items: Sequence[Prepared | RecordBase],
    key: Path,
    out: Path | None,
    store: Path | None,
    server: str | None,
    *,
    as_json: bool,
) -> None:
    """Sign the records as one statement and bring it where it belongs."""
    if out is not None and out.exists():
        raise UsageError("exists; a claim never overwrites a file", at=str(out))
    records = [item.claim if isinstance(item, Prepared) else item for item in items]
    with KeyFile.open(key).signing() as chain:
        if chain.fresh not in (None, Fresh.MISSING):
            typer.echo(
                f"octostore: {key}.state was {chain.fresh}; a new chain begins",
                err=True,
            )
        statement = chain.sign([record.cid for record in records], int(time.time()))
    blocks = closure(statement, items)
    said: dict[str, object] = {
        "statement": str(statement.cid),
        "records": [str(record.cid) for record in records],
        "issuer": str(statement.part.iss),
    }
    if out is not None:
        _write_car(out, statement.envelope_cid, blocks)
        _print_said(said | {"out": str(out)}, as_json=as_json)
        return
    receipt = _deliver(statement.envelope_cid, blocks, store, server)
    if as_json:
        print_json(said | {"receipt": receipt.to_json()})
    else:
        _print_said(said, as_json=False)
        for line in receipt_lines(receipt):
            console().print(line)
    leave_with(receipt)


def _print_said(said: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(said)
        return
    console().print(f"signed by   {said['issuer']}")
    console().print(f"statement   {said['statement']}")
    if "out" in said:
        console().print(f"written to  {said['out']}")


def _deliver(
    root: CID, blocks: dict[CID, bytes], store: Path | None, server: str | None
) -> Receipt:
    if server is not None:
        stream = io.BytesIO()
        car.write(stream, [root], blocks.items())
        stream.seek(0)
        with Remote(server) as remote:
            return remote.send(stream)
    with Octostore.open(store_path(store)) as open_store:
        return open_store.ingest(blocks.items(), [root])


def _write_car(path: Path, root: CID, blocks: dict[CID, bytes]) -> None:
    try:
        with path.open("xb") as stream:
            car.write(stream, [root], blocks.items())
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(path)) from error
