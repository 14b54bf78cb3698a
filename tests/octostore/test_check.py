from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.second_opinion import disagreement
from octostore import tables
from octostore.check import FAULTS_MAX, CheckReport, check, check_folder
from octostore.engine import Row
from octostore.engine.choice import ENGINES, engine_of
from octostore.engine.lmdb_engine import LMDB_DATA, LmdbEngine
from octostore.errors import StoreError
from octostore.records import Membership
from octostore.store import Octostore
from tests.octostore.test_ingest import dump
from tests.octostore.test_store import fill, fill_keys, fill_map
from tests.octostore.world import Issuer, Ran, result

REPO = Path(__file__).parents[2]


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def path(tmp_path: Path, engine: str) -> Path:
    with Octostore.open(tmp_path / "store", engine=engine) as store:
        fill(store)
        fill_keys(store)
        bad = CID.of_block(b"\xa0"), b"\xa1"
        assert store.ingest([bad], [bad[0]]).quarantined
        org = Issuer("organisation").key.public.did
        assert store.ingest(Issuer("member").state([Membership(of=org)])[1]).accepted
        fill_map(store)
    return tmp_path / "store"


def change(path: Path, *rows: Row) -> None:
    """Write rows past every rule."""
    name = engine_of(path)
    assert name
    free = [table._replace(append=False) for table in tables.TABLES]
    opened = ENGINES[name].open(path, free)
    opened.commit(rows)
    opened.close()


def rows_of(path: Path, table: str) -> list[tuple[bytes, bytes]]:
    with Octostore.open(path, readonly=True) as store:
        return dump(store)[table]


def named(report: CheckReport) -> list[str]:
    assert not report.holds
    return [fault.table for fault in report.faults]


