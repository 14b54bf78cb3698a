"""Reading a document: bytes to a tree, with nothing guessed and nothing lost.

JSON by RFC 8259, YAML where 1.1 and 1.2 agree, DAG-CBOR by its first byte, a CAR
by its header and as its bytes; the text of a Nix derivation by its first word.
Text that would be JSON but for `{{` is kept as a
template, which Lilypad writes, with the reason why it is no JSON. A YAML scalar
that the two versions read differently is kept as `Ambiguous`, so that it is
refused where it would reach a block and is plain text elsewhere.
Source: FORMATS 2; the YAML 1.1 types and the YAML 1.2 core schema.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import DEPTH_MAX, INT_MAX, INT_MIN
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.yamltext import Ambiguous, read_yaml

__all__ = [
    "DOCUMENT_BYTES_MAX",
    "Document",
    "Syntax",
    "Tree",
    "read_document",
    "read_json",
]

#: Jobs carry small modules and archives inline; whole data sets belong elsewhere.
DOCUMENT_BYTES_MAX = 16 << 20

Syntax: TypeAlias = Literal["json", "yaml", "dag-cbor", "car", "template", "derivation"]

_Leaf: TypeAlias = bool | int | float | str | bytes | CID | Ambiguous | None
Tree: TypeAlias = "_Leaf | Sequence[Tree] | Mapping[str, Tree]"

#: A varint, then the map of a CAR v1 header; `roots` sorts first.
_CAR = re.compile(rb"[\x80-\xff]{0,8}[\x00-\x7f]\xa2eroots")

#: Of these two the second is the form of dynamic derivations.
_DERIVATION = ("Derive(", "DrvWithVersion(")

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Document:
    """A tree and the syntax that it was written in.

    The tree of a CAR is its bytes, that of a template or a derivation its text;
    `fault` says why a template is no JSON, for whoever finds that it is none that is
    known.
    """

    tree: Tree
    syntax: Syntax
    fault: DocumentError | None = None


def read_document(data: bytes, *, templates: bool = False) -> Document:
    """The tree of a document, by its own first bytes.

    With `templates`, text that holds `{{` and is no JSON is a template instead of
    an error.

    Raises:
        DocumentError: too large or too deep, not UTF-8 text, DAG-CBOR or a CAR, not
            well-formed, a key twice, more than one YAML document, tags.
    """
    if len(data) > DOCUMENT_BYTES_MAX:
        raise DocumentError(
            f"{len(data)} bytes; a document has at most {DOCUMENT_BYTES_MAX}"
        )
    if _CAR.match(data):
        return Document(data, "car")
    if data[:1] and 0x80 <= data[0] <= 0xBF:  # ADR 10: text never begins so
        return Document(_read_dag_cbor(data), "dag-cbor")
    text = _text(data)
    first = text.lstrip(" \t\r\n")[:1]
    if not first:
        raise DocumentError("empty; expected a job, a task or a bundle")
    if first in "{[":
        return _json_or_template(text) if templates else _json(text)
    if text.startswith(_DERIVATION):
        return Document(text, "derivation")
    tree = read_yaml(text, depth_max=DEPTH_MAX)
    if "*" in text:  # an alias may nest what its anchor nests already
        _check_depth(tree)
    return Document(cast("Tree", tree), "yaml")


def _json(text: str) -> Document:
    return Document(read_json(text), "json")


def _json_or_template(text: str) -> Document:
    try:
        return _json(text)
    except DocumentError as error:
        if "{{" not in text:
            raise
        return Document(text, "template", error)


def _text(data: bytes) -> str:
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise DocumentError("begins with a byte order mark; save as UTF-8 without")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"not UTF-8 at byte {error.start}, and no DAG-CBOR map or array"
        ) from error


def _read_dag_cbor(data: bytes) -> Tree:
    try:
        return dagcbor.decode(data, floats=True, bytes_max=DOCUMENT_BYTES_MAX)
    except EncodingError as error:
        raise DocumentError(error.reason) from error


def read_json(text: str) -> Tree:
    """The tree of one JSON text.

    Raises:
        DocumentError: not JSON by RFC 8259, too deep, a key twice, a number that
            overflows, a lone surrogate.
    """
    try:
        tree = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise DocumentError(f"nested deeper than {DEPTH_MAX} levels") from error
    if text.count("[") + text.count("{") > DEPTH_MAX:
        _check_depth(tree)
    if _SURROGATE.search(text):
        _check_surrogates(tree)
    return cast("Tree", tree)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise DocumentError(f"key {_twice(keys)!r} stands twice in one object")
    return found


def _twice(keys: Sequence[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key if len(key) <= 80 else key[:77] + "..."
        seen.add(key)
    return ""


def _integer(literal: str) -> int | float:
    if literal == "-0":
        raise DocumentError("-0 is refused; write 0")
    if len(literal) > 20:
        return _float(literal)
    number = int(literal)
    return number if INT_MIN <= number <= INT_MAX else _float(literal)


def _float(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise DocumentError(f"number {literal[:40]} overflows float64")
    if number == 0 and literal.startswith("-"):
        raise DocumentError(f"{literal[:40]} is -0.0, which is refused; write 0.0")
    return number


def _constant(literal: str) -> float:
    raise DocumentError(f"{literal} is not JSON")


def _check_depth(tree: object) -> None:
    stack = [(tree, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, dict):
            children: Sequence[object] = tuple(item.values())
        elif isinstance(item, list):
            children = item
        else:
            continue
        if depth > DEPTH_MAX:
            raise DocumentError(f"nested deeper than {DEPTH_MAX} levels")
        stack.extend((child, depth + 1) for child in children)


def _check_surrogates(tree: object) -> None:
    try:
        json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DocumentError(
            f"escape \\u{ord(error.object[error.start]):04x} is a lone surrogate,"
            " no character"
        ) from error
