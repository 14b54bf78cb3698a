"""Identifiers and parameters as they stand in paths and queries, parsed here."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from fastapi import Path, Query

from invocation_spec.cid import CID
from invocation_spec.errors import CidError
from invocation_spec.references import IpfsPath, parse_ipfs
from octostore.errors import DidError
from octostore.keys import PublicKey
from octostore.log import INDEX_MAX
from octostore.questions.answer import Asked
from octostore.questions.who import CLAIMS_MAX
from octostore_server.errors import QueryError

__all__ = [
    "CID_CHARACTERS_MAX",
    "AfterText",
    "AskedText",
    "CidPath",
    "DidPath",
    "DidText",
    "LimitNumber",
    "NetworkText",
    "ProofText",
    "SizeNumber",
    "asked_of",
    "cid_at",
    "key_at",
    "parse_cid",
]

#: Longer than any CID that is accepted, in any spelling, as a gateway URL.
CID_CHARACTERS_MAX: Final = 5000
_WORD_CHARACTERS_MAX: Final = 128
_CURSOR_CHARACTERS_MAX: Final = 1024

CidPath: TypeAlias = Annotated[
    str, Path(max_length=CID_CHARACTERS_MAX, description="A CID in any spelling")
]
AskedText: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=CID_CHARACTERS_MAX,
        description="A CID in any spelling, ipfs://CID, or a gateway's URL of it",
    ),
]
DidPath: TypeAlias = Annotated[
    str, Path(max_length=_WORD_CHARACTERS_MAX, description="did:key:z6Mk..")
]
DidText: TypeAlias = Annotated[
    str | None,
    Query(max_length=_WORD_CHARACTERS_MAX, description="did:key:z6Mk.."),
]
LimitNumber: TypeAlias = Annotated[
    int, Query(ge=1, le=CLAIMS_MAX, description="Claims on a page")
]
AfterText: TypeAlias = Annotated[
    str | None,
    Query(max_length=_CURSOR_CHARACTERS_MAX, description="`next` of the page before"),
]
SizeNumber: TypeAlias = Annotated[
    int | None,
    Query(ge=0, le=INDEX_MAX, description="As of the first so many log entries"),
]
ProofText: TypeAlias = Annotated[
    Literal["0", "1", "try"],
    Query(description="1: and prove that nothing is left out; try: if it can be"),
]
NetworkText: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=_WORD_CHARACTERS_MAX,
        description="The network it was written for, where its form leaves a doubt",
    ),
]


def parse_cid(text: str) -> CID:
    """The CID that a text spells, bare or as an IPFS address.

    Raises:
        CidError: it spells none, or a path below one.
    """
    found = parse_ipfs(text if "/" in text else f"ipfs://{text}")
    if not isinstance(found, IpfsPath) or found.path:
        raise CidError(f"{text[:80]!r} is not a CID")
    return found.cid


def asked_of(program: str | None, input_: str | None, invocation: str | None) -> Asked:
    """The question that three parameters ask.

    Raises:
        QueryError: not program and input, and not invocation alone.
        CidError: one of them is no CID.
    """
    if invocation is not None:
        if program is not None or input_ is not None:
            raise QueryError("invocation stands alone; leave program and input out")
        return Asked(invocation=cid_at("query/invocation", invocation))
    if program is None or input_ is None:
        raise QueryError("ask with program and input, or with invocation")
    return Asked(
        program=cid_at("query/program", program), input=cid_at("query/input", input_)
    )


def cid_at(at: str, text: str) -> CID:
    """The CID that stands at a place of a request.

    Raises:
        CidError: it is none; `at` is the place.
    """
    try:
        return parse_cid(text)
    except CidError as error:
        raise CidError(error.reason, at=at) from error


def key_at(at: str, text: str) -> PublicKey:
    """The key whose did:key stands at a place of a request.

    Raises:
        DidError: it is none; `at` is the place.
    """
    try:
        return PublicKey.parse(text)
    except DidError as error:
        raise DidError(error.reason, at=at) from error
