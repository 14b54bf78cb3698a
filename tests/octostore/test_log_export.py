"""Tiles, exports and proofs of a store's log, read as a stranger reads them."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from octostore.car import CarReader
from octostore.draft import Draft
from octostore.errors import FileError, NoteError, NotFoundError, ProofError
from octostore.index import append_entry
from octostore.log import KIND_MAP_HEAD, Entry
from octostore.log_export import export_log
from octostore.log_key import LogKey
from octostore.log_proof import index_of, prove, verify_proof
from octostore.log_tiles import tile_bytes
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import leaf_hash, range_root
from octostore.tlog.proof import TlogProof
from octostore.tlog.tiles import (
    ENTRIES,
    Tile,
    decode_entries,
    split_hashes,
    tiles_of,
)
from octostore.tlog.verified import VerifiedTiles
from tests.octostore.test_log_rows import append_head, grow


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


@pytest.fixture
def key(store: Octostore) -> LogKey:
    return LogKey.create(store.path, secrets.token_bytes, "log.example")


def fill(store: Octostore, size: int) -> None:
    """Map heads until the log is so long, in one commit."""
    with Draft(store._engine) as draft:
        for n in range(store.checkpoint().size, size):
            block = b"\x1a" + n.to_bytes(4, "big")
            draft.add_block(block)
            append_entry(draft, Entry(KIND_MAP_HEAD, CID.of_block(block)))
        draft.commit()


def check_folder(folder: Path, key: LogKey) -> SignedCheckpoint:
    """Read an export as a stranger: everything hashed, nothing missing."""
    raw = (folder / "checkpoint").read_bytes()
    signed = SignedCheckpoint.open(raw, key.verifier)
    size = signed.checkpoint.size

    def read(tile: Tile) -> bytes:
        return (folder / tile.path).read_bytes()

    tree = VerifiedTiles(read, size, signed.checkpoint.root)
    assert range_root(tree, 0, size) == signed.checkpoint.root
    for tile in tiles_of(size):
        if tile.level == ENTRIES:
            entries = decode_entries(read(tile), tile.width)
            hashes = read(Tile(0, tile.index, tile.width))
            assert list(map(leaf_hash, entries)) == split_hashes(hashes, tile.width)
        elif tile.level:
            for n, hash_ in enumerate(split_hashes(read(tile), tile.width)):
                assert hash_ == tree(8 * tile.level, tile.start + n)
    return signed


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_an_export_is_the_whole_log_as_files(
    store: Octostore, key: LogKey, tmp_path: Path, size: int
) -> None:
    fill(store, size)
    done = export_log(store, key.checkpoint(store), tmp_path / "www" / "log")
    assert check_folder(tmp_path / "www" / "log", key).checkpoint == done.checkpoint
    files = [p for p in (tmp_path / "www" / "log").rglob("*") if p.is_file()]
    bundles = -(-size // 256)  # each has a CAR of its blocks beside it
    assert len(files) == done.written == 2 + len(list(tiles_of(size))) + bundles
    assert not [file for file in files if file.stat().st_mode & 0o044 != 0o044]


def test_an_export_goes_on_and_leaves_what_is_whole(
    store: Octostore, key: LogKey, tmp_path: Path
) -> None:
    folder = tmp_path / "log"
    fill(store, 300)
    export_log(store, key.checkpoint(store), folder)
    full = {path: path.stat().st_mtime_ns for path in folder.rglob("000")}
    assert len(full) == 3
    assert export_log(store, key.checkpoint(store), folder).written == 0
    fill(store, 520)
    done = export_log(store, key.checkpoint(store), folder)
    assert done.written == 1 + len(list(tiles_of(520, 300))) + 2
    assert {path: path.stat().st_mtime_ns for path in full} == full
    check_folder(folder, key)


def test_the_blocks_of_each_bundle_stand_beside_it(
    store: Octostore, key: LogKey, tmp_path: Path
) -> None:
    grow(store, 256)
    append_head(store)
    export_log(store, key.checkpoint(store), tmp_path / "log")
    fresh = Octostore.open(tmp_path / "fresh")
    with fresh, store.view() as view:
        for path, count in (("blocks/000", 256), ("blocks/001.p/1", 1)):
            with (tmp_path / "log" / path).open("rb") as file:
                reader = CarReader(file)
                assert len(reader.roots) == count
                blocks = list(reader)
            assert len({block.cid for block in blocks}) == len(blocks)
            receipt = fresh.ingest(blocks)
            assert len(receipt.accepted) == (count if count > 1 else 0)
        assert reader.roots == (view.entry(256).block,)
        assert fresh.checkpoint().root == range_root(view.node, 0, 256)


def test_an_export_made_without_blocks_gets_them(
    store: Octostore, key: LogKey, tmp_path: Path
) -> None:
    fill(store, 260)
    export_log(store, key.checkpoint(store), tmp_path / "log")
    shutil.rmtree(tmp_path / "log" / "blocks")
    assert export_log(store, key.checkpoint(store), tmp_path / "log").written == 2


def test_an_export_that_was_cut_off_is_mended(
    store: Octostore, key: LogKey, tmp_path: Path
) -> None:
    folder = tmp_path / "log"
    fill(store, 260)
    export_log(store, key.checkpoint(store), folder)
    (folder / "checkpoint").unlink()
    (folder / "checkpoint.new").write_bytes(b"")
    (folder / "tile/0/000").write_bytes(b"")  # as after a loss of power
    (folder / "tile/0/001.p/4.new").write_bytes(b"")
    (folder / "tile/entries/000").unlink()
    bundles = 2  # no checkpoint covers their blocks, so they are written again
    assert export_log(store, key.checkpoint(store), folder).written == 3 + bundles
    check_folder(folder, key)


def test_an_export_is_not_laid_over_something_else(
    store: Octostore, key: LogKey, tmp_path: Path
) -> None:
    fill(store, 3)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README").write_text("mine")
    with pytest.raises(FileError, match="not empty"):
        export_log(store, key.checkpoint(store), tmp_path / "docs")
    with Octostore.open(tmp_path / "other") as other:
        fill(other, 2)
        foreign = LogKey.create(other.path, secrets.token_bytes, "log.example")
        export_log(other, foreign.checkpoint(other), tmp_path / "log")
        with pytest.raises(NoteError):
            export_log(store, key.checkpoint(store), tmp_path / "log")
        grow(other, 3)
        twin = SignedCheckpoint.sign(
            LogCheckpoint("log.example", *_tree(other)), key.signer
        )
    (tmp_path / "log" / "checkpoint").write_bytes(bytes(twin))
    with pytest.raises(ProofError, match="another tree of 3"):
        export_log(store, key.checkpoint(store), tmp_path / "log")


def _tree(store: Octostore) -> tuple[int, bytes]:
    checkpoint = store.checkpoint()
    return checkpoint.size, checkpoint.root


def test_a_folder_ahead_of_the_log_is_left_alone(
    store: Octostore, key: LogKey, tmp_path: Path
) -> None:
    fill(store, 3)
    older = key.checkpoint(store)
    fill(store, 5)
    export_log(store, key.checkpoint(store), tmp_path / "log")
    with pytest.raises(FileError, match="holds 5 entries of this log, more than 3"):
        export_log(store, older, tmp_path / "log")


def test_a_tile_that_the_log_has_not_reached_is_not_there(store: Octostore) -> None:
    fill(store, 300)
    with store.view() as view:
        for tile in (Tile(0, 1), Tile(0, 1, 45), Tile(1, 0, 2), Tile(2, 0, 1)):
            with pytest.raises(NotFoundError, match="300 entries"):
                tile_bytes(view, tile)
        assert tile_bytes(view, Tile(0, 1, 3)) == tile_bytes(view, Tile(0, 1, 44))[:96]
        assert len(tile_bytes(view, Tile(ENTRIES, 0))) == 256 * 39


def test_every_entry_is_proven_in_every_tree_that_has_it(
    store: Octostore, key: LogKey
) -> None:
    grow(store, 3)
    append_head(store)
    grow(store, 6)
    signed = key.checkpoint(store)
    with store.view() as view:
        for index in range(6):
            text = bytes(prove(view, index, signed))
            proven = verify_proof(TlogProof.from_bytes(text), key.verifier)
            assert (proven.index, proven.entry) == (index, view.entry(index))
            assert (proven.statement is None) == (index == 3)
            if proven.statement is not None:
                assert index_of(view, proven.statement.cid) == index
                assert index_of(view, proven.statement.envelope_cid) == index
        with pytest.raises(NotFoundError):
            prove(view, 6, signed)
    grow(store, 7)
    with store.view() as view, pytest.raises(NotFoundError, match="tree of 6"):
        prove(view, 6, signed)


def test_a_proof_of_a_statement_holds_in_every_bit(
    store: Octostore, key: LogKey
) -> None:
    grow(store, 3)
    signed = key.checkpoint(store)
    with store.view() as view:
        text = bytes(prove(view, 1, signed))
    for at in range(len(text)):
        bent = bytearray(text)
        bent[at] ^= 1 << at % 7
        with pytest.raises(OctostoreError):
            verify_proof(TlogProof.from_bytes(bytes(bent)), key.verifier)
