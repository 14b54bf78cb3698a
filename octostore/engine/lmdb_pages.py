"""The pages of an LMDB file, read without LMDB: is each where and what it must be?

LMDB believes its file: a damaged page may end the process or, worse, be followed.
So a check looks at the pages first. What must hold: every page is in one tree at
one place, or free, or a meta page, and not two of them; nodes lie inside their
page; keys ascend through the whole tree; the counts of each tree are true; the
commit is the one that the newest meta page says. A commit in another process
changes no page of the commit before it, and perhaps those of earlier ones. What
cannot be seen: a newest meta page set back by exactly two commits, since the last
commit is then as if it had not been; only who remembers a later log size knows.
Source: LMDB 0.9, mdb.c.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from octostore.engine.lmdb_format import (
    BIG,
    BRANCH,
    HEADER,
    HEADER_BYTES,
    METAS,
    OVERFLOW,
    PGNO,
    BadPageError,
    Meta,
    Node,
    Tree,
    parse_meta,
    parse_nodes,
    parse_tree,
)

__all__ = ["COMMIT_KEY", "Pages", "file_faults"]

#: Where each commit writes its own number, in the tree of tables: a meta page
#: that was touched cannot pass an older commit for a newer one.
COMMIT_KEY: Final = b"\x00commit"

_SUBTREE: Final = 0x02
#: Keys of the free tree are integers in the order of this machine.
_INTEGER_KEYS: Final = 0x08

_NO_PAGE: Final = 2**64 - 1

#: LMDB's own limit on the depth of a tree.
_DEPTH_MAX: Final = 32

#: Times that a commit may overtake the look before it is given up.
_TRIES: Final = 5

_HEAD_BYTES: Final = 512
_PAGE_SIZES: Final = tuple(1 << n for n in range(9, 17))

#: Pages past the end of the file that are believed: 4 GiB of them.
_UNWRITTEN_MAX: Final = 1 << 20


def file_faults(file: Path) -> Iterator[str]:
    """What is wrong with a data file that nobody has open here; at most one line.

    The look is begun anew if a commit of another process overtakes it. If they
    come too fast, nothing is said: look again from inside a snapshot.
    """
    for _ in range(_TRIES):
        pages = Pages(file)
        fault = pages.fault()
        if fault is None or Pages(file).head == pages.head:
            yield from () if fault is None else (fault,)
            return


class Pages:
    """A data file as its newest commit left it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.head = b""
        self._newest: Meta | None = None
        self._fault: str | None = None
        with self._naming(), file.open("rb") as stream:
            first = stream.read(_HEAD_BYTES)
            size = parse_meta(first, 0).page_bytes
            if size not in _PAGE_SIZES:
                raise BadPageError(f"meta page 0: pages of {size} bytes")
            stream.seek(size)
            second = stream.read(_HEAD_BYTES)
            self.head = first + second
            file_bytes = os.fstat(stream.fileno()).st_size
            metas = parse_meta(first, 0), parse_meta(second, 1)
            self._newest = _newest(*metas, file_bytes)

    @property
    def commit(self) -> int | None:
        """The number of the newest commit; None if the file does not say."""
        return None if self._newest is None else self._newest.txnid

    def fault(self) -> str | None:
        """The first thing that does not hold, or None."""
        if self._newest is not None:
            with self._naming(), self._file.open("rb", buffering=0) as stream:
                _Look(stream.fileno(), self._newest).examine()
        return self._fault

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except BadPageError as error:
            self._fault = str(error)
        except OSError as error:
            self._fault = f"cannot be read: {error.strerror}"


def _newest(first: Meta, second: Meta, file_bytes: int) -> Meta:
    if second.page_bytes != first.page_bytes:
        raise BadPageError("the meta pages differ in the size of a page")
    if max(first.txnid, second.txnid) > 1 and abs(first.txnid - second.txnid) != 1:
        raise BadPageError(
            f"the meta pages say commits {first.txnid} and {second.txnid};"
            " expected one after the other"
        )
    newest = max(first, second, key=lambda meta: meta.txnid)
    if newest.map_bytes < (newest.last + 1) * newest.page_bytes:
        raise BadPageError("the newest meta page: a map smaller than its pages")
    # Pages that were taken and freed in one commit are counted and not written.
    if newest.last > file_bytes // newest.page_bytes + _UNWRITTEN_MAX:
        raise BadPageError(f"the newest meta page: {newest.last} pages")
    return newest


