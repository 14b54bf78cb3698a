"""The guest's files: a small POSIX tree in memory.

No call ever reaches the host's file system, except reading the input files that
were handed over as a `Path`. So nothing of the host shows through: no inode
numbers, no times, no order of directory entries, no folding of case, no
symbolic link that leads out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from invocation_spec.paths import is_clean
from octostore.runner.errno import Errno, WasiError
from octostore.runner.report import RunError

__all__ = [
    "EPOCH_NS",
    "Directory",
    "File",
    "Filesystem",
    "HostFile",
    "LimitError",
    "Node",
    "Place",
    "Symlink",
]

#: Midnight UTC, 1 January 2022: where the guest's clock starts, and the time of
#: every file (wazero, `internal/platform/time.go`, FakeEpochNanos).
EPOCH_NS = 1_640_995_200_000_000_000

NAME_BYTES_MAX = 255  # NAME_MAX of Linux
PATH_BYTES_MAX = 4096  # PATH_MAX of Linux
HOPS_MAX = 40  # symbolic links in one path, as Linux counts them


class LimitError(Exception):
    """The guest went beyond a limit of its run, which ends it."""


@dataclass(frozen=True, slots=True)
class HostFile:
    """An input that stays on the host's disk; it must not change meanwhile."""

    path: Path
    size: int

    def read(self, offset: int, count: int) -> bytes:
        """The bytes from `offset`, fewer only at the end of the file."""
        count = max(0, min(count, self.size - offset))
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                content = file.read(count)
        except OSError as error:
            raise RunError(f"cannot be read: {error}", at=str(self.path)) from error
        if len(content) != count:
            raise RunError("the input changed while it was read", at=str(self.path))
        return content


@dataclass(slots=True, eq=False)
class Node:
    """What a name stands for; `links` counts the names, `opens` the handles."""

    number: int
    links: int = 0
    opens: int = 0
    accessed_ns: int = EPOCH_NS
    modified_ns: int = EPOCH_NS


@dataclass(slots=True, eq=False)
class File(Node):
    """A regular file; its content is a bytearray once the guest has written it."""

    content: bytearray | bytes | HostFile = b""

    @property
    def size(self) -> int:
        """Bytes in the file."""
        content = self.content
        return content.size if isinstance(content, HostFile) else len(content)

    def read(self, offset: int, count: int) -> bytes:
        """The bytes from `offset`, fewer only at the end of the file."""
        if isinstance(self.content, HostFile):
            return self.content.read(offset, count)
        return bytes(self.content[offset : offset + count])


