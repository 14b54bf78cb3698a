"""`octostore link check`: whether bytes have both of two CIDs, by hashing them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, NamedTuple, TypeAlias

import typer

from invocation_spec.cid import CID, DAG_PB
from octostore.cli.inputs import cid_or_path, opened
from octostore.cli.rim import DONE, NO, AsJson, UsageError, leave, print_json, say
from octostore.counted import counted
from octostore.layouts import Names

__all__ = ["Checked", "check_command", "demand_same"]

_PIECE_BYTES: Final = 1 << 20

Checked: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--check",
        metavar="PATH",
        help="Sign only if this file has both CIDs, by hashing it.",
    ),
]


class _Found(NamedTuple):
    """How many bytes there are, and by which rule they have each CID, if they do."""

    size: int
    names: tuple[tuple[CID, str | None], ...]

    @property
    def same(self) -> bool:
        return all(rule is not None for _, rule in self.names)


def check_command(
    a: Annotated[str, typer.Argument(metavar="A", help="A CID or ./path.")],
    b: Annotated[str, typer.Argument(metavar="B", help="A CID or ./path.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="The bytes; - is stdin.")],
    as_json: AsJson = False,
) -> None:
    """Hash a file, and say whether it has both CIDs.

    Flat, by any hash function, and as a file of IPFS in the usual sizes and layouts.

    Example: octostore link check bafkrei.. bafybei.. ./planets.csv
    """
    found = _hashed(cid_or_path(a), cid_or_path(b), path)
    _show(found, as_json=as_json)
    leave(DONE if found.same else NO)


def demand_same(a: CID, b: CID, path: str, *, as_json: bool) -> None:
    """Return if the bytes at `path` have both CIDs; else say so, and end with 1.

    Raises:
        CidError: a hash function that cannot be computed here.
        UsageError: a folder.
        FileError: the file cannot be read.
    """
    found = _hashed(a, b, path)
    if not found.same:
        _show(found, as_json=as_json)
        if not as_json:
            say("nothing was signed")
        leave(NO)


def _show(found: _Found, *, as_json: bool) -> None:
    if as_json:
        names = [{"cid": str(cid), "as": rule} for cid, rule in found.names]
        print_json({"same": found.same, "bytes": found.size, "names": names})
        return
    for cid, rule in found.names:
        if rule is None and cid.codec == DAG_PB:
            rule = "DIFFERS, or is laid out in a way that is not known here"
        say(f"{cid}  {rule or 'DIFFERS: another digest'}")
    if found.same:
        say(f"the same {counted(found.size, 'byte')}")


def _hashed(a: CID, b: CID, path: str) -> _Found:
    if path != "-" and Path(path).is_dir():
        raise UsageError("a folder; name one file", at=path)
    names = Names((a, b))
    with opened(path) as stream:
        while piece := stream.read(_PIECE_BYTES):
            names.update(piece)
    return _Found(names.size, tuple((cid, names.known(cid)) for cid in (a, b)))
