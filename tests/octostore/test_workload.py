"""What the benchmarks bring in is a sound store, however it comes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from benchmarks.workload import Shape, deliveries
from octostore import tables
from octostore.check import check
from octostore.engine.choice import ENGINES
from octostore.store import Octostore

Rows = dict[str, list[tuple[bytes, bytes]]]


def rows(store: Octostore) -> Rows:
    with store.view() as view:
        return {item.name: list(view.rows.scan(item.name)) for item in tables.TABLES}


@pytest.mark.parametrize("engine", ENGINES)
def test_one_workload_gives_the_same_rows_whatever_way_it_comes(
    tmp_path: Path, engine: str
) -> None:
    with (
        Octostore.open(tmp_path / "cars", engine=engine) as cars,
        Octostore.open(tmp_path / "blocks", engine=engine) as blocks,
    ):
        for delivery in deliveries(Shape(600, 100, 200)):
            assert len(cars.ingest_car(io.BytesIO(delivery.car)).accepted) == 2
            roots = [item.envelope_cid for item in delivery.statements]
            assert len(blocks.ingest(delivery.blocks, roots).accepted) == 2
        kept = rows(cars)
        assert rows(blocks) == kept
        assert len(kept["claims"]) == 600
        assert not check(cars).faults
        cars.rebuild()
        assert rows(cars) == kept


def test_a_thin_workload_is_complete_because_the_rest_came_before(
    tmp_path: Path,
) -> None:
    with Octostore.open(tmp_path / "store") as store:
        for delivery in deliveries(Shape(400, 100, 100, is_thin=True)):
            receipt = store.ingest_car(io.BytesIO(delivery.car))
            assert len(receipt.accepted) == 1
            assert not receipt.skipped
            assert delivery.blocks == delivery.new


def test_the_workload_is_the_same_each_time() -> None:
    first, again = (list(deliveries(Shape(50, 10, 20))) for _ in range(2))
    assert [item.car for item in first] == [item.car for item in again]
