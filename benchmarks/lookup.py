"""How fast claims are found again, warm, cold and while a writer is at work: JSON.

    python -m benchmarks.lookup                                 10 k and 100 k
    python -m benchmarks.lookup --claims 1000000 --keep FOLDER  keeps the store

Per size: a store of the workload, then

    claims     all claims of random invocations, decoded (`View.claims_of`)
    who        the whole question, as it is answered (`who`)
    bare       the same rows and blocks with bare LMDB, decoded with cbrrr
    cold       one question on a store just opened, its pages dropped from memory
               before (posix_fadvise DONTNEED while nobody has the file mapped)
    writing    `who` again while another process ingests as fast as it can

Warm is the second time that a process asks the same questions. Times are
microseconds per question; claims per second of reading, and per second of
CPU, by which `ratio_bare` compares.
"""

from __future__ import annotations

import argparse
import gc
import io
import itertools
import json
import os
import random
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import cbrrr
import lmdb

from benchmarks.limits import machine
from benchmarks.workload import Shape, deliveries, invocation_cid, invocations
from invocation_spec.cid import CID
from octostore import tables
from octostore.cli import GARBAGE_AFTER
from octostore.engine.lmdb_engine import LMDB_DATA, READERS_MAX
from octostore.packed import unpack
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.store import Octostore
from octostore.view import View

SIZES = (10_000, 100_000)
QUESTIONS = 2_000
COLD_QUESTIONS = 50

#: What the writer brings in meanwhile, made beforehand.
_WRITTEN_CLAIMS = 40_000


def measure(claims: int, path: Path, questions: int) -> dict[str, object]:
    """Fill the store if it is empty, and ask it."""
    shape = Shape(claims, 4_096, 8_192)
    if not (path / LMDB_DATA).exists():
        with Octostore.open(path, engine="lmdb") as store:
            cars = (io.BytesIO(delivery.car) for delivery in deliveries(shape))
            for receipt in store.ingest_cars(cars):
                assert receipt.sound  # noqa: S101
    asked = _asked(shape, questions)
    found = {"bare": _bare(path, asked)}
    with Octostore.open(path, readonly=True) as store:
        with store.view() as view:
            found["claims"] = _again(asked, lambda cid: _claims(view, cid))
        found["who"] = _again(asked, lambda cid: _who(store, cid))
    rates = [found[name]["claims_per_cpu_s"] for name in ("claims", "bare")]
    return {
        "claims": claims,
        "warm": found,
        "ratio_bare": round(rates[0] / rates[1], 3),
        "cold": {"who": _cold(path, _asked(shape, COLD_QUESTIONS, seed=3))},
        "writing": _beside_a_writer(path, asked),
    }


def _asked(shape: Shape, count: int, *, seed: int = 1) -> list[CID]:
    chance = random.Random(seed)  # noqa: S311 - the same questions each time
    last = invocations(shape.claims)
    return [invocation_cid(shape, chance.randrange(last)) for _ in range(count)]


def _claims(view: View, cid: CID) -> int:
    number = view.number(cid)
    return 0 if number is None else sum(1 for _ in view.claims_of(number))


def _who(store: Octostore, cid: CID) -> int:
    answer = who(store, Asked(invocation=cid))
    return sum(len(item.claims) for item in answer.invocations)


def _bare(path: Path, asked: list[CID]) -> dict[str, float]:
    """The least that a look-up can do: the same rows and blocks, decoded."""
    env = lmdb.open(
        str(path), readonly=True, max_dbs=len(tables.TABLES), max_readers=READERS_MAX
    )
    at, claims, blocks = (
        env.open_db(table.name.encode(), create=False)
        for table in (tables.AT, tables.CLAIMS, tables.BLOCKS)
    )
    decode = cbrrr.decode_dag_cbor

    def read(cid: CID) -> int:
        count = 0
        with env.begin() as txn:
            number = txn.get(cid.digest, db=at)
            with txn.cursor(claims) as cursor:
                found = cursor.set_range(number)
                while found and cursor.key().startswith(number):
                    decode(
                        unpack(txn.get(cursor.key()[-6:], db=blocks)), cid_ctor=bytes
                    )
                    count += 1
                    found = cursor.next()
        return count

    try:
        return _again(asked, read)
    finally:
        env.close()


