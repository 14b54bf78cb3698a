"""The record "I hold a result for this invocation and shall show it later".

    {"type": "commitment", "hash": h'<32 bytes>'}
    hash = sha2-256( DAG-CBOR ["octostore/commit@1", iss, invocation, result, salt] )

Who commits before others reveal has not copied them. The issuer is part of the
hash, so that nobody can re-sign another's commitment. Source: FORMATS 6.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from octostore.errors import RecordError
from octostore.keys import Did
from octostore.records import shape
from octostore.records.fields import Fields
from octostore.records.shape import RecordBase

__all__ = ["COMMIT_TAG", "SALT_BYTES", "Commitment", "Reveal"]

COMMIT_TAG: Final = "octostore/commit@1"

#: As wide as the hash, so that a result from a short list cannot be guessed.
SALT_BYTES: Final = 32

_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Commitment(RecordBase):
    """A promise to claim a result, which shows nothing of it yet.

    Raises:
        RecordError: the hash is not 32 bytes.
    """

    type: ClassVar[str] = "commitment"

    hash: bytes

    def __post_init__(self) -> None:
        if len(self.hash) != _HASH_BYTES:
            raise RecordError(
                f"{len(self.hash)} bytes; expected {_HASH_BYTES}", at="/hash"
            )

    @classmethod
    def to(cls, issuer: Did, invocation: CID, result: CID, salt: bytes) -> Self:
        """The commitment that `opens` with these; keep the salt secret till then."""
        shape.check_block_link(invocation, "/invocation")
        shape.check_block_link(result, "/result")
        _check_salt(salt)
        opened = dagcbor.encode([COMMIT_TAG, str(issuer), invocation, result, salt])
        return cls(hashlib.sha256(opened).digest())

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{type, hash}`."""
        return cls(fields.need("hash", bytes))

    def to_ipld(self) -> Ipld:
        """`{type, hash}`."""
        return {"type": self.type, "hash": self.hash}

    def opens(self, issuer: Did, invocation: CID, result: CID, salt: bytes) -> bool:
        """Whether it was made by this issuer for this very claim."""
        return self == Commitment.to(issuer, invocation, result, salt)


@dataclass(frozen=True, slots=True)
class Reveal:
    """What a claim says to open a commitment: which one, and with which salt."""

    commitment: CID
    salt: bytes

    def __post_init__(self) -> None:
        shape.check_block_link(self.commitment, "/reveals/commitment")
        _check_salt(self.salt)

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{commitment, salt}`."""
        reveal = cls(fields.need("commitment", CID), fields.need("salt", bytes))
        fields.close()
        return reveal

    def to_ipld(self) -> Ipld:
        """`{commitment, salt}`."""
        return {"commitment": self.commitment, "salt": self.salt}


def _check_salt(salt: bytes) -> None:
    if len(salt) != SALT_BYTES:
        raise RecordError(
            f"a salt of {len(salt)} bytes; expected {SALT_BYTES}", at="/reveals/salt"
        )
