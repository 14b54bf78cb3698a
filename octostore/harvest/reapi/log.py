"""What Bazel's execution log knows and its cache does not: the trees of inputs.

    bazel build .. --execution_log_json_file=log.json

    {"inputs": [{"path": "a.txt", "digest": {"hash": "2d71..", "sizeBytes": "8"}}, ..],
     "digest": {"hash": "f8a2..", "sizeBytes": "258"}, ..} {..}

Bazel sends directories to workers alone, so that a cache without workers has an action
and not its tree. The log names each file of the tree; the directories are made of
these, as Bazel makes them: every file executable. Nobody has to believe that: a
directory is used only under the digest by which the action names it. Newer versions
(since 6) say the action too.
Source: bazelbuild/bazel src/main/protobuf/spawn.proto, DirectoryTree, MerkleTree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from invocation_spec.adapters.reapi_digest import Digest
from invocation_spec.adapters.reapi_tree import TREE_ENTRIES_MAX
from invocation_spec.errors import OctostoreError
from invocation_spec.protobuf import encode
from octostore.errors import FileError
from octostore.harvest.reapi.cache import is_hash

__all__ = ["LOG_BYTES_MAX", "ExecutionLog"]

#: Bytes of a log that is read whole: some ten thousand actions of a large build.
LOG_BYTES_MAX: Final = 256 << 20

_SPACE: Final = re.compile(r"\s*")


@dataclass(slots=True)
class ExecutionLog:
    """Directories by digest, and the actions that the log names, in its order."""

    directories: dict[Digest, bytes] = field(default_factory=dict)
    actions: dict[str, None] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> ExecutionLog:
        """Read a log.

        Raises:
            FileError: it cannot be read, is too large, or no such log.
        """
        log = cls()
        for number, spawn in enumerate(_spawns(path)):
            try:
                log._take(spawn)
            except (
                OctostoreError,
                ValueError,
                TypeError,
                KeyError,
                AttributeError,
            ) as error:
                raise FileError(
                    f"spawn {number}: {error!r}; expected what Bazel writes with"
                    " --execution_log_json_file",
                    at=str(path),
                ) from error
        return log

    def _take(self, spawn: Mapping[str, Any]) -> None:
        action = spawn.get("digest", {}).get("hash", "")
        if is_hash(action):
            self.actions[action] = None
        inputs = spawn.get("inputs", [])
        if len(inputs) <= TREE_ENTRIES_MAX:  # of no use otherwise
            self._make(_tree(inputs))

    def _make(self, tree: dict[str, Any]) -> Digest:
        """The digest of a directory; it and those below it are noted."""
        files, directories = [], []
        for name, item in sorted(tree.items(), key=lambda entry: entry[0].encode()):
            if isinstance(item, dict):
                digest = self._make(item)
                directories.append({"name": name, "digest": _fields(digest)})
            else:
                entry = {"name": name, "digest": _fields(item), "is_executable": True}
                files.append(entry)
        data = encode("Directory", {"files": files, "directories": directories})
        made = Digest.of(data, "sha256")
        self.directories[made] = data
        return made


def _fields(digest: Digest) -> dict[str, Any]:
    return {"hash": digest.hash, "size_bytes": digest.size_bytes}


#: Parts of one path; PATH_MAX has no room for more.
_PARTS_MAX: Final = 256


def _tree(inputs: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Nested maps of names, with a digest for each file."""
    root: dict[str, Any] = {}
    for item in inputs:
        digest = item.get("digest")
        if not digest:
            continue  # a directory or a link: then no digest fits, and nothing is used
        *above, name = item["path"].split("/")
        if len(above) > _PARTS_MAX:
            raise ValueError(f"a path of {len(above)} directories")
        at = root
        for part in above:
            at = at.setdefault(part, {})
        size = int(digest.get("sizeBytes", 0))
        at[name] = Digest("sha256", str(digest["hash"]), size)
    return root


def _end_of_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _spawns(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open("rb") as stream:
            data = stream.read(LOG_BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"not read: {error.strerror}", at=str(path)) from error
    if len(data) > LOG_BYTES_MAX:
        raise FileError(
            f"more than {LOG_BYTES_MAX} bytes; log fewer actions", at=str(path)
        )
    decoder = json.JSONDecoder()
    try:
        text = data.decode()
        del data
        at = _end_of_space(text, 0)
        while at < len(text):
            spawn, end = decoder.raw_decode(text, at)
            if not isinstance(spawn, Mapping):
                raise ValueError("no object")
            yield spawn
            at = _end_of_space(text, end)
    except (ValueError, RecursionError) as error:
        raise FileError(
            f"no JSON of Bazel's execution log: {error}", at=str(path)
        ) from error
