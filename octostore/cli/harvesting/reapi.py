"""`octostore harvest reapi`: what a cache of the Remote Execution API holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

import typer

from octostore.cli.harvesting.delivering import Delivery, harvest
from octostore.cli.harvesting.sources import is_url
from octostore.cli.inputs import ResolutionsFile, read_file, resolutions_of
from octostore.cli.keys import KeyOption
from octostore.cli.options import expanded
from octostore.cli.progress import told
from octostore.cli.rim import UsageError
from octostore.harvest.observed import Seen
from octostore.harvest.outbox import Outbox
from octostore.harvest.reapi.actions import harvested
from octostore.harvest.reapi.cache import Cache, FolderCache, HttpCache, is_hash
from octostore.harvest.reapi.log import ExecutionLog
from octostore.harvest.reapi.result import NETWORK
from octostore.lookup import Web

__all__ = ["LIST_BYTES_MAX", "reapi_command"]

#: Bytes of a list of actions: two hundred thousand of them.
LIST_BYTES_MAX: Final = 16 << 20


@expanded
def reapi_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="URL|DIR", help="A cache over HTTP, or Bazel's --disk_cache."
        ),
    ],
    key: KeyOption,
    actions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ACTION]...", help="Digests of actions: HASH or HASH/SIZE."
        ),
    ] = None,
    listed: Annotated[
        Path | None,
        typer.Option("--actions", metavar="FILE", help="More of them, one a line."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--execution-log",
            metavar="FILE",
            help="Of Bazel, in JSON: actions, and trees that the cache lacks.",
        ),
    ] = None,
    platform: Annotated[
        str | None, typer.Option(metavar="OS/ARCH", help="What the workers are.")
    ] = None,
    resolutions: ResolutionsFile = None,
    *,
    to: Delivery,
) -> None:
    """Claim the results of actions that a cache holds.

    Example: octostore harvest reapi http://cache:8080 --actions FILE --key me.key
    """
    known = ExecutionLog() if log is None else ExecutionLog.read(log)
    meanings = resolutions_of(resolutions)
    named = list(chain(actions or (), _lines(listed)))
    hashes = [*dict.fromkeys([*map(_hash, named), *known.actions])]
    with _opened(source) as cache:
        asked: Iterable[str] | None = hashes or cache.actions()
        if asked is None:
            raise UsageError(
                "a cache over HTTP has no list of its actions; name some, or give"
                " --actions or --execution-log",
                at=source,
            )

        def seen(_: Outbox) -> Iterator[Seen]:
            found = harvested(cache, asked, known.directories, meanings, platform)
            with told("reading", as_json=to.as_json) as tell:
                for count, item in enumerate(found, 1):
                    tell("actions", count, len(hashes) or None)
                    yield item

        harvest(
            NETWORK,
            seen,
            key,
            to,
        )


@contextmanager
def _opened(source: str) -> Iterator[Cache]:
    with ExitStack() as opened:
        if is_url(source):
            yield HttpCache(source, opened.enter_context(Web()))
        elif "://" in source:
            raise UsageError(
                "expected a folder or a URL of http or https; caches that speak gRPC"
                " alone are not asked",
                at=source,
            )
        else:
            yield FolderCache(Path(source))


def _lines(file: Path | None) -> list[str]:
    if file is None:
        return []
    return read_file(str(file), LIST_BYTES_MAX).decode("utf-8", "replace").split()


def _hash(text: str) -> str:
    hash_ = text.partition("/")[0]
    if not is_hash(hash_):
        raise UsageError(
            f"{text[:140]!r} names no action; expected 64 hex digits, or HASH/SIZE"
        )
    return hash_
