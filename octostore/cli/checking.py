"""`octostore check`, `rebuild`, `backup`: looking after a store of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from octostore.check import CheckReport, check_folder
from octostore.cli.progress import following, told
from octostore.cli.rim import (
    DONE,
    UNSOUND,
    AsJson,
    StorePath,
    UsageError,
    leave,
    print_json,
    say,
    store_path,
)
from octostore.counted import counted, entries
from octostore.store import Octostore

__all__ = ["backup_command", "check_command", "rebuild_command"]


def check_command(
    second_opinion: Annotated[
        bool,
        typer.Option(
            "--second-opinion", help="Decode every block with the reference codec too."
        ),
    ] = False,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Verify all that a store holds, and name what is wrong.

    Only reads; a writer may be at work. Exit 0 if all holds, 5 if not.

    Example: octostore check --second-opinion
    """
    path = store_path(store)
    with told("checking", as_json=as_json) as progress:
        report = check_folder(path, second_opinion=second_opinion, progress=progress)
    if as_json:
        print_json(report.to_json())
    else:
        for line in _lines(report):
            say(line)
    leave(DONE if report.holds else UNSOUND)


def rebuild_command(store: StorePath = None, as_json: AsJson = False) -> None:
    """Make the indexes of a store again from blocks and log.

    Mends indexes that `check` found wrong; blocks and log it cannot mend.

    Example: octostore rebuild
    """
    with Octostore.open(store_path(store)) as open_store:
        with told("rebuilding", as_json=as_json) as tell:
            open_store.rebuild(lambda done, total: tell("statements", done, total))
        checkpoint = open_store.checkpoint()
    if as_json:
        print_json({"checkpoint": checkpoint.to_json()})
    else:
        say(f"rebuilt from a log of {entries(checkpoint.size)}")


def backup_command(
    to: Annotated[Path, typer.Argument(metavar="DEST", help="A folder not there yet.")],
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Copy a store to a new folder, while writers go on.

    Never overwrites. The copy is a store: name it with --store to use it.

    Example: octostore backup /media/usb/octostore-2022-11-21
    """
    if to.exists():
        raise UsageError("exists; a backup never overwrites", at=str(to))
    with (
        Octostore.open(store_path(store), readonly=True) as open_store,
        following("copying", to, as_json=as_json),
    ):
        open_store.copy_to(to)
    with Octostore.open(to, readonly=True) as copy:
        checkpoint = copy.checkpoint()
    if as_json:
        print_json({"backup": str(to), "checkpoint": checkpoint.to_json()})
    else:
        say(f"{to}  a log of {entries(checkpoint.size)}")


def _lines(report: CheckReport) -> Iterator[str]:
    for fault in report.faults:
        yield f"{fault.table}: {fault.key}"
        yield f"  found     {fault.found}"
        yield f"  expected  {fault.expected}"
    if report.more:
        yield f"and {report.more} more"
    if report.unchecked:
        yield f"not checked: {', '.join(report.unchecked)}"
    if report.holds:
        rows = report.rows
        yield (
            f"all holds: {counted(rows['blocks'], 'block')},"
            f" {counted(rows['statements'], 'statement')},"
            f" {counted(rows['claims'], 'claim')},"
            f" {counted(rows['log'] - rows['statements'], 'map head')},"
            f" {rows['pending']} pending"
        )
    elif "blocks" not in report.rows or _is_truth(report):
        yield "restore a backup, and ingest again what came after it"
    else:
        yield "blocks and log hold; `octostore rebuild` mends the rest"


def _is_truth(report: CheckReport) -> bool:
    """Whether something is wrong that no index can be rebuilt without."""
    truth = {"blocks", "log", "files", "pending", "waiting", "quarantine"}
    return any(fault.table in truth for fault in report.faults)
