"""`octostore harvest NETWORK`: what networks report, claimed by a witness."""

from __future__ import annotations

import typer

from octostore.cli.harvesting.bacalhau import bacalhau_command
from octostore.cli.harvesting.golem import golem_command
from octostore.cli.harvesting.homestar import homestar_command
from octostore.cli.harvesting.nix import nix_command
from octostore.cli.harvesting.reapi import reapi_command
from octostore.cli.harvesting.tes import tes_command

__all__ = ["app"]

app = typer.Typer(
    name="harvest",
    help="Claim what networks report; you sign as a witness.",
    no_args_is_help=True,
)
app.command("bacalhau")(bacalhau_command)
app.command("golem")(golem_command)
app.command("homestar")(homestar_command)
app.command("tes")(tes_command)
app.command("reapi")(reapi_command)
app.command("nix")(nix_command)
