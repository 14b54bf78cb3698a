"""`octostore log init|key|checkpoint|..`: the log as others see it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from octostore.cli.inputs import checked_name, cid_or_path, read_file
from octostore.cli.logs import app
from octostore.cli.rim import (
    AsJson,
    StorePath,
    print_json,
    say,
    server_at,
    store_path,
)
from octostore.cli.verifying import witness_key
from octostore.cli.writing import write_once
from octostore.counted import counted, entries
from octostore.log_export import export_log
from octostore.log_key import LogKey
from octostore.log_proof import index_of, prove
from octostore.log_witness import witnessed
from octostore.store import Octostore
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.note import NOTE_BYTES_MAX, to_base64
from octostore.view import View

__all__ = ["app", "key_of"]


def key_of(store: Octostore) -> LogKey:
    """The key of this store's log, made when it is first needed."""
    return LogKey.open_or_create(store.path, secrets.token_bytes)


@app.command("init")
def init_command(
    origin: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the log is called, for ever: a URL without its scheme."
            " By default octostore.alt/ and a hash of its key.",
        ),
    ] = None,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Give the log a key and a name.

    Both are made by themselves when they are first needed.

    Example: octostore log init --origin octostore.example.org/log
    """
    if origin is not None:
        checked_name("--origin", origin)
    path = store_path(store)
    Octostore.open(path).close()
    _show_key(LogKey.create(path, secrets.token_bytes, origin), as_json=as_json)


@app.command("key")
def key_command(store: StorePath = None, as_json: AsJson = False) -> None:
    """Print the key to verify the log with, as a C2SP vkey.

    Example: octostore log key
    """
    with Octostore.open(store_path(store), readonly=True) as opened:
        _show_key(key_of(opened), as_json=as_json)


@app.command("checkpoint")
def checkpoint_command(store: StorePath = None, as_json: AsJson = False) -> None:
    """Print the signed size and root of the log (C2SP).

    The text is a tlog-checkpoint.

    Example: octostore log checkpoint > checkpoint
    """
    with Octostore.open(store_path(store), readonly=True) as opened:
        signed = key_of(opened).checkpoint(opened)
    if as_json:
        print_json({**_json(signed), "note": bytes(signed).decode()})
    else:
        typer.echo(bytes(signed), nl=False)


@app.command("prove")
def prove_command(
    statement: Annotated[
        str,
        typer.Argument(metavar="STATEMENT", help="Its CID, or its place in the log."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it there.")
    ] = None,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Prove that a statement is in the log (C2SP tlog-proof).

    The statement comes with the proof.

    Example: octostore log prove 0 -o first.tlog-proof
    """
    with Octostore.open(store_path(store), readonly=True) as opened:
        signed = key_of(opened).checkpoint(opened)
        with opened.view() as view:
            index = _index(view, statement)
            proof = bytes(prove(view, index, signed))
    if out is not None:
        write_once(out, proof)
    if as_json:
        where = {"proof": proof.decode()} if out is None else {"out": str(out)}
        print_json({"index": index, **_json(signed), **where})
    elif out is not None:
        say(f"written to {out}: entry {index} of {signed.checkpoint.size}")
    else:
        typer.echo(proof, nl=False)


@app.command("export")
def export_command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="New, empty, or an earlier export.")
    ],
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Write the log as static files (C2SP tlog-tiles).

    Any web server can serve them.

    Run it again to bring the folder up to date; tiles that are there stay.

    Example: octostore log export /srv/www/log
    """
    with Octostore.open(store_path(store), readonly=True) as opened:
        done = export_log(opened, key_of(opened).checkpoint(opened), folder)
    if as_json:
        tree = {"size": done.checkpoint.size, "root": to_base64(done.checkpoint.root)}
        print_json({"dir": str(folder), "checkpoint": tree, "written": done.written})
    else:
        size = done.checkpoint.size
        say(
            f"{folder}  a log of {entries(size)},"
            f" {counted(done.written, 'file')} written"
        )


@app.command("witness")
def witness_command(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="What its add-checkpoint lies below.")
    ],
    witness: Annotated[
        str, typer.Option("--witness", metavar="VKEY", help="The key of the witness.")
    ],
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Let a witness sign the newest checkpoint, and keep it.

    The checkpoint and its proofs carry the signature until the log grows.

    Example: octostore log witness https://witness.example --witness w.example+..
    """
    key = witness_key(witness)
    with (
        Octostore.open(store_path(store), readonly=True) as opened,
        server_at(url) as remote,
    ):
        signed = witnessed(opened, key_of(opened), key, remote.add_checkpoint)
    (held,) = signed.cosigned
    if as_json:
        print_json({**_json(signed), "witness": key.name, "time_s": held.time_s})
    else:
        say(f"{key.name} signed {entries(signed.checkpoint.size)} at {held.time_s}")


@app.command("resume")
def resume_command(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="The newest checkpoint of this log; - for stdin."
        ),
    ],
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Tell a restored log what it signed last.

    It then signs only what follows that checkpoint. Take the newest that anybody
    has, a mirror or a witness: an older one would let the log contradict itself.

    Example: octostore log resume newest-checkpoint
    """
    raw = read_file(file, NOTE_BYTES_MAX)
    signed = LogKey.open(store_path(store)).resume(raw)
    if as_json:
        print_json(_json(signed))
    else:
        say(
            f"{signed.checkpoint.origin} goes on after"
            f" {entries(signed.checkpoint.size)}"
        )


def _index(view: View, text: str) -> int:
    """The place in the log that a number, or the CID of a statement, names."""
    if text.isascii() and text.isdecimal() and len(text) < 16:
        return int(text)
    return index_of(view, cid_or_path(text))


def _json(signed: SignedCheckpoint) -> dict[str, object]:
    tree = signed.checkpoint
    return {
        "log": str(signed.log),
        "checkpoint": {"size": tree.size, "root": to_base64(tree.root)},
    }


def _show_key(key: LogKey, *, as_json: bool) -> None:
    vkey = str(key.verifier)
    if as_json:
        print_json({"vkey": vkey, "origin": key.signer.name})
    else:
        say(vkey)
