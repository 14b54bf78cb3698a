"""Rows of a store in words, for whoever must understand what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from octostore import tables
from octostore.keys import PublicKey
from octostore.tables import Layout, Struct

__all__ = ["key_words", "value_words"]

#: What the parts of each key are called.
_KEYS: Final[Sequence[tuple[Layout[*tuple[Any, ...]], str]]] = (
    (tables.BLOCKS, "block"),
    (tables.LOG, "entry"),
    (tables.PENDING, "statement"),
    (tables.WAITING, "block, statement"),
    (tables.QUARANTINE, "row"),
    (tables.AT, "sha2-256"),
    (tables.PARTS, "statement"),
    (tables.STATEMENTS, "entry"),
    (tables.CHAINS, "issuer, chain, seq, entry"),
    (tables.CLAIMS, "invocation in block, entry, record in block"),
    (tables.RAN, "invocation in block"),
    (tables.BY_PROGRAM, "program, invocation in block"),
    (tables.BY_INPUT, "input, invocation in block"),
    (tables.CODES, "code, program"),
    (tables.DATA, "data, input in block"),
    (tables.PAIRS, "pair, invocation in block"),
    (tables.OUTPUTS, "output, result in block"),
    (tables.MADE, "result in block, invocation in block"),
    (tables.PROFILES, "issuer, entry, record in block"),
    (tables.WITHDRAWALS, "claim, issuer, entry, record in block"),
    (tables.LINKS, "CID, entry, record in block"),
    (tables.TIES, "key, entry, record in block"),
    (tables.COMMITMENTS, "issuer, commitment, entry"),
    (tables.DOUBLES, "issuer, entry"),
    (tables.MAP_KEYS, "key"),
    (tables.MAP_NODES, "page"),
    (tables.MAP_RAN, "invocation in block"),
    (tables.MAP_HEADS, "size"),
    (tables.MAP_STATE, "state"),
)

_LAYOUTS: Final = {layout.name: (layout.key, words) for layout, words in _KEYS}

#: What the parts of a value are called, where it has some.
_VALUES: Final[Mapping[str, tuple[Struct[*tuple[Any, ...]], str]]] = {
    tables.LOG.name: (tables.LOG_VALUE, "entry, hashes"),
    tables.PENDING.name: (tables.BLOCK_VALUE, "envelope"),
    tables.AT.name: (tables.NUMBER, "block"),
    tables.PARTS.name: (tables.NUMBER, "entry"),
    tables.STATEMENTS.name: (tables.STATEMENT_VALUE, "statement, issuer, issued at"),
    tables.RAN.name: (tables.RAN_VALUE, "known"),
    tables.MAP_RAN.name: (tables.MAP_RAN_VALUE, "disclosed"),
    tables.MAP_HEADS.name: (tables.MAP_HEAD_VALUE, "entry, time, root"),
    tables.MAP_STATE.name: (tables.MAP_STATE_VALUE, "size, root"),
}

_SHOWN_BYTES: Final = 40


def key_words(table: str, key: bytes) -> str:
    """The key in words; in hex if it is none of this table."""
    if table == tables.META.name:
        return key.decode("ascii", "backslashreplace")
    return _words(key, _LAYOUTS.get(table))


def value_words(table: str, value: bytes | None) -> str:
    """The value in words; in hex if it has no parts."""
    if value is None:
        return "no such row"
    if not value:
        return "the row"
    return _words(value, _VALUES.get(table))


def _words(raw: bytes, how: tuple[Struct[*tuple[Any, ...]], str] | None) -> str:
    if how is not None:
        struct, names = how
        try:
            values = struct.decode(raw)
        except OctostoreError:
            pass
        else:
            pairs = zip(names.split(", "), values, strict=True)
            return ", ".join(f"{name} {_word(value)}" for name, value in pairs)
    return f"{len(raw)} bytes {_hex(raw)}"


def _word(value: object) -> str:
    if isinstance(value, PublicKey):
        return str(value.did)
    if isinstance(value, CID | int):
        return str(value)
    assert isinstance(value, bytes), type(value)  # noqa: S101 - no other part is
    return _hex(value)


def _hex(raw: bytes) -> str:
    return raw[:_SHOWN_BYTES].hex() + (".." if len(raw) > _SHOWN_BYTES else "")
