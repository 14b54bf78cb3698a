from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from octostore.engine import Row, Table
from octostore.engine.lmdb_engine import LmdbEngine
from octostore.errors import (
    StoreError,
    StoreLockedError,
)
from tests.octostore.engine_suite import TABLES, EngineSuite

REPO = Path(__file__).parents[2]


class TestLmdbEngine(EngineSuite):
    def open(self, path: Path, *, readonly: bool = False) -> LmdbEngine:
        return LmdbEngine.open(path, TABLES, readonly=readonly)


def run(code: str, *args: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


OPEN = """
import sys
from pathlib import Path
from octostore.engine import Row, Table
from octostore.errors import OctostoreError
from octostore.engine.lmdb_engine import LmdbEngine
TABLES = (Table("log", append=True), Table("at"), Table("claims"))
path = Path(sys.argv[1])
"""


def test_folders_are_0700_and_files_0600(tmp_path: Path) -> None:
    LmdbEngine.open(tmp_path / "a" / "store", TABLES).close()
    store = tmp_path / "a" / "store"
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert {stat.S_IMODE(item.stat().st_mode) for item in store.iterdir()} == {0o600}


def test_a_second_writing_process_is_refused_at_once(tmp_path: Path) -> None:
    engine = LmdbEngine.open(tmp_path / "store", TABLES)
    said = run(
        OPEN
        + """
try:
    LmdbEngine.open(path, TABLES)
except OctostoreError as error:
    print(type(error).__name__, error)
""",
        tmp_path / "store",
    )
    engine.close()
    assert said.startswith(f"StoreLockedError {tmp_path / 'store'}: process ")
    assert str(os.getpid()) in said
    assert "--server" in said
    LmdbEngine.open(tmp_path / "store", TABLES).close()


def test_a_second_writer_in_the_same_process_is_refused(tmp_path: Path) -> None:
    engine = LmdbEngine.open(tmp_path, TABLES)
    with pytest.raises(StoreLockedError):
        LmdbEngine.open(tmp_path, TABLES)
    with pytest.raises(StoreError, match="already open in this process"):
        LmdbEngine.open(tmp_path, TABLES, readonly=True)
    engine.close()


def test_another_process_reads_what_a_running_writer_commits(tmp_path: Path) -> None:
    engine = LmdbEngine.open(tmp_path, TABLES, map_bytes=1 << 20)
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            OPEN
            + """
engine = LmdbEngine.open(path, TABLES, readonly=True)
print("ready", flush=True)
for key in sys.stdin:
    with engine.snapshot() as rows:
        print(rows.get("at", key.strip().encode()), flush=True)
""",
            str(tmp_path),
        ],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdin
        assert reader.stdout
        assert reader.stdout.readline() == "ready\n"
        for key, size in (("small", 1), ("grown", 4 << 20)):
            engine.commit(
                [Row("claims", b"fill", b"x" * size), Row("at", key.encode(), b"v")]
            )
            print(key, file=reader.stdin, flush=True)
            assert reader.stdout.readline() == "b'v'\n"
        reader.stdin.close()
    engine.close()


def test_the_map_grows_and_the_batch_is_whole(tmp_path: Path) -> None:
    engine = LmdbEngine.open(tmp_path, TABLES, map_bytes=1 << 18)
    batch = [Row("at", n.to_bytes(6, "big"), b"x" * 1000) for n in range(5000)]
    engine.commit(batch)
    with engine.snapshot() as rows:
        assert sum(1 for _ in rows.scan("at")) == 5000
    engine.close()


def test_growing_waits_for_open_snapshots(tmp_path: Path) -> None:
    engine = LmdbEngine.open(tmp_path, TABLES, map_bytes=1 << 18)
    engine.commit([Row("at", b"k", b"v")])
    inside, leave = threading.Event(), threading.Event()
    seen: list[bytes | None] = []

    def read() -> None:
        with engine.snapshot() as rows:
            inside.set()
            leave.wait(10)
            seen.append(rows.get("at", b"k"))

    reader = threading.Thread(target=read)
    reader.start()
    inside.wait(10)
    writer = threading.Thread(
        target=engine.commit, args=([Row("at", b"big", b"x" * (4 << 20))],)
    )
    writer.start()
    leave.set()
    reader.join()
    writer.join()
    assert seen == [b"v"]
    with engine.snapshot() as rows:
        assert len(rows.get("at", b"big") or b"") == 4 << 20
    engine.close()


