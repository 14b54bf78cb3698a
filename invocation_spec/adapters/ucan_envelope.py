"""A UCAN 1.0 token: what it says, signed; read, then verified.

    [signature, {"h": h'3401ed01ed011371', "ucan/inv@1.0.0": {"iss": did:key, ..}}]

The header (varsig 1.0) says Ed25519 over DAG-CBOR; the signature covers the exact
bytes of element 1. Those bytes are had again by encoding: the decoder refuses
whatever the encoder would not have written, so there is only one. A token is
named by the CID of all its bytes, signature included.
Source: ucan-wg/spec 1.0.0 README, envelope; ChainAgnostic/varsig 1.0 README and
common.md; research: ipvm 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, cast

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import DOCUMENT_BYTES_MAX
from invocation_spec.errors import DidError, DocumentError
from invocation_spec.node import Node, escape
from invocation_spec.reading import made
from invocation_spec.signature import SIGNATURE_BYTES, holds, key_of_did

__all__ = ["Envelope", "Token"]

#: varsig, version 1, EdDSA, edwards25519, sha2-512, dag-cbor.
_HEADER: Final = bytes.fromhex("3401ed01ed011371")

#: What else a header may say, by how it begins.
_ALGORITHMS: Final = {
    bytes.fromhex("3401ed01ed0113"): "Ed25519 over another encoding",
    bytes.fromhex("3401ec01802412"): "ECDSA P-256 (ES256)",
    bytes.fromhex("3401ec01e70112"): "ECDSA secp256k1 (ES256K)",
    bytes.fromhex("3401852412"): "RSA (RS256)",
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A token as received: its shape is right, nobody has looked at its signature.

    `payload` is the map under `tag`.
    """

    signature: bytes
    header: bytes
    tag: str
    payload: Mapping[str, Ipld]

    @classmethod
    def from_block(cls, block: bytes) -> Self:
        """The token of these DAG-CBOR bytes.

        Raises:
            EncodingError: they are not DAG-CBOR.
            DocumentError: they are no token.
        """
        return cls.from_ipld(
            dagcbor.decode(block, floats=True, bytes_max=DOCUMENT_BYTES_MAX)
        )

    @classmethod
    def from_ipld(cls, value: Ipld) -> Self:
        """The token that a value is.

        Raises:
            DocumentError: it is none.
        """
        root = Node(value)
        if not isinstance(value, list) or len(value) != 2:
            raise root.refuse("[signature, {h, tag: payload}]")
        first, second = root.elements()
        if not isinstance(first.value, bytes):
            raise first.refuse("the bytes of a signature")
        if not isinstance(second.value, Mapping) or len(second.value) != 2:
            raise second.refuse("a map of a header `h` and one payload by its tag")
        header = second.struct()["h"]
        if not isinstance(header.value, bytes):
            raise header.refuse("the bytes of a varsig header")
        ((tag, payload),) = [item for item in second.entries() if item[0] != "h"]
        if not isinstance(payload.value, Mapping):
            raise payload.refuse("a map, the payload")
        content = cast("Mapping[str, Ipld]", payload.value)
        return cls(first.value, header.value, tag, content)

    @property
    def at(self) -> str:
        """JSON pointer of the payload."""
        return f"/1/{escape(self.tag)}"

    @property
    def signed(self) -> bytes:
        """The bytes that the signature covers: element 1."""
        return _encoded(self._part)

    @property
    def block(self) -> bytes:
        """All bytes of the token."""
        return _encoded([self.signature, self._part])

    @property
    def cid(self) -> CID:
        """Its name: dag-cbor, sha2-256."""
        return CID.of_block(self.block)

    @property
    def _part(self) -> Ipld:
        return {"h": self.header, self.tag: self.payload}

    def verify(self) -> Token:
        """The same token, verified.

        Raises:
            DocumentError: another algorithm than Ed25519, an issuer that is no
                Ed25519 did:key, or a signature that does not hold.
        """
        return Token(self)


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose signature holds for its issuer; making one verifies it.

    Raises:
        DocumentError: as `Envelope.verify` says.
    """

    envelope: Envelope

    def __post_init__(self) -> None:
        envelope = self.envelope
        _check_header(envelope.header)
        issuer = Node(envelope.payload, envelope.at).struct()["iss"]
        try:
            key = key_of_did(issuer.text())
        except DidError as error:
            raise DocumentError(
                f"{error.reason}; only Ed25519 is verified", at=issuer.at
            ) from error
        if len(envelope.signature) != SIGNATURE_BYTES:
            raise DocumentError(
                f"{len(envelope.signature)} bytes; a signature has {SIGNATURE_BYTES}",
                at="/0",
            )
        if not holds(envelope.signature, envelope.signed, key):
            raise DocumentError(
                f"the signature does not hold for these bytes and {issuer.text()}",
                at="/0",
            )

    @property
    def issuer(self) -> str:
        """The did:key that signed."""
        return str(self.envelope.payload["iss"])

    @property
    def tag(self) -> str:
        """What the payload is."""
        return self.envelope.tag

    @property
    def payload(self) -> Mapping[str, Ipld]:
        """What was signed."""
        return self.envelope.payload

    @property
    def cid(self) -> CID:
        """Its name: the CID of all its bytes."""
        return self.envelope.cid


def _check_header(header: bytes) -> None:
    if header == _HEADER:
        return
    name = next(
        (name for start, name in _ALGORITHMS.items() if header.startswith(start)),
        "an algorithm that is not known here",
    )
    raise DocumentError(
        f"varsig {header[:32].hex()}: {name}; only Ed25519 over DAG-CBOR is"
        f" verified, {_HEADER.hex()}",
        at="/1/h",
    )


def _encoded(value: Ipld) -> bytes:
    return made("", dagcbor.encode, value, floats=True, bytes_max=DOCUMENT_BYTES_MAX)
