"""What a Golem agreement fixes: the runtime, the package, the network.

    {"demand": {"constraints": "(golem.runtime.name=vm)",
                "properties": {"golem.srv.comp.task_package":
                               "hash:sha3:9a3b5d67..:http://example.org/a.gvmi"}},
     "offer": {"properties": {"golem.runtime": {"name": "vm", "version": "0.4.2"}}}}

Properties come flat, nested or half of each, with `@tag` for a value that has
children too; all are read as flat names. A payload manifest beats a task
package. A package is bytes by their SHA-3; the width follows from the length.
Source: yagna exe-unit/src/{agreement,lib}.rs, utils/agreement-utils/src/agreement.rs,
utils/manifest-utils/src/{manifest,util}.rs, exe-unit/components/transfer/src/
{location,hash}.rs; research: golem 1.1 and 1.2.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from invocation_spec.document import Document, read_document
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Reading, made
from invocation_spec.references import GolemHash, parse_golem_package

__all__ = [
    "Family",
    "Package",
    "Terms",
    "parse_inside",
    "read_package",
    "read_runtime",
    "read_terms",
]

#: How a package is read: as the image of a virtual machine, or as WASI modules.
Family: TypeAlias = Literal["vm", "wasmtime"]

#: `vm-nvidia` runs the images of `vm`. Others (`ya-mock-runtime` runs nothing)
#: are refused: how they read a package is not known here.
_FAMILIES: Mapping[str, Family] = {
    "vm": "vm",
    "vm-nvidia": "vm",
    "wasmtime": "wasmtime",
}

_PAYLOAD = "golem.srv.comp.payload"
_TASK_PACKAGE = "golem.srv.comp.task_package"

#: Where agreements of the first wasm exe-units had it.
_OLD_TASK_PACKAGE = "golem.srv.comp.wasm.task_package"

#: What SDKs write before they ask the registry; it never reaches a provider.
_TAGS = ("image_tag", "imageTag")

#: What providers run that say nothing else: Rust's names, `amd64` is none.
_ARCH, _OS = "x86_64", "linux"


@dataclass(frozen=True, slots=True)
class Terms:
    """The properties of demand and offer by flat name, and the constraints."""

    at: str
    demand: Mapping[str, Node]
    offer: Mapping[str, Node]
    constraints: Node | None = None
    agreement_id: Node | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """What a provider downloads and checks, and where the document says so."""

    hash: GolemHash
    at: str


def read_terms(bundle: Struct) -> Terms:
    """The terms of a bundle: of its agreement, or of a demand alone.

    A demand is its properties, or `{properties, constraints}`.

    Raises:
        DocumentError: both or neither, no maps, or one property twice.
    """
    demand, agreement = bundle["demand"], bundle["agreement"]
    if demand.is_null == agreement.is_null:
        raise DocumentError(
            "expected either a demand or an agreement",
            at=(demand if demand.is_null else agreement).at,
        )
    if not agreement.is_null:
        flat = _flatten(agreement)
        return Terms(
            agreement.at,
            demand=_below(flat, "demand.properties."),
            offer=_below(flat, "offer.properties."),
            constraints=_find(flat, "demand.constraints"),
            agreement_id=_find(flat, "agreementId"),
        )
    flat = _flatten(demand)
    properties = _below(flat, "properties.")
    beside = [node for name, node in flat.items() if name.startswith("golem.")]
    if properties and beside:
        raise DocumentError("a property beside `properties`", at=beside[0].at)
    constraints = _find(flat, "constraints")
    return Terms(demand.at, properties or flat, {}, constraints=constraints)


def _flatten(root: Node) -> dict[str, Node]:
    if not isinstance(root.value, Mapping):
        raise root.refuse("a map")
    found: dict[str, Node] = {}
    _flatten_below(root, None, found)
    return found


def _flatten_below(node: Node, name: str | None, found: dict[str, Node]) -> None:
    if isinstance(node.value, Mapping) and node.value:
        for key, item in node.entries():
            part = f".{key}".removesuffix(".@tag")
            _flatten_below(item, part[1:] if name is None else name + part, found)
    elif name is not None:
        if name in found:
            raise DocumentError(
                f"a second spelling of {found[name].at}: nested and dotted names are"
                " one property",
                at=node.at,
            )
        found[name] = node


def _below(flat: Mapping[str, Node], prefix: str) -> dict[str, Node]:
    return {
        name.removeprefix(prefix): node
        for name, node in flat.items()
        if name.startswith(prefix)
    }


def _find(flat: Mapping[str, Node], name: str) -> Node | None:
    node = flat.get(name)
    return None if node is None or node.is_null else node


def read_runtime(runtime: Node, terms: Terms) -> Family:
    """How the package is read; all places that name a runtime have to agree.

    Raises:
        DocumentError: no runtime is named, one that is not known here, or two
            that read packages differently.
    """
    found: Family | None = None
    for name, at in _runtimes(runtime, terms):
        family = _FAMILIES.get(name)
        if family is None:
            raise DocumentError(
                f"runtime {name!r}; expected one of {', '.join(_FAMILIES)}", at=at
            )
        if found not in (None, family):
            raise DocumentError(f"runtime {name!r}, elsewhere {found}", at=at)
        found = family
    if found is None:
        raise DocumentError(
            "missing; expected {name}, or golem.runtime.name in an offer's properties"
            " or a demand's constraints",
            at=runtime.at,
        )
    return found


def _runtimes(runtime: Node, terms: Terms) -> Iterator[tuple[str, str]]:
    if not runtime.is_null:
        fields = runtime.struct()
        yield fields["name"].text(), fields["name"].at
        fields.pass_over("version")
        for unknown in fields.unknown():
            raise DocumentError(
                "unknown; a runtime has name and version", at=unknown.at
            )
    offered = _find(terms.offer, "golem.runtime.name")
    if offered is not None:
        yield offered.text(), offered.at
    if terms.constraints is not None:
        for name in _required_runtimes(terms.constraints.text()):
            yield name, terms.constraints.at


_TOKEN = re.compile(
    r"\(\s*([&|!]?)|(\))"
    r"|(?<![\w.])golem\.runtime\.name\s*=\s*([^\s()*<>=~]+)(?=\s*\))"
)


def _required_runtimes(constraints: str) -> Iterator[str]:
    """Runtimes that every match has to have: those under no `|` and no `!`."""
    operators: list[str] = []
    for token in _TOKEN.finditer(constraints):
        if token[2]:
            operators = operators[:-1]
        elif token[3]:
            if not {"|", "!"}.intersection(operators):
                yield token[3]
        else:
            operators.append(token[1])


def read_package(reading: Reading, terms: Terms, family: Family) -> Package | None:
    """The package that is run, None if a tag stands for it; notes the network.

    Raises:
        DocumentError: no package, or one without a hash that yagna accepts.
    """
    payload = _find(terms.demand, _PAYLOAD)
    if payload is not None:
        manifest = _manifest(payload)
        _read_network(reading, manifest)
        return _from_manifest(reading, manifest, terms)
    _warn_of_network(reading, terms.at)
    node = _find(terms.demand, _TASK_PACKAGE)
    if node is None and family == "wasmtime":
        node = _find(terms.demand, _OLD_TASK_PACKAGE)
    if node is not None:
        return _parse(node.text(), node.at)
    for name in _TAGS:
        tag = _find(terms.demand, name)
        if tag is not None:
            reference = f"golem-tag:{tag.text()}"
            reading.findings.leave_unresolved(tag.at, reference, "image-tag")
            return None
    raise DocumentError(
        f"no package; expected the property {_TASK_PACKAGE} or {_PAYLOAD}", at=terms.at
    )


def _parse(text: str, at: str) -> Package:
    found = made(at, parse_golem_package, text.strip())
    if found is None:
        raise DocumentError(
            f"{text!r} has no hash, without which no provider takes it;"
            " expected hash:sha3:<hex>:<url>",
            at=at,
        )
    return Package(found, at)


def _manifest(node: Node) -> Node:
    """The manifest: base64 as demands carry it, or the JSON text itself.

    An escaped JSON string is what yagna falls back to where base64 fails.
    """
    text = node.text()
    try:
        plain = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        quoted = text.lstrip().startswith('"')
        plain = (_unquoted(text, node.at) if quoted else text).encode()
    manifest = parse_inside(plain, node.at)
    if not isinstance(manifest.value, Mapping):
        raise node.refuse("a payload manifest: base64 of a JSON object")
    return manifest


def _unquoted(text: str, at: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise DocumentError(f"neither base64 nor JSON: {error}", at=at) from error


def parse_inside(data: bytes, at: str) -> Node:
    """JSON that a document carries as text; pointers go on inside it.

    Raises:
        DocumentError: it is no JSON.
    """
    try:
        inner: Document = read_document(data)
    except DocumentError as error:
        raise DocumentError(f"inside: {error}", at=at) from error
    if inner.syntax != "json":
        raise DocumentError("the text inside is no JSON object or array", at=at)
    return Node(inner.tree, at)


def _from_manifest(reading: Reading, manifest: Node, terms: Terms) -> Package:
    """The package that a provider of the offer's platform takes: the first fit."""
    offered = _find(terms.offer, "golem.inf.cpu.architecture")
    ours = (_ARCH if offered is None else offered.text(), _OS)
    node = manifest.struct()["payload"]
    fit: Package | None = None
    others: set[tuple[str, str]] = set()
    for item in node.elements():
        fields = item.struct()
        urls, digest = fields["urls"].texts(), fields["hash"].text_or()
        platform = _platform(fields["platform"])
        if platform not in (None, ours):
            others.add(platform)
        elif fit is None and urls and digest:
            fit = _parse(f"hash:{digest}:{urls[0]}", fields["hash"].at)
    if fit is None:
        raise DocumentError(f"no payload for the platform {'/'.join(ours)}", at=node.at)
    if others and offered is None:
        reading.findings.warn(
            node.at,
            "platform-assumed",
            f"read for {'/'.join(ours)}, though it names"
            f" {', '.join('/'.join(other) for other in sorted(others))} too;"
            " an agreement's offer says which it was",
        )
    return fit


def _platform(node: Node) -> tuple[str, str] | None:
    if node.is_null:
        return None
    fields = node.struct()
    return fields["arch"].text(), fields["os"].text()


def _read_network(reading: Reading, manifest: Node) -> None:
    """Impure where the manifest asks for the internet."""
    net = manifest.struct()["compManifest"].struct()["net"].struct()
    out = net["inet"].struct()["out"]
    if out.is_null:
        _warn_of_network(reading, out.at)
    else:
        reading.findings.call_impure(
            out.at, "network", "the manifest asks for outbound access to the internet"
        )


def _warn_of_network(reading: Reading, at: str) -> None:
    reading.findings.warn(
        at,
        "network-by-default",
        "nothing is said of outbound access; a claim says what was available",
    )
