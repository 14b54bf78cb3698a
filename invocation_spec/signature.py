"""Ed25519: which keys are accepted, how did:key spells them, when a signature holds.

    did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp
    z + base58btc( ed 01 | 32 bytes )                 public: ed25519-pub

A signature holds iff S < L, A and R are canonical and not of small order, and
SB = R + kA without the cofactor. Libraries differ here, so it is a rule of the
protocol: a claim valid on one node is valid on all. libsodium does exactly this;
tests/vectors/did-key.json and statements.json pin it. Here are functions of raw
bytes, for whoever verifies; the types that Octostore keeps are in its own room.
Source: RFC 8032; the did:key method; FORMATS 7.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import nacl.bindings
import nacl.exceptions

from invocation_spec.base58 import from_base58, to_base58
from invocation_spec.errors import DidError

__all__ = [
    "KEY_BYTES",
    "SEED_BYTES",
    "SIGNATURE_BYTES",
    "check_key",
    "did_of_key",
    "holds",
    "key_of_did",
    "key_pair",
    "sign",
]

KEY_BYTES: Final = 32
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_PUBLIC_CODEC: Final = b"\xed\x01"

# Two bytes of codec before 32 of key leave only this prefix and one length.
_DID: Final = re.compile(r"did:key:z(6Mk[1-9A-HJ-NP-Za-km-z]{44})")

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


@lru_cache(_KEYS_CACHED)
def key_of_did(did: str) -> bytes:
    """The key that a did:key names, in the one spelling that it has.

    Raises:
        DidError: another method or key type, or a key that `check_key` refuses.
    """
    found = _DID.fullmatch(did)
    raw = from_base58(found[1]) if found else b""
    if len(raw) != len(_PUBLIC_CODEC) + KEY_BYTES or raw[:2] != _PUBLIC_CODEC:
        shown = did if len(did) <= 80 else did[:77] + "..."
        raise DidError(
            f"{shown!r}; expected did:key:z6Mk.., an Ed25519 key in base58btc"
        )
    check_key(raw[2:])
    return raw[2:]


@lru_cache(_KEYS_CACHED)
def did_of_key(key: bytes) -> str:
    """The did:key of a public key."""
    return "did:key:z" + to_base58(_PUBLIC_CODEC + key)


@lru_cache(_KEYS_CACHED)
def check_key(key: bytes) -> None:
    """Return if the bytes are a point that can verify.

    Raises:
        DidError: not 32 bytes, not canonical, of small order, or no point.
    """
    if len(key) != KEY_BYTES:
        raise DidError(f"{len(key)} bytes; an Ed25519 public key has {KEY_BYTES}")
    y = int.from_bytes(key, "little") & (1 << 255) - 1
    if y >= _P:
        raise DidError(f"key {key.hex()} is not canonical: y is not below 2^255-19")
    if y in _Y_OF_SMALL_ORDER:
        raise DidError(f"key {key.hex()} has small order: any message would verify")
    try:
        # libsodium adds only points of the curve, of whatever order; its
        # `is_valid_point` would also refuse mixed order, which verification does not.
        nacl.bindings.crypto_core_ed25519_add(key, key)
    except (ValueError, RuntimeError, nacl.exceptions.CryptoError) as error:
        raise DidError(f"key {key.hex()} is no point of the curve") from error


def holds(signature: bytes, message: bytes, key: bytes) -> bool:
    """Whether the signature of these very bytes holds, by the rule of this module.

    `key` is one that `check_key` accepts; a signature of any length but 64 bytes
    holds for nothing.
    """
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        nacl.bindings.crypto_sign_open(signature + message, key)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def key_pair(seed: bytes) -> tuple[bytes, bytes]:
    """The public key of a seed of 32 bytes, and what `sign` takes."""
    public, expanded = nacl.bindings.crypto_sign_seed_keypair(seed)
    return public, expanded


def sign(message: bytes, expanded: bytes) -> bytes:
    """The 64 bytes of the signature (RFC 8032, deterministic)."""
    signed: bytes = nacl.bindings.crypto_sign(message, expanded)
    return signed[:SIGNATURE_BYTES]
