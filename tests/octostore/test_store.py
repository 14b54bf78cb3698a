from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from octostore import tables
from octostore.engine import Row
from octostore.engine.choice import ENGINES, open_engine
from octostore.engine.lmdb_engine import LmdbEngine
from octostore.errors import (
    NotFoundError,
    StoreCorruptError,
    StoreError,
    StoreLockedError,
    StoreVersionError,
)
from octostore.log_export import export_log
from octostore.log_key import LogKey
from octostore.map.heads import LoggedHead
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.records import Commitment, Failure, Link, Membership, Withdrawal
from octostore.store import BYTES_MAX, Octostore
from tests.octostore.test_ingest import dump
from tests.octostore.world import C1, D1, R2, Issuer, Ran, claim, data, result

REPO = Path(__file__).parents[2]
META_ONLY = [t for t in tables.TABLES if t.name == tables.META.name]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture(params=sorted(ENGINES))
def store(path: Path, request: pytest.FixtureRequest) -> Iterator[Octostore]:
    with Octostore.open(path, engine=request.param) as store:
        yield store


def meta(path: Path, key: bytes, value: bytes) -> None:
    engine = LmdbEngine.open(path, tables.TABLES)
    engine.commit([Row(tables.META.name, key, value)])
    engine.close()


def test_bytes_are_kept_under_their_raw_cid(store: Octostore) -> None:
    cid = store.add_bytes(b"\x00asm")
    assert cid == CID.of_bytes(b"\x00asm")
    assert store.get(cid) == b"\x00asm"
    before = dump(store)
    assert store.add_bytes(b"\x00asm") == cid
    assert dump(store) == before


def test_bytes_over_the_limit_are_refused_unless_asked_for(store: Octostore) -> None:
    large = bytes((1 << 20) + 1)
    with pytest.raises(EncodingError, match="at most 1048576"):
        store.add_bytes(large)
    assert store.get(store.add_bytes(large, bytes_max=BYTES_MAX)) == large
    with pytest.raises(EncodingError, match=f"at most {BYTES_MAX}"):
        store.add_bytes(bytes(BYTES_MAX + 1), bytes_max=1 << 40)


def test_get_raises_and_find_returns_none_for_what_is_not_there(
    store: Octostore,
) -> None:
    for cid in (data("nowhere"), Ran().cid, CID.of_digest(bytes(28), hash_code=0x17)):
        assert store.find(cid) is None
        with pytest.raises(NotFoundError) as caught:
            store.get(cid)
        assert caught.value.at == str(cid)
    with pytest.raises(NotFoundError):
        store.statement(Ran().cid)
    assert store.claims_of(Ran().cid) == ()


def test_bytes_that_changed_on_the_disk_are_an_error(path: Path) -> None:
    with Octostore.open(path) as store:
        cid = store.add_bytes(b"good")
    engine = LmdbEngine.open(path, [*tables.TABLES])
    with engine.snapshot() as rows:
        ((key, _),) = rows.scan(tables.BLOCKS.name)
    engine.close()
    # Not as an append, which an engine would refuse.
    engine = LmdbEngine.open(
        path, [table._replace(append=False) for table in tables.TABLES]
    )
    engine.commit([Row(tables.BLOCKS.name, key, b"g00d")])
    engine.close()
    with Octostore.open(path) as store:
        with pytest.raises(StoreCorruptError):
            store.get(cid)
        with pytest.raises(StoreCorruptError):
            store.find(cid)


def test_a_second_writer_is_refused(store: Octostore) -> None:
    with pytest.raises(StoreLockedError, match="open for writing"):
        Octostore.open(store.path)


def test_a_reader_does_not_write(path: Path) -> None:
    Octostore.open(path).close()
    with Octostore.open(path, readonly=True) as store:
        for act in (
            lambda: store.ingest([]),
            lambda: store.add_bytes(b""),
            store.rebuild,
        ):
            with pytest.raises(StoreError, match="reading only"):
                act()


