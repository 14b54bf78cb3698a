"""Receipts of Homestar become claims only where it is sure what ran."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import dag_cbor
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import CID, canonicalize, dagcbor
from invocation_spec.adapters import homestar as homestar_form
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.errors import DocumentError
from invocation_spec.model import Input
from octostore.claiming import prepare
from octostore.errors import FileError
from octostore.harvest.homestar import database as homestar_database
from octostore.harvest.homestar.database import Place, opened_database
from octostore.harvest.homestar.receipt import read_receipt
from octostore.harvest.homestar.receipts import receipts_seen
from octostore.harvest.homestar.tasks import Tasks
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.records import Link
from octostore.result import Result
from octostore.store import Octostore
from tests.octostore import homestar_world as world
from tests.octostore.said import Command

ADD = world.task(world.run("add_one", 1))
NEXT = world.task(
    world.run("add_one", {"await/ok": world.link(world.instruction_cid(ADD))})
)
LITERAL = world.task(world.run("add_one", 2))
SVG = "svg-to-png"
SVG_RAN = "bafyrmie26jbi5i23gefxbm74ce36fjmk4ieepth2t3scy2rdzyq4kignyq"
SVG_RECEIPT = "bafyrmiebgewvljpqvzbwcyop7viv6sbuhyu2pvkbgfer44uv3giq3vuaia"


def tasks(*workflows: bytes) -> Tasks:
    found = Tasks()
    for data in workflows:
        found.add(data, canonicalize(data))
    found.join()
    return found


def places(*files: bytes) -> Callable[[], Iterator[Place]]:
    def read() -> Iterator[Place]:
        for number, data in enumerate(files):
            name = f"{number}.json"
            yield Place(name, name, partial(read_receipt, data))

    return read


def seen(bound: Tasks, *files: bytes) -> list[Seen]:
    return list(receipts_seen(places(*files), bound))


def one(bound: Tasks, data: bytes) -> Observed:
    (found,) = seen(bound, data)
    assert isinstance(found, Observed), found
    return found


def why(bound: Tasks, data: bytes) -> str:
    (found,) = seen(bound, data)
    assert isinstance(found, Unclaimed), found
    return found.reason


def capsule(value: dict[str, Any], version: str = "0.2.0") -> dict[str, Any]:
    return {"ipvm/receipt": {**value, "version": version}}


VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "receipts.json").read_text()
)


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["name"])
def test_receipt_vectors(row: dict[str, Any]) -> None:
    data = (
        bytes.fromhex(row["document_hex"])
        if "document_hex" in row
        else row["document"].encode()
    )
    workflow = row["workflow"].encode()
    if not row["valid"]:
        assert why(tasks(workflow), data)
        with pytest.raises(DocumentError):
            read_receipt(data)
        return
    found = one(tasks(workflow), data)
    assert found.item == row["receipt"]
    assert found.reported.native["ran"] == row["ran"]
    assert found.reported.result is not None
    outputs = {name: str(cid) for name, cid in found.reported.result.outputs.items()}
    assert outputs == row["outputs"]


def test_a_receipt_is_bound_by_the_task_it_ran() -> None:
    value = world.receipt(ADD, ["ok", 2])
    found = one(tasks(world.workflow(ADD)), world.as_json(value))
    (outcome,) = canonicalize(world.workflow(ADD))
    assert found.item == found.reported.job == world.sha3_cid(value)
    assert found.outcome.invocation == outcome.invocation
    assert found.reported.network == "ipvm"
    assert found.reported.executor is None
    assert found.reported.native == {
        "ran": world.ran_cid(ADD),
        "instruction": world.instruction_cid(ADD),
        "op": "add_one",
    }
    assert found.reported.result == Result({"value": CID.of_block(b"\x02")})


def test_the_evidence_is_the_block_that_the_receipt_is_named_by() -> None:
    value = world.receipt(ADD, ["ok", 2])
    found = one(tasks(world.workflow(ADD)), world.as_json(value))
    evidence = {CID.of_block(world.as_cbor(value)): world.as_cbor(value)}
    assert found.reported.evidence == evidence
    assert CID.parse(str(found.reported.job)).matches(world.as_cbor(value))
    assert prepare(found.outcome, found.reported).claim.evidence == tuple(evidence)


@pytest.mark.parametrize(
    "written",
    [
        world.as_json,
        world.as_cbor,
        lambda value: world.as_json(capsule(value)),
        lambda value: world.as_cbor(capsule(value)),
        lambda value: world.as_json(
            {
                **value,
                "cid": world.ipld(world.link(world.sha3_cid(value))),
                "instruction": world.ipld(world.link(world.instruction_cid(ADD))),
                "version": "0.2.0",
            }
        ),
        lambda value: world.as_json(
            {
                "receipt": value,
                "receipt_cid": world.ipld(world.link(world.sha3_cid(value))),
                "metadata": {"name": "w", "replayed": False},
            }
        ),
        lambda value: world.as_json(
            {name: value[name] for name in ("ran", "out", "meta", "prf")}
        ),
    ],
    ids=["json", "cbor", "capsule", "capsule-cbor", "stored", "notice", "no-iss"],
)
def test_every_envelope_of_a_receipt_says_the_same(
    written: Callable[[dict[str, Any]], bytes],
) -> None:
    bound, value = tasks(world.workflow(ADD)), world.receipt(ADD, ["ok", 2])
    found = one(bound, written(value))
    plain = one(bound, world.as_json(value))
    assert prepare(found.outcome, found.reported) == prepare(
        plain.outcome, plain.reported
    )


@pytest.mark.parametrize(
    ("out", "name", "cid"),
    [
        (["ok", b"\x89PNG"], "value", CID.of_bytes(b"\x89PNG")),
        ({"ok": b"\x89PNG"}, "value", CID.of_bytes(b"\x89PNG")),
        (["just", 2], "value", CID.of_block(b"\x02")),
        (["ok", None], "value", CID.of_block(b"\xf6")),
        (["ok", ["ok", 2]], "value", CID.of_block(dag_cbor.encode(["ok", 2]))),
        (["error", "no"], "error", CID.of_block(b"\x62no")),
        ({"error": "no"}, "error", CID.of_block(b"\x62no")),
        (["ok", 2.0], "value", CID.of_block(dag_cbor.encode(2.0))),
    ],
)
def test_a_value_is_its_bytes_or_its_block(out: Any, name: str, cid: CID) -> None:
    found = one(tasks(world.workflow(ADD)), world.as_cbor(world.receipt(ADD, out)))
    assert found.reported.result == Result({name: cid})


def test_a_value_larger_than_a_block_is_claimed_and_carries_no_evidence() -> None:
    bound = tasks(world.workflow(ADD))
    for large, cid in (
        (b"x" * BLOCK_BYTES_MAX, CID.of_bytes(b"x" * BLOCK_BYTES_MAX)),
        (
            ["y" * BLOCK_BYTES_MAX],
            CID.of_block(dag_cbor.encode(["y" * BLOCK_BYTES_MAX])),
        ),
    ):
        value = world.receipt(ADD, ["ok", large])
        found = one(bound, world.as_cbor(value))
        assert found.reported.result == Result({"value": cid})
        assert found.reported.evidence == {}
        assert found.reported.job == world.sha3_cid(value)


def test_who_issued_a_receipt_is_its_executor() -> None:
    value = world.receipt(ADD, ["ok", 2], iss="did:key:z6MkNode")
    found = one(tasks(world.workflow(ADD)), world.as_cbor(value))
    assert found.reported.executor == "did:key:z6MkNode"


def test_a_receipt_without_its_workflow_gives_no_claim() -> None:
    value = world.as_json(world.receipt(ADD, ["ok", 2]))
    assert "a receipt without its workflow" in why(Tasks(), value)
    other = world.task(ADD["run"], fuel=1)
    assert "a receipt without its workflow" in why(tasks(world.workflow(other)), value)


def test_a_receipt_under_another_instruction_gives_no_claim() -> None:
    value = world.receipt(ADD, ["ok", 2])
    other = world.ipld(world.link(world.instruction_cid(LITERAL)))
    poisoned = world.as_json({**value, "instruction": other})
    reason = why(tasks(world.workflow(ADD)), poisoned)
    assert f"under the instruction {world.instruction_cid(LITERAL)}" in reason


def test_a_cid_that_stands_beside_must_be_its_own() -> None:
    value = world.receipt(ADD, ["ok", 2])
    other = world.ipld(world.link(world.sha3_cid(world.receipt(ADD, ["ok", 3]))))
    for written, at in (
        ({**value, "cid": other}, "/cid"),
        ({"receipt": value, "receipt_cid": other}, "/receipt_cid"),
    ):
        with pytest.raises(DocumentError, match="says that its CID is") as error:
            read_receipt(world.as_json(written))
        assert error.value.at == at


GOOD = world.receipt(ADD, ["ok", 2])


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "found a list"),
        ({}, "/ran: missing"),
        (without("ran"), "/ran: missing"),
        (without("out"), "/out: missing"),
        (without("meta"), "/meta: missing"),
        (without("prf"), "/prf: missing"),
        ({**GOOD, "ran": "bafy"}, "/ran: found the string"),
        ({**GOOD, "out": {"ok": 1, "error": 2}}, "/out: found a map; expected one of"),
        ({**GOOD, "out": ["ok"]}, "/out: found a list"),
        ({**GOOD, "out": ["ok", 1, 2]}, "/out: found a list"),
        ({**GOOD, "out": ["OK", 1]}, "/out: found a list"),
        ({**GOOD, "out": {"*": 1}}, "/out: found a map"),
        ({**GOOD, "out": [["ok"], 1]}, "/out: found a list"),
        ({**GOOD, "iss": 1}, "/iss: found the number 1"),
        ({**GOOD, "prf": None}, "/prf: found null"),
        ({**GOOD, "prf": [1]}, "/prf/0: found the number 1"),
        ({**GOOD, "fx": {}}, "/fx: no field of a receipt"),
        ({**GOOD, "version": "0.1.0"}, 'expected the version "0.2.0"'),
        ({**GOOD, "version": None}, 'expected the version "0.2.0"'),
        (capsule(GOOD, "0.1.0"), 'expected the version "0.2.0"'),
        ({"ipvm/receipt": GOOD}, "/ipvm~1receipt/version: missing"),
        ({"ipvm/receipt": 1}, "/ipvm~1receipt/version: missing"),
        ({**capsule(GOOD), "x": 1}, "/x: no field of a receipt"),
        ({"receipt": 1, "receipt_cid": GOOD["ran"]}, "/receipt: found the number"),
        ({"receipt": GOOD, "receipt_cid": None}, "/receipt_cid: found null"),
        ({"receipt": GOOD, "x": None}, "/x: no field of a receipt"),
    ],
)
def test_what_is_no_receipt_says_why(value: Any, reason: str) -> None:
    bound = tasks(world.workflow(ADD))
    assert reason in why(bound, world.as_json(value))
    assert reason in why(bound, dag_cbor.encode(value))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"ran: x", "yaml; a receipt is DAG-JSON or DAG-CBOR"),
        (b"\xff\x00", "not UTF-8"),
        (world.as_cbor(GOOD)[:-1], "not DAG-CBOR"),
        (world.as_cbor(GOOD) + b"\x00", "not DAG-CBOR"),
        (world.as_json(GOOD)[:-1], "not JSON"),
        (b'{"ran": ' + b"[" * 1_000_000, "nested deeper"),
        (b"\xa1cout" + b"\x81" * 1_000_000 + b"\x01", "nested deeper"),
        (b'{"out": ["ok", 1e999]}', "overflows float64"),
        (b'{"out": 1, "out": 2}', "twice"),
        (b"\xa1cout\x82bok\xfb\x7f\xf8\0\0\0\0\0\0", "DAG-CBOR"),
        (b"\xa1cout\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "not DAG-CBOR"),
        (
            world.as_json(GOOD).replace(
                world.ran_cid(ADD).encode(),
                b"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnsZbq",
            ),
            "a CIDv0, an identity CID",
        ),
    ],
)
def test_what_is_no_document_says_why(data: bytes, reason: str) -> None:
    assert reason in why(Tasks(), data)


def test_a_task_that_is_not_canonical_gives_an_outcome_that_says_so() -> None:
    item = world.task({**world.run("f"), "rsc": "https://example.org/m.wasm"})
    found = one(
        tasks(world.workflow(item)), world.as_cbor(world.receipt(item, ["ok", 1]))
    )
    assert found.outcome.name == "unresolved"


# Promises that were replayed


def reduced(value: Any) -> CID:
    item = world.task(world.run("add_one", value))
    (outcome,) = canonicalize(world.workflow(item))
    assert outcome.invocation is not None
    return outcome.invocation.cid


def links_of(found: list[Seen], item: dict[str, Any]) -> tuple[Link, ...]:
    (link,) = {
        seen.links
        for seen in found
        if isinstance(seen, Observed)
        and seen.reported.native["ran"] == world.ran_cid(item)
    }
    return link


def test_an_await_reduces_to_the_value_that_its_receipt_says() -> None:
    bound = tasks(world.workflow(ADD, NEXT))
    found = seen(
        bound,
        world.as_json(world.receipt(NEXT, ["ok", 3])),
        world.as_json(world.receipt(ADD, ["ok", 2])),
    )
    (link,) = links_of(found, NEXT)
    (outcome, deferred) = canonicalize(world.workflow(ADD, NEXT))
    assert deferred.invocation is not None
    assert link.means == "reduces-to"
    assert (link.a, link.b) == (deferred.invocation.cid, reduced(2))
    assert links_of(found, ADD) == ()
    assert outcome.invocation is not None


@pytest.mark.parametrize("out", [["ok", b"\x01\x02"], ["just", b"\x01\x02"]])
def test_a_value_stands_in_the_input_as_it_is(out: list[Any]) -> None:
    bound = tasks(world.workflow(ADD, NEXT))
    found = seen(
        bound,
        world.as_cbor(world.receipt(ADD, out)),
        world.as_cbor(world.receipt(NEXT, ["ok", 3])),
    )
    (link,) = links_of(found, NEXT)
    assert link.b == reduced({"/": {"bytes": "AQI"}})


def awaiting(key: str, *, inside: bool = False) -> dict[str, Any]:
    promise: Any = {key: world.link(world.instruction_cid(ADD))}
    return world.task(world.run("add_one", [promise] if inside else promise))


@pytest.mark.parametrize(
    ("item", "outs"),
    [
        (awaiting("await/ok"), []),
        (awaiting("await/ok"), [["error", "no"]]),
        (awaiting("await/error"), [["ok", 2]]),
        (awaiting("await/*"), [["ok", 2]]),
        (awaiting("await/ok", inside=True), [["ok", 2]]),
        (awaiting("await/ok"), [["ok", 2], ["ok", 3]]),
        (awaiting("await/ok"), [["ok", b"x" * BLOCK_BYTES_MAX]]),
    ],
    ids=["none", "error", "ok", "any", "inside", "two", "large"],
)
def test_no_promise_is_replaced_by_a_guess(item: dict[str, Any], outs: Any) -> None:
    bound = tasks(world.workflow(ADD, item))
    found = seen(
        bound,
        world.as_cbor(world.receipt(item, ["ok", 3])),
        *(world.as_cbor(world.receipt(ADD, out)) for out in outs),
    )
    assert links_of(found, item) == ()


def test_an_error_reduces_where_an_error_is_awaited() -> None:
    item = awaiting("await/error")
    bound = tasks(world.workflow(ADD, item))
    found = seen(
        bound,
        world.as_cbor(world.receipt(ADD, ["error", "no"])),
        world.as_cbor(world.receipt(item, ["ok", 3])),
    )
    (link,) = links_of(found, item)
    assert link.b == reduced("no")


def test_a_receipt_that_gives_no_claim_replaces_no_promise() -> None:
    bound = tasks(world.workflow(ADD, NEXT))
    other = world.ipld(world.link(world.instruction_cid(LITERAL)))
    found = seen(
        bound,
        world.as_json({**world.receipt(ADD, ["ok", 2]), "instruction": other}),
        world.as_json(world.receipt(NEXT, ["ok", 3])),
    )
    assert links_of(found, NEXT) == ()


def test_a_task_of_two_workflows_is_the_one_whose_awaits_are_known() -> None:
    alone, together = world.workflow(NEXT), world.workflow(ADD, NEXT)
    value = world.as_cbor(world.receipt(NEXT, ["ok", 3]))
    assert one(tasks(alone), value).outcome.name == "unresolved"
    for both in ((alone, together), (together, alone)):
        assert one(tasks(*both), value).outcome.name == "canonical"


@given(st.permutations(range(5)), st.permutations(range(2)))
def test_claims_and_links_never_depend_on_the_order_of_files(
    order: list[int], flows: list[int]
) -> None:
    files = [
        world.as_cbor(world.receipt(ADD, ["ok", 2])),
        world.as_json(world.receipt(ADD, ["just", 2])),
        world.as_json(capsule(world.receipt(NEXT, ["ok", 3]))),
        world.as_cbor(world.receipt(LITERAL, ["ok", 3], iss="did:key:z6Mk")),
        world.as_cbor(world.receipt(NEXT, ["ok", 4])),
    ]
    workflows = [world.workflow(ADD, NEXT), world.workflow(NEXT, LITERAL)]

    def claims(bound: Tasks, given: list[bytes]) -> set[CID]:
        found: set[CID] = set()
        for item in seen(bound, *given):
            assert isinstance(item, Observed)
            found.add(prepare(item.outcome, item.reported).claim.cid)
            found.update(link.cid for link in item.links)
        return found

    shuffled = claims(
        tasks(*(workflows[number] for number in flows)),
        [files[number] for number in order],
    )
    plain = claims(tasks(*workflows), files)
    assert shuffled == plain
    assert len(plain) == 5 + 1


THIRD = world.task(
    world.run("add_one", {"await/ok": world.link(world.instruction_cid(NEXT))})
)


def test_a_task_that_awaits_one_of_another_workflow_is_the_same_task() -> None:
    """As the two parts of Homestar's own test workflows do."""
    whole = tasks(world.workflow(ADD, NEXT, THIRD))
    receipts = [
        world.as_cbor(world.receipt(item, ["ok", value]))
        for item, value in ((ADD, 2), (NEXT, 3), (THIRD, 4))
    ]
    expected = seen(whole, *receipts)
    again = world.task(ADD["run"], fuel=7)  # the instruction is the same
    for parts in (
        (world.workflow(ADD), world.workflow(NEXT), world.workflow(THIRD)),
        (world.workflow(THIRD), world.workflow(NEXT, ADD)),
        (world.workflow(again, THIRD), world.workflow(NEXT), world.workflow(ADD)),
    ):
        for found, wanted in zip(seen(tasks(*parts), *receipts), expected, strict=True):
            assert isinstance(found, Observed)
            assert isinstance(wanted, Observed)
            assert found.outcome.invocation == wanted.outcome.invocation
            assert (found.reported, found.links) == (wanted.reported, wanted.links)


