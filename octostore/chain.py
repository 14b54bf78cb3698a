"""The chain that a key signs, and the file that remembers its next place.

    FILE.state  {"did": "did:key:z6Mk..", "chain": "<32 hex digits>", "seq": 7,
                 "prev": "bafyrei..", "inode": 1835, "written_ns": 16691..}

It is replaced, and on the disk, before a signature leaves, so that no two
statements share a place. A state that is missing, damaged or restored starts a
new chain: going on from an old place would be equivocation, which others can
prove, while a new chain harms nobody. A state that changes while it is held is
somebody else's signature, so nothing more is signed. Source: FORMATS 7;
docs/spec/statement.md.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from invocation_spec.cid import CID
from invocation_spec.errors import CidError
from octostore.durable import replace_file
from octostore.errors import KeyFileError, StoreError
from octostore.keys import PublicKey, SecretKey
from octostore.statement import (
    CHAIN_BYTES,
    INTEGER_MAX,
    SignedPart,
    Statement,
    sign,
)

__all__ = ["RESTORED_AFTER_S", "STATE_BYTES_MAX", "Fresh", "SigningChain"]

#: A state is a few hundred bytes; more is another file.
STATE_BYTES_MAX: Final = 4096

#: A state touched so long after it was made, or before, was copied or restored. To
#: write it takes milliseconds; where it took longer it is written again.
RESTORED_AFTER_S: Final = 2

#: How often a state is written until it is so fresh. On a disk that is always so
#: slow, the next signature begins a new chain.
_WRITES_MAX: Final = 3

_CHAIN: Final = re.compile(rf"[0-9a-f]{{{2 * CHAIN_BYTES}}}")


class Fresh(StrEnum):
    """Why a chain starts anew."""

    MISSING = "missing"
    DAMAGED = "damaged"
    RESTORED = "restored"


class SigningChain:
    """The chain of one key, open for signing.

    Whoever makes one holds the lock on the key: `KeyFile.signing` does.

    `fresh` says why the chain starts anew, or is None if it goes on: more than
    `missing` is worth a warning. Threads may share it.
    """

    def __init__(
        self, state: Path, key: SecretKey, randomness: Callable[[int], bytes]
    ) -> None:
        self._state = state
        self._key = key
        self._one = threading.Lock()
        self._is_open = True
        self._process = os.getpid()  # a fork has the lock too, and this place
        found, self._mark = _load(state, key)
        self.fresh = found if isinstance(found, Fresh) else None
        self._next = (
            _Place(randomness(CHAIN_BYTES), 0, None)
            if isinstance(found, Fresh)
            else found
        )

    @property
    def chain(self) -> bytes:
        """The 16 bytes that name the chain."""
        return self._next.chain

    @property
    def seq(self) -> int:
        """The place of the next statement."""
        return self._next.seq

    @property
    def prev(self) -> CID | None:
        """The statement before it."""
        return self._next.prev

    def sign(self, records: Sequence[CID], iat: int) -> Statement:
        """Sign these records at the next place; the state is on the disk first.

        Raises:
            StatementError: the records are no content of a statement.
            KeyFileError: the key is not held; or the state has changed since,
                so that another process signs with this key, past the lock.
            StoreError: the state could not be written; nothing was signed
                that anybody saw, and signing again is safe.
        """
        at = str(self._state)
        with self._one:
            if not self._is_open or os.getpid() != self._process:
                raise KeyFileError("held no longer, or by another process", at=at)
            place = self._next
            part = SignedPart(
                iss=self._key.public.did,
                chain=place.chain,
                seq=place.seq,
                prev=place.prev,
                iat=iat,
                records=tuple(records),
            )
            statement = sign(part, self._key)
            after = _Place(place.chain, place.seq + 1, statement.cid)
            self._save(after)
            self._next = after
        return statement

    def close(self) -> None:
        """The key is held no longer; nothing more is signed."""
        with self._one:
            self._is_open = False

    def _save(self, after: _Place) -> None:
        try:
            if _mark(self._state) != self._mark:
                raise KeyFileError(
                    "changed while it was held: another process signs with this key"
                    " (was the key file replaced?); nothing was signed, try again",
                    at=str(self._state),
                )
            try:
                _write(self._state, after, self._key.public)
            finally:
                self._mark = _mark(self._state)
        except OSError as error:
            raise StoreError(
                f"not written: {error.strerror}; nothing was signed",
                at=str(self._state),
            ) from error


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the next statement goes."""

    chain: bytes
    seq: int
    prev: CID | None


def _load(path: Path, key: SecretKey) -> tuple[_Place | Fresh, tuple[int, ...] | None]:
    """The place that a state names, or why it names none; and its mark."""
    try:
        # No link, which could lead to the state of a copy of the key; and a pipe
        # would be waited for.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            is_file = stat.S_ISREG(status.st_mode)
            text = file.read(STATE_BYTES_MAX + 1) if is_file else b""
    except FileNotFoundError:
        return Fresh.MISSING, None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Fresh.RESTORED, _mark(path)
        raise KeyFileError(f"not read: {error.strerror}", at=str(path)) from error
    return _placed(text, status, key), _mark_of(status)


def _placed(text: bytes, status: os.stat_result, key: SecretKey) -> _Place | Fresh:
    if len(text) > STATE_BYTES_MAX:
        return Fresh.DAMAGED
    try:
        content = json.loads(text)
        chain, seq, prev = content["chain"], content["seq"], content["prev"]
        inode, written_ns = content["inode"], content["written_ns"]
        sound = (
            content["did"] == str(key.public.did)
            and _CHAIN.fullmatch(chain) is not None
            and type(seq) is int
            and 0 < seq <= INTEGER_MAX
            and type(written_ns) is int
        )
        place = _Place(bytes.fromhex(chain), seq, CID.parse(prev))
    except (ValueError, TypeError, KeyError, RecursionError, CidError):
        return Fresh.DAMAGED
    if not sound:
        return Fresh.DAMAGED
    # A second name is a way for a second process, as a link is.
    is_as_written = inode == status.st_ino and status.st_nlink == 1
    if not is_as_written or not _is_untouched(status, written_ns):
        return Fresh.RESTORED
    return place


def _is_untouched(status: os.stat_result, written_ns: int) -> bool:
    return abs(status.st_ctime_ns - written_ns) <= RESTORED_AFTER_S * 10**9


def _mark(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is replaced or written to; None without a file."""
    try:
        return _mark_of(path.lstat())
    except FileNotFoundError:
        return None


def _mark_of(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size)


def _write(path: Path, place: _Place, public: PublicKey) -> None:
    """Put the state on the disk, soon enough after it was made to be told so.

    Raises:
        OSError: the disk; the old state is there, or the new one.
    """
    written_ns = 0

    def content(status: os.stat_result) -> bytes:
        nonlocal written_ns
        written_ns = status.st_ctime_ns
        state = {
            "did": str(public.did),
            "chain": place.chain.hex(),
            "seq": place.seq,
            "prev": str(place.prev),
            # A copy gets another inode or a later ctime, whatever tool made it.
            "inode": status.st_ino,
            "written_ns": written_ns,
        }
        return json.dumps(state, indent=2).encode() + b"\n"

    for _ in range(_WRITES_MAX):
        replace_file(path, content)
        if _is_untouched(path.lstat(), written_ns):
            return
