"""`octostore watch`: follow a node, and claim its runs as they end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Annotated, BinaryIO, Final, cast, get_args

import typer

from octostore.cli.harvesting.authorization import Authorization, authorization_of
from octostore.cli.harvesting.delivering import (
    OutboxFile,
    OutFolder,
    PublishCredentials,
    opened_outbox,
    sending,
)
from octostore.cli.harvesting.sources import (
    checked_network,
    is_url,
    limits_of,
    results_folder,
)
from octostore.cli.inputs import From, ResolutionsFile, resolutions_of
from octostore.cli.keys import KeyOption
from octostore.cli.rim import (
    DONE,
    Server,
    StorePath,
    UsageError,
    exit_code,
    leave,
    one_line,
)
from octostore.harvest.bacalhau.followed import FollowedOrchestrator
from octostore.harvest.jobs import Finished, JobFolder
from octostore.harvest.run import Harvest, Send
from octostore.harvest.tes.source import FollowedServer
from octostore.harvest.tes.tasks import TesTasks
from octostore.harvest.watch import Source, Watch
from octostore.keyfile import KeyFile
from octostore.receipt import Receipt

__all__ = ["watch_command"]

_ASKER: Final = "--authorization"

#: Seconds between two looks, unless told otherwise.
_FOLDER_S: Final = 2.0
_SERVER_S: Final = 15.0


def watch_command(
    source: Annotated[
        str,
        typer.Argument(metavar="FOLDER|URL", help="Finished jobs, or a running node."),
    ],
    key: KeyOption,
    network: Annotated[
        str,
        typer.Option(metavar="NAME", help="Where it runs: bacalhau, tes:lab, .."),
    ],
    finished: Annotated[
        str,
        typer.Option(
            metavar="done|moved",
            help="A job has finished when its file `done` is there, or its folder is.",
        ),
    ] = "done",
    executor: Annotated[
        str | None,
        typer.Option(help="Who runs the jobs, where their reports do not say."),
    ] = None,
    network_access: Annotated[
        str | None,
        typer.Option(metavar="none|available", help="Can jobs reach a network?"),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Results of a server's runs, as for harvest."),
    ] = None,
    authorization: Authorization = None,
    every: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.1,
            help=f"Between two looks: {_FOLDER_S:.0f}, of a server {_SERVER_S:.0f}.",
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Look once, sign, deliver and end.")
    ] = False,
    spec_network: From = None,
    resolutions: ResolutionsFile = None,
    outbox: OutboxFile = None,
    publish_credentials: PublishCredentials = False,
    out: OutFolder = None,
    store: StorePath = None,
    server: Server = None,
) -> None:
    """Claim the runs of a node as they end, until stopped.

    Example: octostore watch /var/lib/node/jobs --network bacalhau --key node.key
    """
    checked_network(network, "--network")
    limits = limits_of(network_access)
    if is_url(source):
        of_folders = {
            "--executor": executor is not None,
            "--finished": finished != "done",
            "--from": spec_network is not None,
            "--network-access": limits is not None and _root(network) == "bacalhau",
        }
        for option in (name for name, is_given in of_folders.items() if is_given):
            raise UsageError("a server says so itself; leave it out", at=option)
    elif authorization is not None:
        raise UsageError("nobody is asked about a folder; leave it out", at=_ASKER)
    key_file = KeyFile.open(key)
    with opened_outbox(key_file, outbox) as kept:

        def is_claimed(item: str) -> bool:
            return not kept.unclaimed(network, [item])

        followed: Source
        if not is_url(source):
            followed = JobFolder(
                path=_folder(source, results),
                network=network,
                resolutions=resolutions_of(resolutions),
                is_claimed=is_claimed,
                spec_network=spec_network,
                finished=_finished(finished),
                executor=executor,
                limits=limits,
            )
        elif _root(network) == "tes":
            followed = FollowedServer(
                url=source,
                tasks=TesTasks(
                    network=network,
                    resolutions=resolutions_of(resolutions),
                    results=results_folder(results),
                    limits=limits,
                ),
                is_claimed=is_claimed,
                authorization=authorization_of(authorization, [source]),
            )
        else:
            followed = FollowedOrchestrator(
                url=source,
                network=network,
                resolutions=resolutions_of(resolutions),
                results=results_folder(results),
                publishes_credentials=publish_credentials,
                cursor=kept.cursor,
                wait=time.sleep,
                authorization=authorization_of(authorization, [source]),
            )
        harvest = Harvest(
            network,
            key_file,
            kept,
            _each_time(out, store, server),
            lambda: int(time.time()),
            publishes_credentials=publish_credentials,
            delivers=False,
        )
        watch = Watch(followed, harvest, kept, _log, time.monotonic)
        if once:
            error = watch.once()
            leave(DONE if error is None else exit_code(error))
        _log(f"watching {source} as {key_file.key.public.did}")
        with _until_stopped() as wait:
            is_server = is_url(source)
            watch.run(wait, every or (_SERVER_S if is_server else _FOLDER_S))
        _log("stopped")


def _log(line: str) -> None:
    print(one_line(line), flush=True)


def _each_time(out: Path | None, store: Path | None, server: str | None) -> Send:
    """Delivers to what is opened for it: a store is left to others in between."""

    def send(stream: BinaryIO) -> Receipt | None:
        with sending(out, store, server) as deliver:
            return deliver(stream)

    return send


@contextmanager
def _until_stopped() -> Iterator[Callable[[float], bool]]:
    """What waits some seconds, and says whether SIGTERM or SIGINT came."""
    stopped = Event()

    def stop(*_: object) -> None:
        stopped.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    before = {each: signal.signal(each, stop) for each in signals}
    try:
        yield stopped.wait
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _root(network: str) -> str:
    """The network of a server, without its instance."""
    root = network.partition(":")[0]
    if root not in ("bacalhau", "tes"):
        raise UsageError(
            "a server of this network is not followed; expected bacalhau, tes, one of"
            " them with :NAME, or a folder of finished jobs",
            at="--network",
        )
    return root


def _folder(source: str, results: Path | None) -> Path:
    if results is not None:
        raise UsageError("jobs of a folder have their own results", at="--results")
    path = Path(source)
    if not path.is_dir():
        raise UsageError("neither a folder nor an http or https URL", at=source)
    return path


def _finished(text: str) -> Finished:
    if text not in get_args(Finished):
        raise UsageError(f"{text!r}; expected done or moved", at="--finished")
    return cast("Finished", text)
