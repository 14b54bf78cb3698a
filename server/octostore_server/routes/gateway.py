"""Blocks by CID, as IPFS asks for them: a Trustless Gateway.

    GET /ipfs/bafyrei..?format=raw        the bytes, to be hashed by who asked
    GET /ipfs/bafyrei..?format=car&dag-scope=block

Any spelling of a CID is served, not redirected: clients of gateways send the
spelling they have, and many follow no redirects. `Etag` and `X-Ipfs-Roots` name
the canonical one. Ranges are not offered: a part of a block proves nothing.
Source: specs.ipfs.tech, trustless-gateway and path-gateway; DESIGN 7.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from invocation_spec.cid import CID, DAG_CBOR, EMPTY_BYTES, RAW
from octostore import car
from octostore.errors import NotFoundError
from octostore_server.answering import unchanged
from octostore_server.errors import NotAcceptableError, QueryError
from octostore_server.node import AtNode, Node
from octostore_server.openapi import PROBLEMS, binary
from octostore_server.texts import CidPath, parse_cid

__all__ = ["CAR_TYPE", "IMMUTABLE", "RAW_TYPE", "router"]

RAW_TYPE: Final = "application/vnd.ipld.raw"
CAR_TYPE: Final = "application/vnd.ipld.car"

#: What a CID names never changes; a year is as long as caches believe.
IMMUTABLE: Final = "public, max-age=31536000, immutable"

_Form: TypeAlias = Literal["raw", "car"]
_FORMS: Final[dict[str, _Form]] = {
    RAW_TYPE: "raw",
    CAR_TYPE: "car",
    "application/octet-stream": "raw",
    "application/*": "raw",
    "*/*": "raw",
}
_QUALITY: Final = re.compile(r";\s*q=([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", re.IGNORECASE)
_UNSAFE_IN_NAME: Final = re.compile(r"[^\w\-. ()]")

_FormatText: TypeAlias = Annotated[
    str | None, Query(description="raw (default) or car; wins over Accept")
]
_ScopeText: TypeAlias = Annotated[
    str, Query(alias="dag-scope", description="Of a CAR: block")
]
_NameText: TypeAlias = Annotated[
    str | None, Query(max_length=255, description="Name to save the bytes under")
]

router = APIRouter(tags=["blocks"], responses=PROBLEMS)


@router.get(
    "/ipfs/{cid}",
    summary="The bytes of a CID",
    response_class=Response,
    responses=binary(RAW_TYPE, CAR_TYPE) | {304: {"description": "You have it"}},
)
def get_block(
    request: Request,
    node: AtNode,
    cid: CidPath,
    format: _FormatText = None,
    dag_scope: _ScopeText = "all",
    filename: _NameText = None,
) -> Response:
    """Serve a block, or a CAR of one block, under the rules of the gateway."""
    named = parse_cid(cid)
    form = _form(format, request.headers.get("accept", "*/*"))
    block = _bytes(node, named)
    suffix = "raw" if form == "raw" else f"car.{dag_scope}"
    headers = {
        "etag": f'"{named}.{suffix}"',
        "cache-control": IMMUTABLE,
        "vary": "accept",
        "x-content-type-options": "nosniff",
        "x-ipfs-path": quote(request.url.path),
        "x-ipfs-roots": str(named),
        "accept-ranges": "none",
    }
    content, kind, ending = block, RAW_TYPE, "bin"
    if form == "car":
        _check_scope(named, dag_scope)
        content = car.to_bytes([named], [(named, block)])
        kind, ending = f"{CAR_TYPE}; version=1; order=dfs; dups=n", "car"
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    headers["content-length"] = str(len(content))
    headers["content-type"] = kind
    headers["content-disposition"] = _attachment(filename or f"{named}.{ending}")
    if format is None:
        headers["content-location"] = f"/ipfs/{named}?format={form}"
    return Response(content, headers=headers)


def _bytes(node: Node, cid: CID) -> bytes:
    if cid in EMPTY_BYTES:  # gateways are probed with the CID of nothing
        return b""
    block = node.store.find(cid)
    if block is None:
        raise NotFoundError("no such block here", at=str(cid))
    return block


def _form(format_: str | None, accept: str) -> _Form:
    if format_ is not None:
        if format_ in ("raw", "car"):
            return "raw" if format_ == "raw" else "car"
        raise QueryError(f"{format_[:80]!r}; expected raw or car", at="query/format")
    found: dict[_Form, float] = {}
    for item in accept.split(","):
        kind = item.partition(";")[0].strip().lower()
        form = _FORMS.get(kind)
        if form is not None:
            quality = _QUALITY.search(item)
            weight = float(quality[1]) if quality else 1.0
            found[form] = max(found.get(form, 0.0), weight)
    best = max(found, key=lambda form: (found[form], form == "raw"), default=None)
    if best is None or not found[best]:
        raise NotAcceptableError(f"nothing of {accept[:80]!r}; served: {RAW_TYPE}")
    return best


def _check_scope(cid: CID, scope: str) -> None:
    """Only what one block answers: no DAG is walked for strangers."""
    if scope not in ("block", "entity", "all"):
        raise QueryError(
            f"{scope[:80]!r}; expected block, entity or all", at="query/dag-scope"
        )
    whole = scope == "block" or cid.codec == RAW
    # Of data that is not UnixFS, an entity is its one block (trustless-gateway).
    if not whole and not (scope == "entity" and cid.codec == DAG_CBOR):
        raise QueryError(
            f"dag-scope={scope} of more than one block is not served; ask for"
            " dag-scope=block, or for /v1/statements/CID",
            at="query/dag-scope",
        )


def _attachment(name: str) -> str:
    plain = _UNSAFE_IN_NAME.sub("_", name.encode("ascii", "replace").decode())
    found = f'attachment; filename="{plain}"'
    return (
        found if plain == name else f"{found}; filename*=UTF-8''{quote(name, safe='')}"
    )
