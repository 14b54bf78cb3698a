"""What networks report becomes claims, each run once, whatever breaks on the way."""

from __future__ import annotations

import io
import json
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from invocation_spec import CID, Outcome, canonicalize
from octostore.claiming import Reported
from octostore.errors import StoreError, StoreVersionError
from octostore.harvest.observed import Observed, Reached, Seen, Unclaimed
from octostore.harvest.outbox import Outbox
from octostore.harvest.run import BATCH_BYTES_MAX, BATCH_RECORDS, Harvest
from octostore.keyfile import KeyFile
from octostore.keys import SecretKey
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.receipt import Receipt
from octostore.records import Link
from octostore.result import Result
from octostore.store import Octostore

PINNED = "docker.io/library/ubuntu@sha256:" + "ab" * 32


def outcome_of(*, env: dict[str, str] | None = None, image: str = PINNED) -> Outcome:
    document = {
        "Type": "batch",
        "Tasks": [
            {
                "Engine": {
                    "Type": "docker",
                    "Params": {
                        "Image": image,
                        "Entrypoint": ["run"],
                        "Parameters": ["a"],
                        "EnvironmentVariables": [
                            f"{name}={value}" for name, value in (env or {}).items()
                        ],
                    },
                }
            }
        ],
    }
    (found,) = canonicalize(json.dumps(document).encode())
    return found


def observed(
    item: str,
    *,
    value: str = "r",
    links: tuple[Link, ...] = (),
    evidence: dict[CID, bytes] | None = None,
    env: dict[str, str] | None = None,
    image: str = PINNED,
) -> Observed:
    result = Result({"stdout": CID.of_bytes(value.encode())}, exit=0)
    return Observed(
        item=item,
        at=f"answer.json#/Items/{item}",
        outcome=outcome_of(env=env, image=image),
        reported=Reported(
            network="bacalhau", result=result, executor="QmNode", job=item,
            evidence=evidence or {}, native={"state": "Completed"},
        ),
        links=links,
    )  # fmt: skip


@pytest.fixture
def key_file(tmp_path: Path) -> KeyFile:
    key = SecretKey.generate(secrets.token_bytes)
    return KeyFile.create(tmp_path / "witness.key", key)


@pytest.fixture
def outbox(tmp_path: Path, key_file: KeyFile) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox", key_file.key.public.did) as outbox:
        yield outbox


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


def harvest(
    seen: list[Seen], key_file: KeyFile, outbox: Outbox, send: object
) -> Harvest:
    run = Harvest("bacalhau", key_file, outbox, send, lambda: 1_700_000_000)  # type: ignore[arg-type]
    run.take_all(seen)
    return run


