"""CARs: roots, blocks, frames that break, blocks that cannot be taken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import dag_cbor

from tests.vectors.make.rows import UNIXFS, Row, cid_of


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _section(cid: bytes, data: bytes) -> bytes:
    return _varint(len(cid) + len(data)) + cid + data


def _header(value: Any) -> bytes:
    block = dag_cbor.encode(value)
    return _varint(len(block)) + block


def cars() -> Iterable[Row]:
    """CARs: roots, blocks, and what cannot be taken."""
    one, two = b"one", dag_cbor.encode({"two": 2})
    c1, c2 = cid_of(one, "raw"), cid_of(two)
    header = _header({"roots": [c2], "version": 1})
    s1, s2 = _section(bytes(c1), one), _section(bytes(c2), two)
    v0 = bytes(UNIXFS)[2:]
    identity = b"\x01\x55\x00\x03one"
    sha1 = b"\x01\x55\x11\x14" + hashlib.sha1(one, usedforsecurity=False).digest()

    def good(name: str, why: str, car: bytes, blocks: list[Any], *damaged: str) -> Row:
        return {
            "name": name,
            "why": why,
            "valid": True,
            "car": car.hex(),
            "roots": [str(c2)],
            "blocks": [str(cid) for cid in blocks],
            "damaged": list(damaged),
        }

    yield good("two blocks", "in the order of the file", header + s2 + s1, [c2, c1])
    yield good("a block twice", "allowed", header + s2 + s2, [c2, c2])
    yield good("root absent", "the reader decides", header + s1, [c1])
    yield good("no block", "the reader decides", header, [])
    empty = cid_of(b"", "raw")
    yield good(
        "a block of no bytes",
        "a file may be empty",
        header + _section(bytes(empty), b""),
        [empty],
    )
    old = header + _section(v0, b"unixfs")
    yield good("CIDv0", "read as CIDv1 dag-pb", old, [UNIXFS])
    inline = header + _section(identity, one)
    yield good("identity CID of raw bytes", "re-hashed to sha2-256", inline, [c1])
    bent = header + _section(bytes(c1), b"onf") + s2
    yield good("bytes of another CID", "reading goes on", bent, [c2], "block-mismatch")
    weak = header + _section(sha1, one) + s2
    yield good("SHA-1", "not collision resistant", weak, [c2], "not-a-cid")

    def bad(name: str, why: str, car: bytes) -> Row:
        return {"name": name, "why": why, "valid": False, "car": car.hex()}

    yield bad("empty", "no header", b"")
    yield bad("zero header", "a header has bytes", b"\0" + s2)
    v2 = bytes.fromhex("0aa16776657273696f6e02") + bytes(40)
    yield bad("CAR v2", "the pragma of version 2", v2)
    yield bad("version 3", "1", _header({"roots": [c2], "version": 3}))
    yield bad("version true", "1", _header({"roots": [c2], "version": True}))
    yield bad("no roots", "one or more", _header({"roots": [], "version": 1}))
    yield bad("roots left out", "always there", _header({"version": 1}))
    yield bad("root as text", "links", _header({"roots": [str(c2)], "version": 1}))
    more = {"roots": [c2], "version": 1, "x": 0}
    yield bad("header with another field", "closed", _header(more))
    yield bad("header is a list", "a map", _header([c2]))
    yield bad("header too long", "past the limit", b"\x81\x80\x40" + bytes(2))
    yield bad("length with spare bytes", "minimal", header + b"\xa7\x00")
    yield bad("length of ten bytes", "nine", header + b"\xff" * 9 + b"\x01")
    yield bad("zero section", "no CID", header + b"\0")
    yield bad("breaks off in a length", "truncated", header + b"\x80")
    yield bad("breaks off in a CID", "truncated", header + s2[:20])
    yield bad("breaks off in a block", "truncated", header + s2[:-1])
    yield bad("breaks off in the header", "truncated", header[:-1])
    yield bad("trailing byte", "a length without a section", header + s2 + b"\x01")
    yield bad(
        "section shorter than its CID", "no CID", header + b"\x05" + bytes(c1)[:5]
    )
    yield bad("CIDv2", "version 1", header + _section(b"\x02" + bytes(c1)[1:], one))
