"""Bacalhau's storage sources: what each fixes, and where it lands.

    type           fixes content by          lands at
    ipfs           CID                       the target itself
    inline         the bytes of a data: URL  the target; an archive below it
    urlDownload    nothing; a resolution     target/<name>; v1alpha1: the target
    s3             ChecksumSHA256 of a key   target/<base name of the key>
    localDirectory nothing: a path of a host
    repoClone      nothing

Source: bacalhau pkg/storage/*, pkg/models/input_source.go; FORMATS 4.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Literal, TypeAlias

from invocation_spec.archive import NotPlainError
from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.node import UNICODE_SPACE, Node, Struct
from invocation_spec.paths import base_name, join
from invocation_spec.reading import Files, Reading, clean_at, made
from invocation_spec.references import parse_data_url, s3_reference, url_name

__all__ = ["Landing", "Source", "download", "place"]

#: Where a download lands: at target/<name>; at the target itself; or where only a
#: resolution can tell, since versions that read the same form differ.
Landing: TypeAlias = Literal["below", "at", "named"]


@dataclass(frozen=True, slots=True)
class Source:
    """One source in the words of the newest form, whatever form it came from.

    `target` is empty for a module of old forms, which lands nowhere; `checksum`
    is what the form calls the checksum of an S3 object, `landing` where it has
    downloads land.
    """

    kind: Node
    params: Struct
    target: Node
    checksum: str = "ChecksumSHA256"
    landing: Landing = "below"


def place(reading: Reading, source: Source, files: Files) -> CID | None:
    """Put what the source brings into `files`; its CID if it is one file.

    Raises:
        DocumentError: a source of unknown type, or one that lacks its parameters.
    """
    name = source.kind.word()
    if name not in _TYPES:
        raise source.kind.refuse(f"a storage source, one of {', '.join(_TYPES)}")
    target = reading.literal(source.target) if not source.target.is_empty else ""
    if target is not None:
        clean_at(target, source.target.at)
    return _TYPES[name](reading, source, target, files)


def _ipfs(
    reading: Reading, source: Source, target: str | None, files: Files
) -> CID | None:
    node = source.params["CID"]
    text = reading.literal(node)
    cid = None if text is None else reading.resolver.content(text, node.at, bare=True)
    _put(files, target, cid, source)
    return cid


def _inline(
    reading: Reading, source: Source, target: str | None, files: Files
) -> CID | None:
    node = source.params["URL"]
    text = reading.literal(node)  # `{` has no place in a URL but for a template
    if text is None:
        files.put(None, None, node.at)
        return None
    inline = made(node.at, parse_data_url, text)
    if inline.written != "application/gzip":  # inline/storage.go compares it so
        cid = CID.of_bytes(inline.data)
        _put(files, target, cid, source)
        return cid
    try:
        entries = made(node.at, reading.archives.unpack, inline.data)
        if source.target.is_empty:
            return _only(entries)
    except NotPlainError as error:
        reading.findings.warn(node.at, "archive", str(error))
        reading.findings.leave_unresolved(node.at, "data:application/gzip", "archive")
        files.put(None, None, node.at)
        return None
    for path, cid in entries.items():
        landed = None if target is None else made(node.at, join, target, path)
        _put(files, landed, cid, source)
    return None


def _only(entries: dict[str, CID]) -> CID:
    """A module's one file: clients pack what is larger than 512 bytes.

    Source: bacalhau v1.6.0 pkg/executor/wasm/loader.go loadModule.
    """
    (path, cid), *others = entries.items()
    if others or "/" in path:
        raise NotPlainError("not one file, as a module is")
    return cid


def _url(
    reading: Reading, source: Source, target: str | None, files: Files
) -> CID | None:
    node = source.params["URL"]
    text = reading.literal(node)
    if text is None:
        files.put(None, None, node.at)
        return None
    path, cid = download(reading, text, node.at, target, source.landing)
    _put(files, path, cid, source)
    return cid


def download(
    reading: Reading,
    url: str,
    at: str,
    target: str | None,
    landing: Landing = "below",
) -> tuple[str | None, CID | None]:
    """Where a download lands and what it is, as far as either is known.

    At `target/<name>`, named by the resolution or else, where it lands "below", by
    the URL's path; at the target itself if the resolution names it "". A target of
    None is not known, and "" is nowhere: a module of old forms.

    Raises:
        DocumentError: the text is no URL of the web, which is all that is fetched.
    """
    if not url[:8].lower().startswith(("http://", "https://")):
        raise DocumentError(
            f"found {_shown(url)}; expected an http or https URL", at=at
        )
    name = {"below": url_name(url), "at": "", "named": None}[landing]
    found = reading.resolver.download(url, at, named=name is None)
    if found is not None and found.name is not None and landing != "at":
        name = found.name
    if target == "":
        return target, None if found is None else found.cid
    if name is None and found is not None:
        reading.resolver.leave_unnamed(url, at)
    path = None if name is None else target
    if path and name:
        path = made(at, join, path, name)
    return path, None if found is None else found.cid


def _s3(
    reading: Reading, source: Source, target: str | None, files: Files
) -> CID | None:
    params = source.params
    at = params["Key"].at
    params.pass_over("Region", "Filter", "Partition", source.checksum)
    if params["Bucket"].is_empty:
        raise params["Bucket"].refuse("a bucket")
    words = [
        "" if params[name].is_empty else reading.literal(params[name])
        for name in ("Bucket", "Key", "Endpoint", "VersionID")
    ]
    cid = _checksum(params[source.checksum])
    whole = [word for word in words if word is not None]
    if len(whole) < len(words):
        files.put(None, None, at)
        return None
    bucket, key, endpoint, version_id = whole
    reference = s3_reference(bucket, key, endpoint=endpoint, version_id=version_id)
    several = _several(params, key)
    if several:
        reading.findings.leave_unresolved(at, reference, several)
        files.put(None, None, at)
        return None
    name: str | None = base_name(key)
    if cid is None:
        meaning = reading.resolver.s3(reference, at)
        cid = None if meaning is None else meaning.cid
        name = name if meaning is None or meaning.name is None else meaning.name
    if target and name:
        target = made(at, join, target, name)
    _put(files, target, cid, source)
    return cid


def _several(params: Struct, key: str) -> str:
    """Why the key may name more than one object, or lands nobody knows where."""
    if not params["Partition"].is_empty:
        return "s3-partition"
    if not params["Filter"].is_empty or "*" in key or key != key.strip(UNICODE_SPACE):
        return "s3-prefix"
    return "s3-prefix" if base_name(key) in ("", ".", "..") else ""


def _checksum(node: Node) -> CID | None:
    """The object's CID; a multipart checksum (`..-3`) is no hash of its bytes."""
    text = node.text_or()
    if not text or "-" in text:
        return None
    try:
        digest = base64.b64decode(text.encode(), validate=True)
    except binascii.Error as error:
        raise node.refuse("base64 of a SHA-256") from error
    if len(digest) != 32:
        raise node.refuse("base64 of the 32 bytes of a SHA-256")
    return CID.of_digest(digest)


def _host(
    reading: Reading, source: Source, target: str | None, files: Files
) -> CID | None:
    source.params.pass_over("SourcePath", "ReadWrite")
    reading.findings.call_impure(
        source.kind.at, "host-directory", "a directory of whichever host runs it"
    )
    _put(files, target, None, source)
    return None


def _repository(
    reading: Reading, source: Source, target: str | None, files: Files
) -> CID | None:
    node = source.params["Repo"]
    if node.is_empty:
        raise node.refuse("the URL of a repository")
    reading.findings.leave_unresolved(node.at, node.text(), "repository")
    _put(files, target, None, source)
    return None


def _put(files: Files, path: str | None, cid: CID | None, source: Source) -> None:
    if not source.target.is_empty:
        files.put(path, cid, source.target.at)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


_TYPES = {
    "ipfs": _ipfs,
    "inline": _inline,
    "urldownload": _url,
    "s3": _s3,
    "localdirectory": _host,
    "local": _host,
    "repoclone": _repository,
    "repoclonelfs": _repository,
    "filecoin": _ipfs,
    "filecoinunsealed": _ipfs,
    "estuary": _ipfs,
}
