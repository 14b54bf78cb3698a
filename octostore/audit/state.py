"""What an auditor keeps of each log, so that the next run reads only what is new.

    STATE/sources/<hash of a URL or path>   the key of the log that was seen there
    STATE/<hash of the key>/state.json      {"vkey", "checkpoint": note, "examined": n,
                                             "cosigned": {vkey of a witness: size}}
    STATE/<hash of the key>/store/          its statements, verified, in its order
    STATE/<hash of the key>/proofs/         proofs of what did not hold

The checkpoint is the newest that was signed and followed those before it. It is on
the disk before anything is built on it. How far entries are verified is the size of
the store, whose every commit is whole: a run that is killed is gone on with.
Whoever holds the store open for writing is the one audit of that log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from invocation_spec.errors import OctostoreError
from octostore.durable import make_folders, replace_file
from octostore.errors import NoteError, StoreCorruptError, StoreError
from octostore.log import INDEX_MAX
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.note import NOTE_BYTES_MAX, VerifierKey

__all__ = ["LogState", "key_seen_at", "own_folder", "remember_key", "store_folder"]

_MODE: Final = 0o700
#: A note in JSON, where two bytes may become six, and what some witnesses signed.
_STATE_BYTES_MAX: Final = 4 * NOTE_BYTES_MAX


def key_seen_at(folder: Path, source: str) -> VerifierKey | None:
    """The key of the log that was seen at this URL or path, or None.

    Raises:
        StoreCorruptError: the file is not what an audit wrote.
    """
    path = _source_path(folder, source)
    try:
        value = json.loads(path.read_bytes())
        return VerifierKey.parse(value["vkey"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"not read: {error.strerror}", at=str(path)) from error
    except (ValueError, KeyError, TypeError, RecursionError, OctostoreError) as error:
        raise _odd(path) from error


def remember_key(folder: Path, source: str, key: VerifierKey) -> None:
    """Keep the key of the log at this URL or path.

    Raises:
        StoreError: the disk.
    """
    value = {"source": source, "vkey": str(key)}
    _write(_source_path(folder, source), json.dumps(value, indent=2).encode())


@dataclass(frozen=True, slots=True)
class LogState:
    """What is kept of one log; make it with `open`."""

    folder: Path
    log: VerifierKey
    seen: SignedCheckpoint | None
    examined: int = 0
    cosigned: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, log: VerifierKey) -> Self:
        """What is kept of the log with this key, nothing at first.

        Read it with the store of the log open for writing: else another audit may
        change it, and what was seen would be forgotten.

        Raises:
            StoreCorruptError: the file is not what an audit wrote.
            StoreError: the disk.
        """
        own = own_folder(folder, log)
        path = own / "state.json"
        try:
            with path.open("rb") as file:
                text = file.read(_STATE_BYTES_MAX + 1)
        except FileNotFoundError:
            return cls(own, log, None)
        except OSError as error:
            raise StoreError(f"not read: {error.strerror}", at=str(path)) from error
        try:
            value = json.loads(text)
            seen = SignedCheckpoint.open(value["checkpoint"].encode(), log)
            cosigned = {key: _count(n) for key, n in value["cosigned"].items()}
            return cls(own, log, seen, _count(value["examined"]), cosigned)
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            NoteError,
        ) as error:
            raise _odd(path) from error

    def saved(self) -> Self:
        """The same, on the disk; nothing may be built on it before.

        Raises:
            StoreError: the disk.
        """
        seen = None if self.seen is None else bytes(self.seen).decode()
        value = {
            "vkey": str(self.log),
            "checkpoint": seen,
            "examined": self.examined,
            "cosigned": dict(self.cosigned),
        }
        path = self.folder / "state.json"
        _write(path, json.dumps(value, indent=2).encode())
        return self

    @property
    def store(self) -> Path:
        """The store of what was verified."""
        return store_folder(self.folder)

    def save_proof(self, name: str, content: Iterator[bytes]) -> Path:
        """Keep a proof; one of this name is replaced by the newer.

        Raises:
            StoreError: the disk.
        """
        path = self.folder / "proofs" / name
        _write(path, content)
        return path


def own_folder(folder: Path, log: VerifierKey) -> Path:
    """The folder of the log with this key, made if it is not there.

    Raises:
        StoreError: the disk.
    """
    own = folder / hashlib.sha256(str(log).encode()).hexdigest()[:32]
    try:
        make_folders(own, _MODE)
    except OSError as error:
        raise StoreError(f"not made: {error.strerror}", at=str(own)) from error
    return own


def store_folder(own: Path) -> Path:
    """Where in the folder of a log its store is."""
    return own / "store"


def _count(value: object) -> int:
    """A number of entries.

    Raises:
        ValueError: it is none.
    """
    if type(value) is not int or not 0 <= value <= INDEX_MAX:
        raise ValueError(f"{value!r} is no number of entries")
    return value


def _source_path(folder: Path, source: str) -> Path:
    return folder / "sources" / hashlib.sha256(source.encode()).hexdigest()[:32]


def _write(path: Path, content: bytes | Iterator[bytes]) -> None:
    try:
        make_folders(path.parent, _MODE)
        replace_file(path, lambda _status: content)
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(path)) from error


def _odd(path: Path) -> StoreCorruptError:
    return StoreCorruptError(
        "is not what an audit wrote; restore it, or move the folder away to begin anew"
        " (the log is then trusted on first use again)",
        at=str(path),
    )
