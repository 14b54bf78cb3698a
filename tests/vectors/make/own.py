"""The own form, DAG-JSON and CAR: invocation/own.json.

python -m tests.vectors.make.own
"""

from __future__ import annotations

from typing import Any

import dag_cbor

from tests.vectors.make.cases import (
    CODE,
    DATA,
    V0,
    block_cid,
    canonical,
    case,
    invocation,
    native,
    oci,
    raw,
    refused,
    text,
    write,
)

WASI = {"kind": "wasi", "code": CODE}
FUNCTION = {"kind": "wasm-function", "code": CODE, "function": "add"}
IMAGE = {"kind": "oci", "code": oci("9f2c" * 16)}
GVMI = {"kind": "gvmi", "code": oci("d5e3" * 16)}
NIX = {"kind": "nix", "code": raw(b"Derive(..)")}
STORED = {"files": {f"/nix/store/{'1' * 32}-shell": raw(b"a NAR")}}
ARGS: dict[str, Any] = {"args": ["-v"]}
EMPTY = raw(b"")


def own(program: Any, given: Any, **more: Any) -> dict[str, Any]:
    """The document of two blocks."""
    return {"program": program, "input": given, **more}


def varint(number: int) -> bytes:
    """An unsigned varint."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def framed(data: bytes) -> bytes:
    """A length, and what it is the length of."""
    return varint(len(data)) + data


def header(*roots: Any, **more: Any) -> bytes:
    """The header of a CAR."""
    return framed(dag_cbor.encode({"roots": list(roots), "version": 1, **more}))


def section(value: Any) -> bytes:
    """A block under its CID."""
    return framed(bytes(block_cid(value)) + dag_cbor.encode(value))


def key(program: Any, given: Any) -> dict[str, Any]:
    """The invocation's value."""
    return {"program": block_cid(program), "input": block_cid(given)}


def car(program: Any, given: Any) -> bytes:
    """The one CAR of an invocation."""
    whole = key(program, given)
    root = header(invocation(program, given))
    return root + section(whole) + section(given) + section(program)


def same() -> None:
    """What is read is what stands there."""
    everything = {
        "args": ["-v", ""],
        "env": {"LANG": "C", "EMPTY": ""},
        "files": {"/in": CODE, "/in/a.csv": DATA},
        "stdin": DATA,
        "nonce": bytes(range(12)),
    }
    typed = {
        "args": [
            1,
            1.0,
            18446744073709551615,
            None,
            True,
            b"\x00\xff",
            {"b": [CODE], "aa": "text"},
        ]
    }
    awaits = {
        "args": [None, {"x": None}],
        "awaits": [
            {"at": [0], "when": "ok", "invocation": invocation(WASI, {})},
            {"at": [1, "x"], "when": "any", "invocation": invocation(WASI, ARGS)},
        ],
    }
    steps = {
        "steps": [
            {"run": ["a"]},
            {"put": {"/in": DATA}},
            {"run": ["b"]},
        ]
    }
    rich = WASI | {
        "entry": "main",
        "imports": [{"code": DATA, "name": "env"}, {"code": CODE}],
    }
    for name, why, program, given in (
        ("wasi", "the least that can be asked", WASI, {}),
        ("wasi-full", "every field of the kind, bytes as DAG-JSON", WASI, everything),
        ("wasi-entry-and-imports", "a program's own fields", rich, ARGS),
        ("wasi-steps", "several runs, with files between", WASI, steps),
        (
            "code-by-sha3",
            "CIDs of others keep codec and hash",
            {"kind": "wasi", "code": native({"a": 1})},
            ARGS,
        ),
        ("function", "typed values: 1 and 1.0 are two of them", FUNCTION, typed),
        (
            "function-awaits",
            "an await names an invocation by CID; here it need not be known",
            FUNCTION,
            awaits,
        ),
        ("gvmi", "an image of Golem's", GVMI, {"argv": ["date"], "cwd": "/srv"}),
        ("nix", "a build of Nix, which is given paths of its store", NIX, STORED),
    ):
        expected = canonical(program, given, warnings=[])
        case(f"{name}-json", why, own(program, given), expected)
        case(f"{name}-car", f"{why}; as a CAR", car(program, given), expected)
    case(
        "oci",
        "a digest says nothing of its being an index; who claims says the platform",
        own(IMAGE, {"args": ["-u"]}),
        canonical(IMAGE, {"args": ["-u"]}, warnings=["digest-may-be-an-index"]),
    )
    case(
        "json-of-people",
        "white space and the order of keys are free in JSON",
        f'\n{{ "program" : {{"code": {{"/" : "{CODE}"}},\n "kind": "wasi"}},'
        '"input":{ "args" : [ "-v" ] } }\n',
        canonical(WASI, ARGS),
    )
    case(
        "resolution-is-not-used",
        "reading the own form is the identity: no resolution re-keys it",
        own(WASI, ARGS),
        canonical(WASI, ARGS, warnings=["unused-resolution"], also=[]),
        resolutions={f"ipfs:{CODE}": str(DATA)},
    )
    slash = {"args": [{"/": "x", "y": 1}]}
    case(
        "slash-key-car",
        "a map with the key `/` is a value of DAG-CBOR",
        car(FUNCTION, slash),
        canonical(FUNCTION, slash),
    )
    case(
        "slash-key-json",
        "which DAG-JSON cannot say",
        own(FUNCTION, slash),
        refused("/input/args/0"),
    )
    case(
        "network-named",
        "its network is called octostore",
        own(WASI, ARGS),
        canonical(WASI, ARGS),
        network="octostore",
    )
    case(
        "network-of-others",
        "and no other",
        own(WASI, ARGS),
        refused(),
        network="golem",
    )


