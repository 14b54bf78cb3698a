"""News of a log, from any place on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from invocation_spec.errors import DocumentError
from invocation_spec.model import Input
from octostore.questions.stream import Asked, News, Place, claims, statements
from octostore.records import Failure
from octostore.store import Octostore
from octostore.view import View
from tests.octostore.world import C1, D1, R1, Issuer, Ran, claim, data, result

OTHER = Ran(input=Input(files={"/d": data("D2")}))
Read = Callable[[View, Place, int], tuple[list[News], Place]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    """A profile; a map head; a statement of seven claims; one of another invocation."""
    with Octostore.open(tmp_path / "store") as store:
        a, b = Issuer("a"), Issuer("b")
        told = [a.says("A")]
        records = [claim(Ran(), Failure("trap"), job=f"{n}") for n in range(7)]
        told.append(a.state(records, Ran().blocks))
        told.append(b.claims(OTHER, result(R1), network="golem:polygon"))
        for statement, blocks in told:
            assert store.ingest(blocks, [statement.envelope_cid]).accepted
            store.update_map(1_700_000_000)
        yield store


def walked(store: Octostore, read: Read, at: Place, limit: int) -> list[News]:
    found: list[News] = []
    with store.view() as view:
        while at.entry < view.checkpoint().size:
            some, then = read(view, at, limit)
            assert then > at
            assert len(some) <= limit
            found, at = found + some, then
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 256])
def test_every_claim_comes_once_wherever_one_goes_on(
    store: Octostore, limit: int
) -> None:
    whole = walked(store, claims, Place(0), 256)
    assert len(whole) == 8
    assert [item.id for item in whole] == [f"2.{n}" for n in range(7)] + ["4.0"]
    assert [item.value for item in walked(store, claims, Place(0), limit)] == [
        item.value for item in whole
    ]
    for number, item in enumerate(whole):
        rest = walked(store, claims, Place.after(item.id), limit)
        assert [one.id for one in rest] == [one.id for one in whole[number + 1 :]]


@pytest.mark.parametrize("limit", [1, 2, 256])
def test_statements_come_without_map_heads(store: Octostore, limit: int) -> None:
    found = walked(store, statements, Place(0), limit)
    assert [item.id for item in found] == ["0", "2", "4"]
    assert [item.value["records"] for item in found] == [1, 7, 1]
    assert walked(store, statements, Place.after("2"), limit)[0].id == "4"


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (Asked(), 8),
        (Asked(program=C1), 8),
        (Asked(program=Ran().program.cid), 8),
        (Asked(input=D1), 7),
        (Asked(input=OTHER.input.cid), 1),
        (Asked(program=D1), 0),
        (Asked(network="golem"), 1),
        (Asked(network="golem:polygon"), 1),
        (Asked(network="gol"), 0),
        (Asked(issuer=Issuer("a").key.public.did), 7),
        (Asked(issuer=Issuer("a").key.public.did, network="golem"), 0),
    ],
)
def test_items_are_asked_for_by_what_they_are_about(
    store: Octostore, asked: Asked, count: int
) -> None:
    found = walked(store, claims, Place(0), 256)
    assert sum(asked.admits(item) for item in found) == count


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1.", ".1", "1.x", "1.2.3", "9" * 17, "1." + "9" * 15, "²"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        Place.after(text)
