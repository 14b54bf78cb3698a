"""A disk that is full, a second writer, a reader that never lets go."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from octostore.check import check_folder
from octostore.engine.choice import ENGINES
from octostore.errors import StoreFullError
from octostore.store import Octostore
from tests.faults.conftest import FULL, Faults
from tests.octostore.test_ingest import car_of
from tests.octostore.world import Issuer, Ran, data, result

OCTOSTORE = Path(sys.executable).with_name("octostore")
REPO = Path(__file__).parents[2]

#: Sizes that a file may have, one by one.
LIMITS = range(40_000, 400_000, 12_289 if FULL else 90_001)


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def path(tmp_path: Path, engine: str) -> Path:
    Octostore.open(tmp_path / "store", engine=engine).close()
    return tmp_path / "store"


def deliveries(count: int) -> Iterator[tuple[CID, bytes]]:
    for n in range(count):
        ran = Ran()
        got = result(data(f"R{n}"), name="/" + "x" * 2000)
        statement, blocks = Issuer(f"{n}").claims(ran, got)
        yield statement.cid, car_of(statement, blocks)


def ingest(
    path: Path, car: bytes, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [OCTOSTORE, "ingest", "-", "--store", path, "--json"],
        input=car,
        capture_output=True,
        preexec_fn=before,
        check=False,
        timeout=60,
    )


def missing(path: Path, acknowledged: set[str]) -> int:
    with Octostore.open(path, readonly=True) as store, store.view() as view:
        return sum(view.index(CID.parse(text)) is None for text in acknowledged)


def test_a_file_that_may_not_grow_is_a_full_disk(
    path: Path, faults: Faults, engine: str
) -> None:
    told = list(deliveries(20))
    everything = b"".join([told[0][1], *(_body(car) for _, car in told[1:])])
    acknowledged: set[str] = set()
    for limit in LIMITS:

        def small(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = ingest(path, everything, small)
        assert done.returncode in (0, 7), done.stderr
        if done.returncode == 0:
            said = json.loads(done.stdout)
            acknowledged |= {*said["accepted"], *said["known"]}
        else:
            assert json.loads(done.stdout)["error"] == "store-full"
        lost, holds = missing(path, acknowledged), check_folder(path).holds
        faults.add(f"a file may not grow, {engine}", lost=lost, corrupt=int(not holds))
        assert (lost, holds) == (0, True)
    assert ingest(path, everything).returncode == 0
    assert missing(path, {str(cid) for cid, _ in told}) == 0


def _body(car: bytes) -> bytes:
    """A CAR without its header, to go on after another."""
    return car[1 + car[0] :]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small tmpfs")
def test_a_disk_that_is_full_keeps_what_was_acknowledged(
    tmp_path: Path, faults: Faults, engine: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        path = disk / "store"
        Octostore.open(path, engine=engine).close()
        told = list(deliveries(400))
        acknowledged: set[str] = set()
        with Octostore.open(path) as store:
            for _, car in told:
                try:
                    receipt = store.ingest_car(io.BytesIO(car))
                except StoreFullError:
                    break
                acknowledged |= {str(cid) for cid in receipt.accepted}
        assert 0 < len(acknowledged) < len(told)
        # A small one may still fit where the large one did not.
        assert ingest(path, told[-1][1]).returncode in (0, 7)
        lost, holds = missing(path, acknowledged), check_folder(path).holds
        faults.add(f"the disk is full, {engine}", lost=lost, corrupt=int(not holds))
        assert (lost, holds) == (0, True)
        more = ["mount", "-o", "remount,size=64m", str(disk)]
        subprocess.run(more, check=True)
        assert ingest(path, told[-1][1]).returncode == 0
        assert missing(path, acknowledged) == 0
        assert check_folder(path).holds
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_second_writer_is_refused_and_harms_nothing(
    path: Path, faults: Faults, engine: str
) -> None:
    told = list(deliveries(6 if FULL else 2))
    with Octostore.open(path) as store:
        for cid, car in told:
            done = ingest(path, car)
            assert done.returncode == 7
            assert json.loads(done.stdout)["error"] == "store-locked"
            assert store.ingest_car(io.BytesIO(car)).accepted == (cid,)
            faults.add(f"a second writer, {engine}")
    assert check_folder(path).holds


READER = """
import sys
from pathlib import Path
from octostore.store import Octostore
with Octostore.open(Path(sys.argv[1]), readonly=True) as store, store.view() as view:
    size = view.checkpoint().size
    print(size, flush=True)
    for line in sys.stdin:
        assert view.checkpoint().size == size
        assert [view.logged(n).index for n in range(size)] == list(range(size))
        print("same", flush=True)
"""


def test_a_reader_that_never_lets_go_stops_nobody_and_sees_one_commit(
    path: Path, faults: Faults, engine: str
) -> None:
    told = list(deliveries(200 if FULL else 60))
    with Octostore.open(path) as store:
        assert store.ingest_car(io.BytesIO(told[0][1])).accepted
        with subprocess.Popen(
            [sys.executable, "-c", READER, str(path)],
            cwd=REPO,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as reader:
            assert reader.stdin
            assert reader.stdout
            assert reader.stdout.readline() == "1\n"
            for cid, car in told[1:]:
                assert store.ingest_car(io.BytesIO(car)).accepted == (cid,)
                print(file=reader.stdin, flush=True)
                assert reader.stdout.readline() == "same\n"
                faults.add(f"a commit beside a reader that stays, {engine}")
            reader.kill()
        assert store.checkpoint().size == len(told)
    assert check_folder(path).holds
