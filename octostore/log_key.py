r"""The key of a store's log, and what it has signed.

    STORE/log.key        {"did", "secretKeyMultibase", "log": "example.com/log"}
    STORE/log.key.state  {"vkey", "checkpoint": "example.com/log\n7\n..", "inode", ..}

The state is the newest checkpoint that was signed. It is replaced, and on the disk,
before that checkpoint leaves, so that no two trees are ever signed that contradict
each other: a store that was restored has fewer entries than the state says, or
others, and is refused. A state that was itself lost, copied or restored says
nothing; then nothing is signed until somebody brings the newest checkpoint back
(`resume`). Source: C2SP tlog-checkpoint; FORMATS 7; ADR 15.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from invocation_spec.errors import OctostoreError
from octostore.durable import locked_folder
from octostore.errors import KeyFileError, LogStateError, NotFoundError, StoreError
from octostore.keyfile import read_key, write_key
from octostore.keys import SecretKey
from octostore.original import read_original, replace_original
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import EMPTY_ROOT, range_root
from octostore.tlog.note import (
    NOTE_BYTES_MAX,
    NoteSignature,
    Signer,
    VerifierKey,
    check_name,
)

__all__ = ["ROLE", "LogKey", "default_origin"]

#: The member of a key file that says it is a log's, and names the log.
ROLE: Final = "log"

_NAME: Final = "log.key"

#: A note, its newlines escaped, and a few members beside it.
_STATE_BYTES_MAX: Final = 2 * NOTE_BYTES_MAX

_RESUME: Final = (
    "bring the newest checkpoint that this log ever published (from a mirror or a"
    " witness): octostore log resume FILE"
)
_NEW_LOG: Final = (
    "if those entries are lost, this log can never go on: move log.key and"
    " log.key.state away and begin another with `octostore log init --origin NAME`"
)


def default_origin(key: SecretKey) -> str:
    """A name for a log that got none: `octostore.alt/` and half a hash of its key.

    `.alt` is set aside for names that are no addresses (RFC 9476).
    """
    return f"octostore.alt/{hashlib.sha256(key.public.raw).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class LogKey:
    """The key of the log in one store; make it with `create` or `open`."""

    folder: Path
    signer: Signer

    @classmethod
    def create(
        cls, folder: Path, randomness: Callable[[int], bytes], origin: str | None = None
    ) -> Self:
        """Make a key for the log of the store in this folder.

        Raises:
            KeyFileError: it has one.
            NoteError: `origin` is no name of a log.
            StoreError: the disk.
        """
        key = SecretKey.generate(randomness)
        name = default_origin(key) if origin is None else origin
        check_name(name)
        # The lock is on the folder, for both files in it come and go.
        with locked_folder(folder):
            if (folder / _NAME).exists():
                raise KeyFileError(
                    "exists; a log keeps its key and origin", at=str(folder / _NAME)
                )
            made = cls(folder, Signer(name, key))
            empty = LogCheckpoint(name, 0, EMPTY_ROOT)
            # First, for a key without a state would never sign.
            made._save(SignedCheckpoint.sign(empty, made.signer))
            write_key(folder / _NAME, key, {ROLE: name})
        return made

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The key of the log of the store in this folder.

        Raises:
            NotFoundError: it has none yet.
            KeyFileError: it cannot be used as it is.
        """
        path = folder / _NAME
        if not path.exists():
            raise NotFoundError(
                "this log has no key; `octostore log init` makes one", at=str(path)
            )
        key, more = read_key(path)
        origin = more.get(ROLE)
        if not isinstance(origin, str):
            raise KeyFileError("not the key of a log", at=str(path))
        check_name(origin)
        return cls(folder, Signer(origin, key))

    @classmethod
    def open_or_create(cls, folder: Path, randomness: Callable[[int], bytes]) -> Self:
        """The same, making the key when it is first needed."""
        try:
            return cls.open(folder)
        except NotFoundError:
            pass
        try:
            return cls.create(folder, randomness)
        except KeyFileError:  # another process was first
            return cls.open(folder)

    @property
    def verifier(self) -> VerifierKey:
        """What others verify with."""
        return self.signer.verifier

    def checkpoint(self, store: Octostore) -> SignedCheckpoint:
        """The checkpoint of the log as it is now, signed once for each size.

        Raises:
            LogStateError: this key has signed a tree that is not how this log
                began; or what it signed is not known.
            StoreError: the disk; nothing was signed that anybody saw.
        """
        with locked_folder(self.folder):
            signed = self._load()
            # Looked at under the lock: what another process signed is in it.
            with store.view() as view:
                now = view.checkpoint()
                self._check_follows(signed.checkpoint, now.size, view.node)
            if now.size == signed.checkpoint.size:
                return signed
            text = LogCheckpoint(self.signer.name, now.size, now.root)
            signed = SignedCheckpoint.sign(text, self.signer)
            self._save(signed)
            return signed

    def newest(self) -> SignedCheckpoint:
        """The newest checkpoint that was signed, whatever the log is now.

        Raises:
            LogStateError: what was signed is not known.
        """
        with locked_folder(self.folder):
            return self._load()

    def add_cosignatures(
        self,
        size: int,
        lines: Sequence[NoteSignature],
        witnesses: Sequence[VerifierKey],
    ) -> SignedCheckpoint:
        """Keep what these witnesses signed of the newest checkpoint, and return it.

        If the log has signed another size since, nothing is kept.

        Raises:
            NoteError: a signature of one of the witnesses does not hold.
            LogStateError: what was signed is not known.
        """
        with locked_folder(self.folder):
            signed = self._load()
            if signed.checkpoint.size == size:
                signed = signed.with_signatures(lines, witnesses)
                self._save(signed)
            return signed

    def resume(self, raw: bytes) -> SignedCheckpoint:
        """Take a checkpoint of this log for the newest, unless a newer one is known.

        Raises:
            NoteError: this log did not sign it.
            LogStateError: it contradicts the one that is known, at the same size.
        """
        signed = SignedCheckpoint.open(raw, self.verifier)
        with locked_folder(self.folder):
            try:
                known = self._load(or_restored=True)
            except LogStateError:
                known = signed
            here, told = known.checkpoint, signed.checkpoint
            if here.size == told.size and here.root != told.root:
                raise LogStateError(
                    f"this log has signed another tree of {here.size} entries than"
                    " this checkpoint says: two stores have used one key, and the two"
                    f" prove it; nothing was changed. {_NEW_LOG}",
                    at=str(self._state_path),
                )
            if here.size >= told.size:
                signed = known
            self._save(signed)
        return signed

    def _check_follows(
        self, before: LogCheckpoint, size: int, node: Callable[[int, int], bytes]
    ) -> None:
        """Return if the log of `size` entries began as the signed one."""
        if before.size > size:
            raise LogStateError(
                f"this log has signed {before.size} entries, and the store has {size}:"
                " it was restored from an older copy. Ingest again what came after,"
                f" in the same order; {_NEW_LOG}",
                at=str(self.folder),
            )
        if range_root(node, 0, before.size) != before.root:
            raise LogStateError(
                f"this log has signed another tree of {before.size} entries than the"
                f" store has: it was restored, and grew differently; {_NEW_LOG}",
                at=str(self.folder),
            )

    @property
    def _state_path(self) -> Path:
        return self.folder / f"{_NAME}.state"

    def _load(self, *, or_restored: bool = False) -> SignedCheckpoint:
        """The newest checkpoint that was signed; whoever asks holds the lock."""
        path = self._state_path
        try:
            state = read_original(path, _STATE_BYTES_MAX)
            raw = str(state.content["checkpoint"]).encode()
            signed = SignedCheckpoint.open(raw, self.verifier)
        except FileNotFoundError as error:
            raise LogStateError(f"is not there; {_RESUME}", at=str(path)) from error
        except OSError as error:
            raise LogStateError(
                f"not read: {error.strerror}; {_RESUME}", at=str(path)
            ) from error
        except (ValueError, KeyError, OctostoreError) as error:
            raise LogStateError(
                f"no checkpoint that this key signed; {_RESUME}", at=str(path)
            ) from error
        if not state.is_original and not or_restored:
            raise LogStateError(
                f"was copied or restored, and may not be the newest; {_RESUME}",
                at=str(path),
            )
        return signed

    def _save(self, signed: SignedCheckpoint) -> None:
        state = {"vkey": str(self.verifier), "checkpoint": bytes(signed).decode()}
        try:
            replace_original(self._state_path, state)
        except OSError as error:
            raise StoreError(
                f"not written: {error.strerror}; nothing was signed",
                at=str(self._state_path),
            ) from error
