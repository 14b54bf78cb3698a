"""The files of a result folder, one after the other, become a result."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from invocation_spec.cid import CID
from octostore.errors import FileError
from octostore.result import STDOUT, Result

__all__ = [
    "ENTRIES_MAX",
    "EXIT_BYTES_MAX",
    "FOLDER_BYTES_MAX",
    "NAMES_BYTES_MAX",
    "File",
    "hashed",
    "laid_out",
]

#: The text of an exit status; Bacalhau writes at most four bytes.
EXIT_BYTES_MAX: Final = 16

#: Files and folders of an archive of results; more than a result can have outputs.
ENTRIES_MAX: Final = 65_536

#: Bytes of an archive of results, unpacked: some minutes of hashing, at most.
FOLDER_BYTES_MAX: Final = 64 << 30

#: Bytes of all paths in a folder of results; a result has room for a megabyte of them,
#: and some kilobytes of an archive can name tens of thousands of long ones.
NAMES_BYTES_MAX: Final = 16 << 20

_EXIT_CODE: Final = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a result folder: its path in it, its content, how it begins.

    `head` is all of what may be an exit status; of others, a byte more than that.
    """

    path: tuple[str, ...]
    cid: CID
    head: bytes


def hashed(path: tuple[str, ...], pieces: Iterable[bytes]) -> File:
    """The file of these bytes, which are not kept."""
    digest, head = hashlib.sha256(), b""
    for piece in pieces:
        digest.update(piece)
        if len(head) <= EXIT_BYTES_MAX:
            head += piece[: EXIT_BYTES_MAX + 1 - len(head)]
    return File(path, CID.of_digest(digest.digest()), head)


def laid_out(
    files: Iterable[File],
    names: Mapping[str, str],
    at: str,
    *,
    exit: int | None = None,
) -> Result:
    """The result that the files of a folder say.

    `names` tells at which guest path the folder of each name was; one that it does
    not list stood at `/<name>`. stderr is never an output, nor is any other file
    beside it. `exit` is the status of a folder without exitCode.

    Raises:
        ResultError: names that no result can have, or nothing that is one.
        FileError: an exitCode that is no number, a name twice, a file that is a
            folder too, more names than there may be.
    """
    outputs: dict[str, CID] = {}
    status: int | None = None
    for file in _each_once(files, at):
        first, *rest = file.path
        if rest:
            root = names.get(first, f"/{first}").rstrip("/")
            outputs["/".join([root, *rest])] = file.cid
        elif first == STDOUT:
            outputs[STDOUT] = file.cid
        elif first == "exitCode":
            status = _exit_code(file.head, at)
    return Result(outputs, exit=exit if status is None else status)


def _each_once(files: Iterable[File], at: str) -> Iterator[File]:
    """The files; an error after the last of them if a path is there twice."""
    paths: list[str] = []
    size = 0
    for file in files:
        path = "/".join(file.path)
        size += len(os.fsencode(path))
        if size > NAMES_BYTES_MAX:
            raise FileError(f"names of more than {NAMES_BYTES_MAX} bytes", at=at)
        paths.append(f"{path}/")
        yield file
    paths.sort()  # whatever is below a path comes right after it
    for path, after in pairwise(paths):
        if after.startswith(path):
            raise FileError(f"{path[:-1][:80]!r} stands there twice", at=at)


def _exit_code(head: bytes, at: str) -> int | None:
    text = head.decode("ascii", "replace").strip()
    # A WASI command that returns has no status; Bacalhau writes -1 (FORMATS 5).
    is_whole = len(head) <= EXIT_BYTES_MAX
    if is_whole and text == "-1":
        return 0
    if not is_whole or not _EXIT_CODE.fullmatch(text):
        raise FileError(f"{text!r} in exitCode is no exit status", at=at)
    return int(text)
