"""Roots, proofs of inclusion and of consistency, as RFC 6962 defines them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator

from tests.vectors.make.rows import Row

EMPTY = hashlib.sha256(b"").digest()


def b64(raw: bytes) -> str:
    """Hashes as notes and proofs write them."""
    return base64.b64encode(raw).decode()


def leaf(entry: bytes) -> bytes:
    """Section 2.1: the hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def root(entries: list[bytes]) -> bytes:
    """Section 2.1: MTH."""
    if not entries:
        return EMPTY
    if len(entries) == 1:
        return leaf(entries[0])
    k = _half(entries)
    return hashlib.sha256(b"\x01" + root(entries[:k]) + root(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """Section 2.1.1: PATH."""
    if len(entries) == 1:
        return []
    k = _half(entries)
    if m < k:
        return [*path(m, entries[:k]), root(entries[k:])]
    return [*path(m - k, entries[k:]), root(entries[:k])]


def consistency(m: int, entries: list[bytes]) -> list[bytes]:
    """Section 2.1.2: PROOF, and none for the empty tree."""
    return _subproof(m, entries, whole=True) if m else []


def _subproof(m: int, entries: list[bytes], *, whole: bool) -> list[bytes]:
    if m == len(entries):
        return [] if whole else [root(entries)]
    k = _half(entries)
    if m <= k:
        return [*_subproof(m, entries[:k], whole=whole), root(entries[k:])]
    return [*_subproof(m - k, entries[k:], whole=False), root(entries[:k])]


def _half(entries: list[bytes]) -> int:
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return k


NO: Row = {"valid": False}
ENTRIES = [bytes([n]) * n for n in range(13)]


def merkle() -> Iterable[Row]:
    """All rows; hashes are in base64, entries in hex."""
    for size in (0, 1, 2, 3, 7, 8, 13):
        yield {
            "name": f"root of {size} entries",
            "why": "RFC 6962 section 2.1",
            "kind": "root",
            "entries": [entry.hex() for entry in ENTRIES[:size]],
            "root": b64(root(ENTRIES[:size])),
        }
    for index, size in ((0, 1), (0, 2), (1, 2), (2, 3), (0, 7), (5, 8), (6, 13)):
        yield _inclusion("as defined", "RFC 6962 section 2.1.1", index, size)
    yield _inclusion("the last of 13", "few hashes at the right edge", 12, 13)
    yield from _bad_inclusion()
    for old, size in ((0, 0), (0, 5), (1, 1), (1, 8), (6, 8), (7, 13), (8, 13), (4, 8)):
        yield _consistency("as defined", "RFC 6962 section 2.1.2", old, size)
    yield from _bad_consistency()


def _inclusion(
    name: str, why: str, index: int, size: int, other: Row | None = None
) -> Row:
    return {
        "name": f"inclusion of {index} in {size}: {name}",
        "why": why,
        "kind": "inclusion",
        "leaf": b64(leaf(ENTRIES[index % 13])),
        "index": index,
        "size": size,
        "proof": [b64(item) for item in path(index % size, ENTRIES[:size])],
        "root": b64(root(ENTRIES[:size])),
        "valid": True,
    } | (other or {})


def _bad_inclusion() -> Iterator[Row]:
    proof = [b64(item) for item in path(6, ENTRIES)]
    for name, why, change in (
        ("another leaf", "it stands elsewhere", {"leaf": b64(leaf(ENTRIES[5]))}),
        ("another place", "the path turns elsewhere", {"index": 7}),
        ("another size", "the path has another length", {"size": 32}),
        ("a hash less", "the path ends below the root", {"proof": proof[:-1]}),
        ("a hash more", "the path ends above the root", {"proof": [*proof, proof[0]]}),
        ("two hashes changed round", "order", {"proof": [*proof[1::-1], *proof[2:]]}),
        ("an entry for its hash", "20 bytes", {"leaf": b64(bytes(20))}),
        ("beyond the end", "leaf 13 of 13", {"index": 13}),
        ("a tree of none", "nothing is in it", {"size": 0, "proof": []}),
        ("2^40 entries", "refused by the length", {"size": 1 << 40}),
        ("2^63 entries", "more than a tree has", {"size": 1 << 63}),
        ("one bit of the root", "root", {"root": b64(_flip(root(ENTRIES)))}),
        (
            "one bit of the path",
            "path",
            {"proof": [b64(_flip(path(6, ENTRIES)[0])), *proof[1:]]},
        ),
    ):
        yield _inclusion(name, why, 6, 13, change | NO)


def _consistency(
    name: str, why: str, old: int, size: int, other: Row | None = None
) -> Row:
    return {
        "name": f"consistency of {old} with {size}: {name}",
        "why": why,
        "kind": "consistency",
        "old": old,
        "size": size,
        "proof": [b64(item) for item in consistency(old, ENTRIES[:size])],
        "old_root": b64(root(ENTRIES[:old])),
        "root": b64(root(ENTRIES[:size])),
        "valid": True,
    } | (other or {})


def _bad_consistency() -> Iterator[Row]:
    proof = [b64(item) for item in consistency(6, ENTRIES)]
    for name, why, change in (
        ("no proof", "two trees of different sizes need one", {"proof": []}),
        ("a hash less", "it ends below the root", {"proof": proof[:-1]}),
        ("a hash more", "it ends above the root", {"proof": [*proof, proof[0]]}),
        ("the sizes changed round", "a log does not shrink", {"old": 13, "size": 6}),
        ("another old size", "the old tree has another root", {"old": 5}),
        ("2^40 entries", "refused by the length", {"size": 1 << 40}),
        ("one bit of the old root", "old", {"old_root": b64(_flip(root(ENTRIES[:6])))}),
        ("one bit of the root", "root", {"root": b64(_flip(root(ENTRIES)))}),
    ):
        yield _consistency(name, why, 6, 13, change | NO)
    same = {"old_root": b64(root(ENTRIES[:3])), "root": b64(EMPTY)}
    yield _consistency("other roots", "one size, one root", 3, 3, same | NO)
    yield _consistency(
        "a proof of nothing",
        "the empty tree precedes every tree, without a proof",
        0,
        5,
        {"proof": [b64(EMPTY)]} | NO,
    )
    yield _consistency(
        "the root of another",
        "the empty tree has one root",
        0,
        5,
        {"old_root": b64(root(ENTRIES[:1]))} | NO,
    )


def _flip(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])