def test_a_task_that_awaits_what_no_workflow_has_stays_unresolved() -> None:
    (found,) = seen(
        tasks(world.workflow(THIRD), world.workflow(ADD)),
        world.as_cbor(world.receipt(THIRD, ["ok", 4])),
    )
    assert isinstance(found, Observed)
    ((reference, kind),) = [(r.reference, r.kind) for r in found.outcome.unresolved]
    assert (reference, kind) == (world.instruction_cid(NEXT), "await")


def test_workflows_that_are_too_much_together_stay_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(homestar_form, "TASKS_MAX", 4)
    calls = [world.task(world.run("f", number)) for number in range(2)]
    awaiting = world.task(
        world.run(
            "g",
            {"await/ok": world.link(world.instruction_cid(ADD))},
            {"await/ok": world.link(world.instruction_cid(LITERAL))},
        )
    )
    bound = tasks(world.workflow(*calls, awaiting), world.workflow(ADD, LITERAL))
    (found,) = seen(bound, world.as_cbor(world.receipt(awaiting, ["ok", 1])))
    assert isinstance(found, Observed)
    assert len(found.outcome.unresolved) == 2


# The database of a node


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """A database that its node has open, its newest rows in the log beside it."""
    path = tmp_path / "homestar.db"
    rows = [world.row(ADD, world.receipt(ADD, ["ok", 2]))]
    with closing(world.database(path, rows)) as connection:
        yield path, connection


