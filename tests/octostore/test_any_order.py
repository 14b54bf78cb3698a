"""However a delivery is cut into pieces and read, the same becomes of it."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.model import Input
from octostore.ahead import ReadAhead
from octostore.car import CarReader
from octostore.check import check
from octostore.receipt import Receipt
from octostore.statement import Statement
from octostore.store import Octostore
from tests.octostore.test_worker import Rows, car_of, ready, rows, taken
from tests.octostore.world import Blocks, Issuer, Ran, block_of, claim, data, result

SEEDS = range(24)

Car = tuple[list[CID], Blocks]


class Drops:
    """A stream that gives little at a time, so that few blocks come at once."""

    def __init__(self, data: bytes, rng: random.Random) -> None:
        self._stream, self._rng = io.BytesIO(data), rng

    def read(self, most: int = -1) -> bytes:
        return self._stream.read(self._rng.randint(1, max(1, min(most, 900))))


def receipt(number: int) -> tuple[CID, bytes]:
    """A block of evidence, in one codec or the other."""
    if number % 2:
        said = f"receipt {number}".encode()
        return CID.of_bytes(said), said
    block = dagcbor.encode({"receipt": number})
    return CID.of_block(block), block


RECEIPTS = [receipt(number) for number in range(6)]


def one(rng: random.Random, issuer: Issuer) -> tuple[Statement, Blocks]:
    """A statement of a few records that others share, with all its blocks."""
    records, blocks = [], []
    for _ in range(rng.randint(1, 4)):
        got = result(data(f"R{rng.randrange(3)}"))
        ran = Ran(input=Input(files={"/d": data(f"D{rng.randrange(3)}")}))
        more: dict[str, object] = {}
        if rng.random() < 0.3:
            its = rng.sample(RECEIPTS, rng.randint(1, 3))
            more["evidence"] = tuple(sorted(cid for cid, _ in its))
            blocks += its
        if rng.random() < 0.2:
            more["withheld"] = ("input",)
        if rng.random() < 0.2:  # no invocation is a result: skipped
            more["invocation"] = got.cid
        said = claim(ran, got, **more)
        records.append(said.cid)
        blocks += [block_of(said), block_of(got), *ran.blocks]
    statement = issuer.sign(dict.fromkeys(records))
    return statement, [(statement.envelope_cid, statement.envelope), *blocks]


def damaged(rng: random.Random, its: Blocks) -> Blocks:
    """Blocks of a statement in another order, and one may lack."""
    its = list(its)
    if rng.random() < 0.4:
        rng.shuffle(its)
    if rng.random() < 0.3:
        its.pop(rng.randrange(len(its)))
    return its


def lies(rng: random.Random, blocks: Blocks, here: list[Statement]) -> Blocks:
    """Blocks under names that are not their own, or of raw bytes, and forgeries."""
    found: Blocks = []
    if rng.random() < 0.3:
        cid, block = rng.choice(blocks)
        found.append(rng.choice([(cid, block + b"\x00"), (CID.of_bytes(block), block)]))
    if rng.random() < 0.3:
        forged = bytearray(rng.choice(here).envelope)
        forged[20] ^= 1
        found.append((CID.of_block(bytes(forged)), bytes(forged)))
    return found


def ordered(rng: random.Random, blocks: Blocks) -> Blocks:
    """The blocks of a delivery as they came, in no order, or evidence last."""
    if rng.random() < 0.3:
        return rng.sample(blocks, len(blocks))
    if rng.random() < 0.5:
        return sorted(blocks, key=lambda item: item in RECEIPTS)
    return blocks


def cars(seed: int) -> list[Car]:
    """Deliveries in which anything may lack, come twice, or in any order."""
    rng = random.Random(seed)  # noqa: S311 - a seed to repeat
    issuers = [Issuer(name) for name in "abc"]
    made: list[tuple[Statement, Blocks]] = []
    found: list[Car] = []
    for _ in range(5):
        blocks: Blocks = []
        here: list[Statement] = []
        for _ in range(rng.randint(1, 6)):
            if made and rng.random() < 0.3:
                statement, its = rng.choice(made)
            else:
                issuer = rng.choice(issuers)
                if rng.random() < 0.2:
                    issuer = replace(issuer)  # forgets what it signs: equivocates
                statement, its = one(rng, issuer)
                made.append((statement, its))
            here.append(statement)
            blocks += damaged(rng, its)
        blocks += lies(rng, blocks, here)
        roots = [rng.choice(here).envelope_cid]
        found.append((roots, ordered(rng, blocks)))
    return found


def listed(path: Path, given: list[Car]) -> tuple[list[Receipt], Rows]:
    """All is laid down before any is taken."""
    with Octostore.open(path) as store:
        found = []
        for roots, blocks in given:
            stream = io.BytesIO(car_of(roots, blocks))
            found.append(store.ingest(CarReader(stream), roots))
        return found, rows(store)


@pytest.mark.parametrize("seed", SEEDS)
def test_pieces_of_a_delivery_make_no_difference(tmp_path: Path, seed: int) -> None:
    given = cars(seed)
    expected = listed(tmp_path / "listed", given)
    with Octostore.open(tmp_path / "whole") as store:
        found = [store.ingest_car(io.BytesIO(car_of(*item))) for item in given]
        assert (found, rows(store)) == expected
    with Octostore.open(tmp_path / "drops") as store:
        rng = random.Random(seed)  # noqa: S311 - a seed to repeat
        found = [
            store.ingest_car(cast("BinaryIO", Drops(car_of(*item), rng)))
            for item in given
        ]
        assert (found, rows(store)) == expected
        assert not check(store).faults


def dropping(given: list[Car], seed: int) -> Iterator[BinaryIO]:
    rng = random.Random(seed)  # noqa: S311 - a seed to repeat
    for item in given:
        yield cast("BinaryIO", Drops(car_of(*item), rng))


@pytest.mark.parametrize("is_dropping", [False, True])
def test_nor_does_a_worker(tmp_path: Path, is_dropping: bool) -> None:
    for seed in SEEDS[:6]:  # each starts a worker
        given = cars(seed)
        expected = listed(tmp_path / f"{seed} listed", given)
        with Octostore.open(tmp_path / f"{seed} beside") as store:
            streams: Iterator[BinaryIO] = (
                dropping(given, seed)
                if is_dropping
                else (io.BytesIO(car_of(*item)) for item in given)
            )
            with ReadAhead(streams) as coming:
                coming.worker = ready()
                found = list(taken(store, coming))
                assert (found, rows(store)) == expected
