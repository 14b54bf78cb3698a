"""Bundles: what holds, what a cheat can try, and what a store makes of an answer."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dag_cbor
import pytest

from invocation_spec.errors import OctostoreError
from octostore.bundle import contents
from octostore.bundle.verify import Reading, VerifiedBundle, verify_bundle
from octostore.errors import CarError, ProofError
from octostore.tlog.note import VerifierKey
from octostore.tlog.witness import Quorum
from tests.vectors.make.bundles import Plan, World, car_of
from tests.vectors.make.rows import cid_of

_FILE = Path(__file__).parents[1] / "vectors" / "bundles.json"
ROWS: list[dict[str, Any]] = json.loads(_FILE.read_text())
GOOD = [row for row in ROWS if row["valid"]]
BAD = [row for row in ROWS if not row["valid"]]


def car(row: dict[str, Any]) -> bytes:
    return base64.b64decode(row["car"])


def of(name: str) -> bytes:
    return car(next(row for row in ROWS if row["name"] == name))


def read(row: dict[str, Any]) -> Reading:
    witnesses = tuple(VerifierKey.parse(text) for text in row.get("witnesses", ()))
    return Reading(
        io.BytesIO(car(row)),
        log=VerifierKey.parse(row["log"]) if "log" in row else None,
        quorum=Quorum(witnesses, len(witnesses)),
    )


def verified(file: bytes) -> VerifiedBundle:
    return verify_bundle(io.BytesIO(file))


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row["name"])
def test_a_bundle_holds_and_says_what_the_vector_says(row: dict[str, Any]) -> None:
    reading = read(row)
    names = [step.name for step in reading.steps()]
    assert names[-1] == "complete"
    assert names.count("witness") == len(row.get("witnesses", ()))
    found = reading.result
    claims = [
        {"statement": str(c.statement), "claim": str(c.claim), "index": c.index}
        for item in found.answer.invocations
        for c in item.claims
    ]
    assert sorted(claims, key=str) == sorted(row["claims"], key=str)
    assert found.answer.asked.to_json() == row["asked"]
    tree = found.signed.checkpoint
    assert (tree.origin, tree.size) == (row["origin"], row["entries"])
    assert (found.bundle.head[0], found.head.size) == (row["head"], row["size"])
    assert found.head.time_s == row["time"]
    assert found.is_named_by_itself == ("log" not in row)


@pytest.mark.parametrize("row", BAD, ids=lambda row: row["name"])
def test_what_does_not_hold_is_refused_at_its_step(row: dict[str, Any]) -> None:
    step = "file"
    with pytest.raises(OctostoreError) as refused:  # noqa: PT012 - where it stops
        reading = read(row)
        for _ in reading.steps():
            step = reading.step
        pytest.fail("it holds")
    step = reading.step
    assert step == row["step"], refused.value
    assert len(str(refused.value)) < 500


def _small() -> bytes:
    return of("a statement of several claims")


def _holds(file: bytes) -> bool:
    try:
        verified(file)
    except OctostoreError:
        return False
    return True


@pytest.mark.parametrize("part", range(4))
def test_one_bit_flipped_anywhere_is_refused(part: int) -> None:
    """Every byte of a file, each with one of its bits."""
    file = _small()
    assert _holds(file)
    for at in range(part, len(file), 4):
        flipped = bytearray(file)
        flipped[at] ^= 1 << at // 4 % 8
        assert not _holds(bytes(flipped)), f"byte {at}"


def test_every_bit_of_the_root_is_refused() -> None:
    file = _small()
    root = 59 + 2 + 36  # header, length, CID
    for at in range(root, root + 200):
        for bit in range(8):
            flipped = bytearray(file)
            flipped[at] ^= 1 << bit
            assert not _holds(bytes(flipped)), f"byte {at}, bit {bit}"


def test_a_file_cut_anywhere_is_refused() -> None:
    file = _small()
    for size in range(len(file)):
        with pytest.raises((CarError, ProofError)):
            verified(file[:size])


def test_every_block_left_out_or_put_elsewhere_is_refused() -> None:
    blocks = World().plan.blocks()
    assert _holds(car_of(blocks))
    for at in range(1, len(blocks)):
        block, rest = blocks[at], [*blocks[:at], *blocks[at + 1 :]]
        assert not _holds(car_of(rest)), at
        for to in range(1, len(blocks)):
            if to != at:
                moved = [*rest[:to], block, *rest[to:]]
                assert not _holds(car_of(moved)), (at, to)
            twice = [*blocks[:to], block, *blocks[to:]]
            assert not _holds(car_of(twice)), (at, to)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "most"), [("BLOCKS_MAX", 17), ("BUNDLE_BYTES_MAX", 0)]
)
def test_more_than_a_bundle_has_is_refused_soon(
    monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    blocks = World().plan.blocks()
    monkeypatch.setattr(contents, name, most or len(car_of(blocks)))
    assert _holds(car_of(blocks))
    begun = time.perf_counter()
    with pytest.raises(ProofError, match=r"more than .* blocks or .* bytes"):
        verified(car_of([*blocks, *(b"\x18" + bytes([n]) for n in range(24, 200))]))
    assert time.perf_counter() - begun < 5


def _many_items(plan: Plan) -> bytes:
    items = dag_cbor.encode({"octostore/map-proof@1": [None] * 65_537})
    root, head, _, *rest = replace(plan, wrong={"map": cid_of(items)}).blocks()
    return car_of([root, head, items, *rest])


def _many_hashes(plan: Plan) -> bytes:
    huge = replace(plan.log, declared=2**62)
    return replace(plan, log=huge, wrong={"proof": [bytes(32)] * 29_000}).car()


def _a_large_root(plan: Plan) -> bytes:
    return replace(plan, wrong={"proof": [bytes(32)] * 1_000_000}).car()


def _many_entries(plan: Plan) -> bytes:
    envelope = cid_of(plan.said[0].envelope)
    entries = [[n, envelope] for n in range(20_000)]
    wrong = {"statements": entries, "head": [20_000, cid_of(plan.log.head)]}
    return replace(plan, log=replace(plan.log, declared=2**62), wrong=wrong).car()


def _many_signatures(plan: Plan) -> bytes:
    note = plan.log.checkpoint
    wrong = {"checkpoint": note + note.split("\n\n")[1] * 100}
    return replace(plan, wrong=wrong).car()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "step"),
    [
        (_many_items, "map"),
        (_many_hashes, "entries"),
        (_a_large_root, "file"),
        (_many_entries, "entries"),
        (_many_signatures, "checkpoint"),
    ],
)
def test_very_many_of_anything_are_refused_soon(
    make: Callable[[Plan], bytes], step: str
) -> None:
    """Files that are sound up to where something is far too much of it."""
    file = make(World().plan)
    begun = time.perf_counter()
    reading = Reading(io.BytesIO(file))
    with pytest.raises(OctostoreError):
        list(reading.steps())
    assert time.perf_counter() - begun < 10
    assert reading.step == step


@pytest.mark.slow
def test_a_length_that_nobody_could_send_is_refused_at_once() -> None:
    """2^62 declared bytes of a block, and of a header."""
    huge = b"\xff" * 8 + b"\x3f"
    whole = World().plan.car()
    for file in (huge, whole[:59] + huge, whole + huge + bytes(100)):
        begun = time.perf_counter()
        with pytest.raises((CarError, ProofError)):
            verified(file)
        assert time.perf_counter() - begun < 5
