"""`octostore harvest bacalhau`: executions that a Bacalhau network reports."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from octostore.cli.harvesting.authorization import Authorization, authorization_of
from octostore.cli.harvesting.delivering import Delivery, harvest
from octostore.cli.harvesting.sources import is_url, network_of, results_folder
from octostore.cli.inputs import ResolutionsFile, read_file, resolutions_of
from octostore.cli.keys import KeyOption
from octostore.cli.options import expanded
from octostore.cli.progress import told
from octostore.cli.rim import UsageError
from octostore.harvest.bacalhau.answers import ANSWER_BYTES_MAX, read, unfinished
from octostore.harvest.bacalhau.api import Orchestrator
from octostore.harvest.bacalhau.executions import NETWORK, Reader, job_answers
from octostore.harvest.bacalhau.orchestrator import cursor_name, seen_at
from octostore.harvest.observed import Seen, Unclaimed
from octostore.harvest.outbox import Outbox
from octostore.lookup import Web

__all__ = ["bacalhau_command"]


@expanded
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
    instance: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which one: claims are of bacalhau:NAME."),
    ] = None,
    authorization: Authorization = None,
    resolutions: ResolutionsFile = None,
    *,
    to: Delivery,
) -> None:
    """Claim what executions of Bacalhau gave.

    Example: octostore harvest bacalhau http://localhost:1234 --key me.key
    """
    urls = [name for name in source if is_url(name)]
    if urls and len(source) > 1:
        raise UsageError("one URL, or files; not both", at=urls[0])
    network = network_of(NETWORK, instance)
    reader = Reader(resolutions_of(resolutions), results_folder(results), network)
    header = authorization_of(authorization, urls)
    if urls:
        url = urls[0]
        harvest(network, lambda kept: _seen_at(url, reader, kept, to, header), key, to)
    harvest(network, lambda _: _seen(source, reader), key, to)


def _seen_at(
    url: str, reader: Reader, outbox: Outbox, to: Delivery, header: str | None
) -> Iterator[Seen]:
    """What a running orchestrator says, since it was harvested last with this key."""
    with (
        Web(insecure=True) as web,
        told("reading", as_json=to.as_json) as tell,
    ):
        api = Orchestrator(url, web, time.sleep, header)
        cursor = cursor_name(reader, api, to.publish_credentials)
        yield from seen_at(
            api,
            reader,
            outbox.cursor(cursor),
            cursor,
            lambda jobs: tell("jobs", jobs, None),
        )


def _seen(files: Sequence[str], reader: Reader) -> Iterator[Seen]:
    answers = [read(read_file(name, ANSWER_BYTES_MAX), name) for name in files]
    for answer in unfinished(answers):
        yield Unclaimed(
            item=answer.at,
            at=answer.at,
            reason=(
                "goes on on another page; save what next_token="
                f"{answer.next_token} gives too"
            ),
        )
    for answer in answers:
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
