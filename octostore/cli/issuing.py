"""`octostore issuers`: which keys have signed here, and what is known of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from octostore.cli.rim import (
    AsJson,
    StorePath,
    UsageError,
    print_json,
    say,
    store_path,
)
from octostore.cli.words import time_words
from octostore.counted import counted
from octostore.errors import DidError
from octostore.keys import PublicKey
from octostore.questions.issuers import (
    ISSUERS_MAX,
    SAID_MAX,
    IssuerAnswer,
    IssuersAnswer,
    issuer,
    issuers,
)
from octostore.questions.standing import Affiliation
from octostore.store import Octostore

__all__ = ["issuers_command"]


def issuers_command(
    did: Annotated[
        str | None, typer.Argument(metavar="DID", help="One key: did:key:z6Mk..")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=ISSUERS_MAX, help="How many to list.")
    ] = ISSUERS_MAX,
    after: Annotated[
        str | None, typer.Option(metavar="DID", help="`next` of the list before.")
    ] = None,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """List who has signed here, or describe one key.

    Example: octostore issuers did:key:z6Mk..
    """
    key = None if did is None else _key(did, "DID")
    beyond = None if after is None else _key(after, "--after")
    with Octostore.open(store_path(store), readonly=True) as opened, opened.view() as v:
        found: IssuerAnswer | IssuersAnswer = (
            issuers(v, limit=limit, after=beyond) if key is None else issuer(v, key)
        )
    if as_json:
        print_json(found.to_json())
        return
    for line in _lines(found) if isinstance(found, IssuerAnswer) else _list(found):
        say(line)


def _key(text: str, at: str) -> PublicKey:
    try:
        return PublicKey.parse(text)
    except DidError as error:
        raise UsageError(error.reason, at=at) from error


def _list(found: IssuersAnswer) -> Iterator[str]:
    for key, name in found.issuers:
        yield str(key.did) if name is None else f"{key.did}  {name}*"
    yield f"from a log of {counted(found.checkpoint.size, 'entry')}"
    if found.next is not None:
        yield f"there is more: --after {found.next}"


def _lines(found: IssuerAnswer) -> Iterator[str]:
    yield str(found.issuer.did)
    if found.profile is not None:
        yield f"  calls itself  {found.profile.name}"
        for network, executors in found.profile.executors.items():
            yield f"  its nodes     {network}: {', '.join(executors)}"
    for chain in found.chains:
        yield (
            f"  has signed    {counted(chain.seq + 1, 'statement')}, the last"
            f" {time_words(chain.head.issued_at_s)} by its own clock: {chain.head.cid}"
        )
    for item in found.organisations:
        yield f"  speaks for    {_who(found, item.organisation)}{_terms(item)}"
    for item in found.members:
        yield f"  lets speak    {_who(found, item.member)}{_terms(item)}"
    for said in found.unanswered:
        by = "says" if said.by.issuer == found.issuer else f"{said.by.issuer.did} says"
        yield f"  unanswered    {by}: {said.record.type}, {said.cid}"
    for said, takes_effect in found.revocations:
        by = "itself" if said.by.issuer == found.issuer else str(said.by.issuer.did)
        effect = "" if takes_effect else ", which takes no effect"
        yield f"  revoked       by {by}, entry {said.by.index}{effect}"
    if found.cut:
        yield f"  and more of   {', '.join(found.cut)}; the first {SAID_MAX} are shown"
    yield f"from a log of {counted(found.checkpoint.size, 'entry')}"


def _who(found: IssuerAnswer, key: PublicKey) -> str:
    name = found.names.get(key)
    return str(key.did) if name is None else f"{name}* {key.did}"


def _terms(item: Affiliation) -> str:
    scope = "" if item.terms.scope is None else f", on {item.terms.scope}"
    until = (
        "" if item.terms.until is None else f", until {time_words(item.terms.until)}"
    )
    return scope + until
