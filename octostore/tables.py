"""The tables of a store, each row by example; integers are big-endian.

What is true, and can be made from nothing else:

    meta        "layout"                              -> "6"
    meta        "delivering", "rebuilding": half done -> "1"
    blocks      no                                    -> the bytes (packed.py)
    log         index                                 -> entry(37) hashes(32 each)
    pending     &part                                 -> &envelope
    waiting     &missing &part                        ->
    quarantine  sha256(cid, bytes)                    -> {cid, reason, block?}

What `rebuild` makes again from blocks and log:

    meta        "frontier"                            -> size(6) peaks
    at          digest(32)                            -> no
    parts       &part                                 -> index
    statements  index                                 -> &part issuer(32) iat(8)
    chains      issuer(32) chain(16) seq(8) index     ->
    claims      no of invocation, index, no of record ->
    ran         no of invocation                      -> flags(1)
    by_program  #program, no of invocation            ->
    by_input    #input, no of invocation              ->
    codes       CID of code, &program                 -> role(1)
    data        #data, no of input                    ->
    pairs       #(code, data), no of invocation       ->
    pairs       #invocation without nonce, no         ->
    outputs     #output, no of result                 ->
    made        no of result, no of invocation        ->
    profiles    issuer(32) index, no of record        ->
    withdrawals &claim issuer(32) index, no of record ->
    links       CID of a or b, index, no of record    ->
    ties        issuer(32) or whom it names, index, no->
    commitments issuer(32) &record index              ->
    doubles     issuer(32) index, another has its seq ->
    map_keys    key (octostore/map/keys.py)           ->
    map_nodes   path                                  -> a page (octostore/map/pages.py)
    map_ran     no of invocation                      -> flags(1)
    map_heads   size(6)                               -> index time(8) root
    map_state   "map"                                 -> size(6) root

`no` is the arrival number of a block, `index` the place in the log, both six
bytes; `&x` is the 32-byte digest of a block of ours, `#x` the first 16 bytes of a
digest (ADR 13); a CID comes whole and delimits itself, so that none is a prefix of
another. Blocks are found by the
sha2-256 of their bytes, whatever codec a CID of it names. A claim is the pair
(record, statement), since two issuers may sign one record.

The hashes of a log row are those of all subtrees that end with the entry: its
leaf, then the full subtrees of 2, 4, 8.. leaves. So every node of the tree is in
the row of its last leaf, one lookup away, and no row is ever written twice.

Why so: blocks grow at the end and only small rows are written at random
(measured against digest-keyed blocks: half the disk, twice the rate).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Final, Generic, TypeVar, TypeVarTuple

from invocation_spec.cid import CID, DAG_CBOR, SHA2_256
from octostore.engine import Table
from octostore.errors import StoreCorruptError
from octostore.keys import PublicKey

__all__ = [
    "AT",
    "BLOCKS",
    "BLOCK_VALUE",
    "BY_INPUT",
    "BY_PROGRAM",
    "CHAINS",
    "CLAIMS",
    "CODES",
    "COMMITMENTS",
    "DATA",
    "DELIVERING",
    "DOUBLES",
    "FRONTIER",
    "INDEXES",
    "LAYOUT",
    "LAYOUT_VERSION",
    "LINKS",
    "LOG",
    "LOG_VALUE",
    "MADE",
    "MAP_HEADS",
    "MAP_HEAD_VALUE",
    "MAP_KEYS",
    "MAP_NODES",
    "MAP_NOW",
    "MAP_RAN",
    "MAP_RAN_VALUE",
    "MAP_STATE",
    "MAP_STATE_VALUE",
    "META",
    "NO_BYTES",
    "NUMBER",
    "OUTPUTS",
    "PAIRS",
    "PARTS",
    "PENDING",
    "PROFILES",
    "QUARANTINE",
    "RAN",
    "RAN_VALUE",
    "REBUILDING",
    "SHORT_BYTES",
    "STATEMENTS",
    "STATEMENT_VALUE",
    "TABLES",
    "TIES",
    "WAITING",
    "WITHDRAWALS",
    "Known",
    "Layout",
    "Role",
    "Struct",
    "is_ours",
    "no_of",
    "our_cid",
    "pair",
    "short",
]

LAYOUT_VERSION: Final = b"6"

#: Keys of `meta`, and the one of `map_state`.
LAYOUT: Final = b"layout"
FRONTIER: Final = b"frontier"
MAP_NOW: Final = b"map"
REBUILDING: Final = b"rebuilding"

#: There while a delivery is committed in groups; left behind by one that was cut off.
DELIVERING: Final = b"delivering"

#: CIDv1, dag-cbor, sha2-256 and its length: what CIDs of our blocks begin with.
_OURS: Final = bytes((1, DAG_CBOR, SHA2_256, 32))

#: How long an arrival number is, and a place in the log.
NO_BYTES: Final = 6

#: Of digests that only lead to a block, half is enough: to hit another's takes
#: 2^128 tries, and who spends 2^64 on two of his own confuses only those (ADR 13).
SHORT_BYTES: Final = 16

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Known(IntFlag):
    """What is indexed of an invocation; blocks that are withheld are not."""

    NOTHING = 0
    PROGRAM = 1
    INPUT = 2
    NONCED = 4


class Role(IntEnum):
    """How a program uses a code."""

    CODE = 0
    IMPORT = 1


def is_ours(cid: CID) -> bool:
    """Whether a block of ours can have this CID: dag-cbor, sha2-256."""
    return cid.raw.startswith(_OURS)


def our_cid(digest: bytes) -> CID:
    """The CID of the block of ours with this digest."""
    return CID.of_block_digest(digest)


def no_of(number: int) -> bytes:
    """How keys spell an arrival number, or a place in the log."""
    return number.to_bytes(NO_BYTES, "big")


def short(cid: bytes) -> bytes:
    """What an index writes for a CID of any kind, in its binary form."""
    return hashlib.sha256(cid).digest()[:SHORT_BYTES]


def pair(code: bytes, data: bytes) -> bytes:
    """The key of two CIDs that one invocation holds; CIDs delimit themselves."""
    return hashlib.sha256(code + data).digest()[:SHORT_BYTES]


@dataclass(frozen=True, slots=True)
class _Part(Generic[_T]):
    """How one typed part is written; `size` is None for what delimits itself."""

    size: int | None
    encode: Callable[[_T], bytes]
    decode: Callable[[bytes], _T]


def _integer(size: int) -> _Part[int]:
    return _Part(
        size,
        lambda value: value.to_bytes(size, "big"),
        lambda raw: int.from_bytes(raw, "big"),
    )


def _plain(size: int | None) -> _Part[bytes]:
    return _Part(size, bytes, bytes)


_NO = _INDEX = _integer(NO_BYTES)
_BYTE = _integer(1)
_U64 = _integer(8)
_HASH = _plain(32)
_SHORT = _plain(SHORT_BYTES)
_CHAIN = _plain(16)
_REST = _plain(None)
_BLOCK: Final = _Part(
    32,
    lambda cid: cid.raw[len(_OURS) :],
    CID.of_block_digest,
)
_CID: Final = _Part(None, lambda cid: cid.raw, CID)
_ISSUER: Final = _Part(32, lambda key: key.raw, PublicKey)


class Struct(Generic[*_Ts]):
    """Parts one after the other; at most one of them is of no fixed size."""

    __slots__ = ("_encoders", "_parts", "_size")

    def __init__(self, *parts: _Part[Any]) -> None:
        self._parts = parts
        self._encoders = [part.encode for part in parts]
        self._size = sum(part.size or 0 for part in parts)

    def encode(self, *values: *_Ts) -> bytes:
        """The bytes of these values; of the first few, a prefix (`prefix`)."""
        return self.prefix(*values)

    def prefix(self, *values: object) -> bytes:
        """What all rows begin with whose first parts are these."""
        encoders = zip(self._encoders, values, strict=False)
        return b"".join([encode(value) for encode, value in encoders])

    def decode(self, raw: bytes) -> tuple[*_Ts]:
        """The values of these bytes.

        Raises:
            StoreCorruptError: they are too few, or too many.
        """
        values: list[object] = []
        at, spare = 0, len(raw) - self._size
        for part in self._parts:
            end = at + (spare if part.size is None else part.size)
            values.append(part.decode(raw[at:end]))
            at = end
        if at != len(raw) or spare < 0:
            raise StoreCorruptError(f"a row of {len(raw)} bytes; expected {at}")
        return tuple(values)  # type: ignore[return-value] # as the parts say


@dataclass(frozen=True, slots=True)
class Layout(Generic[*_Ts]):
    """One table: its name, the parts of its key, whether keys only grow."""

    name: str
    key: Struct[*_Ts]
    append: bool = False


META: Final[Layout[bytes]] = Layout("meta", Struct(_REST))
BLOCKS: Final[Layout[int]] = Layout("blocks", Struct(_NO), append=True)
LOG: Final[Layout[int]] = Layout("log", Struct(_INDEX), append=True)
PENDING: Final[Layout[CID]] = Layout("pending", Struct(_BLOCK))
WAITING: Final[Layout[CID, CID]] = Layout("waiting", Struct(_BLOCK, _BLOCK))
QUARANTINE: Final[Layout[bytes]] = Layout("quarantine", Struct(_HASH))
AT: Final[Layout[bytes]] = Layout("at", Struct(_HASH))
PARTS: Final[Layout[CID]] = Layout("parts", Struct(_BLOCK))
STATEMENTS: Final[Layout[int]] = Layout("statements", Struct(_INDEX))
CHAINS: Final[Layout[PublicKey, bytes, int, int]] = Layout(
    "chains", Struct(_ISSUER, _CHAIN, _U64, _INDEX)
)
CLAIMS: Final[Layout[int, int, int]] = Layout("claims", Struct(_NO, _INDEX, _NO))
RAN: Final[Layout[int]] = Layout("ran", Struct(_NO))
BY_PROGRAM: Final[Layout[bytes, int]] = Layout("by_program", Struct(_SHORT, _NO))
BY_INPUT: Final[Layout[bytes, int]] = Layout("by_input", Struct(_SHORT, _NO))
CODES: Final[Layout[CID, CID]] = Layout("codes", Struct(_CID, _BLOCK))
DATA: Final[Layout[bytes, int]] = Layout("data", Struct(_SHORT, _NO))
PAIRS: Final[Layout[bytes, int]] = Layout("pairs", Struct(_SHORT, _NO))
OUTPUTS: Final[Layout[bytes, int]] = Layout("outputs", Struct(_SHORT, _NO))
MADE: Final[Layout[int, int]] = Layout("made", Struct(_NO, _NO))
PROFILES: Final[Layout[PublicKey, int, int]] = Layout(
    "profiles", Struct(_ISSUER, _INDEX, _NO)
)
WITHDRAWALS: Final[Layout[CID, PublicKey, int, int]] = Layout(
    "withdrawals", Struct(_BLOCK, _ISSUER, _INDEX, _NO)
)
LINKS: Final[Layout[CID, int, int]] = Layout("links", Struct(_CID, _INDEX, _NO))
TIES: Final[Layout[PublicKey, int, int]] = Layout("ties", Struct(_ISSUER, _INDEX, _NO))
COMMITMENTS: Final[Layout[PublicKey, CID, int]] = Layout(
    "commitments", Struct(_ISSUER, _BLOCK, _INDEX)
)
DOUBLES: Final[Layout[PublicKey, int]] = Layout("doubles", Struct(_ISSUER, _INDEX))
MAP_KEYS: Final[Layout[bytes]] = Layout("map_keys", Struct(_REST))
MAP_NODES: Final[Layout[bytes]] = Layout("map_nodes", Struct(_REST))
MAP_RAN: Final[Layout[int]] = Layout("map_ran", Struct(_NO))
MAP_HEADS: Final[Layout[int]] = Layout("map_heads", Struct(_INDEX))
MAP_STATE: Final[Layout[bytes]] = Layout("map_state", Struct(_REST))

#: Values with parts of their own.
NUMBER: Final[Struct[int]] = Struct(_NO)
LOG_VALUE: Final[Struct[bytes, bytes]] = Struct(_plain(37), _REST)
BLOCK_VALUE: Final[Struct[CID]] = Struct(_BLOCK)
STATEMENT_VALUE: Final[Struct[CID, PublicKey, int]] = Struct(_BLOCK, _ISSUER, _U64)
RAN_VALUE: Final[Struct[int]] = Struct(_BYTE)
MAP_RAN_VALUE: Final[Struct[int]] = Struct(_BYTE)
MAP_HEAD_VALUE: Final[Struct[int, int, bytes]] = Struct(_INDEX, _U64, _HASH)
MAP_STATE_VALUE: Final[Struct[int, bytes]] = Struct(_INDEX, _HASH)

_TRUTH: Final = (META, BLOCKS, LOG, PENDING, WAITING, QUARANTINE)

#: What can be deleted and rebuilt from blocks and log.
INDEXES: Final[tuple[str, ...]] = (
    *(AT.name, PARTS.name, STATEMENTS.name, CHAINS.name, CLAIMS.name),
    *(RAN.name, BY_PROGRAM.name, BY_INPUT.name, CODES.name, DATA.name),
    *(PAIRS.name, OUTPUTS.name, MADE.name),
    *(PROFILES.name, WITHDRAWALS.name, LINKS.name, TIES.name),
    *(COMMITMENTS.name, DOUBLES.name),
    *(MAP_KEYS.name, MAP_NODES.name, MAP_RAN.name, MAP_HEADS.name, MAP_STATE.name),
)

TABLES: Final[tuple[Table, ...]] = (
    *(Table(layout.name, layout.append) for layout in _TRUTH),
    *(Table(name) for name in INDEXES),
)
