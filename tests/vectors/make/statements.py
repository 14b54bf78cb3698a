"""Envelopes: their bytes, their names, and what refuses them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dag_cbor

from tests.vectors.make.curve import L, signature
from tests.vectors.make.rows import (
    FILE,
    KEY,
    ME,
    OTHER_SEED,
    SEED,
    A,
    B,
    Row,
    changed,
    cid_of,
    invalid,
)

TAG = "octostore/statement@1"
HEADER = bytes.fromhex("3401ed01ed011371")
PART: Row = {
    "iss": ME,
    "chain": bytes(range(16)),
    "seq": 0,
    "prev": None,
    "iat": 1669000000,
    "records": [A],
}


def _element(part: Any, header: Any = HEADER, tag: str = TAG) -> bytes:
    return dag_cbor.encode({"h": header, tag: part})


def _envelope(signed: bytes, seed: bytes = SEED) -> bytes:
    return b"\x82\x58\x40" + signature(seed, signed) + signed


def statements() -> Iterable[Row]:
    """Envelopes: their bytes, names, and what refuses them."""
    first = _element(PART)
    next_part = {**PART, "seq": 1, "prev": cid_of(first), "records": [B, A]}
    limit = {**PART, "seq": 2**53 - 1, "prev": A, "iat": 0}
    for name, why, signed in (
        ("the first of a chain", "seq 0, prev null", first),
        ("the second of a chain", "records in any order", _element(next_part)),
        ("the last of a chain", "seq 2^53 - 1", _element(limit)),
    ):
        envelope = _envelope(signed)
        yield {
            "name": name,
            "why": why,
            "valid": True,
            "block": envelope.hex(),
            "cid": str(cid_of(signed)),
            "envelope_cid": str(cid_of(envelope)),
            "signed": signed.hex(),
        }
    yield from _bad_signatures(first)
    yield from _bad_envelopes(first)
    yield from _bad_parts()


def _bad_signatures(signed: bytes) -> Iterable[Row]:
    good = _envelope(signed)
    s = int.from_bytes(good[35:67], "little")
    flipped = good[:3] + bytes([good[3] ^ 1]) + good[4:]
    above = good[:35] + (s + L).to_bytes(32, "little") + signed
    later = _element({**PART, "iat": PART["iat"] + 1})
    for name, why, block in (
        ("one bit of the signature flipped", "it does not hold", flipped),
        ("S + L", "no second signature for one statement", above),
        ("signed by another key", "iss says who", _envelope(signed, OTHER_SEED)),
        ("signature of another statement", "iat differs by 1", good[:67] + later),
        ("zero signature", "R = y 0 has small order", good[:3] + bytes(64) + signed),
    ):
        yield invalid(name, why, block, "signature")


def _bad_envelopes(signed: bytes) -> Iterable[Row]:
    good = _envelope(signed)
    shorter = b"\x82\x58\x3f" + good[3:66] + signed
    for name, why, block, error in (
        ("empty", "no bytes", b"", "statement"),
        ("element 1 alone", "no envelope", signed, "statement"),
        ("three elements", "two", b"\x83" + good[1:] + b"\xf6", "statement"),
        ("signature of 63 bytes", "64", shorter, "statement"),
        ("length not minimal", "58 40", b"\x82\x59\x00\x40" + good[3:], "statement"),
        ("signature only", "nothing is signed", good[:67], "statement"),
        ("trailing byte", "one block", good + b"\0", "encoding"),
        ("cut", "breaks off", good[:-1], "encoding"),
        (
            "indefinite map",
            "one encoding",
            good[:67] + b"\xbf" + good[68:] + b"\xff",
            "encoding",
        ),
    ):
        yield invalid(name, why, block, error)
    for name, why, element in (
        ("varsig without payload codec", "h", _element(PART, HEADER[:7])),
        ("varsig of dag-json", "a902", _element(PART, HEADER[:7] + b"\xa9\x02")),
        (
            "varsig of ES256",
            "Ed25519 now",
            _element(PART, b"\x34\x01\xec\x01\x80\x24\x12\x71"),
        ),
        ("varsig as text", "bytes", _element(PART, HEADER.hex())),
        (
            "tag of version 2",
            "another format",
            _element(PART, tag="octostore/statement@2"),
        ),
        ("tag of UCAN", "domain separation", _element(PART, tag="ucan/inv@1.0.0")),
        (
            "a third entry",
            "h and the tag",
            dag_cbor.encode({"h": HEADER, TAG: PART, "x": 0}),
        ),
        ("no header", "h and the tag", dag_cbor.encode({TAG: PART})),
        ("a list", "a map", dag_cbor.encode([HEADER, PART])),
    ):
        yield invalid(name, why, _envelope(element), "statement")


def _bad_parts() -> Iterable[Row]:
    rows: list[tuple[str, str, dict[str, Any], str]] = [
        (f"no {name}", "six fields", {name: ...}, "statement") for name in PART
    ]
    rows += [
        ("unknown field", "closed", {"exp": None}, "statement"),
        ("iss of another method", "did:key", {"iss": "did:web:x.org"}, "statement"),
        ("iss as bytes", "text", {"iss": KEY}, "statement"),
        ("chain of 15 bytes", "16", {"chain": bytes(15)}, "statement"),
        ("chain of 17 bytes", "16", {"chain": bytes(17)}, "statement"),
        ("seq -1", "counts from 0", {"seq": -1, "prev": A}, "statement"),
        ("seq 2^53", "JSON keeps less", {"seq": 2**53, "prev": A}, "statement"),
        ("seq true", "an integer", {"seq": True, "prev": A}, "statement"),
        ("seq 0 with prev", "a chain starts with null", {"prev": A}, "chain"),
        ("seq 1 without prev", "a chain goes on", {"seq": 1}, "chain"),
        ("prev raw", "statements are ours", {"seq": 1, "prev": FILE}, "statement"),
        ("prev as text", "a link", {"seq": 1, "prev": str(A)}, "statement"),
        ("iat -1", "Unix seconds", {"iat": -1}, "statement"),
        ("iat 2^53", "JSON keeps less", {"iat": 2**53}, "statement"),
        ("iat null", "always said", {"iat": None}, "statement"),
        ("iat float", "no floats", {"iat": 1.5}, "encoding"),
        ("no record", "one or more", {"records": []}, "statement"),
        ("a record twice", "each once", {"records": [A, A]}, "statement"),
        ("a raw record", "records are ours", {"records": [FILE]}, "statement"),
        (
            "a record inline",
            "links",
            {"records": [{"type": "membership", "of": ME}]},
            "statement",
        ),
        ("records as a map", "a list", {"records": {"0": A}}, "statement"),
    ]
    for name, why, fields, error in rows:
        signed = _element(changed(PART, **fields))
        yield invalid(f"part: {name}", why, _envelope(signed), error)