def test_a_sound_store_holds_and_every_table_was_looked_at(path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    report = check_folder(
        path, second_opinion=True, progress=lambda *how: told.append(how)
    )
    assert report.holds, report.faults
    assert report.checkpoint is not None
    assert report.checkpoint.size == 12
    assert set(report.rows) == {table.name for table in tables.TABLES}
    assert all(report.rows.values())
    assert ("log", 1, 12) in told


def test_an_empty_store_holds(tmp_path: Path, engine: str) -> None:
    Octostore.open(tmp_path / "store", engine=engine).close()
    assert check_folder(tmp_path / "store").holds


def test_what_is_no_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a store"):
        check_folder(tmp_path)
    with pytest.raises(StoreError, match="no store here"):
        check_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("table", tables.INDEXES)
def test_a_row_of_an_index_that_is_missing_changed_or_too_many_is_named(
    path: Path, table: str
) -> None:
    key, value = rows_of(path, table)[0]
    changed = bytes([value[0] ^ 1]) + value[1:] if value else b"\x01"
    spare = bytes([key[0] ^ 0x80]) + key[1:]
    for rows in (
        [Row(table, key, None)],
        [Row(table, key, changed)],
        [Row(table, spare, value)],
    ):
        change(path, *rows)
        assert set(named(check_folder(path))) == {table}, rows
        with Octostore.open(path) as store:
            store.rebuild()
        assert check_folder(path).holds


def test_faults_are_in_words(path: Path) -> None:
    key, _ = rows_of(path, "chains")[0]
    change(path, Row("chains", key, None))
    (fault,) = check_folder(path).faults
    assert fault.key.startswith("issuer did:key:z6Mk")
    assert "chain 00000000000000000000000000000000, seq 0, entry " in fault.key
    assert (fault.found, fault.expected) == ("no such row", "the row")


def test_a_block_that_changed_is_named_and_nothing_is_derived_from_it(
    path: Path,
) -> None:
    key, value = rows_of(path, "blocks")[5]
    change(path, Row("blocks", key, value[:-1] + bytes([value[-1] ^ 1])))
    report = check_folder(path)
    (fault,) = report.faults
    assert (fault.table, fault.key) == ("blocks", "block 5")
    assert "sha2-256" in fault.found
    assert "claims" in report.unchecked


@pytest.mark.parametrize("at", [0, 5, -1])
def test_a_block_that_is_gone_is_named(path: Path, at: int) -> None:
    key, _ = rows_of(path, "blocks")[at]
    change(path, Row("blocks", key, None))
    assert set(named(check_folder(path))) <= {"blocks", "at"}


@pytest.mark.parametrize("at", [0, 3, 6])
def test_an_entry_of_the_log_that_is_gone_is_named(path: Path, at: int) -> None:
    key, _ = rows_of(path, "log")[at]
    change(path, Row("log", key, None))
    assert {"log", "meta"} & set(named(check_folder(path)))


@pytest.mark.parametrize("byte", [0, 1, 20, 40, 68])
def test_an_entry_of_the_log_that_changed_is_named(path: Path, byte: int) -> None:
    key, value = rows_of(path, "log")[2]
    raw = bytearray(value)
    raw[byte] ^= 4
    change(path, Row("log", key, bytes(raw)))
    assert "log" in named(check_folder(path))


def test_a_log_of_another_root_is_named(path: Path) -> None:
    frontier = dict(rows_of(path, "meta"))[tables.FRONTIER]
    change(path, Row("meta", tables.FRONTIER, frontier[:-1] + b"\x00"))
    (fault,) = check_folder(path).faults
    assert (fault.table, fault.key) == ("meta", "frontier")
    assert fault.found.startswith("size 12, root ")


def test_a_statement_logged_twice_is_named(path: Path) -> None:
    log = rows_of(path, "log")
    change(path, Row("log", tables.LOG.key.encode(7), log[0][1]))
    faults = check_folder(path).faults
    assert any("is entry 0 already" in fault.found for fault in faults)


def test_what_waits_is_checked_too(path: Path) -> None:
    pending, waiting = rows_of(path, "pending"), rows_of(path, "waiting")
    quarantine = rows_of(path, "quarantine")
    envelope_of_logged = rows_of(path, "log")[0][1][5:37]
    cid = CID.of_block(b"\xa0")
    quarantined: list[tuple[int, dict[str, Any]]] = [
        (32, {"cid": cid, "reason": 1}),
        (32, {"cid": cid, "reason": b"no text", "block": b""}),
        (32, {"cid": cid, "reason": "a block that is none", "block": None}),
        (32, {"cid": b"", "reason": "no CID"}),
        (31, {"cid": cid, "reason": "under no hash"}),
    ]
    for row, table in (
        (Row("pending", pending[0][0], None), "waiting"),
        (Row("pending", pending[0][0], bytes(32)), "pending"),
        (Row("pending", pending[0][0], envelope_of_logged), "pending"),
        (Row("waiting", waiting[0][0], None), "pending"),
        (Row("quarantine", quarantine[0][0], b"\xa0"), "quarantine"),
        (Row("quarantine", bytes(32), quarantine[0][1]), "quarantine"),
        *(
            (Row("quarantine", bytes(at), dagcbor.encode(row)), "quarantine")
            for at, row in quarantined
        ),
        (Row("meta", b"spare", b""), "meta"),
    ):
        change(path, row)
        assert table in named(check_folder(path)), row
        put_back = {"pending": pending, "waiting": waiting, "quarantine": quarantine}
        change(
            path,
            Row("quarantine", bytes(32), None),
            Row("quarantine", bytes(31), None),
            Row("meta", b"spare", None),
            *(Row(name, *kept) for name, rows in put_back.items() for kept in rows),
        )
        assert check_folder(path).holds


def test_only_so_many_faults_are_named_and_the_others_counted(path: Path) -> None:
    spare = [Row("links", n.to_bytes(60, "big"), b"") for n in range(FAULTS_MAX + 5)]
    change(path, *spare)
    report = check_folder(path)
    assert (len(report.faults), report.more) == (FAULTS_MAX, 5)


def test_a_check_runs_beside_a_writer_and_speaks_of_one_commit(
    tmp_path: Path, engine: str
) -> None:
    with Octostore.open(tmp_path / "store", engine=engine) as store:
        fill(store)
        with subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys\nfrom pathlib import Path\n"
                "from octostore.check import check_folder\n"
                "for _ in sys.stdin:\n"
                "    report = check_folder(Path(sys.argv[1]))\n"
                "    print(report.faults, report.checkpoint.size, flush=True)\n",
                str(store.path),
            ],
            cwd=REPO,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as checker:
            assert checker.stdin
            assert checker.stdout
            for n in range(60):
                if n % 10 == 0:
                    print(file=checker.stdin, flush=True)
                assert store.ingest(Issuer(f"{n}").claims(Ran(), result())[1]).accepted
            checker.stdin.close()
            said = checker.stdout.read().splitlines()
        assert len(said) == 6
        assert all(line.startswith("() ") for line in said), said
        assert check(store).holds


