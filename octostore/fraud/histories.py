"""Two histories: a log has signed two trees of which neither is how the other began.

    {"octostore/two-histories@1": {
        log: vkey, old: note, new: note,
        root: h'..',                    of the first entries of the new tree
        path: [h'..']}}                 that leads from there to the root of the new

`path` is a proof of consistency (RFC 6962) from `root` to the new tree. There is just
one root from which one leads there; that it is another than the old tree's is the
fraud. Of two trees of one size it is the new tree's own, and the path is empty.
Source: docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from octostore.car import Block, Damaged
from octostore.errors import ProofError
from octostore.fraud.parts import (
    Fields,
    blocks_of,
    car_of,
    hashes_of,
    key_of,
    note_of,
    of_type,
    tree_words,
)
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import verify_consistency
from octostore.tlog.note import VerifierKey, to_base64

__all__ = ["TAG", "TwoHistories"]

TAG: Final = "octostore/two-histories@1"
_FIELDS: Final = {"log", "old", "new", "root", "path"}


@dataclass(frozen=True, slots=True)
class TwoHistories:
    """Two checkpoints that one key signed, and what sets them apart.

    Raises:
        ProofError: they are of two logs, or nothing sets them apart.
    """

    kind: ClassVar[str] = "two-histories"

    old: SignedCheckpoint
    new: SignedCheckpoint
    root: bytes
    path: tuple[bytes, ...]

    def __post_init__(self) -> None:
        old, new = self.old.checkpoint, self.new.checkpoint
        if self.old.log != self.new.log:
            raise ProofError(f"two logs, {old.origin} and {new.origin}")
        verify_consistency(old.size, new.size, self.path, self.root, new.root)
        if self.root == old.root:
            raise ProofError("the old tree is how the new one began: one history")

    @classmethod
    def read(cls, fields: Fields, rest: Iterator[Block | Damaged]) -> Self:
        """Read and verify what `car` wrote.

        Raises:
            NoteError: a checkpoint is not signed by the log.
            ProofError: it shows nothing, or has another shape.
        """
        if fields.keys() != _FIELDS:
            raise ProofError(f"expected a map of {', '.join(sorted(_FIELDS))}")
        blocks_of(rest, 0, 0)
        log = key_of(fields)
        old, new = note_of(fields, "old", log), note_of(fields, "new", log)
        return cls(old, new, of_type(fields, "root", bytes), hashes_of(fields, "path"))

    @property
    def log(self) -> VerifierKey:
        """See `Proof.log`."""
        return self.old.log

    def car(self) -> Iterator[bytes]:
        """See `Proof.car`."""
        fields: Fields = {
            "log": str(self.log),
            "old": bytes(self.old),
            "new": bytes(self.new),
            "root": self.root,
            "path": list(self.path),
        }
        return car_of(TAG, fields, ())

    def to_json(self) -> dict[str, object]:
        """See `Proof.to_json`."""
        return {
            "origin": self.log.name,
            "checkpoints": [
                {"size": tree.size, "root": to_base64(tree.root)}
                for tree in (self.old.checkpoint, self.new.checkpoint)
            ],
        }

    def words(self) -> list[str]:
        """See `Proof.words`."""
        same = self.old.checkpoint.size == self.new.checkpoint.size
        size = self.old.checkpoint.size
        return [
            "two histories: one log signed two trees that contradict each other",
            f"  log         {self.log.name}",
            f"  signed      {tree_words(self.old)}",
            f"  signed      {tree_words(self.new)}",
            "  apart       two roots for one size"
            if same
            else f"  apart       the first {size} of these have the root"
            f" {to_base64(self.root)}",
            "  both signatures hold",
        ]
