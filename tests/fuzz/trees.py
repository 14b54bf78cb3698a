"""Documents as trees that may be wrong: keys twice, any order, any number.

The strict readers of the product refuse what a mutator wants to write, so these
read leniently and write what they are told.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Mapping
from typing import Any, TypeAlias

import yaml

from invocation_spec import CID, EncodingError, OctostoreError, dagcbor
from invocation_spec.signature import did_of_key, key_pair, sign
from octostore.statement import ReceivedStatement
from tests.fuzz.sealed import read_proof, with_names, with_seals

__all__ = ["Pairs", "Tree", "read", "subtrees", "write"]


class Pairs(list[tuple[str, Any]]):
    """A map as it is written: its entries in order, a key perhaps twice."""


#: None, bool, int, float, str, bytes, CID, Pairs, or a list of trees.
Tree: TypeAlias = Any

_SIGNATURE_BYTES = 64
_PUBLIC, _SECRET = key_pair(bytes(32))
_PLAIN = re.compile(r"[A-Za-z0-9_./~+=-]+")


def read(data: bytes) -> tuple[str, Tree] | None:
    """The syntax and the tree of a document; None if it has no tree."""
    if data[:1] and (data[1:8].find(b"eroots") >= 0 or data[2:9] == b"\xa2eroots"):
        return _read_car(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _read_cbor(data)
    if text.lstrip()[:1] not in ("{", "["):
        return _read_cbor(data) if data[:1] and data[0] >= 0x80 else _read_yaml(text)
    try:
        return "json", json.loads(text, object_pairs_hook=Pairs)
    except (ValueError, RecursionError):
        return None


def _read_cbor(data: bytes) -> tuple[str, Tree] | None:
    try:
        return "cbor", _from_ipld(dagcbor.decode(data, floats=True))
    except EncodingError:
        return None


def _read_yaml(text: str) -> tuple[str, Tree] | None:
    try:
        found = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - makes strings only
    except (yaml.YAMLError, RecursionError, TypeError, ValueError):
        return None
    return ("yaml", _from_ipld(found)) if isinstance(found, dict | list) else None


def _read_car(data: bytes) -> tuple[str, Tree] | None:
    """The blocks of a CAR of our own blocks, in a list; of a proof with their names."""
    proof = read_proof(data)
    if proof is not None:
        return "proof", [[cid, _from_ipld(tree)] for cid, tree in proof]
    blocks, at = [], 0
    while at < len(data):
        size, shift = 0, 0
        while at < len(data):
            byte = data[at]
            size, shift, at = size | (byte & 0x7F) << shift, shift + 7, at + 1
            if byte < 0x80:
                break
        blocks.append(data[at : at + size][36:])
        at += size
    found = [_read_cbor(block) for block in blocks[1:]]
    return "car", [None if item is None else item[1] for item in found]


def _from_ipld(value: Any) -> Tree:
    if isinstance(value, Mapping):
        return Pairs((key, _from_ipld(item)) for key, item in value.items())
    if isinstance(value, list):
        return [_from_ipld(item) for item in value]
    return value


def write(syntax: str, tree: Tree, *, sound: bool) -> bytes:
    """The bytes of a tree; `sound` signs, sorts and links it as it should be."""
    if syntax == "car":
        return _car([tree] if type(tree) is not list else tree, sound=sound)
    if syntax == "proof":
        return _proof(tree, sound=sound)
    if sound:
        tree = _signed(tree)
    if syntax == "cbor":
        return _cbor(tree, sound=sound)
    text = _text(tree, plain=syntax == "yaml")
    return (f"--- {text}" if syntax == "yaml" else text).encode(
        "utf-8", "surrogatepass"
    )


def _text(tree: Tree, *, plain: bool) -> str:
    """JSON, or YAML's flow style with scalars in plain."""
    if isinstance(tree, Pairs):
        inner = ", ".join(
            f"{_text(key, plain=plain)}: {_text(item, plain=plain)}"
            for key, item in tree
        )
        return "{" + inner + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(_text(item, plain=plain) for item in tree) + "]"
    if isinstance(tree, CID):
        return json.dumps({"/": str(tree)})
    if isinstance(tree, bytes):
        text = base64.b64encode(tree).decode().rstrip("=")
        return json.dumps({"/": {"bytes": text}})
    if plain and isinstance(tree, str) and _PLAIN.fullmatch(tree):
        return tree
    return json.dumps(tree, ensure_ascii=False)


def _cbor(tree: Tree, *, sound: bool) -> bytes:
    if isinstance(tree, Pairs):
        entries = [(_cbor(key, sound=sound), item) for key, item in tree]
        if sound:
            entries.sort(key=lambda entry: (len(entry[0]), entry[0]))
        body = b"".join(key + _cbor(item, sound=sound) for key, item in entries)
        return _head(5, len(tree)) + body
    if isinstance(tree, list):
        return _head(4, len(tree)) + b"".join(_cbor(item, sound=sound) for item in tree)
    return _leaf(tree)


