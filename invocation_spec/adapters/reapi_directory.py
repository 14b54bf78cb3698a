"""Directories of an action by digest, each read once however often it is named.

    Directory {files: [{name: "a.c", digest: {hash: "2d71..", size_bytes: 8}}],
               directories: [{name: "lib", digest: ..}], symlinks: []}

Source: remote_execution.proto (becdd8f9), at `Directory`.
"""

from __future__ import annotations

from dataclasses import dataclass

from invocation_spec.adapters.reapi_digest import Digest, message
from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node

__all__ = ["Blobs", "Directory", "File", "Inner"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a directory, and its place in the document."""

    name: str
    cid: CID
    executable: bool
    node: Node


@dataclass(frozen=True, slots=True)
class Inner:
    """A directory in another; `node` is the place of its digest."""

    name: str
    digest: Digest
    node: Node


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory whose entries have a name each, and are sorted by it.

    `odd` is what no map of files can say, by the name of its entry, "" for the
    directory itself: links, and properties such as times and modes.
    """

    node: Node
    files: tuple[File, ...]
    directories: tuple[Inner, ...]
    links: tuple[tuple[str, Node], ...]
    odd: tuple[tuple[str, Node], ...]
    names: tuple[tuple[str, Node], ...]
    name_characters: int


class Blobs:
    """The directories of a document, by digest; each is read once."""

    def __init__(self, function: str) -> None:
        self.function = function
        self._given: dict[Digest, tuple[bytes, str]] = {}
        self._read: dict[Digest, Directory] = {}

    def add(self, data: bytes, at: str) -> None:
        """Note a directory that the document holds; DocumentError for a second one."""
        digest = Digest.of(data, self.function)
        if digest in self._given:
            raise DocumentError("a directory twice; keep one", at=at)
        self._given[digest] = data, at

    def find(self, digest: Digest, at: str) -> Directory | None:
        """The directory of that digest; None if the document does not hold it.

        An empty one is always there; where the document does not hold it, it stands
        at `at`, where it was named first.

        Raises:
            DocumentError: it is none, or breaks a rule of the API.
        """
        if digest not in self._read:
            data, place = self._given.get(digest, (b"", at))
            if not data and digest.size_bytes:
                return None
            node = message("Directory", data, place)
            self._read[digest] = _directory(node, self.function)
        return self._read[digest]

    def entries(self, root: Digest, at: str) -> int:
        """Files, directories and links below a digest, as often as they are named.

        Each directory is counted once: a tree may be far larger than what says it.
        """
        sizes: dict[Digest, int] = {}
        open_ = [(root, at)]
        while open_:
            digest, place = open_[-1]
            directory = None if digest in sizes else self.find(digest, place)
            if directory is None:
                sizes.setdefault(digest, 0)
                open_.pop()
                continue
            inner = directory.directories
            todo = [
                (item.digest, item.node.at)
                for item in inner
                if item.digest not in sizes
            ]
            open_ += todo[::-1]
            if not todo:
                below = sum(sizes[item.digest] for item in inner)
                sizes[digest] = len(directory.names) + below
        return sizes[root]

    def refuse_unused(self) -> None:
        """Refuse a directory that no other names: its author meant another tree."""
        for digest, (_, at) in self._given.items():
            if digest not in self._read:
                raise DocumentError(f"{digest}: named by no directory", at=at)


def _directory(node: Node, function: str) -> Directory:
    files = _named(node, "files")
    inner = _named(node, "directories")
    links = _named(node, "symlinks")
    names = (*files, *inner, *links)
    seen: set[str] = set()
    for name, item in names:
        if name in seen:
            raise DocumentError(f"a second entry {name!r}", at=item.peek("name").at)
        seen.add(name)
    return Directory(
        node,
        tuple(_file(name, item, function) for name, item in files),
        tuple(_inner(name, item, function) for name, item in inner),
        tuple(links),
        (*_properties("", node), *_odd(files), *links),
        tuple((name, item.peek("name")) for name, item in names),
        max((len(name) for name, _ in names), default=0),
    )


def _file(name: str, item: Node, function: str) -> File:
    digest = Digest.read(item.peek("digest"), function)
    return File(name, digest.cid, item.peek("is_executable").flag(), item)


def _inner(name: str, item: Node, function: str) -> Inner:
    digest = item.peek("digest")
    return Inner(name, Digest.read(digest, function), digest)


def _odd(files: list[tuple[str, Node]]) -> list[tuple[str, Node]]:
    return [odd for name, item in files for odd in _properties(name, item)]


def _properties(name: str, node: Node) -> list[tuple[str, Node]]:
    """Times, modes and whatever else a server knows: a guest can see them."""
    properties = node.peek("node_properties")
    return [] if properties.is_null else [(name, properties)]


def _named(directory: Node, kind: str) -> list[tuple[str, Node]]:
    """The entries of one kind by name, each a name of its own, in order."""
    found: list[tuple[str, Node]] = []
    last = b""
    for item in directory.peek(kind).elements():
        node = item.peek("name")
        text = node.text()
        name = text.encode()
        if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
            raise node.refuse("the name of one entry of a directory")
        if name <= last:
            raise DocumentError(
                f"{text!r} out of order or twice; the API sorts by name", at=node.at
            )
        last = name
        found.append((text, item))
    return found
