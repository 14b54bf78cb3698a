"""Resolutions: what the references of a document meant, said by somebody.

    {"oci:docker.io/library/python:3.11": "sha256:9f2c..",
     "https://example.org/a.csv": {"cid": "bafkrei..", "name": "a.csv"}}

A document that holds mutable references has no content address by itself; with
resolutions it has, and whoever claims says by which. Source: FORMATS 4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast
from urllib.parse import unquote

from invocation_spec import nixstore
from invocation_spec.cid import CID, SHA3_BY_BYTES
from invocation_spec.document import Tree, read_document
from invocation_spec.errors import CidError, DocumentError, EncodingError
from invocation_spec.findings import Json
from invocation_spec.node import Node
from invocation_spec.references import (
    parse_image,
    parse_ipfs,
    parse_sha256,
    parse_url,
    s3_reference,
)

__all__ = [
    "RESOLUTIONS_MAX",
    "FileMeaning",
    "ImageMeaning",
    "BuiltMeaning",
    "Meaning",
    "PackageMeaning",
    "Resolutions",
    "StoreMeaning",
    "says_file",
]

#: Entries of one resolutions document.
RESOLUTIONS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class ImageMeaning:
    """An image by digest, and its configuration as far as it is stated."""

    digest: CID
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    workdir: str | None = None
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class FileMeaning:
    """A file by CID; `name` is what the download is called, "" for the target."""

    cid: CID
    name: str | None = None


@dataclass(frozen=True, slots=True)
class PackageMeaning:
    """A Golem package: a WASI module, several by entry point, or an OCI image."""

    code: CID | None = None
    entries: Mapping[str, CID] | None = None
    image: CID | None = None


@dataclass(frozen=True, slots=True)
class StoreMeaning:
    """What lies at a path of a Nix store: its NAR, and the paths that it names."""

    nar: CID
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuiltMeaning:
    """The store path that an output of a derivation has."""

    path: str


Meaning: TypeAlias = (
    ImageMeaning | FileMeaning | PackageMeaning | StoreMeaning | BuiltMeaning
)


@dataclass(frozen=True, slots=True)
class Resolutions:
    """Normalised reference -> meaning, and the JSON each was read from."""

    meanings: Mapping[str, Meaning]
    source: Mapping[str, Json]

    @classmethod
    def none(cls) -> Resolutions:
        """No resolutions at all."""
        return cls({}, {})

    @classmethod
    def parse(cls, data: bytes) -> Resolutions:
        """Read a resolutions document.

        Raises:
            DocumentError: not a JSON map, a key of no known kind, a malformed
                value, two keys that normalise alike.
        """
        document = read_document(data)
        if document.syntax != "json":
            raise DocumentError("resolutions are a JSON map of reference to meaning")
        return cls.of(document.tree)

    @classmethod
    def of(cls, tree: Tree) -> Resolutions:
        """The resolutions that a decoded JSON map holds.

        Raises:
            DocumentError: as `parse`.
        """
        if not isinstance(tree, Mapping):
            raise DocumentError("resolutions are a JSON map of reference to meaning")
        meanings: dict[str, Meaning] = {}
        source: dict[str, Json] = {}
        entries = list(Node(tree).entries())
        if len(entries) > RESOLUTIONS_MAX:
            raise DocumentError(f"more than {RESOLUTIONS_MAX} resolutions")
        for key, node in entries:
            try:
                normal, meaning = _entry(key, node)
            except (EncodingError, CidError) as error:
                raise DocumentError(error.reason, at=node.at) from error
            if normal in meanings:
                raise DocumentError(f"a second key for {normal}", at=node.at)
            meanings[normal] = meaning
            source[normal] = cast("Json", node.value)
        return cls(meanings, source)

    def without(self, references: set[str]) -> Resolutions:
        """The same but for some references."""
        return Resolutions(
            {key: item for key, item in self.meanings.items() if key not in references},
            {key: item for key, item in self.source.items() if key not in references},
        )

    def to_json(self) -> str:
        """The document again, normalised and sorted."""
        return json.dumps(dict(self.source), sort_keys=True, ensure_ascii=False)


_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

_S3 = re.compile(
    r"s3://(?P<bucket>[^/?#]+)/(?P<key>[^?#]+)"
    r"(?:\?endpoint=(?P<endpoint>[^&]+))?(?:[?&]versionId=(?P<version>[^&]+))?"
)


def says_file(reference: str) -> bool:
    """Whether a resolutions document can say what a URL gives, as a key of its own.

    Not where it begins like another kind of key (`oci://h/x`) and is none, or has
    another spelling as one.
    """
    if not reference.startswith(tuple(_KINDS)):
        return True
    try:
        normal, meaning = _entry(reference, Node(str(CID.of_bytes(b""))))
    except (DocumentError, EncodingError, CidError):
        return False
    return normal == reference and isinstance(meaning, FileMeaning)


def _entry(key: str, node: Node) -> tuple[str, Meaning]:
    for prefix, read in _KINDS.items():
        if key.startswith(prefix):
            return read(key, node)
    if "://" in key:
        return _url(key, node)
    raise DocumentError(
        f"a key of no known kind; expected a URL or one of {', '.join(_KINDS)}",
        at=node.at,
    )


def _oci(key: str, node: Node) -> tuple[str, Meaning]:
    normal = str(parse_image(key.removeprefix("oci:")))
    if isinstance(node.value, str):
        return normal, ImageMeaning(_oci_digest(node))
    if not isinstance(node.value, Mapping):
        raise node.refuse('"sha256:HEX" or {"digest", "entrypoint"?, "cmd"?, ..}')
    fields = node.struct()
    meaning = ImageMeaning(
        _oci_digest(fields["digest"]),
        entrypoint=_command(fields["entrypoint"]),
        cmd=_command(fields["cmd"]),
        workdir=_optional(fields["workdir"]),
        platform=_optional(fields["platform"]),
    )
    _refuse_unknown(fields.unknown())
    return normal, meaning


def _url(key: str, node: Node) -> tuple[str, Meaning]:
    normal = parse_url(key)
    for prefix in _KINDS:
        if normal.startswith(prefix):
            # Its own grammar would be passed by, and a claim could not repeat it.
            raise EncodingError(f"another spelling of `{prefix}`; begin with that")
    return normal, _file(node)


def _s3(key: str, node: Node) -> tuple[str, Meaning]:
    match = _S3.fullmatch(key)
    if match is None:
        raise EncodingError("expected s3://BUCKET/KEY?endpoint=&versionId=, in order")
    normal = s3_reference(
        _decoded(match["bucket"]),
        _decoded(match["key"]),
        endpoint=_decoded((match["endpoint"] or "").replace("+", " ")),
        version_id=_decoded((match["version"] or "").replace("+", " ")),
    )
    return normal, _file(node)


def _decoded(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise EncodingError("a % that is no escape; write it as %25")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise EncodingError(
            "escapes of bytes that are not UTF-8, which no key of S3 has"
        ) from error


def _ipfs(key: str, node: Node) -> tuple[str, Meaning]:
    found = parse_ipfs("ipfs://" + key.removeprefix("ipfs:"))
    return str(found), FileMeaning(_link(node))


def _ipns(key: str, node: Node) -> tuple[str, Meaning]:
    found = parse_ipfs("ipns://" + key.removeprefix("ipns:"))
    return str(found), FileMeaning(_link(node))


def _gftp(key: str, node: Node) -> tuple[str, Meaning]:
    return key, FileMeaning(_link(node))


def _golem(key: str, node: Node) -> tuple[str, Meaning]:
    match = re.fullmatch(r"golem:sha3-(\d{3}):([0-9a-f]+)", key)
    if match is None or int(match[1]) != 4 * len(match[2]):
        raise EncodingError("expected golem:sha3-<bits>:<that many bits in hex>")
    if int(match[1]) // 8 not in SHA3_BY_BYTES:
        raise EncodingError(f"sha3-{match[1]} is no SHA-3 of FIPS 202")
    fields = node.struct()
    kind = fields["kind"].text()
    if kind == "wasi" and "entries" in fields:
        entries = {name: _link(item) for name, item in fields["entries"].entries()}
        if not entries:
            raise fields["entries"].refuse(
                "entry points, each with the CID of its code"
            )
        meaning = PackageMeaning(entries=entries)
    elif kind == "wasi":
        meaning = PackageMeaning(code=_link(fields["code"]))
    elif kind == "oci":
        meaning = PackageMeaning(image=_oci_digest(fields["digest"]))
    else:
        raise fields["kind"].refuse('"wasi" or "oci"')
    _refuse_unknown(fields.unknown())
    return key, meaning


def _nix(key: str, node: Node) -> tuple[str, Meaning]:
    path, caret, output = key.removeprefix("nix:").partition("^")
    nixstore.path_from_text(path)
    if caret:
        if not path.endswith(".drv") or not nixstore.is_output(output):
            raise EncodingError("expected nix:/nix/store/HASH-NAME.drv^OUTPUT")
        return key, BuiltMeaning(_store_path(node))
    fields = node.struct()
    nar = _oci_digest(fields["nar"])
    if not isinstance(fields["references"].value, list):
        raise fields["references"].refuse("a list of store paths, `[]` if it has none")
    references = tuple(map(_store_path, fields["references"].elements()))
    _refuse_unknown(fields.unknown())
    return key, StoreMeaning(nar, references)


def _store_path(node: Node) -> str:
    path = node.text()
    if not nixstore.is_store_path(path):
        raise node.refuse("a string: a path /nix/store/HASH-NAME")
    return path


_KINDS: Mapping[str, Callable[[str, Node], tuple[str, Meaning]]] = {
    "oci:": _oci,
    "s3://": _s3,
    "ipfs:": _ipfs,
    "ipns:": _ipns,
    "golem:": _golem,
    "gftp:": _gftp,
    "nix:/nix/store/": _nix,
}


def _file(node: Node) -> FileMeaning:
    if isinstance(node.value, str):
        return FileMeaning(_link(node))
    if not isinstance(node.value, Mapping):
        raise node.refuse('"CID" or {"cid", "name"?}')
    fields = node.struct()
    cid = _link(fields["cid"])
    name = None if fields["name"].is_absent else fields["name"].text()
    _refuse_unknown(fields.unknown())
    if name is not None and ("/" in name or "\0" in name or name in (".", "..")):
        raise fields["name"].refuse("the name of a file, without `/`")
    return FileMeaning(cid, name)


def _link(node: Node) -> CID:
    text = node.text()
    try:
        return CID.parse(text)
    except CidError as error:
        raise DocumentError(error.reason, at=node.at) from error


def _oci_digest(node: Node) -> CID:
    try:
        return CID.of_digest(parse_sha256(node.text()))
    except EncodingError as error:
        raise DocumentError(error.reason, at=node.at) from error


def _command(node: Node) -> tuple[str, ...] | None:
    """A list as stated; null or "" is refused: `[]` says that there is none."""
    if node.is_absent:
        return None
    if not isinstance(node.value, list):
        raise node.refuse("a list of strings, empty if the image has none")
    return tuple(node.texts())


def _optional(node: Node) -> str | None:
    if node.is_absent:
        return None
    if not node.text():
        raise node.refuse("a string that is not empty, or no such field")
    return node.text()


def _refuse_unknown(nodes: list[Node]) -> None:
    if nodes:
        raise DocumentError(
            "a field that no resolution of this kind has; remove it", at=nodes[0].at
        )