def _again(asked: list[CID], ask: Callable[[CID], int]) -> dict[str, float]:
    """The second time: the pages of the file are mapped into this process."""
    for cid in asked:
        ask(cid)
    return _questions(asked, ask)


def _questions(
    asked: Iterable[CID],
    ask: Callable[[CID], int],
    before: Callable[[], None] | None = None,
) -> dict[str, float]:
    spent: list[float] = []
    claims = 0
    cpu = 0.0
    for cid in asked:
        if before is not None:
            before()
        begin_cpu, begin = time.process_time(), time.perf_counter()
        claims += ask(cid)
        spent.append(time.perf_counter() - begin)
        cpu += time.process_time() - begin_cpu
    assert claims  # noqa: S101
    cuts = statistics.quantiles(spent, n=100)
    return {
        "questions": len(spent),
        "claims": claims,
        "claims_per_s": round(claims / sum(spent)),
        "claims_per_cpu_s": round(claims / cpu),
        "p50_us": round(statistics.median(spent) * 1e6, 1),
        "p99_us": round(cuts[98] * 1e6, 1),
    }


def _cold(path: Path, asked: list[CID]) -> dict[str, float]:
    """Each question the first that a process asks of a file that is on disk only."""

    def drop() -> None:
        with (path / LMDB_DATA).open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def ask(cid: CID) -> int:
        with Octostore.open(path, readonly=True) as store:
            return _who(store, cid)

    return _questions(asked, ask, drop)


def _beside_a_writer(path: Path, asked: list[CID]) -> dict[str, object]:
    """The same questions, alone and while another process writes without a pause."""
    with Octostore.open(path, readonly=True) as store:

        def ask(cid: CID) -> int:
            return _who(store, cid)

        alone = _questions(asked, ask)
        with subprocess.Popen(  # noqa: S603 - this very module
            [sys.executable, "-m", "benchmarks.lookup", "--write", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdin is not None  # noqa: S101
            assert writer.stdout is not None  # noqa: S101
            assert writer.stdout.readline() == "ready\n"  # noqa: S101
            print("go", file=writer.stdin, flush=True)
            during = _questions(_until_done(writer.stdout, asked), ask)
            written = json.loads(writer.stdout.readline())
    return {
        "alone": alone,
        "during": during,
        "p50_ratio": round(during["p50_us"] / alone["p50_us"], 2),
        "p99_ratio": round(during["p99_us"] / alone["p99_us"], 2),
        "writer": written,
    }


def _until_done(said: IO[str], asked: list[CID]) -> Iterator[CID]:
    """Questions, over and over, until the writer has said something."""
    for cid in itertools.cycle(asked):
        if select.select([said], [], [], 0)[0]:
            return
        yield cid


def _write(path: Path) -> None:
    """Be the writer: make claims, wait for the word, ingest them, say how fast."""
    with Octostore.open(path) as store:
        # Other claims each time, or a store that was kept would know them.
        shape = Shape(_WRITTEN_CLAIMS, seed=2 + store.checkpoint().size)
        cars = [delivery.car for delivery in deliveries(shape)]
        print("ready", flush=True)
        sys.stdin.readline()
        begin = time.perf_counter()
        for car in cars:
            assert store.ingest_car(io.BytesIO(car)).accepted  # noqa: S101
        rate = shape.claims / (time.perf_counter() - begin)
    print(json.dumps({"claims": shape.claims, "claims_per_s": round(rate)}), flush=True)


def main() -> None:
    """Measure each size and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--claims", type=int, nargs="+", default=SIZES)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--keep", type=Path, help="where stores are made, and stay")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])  # as the command does
    if given.write is not None:
        _write(given.write)
        return
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        for claims in given.claims:
            path = (given.keep or Path(folder)) / f"claims-{claims}"
            path.parent.mkdir(parents=True, exist_ok=True)
            sizes.append(measure(claims, path, given.questions))
    print(json.dumps({"machine": machine(), "sizes": sizes}, indent=2))


if __name__ == "__main__":
    main()
