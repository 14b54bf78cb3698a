"""`octostore harvest golem`: what a provider's activity answered its requestor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from octostore.cli.harvesting.delivering import Delivery, harvest
from octostore.cli.harvesting.sources import results_folder
from octostore.cli.inputs import (
    ResolutionsFile,
    outcomes_in,
    read_file,
    read_spec,
    resolutions_of,
)
from octostore.cli.keys import KeyOption
from octostore.cli.options import expanded
from octostore.cli.rim import UsageError
from octostore.contents import cid_of_file, files_below
from octostore.harvest.golem.answers import ANSWER_BYTES_MAX, read_batches
from octostore.harvest.golem.batches import NETWORK, activity_seen
from octostore.harvest.golem.ended import Batch
from octostore.harvest.observed import Seen

__all__ = ["golem_command"]


@expanded
def golem_command(
    bundle: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE", help="Agreement, script, inputs; - for stdin."
        ),
    ],
    key: KeyOption,
    batch: Annotated[
        list[str] | None,
        typer.Option(
            "--batch", metavar="FILE", help="Results of a batch; of all, in order."
        ),
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option("--events", metavar="FILE", help="Or the stream of its events."),
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="What was transferred out of the container."),
    ] = None,
    resolutions: ResolutionsFile = None,
    *,
    to: Delivery,
) -> None:
    """Claim what an activity of Golem answered, as its requestor.

    Example: octostore harvest golem bundle.json --batch r.json --key me.key
    """
    names = [*(batch or []), *(events or [])]
    if not names or (batch and events):
        raise UsageError("expected either --batch or --events, one or more")
    data = read_spec(bundle)
    (outcome,) = outcomes_in(bundle, data, resolutions_of(resolutions), NETWORK)
    answers = [read_file(name, ANSWER_BYTES_MAX) for name in names]
    batches = [
        item
        for name, answer in zip(names, answers, strict=True)
        for item in _batches(name, answer, streamed=bool(events))
    ]
    files = _files(outputs)

    def seen() -> Iterator[Seen]:
        digest = CID.of_bytes(b"".join((data, *answers)))
        yield activity_seen(bundle, data, outcome, batches, files, str(digest))

    harvest(
        NETWORK,
        lambda _: seen(),
        key,
        to,
    )


def _batches(name: str, answer: bytes, *, streamed: bool) -> list[Batch]:
    try:
        batches = read_batches(answer)
    except DocumentError as error:
        raise DocumentError(f"{name}: {error.reason}", at=error.at) from error
    if any(item.streamed != streamed for item in batches):
        found, option = (
            ("events", "--events") if not streamed else ("results", "--batch")
        )
        raise UsageError(f"it holds {found}; name it with {option}", at=name)
    return batches


def _files(folder: Path | None) -> dict[str, CID]:
    if folder is None:
        return {}
    results_folder(folder)
    return {
        path.relative_to(folder).as_posix(): cid_of_file(path)
        for path in files_below(folder, whole=True)
    }
