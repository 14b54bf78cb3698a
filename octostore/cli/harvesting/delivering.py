"""What all harvests share: their options, where claims go, what is said at the end."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO, Final, NoReturn, TypeAlias

import typer

from invocation_spec.errors import OctostoreError
from invocation_spec.outcome import needed
from octostore import car
from octostore.cli.rim import (
    DONE,
    AsJson,
    Server,
    StorePath,
    UsageError,
    complain,
    exit_code,
    leave,
    print_json,
    say,
    server_at,
    store_path,
)
from octostore.cli.writing import write_over
from octostore.durable import write_new
from octostore.errors import StoreError
from octostore.harvest.observed import Seen, Unclaimed
from octostore.harvest.outbox import Outbox
from octostore.harvest.run import Harvest, Report, Send
from octostore.keyfile import KeyFile
from octostore.store import Octostore

__all__ = [
    "Delivery",
    "OutFolder",
    "OutboxFile",
    "PublishCredentials",
    "harvest",
    "opened_outbox",
    "sending",
]

OutboxFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--outbox",
        metavar="FILE",
        help="What this key has claimed; by default KEY.outbox.",
    ),
]
OutFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="DIR", help="Write CARs here instead of storing them."
    ),
]
SettleFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--settle",
        metavar="FILE",
        help="Write the resolutions that are missing here, to be filled in.",
    ),
]
PublishCredentials: TypeAlias = Annotated[
    bool, typer.Option(help="Publish environment values that look secret.")
]

#: Runs that people are shown for one reason; with --json there are all.
_SHOWN_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What may be claimed, what was before, where claims go: all harvests have it."""

    settle: SettleFile = None
    publish_credentials: PublishCredentials = False
    outbox: OutboxFile = None
    out: OutFolder = None
    store: StorePath = None
    server: Server = None
    as_json: AsJson = False


def harvest(
    network: str, seen: Callable[[Outbox], Iterable[Seen]], key: Path, to: Delivery
) -> NoReturn:
    """Claim what a harvester yields, deliver it, and say what became of it.

    What went wrong on the way is said after what went right.
    """
    if to.settle is not None and to.settle.exists():
        raise UsageError("exists; name a file that is not there", at=str(to.settle))
    key_file = KeyFile.open(key)
    with ExitStack() as opened:
        outbox = opened.enter_context(opened_outbox(key_file, to.outbox))
        send = opened.enter_context(sending(to.out, to.store, to.server))
        run = Harvest(
            network,
            key_file,
            outbox,
            send,
            lambda: int(time.time()),
            publishes_credentials=to.publish_credentials,
        )
        error: OctostoreError | None = None
        found = seen(outbox)
        try:
            run.take_all(found)
        except OctostoreError as met:
            error = met
        finally:
            if isinstance(found, Generator):
                found.close()  # whatever it shows or holds open
        waiting = outbox.waiting_count()
    missing = needed(item.outcome for item in run.report.unclaimed if item.outcome)
    if to.settle is not None and missing:
        text = json.dumps(missing, indent=2, sort_keys=True) + "\n"
        write_over(to.settle, text.encode(), 0o666)
    if to.as_json:
        _print(run.report, missing, waiting, error)
    else:
        _say(run.report, missing, waiting, to.settle)
    for note in run.report.notes:
        complain(note)
    if error is None:
        leave(DONE)
    complain(str(error))
    leave(exit_code(error))


def opened_outbox(key: KeyFile, path: Path | None) -> Outbox:
    """The outbox of a key, by default beside it; to be closed.

    Raises:
        StoreError: it cannot be used; see `Outbox.open`.
    """
    beside = key.path.with_name(key.path.name + ".outbox")
    return Outbox.open(path or beside, key.key.public.did)


@contextmanager
def sending(out: Path | None, store: Path | None, server: str | None) -> Iterator[Send]:
    """What takes signed statements: a folder, a server or a store."""
    if out is not None:
        _check_folder(out)
        yield lambda stream: _keep_in(out, stream)
    elif server is not None:
        with server_at(server) as remote:
            yield remote.send
    else:
        with Octostore.open(store_path(store)) as open_store:
            yield open_store.ingest_car


def _check_folder(out: Path) -> None:
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(f"not made: {error.strerror}", at=str(out)) from error


def _keep_in(out: Path, stream: BinaryIO) -> None:
    """Write a statement as `CID.car`, named by its envelope."""
    data = stream.read()
    (root,) = car.CarReader(io.BytesIO(data)).roots
    try:
        write_new(out / f"{root}.car", lambda _: data)
    except FileExistsError:
        return  # it was written, and the outbox was not told
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(out)) from error


def _print(
    report: Report,
    missing: Mapping[str, object],
    waiting: int,
    error: OctostoreError | None,
) -> None:
    said: dict[str, object] = {
        "network": report.network,
        "read": report.read,
        "known": report.known,
        "claimed": [
            {
                "item": item.item,
                "at": item.at,
                "invocation": str(item.invocation),
                "claim": str(item.claim),
                "statement": str(item.statement),
            }
            for item in report.claimed
        ],
        "unclaimed": [_unclaimed(item) for item in report.unclaimed],
        "settle": missing,
        "delivered": report.statements,
        "waiting": waiting,
        "notes": report.notes,
    }
    if error is not None:
        place = {} if error.at is None else {"at": error.at}
        said |= {"error": error.code, **place, "reason": error.reason}
    print_json(said)


def _unclaimed(item: Unclaimed) -> dict[str, object]:
    said: dict[str, object] = {"item": item.item, "at": item.at, "reason": item.reason}
    if item.outcome is not None:
        said["outcome"] = item.outcome.to_json()
    return said


def _say(
    report: Report, missing: Mapping[str, object], waiting: int, settle: Path | None
) -> None:
    say(f"read         {report.read}")
    say(f"claimed      {len(report.claimed)}")
    for item in report.claimed[:_SHOWN_MAX]:
        say(f"  {item.invocation}  {item.item}")
    _say_more(len(report.claimed))
    if report.known:
        say(f"known        {report.known}, claimed with this key before")
    if report.unclaimed:
        say(f"not claimed  {len(report.unclaimed)}")
    for reason, count in Counter(item.reason for item in report.unclaimed).items():
        say(f"  {reason}")
        of_it = (item for item in report.unclaimed if item.reason == reason)
        for left in islice(of_it, _SHOWN_MAX):
            say(f"    {left.item}  {left.at}")
        _say_more(count, "  ")
    if missing and settle is not None:
        say(f"missing      {len(missing)} resolutions, written to {settle}")
    elif missing:
        say(f"missing      {len(missing)} resolutions; --settle FILE writes them down")
    say(f"delivered    {report.statements} statements")
    if waiting:
        say(f"waiting      {waiting} statements; the next harvest brings them")


def _say_more(count: int, indent: str = "") -> None:
    if count > _SHOWN_MAX:
        say(f"  {indent}and {count - _SHOWN_MAX} more")
