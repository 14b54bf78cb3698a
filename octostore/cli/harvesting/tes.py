"""`octostore harvest tes`: tasks of a server of GA4GH TES, or of saved answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from octostore.cli.harvesting.authorization import Authorization, authorization_of
from octostore.cli.harvesting.delivering import Delivery, harvest
from octostore.cli.harvesting.sources import (
    is_url,
    limits_of,
    network_of,
    results_folder,
)
from octostore.cli.inputs import ResolutionsFile, resolutions_of
from octostore.cli.keys import KeyOption
from octostore.cli.options import expanded
from octostore.harvest.observed import Seen
from octostore.harvest.outbox import Outbox
from octostore.harvest.tes.source import from_file, from_server
from octostore.harvest.tes.tasks import TesTasks
from octostore.lookup import Web

__all__ = ["tes_command"]


@expanded
def tes_command(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="FILE|URL", help="A saved answer, or a server."),
    ],
    key: KeyOption,
    instance: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which TES: claims are of tes:NAME."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Outputs: DIR/TASK/path in the container."),
    ] = None,
    network_access: Annotated[
        str | None,
        typer.Option(metavar="none|available", help="Could tasks reach a network?"),
    ] = None,
    authorization: Authorization = None,
    resolutions: ResolutionsFile = None,
    *,
    to: Delivery,
) -> None:
    """Claim the tasks that a TES server reports.

    Example: octostore harvest tes http://localhost:8000 --results out --key me.key
    """
    tasks = TesTasks(
        network=network_of("tes", instance),
        resolutions=resolutions_of(resolutions),
        results=results_folder(results),
        limits=limits_of(network_access),
    )
    header = authorization_of(authorization, sources)
    harvest(tasks.network, lambda kept: _all(sources, tasks, kept, header), key, to)


def _all(
    sources: Sequence[str], tasks: TesTasks, outbox: Outbox, header: str | None
) -> Iterator[Seen]:
    def is_known(item: str) -> bool:
        return not outbox.unclaimed(tasks.network, [item])

    for source in sources:
        if is_url(source):
            with Web() as web:
                yield from from_server(web, source, tasks, is_known, header)
        else:
            yield from from_file(Path(source), tasks)