def in_database(path: Path, bound: Tasks) -> list[Seen]:
    with opened_database(path) as read:
        return list(receipts_seen(read, bound))


def test_a_database_that_its_node_writes_is_read_and_left_alone(
    running: tuple[Path, sqlite3.Connection],
) -> None:
    path, connection = running
    value = world.receipt(NEXT, ["ok", 3])
    world.insert(connection, [world.row(NEXT, value)])
    log = path.with_name(path.name + "-wal")
    assert log.stat().st_size > 0
    connection.execute("BEGIN EXCLUSIVE")  # a lock would have to wait for it
    before = {item: item.read_bytes() for item in path.parent.iterdir()}
    first, second = in_database(path, tasks(world.workflow(ADD, NEXT)))
    assert isinstance(first, Observed)
    assert isinstance(second, Observed)
    assert second.item == world.sha3_cid(value)
    assert len(second.links) == 1
    assert {item: item.read_bytes() for item in path.parent.iterdir()} == before


def test_a_database_and_a_file_say_the_same(
    running: tuple[Path, sqlite3.Connection],
) -> None:
    bound = tasks(world.workflow(ADD))
    (stored,) = in_database(running[0], bound)
    plain = one(bound, world.as_cbor(world.receipt(ADD, ["ok", 2])))
    assert isinstance(stored, Observed)
    assert stored.reported == plain.reported


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("cid", world.sha3_cid(1), "/cid: says that its CID is"),
        ("cid", "x", "/cid:"),
        ("ran", b"\xff", "/ran: not UTF-8"),
        ("instruction", world.instruction_cid(LITERAL), "under the instruction"),
        ("out", b"\x82bok", "/out: not DAG-CBOR"),
        ("out", 7, "/out: the number 7"),
        ("out", "text", "/out"),
        ("out", b"\x81" * 1_000_000, "/out: "),
        ("meta", b"\xf6", "/cid: says that its CID is"),
        ("prf", b"\xf6", "/prf: found null"),
        ("issuer", "did:key:z6Mk", "/cid: says that its CID is"),
        ("version", "0.1.0", 'expected the version "0.2.0"'),
    ],
)
def test_a_row_that_does_not_hold_gives_no_claim(
    running: tuple[Path, sqlite3.Connection], column: str, value: Any, reason: str
) -> None:
    path, connection = running
    connection.execute("DELETE FROM receipts")
    row = world.row(ADD, world.receipt(ADD, ["ok", 2]))
    world.insert(connection, [{**row, column: value}])
    (found,) = in_database(path, tasks(world.workflow(ADD)))
    assert isinstance(found, Unclaimed)
    assert reason in found.reason
    assert found.at == f"{path}: row 1 of receipts"


