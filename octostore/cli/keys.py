"""`octostore key`: make and show the key that signs."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from octostore.cli.inputs import checked_name
from octostore.cli.rim import AsJson, print_json, say
from octostore.keyfile import KeyFile, read_key
from octostore.keys import SecretKey
from octostore.witness import ROLE, Witness, signer_of

__all__ = ["KeyOption", "app"]

app = typer.Typer(
    name="key", help="Make and show the keys that sign.", no_args_is_help=True
)

KeyOption = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="The key file that signs.")
]

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The key file.")]


@app.command("new")
def new_command(
    file: _File,
    witness: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The key of a witness of logs, by this name: a URL without its"
            " scheme. It signs no statements.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a new key to FILE, for you alone, and print its DID.

    Example: octostore key new bristol.key
    """
    if witness is not None:
        checked_name("--witness", witness)
        Witness.create(file, witness, secrets.token_bytes)
        _show_witness(file, as_json=as_json)
        return
    made = KeyFile.create(file, SecretKey.generate(secrets.token_bytes))
    _show(made, as_json=as_json)


@app.command("show")
def show_command(file: _File, as_json: AsJson = False) -> None:
    """Print the DID of a key file, or the vkey of a witness.

    Example: octostore key show bristol.key
    """
    if ROLE in read_key(file)[1]:
        _show_witness(file, as_json=as_json)
        return
    _show(KeyFile.open(file), as_json=as_json)


def _show_witness(file: Path, *, as_json: bool) -> None:
    vkey = str(signer_of(file).verifier)
    if as_json:
        print_json({"vkey": vkey, "file": str(file)})
    else:
        say(vkey)


def _show(key_file: KeyFile, *, as_json: bool) -> None:
    did = str(key_file.key.public.did)
    if as_json:
        print_json({"did": did, "file": str(key_file.path)})
    else:
        say(did)
