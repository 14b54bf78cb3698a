"""A bad entry: a log has committed to what cannot be an entry of any log.

    {"octostore/bad-entry@1": {
        log: vkey, checkpoint: note,
        entry: {index, entry: h'..', path: [h'..']},
        earlier: null | {index, entry, path}}}      that it must not stand after
    then the blocks that the entries name

What is wrong is not said but seen: the entry has another shape; its block is no
statement, or its signature fails; it is no map head, or covers what comes after it;
or the earlier entry is the same statement, or a head that goes further.
Source: docs/spec/log.md, docs/spec/map.md, docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.errors import CidError, EncodingError, OctostoreError
from octostore.car import Block, Damaged
from octostore.counted import entries
from octostore.errors import ProofError, StatementError
from octostore.fraud.parts import (
    Fields,
    LoggedEntry,
    blocks_of,
    car_of,
    check_no_more,
    key_of,
    note_of,
    tree_words,
)
from octostore.log import KIND_MAP_HEAD, KIND_STATEMENT, Entry
from octostore.map.head import MapHead
from octostore.statement import ReceivedStatement, Statement
from octostore.tlog.note import VerifierKey

__all__ = ["TAG", "BadEntry"]

TAG: Final = "octostore/bad-entry@1"
_FIELDS: Final = {"log", "checkpoint", "entry", "earlier"}


@dataclass(frozen=True, slots=True)
class BadEntry:
    """An entry in a signed tree that must not be there; `what` says why.

    Raises:
        ProofError: nothing is wrong with it, as far as the blocks show.
    """

    kind: ClassVar[str] = "bad-entry"

    entry: LoggedEntry
    earlier: LoggedEntry | None
    blocks: Mapping[CID, bytes]

    def __post_init__(self) -> None:
        if self.what is None:
            raise ProofError(f"nothing is wrong with entry {self.entry.index}")
        named = {raw.entry[1:] for raw in (self.entry, self.earlier) if raw is not None}
        check_no_more(self.blocks, named)

    @classmethod
    def read(cls, fields: Fields, rest: Iterator[Block | Damaged]) -> Self:
        """Read and verify what `car` wrote.

        Raises:
            NoteError: the checkpoint is not signed by the log.
            ProofError: it shows nothing, or has another shape.
        """
        if fields.keys() != _FIELDS:
            raise ProofError(f"expected a map of {', '.join(sorted(_FIELDS))}")
        blocks = blocks_of(rest, 2, 2 * BLOCK_BYTES_MAX)
        signed = note_of(fields, "checkpoint", key_of(fields))
        entry = LoggedEntry.from_ipld(fields["entry"], signed, "/entry")
        earlier = None
        if fields["earlier"] is not None:
            earlier = LoggedEntry.from_ipld(fields["earlier"], signed, "/earlier")
        return cls(entry, earlier, blocks)

    @property
    def log(self) -> VerifierKey:
        """See `Proof.log`."""
        return self.entry.signed.log

    @property
    def what(self) -> str | None:
        """What is wrong, in words; None if nothing is."""
        try:
            entry = Entry.from_bytes(self.entry.entry)
        except (CidError, StatementError) as error:
            return str(error)
        block = self._block(entry)
        found: Statement | MapHead
        try:
            if entry.kind == KIND_STATEMENT:
                found = ReceivedStatement.from_block(block).verify()
            else:
                found = MapHead.from_block(block)
        except OctostoreError as error:
            return f"{entry.block}: {error}"
        # Past here an error is one of the proof, and nothing against the log.
        if isinstance(found, Statement):
            return self._statement(found)
        return self._head(found)

    def car(self) -> Iterator[bytes]:
        """See `Proof.car`."""
        earlier = None if self.earlier is None else self.earlier.to_ipld()
        fields: Fields = {
            "log": str(self.log),
            "checkpoint": bytes(self.entry.signed),
            "entry": self.entry.to_ipld(),
            "earlier": earlier,
        }
        return car_of(TAG, fields, self.blocks.items())

    def to_json(self) -> dict[str, object]:
        """See `Proof.to_json`."""
        more = {} if self.earlier is None else {"earlier": self.earlier.index}
        return {
            "origin": self.log.name,
            "index": self.entry.index,
            **more,
            "what": self.what,
        }

    def words(self) -> list[str]:
        """See `Proof.words`."""
        return [
            "bad entry: a log committed to an entry that no log may have",
            f"  log         {self.log.name}",
            f"  signed      {tree_words(self.entry.signed)}",
            f"  entry       {self.entry.index}: {self.entry.entry.hex()[:74]}",
            f"  wrong       {self.what}",
            "  the signature of the log holds, and the entry is in that tree",
        ]

    def _block(self, entry: Entry) -> bytes:
        block = self.blocks.get(entry.block)
        if block is None:
            raise ProofError("the block of the entry is not in the proof")
        return block

    def _statement(self, statement: Statement) -> str | None:
        before = self._before(KIND_STATEMENT)
        if before is None:
            return None
        index, block = before
        try:
            earlier = ReceivedStatement.from_block(block).verify()
        except (EncodingError, StatementError) as error:
            raise ProofError(f"the earlier entry is another fault: {error}") from error
        if earlier.cid != statement.cid:
            return None
        return f"{statement.cid} is entry {index} already"

    def _head(self, head: MapHead) -> str | None:
        if head.size > self.entry.index:
            return f"a map head over {entries(head.size)} stands at {self.entry.index}"
        before = self._before(KIND_MAP_HEAD)
        if before is None:
            return None
        index, block = before
        other = MapHead.from_block(block)
        if head.size < other.size or head.time_s < other.time_s:
            return (
                f"a map head of size {head.size} and time {head.time_s}, after entry"
                f" {index} with size {other.size} and time {other.time_s}"
            )
        return None

    def _before(self, kind: int) -> tuple[int, bytes] | None:
        """Place and block of the earlier entry, which has to be of this kind."""
        if self.earlier is None:
            return None
        entry = self.earlier.named
        if self.earlier.index >= self.entry.index or entry.kind != kind:
            raise ProofError("the earlier entry is not earlier, or of another kind")
        return self.earlier.index, self._block(entry)
