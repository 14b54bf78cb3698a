from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from octostore.engine import Row, Table
from octostore.engine.sqlite_engine import SQLITE_DATA, SqliteEngine
from octostore.errors import StoreError, StoreLockedError
from tests.octostore.engine_suite import TABLES, EngineSuite

REPO = Path(__file__).parents[2]


class TestSqliteEngine(EngineSuite):
    def open(self, path: Path, *, readonly: bool = False) -> SqliteEngine:
        return SqliteEngine.open(path, TABLES, readonly=readonly)


def test_folders_are_0700_and_files_0600(tmp_path: Path) -> None:
    store = tmp_path / "a" / "store"
    engine = SqliteEngine.open(store, TABLES)
    engine.commit([Row("at", b"k", b"v")])
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert len(list(store.iterdir())) == 4
    assert {stat.S_IMODE(item.stat().st_mode) for item in store.iterdir()} == {0o600}
    engine.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    engine = SqliteEngine.open(tmp_path, TABLES)
    with pytest.raises(StoreLockedError):
        SqliteEngine.open(tmp_path, TABLES)
    engine.close()
    SqliteEngine.open(tmp_path, TABLES).close()


def test_a_table_that_a_reader_does_not_find_is_empty(tmp_path: Path) -> None:
    SqliteEngine.open(tmp_path, TABLES).close()
    engine = SqliteEngine.open(tmp_path, (*TABLES, Table("later")), readonly=True)
    with engine.snapshot() as rows:
        assert rows.get("later", b"k") is None
        assert list(rows.scan("later")) == []
        assert rows.last("later") is None
    engine.close()


@pytest.mark.parametrize("readonly", [False, True])
def test_what_is_no_store_is_left_alone(tmp_path: Path, *, readonly: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError, match="not a store"):
        SqliteEngine.open(tmp_path, TABLES, readonly=readonly)
    junk = tmp_path / "junk"
    junk.mkdir()
    (junk / SQLITE_DATA).write_bytes(b"junk" * 4096)
    with pytest.raises(StoreError, match="no data file"):
        SqliteEngine.open(junk, TABLES, readonly=readonly)
    other = tmp_path / "other"
    other.mkdir()
    with sqlite3.connect(other / SQLITE_DATA) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        SqliteEngine.open(other, TABLES, readonly=readonly)
    with pytest.raises(StoreError, match="no store here"):
        SqliteEngine.open(tmp_path / "none", TABLES, readonly=True)


FILL = """
import resource, sys
from pathlib import Path
from octostore.engine import Row, Table
from octostore.errors import OctostoreError
from octostore.engine.sqlite_engine import SqliteEngine
TABLES = (Table("log", append=True), Table("at"), Table("claims"))
path = Path(sys.argv[1])
engine = SqliteEngine.open(path, TABLES)
engine.commit([Row("at", b"kept", b"v")])
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_001, limits[1]))
for n in range(1, 100):
    try:
        engine.commit([Row("at", bytes([n, m]), b"x" * 60000) for m in range(10)])
    except OctostoreError as error:
        print(type(error).__name__)
        break
with engine.snapshot() as rows:
    assert rows.get("at", b"kept") == b"v"
    assert sum(1 for _ in rows.scan("at")) == 1 + 10 * (n - 1)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
engine.commit([Row("at", b"kept", b"w")])
engine.close()
engine = SqliteEngine.open(path, TABLES)
with engine.snapshot() as rows:
    assert rows.get("at", b"kept") == b"w"
    assert sum(1 for _ in rows.scan("at")) == 1 + 10 * (n - 1)
"""


def test_a_file_size_limit_is_a_full_disk_and_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "StoreFullError"