FILL = (
    OPEN
    + """
import resource
engine = LmdbEngine.open(path, TABLES)
engine.commit([Row("at", b"kept", b"v")])
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
for n in range(1, 100):
    try:
        engine.commit([Row("at", bytes([n, m]), b"x" * 60000) for m in range(10)])
    except OctostoreError as error:
        print(type(error).__name__, n)
        break
with engine.snapshot() as rows:
    assert rows.get("at", b"kept") == b"v"
    assert sum(1 for _ in rows.scan("at")) == 1 + 10 * (n - 1)
engine.commit([Row("at", b"kept", b"w")])
engine.close()
engine = LmdbEngine.open(path, TABLES)
with engine.snapshot() as rows:
    assert rows.get("at", b"kept") == b"w"
"""
)


def test_a_file_size_limit_is_a_full_disk_and_loses_nothing(tmp_path: Path) -> None:
    assert run(FILL, tmp_path, 3_000_001).startswith("StoreFullError")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small tmpfs")
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)], check=False
    )
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        assert run(FILL, tmp_path).startswith("StoreFullError")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


ON_A_FULL_DISK = (
    OPEN
    + """
import os
engine = LmdbEngine.open(path, TABLES)
engine.commit([Row("at", b"kept", b"v")])
engine.close()
(path / "lock.mdb").unlink()
rest = os.open(path.parent / "rest", os.O_WRONLY | os.O_CREAT)
try:
    while os.write(rest, bytes(4096)):
        pass
except OSError:
    pass
try:
    LmdbEngine.open(path.parent / "new", TABLES)
except OctostoreError as error:
    print(type(error).__name__)
engine = LmdbEngine.open(path, TABLES, readonly=True)
with engine.snapshot() as rows:
    assert rows.get("at", b"kept") == b"v"
print("read")
"""
)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small tmpfs")
def test_on_a_full_disk_stores_are_read_and_none_is_made(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=False
    )
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        said = run(ON_A_FULL_DISK, tmp_path / "store")
        assert said.split() == ["StoreFullError", "read"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_folder_with_other_things_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError, match="not a store"):
        LmdbEngine.open(tmp_path, TABLES)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="a store is a folder"):
        LmdbEngine.open(tmp_path / "file", TABLES)


@pytest.mark.parametrize("readonly", [False, True])
def test_a_data_file_of_something_else_is_not_a_store(
    tmp_path: Path, *, readonly: bool
) -> None:
    (tmp_path / "data.mdb").write_bytes(b"junk" * 4096)
    with pytest.raises(StoreError, match="no data file"):
        LmdbEngine.open(tmp_path, TABLES, readonly=readonly)


def test_reading_where_there_is_no_store_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store here"):
        LmdbEngine.open(tmp_path / "none", TABLES, readonly=True)
    with pytest.raises(StoreError, match="not a store"):
        LmdbEngine.open(tmp_path, TABLES, readonly=True)
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_a_reader_does_not_find_is_empty(tmp_path: Path) -> None:
    LmdbEngine.open(tmp_path, TABLES).close()
    engine = LmdbEngine.open(tmp_path, (*TABLES, Table("later")), readonly=True)
    with engine.snapshot() as rows:
        assert rows.get("later", b"k") is None
        assert list(rows.scan("later")) == []
        assert rows.last("later") is None
    engine.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_a_reader_without_write_permission_reads_and_keeps_writers_out(
    tmp_path: Path,
) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o711)
    store = tmp_path / "store"
    engine = LmdbEngine.open(store, TABLES)
    engine.commit([Row("at", b"k", b"v")])
    store.chmod(0o755)
    for item in store.iterdir():
        item.chmod(0o644)
    read = (
        OPEN
        + """
import os
os.setgid(65534)
os.setuid(65534)
try:
    engine = LmdbEngine.open(path, TABLES, readonly=True)
    with engine.snapshot() as rows:
        print(rows.get("at", b"k"))
except OctostoreError as error:
    print(type(error).__name__, error)
try:
    LmdbEngine.open(path, TABLES)
except OctostoreError as error:
    print(type(error).__name__, error)
"""
    )
    assert run(read, store).startswith("StoreLockedError")
    engine.close()
    said = run(read, store).splitlines()
    assert said[0] == "b'v'"
    assert said[1].startswith("StoreError")
    assert "cannot write here: Permission denied" in said[1]