@dataclass(slots=True, eq=False)
class Directory(Node):
    """Names and what they stand for."""

    parent: Directory | None = None
    entries: dict[bytes, Node] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Symlink(Node):
    """A relative path, followed from the directory that holds the link."""

    target: bytes = b""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads: a name in a directory, and what it stands for, if set.

    `parent` is None where the path ends in `.` or `..`: no name to act on.
    """

    parent: Directory | None
    name: bytes
    node: Node | None
    as_directory: bool  # the path ends in a slash

    @property
    def found(self) -> Node:
        """What is there, or NOENT."""
        if self.node is None:
            raise WasiError(Errno.NOENT)
        return self.node


_Made = TypeVar("_Made", File, Directory)


class Filesystem:
    """A tree of nodes that knows how much the guest may still write."""

    def __init__(self, *, bytes_max: int, names_max: int) -> None:
        self._bytes_left = self._bytes_max = bytes_max
        self._names_left = self._names_max = names_max
        self._next_number = 1
        self.root = Directory(self._number(), links=1)

    # What the caller lays out, before the run. These are not charged.

    def lay_directory(self, path: str) -> Directory:
        """The directory at a clean absolute path, made with its parents."""
        if not _is_clean(path):
            raise RunError("expected a clean absolute path", at=path)
        here = self.root
        for name in path.encode().split(b"/"):
            if not name:
                continue
            if len(name) > NAME_BYTES_MAX:
                raise RunError(f"a name of more than {NAME_BYTES_MAX} bytes", at=path)
            node = here.entries.get(name)
            if node is None:
                node = Directory(self._number(), links=1, parent=here)
                here.entries[name] = node
            if not isinstance(node, Directory):
                raise RunError("both a file and a directory", at=path)
            here = node
        return here

    def lay_file(self, path: str, content: bytes | HostFile) -> None:
        """A file at a clean absolute path, in directories made as needed."""
        head, _, tail = path.rpartition("/")
        if not tail or not _is_clean(path):
            raise RunError("expected a clean absolute path of a file", at=path)
        name = tail.encode()
        if len(name) > NAME_BYTES_MAX:
            raise RunError(f"a name of more than {NAME_BYTES_MAX} bytes", at=path)
        parent = self.lay_directory(head or "/")
        if name in parent.entries:
            raise RunError("both a file and a directory", at=path)
        parent.entries[name] = File(self._number(), links=1, content=content)

    def walk(self, path: str) -> Iterator[tuple[str, Node]]:
        """Every file and symbolic link at or below a path, sorted, none followed."""
        node: Node | None = self.root
        for name in path.encode().split(b"/"):
            if name and node is not None:
                node = node.entries.get(name) if isinstance(node, Directory) else None
        if node is not None:
            yield from _walk(path.rstrip("/"), node)

    # What the guest does.

    def resolve(self, base: Directory, path: bytes, *, follow: bool) -> Place:
        """Where `path` leads from `base`; never above it."""
        parts = _parts(path)
        as_directory = path.endswith((b"/", b"/."))
        follow = follow or as_directory
        pending = parts[::-1]
        stack = [base]
        hops = 0
        while pending:
            name = pending.pop()
            if name == b"..":
                if len(stack) == 1:
                    raise WasiError(Errno.PERM)
                stack.pop()
                continue
            node = stack[-1].entries.get(name)
            if isinstance(node, Symlink) and (pending or follow):
                hops += 1
                if hops > HOPS_MAX:
                    raise WasiError(Errno.LOOP)
                pending.extend(reversed(_parts(node.target)))
            elif not pending and not path.endswith(b"/."):
                if as_directory and node and not isinstance(node, Directory):
                    raise WasiError(Errno.NOTDIR)
                return Place(stack[-1], name, node, as_directory)
            else:
                stack.append(_directory(node))
        return Place(None, b"", stack[-1], as_directory=True)

    def create(self, place: Place, kind: type[_Made]) -> _Made:
        """A new empty file or directory at a free place."""
        node = kind(self._number())
        self._enter(place, node)
        return node

    def symlink(self, target: bytes, place: Place) -> None:
        """A symbolic link at a free place; only relative targets can be followed."""
        _parts(target)
        self._enter(place, Symlink(self._number(), target=target))

    def link(self, node: Node, place: Place) -> None:
        """A second name for a file."""
        if isinstance(node, Directory):
            raise WasiError(Errno.PERM)
        self._enter(place, node)

    def unlink(self, place: Place) -> None:
        """Takes the name of a file or a symbolic link away."""
        node = place.found
        if isinstance(node, Directory) or place.parent is None:
            raise WasiError(Errno.ISDIR)
        self._leave(place.parent, place.name)

    def remove_directory(self, place: Place) -> None:
        """Removes an empty directory."""
        directory = _directory(place.found)
        if place.parent is None:
            raise WasiError(Errno.INVAL)
        if directory.entries:
            raise WasiError(Errno.NOTEMPTY)
        self._leave(place.parent, place.name)

    def rename(self, old: Place, new: Place) -> None:
        """Moves a name, over a file or an empty directory of the same kind."""
        node = old.found
        if old.parent is None or new.parent is None:
            raise WasiError(Errno.INVAL)
        if new.node is node:
            return
        _check_move(node, new.parent, new)
        if new.node is not None:
            if isinstance(node, Directory):
                self.remove_directory(new)
            else:
                self.unlink(new)
        if new.parent.links == 0:
            raise WasiError(Errno.NOENT)
        del old.parent.entries[old.name]
        new.parent.entries[new.name] = node
        if isinstance(node, Directory):
            node.parent = new.parent

    def write(self, file: File, offset: int, content: bytes) -> None:
        """Writes at `offset`, filling a gap before it with zeros."""
        end = offset + len(content)
        own = self._resized(file, max(end, file.size))
        own[offset:end] = content

    def resize(self, file: File, size: int) -> None:
        """Cuts the file or fills it up with zeros."""
        self._resized(file, size)

    def release(self, node: Node) -> None:
        """Gives back the bytes of a file that has neither names nor handles."""
        if node.links or node.opens or not isinstance(node, File):
            return
        if isinstance(node.content, bytearray):
            self._bytes_left += len(node.content)

    def _resized(self, file: File, size: int) -> bytearray:
        """The guest's own copy of the content at the new size, paid before made."""
        own = file.content if isinstance(file.content, bytearray) else None
        more = size - (0 if own is None else len(own))
        if more > self._bytes_left:
            raise LimitError(f"wrote more than {self._bytes_max} bytes of files")
        self._bytes_left -= more
        if own is None:
            own = file.content = bytearray(file.read(0, min(size, file.size)))
        if len(own) > size:
            del own[size:]
        else:
            own.extend(bytes(size - len(own)))
        return own

    def _enter(self, place: Place, node: Node) -> None:
        if place.node is not None or place.parent is None:
            raise WasiError(Errno.EXIST)
        if place.parent.links == 0:  # removed, but still open
            raise WasiError(Errno.NOENT)
        if place.as_directory and not isinstance(node, Directory):
            raise WasiError(Errno.ISDIR)
        if self._names_left == 0:
            raise LimitError(f"made more than {self._names_max} files")
        self._names_left -= 1
        node.links += 1
        if isinstance(node, Directory):
            node.parent = place.parent
        place.parent.entries[place.name] = node

    def _leave(self, parent: Directory, name: bytes) -> None:
        node = parent.entries.pop(name)
        node.links -= 1
        self._names_left += 1
        self.release(node)

    def _number(self) -> int:
        number = self._next_number
        self._next_number += 1
        return number


