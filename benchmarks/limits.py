"""What bare calls of the libraries reach on the same bytes: the limits.

    python -m benchmarks.limits [--claims N]

Every benchmark measures the limits it is held against in the same run, in turn
with the measured thing, because machines are shared and their clocks change.

    verify   nacl.bindings.crypto_sign_open of every statement, nothing else
    sha256   hashlib.sha256 of every block of the CAR
    decode   cbrrr.decode_dag_cbor of every block of the CAR, CIDs left as bytes
    R        LMDB: every new block under its digest, and one dupsort entry per
             claim (invocation digest -> record digest): what a simple store does
    A        LMDB: every new block under a number that grows, 8 bytes of its digest
             -> the number, and a claim entry of 6 -> 12 bytes: the least that is
             written

R and A commit the same batches as the store, synced, with the fastest call there
is (`putmulti` of sorted rows; `append` for numbers).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cbrrr
import lmdb
import nacl.bindings

from benchmarks.workload import Delivery, Shape, deliveries

_MAP_BYTES = 1 << 36


class BareR:
    """Blocks by digest, records by invocation; what a simple store would write."""

    def __init__(self, path: Path) -> None:
        self._env = lmdb.open(str(path), map_size=_MAP_BYTES, max_dbs=2)
        self._blocks = self._env.open_db(b"blocks")
        self._claims = self._env.open_db(b"claims", dupsort=True, dupfixed=True)

    def put(self, delivery: Delivery) -> float:
        """Seconds to write what is new of a delivery, synced."""
        blocks = sorted((cid.digest, block) for cid, block in delivery.new)
        pairs = sorted(delivery.pairs)
        begin = time.perf_counter()
        with self._env.begin(write=True) as txn:
            with txn.cursor(self._blocks) as cursor:
                cursor.putmulti(blocks)
            with txn.cursor(self._claims) as cursor:
                cursor.putmulti(pairs)
        return time.perf_counter() - begin

    def close(self) -> None:
        """Let go of the files."""
        self._env.close()


class BareA:
    """Blocks by arrival, a small index; the least that this layout can write."""

    def __init__(self, path: Path) -> None:
        self._env = lmdb.open(str(path), map_size=_MAP_BYTES, max_dbs=3)
        self._blocks = self._env.open_db(b"blocks")
        self._at = self._env.open_db(b"at")
        self._claims = self._env.open_db(b"claims", dupsort=True, dupfixed=True)
        self._next = 0

    def put(self, delivery: Delivery) -> float:
        """Seconds to write what is new of a delivery, synced."""
        first = self._next
        self._next += len(delivery.new)
        numbers = [n.to_bytes(6, "big") for n in range(first, self._next)]
        blocks = [
            (no, block) for no, (_, block) in zip(numbers, delivery.new, strict=True)
        ]
        at = sorted(
            (cid.digest[:8], no)
            for no, (cid, _) in zip(numbers, delivery.new, strict=True)
        )
        # Any number does for an invocation, if it is as random as its real one.
        claims = sorted(
            (invocation[:6], record[:12]) for invocation, record in delivery.pairs
        )
        begin = time.perf_counter()
        with self._env.begin(write=True) as txn:
            with txn.cursor(self._blocks) as cursor:
                cursor.putmulti(blocks, append=True)
            with txn.cursor(self._at) as cursor:
                cursor.putmulti(at)
            with txn.cursor(self._claims) as cursor:
                cursor.putmulti(claims)
        return time.perf_counter() - begin

    def close(self) -> None:
        """Let go of the files."""
        self._env.close()


def bare_verify(delivery: Delivery) -> float:
    """Seconds to verify the signatures of a delivery."""
    signed = [
        (item.received.signature + item.signed, item.part.iss.key.raw)
        for item in delivery.statements
    ]
    verify = nacl.bindings.crypto_sign_open
    begin = time.perf_counter()
    for message, key in signed:
        verify(message, key)
    return time.perf_counter() - begin


def bare_sha256(delivery: Delivery) -> float:
    """Seconds to hash the blocks of a delivery."""
    blocks = [block for _, block in delivery.blocks]
    sha256 = hashlib.sha256
    begin = time.perf_counter()
    for block in blocks:
        sha256(block).digest()
    return time.perf_counter() - begin


def bare_decode(delivery: Delivery) -> float:
    """Seconds to decode the blocks of a delivery."""
    blocks = [block for _, block in delivery.blocks]
    decode = cbrrr.decode_dag_cbor
    begin = time.perf_counter()
    for block in blocks:
        decode(block, cid_ctor=bytes)
    return time.perf_counter() - begin


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "python": platform.python_version(),
        "cpu": model,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "lmdb": ".".join(str(part) for part in lmdb.version()),
        "fsync": True,
        "load_1m": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Measure the limits alone and print them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--claims", type=int, default=10_000)
    parser.add_argument("--per-statement", type=int, default=1_000)
    parser.add_argument("--per-commit", type=int, default=1_000)
    given = parser.parse_args()
    shape = Shape(given.claims, given.per_statement, given.per_commit)
    with tempfile.TemporaryDirectory() as folder:
        r, a = BareR(Path(folder) / "r"), BareA(Path(folder) / "a")
        measured: dict[str, Callable[[Delivery], float]] = {
            "verify": bare_verify,
            "sha256": bare_sha256,
            "decode": bare_decode,
            "r": r.put,
            "a": a.put,
        }
        spent = _spent(deliveries(shape), measured)
        r.close()
        a.close()
    rates = {name: round(given.claims / seconds) for name, seconds in spent.items()}
    print(json.dumps({"machine": machine(), "claims_per_s": rates}, indent=2))


def _spent(
    delivered: Iterable[Delivery], measured: dict[str, Callable[[Delivery], float]]
) -> dict[str, float]:
    spent = dict.fromkeys(measured, 0.0)
    for delivery in delivered:
        for name, call in measured.items():
            spent[name] += call(delivery)
    return spent


if __name__ == "__main__":
    main()