def not_what_is_written() -> None:
    """Blocks that the encoder would not have written."""
    for name, why, program, given, at in (
        ("entry-default", "an explicit default", {"entry": "_start"}, {}, "/program"),
        ("imports-empty", "an explicit default", {"imports": []}, {}, "/program"),
        ("args-empty", "an explicit default", {}, {"args": []}, "/input"),
        ("env-empty", "an explicit default", {}, {"env": {}}, "/input"),
        ("nonce-empty", "an explicit default", {}, {"nonce": b""}, "/input"),
        ("stdin-empty", "no bytes are no stdin", {}, {"stdin": EMPTY}, "/input"),
        ("stdin-null", "null is no link", {}, {"stdin": None}, "/input"),
        ("program-more", "an unknown field", {"name": "x"}, {}, "/program"),
        ("input-more", "an unknown field", {}, {"timeout": 1}, "/input"),
        ("kind-unknown", "no kind of program", {"kind": "docker"}, {}, "/program"),
        ("path-unclean", "one spelling of a path", {}, {"files": {"/a/": CODE}}, None),
        ("path-relative", "a guest path is absolute", {}, {"files": {"a": CODE}}, None),
        ("code-text", "a CID in a string is no link", {"code": str(CODE)}, {}, None),
        ("float-in-program", "no floats there", {"entry": 1.0}, {}, "/program"),
        (
            "await-of-a-value",
            "an awaited place holds null",
            {},
            {
                "args": ["x"],
                "awaits": [{"at": [0], "when": "ok", "invocation": DATA}],
            },
            "/input",
        ),
    ):
        where = at or ("/program" if program else "/input")
        document = own(WASI | program, ARGS | given)
        case(f"{name}-json", why, document, refused(where))
        case(f"{name}-car", f"{why}; as a CAR", car(*document.values()), refused(where))
    case(
        "argv-of-wasi",
        "a field of another kind",
        own(WASI, {"argv": ["a"]}),
        refused(),
    )
    case(
        "env-of-nix",
        "its environment stands in the derivation",
        own(NIX, {"env": {"A": "1"}}),
        refused(),
    )
    case(
        "typed-args-of-wasi",
        "a command's arguments are strings",
        own(WASI, {"args": [1]}),
        refused(),
    )
    plain = text(own(WASI, {"nonce": b"\x00"}))
    for name, why, old, new, at in (
        ("cidv0", "blocks have one spelling of a link", CODE, V0, "/program/code"),
        ("cid-upper-case", "likewise", CODE, str(CODE).upper(), "/program/code"),
        (
            "bytes-padded",
            "bytes are base64 without padding",
            '"AA"',
            '"AA=="',
            "/input/nonce/~1/bytes",
        ),
    ):
        case(name, why, plain.replace(str(old), new), refused(at))
    case(
        "links-alone",
        "the invocation's block names program and input, and is neither",
        own(block_cid(WASI), block_cid(ARGS)),
        refused("/program"),
    )
    case(
        "a-field-more",
        "program and input, nothing else",
        own(WASI, ARGS, invocation=invocation(WASI, ARGS)),
        refused("/invocation"),
    )
    case(
        "yaml",
        "the own form is JSON or a CAR",
        f'program: {{kind: wasi, code: {{"/": "{CODE}"}}}}\ninput: {{}}\n',
        refused(),
    )
    case(
        "dag-cbor",
        "one map of both is no block of ours",
        dag_cbor.encode(own(WASI, ARGS)),
        refused(),
    )


def cars() -> None:
    """CARs that are not the one of their invocation."""
    whole, root = key(WASI, ARGS), invocation(WASI, ARGS)
    good = car(WASI, ARGS)
    parts = [header(root), section(whole), section(ARGS), section(WASI)]
    long = bytes((parts[2][0] | 0x80, 0)) + parts[2][1:]
    sha3 = framed(bytes(native(ARGS)) + dag_cbor.encode(ARGS))
    flipped = bytearray(good)
    flipped[-1] ^= 1
    for name, why, data in (
        ("program-first", "the order is that of a walk from the root",
         parts[0] + parts[1] + parts[3] + parts[2]),
        ("root-last", "the root comes first",
         parts[0] + parts[2] + parts[3] + parts[1]),
        ("root-is-the-program", "the root is the invocation",
         header(block_cid(WASI)) + b"".join(parts[1:])),
        ("two-roots", "one root", header(root, root) + b"".join(parts[1:])),
        ("no-roots", "one root", header() + b"".join(parts[1:])),
        ("version-2", "version 1",
         header(root, version=2) + b"".join(parts[1:])),
        ("header-alone", "no blocks", parts[0]),
        ("without-the-program", "a block is missing", b"".join(parts[:3])),
        ("a-block-twice", "a block more", good + parts[3]),
        ("a-block-more", "a block that is no part", good + section({"a": 1})),
        ("trailing-byte", "a length, and nothing after it", good + b"\x05"),
        ("trailing-zero", "an empty frame is a frame", good + b"\x00"),
        ("truncated", "breaks off", good[:-1]),
        ("flipped", "a block is not what its CID says", bytes(flipped)),
        ("length-with-spare-bytes", "one spelling of a length",
         parts[0] + parts[1] + long + parts[3]),
        ("input-by-sha3", "our blocks are hashed by sha2-256",
         parts[0] + parts[1] + sha3 + parts[3]),
    ):  # fmt: skip
        case(f"car-{name}", why, data, refused())
    case(
        "car-of-a-program-twice",
        "what stands for the input is a program",
        header(invocation(WASI, WASI)) + section(key(WASI, WASI)) + parts[3] * 2,
        refused("/input"),
    )


def write_own() -> None:
    """All of them."""
    same()
    not_what_is_written()
    cars()
    write("own.json")


if __name__ == "__main__":
    write_own()
