"""`octostore map`: bring the map up to the log, and say how far it is."""

from __future__ import annotations

import time

import typer

from octostore.cli.rim import AsJson, StorePath, print_json, say, store_path
from octostore.counted import entries
from octostore.map.heads import LoggedHead, last_head
from octostore.store import Octostore

__all__ = ["app"]

app = typer.Typer(
    name="map", help="Keep the map that proves answers whole.", no_args_is_help=True
)


@app.command("update")
def update_command(store: StorePath = None, as_json: AsJson = False) -> None:
    """Bring the map up to the log, and log its head.

    A server does so by itself. Where nothing is new, nothing is logged.

    Example: octostore map update
    """
    with Octostore.open(store_path(store)) as opened:
        logged = opened.update_map(int(time.time()))
        _show(opened, logged is not None, as_json=as_json)


@app.command("show")
def show_command(store: StorePath = None, as_json: AsJson = False) -> None:
    """Show the latest map head, and what has been logged since.

    Example: octostore map show
    """
    with Octostore.open(store_path(store), readonly=True) as opened:
        _show(opened, None, as_json=as_json)


def _show(store: Octostore, updated: bool | None, *, as_json: bool) -> None:
    with store.view() as view:
        head, checkpoint = last_head(view.rows), view.checkpoint()
    behind = _behind(head, checkpoint.size)
    if as_json:
        print_json(
            {
                **({} if updated is None else {"updated": updated}),
                "checkpoint": checkpoint.to_json(),
                "map": None if head is None else head.to_json(),
                "behind": behind,
            }
        )
        return
    if head is None:
        say("no map head; `octostore map update` adds one")
    else:
        say(f"map of {entries(head.head.size)}, root {head.head.root.hex()}")
        say(f"its head is entry {head.entry}")
    say(f"{entries(behind)} since")


def _behind(head: LoggedHead | None, size: int) -> int:
    """Entries that the map does not cover, its own head not counted."""
    if head is None:
        return size
    return size - head.head.size - (1 if head.entry < size else 0)