def test_a_backup_is_a_store_that_goes_on(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with Octostore.open(path) as store:
        store.copy_to(copy)
        before = dump(store)
        _, later = Issuer("later").claims(Ran(), result())
        assert store.ingest(later).accepted
        with pytest.raises(StoreError):
            store.copy_to(copy)
    assert check_folder(copy, second_opinion=True).holds
    with Octostore.open(copy) as restored:
        assert dump(restored) == before
        assert restored.ingest(later).accepted
    assert check_folder(copy).holds


def test_the_reference_codec_is_asked_and_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    block = dagcbor.encode({"a": [1, b"x", CID.of_bytes(b"y"), None, True, "z"]})
    assert disagreement(block) is None
    assert disagreement(b"\x00asm, no DAG-CBOR") is None
    assert disagreement(bytes.fromhex("fb3ff8000000000000")) is None
    values: tuple[dagcbor.Ipld, ...] = (
        [],
        {},
        0,
        -1,
        2**64 - 1,
        -(2**63),
        [[[{"": {}}]]],
    )
    for value in values:
        assert disagreement(dagcbor.encode(value)) is None
    import dag_cbor

    for wrong in ({"a": 2}, {"a": [1, b"x"]}, {}, True):
        monkeypatch.setattr(dag_cbor, "decode", lambda _raw, wrong=wrong: wrong)
        assert disagreement(block) == "the reference codec reads another value"


class TestPages:
    """The look at the pages of LMDB, which believes its file."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        engine = LmdbEngine.open(tmp_path / "store", tables.TABLES)
        chance = random.Random(5)  # noqa: S311 - the same file each time
        for n in range(40):
            engine.commit(
                Row(
                    "links",
                    chance.randbytes(50),
                    chance.randbytes(chance.choice(_SIZES)),
                )
                for _ in range(30)
            )
            with engine.snapshot() as rows:
                gone = [key for key, _ in rows.scan("links") if key[0] % 9 == n % 9]
            engine.commit(Row("links", key, None) for key in gone)
        engine.close()
        return tmp_path / "store" / LMDB_DATA

    def test_pages_as_lmdb_leaves_them_hold(self, file: Path) -> None:
        assert list(ENGINES["lmdb"].faults(file)) == []  # type: ignore[misc] # it has

    @pytest.mark.parametrize("cut", [0, 100, 5000, 40_000])
    def test_a_file_that_is_cut_off_is_named(self, file: Path, cut: int) -> None:
        os.truncate(file, cut)
        assert list(ENGINES["lmdb"].faults(file))  # type: ignore[misc] # it has

    def test_an_older_commit_never_passes_for_a_newer_one(self, file: Path) -> None:
        raw = bytearray(file.read_bytes())
        at = [16 + 24 + 96 + 8, 4096 + 16 + 24 + 96 + 8]
        numbers = [int.from_bytes(raw[n : n + 8], "little") for n in at]
        newest, oldest = at[numbers[1] > numbers[0]], at[numbers[0] > numbers[1]]
        for place, by in ((newest, -4), (oldest, 2), (newest, -20), (oldest, 20)):
            number = int.from_bytes(raw[place : place + 8], "little") + by
            changed = raw[:place] + number.to_bytes(8, "little") + raw[place + 8 :]
            file.write_bytes(changed)
            assert list(ENGINES["lmdb"].faults(file)), by  # type: ignore[misc] # it has


_SIZES = (0, 3, 100, 3000, 9000)
