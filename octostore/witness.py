r"""Being a witness: signing that the checkpoints of a log follow each other.

    KEY                    {"did", "secretKeyMultibase", "witness": "example.com/w"}
    KEY.logs/witness       {"vkey", "logs": ["<sha256 of the origin>", ..], "inode", ..}
    KEY.logs/<sha256 of the origin>
                           {"checkpoint": "example.com/log\n7\n..", "inode", ..}

The checkpoint is the newest of that log that was signed, as a note with the
signatures of the log and of this witness. Looking at it, and writing what is signed
now, happen under one lock, and the file is on the disk before the signature leaves:
two requests cannot set a log back. The folder is made with the key and names it and
the logs it signed for. So a folder, or a file in it, that was lost, copied or
restored is seen; then nothing is signed, ever again, with that key.
Source: C2SP tlog-witness, tlog-cosignature; ADR 15.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from octostore.durable import locked_folder, new_folder
from octostore.errors import (
    KeyFileError,
    LogStateError,
    NoteError,
    StoreError,
    WitnessConflictError,
)
from octostore.keyfile import read_key, write_key
from octostore.keys import SecretKey
from octostore.original import Original, read_original, replace_original
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

__all__ = ["LOGS_MAX", "ROLE", "Witness", "signer_of"]

#: The member of a key file that says it is a witness's, and names it.
ROLE: Final = "witness"

#: Logs that one witness signs for; more than a server reads vkeys of.
LOGS_MAX: Final = 1 << 14

_MARKER: Final = "witness"

#: A hash of 64 digits, quotes and indent for each log, and the members beside them.
_MARKER_BYTES_MAX: Final = LOGS_MAX * 80 + 4096

#: A note, its newlines escaped, and two members beside it.
_STATE_BYTES_MAX: Final = 2 * NOTE_BYTES_MAX

_LOST: Final = (
    "it was lost, or the key was renamed, copied or restored from an older copy"
)
_NEW_KEY: Final = (
    "what it signed last is not known, so it signs nothing; make a new key with"
    " `octostore key new FILE --witness NAME`"
)


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
        signer = Signer(name, key, KeyType.COSIGNATURE)
        folder = _folder_of(path)
        if path.exists():
            raise KeyFileError("exists; a key file is never overwritten", at=str(path))
        try:
            # First, for a key without its folder would never sign.
            with new_folder(folder):
                _write_marker(folder, signer, frozenset())
                write_key(path, key, {ROLE: name})
        except FileExistsError as error:
            raise KeyFileError(
                "exists, from another witness; name another file", at=str(folder)
            ) from error
        except OSError as error:
            raise StoreError(
                f"not written: {error.strerror}", at=str(folder)
            ) from error
        return cls(signer, folder)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The witness with this key file, and what it signed beside it.

        Raises:
            KeyFileError: it is none, or cannot be used as it is.
            LogStateError: what it signed is not there, or not the original.
        """
        signer = signer_of(path)
        if path.is_symlink():
            raise KeyFileError(
                "a link; name the key file itself, for what it signed is beside it",
                at=str(path),
            )
        found = cls(signer, _folder_of(path))
        found._logs()
        return found

    def cosign(
        self, log: VerifierKey, request: AddCheckpoint, time_s: int
    ) -> NoteSignature:
        """Sign a checkpoint if it follows what was signed of this log before.

        Checked in the order of tlog-witness: the log's signature, the sizes, what
        was signed last, the proof.

        Raises:
            NoteError: the log with this key did not sign it, or it is smaller than
                the old size.
            WitnessConflictError: the old size is not the one that was signed last.
            ProofError: the proof does not hold, or the tree is another.
            LogStateError: what was signed last is not known.
            StoreError: the disk; nothing was signed that anybody saw.
        """
        signed = SignedCheckpoint.open(request.checkpoint, log)
        new = signed.checkpoint
        if request.old > new.size:
            raise NoteError(
                f"old size {request.old} of a checkpoint of {new.size} entries"
            )
        self._check_marker()  # before a lock makes the folder anew
        with locked_folder(self.folder):
            logs = self._logs()
            before = self._load(logs, log)
            known = before.checkpoint.size if before is not None else 0
            if request.old != known:
                raise WitnessConflictError(known, origin=new.origin)
            old_root = before.checkpoint.root if before is not None else EMPTY_ROOT
            verify_consistency(known, new.size, request.path, old_root, new.root)
            line = self.signer.sign(str(new), time_s=time_s)
            kept = signed.with_signatures([line], [self.signer.verifier])
            self._save(logs, log, kept)
        return line

    def newest(self, log: VerifierKey) -> SignedCheckpoint | None:
        """The newest checkpoint of a log that was signed here; None if none was.

        Raises:
            LogStateError: what was signed last is not known.
        """
        self._check_marker()
        with locked_folder(self.folder):
            return self._load(self._logs(), log)

    def _check_marker(self) -> None:
        """Refuse where there are no notes; whether they hold is seen under the lock."""
        path = self.folder / _MARKER
        if not os.path.lexists(path):
            raise LogStateError(f"is not there: {_LOST}; {_NEW_KEY}", at=str(path))

    def _logs(self) -> frozenset[str]:
        """Names of the files of the logs that were signed; none may be missing."""
        path = self.folder / _MARKER
        if self.folder.is_symlink():
            raise LogStateError(f"a link; {_NEW_KEY}", at=str(self.folder))
        marker = _read(path, _MARKER_BYTES_MAX)
        logs = marker.content.get("logs")
        if marker.content.get("vkey") != str(self.signer.verifier):
            raise LogStateError(f"another witness's; {_NEW_KEY}", at=str(path))
        if not isinstance(logs, list) or not all(isinstance(n, str) for n in logs):
            raise LogStateError(f"names no logs; {_NEW_KEY}", at=str(path))
        return frozenset(logs)

    def _load(self, logs: frozenset[str], log: VerifierKey) -> SignedCheckpoint | None:
        """What was signed last of this log; whoever asks holds the lock."""
        path = self.folder / _name_of(log)
        if path.name not in logs and not path.exists():
            return None
        raw = str(_read(path, _STATE_BYTES_MAX).content.get("checkpoint")).encode()
        try:
            kept = SignedCheckpoint.open(raw, log, [self.signer.verifier])
        except (NoteError, UnicodeEncodeError) as error:
            raise LogStateError(
                f"{error.reason}; it should be what this witness signed last of"
                f" {log.name}; {_NEW_KEY}",
                at=str(path),
            ) from error
        if not kept.cosigned:
            raise LogStateError(f"not signed by this witness; {_NEW_KEY}", at=str(path))
        return kept

    def _save(
        self, logs: frozenset[str], log: VerifierKey, kept: SignedCheckpoint
    ) -> None:
        """Bring it to the disk, and after it that there is such a log."""
        name = _name_of(log)
        if name not in logs and len(logs) >= LOGS_MAX:
            raise StoreError(
                f"signs for {LOGS_MAX} logs, which is the most; make another witness",
                at=str(self.folder),
            )
        try:
            content = {"checkpoint": bytes(kept).decode()}
            replace_original(self.folder / name, content)
            if name not in logs:
                _write_marker(self.folder, self.signer, logs | {name})
        except OSError as error:
            raise StoreError(
                f"not written: {error.strerror}; nothing was signed",
                at=str(self.folder),
            ) from error


def signer_of(path: Path) -> Signer:
    """The key in the key file of a witness, and its name.

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
    return Signer(name, key, KeyType.COSIGNATURE)


def _folder_of(path: Path) -> Path:
    return path.with_name(path.name + ".logs")


def _name_of(log: VerifierKey) -> str:
    return hashlib.sha256(log.name.encode()).hexdigest()


def _write_marker(folder: Path, signer: Signer, logs: frozenset[str]) -> None:
    content = {"vkey": str(signer.verifier), "logs": sorted(logs)}
    replace_original(folder / _MARKER, content)


def _read(path: Path, bytes_max: int) -> Original:
    try:
        found = read_original(path, bytes_max)
    except FileNotFoundError as error:
        raise LogStateError(
            f"is not there: {_LOST}; {_NEW_KEY}", at=str(path)
        ) from error
    except OSError as error:
        raise LogStateError(
            f"not read: {error.strerror}; {_NEW_KEY}", at=str(path)
        ) from error
    except ValueError as error:
        raise LogStateError(
            f"no notes of a witness; {_NEW_KEY}", at=str(path)
        ) from error
    if not found.is_original:
        raise LogStateError(
            f"was copied, or restored from an older copy; {_NEW_KEY}", at=str(path)
        )
    return found