def _parts(path: bytes) -> list[bytes]:
    if not path:
        raise WasiError(Errno.NOENT)
    if path.startswith(b"/"):
        raise WasiError(Errno.PERM)
    if b"\0" in path:
        raise WasiError(Errno.INVAL)
    try:
        path.decode()
    except UnicodeDecodeError:
        raise WasiError(Errno.ILSEQ) from None
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    if len(path) > PATH_BYTES_MAX or any(len(p) > NAME_BYTES_MAX for p in parts):
        raise WasiError(Errno.NAMETOOLONG)
    return parts


def _directory(node: Node | None) -> Directory:
    if node is None:
        raise WasiError(Errno.NOENT)
    if not isinstance(node, Directory):
        raise WasiError(Errno.NOTDIR)
    return node


def _is_clean(path: str) -> bool:
    try:
        return is_clean(path)
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _check_move(node: Node, parent: Directory, new: Place) -> None:
    if isinstance(node, Directory):
        if _is_within(parent, node):
            raise WasiError(Errno.INVAL)
    elif isinstance(new.node, Directory) and not new.as_directory:
        raise WasiError(Errno.ISDIR)
    elif new.as_directory:
        raise WasiError(Errno.NOTDIR)


def _is_within(directory: Directory, other: Directory) -> bool:
    here: Directory | None = directory
    while here is not None and here is not other:
        here = here.parent
    return here is other


def _walk(path: str, node: Node) -> Iterator[tuple[str, Node]]:
    if not isinstance(node, Directory):
        yield path, node
        return
    pending = [(path, iter(sorted(node.entries.items())))]
    while pending:
        path, entries = pending[-1]
        for name, node in entries:
            below = f"{path}/{name.decode()}"
            if len(below) > PATH_BYTES_MAX:
                raise LimitError(f"made a path of more than {PATH_BYTES_MAX} bytes")
            if isinstance(node, Directory):
                pending.append((below, iter(sorted(node.entries.items()))))
                break
            yield below, node
        else:
            pending.pop()
