"""Results, and how two CIDs of one output compare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dag_cbor

from tests.vectors.make.rows import (
    FILE,
    FILE_2,
    FILE_SHA3,
    RESULT,
    UNIXFS,
    Row,
    cid_of,
    invalid,
    valid,
)


def results() -> Iterable[Row]:
    """Results, and how single outputs compare."""
    files = {"/outputs/a.csv": FILE, "/outputs/b.csv": FILE_2}
    yield valid("files", "the usual result", {"outputs": files})
    whole: Row = {"outputs": {**files, "stdout": FILE}, "exit": 0}
    yield valid("files, stdout and exit", "every field", whole)
    yield valid("exit only", "nothing was collected", {"outputs": {}, "exit": 3})
    yield valid("widest exit", "WASI: 32 bits", {"outputs": {}, "exit": 2**32 - 1})
    yield valid("a value", "a typed function", {"outputs": {"value": RESULT}})
    yield valid("an error", "of a typed function", {"outputs": {"error": RESULT}})
    unopened = {"outputs": {"": UNIXFS, "stdout": FILE}}
    yield valid("a tree nobody opened", "with what it printed", unopened)
    near = {"outputs": {"/a": FILE, "/a.b": FILE, "/a b": FILE, "/ab/c": FILE}}
    yield valid("names that begin alike", "none is a path prefix", near)
    dotted = {"outputs": {"/..a": FILE, "/.b": FILE}}
    yield valid("names that begin with dots", "files, not steps", dotted)

    def no(name: str, why: str, value: Any, error: str = "result") -> Row:
        return invalid(name, why, value, error)

    yield no("nothing", "it says nothing", {"outputs": {}})
    yield no("no outputs", "the field is always there", {"exit": 0})
    yield no("unknown field", "closed", {"outputs": files, "x": 1})
    yield no("a type", "a result is no record", {"outputs": files, "type": "result"})
    yield no("null exit", "left out when unknown", {"outputs": files, "exit": None})
    yield no("exit -1", "the network's word for unknown", {"outputs": {}, "exit": -1})
    yield no("exit 2^32", "too wide", {"outputs": {}, "exit": 2**32})
    yield no("exit true", "a boolean is no integer", {"outputs": {}, "exit": True})
    yield no("exit 0.0", "no floats", {"outputs": {}, "exit": 0.0}, "encoding")
    yield no("a list", "outputs is a map", {"outputs": [FILE]})
    yield no("not a map", "a result is a map", [files])
    yield no("CID as text", "a link is a link", {"outputs": {"/a": str(FILE)}})
    for name, why in (
        ("a", "relative"),
        ("/", "the root is no file"),
        ("/a/", "ends in a slash"),
        ("//a", "two slashes"),
        ("/a/./b", "not clean"),
        ("/a/../b", "not clean"),
        ("/a\0", "NUL"),
        ("stderr", "never an output"),
        ("exit", "a field, no output"),
        ("Stdout", "lower case"),
        ("/" + "x" * 4096, "longer than PATH_MAX"),
    ):
        yield no(f"name {name[:8]!r}", why, {"outputs": {name: FILE}})
    below = {"outputs": {"/a": FILE, "/a.b": FILE, "/a/b": FILE}}
    yield no("a file below a file", "/a cannot be both", below)
    both = {"outputs": {"": UNIXFS, "/a": FILE}}
    yield no("a file of the unopened tree", '"" is the tree it is in', both)
    mixed = {"outputs": {"error": RESULT, "value": RESULT}}
    yield no("error and value", "a function gives one", mixed)
    typed: Row = {"outputs": {"value": RESULT}, "exit": 0}
    yield no("value and exit", "a function has no exit status", typed)
    yield no("trailing byte", "one block", dag_cbor.encode(whole) + b"\0", "encoding")
    a, b = b"\x62/a" + dag_cbor.encode(FILE), b"\x62/b" + dag_cbor.encode(FILE)
    head = b"\xa1\x67outputs\xa2"
    assert head + a + b == dag_cbor.encode({"outputs": {"/a": FILE, "/b": FILE}})
    yield no("keys out of order", "shorter first, then bytes", head + b + a, "encoding")
    yield no("a key twice", "maps have unique keys", head + a + a, "encoding")


def comparisons() -> Iterable[Row]:
    """Two CIDs of one output name."""
    cbor, cbor_2 = cid_of(b"x"), cid_of(b"y")
    for name, a, b, agreement in (
        ("equal raw", FILE, FILE, "agree"),
        ("equal dag-pb", UNIXFS, UNIXFS, "agree"),
        ("raw, one hash function, two digests", FILE, FILE_2, "conflict"),
        ("dag-cbor, one hash function, two digests", cbor, cbor_2, "conflict"),
        ("raw, two hash functions", FILE, FILE_SHA3, "incomparable"),
        ("raw and dag-cbor", FILE, cbor, "incomparable"),
        ("raw and dag-pb", FILE, UNIXFS, "incomparable"),
        (
            "dag-pb, two digests",
            UNIXFS,
            cid_of(b"unixfs 2", "dag-pb"),
            "incomparable",
        ),
    ):
        yield {
            "name": f"compare: {name}",
            "why": "FORMATS 5: unequal digests prove unequal bytes only of flat codecs",
            "a": str(a),
            "b": str(b),
            "agreement": agreement,
        }
