"""What the map costs: to build, to keep up, to prove, to check; as JSON.

    python -m benchmarks.map                     100,000 keys; 50,000 claims
    python -m benchmarks.map --keys 100000 1000000 --claims 100000

`trie`: keys of claims, each on an invocation of its own, joined in batches; then
1,000 and 10,000 more. Limits in the same run: sha256 as often, of as many bytes,
as the update hashes (`ratio_sha256`), and bare LMDB puts of the same keys with the
same durability (`ratio_lmdb`). `prove` makes the proof of one invocation from the
disk, encodes it, and `verify` decodes and opens it, with the claim known.

`claims`: the workload of `ingest`, and an update for each 10,000 claims. `beside`:
the same claims delivered as fast as they are taken: alone, with updates by a process
of its own as a server does it, and by a thread; `slowdown` is the time beside divided
by the time alone, `slowdown_cpu` the same of the CPU of the process that ingests: what
is left of it where a core is free for the other. `lag_s` is the longest time from a
receipt to the head that covers the statement. The other keeps pace as long as
`map_cpu_us_per_claim` is less than what the ingest takes with it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import statistics
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import lmdb

from benchmarks.ingest import _sizes
from benchmarks.limits import machine
from benchmarks.workload import Shape, deliveries
from octostore import tables
from octostore.engine import Engine
from octostore.engine.choice import ENGINES
from octostore.map import trie
from octostore.map.pages import MapTrie, grow, prove
from octostore.map.proof import MapProof, open_proof
from octostore.map.questions import Question
from octostore.map_process import MapProcess
from octostore.store import Octostore

BATCH = 50_000
PROVED = 1_000
_PREFIX_BYTES = 1 + 2 * trie.HASH_BYTES


def keys(count: int, seed: int) -> list[bytes]:
    """Keys of claims, each on an invocation of its own."""

    def part(number: int, name: str) -> bytes:
        return hashlib.sha256(f"{seed} {name} {number}".encode()).digest()

    return [
        b"\x01" + b"".join(part(number, name) for name in "pisr")
        for number in range(count)
    ]


def measure_trie(size: int, folder: Path) -> dict[str, object]:
    """Build a map of so many keys, add some, prove some."""
    engine = ENGINES["lmdb"].open(folder / "store", tables.TABLES)
    bare = lmdb.open(str(folder / "bare"), map_size=1 << 36)
    try:
        begin = time.perf_counter()
        for at in range(0, size, BATCH):
            _join(engine, keys(min(BATCH, size - at), at))
        built = time.perf_counter() - begin
        for at in range(0, size, BATCH):
            _put(bare, keys(min(BATCH, size - at), at))
        more = {
            str(count): _update(engine, bare, keys(count, size + count))
            for count in (1_000, 10_000)
        }
        proof = _prove(engine, keys(min(PROVED, size), 0))
    finally:
        bare.close()
        engine.close()
    return {
        "keys": size,
        "build_s": round(built, 2),
        "build_us_per_key": round(built / size * 1e6, 1),
        "bytes_per_key": _sizes(folder / "store", size, 0)["live"],
        "update": more,
        "proof": proof,
    }


def _join(engine: Engine, new: Sequence[bytes]) -> tuple[float, float]:
    """Let keys join; seconds of hashing and of the commit."""
    begin = time.perf_counter()
    with engine.snapshot() as rows:
        changed, _ = grow(rows, new)
    hashed = time.perf_counter()
    engine.apply(changed)
    return hashed - begin, time.perf_counter() - hashed


def _update(
    engine: Engine, bare: lmdb.Environment[bytes], new: Sequence[bytes]
) -> dict[str, object]:
    hashed = _count(lambda: _dry(engine, new))
    begin = time.perf_counter()
    for size, count in hashed.items():
        piece = bytes(size)
        for _ in range(count):
            hashlib.sha256(piece).digest()
    limit = time.perf_counter() - begin
    put = _put(bare, new)
    made, committed = _join(engine, new)
    return {
        "us_per_key": round((made + committed) / len(new) * 1e6, 1),
        "hash_ms": round(made * 1e3, 1),
        "commit_ms": round(committed * 1e3, 1),
        "hashes": sum(hashed.values()),
        "ratio_sha256": round(made / limit, 2),
        "ratio_lmdb": round((made + committed) / put, 2),
    }


def _dry(engine: Engine, new: Sequence[bytes]) -> None:
    with engine.snapshot() as rows:
        grow(rows, new)


def _count(call: Callable[[], None]) -> dict[int, int]:
    """How often what is called hashes how many bytes."""
    found: dict[int, int] = {}
    bare = trie._sha256  # noqa: SLF001 - counted where it is called

    def counting(data: bytes) -> object:
        found[len(data)] = found.get(len(data), 0) + 1
        return bare(data)

    trie._sha256 = counting  # type: ignore[assignment] # noqa: SLF001
    try:
        call()
    finally:
        trie._sha256 = bare  # noqa: SLF001
    return found


def _put(env: lmdb.Environment[bytes], new: Sequence[bytes]) -> float:
    begin = time.perf_counter()
    with env.begin(write=True) as txn, txn.cursor() as cursor:
        cursor.putmulti([(key, b"") for key in sorted(new)])
    return time.perf_counter() - begin


def _prove(engine: Engine, some: Sequence[bytes]) -> dict[str, object]:
    made: list[float] = []
    checked: list[float] = []
    sizes: list[int] = []
    with engine.snapshot() as rows:
        root = MapTrie(rows).root
        for key in some:
            asked = [Question(key[:_PREFIX_BYTES])]
            begin = time.perf_counter()
            raw = bytes(prove(rows, asked, (0,)))
            middle = time.perf_counter()
            open_proof(MapProof.from_bytes(raw), root, asked, [key])
            checked.append(time.perf_counter() - middle)
            made.append(middle - begin)
            sizes.append(len(raw))
    return {
        "bytes_mean": round(statistics.mean(sizes)),
        "bytes_max": max(sizes),
        "make_us": round(statistics.median(made) * 1e6),
        "verify_us": round(statistics.median(checked) * 1e6),
    }


def measure_claims(count: int, folder: Path) -> dict[str, object]:
    """The map of a workload, updated for each 10,000 claims."""
    ingest = update = 0.0
    done = 0
    with Octostore.open(folder / "store") as store:
        for delivery in deliveries(Shape(claims=count)):
            begin = time.process_time()
            store.ingest_car(io.BytesIO(delivery.car))
            ingest += time.process_time() - begin
            done += delivery.claims
            if not done % 10_000 or done == count:
                begin = time.process_time()
                store.update_map(done)
                update += time.process_time() - begin
    sizes = _sizes(folder / "store", count, 0)
    by_table = sizes["tables"]
    assert isinstance(by_table, dict)  # noqa: S101 - as `_sizes` makes it
    return {
        "claims": count,
        "ingest_cpu_us_per_claim": round(ingest / count * 1e6, 1),
        "map_cpu_us_per_claim": round(update / count * 1e6, 1),
        "bytes_per_claim": {
            name: size for name, size in by_table.items() if name.startswith("map_")
        },
        "store_bytes_per_claim": sizes["live"],
    }


def measure_beside(count: int, every_s: float, folder: Path) -> dict[str, object]:
    """Ingest alone, and with updates of the map beside it."""
    cars = [delivery.car for delivery in deliveries(Shape(claims=count))]
    alone = _deliver(cars, None, folder / "alone", by_process=False)
    found: dict[str, object] = {
        "claims": count,
        "every_s": every_s,
        "load_1m": os.getloadavg()[0],
        "alone_claims_per_s": round(count / alone.wall_s),
        "alone_cpu_us_per_claim": round(alone.cpu_s / count * 1e6, 1),
    }
    for name in ("process", "thread"):
        by_process = name == "process"
        run = _deliver(cars, every_s, folder / name, by_process=by_process)
        found[name] = {
            "claims_per_s": round(count / run.wall_s),
            "slowdown": round(run.wall_s / alone.wall_s, 2),
            "slowdown_cpu": round(run.cpu_s / alone.cpu_s, 2),
            "cpu_us_per_claim": round(run.cpu_s / count * 1e6, 1),
            "map_cpu_us_per_claim": round(run.child_s / count * 1e6, 1),
            "lag_s": round(run.lag_s, 2),
            "last_head_after_s": round(run.last_s, 2),
        }
    return found


class _Run(NamedTuple):
    """Seconds: to take all, their CPU here and there, the lag, to the last head."""

    wall_s: float
    cpu_s: float
    child_s: float
    lag_s: float
    last_s: float


def _deliver(
    cars: Sequence[bytes], every_s: float | None, path: Path, *, by_process: bool
) -> _Run:
    stop = threading.Event()
    sizes: list[int] = []
    taken: list[float] = []
    lag = 0.0
    children = os.times()
    with Octostore.open(path) as store, MapProcess(path) as process:

        def keep_up(every_s: float) -> None:
            nonlocal lag
            before, is_last, begin = 0, False, time.perf_counter()
            while not is_last:
                is_last = stop.wait(max(begin + every_s - time.perf_counter(), 0))
                begin = time.perf_counter()
                logged = store.update_map(0, process if by_process else None)
                if logged is not None:
                    oldest = bisect_right(sizes, before)
                    if oldest < len(taken):  # else its receipt is not given yet
                        lag = max(lag, time.perf_counter() - taken[oldest])
                    before = logged.head.size

        threads = [threading.Thread(target=keep_up, args=(every_s,))] if every_s else []
        for thread in threads:
            thread.start()
        begin, cpu = time.perf_counter(), time.process_time()
        for car in cars:
            receipt = store.ingest_car(io.BytesIO(car))
            taken.append(time.perf_counter())
            sizes.append(receipt.checkpoint.size)
        spent = time.perf_counter() - begin
        stop.set()
        for thread in threads:
            thread.join()
        last = time.perf_counter() - begin - spent
        cpu = time.process_time() - cpu
    now = os.times()
    child = now.children_user + now.children_system
    child -= children.children_user + children.children_system
    return _Run(spent, cpu, child, lag, last)


def main() -> None:
    """Measure each and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, nargs="+", default=[100_000])
    parser.add_argument("--claims", type=int, default=50_000)
    parser.add_argument("--every-s", type=float, default=3.0)
    given = parser.parse_args()
    found: dict[str, object] = {"machine": machine(), "trie": []}
    runs: list[dict[str, object]] = []
    for size in given.keys:
        with tempfile.TemporaryDirectory() as folder:
            runs.append(measure_trie(size, Path(folder)))
    found["trie"] = runs
    with tempfile.TemporaryDirectory() as folder:
        found["claims"] = measure_claims(given.claims, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        found["beside"] = measure_beside(given.claims, given.every_s, Path(folder))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
