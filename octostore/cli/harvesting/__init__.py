"""`octostore harvest NETWORK`: what networks report, claimed by a witness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import typer

from octostore.cli.verbs import group_of

__all__ = ["NETWORKS", "app"]

#: Where the harvest of each network lies.
NETWORKS: Final[Mapping[str, str]] = {
    "bacalhau": "octostore.cli.harvesting.bacalhau:bacalhau_command",
    "golem": "octostore.cli.harvesting.golem:golem_command",
    "homestar": "octostore.cli.harvesting.homestar:homestar_command",
    "tes": "octostore.cli.harvesting.tes:tes_command",
    "reapi": "octostore.cli.harvesting.reapi:reapi_command",
    "nix": "octostore.cli.harvesting.nix:nix_command",
}

app = typer.Typer(
    name="harvest",
    help="Claim what networks report; you sign as a witness.",
    cls=group_of(NETWORKS),
    no_args_is_help=True,
)