def _leaf(leaf: Tree) -> bytes:
    if leaf is None or isinstance(leaf, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[leaf]
    if isinstance(leaf, float):
        return b"\xfb" + struct.pack(">d", leaf)
    if isinstance(leaf, int):
        count = leaf if leaf >= 0 else -1 - leaf
        return _head(0 if leaf >= 0 else 1, count & (1 << 64) - 1)
    if isinstance(leaf, CID):
        return b"\xd8\x2a" + _leaf(b"\0" + leaf.raw)
    data = leaf if isinstance(leaf, bytes) else leaf.encode("utf-8", "surrogatepass")
    return _head(2 if isinstance(leaf, bytes) else 3, len(data)) + data


def _head(major: int, count: int) -> bytes:
    if count < 24:
        return bytes((major << 5 | count,))
    for kind, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if count < 1 << 8 * size:
            return bytes((major << 5 | kind,)) + count.to_bytes(size, "big")
    raise ValueError(count)


def _car(trees: list[Tree], *, sound: bool) -> bytes:
    """A CAR of invocation, input and program; when sound, the first names the rest."""
    blocks = [_cbor(tree, sound=sound) for tree in trees]
    if sound and len(blocks) == 3:
        names = [CID.of_block(block) for block in blocks]
        blocks[0] = _cbor(
            Pairs([("input", names[1]), ("program", names[2])]), sound=True
        )
    roots = [CID.of_block(block) for block in blocks[:1]]
    frames = [_cbor(Pairs([("roots", roots), ("version", 1)]), sound=True)]
    frames += [CID.of_block(block).raw + block for block in blocks]
    return b"".join(_varint(len(frame)) + frame for frame in frames)


def _proof(trees: Tree, *, sound: bool) -> bytes:
    """A CAR whose root is a proof; when sound, linked and signed from end to end."""
    named = [item for item in trees if _is_named(item)] if type(trees) is list else []
    blocks = [(cid, tree) for cid, tree in named]
    if sound:
        found = with_names(blocks, _sealed, lambda tree: _cbor(tree, sound=True))
    else:
        found = [(cid, _block(tree)) for cid, tree in blocks]
    roots = [cid for cid, _ in found[:1]]
    frames = [_cbor(Pairs([("roots", roots), ("version", 1)]), sound=True)]
    frames += [cid.raw + block for cid, block in found]
    return b"".join(_varint(len(frame)) + frame for frame in frames)


def _is_named(item: Tree) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], CID)


def _block(tree: Tree) -> bytes:
    return tree if isinstance(tree, bytes) else _cbor(tree, sound=True)


def _sealed(tree: Tree) -> Tree:
    """A statement signed, the root of a proof sealed; anything else as it is."""
    if not isinstance(tree, Pairs) or len(tree) != 1:
        return tree if _is_statement(tree) else _signed(tree)
    tag, fields = tree[0]
    if not isinstance(fields, Pairs) or "log" not in dict(fields):
        return tree
    return Pairs([(tag, Pairs(with_seals(dict(fields)).items()))])


def _is_statement(tree: Tree) -> bool:
    """Whether it holds as it is: whose key it was still says the same."""
    try:
        ReceivedStatement.from_block(_cbor(tree, sound=True)).verify()
    except (OctostoreError, RecursionError):
        return False
    return True


def _varint(size: int) -> bytes:
    out = bytearray()
    while size >= 0x80:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((*out, size))


def _signed(tree: Tree) -> Tree:
    """A UCAN token or a statement, issued and signed by a key of our own."""
    if not (isinstance(tree, list) and len(tree) == 2 and isinstance(tree[0], bytes)):
        return tree
    part = tree[1]
    if not isinstance(part, Pairs) or any(not isinstance(key, str) for key, _ in part):
        return tree
    issuer = next(
        (
            item
            for _, payload in part
            if isinstance(payload, Pairs)
            for key, item in payload
            if key == "iss" and isinstance(item, str)
        ),
        None,
    )
    if issuer is not None:
        part = _replaced(part, issuer, did_of_key(_PUBLIC))
    try:
        return [sign(_cbor(part, sound=True), _SECRET)[:_SIGNATURE_BYTES], part]
    except (OctostoreError, RecursionError):
        return tree


def _replaced(tree: Tree, old: str, new: str) -> Tree:
    if isinstance(tree, Pairs):
        return Pairs((key, _replaced(item, old, new)) for key, item in tree)
    if isinstance(tree, list):
        return [_replaced(item, old, new) for item in tree]
    return new if tree == old and isinstance(tree, str) else tree


def subtrees(tree: Tree) -> list[Tree]:
    """The tree and all below it."""
    found = [tree]
    if isinstance(tree, Pairs):
        for _, item in tree:
            found += subtrees(item)
    elif isinstance(tree, list):
        for item in tree:
            found += subtrees(item)
    return found
