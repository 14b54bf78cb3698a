"""Where records and derivations of Nix lie: files, folders, binary caches.

    FOLDER   ha0d...narinfo  realisations/sha256:a3a4..!out.doi  *.drv  *.json
    URL      the same by name; a cache does not say what it has
    FILE     one of these

A derivation is at hand if its text makes the path that it lies under, so that nobody
can put another in its place. Source: nix src/libstore/binary-cache-store.cc.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from invocation_spec import nixstore
from invocation_spec.derivation import Derivation
from invocation_spec.document import DOCUMENT_BYTES_MAX
from invocation_spec.errors import EncodingError
from octostore.errors import FileError
from octostore.harvest.nix.records import (
    RECORD_BYTES_MAX,
    PathInfo,
    Realisation,
    infos_from_json,
    realisation_from_json,
)
from octostore.lookup import Web
from octostore.told import RemoteError

__all__ = [
    "FILES_MAX",
    "PATH_INFOS_BYTES_MAX",
    "Cache",
    "Derivations",
    "Folder",
    "Site",
    "narinfo_name",
    "realisation_names",
    "record_of",
]

#: Files of one folder that are looked at; the store of a machine has fewer.
FILES_MAX: Final = 1_000_000

#: A list of path infos: a hundred thousand of them.
PATH_INFOS_BYTES_MAX: Final = 64 << 20

_OLD, _NEW = "realisations", "build-trace-v2"


class Cache(Protocol):
    """A binary cache, as far as records are asked for."""

    def read(self, name: str) -> bytes | None:
        """The bytes under a name; None if there is nothing.

        Raises:
            FileError, RemoteError: it cannot be read.
        """
        ...

    def place(self, name: str) -> str:
        """Where that is, for people."""
        ...

    def names(self) -> Iterator[str]:
        """All names of records, ascending; none if it does not say."""
        ...


class Folder:
    """A cache in a folder, or the folder of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path if path.is_dir() else path.parent
        self._only = None if path.is_dir() else path.name

    def read(self, name: str) -> bytes | None:
        """See `Cache`."""
        path = self._path / name
        if not path.is_file():
            return None
        return _read(path, PATH_INFOS_BYTES_MAX)

    def place(self, name: str) -> str:
        """See `Cache`."""
        return str(self._path / name)

    def names(self) -> Iterator[str]:
        """See `Cache`."""
        if self._only is not None:
            yield self._only
            return
        yield from _listed(self._path, "", (".narinfo", ".json", ".doi"))
        yield from _listed(self._path, _OLD, (".doi",))
        for name in _listed(self._path, _NEW, (".drv",), folders=True):
            yield from _listed(self._path, name, (".doi",))


class Site:
    """A cache at a URL."""

    def __init__(self, web: Web, url: str) -> None:
        self._web = web
        self._url = url.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """See `Cache`."""
        url = self.place(name)
        reply = self._web.get(url, RECORD_BYTES_MAX)
        if reply.status in (403, 404, 410):  # buckets forbid what they do not have
            return None
        if reply.status != 200:
            raise RemoteError(f"the cache refuses ({reply.status})", at=url)
        return reply.body

    def place(self, name: str) -> str:
        """See `Cache`."""
        return f"{self._url}/{name}"

    def names(self) -> Iterator[str]:
        """See `Cache`."""
        yield from ()


def _listed(
    top: Path, below: str, ends: tuple[str, ...], *, folders: bool = False
) -> list[str]:
    folder = top / below if below else top
    if not folder.is_dir():
        return []
    found = []
    for count, path in enumerate(folder.iterdir()):
        if count >= FILES_MAX:
            raise FileError(f"more than {FILES_MAX} files", at=str(folder))
        if path.name.endswith(ends) and path.is_dir() == folders:
            found.append(f"{below}/{path.name}" if below else path.name)
    return sorted(found)


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise FileError(f"more than {most} bytes", at=str(path))
    return data


def narinfo_name(path: str) -> str:
    """The name under which a cache says what lies at a path."""
    return f"{path.rpartition('/')[2][:32]}.narinfo"


def realisation_names(recipe: bytes | None, drv: str, output: str) -> list[str]:
    """The names under which caches have the realisation of an output.

    None of an output that no Nix would name so: its name becomes part of a path.
    """
    if not nixstore.is_output(output):
        return []
    base = drv.rpartition("/")[2]
    older = [] if recipe is None else [f"{_OLD}/sha256:{recipe.hex()}!{output}.doi"]
    return [f"{_NEW}/{base}/{output}.doi", *older]


def record_of(name: str, data: bytes) -> list[PathInfo | Realisation]:
    """What stands in a file of a cache, by its name.

    Raises:
        EncodingError: it is no such record.
    """
    if data == b"{}":
        return []
    if name.endswith(".narinfo"):
        return [PathInfo.from_narinfo(data)]
    if name.endswith(".doi"):
        newer = re.fullmatch(rf"{_NEW}/([^/]+)/([^/]+)\.doi", name)
        return [realisation_from_json(data, (newer[1], newer[2]) if newer else None)]
    try:
        return [realisation_from_json(data)]
    except EncodingError:
        return [*infos_from_json(data)]


class Derivations(Mapping[str, Derivation]):
    """Derivations by path, each read when it is asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files: dict[str, Path] = {}
        self._read: dict[str, Derivation] = {}
        for path in paths:
            names = _listed(path, "", (".drv",)) if path.is_dir() else [path.name]
            folder = path if path.is_dir() else path.parent
            if not path.exists():
                raise FileError("no such file or folder", at=str(path))
            for name in names:
                self._files.setdefault(f"{nixstore.STORE}/{name}", folder / name)

    def __getitem__(self, path: str) -> Derivation:
        """The derivation at a path.

        Raises:
            KeyError: it is not at hand.
            EncodingError: another one lies there, or none.
            FileError: it cannot be read.
        """
        found = self._read.get(path)
        if found is not None:
            return found
        file = self._files[path]
        try:
            text = _read(file, DOCUMENT_BYTES_MAX).decode()
        except UnicodeDecodeError as error:
            raise EncodingError(f"{file}: not UTF-8") from error
        derivation = Derivation.from_text(text)
        name = nixstore.name_of(path).removesuffix(".drv")
        if derivation.path(name) != path:
            raise EncodingError(f"{file}: holds another derivation than its name says")
        return self._read.setdefault(path, derivation)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._files))

    def __len__(self) -> int:
        return len(self._files)
