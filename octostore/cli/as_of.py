"""`--as-of SIZE|CHECKPOINT`: a question to the log as it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from octostore.cli.rim import UsageError
from octostore.errors import NoteError, ProofError
from octostore.log import INDEX_MAX, Checkpoint
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.note import NOTE_BYTES_MAX, Note, VerifierKey

__all__ = ["AsOf", "AsOfText", "read_as_of"]

AsOfText: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="SIZE|FILE",
        help="As of so many log entries, or of the checkpoint in a file.",
    ),
]

_DIGITS_MAX: Final = len(str(INDEX_MAX))


@dataclass(frozen=True, slots=True)
class AsOf:
    """So many entries; of a checkpoint also their root, and the signed note."""

    size: int
    root: bytes | None = None
    note: bytes = b""

    def check(self, checkpoint: Checkpoint) -> None:
        """Compare with what was answered.

        Raises:
            ProofError: that log had another root at this size.
        """
        if self.root not in (None, checkpoint.root):
            raise ProofError(
                f"the log that answers had another root at size {self.size} than the"
                " checkpoint says; it is another log, or was rewritten"
            )

    def unverified(self, own: VerifierKey | None) -> tuple[str, ...]:
        """Verify the checkpoint with the key of one's own log, or say that none did.

        Raises:
            NoteError: it is of that log by name, and the signature does not hold.
        """
        if self.root is None:
            return ()
        origin = LogCheckpoint.parse(Note.from_bytes(self.note).text).origin
        if own is None or own.name != origin:
            return (
                f"not verified: that {origin} signed the checkpoint of --as-of; its"
                " root is that of the log that answers",
            )
        SignedCheckpoint.open(self.note, own)
        return ()


def read_as_of(text: str | None) -> AsOf | None:
    """What the option says; `AsOf.unverified` looks at the signature.

    Raises:
        UsageError: neither a size nor a file with a checkpoint.
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX:
        return AsOf(int(text))
    try:
        with Path(text).open("rb") as file:
            raw = file.read(NOTE_BYTES_MAX + 1)
        checkpoint = LogCheckpoint.parse(Note.from_bytes(raw).text)
    except FileNotFoundError as error:
        raise UsageError("no size, and no file of that name", at=text) from error
    except NoteError as error:
        raise UsageError(f"no checkpoint: {error}", at=text) from error
    return AsOf(checkpoint.size, checkpoint.root, raw)
