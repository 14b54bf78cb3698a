from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import invocation_spec
import octostore_server
from invocation_spec.errors import CidError, OctostoreError
from octostore.errors import (
    NotFoundError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
)
from octostore.store import Octostore
from octostore_server import errors
from tests.modules import import_all
from tests.server.conftest import client_of

pytestmark = pytest.mark.anyio

#: What people and tools meet before or beside a server, and no request can raise.
ELSEWHERE = ("octostore.cli", "octostore.runner", "tests")


def leaves(
    kind: type[OctostoreError] = OctostoreError,
) -> Iterator[type[OctostoreError]]:
    children = kind.__subclasses__()
    if not children and not kind.__module__.startswith(ELSEWHERE):
        yield kind
    for child in children:
        yield from leaves(child)


def test_every_leaf_has_a_row() -> None:
    import_all(invocation_spec, octostore_server)
    found = list(leaves())
    assert len(found) > 20
    for leaf in found:
        rows = [kind for kind in leaf.__mro__ if kind in errors.STATUS]
        assert rows, f"{leaf.__name__} has no status"
        assert errors.status_of(leaf) == errors.STATUS[rows[0]]


def test_codes_are_unique_and_make_a_urn() -> None:
    codes = [leaf.code for leaf in leaves()]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("-", "").isalpha() for code in codes)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (NotFoundError("no such block", at="bafy"), 404, "no such block"),
        (CidError("'x' is no CID"), 400, "'x' is no CID"),
        (errors.QueryError("ask otherwise", at="query/x"), 400, "ask otherwise"),
        (StoreLockedError("process 12 has it", at="/secret"), 503, "busy"),
        (StoreFullError("no space left", at="/secret"), 507, "no space"),
        (StoreCorruptError("block 7 has changed", at="/secret"), 500, "a fault"),
        (StoreError("permission denied", at="/secret"), 500, "a fault"),
        (ValueError("a bug with /secret"), 500, "a fault"),
    ],
)
async def test_each_error_leaves_as_a_problem_that_tells_no_secret(
    error: Exception, status: int, told: str
) -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/")
    def fail() -> None:
        raise error

    async with client_of(app) as api:
        answer = await api.get("/")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    code = error.code if isinstance(error, OctostoreError) else "fault"
    assert problem["type"] == f"urn:octostore:error:{code}"
    assert problem["status"] == status
    assert told in problem["detail"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


async def test_an_unknown_route_is_a_problem(api: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/v1", "/ipfs/", "/v1/who/", "/ipfs"):
        answer = await api.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["type"] == "urn:octostore:error:no-route"


async def test_another_method_is_a_problem_that_names_the_right_ones(
    api: httpx.AsyncClient,
) -> None:
    for method, path in (("GET", "/v1/statements"), ("POST", "/ipfs/x"), ("PUT", "/")):
        answer = await api.request(method, path)
        assert answer.status_code == 405, path
        assert answer.json()["type"] == "urn:octostore:error:method"
        assert answer.headers["allow"]


async def test_health_is_the_log(api: httpx.AsyncClient, store: Octostore) -> None:
    answer = await api.get("/healthz")
    assert answer.status_code == 200
    checkpoint = store.checkpoint().to_json()
    assert answer.json() == {"status": "ok", "checkpoint": checkpoint}


async def test_health_fails_with_the_store(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    store.close()
    answer = await api.get("/healthz")
    assert answer.status_code >= 500
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_table_of_errors_says_each_status() -> None:
    text = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
    first, _, beside = text.partition("Over HTTP alone")
    rows = {row[0]: row[1:] for row in _rows(first)}
    for leaf in leaves():
        if any(kind in errors.STATUS for kind in leaf.__mro__) and leaf.code in rows:
            assert rows[leaf.code][-1] == str(errors.status_of(leaf)), leaf.code
    told = {row[0]: row[1] for row in _rows(beside)}
    for kind in errors.RequestError.__subclasses__():
        assert told[kind.code] == str(errors.status_of(kind))
    for code in ("no-route", "method", "fault"):
        assert code in told


def _rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