def test_a_run_is_claimed_and_found(
    key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    run = harvest([observed("e-1")], key_file, outbox, store.ingest_car)
    (claimed,) = run.report.claimed
    answer = who(store, Asked(invocation=claimed.invocation))
    (invocation,) = answer.invocations
    (claim,) = invocation.claims
    assert claim.claim == claimed.claim
    assert claim.issuer == key_file.key.public.did
    assert claim.executor == "QmNode"
    assert not list(outbox.waiting())


def test_a_run_is_claimed_once(
    key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    harvest([observed("e-1")], key_file, outbox, store.ingest_car)
    seen: list[Seen] = [observed("e-1"), observed("e-2", value="other")]
    again = harvest([*seen, *seen], key_file, outbox, store.ingest_car).report
    assert (again.read, again.known) == (4, 3)
    assert [item.item for item in again.claimed] == ["e-2"]
    assert store.checkpoint().size == 2


def test_what_was_signed_and_not_delivered_is_delivered_next_time_as_it_was(
    key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    def fails(_: BinaryIO) -> Receipt | None:
        raise StoreError("unplugged")

    with pytest.raises(StoreError, match="unplugged"):
        harvest([observed("e-1")], key_file, outbox, fails)
    ((_, signed),) = outbox.waiting()
    sent: list[bytes] = []

    def send(stream: BinaryIO) -> Receipt | None:
        sent.append(stream.read())
        return store.ingest_car(io.BytesIO(sent[-1]))

    run = harvest([observed("e-1")], key_file, outbox, send)
    assert sent == [signed]
    assert (run.report.statements, run.report.known) == (1, 1)
    assert store.checkpoint().size == 1


def test_a_source_that_breaks_off_keeps_what_it_gave(
    key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    def breaks() -> Iterator[Seen]:
        yield observed("e-1")
        yield Reached(source="s", value="page 2")
        raise StoreError("half way")

    run = Harvest("bacalhau", key_file, outbox, store.ingest_car, lambda: 1)
    with pytest.raises(StoreError, match="half way"):
        run.take_all(breaks())
    assert [item.item for item in run.report.claimed] == ["e-1"]
    assert store.checkpoint().size == 1
    assert outbox.cursor("s") == "page 2"


def test_a_batch_that_could_not_be_signed_is_read_again(
    key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    """The state of the chain cannot be written: a folder is in the way."""
    in_the_way = key_file.state_path.with_name(f"{key_file.state_path.name}.new")
    in_the_way.mkdir()
    seen: list[Seen] = [observed("e-1"), Reached(source="s", value="page 2")]
    with pytest.raises(StoreError, match="nothing was signed"):
        harvest(seen, key_file, outbox, store.ingest_car)
    in_the_way.rmdir()
    assert outbox.cursor("s") is None
    run = harvest(seen, key_file, outbox, store.ingest_car)
    assert [item.item for item in run.report.claimed] == ["e-1"]
    assert outbox.cursor("s") == "page 2"


def test_batches_are_signed_once_each(
    key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    outcome = outcome_of()
    seen = [
        Observed(
            item=f"e-{number}",
            at="",
            outcome=outcome,
            reported=Reported("bacalhau", Result({}, exit=0), job=f"e-{number}"),
        )
        for number in range(2 * BATCH_RECORDS + 1)
    ]
    run = harvest(list(seen), key_file, outbox, store.ingest_car)
    assert len(run.report.claimed) == len(seen)
    assert run.report.statements == store.checkpoint().size == 3


def test_a_batch_has_so_many_bytes(
    key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    """A thousand receipts of a megabyte are more than any server takes at once."""
    large = BATCH_BYTES_MAX // 17

    def receipt(number: int) -> dict[CID, bytes]:
        block = b"\x5a" + large.to_bytes(4, "big") + bytes([number]) * large
        return {CID.of_block(block): block}

    sent: list[int] = []

    def send(stream: BinaryIO) -> Receipt | None:
        data = stream.read()
        sent.append(len(data))
        return store.ingest_car(io.BytesIO(data))

    evidence = [receipt(number) for number in range(20)]
    seen = [
        observed(f"e-{number}", evidence=block) for number, block in enumerate(evidence)
    ]
    run = harvest(list(seen), key_file, outbox, send)
    assert run.report.statements == 2
    assert len(run.report.claimed) == 20
    assert max(sent) <= BATCH_BYTES_MAX
    for cid in (cid for block in evidence for cid in block):
        assert store.find(cid) is not None
    # What all of them share counts once.
    sent.clear()
    shared = receipt(99)
    run = harvest(
        [observed(f"s-{number}", evidence=shared) for number in range(40)],
        key_file,
        outbox,
        send,
    )
    assert run.report.statements == 1


def test_two_runs_that_say_the_same_share_a_record(
    key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    outcome = outcome_of()
    reported = Reported("bacalhau", Result({}, exit=0))
    seen: list[Seen] = [
        Observed(item=item, at="", outcome=outcome, reported=reported)
        for item in ("a", "b")
    ]
    run = harvest(seen, key_file, outbox, store.ingest_car)
    first, second = run.report.claimed
    assert first.claim == second.claim
    assert not outbox.unclaimed("bacalhau", ["a", "b"])


def test_links_and_evidence_go_along(
    key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    a, b = (CID.of_block(text) for text in (b"\x01", b"\x02"))
    link = Link(a=a, b=b, means="reduces-to")
    block = b"\xa1aa\x01"
    evidence = {CID.of_block(block): block}
    sent: list[bytes] = []

    def send(stream: BinaryIO) -> Receipt | None:
        sent.append(stream.read())
        return store.ingest_car(io.BytesIO(sent[-1]))

    seen = observed("e-1", links=(link,), evidence=evidence)
    harvest([seen], key_file, outbox, send)
    assert block in sent[0]
    assert link.block in sent[0]


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (Unclaimed(item="x", at="y", reason="no result"), "no result"),
        (observed("e", image="ubuntu:latest"), "unresolved: /Tasks/0/Engine"),
        (observed("e", env={"API_KEY": "x"}), "credentials: API_KEY"),
        (observed("x" * 513), "513 characters"),
    ],
)
def test_what_gives_no_claim_says_why(
    seen: Seen, reason: str, key_file: KeyFile, outbox: Outbox, store: Octostore
) -> None:
    run = harvest([seen], key_file, outbox, store.ingest_car)
    (unclaimed,) = run.report.unclaimed
    assert reason in unclaimed.reason
    assert store.checkpoint().size == 0


def test_the_outbox_of_another_key_is_refused(tmp_path: Path, outbox: Outbox) -> None:
    other = SecretKey.generate(secrets.token_bytes).public.did
    with pytest.raises(StoreError, match="the outbox of did:key"):
        Outbox.open(tmp_path / "outbox", other)


def test_another_database_is_refused_and_left_alone(
    tmp_path: Path, key_file: KeyFile
) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreVersionError, match="no outbox of layout 1"):
        Outbox.open(path, key_file.key.public.did)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(
    tmp_path: Path, key_file: KeyFile
) -> None:
    path = tmp_path / "text"
    path.write_text("not a database " * 100)
    with pytest.raises(StoreError, match="outbox: file is not a database"):
        Outbox.open(path, key_file.key.public.did)
