"""Where a command finds an invocation and its claims: a store, or a server.

    with known(store, server) as place:
        place.answer(cid), place.find(cid)

What a server says is verified before it is used. The bytes that claims name come from
folders, that store, that server and gateways.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Protocol, TypeAlias

import typer

from invocation_spec import CID, Outcome
from invocation_spec.errors import EncodingError
from invocation_spec.model import Input, Invocation, check_fit, program_from_block
from octostore.cli.rim import UsageError, server_at, store_path
from octostore.contents import CONTENTS_BYTES_MAX, Contents
from octostore.errors import NotFoundError
from octostore.questions.answer import Asked, InvocationAnswer
from octostore.questions.who import who
from octostore.records import Claim, parse_record
from octostore.store import Octostore

if TYPE_CHECKING:
    from octostore.client import Remote
    from octostore.gateway import Gateway

__all__ = [
    "Folders",
    "Gateways",
    "Known",
    "MaxBytes",
    "Nothing",
    "Place",
    "claims_in",
    "known",
    "outcome_of",
    "sources",
]


Folders: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--files", metavar="DIR", help="A folder or file that holds code or data."
    ),
]
Gateways: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--gateway",
        metavar="URL",
        help="A Trustless Gateway of IPFS that may have them.",
    ),
]
MaxBytes: TypeAlias = Annotated[
    int, typer.Option("--max-bytes", min=1, help="Most bytes that are fetched for one.")
]


#: Claims whose records are read: of a server, each is a request.
_CLAIMS_READ_MAX: Final = 1000


class Place(Protocol):
    """Where claims are known."""

    @property
    def notes(self) -> Iterable[str]:
        """What was verified of its answers, and what is not proven."""
        ...

    def find(self, cid: CID) -> bytes | None:
        """The bytes of a CID, or None."""
        ...

    def answer(self, invocation: CID) -> InvocationAnswer | None:
        """Its claims, as many as an answer has; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """A store as a place."""

    store: Octostore
    notes: tuple[str, ...] = ()

    def find(self, cid: CID) -> bytes | None:
        """See `Place`."""
        return self.store.find(cid)

    def answer(self, invocation: CID) -> InvocationAnswer | None:
        """See `Place`."""
        found = who(self.store, Asked(invocation=invocation)).invocations
        return _of(invocation, found)


@dataclass(frozen=True, slots=True)
class _Served:
    """A server as a place."""

    remote: Remote
    notes: dict[str, None] = field(default_factory=dict)

    def find(self, cid: CID) -> bytes | None:
        try:
            return self.remote.get(cid)
        except NotFoundError:
            return None

    def answer(self, invocation: CID) -> InvocationAnswer | None:
        found = self.remote.who(Asked(invocation=invocation))
        self.notes.update(dict.fromkeys(found.notes))
        return _of(invocation, found.answer.invocations)


class Nothing:
    """A place where nothing is known: there is no store yet."""

    notes: tuple[str, ...] = ()

    def find(self, cid: CID) -> bytes | None:
        """See `Place`."""
        return None

    def answer(self, invocation: CID) -> InvocationAnswer | None:
        """See `Place`."""
        return None


def _of(invocation: CID, found: Sequence[InvocationAnswer]) -> InvocationAnswer | None:
    return next((item for item in found if item.invocation == invocation), None)


@contextmanager
def known(store: Path | None, server: str | None) -> Iterator[Place]:
    """The server if one is named, else the store, else nothing."""
    path = store_path(store)
    if server is not None:
        with server_at(server) as remote:
            yield _Served(remote)
    elif path.exists():
        with Octostore.open(path, readonly=True) as opened:
            yield Known(opened)
    else:
        yield Nothing()


@contextmanager
def sources(
    place: Place,
    folders: Sequence[Path],
    gateways: Sequence[str],
    server: str | None,
    bytes_max: int = CONTENTS_BYTES_MAX,
) -> Iterator[Contents]:
    """Content from folders, the place, and gateways; a server is one of these."""
    urls = [*([] if server is None else [server]), *gateways]
    with ExitStack() as opened:
        asked = [opened.enter_context(_gateway(url)) for url in urls]
        scratch = opened.enter_context(
            tempfile.TemporaryDirectory(prefix="octostore-run-")
        )
        blocks = place.store if isinstance(place, Known) else None
        yield Contents(
            folders, blocks, asked, scratch=Path(scratch), bytes_max=bytes_max
        )


def _gateway(url: str) -> Gateway:
    """A gateway; what asks it is loaded when one is named."""
    from octostore.gateway import Gateway

    return Gateway(url)


def outcome_of(place: Place, cid: CID) -> Outcome:
    """The invocation with this CID, as if its spec were at hand.

    Raises:
        NotFoundError: nobody has claimed it there, or all withhold what it runs.
        UsageError: the CID is that of something else.
    """
    block = place.find(cid)
    if block is None:
        raise NotFoundError(
            "no such invocation is known here; name its spec", at=str(cid)
        )
    try:
        invocation = Invocation.from_block(block)
    except EncodingError as error:
        raise UsageError(f"no invocation: {error.reason}", at=str(cid)) from error
    program, given = place.find(invocation.program), place.find(invocation.input)
    for name, part in (("program", program), ("input", given)):
        if part is None:
            raise NotFoundError(
                f"its {name} is withheld by all who claim it; name its spec",
                at=str(cid),
            )
    assert program is not None and given is not None  # noqa: S101, PT018 - as above
    found = Outcome(
        "own", "blocks", program_from_block(program), Input.from_block(given)
    )
    assert found.program is not None and found.input is not None  # noqa: S101, PT018
    check_fit(found.program, found.input)
    return found


def claims_in(place: Place, answer: InvocationAnswer) -> Iterator[tuple[Claim, CID]]:
    """The claims of an answer as records, with their CIDs; the first thousand."""
    cids = dict.fromkeys(item.claim for item in answer.claims)
    for cid in islice(cids, _CLAIMS_READ_MAX):
        block = place.find(cid)
        record = None if block is None else parse_record(block)
        if isinstance(record, Claim):
            yield record, cid
