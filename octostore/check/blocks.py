"""The blocks: each hashed, each found by its hash, numbers without a gap."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from octostore import tables
from octostore.check.report import Seen
from octostore.engine import Snapshot
from octostore.packed import pack, unpack
from octostore.row_words import value_words

__all__ = ["check_blocks"]


def check_blocks(rows: Snapshot, seen: Seen, *, second_opinion: bool) -> None:
    """Hash every block, and hold `at` against them.

    Raises:
        StoreError: a table cannot be read.
    """
    disagreement = _second_opinion() if second_opinion else None
    name, keys = tables.BLOCKS.name, tables.BLOCKS.key
    last = rows.last(name)
    total = keys.decode(last[0])[0] + 1 if last else 0
    expected = 0
    lost: dict[int, bytes] = {}
    for key, value in seen.count(name, rows.scan(name), total):
        (number,) = keys.decode(key)
        if number != expected:
            seen.wrong(name, key, f"block {number}", f"block {expected} next")
        expected = number + 1
        block = unpack(value)
        digest = hashlib.sha256(block).digest()
        if rows.get(tables.AT.name, digest) != key:
            lost[number] = digest
        elif pack(block) != value:
            seen.wrong(name, key, "packed otherwise", "the one form of a block")
        if disagreement is not None and len(block) <= BLOCK_BYTES_MAX:
            said = disagreement(block)
            if said is not None:
                seen.wrong(name, key, said, "one value, by both codecs")
    found = sum(1 for _ in seen.count(tables.AT.name, rows.scan(tables.AT.name)))
    if lost or found != seen.rows[name]:
        _explain(rows, seen, lost)


def _second_opinion() -> Callable[[bytes], str | None]:
    """The reference codec, which is slow to load; few ask for it."""
    from invocation_spec.second_opinion import disagreement

    return disagreement


def _explain(rows: Snapshot, seen: Seen, lost: dict[int, bytes]) -> None:
    """Say which of a block and the row that leads to it is wrong.

    A block that one row rightly leads to has not changed, whatever others say.
    """
    at = tables.AT.name
    for digest, value in rows.scan(at):
        kept = rows.get(tables.BLOCKS.name, value)
        hashed = b"" if kept is None else hashlib.sha256(unpack(kept)).digest()
        if hashed == digest:
            continue
        if lost.pop(tables.NUMBER.decode(value)[0], None) is None:
            seen.wrong(at, digest, value_words(at, value), "the block of that hash")
            continue
        seen.wrong(
            tables.BLOCKS.name,
            value,
            f"bytes with sha2-256 {hashed.hex()}",
            f"sha2-256 {digest.hex()}",
        )
    for number, digest in lost.items():
        found = value_words(at, rows.get(at, digest))
        seen.wrong(at, digest, found, f"block {number}")
