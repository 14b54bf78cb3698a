r"""Nix: one build, as a derivation that names its inputs by store path.

    Derive([("out","","r:sha256","")],[],["/nix/store/..-dash"],"x86_64-linux",..)

    {"/nix/store/..-hi.drv": {"outputs": {"out": {"hashAlgo": "r:sha256"}},
     "inputSrcs": ["/nix/store/..-dash"], "inputDrvs": {}, "system": "x86_64-linux",
     "builder": "/nix/store/..-dash", "args": [..], "env": {..}}}

The first is a `.drv` file, the second what `nix derivation show` prints. The program
is the resolved derivation by the bytes that Nix keeps and hashes; its input are all
store paths that the build can see, each by the hash of its NAR. A store path itself
is no content address: 160 folded bits, or a recipe's. So each needs a resolution,
with the paths that it names in turn, and outputs of other derivations one more.

Source: FORMATS 3; docs/spec/forms/nix.md; ADR 23; nix src/libstore/derivation/*.cc.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from invocation_spec import nixstore
from invocation_spec.adapters.nix_json import Written, from_json, from_text
from invocation_spec.cid import CID
from invocation_spec.derivation import Derivation
from invocation_spec.document import Document, Tree, read_json
from invocation_spec.errors import DocumentError
from invocation_spec.model import Input, NixProgram
from invocation_spec.nixstore import is_output
from invocation_spec.node import Node, escape
from invocation_spec.reading import Reading, made
from invocation_spec.resolutions import Resolutions

__all__ = ["is_derivation", "read_derivation"]

#: What opens the sandbox to the machine, and what says that it does not.
_OPENINGS: Final = ("__noChroot", "__impureHostDeps", "__sandboxProfile")
_CLOSED: Final[tuple[Tree, ...]] = ("", "0", False, None, [], {})
_GRAPH: Final = "exportReferencesGraph"

_ALGORITHM: Final = re.compile(r"(r:|text:|git:)?(md5|sha1|sha256|sha512|blake3)")

#: Outputs whose path is known, or whose algorithm is.
_BY_INPUTS: Final = {(True, False, False), (False, True, False)}
_SOLE: Final = {"builder", "outputs", "system"}


def is_derivation(document: Document) -> bool:
    """Whether this is the text of a derivation, or JSON that Nix writes of some."""
    tree = document.tree
    if document.syntax == "derivation":
        return True
    if not isinstance(tree, Mapping):
        return False
    inner = tree.get("derivations", tree)
    if isinstance(inner, Mapping) and _are_named(inner):
        return True
    return tree.keys() >= _SOLE


def _are_named(tree: Mapping[str, Tree]) -> bool:
    return bool(tree) and all(
        key.endswith(".drv") and isinstance(item, Mapping) for key, item in tree.items()
    )


def read_derivation(document: Document, resolutions: Resolutions) -> list[Reading]:
    """One reading for each derivation, in the order of the document.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    tree = document.tree
    if isinstance(tree, str):
        return [_read(from_text(tree), resolutions)]
    return [_read(written, resolutions) for written in _written(Node(tree))]


def _written(root: Node) -> Iterator[Written]:
    fields = root.struct()
    if root.value.keys() >= _SOLE:  # type: ignore[union-attr] # a map, by its marks
        yield from_json(root, None)
        return
    named = root
    if "derivations" in fields:
        named = fields["derivations"]
        fields.pass_over("version")
        for node in fields.unknown():
            raise DocumentError("unknown; remove it", at=node.at)
    for key, node in named.entries():
        yield from_json(node, made(node.at, nixstore.path_from_text, key))


def _read(written: Written, resolutions: Resolutions) -> Reading:
    reading = Reading.start("derivation", resolutions)
    attributes = _attributes(written)
    name = _name(written, attributes)
    is_named = _judge_outputs(reading, written)
    is_closed = _judge_attributes(reading, attributes)
    resolved = _resolved(reading, written)
    files = _inputs(reading, written, resolved or written.derivation)
    if resolved is not None:
        is_code = _judge_builder(reading, written, resolved, files)
        if is_code and is_named:
            reading.program = NixProgram(CID.of_bytes(resolved.text.encode()))
        if files is not None and is_closed:
            reading.input = made(written.at, Input, files=files)
    if not (written.is_dynamic or written.derivation.has_outputs_by_word):
        _name_aliases(reading, written, name, resolved)
    reading.finish(written.at)
    return reading


@dataclass(frozen=True, slots=True)
class _Attributes:
    """What the build was given, by name, and where that stands."""

    values: Mapping[str, Tree]
    at: str
    apart: bool


def _attributes(written: Written) -> _Attributes:
    """The attributes: of `__json` where it is there, else the environment."""
    env, at = written.derivation.env, f"{written.at}/env"
    if "__json" not in env:
        return _Attributes(env, at, apart=True)
    at = f"{at}/__json"
    try:
        tree = read_json(env["__json"])
    except DocumentError as error:
        raise DocumentError(error.reason, at=at) from error
    if not isinstance(tree, Mapping):
        raise DocumentError("structured attributes are a map", at=at)
    return _Attributes(tree, at, apart=False)


