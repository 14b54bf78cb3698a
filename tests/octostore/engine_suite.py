"""What every engine must pass: subclass `EngineSuite` and say how to open one."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest

from octostore.engine import KEY_BYTES_MAX, Engine, Row, Table
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

    def test_many_keys_are_read_at_once_and_the_missing_are_left_out(
        self, path: Path
    ) -> None:
        engine = self.open(path)
        keys = [bytes([n, m]) for n in range(40) for m in range(40)]
        engine.commit([Row("at", key, key * 3) for key in keys[::2]])
        with engine.snapshot() as rows:
            assert rows.get_many("at", reversed(keys)) == {k: k * 3 for k in keys[::2]}
            assert rows.get_many("at", keys[1::2]) == {}
            assert rows.get_many("at", [keys[0], keys[0]]) == {keys[0]: keys[0] * 3}
            assert rows.get_many("at", []) == {}
            assert rows.get_many("claims", keys) == {}
        engine.close()

    def test_changes_by_table_are_one_batch(self, path: Path) -> None:
        engine = self.open(path)
        engine.apply({"at": {b"b": b"1", b"a": b"2"}, "log": {b"2": b"", b"1": b""}})
        engine.apply({"at": {b"b": None, b"c": b"3"}, "claims": {}})
        engine.apply({})
        with pytest.raises(StoreError):
            engine.apply({"at": {b"a": None}, "log": {b"0": b""}})
        with engine.snapshot() as rows:
            assert list(rows.scan("at")) == [(b"a", b"2"), (b"c", b"3")]
            assert [key for key, _ in rows.scan("log")] == [b"1", b"2"]
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

    def test_an_empty_batch_does_nothing(self, path: Path) -> None:
        engine = self.open(path)
        engine.commit([])
        engine.commit([Row("at", b"k", b"v")])
        engine.commit(iter(()))
        with engine.snapshot() as rows:
            assert list(rows.scan("at")) == [(b"k", b"v")]
        engine.close()

    def test_a_batch_that_raises_is_not_there_and_the_next_is(self, path: Path) -> None:
        engine = self.open(path)
        engine.commit([Row("at", b"k", b"1")])

        def broken() -> Iterator[Row]:
            yield Row("at", b"k", b"2")
            yield Row("claims", b"k", b"2")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            engine.commit(broken())
        with engine.snapshot() as rows:
            assert rows.get("at", b"k") == b"1"
            assert rows.get("claims", b"k") is None
        engine.commit([Row("at", b"k", b"3")])
        with engine.snapshot() as rows:
            assert rows.get("at", b"k") == b"3"
        engine.close()

    @pytest.mark.parametrize("size", [0, KEY_BYTES_MAX + 1])
    def test_a_key_past_the_limits_is_refused_with_its_batch(
        self, path: Path, size: int
    ) -> None:
        engine = self.open(path)
        with pytest.raises(StoreError):
            engine.commit([Row("at", b"a", b"v"), Row("at", bytes(size), b"v")])
        with engine.snapshot() as rows:
            assert list(rows.scan("at")) == []
        engine.commit([Row("at", bytes(KEY_BYTES_MAX), b"v")])
        with engine.snapshot() as rows:
            assert list(rows.scan("at")) == [(bytes(KEY_BYTES_MAX), b"v")]
        engine.close()

    def test_values_are_of_any_size(self, path: Path) -> None:
        engine = self.open(path)
        values = {bytes([n]): bytes([n]) * size for n, size in enumerate(_SIZES)}
        engine.commit([Row("at", key, value) for key, value in values.items()])
        engine.close()
        engine = self.open(path)
        with engine.snapshot() as rows:
            assert dict(rows.scan("at")) == values
        engine.commit([Row("at", key, b"") for key in values])
        with engine.snapshot() as rows:
            assert {value for _, value in rows.scan("at")} == {b""}
        engine.close()

    def test_a_table_that_is_not_named_is_our_own_mistake(self, path: Path) -> None:
        engine = self.open(path)
        with engine.snapshot() as rows, pytest.raises(KeyError):
            rows.get("recipes", b"k")
        engine.close()

    def test_a_snapshot_is_the_same_at_its_end_as_at_its_start(
        self, path: Path
    ) -> None:
        engine = self.open(path)
        first = [(bytes([n]), b"1") for n in range(100)]
        engine.commit([Row("at", *row) for row in first])
        with engine.snapshot() as rows:
            scan = rows.scan("at")
            seen = [next(scan)]
            engine.commit([Row("at", key, None) for key, _ in first[:50]])
            engine.commit([Row("at", key, b"2") for key, _ in first[50:]])
            assert [*seen, *scan] == first
            assert rows.last("at") == first[-1]
        engine.close()

    def test_a_scan_may_be_left_in_the_middle(self, path: Path) -> None:
        engine = self.open(path)
        engine.commit([Row("at", bytes([n]), b"1") for n in range(100)])
        with engine.snapshot() as rows:
            left = rows.scan("at")
            assert next(left) == (b"\x00", b"1")
        engine.commit([Row("at", b"\x00", b"2")])
        with engine.snapshot() as rows:
            assert next(rows.scan("at")) == (b"\x00", b"2")
        with pytest.raises(StoreError):
            next(left)
        engine.close()

    def test_a_closed_engine_says_so(self, path: Path) -> None:
        engine = self.open(path)
        engine.close()
        with pytest.raises(StoreError), engine.snapshot():
            pass
        with pytest.raises(StoreError):
            engine.commit([Row("at", b"k", b"v")])

    def test_a_copy_holds_what_one_commit_left_and_is_never_over_another(
        self, path: Path, tmp_path: Path
    ) -> None:
        engine = self.open(path)
        engine.commit([Row("at", bytes([n]), b"x" * 5000) for n in range(100)])
        engine.commit([Row("at", bytes([n]), None) for n in range(50)])
        engine.copy_to(tmp_path / "copy")
        with pytest.raises(StoreError):
            engine.copy_to(tmp_path / "copy")
        with pytest.raises(StoreError):
            engine.copy_to(tmp_path / "nowhere" / "copy")
        engine.commit([Row("at", b"later", b"v")])
        for _ in range(2):  # a copy is a store: it is written to, and copied
            copy = self.open(tmp_path / "copy")
            with copy.snapshot() as rows:
                assert [key for key, _ in rows.scan("at")] == [
                    bytes([n]) for n in range(50, 100)
                ]
            copy.commit([Row("at", bytes([99]), b"again"), Row("log", b"\x01", b"")])
            copy.commit([Row("log", b"\x01", None)])
            assert list(copy.faults()) == []
            copy.close()
        reader_only = self.open(tmp_path / "copy", readonly=True)
        reader_only.copy_to(tmp_path / "second")
        reader_only.close()
        engine.close()

    def test_copies_made_beside_a_writer_are_never_torn(
        self, path: Path, tmp_path: Path
    ) -> None:
        engine = self.open(path)
        done = threading.Event()

        def write() -> None:
            n = 0
            while not done.is_set():
                n += 1
                value = n.to_bytes(4, "big") * 2000
                engine.commit([Row("at", b"n", value), Row("claims", b"n", value)])

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for n in range(5):
                engine.copy_to(tmp_path / str(n))
        finally:
            done.set()
            writer.join()
        engine.close()
        for n in range(5):
            copy = self.open(tmp_path / str(n), readonly=True)
            with copy.snapshot() as rows:
                assert rows.get("at", b"n") == rows.get("claims", b"n")
            assert list(copy.faults()) == []
            copy.close()

    def test_a_sound_engine_has_no_faults(self, path: Path) -> None:
        engine = self.open(path)
        assert list(engine.faults()) == []
        for n in range(30):
            engine.commit(
                [Row("at", bytes([n, m]) * 100, b"x" * n * m) for m in range(100)]
            )
            engine.commit([Row("at", bytes([n, m]) * 100, None) for m in range(90)])
        assert list(engine.faults()) == []
        engine.close()


#: From nothing to what spans thousands of pages.
_SIZES = (0, 1, 2000, 2045, 4080, 4096, 100_000, 1 << 20, (1 << 23) + 1)
