"""The input root of an action: a Merkle tree of directories, walked to its files.

    Directory {files: [{name: "a.c", digest: {hash: "2d71..", size_bytes: 8}}],
               directories: [{name: "lib", digest: ..}], symlinks: []}

A file is its bytes at a path; the model has no symbolic link, no empty directory, no
mode, so a tree that needs one of them has no address here: kind `tree-shape`. One
mode for all can be said all the same, by the place of the root, for Bazel calls every
file executable.

A directory may be named many times over: 30 of them, each naming the next one twice,
are a tree of a thousand million. So entries are counted before they are walked, each
directory once.

Source: remote_execution.proto (becdd8f9), at `Directory` and `Digest`; ADR 24.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from invocation_spec.adapters.reapi_digest import Digest
from invocation_spec.adapters.reapi_directory import Blobs, Directory
from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.node import Node
from invocation_spec.paths import PATH_BYTES_MAX, clean
from invocation_spec.reading import Reading, clean_at

__all__ = [
    "EXECUTABLE_ROOT",
    "INPUT_ROOT",
    "TREE_ENTRIES_MAX",
    "Tree",
    "inside",
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


def inside(node: Node, above: str = "") -> str:
    """A path below the input root: "" for the root, else with a leading `/`.

    Raises:
        DocumentError: absolute, above the root, or no path at all.
    """
    text = node.text()
    if text.startswith("/"):
        raise node.refuse("a path that is relative to the input root")
    return clean_at(f"{above}/{text}", node.at).rstrip("/")


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
        self._modes: dict[str, tuple[bool, Node]] = {}

    def walk(self, root: Node) -> None:
        digest = Digest.read(root, self._blobs.function)
        if self._blobs.entries(digest, root.at) > TREE_ENTRIES_MAX:
            raise DocumentError(
                f"a tree of more than {TREE_ENTRIES_MAX} entries, each counted as often"
                " as it is named",
                at=root.at,
            )
        below = [("", digest, root)]
        while below:
            path, digest, node = below.pop()
            directory = self._blobs.find(digest, node.at)
            if directory is None:
                self._reading.findings.leave_unresolved(
                    node.at, str(digest), "missing-directory"
                )
                self.tree.missing, self.tree.complete = True, False
                continue
            self.tree.directories.add(path)
            self._take(path, directory)
            below += [
                (f"{path}/{item.name}", item.digest, item.node)
                for item in reversed(directory.directories)
            ]

    def _take(self, path: str, directory: Directory) -> None:
        """The files of a directory, and what has no place in the model."""
        if len(path) + directory.name_characters > PATH_BYTES_MAX // 4:
            for name, node in directory.names:
                clean_at(f"{path}/{name}", node.at)
        for item in directory.files:
            file = f"{path}/{item.name}"
            self.tree.files[file] = self._reading.resolver.cid(item.cid)
            self._modes[file] = item.executable, item.node
        for name, node in directory.odd:
            self._shape(node, f"{path}/{name}" if name else path)
        on_the_way = f"{self._working}/".startswith(f"{path}/")
        if not directory.names and not on_the_way:
            self._shape(directory.node, path)

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
