"""Pages of a long answer, each proved to have all from where it begins to its end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError, OctostoreError
from invocation_spec.model import Input, Invocation
from octostore import car
from octostore.errors import NotFoundError, ProofError
from octostore.proven import VerifiedAnswer, verify_answer
from octostore.questions import claims as claims_module
from octostore.questions import paged
from octostore.questions.answer import Answer, Asked
from octostore.questions.completeness import WholeProof
from octostore.questions.evidence import ask, packed
from octostore.questions.paged import check_page
from octostore.questions.ranges import (
    Position,
    Span,
    find_position,
    page_questions,
    places_of,
)
from octostore.questions.who import who
from octostore.store import Octostore
from tests.octostore.test_completeness import (
    NONCED,
    NOW,
    OTHER,
    PLAIN,
    QUESTIONS,
    changed,
    fill,
)
from tests.octostore.test_map_proof import questions_of, rows
from tests.octostore.world import C1, D1, R2, Issuer, Ran, data, result

FOUND = (
    "code and data",
    "code and input",
    "program and data",
    "program and input",
    "invocation",
)


def fill_more(store: Octostore) -> None:
    """Some invocations with many claims, a few of which withhold things."""
    fill(store)
    for n in range(7):
        hidden: tuple[str, ...] = (("program",), ("input",), ())[n % 3]
        for ran in (PLAIN, NONCED, OTHER):
            told = Issuer(f"more {n}").claims(
                ran, result(data(f"{n}")), withheld=hidden
            )
            assert store.ingest(told[1]).accepted


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Octostore]:
    with Octostore.open(tmp_path_factory.mktemp("paged") / "store") as store:
        fill_more(store)
        assert store.update_map(NOW)
        yield store


def sent(store: Octostore, answer: Answer, proof: WholeProof) -> bytes:
    root, blocks = packed(store, answer, proof)
    return b"".join(car.chunks([root], blocks))


def read(raw: bytes, asked: Asked) -> VerifiedAnswer:
    return verify_answer(io.BytesIO(raw), asked, is_page=False)


def pages(
    store: Octostore, asked: Asked, limit: int
) -> Iterator[tuple[Answer, WholeProof]]:
    after = None
    while True:
        answer, proof = ask(store, asked, limit=limit, after=after)
        assert proof is not None
        assert answer.after == after
        yield answer, proof
        if answer.next is None:
            return
        after = answer.next


def claims(*answers: Answer) -> list[tuple[str, str]]:
    return [
        (str(claim.statement), str(claim.claim))
        for answer in answers
        for item in answer.invocations
        for claim in item.claims
    ]


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("name", FOUND)
def test_pages_together_are_the_whole_answer_and_each_is_proved(
    store: Octostore, name: str, limit: int
) -> None:
    asked = QUESTIONS[name]
    found = []
    for answer, proof in pages(store, asked, limit):
        assert len(claims(answer)) <= limit
        verified = read(sent(store, answer, proof), asked)
        assert verified.whole == proof
        assert verified.answer.to_json()["map"] == answer.to_json()["map"]
        assert claims(verified.answer) == claims(answer)
        assert any("left out of this page" in note for note in verified.notes)
        found.append(answer)
    assert len(found) > 1
    whole = claims(who(store, asked))
    assert set(claims(*found)) == set(whole)


@pytest.mark.parametrize("name", FOUND)
def test_a_claim_that_is_left_out_of_a_page_or_put_in_is_refused(
    store: Octostore, name: str
) -> None:
    asked = QUESTIONS[name]
    before: Answer | None = None
    with store.view() as view:
        for answer, proof in pages(store, asked, 3):
            check_page(view, answer, proof)
            for n, item in enumerate(answer.invocations):
                rest = answer.invocations[:n] + answer.invocations[n + 1 :]
                less = [
                    item.claims[:k] + item.claims[k + 1 :]
                    for k in range(len(item.claims))
                ]
                lies = [(*rest, replace(item, claims=some)) for some in less if some]
                for lie in (*lies, rest):
                    with pytest.raises(ProofError):
                        check_page(view, replace(answer, invocations=lie), proof)
            if before is not None:
                more = (*answer.invocations, *before.invocations)
                with pytest.raises(ProofError):
                    check_page(view, replace(answer, invocations=more), proof)
            before = answer


@pytest.mark.parametrize("name", FOUND)
def test_a_page_is_that_of_its_place_and_no_other(store: Octostore, name: str) -> None:
    asked = QUESTIONS[name]
    told = list(pages(store, asked, 2))
    ends = [None, *(answer.next for answer, _ in told if answer.next is not None)]
    with store.view() as view:
        for answer, proof in told:
            for after in ends:
                for to in ends:
                    lie = replace(answer, after=after, next=to)
                    if (after, to) != (answer.after, answer.next):
                        with pytest.raises(ProofError):
                            check_page(view, lie, proof)
            for other, another in told:
                if other is not answer:
                    with pytest.raises(ProofError):
                        check_page(view, answer, another)
            for other_name in FOUND:
                # In the middle the claims of an invocation are a page of both.
                if {name, other_name} == {"program and input", "invocation"}:
                    continue
                if other_name != name:
                    lie = replace(answer, asked=QUESTIONS[other_name])
                    with pytest.raises(ProofError):
                        check_page(view, lie, proof)


@pytest.mark.parametrize(
    "lie",
    [
        lambda told: told.pop("next"),
        lambda told: told.update(next=told["after"]),
        lambda told: told.update(after=told["next"]),
        lambda told: told.pop("after"),
        lambda told: told.update(after="AAAA"),
        lambda told: told.update(after=7),
        lambda told: told["invocations"].pop(),
        lambda told: told["invocations"][0]["claims"].pop(),
        lambda told: told["invocations"][0]["claims"][0].update(index=10**6),
        lambda told: told["map"].update(size=1),
        lambda told: told["proof"]["path"].pop(),
    ],
)
def test_a_server_that_says_something_else_of_a_page_is_refused(
    store: Octostore, lie: Any
) -> None:
    asked = QUESTIONS["invocation"]
    (_, (answer, proof), *_) = pages(store, asked, 3)
    raw = sent(store, answer, proof)
    assert read(raw, asked).whole == proof
    with pytest.raises(OctostoreError):
        read(changed(raw, lie), asked)


def test_pages_go_on_while_the_map_grows(tmp_path: Path) -> None:
    """Each is true as of its own head; none that was in the first is missed."""
    asked = QUESTIONS["invocation"]
    with Octostore.open(tmp_path / "store") as store:
        fill_more(store)
        store.update_map(NOW)
        whole = set(claims(who(store, asked)))
        after, found, n = None, [], 0
        while True:
            answer, proof = ask(store, asked, limit=2, after=after)
            assert proof
            assert read(sent(store, answer, proof), asked).whole
            found.append(answer)
            if answer.next is None:
                break
            after, n = answer.next, n + 1
            told = Issuer(f"late {n}").claims(PLAIN, result(data(f"late {n}")))
            store.ingest(told[1])
            if n % 2:
                store.update_map(NOW)
        assert whole <= set(claims(*found))
        assert len(claims(*found)) == len(set(claims(*found)))


def test_what_came_after_the_head_is_on_no_page(tmp_path: Path) -> None:
    asked = Asked(C1, D1)
    with Octostore.open(tmp_path / "store") as store:
        fill_more(store)
        store.update_map(NOW)
        before = sorted(claims(who(store, asked)))
        late = Ran(input=Input(files={"/d": D1}, args=("late",)))
        for ran in (PLAIN, late):
            store.ingest(Issuer(f"late {ran.cid}").claims(ran, result(R2))[1])
        assert len(claims(who(store, asked))) == len(before) + 2
        found = [answer for answer, _ in pages(store, asked, 4)]
        assert sorted(set(claims(*found))) == before


def test_a_page_goes_on_only_from_a_proven_one(store: Octostore) -> None:
    asked = QUESTIONS["code and data"]
    first = who(store, asked, limit=1)
    with pytest.raises(NotFoundError, match="was not proved"):
        ask(store, asked, limit=1, after=first.next)
    answer, proof = ask(store, asked, limit=1, after=first.next, must_prove=False)
    assert proof is None
    assert answer.after is None
    answer, proof = ask(store, asked, limit=1, must_prove=False)
    assert proof is None
    page, _ = ask(store, asked, limit=1)
    with pytest.raises(DocumentError, match="goes on with a proof only"):
        who(store, asked, after=page.next)
    assert ask(store, asked, after=page.next, must_prove=False)[1]
    beyond = str(Position(5, b"\x01" + b"\xff" * 128))
    for name in ("code and data", "nobody's code"):
        with pytest.raises(ProofError, match="nothing stands after"):
            ask(store, QUESTIONS[name], after=beyond)


def test_a_position_has_one_spelling(store: Octostore) -> None:
    answer, _ = ask(store, QUESTIONS["invocation"], limit=1)
    assert answer.next is not None
    position = Position.parse(answer.next)
    assert str(position) == answer.next
    for odd in (
        answer.next + "=",
        answer.next[:-1],
        answer.next[:-1] + "\u00e9",
        "Ag" + answer.next[2:],
        "",
    ):
        assert find_position(odd) is None


def test_a_page_ends_where_its_claims_have_very_many_outputs(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = QUESTIONS["invocation"]
    whole = claims(who(store, asked))
    assert len(whole) > 8
    monkeypatch.setattr(claims_module, "REPORTS_MAX", 1)
    found = [answer for answer, _ in pages(store, asked, len(whole) + 1)]
    assert len(found) > 1
    assert max(len(claims(answer)) for answer in found) == 8
    assert set(claims(*found)) == set(whole)


def test_pages_are_of_so_many_claims(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = QUESTIONS["invocation"]
    looks = 1 + sum(len(item.claims) for item in who(store, asked).invocations)
    monkeypatch.setattr(paged, "PAGED_MAX", looks + 5)
    assert ask(store, asked, limit=1)[1]
    monkeypatch.setattr(paged, "PAGED_MAX", looks - 5)
    with pytest.raises(ProofError, match="ask for one of them"):
        ask(store, asked, limit=1)


@pytest.mark.parametrize("row", rows("page"))
def test_a_page_asks_this_of_the_map(row: dict[str, Any]) -> None:
    asked = Asked(**{name: CID.parse(text) for name, text in row["asked"].items()})
    ends = [row.get(name) for name in ("after", "to")]
    page = Span(*(None if text is None else Position.parse(text) for text in ends))
    places = []
    for item in row["shown"]:
        input = Input.from_block(bytes.fromhex(item["input"]))
        ran = Invocation(CID.parse(item["program"]), input.cid)
        places.append(places_of(asked, ran, input)[0])
    assert page_questions(asked, page, places) == questions_of(row)
    for text, end in zip(ends, page, strict=True):
        assert text is None or str(end) == text


@pytest.mark.parametrize("row", rows("position", valid=False))
def test_what_is_no_position_is_refused(row: dict[str, Any]) -> None:
    assert find_position(row["text"]) is None
