"""Tiles, checkpoints and proof texts: vectors, and a log that others wrote."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octostore.errors import NoteError, ProofError
from octostore.keys import SecretKey
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import (
    SIZE_MAX,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_root,
    verify_consistency,
    verify_inclusion,
)
from octostore.tlog.note import Signer, VerifierKey
from octostore.tlog.proof import PROOF_BYTES_MAX, PROOF_HEAD, TlogProof
from octostore.tlog.tiles import (
    ENTRIES,
    LEVEL_MAX,
    Tile,
    decode_entries,
    encode_entries,
    split_hashes,
    tiles_of,
)
from octostore.tlog.verified import VerifiedTiles
from octostore.tlog.witness import AddCheckpoint

ROWS = json.loads((Path(__file__).parents[2] / "vectors" / "tlog.json").read_text())


def rows(kind: str) -> list[Any]:
    found = [pytest.param(row, id=row["name"]) for row in ROWS if row["kind"] == kind]
    assert found
    return found


def raw(text: str) -> bytes:
    return base64.b64decode(text)


@pytest.mark.parametrize("row", rows("path"))
def test_vectors_of_paths(row: dict[str, Any]) -> None:
    if not row["valid"]:
        with pytest.raises(ProofError):
            Tile.parse(row["path"])
        return
    tile = Tile.parse(row["path"])
    assert tile == Tile(row["level"], row["index"], row["width"])
    assert tile.path == row["path"]


@pytest.mark.parametrize("row", rows("tiles"))
def test_vectors_of_the_tiles_of_a_log(row: dict[str, Any]) -> None:
    found = [tile.path for tile in tiles_of(row["size"], row["since"])]
    assert found == row["paths"]


@pytest.mark.parametrize("row", rows("bundle"))
def test_vectors_of_bundles(row: dict[str, Any]) -> None:
    bundle, entries = (
        bytes.fromhex(row["bundle"]),
        list(map(bytes.fromhex, row["entries"])),
    )
    if not row["valid"]:
        with pytest.raises(ProofError):
            decode_entries(bundle, row["width"])
        return
    assert decode_entries(bundle, row["width"]) == entries
    assert encode_entries(entries) == bundle


@pytest.mark.parametrize("row", rows("checkpoint"))
def test_vectors_of_checkpoints(row: dict[str, Any]) -> None:
    if not row["valid"]:
        with pytest.raises(NoteError):
            LogCheckpoint.parse(row["text"])
        return
    found = LogCheckpoint.parse(row["text"])
    assert found == LogCheckpoint(
        row["origin"], row["size"], raw(row["root"]), tuple(row["extensions"])
    )
    assert str(found) == row["text"]


@pytest.mark.parametrize("row", rows("proof"))
def test_vectors_of_proofs(row: dict[str, Any]) -> None:
    log = VerifierKey.parse(row["vkey"])
    witnesses = [VerifierKey.parse(item) for item in row["witnesses"]]
    text = row["text"].encode()
    if not row["valid"]:
        with pytest.raises((NoteError, ProofError)):
            TlogProof.from_bytes(text).verify(raw(row["leaf"]), log, witnesses)
        return
    proof = TlogProof.from_bytes(text)
    assert bytes(proof) == text
    assert proof.index == row["index"]
    assert (proof.extra.hex() if proof.extra is not None else None) == row["extra"]
    signed = proof.verify(raw(row["leaf"]), log, witnesses)
    assert signed.checkpoint.size == row["size"]
    assert [str(item.by) for item in signed.cosigned] == row["cosigned_by"]


@pytest.mark.parametrize("row", rows("request"))
def test_vectors_of_requests_to_witnesses(row: dict[str, Any]) -> None:
    body = row["body"].encode()
    if not row["valid"]:
        with pytest.raises(NoteError):
            AddCheckpoint.from_bytes(body)
        return
    found = AddCheckpoint.from_bytes(body)
    assert (found.old, found.path) == (row["old"], tuple(map(raw, row["proof"])))
    assert bytes(found) == body
    assert SignedCheckpoint.open(
        found.checkpoint, VerifierKey.parse(row_log())
    ).checkpoint.size


def row_log() -> str:
    """The log of all rows."""
    vkey: str = next(row["vkey"] for row in ROWS if row["kind"] == "proof")
    return vkey


@given(st.integers(ENTRIES, LEVEL_MAX), st.integers(0, 1 << 40), st.integers(1, 256))
def test_a_path_names_one_tile(level: int, index: int, width: int) -> None:
    try:
        tile = Tile(level, index, width)
    except ProofError:
        return
    assert Tile.parse(tile.path) == tile


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_a_log_that_grew_has_the_tiles_it_had_and_those_since(a: int, b: int) -> None:
    old, size = sorted((a, b))
    had = {tile for tile in tiles_of(old) if tile.is_full}
    assert had | set(tiles_of(size, old)) == set(tiles_of(size))
    assert all(tile.is_in(size) for tile in tiles_of(size))
    for tile in tiles_of(size):
        if not tile.is_full:
            assert not Tile(tile.level, tile.index, tile.width + 1).is_in(size)


LEAVES = [leaf_hash(n.to_bytes(4, "big")) for n in range(70_000)]
LEVELS = [LEAVES]
while len(LEVELS[-1]) > 1:
    PAIRS = zip(LEVELS[-1][::2], LEVELS[-1][1::2], strict=False)
    LEVELS.append([node_hash(*pair) for pair in PAIRS])


def node(level: int, index: int) -> bytes:
    return LEVELS[level][index]


def read(tile: Tile) -> bytes:
    return b"".join(LEVELS[8 * tile.level][tile.start : tile.start + tile.width])


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000])
def test_a_tree_is_read_from_its_tiles(size: int) -> None:
    root = range_root(node, 0, size)
    tiled = VerifiedTiles(read, size, root)
    assert range_root(tiled, 0, size) == root
    for index in {0, size // 2, size - 1}:
        proof = inclusion_proof(tiled, index, size)
        assert proof == inclusion_proof(node, index, size)
        verify_inclusion(LEAVES[index], index, size, proof, root)
        old = index + 1
        proof = consistency_proof(tiled, old, size)
        verify_consistency(old, size, proof, range_root(node, 0, old), root)
    for level, index in ((0, size), (size.bit_length(), 0)):
        with pytest.raises(ProofError):
            tiled(level, index)


def test_a_tree_of_any_declared_size_is_refused_after_few_tiles() -> None:
    asked: list[Tile] = []
    hashes = [bytes(32)]
    for _ in range(7):
        hashes.append(node_hash(hashes[-1], hashes[-1]))

    def zeros(tile: Tile) -> bytes:
        asked.append(tile)
        return bytes(32 * tile.width)

    for size in (1 << 40, SIZE_MAX):
        # The root that such an edge has; what is below it is made up, too.
        root = range_root(lambda level, _: hashes[level % 8], 0, size)
        tree = VerifiedTiles(zeros, size, root)
        with pytest.raises(ProofError, match="its place in the tile above"):
            inclusion_proof(tree, size // 3, size)
    assert len(asked) < 40

    def nothing(_tile: Tile) -> bytes:
        return b""

    with pytest.raises(ProofError, match="0 bytes"):
        VerifiedTiles(nothing, 1 << 40, bytes(32))


def test_no_bit_of_a_proof_may_flip() -> None:
    signer = Signer("log.example", SecretKey.from_seed(bytes(32)))
    root = range_root(node, 0, 1000)
    signed = SignedCheckpoint.sign(LogCheckpoint("log.example", 1000, root), signer)
    proof = TlogProof(7, inclusion_proof(node, 7, 1000), bytes(signed))
    whole = bytes(proof)
    assert TlogProof.from_bytes(whole) == proof
    proof.verify(LEAVES[7], signer.verifier)
    for at in range(len(whole)):
        bent = bytearray(whole)
        bent[at] ^= 1 << at % 8
        with pytest.raises((NoteError, ProofError)):
            TlogProof.from_bytes(bytes(bent)).verify(LEAVES[7], signer.verifier)


def test_a_proof_has_a_limit() -> None:
    with pytest.raises(NoteError, match="at most"):
        TlogProof.from_bytes(PROOF_HEAD.encode() + b"\n" * PROOF_BYTES_MAX)


def test_a_log_that_others_wrote_is_read_whole(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "conformance" / "tessera-log" / "testdata" / "log"
    log = VerifierKey.parse(
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
    )
    checkpoints = {}
    for file in folder.glob("checkpoint.*"):
        found = SignedCheckpoint.open(file.read_bytes(), log).checkpoint
        assert file.suffix == f".{found.size}"
        checkpoints[found.size] = found.root
    assert sorted(checkpoints) == list(range(16))

    def read_file(tile: Tile) -> bytes:
        return (folder / tile.path).read_bytes()

    files = {
        p.relative_to(folder).as_posix()
        for p in (folder / "tile").rglob("*")
        if p.is_file()
    }
    assert files == {tile.path for size in checkpoints for tile in tiles_of(size)}
    for size, root in checkpoints.items():
        tree = VerifiedTiles(read_file, size, root)
        assert range_root(tree, 0, size) == root
        for tile in tiles_of(size):
            if tile.level == ENTRIES:
                entries = decode_entries(read_file(tile), tile.width)
                leaves = split_hashes(read_file(Tile(0, 0, tile.width)), tile.width)
                assert list(map(leaf_hash, entries)) == leaves
        for index in range(size):
            proof = inclusion_proof(tree, index, size)
            verify_inclusion(tree(0, index), index, size, proof, root)
            old = checkpoints[index]
            path = consistency_proof(tree, index, size)
            verify_consistency(index, size, path, old, root)
