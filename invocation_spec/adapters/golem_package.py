"""What a Golem provider downloads: the package, and what its manifest asks for.

    golem.srv.comp.task_package  hash:sha3:9a3b5d67..:http://example.org/a.gvmi
    golem.srv.comp.payload       base64 of
        {"payload": [{"platform": {"arch": "x86_64", "os": "linux"},
                      "urls": ["http://example.org/a.gvmi"],
                      "hash": "sha3:9a3b5d67.."}],
         "compManifest": {"net": {"inet": {"out": {"protocols": ["https"]}}}}, ..}

A package is bytes by their SHA-3, whose width follows from its length; the URL is
only where they are. The manifest beats the task package. Its scripts restrict
what may run and its signature says who wrote it: neither is identity.
Source: yagna exe-unit/src/{agreement,lib}.rs, exe-unit/components/transfer/src/
{location,hash}.rs, utils/manifest-utils/src/{manifest,util}.rs; GAP-4, GAP-5;
research: golem 1.1 and 1.2.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

from invocation_spec.adapters.golem_terms import Family, Terms, find
from invocation_spec.document import read_document
from invocation_spec.errors import DocumentError
from invocation_spec.node import ASCII_SPACE, UNICODE_SPACE, Node
from invocation_spec.reading import Reading, made
from invocation_spec.references import GolemHash, parse_golem_package

__all__ = ["Package", "parse_inside", "read_package"]

_PAYLOAD = "golem.srv.comp.payload"
_TASK_PACKAGE = "golem.srv.comp.task_package"

#: Where agreements of the first wasm exe-units had it.
_OLD_TASK_PACKAGE = "golem.srv.comp.wasm.task_package"

#: What SDKs take before they ask the registry; a tag never reaches a provider.
_TAGS = ("image_tag", "imageTag")

#: Rust's names of the platform that providers have, unless an offer says another.
_ARCH, _OS = "x86_64", "linux"


@dataclass(frozen=True, slots=True)
class Package:
    """What a provider downloads and checks, and where the document says so."""

    hash: GolemHash
    at: str


def read_package(reading: Reading, terms: Terms, family: Family) -> Package | None:
    """The package that is run, None if a tag stands for it; notes the network.

    Raises:
        DocumentError: no package, or one without a hash that yagna accepts.
    """
    payload = find(terms.demand, _PAYLOAD)
    if payload is not None:
        manifest = _manifest(payload)
        _read_network(reading, manifest)
        return _from_manifest(reading, manifest, terms)
    spread = find(terms.demand, f"{_PAYLOAD}.payload")
    if spread is not None:  # a map where yagna reads text, and refuses it
        raise spread.refuse("the manifest as one base64 text")
    _warn_of_network(reading, terms.at)
    node = find(terms.demand, _TASK_PACKAGE)
    if node is None and family == "wasmtime":
        node = find(terms.demand, _OLD_TASK_PACKAGE)
    if node is not None:
        return _parse(node.text(), node.at)
    for name in _TAGS:
        tag = find(terms.demand, name)
        if tag is not None:
            reference = f"golem-tag:{tag.text()}"
            reading.findings.leave_unresolved(tag.at, reference, "image-tag")
            return None
    raise DocumentError(
        f"no package; expected the property {_TASK_PACKAGE} or {_PAYLOAD}", at=terms.at
    )


def _parse(text: str, at: str) -> Package:
    found = made(at, parse_golem_package, text.strip(ASCII_SPACE))
    if found is None:
        raise DocumentError(
            f"{text!r} has no hash, without which no provider takes it;"
            " expected hash:sha3:<hex>:<url>",
            at=at,
        )
    return Package(found, at)


#: As Rust's split_whitespace: yagna utils/manifest-utils/src/util.rs.
_NO_SPACE = str.maketrans("", "", UNICODE_SPACE)


def _manifest(node: Node) -> Node:
    """The manifest: base64 as demands carry it, or the JSON text itself.

    An escaped JSON string is what yagna falls back to where base64 fails.
    """
    text = node.text()
    try:
        plain = base64.b64decode(text.translate(_NO_SPACE), validate=True)
    except ValueError:
        quoted = text.lstrip(ASCII_SPACE).startswith('"')
        plain = _unquoted(text, node.at) if quoted else text.encode()
    manifest = parse_inside(plain, node.at)
    if not isinstance(manifest.value, Mapping):
        raise node.refuse("a payload manifest: base64 of a JSON object")
    return manifest


def _unquoted(text: str, at: str) -> bytes:
    try:
        return str(json.loads(text)).encode()
    except ValueError as error:
        raise DocumentError(f"neither base64 nor JSON: {error}", at=at) from error


def parse_inside(data: bytes, at: str) -> Node:
    """JSON that a document carries as text; pointers go on inside it.

    Raises:
        DocumentError: it is no JSON.
    """
    try:
        inner = read_document(data)
    except DocumentError as error:
        raise DocumentError(f"inside: {error}", at=at) from error
    if inner.syntax != "json":
        raise DocumentError("the text inside is no JSON object or array", at=at)
    return Node(inner.tree, at)


def _from_manifest(reading: Reading, manifest: Node, terms: Terms) -> Package:
    """The package that a provider of the offer's platform takes: the first fit."""
    offered = find(terms.offer, "golem.inf.cpu.architecture")
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
