"""Who may deliver: tokens, listed issuers, and how often."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import httpx
import pytest

from octostore.client import Remote
from octostore.errors import FileError
from octostore.store import Octostore
from octostore.told import RemoteError
from octostore_server import writers as writers_module
from octostore_server.app import create_app
from octostore_server.errors import TooManyError
from octostore_server.settings import Settings
from octostore_server.writers import LIST_BYTES_MAX, Writers
from tests.octostore.world import Issuer
from tests.server.conftest import CAR, Story, car_of, client_of, serving

pytestmark = pytest.mark.anyio

TOKEN = "5f" * 32
OTHER = "0a" * 32


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# ours\n\ncaltech {hashed(TOKEN)}\nbristol\t{hashed(OTHER)}\n")
    return path


@pytest.fixture
def issuers(tmp_path: Path) -> Path:
    path = tmp_path / "writers"
    names = ("bristol", "caltech")
    path.write_text("\n".join(str(Issuer(name).key.public.did) for name in names))
    return path


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        ("Bearer ", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Bearer {TOKEN} ", 401),
        (f"Bearer {hashed(TOKEN)}", 401),
        (f"Bearer {'x' * 4000}", 401),
        (f"Bearer {TOKEN}", 201),
        (f"bearer {OTHER}", 201),
    ],
)
async def test_a_delivery_needs_a_token_that_is_listed(
    store: Octostore,
    tmp_path: Path,
    tokens: Path,
    story: Story,
    authorization: str | None,
    status: int,
) -> None:
    app = create_app(store, Settings(path=tmp_path, tokens_file=tokens))
    headers = dict(CAR)
    if authorization is not None:
        headers["authorization"] = authorization
    async with client_of(app) as api:
        answer = await api.post(
            "/v1/statements", content=story.cars[0], headers=headers
        )
        assert answer.status_code == status
        if status == 401:
            assert answer.json()["type"] == "urn:octostore:error:unauthorized"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in answer.text
        assert (await api.get("/v1/issuers")).status_code == 200, "reads are public"
    assert store.checkpoint().size == (status == 201)


async def test_only_listed_issuers_write_and_a_mixed_delivery_is_refused_whole(
    store: Octostore, tmp_path: Path, issuers: Path, story: Story
) -> None:
    app = create_app(store, Settings(path=tmp_path, writers_file=issuers))
    bristol, blocks = Issuer("bristol", bytes(15) + b"x").says("Bristol")
    mallory, others = Issuer("mallory", bytes(15) + b"x").says("Mallory")
    hidden = car_of([bristol.envelope_cid], [*blocks, *others])
    async with client_of(app) as api:
        for body in (story.cars[4], hidden):
            refused = await api.post("/v1/statements", content=body, headers=CAR)
            assert refused.status_code == 403, refused.text
            assert refused.json()["type"] == "urn:octostore:error:forbidden"
            assert refused.json()["at"] == str(mallory.part.iss)
        assert store.checkpoint().size == 0
        for body in story.cars[:4]:
            taken = await api.post("/v1/statements", content=body, headers=CAR)
            assert taken.status_code == 201
        broken = await api.post("/v1/statements", content=b"no car", headers=CAR)
        assert broken.status_code == 400
    assert store.checkpoint().size == 4


async def test_who_delivers_too_often_is_told_when_to_come_again(
    store: Octostore, tmp_path: Path, tokens: Path, story: Story
) -> None:
    settings = Settings(path=tmp_path, tokens_file=tokens, deliveries_per_minute=2)
    async with client_of(create_app(store, settings)) as api:

        async def deliver(token: str, body: bytes) -> httpx.Response:
            headers = {**CAR, "authorization": f"Bearer {token}"}
            return await api.post("/v1/statements", content=body, headers=headers)

        assert (await deliver(TOKEN, story.cars[0])).status_code == 201
        assert (await deliver(TOKEN, story.cars[1])).status_code == 201
        third = await deliver(TOKEN, story.cars[2])
        assert third.status_code == 429
        assert third.json()["type"] == "urn:octostore:error:too-many"
        assert 1 <= int(third.headers["retry-after"]) <= 61
        # One who waits keeps nobody else waiting.
        assert (await deliver(OTHER, story.cars[2])).status_code == 201


async def test_addresses_are_counted_where_there_are_no_tokens(
    store: Octostore, tmp_path: Path, story: Story
) -> None:
    settings = Settings(path=tmp_path, deliveries_per_minute=1)
    writers = Writers(settings)
    writers.admit(None, "192.0.2.1")
    writers.admit(None, "192.0.2.2")
    async with client_of(create_app(store, settings)) as api:
        found = [
            (await api.post("/v1/statements", content=one, headers=CAR)).status_code
            for one in story.cars[:2]
        ]
    assert found == [201, 429]


def test_the_addresses_of_one_network_are_one_who_asks(tmp_path: Path) -> None:
    writers = Writers(Settings(path=tmp_path, deliveries_per_minute=1))
    writers.admit(None, "2001:db8:0:1::1")
    writers.admit(None, "2001:db8:0:2::1")
    writers.admit(None, "192.0.2.1")
    for address in ("2001:db8:0:1:ffff::2", "::ffff:192.0.2.1"):
        with pytest.raises(TooManyError):
            writers.admit(None, address)


def test_so_many_addresses_are_remembered_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers_module, "ASKING_MAX", 8)
    writers = Writers(Settings(path=tmp_path, deliveries_per_minute=1))
    for number in range(100):
        writers.admit(None, f"192.0.2.{number}")
        assert len(writers._asked.events) <= 8
    with pytest.raises(TooManyError):
        writers.admit(None, "192.0.2.99")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("tokens_file", "caltech"),
        ("tokens_file", f"caltech {TOKEN.upper()}"),
        ("tokens_file", f"caltech {TOKEN[1:]}"),
        ("tokens_file", f"two words {TOKEN}"),
        ("writers_file", "did:web:example.org"),
        ("writers_file", "x"),
        ("writers_file", "#" * (LIST_BYTES_MAX + 1)),
        ("tokens_file", None),
    ],
)
def test_a_list_that_is_none_is_refused_when_the_server_starts(
    tmp_path: Path, field: str, text: str | None
) -> None:
    path = tmp_path / "list"
    if text is not None:
        path.write_text(text)
    settings = Settings.model_validate({"path": tmp_path, field: path})
    with pytest.raises(FileError):
        Writers(settings)


def test_a_list_of_the_largest_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("#" * LIST_BYTES_MAX)
    Writers(Settings(path=tmp_path, writers_file=path))


def test_the_client_sends_its_token_with_deliveries(
    store: Octostore, tmp_path: Path, tokens: Path, story: Story
) -> None:
    app = create_app(store, Settings(path=tmp_path, tokens_file=tokens))
    with serving(app) as url:
        with Remote(url) as remote, pytest.raises(RemoteError, match="token"):
            remote.send(io.BytesIO(story.cars[0]))
        with Remote(url, token=TOKEN) as remote:
            assert remote.send(io.BytesIO(story.cars[0])).accepted
