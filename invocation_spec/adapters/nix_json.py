"""Derivations as Nix prints them: JSON of all versions to the one value.

version     inputs                                     an output of floating content
none, 1-3   inputSrcs [path], inputDrvs {path: [..]    {"hashAlgo": "r:sha256"}, then
            | {"outputs": [..], "dynamicOutputs": {}}} with "method": "nar"
4           inputs {srcs, drvs}, or the list of srcs   the same; {"hash": "sha256-.."}
            alone; paths by their last part            of fixed content

Source: nix doc/manual/source/protocols/json/derivation; src/libstore/derivation/
json.cc; src/libstore/derivations.cc of Nix 2.8.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from invocation_spec import nixstore
from invocation_spec.derivation import Derivation, Output
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node, Struct, escape
from invocation_spec.reading import made

__all__ = ["Written", "from_json", "from_text"]

_VERSIONS: Final = (1, 2, 3, 4)
_METHODS: Final = {"nar": "r:", "flat": "", "text": "text:", "git": "git:"}


@dataclass(frozen=True, slots=True)
class Written:
    """A derivation, and where in its document things stand.

    `key` is the path that it stands under, `name` what it says it is called;
    `places` has the pointer of each input and input derivation.
    """

    derivation: Derivation
    at: str = ""
    key: str | None = None
    name: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    drvs_at: str = "/inputDrvs"
    is_dynamic: bool = False

    def __post_init__(self) -> None:
        if "\0" in self.derivation.text:
            raise DocumentError(
                "holds a NUL character, which no argument, path or variable can;"
                " remove it",
                at=self.at or None,
            )


def from_text(text: str) -> Written:
    """A derivation as Nix keeps it; places are those of JSON up to version 3.

    Raises:
        DocumentError: it is none, or not spelled as Nix spells it.
    """
    derivation = made("", Derivation.from_text, text)
    places = {path: f"/inputSrcs/{at}" for at, path in enumerate(derivation.srcs)}
    for path in derivation.drvs:
        places[path] = f"/inputDrvs/{escape(path)}"
    return Written(derivation, places=places)


def from_json(node: Node, key: str | None) -> Written:
    """One derivation of a document.

    Raises:
        DocumentError: it breaks a rule of the form.
    """
    fields = node.struct()
    version = fields["version"]
    if not version.is_absent and version.number() not in _VERSIONS:
        raise version.refuse("a version that is known here, 1 to 4")
    name = fields["name"]
    srcs, drvs = _inputs(fields)
    paths: dict[str, str] = {}
    for item in srcs.elements():
        paths.setdefault(_path(item), item.at)
    outputs, drv_places, dynamic = _drvs(drvs)
    derivation = Derivation(
        outputs={key: _output(item) for key, item in fields["outputs"].entries()},
        drvs=outputs,
        srcs=tuple(sorted(paths)),
        system=fields["system"].text(),
        builder=fields["builder"].text(),
        args=tuple(fields["args"].texts()),
        env=_env(fields),
    )
    for other in fields.unknown():
        raise DocumentError("unknown; a derivation has no such field", at=other.at)
    return Written(
        derivation,
        at=node.at,
        key=key,
        name=None if name.is_absent else name.text(),
        places=paths | drv_places,
        drvs_at=drvs.at,
        is_dynamic=dynamic,
    )


def _inputs(fields: Struct) -> tuple[Node, Node]:
    """Where the other inputs and the input derivations stand."""
    if "inputs" not in fields:
        return fields["inputSrcs"], fields["inputDrvs"]
    if isinstance(fields["inputs"].value, list):
        return fields["inputs"], fields["inputDrvs"]
    inner = fields["inputs"].struct()
    found = inner["srcs"], inner["drvs"]
    for other in inner.unknown():
        raise DocumentError("unknown; inputs are srcs and drvs", at=other.at)
    return found


def _path(node: Node) -> str:
    return made(node.at, nixstore.path_from_text, node.text())


def _drvs(
    drvs: Node,
) -> tuple[dict[str, tuple[str, ...]], dict[str, str], bool]:
    """The outputs of each input derivation; where it stands; any dynamic ones."""
    found: dict[str, tuple[str, ...]] = {}
    places: dict[str, str] = {}
    dynamic = False
    for key, node in drvs.entries():
        path = made(node.at, nixstore.path_from_text, key)
        if path in found:
            raise DocumentError(f"a second entry of {path}", at=node.at)
        names = node
        if isinstance(node.value, Mapping):
            fields = node.struct()
            names = fields["outputs"]
            dynamic = dynamic or bool(list(fields["dynamicOutputs"].entries()))
            for other in fields.unknown():
                raise DocumentError("unknown; remove it", at=other.at)
        found[path] = tuple(sorted(set(names.texts())))
        places[path] = node.at
    return found, places, dynamic


def _output(node: Node) -> Output:
    fields = node.struct()
    path = _path(fields["path"]) if "path" in fields else ""
    algorithm = fields["hashAlgo"].text() if "hashAlgo" in fields else ""
    digest = fields["hash"].text() if "hash" in fields else ""
    if "method" in fields:
        method = fields["method"].text()
        if method not in _METHODS:
            raise fields["method"].refuse(f"a string: one of {', '.join(_METHODS)}")
        if algorithm:
            algorithm = _METHODS[method] + algorithm
    if fields["impure"].flag():
        digest = "impure"
    for other in fields.unknown():
        raise DocumentError("unknown; an output has no such field", at=other.at)
    return Output(path, algorithm, digest)


def _env(fields: Struct) -> dict[str, str]:
    """The environment, structured attributes as the text that Nix makes of them."""
    env = fields["env"].text_map()
    attributes = fields["structuredAttrs"]
    if attributes.is_null:
        return env
    if "__json" in env or not isinstance(attributes.value, Mapping):
        raise attributes.refuse("a map, with no __json in the environment beside it")
    _check_plain(attributes)
    env["__json"] = json.dumps(
        attributes.value, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    return env


def _check_plain(attributes: Node) -> None:
    stack = [attributes]
    while stack:
        node = stack.pop()
        if isinstance(node.value, Mapping):
            stack += [item for _, item in node.entries()]
        elif isinstance(node.value, list):
            stack += node.elements()
        elif not (node.value is None or type(node.value) in (bool, int, str)):
            raise DocumentError(
                "no text, integer, true, false or null; how another is spelled is"
                " Nix's to say, so give the .drv file",
                at=node.at,
            )
