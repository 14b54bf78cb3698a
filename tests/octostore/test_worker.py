"""A process beside the writer changes when a CAR is read, and nothing else."""

from __future__ import annotations

import io
import marshal
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from benchmarks.workload import Shape, deliveries
from invocation_spec import dagcbor
from invocation_spec.cid import CID, RAW, SHA2_256
from octostore import car, tables
from octostore import worker as worker_module
from octostore.ahead import AHEAD_BYTES, Batch, Coming, ReadAhead
from octostore.check import check
from octostore.errors import CarError
from octostore.reading import CLAIM, STATEMENT, Verified, read
from octostore.receipt import Receipt
from octostore.statement import ReceivedStatement
from octostore.store import Octostore
from octostore.worker import Worker, WorkerGoneError, serve
from tests.octostore.world import Issuer, Ran, result

#: For a machine that many share; what does not happen then happens never.
SECONDS = 60

Rows = dict[str, list[tuple[bytes, bytes]]]


def rows(store: Octostore) -> Rows:
    with store.view() as view:
        return {item.name: list(view.rows.scan(item.name)) for item in tables.TABLES}


def until(holds: Callable[[], bool]) -> None:
    """Wait for another process."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def ready() -> Worker:
    worker = Worker()
    until(lambda: worker.is_ready)
    return worker


def is_there(pid: int) -> bool:
    """Whether a process is, and is more than an entry that nobody has asked for."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def taken(store: Octostore, coming: ReadAhead) -> Iterator[Receipt | str]:
    for delivery in coming:
        if isinstance(delivery, CarError):
            yield str(delivery)
        else:
            yield store.ingest(delivery, delivery.roots)


def worker_of(coming: ReadAhead) -> Worker | None:
    return coming.worker


def car_of(roots: Iterable[CID], blocks: Iterable[tuple[CID, bytes]]) -> bytes:
    out = io.BytesIO()
    car.write(out, roots, blocks)
    return out.getvalue()


def good() -> list[bytes]:
    """Several statements in a CAR; one of 700 records is larger than what is usual."""
    many = next(deliveries(Shape(700, 700, 700, seed=9)))
    return [item.car for item in deliveries(Shape(600, 50, 200))] + [many.car]


def odd() -> list[bytes]:
    """Everything that can be wrong with a CAR or with what is in it."""
    _, blocks = Issuer("odd").claims(Ran(), result())
    root, envelope = blocks[0]
    other, others = Issuer("other").claims(Ran(), result())
    whole = car_of([root], blocks)
    forged = bytearray(envelope)
    forged[10] ^= 1
    false = CID.of_block(bytes(forged)), bytes(forged)
    nest = b"\x82\x58\x40" + bytes(64) + b"\x81" * 1000
    bad = dagcbor.encode({"type": "claim"})
    skipped = Issuer("skips").sign([CID.of_block(bad)])
    its = [(skipped.envelope_cid, skipped.envelope), (CID.of_block(bad), bad)]
    raw = CID.of_bytes(b"raw"), b"raw"
    huge = CID.of_block(b"x"), bytes(6 << 20)
    lie = CID.of_block(b"a lie"), b"another"
    blake = CID.of_digest(bytes(64), hash_code=0x13), b"of another hash"
    return [
        car_of([root], [raw, lie, blake, *blocks[:-1]]),  # waits
        car_of([other.envelope_cid], [false, *others]),
        whole,  # what waited is whole
        whole,
        car_of([false[0]], [false, (CID.of_block(nest), nest)]),
        car_of([skipped.envelope_cid], its),
        car_of([CID.of_block(b"absent")], blocks),
        car_of([raw[0]], [raw]),
        whole[:-3],
        b"no CAR",
        whole + b"\x00",
        b"",
        *good()[:1],
        car_of([root], [*blocks[:2], huge, *blocks[2:]]),  # more than a worker reads
        *good()[1:],
    ]


def streams(cars: Iterable[bytes]) -> Iterator[BinaryIO]:
    """Each is closed when the next is asked for."""
    for data in cars:
        with io.BytesIO(data) as stream:
            yield stream


def alone(path: Path, cars: list[bytes]) -> tuple[list[Receipt | str], Rows]:
    with (
        Octostore.open(path) as store,
        ReadAhead(streams(cars), worker_after_bytes=1 << 60) as coming,
    ):
        found = list(taken(store, coming))
        assert coming.worker is None
        assert not check(store).faults
        return found, rows(store)


@pytest.mark.parametrize("make", [good, odd])
def test_with_a_worker_receipts_and_store_are_the_same(
    tmp_path: Path, make: Callable[[], list[bytes]]
) -> None:
    cars = make()
    expected = alone(tmp_path / "alone", cars)
    with Octostore.open(tmp_path / "beside") as store:
        with ReadAhead(streams(cars)) as coming:
            coming.worker = ready()
            found = list(taken(store, coming))
        assert found == expected[0]
        assert rows(store) == expected[1]
        assert not check(store).faults
    words = {
        word: sum(
            len(getattr(item, word)) for item in found if isinstance(item, Receipt)
        )
        for word in ("accepted", "known", "pending", "quarantined", "skipped")
    }
    if make is odd:
        assert all(words.values()), words
    else:
        assert words["accepted"] == 13


