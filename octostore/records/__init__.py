"""Records: the eight facts that a key can sign, each a block with a CID.

    parse_record(block) -> Claim | Link | Profile | Delegation | ..

All shapes are closed; `type` says which one it is. Source: FORMATS 6;
docs/spec/records.md; schemas/records.ipldsch.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from invocation_spec import dagcbor
from octostore.errors import RecordError
from octostore.records.claim import Claim, Withheld
from octostore.records.commitment import SALT_BYTES, Commitment, Reveal
from octostore.records.failure import FAILURE_KINDS, Failure, FailureKind
from octostore.records.fields import Fields
from octostore.records.issuers import Delegation, Membership, Profile, Revocation
from octostore.records.limits import Limits, NetworkAccess
from octostore.records.link import MEANINGS, SYMMETRIC, Link, Meaning
from octostore.records.resolutions import Resolution
from octostore.records.withdrawal import Withdrawal

__all__ = [
    "FAILURE_KINDS",
    "MEANINGS",
    "RECORD_TYPES",
    "SALT_BYTES",
    "SYMMETRIC",
    "Claim",
    "Commitment",
    "Delegation",
    "Failure",
    "FailureKind",
    "Limits",
    "Link",
    "Meaning",
    "Membership",
    "NetworkAccess",
    "Profile",
    "Record",
    "Resolution",
    "Reveal",
    "Revocation",
    "Withdrawal",
    "Withheld",
    "parse_record",
]

Record: TypeAlias = (
    Claim
    | Commitment
    | Delegation
    | Link
    | Membership
    | Profile
    | Revocation
    | Withdrawal
)

#: Record types by the word in their field `type`.
RECORD_TYPES: Final[dict[str, type[Record]]] = {
    kind.type: kind
    for kind in (
        Claim,
        Commitment,
        Delegation,
        Link,
        Membership,
        Profile,
        Revocation,
        Withdrawal,
    )
}


def parse_record(block: bytes) -> Record:
    """The record whose one encoding these bytes are.

    Raises:
        EncodingError: not canonical DAG-CBOR, or too large.
        RecordError: an unknown type or field, a field missing or of another
            type, a default written out, or a rule of the type broken.
    """
    fields = Fields(dagcbor.decode(block))
    name = fields.need("type", str)
    kind = RECORD_TYPES.get(name)
    if kind is None:
        raise RecordError(
            f"{name[:80]!r}; expected {', '.join(RECORD_TYPES)}", at="/type"
        )
    record = kind.from_fields(fields)
    fields.close()
    if record.block != block:
        raise RecordError("the same record is encoded otherwise", at="/")
    return record
