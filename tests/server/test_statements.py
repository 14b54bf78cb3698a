from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.types import Message, Scope

from octostore.car import Block, CarReader
from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.world import Issuer, Ran, result
from tests.server.conftest import CAR, Story, car_of, client_of

pytestmark = pytest.mark.anyio


async def post(
    api: httpx.AsyncClient, body: bytes | AsyncIterator[bytes], **headers: str
) -> httpx.Response:
    return await api.post("/v1/statements", content=body, headers=CAR | headers)


async def test_a_delivery_is_taken_and_answered_with_its_receipt(
    api: httpx.AsyncClient, store: Octostore, story: Story
) -> None:
    answer = await post(api, story.cars[0])
    assert answer.status_code == 201
    assert answer.json() == {
        "accepted": [str(story.statements[0].cid)],
        "known": [],
        "pending": [],
        "quarantined": [],
        "skipped": [],
        "checkpoint": store.checkpoint().to_json(),
    }


async def test_what_is_known_is_200(api: httpx.AsyncClient, story: Story) -> None:
    await post(api, story.cars[0])
    answer = await post(api, story.cars[0])
    assert answer.status_code == 200
    assert answer.json()["known"] == [str(story.statements[0].cid)]


async def test_what_lacks_blocks_is_202(api: httpx.AsyncClient) -> None:
    statement, blocks = Issuer("bristol").claims(Ran(), result())
    answer = await post(api, car_of([statement.envelope_cid], blocks[:-1]))
    assert answer.status_code == 202
    assert answer.json()["pending"] == [str(statement.cid)]


async def test_a_car_that_breaks_off_is_400_and_what_was_whole_is_taken(
    api: httpx.AsyncClient, store: Octostore, story: Story
) -> None:
    answer = await post(api, story.cars[0] + b"\x40")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:octostore:error:car"
    assert "breaks off" in problem["detail"]
    assert problem["receipt"]["accepted"] == [str(story.statements[0].cid)]
    assert store.checkpoint().size == 1


