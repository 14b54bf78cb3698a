"""Being a witness: signing that the checkpoints of a log follow each other.

    KEY                    {"did", "secretKeyMultibase", "witness": "example.com/w"}
    KEY.logs/<sha256 of the origin>
                           the newest checkpoint of that log that was signed, as a
                           note with the signatures of the log and of this witness

Looking at what was signed before, and writing what is signed now, happen under one
lock, and the file is on the disk before the signature leaves: two requests cannot
set a log back. Source: C2SP tlog-witness, tlog-cosignature; ADR 15.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from octostore.durable import locked_folder, replace_file
from octostore.errors import (
    KeyFileError,
    LogStateError,
    NoteError,
    StoreError,
    WitnessConflictError,
)
from octostore.keyfile import read_key, write_key
from octostore.keys import SecretKey
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import EMPTY_ROOT, verify_consistency
from octostore.tlog.note import (
    NOTE_BYTES_MAX,
    KeyType,
    NoteSignature,
    Signer,
    VerifierKey,
    check_name,
)
from octostore.tlog.witness import AddCheckpoint

__all__ = ["ROLE", "Witness", "cosign"]

#: The member of a key file that says it is a witness's, and names it.
ROLE = "witness"


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness by its key file; make it with `create` or `open`."""

    signer: Signer
    folder: Path

    @classmethod
    def create(cls, path: Path, name: str, randomness: Callable[[int], bytes]) -> Self:
        """Write the key file of a new witness.

        Raises:
            KeyFileError: the file exists.
            NoteError: no name of a key.
            StoreError: the disk.
        """
        check_name(name)
        key = SecretKey.generate(randomness)
        write_key(path, key, {ROLE: name})
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The witness with this key file.

        Raises:
            KeyFileError: it is none, or cannot be used as it is.
        """
        key, more = read_key(path)
        name = more.get(ROLE)
        if not isinstance(name, str) or len(more) > 1:
            raise KeyFileError(
                "not the key of a witness; `octostore key new FILE --witness NAME`"
                " makes one",
                at=str(path),
            )
        check_name(name)
        signer = Signer(name, key, KeyType.COSIGNATURE)
        return cls(signer, path.with_name(path.name + ".logs"))

    def cosign(
        self, log: VerifierKey, request: AddCheckpoint, time_s: int
    ) -> NoteSignature:
        """Sign a checkpoint that follows what was signed before; see `cosign`."""
        return cosign(self.folder, self.signer, log, request, time_s)

    def newest(self, log: VerifierKey) -> SignedCheckpoint | None:
        """The newest checkpoint of a log that was signed here; None if none was."""
        with locked_folder(self.folder):
            return _load(self.folder, self.signer, log)


def cosign(
    folder: Path, signer: Signer, log: VerifierKey, request: AddCheckpoint, time_s: int
) -> NoteSignature:
    """Sign a checkpoint if it follows what was signed of this log before.

    Checked in the order of tlog-witness: the log's signature, the sizes, what was
    signed last, the proof. `folder` keeps that, and is made if it is not there.

    Raises:
        NoteError: the log with this key did not sign it, or it is smaller than the
            old size.
        WitnessConflictError: the old size is not the one that was signed last.
        ProofError: the proof does not hold, or the tree is another.
        LogStateError: what was signed last cannot be read.
        StoreError: the disk; nothing was signed that anybody saw.
    """
    signed = SignedCheckpoint.open(request.checkpoint, log)
    new = signed.checkpoint
    if request.old > new.size:
        raise NoteError(f"old size {request.old} of a checkpoint of {new.size} entries")
    with locked_folder(folder):
        before = _load(folder, signer, log)
        known = before.checkpoint.size if before is not None else 0
        if request.old != known:
            raise WitnessConflictError(known, origin=new.origin)
        old_root = before.checkpoint.root if before is not None else EMPTY_ROOT
        verify_consistency(known, new.size, request.path, old_root, new.root)
        line = signer.sign(str(new), time_s=time_s)
        kept = signed.with_signatures([line], [signer.verifier])
        try:
            replace_file(_path(folder, log), lambda _status: bytes(kept))
        except OSError as error:
            raise StoreError(
                f"not written: {error.strerror}; nothing was signed", at=str(folder)
            ) from error
    return line


def _path(folder: Path, log: VerifierKey) -> Path:
    return folder / hashlib.sha256(log.name.encode()).hexdigest()


def _load(folder: Path, signer: Signer, log: VerifierKey) -> SignedCheckpoint | None:
    path = _path(folder, log)
    try:
        with path.open("rb") as file:
            raw = file.read(NOTE_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LogStateError(f"not read: {error.strerror}", at=str(path)) from error
    try:
        kept = SignedCheckpoint.open(raw, log, [signer.verifier])
    except NoteError as error:
        raise LogStateError(
            f"{error.reason}; it should be what this witness signed last of {log.name}",
            at=str(path),
        ) from error
    if not kept.cosigned:
        raise LogStateError("not signed by this witness", at=str(path))
    return kept
