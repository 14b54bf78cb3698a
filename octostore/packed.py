"""A block as a store keeps it: what all blocks have in common written short.

    fe 0a <digest>          6a "invocation" d82a582500 01711220 <digest>
    fe 00                   a byte fe

A value that begins with `fe` is packed: that byte, then the block with each phrase
of the table below written as `fe` and its number, and each `fe` of its own as
`fe 00`. Any other value is the block itself; no DAG-CBOR begins with `fe`. Each
block has one such form (`pack`). No phrase holds an `fe` or begins with a number of
the table, so what is replaced never meets what was replaced before.

The table is part of the layout of a store (tables.py): another one is another layout.
Source: ADR 13.
"""

from __future__ import annotations

from typing import Final

from invocation_spec.dagcbor import BLOCK_BYTES_MAX

__all__ = ["PHRASES", "pack", "unpack"]

_LINK: Final = bytes.fromhex("d82a58250001711220")
_RAW_LINK: Final = bytes.fromhex("d82a58250001551220")

_TYPE: Final = b"\x64type\x65claim"
_HEADER: Final = bytes.fromhex("3401ed01ed011371")

#: What the blocks of each form may hold; phrases before those they contain.
_CLAIM: Final = (
    _TYPE,
    b"\x66result" + _LINK,
    b"\x6ainvocation" + _LINK,
    b"\x67network",
    b"\x67started\x1a",
    b"\x68executor",
    b"\x68finished\x1a",
    b"\x68platform",
)
_ENVELOPE: Final = (
    b"\xa2\x61h\x48" + _HEADER + b"\x75octostore/statement@1",
    b"\x63iss\x78\x38did:key:z6Mk",
    b"\x65chain\x50",
    b"\x67records",
    _LINK,
)
_OTHER: Final = (
    b"\xa2\x65input" + _LINK,
    b"\x67program" + _LINK,
    b"\x66stdout" + _RAW_LINK,
    b"\x67outputs",
    b"\x65files",
    _LINK,
    _RAW_LINK,
)

#: By number from 1 on; to change them is another layout.
PHRASES: Final = tuple(dict.fromkeys((*_CLAIM, *_ENVELOPE, *_OTHER)))

_MARK: Final = b"\xfe"
_OWN: Final = b"\x00"
_SHORT: Final = {phrase: bytes((n,)) for n, phrase in enumerate(PHRASES, 1)}
_LONG: Final = {_OWN: _MARK} | {short: phrase for phrase, short in _SHORT.items()}
_CLAIM_MARKS, _ENVELOPE_MARKS, _OTHER_MARKS = (
    tuple((phrase, _MARK + _SHORT[phrase]) for phrase in form)
    for form in (_CLAIM, _ENVELOPE, _OTHER)
)


def pack(block: bytes) -> bytes:
    """The form in which a store keeps this block: packed where that is shorter."""
    packed = block.replace(_MARK, _MARK + _OWN)
    if len(block) <= BLOCK_BYTES_MAX:  # what is larger is no block of a statement
        for phrase, short in _marks(block):
            packed = packed.replace(phrase, short)
    if len(packed) + 1 < len(block) or block.startswith(_MARK):
        return _MARK + packed
    return block


def unpack(value: bytes) -> bytes:
    """The block that is kept so; of what `pack` never says, some other bytes."""
    if not value.startswith(_MARK):
        return value
    _, head, *parts = value.split(_MARK)
    try:
        return head + b"".join([_LONG[part[:1]] + part[1:] for part in parts])
    except KeyError:
        return value


def _marks(block: bytes) -> tuple[tuple[bytes, bytes], ...]:
    if block.startswith(b"\x82\x58\x40"):
        return _ENVELOPE_MARKS
    return _CLAIM_MARKS if _TYPE in block else _OTHER_MARKS
