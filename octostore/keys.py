"""Ed25519 keys as Octostore holds them: who issues, and what signs.

    did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp
    z + base58btc( ed 01 | 32 bytes )                 public: ed25519-pub
    z + base58btc( 80 26 | 32 bytes )                 secret: ed25519-priv, the seed

The rule by which a signature holds is `invocation_spec.signature`'s, because
tokens of networks are verified by it too. Source: FORMATS 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from invocation_spec import signature as ed25519
from invocation_spec.base58 import from_base58, to_base58
from invocation_spec.signature import SEED_BYTES, SIGNATURE_BYTES
from octostore.errors import DidError, SignatureError

__all__ = ["SEED_BYTES", "SIGNATURE_BYTES", "Did", "PublicKey", "SecretKey"]

_SECRET_CODEC: Final = b"\x80\x26"

# Two bytes of codec before 32 of seed leave only this prefix and one length.
_SECRET: Final = re.compile(r"z(3u2[1-9A-HJ-NP-Za-km-z]{44})")


@dataclass(frozen=True, slots=True, order=True)
class Did:
    """A did:key of an Ed25519 public key, in its one spelling.

    Raises:
        DidError: another method or key type, or a key that `PublicKey` refuses.
    """

    text: str

    def __post_init__(self) -> None:
        ed25519.key_of_did(self.text)

    @property
    def key(self) -> PublicKey:
        """The key it names."""
        return PublicKey(ed25519.key_of_did(self.text))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, order=True)
class PublicKey:
    """A point of edwards25519 that can verify: canonical, not of small order.

    Raises:
        DidError: the bytes are not such a point.
    """

    raw: bytes

    def __post_init__(self) -> None:
        ed25519.check_key(self.raw)

    @classmethod
    def parse(cls, did: str) -> Self:
        """The key that a did:key names."""
        return cls(ed25519.key_of_did(did))

    @property
    def did(self) -> Did:
        """Its did:key."""
        return Did(ed25519.did_of_key(self.raw))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if the signature of these very bytes holds.

        Raises:
            SignatureError: it does not, by the rule of `invocation_spec.signature`.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureError(
                f"{len(signature)} bytes; a signature has {SIGNATURE_BYTES}"
            )
        if not ed25519.holds(signature, message, self.raw):
            raise SignatureError(
                f"the signature does not hold for these bytes and {self.did}"
            )

    def __bytes__(self) -> bytes:
        return self.raw

    def __repr__(self) -> str:
        return f"PublicKey({self.did})"


@dataclass(frozen=True, slots=True)
class SecretKey:
    """What signs. The seed never shows in `repr`, nor in a message."""

    seed: bytes = field(repr=False)
    _expanded: bytes = field(init=False, repr=False, compare=False)
    public: PublicKey = field(init=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise DidError(f"a seed of {len(self.seed)} bytes; expected {SEED_BYTES}")
        raw, expanded = ed25519.key_pair(self.seed)
        object.__setattr__(self, "_expanded", expanded)
        object.__setattr__(self, "public", PublicKey(raw))

    @classmethod
    def generate(cls, randomness: Callable[[int], bytes]) -> Self:
        """A new key from `randomness(32)`; give it `secrets.token_bytes`."""
        return cls(randomness(SEED_BYTES))

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The key of these 32 bytes (RFC 8032: the private key)."""
        return cls(seed)

    @classmethod
    def from_multibase(cls, text: str) -> Self:
        """Read `secretKeyMultibase`: z3u2 and 44 more characters of base58.

        Raises:
            DidError: anything else; the text itself is not repeated.
        """
        found = _SECRET.fullmatch(text)
        raw = from_base58(found[1]) if found else b""
        if len(raw) != len(_SECRET_CODEC) + SEED_BYTES or raw[:2] != _SECRET_CODEC:
            raise DidError("not the multibase of an Ed25519 secret key (z3u2..)")
        return cls(raw[2:])

    def to_multibase(self) -> str:
        """The seed as `secretKeyMultibase`."""
        return "z" + to_base58(_SECRET_CODEC + self.seed)

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature (RFC 8032, deterministic)."""
        return ed25519.sign(message, self._expanded)
