"""A server keeps the map up to its log, and proves its answers whole."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from invocation_spec.model import Input
from octostore.client import Remote
from octostore.engine import Changes
from octostore.errors import NotFoundError, ProofError, StoreFullError
from octostore.map.heads import last_head
from octostore.questions.answer import Asked
from octostore.questions.completeness import WholeProof
from octostore.questions.who import who
from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.mapping import mapping
from octostore_server.models import WhoAnswer
from octostore_server.settings import Settings
from tests.octostore.test_store import fill
from tests.octostore.world import C1, D1, Issuer, Ran, result
from tests.server.conftest import serving

pytestmark = pytest.mark.anyio
QUESTION = {"program": str(C1), "input": str(D1)}


async def test_an_answer_is_proved_when_it_is_asked_for(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    fill(store)
    for proof, status in (("0", 200), ("try", 200), ("1", 404)):
        answer = await api.get("/v1/who", params={**QUESTION, "proof": proof})
        assert answer.status_code == status
        assert "proof" not in answer.json()
        assert "map" not in answer.json()
    logged = store.update_map(1_700_000_000)
    assert logged
    for proof in ("try", "1"):
        told = (await api.get("/v1/who", params={**QUESTION, "proof": proof})).json()
        assert told["map"] == logged.to_json()
        assert WholeProof.from_json(told["proof"]).logged == logged
        model = WhoAnswer.model_validate(told)
        assert model.model_dump(exclude_unset=True) == told
    told = (await api.get("/v1/who", params=QUESTION)).json()
    assert "proof" not in told


async def test_a_question_is_asked_as_of_a_size(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    fill(store)
    for size in range(8):
        answer = await api.get("/v1/who", params={**QUESTION, "as_of": str(size)})
        told = answer.json()
        assert told["checkpoint"]["size"] == size
        claims = [c for item in told["invocations"] for c in item["claims"]]
        assert all(claim["index"] < size for claim in claims)
    answer = await api.get("/v1/who", params={**QUESTION, "as_of": "8"})
    assert answer.status_code == 404
    assert "the log has 7 entries" in answer.json()["detail"]
    for odd in ("-1", "x", str(2**48)):
        answer = await api.get("/v1/who", params={**QUESTION, "as_of": odd})
        assert answer.status_code == 400


def test_a_client_checks_the_proof_and_says_so(
    store: Octostore, tmp_path: Path
) -> None:
    fill(store)
    asked = Asked(C1, D1)
    app = create_app(store, Settings(path=tmp_path))
    with serving(app) as url, Remote(url) as remote:
        found = remote.who(asked)
        assert found.whole is None
        assert any("not proven: that nothing" in note for note in found.notes)
        with pytest.raises(NotFoundError):
            remote.who(asked, must_prove=True)
        logged = store.update_map(1_700_000_000)
        assert logged
        found = remote.who(asked, must_prove=True)
        assert found.whole
        assert found.whole.logged == logged
        assert any("proven: nothing was left out" in note for note in found.notes)
        assert remote.who(asked, as_of=2).answer.checkpoint.size == 2


def fill_more(store: Octostore) -> None:
    fill(store)
    more = Ran(input=Input(files={"/d": D1}, args=("more",)))
    assert store.ingest(Issuer("more").claims(more, result())[1]).accepted


def test_pages_are_proved_and_followed(store: Octostore, tmp_path: Path) -> None:
    fill_more(store)
    assert store.update_map(1_700_000_000)
    asked = Asked(C1, D1)
    whole = {c.claim for item in who(store, asked).invocations for c in item.claims}
    with (
        serving(create_app(store, Settings(path=tmp_path))) as url,
        Remote(url) as remote,
    ):
        found, after, pages = set(), None, 0
        while pages == 0 or after is not None:
            page = remote.who(asked, limit=1, after=after, must_prove=True)
            assert page.whole
            assert any("left out of this page" in note for note in page.notes)
            found |= {c.claim for item in page.answer.invocations for c in item.claims}
            after, pages = page.answer.next, pages + 1
        assert found == whole
        assert pages > 1
        # Where no proof is asked for, pages are as they were.
        plain = remote.who(asked, limit=1)
        assert plain.whole is None
        assert plain.answer.after is None
        with pytest.raises(NotFoundError, match="was not proved"):
            remote.who(asked, limit=1, after=plain.answer.next, must_prove=True)


async def test_another_page_than_was_asked_for_is_refused(
    store: Octostore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers each cursor with the first page."""
    fill_more(store)
    assert store.update_map(1_700_000_000)
    asked = Asked(C1, D1)
    with (
        serving(create_app(store, Settings(path=tmp_path))) as url,
        Remote(url) as remote,
    ):
        first = remote.who(asked, limit=1, must_prove=True)
        send = remote._client.send

        def forgetful(request: httpx.Request, **more: Any) -> httpx.Response:
            asked_for = request.url.copy_remove_param("after")
            return send(httpx.Request("GET", asked_for), **more)

        monkeypatch.setattr(remote._client, "send", forgetful)
        with pytest.raises(ProofError, match="another page than was asked for"):
            remote.who(asked, limit=1, after=first.answer.next, must_prove=True)


def test_the_map_follows_while_the_server_runs_and_once_at_its_end(
    store: Octostore,
) -> None:
    def covered() -> int:
        with store.view() as view:
            head = last_head(view.rows)
        return 0 if head is None else head.head.size

    with mapping(store, 0.01):
        for number in range(3):
            store.ingest(Issuer(f"{number}").claims(Ran(), result())[1])
            size = store.checkpoint().size
            wait = threading.Event()
            for _ in range(2000):
                if covered() >= size - 1:
                    break
                wait.wait(0.01)
            assert covered() >= size - 1
    with mapping(store, 3600):
        store.ingest(Issuer("late").claims(Ran(), result())[1])
    with store.view() as view:
        head = last_head(view.rows)
        assert head
        assert head.entry == view.checkpoint().size - 1


def test_a_disk_that_fails_is_told_and_tried_again(
    store: Octostore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine refuses one batch, as a full disk makes it."""
    fill(store)
    engine = store._engine
    failed: list[Changes] = []
    whole = engine.apply

    def apply(changes: Changes) -> None:
        if not failed:
            failed.append(changes)
            raise StoreFullError("no space left; free some and try again")
        whole(changes)

    monkeypatch.setattr(engine, "apply", apply)
    with caplog.at_level(logging.ERROR, "uvicorn.error"):
        with mapping(store, 3600):
            pass
        assert "the map is not updated: no space left" in caplog.text
        with mapping(store, 3600):
            pass
    with store.view() as view:
        assert last_head(view.rows)


def test_a_reader_and_a_server_told_never_to_do_not_map(tmp_path: Path) -> None:
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
        with mapping(store, 0):
            pass
        assert store.checkpoint().size == 7
    with (
        Octostore.open(tmp_path / "store", readonly=True) as store,
        mapping(store, 0.01),
    ):
        assert store.checkpoint().size == 7
