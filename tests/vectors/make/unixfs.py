"""Files of IPFS in the usual layouts, and in small ones that are deep.

The tree is built from the root down, as Kubo's own words put it: so many leaves fill a
subtree of so many levels. Real Kubo is asked for the same in tests/interop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from multiformats import CID

from tests.vectors.make.rows import Row


class Node(NamedTuple):
    """A block: its CID, how links spell it, the bytes of the file, all bytes."""

    cid: CID
    link: bytes
    size: int
    total: int


def content(size: int) -> bytes:
    """The bytes that a vector speaks of: SHAKE128 of "octostore", so many."""
    return hashlib.shake_128(b"octostore").digest(size)


def unixfs() -> Iterable[Row]:
    """Every usual layout at the sizes where trees change, then deep ones."""
    usual = [
        (leaf, links, version, raw)
        for leaf in (262144, 1048576)
        for links in (174, 1024)
        for version in (0, 1)
        for raw in (False, True)
    ]
    for leaf, links, version, raw in usual:
        yield _row("no bytes", 0, leaf, links, version, raw=raw)
        yield _row("one leaf", leaf, leaf, links, version, raw=raw)
        yield _row("one byte more", leaf + 1, leaf, links, version, raw=raw)
    yield _row("a full node", 174 * 262144, 262144, 174, 0, raw=False)
    yield _row("over a full node", 174 * 262144 + 1, 262144, 174, 0, raw=False)
    for count in (1, 2, 3, 4, 8, 9, 16, 17, 26, 27, 28):
        for links in (2, 3):
            yield _row(f"{count} small leaves", 16 * count, 16, links, 0, raw=False)
            yield _row(f"{count} small leaves", 16 * count - 1, 16, links, 1, raw=True)


def _row(
    what: str, size: int, leaf: int, links: int, version: int, *, raw: bool
) -> Row:
    data = content(size)
    chunks = [data[at : at + leaf] for at in range(0, size, leaf)] or [b""]
    maker = _Maker(links, version, raw)
    root = maker.tree([maker.leaf(chunk) for chunk in chunks])
    name = f"{what}: size-{leaf}, {links} links, CIDv{version}"
    return {
        "name": name + (", raw leaves" if raw else ""),
        "why": "as Kubo adds it",
        "size": size,
        "leaf_bytes": leaf,
        "links": links,
        "version": version,
        "raw_leaves": raw,
        "cid": str(root.cid),
    }


class _Maker:
    def __init__(self, links: int, version: int, raw: bool) -> None:
        self.links, self.version, self.raw = links, version, raw

    def leaf(self, chunk: bytes) -> Node:
        if self.raw:
            return self._block(chunk, "raw", len(chunk), 0)
        inner = _field(2, chunk) if chunk else b""
        data = b"\x08\x02" + inner + b"\x18" + _varint(len(chunk))
        return self._block(_field(1, data), "dag-pb", len(chunk), 0)

    def tree(self, leaves: list[Node]) -> Node:
        depth = 0
        while self.links**depth < len(leaves):
            depth += 1
        return leaves[0] if depth == 0 else self._node(leaves, depth)

    def _node(self, leaves: list[Node], depth: int) -> Node:
        if depth == 0:
            (leaf,) = leaves
            return leaf
        below = self.links ** (depth - 1)
        parts = [leaves[at : at + below] for at in range(0, len(leaves), below)]
        children = [self._node(part, depth - 1) for part in parts]
        links = b"".join(
            _field(2, _field(1, child.link) + b"\x12\x00\x18" + _varint(child.total))
            for child in children
        )
        size = sum(child.size for child in children)
        data = b"\x08\x02\x18" + _varint(size)
        data += b"".join(b"\x20" + _varint(child.size) for child in children)
        return self._block(
            links + _field(1, data),
            "dag-pb",
            size,
            sum(child.total for child in children),
        )

    def _block(self, block: bytes, codec: str, size: int, below: int) -> Node:
        digest = hashlib.sha256(block).digest()
        cid = CID("base32", 1, codec, ("sha2-256", digest))
        is_v0 = self.version == 0 and codec == "dag-pb"
        link = b"\x12\x20" + digest if is_v0 else bytes(cid)
        return Node(cid, link, size, len(block) + below)


def _field(number: int, value: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found: list[int] = []
    while value > 0x7F:
        found.append(value % 0x80 + 0x80)
        value //= 0x80
    return bytes([*found, value])