def test_a_row_has_a_limit_and_the_others_are_read(
    running: tuple[Path, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, connection = running
    large = world.row(LITERAL, world.receipt(LITERAL, ["ok", b"x" * 20_000]))
    world.insert(connection, [large])
    monkeypatch.setattr(homestar_database, "RECEIPT_BYTES_MAX", 5_000)
    first, second = in_database(path, tasks(world.workflow(ADD, LITERAL)))
    assert isinstance(first, Observed)
    assert isinstance(second, Unclaimed)
    assert second.reason == "more than 10000 bytes in a row"


def test_a_database_has_limits(
    running: tuple[Path, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, connection = running
    world.insert(connection, [world.row(NEXT, world.receipt(NEXT, ["ok", 3]))])
    monkeypatch.setattr(homestar_database, "ROWS_MAX", 1)
    with pytest.raises(FileError, match="more than 1 receipts"):
        in_database(path, Tasks())
    monkeypatch.setattr(homestar_database, "DATABASE_BYTES_MAX", 4096)
    with pytest.raises(FileError, match="at most 4096 are copied"):
        in_database(path, Tasks())


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE TABLE t (x)", "no table receipts"),
        ("CREATE VIEW receipts AS SELECT 1 AS cid", "no table receipts"),
        ("CREATE TABLE receipts (cid, ran, out)", "no instruction in it"),
        (
            "CREATE TABLE receipts (cid, ran, instruction, meta, issuer, prf, version,"
            " out AS (cid) VIRTUAL)",
            "no out in it",
        ),
    ],
)
def test_a_database_of_another_schema_is_refused(
    tmp_path: Path, statement: str, reason: str
) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()
    with pytest.raises(FileError, match=f"no database of Homestar: {reason}"):
        in_database(path, Tasks())


def test_a_database_that_is_cut_off_or_damaged_claims_nothing_false(
    running: tuple[Path, sqlite3.Connection],
) -> None:
    path, connection = running
    calls = [world.task(world.run("f", number)) for number in range(100)]
    receipts = [world.receipt(item, ["ok", "r" * 40]) for item in calls]
    rows = [world.row(*pair) for pair in zip(calls, receipts, strict=True)]
    connection.execute("DELETE FROM receipts")
    world.insert(connection, rows)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    bound, whole = tasks(world.workflow(*calls)), path.read_bytes()
    true = {world.sha3_cid(value) for value in receipts}
    bad = path.with_name("bad.db")
    faults = 0
    for at in range(100, len(whole), 1999):
        flipped = bytearray(whole)
        flipped[at] ^= 0x21
        for data in (whole[:at], bytes(flipped)):
            bad.write_bytes(data)
            claimed = set()
            try:
                with opened_database(bad) as read:
                    for item in receipts_seen(read, bound):
                        if isinstance(item, Observed):
                            claimed.add(item.item)
            except FileError:
                faults += 1
            assert claimed <= true
    assert faults


def test_a_database_that_never_stands_still_is_refused(
    running: tuple[Path, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, connection = running
    copy_file = homestar_database._copy_file
    counter = itertools.count()

    def copy_while_written(source: Path, target: Path) -> None:
        copy_file(source, target)
        name = str(next(counter))
        connection.execute(
            "INSERT INTO workflows VALUES (?, '', 0, x'', 0, 0, 'pending', 0)", (name,)
        )

    monkeypatch.setattr(homestar_database, "_copy_file", copy_while_written)
    with pytest.raises(FileError, match="written to while it was copied, 8 times"):
        in_database(path, Tasks())


# As people meet it


@pytest.fixture
def key(octostore: Command) -> str:
    assert octostore("key", "new", "me.key").code == 0
    return "me.key"


def test_receipts_are_claimed_and_asked_for(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    (tmp_path / "workflow.json").write_bytes(world.workflow(ADD, NEXT))
    rows = [
        world.row(ADD, world.receipt(ADD, ["ok", 2])),
        world.row(NEXT, world.receipt(NEXT, ["ok", 3])),
    ]
    world.database(tmp_path / "homestar.db", rows).close()
    (tmp_path / "other.json").write_bytes(world.as_json(world.receipt(ADD, ["ok", 7])))
    arguments = ("--workflow", "workflow.json", "--key", key, "--json")
    said = octostore("harvest", "homestar", "homestar.db", "other.json", *arguments)
    assert said.code == 0
    assert [item["item"] for item in said.json["claimed"]] == [
        world.sha3_cid(world.receipt(ADD, ["ok", 2])),
        world.sha3_cid(world.receipt(NEXT, ["ok", 3])),
        world.sha3_cid(world.receipt(ADD, ["ok", 7])),
    ]
    first, second, _ = said.json["claimed"]
    (answer,) = octostore("who", first["invocation"], "--json").json["invocations"]
    assert answer["conflicts"] == ["value"]
    assert {item["value"] for item in answer["outputs"]["value"]} == {
        str(CID.of_block(b"\x02")),
        str(CID.of_block(b"\x07")),
    }
    # Two receipts of ADD differ, so what NEXT was given is not known.
    assert not octostore("who", second["invocation"], "--json").json["links"]
    again = octostore("harvest", "homestar", "homestar.db", *arguments)
    assert (again.json["known"], again.json["claimed"]) == (2, [])


def test_a_link_of_a_replayed_promise_is_shown(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    (tmp_path / "workflow.json").write_bytes(world.workflow(ADD, NEXT))
    for name, item, value in (("a", ADD, 2), ("b", NEXT, 3)):
        (tmp_path / name).write_bytes(world.as_cbor(world.receipt(item, ["ok", value])))
    arguments = ("--workflow", "workflow.json", "--key", key, "--json")
    said = octostore("harvest", "homestar", "a", "b", *arguments)
    deferred = said.json["claimed"][1]["invocation"]
    answer = octostore("who", deferred, "--json").json
    assert len(answer["links"]) == 1
    # It is found from the other side, too.
    assert octostore("who", str(reduced(2)), "--json").json["links"] == answer["links"]


def test_a_file_that_holds_no_receipt_ends_with_2_after_the_others(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    (tmp_path / "workflow.json").write_bytes(world.workflow(ADD))
    (tmp_path / "good").write_bytes(world.as_json(GOOD))
    (tmp_path / "bad").write_bytes(world.as_json(GOOD)[:-1])
    arguments = ("--workflow", "workflow.json", "--key", key, "--json")
    said = octostore("harvest", "homestar", "bad", "good", *arguments)
    assert said.code == 2
    assert len(said.json["claimed"]) == 1
    assert said.json["reason"] == "1 of 2 files hold no receipt that is known here"
    assert octostore("harvest", "homestar", "missing", *arguments).code == 2


def test_a_workflow_without_a_ran_is_refused(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    (tmp_path / "good").write_bytes(world.as_json(GOOD))
    (tmp_path / "bare.json").write_text(json.dumps(ADD["run"]))
    other = Path(__file__).parents[2] / "examples" / "kepler" / "ucan-task.json"
    for name in ("bare.json", other):
        said = octostore(
            "harvest", "homestar", "good", "--workflow", name, "--key", key
        )
        assert said.code == 2
        assert f"{name}: no task in it has a `ran`" in said.err


def test_the_run_of_svg_to_png_comes_out_whole(
    octostore: Command, key: str, shared_fixtures: Path, tmp_path: Path
) -> None:
    """Its README states the CIDs of what ran and of the receipt; see INDEX.md."""
    folder = shared_fixtures / "ipvm" / SVG
    workflow = folder / "6c916cd6_workflow.json"
    (receipt,) = folder.glob("receipt-*.dag-cbor")
    said = octostore(
        "harvest", "homestar", receipt, "--workflow", workflow, "--key", key, "--json"
    )
    assert said.code == 0
    (claimed,) = said.json["claimed"]
    assert claimed["item"] == SVG_RECEIPT
    (outcome,) = canonicalize(workflow.read_bytes())
    assert outcome.aliases["homestar-ran"] == SVG_RAN
    assert claimed["invocation"] == str(outcome.invocation and outcome.invocation.cid)
    png = CID.of_bytes((folder / "expected.png").read_bytes())
    (answer,) = octostore("who", workflow, "--json").json["invocations"]
    ((value,),) = answer["outputs"].values()
    assert value["value"] == str(png)
    (claim,) = answer["claims"]
    assert claim["network"] == "ipvm"
    block = receipt.read_bytes()
    with Octostore.open(tmp_path / "store") as store:
        assert store.find(CID.of_block(block)) == block


def test_a_run_of_svg_to_png_that_traps_has_no_receipt(
    octostore: Command, key: str, shared_fixtures: Path
) -> None:
    """The receipt of another task is no receipt of it."""
    folder = shared_fixtures / "ipvm" / SVG
    (receipt,) = folder.glob("receipt-*.dag-cbor")
    broken = folder / "broken_workflow.json"
    said = octostore(
        "harvest", "homestar", receipt, "--workflow", broken, "--key", key, "--json"
    )
    assert said.json["claimed"] == []
    assert "a receipt without its workflow" in said.json["unclaimed"][0]["reason"]


def test_the_input_that_a_promise_reduces_to_is_one_that_decodes() -> None:
    (outcome,) = canonicalize(world.workflow(world.task(world.run("add_one", 2))))
    assert outcome.input is not None
    assert Input.from_block(outcome.input.block) == outcome.input
    assert dagcbor.decode(outcome.input.block) == {"args": [2]}
