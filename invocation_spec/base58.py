"""Base58btc, in which did:keys, CIDv0 and many a CIDv1 are written.

    12 20 <32 bytes>  ->  QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWp9yZp

Bytes that begin with zero, which base58btc spells as leading ones, are left out:
no codec here begins so. Source: the multibase specification; draft-msporny-base58.
"""

from __future__ import annotations

from typing import Final

__all__ = ["from_base58", "to_base58"]

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {character: value for value, character in enumerate(_BASE58)}


def to_base58(raw: bytes) -> str:
    """Base58btc of bytes that do not begin with zero, as no codec here does."""
    value = int.from_bytes(raw, "big")
    out = []
    while value:
        value, digit = divmod(value, 58)
        out.append(_BASE58[digit])
    return "".join(reversed(out))


def from_base58(text: str) -> bytes:
    """The bytes that base58btc writes so; leading zeros, which none here has, aside."""
    value = 0
    for character in text:
        value = value * 58 + _DIGITS[character]
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
