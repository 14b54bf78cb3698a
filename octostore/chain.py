"""The chain that a key signs, and the file that remembers its next place.

    FILE.state  {"did": "did:key:z6Mk..", "chain": "<32 hex digits>", "seq": 7,
                 "prev": "bafyrei..", "inode": 1835, "written_ns": 16691..}

It is replaced, and on the disk, before a signature leaves, so that no two
statements share a place. A state that is missing, damaged or restored starts a
new chain: going on from an old place would be equivocation, which others can
prove, while a new chain harms nobody. Source: FORMATS 7; docs/spec/statement.md.
"""

from __future__ import annotations

import json
import os
import re
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

#: A state touched so long after it was written was copied or restored. The write
#: itself takes milliseconds, on a starving disk some seconds.
RESTORED_AFTER_S: Final = 60

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
    `missing` is worth a warning.
    """

    def __init__(
        self, state: Path, key: SecretKey, randomness: Callable[[int], bytes]
    ) -> None:
        self._state = state
        self._key = key
        found = _load(state, key)
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
            StoreError: the state could not be written; nothing was signed
                that anybody saw, and signing again is safe.
        """
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
        _save(self._state, after, self._key.public)
        self._next = after
        return statement


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the next statement goes."""

    chain: bytes
    seq: int
    prev: CID | None


def _load(path: Path, key: SecretKey) -> _Place | Fresh:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(STATE_BYTES_MAX)
    except FileNotFoundError:
        return Fresh.MISSING
    except OSError as error:
        raise KeyFileError(f"not read: {error.strerror}", at=str(path)) from error
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
    touched_after_ns = status.st_ctime_ns - written_ns
    if inode != status.st_ino or touched_after_ns > RESTORED_AFTER_S * 10**9:
        return Fresh.RESTORED
    return place


def _save(path: Path, place: _Place, public: PublicKey) -> None:
    def content(status: os.stat_result) -> bytes:
        state = {
            "did": str(public.did),
            "chain": place.chain.hex(),
            "seq": place.seq,
            "prev": str(place.prev),
            # A copy gets another inode or a later ctime, whatever tool made it.
            "inode": status.st_ino,
            "written_ns": status.st_ctime_ns,
        }
        return json.dumps(state, indent=2).encode() + b"\n"

    try:
        replace_file(path, content)
    except OSError as error:
        raise StoreError(
            f"not written: {error.strerror}; nothing was signed", at=str(path)
        ) from error
