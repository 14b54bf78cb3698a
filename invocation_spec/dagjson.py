"""DAG-JSON: IPLD written as JSON, links and bytes included.

    {"/": "bafkrei.."}           a link
    {"/": {"bytes": "oVI8XiE"}}  bytes, base64 without padding

The key `/` is reserved for these two and refused in any other map. Numbers are
those of the document: an integer and a float64 are different values.
Source: the IPLD DAG-JSON specification; FORMATS 1.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import Tree
from invocation_spec.errors import CidError, DocumentError, EncodingError
from invocation_spec.node import Node, escape
from invocation_spec.yamltext import Ambiguous

__all__ = ["Link", "decode", "encode"]

#: How the text of a link at a place is read.
Link: TypeAlias = Callable[[str, Node], Ipld]


def _link(text: str, node: Node) -> CID:
    try:
        return CID.parse(text)
    except CidError as error:
        raise DocumentError(f"a link: {error.reason}", at=node.at or None) from error


def decode(tree: Tree, at: str = "", *, link: Link = _link) -> Ipld:
    """The IPLD value that a tree of a document spells.

    The tree is one that `read_document` gave, so that depth, duplicate keys and
    the range of integers are bounded already. `at` is the pointer of its root.

    Args:
        tree: the JSON, links and bytes still maps with the key `/`.
        at: JSON pointer of the tree in its document.
        link: reads the text of a link; by default any spelling of a CID.

    Raises:
        DocumentError: `/` beside other keys or over another value, a link that
            is no CID, bytes that are not unpadded base64, -0.0, or a word that
            YAML 1.1 and YAML 1.2 read differently.
    """
    return _decode(Node(tree, at), link)


#: What is itself in DAG-JSON.
_PLAIN = (str, int, bool, type(None))


def _decode(node: Node, link: Link) -> Ipld:
    tree = node.value
    if isinstance(tree, dict):
        if "/" in tree:
            return _reserved(node, tree, link)
        return {key: _decode(item, link) for key, item in node.entries()}
    if isinstance(tree, list):
        return [
            cast("Ipld", item)
            if type(item) in _PLAIN
            else _decode(Node(item, (node, index)), link)
            for index, item in enumerate(tree)
        ]
    if isinstance(tree, Ambiguous):
        raise node.refuse("a value, or a string in quotes")
    if isinstance(tree, float) and _is_negative_zero(tree):
        raise DocumentError("-0.0 is refused; write 0.0", at=node.at or None)
    return cast("Ipld", tree)


def _reserved(node: Node, tree: Mapping[str, Tree], link: Link) -> Ipld:
    value = tree["/"]
    if len(tree) == 1 and isinstance(value, str):
        return link(value, node)
    if len(tree) == 1 and isinstance(value, Mapping) and set(value) == {"bytes"}:
        return _bytes(value["bytes"], f"{node.at}/{escape('/')}/bytes")
    raise DocumentError(
        'the key "/" is reserved: {"/": CID} is a link, {"/": {"bytes": base64}}'
        " bytes, each alone in its map",
        at=node.at or None,
    )


def _bytes(value: Tree, at: str) -> bytes:
    text = Node(value, at).text()
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DocumentError(f"not base64: {error}", at=at) from error
    if _base64(data) != text:
        raise DocumentError(
            "base64 with padding or spare bits; DAG-JSON has neither", at=at
        )
    return data


def _is_negative_zero(value: float) -> bool:
    return value == 0 and math.copysign(1, value) < 0


def encode(value: Ipld) -> str:
    """The DAG-JSON text of a value: keys sorted, no white space, CIDs in base32.

    Raises:
        EncodingError: a map with the key `/`, which DAG-CBOR has and this has not.
    """
    return json.dumps(
        _to_json(value), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )


def _to_json(value: Ipld) -> object:
    if isinstance(value, CID):
        return {"/": str(value)}
    if isinstance(value, bytes):
        return {"/": {"bytes": _base64(value)}}
    if isinstance(value, Mapping):
        if "/" in value:
            raise EncodingError('a map with the reserved key "/" has no DAG-JSON')
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
