"""What the proofs against a log are made of: fields read strictly, entries proven.

    CAR v1, one root: {"octostore/two-histories@1": {log: vkey, ..}}
    then the blocks that it speaks of

Source: docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self, TypeVar

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import CidError
from octostore import car
from octostore.car import Block, Damaged
from octostore.counted import entries
from octostore.errors import ProofError, StatementError
from octostore.log import Entry
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import PROOF_HASHES_MAX, leaf_hash, verify_inclusion
from octostore.tlog.note import NOTE_BYTES_MAX, KeyType, VerifierKey, to_base64
from octostore.tlog.tiles import ENTRY_BYTES_MAX

__all__ = [
    "Fields",
    "LoggedEntry",
    "Proof",
    "blocks_of",
    "car_of",
    "check_no_more",
    "hashes_of",
    "key_of",
    "note_of",
    "of_type",
    "tree_words",
]

Fields = Mapping[str, Ipld]

_T = TypeVar("_T")


class Proof(Protocol):
    """A proof that holds; making one verifies it."""

    #: One word for people, files and JSON.
    kind: ClassVar[str]

    @property
    def log(self) -> VerifierKey:
        """The key that the proof is about, and that a reader must trust to be."""
        ...

    def car(self) -> Iterator[bytes]:
        """The proof as a file, piece by piece."""
        ...

    def to_json(self) -> dict[str, object]:
        """What it shows, for programs."""
        ...

    def words(self) -> list[str]:
        """What it shows, and then what the reader still has to trust."""
        ...


def of_type(fields: Fields, name: str, kind: type[_T]) -> _T:
    """A field of just this type.

    Raises:
        ProofError: it has another.
    """
    value: object = fields[name]
    if type(value) is not kind:
        raise ProofError(f"not of the type {kind.__name__}", at=f"/{name}")
    return value


def key_of(fields: Fields) -> VerifierKey:
    """The key of the log.

    Raises:
        NoteError: it is none.
        ProofError: it is that of a witness.
    """
    key = VerifierKey.parse(of_type(fields, "log", str))
    if key.type != KeyType.ED25519 or str(key) != fields["log"]:
        raise ProofError("not the one spelling of the key of a log", at="/log")
    return key


def note_of(fields: Fields, name: str, log: VerifierKey) -> SignedCheckpoint:
    """A checkpoint that the log signed.

    Raises:
        NoteError: it is none, or its signature does not hold.
    """
    raw = of_type(fields, name, bytes)
    if len(raw) > NOTE_BYTES_MAX:
        raise ProofError(f"a note of {len(raw)} bytes", at=f"/{name}")
    return SignedCheckpoint.open(raw, log)


def hashes_of(fields: Fields, name: str) -> tuple[bytes, ...]:
    """A path in a tree.

    Raises:
        ProofError: it is none, or too long.
    """
    found = of_type(fields, name, list)
    if len(found) > PROOF_HASHES_MAX or any(type(x) is not bytes for x in found):
        raise ProofError(f"no list of up to {PROOF_HASHES_MAX} hashes", at=f"/{name}")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """The bytes of an entry, its place, and its path to the root.

    Raises:
        ProofError: the path does not lead there.
    """

    signed: SignedCheckpoint
    index: int
    entry: bytes
    path: tuple[bytes, ...]

    def __post_init__(self) -> None:
        tree = self.signed.checkpoint
        verify_inclusion(
            leaf_hash(self.entry), self.index, tree.size, self.path, tree.root
        )

    @classmethod
    def from_ipld(cls, value: Ipld, signed: SignedCheckpoint, at: str) -> Self:
        """Read what `to_ipld` wrote, and verify it.

        Raises:
            ProofError: it is none, or not in the tree.
        """
        if not isinstance(value, Mapping) or value.keys() != {"index", "entry", "path"}:
            raise ProofError("expected a map of entry, index, path", at=at)
        entry = of_type(value, "entry", bytes)
        if len(entry) > ENTRY_BYTES_MAX:
            raise ProofError(f"an entry of {len(entry)} bytes", at=at)
        index = of_type(value, "index", int)
        return cls(signed, index, entry, hashes_of(value, "path"))

    @property
    def named(self) -> Entry:
        """The entry itself.

        Raises:
            ProofError: it is none, which another kind of proof is for.
        """
        try:
            return Entry.from_bytes(self.entry)
        except (CidError, StatementError) as error:
            raise ProofError(f"entry {self.index} is none: {error}") from error

    def to_ipld(self) -> Ipld:
        """`{index, entry, path}`."""
        return {"index": self.index, "entry": self.entry, "path": list(self.path)}


def car_of(
    kind: str, fields: Fields, blocks: Iterable[tuple[CID, bytes]]
) -> Iterator[bytes]:
    """A proof of this kind with the blocks that it speaks of."""
    root = dagcbor.encode({kind: dict(fields)})
    cid = CID.of_block(root)
    yield from car.chunks([cid], _after(Block(cid, root), blocks))


def blocks_of(
    rest: Iterator[Block | Damaged], count_max: int, bytes_max: int
) -> dict[CID, bytes]:
    """The blocks after the root, kept in memory.

    Raises:
        ProofError: too many, too large, or one that is not what its CID says.
    """
    found: dict[CID, bytes] = {}
    size = 0
    for item in rest:
        if not isinstance(item, Block):
            raise ProofError(f"{item.text}: {item.error.reason}")
        size += len(item.data)
        found[item.cid] = item.data
        if len(found) > count_max or size > bytes_max:
            raise ProofError(f"more than {count_max} blocks, or {bytes_max} bytes")
    return found


def check_no_more(blocks: Iterable[CID], needed: Collection[bytes]) -> None:
    """Return if a proof needs each of its blocks: else many files show one fault.

    Raises:
        ProofError: it does not.
    """
    for cid in blocks:
        if cid.raw not in needed:
            raise ProofError("a block that the proof does not need", at=str(cid))


def tree_words(signed: SignedCheckpoint) -> str:
    """A tree on one line: how many entries, and the root."""
    tree = signed.checkpoint
    return f"{entries(tree.size)}, root {to_base64(tree.root)}"


def _after(
    first: Block, rest: Iterable[tuple[CID, bytes]]
) -> Iterator[tuple[CID, bytes]]:
    yield first
    yield from rest
