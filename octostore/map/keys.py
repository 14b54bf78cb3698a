"""The keys of the map: every way to find a claim, each a topic and hashes of CIDs.

    01 program input  statement record    the claims of an invocation
    02 input  program                     who ran something on this input
    03 code   input   program             what was run with this code
    04 data   program input               what was run on this data
    05 code   data    program input       what was run with this code on this data
    06 invocation                         that there are claims at all

Each name stands for sha256 of the binary CID. A key is the whole fact; there are
no values. An invocation whose input holds a nonce stands at its own input and, as
soon as a claim discloses it, at the input without the nonce too: whoever asks for
that finds every run of it. Source: FORMATS 7; docs/spec/map.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import IntEnum
from functools import lru_cache
from typing import Final

from invocation_spec.cid import CID
from invocation_spec.model import Input, Invocation, Program, WasiProgram

__all__ = [
    "PAIRS_MAX",
    "Topic",
    "claim_key",
    "claim_part",
    "codes_of",
    "component",
    "invocation_claims",
    "invocation_keys",
    "joined_keys",
    "key",
    "places",
]

#: Keys of topic 5 that one invocation may have for the codes that it imports; the
#: product of codes and data is what one claim could else make a map of millions
#: with. Its own code is paired with each data in any case.
PAIRS_MAX: Final = 4096

#: CIDs whose hashes are kept at hand: programs and inputs are shared by many claims.
_KEPT: Final = 1 << 14


class Topic(IntEnum):
    """The first byte of a key, and how many hashes follow."""

    CLAIMS = 1
    INPUT = 2
    CODE = 3
    DATA = 4
    PAIR = 5
    INVOCATION = 6

    @property
    def parts(self) -> int:
        """How many CIDs a whole key of this topic names."""
        return _PARTS[self]


_PARTS: Final = {
    Topic.CLAIMS: 4,
    Topic.INPUT: 2,
    Topic.CODE: 3,
    Topic.DATA: 3,
    Topic.PAIR: 4,
    Topic.INVOCATION: 1,
}


@lru_cache(_KEPT)
def component(cid: CID) -> bytes:
    """What stands for a CID in a key: sha256 of its bytes."""
    return hashlib.sha256(cid.raw).digest()


def key(topic: Topic, *cids: CID) -> bytes:
    """A key, or of fewer CIDs the prefix of all keys that begin with them."""
    return bytes((topic,)) + b"".join(map(component, cids))


def claim_key(program: CID, input: CID, statement: CID, record: CID) -> bytes:
    """The key of a claim at one place; a statement is named by its signed part."""
    return key(Topic.CLAIMS, program, input) + claim_part(statement, record)


def claim_part(statement: CID, record: CID) -> bytes:
    """What the key of a claim ends with."""
    # Neither a statement nor, most often, its record is seen again.
    return hashlib.sha256(statement.raw).digest() + hashlib.sha256(record.raw).digest()


def invocation_claims(
    invocation: Invocation,
    input: Input | None,
    claims: Iterable[tuple[CID, CID]],
) -> Iterator[bytes]:
    """The keys of claims (statement, record) on an invocation, at each place."""
    at = [key(Topic.CLAIMS, invocation.program, at) for at in places(invocation, input)]
    for statement, record in claims:
        part = claim_part(statement, record)
        for prefix in at:
            yield prefix + part


def places(invocation: Invocation, input: Input | None) -> tuple[CID, ...]:
    """The inputs at which an invocation is found: its own, and without the nonce.

    `input` is the disclosed input, if a claim discloses it.
    """
    if input is None or not input.nonce:
        return (invocation.input,)
    return (invocation.input, replace(input, nonce=b"").cid)


def codes_of(program: Program) -> tuple[CID, ...]:
    """The codes of a program, each once, its own first."""
    codes = {program.code: None}
    if isinstance(program, WasiProgram):
        codes |= dict.fromkeys(item.code for item in program.imports)
    return tuple(codes)


def invocation_keys(
    invocation: Invocation, program: Program | None, input: Input | None
) -> Iterator[bytes]:
    """All keys but those of claims; what no claim discloses is None."""
    at = [
        (component(place), component(Invocation(invocation.program, place).cid))
        for place in places(invocation, input)
    ]
    codes = () if program is None else codes_of(program)
    data = () if input is None else input.data
    return joined_keys(
        component(invocation.program),
        component(invocation.input),
        at,
        [component(code) for code in codes],
        [component(item) for item in data],
    )


def joined_keys(
    program: bytes,
    input: bytes,
    at: Iterable[tuple[bytes, bytes]],
    codes: Sequence[bytes],
    data: Sequence[bytes],
) -> Iterator[bytes]:
    """The same of components; `at` is each place, and its invocation there."""
    for place, invocation in at:
        yield b"\x02" + place + program
        yield b"\x06" + invocation
        for code in codes:
            yield b"\x03" + code + place + program
    for item in data:
        yield b"\x04" + item + program + input
    paired = codes if len(codes) * len(data) <= PAIRS_MAX else codes[:1]
    for code in paired:
        for item in data:
            yield b"\x05" + code + item + program + input
