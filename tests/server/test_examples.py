"""What the documents show of HTTP runs: OpenAPI examples, and docs/http.md."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from invocation_spec import canonicalize
from invocation_spec.cid import CID
from octostore.records import Claim, Profile
from octostore.result import Result
from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.examples import BODIES, PARAMETERS
from octostore_server.schemas import generated
from octostore_server.settings import Settings
from octostore_server.wanted import CAR_TYPE
from tests.octostore.world import Issuer, block_of
from tests.server.conftest import car_of, client_of

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
RESULT = "bafkreibgjmcfoqdcmvcuwoqi2vtp7uhbeayoutnffitn7svm2e7xdaphpe"
BASE = "http://127.0.0.1:8460"


@pytest.fixture
def kepler(store: Octostore) -> bytes:
    """The story of the demo, told by one key, which is the same in each run."""
    job = (ROOT / "examples" / "kepler" / "bacalhau-job.yaml").read_bytes()
    (outcome,) = canonicalize(job)
    assert outcome.program is not None
    assert outcome.input is not None
    assert outcome.invocation is not None
    got = Result({"/outputs/residuals.csv": CID.parse(RESULT)}, 0)
    name = "University of Bristol"
    record = Claim(invocation=outcome.invocation.cid, network="golem", result=got.cid)
    statement, blocks = Issuer(name).state(
        [Profile(name=name), record],
        [block_of(item) for item in (outcome.invocation, outcome.program)]
        + [block_of(outcome.input), block_of(got)],
    )
    car = car_of([statement.envelope_cid], blocks)
    assert store.ingest_car(io.BytesIO(car)).accepted == (statement.cid,)
    assert store.update_map(1_669_032_000) is not None
    return car


@pytest.fixture
async def story(
    store: Octostore, settings: Settings, kepler: bytes
) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, Any]]]:
    app = create_app(store, settings)
    async with client_of(app) as client:
        yield client, app.openapi()


def requests(document: dict[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """Method, path, type of the body, and body of each example."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            query = {}
            for item in operation.get("parameters", ()):
                if item["in"] == "path":
                    path = path.replace(f"{{{item['name']}}}", item["example"])
                elif "example" in item:
                    query[item["name"]] = item["example"]
            target = str(httpx.URL(path, params=query)) if query else path
            content = operation.get("requestBody", {}).get("content", {})
            if not content:
                yield method, target, "", None
            for kind, what in content.items():
                if "example" in what:
                    yield method, target.partition("?")[0], kind, what["example"]


async def test_every_operation_has_an_example_that_works(
    story: tuple[httpx.AsyncClient, dict[str, Any]],
) -> None:
    client, document = story
    shown = set()
    for method, path, kind, example in requests(document):
        body = example if isinstance(example, str) else json.dumps(example)
        answer = await client.request(
            method,
            path,
            content=body if kind else None,
            headers={"content-type": kind} if kind else {},
        )
        assert answer.status_code == 200, (method, path, answer.text)
        shown.add((method, path.partition("?")[0]))
    told = {(m, p) for p, methods in document["paths"].items() for m in methods}
    assert len(shown) == len(told) - 1, "a delivery is bytes; docs/http.md has one"
    assert PARAMETERS.keys() | BODIES.keys() <= {path for _, path in told}


async def test_examples_find_what_they_ask_for(
    story: tuple[httpx.AsyncClient, dict[str, Any]],
) -> None:
    client, _ = story
    who = await client.get("/v1/who", params=PARAMETERS["/v1/who"])
    assert who.json()["invocations"]
    claims = await client.get("/v1/claims", params=PARAMETERS["/v1/claims"])
    assert claims.json()["claims"]
    asked = BODIES["/v1/invocations"]["application/json"]
    keys = await client.post("/v1/invocations", json=asked)
    assert len(keys.json()["claimed"]) == 1


def commands() -> Iterator[list[str]]:
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.replace("\\\n", " ").splitlines()
            if lines[0].startswith("curl "):
                yield shlex.split(lines[0])


async def run(
    client: httpx.AsyncClient, words: list[str], files: dict[str, bytes]
) -> httpx.Response:
    method, headers, body, target = "GET", {}, None, ""
    rest = iter(words[1:])
    for word in rest:
        if word in ("-H", "--header"):
            name, _, value = next(rest).partition(":")
            headers[name] = value.strip()
        elif word in ("-d", "--data-binary"):
            given = next(rest)
            body = files[given[1:]] if given.startswith("@") else given.encode()
            method = "POST"
        elif word in ("-I", "--head"):
            method = "HEAD"
        elif word in ("-o", "--output"):
            next(rest)
        elif not word.startswith("-"):
            target = word
    assert target.startswith(BASE), words
    path = target.removeprefix(BASE)
    return await client.request(method, path, headers=headers, content=body)


async def test_each_command_of_the_guide_works(
    story: tuple[httpx.AsyncClient, dict[str, Any]], kepler: bytes
) -> None:
    client, document = story
    files = {
        "statement.car": kepler,
        "job.yaml": (ROOT / "examples/kepler/bacalhau-job.yaml").read_bytes(),
    }
    found = list(commands())
    assert len(found) >= len(document["paths"])
    for words in found:
        answer = await run(client, words, files)
        assert answer.status_code in (200, 304), (words, answer.text)


def test_the_guide_has_every_operation() -> None:
    document = json.loads(generated()["openapi.json"])
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in TEXT, (method, path)
    assert CAR_TYPE in TEXT
