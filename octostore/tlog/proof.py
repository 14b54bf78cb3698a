"""`tlog-proof` texts: that an entry is in a log, in one file.

    c2sp.org/tlog-proof@v1
    extra AIJYQN..                                    what the entry is made of
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=      the path, leaf first
    ...
                                                      an empty line
    example.com/fancylog                              a signed checkpoint
    109482
    sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

    — example.com/fancylog hI2DJw..

Source: C2SP tlog-proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from octostore.errors import NoteError
from octostore.tlog.checkpoint import SignedCheckpoint, parse_size
from octostore.tlog.merkle import PROOF_HASHES_MAX, verify_inclusion
from octostore.tlog.note import (
    NOTE_BYTES_MAX,
    VerifierKey,
    from_base64,
    to_base64,
)

__all__ = ["EXTRA_BYTES_MAX", "PROOF_BYTES_MAX", "PROOF_HEAD", "TlogProof"]

#: The first line, which tells such a text from others.
PROOF_HEAD: Final = "c2sp.org/tlog-proof@v1"

#: A kind and a block of ours, which has at most a mebibyte.
EXTRA_BYTES_MAX: Final = (1 << 20) + 1

#: The largest extra in base64, a path, a note, and the words between them.
PROOF_BYTES_MAX: Final = EXTRA_BYTES_MAX * 4 // 3 + NOTE_BYTES_MAX + (1 << 13)

_EXTRA: Final = "extra "
_INDEX: Final = "index "


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A text that is read and not verified yet; `verify` does that.

    `checkpoint` are the bytes of a signed note, as they came. Whatever `extra`
    says is believed only as far as the leaf is made of it.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read a text.

        Raises:
            NoteError: it is no such text, or passes a limit.
        """
        if len(raw) > PROOF_BYTES_MAX:
            raise NoteError(f"a proof of {len(raw)} bytes; at most {PROOF_BYTES_MAX}")
        head, parted, checkpoint = raw.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise NoteError(f"not ASCII at byte {error.start}") from error
        if not parted or lines[0] != PROOF_HEAD:
            raise NoteError(f"no proof of a log; expected {PROOF_HEAD!r}")
        extra = None
        if len(lines) > 1 and lines[1].startswith(_EXTRA):
            extra = from_base64(lines.pop(1).removeprefix(_EXTRA))
        if len(lines) < 2 or not lines[1].startswith(_INDEX):
            raise NoteError("no proof of a log: it has no line of the index")
        if len(lines) - 2 > PROOF_HASHES_MAX:
            raise NoteError(f"a path of {len(lines) - 2}; at most {PROOF_HASHES_MAX}")
        index = parse_size(lines[1].removeprefix(_INDEX))
        return cls(index, tuple(map(from_base64, lines[2:])), checkpoint, extra)

    def verify(
        self, leaf: bytes, log: VerifierKey, witnesses: Sequence[VerifierKey] = ()
    ) -> SignedCheckpoint:
        """The checkpoint, if the log signed it and the leaf with this hash is in it.

        Raises:
            NoteError: the checkpoint is none of this log's.
            ProofError: the path does not lead from the leaf to its root.
        """
        signed = SignedCheckpoint.open(self.checkpoint, log, witnesses)
        tree = signed.checkpoint
        verify_inclusion(leaf, self.index, tree.size, self.path, tree.root)
        return signed

    def __bytes__(self) -> bytes:
        lines = [
            PROOF_HEAD,
            *([] if self.extra is None else [_EXTRA + to_base64(self.extra)]),
            f"{_INDEX}{self.index}",
            *map(to_base64, self.path),
            "",
            "",
        ]
        return "\n".join(lines).encode() + self.checkpoint