def test_reading_where_there_is_no_store_says_so(path: Path) -> None:
    with pytest.raises(StoreError, match="no store here"):
        Octostore.open(path, readonly=True)
    assert not path.exists()


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("version", [b"5", b"7"])
@pytest.mark.parametrize("readonly", [False, True])
def test_another_layout_is_refused_and_not_written_to(
    path: Path, *, readonly: bool, version: bytes, engine: str
) -> None:
    """No table of ours is made in it."""
    old = open_engine(path, META_ONLY, readonly=False, name=engine)
    old.commit([Row(tables.META.name, tables.LAYOUT, version)])
    old.close()
    data = path / ENGINES[engine].data
    before = data.read_bytes()
    why = f"layout '{version.decode()}'; this version reads '6'; .*log export"
    with pytest.raises(StoreVersionError, match=why):
        Octostore.open(path, readonly=readonly)
    assert data.read_bytes() == before


def test_an_export_brings_the_statements_over_in_their_order(path: Path) -> None:
    with Octostore.open(path) as old:
        fill(old)
        key = LogKey.create(path, secrets.token_bytes, "log.example")
        export_log(old, key.checkpoint(old), path.with_name("out"))
        before = old.checkpoint()
    files = sorted(p for p in path.with_name("out").glob("blocks/**/*") if p.is_file())
    with Octostore.open(path.with_name("new")) as new:
        for file in files:
            with file.open("rb") as stream:
                new.ingest_car(stream)
        assert new.checkpoint() == before


def test_a_store_that_was_killed_while_made_is_made_again(path: Path) -> None:
    LmdbEngine.open(path, tables.TABLES).close()
    with pytest.raises(StoreError, match="no store here"):
        Octostore.open(path, readonly=True)
    Octostore.open(path).close()
    Octostore.open(path, readonly=True).close()


CHILD = """
import sys
from pathlib import Path
from octostore.store import Octostore
from tests.octostore.world import Issuer, Ran, result
"""


def start(code: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, str(path)],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_reader_in_another_process_sees_what_is_committed(store: Octostore) -> None:
    reader = start(
        """
with Octostore.open(Path(sys.argv[1]), readonly=True) as store:
    print(store.checkpoint().size, flush=True)
    for _ in sys.stdin:
        print(store.checkpoint().size, len(store.claims_of(Ran().cid)), flush=True)
""",
        store.path,
    )
    with reader:
        assert reader.stdin
        assert reader.stdout
        assert reader.stdout.readline() == "0\n"
        for n in (1, 2):
            store.ingest(Issuer(str(n)).claims(Ran(), result())[1])
            print(file=reader.stdin, flush=True)
            assert reader.stdout.readline() == f"{n} {n}\n"
        reader.stdin.close()


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(path: Path) -> None:
    writer = start(
        """
store = Octostore.open(Path(sys.argv[1]))
for n in range(100000):
    statement, blocks = Issuer(str(n)).claims(Ran(), result())
    assert store.ingest(blocks).accepted
    print(statement.cid, flush=True)
""",
        path,
    )
    with writer:
        assert writer.stdout
        acknowledged = [writer.stdout.readline().strip() for _ in range(50)]
        writer.kill()
        acknowledged += writer.stdout.read().splitlines()
    if acknowledged and len(acknowledged[-1]) < len(acknowledged[0]):
        acknowledged.pop()  # cut off while it was printed
    with Octostore.open(path) as store:
        for text in acknowledged:
            assert store.statement(CID.parse(text)).cid == CID.parse(text)
        size = store.checkpoint().size
        assert len(acknowledged) <= size <= len(acknowledged) + 1
        assert len(store.claims_of(Ran().cid)) == size
        before = dump(store)
        store.rebuild()
        assert dump(store) == before


