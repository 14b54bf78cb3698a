"""How long it takes to prove that an entry is in a log, and what the log costs.

    python -m benchmarks.log [SIZE]             default: 1000000

A log of SIZE entries, written as `ingest` writes it. Then, at random places: proofs
of inclusion and of consistency, made and verified; tiles, made as they are served; a
checkpoint, signed with its state on the disk. Beside each stands the limit measured
in the same run: bare sha256 of as many inputs, bare lookups of the same keys. Last,
the share of the log's rows in taking in statements of one claim each, the worst case.
Prints one JSON object: microseconds, median of all tries, warm cache, fsync on.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

from benchmarks.limits import machine
from benchmarks.who import pairs as claims_of
from benchmarks.who import statement
from invocation_spec.cid import CID
from octostore import ingest as ingest_module
from octostore import tables
from octostore.draft import Draft
from octostore.index import append_entry
from octostore.log import KIND_STATEMENT, Entry
from octostore.log_key import LogKey
from octostore.log_tiles import tile_bytes
from octostore.store import Octostore
from octostore.tlog.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    range_root,
    verify_consistency,
    verify_inclusion,
)
from octostore.tlog.tiles import ENTRIES, Tile
from octostore.view import View

TRIES = 2000
TILE_TRIES = 200
SIGNED = 50
STATEMENTS = 3000


def median_us(act: Callable[[int], object], places: Sequence[int]) -> float:
    """The median of one call for each place."""
    taken = []
    for place in places:
        started = time.perf_counter_ns()
        act(place)
        taken.append(time.perf_counter_ns() - started)
    return round(statistics.median(taken) / 1000, 2)


def fill(store: Octostore, size: int) -> dict[str, float]:
    """Entries as `ingest` writes them, without their blocks; and the bare hashes."""
    started = time.perf_counter()
    with Draft(store._engine) as draft:  # noqa: SLF001 - the rows alone
        for n in range(size):
            cid = CID.of_block(n.to_bytes(8, "big"))
            append_entry(draft, Entry(KIND_STATEMENT, cid))
            draft.commit_if_large()
        draft.commit()
    whole = time.perf_counter() - started
    entry, pair = bytes(38), bytes(65)
    started = time.perf_counter()
    for _ in range(size):
        hashlib.sha256(entry).digest()
        hashlib.sha256(pair).digest()
    bare = time.perf_counter() - started
    return {
        "append_us": round(whole / size * 1e6, 2),
        "bare_sha256_us": round(bare / size * 1e6, 2),
        "bytes_per_entry": round(folder_bytes(store.path) / size, 1),
    }


def folder_bytes(path: Path) -> int:
    """What lies on the disk."""
    return sum(item.stat().st_blocks * 512 for item in path.iterdir())


def proofs(view: View, size: int) -> dict[str, object]:
    """Inclusion and consistency, made and verified, and their limits."""
    chance = random.Random(2)  # noqa: S311 - which entries
    places = [chance.randrange(1, size) for _ in range(TRIES)]
    root = view.checkpoint().root
    node = view.node
    made = {n: inclusion_proof(node, n, size) for n in places}
    leaves = {n: leaf_hash(bytes(view.entry(n))) for n in places}
    grown = {n: consistency_proof(node, n, size) for n in places}
    old = {n: range_root(node, 0, n) for n in places}
    key = tables.LOG.key.encode
    keys = [key(n) for n in places]

    def bare_hashes(_: int) -> None:
        for _ in range(20):
            hashlib.sha256(bytes(65)).digest()

    get, name = view.rows.get, tables.LOG.name

    def bare_lookups(n: int) -> None:
        for at in range(20):
            get(name, keys[(n + at) % len(keys)])

    return {
        "inclusion": {
            "hashes": statistics.mean(len(path) for path in made.values()),
            "make_us": median_us(lambda n: inclusion_proof(node, n, size), places),
            "verify_us": median_us(
                lambda n: verify_inclusion(leaves[n], n, size, made[n], root), places
            ),
        },
        "consistency": {
            "hashes": statistics.mean(len(path) for path in grown.values()),
            "make_us": median_us(lambda n: consistency_proof(node, n, size), places),
            "verify_us": median_us(
                lambda n: verify_consistency(n, size, grown[n], old[n], root), places
            ),
        },
        "limits": {
            "sha256_20_us": median_us(bare_hashes, places),
            "lookups_20_us": median_us(bare_lookups, places),
        },
    }


def tiles(view: View, size: int) -> dict[str, float]:
    """Full tiles of each kind, made of rows; and a bare copy of as many bytes."""
    count = size // 256
    places = [n * 7919 % count for n in range(TILE_TRIES)]
    upper = [n * 7919 % max(count // 256, 1) for n in range(TILE_TRIES)]
    width = min(256, count)
    raw = bytes(8192)
    return {
        "level_0_us": median_us(lambda n: tile_bytes(view, Tile(0, n)), places),
        "entries_us": median_us(lambda n: tile_bytes(view, Tile(ENTRIES, n)), places),
        "level_1_us": median_us(lambda n: tile_bytes(view, Tile(1, n, width)), upper),
        "bare_sha256_8192_us": median_us(
            lambda _: hashlib.sha256(raw).digest(), places
        ),
    }


def signing(store: Octostore) -> dict[str, float]:
    """A checkpoint of each of so many sizes, and of one size again; a bare fsync."""
    key = LogKey.create(store.path, secrets.token_bytes, "bench.example")
    entry = Entry(KIND_STATEMENT, CID.of_block(b""))
    taken = []
    for _ in range(SIGNED):
        with Draft(store._engine) as draft:  # noqa: SLF001
            append_entry(draft, entry)
            draft.commit()
        started = time.perf_counter_ns()
        key.checkpoint(store)
        taken.append(time.perf_counter_ns() - started)
    again = median_us(lambda _: key.checkpoint(store), range(SIGNED))

    def bare(n: int) -> None:
        with (store.path / f"bare {n}").open("wb") as file:
            file.write(bytes(400))
            file.flush()
            os.fsync(file.fileno())

    return {
        "new_size_us": round(statistics.median(taken) / 1000, 1),
        "same_size_us": again,
        "bare_write_and_fsync_us": median_us(bare, range(SIGNED)),
    }


def share_of_ingest(folder: Path) -> dict[str, float]:
    """What part of taking in statements of one claim the rows of the log are."""
    blocks = []
    for n, claim in enumerate(claims_of(STATEMENTS)):
        blocks += list(statement(n, [claim])[1].items())
    spent = 0.0

    def timed(draft: Draft, entry: Entry) -> int:
        nonlocal spent
        started = time.perf_counter()
        index = append_entry(draft, entry)
        spent += time.perf_counter() - started
        return index

    with (
        Octostore.open(folder / "ingest") as store,
        mock.patch.object(ingest_module, "append_entry", timed),
    ):
        started = time.perf_counter()
        receipt = store.ingest(blocks)
        whole = time.perf_counter() - started
    assert len(receipt.accepted) == STATEMENTS, receipt  # noqa: S101
    return {
        "statements": STATEMENTS,
        "claims_per_statement": 1,
        "statement_us": round(whole / STATEMENTS * 1e6, 1),
        "append_entry_us": round(spent / STATEMENTS * 1e6, 2),
        "share_percent": round(spent / whole * 100, 2),
    }


def measure_log(size: int, folder: Path) -> dict[str, object]:
    """A log of so many entries: its proofs, tiles, checkpoints, and its share."""
    found: dict[str, object] = {
        "size": size,
        "tries": TRIES,
        "load": os.getloadavg()[0],
    }
    with Octostore.open(folder / "store") as store:
        found["append"] = fill(store, size)
        with store.view() as view:
            found |= proofs(view, size)
            found["tiles"] = tiles(view, size)
        found["checkpoint"] = signing(store)
    found["ingest"] = share_of_ingest(folder)
    return found


def main() -> None:
    """Measure, and print one JSON object."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="octostore-bench-") as name:
        found = measure_log(size, Path(name))
    print(json.dumps({"what": "log", "machine": machine(), **found}, indent=2))


if __name__ == "__main__":
    main()
