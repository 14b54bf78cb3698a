"""Receipts of Homestar: what they are named by, and what they say came out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import dag_cbor

from tests.octostore import homestar_world as world
from tests.vectors.make.rows import Row, cid_of

_TASK = world.task(world.run("add_one", 1))
_SPEC = "out is a map in the specification, a pair in Homestar"


def _raw(data: bytes) -> str:
    return str(cid_of(data, "raw"))


def _said(value: Any, name: str, output: str) -> Row:
    return {
        "valid": True,
        "ran": world.ran_cid(_TASK),
        "receipt": world.sha3_cid(value),
        "outputs": {name: output},
    }


def receipts() -> Iterable[Row]:
    """Receipts, each with the task that it is of."""
    two = str(cid_of(dag_cbor.encode(2)))
    bare = world.receipt(_TASK, ["ok", 2])
    own = world.ipld(world.link(world.sha3_cid(bare)))
    instruction = world.ipld(world.link(world.instruction_cid(_TASK)))
    envelopes: dict[str, tuple[str, Any]] = {
        "bare": ("what its CID is of", bare),
        "stored": (
            "as the node has it",
            {**bare, "cid": own, "instruction": instruction, "version": "0.2.0"},
        ),
        "capsule": (
            "as peers are sent it",
            {"ipvm/receipt": {**bare, "version": "0.2.0"}},
        ),
        "notice": (
            "as subscribers are sent it",
            {"receipt": bare, "receipt_cid": own, "metadata": None},
        ),
        "no iss": (
            "absent is null",
            {key: item for key, item in bare.items() if key != "iss"},
        ),
    }
    for name, (why, value) in envelopes.items():
        yield _row(name, why, value) | _said(bare, "value", two)
        yield _row(name, why, value, cbor=True) | _said(bare, "value", two)
    outs: tuple[tuple[str, str, Any, str, Any], ...] = (
        ("bytes", "raw, so that a file agrees", ["ok", b"\x89PNG"], "value", None),
        ("no bytes", "raw too", ["ok", b""], "value", None),
        ("a map", _SPEC, {"ok": 2}, "value", 2),
        ("just", "a value by itself", ["just", 2], "value", 2),
        ("null", "one byte of DAG-CBOR", ["ok", None], "value", None),
        ("a float", "another value than 2", ["ok", 2.0], "value", 2.0),
        ("a pair", "the inner one is data", ["ok", ["ok", 2]], "value", ["ok", 2]),
        ("an error", "the one output", ["error", "no"], "error", "no"),
        ("an error in a map", _SPEC, {"error": {"a": 1}}, "error", {"a": 1}),
    )
    for name, why, out, output, inside in outs:
        value = world.receipt(_TASK, out)
        inner = out[1] if isinstance(out, list) else None
        cid = (
            _raw(inner)
            if isinstance(inner, bytes)
            else str(cid_of(dag_cbor.encode(inside)))
        )
        yield _row(name, why, value, cbor=True) | _said(value, output, cid)
    issued = world.receipt(_TASK, ["ok", 2], "did:key:z6MkNode")
    yield _row("issued", "iss is in the CID", issued) | _said(issued, "value", two)

    other = world.ipld(world.link(world.sha3_cid(issued)))
    for name, why, bad in (
        ("empty map", "ran is needed", {}),
        ("no out", "out is needed", _without(bare, "out")),
        ("no meta", "null is written", _without(bare, "meta")),
        ("no prf", "an empty list is written", _without(bare, "prf")),
        ("ran as text", "a link is a link", {**bare, "ran": world.ran_cid(_TASK)}),
        ("two tags", "which one?", {**bare, "out": {"ok": 1, "error": 2}}),
        ("three in a pair", "which one?", {**bare, "out": ["ok", 1, 2]}),
        ("a tag in capitals", "nobody writes it", {**bare, "out": ["OK", 1]}),
        ("iss a number", "a DID or null", {**bare, "iss": 1}),
        ("a field more", "in no CID of Homestar's", {**bare, "fx": {}}),
        ("version 0.1.0", "another layout", {**bare, "version": "0.1.0"}),
        ("capsule without version", "peers refuse it", {"ipvm/receipt": bare}),
        ("another cid", "not what was stored", {**bare, "cid": other}),
        ("another receipt_cid", "the same", {"receipt": bare, "receipt_cid": other}),
    ):
        yield _row(name, why, bad, cbor=True) | {"valid": False}
    whole = dag_cbor.encode(bare)
    for name, why, data in (
        ("cut off", "a byte less", whole[:-1]),
        ("trailing byte", "a byte more", whole + b"\0"),
        ("not DAG-CBOR", "an infinity", b"\xa1cout\x82bok\xfb\x7f\xf0\0\0\0\0\0\0"),
    ):
        yield _document(name, why, data) | {"valid": False}


def _without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != name}


def _row(name: str, why: str, value: Any, *, cbor: bool = False) -> Row:
    if cbor:
        return _document(f"{name}, DAG-CBOR", why, dag_cbor.encode(value))
    document = json.dumps(world.dag_json(value), sort_keys=True)
    return _task({"name": name, "why": why, "document": document})


def _document(name: str, why: str, data: bytes) -> Row:
    return _task({"name": name, "why": why, "document_hex": data.hex()})


def _task(row: Row) -> Row:
    return {**row, "workflow": world.workflow(_TASK).decode()}
