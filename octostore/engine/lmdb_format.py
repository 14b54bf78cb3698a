"""How LMDB writes its pages: bytes to headers, trees and nodes, each checked.

    page 0, 1   meta: magic, version, two trees (free pages, tables), txnid
    page n      pgno(8) pad(2) flags(2) lower(2) upper(2) | pages(4), then
                branch: nodes of key and child; leaf: nodes of key and value
                overflow: a value that is larger than a page allows

64 bits, little-endian, the default build. Source: LMDB 0.9, lmdb.h and mdb.c.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = [
    "BIG",
    "BRANCH",
    "HEADER",
    "HEADER_BYTES",
    "METAS",
    "OVERFLOW",
    "PGNO",
    "BadPageError",
    "Meta",
    "Node",
    "Tree",
    "parse_meta",
    "parse_nodes",
    "parse_tree",
]

_MAGIC: Final = 0xBEEFC0DE
_VERSION: Final = 1
HEADER: Final = struct.Struct("<QHHHH")
_META: Final = struct.Struct("<IIQQ48s48sQQ")
_TREE: Final = struct.Struct("<IHHQQQQQ")
_NODE: Final = struct.Struct("<HHHH")
PGNO: Final = struct.Struct("<Q")
HEADER_BYTES: Final = 16
METAS: Final = 2

BRANCH: Final = 0x01
_LEAF: Final = 0x02
OVERFLOW: Final = 0x04
_META_PAGE: Final = 0x08

#: A value that lies on pages of its own.
BIG: Final = 0x01


class BadPageError(Exception):
    """What does not hold; ends the look, since nothing below can be trusted."""


class Tree(NamedTuple):
    """A tree as its parent describes it (MDB_db)."""

    pad: int
    flags: int
    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    root: int


@dataclass(frozen=True, slots=True)
class Meta:
    """A meta page: one commit."""

    page_bytes: int
    map_bytes: int
    free: Tree
    main: Tree
    last: int
    txnid: int


class Node(NamedTuple):
    """An entry of a page; `value` of a big one is the number of its first page."""

    key: bytes
    flags: int
    size: int
    value: bytes
    child: int
    is_child: bool


def parse_meta(raw: bytes, page: int) -> Meta:
    """The meta page with this number.

    Raises:
        BadPageError: it is none.
    """
    if len(raw) < HEADER_BYTES + _META.size:
        raise BadPageError("no data file of LMDB: too short")
    number, _, flags, _, _ = HEADER.unpack_from(raw)
    magic, version, _, map_bytes, free, main, last, txnid = _META.unpack_from(
        raw, HEADER_BYTES
    )
    if (number, flags, magic, version) != (page, _META_PAGE, _MAGIC, _VERSION):
        raise BadPageError(f"meta page {page} is none")
    if txnid % METAS != page and txnid:
        raise BadPageError(f"meta page {page} has commit {txnid} of the other")
    name = f"meta page {page}"
    free_tree, main_tree = parse_tree(free, name), parse_tree(main, name)
    return Meta(free_tree.pad, map_bytes, free_tree, main_tree, last, txnid)


def parse_tree(raw: bytes, name: str) -> Tree:
    """A tree by its description.

    Raises:
        BadPageError: it is none.
    """
    if len(raw) != _TREE.size:
        raise BadPageError(f"{name}: a tree of {len(raw)} bytes")
    return Tree(*_TREE.unpack(raw))


def parse_nodes(raw: bytes, page: int, where: str) -> tuple[int, list[Node]]:
    """The kind of a page of a tree, branch or leaf, and its entries in order.

    Raises:
        BadPageError: another kind, or an entry that does not lie within.
    """
    number, _, flags, lower, upper = HEADER.unpack_from(raw)
    if number != page or flags not in (BRANCH, _LEAF):
        raise BadPageError(f"{where} has another header: {number}, flags {flags}")
    if not HEADER_BYTES < lower <= upper <= len(raw) or lower % 2:
        raise BadPageError(f"{where} has no room between {lower} and {upper}")
    count = (lower - HEADER_BYTES) // 2
    places = struct.unpack_from(f"<{count}H", raw, HEADER_BYTES)
    nodes = [_node(raw, at, upper, flags == BRANCH, where) for at in places]
    sizes = sum(_NODE.size + len(n.key) + len(n.value) + 1 & ~1 for n in nodes)
    if sizes != len(raw) - upper or len(set(places)) < count:
        raise BadPageError(f"{where} has {len(raw) - upper} bytes, its rows {sizes}")
    return flags, nodes


def _node(raw: bytes, at: int, upper: int, is_branch: bool, where: str) -> Node:
    if at < upper or at + _NODE.size > len(raw):
        raise BadPageError(f"{where} has a row outside of it")
    low, high, flags, key_bytes = _NODE.unpack_from(raw, at)
    key_at = at + _NODE.size
    value_at = key_at + key_bytes
    size = low | high << 16
    if is_branch:
        held, child = 0, size | flags << 32
        flags = 0
    else:
        held, child = (PGNO.size if flags & BIG else size), 0
    if value_at + held > len(raw):
        raise BadPageError(f"{where} has a row that ends outside of it")
    return Node(
        raw[key_at:value_at],
        flags,
        size,
        raw[value_at : value_at + held],
        child,
        is_branch,
    )
