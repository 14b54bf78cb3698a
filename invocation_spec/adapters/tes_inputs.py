"""What a TES task is given: bytes in the document, or a URL of long-term storage.

    {"path": "/in/a", "content": "hello"}                     the bytes
    {"path": "/in/b", "url": "s3://bucket/b"}                 an object; so is a gs: URL
    {"path": "/in/c", "url": "/mnt/c", "type": "DIRECTORY"}   a path of the server

A URL fixes no bytes, and no field of TES says a checksum: but for IPFS each needs a
resolution, which gives the CID of the file or tree that came to stand at the path.
Source: ga4gh/task-execution-schemas tesInput; funnel storage/{local,amazon_s3}.go;
the DRS specification, compact identifiers.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model.values import check_text
from invocation_spec.node import Node
from invocation_spec.reading import Files, Reading, clean_at, made
from invocation_spec.references import REFERENCE_BYTES_MAX, s3_reference

__all__ = ["absolute", "file_type", "read_inputs", "read_stdin"]

#: `drs://dg.4503:01b048..`: a prefix of a registry and an accession, no host.
_COMPACT = re.compile(r"(?i:drs)://[^/?#:]+:[^/?#]*[^/?#0-9][^/?#]*")

_FROM_LOCAL = ("/ipfs/", "/ipns/")


def absolute(node: Node) -> str:
    """The absolute path here, as written.

    Raises:
        DocumentError: no text, or a path that does not begin with `/`.
    """
    text = node.text()
    if not text.startswith("/"):
        raise node.refuse("an absolute path")
    return text


def file_type(node: Node) -> str:
    """FILE or DIRECTORY; FILE where nothing is said, as in 1.1.

    Raises:
        DocumentError: another word.
    """
    word = node.text_or("FILE")
    if word not in ("FILE", "DIRECTORY"):
        raise node.refuse("FILE or DIRECTORY")
    return word


def read_inputs(reading: Reading, node: Node) -> Files:
    """The files and trees of `inputs`, by path.

    Raises:
        DocumentError: an input without path, or with neither content nor URL.
    """
    files = Files()
    for item in node.elements():
        if not isinstance(item.value, Mapping):
            raise item.refuse("an input")
        fields = item.struct()
        fields.pass_over("name", "description", "streamable")
        path, kind = fields["path"], file_type(fields["type"])
        content, url = fields["content"], fields["url"]
        where = absolute(path)
        if not content.is_empty:
            cid: CID | None = _content(content, kind)
            if not url.is_empty:
                url.text()
                reading.findings.warn(
                    url.at, "ignored-field", "TES ignores the URL where content is"
                )
        elif url.is_empty:
            raise DocumentError(
                "an input with neither content nor url; a server leaves content out"
                " of a task unless asked with view=FULL",
                at=fields.at,
            )
        else:
            cid = _url(reading, url)
        files.put(where, cid, path.at)
        reading.ignore(fields.unknown(), templates=False)
    files.refuse_root()
    return files


def _content(node: Node, kind: str) -> CID:
    text = node.text()
    if kind != "FILE":
        raise DocumentError("content is that of a file, not of a directory", at=node.at)
    return CID.of_bytes(text.encode())


def _url(reading: Reading, node: Node) -> CID | None:
    text = node.text()
    made(node.at, check_text, text, "URL")
    _check_length(text, node)
    scheme = text.partition("://")[0].lower()
    if scheme == "s3":
        return _s3(reading, text, node)
    if "\\" in text and scheme in ("file", "ftp"):
        # The URL standard takes it for a `/`, engines do not: two in one text.
        raise node.refuse("a URL without a backslash; write / or %5C")
    if _COMPACT.fullmatch(text):  # to the URL standard it has a port of letters
        reading.findings.leave_unresolved(node.at, text, "url")
        return None
    if text.startswith("/") and not text.startswith(_FROM_LOCAL):
        text = "file://" + urllib.parse.quote(text, safe="/~")
    return reading.resolver.content(text, node.at)


def _check_length(text: str, node: Node) -> None:
    size = len(text.encode())
    if size > REFERENCE_BYTES_MAX:
        raise DocumentError(
            f"a URL of {size} bytes; at most {REFERENCE_BYTES_MAX}", at=node.at
        )


def _s3(reading: Reading, text: str, node: Node) -> CID | None:
    """An object, or all below a prefix, by its name as written: nothing is decoded."""
    bucket, _, key = text[len("s3://") :].partition("/")
    if not bucket:
        raise node.refuse("s3://BUCKET/KEY")
    reference = s3_reference(bucket, key, endpoint="", version_id="")
    _check_length(reference, node)
    if not key:
        reading.findings.leave_unresolved(node.at, reference, "s3-prefix")
        return None
    meaning = reading.resolver.s3(reference, node.at)
    return None if meaning is None else meaning.cid


def read_stdin(reading: Reading, node: Node, files: Files) -> CID | None:
    """The file that standard input is read from, None if it is not known.

    An input at the path itself; else one that may hold it, a tree; else what the
    image has there, which no field says.

    Raises:
        DocumentError: no absolute path.
    """
    if node.is_empty:
        return None
    path = clean_at(absolute(node), node.at)
    above = path
    while above != "/" and not files.holds(above):
        above = above.rpartition("/")[0] or "/"
    if above == "/":
        reading.findings.leave_unresolved(node.at, path, "image-file")
        return None
    cid = files.find(above)
    if cid is None or above == path:
        return cid
    inside = path.removeprefix(f"{above}/")
    return reading.resolver.content(f"ipfs://{cid}/{inside}", node.at)
