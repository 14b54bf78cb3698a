"""The map derived by a process of its own is the same map, whatever becomes of it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from octostore import tables
from octostore.check import check
from octostore.engine import Row
from octostore.engine.choice import ENGINES
from octostore.engine.lmdb_engine import MAP_BYTES, LmdbEngine
from octostore.errors import StoreCorruptError, StoreError
from octostore.map import batch
from octostore.map.heads import covered, last_head
from octostore.map_process import MapProcess, answer
from octostore.store import BYTES_MAX, Octostore
from tests.octostore.test_check import change
from tests.octostore.test_ingest import dump
from tests.octostore.test_store import fill
from tests.octostore.world import Issuer, Ran, data, result

NOW = 1_700_000_000


@pytest.fixture(params=sorted(ENGINES))
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store", engine=request.param) as store:
        yield store


@pytest.fixture
def process(store: Octostore) -> Iterator[MapProcess]:
    with MapProcess(store.path) as process:
        yield process


def child_of(process: MapProcess) -> int:
    assert process._child is not None
    return process._child.pid


def test_it_makes_the_rows_that_the_store_itself_makes(
    store: Octostore, process: MapProcess, tmp_path: Path
) -> None:
    fill(store)
    with Octostore.open(tmp_path / "other") as other:
        fill(other)
        here = other.update_map(NOW)
        assert store.update_map(NOW, process) == here
        same = [name for name in tables.INDEXES if name.startswith("map_")]
        assert [dump(store)[name] for name in same] == [
            dump(other)[name] for name in same
        ]
    assert store.update_map(NOW, process) is None
    report = check(store)
    assert report.holds, report.faults


def test_one_process_sees_what_came_since_it_began(
    store: Octostore, process: MapProcess
) -> None:
    children = set()
    for number in range(3):
        store.ingest(Issuer(f"{number}").claims(Ran(), result(data(f"{number}")))[1])
        logged = store.update_map(NOW + number, process)
        assert logged
        assert logged.entry == 2 * number + 1
        children.add(child_of(process))
    assert len(children) == 1
    assert check(store).holds


@pytest.mark.slow
def test_it_goes_on_when_the_store_outgrows_what_it_opened(tmp_path: Path) -> None:
    with Octostore.open(tmp_path / "store") as store, MapProcess(store.path) as process:
        fill(store)
        assert store.update_map(NOW, process)
        for _ in range(5):  # LMDB begins with 256 MiB
            store.add_bytes(os.urandom(60 << 20), bytes_max=BYTES_MAX)
        store.ingest(Issuer("late").claims(Ran(), result())[1])
        assert store.update_map(NOW, process)
        assert store.path.joinpath("data.mdb").stat().st_size > MAP_BYTES


def test_no_process_is_begun_where_nothing_is_new(
    store: Octostore, process: MapProcess
) -> None:
    assert store.update_map(NOW, process) is None
    assert process._child is None
    fill(store)
    store.update_map(NOW)
    assert store.update_map(NOW, process) is None
    assert process._child is None


def test_killed_nothing_is_lost_and_the_next_update_begins_another(
    store: Octostore, process: MapProcess
) -> None:
    fill(store)
    store.update_map(NOW, process)
    before = dump(store)
    store.ingest(Issuer("late").claims(Ran(), result())[1])
    killed = child_of(process)
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(StoreError, match=r"ended \(status -9\); nothing is lost"):
        store.update_map(NOW, process)
    assert dump(store)["map_keys"] == before["map_keys"]
    logged = store.update_map(NOW, process)
    assert logged
    assert child_of(process) != killed
    with store.view() as view:
        assert last_head(view.rows) == logged
        assert covered(view.rows) == (logged.head.size, logged.head.root)
    assert check(store).holds


_HOLDING = """
import sys, time
from pathlib import Path
from octostore.store import Octostore

with Octostore.open(Path(sys.argv[1]), readonly=True) as store, store.view():
    print("inside", flush=True)
    time.sleep(60)
"""


def test_the_next_process_lets_go_of_pages_that_a_killed_one_held(
    tmp_path: Path,
) -> None:
    """Or the file of a server that is never restarted would only grow."""
    with Octostore.open(tmp_path / "store") as store, MapProcess(store.path) as process:
        fill(store)
        command = [sys.executable, "-c", _HOLDING, str(store.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as holding:
            assert holding.stdout is not None
            assert holding.stdout.readline() == b"inside\n"
            holding.kill()
        assert isinstance(store._engine, LmdbEngine)
        env = store._engine._env
        assert len(env.readers().splitlines()) > 1
        assert store.update_map(NOW, process)
        assert env.reader_check() == 0


def test_one_that_hangs_is_killed(
    store: Octostore, process: MapProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    store.update_map(NOW, process)
    store.ingest(Issuer("late").claims(Ran(), result())[1])
    os.kill(child_of(process), signal.SIGSTOP)
    monkeypatch.setattr("octostore.map_process.BATCH_S_MAX", 0.2)
    with pytest.raises(StoreError, match="ended"):
        store.update_map(NOW, process)
    monkeypatch.undo()
    assert store.update_map(NOW, process)


def test_signals_to_the_group_are_for_the_parent(
    store: Octostore, process: MapProcess
) -> None:
    fill(store)
    store.update_map(NOW, process)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(child_of(process), number)
    store.ingest(Issuer("late").claims(Ran(), result())[1])
    assert store.update_map(NOW, process)


def test_it_ends_when_it_is_let_go(store: Octostore) -> None:
    with MapProcess(store.path) as process:
        fill(store)
        store.update_map(NOW, process)
        child = process._child
        assert child is not None
    assert child.returncode == 0
    process.close()


def test_what_is_wrong_with_the_store_is_said_as_the_store_says_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store"
    with Octostore.open(path) as store:
        fill(store)
        number = dump(store)["at"]
        (program,) = [no for digest, no in number if digest == Ran().program.cid.digest]
    change(path, Row(tables.BLOCKS.name, program, None))
    with Octostore.open(path) as store, MapProcess(path) as process:
        with pytest.raises(StoreCorruptError, match="has changed on the disk") as told:
            store.update_map(NOW, process)
        assert told.value.at == str(Ran().program.cid)
        assert store.checkpoint().size == 7
        assert dump(store)["map_keys"] == []
        assert process._child is not None  # which goes on


def test_it_answers_until_nobody_asks(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child's side, here: a batch, no more of them, half a request."""
    monkeypatch.setattr(batch, "BATCH_CLAIMS", 2)
    fill(store)
    told = io.BytesIO()
    answer(store._engine, io.BytesIO((7).to_bytes(8, "big") + bytes(8) + b"x"), told)
    raw = told.getvalue()
    size = int.from_bytes(raw[1:9], "big")
    assert raw[0] == 0
    assert raw[9 + size :] == b"\x01" + bytes(8)


def test_heads_follow_beside_deliveries(store: Octostore, process: MapProcess) -> None:
    told = [Issuer(f"{n}").claims(Ran(), result(data(f"{n}")))[1] for n in range(40)]

    def deliver() -> None:
        for blocks in told:
            store.ingest(blocks)

    thread = threading.Thread(target=deliver)
    thread.start()
    while thread.is_alive():
        store.update_map(NOW, process)
    thread.join()
    store.update_map(NOW, process)
    report = check(store)
    assert report.holds, report.faults
