"""`octostore harvest tes`: tasks of a server of GA4GH TES, or of saved answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias, cast

import typer

from octostore.cli.harvesting.delivering import Delivery, harvest
from octostore.cli.inputs import ResolutionsFile, read_file, resolutions_of
from octostore.cli.keys import KeyOption
from octostore.cli.options import expanded
from octostore.cli.rim import UsageError
from octostore.errors import RecordError
from octostore.harvest.observed import Seen
from octostore.harvest.outbox import Outbox
from octostore.harvest.tes.source import from_file, from_server
from octostore.harvest.tes.tasks import TesTasks
from octostore.lookup import Web, is_loopback
from octostore.records import Limits
from octostore.records.limits import NetworkAccess
from octostore.records.shape import check_network

__all__ = [
    "AUTHORIZATION_BYTES_MAX",
    "Authorization",
    "authorization_of",
    "tes_command",
    "tes_tasks",
]

_URLS = ("http://", "https://")

#: Bytes of an Authorization header; servers take 8 KiB for all of them.
AUTHORIZATION_BYTES_MAX: Final = 8192

_AUTHORIZATION: Final = re.compile(r"[!-~]+( [!-~]+)+")

Authorization: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--authorization",
        metavar="FILE",
        help="Holds the header that a server wants: Bearer .., Basic ..",
    ),
]


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
    tasks = tes_tasks(instance, results, network_access, resolutions)
    header = authorization_of(authorization, sources)
    harvest(tasks.network, lambda kept: _all(sources, tasks, kept, header), key, to)


def tes_tasks(
    instance: str | None,
    results: Path | None,
    network_access: str | None,
    resolutions: str | None,
) -> TesTasks:
    """How tasks are read, as the options say.

    Raises:
        UsageError: a name that no network has, or no folder of results.
    """
    network = "tes" if instance is None else f"tes:{instance}"
    access = cast("NetworkAccess", network_access)
    try:
        check_network(network, "--instance")
        limits = None if network_access is None else Limits(network=access)
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error
    if results is not None and not results.is_dir():
        raise UsageError("not a folder", at=str(results))
    return TesTasks(
        network=network,
        resolutions=resolutions_of(resolutions),
        results=results,
        limits=limits,
    )


def authorization_of(file: Path | None, sources: Sequence[str]) -> str | None:
    """The header that a file holds, for servers that nobody else can listen to.

    Raises:
        UsageError: it is no such file, or it would be sent over plain http.
    """
    if file is None:
        return None
    value = read_file(str(file), AUTHORIZATION_BYTES_MAX).decode("ascii", "replace")
    value = value.strip()
    if not _AUTHORIZATION.fullmatch(value):
        raise UsageError(
            "expected one line, such as `Bearer ..` or `Basic ..`", at=str(file)
        )
    for url in sources:
        if url.startswith("http://") and not is_loopback(url):
            raise UsageError("would be sent over plain http; use https", at=url)
    return value


def _all(
    sources: Sequence[str], tasks: TesTasks, outbox: Outbox, header: str | None
) -> Iterator[Seen]:
    def is_known(item: str) -> bool:
        return not outbox.unclaimed(tasks.network, [item])

    for source in sources:
        if source.startswith(_URLS):
            with Web() as web:
                yield from from_server(web, source, tasks, is_known, header)
        else:
            yield from from_file(Path(source), tasks)
