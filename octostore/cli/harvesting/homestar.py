"""`octostore harvest homestar`: receipts, from files and from a node's database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from invocation_spec.errors import DocumentError
from octostore.cli.harvesting.delivering import Delivery, harvest
from octostore.cli.inputs import (
    ResolutionsFile,
    outcomes_in,
    read_file,
    read_spec,
    resolutions_of,
)
from octostore.cli.keys import KeyOption
from octostore.cli.options import expanded
from octostore.cli.progress import told
from octostore.harvest.homestar.database import (
    Place,
    is_database,
    opened_database,
)
from octostore.harvest.homestar.receipt import RECEIPT_BYTES_MAX, Receipt, read_receipt
from octostore.harvest.homestar.receipts import receipts_seen
from octostore.harvest.homestar.tasks import NETWORK, Tasks
from octostore.harvest.observed import Seen, Unclaimed

__all__ = ["homestar_command"]

_Places: TypeAlias = Callable[[], Iterator[Place]]
_STDIN: Final = "-"


@expanded
def homestar_command(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="Receipts, DAG-JSON or DAG-CBOR, or a node's database; - for stdin.",
        ),
    ],
    key: KeyOption,
    workflow: Annotated[
        list[str] | None,
        typer.Option(
            "--workflow", metavar="FILE", help="A workflow that ran; all of them."
        ),
    ] = None,
    resolutions: ResolutionsFile = None,
    *,
    to: Delivery,
) -> None:
    """Claim what receipts of Homestar say, as their witness.

    A receipt says by a hash what ran; the workflow says what that is.

    Example: octostore harvest homestar node.db --workflow w.json --key me.key
    """
    tasks = Tasks()
    given = resolutions_of(resolutions)
    for name in workflow or []:
        data = read_spec(name)
        if not tasks.add(data, outcomes_in(name, data, given, NETWORK)):
            raise DocumentError(
                f"{name}: no task in it has a `ran`; expected a workflow or a task of"
                " Homestar 0.2, with run, cause, meta and prf"
            )
    tasks.join(given)
    harvest(
        NETWORK,
        lambda _: _seen(files, tasks, as_json=to.as_json),
        key,
        to,
    )


def _seen(files: list[str], tasks: Tasks, *, as_json: bool) -> Iterator[Seen]:
    with ExitStack() as opened:
        tell = opened.enter_context(told("reading", as_json=as_json))
        sources = [_source(name, opened) for name in files]
        bad: set[str] = set()
        found = receipts_seen(lambda: _all(sources), tasks)
        for count, item in enumerate(found, 1):
            tell("receipts", count, None)
            if isinstance(item, Unclaimed) and item.item in files:
                bad.add(item.item)
            yield item
    if bad:
        raise DocumentError(
            f"{len(bad)} of {len(files)} files hold no receipt that is known here"
        )


def _all(sources: list[_Places]) -> Iterator[Place]:
    for source in sources:
        yield from source()


def _source(name: str, opened: ExitStack) -> _Places:
    if name == _STDIN:
        data = read_file(name, RECEIPT_BYTES_MAX)  # it is read once
        place = Place(name, name, partial(read_receipt, data))
    elif is_database(Path(name)):
        return opened.enter_context(opened_database(Path(name)))
    else:
        place = Place(name, name, partial(_read, name))
    return lambda: iter((place,))


def _read(name: str) -> Receipt:
    return read_receipt(read_file(name, RECEIPT_BYTES_MAX))
