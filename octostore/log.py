"""The append-only Merkle log of everything accepted, as RFC 6962 hashes it.

    00 | 01 71 12 20 <32 bytes>      an entry: kind, CID of the envelope block
    sha256(00 | entry)               its leaf hash
    sha256(01 | left | right)        a node

All here is pure. A checkpoint is the size and root of the log; it is not signed
here: what is said to others about a tree stands in `octostore.tlog`.
Source: RFC 6962 section 2.1; FORMATS 7; docs/spec/log.md.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final, Self

from invocation_spec.cid import CID, DAG_CBOR, SHA2_256
from octostore.errors import StatementError, StoreCorruptError
from octostore.tlog.merkle import EMPTY_ROOT, HASH_BYTES, leaf_hash, node_hash

__all__ = [
    "EMPTY_ROOT",
    "ENTRY_BYTES",
    "INDEX_BYTES",
    "INDEX_MAX",
    "KIND_MAP_HEAD",
    "KIND_STATEMENT",
    "Checkpoint",
    "Entry",
    "Frontier",
    "grown",
    "leaf_hash",
    "node_hash",
]

KIND_STATEMENT: Final = 0
KIND_MAP_HEAD: Final = 1

#: A kind byte and the 36 bytes of a dag-cbor, sha2-256 CID.
ENTRY_BYTES: Final = 37

#: Places in a log, and sizes of it, are written in six bytes.
INDEX_BYTES: Final = 6
INDEX_MAX: Final = (1 << 8 * INDEX_BYTES) - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: a statement (by its envelope block) or a map head.

    Raises:
        StatementError: an unknown kind, or a CID that no block of ours has.
    """

    kind: int
    block: CID

    def __post_init__(self) -> None:
        if self.kind not in (KIND_STATEMENT, KIND_MAP_HEAD):
            raise StatementError(f"log entry of kind {self.kind}; expected 0 or 1")
        if self.block.codec != DAG_CBOR or self.block.hash_code != SHA2_256:
            raise StatementError(
                f"log entry of {self.block}; expected a dag-cbor, sha2-256 CID"
            )

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The entry whose 37 bytes these are.

        Raises:
            StatementError: another length or kind, or not such a CID.
            CidError: the last 36 bytes are no CID.
        """
        if len(raw) != ENTRY_BYTES:
            raise StatementError(f"log entry of {len(raw)} bytes; it has {ENTRY_BYTES}")
        return cls(raw[0], CID(raw[1:]))

    def __bytes__(self) -> bytes:
        return bytes((self.kind,)) + self.block.raw


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How many entries a log has, and the root over them; unsigned."""

    size: int
    root: bytes

    def to_json(self) -> dict[str, object]:
        """`{size, root}`, the root in base64 as a checkpoint note writes it."""
        return {"size": self.size, "root": base64.b64encode(self.root).decode()}


@dataclass(frozen=True, slots=True)
class Frontier:
    """What a log must remember to grow: the roots of its full subtrees.

    `peaks` has one hash for each bit set in `size`, the largest subtree first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size.bit_count() != len(self.peaks):
            raise StoreCorruptError(
                f"a log of {self.size} entries with {len(self.peaks)} subtrees;"
                f" expected {self.size.bit_count()}"
            )

    def append(self, leaf: bytes) -> Frontier:
        """The frontier after one more leaf hash."""
        return Frontier.from_bytes(grown(bytes(self), leaf)[1])

    @property
    def checkpoint(self) -> Checkpoint:
        """Size and root of the log."""
        if not self.peaks:
            return Checkpoint(0, EMPTY_ROOT)
        root = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            root = node_hash(peak, root)
        return Checkpoint(self.size, root)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read what `bytes` wrote: the size in six bytes, then the peaks.

        Raises:
            StoreCorruptError: the bytes contradict themselves.
        """
        hashes = raw[INDEX_BYTES:]
        if len(raw) < INDEX_BYTES or len(hashes) % HASH_BYTES:
            raise StoreCorruptError(f"{len(raw)} bytes are no frontier of a log")
        return cls(
            int.from_bytes(raw[:INDEX_BYTES], "big"),
            tuple(
                hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)
            ),
        )

    def __bytes__(self) -> bytes:
        return self.size.to_bytes(INDEX_BYTES, "big") + b"".join(self.peaks)


def grown(frontier: bytes, leaf: bytes) -> tuple[int, bytes, bytes]:
    """The place of one more leaf hash, the frontier after it, what ends with it.

    What ends with it are the leaf itself, then the full subtrees of 2, 4, 8..
    leaves: level by level, all nodes of the tree that this leaf completes. Frontiers
    are as `bytes` writes them: this is done for each entry that is taken in.

    Raises:
        StoreCorruptError: the frontier contradicts itself.
    """
    size, end = int.from_bytes(frontier[:INDEX_BYTES], "big"), len(frontier)
    if end != INDEX_BYTES + size.bit_count() * HASH_BYTES:
        raise StoreCorruptError(f"{end} bytes are no frontier of {size} entries")
    ended, node, full = leaf, leaf, size
    while full & 1:
        node = node_hash(frontier[end - HASH_BYTES : end], node)
        ended += node
        end -= HASH_BYTES
        full >>= 1
    counted = (size + 1).to_bytes(INDEX_BYTES, "big")
    return size, counted + frontier[INDEX_BYTES:end] + node, ended
