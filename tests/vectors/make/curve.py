"""Ed25519 in affine arithmetic: slow, short, and nobody's library (RFC 8032)."""

from __future__ import annotations

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    """The sum of two points (RFC 8032, 5.1.4, affine)."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


def times(scalar: int, point: Point) -> Point:
    """`scalar` times `point`."""
    total = IDENTITY
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def at_height(y: int) -> Point:
    """The point with this y and even x."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        raise ValueError(f"no point has y = {y}")
    return (x if x % 2 == 0 else P - x), y


def packed(point: Point) -> bytes:
    """The 32 bytes of a point."""
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = at_height(4 * pow(5, -1, P) % P)
ORDER_8 = at_height(0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826)


def scalar_of(seed: bytes) -> tuple[int, bytes]:
    """The secret scalar and the prefix of a seed."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ~7 & (1 << 254) - 1 | 1 << 254
    return scalar, digest[32:]


def challenge(*parts: bytes) -> int:
    """The k of the verification equation."""
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def public(seed: bytes) -> bytes:
    """The public key of a seed."""
    return packed(times(scalar_of(seed)[0], BASE))


def signature(seed: bytes, message: bytes, *, salt: bytes = b"") -> bytes:
    """RFC 8032, Ed25519; with a salt, another signature that holds as well."""
    scalar, prefix = scalar_of(seed)
    nonce = challenge(salt + prefix, message)
    r = packed(times(nonce, BASE))
    s = (nonce + challenge(r, public(seed), message) * scalar) % L
    return r + s.to_bytes(32, "little")