class _Look:
    """One walk through all pages of one commit."""

    def __init__(self, descriptor: int, meta: Meta) -> None:
        self._descriptor = descriptor
        self._meta = meta
        self._page_bytes = meta.page_bytes
        self._seen = bytearray(meta.last + 1)

    def examine(self) -> None:
        """Look at every page.

        Raises:
            BadPageError: what does not hold.
        """
        for page in range(METAS):
            self._take(page, 1)
        self._take_free()
        commit = None
        for key, flags, value in self._leaves(self._meta.main, "the tree of tables"):
            if flags & _SUBTREE:
                name = f"table {key.decode('ascii', 'replace')}"
                tree = parse_tree(value, name)
                for _, kind, _ in self._leaves(tree, name):
                    if kind:
                        raise BadPageError(f"{name}: a row with flags {kind}")
            elif key == COMMIT_KEY:
                commit = int.from_bytes(value, "big")
        if commit is not None and commit != self._meta.txnid:
            raise BadPageError(
                f"the meta page says commit {self._meta.txnid}, the tables say {commit}"
            )
        if not all(self._seen):
            raise BadPageError(f"page {self._seen.index(0)} is in no tree and not free")

    def _take(self, page: int, count: int) -> None:
        end = page + count
        if page < 0 or end > len(self._seen):
            raise BadPageError(f"page {page} is beyond the last, {self._meta.last}")
        for number in range(page, end):
            if self._seen[number]:
                raise BadPageError(f"page {number} is used twice")
            self._seen[number] = 1

    def _take_free(self) -> None:
        for _, flags, value in self._leaves(self._meta.free, "the tree of free pages"):
            words = struct.unpack(f"<{len(value) // 8}Q", value[: len(value) // 8 * 8])
            if flags or not words or words[0] + 1 > len(words):
                raise BadPageError("the tree of free pages: a malformed list")
            pages = words[1 : words[0] + 1]
            if any(a <= b for a, b in pairwise(pages)):
                raise BadPageError("the tree of free pages: a list out of order")
            for page in pages:
                self._take(page, 1)

    def _leaves(self, tree: Tree, name: str) -> Iterator[tuple[bytes, int, bytes]]:
        """All rows of a tree in order: key, flags, value."""
        counts = _Counts()
        if tree.root != _NO_PAGE:
            for row in self._walk(tree, name, tree.root, 1, counts):
                counts.entries += 1
                yield row
        found = (counts.branches, counts.leaves, counts.overflows, counts.entries)
        if found != (tree.branches, tree.leaves, tree.overflows, tree.entries):
            raise BadPageError(
                f"{name}: {found} pages of branches, leaves, overflow, and rows;"
                f" expected {tree[3:7]}"
            )

    def _walk(
        self, tree: Tree, name: str, page: int, depth: int, counts: _Counts
    ) -> Iterator[tuple[bytes, int, bytes]]:
        where = f"{name}: page {page}"
        if depth > min(tree.depth, _DEPTH_MAX):
            raise BadPageError(f"{where} is deeper than {tree.depth}")
        self._take(page, 1)
        raw = self._read(page, 1)
        flags, nodes = parse_nodes(raw, page, where)
        if flags == BRANCH:
            counts.branches += 1
            yield from self._branch(tree, name, nodes, depth, counts)
        elif depth != tree.depth:
            raise BadPageError(f"{where} is a leaf at depth {depth}")
        else:
            counts.leaves += 1
            is_integer = bool(tree.flags & _INTEGER_KEYS)
            for node in nodes:
                if node.is_child:
                    raise BadPageError(f"{where} is no leaf")
                counts.check_order(_ordered(node.key, integer=is_integer), where)
                yield node.key, node.flags & ~BIG, self._value(node, where, counts)

    def _branch(
        self, tree: Tree, name: str, nodes: list[Node], depth: int, counts: _Counts
    ) -> Iterator[tuple[bytes, int, bytes]]:
        is_integer = bool(tree.flags & _INTEGER_KEYS)
        for at, node in enumerate(nodes):
            if at:  # the first key of a branch is not looked at
                counts.check_bound(_ordered(node.key, integer=is_integer), name)
            yield from self._walk(tree, name, node.child, depth + 1, counts)

    def _value(self, node: Node, where: str, counts: _Counts) -> bytes:
        if not node.flags & BIG:
            return node.value
        (page,) = PGNO.unpack(node.value)
        count = (HEADER_BYTES - 1 + node.size) // self._page_bytes + 1
        self._take(page, count)
        counts.overflows += count
        raw = self._read(page, count)
        number, _, flags, low, high = HEADER.unpack_from(raw)
        if (number, flags, low | high << 16) != (page, OVERFLOW, count):
            raise BadPageError(f"{where}: its value on page {page} has another header")
        return raw[HEADER_BYTES : HEADER_BYTES + node.size]

    def _read(self, page: int, count: int) -> bytes:
        size = count * self._page_bytes
        raw = os.pread(self._descriptor, size, page * self._page_bytes)
        if len(raw) < size:
            raise BadPageError(f"page {page} is beyond the end of the file")
        return raw


@dataclass(slots=True)
class _Counts:
    """What a walk has seen of one tree."""

    branches: int = 0
    leaves: int = 0
    overflows: int = 0
    entries: int = 0
    last: bytes | None = None
    bound: bytes | None = None

    def check_order(self, key: bytes, where: str) -> None:
        """Keys ascend, also from page to page, and are not below their branch."""
        if self.last is not None and key <= self.last:
            raise BadPageError(f"{where}: a key out of order")
        if self.bound is not None and key < self.bound:
            raise BadPageError(f"{where}: a key below that of its branch")
        self.last = key

    def check_bound(self, key: bytes, name: str) -> None:
        """What a branch says of a child is above all that came before."""
        if self.last is None or key <= self.last:
            raise BadPageError(f"{name}: a branch with a key out of order")
        self.bound = key


def _ordered(key: bytes, *, integer: bool) -> bytes:
    return key[::-1] if integer else key
