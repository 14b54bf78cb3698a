"""`octostore log`: what is in the log, and what its chains show."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import typer

from invocation_spec.cid import CID
from octostore.chain_findings import equivocations, findings
from octostore.cli.rim import (
    AsJson,
    StorePath,
    UsageError,
    print_json,
    say,
    store_path,
)
from octostore.cli.words import time_words
from octostore.counted import counted
from octostore.durable import write_new
from octostore.equivocation import Equivocation
from octostore.errors import StoreError
from octostore.keys import Did, PublicKey
from octostore.log import KIND_STATEMENT
from octostore.store import Octostore
from octostore.view import LoggedStatement, View

__all__ = ["app"]

app = typer.Typer(
    name="log", help="Show the log, and what its chains show.", no_args_is_help=True
)

_Issuer = Annotated[
    str | None, typer.Option("--issuer", metavar="DID", help="Of this issuer only.")
]


@app.command("list")
def list_command(
    start: Annotated[
        int, typer.Option("--from", min=0, help="The first entry to show.")
    ] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 100,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """List the entries: statements with issuers, map heads.

    Example: octostore log list --from 100
    """
    with Octostore.open(store_path(store), readonly=True) as opened, opened.view() as v:
        checkpoint = v.checkpoint()
        end = min(start + limit, checkpoint.size)
        shown = [_listed(v, index) for index in range(start, end)]
    if as_json:
        entries = [_entry_json(index, item) for index, item in enumerate(shown, start)]
        following = {"next": end} if end < checkpoint.size else {}
        print_json(
            {"checkpoint": checkpoint.to_json(), "entries": entries, **following}
        )
        return
    for index, item in enumerate(shown, start):
        say(f"{index:>8}  {_entry_words(item)}")
    say(f"log of {counted(checkpoint.size, 'entry')}")


@app.command("findings")
def findings_command(
    issuer: _Issuer = None, store: StorePath = None, as_json: AsJson = False
) -> None:
    """Show what is odd about chains: forks, gaps, times.

    Example: octostore log findings
    """
    key = _key(issuer)
    with Octostore.open(store_path(store), readonly=True) as opened, opened.view() as v:
        found = list(findings(v, key))
    if as_json:
        print_json({"findings": [item.to_json() for item in found]})
        return
    for item in found:
        say(f"{item.kind:<13}{item.statement}")
        say(f"  {item.issuer.did}  chain {item.chain.hex()}  seq {item.seq}")
        say(f"  {item.what}")
    say(counted(len(found), "finding"))


@app.command("equivocations")
def equivocations_command(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Write each proof there."),
    ] = None,
    issuer: _Issuer = None,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Show two statements of a key for one place, with proofs.

    A proof is a CAR of both envelopes, which `octostore verify` checks alone.

    Example: octostore log equivocations --out proofs
    """
    key = _key(issuer)
    with Octostore.open(store_path(store), readonly=True) as opened, opened.view() as v:
        found = list(equivocations(v, key))
    files = [_write(out, proof) for proof in found] if out is not None else []
    if as_json:
        items: list[dict[str, object]] = []
        for at, proof in enumerate(found):
            file = {"file": str(files[at])} if files else {}
            encoded = base64.b64encode(proof.to_car()).decode()
            items.append({**proof.to_json(), **file, "proof": encoded})
        print_json({"equivocations": items})
        return
    for at, proof in enumerate(found):
        part = proof.first.part
        say(f"{part.iss}  chain {part.chain.hex()}  seq {part.seq}")
        say(f"  {proof.first.cid}")
        say(f"  {proof.second.cid}")
        if files:
            say(f"  proof {files[at]}")
    say(counted(len(found), "equivocation"))


def _listed(view: View, index: int) -> LoggedStatement | CID:
    """The statement at this place, or the CID of the map head there."""
    entry = view.entry(index)
    return view.logged(index) if entry.kind == KIND_STATEMENT else entry.block


def _entry_json(index: int, item: LoggedStatement | CID) -> dict[str, object]:
    if isinstance(item, CID):
        return {"index": index, "map_head": str(item)}
    return {
        "index": index,
        "statement": str(item.cid),
        "issuer": str(item.issuer.did),
        "issued_at_s": item.issued_at_s,
    }


def _entry_words(item: LoggedStatement | CID) -> str:
    if isinstance(item, CID):
        return f"{'map head':<20}  {item}"
    return f"{time_words(item.issued_at_s)}  {item.cid}  {item.issuer.did}"


def _write(folder: Path, proof: Equivocation) -> Path:
    """Write a proof under the names of its statements; the same twice is one."""
    path = folder / f"{proof.first.cid}-{str(proof.second.cid)[-16:]}.car"
    content = proof.to_car()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_new(path, lambda _status: content)
    except FileExistsError as error:
        if not path.is_file() or path.read_bytes() != content:
            raise UsageError("exists, and is something else", at=str(path)) from error
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(path)) from error
    return path


def _key(issuer: str | None) -> PublicKey | None:
    return None if issuer is None else Did(issuer).key
