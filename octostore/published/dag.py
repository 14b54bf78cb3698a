"""The blocks of a DAG that a path and a scope ask for, in the order they are met.

    found = resolve(find, root, ["results", "r.csv"])    the way, block by block
    list(blocks(find, found, Scope.ENTITY))              and what stands at its end

Blocks are named as the link to them names them: whoever reads the old CIDs of a folder
(CIDv0) looks for its blocks by these.

A path leads through folders of UnixFS, sharded ones too, and through maps, lists and
links of DAG-CBOR. `block` is the block at the end, `entity` a file or the list of a
folder, `all` whatever can be reached. Depth first, links as they stand in a block.
Source: specs.ipfs.tech, trustless-gateway; the UnixFS specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from invocation_spec import dagcbor
from invocation_spec.cid import CID, DAG_CBOR, DAG_PB
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from octostore.dagpb import (
    DIRECTORY,
    FILE,
    PIECE,
    SHARD,
    Link,
    Node,
    NotReadError,
    decode,
)
from octostore.errors import NotFoundError
from octostore.published.murmur3 import murmur3

__all__ = [
    "DECODED_BYTES_MAX",
    "DEPTH_MAX",
    "VISITS_MAX",
    "Find",
    "Found",
    "Named",
    "Scope",
    "Span",
    "blocks",
    "resolve",
]

#: Blocks inside each other; 174 links a level hold any file.
DEPTH_MAX: Final = 64

#: Blocks looked at for one answer, those that come twice counted twice: 4 GiB of a
#: file in the usual pieces. A folder may name one block many times.
VISITS_MAX: Final = 1 << 14

#: Bytes that are decoded for one answer, those of files left out; a few seconds' work.
#: A list may name one large block thousands of times.
DECODED_BYTES_MAX: Final = 64 << 20

_DIGEST_BITS: Final = 64

#: The bytes that a CID names, or None if they are not here.
Find: TypeAlias = Callable[[CID], bytes | None]


class Named(NamedTuple):
    """A block, and the CID of it as somebody wrote it, in binary."""

    cid: CID
    raw: bytes


class Scope(StrEnum):
    """How much of what stands at the end of a path is asked for."""

    BLOCK = "block"
    ENTITY = "entity"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file from one to another and with it; negative ones from its end."""

    first: int = 0
    last: int | None = None

    def within(self, size: int) -> tuple[int, int]:
        """The first byte, and the one after the last, of a file of this size.

        Both are 0 where there is none.
        """
        first = self.first if self.first >= 0 else max(size + self.first, 0)
        last = size - 1 if self.last is None else self.last
        last = last if last >= 0 else size + last
        end = min(last, size - 1) + 1
        return (first, end) if first < end else (0, 0)


@dataclass(frozen=True, slots=True)
class Found:
    """A path that leads somewhere.

    `way` are the blocks on it, the last one included; `roots` those at which a
    segment of the path begins. `is_inside` says that it ends within a block.
    """

    way: tuple[Named, ...]
    roots: tuple[CID, ...]
    is_inside: bool = False

    @property
    def cid(self) -> CID:
        """The block at the end."""
        return self.way[-1].cid


def resolve(find: Find, root: Named, path: Sequence[str]) -> Found:
    """Where a path leads to.

    Raises:
        NotFoundError: a block on the way is not here, or there is nothing of that name.
        EncodingError: a block on the way is not what its codec says, or they are
            too large together.
    """
    way, roots = [root], [root.cid]
    find = _counted(find)
    rest = list(path)
    while rest:
        cid = way[-1].cid
        block = _block(find, cid)
        if cid.codec == DAG_PB:
            steps, rest = _in_folder(find, cid, block, rest[0]), rest[1:]
        elif cid.codec == DAG_CBOR:
            target, rest = _in_value(dagcbor.decode(block, floats=True), rest)
            if target is None:
                return Found(tuple(way), tuple(roots), is_inside=True)
            steps = [_as_is(target)]
        else:
            raise _nothing(rest[0])
        way += steps
        roots.append(way[-1].cid)
        if len(way) > VISITS_MAX:
            raise _too_many()
    _block(find, way[-1].cid)
    return Found(tuple(way), tuple(roots))


