"""A log that says whatever a test wants: any entries, any blocks, signed by its key."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from invocation_spec.cid import CID
from octostore import car
from octostore.fraud import LoggedEntry
from octostore.keys import SecretKey
from octostore.log import KIND_MAP_HEAD, KIND_STATEMENT, Entry
from octostore.map.head import MapHead
from octostore.statement import Statement
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import inclusion_proof, leaf_hash, node_hash, range_root
from octostore.tlog.note import Signer, VerifierKey
from octostore.tlog.tiles import ENTRIES, encode_entries, tiles_of
from tests.octostore.world import Blocks, Issuer, Ran, result


def signer(name: str = "log.example") -> Signer:
    seed = hashlib.sha256(b"log " + name.encode()).digest()
    return Signer(name, SecretKey.from_seed(seed))


@dataclass
class Log:
    """Entries and blocks in order; `publish` writes them as `log export` would."""

    signer: Signer = field(default_factory=signer)
    entries: list[bytes] = field(default_factory=list)
    blocks: list[Blocks] = field(default_factory=list)

    @property
    def key(self) -> VerifierKey:
        return self.signer.verifier

    def copy(self) -> Log:
        return Log(self.signer, list(self.entries), list(self.blocks))

    def add(self, statement: Statement, blocks: Blocks) -> Log:
        entry = Entry(KIND_STATEMENT, statement.envelope_cid)
        return self.add_raw(bytes(entry), blocks)

    def add_raw(self, entry: bytes, blocks: Blocks) -> Log:
        self.entries.append(entry)
        self.blocks.append(blocks)
        return self

    def claims(self, *names: str) -> Log:
        for name in names:
            self.add(*Issuer(name).claims(Ran(), result()))
        return self

    def head(self, head: MapHead) -> Log:
        block = (head.cid, head.block)
        return self.add_raw(bytes(Entry(KIND_MAP_HEAD, head.cid)), [block])

    def node(self, level: int, index: int) -> bytes:
        if not level:
            return leaf_hash(self.entries[index])
        return node_hash(
            self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1)
        )

    @property
    def root(self) -> bytes:
        return range_root(self.node, 0, len(self.entries))

    def checkpoint(self, size: int | None = None) -> bytes:
        at = len(self.entries) if size is None else size
        tree = LogCheckpoint(self.signer.name, at, self.root)
        return bytes(SignedCheckpoint.sign(tree, self.signer))

    def signed(self) -> SignedCheckpoint:
        return SignedCheckpoint.open(self.checkpoint(), self.key)

    def logged(self, index: int) -> LoggedEntry:
        """The entry, proven to be in the tree that is signed now."""
        path = inclusion_proof(self.node, index, len(self.entries))
        return LoggedEntry(self.signed(), index, self.entries[index], path)

    def publish(self, folder: Path) -> Path:
        """Write all of it anew."""
        put(folder / "vkey", f"{self.key}\n".encode())
        for tile in tiles_of(len(self.entries)):
            places = range(tile.start, tile.start + tile.width)
            if tile.level == ENTRIES:
                put(
                    folder / tile.path,
                    encode_entries([self.entries[n] for n in places]),
                )
                beside = folder / tile.path.replace("tile/entries", "blocks")
                put(beside, self._car(places))
            else:
                hashes = [self.node(8 * tile.level, n) for n in places]
                put(folder / tile.path, b"".join(hashes))
        put(folder / "checkpoint", self.checkpoint())
        return folder

    def _car(self, places: Sequence[int]) -> bytes:
        blocks = dict(block for n in places for block in self.blocks[n])
        roots = [CID(self.entries[n][1:]) for n in places if len(self.entries[n]) == 37]
        return b"".join(car.chunks(roots or [next(iter(blocks))], blocks.items()))


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
