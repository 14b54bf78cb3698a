"""A result folder by its path, whichever of its three forms it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from invocation_spec.cid import CID
from octostore.contents import cid_of_file, files_below
from octostore.errors import FileError
from octostore.published.layout import EXIT_BYTES_MAX, File, laid_out
from octostore.published.tarball import files_of_tarball
from octostore.published.unixfs import files_of_car
from octostore.result import Result

__all__ = ["is_archive", "result_in", "root_of"]

_TARS: Final = (".tar.gz", ".tgz")


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive of results."""
    return path.name.endswith((*_TARS, ".car"))


def result_in(
    path: Path, names: Mapping[str, str], *, exit: int | None = None
) -> Result:
    """The result in a folder, a tar.gz or a CAR of one.

    `names` tells at which guest path the folder of each name was; one that it does
    not list stood at `/<name>`. stderr is never an output. `exit` is the status of one
    without exitCode.

    Raises:
        ResultError: names that no result can have, or nothing that is a result.
        CarError: no CAR v1, or one that breaks off.
        FileError: it cannot be read, holds more than files, or is none of the three.
    """
    return laid_out(_files(path), names, str(path), exit=exit)


def root_of(path: Path) -> CID | None:
    """The root of a CAR, which is the CID of the folder; None of anything else.

    Raises:
        CarError, FileError: as `result_in`.
    """
    return files_of_car(path)[0] if path.name.endswith(".car") else None


def _files(path: Path) -> Iterator[File]:
    if path.is_dir():
        return _files_below(path)
    if not path.exists():
        raise FileError("nothing is there", at=str(path))
    if path.name.endswith(_TARS):
        return files_of_tarball(path)
    if path.name.endswith(".car"):
        return files_of_car(path)[1]
    raise FileError(
        "expected a folder with stdout, exitCode and outputs in it, or one as .tar.gz"
        " or .car",
        at=str(path),
    )


def _files_below(folder: Path) -> Iterator[File]:
    for path in files_below(folder, whole=True):
        parts = path.relative_to(folder).parts
        head = b""
        if parts == ("exitCode",):
            try:
                with path.open("rb") as stream:
                    head = stream.read(EXIT_BYTES_MAX + 1)
            except OSError as error:
                raise FileError(
                    f"cannot be read: {error.strerror}", at=str(path)
                ) from error
        yield File(parts, cid_of_file(path), head)
