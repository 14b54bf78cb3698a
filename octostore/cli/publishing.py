"""Signing records as one statement and bringing it where it belongs."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from invocation_spec import CID, OctostoreError
from octostore import car
from octostore.chain import Fresh
from octostore.claiming import Prepared, closure
from octostore.cli.rim import (
    AsJson,
    Server,
    StorePath,
    UsageError,
    print_json,
    say,
    server_at,
    store_path,
)
from octostore.cli.storing import leave_with, receipt_lines
from octostore.durable import write_new
from octostore.errors import StoreError
from octostore.keyfile import KeyFile
from octostore.receipt import Receipt
from octostore.records.shape import RecordBase
from octostore.statement import Statement
from octostore.store import Octostore

__all__ = ["OutFile", "Publication", "Published", "deliver", "publish"]

OutFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Write a CAR instead of storing it."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """Where signed records go, and how that is said: options of all that sign."""

    out: OutFile = None
    store: StorePath = None
    server: Server = None
    as_json: AsJson = False

    def publish(self, items: Sequence[Prepared | RecordBase], key: KeyFile) -> None:
        """Sign the records as one statement and bring it there; see `publish`."""
        publish(items, key, self.out, self.store, self.server, as_json=self.as_json)


def publish(
    items: Sequence[Prepared | RecordBase],
    key_file: KeyFile,
    out: Path | None,
    store: Path | None,
    server: str | None,
    *,
    as_json: bool,
) -> None:
    """Sign the records as one statement, bring it where it belongs, and say so."""
    done = deliver(items, key_file, out, store, server)
    if as_json:
        print_json(done.to_json())
    else:
        for line in done.lines():
            say(line)
    if done.receipt is not None:
        leave_with(done.receipt)


@dataclass(frozen=True, slots=True)
class Published:
    """A statement that was signed: what it says, and what became of it."""

    statement: Statement
    records: tuple[CID, ...]
    out: Path | None
    receipt: Receipt | None

    def to_json(self) -> dict[str, object]:
        """`{statement, records, issuer, out?, receipt?}`."""
        said: dict[str, object] = {
            "statement": str(self.statement.cid),
            "records": [str(cid) for cid in self.records],
            "issuer": str(self.statement.part.iss),
        }
        if self.out is not None:
            said["out"] = str(self.out)
        if self.receipt is not None:
            said["receipt"] = self.receipt.to_json()
        return said

    def lines(self) -> list[str]:
        """The same for people."""
        lines = [
            f"signed by   {self.statement.part.iss}",
            f"statement   {self.statement.cid}",
        ]
        if self.out is not None:
            lines.append(f"written to  {self.out}")
        return lines + ([] if self.receipt is None else receipt_lines(self.receipt))


def deliver(
    items: Sequence[Prepared | RecordBase],
    key_file: KeyFile,
    out: Path | None,
    store: Path | None,
    server: str | None,
) -> Published:
    """Sign the records as one statement and bring it where it belongs.

    Where it goes is opened before anything is signed: a signature that nobody
    gets would leave a gap in the chain.
    """
    with _destination(out, store, server) as bring:
        statement = _sign(key_file, items)
        blocks = closure(statement, items)
        try:
            receipt = bring(statement.envelope_cid, blocks)
        except OctostoreError as error:
            raise _kept(error, key_file, statement, blocks) from error
    records = tuple(_record(item).cid for item in items)
    return Published(statement, records, out, receipt)


def _record(item: Prepared | RecordBase) -> RecordBase:
    return item.claim if isinstance(item, Prepared) else item


def _sign(key_file: KeyFile, items: Sequence[Prepared | RecordBase]) -> Statement:
    records = [_record(item).cid for item in items]
    with key_file.signing() as chain:
        if chain.fresh not in (None, Fresh.MISSING):
            typer.echo(
                f"octostore: {key_file.state_path} was {chain.fresh};"
                " a new chain begins",
                err=True,
            )
        return chain.sign(records, int(time.time()))


_Deliver: TypeAlias = Callable[[CID, Mapping[CID, bytes]], Receipt | None]


@contextmanager
def _destination(
    out: Path | None, store: Path | None, server: str | None
) -> Iterator[_Deliver]:
    if out is not None:
        yield from _to_file(out)
    elif server is not None:
        with server_at(server) as remote:
            yield lambda root, blocks: remote.send(
                io.BytesIO(car.to_bytes([root], blocks.items()))
            )
    else:
        with Octostore.open(store_path(store)) as open_store:
            yield lambda root, blocks: open_store.ingest(blocks.items(), [root])


def _to_file(path: Path) -> Iterator[_Deliver]:
    def write(root: CID, blocks: Mapping[CID, bytes]) -> None:
        try:
            with path.open("wb") as stream:
                stream.write(car.to_bytes([root], blocks.items()))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise StoreError(f"not written: {error.strerror}", at=str(path)) from error

    try:
        path.touch(exist_ok=False)
    except FileExistsError as error:
        raise UsageError(
            "exists; a claim never overwrites a file", at=str(path)
        ) from error
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(path)) from error
    try:
        yield write
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _kept(
    error: OctostoreError,
    key_file: KeyFile,
    statement: Statement,
    blocks: Mapping[CID, bytes],
) -> OctostoreError:
    """The error, after a signed statement that was not delivered is on the disk."""
    path = key_file.path.with_name(f"{key_file.path.name}.{statement.part.seq}.car")
    if path.exists():  # from another chain
        path = key_file.path.with_name(f"{key_file.path.name}.{statement.cid}.car")
    text = car.to_bytes([statement.envelope_cid], blocks.items())
    try:
        write_new(path, lambda _: text)
    except OSError:
        return error
    return type(error)(
        f"{error.reason}; the signed statement is kept in {path}: bring it with"
        f" `octostore ingest {path}`",
        at=error.at,
    )
