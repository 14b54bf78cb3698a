"""The log as other worlds read it: a signed checkpoint, and tiles that never change.

    GET /checkpoint
    GET /tile/0/x001/234            hashes
    GET /tile/entries/000.p/17      entries
    GET /blocks/000.p/17            what those entries name, as a CAR
    GET /vkey                       the key of the log

Source: C2SP tlog-tiles, tlog-checkpoint; DESIGN 7.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from octostore import tables
from octostore.errors import NotFoundError, ProofError
from octostore.log_blocks import bundle_car, bundle_of
from octostore.log_key import LogKey
from octostore.log_tiles import tile_bytes
from octostore.tlog.tiles import Tile
from octostore_server.answering import unchanged
from octostore_server.node import AtNode, Node
from octostore_server.openapi import PROBLEMS, binary
from octostore_server.routes.gateway import IMMUTABLE
from octostore_server.wanted import CAR_TYPE

__all__ = ["CHECKPOINT_TYPE", "TILE_TYPE", "key_of", "router"]

CHECKPOINT_TYPE: Final = "text/plain; charset=utf-8"
TILE_TYPE: Final = "application/octet-stream"

#: Longer than the path of any tile.
_PATH_CHARACTERS_MAX: Final = 64

router = APIRouter(tags=["log"], responses=PROBLEMS)


@router.get(
    "/checkpoint",
    summary="The size and root of the log, signed",
    response_class=Response,
    responses={
        200: {
            "description": "A C2SP tlog-checkpoint",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
def get_checkpoint(node: AtNode) -> Response:
    """Sign the log as it is now; the same size is signed once."""
    note = bytes(key_of(node).checkpoint(node.store))
    headers = {
        "cache-control": "no-store",
        "content-type": CHECKPOINT_TYPE,
        "x-content-type-options": "nosniff",
    }
    return Response(note, headers=headers)


@router.get(
    "/tile/{path:path}",
    summary="A tile of hashes, or a bundle of entries",
    response_class=Response,
    responses=binary(TILE_TYPE) | {304: {"description": "You have it"}},
)
def get_tile(
    request: Request,
    node: AtNode,
    path: Annotated[
        str,
        Path(
            max_length=_PATH_CHARACTERS_MAX,
            description="LEVEL/N, LEVEL/N.p/W, entries/N or entries/N.p/W",
        ),
    ],
) -> Response:
    """Serve what C2SP tlog-tiles names; a tile the log has not reached is absent."""
    try:
        tile = Tile.parse(f"tile/{path}")
    except ProofError as error:
        raise NotFoundError(error.reason) from error
    with node.store.view() as view:
        content = tile_bytes(view, tile)
    headers = _lasting(TILE_TYPE, hashlib.sha256(content).hexdigest())
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers)


@router.get(
    "/blocks/{path:path}",
    summary="The blocks of a bundle of entries",
    response_class=StreamingResponse,
    responses=binary(CAR_TYPE) | {304: {"description": "You have it"}},
)
def get_blocks(
    request: Request,
    node: AtNode,
    path: Annotated[
        str, Path(max_length=_PATH_CHARACTERS_MAX, description="N or N.p/W")
    ],
) -> Response:
    """Serve what the entries of a bundle name: envelopes, closures, map heads."""
    try:
        bundle = bundle_of(path)
    except ProofError as error:
        raise NotFoundError(error.reason) from error
    with node.store.view() as view:
        if not bundle.is_in(view.checkpoint().size):
            raise NotFoundError("the log has no such bundle", at=bundle.path)
        # Read block by block as it is sent: a slow reader holds nothing of the store.
        store = node.store
        chunks = bundle_car(view, bundle, lambda it: store.find(tables.our_cid(it)))
    headers = _lasting(f"{CAR_TYPE}; version=1", f"{bundle.path}.car")
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return StreamingResponse(chunks, headers=headers)


@router.get(
    "/vkey",
    summary="The key that checkpoints are verified with",
    response_class=PlainTextResponse,
)
def get_vkey(node: AtNode) -> Response:
    """Tell the key of the log, as a C2SP vkey; better had from elsewhere."""
    vkey = f"{key_of(node).verifier}\n"
    return PlainTextResponse(vkey, headers={"cache-control": "no-store"})


def _lasting(kind: str, tag: str) -> dict[str, str]:
    """The headers of what never changes."""
    return {
        "cache-control": IMMUTABLE,
        "content-type": kind,
        "etag": f'"{tag}"',
        "x-content-type-options": "nosniff",
    }


def key_of(node: Node) -> LogKey:
    """The key of the log that is served, made when it is first needed.

    Raises:
        NotFoundError: it has none, and this server makes none.
    """
    if node.settings.readonly:
        return LogKey.open(node.store.path)
    return LogKey.open_or_create(node.store.path, secrets.token_bytes)
