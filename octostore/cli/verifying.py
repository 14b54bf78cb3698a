"""`octostore verify`: check a proof in a file, without a store or a server."""

from __future__ import annotations

from typing import Annotated

import typer

from octostore.cli.inputs import opened
from octostore.cli.rim import AsJson, print_json, say
from octostore.equivocation import Equivocation

__all__ = ["verify_command"]


def verify_command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A proof; - for stdin.")],
    as_json: AsJson = False,
) -> None:
    """Verify a proof of equivocation; the file is all it needs.

    Exit 0 if it holds, 5 if not.

    Example: octostore verify proof.car
    """
    with opened(file) as stream:
        proof = Equivocation.from_car(stream)
    if as_json:
        print_json({"holds": True, "proof": "equivocation", **proof.to_json()})
        return
    part = proof.first.part
    say("equivocation: one key signed two statements for one place of its chain")
    say(f"  signed by  {part.iss}")
    say(f"  place      chain {part.chain.hex()}  seq {part.seq}")
    say(f"  statement  {proof.first.cid}  its signature holds")
    say(f"  statement  {proof.second.cid}  its signature holds")
