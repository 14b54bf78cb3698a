"""The signed, hash-linked envelope over one or many records.

    [signature(64), {"h": h'3401ed01ed011371', "octostore/statement@1": {
        iss: did:key, chain: Bytes(16), seq: Int, prev: &SignedPart | null,
        iat: Int, records: [&Record]}}]

    82                          two elements
       5840 <64>                the signature of the bytes that follow
       a2 6168 48 3401ed01ed011371 75 "octostore/statement@1" a6 ..

The shape is the envelope of UCAN 1.0 with a varsig header and our own tag, so
that no signature serves both. What is signed names the statement: the CID of
element 1, which touching the signature does not change. Source: FORMATS 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple, Self, TypeVar, cast

from invocation_spec import dagcbor
from invocation_spec.cid import CID, DAG_CBOR, SHA2_256
from invocation_spec.dagcbor import BLOCK_BYTES_MAX, Ipld, Link
from octostore.errors import ChainError, DidError, StatementError
from octostore.keys import SIGNATURE_BYTES, Did, SecretKey

__all__ = [
    "CHAIN_BYTES",
    "INTEGER_MAX",
    "RECORDS_MAX",
    "STATEMENT_TAG",
    "VARSIG_HEADER",
    "ReceivedStatement",
    "Said",
    "SignedPart",
    "Statement",
    "read_again",
    "sign",
]

STATEMENT_TAG: Final = "octostore/statement@1"

#: varsig 1: EdDSA on edwards25519 with SHA-512, over DAG-CBOR.
VARSIG_HEADER: Final = bytes.fromhex("3401ed01ed011371")

#: Enough random bytes that no two state files ever share a chain.
CHAIN_BYTES: Final = 16

#: One signature for so many records: past this, hashing and not the signature
#: is what a record costs, and 4,096 links fill a sixth of a block.
RECORDS_MAX: Final = 4096

#: Every JSON reader keeps `seq` and `iat` exactly.
INTEGER_MAX: Final = 2**53 - 1

_SIGNATURE_HEAD: Final = b"\x82\x58\x40"
_SIGNED_AT: Final = len(_SIGNATURE_HEAD) + SIGNATURE_BYTES

#: How the CID of a block of ours begins: version, codec, hash function, length.
_OUR_BLOCK: Final = bytes((1, DAG_CBOR, SHA2_256, 32))

_T = TypeVar("_T")

_FIELDS: Final = frozenset({"iss", "chain", "seq", "prev", "iat", "records"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPart:
    """What the issuer signs; `iat` is Unix seconds by the issuer's own clock.

    Raises:
        StatementError: a field outside its limits, a record twice.
        ChainError: `seq` is 0 with a `prev`, or not 0 without one.
    """

    iss: Did
    chain: bytes
    seq: int
    prev: CID | None
    iat: int
    records: tuple[CID, ...]

    def __post_init__(self) -> None:
        if len(self.chain) != CHAIN_BYTES:
            raise StatementError(
                f"{len(self.chain)} bytes; expected {CHAIN_BYTES}", at="/chain"
            )
        _check_integer(self.seq, "/seq")
        _check_integer(self.iat, "/iat")
        if (self.seq == 0) != (self.prev is None):
            raise ChainError(
                f"seq {self.seq} with prev {self.prev}; a chain starts at 0 with null"
            )
        if self.prev is not None:
            _check_link(self.prev, "/prev")
        _check_records(self.records)

    @classmethod
    def from_ipld(cls, value: Ipld) -> Self:
        """The part that element 1 of an envelope says.

        Raises:
            StatementError: another header, tag, shape, or a rule broken.
        """
        if not isinstance(value, Mapping) or value.keys() != {"h", STATEMENT_TAG}:
            raise StatementError(f'expected a map of "h" and "{STATEMENT_TAG}"')
        if value["h"] != VARSIG_HEADER:
            raise StatementError(
                f"expected the varsig header {VARSIG_HEADER.hex()}", at="/h"
            )
        payload = value[STATEMENT_TAG]
        if not isinstance(payload, Mapping) or payload.keys() != _FIELDS:
            raise StatementError(f"expected a map of {', '.join(sorted(_FIELDS))}")
        records = _typed(payload, "records", list)
        return cls(
            iss=_did(_typed(payload, "iss", str)),
            chain=_typed(payload, "chain", bytes),
            seq=_typed(payload, "seq", int),
            prev=None if payload["prev"] is None else _typed(payload, "prev", CID),
            iat=_typed(payload, "iat", int),
            records=tuple(_link(item) for item in records),
        )

    def to_ipld(self) -> Ipld:
        """Element 1 of the envelope: header and tagged payload."""
        payload: Ipld = {
            "iss": str(self.iss),
            "chain": self.chain,
            "seq": self.seq,
            "prev": self.prev,
            "iat": self.iat,
            "records": list(self.records),
        }
        return {"h": VARSIG_HEADER, STATEMENT_TAG: payload}

    @property
    def digests(self) -> tuple[bytes, ...]:
        """The digests of the records."""
        at = len(_OUR_BLOCK)
        return tuple([record.raw[at:] for record in self.records])

    @property
    def block(self) -> bytes:
        """The bytes that are signed."""
        return dagcbor.encode(self.to_ipld())

    @property
    def cid(self) -> CID:
        """The name of the statement."""
        return CID.of_block(self.block)


@dataclass(frozen=True, slots=True)
class ReceivedStatement:
    """An envelope that is well formed; nobody has looked at its signature.

    Raises:
        EncodingError: the bytes are not canonical DAG-CBOR, or too large.
        StatementError: they are no statement.
    """

    envelope: bytes = field(repr=False)
    part: SignedPart = field(init=False, compare=False)
    cid: CID = field(init=False, compare=False)

    def __post_init__(self) -> None:
        signed = _signed_bytes(self.envelope)
        part = _usual_part(signed)
        if part is None:
            part = SignedPart.from_ipld(dagcbor.decode(signed))
            if part.block != signed:
                raise StatementError("the same statement is encoded otherwise")
        object.__setattr__(self, "part", part)
        object.__setattr__(self, "cid", CID.of_block(signed))

    @classmethod
    def from_block(cls, block: bytes) -> Self:
        """Read the block of an envelope, as it came."""
        return cls(block)

    @property
    def signature(self) -> bytes:
        """Element 0."""
        return self.envelope[len(_SIGNATURE_HEAD) : _SIGNED_AT]

    @property
    def signed(self) -> bytes:
        """The exact bytes of element 1, as received."""
        return self.envelope[_SIGNED_AT:]

    def verify(self) -> Statement:
        """The same statement, verified.

        Raises:
            SignatureError: the signature does not hold.
        """
        return Statement(self)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose signature holds; making one verifies it.

    Raises:
        SignatureError: the signature does not hold.
    """

    received: ReceivedStatement

    def __post_init__(self) -> None:
        received = self.received
        received.part.iss.key.verify(received.signature, received.signed)

    @property
    def part(self) -> SignedPart:
        """What was signed."""
        return self.received.part

    @property
    def cid(self) -> CID:
        """The name of the statement: the CID of its signed part."""
        return self.received.cid

    @property
    def signed(self) -> bytes:
        """The block that `cid` names."""
        return self.received.signed

    @property
    def envelope(self) -> bytes:
        """The block that carries the signature."""
        return self.received.envelope

    @property
    def envelope_cid(self) -> CID:
        """The CID of the envelope: the root of its CAR, the entry in the log."""
        return CID.of_block(self.envelope)


