"""Checkpoints: what a log says of itself, as a signed note.

    example.com/behind-the-sofa                       origin: which log
    20852163                                          how many entries
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=      the root over them

The key of a log has the origin for its name. Source: C2SP tlog-checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from octostore.errors import NoteError
from octostore.tlog.merkle import HASH_BYTES, SIZE_MAX
from octostore.tlog.note import (
    KeyType,
    Note,
    NoteSignature,
    Signer,
    Verified,
    VerifierKey,
    from_base64,
    to_base64,
    verify_note,
)

__all__ = ["LogCheckpoint", "SignedCheckpoint", "parse_size"]

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def parse_size(text: str) -> int:
    """A size or index in decimal, without leading zeros.

    Raises:
        NoteError: another spelling, or more than a tree can have.
    """
    if not _DECIMAL.fullmatch(text) or int(text) > SIZE_MAX:
        raise NoteError(f"{text[:80]!r}; expected a decimal number up to {SIZE_MAX}")
    return int(text)


@dataclass(frozen=True, slots=True)
class LogCheckpoint:
    """Which log, how many entries, their root; `extensions` are lines for others.

    Raises:
        NoteError: what cannot be written as a checkpoint.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or any(c < " " for c in line):
                raise NoteError(f"{line[:80]!r} is no line of a checkpoint")
        if not 0 <= self.size <= SIZE_MAX:
            raise NoteError(f"a log of {self.size} entries")
        if len(self.root) != HASH_BYTES:
            raise NoteError(f"a root of {len(self.root)} bytes; expected {HASH_BYTES}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of the note.

        Raises:
            NoteError: it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "":
            raise NoteError("no checkpoint; expected lines of origin, size and root")
        origin, size, root, *extensions = lines
        return cls(origin, parse_size(size), from_base64(root), tuple(extensions))

    def __str__(self) -> str:
        lines = (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose log signed it; make it with `open` or `sign`.

    `cosigned` are the witnesses, of those asked for, whose signatures hold.
    """

    checkpoint: LogCheckpoint
    note: Note
    log: VerifierKey
    cosigned: tuple[Verified, ...] = ()

    @classmethod
    def open(
        cls, raw: bytes, log: VerifierKey, witnesses: Sequence[VerifierKey] = ()
    ) -> Self:
        """Read a checkpoint that the log with this key has signed.

        Raises:
            NoteError: it is none, of another log, or a signature does not hold.
        """
        if log.type != KeyType.ED25519:
            raise NoteError(f"{log} is the key of a witness, not that of a log")
        note = Note.from_bytes(raw)
        checkpoint = LogCheckpoint.parse(note.text)
        if checkpoint.origin != log.name:
            raise NoteError(
                f"a checkpoint of {checkpoint.origin[:80]!r}; the key is that of"
                f" {log.name}"
            )
        held = verify_note(note, [log, *witnesses])
        if all(item.by != log for item in held):
            raise NoteError(f"not signed by {log.name} with key {log.id.hex()}")
        return cls(checkpoint, note, log, tuple(v for v in held if v.by != log))

    @classmethod
    def sign(cls, checkpoint: LogCheckpoint, signer: Signer) -> Self:
        """Sign a checkpoint as its log. What may be signed, the caller knows."""
        signature = signer.sign(str(checkpoint))
        return cls(checkpoint, Note(str(checkpoint), (signature,)), signer.verifier)

    def with_signatures(
        self, lines: Sequence[NoteSignature], witnesses: Sequence[VerifierKey]
    ) -> SignedCheckpoint:
        """The same checkpoint, with those of the lines that these witnesses made.

        One for each witness is kept, the newest that came.

        Raises:
            NoteError: a signature of one of the witnesses does not hold.
        """
        verify_note(Note(self.note.text, tuple(lines)), witnesses)
        asked = {(key.name, key.id) for key in witnesses}
        kept = {(item.name, item.key_id): item for item in self.note.signatures}
        for item in lines:
            if (item.name, item.key_id) in asked:
                kept[item.name, item.key_id] = item
        note = Note(self.note.text, tuple(kept.values()))
        return SignedCheckpoint.open(bytes(note), self.log, witnesses)

    def __bytes__(self) -> bytes:
        return bytes(self.note)
