"""How a node tells how it is: readiness, metrics, logs, and readers beside it."""

from __future__ import annotations

import io
import json
import logging
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from octostore.store import Octostore
from octostore_server import condition
from octostore_server.app import create_app
from octostore_server.condition import MapState
from octostore_server.logs import JsonLines, log_config
from octostore_server.settings import Settings
from tests.octostore.world import C1, Issuer, Ran, result
from tests.server.conftest import CAR, Story, car_of, client_of
from tests.server.test_serving import STARTED, environment, process

pytestmark = pytest.mark.anyio

Disk = namedtuple("Disk", "total used free")


def figures(text: str) -> dict[tuple[str, str], float]:
    """Name and labels (values alone) of each figure."""
    return {
        (sample.name, " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_node_that_can_work_is_ready(
    api: httpx.AsyncClient, full: Story
) -> None:
    answer = await api.get("/readyz")
    assert answer.status_code == 200
    told = {item["name"]: item["ok"] for item in answer.json()["checks"]}
    assert told == {"store": True, "disk": True}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_disk_that_is_nearly_full_is_not_ready(
    api: httpx.AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, status in (
        (settings.free_bytes_min, 200),
        (settings.free_bytes_min - 1, 503),
    ):
        monkeypatch.setattr(shutil, "disk_usage", lambda _path, f=free: Disk(0, 0, f))
        answer = await api.get("/readyz")
        assert answer.status_code == status
    assert answer.json()["type"] == "urn:octostore:error:not-ready"
    assert "disk" in answer.json()["detail"]
    assert (await api.get("/healthz")).status_code == 200


async def test_a_map_that_nobody_updates_is_not_ready(
    store: Octostore, settings: Settings, full: Story
) -> None:
    state = MapState()
    async with client_of(create_app(store, settings, state)) as api:
        state.looked()
        assert (await api.get("/readyz")).status_code == 200
        state.looked(failing="store-full")
        failed = await api.get("/readyz")
        assert failed.status_code == 503
        (check,) = (it for it in failed.json()["checks"] if it["name"] == "map")
        assert check["says"].startswith("5 entries behind")
        state.looked()
        assert state.looked_at_s is not None
        state.looked_at_s -= 1000
        assert (await api.get("/readyz")).status_code == 503


async def test_a_store_that_fails_is_not_ready(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    store.close()
    answer = await api.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == [
        {"name": "store", "ok": False, "says": "cannot be read; its log says more"}
    ]
    assert "octostore_log_entries" not in (await api.get("/metrics")).text


async def test_metrics_tell_of_requests_deliveries_and_the_store(
    api: httpx.AsyncClient, store: Octostore, story: Story
) -> None:
    bad = story.cars[0].replace(b"Bristol", b"Brixtol")
    for body in (*story.cars, story.cars[0], bad):
        await api.post("/v1/statements", content=body, headers=CAR)
    for path in (f"/v1/claims?program={C1}", "/v1/claims", "/nowhere/x", "/nowhere/y"):
        await api.get(path)
    await api.request("BREW", "/healthz")
    store.update_map(1_700_000_000)
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    told = figures(answer.text)
    requests = "octostore_http_requests_total"
    assert told[requests, "GET /v1/claims 200"] == 1
    assert told[requests, "GET /v1/claims 400"] == 1
    assert told[requests, "POST /v1/statements 201"] == 5
    assert told[requests, "GET none 404"] == 2, "a stranger makes no row of his own"
    assert any(name == requests and "other" in row for name, row in told)
    became = "octostore_statements_total"
    assert told[became, "accepted"] == 5
    assert told[became, "known"] == 2  # the statement of the bad one is known
    assert told[became, "quarantined"] >= 1
    assert told["octostore_quarantined", ""] >= 1
    size = sum(map(len, (*story.cars, story.cars[0], bad)))
    assert told["octostore_delivered_bytes_total", ""] == size
    assert told["octostore_ingest_seconds_count", ""] == 7
    assert told["octostore_log_entries", ""] == 6
    assert told["octostore_map_lag_entries", ""] == 0
    assert told["octostore_store_bytes", ""] > 0
    assert told["octostore_deliveries", ""] == 0
    assert told["octostore_streams", ""] == 0


async def test_what_waits_is_counted_up_to_so_many(
    api: httpx.AsyncClient, store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        issuer = Issuer(f"{number}")
        statement, blocks = issuer.claims(Ran(), result())
        store.ingest_car(io.BytesIO(car_of([statement.envelope_cid], blocks[:1])))
    assert condition.condition(store).pending == 3
    monkeypatch.setattr(condition, "COUNTED_MAX", 2)
    told = figures((await api.get("/metrics")).text)
    assert told["octostore_pending", ""] == 2


def test_a_line_of_the_log_is_an_object_whatever_a_stranger_sends() -> None:
    record = logging.LogRecord(
        "uvicorn.access",
        logging.INFO,
        __file__,
        1,
        '%s - "%s %s HTTP/%s" %d',
        ("127.0.0.1:5", "GET", '/x?"\n{"level": "error"}', "1.1", 404),
        None,
    )
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert told["path"] == '/x?"\n{"level": "error"}'
    assert (told["level"], told["status"]) == ("info", 404)
    try:
        raise ValueError("why")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert "ValueError: why" in json.loads(JsonLines().format(record))["trace"]


def test_only_the_form_of_the_log_changes() -> None:
    text, lines = log_config("text"), log_config("json")
    assert text["loggers"] == lines["loggers"]
    assert text["formatters"] != lines["formatters"]


def test_readers_of_one_store_stand_beside_the_writer(
    tmp_path: Path, story: Story
) -> None:
    path = tmp_path / "store"
    with process(path) as (_, writer):
        httpx.post(f"{writer}/v1/statements", content=story.cars[0], headers=CAR)
        reader = subprocess.Popen(
            [sys.executable, "-m", "octostore_server"],
            env=environment(path) | {"OCTOSTORE_READONLY": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert reader.stderr is not None
            found = next(
                (it for line in reader.stderr if (it := STARTED.search(line))), None
            )
            assert found is not None
            url = found[1]
            httpx.post(f"{writer}/v1/statements", content=story.cars[1], headers=CAR)
            params = {"program": str(C1)}
            answer = httpx.get(f"{url}/v1/claims", params=params)
            assert len(answer.json()["claims"]) == 1, "the reader sees what is written"
            refused = httpx.post(
                f"{url}/v1/statements", content=story.cars[2], headers=CAR
            )
            assert refused.status_code == 403
            assert httpx.get(f"{url}/readyz").status_code == 200
        finally:
            reader.kill()
            reader.wait()
            if reader.stderr is not None:
                reader.stderr.close()
