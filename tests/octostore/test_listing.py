"""Claims listed by who signed them and by what they are about, page by page."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model import Import, Input, WasiProgram
from octostore.errors import NotFoundError
from octostore.questions import listing
from octostore.questions.listing import Listed, Listing, claims
from octostore.records import Failure, Withdrawal
from octostore.result import Result
from octostore.store import Octostore
from tests.octostore.world import C1, D1, R1, R2, Issuer, Ran, block_of, claim, data

OTHER = Ran(input=Input(files={"/d": data("D2"), "/again": D1}))
FAR = Ran(program=WasiProgram(data("C2"), imports=(Import(C1),)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


def take(store: Octostore, issuer: Issuer, ran: Ran, got: Result | Failure) -> CID:
    statement, blocks = issuer.claims(ran, got)
    assert store.ingest(blocks, [statement.envelope_cid]).accepted
    return claim(ran, got).cid


def page(store: Octostore, asked: Listed, **more: object) -> Listing:
    with store.view() as view:
        return claims(view, asked, **more)  # type: ignore[arg-type] # limit, after


def walked(store: Octostore, asked: Listed, limit: int) -> list[tuple[CID, CID]]:
    """Claims of all pages, with their statements; each page within its limit."""
    found: list[tuple[CID, CID]] = []
    after: str | None = None
    while True:
        got = page(store, asked, limit=limit, after=after)
        assert len(got.claims) <= limit
        found += [(item.claim, item.statement) for _, item in got.claims]
        if got.next is None:
            return found
        after = got.next


@pytest.fixture
def world(store: Octostore) -> dict[str, list[CID]]:
    """What each question should find, as sets by its name."""
    a, b = Issuer("a"), Issuer("b", bytes(15) + b"b")
    one = take(store, a, Ran(), Result({"/r.csv": R1}, 0))
    two = take(store, b, Ran(), Result({"/r.csv": R1, "/s": R2}, 0))
    three = take(store, b, OTHER, Result({"/r.csv": R2}, 0))
    four = take(store, a, FAR, Failure("trap"))
    return {
        "C1": [one, two, three, four],
        "program": [one, two, three],
        "D1": [one, two, three, four],
        "input": [one, two, four],
        "R1": [one, two],
        "R2": [two, three],
        "a": [one, four],
        "b": [two, three],
        "K": [one, two],
    }


def asked_of(name: str) -> Listed:
    return {
        "C1": Listed(program=C1),
        "program": Listed(program=Ran().program.cid),
        "D1": Listed(input=D1),
        "input": Listed(input=Ran().input.cid),
        "R1": Listed(output=R1),
        "R2": Listed(output=R2),
        "a": Listed(issuer=Issuer("a").key.public),
        "b": Listed(issuer=Issuer("b").key.public),
        "K": Listed(invocation=Ran().cid),
    }[name]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
@pytest.mark.parametrize("name", ["C1", "program", "D1", "input", "R1", "R2", "a", "b"])
def test_every_claim_comes_once_however_short_the_pages(
    store: Octostore, world: dict[str, list[CID]], name: str, limit: int
) -> None:
    found = walked(store, asked_of(name), limit)
    assert len(set(found)) == len(found)
    assert {cid for cid, _ in found} == set(world[name])


def test_claims_of_an_invocation_stand_as_they_were_logged(
    store: Octostore, world: dict[str, list[CID]]
) -> None:
    assert [cid for cid, _ in walked(store, asked_of("K"), 1)] == world["K"]


def test_each_claim_says_what_it_is_about(
    store: Octostore, world: dict[str, list[CID]]
) -> None:
    value = page(store, Listed(program=C1)).to_json()
    told = value["claims"]
    assert isinstance(told, list)
    assert {item["invocation"] for item in told} == {
        str(ran.cid) for ran in (Ran(), OTHER, FAR)
    }
    assert value["asked"] == {"program": str(C1)}


def test_a_full_last_page_has_no_next(
    store: Octostore, world: dict[str, list[CID]]
) -> None:
    for name, expected in world.items():
        found = page(store, asked_of(name), limit=len(expected))
        assert len(found.claims) == len(expected), name
        assert found.next is None, name


@pytest.mark.parametrize("name", ["C1", "D1", "R1", "a", "K"])
def test_a_cursor_survives_what_is_logged_meanwhile(
    store: Octostore, world: dict[str, list[CID]], name: str
) -> None:
    before = walked(store, asked_of(name), 1000)
    first = page(store, asked_of(name), limit=1)
    late = Issuer("a", seq=2, prev=None)
    late.chain = b"\xff" * 16
    late.seq = 0
    newest = take(store, late, Ran(), Result({"/r.csv": R1}, 7))
    rest: list[tuple[CID, CID]] = []
    after = first.next
    while after is not None:
        got = page(store, asked_of(name), limit=1, after=after)
        rest += [(item.claim, item.statement) for _, item in got.claims]
        after = got.next
    shown = [(item.claim, item.statement) for _, item in first.claims] + rest
    assert [item for item in shown if item[0] != newest] == before
    assert len(set(shown)) == len(shown)


def test_one_statement_of_many_records_is_divided(store: Octostore) -> None:
    issuer = Issuer("many")
    records = [claim(Ran(), Failure("trap"), job=f"{n}") for n in range(7)]
    gone = Withdrawal(claim=records[3].cid, why="wrong")
    statement, blocks = issuer.state([*records[:5], gone, *records[5:]], Ran().blocks)
    assert store.ingest(blocks, [statement.envelope_cid]).accepted
    asked = Listed(issuer=issuer.key.public)
    assert [cid for cid, _ in walked(store, asked, 2)] == [one.cid for one in records]
    withdrawn = [item.withdrawn for _, item in page(store, asked).claims]
    assert withdrawn == [False] * 3 + [True] + [False] * 3


def test_a_page_costs_a_bounded_number_of_looks(
    store: Octostore, world: dict[str, list[CID]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LOOKS_MAX", 2)
    for name in ("C1", "R2", "a"):
        found = walked(store, asked_of(name), 1000)
        assert {cid for cid, _ in found} == set(world[name]), name


def test_as_of_before_a_claim_is_not_there(
    store: Octostore, world: dict[str, list[CID]]
) -> None:
    for size in range(5):
        with store.view(size) as view:
            found = claims(view, Listed(program=C1))
        assert {item.claim for _, item in found.claims} == set(world["C1"][:size])
        with store.view(size) as view:
            of_a = claims(view, asked_of("a"))
        assert [item.index for _, item in of_a.claims] == [0, 3][
            : (size > 0) + (size > 3)
        ]
    with store.view(5) as view, pytest.raises(NotFoundError):
        claims(view, Listed(program=C1))


def test_nothing_is_an_answer(store: Octostore, world: dict[str, list[CID]]) -> None:
    for asked in (
        Listed(program=data("x")),
        Listed(output=data("x")),
        Listed(invocation=Ran().program.cid),
        Listed(issuer=Issuer("nobody").key.public),
    ):
        found = page(store, asked)
        assert (found.claims, found.next) == ((), None)


@pytest.mark.parametrize("text", ["", "?", "AAAA", "A" * 67, "A" * 69, "\u20ac" * 8])
@pytest.mark.parametrize("name", ["C1", "R1", "a", "K"])
def test_what_is_no_cursor_is_refused(store: Octostore, name: str, text: str) -> None:
    with pytest.raises(DocumentError):
        page(store, asked_of(name), after=text)


@pytest.mark.parametrize("fill", [b"\0", b"\x01", b"\xff"])
@pytest.mark.parametrize("name", ["C1", "D1", "R1", "a", "K"])
def test_a_cursor_of_any_bytes_finds_nothing_twice(
    store: Octostore, world: dict[str, list[CID]], name: str, fill: bytes
) -> None:
    size = {"a": 36, "K": 18}.get(name, 51)
    after = base64.urlsafe_b64encode(fill * size).decode().rstrip("=")
    found = page(store, asked_of(name), after=after)
    assert {item.claim for _, item in found.claims} <= set(world[name])


def test_blocks_are_found_by_role_alone(
    store: Octostore, world: dict[str, list[CID]]
) -> None:
    assert page(store, Listed(input=C1)).claims == ()
    assert page(store, Listed(program=D1)).claims == ()
    assert block_of(Ran().input)[0] != Ran().program.cid