def _name(written: Written, attributes: _Attributes) -> str:
    name = attributes.values.get("name")
    if not isinstance(name, str) or not is_output(name):
        raise DocumentError(
            "no `name` in the environment that a store path can have; Nix writes it"
            " there, and outputs are called by it",
            at=attributes.at,
        )
    if written.name not in (None, name):
        raise DocumentError(
            f"called {written.name!r}, and {name!r} in the environment",
            at=f"{written.at}/name",
        )
    return name


def _judge_outputs(reading: Reading, written: Written) -> bool:
    """Whether what is made, and where, follows from the inputs alone."""
    kinds = set()
    for name, item in written.derivation.outputs.items():
        at = f"{written.at}/outputs/{escape(name)}"
        if not is_output(name):
            raise DocumentError("no name that an output can have", at=at)
        if item.algorithm and not _ALGORITHM.fullmatch(item.algorithm):
            raise DocumentError(f"no hash that Nix knows: {item.algorithm!r}", at=at)
        known = tuple(map(bool, (item.path, item.algorithm, item.hash)))
        if item.hash == "impure":
            reading.findings.call_impure(
                at, "nix-impure-output", "an output that may be another each time"
            )
        elif item.hash:
            reading.findings.call_impure(
                at,
                "nix-fixed-output",
                "its build may use a network, and its hash says what it gives, whoever"
                " claims it",
            )
        elif not any(known):
            reading.findings.leave_unresolved(at, f"nix:^{name}", "nix-deferred-output")
        elif all(known[:2]):
            raise DocumentError("a path and an algorithm, but no hash", at=at)
        kinds.add(known)
    if len(kinds) != 1:
        raise DocumentError(
            "outputs of several types, or none; expected one or more of one type",
            at=f"{written.at}/outputs",
        )
    return kinds <= _BY_INPUTS


def _judge_attributes(reading: Reading, attributes: _Attributes) -> bool:
    """Whether the build sees its inputs alone."""
    opened = [key for key in _OPENINGS if attributes.values.get(key) not in _CLOSED]
    for key in opened:
        reading.findings.call_impure(
            _place(attributes, key),
            "host-directory",
            f"{key} lets the build see files of the machine",
        )
    has_graph = attributes.values.get(_GRAPH) not in _CLOSED
    if has_graph:
        reading.findings.leave_unresolved(
            _place(attributes, _GRAPH), f"nix:{_GRAPH}", "nix-references-graph"
        )
    return not (opened or has_graph)


def _judge_builder(
    reading: Reading,
    written: Written,
    resolved: Derivation,
    files: Mapping[str, CID] | None,
) -> bool:
    """Whether the builder is, as far as can be known, content of an input."""
    at = f"{written.at}/builder"
    if resolved.builder.startswith("builtin:"):
        reading.findings.call_impure(
            at, "nix-builtin", "code of Nix itself, which each version has in its way"
        )
        return False
    path = nixstore.under(resolved.builder)
    if ".." in resolved.builder.split("/"):
        path = None  # which may lead out of the store again
    if path is None or (files is not None and path not in files):
        reading.findings.call_impure(
            at, "host-directory", "the builder lies in no input: a file of the machine"
        )
        return False
    return True


def _place(attributes: _Attributes, key: str) -> str:
    return f"{attributes.at}/{key}" if attributes.apart else attributes.at


def _resolved(reading: Reading, written: Written) -> Derivation | None:
    """The derivation with inputs by path alone, if the resolutions say all of them."""
    if written.is_dynamic:
        reading.findings.leave_unresolved(
            written.drvs_at, "nix:dynamicOutputs", "nix-dynamic-derivation"
        )
    paths: dict[tuple[str, str], str] = {}
    missing = written.is_dynamic
    for drv, outputs in written.derivation.drvs.items():
        if not (drv.endswith(".drv") and outputs and all(map(is_output, outputs))):
            raise DocumentError(
                "expected the path of a derivation, and names of its outputs",
                at=written.places[drv],
            )
        for output in outputs:
            path = reading.resolver.built(drv, output, written.places[drv])
            if path is None:
                missing = True
            else:
                paths[drv, output] = path
    if missing:
        return None
    return made(f"{written.at}/env", written.derivation.resolved, paths)


def _inputs(
    reading: Reading, written: Written, derivation: Derivation
) -> dict[str, CID] | None:
    """Each path that the build can see by its NAR; None while one is not known.

    What an input names is told at that input: the first that does, in their order.
    """
    files: dict[str, CID] = {}
    seen = set(derivation.srcs)
    for src in sorted(seen):
        at = written.places.get(src, written.drvs_at)
        stack = [src]
        while stack:
            path = stack.pop()
            meaning = reading.resolver.stored(path, at)
            if meaning is None:
                continue
            files[path] = meaning.nar
            for reference in meaning.references:
                if reference not in seen:
                    seen.add(reference)
                    stack.append(reference)
    whole = len(files) == len(seen) and not derivation.drvs
    return files if whole else None


def _name_aliases(
    reading: Reading, written: Written, name: str, resolved: Derivation | None
) -> None:
    path = written.derivation.path(name)
    if written.key not in (None, path):
        raise DocumentError(
            f"stands under {written.key}, but is {path} by what it says",
            at=written.at or None,
        )
    reading.aliases["nix-derivation"] = path
    if resolved is not None and resolved is not written.derivation:
        reading.aliases["nix-resolved"] = resolved.path(name)
