"""How fast claims come in, and what each costs: as JSON, limits in the same run.

    python -m benchmarks.ingest                                 10 k and 100 k
    python -m benchmarks.ingest --claims 1000000
    python -m benchmarks.ingest --per-statement 4096 --per-commit 8192
    python -m benchmarks.ingest --per-statement 1               a signature each

Per size: a fresh store, deliveries of the workload one after the other, each one
CAR and one commit. After each, the same new blocks go through bare LMDB (R and A
of limits.py) and its signatures through bare PyNaCl. `ratio_r` is the rate of the
store divided by that of R; `windows` is the same inside each stretch of the way.
Making the claims is not measured.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import resource
import tempfile
import time
from collections.abc import Callable
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
from octostore.cli import GARBAGE_AFTER
from octostore.engines import ENGINES
from octostore.store import Octostore

#: Where a stretch of the way ends, in claims.
WINDOWS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)

SIZES = (10_000, 100_000)


@dataclass
class _Spent:
    """Claims, and the seconds they took, each way."""

    claims: int = 0
    signatures: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def rates(self) -> dict[str, object]:
        """Claims per second, and what part of each limit the store reaches."""
        ours = self.seconds["store"]
        found: dict[str, object] = {"claims_per_s": round(self.claims / ours)}
        for name in ("r", "a"):
            if name in self.seconds:
                found[f"{name}_claims_per_s"] = round(self.claims / self.seconds[name])
                found[f"ratio_{name}"] = round(self.seconds[name] / ours, 3)
        verify = self.seconds["verify"]
        found["verify_signatures_per_s"] = round(self.signatures / verify)
        if self.signatures == self.claims:
            found["ratio_verify"] = round(verify / ours, 3)
        return found


def measure(shape: Shape, folder: Path, engine: str) -> dict[str, object]:
    """Bring the claims of a shape into a fresh store in the folder."""
    whole, window = _Spent(), _Spent()
    windows: list[dict[str, object]] = []
    payload = 0
    cpu = 0.0
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
        for delivery in deliveries(shape):
            payload += sum(len(block) for _, block in delivery.new)
            begin_cpu, begin = time.process_time(), time.perf_counter()
            receipt = store.ingest_car(io.BytesIO(delivery.car))
            spent = time.perf_counter() - begin
            cpu += time.process_time() - begin_cpu
            assert len(receipt.accepted) == len(delivery.statements)  # noqa: S101
            assert receipt.sound and not receipt.skipped  # noqa: S101, PT018
            for part in (whole, window):
                part.claims += delivery.claims
                part.signatures += len(delivery.statements)
                part.add("store", spent)
            for name, call in calls.items():
                seconds = call(delivery)
                whole.add(name, seconds)
                window.add(name, seconds)
            if whole.claims in WINDOWS or whole.claims == shape.claims:
                windows.append({"up_to": whole.claims} | window.rates())
                window = _Spent()
    us = {name: round(s / whole.claims * 1e6, 2) for name, s in whole.seconds.items()}
    return {
        "claims": shape.claims,
        **whole.rates(),
        "us_per_claim": us | {"store_cpu": round(cpu / whole.claims * 1e6, 2)},
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
    given = parser.parse_args()
    gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])  # as the command does
    sizes = []
    for claims in given.claims:
        shape = Shape(claims, given.per_statement, given.per_commit, given.thin)
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            sizes.append(measure(shape, Path(folder), given.engine))
    report = {
        "machine": machine(),
        "engine": given.engine,
        "per_statement": given.per_statement,
        "per_commit": given.per_commit,
        "thin": given.thin,
        "sizes": sizes,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
