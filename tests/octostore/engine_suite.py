"""What every engine must pass: subclass `EngineSuite` and say how to open one."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from octostore.engine import Engine, Row, Table
from octostore.errors import StoreError

TABLES = (Table("log", append=True), Table("at"), Table("claims"))


class EngineSuite(ABC):
    @abstractmethod
    def open(self, path: Path, *, readonly: bool = False) -> Engine: ...

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "store"

    def test_a_missing_key_is_none_and_a_missing_prefix_is_empty(
        self, path: Path
    ) -> None:
        engine = self.open(path)
        with engine.snapshot() as rows:
            assert rows.get("at", b"k") is None
            assert list(rows.scan("at", b"k")) == []
            assert rows.last("at") is None
        engine.close()

    def test_a_scan_is_ordered_and_ends_with_its_prefix(self, path: Path) -> None:
        engine = self.open(path)
        keys = [b"a", b"b\x00", b"b\x01", b"b\xff", b"b\xff\xff", b"c"]
        engine.commit([Row("at", key, key * 2) for key in reversed(keys)])
        with engine.snapshot() as rows:
            assert [key for key, _ in rows.scan("at")] == keys
            assert list(rows.scan("at", b"b")) == [(k, k * 2) for k in keys[1:5]]
            assert [k for k, _ in rows.scan("at", b"b", after=b"b\x01")] == keys[3:5]
            assert [k for k, _ in rows.scan("at", b"b", after=b"b\x02")] == keys[3:5]
            assert [k for k, _ in rows.scan("at", b"b", after=b"c")] == []
            assert [k for k, _ in rows.scan("at", b"c", after=b"a")] == [b"c"]
        engine.close()

    def test_last_is_the_greatest_key_of_a_prefix(self, path: Path) -> None:
        engine = self.open(path)
        engine.commit([Row("at", k, b"") for k in (b"a", b"b\x01", b"b\xff", b"c")])
        with engine.snapshot() as rows:
            assert rows.last("at") == (b"c", b"")
            assert rows.last("at", b"b") == (b"b\xff", b"")
            assert rows.last("at", b"b\xff") == (b"b\xff", b"")
            assert rows.last("at", b"\xff") is None
            assert rows.last("at", b"aa") is None
        engine.close()

    def test_the_later_row_of_a_batch_wins(self, path: Path) -> None:
        engine = self.open(path)
        engine.commit([Row("at", b"k", b"1"), Row("at", b"k", b"2")])
        engine.commit([Row("at", b"k", b"3"), Row("at", b"k", None)])
        engine.commit([Row("claims", b"k", None), Row("claims", b"k", b"4")])
        with engine.snapshot() as rows:
            assert rows.get("at", b"k") is None
            assert rows.get("claims", b"k") == b"4"
        engine.close()

    def test_putting_twice_and_deleting_what_is_not_there_do_nothing(
        self, path: Path
    ) -> None:
        engine = self.open(path)
        for _ in range(2):
            engine.commit([Row("at", b"k", b"v"), Row("at", b"missing", None)])
        with engine.snapshot() as rows:
            assert list(rows.scan("at")) == [(b"k", b"v")]
        engine.close()

    def test_tables_do_not_mix(self, path: Path) -> None:
        engine = self.open(path)
        engine.commit([Row("at", b"k", b"at"), Row("claims", b"k", b"claims")])
        with engine.snapshot() as rows:
            assert rows.get("log", b"k") is None
            assert rows.get("at", b"k") == b"at"
        engine.close()

    def test_an_append_table_keeps_its_order_and_refuses_an_older_key(
        self, path: Path
    ) -> None:
        engine = self.open(path)
        engine.commit([Row("log", bytes([n]), b"") for n in (3, 1, 2)])
        with pytest.raises(StoreError):
            engine.commit([Row("at", b"k", b""), Row("log", b"\x00", b"")])
        with engine.snapshot() as rows:
            assert [k for k, _ in rows.scan("log")] == [b"\x01", b"\x02", b"\x03"]
            assert rows.get("at", b"k") is None, "nothing of a failed batch is there"
        engine.close()

    def test_a_snapshot_does_not_see_later_commits(self, path: Path) -> None:
        engine = self.open(path)
        engine.commit([Row("at", b"k", b"1")])
        with engine.snapshot() as before:
            engine.commit([Row("at", b"k", b"2")])
            with engine.snapshot() as after:
                assert before.get("at", b"k") == b"1"
                assert after.get("at", b"k") == b"2"
        engine.close()

    def test_what_was_committed_is_there_after_reopening(self, path: Path) -> None:
        engine = self.open(path)
        engine.commit([Row("at", b"k", b"v")])
        engine.close()
        engine.close()
        again = self.open(path)
        with again.snapshot() as rows:
            assert rows.get("at", b"k") == b"v"
        again.close()

    def test_a_reader_only_reads(self, path: Path) -> None:
        self.open(path).close()
        engine = self.open(path, readonly=True)
        with pytest.raises(StoreError, match="reading only"):
            engine.commit([Row("at", b"k", b"v")])
        engine.close()

    def test_threads_read_while_one_writes(self, path: Path) -> None:
        engine = self.open(path)
        engine.commit([Row("at", b"n", b"\x00"), Row("claims", b"n", b"\x00")])
        torn: list[tuple[bytes | None, bytes | None]] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                with engine.snapshot() as rows:
                    pair = rows.get("at", b"n"), rows.get("claims", b"n")
                if pair[0] != pair[1]:
                    torn.append(pair)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for n in range(50):
            value = bytes([n])
            engine.commit([Row("at", b"n", value), Row("claims", b"n", value)])
        done.set()
        for thread in threads:
            thread.join()
        engine.close()
        assert not torn
