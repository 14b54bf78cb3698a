from __future__ import annotations

import io
import json

import httpx
import pytest

from octostore.car import Block, CarReader
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.store import Octostore
from octostore_server.models import WhoAnswer
from tests.octostore.world import C1, D1, R1, R2, data
from tests.server.conftest import Story

pytestmark = pytest.mark.anyio

ENVELOPE = {"content-type": "application/vnd.octostore.document+json"}

WASM_JOB = {
    "Name": "n",
    "Type": "batch",
    "Tasks": [
        {
            "Name": "main",
            "Engine": {
                "Type": "wasm",
                "Params": {
                    "EntryModule": {
                        "Source": {"Type": "ipfs", "Params": {"CID": str(C1)}},
                        "Target": "main.wasm",
                    },
                    "EntryPoint": "_start",
                },
            },
        }
    ],
}


async def test_code_and_data_find_who_got_what(
    api: httpx.AsyncClient, store: Octostore, full: Story
) -> None:
    answer = await api.get("/v1/who", params={"program": str(C1), "input": str(D1)})
    assert answer.status_code == 200
    assert answer.json() == who(store, Asked(program=C1, input=D1)).to_json()
    (found,) = answer.json()["invocations"]
    assert found["conflicts"] == ["/r.csv"]
    by_value = {item["value"]: item["groups"] for item in found["outputs"]["/r.csv"]}
    assert by_value[str(R1)] == ["University of Bristol", "Caltech <3"]
    assert len(by_value[str(R2)]) == 1


async def test_an_invocation_finds_the_same(
    api: httpx.AsyncClient, full: Story
) -> None:
    by_key = await api.get("/v1/who", params={"invocation": str(full.ran.cid)})
    by_pair = await api.get("/v1/who", params={"program": str(C1), "input": str(D1)})
    assert by_key.json()["invocations"] == by_pair.json()["invocations"]


async def test_any_spelling_of_a_cid_will_do(
    api: httpx.AsyncClient, full: Story
) -> None:
    for text in (f"ipfs://{C1}", f"/ipfs/{C1}", str(C1).upper().replace("B", "B", 1)):
        answer = await api.get("/v1/who", params={"program": text, "input": str(D1)})
        assert answer.status_code == 200, text
        assert answer.json()["asked"]["program"] == str(C1)


async def test_an_empty_answer_is_200(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/who", params={"invocation": str(data("nothing"))})
    assert answer.status_code == 200
    assert answer.json()["invocations"] == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "query"),
        ({"program": str(C1)}, "query"),
        ({"input": str(D1)}, "query"),
        ({"program": str(C1), "invocation": str(D1)}, "query"),
        ({"invocation": str(C1), "limit": "0"}, "query"),
        ({"invocation": str(C1), "limit": "many"}, "query"),
        ({"invocation": str(C1), "limit": "100000"}, "query"),
        ({"invocation": str(C1), "format": "xml"}, "query"),
        ({"invocation": "x" * 6000}, "query"),
        ({"invocation": "nonsense"}, "not-a-cid"),
        ({"program": str(C1), "input": f"{D1}/a"}, "not-a-cid"),
        ({"invocation": "ipns://example.org"}, "not-a-cid"),
    ],
)
async def test_what_is_no_question_is_400(
    api: httpx.AsyncClient, params: dict[str, str], code: str
) -> None:
    answer = await api.get("/v1/who", params=params)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:octostore:error:{code}"


async def test_a_cursor_of_nobody_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/who", params={"invocation": str(C1), "after": "?"})
    assert answer.status_code == 422


async def test_the_car_holds_the_answer_and_what_verifies_it(
    api: httpx.AsyncClient, store: Octostore, full: Story
) -> None:
    answer = await api.get(
        "/v1/who", params={"program": str(C1), "input": str(D1), "format": "car"}
    )
    assert answer.headers["content-type"].startswith("application/vnd.ipld.car")
    reader = CarReader(io.BytesIO(answer.content))
    blocks = [item for item in reader if isinstance(item, Block)]
    assert reader.roots == (blocks[0].cid,)
    told = json.loads(blocks[0].data)
    assert told == who(store, Asked(program=C1, input=D1)).to_json()
    there = {block.cid for block in blocks}
    assert {statement.envelope_cid for statement in full.statements} <= there
    assert len(there) == len(blocks), "no block comes twice"


async def test_the_models_restate_every_field_of_an_answer(
    store: Octostore, full: Story
) -> None:
    told = who(store, Asked(program=C1, input=D1)).to_json()
    model = WhoAnswer.model_validate(told)
    assert model.model_dump(exclude_unset=True) == told


class TestDocuments:
    async def test_a_document_asks_by_its_invocation(
        self, api: httpx.AsyncClient, full: Story
    ) -> None:
        found = await api.post("/v1/canonicalize", json=WASM_JOB)
        answer = await api.post("/v1/who", json=WASM_JOB)
        assert answer.status_code == 200, answer.text
        assert answer.json()["asked"] == {"invocation": found.json()["invocation"]}

    async def test_a_document_without_invocation_is_422_with_its_outcome(
        self, api: httpx.AsyncClient
    ) -> None:
        job = json.loads(json.dumps(WASM_JOB).replace('"ipfs"', '"urlDownload"'))
        source = job["Tasks"][0]["Engine"]["Params"]["EntryModule"]["Source"]
        source["Params"] = {"URL": "https://example.org/main.wasm"}
        answer = await api.post("/v1/who", json=job)
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:octostore:error:not-canonical"
        assert answer.json()["outcome"]["outcome"] == "unresolved"

    async def test_several_tasks_are_refused(self, api: httpx.AsyncClient) -> None:
        answer = await api.post("/v1/who", json=WASM_JOB | {"Count": 2})
        assert answer.status_code == 422
        assert "2 tasks" in answer.json()["detail"]
