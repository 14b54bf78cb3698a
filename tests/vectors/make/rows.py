"""What all vectors are made of: keys, CIDs, and rows that hold or do not."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import dag_cbor
from multiformats import CID, multibase

from tests.vectors.make.curve import public


def did(key: bytes, codec: bytes = b"\xed\x01") -> str:
    """The did:key of a public key."""
    return "did:key:" + multibase.get("base58btc").encode(codec + key)


def cid_of(block: bytes, codec: str = "dag-cbor") -> CID:
    """CIDv1, sha2-256."""
    return CID("base32", 1, codec, ("sha2-256", hashlib.sha256(block).digest()))


def as_json(value: Any) -> Any:
    """DAG-JSON, for people to read beside the bytes."""
    if isinstance(value, CID):
        return {"/": str(value)}
    if isinstance(value, bytes):
        return {"/": {"bytes": base64.b64encode(value).decode().rstrip("=")}}
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value


SEED = bytes(range(32))
OTHER_SEED = bytes(32)
KEY = public(SEED)
ME = did(KEY)
OTHER = did(public(OTHER_SEED))

INVOCATION = cid_of(b"invocation")
RESULT = cid_of(b"result")
FILE = cid_of(b"file", "raw")
FILE_2 = cid_of(b"file 2", "raw")
FILE_SHA3 = CID("base32", 1, "raw", ("sha3-256", hashlib.sha3_256(b"file").digest()))
UNIXFS = cid_of(b"unixfs", "dag-pb")
LOW, HIGH = sorted((FILE, UNIXFS), key=bytes)
A, B = sorted((cid_of(b"a"), cid_of(b"b")), key=bytes)

Row = dict[str, Any]


def valid(name: str, why: str, value: Any) -> Row:
    """A value that is accepted, with its block and CID."""
    block = dag_cbor.encode(value)
    return {
        "name": name,
        "why": why,
        "valid": True,
        "block": block.hex(),
        "cid": str(cid_of(block)),
        "value": as_json(value),
    }


def invalid(name: str, why: str, value: Any, error: str) -> Row:
    """A value, or bytes, that are refused with the error of this code."""
    block = value if isinstance(value, bytes) else dag_cbor.encode(value)
    return {
        "name": name,
        "why": why,
        "valid": False,
        "block": block.hex(),
        "error": error,
    }


def changed(base: Row, **fields: Any) -> Row:
    """`base` with fields set, or left out where the value is `...`."""
    return {k: v for k, v in {**base, **fields}.items() if v is not ...}
