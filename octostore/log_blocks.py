"""What the entries of a log name, bundle by bundle: a CAR v1 beside each bundle.

    tile/entries/x001/234        256 entries, each a kind and a CID
    blocks/x001/234              the blocks of those entries, and their closures
    blocks/000.p/17              those of the first 17 entries

The roots are the blocks of the entries in the order of the log. A block stands once
in a CAR, before all that it names. So a whole log is read in a few large files, by
whoever wants to verify it. Source: docs/spec/log.md, Blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from invocation_spec.cid import CID
from octostore import car
from octostore.car import Block
from octostore.closure import Closure, Find
from octostore.errors import ProofError, StoreCorruptError
from octostore.log import KIND_STATEMENT, Entry
from octostore.statement import ReceivedStatement
from octostore.tlog.tiles import ENTRIES, Tile
from octostore.view import View

__all__ = ["blocks_path", "bundle_car", "bundle_of", "closures"]

_TILES = "tile/entries/"
_BLOCKS = "blocks/"


def blocks_path(bundle: Tile) -> str:
    """Where the blocks of a bundle are served and kept, without a leading slash."""
    return _BLOCKS + bundle.path.removeprefix(_TILES)


def bundle_of(path: str) -> Tile:
    """The bundle whose blocks are at a path, which begins after `blocks/`.

    Raises:
        ProofError: no log has such a bundle.
    """
    bundle = Tile.parse(_TILES + path)
    if bundle.level != ENTRIES:
        raise ProofError(f"{path[:80]!r} is no bundle of entries")
    return bundle


def bundle_car(view: View, bundle: Tile, find: Find) -> Iterator[bytes]:
    """The CAR of a bundle that the log has reached, piece by piece.

    The view is done with when this returns; `find` is asked as pieces are taken.

    Raises:
        NotFoundError: the log is shorter.
    """
    places = range(bundle.start, bundle.start + bundle.width)
    entries = [view.entry(place) for place in places]
    return car.chunks([entry.block for entry in entries], closures(entries, find))


def closures(entries: Iterable[Entry], find: Find) -> Iterator[Block]:
    """The blocks of entries with their closures, none twice.

    Raises:
        StoreCorruptError: one is not there.
    """
    closure = Closure(find)
    seen: set[bytes] = set()
    for entry in entries:
        block = _need(find, entry.block.digest)
        needed = [entry.block.digest]
        if entry.kind == KIND_STATEMENT:
            part = ReceivedStatement.from_block(block).part
            needed += closure.needs(part.digests).present
        for digest in needed:
            if digest not in seen:
                seen.add(digest)
                yield Block(CID.of_block_digest(digest), _need(find, digest))


def _need(find: Find, digest: bytes) -> bytes:
    block = find(digest)
    if block is None:
        raise StoreCorruptError(
            "a block of the log is not there", at=str(CID.of_block_digest(digest))
        )
    return block