def blocks(
    find: Find,
    found: Found,
    scope: Scope,
    *,
    span: Span | None = None,
    may_repeat: bool = False,
) -> Iterator[Named]:
    """The blocks of the way, and then those of the scope; `span` is of a file.

    A block that comes twice is named once, unless `may_repeat`.

    Raises:
        NotFoundError: a block is not here.
        EncodingError: a block is not what its codec says, or there are too many.
    """
    seen: set[CID] = set()
    walk = _Walk(find, span)
    if found.is_inside:
        scope = Scope.BLOCK
    for named in (*found.way[:-1], *walk.end(found.way[-1], scope)):
        if may_repeat or named.cid not in seen:
            seen.add(named.cid)
            yield named


def _counted(find: Find) -> Find:
    """The same, for blocks that are all decoded."""
    decoded = 0

    def counting(cid: CID) -> bytes | None:
        nonlocal decoded
        block = find(cid)
        decoded += len(block or b"")
        if decoded > DECODED_BYTES_MAX:
            raise _too_large()
        return block

    return counting


class _Walk:
    """Counts what it looks at, whatever it is asked for."""

    def __init__(self, find: Find, span: Span | None) -> None:
        self._find = find
        self._span = span
        self._visits = 0
        self._decoded = 0

    def end(self, named: Named, scope: Scope) -> Iterator[Named]:
        if scope is Scope.BLOCK:
            self._look(named.cid)
            yield named
        elif scope is Scope.ALL and self._span is None:
            yield from self._all(named, 0)
        else:
            yield from self._entity(named)

    def _entity(self, named: Named) -> Iterator[Named]:
        node = self._node(named.cid, self._look(named.cid))
        if node is not None and node.kind == SHARD:
            yield from self._shards(named, node, 0)
        elif node is not None and node.kind in (FILE, PIECE):
            size = len(node.data) + sum(node.sizes)
            span = (self._span or Span()).within(size)
            yield from self._pieces(named, node, 0, span, 0)
        else:
            yield named

    def _shards(self, named: Named, node: Node, depth: int) -> Iterator[Named]:
        yield named
        width = _width(node)
        for link in node.links:
            if len(link.name) == width:
                inner = self._node(link.cid, self._look(link.cid, depth))
                if inner is not None:
                    yield from self._shards(_of(link), inner, depth + 1)

    def _pieces(
        self, named: Named, node: Node, begin: int, span: tuple[int, int], depth: int
    ) -> Iterator[Named]:
        """A file from its first byte at `begin`; pieces outside the span are left."""
        yield named
        if len(node.sizes) != len(node.links):
            raise EncodingError(f"{named.cid} has other pieces than it has sizes of")
        at = begin + len(node.data)
        for link, size in zip(node.links, node.sizes, strict=True):
            end = at + size
            if at < span[1] and end > span[0]:
                inner = self._node(link.cid, self._look(link.cid, depth))
                if inner is None:
                    yield _of(link)
                else:
                    yield from self._pieces(_of(link), inner, at, span, depth + 1)
            at = end

    def _all(self, named: Named, depth: int) -> Iterator[Named]:
        block = self._look(named.cid, depth)
        yield named
        for link in self._links(named.cid, block):
            yield from self._all(link, depth + 1)

    def _links(self, cid: CID, block: bytes) -> Iterator[Named]:
        node = self._node(cid, block)
        if node is not None:
            yield from map(_of, node.links)
        elif cid.codec == DAG_CBOR:
            self._count(len(block))
            yield from map(_as_is, _links_of(dagcbor.decode(block, floats=True)))

    def _look(self, cid: CID, depth: int = 0) -> bytes:
        self._visits += 1
        if self._visits > VISITS_MAX or depth > DEPTH_MAX:
            raise _too_many()
        return _block(self._find, cid)

    def _node(self, cid: CID, block: bytes) -> Node | None:
        if cid.codec != DAG_PB:
            return None
        node = _decoded(cid, block)
        self._count(len(block) - len(node.data))
        return node

    def _count(self, decoded: int) -> None:
        self._decoded += decoded
        if self._decoded > DECODED_BYTES_MAX:
            raise _too_large()