class Said(NamedTuple):
    """What a statement says that was verified before; digests for our own CIDs."""

    part: bytes
    chain: bytes
    seq: int
    prev: bytes | None
    records: tuple[bytes, ...]


def read_again(envelope: bytes) -> Said:
    """What stands in an envelope that was a verified statement when it was logged.

    For whoever looks at each of a log: nothing is checked again, so it takes a
    fraction of the time.
    """
    signed = envelope[_SIGNED_AT:]
    payload = cast("dict[str, Any]", dagcbor.peek(signed))[STATEMENT_TAG]
    prev, at = payload["prev"], len(_OUR_BLOCK)
    return Said(
        sha256(signed).digest(),
        payload["chain"],
        payload["seq"],
        None if prev is None else prev[at:],
        tuple(record[at:] for record in payload["records"]),
    )


def sign(part: SignedPart, key: SecretKey) -> Statement:
    """Sign `part`; the result is read back and verified before it leaves.

    Raises:
        StatementError: `part` names another issuer than the key.
    """
    if part.iss != key.public.did:
        raise StatementError(f"{part.iss} is not {key.public.did}", at="/iss")
    signed = part.block
    envelope = _SIGNATURE_HEAD + key.sign(signed) + signed
    return ReceivedStatement.from_block(envelope).verify()


