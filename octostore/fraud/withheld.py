"""A withheld block: a log has committed to an entry, and somebody did not get it.

    {"octostore/withheld@1": {
        log: vkey, checkpoint: note,
        entry: {index, entry: h'..', path: [h'..']},
        missing: [&Block], asked: "https://..", at: 1669000000}}
    then the envelope, if that came, and those blocks of its closure that did

That the log owes these blocks is proven: they are of the closure of an entry in a
tree that it signed. That they are nowhere cannot be: `asked` and `at` are the word of
whoever made this, and anyone can ask again. Source: docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final, Self

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from octostore.car import Block, Damaged
from octostore.closure import Closure
from octostore.errors import ProofError, StatementError
from octostore.fraud.parts import (
    Fields,
    LoggedEntry,
    blocks_of,
    car_of,
    check_no_more,
    key_of,
    note_of,
    of_type,
    tree_words,
)
from octostore.log import KIND_STATEMENT
from octostore.statement import INTEGER_MAX, ReceivedStatement
from octostore.tlog.note import VerifierKey

__all__ = ["CLOSURE_BLOCKS_MAX", "CLOSURE_BYTES_MAX", "MISSING_MAX", "TAG", "Withheld"]

TAG: Final = "octostore/withheld@1"
_FIELDS: Final = {"log", "checkpoint", "entry", "missing", "asked", "at"}

#: One statement of 4,096 claims, each with five blocks of its own.
CLOSURE_BLOCKS_MAX: Final = 1 << 15

#: What is kept of one statement in memory.
CLOSURE_BYTES_MAX: Final = 1 << 28

#: More need not be named to show that something is missing.
MISSING_MAX: Final = 256

_ASKED_MAX: Final = 2048


@dataclass(frozen=True, slots=True)
class Withheld:
    """Blocks that an entry of a signed tree needs, and that did not come.

    Raises:
        ProofError: the entry does not need them, or they are here.
    """

    kind: ClassVar[str] = "withheld"

    entry: LoggedEntry
    missing: tuple[CID, ...]
    asked: str
    at_s: int
    blocks: Mapping[CID, bytes]

    def __post_init__(self) -> None:
        if not 1 <= len(self.missing) <= MISSING_MAX:
            raise ProofError(
                f"{len(self.missing)} missing blocks, of 1 to {MISSING_MAX}"
            )
        if not 0 <= self.at_s <= INTEGER_MAX or len(self.asked) > _ASKED_MAX:
            raise ProofError("no time, or no place that was asked")
        here, needed = self._closure()
        check_no_more(self.blocks, {cid.raw for cid in here})
        for cid in self.missing:
            if cid not in needed:
                raise ProofError(
                    "the entry does not need it, or it is here", at=str(cid)
                )

    @classmethod
    def read(cls, fields: Fields, rest: Iterator[Block | Damaged]) -> Self:
        """Read and verify what `car` wrote.

        Raises:
            NoteError: the checkpoint is not signed by the log.
            ProofError: it shows nothing, or has another shape.
        """
        if fields.keys() != _FIELDS:
            raise ProofError(f"expected a map of {', '.join(sorted(_FIELDS))}")
        blocks = blocks_of(rest, CLOSURE_BLOCKS_MAX, CLOSURE_BYTES_MAX)
        signed = note_of(fields, "checkpoint", key_of(fields))
        missing = of_type(fields, "missing", list)
        if not all(isinstance(cid, CID) for cid in missing):
            raise ProofError("expected a list of links", at="/missing")
        return cls(
            LoggedEntry.from_ipld(fields["entry"], signed, "/entry"),
            tuple(missing),
            of_type(fields, "asked", str),
            of_type(fields, "at", int),
            blocks,
        )

    @property
    def log(self) -> VerifierKey:
        """See `Proof.log`."""
        return self.entry.signed.log

    def car(self) -> Iterator[bytes]:
        """See `Proof.car`."""
        fields: Fields = {
            "log": str(self.log),
            "checkpoint": bytes(self.entry.signed),
            "entry": self.entry.to_ipld(),
            "missing": list(self.missing),
            "asked": self.asked,
            "at": self.at_s,
        }
        return car_of(TAG, fields, self.blocks.items())

    def to_json(self) -> dict[str, object]:
        """See `Proof.to_json`."""
        return {
            "origin": self.log.name,
            "index": self.entry.index,
            "missing": [str(cid) for cid in self.missing],
            "not_proven": {"asked": self.asked, "at_s": self.at_s},
        }

    def words(self) -> list[str]:
        """See `Proof.words`."""
        entry = self.entry.named
        return [
            "withheld: a log committed to an entry, and somebody did not get all of it",
            f"  log         {self.log.name}",
            f"  signed      {tree_words(self.entry.signed)}",
            f"  entry       {self.entry.index}: {entry.block}",
            *(f"  missing     {cid}" for cid in self.missing),
            "  the signature of the log holds; the entry is in that tree, and needs it",
            "not proven, but the word of whoever made this: that they were not served",
            f"  by {self.asked} at {_time(self.at_s)}; ask there again",
        ]

    def _closure(self) -> tuple[set[CID], set[CID]]:
        """Blocks that the entry needs: those in the proof, and those that are not."""
        entry = self.entry.named
        block = self.blocks.get(entry.block)
        if block is None:
            return set(), {entry.block}
        if entry.kind != KIND_STATEMENT:
            return {entry.block}, set()
        try:
            part = ReceivedStatement.from_block(block).verify().part
        except (EncodingError, StatementError) as error:
            raise ProofError(
                f"its statement is none, another fault: {error}"
            ) from error
        closure = Closure(lambda digest: self.blocks.get(CID.of_block_digest(digest)))
        needs = closure.needs(part.digests)
        here = {entry.block, *map(CID.of_block_digest, needs.present)}
        return here, set(map(CID.of_block_digest, needs.missing))


def _time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s"
