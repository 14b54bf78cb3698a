"""`octostore harvest bacalhau`: executions that a Bacalhau network reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from octostore.cli.harvesting.delivering import (
    Delivery,
    OutboxFile,
    OutFolder,
    PublishCredentials,
    SettleFile,
    harvest,
)
from octostore.cli.inputs import ResolutionsFile, read_file, resolutions_of
from octostore.cli.keys import KeyOption
from octostore.cli.rim import AsJson, Server, StorePath, UsageError
from octostore.errors import RecordError
from octostore.harvest.bacalhau import NETWORK, Reader, job_answers
from octostore.harvest.bacalhau_answers import ANSWER_BYTES_MAX, read
from octostore.harvest.observed import Seen, Unclaimed
from octostore.records.shape import check_network

__all__ = ["bacalhau_command"]


def bacalhau_command(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...|URL",
            help="Saved answers of its API; or the URL of an orchestrator.",
        ),
    ],
    key: KeyOption,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Results by execution or CID: folders, .tar.gz, .car.",
        ),
    ] = None,
    network: Annotated[
        str,
        typer.Option(metavar="NAME", help="Which one: bacalhau, bacalhau:expanso, .."),
    ] = NETWORK,
    resolutions: ResolutionsFile = None,
    settle: SettleFile = None,
    publish_credentials: PublishCredentials = False,
    outbox: OutboxFile = None,
    out: OutFolder = None,
    store: StorePath = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Claim what Bacalhau's executions gave; you sign as their witness.

    Example: octostore harvest bacalhau executions.json job.json --key me.key
    """
    _check_name(network)
    reader = Reader(resolutions_of(resolutions), _folder(results), network)
    to = Delivery(
        key=key,
        outbox=outbox,
        out=out,
        store=store,
        server=server,
        settle=settle,
        publish_credentials=publish_credentials,
        as_json=as_json,
    )
    harvest(network, lambda _: _seen(source, reader), to)


def _seen(files: Sequence[str], reader: Reader) -> Iterator[Seen]:
    answers = [read(read_file(name, ANSWER_BYTES_MAX), name) for name in files]
    for answer in answers:
        if answer.next_token:
            yield Unclaimed(
                item=answer.at,
                at=answer.at,
                reason=(
                    "goes on on another page; save what next_token="
                    f"{answer.next_token} gives too"
                ),
            )
        if answer.results:
            yield Unclaimed(
                item=answer.at,
                at=answer.at,
                reason=(
                    "what /results answers names no node and no execution; save"
                    " /executions of the job"
                ),
            )
        if answer.other:
            yield Unclaimed(
                item=answer.at,
                at=answer.at,
                reason="holds what is neither a job nor an execution",
            )
    yield from reader.seen(*job_answers(answers))


def _check_name(network: str) -> None:
    try:
        check_network(network, "--network")
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error
    if network.partition(":")[0] != NETWORK:
        raise UsageError(
            f"{network!r}; expected {NETWORK} or {NETWORK}:NAME", at="--network"
        )


def _folder(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise UsageError("no folder is there", at=str(path))
    return path
