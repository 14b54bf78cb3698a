"""Steps of an input that runs more than once: files that appear, and commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias, cast

from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from invocation_spec.model.values import (
    check_count,
    mapping,
    strings,
    texts,
)
from invocation_spec.paths import is_clean

__all__ = ["Put", "Run", "Step", "checked_files", "step_from_ipld"]


@dataclass(frozen=True, slots=True)
class Put:
    """Files that appear before the next run."""

    files: Mapping[str, CID]

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", checked_files(self.files))
        if not self.files:
            raise EncodingError("a put without files; leave it out")

    def to_ipld(self) -> Ipld:
        """`{put: {path: link}}`."""
        return {"put": dict(self.files)}


@dataclass(frozen=True, slots=True)
class Run:
    """One command; for `wasi` the arguments only."""

    argv: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "argv", texts(self.argv, "run"))

    def to_ipld(self) -> Ipld:
        """`{run: [..]}`."""
        return {"run": list(self.argv)}


Step: TypeAlias = Put | Run


def step_from_ipld(value: Ipld) -> Step:
    """The step that this value says; EncodingError for any other."""
    item = mapping(value, "a step")
    if set(item) == {"put"}:
        return Put(cast("Mapping[str, CID]", mapping(item["put"], "put")))
    if set(item) == {"run"}:
        return Run(strings(item, "run"))
    raise EncodingError(f"a step is {{put}} or {{run}}; found {sorted(item)}")


def checked_files(files: Mapping[str, CID]) -> Mapping[str, CID]:
    """Files by clean absolute path, unchangeable."""
    check_count(files, "files")
    for path, cid in files.items():
        if not is_clean(path):
            raise EncodingError(f"file path {path!r} is not clean and absolute")
        if path == "/":
            raise EncodingError("a file at `/`, which is a directory to every guest")
        if not isinstance(cid, CID):
            raise EncodingError(f"file {path} is a link; found {type(cid).__name__}")
    return MappingProxyType(dict(files))
