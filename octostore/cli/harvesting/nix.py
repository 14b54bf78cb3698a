"""`octostore harvest nix`: what caches of Nix have signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from invocation_spec.errors import DidError, EncodingError
from octostore.cli.harvesting.delivering import Delivery, harvest
from octostore.cli.harvesting.sources import is_url
from octostore.cli.inputs import ResolutionsFile, resolutions_of
from octostore.cli.keys import KeyOption
from octostore.cli.options import expanded
from octostore.cli.rim import UsageError
from octostore.harvest.nix.outputs import NixCaches
from octostore.harvest.nix.signature import trusted_keys
from octostore.harvest.nix.source import Cache, Derivations, Folder, Site
from octostore.harvest.observed import Seen
from octostore.lookup import Web

__all__ = ["nix_command"]


@expanded
def nix_command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|FOLDER|URL",
            help="A narinfo, a realisation, path infos, or a binary cache.",
        ),
    ],
    key: KeyOption,
    trusted_key: Annotated[
        list[str],
        typer.Option(
            metavar="NAME:BASE64", help="A public key whose signatures give claims."
        ),
    ],
    derivations: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE|FOLDER", help="Derivations, as .drv files; or a Nix store."
        ),
    ] = None,
    resolutions: ResolutionsFile = None,
    *,
    to: Delivery,
) -> None:
    """Claim outputs of derivations that caches of Nix have signed.

    Example: octostore harvest nix cache --derivations drvs --trusted-key
    cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY= --key me.key
    """
    try:
        keys = trusted_keys(trusted_key)
    except (DidError, EncodingError) as error:
        raise UsageError(error.reason, at="--trusted-key") from error
    folders = [Path(name) for name in sources if not is_url(name)]
    for path in folders:
        if not path.exists():
            raise UsageError("no such file or folder", at=str(path))
    lying = [path for path in folders if path.is_dir()]
    found = Derivations([*(derivations or []), *lying])
    make = partial(
        NixCaches,
        derivations=found,
        keys=keys,
        given=resolutions_of(resolutions),
        publishes_credentials=to.publish_credentials,
    )
    harvest("nix", lambda _: _seen(sources, make), key, to)


def _seen(
    sources: Sequence[str], make: Callable[[Sequence[Cache]], NixCaches]
) -> Iterator[Seen]:
    with ExitStack() as opened:
        caches: list[Cache] = [
            Site(opened.enter_context(Web(insecure=True)), source)
            if is_url(source)
            else Folder(Path(source))
            for source in sources
        ]
        yield from make(caches).seen()
