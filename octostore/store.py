"""Skeleton: signatures are final, bodies follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from octostore.log import Checkpoint
from octostore.receipt import Receipt

__all__ = ["Octostore"]


class Octostore:
    """A store on disk; threads may share one."""

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False) -> Self:
        """Open, or create unless `readonly`."""
        raise NotImplementedError

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ingest(
        self, blocks: Iterable[tuple[CID, bytes]], roots: Sequence[CID] = ()
    ) -> Receipt:
        """Take what blocks hold; CarError from the iterable -> Receipt.malformed."""
        raise NotImplementedError

    def ingest_car(self, stream: BinaryIO) -> Receipt:
        """Take what a CAR holds."""
        raise NotImplementedError

    def add_bytes(self, data: bytes, *, bytes_max: int = BLOCK_BYTES_MAX) -> CID:
        """Keep raw bytes (code, data, outputs); returns their raw sha2-256 CID."""
        raise NotImplementedError

    def get(self, cid: CID) -> bytes:
        """The bytes; NotFoundError if missing."""
        raise NotImplementedError

    def find(self, cid: CID) -> bytes | None:
        """The bytes, or None."""
        raise NotImplementedError

    def checkpoint(self) -> Checkpoint:
        """Size and root of the log."""
        raise NotImplementedError

    # statement(cid) -> octostore.statement.Statement; NotFoundError
    # claims_of(invocation, limit, after) -> claims in log order
