"""Ed25519 keys and the one rule by which a signature holds.

    did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp
    z + base58btc( ed 01 | 32 bytes )                 public: ed25519-pub
    z + base58btc( 80 26 | 32 bytes )                 secret: ed25519-priv, the seed

A signature holds iff S < L, A and R are canonical and not of small order, and
SB = R + kA without the cofactor. Libraries differ here, so it is a rule of the
protocol: a claim valid on one node is valid on all. libsodium does exactly this;
tests/vectors/did-key.json and statements.json pin it. Source: FORMATS 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self

import nacl.bindings
import nacl.exceptions

from octostore.errors import DidError, SignatureError

__all__ = ["SEED_BYTES", "SIGNATURE_BYTES", "Did", "PublicKey", "SecretKey"]

SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_KEY_BYTES: Final = 32

_PUBLIC_CODEC: Final = b"\xed\x01"
_SECRET_CODEC: Final = b"\x80\x26"

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {character: value for value, character in enumerate(_BASE58)}

# Two bytes of codec before 32 of key leave only these prefixes and one length.
_DID: Final = re.compile(r"did:key:z(6Mk[1-9A-HJ-NP-Za-km-z]{44})")
_SECRET: Final = re.compile(r"z(3u2[1-9A-HJ-NP-Za-km-z]{44})")

#: The field prime of edwards25519: a coordinate y is canonical iff y < P.
_P: Final = 2**255 - 19

#: The y of the eight points of order 1, 2, 4 and 8 (each pair ±x shares one).
_Y_OF_SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        _P - 1,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    }
)

#: Keys that stay parsed; a busy log is written by few issuers.
_KEYS_CACHED: Final = 4096


@dataclass(frozen=True, slots=True, order=True)
class Did:
    """A did:key of an Ed25519 public key, in its one spelling.

    Raises:
        DidError: another method or key type, or a key that `PublicKey` refuses.
    """

    text: str

    def __post_init__(self) -> None:
        _key_bytes(self.text)

    @property
    def key(self) -> PublicKey:
        """The key it names."""
        return PublicKey(_key_bytes(self.text))

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
        _check_point(self.raw)

    @classmethod
    def parse(cls, did: str) -> Self:
        """The key that a did:key names."""
        return cls(_key_bytes(did))

    @property
    def did(self) -> Did:
        """Its did:key."""
        return Did("did:key:z" + _to_base58(_PUBLIC_CODEC + self.raw))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if the signature of these very bytes holds.

        Raises:
            SignatureError: it does not, by the rule of this module.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureError(
                f"{len(signature)} bytes; a signature has {SIGNATURE_BYTES}"
            )
        try:
            nacl.bindings.crypto_sign_open(signature + message, self.raw)
        except nacl.exceptions.BadSignatureError as error:
            raise SignatureError(
                f"the signature does not hold for these bytes and {self.did}"
            ) from error

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
        raw, expanded = nacl.bindings.crypto_sign_seed_keypair(self.seed)
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
        raw = _from_base58(found[1]) if found else b""
        if len(raw) != len(_SECRET_CODEC) + SEED_BYTES or raw[:2] != _SECRET_CODEC:
            raise DidError("not the multibase of an Ed25519 secret key (z3u2..)")
        return cls(raw[2:])

    def to_multibase(self) -> str:
        """The seed as `secretKeyMultibase`."""
        return "z" + _to_base58(_SECRET_CODEC + self.seed)

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature (RFC 8032, deterministic)."""
        signed: bytes = nacl.bindings.crypto_sign(message, self._expanded)
        return signed[:SIGNATURE_BYTES]


@lru_cache(_KEYS_CACHED)
def _key_bytes(did: str) -> bytes:
    found = _DID.fullmatch(did)
    raw = _from_base58(found[1]) if found else b""
    if len(raw) != len(_PUBLIC_CODEC) + _KEY_BYTES or raw[:2] != _PUBLIC_CODEC:
        shown = did if len(did) <= 80 else did[:77] + "..."
        raise DidError(
            f"{shown!r}; expected did:key:z6Mk.., an Ed25519 key in base58btc"
        )
    _check_point(raw[2:])
    return raw[2:]


@lru_cache(_KEYS_CACHED)
def _check_point(raw: bytes) -> None:
    if len(raw) != _KEY_BYTES:
        raise DidError(f"{len(raw)} bytes; an Ed25519 public key has {_KEY_BYTES}")
    y = int.from_bytes(raw, "little") & (1 << 255) - 1
    if y >= _P:
        raise DidError(f"key {raw.hex()} is not canonical: y is not below 2^255-19")
    if y in _Y_OF_SMALL_ORDER:
        raise DidError(f"key {raw.hex()} has small order: any message would verify")
    try:
        # libsodium adds only points of the curve, of whatever order; its
        # `is_valid_point` would also refuse mixed order, which verification does not.
        nacl.bindings.crypto_core_ed25519_add(raw, raw)
    except (ValueError, RuntimeError, nacl.exceptions.CryptoError) as error:
        raise DidError(f"key {raw.hex()} is no point of the curve") from error


def _to_base58(raw: bytes) -> str:
    """Base58btc of bytes that do not begin with zero, as no codec here does."""
    value = int.from_bytes(raw, "big")
    out = []
    while value:
        value, digit = divmod(value, 58)
        out.append(_BASE58[digit])
    return "".join(reversed(out))


def _from_base58(text: str) -> bytes:
    value = 0
    for character in text:
        value = value * 58 + _DIGITS[character]
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
