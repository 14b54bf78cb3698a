"""Fuzzing what networks report: receipts of Homestar, answers of Golem's activities."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from invocation_spec import DocumentError, EncodingError, canonicalize, dagcbor, dagjson
from octostore.claiming import prepare
from octostore.errors import RecordError
from octostore.harvest.golem.answers import read_batches
from octostore.harvest.golem.batches import activity_seen
from octostore.harvest.golem.ended import COMMANDS_MAX
from octostore.harvest.homestar.database import Place
from octostore.harvest.homestar.receipt import read_receipt
from octostore.harvest.homestar.receipts import receipts_seen
from octostore.harvest.homestar.tasks import Tasks
from octostore.harvest.observed import Observed
from tests.fuzz.seeds import Seeds
from tests.octostore import golem_world, homestar_world

__all__ = ["answers", "read_answer", "read_receipt_bytes", "receipts"]

_TASK = homestar_world.task(homestar_world.run("add_one", 1))
_NEXT = homestar_world.task(
    homestar_world.run(
        "add_one",
        {"await/ok": homestar_world.link(homestar_world.instruction_cid(_TASK))},
    )
)
_WORKFLOW = homestar_world.workflow(_TASK, _NEXT)

_SCRIPT = [
    golem_world.DEPLOY,
    golem_world.START,
    golem_world.run("x", capture=golem_world.STREAM),
]
_BUNDLE = json.dumps(golem_world.bundle(_SCRIPT)).encode()


def receipts() -> Seeds:
    """Receipts in all their envelopes, of tasks that are known and of others."""
    found: Seeds = []
    said: tuple[tuple[dict[str, Any], object, str | None], ...] = (
        (_TASK, ["ok", 2], None),
        (_TASK, {"ok": b"\0\1"}, "did:key:z6Mk"),
        (_NEXT, ["error", {"a": [1.5, None]}], None),
    )
    for item, out, issuer in said:
        bare = homestar_world.receipt(item, out, issuer)
        stored = {
            **bare,
            "cid": homestar_world.ipld(
                homestar_world.link(homestar_world.sha3_cid(bare))
            ),
            "version": "0.2.0",
        }
        capsule = {"ipvm/receipt": {**bare, "version": "0.2.0"}}
        notice = {"receipt": bare, "receipt_cid": stored["cid"], "metadata": None}
        for value in (bare, stored, capsule, notice):
            found.append(homestar_world.as_json(value))
            found.append(homestar_world.as_cbor(value))
    return found


def answers() -> Seeds:
    """Results and streams, in all their spellings."""
    events = golem_world.stream(_SCRIPT, {0: ["{}"], 2: ["h", [105]]})
    return [
        json.dumps(golem_world.results(3, "hi", at=2)).encode(),
        json.dumps(golem_world.results(3, [1], message=golem_world.exited(3))).encode(),
        json.dumps(events).encode(),
        golem_world.sse(events),
        golem_world.lines(events),
        golem_world.kept(events),
    ]


def read_receipt_bytes(data: bytes) -> None:
    """A receipt is its block, the same however it is written; what it says is sound."""
    try:
        found = read_receipt(data)
    except DocumentError as error:
        _check_line(str(error))
        return
    plain = replace(found, instruction=None)
    assert read_receipt(found.block) == plain, "another receipt in its block"
    with suppress(EncodingError):  # a key "/" has no DAG-JSON
        text = dagjson.encode(dagcbor.decode(found.block, floats=True))
        assert read_receipt(text.encode()) == plain, "another receipt as DAG-JSON"
    tasks = Tasks()
    tasks.add(_WORKFLOW, canonicalize(_WORKFLOW))
    place = Place("x", "x", lambda: read_receipt(data))
    for seen in receipts_seen(lambda: (place,), tasks):
        _check(seen)


def read_answer(data: bytes) -> None:
    """An answer is refused, or tells of a run that is claimed or not."""
    try:
        batches = read_batches(data)
    except DocumentError as error:
        _check_line(str(error))
        return
    assert batches
    assert all(len(batch.ended) <= COMMANDS_MAX for batch in batches)
    (outcome,) = canonicalize(_BUNDLE)
    _check(activity_seen("x", _BUNDLE, outcome, batches, {}, "x"))


def _check_line(text: str) -> None:
    assert 0 < len(text.splitlines()) <= 1, "a reason of two lines"


def _check(seen: object) -> None:
    if isinstance(seen, Observed):
        with suppress(RecordError):  # said of the run, as the harvest does
            assert prepare(seen.outcome, seen.reported).claim.block
