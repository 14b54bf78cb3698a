"""`octostore ingest`: take statements that others signed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NoReturn, cast

import typer

from octostore.cli.inputs import opened
from octostore.cli.progress import metered
from octostore.cli.rim import (
    DONE,
    NOT_THERE,
    UNSOUND,
    AsJson,
    Server,
    StorePath,
    complain,
    leave,
    print_json,
    say,
    server_at,
    store_path,
)
from octostore.counted import entries
from octostore.errors import FileError
from octostore.receipt import Receipt
from octostore.store import Octostore

if TYPE_CHECKING:
    from octostore.client import Remote

__all__ = ["ingest_command", "leave_with", "receipt_lines"]


def ingest_command(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="CARs; - for stdin.")
    ],
    store: StorePath = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Verify the statements in CAR files, and take them in.

    Example: octostore ingest bristol.car caltech.car
    """
    receipts = (
        _send(files, server, as_json=as_json)
        if server
        else _ingest(files, store, as_json=as_json)
    )
    if as_json:
        print_json(_merged(receipts))
    else:
        for name, receipt in zip(files, receipts, strict=True):
            say(name)
            for line in receipt_lines(receipt):
                say(line)
    for name, receipt in zip(files, receipts, strict=True):
        _complain(name, receipt)
    leave(max(_code(receipt) for receipt in receipts))


def _ingest(
    files: Sequence[str], store: Path | None, *, as_json: bool
) -> list[Receipt]:
    with Octostore.open(store_path(store)) as open_store:
        before = open_store.checkpoint().size

        def taken() -> int:
            return open_store.checkpoint().size - before

        read: list[str] = []
        with closing(_streams(files, read, taken, as_json=as_json)) as streams:
            try:
                return list(open_store.ingest_cars(streams))
            except OSError as error:
                reason = f"cannot be read: {error.strerror}"
                raise FileError(reason, at=read[-1]) from error


def _streams(
    files: Sequence[str], read: list[str], taken: Callable[[], int], *, as_json: bool
) -> Generator[BinaryIO, None, None]:
    """One file after the other, each closed when the next is asked for.

    `read` gets the name of each as its turn comes.
    """
    for name in files:
        read.append(name)
        with (
            opened(name) as stream,
            metered(stream, name, taken, as_json=as_json) as shown,
        ):
            yield shown


def _send(files: Sequence[str], server: str, *, as_json: bool) -> list[Receipt]:
    with server_at(server) as remote:
        return [_each(name, remote, as_json=as_json) for name in files]


def _each(name: str, remote: Remote, *, as_json: bool) -> Receipt:
    with opened(name) as stream, metered(stream, name, as_json=as_json) as shown:
        return remote.send(shown)


def _complain(name: str, receipt: Receipt) -> None:
    """One line of what is wrong with a delivery, if anything is."""
    count = len(receipt.quarantined)
    if receipt.malformed is not None:
        complain(f"{name}: {receipt.malformed}; what was whole in it is taken")
    elif count:
        first = receipt.quarantined[0]
        others = f", and {count - 1} more" if count > 1 else ""
        complain(f"{name}: quarantined {first.cid}: {first.reason}{others}")
    elif receipt.pending:
        complain(
            f"{name}: {len(receipt.pending)} pending; bring the blocks that they lack"
        )


def _code(receipt: Receipt) -> int:
    if not receipt.sound:
        return UNSOUND
    return NOT_THERE if receipt.pending else DONE


def leave_with(receipt: Receipt) -> NoReturn:
    """End with the exit code that a receipt means."""
    leave(_code(receipt))


def receipt_lines(receipt: Receipt) -> list[str]:
    """A receipt as lines: each statement with what became of it."""
    lines = [
        f"  {word:<12}{cid}"
        for word, cids in (
            ("accepted", receipt.accepted),
            ("known", receipt.known),
            ("pending", receipt.pending),
        )
        for cid in cids
    ]
    lines += [
        f"  {'quarantined':<12}{item.cid}  {item.reason}"
        for item in receipt.quarantined
    ]
    lines += [
        f"  {'skipped':<12}{item.record}  {item.reason}" for item in receipt.skipped
    ]
    if receipt.malformed is not None:
        lines.append(f"  {'malformed':<12}{receipt.malformed}")
    lines.append(f"  log of {entries(receipt.checkpoint.size)}")
    return lines


def _merged(receipts: Sequence[Receipt]) -> dict[str, object]:
    """The receipts of several files as one, the checkpoint of the last."""
    parts = [receipt.to_json() for receipt in receipts]
    merged: dict[str, object] = {
        name: [item for part in parts for item in cast("list[object]", part[name])]
        for name in ("accepted", "known", "pending", "quarantined", "skipped")
    }
    merged["checkpoint"] = parts[-1]["checkpoint"]
    broken = [part["malformed"] for part in parts if "malformed" in part]
    return merged | ({"malformed": "; ".join(map(str, broken))} if broken else {})
