"""Files that know whether they are the original: no copy, and not restored.

    {.., "inode": 1311, "written_ns": 1669075200000000000}

What a key signed last must never be set back by a copy of it. A copy gets another
inode or a later ctime, whatever tool made it, so both stand in the file. What this
cannot see is a whole disk that was set back. Source: FORMATS 7; ADR 15.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from octostore.durable import replace_file

__all__ = ["RESTORED_AFTER_S", "Original", "read_original", "replace_original"]

#: A file touched so long after it was made, or before, was copied or restored. That
#: of a chain allows less, for a chain can begin anew; here a disk that starves for
#: some seconds would stop a log until somebody resumes it.
RESTORED_AFTER_S: Final = 60


@dataclass(frozen=True, slots=True)
class Original:
    """The members of such a file, and whether it is the one that was written."""

    content: Mapping[str, object]
    is_original: bool


def replace_original(path: Path, content: Mapping[str, object]) -> None:
    """Write these members in the place of `path`, on the disk when this returns.

    Raises:
        OSError: the disk; `path` is whole, but may be either of the two.
    """

    def text(status: os.stat_result) -> bytes:
        known = {"inode": status.st_ino, "written_ns": status.st_ctime_ns}
        return json.dumps({**content, **known}, indent=2).encode() + b"\n"

    replace_file(path, text)


def read_original(path: Path, bytes_max: int) -> Original:
    """Read what `replace_original` wrote, of at most so many bytes.

    Raises:
        OSError: it is not there, a link, or not to be read.
        ValueError: it was not written so.
    """
    # No link, which could lead to a copy; and a pipe would be waited for.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        text = file.read(bytes_max + 1) if stat.S_ISREG(status.st_mode) else b""
    if len(text) > bytes_max:
        raise ValueError(f"more than {bytes_max} bytes")
    try:
        content = json.loads(text)
        inode, written_ns = int(content["inode"]), int(content["written_ns"])
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("no members inode and written_ns") from error
    is_late = abs(status.st_ctime_ns - written_ns) > RESTORED_AFTER_S * 10**9
    # A second name is a way for a second user of it, as a link is.
    is_one = inode == status.st_ino and status.st_nlink == 1
    return Original(content, is_one and not is_late)
