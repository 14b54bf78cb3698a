from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from invocation_spec import Resolutions, canonicalize
from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.models import Outcome
from octostore_server.settings import Settings
from tests.server.conftest import client_of
from tests.server.test_who import ENVELOPE, WASM_JOB

pytestmark = pytest.mark.anyio

DOCKER_JOB = {
    "Type": "batch",
    "Tasks": [
        {
            "Name": "main",
            "Engine": {
                "Type": "docker",
                "Params": {"Image": "python:3.11", "Entrypoint": ["true"]},
            },
        }
    ],
}
IMAGE = {"oci:docker.io/library/python:3.11": "sha256:" + "ab" * 32}


async def test_a_canonical_document_gives_what_the_library_gives(
    api: httpx.AsyncClient,
) -> None:
    body = json.dumps(WASM_JOB).encode()
    answer = await api.post("/v1/canonicalize", content=body)
    assert answer.status_code == 200, answer.text
    (outcome,) = canonicalize(body)
    assert answer.json() == outcome.to_json()
    assert Outcome.model_validate(answer.json()).outcome == "canonical"


async def test_yaml_is_a_document_too(api: httpx.AsyncClient) -> None:
    import yaml

    answer = await api.post("/v1/canonicalize", content=yaml.safe_dump(WASM_JOB))
    as_json = await api.post("/v1/canonicalize", json=WASM_JOB)
    assert answer.json()["invocation"] == as_json.json()["invocation"] is not None


async def test_unresolved_is_an_answer(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/canonicalize", json=DOCKER_JOB)
    assert answer.status_code == 200
    assert answer.json()["outcome"] == "unresolved"
    assert answer.json()["invocation"] is None


async def test_impure_is_an_answer(api: httpx.AsyncClient) -> None:
    job = json.loads(json.dumps(WASM_JOB))
    job["Tasks"][0]["Network"] = {"Type": "Full"}
    answer = await api.post("/v1/canonicalize", json=job)
    assert answer.status_code == 200
    assert answer.json()["outcome"] == "impure"


async def test_several_tasks_stand_in_a_list(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/canonicalize", json=WASM_JOB | {"Count": 2})
    assert answer.status_code == 200
    assert len(answer.json()["invocations"]) == 2


async def test_an_envelope_brings_resolutions_and_network(
    api: httpx.AsyncClient,
) -> None:
    document = json.dumps(DOCKER_JOB)
    envelope = {"document": document, "network": "bacalhau", "resolutions": IMAGE}
    answer = await api.post("/v1/canonicalize", json=envelope, headers=ENVELOPE)
    assert answer.status_code == 200, answer.text
    given = Resolutions.parse(json.dumps(IMAGE).encode())
    (outcome,) = canonicalize(document.encode(), given, network="bacalhau")
    assert answer.json() == outcome.to_json()
    assert answer.json()["outcome"] == "canonical"


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ('{"document": 1}', "/document"),
        ('{"document": "{}", "more": 1}', "/more"),
        ('{"network": "bacalhau"}', "/document"),
        ('{"document": "a: 1", "document": "b: 1"}', None),
        ("document: yaml", None),
        ('{"document": "{}", "resolutions": {"nonsense": "x"}}', None),
        ('{"document": "{}", "resolutions": []}', "/resolutions"),
        ("[]", None),
    ],
)
async def test_an_envelope_of_another_shape_is_422(
    api: httpx.AsyncClient, body: str, at: str | None
) -> None:
    answer = await api.post("/v1/canonicalize", content=body, headers=ENVELOPE)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:octostore:error:document"
    assert at is None or answer.json()["at"].startswith(at)


async def test_two_networks_are_refused(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/v1/canonicalize?network=golem",
        json={"document": "{}", "network": "bacalhau"},
        headers=ENVELOPE,
    )
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:octostore:error:query"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"{}", b"a: &x [*x]"])
async def test_a_refused_document_is_422(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post("/v1/canonicalize", content=body)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:octostore:error:document"


async def test_an_unknown_network_is_422(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/canonicalize?network=nowhere", json=WASM_JOB)
    assert answer.status_code == 422
    assert "nowhere" in answer.json()["detail"]


async def test_a_document_too_large_is_413(store: Octostore, tmp_path: Path) -> None:
    app = create_app(store, Settings(path=tmp_path, document_bytes_max=100))
    async with client_of(app) as api:
        answer = await api.post("/v1/canonicalize", content=b"x" * 101)
        assert answer.status_code == 413
