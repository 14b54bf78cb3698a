"""What a log asks of a witness, and how many witnesses are enough.

    old 20852014                                      the size that it signed last
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=      a proof of consistency
    ...
                                                      an empty line
    example.com/behind-the-sofa                       a signed checkpoint
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8n..

It answers with lines of signatures, or with the size that it did sign last.
Source: C2SP tlog-witness.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from octostore.errors import NoteError
from octostore.tlog.checkpoint import SignedCheckpoint, parse_size
from octostore.tlog.merkle import HASH_BYTES, PROOF_HASHES_MAX
from octostore.tlog.note import (
    NOTE_BYTES_MAX,
    SIGNATURES_MAX,
    KeyType,
    NoteSignature,
    VerifierKey,
    from_base64,
    to_base64,
)

__all__ = [
    "REQUEST_BYTES_MAX",
    "AddCheckpoint",
    "Quorum",
    "parse_cosignatures",
    "parse_known_size",
]

#: A note, a proof of 63 lines, and the old size.
REQUEST_BYTES_MAX: Final = NOTE_BYTES_MAX + (1 << 12)

_OLD: Final = "old "


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The body of `add-checkpoint`; the checkpoint are bytes as they came."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read a body.

        Raises:
            NoteError: it is none, or passes a limit.
        """
        if len(raw) > REQUEST_BYTES_MAX:
            raise NoteError(f"{len(raw)} bytes; at most {REQUEST_BYTES_MAX}")
        head, parted, checkpoint = raw.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise NoteError(f"not ASCII at byte {error.start}") from error
        if not parted or not lines[0].startswith(_OLD):
            raise NoteError("no add-checkpoint; expected `old`, a proof, a checkpoint")
        if len(lines) - 1 > PROOF_HASHES_MAX:
            raise NoteError(f"a proof of {len(lines) - 1}; at most {PROOF_HASHES_MAX}")
        path = tuple(map(from_base64, lines[1:]))
        if any(len(item) != HASH_BYTES for item in path):
            raise NoteError(f"a line of the proof has not {HASH_BYTES} bytes")
        return cls(parse_size(lines[0].removeprefix(_OLD)), path, checkpoint)

    def __bytes__(self) -> bytes:
        lines = [f"{_OLD}{self.old}", *map(to_base64, self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def parse_cosignatures(raw: bytes) -> tuple[NoteSignature, ...]:
    """The lines that a witness answers with; none is verified yet.

    Raises:
        NoteError: they are none, or too many.
    """
    if len(raw) > NOTE_BYTES_MAX:
        raise NoteError(f"an answer of {len(raw)} bytes; at most {NOTE_BYTES_MAX}")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise NoteError(f"not UTF-8 at byte {error.start}") from error
    lines = text.split("\n")
    if lines.pop() != "" or not 0 < len(lines) <= SIGNATURES_MAX:
        raise NoteError("no answer of a witness; expected lines of signatures")
    return tuple(map(NoteSignature.parse, lines))


def parse_known_size(raw: bytes) -> int:
    """The size in the answer of a witness that signed another one last.

    Raises:
        NoteError: it is none.
    """
    try:
        text = raw[:32].decode("ascii")
    except UnicodeDecodeError as error:
        raise NoteError("no size in the answer of the witness") from error
    return parse_size(text.removesuffix("\n"))


@dataclass(frozen=True, slots=True)
class Quorum:
    """Which witnesses a reader knows, and how many of them must have signed.

    Raises:
        NoteError: more are asked for than there are, a key stands twice, or one
            is not that of a witness.
    """

    witnesses: tuple[VerifierKey, ...]
    least: int

    def __post_init__(self) -> None:
        keys = {item.key for item in self.witnesses}
        if len(keys) != len(self.witnesses):
            raise NoteError("one key for two witnesses; each counts once")
        if any(item.type != KeyType.COSIGNATURE for item in self.witnesses):
            raise NoteError("a witness with a key of another type than 04")
        if not 0 <= self.least <= len(self.witnesses):
            raise NoteError(f"{self.least} of {len(self.witnesses)} witnesses")

    def check(self, signed: SignedCheckpoint) -> None:
        """Return if enough of them signed.

        Raises:
            NoteError: too few did.
        """
        held = self._held(signed)
        if len(held) < self.least:
            names = sorted(item.name for item in set(self.witnesses) - held)
            missing = ", ".join(names)
            raise NoteError(f"signed by {len(held)} of {self.least}; not by {missing}")

    def _held(self, signed: SignedCheckpoint) -> set[VerifierKey]:
        by: Iterable[VerifierKey] = (item.by for item in signed.cosigned)
        return set(by) & set(self.witnesses)
