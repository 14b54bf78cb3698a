"""The trie of the map and its proofs by definition: slow, plain, and no part of it.

Everything is recursion over the list of all keys, so that what is tested has no
part in what it is tested against.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

import dag_cbor

EMPTY = hashlib.sha256(b"\x12").digest()

#: prefix, first, last
Question = tuple[bytes, bytes | None, bytes | None]


def bits(key: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in key)


def shared(keys: list[bytes]) -> int:
    """How many bits all keys begin with."""
    columns = zip(*map(bits, keys), strict=False)
    count = 0
    for column in columns:
        if len(set(column)) > 1:
            return count
        count += 1
    return count


def root(keys: Collection[bytes]) -> bytes:
    found = sorted(set(keys))
    if not found:
        return EMPTY
    if len(found) == 1:
        return hashlib.sha256(b"\x10" + found[0]).digest()
    depth, left, right = parted(found)
    return hashlib.sha256(
        b"\x11" + depth.to_bytes(2, "big") + root(left) + root(right)
    ).digest()


def parted(keys: list[bytes]) -> tuple[int, list[bytes], list[bytes]]:
    depth = shared(keys)
    left = [key for key in keys if bits(key)[depth] == "0"]
    return depth, left, [key for key in keys if key not in left]


def asked(
    question: Question, keys: list[bytes], depth: int
) -> tuple[Question | None, Question | None]:
    """What of a question is asked of the left and of the right of these keys."""
    prefix, first, last = question
    if depth < 8 * len(prefix):
        return (question, None) if bits(prefix)[depth] == "0" else (None, question)
    if not keys[0].startswith(prefix):
        return question, None  # the first key of all shows that none is there
    left: Question | None = (prefix, first, last)
    right: Question | None = (prefix, first, last)
    if first is not None:
        if bits(first)[depth] == "1":
            left = None
        elif right is not None:
            right = (prefix, None, last)
    if last is not None:
        if bits(last)[depth] == "0":
            right = None
        elif left is not None:
            left = (prefix, left[1], None)
    return left, right


def opened(
    keys: list[bytes], questions: list[Question], known: Collection[bytes]
) -> list[Any]:
    """The items of the proof for these keys, sorted, of one subtree."""
    if not questions:
        return [root(keys)]
    if all(key in known for key in keys):
        return [None]
    if len(keys) == 1:
        return [keys[0]]
    depth, left, right = parted(keys)
    ways = [asked(question, keys, depth) for question in questions]
    return [
        depth,
        *opened(left, [way for way, _ in ways if way is not None], known),
        *opened(right, [way for _, way in ways if way is not None], known),
    ]


def prove(
    keys: Collection[bytes], questions: list[Question], known: Collection[bytes] = ()
) -> list[Any]:
    return opened(sorted(set(keys)), questions, set(known)) if keys else []


def answer(keys: Collection[bytes], question: Question) -> list[bytes]:
    prefix, first, last = question
    return [
        key
        for key in sorted(set(keys))
        if key.startswith(prefix)
        and (first is None or first <= key)
        and (last is None or key <= last)
    ]


def block(items: list[Any]) -> bytes:
    return dag_cbor.encode({"octostore/map-proof@1": items})
