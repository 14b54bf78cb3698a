"""What a client of the gateway wants: the form of the bytes, and which of a DAG.

    ?format=car&dag-scope=entity&entity-bytes=0:1023&car-dups=y
    accept: application/vnd.ipld.car; version=1; order=dfs; dups=y

Parameters of the query win over those of Accept. Blocks are always sent depth first
(`order=dfs`), whichever order is asked for. Source: specs.ipfs.tech, trustless-gateway.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from octostore.published.dag import Scope, Span
from octostore_server.errors import NotAcceptableError, QueryError

__all__ = [
    "CAR_TYPE",
    "DAG_CBOR_TYPE",
    "DAG_JSON_TYPE",
    "RAW_TYPE",
    "Form",
    "Wanted",
    "wanted",
]

RAW_TYPE: Final = "application/vnd.ipld.raw"
CAR_TYPE: Final = "application/vnd.ipld.car"
DAG_JSON_TYPE: Final = "application/vnd.ipld.dag-json"
DAG_CBOR_TYPE: Final = "application/vnd.ipld.dag-cbor"

Form: TypeAlias = Literal["raw", "car", "dag-json", "dag-cbor"]

_FORMATS: Final[Mapping[str, Form]] = {
    "raw": "raw",
    "car": "car",
    "dag-json": "dag-json",
    "dag-cbor": "dag-cbor",
}
_ACCEPTED: Final[Mapping[str, Form]] = {
    RAW_TYPE: "raw",
    CAR_TYPE: "car",
    DAG_JSON_TYPE: "dag-json",
    DAG_CBOR_TYPE: "dag-cbor",
    "application/json": "dag-json",
    "application/cbor": "dag-cbor",
    "application/octet-stream": "raw",
    "application/*": "raw",
    "*/*": "raw",
}
_QUALITY: Final = re.compile(r"[01](?:\.[0-9]{0,3})?")
_SPAN: Final = re.compile(r"(-?[0-9]{1,18}):(\*|-?[0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; `scope`, `span` and `dups` are of a CAR."""

    form: Form
    scope: Scope = Scope.ALL
    span: Span | None = None
    dups: bool = False


def wanted(query: Mapping[str, str], accept: str) -> Wanted:
    """What the query and the header ask for.

    Raises:
        QueryError: a parameter has a value that it cannot have.
        NotAcceptableError: nothing that is served here is accepted.
    """
    form, parameters = _form(query.get("format"), accept)
    if form != "car":
        return Wanted(form)
    dups = query.get("car-dups", parameters.get("dups", "n"))
    order = query.get("car-order", parameters.get("order", "dfs"))
    if dups not in ("y", "n"):
        raise QueryError(f"{dups[:80]!r}; expected y or n", at="query/car-dups")
    if order not in ("dfs", "unk"):
        raise QueryError(f"{order[:80]!r}; expected dfs or unk", at="query/car-order")
    return Wanted("car", _scope(query), _span(query), dups == "y")


def _form(format_: str | None, accept: str) -> tuple[Form, Mapping[str, str]]:
    """The form, and the parameters that Accept has for it."""
    found: dict[Form, tuple[float, Mapping[str, str]]] = {}
    for item in accept.split(","):
        kind, *words = (part.strip() for part in item.split(";"))
        form = _ACCEPTED.get(kind.lower())
        parameters = {
            name.strip().lower(): value.strip().strip('"').lower()
            for name, _, value in (word.partition("=") for word in words)
        }
        if form is None or parameters.get("version", "1") != "1":
            continue
        quality = parameters.get("q", "1")
        weight = float(quality) if _QUALITY.fullmatch(quality) else 1.0
        if form not in found or weight > found[form][0]:
            found[form] = weight, parameters
    if format_ is not None:
        asked = _FORMATS.get(format_)
        if asked is None:
            raise QueryError(
                f"{format_[:80]!r}; expected one of {', '.join(_FORMATS)}",
                at="query/format",
            )
        return asked, found.get(asked, (1.0, {}))[1]
    best = max(found, key=lambda form: (found[form][0], form == "raw"), default=None)
    if best is None or not found[best][0]:
        raise NotAcceptableError(f"nothing of {accept[:80]!r}; served: {RAW_TYPE}")
    return best, found[best][1]


def _scope(query: Mapping[str, str]) -> Scope:
    text = query.get("dag-scope", "all")
    try:
        return Scope(text)
    except ValueError as error:
        raise QueryError(
            f"{text[:80]!r}; expected block, entity or all", at="query/dag-scope"
        ) from error


def _span(query: Mapping[str, str]) -> Span | None:
    text = query.get("entity-bytes")
    if text is None:
        return None
    found = _SPAN.fullmatch(text)
    if found is None:
        raise QueryError(
            f"{text[:80]!r}; expected FROM:TO, TO a number or *",
            at="query/entity-bytes",
        )
    return Span(int(found[1]), None if found[2] == "*" else int(found[2]))