class KillsAt:
    """A stream; while a certain byte of it is read, something happens."""

    def __init__(self, data: bytes, at: int, happens: Callable[[], None]) -> None:
        self._stream, self._at, self._happens = io.BytesIO(data), at, happens

    def read(self, most: int = -1) -> bytes:
        before = self._stream.tell()
        data = self._stream.read(most)
        if before <= self._at < self._stream.tell():
            self._happens()
        return data


@pytest.mark.parametrize("part", [0.0, 0.2, 0.6, 0.999])
def test_a_worker_that_is_killed_is_no_loss(tmp_path: Path, part: float) -> None:
    cars = [item.car for item in deliveries(Shape(3000, 100, 1000))]
    expected = alone(tmp_path / "alone", cars)
    with Octostore.open(tmp_path / "beside") as store:
        with ReadAhead([]) as coming:
            coming.worker = worker = ready()

            def kill() -> None:
                os.kill(worker.pid, signal.SIGKILL)

            killing = KillsAt(cars[1], int(part * len(cars[1])), kill)
            given = [io.BytesIO(cars[0]), killing, io.BytesIO(cars[2])]
            coming._streams = iter(cast("list[BinaryIO]", given))
            assert list(taken(store, coming)) == expected[0]
            assert worker_of(coming) is None
        assert rows(store) == expected[1]