def _signed_bytes(envelope: bytes) -> bytes:
    if len(envelope) > BLOCK_BYTES_MAX:
        raise StatementError(
            f"{len(envelope)} bytes; a block has at most {BLOCK_BYTES_MAX}"
        )
    if len(envelope) <= _SIGNED_AT or envelope[:3] != _SIGNATURE_HEAD:
        raise StatementError(
            f"begins with {envelope[:3].hex() or 'nothing'}; an envelope begins with"
            f" {_SIGNATURE_HEAD.hex()}, the signature and what it signs"
        )
    return envelope[_SIGNED_AT:]


def _usual_part(signed: bytes) -> SignedPart | None:
    """What nearly all envelopes say, read without a value and a check for each link.

    It may give up, and then the long way decides; it says nothing that the long way
    does not. tests/octostore/test_statement.py holds the two against each other.
    """
    value = dagcbor.peek(signed)
    if type(value) is not dict or value.keys() != {"h", STATEMENT_TAG}:
        return None
    header, payload = value["h"], value[STATEMENT_TAG]
    if type(header) is not bytes or header != VARSIG_HEADER:
        return None
    if type(payload) is not dict or payload.keys() != _FIELDS:
        return None
    chain, seq, iat = payload["chain"], payload["seq"], payload["iat"]
    if (
        type(chain) is not bytes
        or len(chain) != CHAIN_BYTES
        or not _is_integer(seq)
        or not _is_integer(iat)
        or (seq == 0) != (payload["prev"] is None)
    ):
        return None
    prev = () if payload["prev"] is None else _usual_links([payload["prev"]])
    records, iss = _usual_links(payload["records"]), payload["iss"]
    if prev is None or not records or type(iss) is not str:
        return None
    try:
        did = Did(iss)
    except DidError:
        return None
    return _checked_part(did, chain, seq, prev[0] if prev else None, iat, records)


def _is_integer(value: object) -> bool:
    return type(value) is int and 0 <= value <= INTEGER_MAX


def _usual_links(items: object) -> tuple[CID, ...] | None:
    """At most as many as records may be, each once and of a block of ours, or None."""
    if type(items) is not list or len(items) > RECORDS_MAX:
        return None
    at = len(_OUR_BLOCK)
    for item in items:
        if type(item) is not Link or len(item) != at + 32 or item[:at] != _OUR_BLOCK:
            return None
    if len(set(items)) < len(items):
        return None
    return tuple([CID.of_block_digest(item[at:]) for item in items])


def _checked_part(
    iss: Did,
    chain: bytes,
    seq: int,
    prev: CID | None,
    iat: int,
    records: tuple[CID, ...],
) -> SignedPart:
    """A part of fields that `_usual_part` has held to the rules of the class."""
    part = object.__new__(SignedPart)
    put = object.__setattr__
    put(part, "iss", iss)
    put(part, "chain", chain)
    put(part, "seq", seq)
    put(part, "prev", prev)
    put(part, "iat", iat)
    put(part, "records", records)
    return part


def _check_integer(value: int, at: str) -> None:
    if not 0 <= value <= INTEGER_MAX:
        raise StatementError(f"{value}; expected 0 to {INTEGER_MAX}", at=at)


def _check_link(cid: CID, at: str) -> None:
    if cid.raw[: len(_OUR_BLOCK)] != _OUR_BLOCK:
        raise StatementError(f"{cid} is not dag-cbor with sha2-256", at=at)


def _check_records(records: Sequence[CID]) -> None:
    if not 1 <= len(records) <= RECORDS_MAX:
        raise StatementError(
            f"{len(records)} records; expected 1 to {RECORDS_MAX}", at="/records"
        )
    for record in records:
        if not record.raw.startswith(_OUR_BLOCK):
            _check_link(record, "/records")
    if len({record.raw for record in records}) < len(records):
        raise StatementError("names a record twice", at="/records")


def _typed(payload: Mapping[str, Ipld], name: str, kind: type[_T]) -> _T:
    # Not isinstance: True is an int in Python and another value in DAG-CBOR.
    value: object = payload[name]
    if type(value) is not kind:
        raise StatementError(f"not of the type {kind.__name__}", at=f"/{name}")
    return value


def _link(item: object) -> CID:
    if not isinstance(item, CID):
        raise StatementError("an item is not a link", at="/records")
    return item


def _did(text: str) -> Did:
    try:
        return Did(text)
    except DidError as error:
        raise StatementError(error.reason, at="/iss") from error
