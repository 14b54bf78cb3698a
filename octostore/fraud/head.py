"""A false map head: the map of the first entries has another root than a log says.

    {"octostore/false-map-head@1": {
        log: vkey, checkpoint: note,
        entry: {index, entry: h'..', path: [h'..']},    of the head
        prefix: [h'..'],                                consistency, from its entries
        entries: [&Raw]}}                               37 bytes each, in order
    then the head, those raw blocks, and the blocks of all statements among them

The entries are those that the head covers; they hash to how the signed tree began. So
the reader has all that the map is made of, and makes it. Nothing shorter shows a key
that no claim makes, so the proof is as large as that part of the log.
Source: docs/spec/map.md, Map head; docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from invocation_spec.cid import CID, RAW
from invocation_spec.errors import CidError
from octostore.car import Block, Damaged
from octostore.counted import entries
from octostore.errors import ProofError, StatementError
from octostore.fraud.parts import (
    Fields,
    LoggedEntry,
    car_of,
    hashes_of,
    key_of,
    note_of,
    of_type,
    tree_words,
)
from octostore.log import ENTRY_BYTES, KIND_MAP_HEAD, KIND_STATEMENT, Entry, Frontier
from octostore.map.head import MapHead
from octostore.store import Octostore
from octostore.tables import is_ours
from octostore.temporary import temporary_folder
from octostore.tlog.merkle import leaf_hash, verify_consistency
from octostore.tlog.note import VerifierKey, to_base64

__all__ = ["ENTRIES_MAX", "TAG", "FalseMapHead"]

TAG: Final = "octostore/false-map-head@1"
_FIELDS: Final = {"log", "checkpoint", "entry", "prefix", "entries"}

#: Entries of a proof: with four blocks each they fill one delivery.
ENTRIES_MAX: Final = 1 << 18

#: Entries of one raw block: 600 kB.
_CHUNK: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class FalseMapHead:
    """A head in a signed tree, and the root that its entries do make.

    `blocks` are the statements of `entries` with their closures; they are read
    once, when the proof is written. Make it with `replay`.
    """

    kind: ClassVar[str] = "false-map-head"

    entry: LoggedEntry
    head: MapHead
    root: bytes
    prefix: tuple[bytes, ...]
    entries: tuple[bytes, ...] = field(repr=False)
    blocks: Iterable[tuple[CID, bytes]] = field(default=(), repr=False)

    @classmethod
    def read(cls, fields: Fields, rest: Iterator[Block | Damaged]) -> Self:
        """Read what `car` wrote, and replay it.

        Raises:
            NoteError: the checkpoint is not signed by the log.
            ProofError: the head is true, or the proof has another shape.
            CarError: it breaks off.
        """
        if fields.keys() != _FIELDS:
            raise ProofError(f"expected a map of {', '.join(sorted(_FIELDS))}")
        signed = note_of(fields, "checkpoint", key_of(fields))
        entry = LoggedEntry.from_ipld(fields["entry"], signed, "/entry")
        named = entry.named
        if named.kind != KIND_MAP_HEAD:
            raise ProofError(f"entry {entry.index} is no map head")
        head = MapHead.from_block(_block(rest, named.block))
        entries = _entries(of_type(fields, "entries", list), rest, head.size)
        prefix = hashes_of(fields, "prefix")
        frontier = Frontier()
        for raw in entries:
            frontier = frontier.append(leaf_hash(raw))
        tree = signed.checkpoint
        root = frontier.checkpoint.root
        verify_consistency(head.size, tree.size, prefix, root, tree.root)
        made = _replay(entries, rest)
        if made == head.root:
            raise ProofError("the head is true: its entries make just this map")
        return cls(entry, head, made, prefix, tuple(entries))

    @property
    def log(self) -> VerifierKey:
        """See `Proof.log`."""
        return self.entry.signed.log

    def car(self) -> Iterator[bytes]:
        """See `Proof.car`."""
        chunks = [
            b"".join(self.entries[at : at + _CHUNK])
            for at in range(0, len(self.entries), _CHUNK)
        ]
        named = [Block(CID.of_bytes(chunk), chunk) for chunk in chunks]
        fields: Fields = {
            "log": str(self.log),
            "checkpoint": bytes(self.entry.signed),
            "entry": self.entry.to_ipld(),
            "prefix": list(self.prefix),
            "entries": [block.cid for block in named],
        }
        return car_of(TAG, fields, self._carried(named))

    def to_json(self) -> dict[str, object]:
        """See `Proof.to_json`."""
        return {
            "origin": self.log.name,
            "index": self.entry.index,
            "head": self.head.to_json(),
            "root": to_base64(self.root),
        }

    def words(self) -> list[str]:
        """See `Proof.words`."""
        return [
            "false map head: a log committed to an index that its entries do not make",
            f"  log         {self.log.name}",
            f"  signed      {tree_words(self.entry.signed)}",
            f"  entry       {self.entry.index}: the map of {entries(self.head.size)}",
            f"  says root   {to_base64(self.head.root)}",
            f"  replayed    {to_base64(self.root)}",
            "  the signature of the log holds; the entries are how that tree began;",
            "  their statements were verified and mapped here",
        ]

    def _carried(self, chunks: list[Block]) -> Iterator[tuple[CID, bytes]]:
        yield self.head.cid, self.head.block
        yield from chunks
        yield from self.blocks


def _entries(
    links: list[object], rest: Iterator[Block | Damaged], size: int
) -> list[bytes]:
    """The entries in the blocks that come next.

    Raises:
        ProofError: they are others, or not `size`.
    """
    if size > ENTRIES_MAX:
        raise ProofError(f"a head over {size} entries; a proof has {ENTRIES_MAX}")
    if len(links) != -(-size // _CHUNK):
        raise ProofError(f"{len(links)} blocks of entries for {size}", at="/entries")
    raw = b""
    for link in links:
        if not isinstance(link, CID) or link.codec != RAW:
            raise ProofError("expected links to raw blocks", at="/entries")
        raw += _block(rest, link)
    if len(raw) != size * ENTRY_BYTES:
        raise ProofError(f"{len(raw)} bytes of entries; {size} have {ENTRY_BYTES} each")
    return [raw[at : at + ENTRY_BYTES] for at in range(0, len(raw), ENTRY_BYTES)]


def _block(rest: Iterator[Block | Damaged], cid: CID) -> bytes:
    item = next(rest, None)
    if not isinstance(item, Block) or item.cid != cid:
        raise ProofError("does not come next in the proof", at=str(cid))
    return item.data


def _ours(rest: Iterator[Block | Damaged]) -> Iterator[Block]:
    """The blocks of statements: sound, and under the names that these give them.

    Raises:
        ProofError: any other.
    """
    for item in rest:
        if not isinstance(item, Block):
            raise ProofError(f"{item.text}: {item.error.reason}")
        if not is_ours(item.cid):
            raise ProofError("no block of a statement", at=str(item.cid))
        yield item


def _replay(entries: list[bytes], rest: Iterator[Block | Damaged]) -> bytes:
    """The root of the map that the statements of these entries make."""
    try:
        found = [Entry.from_bytes(raw) for raw in entries]
    except (CidError, StatementError) as error:
        raise ProofError(
            f"an entry is none, which is another fault: {error}"
        ) from error
    roots = [item.block for item in found if item.kind == KIND_STATEMENT]
    with (
        temporary_folder("verify") as folder,
        Octostore.open(folder / "store") as store,
    ):
        receipt = store.follow(_ours(rest), roots)
        if receipt.malformed is not None:
            raise ProofError(receipt.malformed)
        if len(receipt.accepted) != len(roots):
            raise ProofError(
                "does not verify, or lacks a block; that is another fault",
                at=str(roots[len(receipt.accepted)]),
            )
        return store.map_root(len(roots))