def _in_folder(find: Find, cid: CID, block: bytes, name: str) -> list[Named]:
    """The blocks from a folder to an entry of it, itself left out."""
    node = _decoded(cid, block)
    if node.kind == DIRECTORY:
        for link in node.links:
            if link.name == name:
                return [_of(link)]
    if node.kind == SHARD:
        return list(_in_shards(find, node, name))
    raise _nothing(name)


def _in_shards(find: Find, node: Node, name: str) -> Iterator[Named]:
    """As HAMTs of UnixFS are read: bits of the hash of a name say which link."""
    digest, left = murmur3(name.encode()), _DIGEST_BITS
    while True:
        width = _width(node)
        bits = ((node.fanout or 1) - 1).bit_length()
        left -= bits
        if left < 0:
            raise _nothing(name)
        prefix = f"{(digest >> left) & ((1 << bits) - 1):0{width}X}"
        for link in node.links:
            if link.name == prefix + name:
                yield _of(link)
                return
            if link.name == prefix and link.cid.codec == DAG_PB:
                yield _of(link)
                node = _decoded(link.cid, _block(find, link.cid))
                break
        else:
            raise _nothing(name)


def _width(node: Node) -> int:
    """Characters of a prefix in the names of a sharded folder."""
    fanout = node.fanout or 0
    if fanout < 2 or fanout & (fanout - 1) or fanout > 1 << 10:
        raise EncodingError(f"a sharded folder of the width {fanout}")
    return len(f"{fanout - 1:X}")


def _in_value(value: Ipld, path: Sequence[str]) -> tuple[CID | None, list[str]]:
    """The next link, and the path behind it; None if it ends before one."""
    for at, name in enumerate(path):
        value = _member(value, name)
        if isinstance(value, CID):
            return value, list(path[at + 1 :])
    return None, []


def _member(value: Ipld, name: str) -> Ipld:
    if isinstance(value, Mapping):
        members = {key: item for key, item in value.items() if key == name}
    elif isinstance(value, list | tuple):
        members = {str(at): item for at, item in enumerate(value) if str(at) == name}
    else:
        members = {}
    if name not in members:
        raise _nothing(name)
    return members[name]


def _of(link: Link) -> Named:
    return Named(link.cid, link.raw)


def _as_is(cid: CID) -> Named:
    return Named(cid, cid.raw)


def _links_of(value: Ipld) -> Iterator[CID]:
    if isinstance(value, CID):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _links_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _links_of(item)


def _decoded(cid: CID, block: bytes) -> Node:
    try:
        return decode(block, cid)
    except NotReadError as error:
        raise EncodingError(str(error)) from error


def _block(find: Find, cid: CID) -> bytes:
    block = find(cid)
    if block is None:
        raise NotFoundError("no such block here", at=str(cid))
    return block


def _nothing(name: str) -> NotFoundError:
    return NotFoundError("there is nothing of that name", at=name[:200])


def _too_many() -> EncodingError:
    return EncodingError(
        f"more than {VISITS_MAX} blocks, or deeper than {DEPTH_MAX}; ask for a part of"
        " it, or with dag-scope=entity or block"
    )


def _too_large() -> EncodingError:
    return EncodingError(
        f"blocks of more than {DECODED_BYTES_MAX} bytes to decode; ask for a part of"
        " it, or with dag-scope=entity or block"
    )
