"""The log over HTTP, read as a stranger reads it."""

from __future__ import annotations

import io
import secrets
from pathlib import Path

import httpx
import pytest

from octostore.log_key import LogKey
from octostore.store import Octostore
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import leaf_hash, range_root
from octostore.tlog.tiles import Tile, decode_entries, tiles_of
from octostore.tlog.verified import VerifiedTiles
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.test_log_rows import grow
from tests.server.conftest import client_of

pytestmark = pytest.mark.anyio


async def test_a_client_reads_the_whole_log(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    grow(store, 7)
    answer = await api.get("/checkpoint")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    key = LogKey.open(store.path).verifier
    tree = SignedCheckpoint.open(answer.content, key).checkpoint
    assert tree.size == 7
    files: dict[Tile, bytes] = {}
    for tile in tiles_of(7):
        found = await api.get(f"/{tile.path}")
        assert found.status_code == 200
        assert found.headers["content-type"] == "application/octet-stream"
        assert "immutable" in found.headers["cache-control"]
        files[tile] = found.content
    read = VerifiedTiles(files.__getitem__, 7, tree.root)
    assert range_root(read, 0, 7) == tree.root
    entries = decode_entries(files[Tile(-1, 0, 7)], 7)
    assert b"".join(map(leaf_hash, entries)) == files[Tile(0, 0, 7)]


async def test_a_client_reads_the_blocks_of_a_bundle_and_the_key(
    api: httpx.AsyncClient, store: Octostore, tmp_path: Path
) -> None:
    grow(store, 7)
    vkey = (await api.get("/vkey")).text
    assert vkey == f"{LogKey.open(store.path).verifier}\n"
    found = await api.get("/blocks/000.p/7")
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("application/vnd.ipld.car")
    with Octostore.open(tmp_path / "fresh") as fresh:
        receipt = fresh.ingest_car(io.BytesIO(found.content))
        assert receipt.sound
        assert fresh.checkpoint() == store.checkpoint()
    held = {"if-none-match": found.headers["etag"]}
    assert (await api.get("/blocks/000.p/7", headers=held)).status_code == 304
    for path in ("000.p/8", "000", "001", "x", "000.p/0", "entries/000"):
        assert (await api.get(f"/blocks/{path}")).status_code == 404, path


async def test_a_tile_stays_what_it_was_while_the_log_grows(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    grow(store, 3)
    first = await api.get("/tile/0/000.p/3")
    grow(store, 5)
    again = await api.get("/tile/0/000.p/3")
    assert again.content == first.content
    held = {"if-none-match": first.headers["etag"]}
    assert (await api.get("/tile/0/000.p/3", headers=held)).status_code == 304
    head = await api.head("/tile/0/000.p/3")
    assert head.headers["content-length"] == str(len(first.content))


@pytest.mark.parametrize(
    "path",
    [
        *("tile/0/000", "tile/0/000.p/6", "tile/1/000.p/1", "tile/entries/001"),
        *("tile/0/x000/000", "tile/0/0", "tile/9/000", "tile/x", "tile/0/000.p/0"),
        *("tile/0/x999/x999/x999/x999/x999/999", "tile/" + "9" * 60),
    ],
)
async def test_what_is_no_tile_of_this_log_is_not_found(
    api: httpx.AsyncClient, store: Octostore, path: str
) -> None:
    grow(store, 5)
    answer = await api.get(f"/{path}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:octostore:error:not-found"
    assert "immutable" not in answer.headers.get("cache-control", "")


async def test_a_long_path_is_refused(api: httpx.AsyncClient) -> None:
    assert (await api.get(f"/tile/{'0' * 5000}")).status_code == 400


async def test_a_server_that_only_answers_makes_no_key(
    store: Octostore, settings: Settings
) -> None:
    app = create_app(store, settings.model_copy(update={"readonly": True}))
    async with client_of(app) as client:
        assert (await client.get("/checkpoint")).status_code == 404
        assert not (store.path / "log.key").exists()
        LogKey.create(store.path, secrets.token_bytes, "log.example")
        answer = await client.get("/checkpoint")
    assert answer.text.startswith("log.example\n0\n")


async def test_a_log_that_may_not_sign_says_so_in_its_log_and_not_to_strangers(
    api: httpx.AsyncClient, store: Octostore, tmp_path: Path
) -> None:
    grow(store, 2)
    assert (await api.get("/checkpoint")).status_code == 200
    (store.path / "log.key.state").unlink()
    answer = await api.get("/checkpoint")
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    assert answer.json()["type"] == "urn:octostore:error:log-state"
