"""Blocks by CID, as IPFS asks for them: a Trustless Gateway.

    GET /ipfs/bafyrei..?format=raw        the bytes, to be hashed by who asked
    GET /ipfs/bafyrei..?format=car        all that can be reached from it, as a CAR
    GET /ipfs/bafybei../a/b.csv?format=car&dag-scope=entity&entity-bytes=0:1023
    GET /ipfs/bafyrei..?format=dag-json   a DAG-CBOR block, to be read by people

Any spelling of a CID is served, not redirected: clients of gateways send the
spelling they have, and many follow no redirects. `Etag` and `X-Ipfs-Roots` name
the canonical one. Ranges are not offered: a part of a block proves nothing. A DAG
is walked before anything is sent, so that one that is not whole here is 404.
Source: specs.ipfs.tech, trustless-gateway and path-gateway; DESIGN 7.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final, TypeAlias
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from invocation_spec import dagcbor, dagjson
from invocation_spec.cid import CID, DAG_CBOR, EMPTY_BYTES, spelled_bytes
from invocation_spec.errors import CidError
from octostore import car
from octostore.errors import NotFoundError
from octostore.published.dag import Find, Found, Named, blocks, resolve
from octostore_server.answering import unchanged
from octostore_server.errors import NotAcceptableError
from octostore_server.node import AtNode, Node
from octostore_server.openapi import PROBLEMS, binary
from octostore_server.texts import CidPath, parse_cid
from octostore_server.wanted import (
    CAR_TYPE,
    DAG_CBOR_TYPE,
    DAG_JSON_TYPE,
    RAW_TYPE,
    Wanted,
    wanted,
)

__all__ = ["IMMUTABLE", "PATH_CHARACTERS_MAX", "router"]

#: What a CID names never changes; a year is as long as caches believe.
IMMUTABLE: Final = "public, max-age=31536000, immutable"

#: A path below a CID; longer than a file system has them.
PATH_CHARACTERS_MAX: Final = 8192

_UNSAFE_IN_NAME: Final = re.compile(r"[^\w\-. ()]")

#: A raw block by its bytes instead of their hash: version, codec, identity.
_IDENTITY: Final = b"\x01\x55\x00"

_FormatText: TypeAlias = Annotated[
    str | None,
    Query(description="raw (default), car, dag-json or dag-cbor; wins over Accept"),
]
_ScopeText: TypeAlias = Annotated[
    str, Query(alias="dag-scope", description="Of a CAR: block, entity or all")
]
_BytesText: TypeAlias = Annotated[
    str | None,
    Query(alias="entity-bytes", description="Of the file in a CAR: FROM:TO, FROM:*"),
]
_DupsText: TypeAlias = Annotated[
    str | None,
    Query(alias="car-dups", description="y: a block comes as often as it is met"),
]
_NameText: TypeAlias = Annotated[
    str | None, Query(max_length=255, description="Name to save the bytes under")
]

router = APIRouter(tags=["blocks"], responses=PROBLEMS)

_ANSWERS = binary(RAW_TYPE, CAR_TYPE, DAG_JSON_TYPE, DAG_CBOR_TYPE) | {
    304: {"description": "You have it"}
}


@router.get(
    "/ipfs/{cid}",
    summary="The bytes of a CID, or a DAG",
    response_class=Response,
    responses=_ANSWERS,
)
def get_block(
    request: Request,
    node: AtNode,
    cid: CidPath,
    format: _FormatText = None,
    dag_scope: _ScopeText = "all",
    entity_bytes: _BytesText = None,
    car_dups: _DupsText = None,
    filename: _NameText = None,
) -> Response:
    """Serve a block, or the blocks of a DAG as a CAR, as the gateway of IPFS does."""
    return _answer(request, node, cid, "", filename)


@router.get(
    "/ipfs/{cid}/{path:path}",
    summary="What stands below a CID at a path",
    response_class=Response,
    responses=_ANSWERS,
)
def get_below(
    request: Request,
    node: AtNode,
    cid: CidPath,
    path: Annotated[
        str,
        Path(
            max_length=PATH_CHARACTERS_MAX,
            description="Names in folders of UnixFS, or in DAG-CBOR",
        ),
    ],
    format: _FormatText = None,
    dag_scope: _ScopeText = "all",
    entity_bytes: _BytesText = None,
    car_dups: _DupsText = None,
    filename: _NameText = None,
) -> Response:
    """Serve the block at the end of the path, or a CAR with the blocks on the way."""
    return _answer(request, node, cid, path, filename)


def _answer(
    request: Request, node: Node, text: str, path: str, filename: str | None
) -> Response:
    root, inline = parse_cid(text), _inline(text)
    asked = wanted(request.query_params, request.headers.get("accept", "*/*"))
    store, sizes = node.store, dict[CID, int]()

    def find(cid: CID) -> bytes | None:
        block = inline if cid == root and inline is not None else store.find(cid)
        if block is not None:
            sizes[cid] = len(block)
        return block

    named = Named(root, _spelled(text) or root.raw)
    found = resolve(find, named, [name for name in path.split("/") if name])
    headers = {
        "etag": _tag(found, root, path, asked),
        "cache-control": IMMUTABLE,
        "vary": "accept",
        "x-content-type-options": "nosniff",
        "x-ipfs-path": quote(request.url.path),
        "x-ipfs-roots": ",".join(map(str, found.roots)),
        "accept-ranges": "none",
    }
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    if request.query_params.get("format") is None:
        below = f"/{quote(path)}" if path else ""
        headers["content-location"] = f"/ipfs/{root}{below}?format={asked.form}"
    if asked.form == "car":
        name = filename or f"{root}.car"
        headers["content-disposition"] = _attachment(name)
        shown = [] if inline is not None else [*_walked(find, found, asked)]
        return _car(root, shown, sizes, headers, asked, store.get)
    content, kind, ending = _bytes(find, found, asked)
    headers["content-type"] = kind
    headers["content-disposition"] = _attachment(filename or f"{found.cid}.{ending}")
    return Response(content, headers=headers)


def _walked(find: Find, found: Found, asked: Wanted) -> Iterable[Named]:
    return blocks(find, found, asked.scope, span=asked.span, may_repeat=asked.dups)


def _car(
    root: CID,
    shown: list[Named],
    sizes: dict[CID, int],
    headers: dict[str, str],
    asked: Wanted,
    get: Callable[[CID], bytes],
) -> Response:
    """The blocks as a CAR, each read when it is sent; its length is known before."""
    kind = f"{CAR_TYPE}; version=1; order=dfs; dups={'y' if asked.dups else 'n'}"
    header = b"".join(car.chunks([root], ()))

    def pieces() -> Iterator[bytes]:
        yield header
        for cid, raw in shown:
            yield car.section(raw, get(cid))

    lengths = (len(raw) + sizes[cid] for cid, raw in shown)
    length = len(header) + sum(
        size + max(1, (size.bit_length() + 6) // 7) for size in lengths
    )
    headers |= {"content-type": kind, "content-length": str(length)}
    return StreamingResponse(pieces(), headers=headers)


def _bytes(find: Find, found: Found, asked: Wanted) -> tuple[bytes, str, str]:
    """The bytes of the block at the end, their type, and the ending of a name."""
    if found.is_inside:
        raise NotAcceptableError(
            "the path ends within a block; ask for it with format=car"
        )
    block = find(found.cid)
    if block is None:
        raise NotFoundError("no such block here", at=str(found.cid))
    if asked.form == "raw":
        return block, RAW_TYPE, "bin"
    if found.cid.codec != DAG_CBOR:
        raise NotAcceptableError(f"{found.cid} is not DAG-CBOR; ask for {RAW_TYPE}")
    if asked.form == "dag-cbor":
        return block, DAG_CBOR_TYPE, "cbor"
    text = dagjson.encode(dagcbor.decode(block, floats=True))
    return text.encode(), DAG_JSON_TYPE, "json"


def _spelled(text: str) -> bytes | None:
    """The CID as it was asked for, in binary; None of one that stands in an address."""
    try:
        return spelled_bytes(text)
    except CidError:
        return None


def _inline(text: str) -> bytes | None:
    """The bytes that the CID itself holds, if it is such a one, or that of nothing."""
    raw = _spelled(text) or b""
    if raw[:3] == _IDENTITY and raw[3:4] and raw[3] == len(raw) - 4:
        return raw[4:]
    return b"" if parse_cid(text) in EMPTY_BYTES else None


def _tag(found: Found, root: CID, path: str, asked: Wanted) -> str:
    if asked.form != "car":
        return f'"{found.cid}.{asked.form}"'
    more = f"{path} {asked.span} {asked.dups}" if path or asked.span else ""
    more = more or ("dups" if asked.dups else "")
    end = f".{hashlib.sha256(more.encode()).hexdigest()[:16]}" if more else ""
    return f'"{root}.car.{asked.scope}{end}"'


def _attachment(name: str) -> str:
    plain = _UNSAFE_IN_NAME.sub("_", name.encode("ascii", "replace").decode())
    found = f'attachment; filename="{plain}"'
    return (
        found if plain == name else f"{found}; filename*=UTF-8''{quote(name, safe='')}"
    )
