"""How fast claims come in, and what each costs: as JSON, limits in the same run.

    python -m benchmarks.ingest                                 10 k and 100 k
    python -m benchmarks.ingest --claims 1000000
    python -m benchmarks.ingest --per-statement 4096 --per-commit 8192
    python -m benchmarks.ingest --per-statement 1               a signature each
    python -m benchmarks.ingest --alone                         without a worker

Per size: a fresh store, deliveries of the workload one after the other, each one
CAR and one commit. They come in stretches, each a call of `ingest_cars`, so that a
worker is started in each (ADR 21). After a stretch, the same new blocks go through
bare LMDB (R and A of limits.py), commit by commit, and the signatures through bare
PyNaCl, on one core. `ratio_r` is the rate of the store divided by that of R,
`cpu_ratio_r` what R uses of a core divided by what the writer uses, which a busy
machine changes less; `windows` is the same inside each part of the way. `worker` is
the process beside the writer. Making the claims is not measured.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import lmdb

from benchmarks.limits import (
    BareA,
    BareR,
    bare_decode,
    bare_sha256,
    bare_verify,
    machine,
)
from benchmarks.workload import Delivery, Shape, deliveries
from octostore import tables
from octostore.ahead import WORKER_AFTER_BYTES
from octostore.cli import GARBAGE_AFTER
from octostore.engine.choice import ENGINES
from octostore.store import Octostore

#: Where a stretch of the way ends, in claims.
WINDOWS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)

SIZES = (10_000, 100_000)

#: Claims between two looks at the limits: several seconds, so that starting a worker
#: shows as it does in a large delivery.
STRETCH = 100_000

#: More bytes than any delivery has.
_NEVER = 1 << 60


@dataclass
class _Spent:
    """Claims, and the seconds they took, each way."""

    claims: int = 0
    signatures: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, seconds: float, cpu: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.cpu[name] = self.cpu.get(name, 0.0) + cpu

    def rates(self) -> dict[str, object]:
        """Claims per second, and what part of each limit the store reaches."""
        ours = self.seconds["store"]
        found: dict[str, object] = {"claims_per_s": round(self.claims / ours)}
        for name in ("r", "a"):
            if name in self.seconds:
                found[f"{name}_claims_per_s"] = round(self.claims / self.seconds[name])
                found[f"ratio_{name}"] = round(self.seconds[name] / ours, 3)
                found[f"cpu_ratio_{name}"] = self._cpu_ratio(name)
        verify = self.seconds["verify"]
        found["verify_signatures_per_s"] = round(self.signatures / verify)
        if self.signatures == self.claims:
            found["ratio_verify"] = round(verify / ours, 3)
            found["cpu_ratio_verify"] = self._cpu_ratio("verify")
        return found

    def _cpu_ratio(self, name: str) -> float:
        return round(self.cpu[name] / self.cpu["store"], 3)


def stretches(shape: Shape, most: int) -> Iterator[list[Delivery]]:
    """The workload in parts of so many claims, and of fewer where a window ends."""
    part: list[Delivery] = []
    count = done = 0
    for delivery in deliveries(shape):
        part.append(delivery)
        before, count, done = done, count + delivery.claims, done + delivery.claims
        if count >= most or _ends_window(before, done):
            yield part
            part, count = [], 0
    if part:
        yield part


def _ends_window(before: int, now: int) -> bool:
    return any(before < end <= now for end in WINDOWS)


def measure(
    shape: Shape, folder: Path, engine: str, stretch: int, worker_after_bytes: int
) -> dict[str, object]:
    """Bring the claims of a shape into a fresh store in the folder."""
    whole, window = _Spent(), _Spent()
    windows: list[dict[str, object]] = []
    payload = 0
    worker = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin_worker = worker.ru_utime + worker.ru_stime
    with ExitStack() as open_:
        store = open_.enter_context(Octostore.open(folder / "store", engine=engine))
        r, a = BareR(folder / "r"), BareA(folder / "a")
        open_.callback(r.close)
        open_.callback(a.close)
        calls: dict[str, Callable[[Delivery], float]] = {
            "r": r.put,
            "a": a.put,
            "verify": bare_verify,
            "sha256": bare_sha256,
            "decode": bare_decode,
        }
        for some in stretches(shape, stretch):
            before, signed = whole.claims, sum(len(item.statements) for item in some)
            payload += sum(len(block) for item in some for _, block in item.new)
            cars = [io.BytesIO(item.car) for item in some]
            gc.collect()
            gc.freeze()  # what was made for the limits is not the store's to look at
            begin_cpu, begin = time.process_time(), time.perf_counter()
            receipts = list(
                store.ingest_cars(cars, worker_after_bytes=worker_after_bytes)
            )
            spent = time.perf_counter() - begin
            spent_cpu = time.process_time() - begin_cpu
            gc.unfreeze()
            assert sum(len(item.accepted) for item in receipts) == signed  # noqa: S101
            assert all(item.sound and not item.skipped for item in receipts)  # noqa: S101
            for part in (whole, window):
                part.claims += sum(item.claims for item in some)
                part.signatures += signed
                part.add("store", spent, spent_cpu)
            for name, call in calls.items():
                begin_cpu = time.process_time()
                seconds = sum(call(item) for item in some)
                spent_cpu = time.process_time() - begin_cpu
                whole.add(name, seconds, spent_cpu)
                window.add(name, seconds, spent_cpu)
            if _ends_window(before, whole.claims) or whole.claims == shape.claims:
                windows.append({"up_to": whole.claims} | window.rates())
                window = _Spent()
    worker = resource.getrusage(resource.RUSAGE_CHILDREN)
    beside = worker.ru_utime + worker.ru_stime - begin_worker
    us = {name: round(s / whole.claims * 1e6, 2) for name, s in whole.seconds.items()}
    used = {name: round(s / whole.claims * 1e6, 2) for name, s in whole.cpu.items()}
    return {
        "claims": shape.claims,
        **whole.rates(),
        "us_per_claim": us,
        "cpu_us_per_claim": used | {"worker": round(beside / whole.claims * 1e6, 2)},
        "windows": windows,
        "bytes_per_claim": _sizes(folder / "store", whole.claims, payload),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
    }


def _sizes(path: Path, claims: int, payload: int) -> dict[str, object]:
    """Bytes on disk per claim, and where they go if the engine can tell."""
    data = next(
        path / kind.data for kind in ENGINES.values() if (path / kind.data).exists()
    )
    found: dict[str, object] = {
        "file": round(data.stat().st_size / claims, 1),
        "payload": round(payload / claims, 1),
    }
    if data.name != ENGINES["lmdb"].data:
        return found
    env = lmdb.open(str(path), readonly=True, max_dbs=len(tables.TABLES))
    pages: dict[str, float] = {}
    try:
        used = 0
        for table in tables.TABLES:
            db = env.open_db(table.name.encode(), create=False)
            with env.begin() as txn:
                stat = txn.stat(db)
            count = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
            used += count
            pages[table.name] = round(count * stat["psize"] / claims, 1)
    finally:
        env.close()
    live = used * stat["psize"] / claims
    found["live"] = round(live, 1)
    found["free"] = round(data.stat().st_size / claims - live, 1)
    found["tables"] = {name: size for name, size in pages.items() if size}
    return found


def main() -> None:
    """Measure each size and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--claims", type=int, nargs="+", default=SIZES)
    parser.add_argument("--per-statement", type=int, default=1_000)
    parser.add_argument("--per-commit", type=int, default=1_000)
    parser.add_argument("--thin", action="store_true", help="send only what is new")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="lmdb")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--stretch", type=int, default=STRETCH, metavar="CLAIMS")
    parser.add_argument("--alone", action="store_true", help="start no worker")
    given = parser.parse_args()
    after = _NEVER if given.alone else WORKER_AFTER_BYTES
    gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])  # as the command does
    sizes = []
    for claims in given.claims:
        shape = Shape(claims, given.per_statement, given.per_commit, given.thin)
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            sizes.append(
                measure(shape, Path(folder), given.engine, given.stretch, after)
            )
    report = {
        "machine": machine(),
        "engine": given.engine,
        "per_statement": given.per_statement,
        "per_commit": given.per_commit,
        "thin": given.thin,
        "alone": given.alone,
        "sizes": sizes,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
