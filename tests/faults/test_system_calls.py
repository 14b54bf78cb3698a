"""Each write, sync, rename and truncation of a command fails in its turn.

The installed command runs over a library that fails one call (failing.c): before
it is made, after it is made, or by killing the process.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from octostore.chain_findings import equivocations
from octostore.check import check_folder
from octostore.errors import NotFoundError
from octostore.store import Octostore
from tests.faults.conftest import FULL, Faults
from tests.octostore.test_ingest import car_of
from tests.octostore.world import Issuer, Ran, data, result

OCTOSTORE = Path(sys.executable).with_name("octostore")
JOB = Path(__file__).parents[2] / "examples" / "kepler" / "bacalhau-job.yaml"
ENGINES = ("lmdb", "sqlite")

#: One call of so many fails when only a sample runs.
STEP = 1 if FULL else 9

ENOSPC, EIO = 28, 5


@dataclass
class Place:
    """A store with some statements, a key, and what shall be taken in."""

    root: Path
    kept: list[CID]

    @property
    def store(self) -> Path:
        return self.root / "store"

    def run(
        self,
        failing: Path,
        at: int,
        how: str,
        errno: int,
        *arguments: str | Path,
        **more: str,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [OCTOSTORE, *arguments, "--store", self.store, "--json"],
            env={
                **os.environ,
                "LD_PRELOAD": str(failing),
                "FAIL_AT": str(at),
                "FAIL_HOW": how,
                "FAIL_ERRNO": str(errno),
                "FAIL_BELOW": str(self.root),
                "FAIL_LOG": str(self.root.parent / "log"),
                **more,
            },
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def calls(self) -> int:
        return int((self.root.parent / "log").read_text().split()[0])

    def lost(self, said: list[str]) -> int:
        """How many acknowledged statements are not there."""
        with Octostore.open(self.store) as store:
            return sum(
                not is_there(store, cid) for cid in [*self.kept, *map(CID.parse, said)]
            )


def is_there(store: Octostore, cid: CID) -> bool:
    try:
        return store.statement(cid).cid == cid
    except NotFoundError:
        return False


@pytest.fixture(params=ENGINES)
def base(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    root = tmp_path / "base"
    root.mkdir()
    kept = []
    with Octostore.open(root / "store", engine=request.param) as store:
        for n in range(10):
            statement, blocks = Issuer(f"old {n}").claims(Ran(), result())
            assert store.ingest(blocks).accepted
            kept.append(statement.cid)
    return Place(root, kept)


def again(base: Place, tmp_path: Path) -> Place:
    """The place as it was."""
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    shutil.copytree(base.root, tmp_path / "run" / "place")
    return Place(tmp_path / "run" / "place", base.kept)


HOWS = [("lost", EIO), ("kept", EIO), ("lost", ENOSPC), ("kill", EIO)]


@pytest.mark.parametrize(("how", "errno"), HOWS)
def test_an_ingest_over_a_failing_disk_loses_nothing(
    base: Place, failing: Path, tmp_path: Path, faults: Faults, how: str, errno: int
) -> None:
    told = Issuer("new")
    new, blocks = told.claims(Ran(), result(data("R new")))
    both = [new]
    for _ in range(3):
        more, others = told.claims(Ran(), result(data("R new")))
        both.append(more)
        blocks += others
    whole = car_of(new, blocks)
    (base.root / "new.car").write_bytes(whole)
    place = again(base, tmp_path)
    assert place.run(failing, 0, how, errno, "ingest", "new.car").returncode == 0
    calls = place.calls()
    assert calls > 3
    for at in range(1, calls + 1, STEP):
        place = again(base, tmp_path)
        done = place.run(failing, at, how, errno, "ingest", "new.car")
        said = json.loads(done.stdout)["accepted"] if done.returncode == 0 else []
        assert done.returncode in (0, 7, -9), done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        report = check_folder(place.store)
        lost = place.lost(said)
        with Octostore.open(place.store) as store:
            receipt = store.ingest_car(io.BytesIO(whole))
            assert receipt.sound
            assert {*receipt.accepted, *receipt.known} == {item.cid for item in both}
        corrupt = int(not report.holds or not check_folder(place.store).holds)
        faults.add(
            f"ingest: a call fails, {how}, {os.strerror(errno)}"
            if how != "kill"
            else "ingest: killed at a call",
            lost=lost,
            corrupt=corrupt,
            acknowledged=min(len(said), 1),
        )
        assert (lost, corrupt) == (0, 0), (at, done.stderr, report.faults)


@pytest.mark.parametrize(("how", "errno"), HOWS)
def test_a_claim_over_a_failing_disk_loses_nothing_and_never_equivocates(
    base: Place, failing: Path, tmp_path: Path, faults: Faults, how: str, errno: int
) -> None:
    claim = f"claim {JOB} --network golem --key me.key --failure trap".split()
    subprocess.run([OCTOSTORE, "key", "new", "me.key"], cwd=base.root, check=True)
    place = again(base, tmp_path)
    done = place.run(failing, 0, how, errno, *claim)
    assert done.returncode == 0, done.stderr
    for at in range(1, place.calls() + 1, STEP):
        place = again(base, tmp_path)
        done = place.run(failing, at, how, errno, *claim)
        assert done.returncode in (0, 2, 7, -9), done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        said = [json.loads(done.stdout)["statement"]] if done.returncode == 0 else []
        report, lost = check_folder(place.store), place.lost(said)
        retry = place.run(failing, -1, how, errno, *claim)
        assert retry.returncode == 0, (at, done.stderr, retry.stderr)
        lost += place.lost([json.loads(retry.stdout)["statement"]])
        with Octostore.open(place.store) as store:
            for car in place.root.glob("*.car"):  # signed, and not delivered
                with car.open("rb") as stream:
                    assert store.ingest_car(stream).sound
            with store.view() as view:
                assert list(equivocations(view)) == []
        corrupt = int(not report.holds or not check_folder(place.store).holds)
        faults.add(
            f"claim: a call fails, {how}, {os.strerror(errno)}"
            if how != "kill"
            else "claim: killed at a call",
            lost=lost,
            corrupt=corrupt,
            acknowledged=min(len(said), 1),
        )
        assert (lost, corrupt) == (0, 0), (at, done.stderr, report.faults)


@pytest.mark.parametrize("is_new", [False, True])
def test_nothing_is_acknowledged_whose_name_is_not_on_the_disk(
    base: Place, failing: Path, tmp_path: Path, faults: Faults, *, is_new: bool
) -> None:
    new, blocks = Issuer("new").claims(Ran(), result(data("R new")))
    (base.root / "new.car").write_bytes(car_of(new, blocks))
    is_lmdb = (base.store / "data.mdb").exists()
    if is_new and not is_lmdb:
        # The command makes stores of the other kind; one killed while it was made.
        shutil.rmtree(base.store)
        base.store.mkdir()
        (base.store / "store.sqlite").touch(0o600)
    elif is_new:
        shutil.rmtree(base.store)
    place = again(base, tmp_path)
    ingest, only = ("ingest", "new.car"), {"FAIL_FOLDERS": "1"}
    assert place.run(failing, 0, "lost", EIO, *ingest, **only).returncode == 0
    syncs = place.calls()
    assert syncs >= 1
    for at in range(1, syncs + 1):
        place = again(base, tmp_path)
        place.kept = [] if is_new else base.kept
        done = place.run(failing, at, "lost", EIO, *ingest, **only)
        assert "Traceback" not in done.stderr, done.stderr
        # With the first sync all the others fail: no new name is on the disk. SQLite
        # has syncs of its own, of names that nothing acknowledged stands on.
        assert done.returncode in ((7,) if at == 1 or is_lmdb else (0, 7)), at
        said = json.loads(done.stdout)["accepted"] if done.returncode == 0 else []
        retry = place.run(failing, -1, "lost", EIO, *ingest)
        assert retry.returncode == 0, retry.stderr
        lost = place.lost([*said, str(new.cid)])
        corrupt = int(not check_folder(place.store).holds)
        faults.add("ingest: a folder is not synced", lost=lost, corrupt=corrupt)
        assert (lost, corrupt) == (0, 0), (at, done.stderr)


@pytest.mark.parametrize("base", ["lmdb"], indirect=True)
def test_a_newest_meta_page_set_back_is_the_file_of_a_writer_killed_before_it(
    base: Place, failing: Path, tmp_path: Path
) -> None:
    """Why no look at the file finds it, as the guide on backups says."""
    new, blocks = Issuer("new").claims(Ran(), result(data("R new")))
    (base.root / "new.car").write_bytes(car_of(new, blocks))
    before = (base.store / "data.mdb").read_bytes()
    place = again(base, tmp_path)
    assert place.run(failing, 0, "kill", EIO, "ingest", "new.car").returncode == 0
    whole, calls = (place.store / "data.mdb").read_bytes(), place.calls()
    place = again(base, tmp_path)
    assert place.run(failing, calls, "kill", EIO, "ingest", "new.car").returncode == -9
    killed = (place.store / "data.mdb").read_bytes()
    page = 4096
    (newest,) = (at for at in (0, page) if whole[at:][:page] != before[at:][:page])
    set_back = whole[:newest] + before[newest:][:page] + whole[newest + page :]
    assert set_back == killed != whole
    assert check_folder(place.store).holds
