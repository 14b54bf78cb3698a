"""HEAD, and compression, on every route."""

from __future__ import annotations

import gzip

import httpx
import pytest

from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.world import C1, D1, Issuer
from tests.server.conftest import Story, serving

pytestmark = pytest.mark.anyio

PATHS = (
    f"/v1/who?program={C1}&input={D1}",
    f"/v1/who?program={C1}&input={D1}&format=car",
    f"/v1/claims?program={C1}",
    "/v1/issuers",
    "/healthz",
    "/checkpoint",
    "/openapi.json",
    "/docs",
    "/",
)


@pytest.mark.parametrize("path", PATHS)
async def test_head_says_what_get_would(
    api: httpx.AsyncClient, full: Story, path: str
) -> None:
    get = await api.get(path)
    head = await api.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers == get.headers


async def test_head_of_a_problem_is_a_problem(api: httpx.AsyncClient) -> None:
    head = await api.head("/v1/claims")
    assert (head.status_code, head.content) == (400, b"")
    assert head.headers["content-type"] == "application/problem+json"
    assert (await api.head("/v1/explain")).status_code == 405


async def test_head_of_a_statement_ends_at_the_headers(
    store: Octostore, full: Story
) -> None:
    app = create_app(store, Settings(path=store.path))
    with serving(app) as url, httpx.Client(base_url=url) as client:
        for statement in full.statements:
            answer = client.head(f"/v1/statements/{statement.cid}")
            assert answer.status_code == 200
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", PATHS[2:])
async def test_text_is_compressed_for_who_accepts_it(
    api: httpx.AsyncClient, store: Octostore, full: Story, path: str
) -> None:
    plain = await api.get(path, headers={"accept-encoding": "identity"})
    async with api.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
    is_short = len(plain.content) < 1024 or path == "/checkpoint"
    assert ("content-encoding" not in answer.headers) == is_short
    assert (body if is_short else gzip.decompress(body)) == plain.content
    assert "content-encoding" not in plain.headers


async def test_bytes_by_cid_are_never_compressed(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    cid = store.add_bytes(b"a" * 100_000)
    headers = {"accept-encoding": "gzip"}
    answer = await api.get(f"/ipfs/{cid}", headers=headers)
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == "100000"
    statement, blocks = Issuer("a").says("A")
    assert store.ingest(blocks, [statement.envelope_cid]).accepted
    car = await api.get(f"/v1/statements/{statement.cid}", headers=headers)
    assert "content-encoding" not in car.headers
