"""UnixFS, the files and folders of IPFS: from blocks that were hashed to bytes.

    Tree(read).content(root)     the bytes of a file, piece by piece
    Tree(read).files(root)       path and bytes of each file of a folder

Files of many blocks are read block by block. What an identity CID names (`ipfs add
--inline`) is read from the CID: no block has it. A sharded folder (HAMT, thousands of
names) and a symlink are refused. Source: the dag-pb and UnixFS specifications of IPLD
and IPFS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from invocation_spec.cid import CID, DAG_PB, RAW
from invocation_spec.paths import PATH_BYTES_MAX
from octostore.dagpb import (
    DIRECTORY,
    SHARD,
    SYMLINK,
    Link,
    Node,
    NotReadError,
    decode,
)

__all__ = [
    "BLOCKS_MAX",
    "NODE_BYTES_MAX",
    "TREE_DEPTH_MAX",
    "Read",
    "Tree",
]

#: Largest block: what Bitswap carries.
NODE_BYTES_MAX: Final = 2 << 20

#: Blocks of a tree, and blocks looked at on the way through it: 256 GiB in the usual
#: pieces. A folder may name one block many times, so visits are what counts.
BLOCKS_MAX: Final = 1 << 20

#: Bytes of blocks that are read beside those of the content: names, links, sizes. A
#: block may hold megabytes that are no content, and be named a million times.
_MORE_BYTES: Final = 64 << 20

#: Folders inside each other, and levels of a file; 174 links a level hold any file.
TREE_DEPTH_MAX: Final = 64

#: Gives the bytes of a CID, which hash to it.
Read: TypeAlias = Callable[[CID], bytes]

_Found: TypeAlias = "tuple[tuple[str, ...], Link, Node | None]"


class Tree:
    """A file or a folder, read through `read`, which hashes what it gives.

    Limits hold for all that one tree reads: `bytes_max` of content, `entries_max`
    names in folders.

    Raises:
        NotReadError: from every method, before a limit is passed: it is no UnixFS, of a
            form that is not read, another kind than was asked for, or more than it may.
    """

    def __init__(self, read: Read, *, bytes_max: int, entries_max: int = 1) -> None:
        self._read = read
        self._bytes_max = bytes_max
        self._entries_max = entries_max
        self._bytes = 0
        self._left = bytes_max + bytes_max // 8 + _MORE_BYTES
        self._visits = 0
        self._entries = 0

    def content(self, root: CID) -> Iterator[bytes]:
        """The bytes of a file."""
        if root.codec == RAW:
            yield self._counted(self._block(root, None))
            return
        node = self._node(root)
        if not node.is_file:
            raise NotReadError(f"{root} is no file")
        yield from self._content(node, 0)

    def files(
        self, root: CID, *, empty: bool = True
    ) -> Iterator[tuple[tuple[str, ...], Iterator[bytes]]]:
        """Path and bytes of each file of a folder; read one before the next.

        Unless `empty`, a folder with nothing in it is refused: paths of files do not
        say that it is there.
        """
        if root.codec != DAG_PB or (node := self._node(root)).is_file:
            raise NotReadError(f"{root} is a file; expected a folder")
        for path, link, inner in self._folder(node, (), empty=empty):
            yield path, self._raw(link) if inner is None else self._content(inner, 0)

    def is_folder(self, root: CID) -> bool:
        """Whether it is no file: a folder of some form."""
        return root.codec == DAG_PB and not self._node(root).is_file

    def _folder(
        self, node: Node, path: tuple[str, ...], *, empty: bool
    ) -> Iterator[_Found]:
        _check_folder(node, path)
        if not node.links and not empty:
            raise NotReadError(
                f"{'/'.join(path)[:80] or 'the root'} is an empty folder"
            )
        for link in node.links:
            self._entries += 1
            if self._entries > self._entries_max:
                raise NotReadError(f"more than {self._entries_max} entries")
            below = (*path, link.name)
            if len(below) > TREE_DEPTH_MAX:
                raise NotReadError(f"folders deeper than {TREE_DEPTH_MAX}")
            is_raw = link.cid.codec == RAW
            inner = None if is_raw else self._node(link.cid, link.held)
            if inner is None or inner.is_file:
                yield below, link, inner
            else:
                yield from self._folder(inner, below, empty=empty)

    def _content(self, node: Node, depth: int) -> Iterator[bytes]:
        if depth > TREE_DEPTH_MAX:
            raise NotReadError(f"a file of more than {TREE_DEPTH_MAX} levels")
        if not node.is_file:
            raise NotReadError("a piece of a file that is none")
        if len(node.sizes) != len(node.links):
            raise NotReadError("a file with other pieces than it has sizes of")
        before = self._bytes
        yield self._counted(node.data)
        for link, size in zip(node.links, node.sizes, strict=True):
            start = self._bytes
            if link.cid.codec == RAW:
                yield from self._raw(link)
            else:
                inner = self._node(link.cid, link.held)
                yield from self._content(inner, depth + 1)
            if self._bytes - start != size:
                raise NotReadError("a file whose pieces have other sizes than it says")
        if node.size not in (None, self._bytes - before):
            raise NotReadError("a file of another size than it says")

    def _raw(self, link: Link) -> Iterator[bytes]:
        yield self._counted(self._block(link.cid, link.held))

    def _counted(self, data: bytes) -> bytes:
        self._bytes += len(data)
        if self._bytes > self._bytes_max:
            raise NotReadError(f"more than {self._bytes_max} bytes")
        return data

    def _node(self, cid: CID, held: bytes | None = None) -> Node:
        if cid.codec != DAG_PB:
            raise NotReadError(f"{cid} is neither dag-pb nor raw")
        return decode(self._block(cid, held), cid)

    def _block(self, cid: CID, held: bytes | None) -> bytes:
        self._visits += 1
        if self._visits > BLOCKS_MAX:
            raise NotReadError(f"more than {BLOCKS_MAX} blocks on the way through it")
        data = self._read(cid) if held is None else held
        self._left -= len(data)
        if self._left < 0:
            raise NotReadError("blocks that hold far more than the content")
        return data


def _check_folder(node: Node, path: tuple[str, ...]) -> None:
    name = "/".join(path)[:80] or "the root"
    if node.kind == SHARD:
        raise NotReadError(
            f"{name} is a sharded folder (HAMT), which is not read; get it with"
            " `ipfs get` and name the folder"
        )
    if node.kind == SYMLINK:
        raise NotReadError(f"{name} is a symlink; a result has files only")
    if node.kind != DIRECTORY or node.data:
        raise NotReadError(f"{name} is neither a file nor a folder of UnixFS")
    names = [link.name for link in node.links]
    if len(set(names)) < len(names):
        raise NotReadError(f"a name stands twice in {name}")
    for inner in names:
        is_long = len(inner.encode()) > PATH_BYTES_MAX  # as a path with it would be
        if is_long or inner in ("", ".", "..") or "/" in inner or "\0" in inner:
            raise NotReadError(f"{inner[:80]!r} in {name} is no name of a file")
