"""did:key texts, public keys, and signatures that libraries disagree on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from multiformats import multibase

from tests.vectors.make.curve import (
    BASE,
    IDENTITY,
    ORDER_8,
    L,
    P,
    add,
    challenge,
    packed,
    public,
    scalar_of,
    signature,
    times,
)
from tests.vectors.make.rows import KEY, ME, OTHER_SEED, SEED, Row, did


def did_keys() -> Iterable[Row]:
    """did:key texts, public keys, and signatures."""
    yield from _dids()
    yield from _points()
    yield from _signatures()


def _dids() -> Iterable[Row]:
    for name, seed in (("seed 00..1f", SEED), ("seed of zeros", OTHER_SEED)):
        yield {
            "name": name,
            "why": "ed25519-pub (ed01) and 32 bytes, base58btc",
            "kind": "did",
            "did": did(public(seed)),
            "valid": True,
            "seed": seed.hex(),
            "public_key": public(seed).hex(),
        }
    cut, x25519 = ME[:-1], did(KEY, b"\xec\x01")
    base64url = "did:key:" + multibase.get("base64url").encode(b"\xed\x01" + KEY)
    for name, why, text in (
        ("another key type", "x25519-pub (ec01) signs nothing", x25519),
        ("another base", "one spelling: base58btc only", base64url),
        ("with a fragment", "a DID URL names a part of a document", f"{ME}#key"),
        ("one character less", "33 bytes", cut),
        ("one character more", "35 bytes", ME + "1"),
        ("a character outside base58", "0 is no digit of base58btc", cut + "0"),
        ("upper case method", "the method is lower case", ME.replace("key", "KEY")),
        ("a space after", "nothing is trimmed", ME + " "),
        ("another method", "did:web needs a network to resolve", "did:web:x.org"),
        ("empty", "no DID", ""),
        ("31 bytes", "shorter than a key", did(KEY[:31])),
        ("33 bytes", "longer than a key", did(KEY + b"\0")),
        ("small order", "the identity is no key", did(packed(IDENTITY))),
    ):
        yield {"name": name, "why": why, "kind": "did", "did": text, "valid": False}


def _points() -> Iterable[Row]:
    mixed = packed(add(times(5, BASE), ORDER_8))
    for name, why, raw, holds in (
        ("a point of mixed order", "only small order is refused", mixed, True),
        ("y = p", "not canonical: 0 is written so", P.to_bytes(32, "little"), False),
        ("y = p + 3", "not canonical: 3", (P + 3).to_bytes(32, "little"), False),
        (
            "y = 2^255 - 1",
            "not canonical: 18",
            (2**255 - 1).to_bytes(32, "little"),
            False,
        ),
        ("y = 2", "no point has y = 2", (2).to_bytes(32, "little"), False),
        ("31 bytes of a key", "too short", KEY[:31], False),
        ("33 bytes of a key", "too long", KEY + b"\0", False),
    ):
        yield {
            "name": name,
            "why": why,
            "kind": "key",
            "public_key": raw.hex(),
            "valid": holds,
        }
    for times_8 in range(8):
        raw = packed(times(times_8, ORDER_8))
        for sign in (0, 0x80):
            bent = raw[:31] + bytes([raw[31] ^ sign])
            yield {
                "name": f"small order, multiple {times_8}, sign bit {sign >> 7}",
                "why": "any message would verify",
                "kind": "key",
                "public_key": bent.hex(),
                "valid": False,
            }


def _signatures() -> Iterable[Row]:
    message = b"octostore"
    good = signature(SEED, message)
    s = int.from_bytes(good[32:], "little")
    bent = bytearray(good)
    bent[0] ^= 1
    rows: list[tuple[str, str, bytes, bytes, bytes, bool]] = [
        ("honest", "RFC 8032", KEY, message, good, True),
        ("empty message", "RFC 8032", KEY, b"", signature(SEED, b""), True),
        ("one bit of R flipped", "another R", KEY, message, bytes(bent), False),
        ("another message", "one byte more", KEY, message + b"\0", good, False),
        ("another key", "of seed zero", public(OTHER_SEED), message, good, False),
        (
            "S + L",
            "S is below L, or one statement would have two signatures",
            KEY,
            message,
            good[:32] + (s + L).to_bytes(32, "little"),
            False,
        ),
        ("63 bytes", "cut", KEY, message, good[:63], False),
        ("65 bytes", "a byte more", KEY, message, good + b"\0", False),
    ]
    rows += _crafted()
    for name, why, key, text, made, holds in rows:
        yield {
            "name": f"signature: {name}",
            "why": why,
            "kind": "signature",
            "public_key": key.hex(),
            "message": text.hex(),
            "signature": made.hex(),
            "valid": holds,
        }


def _crafted() -> Iterable[tuple[str, str, bytes, bytes, bytes, bool]]:
    """Signatures that libraries disagree on."""
    scalar, nonce = scalar_of(SEED)[0], 7
    mixed = packed(add(times(scalar, BASE), ORDER_8))
    r = packed(times(nonce, BASE))

    def made(key: bytes, r: bytes, nonce: int, text: bytes) -> bytes:
        s = (nonce + challenge(r, key, text) * scalar) % L
        return r + s.to_bytes(32, "little")

    def message(fits: Callable[[int], bool]) -> bytes:
        texts = (f"message {i}".encode() for i in range(1000))
        return next(text for text in texts if fits(challenge(r, mixed, text) % 8))

    whole, part = message(lambda k: k == 0), message(lambda k: k == 1)
    yield (
        "key of mixed order, without cofactor",
        "k is a multiple of 8, so the torsion vanishes: SB = R + kA holds",
        *(mixed, whole, made(mixed, r, nonce, whole), True),
    )
    yield (
        "key of mixed order, with cofactor only",
        "8SB = 8R + 8kA holds and SB = R + kA does not: libraries differ, we refuse",
        *(mixed, part, made(mixed, r, nonce, part), False),
    )
    yield (
        "R of small order",
        "SB = R + kA holds with R the identity, but R has small order",
        *(KEY, b"r", made(KEY, packed(IDENTITY), 0, b"r"), False),
    )
    bent_r = (P + 1).to_bytes(32, "little")
    yield (
        "R not canonical",
        "the identity written as y = p + 1",
        *(KEY, b"r", made(KEY, bent_r, 0, b"r"), False),
    )
