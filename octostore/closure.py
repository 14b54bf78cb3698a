"""What a statement needs to be complete, and which of its records are valid.

    statement -> records -> claim -> invocation -> program, input (unless withheld)
                                  -> result

Both are pure functions of the statement and of the blocks it names, so every
node logs the same statements and skips the same records. What an index knows
already (`Shelf`) only saves reading it again. Source: FORMATS 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar, cast

from invocation_spec.cid import CID, DAG_CBOR, SHA2_256
from invocation_spec.dagcbor import BLOCK_BYTES_MAX, Ipld
from invocation_spec.errors import EncodingError
from invocation_spec.model import (
    FIELDS_BY_KIND,
    Input,
    Invocation,
    Program,
    check_fit,
    program_from_block,
)
from octostore.errors import RecordError, StoreCorruptError
from octostore.reading import CLAIM, INPUT, RESULT, Told
from octostore.receipt import Skipped
from octostore.records import Claim, Record, parse_record
from octostore.result import Result
from octostore.usual import (
    Given,
    UsualClaim,
    usual_claim,
    usual_input,
    usual_result,
)

__all__ = ["Claimed", "Closure", "Fact", "Find", "Needs", "Ran", "Shelf", "is_kept"]

#: The bytes of a block of ours by digest, or None.
Find: TypeAlias = Callable[[bytes], bytes | None]

_T = TypeVar("_T")

#: Parsed blocks that are kept because thousands of claims share them; large
#: blocks are rare and not shared, and would make this a leak.
_KEPT_MAX: Final = 8192
_KEPT_BLOCK_BYTES_MAX: Final = 2048

#: Programs that stay parsed from one delivery to the next, each of 2 KiB at most.
_PROGRAMS_KEPT_MAX: Final = 4096

_OURS: Final = bytes((1, DAG_CBOR, SHA2_256, 32))

#: What stands before the digest in CIDs by which a store finds blocks.
_KEPT: Final = bytes((SHA2_256, 32))

#: An invocation has one form: everything but the two digests is always the same.
_INPUT_HEAD: Final = b"\xa2\x65input\xd8\x2a\x58\x25\x00" + _OURS
_PROGRAM_HEAD: Final = b"\x67program\xd8\x2a\x58\x25\x00" + _OURS
_INPUT_AT: Final = len(_INPUT_HEAD)
_PROGRAM_AT: Final = _INPUT_AT + 32 + len(_PROGRAM_HEAD)
_INVOCATION_BYTES: Final = _PROGRAM_AT + 32


@dataclass(frozen=True, slots=True)
class Needs:
    """Blocks a statement needs as far as can be known, in the order of its records.

    By digest. Those that are needed by an invocation on the shelf are left out.
    `unusual` are records that are no usual claims: such alone may name evidence.
    """

    present: tuple[bytes, ...]
    missing: tuple[bytes, ...]
    unusual: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """The invocation of a valid claim; what the claim withholds is None."""

    digest: bytes
    program_digest: bytes
    input_digest: bytes
    program: Program | None
    given: Given | None


class Claimed(NamedTuple):
    """A valid claim, all as digests; `ran` is None if its invocation is settled."""

    record: bytes
    invocation: bytes
    result: bytes | None
    ran: Ran | None


@dataclass(frozen=True, slots=True)
class Fact:
    """A valid record of any other type."""

    digest: bytes
    record: Record


class Shelf(Protocol):
    """What is indexed already, and so need not be read again."""

    #: Invocations that are there, valid and indexed, with program and input.
    settled: set[bytes]

    #: Result and invocation, joined, whose result is there, valid and indexed.
    made: set[bytes]

    def look_up(self, records: Mapping[bytes, UsualClaim | None]) -> None:
        """Find out, in one go, what is known of these records and what they name."""
        ...


class _EmptyShelf:
    """Nothing is indexed; all is read."""

    def __init__(self) -> None:
        self.settled: set[bytes] = set()
        self.made: set[bytes] = set()

    def look_up(self, records: Mapping[bytes, UsualClaim | None]) -> None:
        """Find nothing."""


class Closure:
    """Reads statements against a source of blocks, which must have been hashed.

    `told` is what was read of some of these blocks before (`reading.read`).
    """

    def __init__(
        self, find: Find, shelf: Shelf | None = None, told: Told | None = None
    ) -> None:
        self._find = find
        self._shelf: Shelf = shelf or _EmptyShelf()
        self._told: Told = {} if told is None else told
        self._kept: dict[tuple[object, bytes], object] = {}
        self._read: tuple[tuple[bytes, ...], dict[bytes, UsualClaim | None]] | None = (
            None
        )

    def needs(self, records: tuple[bytes, ...]) -> Needs:
        """Which blocks a statement of these records needs, and which are not there.

        An invalid record needs only itself. What lies behind a missing block is
        not known yet, so ask again when it has come.
        """
        found: dict[bytes, bool] = {}
        reached: set[bytes] = set()
        of_records = self._records(records)
        settled, made = self._shelf.settled, self._shelf.made
        unusual: list[bytes] = []
        for digest, usual in of_records.items():
            if usual is None:
                unusual.append(digest)
                for other in self._reached(digest):
                    if other not in found:
                        found[other] = self._block(other) is not None
                continue
            found[digest] = True
            invocation, result = usual
            if invocation in settled and result + invocation in made:
                found[invocation] = found[result] = True  # most of all claims
            else:
                self._add_usual(usual, found, reached)
        return Needs(
            tuple([digest for digest, is_here in found.items() if is_here]),
            tuple([digest for digest, is_here in found.items() if not is_here]),
            tuple(unusual),
        )

    def evidence(self, record: bytes) -> tuple[CID, ...]:
        """What a record names as evidence, as far as a store can keep it.

        A store finds blocks by sha2-256, whatever the codec; others are left out.
        """
        found = self._parsed(record, parse_record)
        if not isinstance(found, Claim):
            return ()
        return tuple(cid for cid in found.evidence if is_kept(cid))

    def facts(self, records: tuple[bytes, ...]) -> Iterator[Claimed | Fact | Skipped]:
        """These records of a complete statement: valid, or skipped with the reason.

        Raises:
            StoreCorruptError: it is not complete.
        """
        of_records = self._records(records)
        settled, made = self._shelf.settled, self._shelf.made
        for digest, usual in of_records.items():
            if usual is not None:
                invocation, result = usual
                if invocation in settled and result + invocation in made:
                    yield Claimed(digest, invocation, result, None)
                    continue
                claimed = self._claimed(digest, usual)
                if claimed is not None:
                    yield claimed
                    continue
            try:
                yield self._fact(digest)
            except (EncodingError, RecordError) as error:
                yield Skipped(CID.of_block_digest(digest), str(error))

    def program(self, digest: bytes) -> Program:
        """The program with this digest, which is there and valid."""
        return self._need(digest, _program)

    def input(self, digest: bytes) -> Input:
        """The input with this digest, which is there and valid."""
        return self._need(digest, Input.from_block)

    def given(self, digest: bytes) -> Given:
        """What an index needs of the same."""
        told = self._told.get(digest)
        if told is not None and told[0] == INPUT:
            fields, data = cast("tuple[tuple[str, ...], tuple[bytes, ...]]", told[1:])
            return Given(frozenset(fields), data, is_usual=True)
        return self._need(digest, _given)

    def outputs(self, digest: bytes) -> tuple[bytes, ...]:
        """The outputs, as bytes of CIDs, of a result which is there and valid."""
        told = self._told.get(digest)
        if told is not None and told[0] == RESULT:
            return cast("tuple[bytes, ...]", told[1])
        return self._need(digest, _outputs)

    def ends(self, invocation: bytes) -> tuple[bytes, bytes]:
        """Program and input of an invocation, which is there.

        Raises:
            EncodingError: it is no invocation.
        """
        block = self._block(invocation)
        if block is None:
            raise _not_there(invocation)
        if (
            len(block) == _INVOCATION_BYTES
            and block.startswith(_INPUT_HEAD)
            and block.startswith(_PROGRAM_HEAD, _INPUT_AT + 32)
        ):
            return block[_PROGRAM_AT:], block[_INPUT_AT : _INPUT_AT + 32]
        value = Invocation.from_block(block)
        return value.program.digest, value.input.digest

    def _records(self, records: tuple[bytes, ...]) -> dict[bytes, UsualClaim | None]:
        """The records in order; None for what is no usual claim, or not there."""
        if self._read is None or self._read[0] is not records:
            claims: dict[bytes, UsualClaim | None] = {}
            for digest in records:
                told = self._told.get(digest)
                if told is not None and told[0] == CLAIM:
                    claims[digest] = tuple.__new__(UsualClaim, told[1:])
                    continue
                block = self._find(digest)
                claims[digest] = None if block is None else usual_claim(block)
            self._read = records, claims
            self._shelf.look_up(claims)
        return self._read[1]

    def _add_usual(
        self, usual: UsualClaim, found: dict[bytes, bool], reached: set[bytes]
    ) -> None:
        """What a usual claim needs, beside itself."""
        invocation, result = usual
        is_settled = invocation in self._shelf.settled
        if invocation not in found:
            found[invocation] = is_settled or self._block(invocation) is not None
        if result not in found:
            is_made = result + invocation in self._shelf.made
            found[result] = is_made or self._block(result) is not None
        if is_settled or invocation in reached:
            return
        reached.add(invocation)
        for digest in self._ends(invocation):
            if digest not in found:
                found[digest] = self._block(digest) is not None

    def _ends(self, invocation: bytes) -> tuple[bytes, ...]:
        """Program and input; nothing of what is missing or no invocation."""
        if self._block(invocation) is None:
            return ()
        try:
            return self.ends(invocation)
        except EncodingError:
            return ()

    def _reached(self, digest: bytes) -> Iterator[bytes]:
        yield digest
        record = self._parsed(digest, parse_record)
        if record is None:
            return
        for link in record.links():
            yield link.digest
        if isinstance(record, Claim):
            ends = self._ends(record.invocation.digest)
            for name, end in zip(("program", "input"), ends, strict=False):
                if name not in record.withheld:
                    yield end

    def _claimed(self, digest: bytes, usual: UsualClaim) -> Claimed | None:
        """The usual claim if it is valid; None if `_fact` must say what is wrong."""
        invocation, result = usual
        ran = None
        try:
            if invocation not in self._shelf.settled:
                ran = self._ran(invocation, ())
            if result + invocation not in self._shelf.made:
                self.outputs(result)
        except (EncodingError, RecordError):
            return None
        return Claimed(digest, invocation, result, ran)

    def _fact(self, digest: bytes) -> Claimed | Fact:
        record = self._need(digest, parse_record)
        if not isinstance(record, Claim):
            return Fact(digest, record)
        invocation, result = record.invocation.digest, None
        with _naming("invocation"):
            self.ends(invocation)
        if record.result is not None:
            result = record.result.digest
            with _naming("result"):
                self.outputs(result)
        return Claimed(
            digest, invocation, result, self._ran(invocation, record.withheld)
        )

    def _ran(self, invocation: bytes, withheld: tuple[str, ...]) -> Ran:
        """The invocation of a claim, as far as the claim discloses it."""
        program_digest, input_digest = self.ends(invocation)
        program = given = None
        if "program" not in withheld:
            with _naming("program"):
                program = self.program(program_digest)
        if "input" not in withheld:
            with _naming("input"):
                given = self.given(input_digest)
        if program is not None and given is not None:
            with _naming("input"):
                fields = FIELDS_BY_KIND[program.kind]
                # Of a usual input the names of its fields say all.
                if not (given.is_usual and given.fields <= fields):
                    check_fit(program, self.input(input_digest))
        return Ran(invocation, program_digest, input_digest, program, given)

    def _block(self, digest: bytes) -> bytes | None:
        block = self._find(digest)
        # Bytes kept for other uses may be larger than any block of a statement;
        # no node could send them as one, so here they are not one either.
        return block if block is not None and len(block) <= BLOCK_BYTES_MAX else None

    def _need(self, digest: bytes, parse: Callable[[bytes], _T]) -> _T:
        value = self._load(digest, parse)
        if value is None:
            raise _not_there(digest)
        return value

    def _parsed(self, digest: bytes, parse: Callable[[bytes], _T]) -> _T | None:
        """The value, or None if the block is missing or is none of this kind."""
        try:
            return self._load(digest, parse)
        except (EncodingError, RecordError):
            return None

    def _load(self, digest: bytes, parse: Callable[[bytes], _T]) -> _T | None:
        kept = self._kept.get((parse, digest))
        if kept is not None:
            return cast("_T", kept)
        block = self._block(digest)
        if block is None:
            return None
        if len(block) > _KEPT_BLOCK_BYTES_MAX:
            return parse(block)
        value = parse(block)
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        self._kept[parse, digest] = value
        return value


def is_kept(cid: CID) -> bool:
    """Whether a store finds what a CID names: by a whole sha2-256."""
    return cid.raw[-34:-32] == _KEPT and len(cid.digest) == 32


@lru_cache(_PROGRAMS_KEPT_MAX)
def _small_program(block: bytes) -> Program:
    """A program as its block says; few of them are run again and again."""
    return program_from_block(block)


def _program(block: bytes) -> Program:
    if len(block) > _KEPT_BLOCK_BYTES_MAX:
        return program_from_block(block)
    return _small_program(block)


def _given(block: bytes) -> Given:
    given = usual_input(block)
    if given is not None:
        return given
    input = Input.from_block(block)
    fields = frozenset(cast("dict[str, Ipld]", input.to_ipld()))
    data = tuple(cid.raw for cid in input.data)
    return Given(fields, data, is_usual=False)


def _outputs(block: bytes) -> tuple[bytes, ...]:
    outputs = usual_result(block)
    if outputs is not None:
        return outputs
    return tuple(cid.raw for cid in Result.from_block(block).outputs.values())


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say of which block an error speaks."""
    try:
        yield
    except (EncodingError, RecordError) as error:
        raise RecordError(str(error), at=name) from error


def _not_there(digest: bytes) -> StoreCorruptError:
    return StoreCorruptError(
        "a block of a complete statement is not there",
        at=str(CID.of_block_digest(digest)),
    )
