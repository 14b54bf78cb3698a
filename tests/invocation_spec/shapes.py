"""Documents that grow: the shapes in which reading one might take long.

Each makes a document of about `size` bytes. What is many, deep or long in it is what
a canonicaliser walks, looks up, joins or repeats.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

__all__ = ["SHAPES"]

_CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
_CIDV0 = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWp9yZp"
_URL = "ipfs://" + _CID
_IMAGE = "ubuntu@sha256:" + 64 * "0"
_PACKAGE = {"golem.srv.comp.task_package": f"hash:sha3:{56 * 'a'}:http://x/y"}


def _call(*args: object) -> dict[str, object]:
    """A Homestar instruction."""
    return {"rsc": _URL, "op": "wasm/run", "input": {"func": "f", "args": args}}


def _below_long_key(size: int, item: object, item_bytes: int) -> dict[str, object]:
    """Half the bytes in one key, the others in values below it."""
    return _call({"k" * (size // 2): [item] * (size // 2 // item_bytes)})


def _job(**task: object) -> dict[str, object]:
    engine = {"Type": "docker", "Params": {"Image": _IMAGE, "Entrypoint": ["a"]}}
    return {"Tasks": [{"Engine": engine, "Network": {"Type": "None"}, **task}]}


def _mount(path: str) -> dict[str, object]:
    return {"Target": path, "Source": {"Type": "ipfs", "Params": {"CID": _CID}}}


def _modules(size: int) -> dict[str, object]:
    paths = [f"/m/{index}" for index in range(size // 110)]
    params = {"EntryModule": "/m/0", "ImportModules": paths}
    engine = {"Type": "wasm", "Params": params}
    return {"Tasks": [{"Engine": engine, "InputSources": list(map(_mount, paths))}]}


def _nested(depth: int, item: object) -> object:
    for _ in range(depth):
        item = [item]
    return item


def _labelled(size: int) -> dict[str, object]:
    """Tasks that each await the one before."""
    return {
        f"t{index}": {
            "with": _URL,
            "do": "wasm/run",
            "inputs": {
                "func": "f",
                "args": [{"ucan/ok": ["/", f"t{index - 1}"]}] if index else [],
            },
        }
        for index in range(size // 180)
    }


def _bundle(demand: Mapping[str, object], *commands: object) -> dict[str, object]:
    first: list[object] = [{"deploy": {}}, {"start": {}}]
    return {
        "runtime": {"name": "vm"},
        "demand": demand,
        "exeScript": [*first, *commands, {"run": {"entry_point": "/a", "args": []}}],
    }


def _constraints(size: int) -> dict[str, object]:
    clauses = "(" * (size // 2) + "(golem.runtime.name=vm)" * (size // 46)
    return _bundle({"properties": _PACKAGE, "constraints": clauses})


_DOCUMENTS: Mapping[str, Callable[[int], object]] = {
    "deep arguments": lambda size: _call(*[_nested(90, 1)] * (size // 183)),
    "many arguments": lambda size: _call(*range(size // 7)),
    "many links": lambda size: _call(*[{"/": _CID}] * (size // 70)),
    "many CIDv0": lambda size: _call(*[{"/": _CIDV0}] * (size // 55)),
    "many promises": lambda size: _call(*[{"await/ok": {"/": _CID}}] * (size // 84)),
    "values below a long key": lambda size: _below_long_key(size, None, 6),
    "CIDv0 below a long key": lambda size: _below_long_key(size, {"/": _CIDV0}, 55),
    "warnings below a long key": lambda size: _below_long_key(
        size, {"a": {"/": _CID}}, 76
    ),
    "many tasks": lambda size: {
        "tasks": [{"run": _call(index)} for index in range(size // 160)]
    },
    "tasks that await each other": _labelled,
    "many mounts": lambda size: _job(
        InputSources=[_mount(f"/in/{index}") for index in range(size // 140)]
    ),
    "many modules": _modules,
    "many variables": lambda size: _job(
        Env={f"N{index}": "v" for index in range(size // 15)}
    ),
    "a long string": lambda size: _job(Env={"A": "v" * size}),
    "many unknown keys": lambda size: _job(
        **{f"x{index}": 1 for index in range(size // 12)}
    ),
    "one unknown key": lambda size: _job(**{"x" * size: 1}),
    "many unresolved": lambda size: {
        "t" * (size // 8): {
            "with": _URL,
            "do": "wasm32-wasi/run",
            "inputs": {"mounts": {f"/{n}": f"http://x/{n}" for n in range(size // 32)}},
        }
    },
    "many properties": lambda size: _bundle(
        {**_PACKAGE, **{f"a{index}": 1 for index in range(size // 11)}}
    ),
    "properties below a long key": lambda size: _bundle(
        {**_PACKAGE, "k" * 1000: {f"a{index}": 1 for index in range(size // 11)}}
    ),
    "constraints in parentheses": _constraints,
    "many runs": lambda size: _bundle(
        _PACKAGE, *[{"run": {"entry_point": "/a", "args": ["x"]}}] * (size // 44)
    ),
}

#: Shape -> the document of about so many bytes.
SHAPES: Mapping[str, Callable[[int], bytes]] = {
    **{
        name: lambda size, make=make: json.dumps(make(size)).encode()  # type: ignore[misc]
        for name, make in _DOCUMENTS.items()
    },
    "many brackets": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "YAML aliases": lambda size: b"a: &a [1, 2]\nb:\n" + b"- *a\n" * (size // 5),
    "YAML directives": lambda size: (
        b"".join(b"%%TAG !%d! x\n" % index for index in range(size // 16))
        + b"---\na: 1"
    ),
    "YAML directives at the end": lambda size: (
        b"a: 1\n...\n" + b"%TAG !a! x\n" * (size // 11) + b"---\nb: 1"
    ),
    "YAML comments": lambda size: b" # %\n" * (size // 5) + b"a: 1",
    "template actions": lambda size: (
        b'{"machine": {}, "job": {' + b"{{if .A}}{{end}}" * (size // 16) + b"}}"
    ),
}
