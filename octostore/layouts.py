"""Which CIDs the bytes of a file have: flat, and as UnixFS in the usual layouts.

    names = Names((a, b))
    for piece in pieces: names.update(piece)
    names.known(a)              "raw, sha2-256"   or None: it is none of them
    names.known(b)              "UnixFS, size-262144, 174 links, CIDv0"

    leaf    { 1: Data { 1: file, 2: bytes, 3: size } }          or the bytes themselves
    node    { 2: { 1: CID, 2: "", 3: size of all below } ..,
              1: Data { 1: file, 3: size, 4: size of each .. } }

Balanced trees: leaves from left to right, each level grouped by so many, until one is
left. The bytes are read once and never held. Source: the dag-pb and UnixFS
specifications of IPLD and IPFS; Kubo, importer/balanced and IPIP-499; ADR 27.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final, NamedTuple

from invocation_spec.cid import CID, DAG_PB, RAW, SHA2_256

__all__ = ["LAYOUTS", "Layout", "Names"]


class Layout(NamedTuple):
    """How a file becomes a tree; `version` is that of the CIDs in it."""

    leaf_bytes: int
    links: int
    version: int
    raw_leaves: bool

    def __str__(self) -> str:
        leaves = "raw leaves, " if self.raw_leaves else ""
        return (
            f"UnixFS, size-{self.leaf_bytes}, {self.links} links, {leaves}"
            f"CIDv{self.version}"
        )


_KIB: Final = 1 << 10

#: The usual ones. First the two profiles of IPIP-499: `unixfs-v0-2015`, which is what
#: Kubo does untold, and `unixfs-v1-2025`; then what Kubo's options for CIDv1 gave
#: before it, and every other mixture of those sizes.
LAYOUTS: Final[tuple[Layout, ...]] = tuple(
    dict.fromkeys(
        (
            Layout(256 * _KIB, 174, 0, raw_leaves=False),
            Layout(_KIB * _KIB, 1024, 1, raw_leaves=True),
            Layout(256 * _KIB, 174, 1, raw_leaves=True),
            *(
                Layout(size, links, version, raw_leaves)
                for size, links, version, raw_leaves in product(
                    (256 * _KIB, _KIB * _KIB), (174, 1024), (0, 1), (False, True)
                )
            ),
        )
    )
)

_FILE: Final = b"\x08\x02"  # Data.Type: 2
_CIDV1: Final = b"\x01"


class Names:
    """What the bytes so far would be called, for as many CIDs as are asked about.

    Raises:
        CidError: this Python cannot compute the hash function of one (blake3).
    """

    def __init__(
        self, asked: Iterable[CID], layouts: Sequence[Layout] = LAYOUTS
    ) -> None:
        asked = tuple(dict.fromkeys(asked))
        self._flat = {cid: cid.hasher() for cid in asked if cid.codec != DAG_PB}
        self._forests = {
            cid.hash_code: _Forest(cid, layouts) for cid in asked if cid.codec == DAG_PB
        }
        self.size = 0

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.size += len(piece)
        for hasher in self._flat.values():
            hasher.update(piece)
        for forest in self._forests.values():
            forest.update(piece)

    def known(self, cid: CID) -> str | None:
        """By which rule the bytes have this CID, one of those asked about; or None."""
        if cid.codec != DAG_PB:
            is_its = self._flat[cid].digest() == cid.digest
            return _flat_words(cid) if is_its else None
        for layout, root in self._forests[cid.hash_code].roots():
            if root == cid:
                return str(layout)
        return None


class _Child(NamedTuple):
    """What a node says of one below it: as a link, bytes of content, bytes of all."""

    link: bytes
    size: int
    total: int


class _Tree:
    """One tree that grows from its leaves; of each level what has no node yet."""

    def __init__(self, layout: Layout, hashing: _Hashing) -> None:
        self.layout = layout
        self._hashing = hashing
        self._levels: list[list[_Child]] = [[]]

    def add(self, child: _Child, level: int = 0) -> None:
        """Put the next child to the right of this level."""
        if level == len(self._levels):
            self._levels.append([])
        waiting = self._levels[level]
        if len(waiting) == self.layout.links:  # only now is it not the root
            self._join(level)
            waiting = self._levels[level]
        waiting.append(child)

    def root(self) -> CID:
        """The CID of the whole; the tree is not to grow any more."""
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            if self._levels[level]:
                self._join(level)
            level += 1
        return CID.from_bytes(self._levels[level][0].link)

    def _join(self, level: int) -> None:
        children, self._levels[level] = self._levels[level], []
        size = sum(child.size for child in children)
        data = _FILE + _number(3, size)
        data += b"".join(_number(4, child.size) for child in children)
        links = [
            _bytes(2, _bytes(1, child.link) + _bytes(2, b"") + _number(3, child.total))
            for child in children
        ]
        block = b"".join(links) + _bytes(1, data)
        total = len(block) + sum(child.total for child in children)
        link = self._hashing.link(block, DAG_PB, self.layout.version)
        self.add(_Child(link, size, total), level + 1)


class _Hashing:
    """Links by the hash function of one CID."""

    def __init__(self, like: CID) -> None:
        self._like = like
        self._multihash = like.raw[2 : len(like.raw) - len(like.digest)]

    def link(self, block: bytes, codec: int, version: int) -> bytes:
        """How a node links to this block; of version 0 are nodes alone."""
        hasher = self._like.hasher()
        hasher.update(block)
        multihash = self._multihash + hasher.digest()
        if version == 0 and codec == DAG_PB:
            return multihash
        return _CIDV1 + bytes((codec,)) + multihash


class _Forest:
    """A tree in each layout, by one hash function."""

    def __init__(self, like: CID, layouts: Sequence[Layout]) -> None:
        self._hashing = _Hashing(like)
        self._trees = [
            _Tree(layout, self._hashing)
            for layout in layouts
            if layout.version == 1 or like.hash_code == SHA2_256  # CIDv0 has no other
        ]
        self._rest = {layout.leaf_bytes: bytearray() for layout in layouts}
        self._begun: set[int] = set()
        self._roots: list[tuple[Layout, CID]] = []

    def update(self, piece: bytes) -> None:
        for size, rest in self._rest.items():
            rest += piece
            while len(rest) >= size:
                self._leaf(size, bytes(rest[:size]))
                del rest[:size]

    def roots(self) -> list[tuple[Layout, CID]]:
        """The CIDs of the whole file; nothing is to come any more."""
        if not self._roots:
            for size, rest in self._rest.items():
                if rest or size not in self._begun:  # of no bytes there is one leaf
                    self._leaf(size, bytes(rest))
            self._roots = [(tree.layout, tree.root()) for tree in self._trees]
        return self._roots

    def _leaf(self, size: int, data: bytes) -> None:
        self._begun.add(size)
        flat = self._hashing.link(data, RAW, 1)
        content = _bytes(2, data) if data else b""
        block = _bytes(1, _FILE + content + _number(3, len(data)))
        nodes = {v: self._hashing.link(block, DAG_PB, v) for v in (0, 1)}
        for tree in self._trees:
            layout = tree.layout
            if layout.leaf_bytes != size:
                continue
            if layout.raw_leaves:
                tree.add(_Child(flat, len(data), len(data)))
            else:
                tree.add(_Child(nodes[layout.version], len(data), len(block)))


def _flat_words(cid: CID) -> str:
    return "raw" if cid.codec == RAW else f"codec {cid.codec:#x}, of these very bytes"


def _number(field: int, value: int) -> bytes:
    return bytes((field << 3,)) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return bytes((field << 3 | 2,)) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
