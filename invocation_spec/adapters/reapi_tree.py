"""The input root of an action: a Merkle tree of directories, walked to its files.

    Directory {files: [{name: "a.c", digest: {hash: "2d71..", size_bytes: 8}}],
               directories: [{name: "lib", digest: ..}], symlinks: []}

A file is its bytes at a path; the model has no symbolic link, no empty directory, no
mode, so a tree that needs one of them has no address here: kind `tree-shape`. One
mode for all can be said all the same, by the place of the root, for Bazel calls every
file executable.

A directory may be named many times over: 30 of them, each naming the next one twice,
are a tree of a thousand million. So entries are counted as they are walked.

Source: remote_execution.proto (becdd8f9), at `Directory` and `Digest`; ADR 24.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from invocation_spec import protobuf
from invocation_spec.cid import CID, SHA2_256, SHA2_384, SHA2_512
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.node import Node
from invocation_spec.paths import clean
from invocation_spec.reading import Reading, clean_at, made

__all__ = [
    "EXECUTABLE_ROOT",
    "INPUT_ROOT",
    "TREE_ENTRIES_MAX",
    "Blobs",
    "Digest",
    "Tree",
    "inside",
    "message",
    "walk",
]

#: Where the input root is: a place of its own, so that no file of it covers one of
#: the image, and no file of the image is taken for one of it.
INPUT_ROOT: Final = "/input-root"

#: Where it is when every file in it is executable.
EXECUTABLE_ROOT: Final = "/input-root+x"

#: Files, directories and links of one tree, each as often as it is named: as many as
#: an input has files.
TREE_ENTRIES_MAX: Final = 65_536

#: What the API tells hash functions apart by, where nothing else does: hex digits.
_FUNCTIONS: Final = {
    64: ("sha256", SHA2_256),
    96: ("sha384", SHA2_384),
    128: ("sha512", SHA2_512),
}
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Digest:
    """The hash and size by which the API names bytes; `str` writes `HASH/SIZE`."""

    function: str
    hash: str
    size_bytes: int

    def __str__(self) -> str:
        return f"{self.hash}/{self.size_bytes}"

    @classmethod
    def of(cls, data: bytes, function: str) -> Digest:
        """The digest of these bytes."""
        return cls(function, hashlib.new(function, data).hexdigest(), len(data))

    @classmethod
    def read(cls, node: Node, function: str | None = None) -> Digest:
        """The digest here; of `function`, where one is known already.

        Raises:
            DocumentError: absent, of a function that names no content here, or of
                another than the action's.
        """
        if node.is_null:
            raise node.refuse("a digest: hash and size_bytes")
        text = node.peek("hash").text()
        size = node.peek("size_bytes").number()
        found = _FUNCTIONS.get(len(text))
        if found is None or not _HEX.issuperset(text):
            raise DocumentError(
                f"a hash of {len(text)} characters; expected SHA-256, SHA-384 or"
                " SHA-512 in lower-case hex: others are weak, or not checked here",
                at=node.at,
            )
        if function not in (None, found[0]):
            raise DocumentError(
                f"a digest of {found[0]}; that of the command is of {function}, and an"
                " action has one function",
                at=node.at,
            )
        digest = cls(found[0], text, size)
        if size < 0 or (size == 0) != (digest.hash == cls.of(b"", found[0]).hash):
            raise DocumentError(f"{size} bytes, which its hash is not of", at=node.at)
        return digest

    @property
    def cid(self) -> CID:
        """The same bytes as content: raw, by the same hash."""
        code = _FUNCTIONS[len(self.hash)][1]
        return CID.of_digest(bytes.fromhex(self.hash), hash_code=code)

    def check(self, data: bytes, at: str) -> None:
        """Refuse bytes that this is not the digest of."""
        found = Digest.of(data, self.function)
        if found != self:
            raise DocumentError(
                f"not what its digest says: {self}, by {self.function}; found {found}",
                at=at,
            )


def message(name: str, data: bytes, at: str) -> Node:
    """A message as a place in the document; pointers go on inside it.

    Raises:
        DocumentError: not the one encoding of such a message.
    """
    return Node(made(at, protobuf.decode, name, data), at)


def inside(node: Node, above: str = "") -> str:
    """A path below the input root: "" for the root, else with a leading `/`.

    Raises:
        DocumentError: absolute, above the root, or no path at all.
    """
    text = node.text()
    if text.startswith("/"):
        raise node.refuse("a path that is relative to the input root")
    return clean_at(f"{above}/{text}", node.at).rstrip("/")


class Blobs:
    """The directories of a document, by digest; each is read once."""

    def __init__(self, function: str) -> None:
        self.function = function
        self._given: dict[Digest, tuple[bytes, str]] = {}
        self._read: dict[Digest, Node] = {}

    def add(self, data: bytes, at: str) -> None:
        """Note a directory that the document holds; DocumentError for a second one."""
        digest = Digest.of(data, self.function)
        if digest in self._given:
            raise DocumentError("a directory twice; keep one", at=at)
        self._given[digest] = data, at

    def find(self, digest: Digest, at: str) -> Node | None:
        """The directory of that digest; None if the document does not hold it.

        An empty one is always there, and then stands at `at`, where it is named.
        """
        if digest not in self._read:
            data, place = self._given.get(digest, (b"", at))
            if not data and digest.size_bytes:
                return None
            self._read[digest] = _checked(message("Directory", data, place))
        return self._read[digest]

    def refuse_unused(self) -> None:
        """Refuse a directory that no other names: its author meant another tree."""
        for digest, (_, at) in self._given.items():
            if digest not in self._read:
                raise DocumentError(f"{digest}: named by no directory", at=at)


def _checked(directory: Node) -> Node:
    """The directory, if its entries have a name each and are sorted by it."""
    seen: set[bytes] = set()
    for kind in ("files", "directories", "symlinks"):
        last = b""
        for item in directory.peek(kind).elements():
            node = item.peek("name")
            name = node.text().encode()
            if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
                raise node.refuse("the name of one entry of a directory")
            if name <= last or name in seen:
                raise DocumentError(
                    f"{node.text()!r} out of order or twice; the API sorts by name",
                    at=node.at,
                )
            last = name
            seen.add(name)
    return directory


@dataclass(slots=True)
class Tree:
    """Files by path below the input root, and what else is known of the tree."""

    files: dict[str, CID] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    complete: bool = True
    missing: bool = False
    all_executable: bool = False


def walk(
    reading: Reading, blobs: Blobs, root: Node, working: str, executed: str
) -> Tree:
    """The tree below the digest at `root`; what has no place in the model is found.

    `working` is the working directory, and `executed` the first argument.

    Raises:
        DocumentError: a directory that is none, or more than `TREE_ENTRIES_MAX`.
    """
    walker = _Walker(reading, blobs, working)
    walker.walk(root)
    walker.judge_modes(_executed(working, executed))
    tree = walker.tree
    if not tree.missing and working not in tree.directories:
        raise DocumentError(
            f"the working directory {working[1:]!r} is not in the input root, so that"
            " no worker runs this",
            at="/command/working_directory",
        )
    return tree


def _executed(working: str, name: str) -> str | None:
    """The file of the tree that is run, if the name is a path into it."""
    if "/" not in name or name.startswith("/"):
        return None
    try:
        return clean(f"{working}/{name}")
    except EncodingError:
        return None


class _Walker:
    def __init__(self, reading: Reading, blobs: Blobs, working: str) -> None:
        self.tree = Tree()
        self._reading = reading
        self._blobs = blobs
        self._working = working
        self._entries = 0
        self._modes: dict[str, tuple[bool, Node]] = {}

    def walk(self, root: Node) -> None:
        below = [("", root)]
        while below:
            path, node = below.pop()
            digest = Digest.read(node, self._blobs.function)
            directory = self._blobs.find(digest, node.at)
            if directory is None:
                self._reading.findings.leave_unresolved(
                    node.at, str(digest), "missing-directory"
                )
                self.tree.missing, self.tree.complete = True, False
                continue
            self.tree.directories.add(path)
            below += reversed(list(self._read(path, directory)))

    def _read(self, path: str, directory: Node) -> Iterator[tuple[str, Node]]:
        """Take the files of a directory; those below it are given back."""
        self._refuse_properties(directory, path)
        files = directory.peek("files").elements()
        links = directory.peek("symlinks").elements()
        inner = directory.peek("directories").elements()
        self._count(len(files) + len(links) + len(inner), directory)
        for item in files:
            self._take(self._join(path, item), item)
        for item in links:
            self._shape(item, self._join(path, item))
        on_the_way = f"{self._working}/".startswith(f"{path}/")
        if not (files or links or inner or on_the_way):
            self._shape(directory, path)
        for item in inner:
            yield self._join(path, item), item.peek("digest")

    def _join(self, path: str, item: Node) -> str:
        name = item.peek("name")
        return clean_at(f"{path}/{name.text()}", name.at)

    def _take(self, path: str, item: Node) -> None:
        digest = Digest.read(item.peek("digest"), self._blobs.function)
        self.tree.files[path] = self._reading.resolver.cid(digest.cid)
        self._modes[path] = item.peek("is_executable").flag(), item
        self._refuse_properties(item, path)

    def _count(self, more: int, directory: Node) -> None:
        self._entries += more
        if self._entries > TREE_ENTRIES_MAX:
            raise DocumentError(
                f"a tree of more than {TREE_ENTRIES_MAX} entries, each counted as often"
                " as it is named",
                at=directory.at,
            )

    def _refuse_properties(self, node: Node, path: str) -> None:
        """Times, modes and whatever else a server knows: a guest can see them."""
        properties = node.peek("node_properties")
        if not properties.is_null:
            self._shape(properties, path)

    def _shape(self, node: Node, path: str) -> None:
        self._reading.findings.leave_unresolved(node.at, path or "/", "tree-shape")
        self.tree.complete = False

    def judge_modes(self, executed: str | None) -> None:
        """Find files that are executable beside what is run, but for all of them."""
        odd = [
            (path, node)
            for path, (executable, node) in self._modes.items()
            if executable != (path == executed)
        ]
        if not odd:
            return
        if all(executable for executable, _ in self._modes.values()):
            self.tree.all_executable = True
            return
        for path, node in odd:
            self._shape(node, path)