def fill(store: Octostore) -> None:
    bristol = Issuer("bristol")
    told = [
        bristol.says("Bristol", bacalhau=("QmA",)),
        bristol.claims(Ran(), result(), executor="QmA"),
        Issuer("liar").claims(Ran(), result()),
        Issuer("liar").claims(Ran(), result(R2)),
        Issuer("shy").claims(Ran(), Failure(kind="trap"), withheld=("program",)),
        Issuer("one").state([Link(a=Ran().cid, b=C1, means="built-from")]),
    ]
    withdrawn = Withdrawal(claim=told[1][0].part.records[0], why="wrong image")
    told.append(bristol.state([withdrawn, Membership(of=Issuer("org").key.public.did)]))
    for _, blocks in told:
        assert store.ingest(blocks).accepted
    waiting = Issuer("waits").claims(Ran(), result(data("R3")))[1][:1]
    assert store.ingest(waiting).pending
    store.add_bytes(b"more")


def fill_keys(store: Octostore) -> None:
    """A key with two histories, and a commitment."""
    twice = [
        Issuer("twice").says("Twice"),
        Issuer("twice").state([Commitment(hash=bytes(32))]),
    ]
    for _, blocks in twice:
        assert store.ingest(blocks).accepted


def fill_map(store: Octostore) -> LoggedHead:
    """So many claims that the map has pages, and its head."""
    got = [result(data(f"one of many {n}")) for n in range(20)]
    claims = [claim(Ran(), item) for item in got]
    blocks = [*Ran().blocks, *((item.cid, item.block) for item in got)]
    assert store.ingest(Issuer("many").state(claims, blocks)[1]).accepted
    logged = store.update_map(now_s=1_700_000_000)
    assert logged
    return logged


def test_rebuilding_gives_equal_tables(store: Octostore) -> None:
    fill(store)
    fill_keys(store)
    fill_map(store)
    before = dump(store)
    assert not [
        name for name, rows in before.items() if not rows and name != "quarantine"
    ]
    store.rebuild()
    assert dump(store) == before


def test_damaged_indexes_are_healed_by_a_rebuild(path: Path) -> None:
    with Octostore.open(path) as store:
        fill(store)
        before, answer = dump(store), who(store, Asked(program=C1, input=D1))
    engine = LmdbEngine.open(path, tables.TABLES)
    engine.commit(
        Row(table, key, None) for table in tables.INDEXES for key, _ in before[table]
    )
    engine.commit([Row(tables.CLAIMS.name, bytes(18), b"")])
    engine.close()
    with Octostore.open(path) as store:
        store.rebuild()
        assert dump(store) == before
        assert who(store, Asked(program=C1, input=D1)) == answer


def test_a_rebuild_that_was_killed_begins_again(path: Path) -> None:
    with Octostore.open(path) as store:
        fill(store)
        before = dump(store)
    meta(path, tables.REBUILDING, b"1")
    with (
        Octostore.open(path, readonly=True) as store,
        pytest.raises(StoreError, match="being rebuilt"),
    ):
        store.checkpoint()
    with Octostore.open(path) as store:
        assert dump(store) == before


def test_a_log_that_was_touched_is_not_rebuilt_from(path: Path) -> None:
    with Octostore.open(path) as store:
        fill(store)
        key, value = dump(store)["log"][0]
    engine = LmdbEngine.open(
        path, [table._replace(append=False) for table in tables.TABLES]
    )
    engine.commit([Row(tables.LOG.name, key, value[:-1] + b"\x00")])
    engine.close()
    with (
        Octostore.open(path) as store,
        pytest.raises(StoreCorruptError, match="entry 0"),
    ):
        store.rebuild()


def test_threads_share_a_store(store: Octostore) -> None:
    def work(n: int) -> int:
        found = 0
        for k in range(5):
            _, blocks = Issuer(f"{n} {k}").claims(Ran(), result())
            assert store.ingest(blocks).accepted
            (item,) = who(store, Asked(program=C1, input=D1)).invocations
            assert len(item.claims) > found
            found = len(item.claims)
        return found

    with ThreadPoolExecutor(4) as threads:
        assert max(threads.map(work, range(4))) == 20
    assert store.checkpoint().size == 20