@pytest.mark.parametrize("body", [b"", b"no car", b"\x00", b"\xff" * 20])
async def test_what_is_no_car_is_400(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await post(api, body)
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:octostore:error:car"


async def test_a_wrong_signature_is_422_and_the_rest_is_taken(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    good, good_blocks = Issuer("bristol").says("Bristol")
    bad, bad_blocks = Issuer("caltech").says("Caltech")
    forged = bytearray(bad.envelope)
    forged[10] ^= 1
    block = Block(type(bad.cid).of_block(bytes(forged)), bytes(forged))
    body = car_of(
        [good.envelope_cid, block.cid], [*good_blocks, block, *bad_blocks[1:]]
    )
    answer = await post(api, body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "urn:octostore:error:quarantined"
    assert problem["at"] == str(block.cid)
    assert "signature" in problem["detail"]
    assert problem["receipt"]["accepted"] == [str(good.cid)]
    assert store.checkpoint().size == 1


async def test_a_type_that_forms_can_send_is_415(
    api: httpx.AsyncClient, story: Story
) -> None:
    for kind in ("text/plain", "multipart/form-data; boundary=x", ""):
        answer = await api.post(
            "/v1/statements", content=story.cars[0], headers={"content-type": kind}
        )
        assert answer.status_code == 415, kind
        assert answer.json()["type"] == "urn:octostore:error:media-type"


async def test_a_compressed_body_is_415(api: httpx.AsyncClient, story: Story) -> None:
    answer = await post(api, story.cars[0], **{"content-encoding": "gzip"})
    assert answer.status_code == 415


class TestLimits:
    @pytest.fixture
    def settings(self, tmp_path: Path, story: Story) -> Settings:
        return Settings(
            path=tmp_path / "store",
            delivery_bytes_max=len(story.cars[1]) - 1,
            spool_memory_bytes=64,
        )

    async def test_a_body_said_to_be_too_large_is_413(
        self, api: httpx.AsyncClient, store: Octostore, story: Story
    ) -> None:
        answer = await post(api, story.cars[1])
        assert answer.status_code == 413
        assert answer.json()["type"] == "urn:octostore:error:too-large"
        assert store.checkpoint().size == 0

    async def test_a_chunked_body_that_grows_too_large_is_413(
        self, api: httpx.AsyncClient, store: Octostore, story: Story
    ) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for at in range(0, len(story.cars[1]), 100):
                yield story.cars[1][at : at + 100]

        answer = await post(api, parts())
        assert answer.status_code == 413
        assert store.checkpoint().size == 0

    async def test_a_body_at_the_limit_passes_through_the_file(
        self, api: httpx.AsyncClient, story: Story
    ) -> None:
        answer = await post(api, story.cars[0])
        assert answer.status_code == 201


async def test_a_body_that_does_not_come_is_408(
    store: Octostore, tmp_path: Path
) -> None:
    app = create_app(store, Settings(path=tmp_path, body_seconds_max=0.05))
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/statements",
        "query_string": b"",
        "headers": [(b"content-type", CAR["content-type"].encode())],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    with anyio.fail_after(10):
        await app(scope, receive, send)
    assert sent[0]["status"] == 408
    assert b"urn:octostore:error:too-slow" in sent[1]["body"]


async def test_more_deliveries_than_places_are_told_to_wait(
    store: Octostore, tmp_path: Path, story: Story
) -> None:
    app = create_app(store, Settings(path=tmp_path, deliveries_max=1))
    async with client_of(app) as api:
        with app.state.node.delivery():
            answer = await post(api, story.cars[0])
            assert answer.status_code == 429
            assert answer.headers["retry-after"]
            assert answer.json()["type"] == "urn:octostore:error:too-many"
        assert (await post(api, story.cars[0])).status_code == 201


async def test_deliveries_and_questions_go_on_at_once(
    api: httpx.AsyncClient, store: Octostore, story: Story
) -> None:
    answers: list[int] = []

    async def deliver(body: bytes) -> None:
        answers.append((await post(api, body)).status_code)

    async def ask() -> None:
        answer = await api.get("/v1/who", params={"invocation": str(story.ran.cid)})
        answers.append(answer.status_code)

    async with anyio.create_task_group() as group:
        for body in story.cars:
            group.start_soon(deliver, body)
            group.start_soon(ask)
    assert sorted(answers) == [200] * 5 + [201] * 5
    assert store.checkpoint().size == 5


async def test_a_readonly_server_takes_nothing(
    store: Octostore, tmp_path: Path, full: Story
) -> None:
    app = create_app(store, Settings(path=tmp_path, readonly=True))
    async with client_of(app) as api:
        answer = await post(api, full.cars[0])
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:octostore:error:readonly"
        assert (await api.get(f"/ipfs/{full.ran.cid}")).status_code == 200


async def test_a_statement_comes_with_all_that_verifies_it(
    api: httpx.AsyncClient, full: Story, tmp_path: Path
) -> None:
    statement = full.statements[1]
    answer = await api.get(f"/v1/statements/{statement.cid}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/vnd.ipld.car")
    assert "immutable" in answer.headers["cache-control"]
    reader = CarReader(io.BytesIO(answer.content))
    assert reader.roots == (statement.envelope_cid,)
    with Octostore.open(tmp_path / "other") as other:
        receipt = other.ingest_car(io.BytesIO(answer.content))
    assert receipt.accepted == (statement.cid,)
    assert receipt.sound


async def test_a_statement_the_client_has_is_304(
    api: httpx.AsyncClient, full: Story
) -> None:
    path = f"/v1/statements/{full.statements[1].cid}"
    etag = (await api.get(path)).headers["etag"]
    answer = await api.get(path, headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_an_unknown_statement_is_404(
    api: httpx.AsyncClient, story: Story
) -> None:
    answer = await api.get(f"/v1/statements/{story.statements[0].cid}")
    assert answer.status_code == 404
    assert answer.json()["at"] == str(story.statements[0].cid)


async def test_a_statement_of_no_cid_is_400(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/statements/nonsense")
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:octostore:error:not-a-cid"
