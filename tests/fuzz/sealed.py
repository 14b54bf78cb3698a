"""Proofs in CARs as trees: changed inside, then hashed, linked and signed anew.

A bundle, or a proof against a log, is a root that names its blocks by their hashes
under a checkpoint that a log signed. Whatever is changed in one would be seen at its
first hash; so the names are made again, and a log of our own signs what comes out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from invocation_spec import CID, CidError, EncodingError, dagcbor
from invocation_spec.dagcbor import Ipld
from octostore.errors import NoteError
from octostore.keys import SecretKey
from octostore.tlog.checkpoint import LogCheckpoint
from octostore.tlog.note import Note, Signer

__all__ = ["read_proof", "with_names", "with_seals"]

#: The name of a block, and the tree of it, or its bytes.
Named: TypeAlias = list[Any]

_SEED = SecretKey.from_seed(b"9" * 32)
_DEEP = 6  # from a root to what a record leads to


def read_proof(data: bytes) -> list[tuple[CID, Ipld]] | None:
    """The blocks of a CAR whose root is a proof; None if it is none."""
    found: list[tuple[CID, Ipld]] = []
    sections = _sections(data)
    next(sections, None)
    for section in sections:
        try:
            cid = CID.from_bytes(section[:36])
            block: Ipld = section[36:]
            if cid.codec == 0x71:
                block = dagcbor.decode(section[36:], floats=True)
        except (CidError, EncodingError):
            return None
        found.append((cid, block))
    root = found[0][1] if found else None
    is_proof = isinstance(root, Mapping) and "octostore/" in next(iter(root), "")
    return found if is_proof else None


def _sections(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size, shift = 0, 0
        while at < len(data):
            byte = data[at]
            size, shift, at = size | (byte & 0x7F) << shift, shift + 7, at + 1
            if byte < 0x80:
                break
        yield data[at : at + size]
        at += size


def with_names(
    blocks: list[tuple[CID, Ipld]],
    signed: Callable[[Ipld], Ipld],
    encode: Callable[[Ipld], bytes],
) -> list[tuple[CID, bytes]]:
    """The blocks under the names that they have now, wherever they are named."""
    names: dict[CID, CID] = {}
    entries: dict[bytes, bytes] = {}
    found: list[tuple[CID, bytes]] = []
    for _ in range(_DEEP):
        found = []
        for old, tree in blocks:
            if isinstance(tree, bytes):
                found.append((CID.of_bytes(tree), tree))
            else:
                block = encode(signed(_renamed(tree, names, entries)))
                found.append((CID.of_block(block), block))
            names[old] = found[-1][0]
            for kind in (b"\0", b"\1"):
                entries[kind + old.raw] = kind + found[-1][0].raw
    return found


def _renamed(
    tree: Any, names: Mapping[CID, CID], entries: Mapping[bytes, bytes]
) -> Any:
    if isinstance(tree, CID):
        return names.get(tree, tree)
    if isinstance(tree, bytes):
        return entries.get(tree, tree)
    if isinstance(tree, tuple):  # an entry of a map
        return (tree[0], _renamed(tree[1], names, entries))
    if isinstance(tree, list):
        return type(tree)(_renamed(item, names, entries) for item in tree)
    return tree


def with_seals(root: dict[str, Any]) -> dict[str, Any]:
    """The root with checkpoints that a log of our own signs, over what it shows."""
    tree: bytes | None = None
    with suppress(Exception):  # whatever was put in its place shows nothing
        tree = _shown(root)
    name = "log.example"
    for field in ("checkpoint", "old", "new"):
        note = root.get(field)
        if isinstance(note, str | bytes):
            sealed, name = _sealed(note, tree if field == "checkpoint" else None)
            root[field] = sealed
    if isinstance(root.get("log"), str):
        with suppress(NoteError):
            root["log"] = str(Signer(name, _SEED).verifier)
    return root


def _sealed(note: str | bytes, tree: bytes | None) -> tuple[str | bytes, str]:
    text = note if isinstance(note, str) else note.decode("utf-8", "replace")
    body = text.partition("\n\n")[0] + "\n"
    try:
        said = LogCheckpoint.parse(body)
        if tree is not None:
            said = LogCheckpoint(said.origin, said.size, tree, said.extensions)
        signer = Signer(said.origin, _SEED)
        sealed = bytes(Note(str(said), (signer.sign(str(said)),)))
    except NoteError:
        return note, "log.example"
    return (sealed if isinstance(note, bytes) else sealed.decode()), said.origin


def _shown(root: Mapping[str, Any]) -> bytes | None:
    """The root of the tree to which the proof leads."""
    size = int(_text(root["checkpoint"]).split("\n")[1])
    if "statements" in root:
        at, head = root["head"]
        leaves = {n: _leaf(b"\0" + cid.raw) for n, cid in root["statements"]}
        leaves[at] = _leaf(b"\1" + head.raw)
        return _of_many(leaves, 0, size, iter(root["proof"]))
    entry = dict(root["entry"])
    found, index, last = _leaf(entry["entry"]), entry["index"], size - 1
    for beside in entry["path"][:64]:
        while index > 0 and not index & 1 and index == last:
            index, last = index >> 1, last >> 1
        found = _node(beside, found) if index & 1 else _node(found, beside)
        index, last = index >> 1, last >> 1
    return found


def _of_many(
    leaves: Mapping[int, bytes], start: int, end: int, rest: Iterator[bytes]
) -> bytes:
    if not any(start <= at < end for at in leaves):
        return next(rest)
    if end - start == 1:
        return leaves[start]
    middle = start + (1 << (end - start - 1).bit_length() - 1)
    left = _of_many(leaves, start, middle, rest)
    return _node(left, _of_many(leaves, middle, end, rest))


def _text(note: str | bytes) -> str:
    return note if isinstance(note, str) else note.decode("utf-8", "replace")


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()