def test_a_worker_that_is_stopped_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cars = [item.car for item in deliveries(Shape(3000, 100, 1000))]
    expected = alone(tmp_path / "alone", cars)
    with Octostore.open(tmp_path / "beside") as store:
        with ReadAhead([]) as coming:
            coming.worker = worker = ready()

            def stop() -> None:
                os.kill(worker.pid, signal.SIGSTOP)
                monkeypatch.setattr(worker_module, "ANSWER_S_MAX", 0.5)

            stopping = KillsAt(cars[1], len(cars[1]) // 2, stop)
            given = [io.BytesIO(cars[0]), stopping, io.BytesIO(cars[2])]
            coming._streams = iter(cast("list[BinaryIO]", given))
            assert list(taken(store, coming)) == expected[0]
            assert worker_of(coming) is None
            assert not is_there(worker.pid)
        assert rows(store) == expected[1]


def test_a_worker_that_never_gets_ready_is_not_waited_for(tmp_path: Path) -> None:
    cars = good()
    expected = alone(tmp_path / "alone", cars)
    with Octostore.open(tmp_path / "beside") as store:
        with ReadAhead(streams(cars)) as coming:
            coming.worker = Worker()
            os.kill(coming.worker.pid, signal.SIGKILL)
            assert list(taken(store, coming)) == expected[0]
        assert rows(store) == expected[1]


def test_a_small_delivery_starts_none_and_a_large_one_does() -> None:
    block = dagcbor.encode({"rest": bytes(100_000)})
    data = car_of([CID.of_block(block)], [(CID.of_block(block), block)] * 200)
    with ReadAhead([io.BytesIO(data)]) as coming:
        (delivery,) = [item for item in coming if isinstance(item, Coming)][:1]
        items = delivery.hashed()
        started = []
        for _ in range(150):
            next(items, None)
            started.append(worker_of(coming))
        assert started[70] is None
        assert started[-1] is not None
        pid = started[-1].pid
    assert not is_there(pid)


def test_on_one_core_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with ReadAhead([io.BytesIO(good()[0])], worker_after_bytes=0) as coming:
        for delivery in coming:
            assert isinstance(delivery, Coming)
            list(delivery.hashed())
        assert coming.worker is None


class Endless:
    """A CAR without an end, and how much of it was asked for."""

    def __init__(self) -> None:
        self._ahead = car_of([CID.of_block(b"root")], [])
        block = dagcbor.encode({"rest": bytes(2000)})
        self._more = car_of([CID.of_block(block)], [(CID.of_block(block), block)])
        self._more = self._more[len(car_of([CID.of_block(block)], [])) :]
        self.count = 0

    def read(self, most: int) -> bytes:
        while len(self._ahead) < most:
            self._ahead += self._more * 32
        some, self._ahead = self._ahead[:most], self._ahead[most:]
        self.count += len(some)
        return some


def test_a_worker_is_ahead_by_so_much_and_no_more() -> None:
    endless = Endless()
    with ReadAhead([cast("BinaryIO", endless)]) as coming:
        coming.worker = ready()
        delivery = next(iter(coming))
        assert isinstance(delivery, Coming)
        read_bytes, most = 0, 0
        for item in delivery.hashed():
            assert isinstance(item, Batch)
            read_bytes += sum(len(block) for _, block in item.blocks)
            most = max(most, endless.count - read_bytes)
            if read_bytes > 10 * AHEAD_BYTES:
                break
        # What is read at once, and what CIDs and lengths take.
        assert most < 1.2 * AHEAD_BYTES + (2 << 16) + read_bytes * 0.03
        status = Path(f"/proc/{coming.worker.pid}/status").read_text()
        peak_kib = int(status.partition("VmHWM:")[2].split()[0])
        assert peak_kib < 100 << 10


def test_who_has_seen_enough_of_a_delivery_goes_on_with_the_next() -> None:
    cars = [item.car for item in deliveries(Shape(3000, 100, 1000))]
    with ReadAhead(streams(cars)) as coming:
        coming.worker = ready()
        found: list[list[Any]] = []
        for delivery in coming:
            assert isinstance(delivery, Coming)
            items = delivery.hashed()
            found.append([next(items)] if not found else list(items))
    for data, given in zip(cars[1:], found[1:], strict=True):
        blocks = [block for item in given for block in cast("Batch", item).blocks]
        reader = cast("Iterable[car.Block]", car.CarReader(io.BytesIO(data)))
        assert blocks == [(item.cid.digest, item.data) for item in reader]


def test_what_is_wrong_with_a_stream_is_said_at_its_turn(tmp_path: Path) -> None:
    cars = good()

    class Torn:
        def __init__(self) -> None:
            self._stream = io.BytesIO(cars[1])

        def read(self, most: int = -1) -> bytes:
            if self._stream.tell() > 70_000:
                raise OSError(5, "Input/output error")
            return self._stream.read(min(most, 50_000))

    for given in (
        [io.BytesIO(cars[0]), Torn()],
        (io.BytesIO(cars[0]) if n == 0 else 1 / 0 for n in range(2)),
    ):
        with (
            Octostore.open(tmp_path / type(given).__name__) as store,
            ReadAhead(cast("Iterable[BinaryIO]", given)) as coming,
        ):
            coming.worker = ready()
            receipts = taken(store, coming)
            first = next(receipts)
            assert isinstance(first, Receipt)
            assert first.sound
            with pytest.raises((OSError, ZeroDivisionError)):
                next(receipts)


STARTS = """
import os, signal, sys, time
from octostore.worker import Worker
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have ignored it
worker = Worker()
while not worker.is_ready:
    time.sleep(0.01)
print(worker.pid, os.getsid(worker.pid) != os.getsid(0), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_worker_does_not_outlive_the_writer(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as writer:
        assert writer.stdout
        pid, is_apart = writer.stdout.readline().split()
        assert is_apart == "True"  # Ctrl-C at a terminal is not for it
        writer.send_signal(how)
        writer.wait(SECONDS)
    until(lambda: not is_there(int(pid)))


def test_who_waits_for_a_worker_that_ends_is_told() -> None:
    worker = ready()
    os.kill(worker.pid, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(WorkerGoneError):
            worker.receive()
    worker.close()
    worker.close()


def frames(fed: bytes) -> list[tuple[Any, ...]]:
    out = io.BytesIO()
    serve(io.BytesIO(fed), out)
    said, found = out.getvalue(), []
    while said:
        end = 4 + int.from_bytes(said[:4], "big")
        found.append(marshal.loads(said[4:end]))  # noqa: S302 - our own
        said = said[end:]
    return found


def test_what_is_said_of_a_block_is_what_this_process_reads_of_it() -> None:
    statement, blocks = Issuer("told").claims(Ran(), result())
    body = car_of([blocks[0][0]], blocks)
    head = len(car_of([blocks[0][0]], []))
    piece = body[head:]
    fed = head.to_bytes(8, "big") + len(piece).to_bytes(4, "big") + piece + bytes(4)
    ready_, *said, end = frames(fed + fed)
    assert ready_ == ("ready",)
    assert end == ("end", len(body))
    (name, at, found, told), *_ = said
    assert (name, at) == ("blocks", len(body))
    assert found == [(cid.digest, block) for cid, block in blocks]
    assert told == {
        cid.digest: what for cid, block in blocks if (what := read(block)) is not None
    }
    assert {what[0] for what in told.values()} >= {STATEMENT, CLAIM}
    received = ReceivedStatement.from_block(statement.envelope)
    assert Verified(*told[blocks[0][0].digest][1:]) == Verified.of(received.verify())


def test_of_a_section_that_is_too_long_a_worker_says_nothing() -> None:
    length = bytes((0xA4, 0x80, 0x80, 0x04))  # 36 and 8 MiB, as a varint
    cid = bytes((1, RAW, SHA2_256, 32)) + bytes(32)
    pieces = [length + cid, *[bytes(1 << 16)] * 128]
    fed = bytes(8) + b"".join(len(p).to_bytes(4, "big") + p for p in pieces) + bytes(4)
    assert frames(fed) == [("ready",)]
