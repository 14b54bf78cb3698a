"""What a statement needs to be complete, and which of its records are valid.

    statement -> records -> claim -> invocation -> program, input (unless withheld)
                                  -> result

Both are pure functions of the statement and of the blocks it names, so every
node logs the same statements and skips the same records. Source: FORMATS 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar, cast

from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.errors import EncodingError
from invocation_spec.model import (
    Input,
    Invocation,
    Program,
    check_fit,
    program_from_block,
)
from octostore.errors import RecordError, StoreCorruptError
from octostore.receipt import Skipped
from octostore.records import Claim, Record, parse_record
from octostore.result import Result
from octostore.statement import SignedPart

__all__ = ["Closure", "Fact", "Find", "Needs", "Ran"]

Find: TypeAlias = Callable[[CID], bytes | None]

_T = TypeVar("_T")

#: Parsed blocks that are kept because thousands of claims share them; large
#: blocks are rare and not shared, and would make this a leak.
_KEPT_MAX: Final = 8192
_KEPT_BLOCK_BYTES_MAX: Final = 2048


@dataclass(frozen=True, slots=True)
class Needs:
    """Blocks a statement needs as far as can be known, in the order of its records."""

    present: tuple[CID, ...]
    missing: tuple[CID, ...]


@dataclass(frozen=True, slots=True)
class Ran:
    """The invocation of a valid claim; what the claim withholds is None."""

    cid: CID
    invocation: Invocation
    program: Program | None
    input: Input | None


@dataclass(frozen=True, slots=True)
class Fact:
    """A valid record; `ran` belongs to claims."""

    cid: CID
    record: Record
    ran: Ran | None = None


class Closure:
    """Reads statements against a source of blocks, which must have been hashed."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._kept: dict[tuple[object, CID], object] = {}

    def needs(self, part: SignedPart) -> Needs:
        """Which blocks the statement needs, and which of them are not there.

        An invalid record needs only itself. What lies behind a missing block is
        not known yet, so ask again when it has come.
        """
        found: dict[CID, bool] = {}
        for record in part.records:
            for cid in self._reached(record):
                if cid not in found:
                    found[cid] = self._block(cid) is not None
        return Needs(
            tuple(cid for cid, is_here in found.items() if is_here),
            tuple(cid for cid, is_here in found.items() if not is_here),
        )

    def facts(self, part: SignedPart) -> Iterator[Fact | Skipped]:
        """The records of a complete statement: valid, or skipped with the reason.

        Raises:
            StoreCorruptError: it is not complete.
        """
        for cid in part.records:
            try:
                yield self._fact(cid)
            except (EncodingError, RecordError) as error:
                yield Skipped(cid, str(error))

    def program(self, cid: CID) -> Program:
        """The program with this CID, which is there and valid."""
        return self._need(cid, program_from_block)

    def input(self, cid: CID) -> Input:
        """The input with this CID, which is there and valid."""
        return self._need(cid, Input.from_block)

    def _reached(self, cid: CID) -> Iterator[CID]:
        yield cid
        record = self._parsed(cid, parse_record)
        if record is None:
            return
        yield from record.links()
        if isinstance(record, Claim):
            invocation = self._parsed(record.invocation, Invocation.from_block)
            if invocation is not None:
                yield from _disclosed(record, invocation)

    def _fact(self, cid: CID) -> Fact:
        record = self._need(cid, parse_record)
        if not isinstance(record, Claim):
            return Fact(cid, record)
        with _naming("invocation"):
            invocation = self._need(record.invocation, Invocation.from_block)
        if record.result is not None:
            with _naming("result"):
                self._need(record.result, Result.from_block)
        program = input = None
        if "program" not in record.withheld:
            with _naming("program"):
                program = self.program(invocation.program)
        if "input" not in record.withheld:
            with _naming("input"):
                input = self.input(invocation.input)
        if program is not None and input is not None:
            with _naming("input"):
                check_fit(program, input)
        return Fact(cid, record, Ran(record.invocation, invocation, program, input))

    def _block(self, cid: CID) -> bytes | None:
        block = self._find(cid)
        # Bytes kept for other uses may be larger than any block of a statement;
        # no node could send them as one, so here they are not one either.
        return block if block is not None and len(block) <= BLOCK_BYTES_MAX else None

    def _need(self, cid: CID, parse: Callable[[bytes], _T]) -> _T:
        value = self._load(cid, parse)
        if value is None:
            raise StoreCorruptError(
                "a block of a complete statement is not there", at=str(cid)
            )
        return value

    def _parsed(self, cid: CID, parse: Callable[[bytes], _T]) -> _T | None:
        """The value, or None if the block is missing or is none of this kind."""
        try:
            return self._load(cid, parse)
        except (EncodingError, RecordError):
            return None

    def _load(self, cid: CID, parse: Callable[[bytes], _T]) -> _T | None:
        kept = self._kept.get((parse, cid))
        if kept is not None:
            return cast("_T", kept)
        block = self._block(cid)
        if block is None:
            return None
        value = parse(block)
        if len(block) <= _KEPT_BLOCK_BYTES_MAX:
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            self._kept[parse, cid] = value
        return value


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say of which block an error speaks."""
    try:
        yield
    except (EncodingError, RecordError) as error:
        raise RecordError(str(error), at=name) from error


def _disclosed(claim: Claim, invocation: Invocation) -> Iterator[CID]:
    if "program" not in claim.withheld:
        yield invocation.program
    if "input" not in claim.withheld:
        yield invocation.input
