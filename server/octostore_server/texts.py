"""Identifiers as they stand in paths and queries, parsed once, here."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from fastapi import Query

from invocation_spec.cid import CID
from invocation_spec.references import parse_ipfs

__all__ = ["AfterQuery", "CidQuery", "LimitQuery", "NetworkQuery", "cid_of"]

_QUERY_CHARACTERS_MAX: Final = 8192

CidQuery: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=_QUERY_CHARACTERS_MAX,
        description="A CID in any spelling, or ipfs://..",
    ),
]
