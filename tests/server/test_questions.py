"""The questions beside `who` over HTTP: lists, lineage, issuers, many keys, explain."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from octostore.questions import many
from octostore.questions.answer import Asked
from octostore.questions.issuers import issuer, issuers
from octostore.questions.listing import Listed, claims
from octostore.questions.who import who
from octostore.store import Octostore
from octostore_server import models
from octostore_server.many import QUESTIONS_BYTES_MAX
from octostore_server.routes.invocations import KEYS_BYTES_MAX
from tests.octostore.world import C1, D1, R1, R2, Issuer, Ran, data
from tests.server.conftest import Story
from tests.server.test_who import WASM_JOB

pytestmark = pytest.mark.anyio

QUESTIONS = {"content-type": "application/vnd.octostore.questions+json"}
BRISTOL = Issuer("bristol").key.public


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["type"] == f"urn:octostore:error:{code}"
    return told


class TestClaims:
    @pytest.mark.parametrize(
        ("name", "value", "asked"),
        [
            ("issuer", str(BRISTOL.did), Listed(issuer=BRISTOL)),
            ("program", str(C1), Listed(program=C1)),
            ("input", str(D1), Listed(input=D1)),
            ("output", str(R1), Listed(output=R1)),
            ("invocation", str(Ran().cid), Listed(invocation=Ran().cid)),
        ],
    )
    async def test_they_are_those_of_the_store(
        self,
        api: httpx.AsyncClient,
        store: Octostore,
        full: Story,
        name: str,
        value: str,
        asked: Listed,
    ) -> None:
        answer = await api.get("/v1/claims", params={name: value})
        assert answer.status_code == 200, answer.text
        with store.view() as view:
            assert answer.json() == claims(view, asked).to_json()
        assert answer.json()["claims"]
        told = models.ClaimsAnswer.model_validate(answer.json())
        assert told.model_dump(exclude_unset=True) == answer.json()

    async def test_pages_lead_through_all_of_them(
        self, api: httpx.AsyncClient, full: Story
    ) -> None:
        params, seen = {"program": str(C1), "limit": "1"}, []
        while True:
            told = (await api.get("/v1/claims", params=params)).json()
            seen += [item["statement"] for item in told["claims"]]
            if "next" not in told:
                break
            params["after"] = told["next"]
        assert len(seen) == len(set(seen)) == 3

    async def test_as_of_before_there_is_less(
        self, api: httpx.AsyncClient, full: Story
    ) -> None:
        params = {"program": str(C1), "as_of": "2"}
        told = (await api.get("/v1/claims", params=params)).json()
        assert [item["index"] for item in told["claims"]] == [1]
        assert told["checkpoint"]["size"] == 2

    @pytest.mark.parametrize(
        ("params", "status", "code"),
        [
            ({}, 400, "query"),
            ({"program": str(C1), "input": str(D1)}, 400, "query"),
            ({"program": str(C1), "issuer": str(BRISTOL.did)}, 400, "query"),
            ({"program": "nonsense"}, 400, "not-a-cid"),
            ({"issuer": "did:web:example.org"}, 400, "did"),
            ({"issuer": "did:key:" + "z" * 200}, 400, "query"),
            ({"program": str(C1), "after": "AAAA"}, 422, "document"),
            ({"program": str(C1), "as_of": "99"}, 404, "not-found"),
            ({"program": str(C1), "limit": "1001"}, 400, "query"),
        ],
    )
    async def test_what_is_no_question_is_a_problem(
        self,
        api: httpx.AsyncClient,
        full: Story,
        params: dict[str, str],
        status: int,
        code: str,
    ) -> None:
        problem(await api.get("/v1/claims", params=params), status, code)


async def test_lineage_tells_all_sides_and_where_to_go_on(
    api: httpx.AsyncClient, store: Octostore, full: Story
) -> None:
    told = (await api.get(f"/v1/lineage/{R1}")).json()
    assert [len(told[side]["claims"]) for side in ("produced", "run", "given")] == [
        *(2, 0, 0)
    ]
    code = (await api.get(f"/v1/lineage/{C1}", params={"limit": "1"})).json()
    assert len(code["run"]["claims"]) == 1
    params = {**code["run"]["asked"], "after": code["run"]["next"]}
    rest = (await api.get("/v1/claims", params=params)).json()
    assert len(rest["claims"]) == 2
    model = models.LineageAnswer.model_validate(code)
    assert model.model_dump(exclude_unset=True) == code


async def test_issuers_are_those_of_the_store(
    api: httpx.AsyncClient, store: Octostore, full: Story
) -> None:
    listed = (await api.get("/v1/issuers")).json()
    one = (await api.get(f"/v1/issuers/{BRISTOL.did}")).json()
    with store.view() as view:
        assert listed == issuers(view).to_json()
        assert one == issuer(view, BRISTOL).to_json()
    assert one["executors"] == {"bacalhau": ["node-b"]}
    for model, told in ((models.IssuersAnswer, listed), (models.IssuerAnswer, one)):
        assert model.model_validate(told).model_dump(exclude_unset=True) == told
    first = (await api.get("/v1/issuers", params={"limit": "1"})).json()
    rest = (await api.get("/v1/issuers", params={"after": first["next"]})).json()
    assert first["issuers"] + rest["issuers"] == listed["issuers"]


async def test_an_issuer_of_nothing_is_404_and_no_key_is_400(
    api: httpx.AsyncClient, full: Story
) -> None:
    nobody = Issuer("nobody").key.public.did
    problem(await api.get(f"/v1/issuers/{nobody}"), 404, "not-found")
    told = problem(await api.get("/v1/issuers/did:key:z6Mk"), 400, "did")
    assert told["at"] == "path/did"


class TestMany:
    async def test_many_questions_are_answered_at_one_checkpoint(
        self, api: httpx.AsyncClient, store: Octostore, full: Story
    ) -> None:
        asked = [
            Asked(program=C1, input=D1),
            Asked(invocation=data("nothing")),
            Asked(invocation=full.ran.cid),
        ]
        body = json.dumps({"questions": [item.to_json() for item in asked]})
        answer = await api.post("/v1/who", content=body, headers=QUESTIONS)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        for question, item in zip(asked, told["answers"], strict=True):
            alone = who(store, question).to_json()
            assert item == {
                name: value for name, value in alone.items() if name != "checkpoint"
            }
        assert told["checkpoint"] == store.checkpoint().to_json()
        model = models.ManyAnswer.model_validate(told)
        assert model.model_dump(exclude_unset=True) == told

    async def test_questions_behind_too_many_claims_are_left(
        self, api: httpx.AsyncClient, full: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(many, "ANSWERED_CLAIMS_MAX", 4)
        asked = {"program": str(C1), "input": str(D1)}
        body = json.dumps({"questions": [asked] * 5})
        told = (await api.post("/v1/who", content=body, headers=QUESTIONS)).json()
        assert (len(told["answers"]), told["left"]) == (2, 3)

    @pytest.mark.parametrize(
        ("body", "at"),
        [
            ("", "body"),
            ("[]", "body"),
            ('{"questions": []}', "body/questions"),
            ('{"questions": [{}]}', "body/questions/0"),
            ('{"questions": [{"program": "x"}]}', "body/questions/0"),
            ('{"questions": [{"invocation": 7}]}', "body/questions/0/invocation"),
            ('{"questions": [{"invocation": "x"}], "z": 1}', "body/z"),
            ('{"questions": [{"invocation": "x"}]}', "body/questions/0/invocation"),
            ("{" * 2000, "body"),
        ],
    )
    async def test_what_is_no_list_of_questions_says_where(
        self, api: httpx.AsyncClient, body: str, at: str
    ) -> None:
        answer = await api.post("/v1/who", content=body, headers=QUESTIONS)
        assert answer.status_code == 400, answer.text
        assert answer.json()["at"] == at

    async def test_more_questions_than_are_answered_are_refused(
        self, api: httpx.AsyncClient
    ) -> None:
        item = {"invocation": str(C1)}
        body = json.dumps({"questions": [item] * (many.QUESTIONS_MAX + 1)})
        problem(
            await api.post("/v1/who", content=body, headers=QUESTIONS), 400, "query"
        )


class TestKeys:
    async def test_only_what_is_claimed_is_named(
        self, api: httpx.AsyncClient, store: Octostore, full: Story
    ) -> None:
        keys = [str(data("x")), str(full.ran.cid), str(R2), str(full.ran.program.cid)]
        answer = await api.post("/v1/invocations", json={"invocations": keys})
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "checkpoint": store.checkpoint().to_json(),
            "claimed": [{"invocation": str(full.ran.cid), "claims": 3}],
        }
        models.InvocationsAnswer.model_validate(answer.json())

    async def test_as_of_before_a_claim_there_is_none(
        self, api: httpx.AsyncClient, full: Story
    ) -> None:
        body = {"invocations": [str(full.ran.cid)], "as_of": 1}
        answer = await api.post("/v1/invocations", json=body)
        assert answer.json()["claimed"] == []
        body["as_of"] = 99
        problem(await api.post("/v1/invocations", json=body), 404, "not-found")

    async def test_claims_are_counted_up_to_so_many(
        self, api: httpx.AsyncClient, full: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(many, "COUNTED_MAX", 2)
        body = {"invocations": [str(full.ran.cid)]}
        answer = await api.post("/v1/invocations", json=body)
        assert answer.json()["claimed"][0]["claims"] == 2

    async def test_too_many_keys_are_refused(self, api: httpx.AsyncClient) -> None:
        body = {"invocations": [str(C1)] * (many.KEYS_MAX + 1)}
        problem(await api.post("/v1/invocations", json=body), 400, "query")

    async def test_no_keys_are_no_question(self, api: httpx.AsyncClient) -> None:
        told = problem(
            await api.post("/v1/invocations", json={"invocations": ["x"]}),
            400,
            "not-a-cid",
        )
        assert told["at"] == "body/invocations/0"


@pytest.mark.parametrize(
    ("path", "bytes_max", "kind"),
    [
        ("/v1/invocations", KEYS_BYTES_MAX, "application/json"),
        ("/v1/who", QUESTIONS_BYTES_MAX, QUESTIONS["content-type"]),
    ],
)
async def test_a_body_of_keys_or_questions_has_a_limit(
    api: httpx.AsyncClient, path: str, bytes_max: int, kind: str
) -> None:
    headers = {"content-type": kind}
    for size, status in ((bytes_max, 400), (bytes_max + 1, 413)):
        answer = await api.post(path, content=b" " * size, headers=headers)
        assert answer.status_code == status


class TestExplain:
    async def test_one_job_in_two_texts_is_the_same(
        self, api: httpx.AsyncClient
    ) -> None:
        a = {"document": json.dumps(WASM_JOB)}
        b = {"document": json.dumps(WASM_JOB, indent=3), "network": "bacalhau"}
        told = (await api.post("/v1/explain", json={"a": a, "b": b})).json()
        assert told["same"] is True
        assert told["differences"] == []
        models.Explanation.model_validate(told)

    async def test_another_code_is_said(self, api: httpx.AsyncClient) -> None:
        text = json.dumps(WASM_JOB)
        body = {"a": {"document": text}}
        body["b"] = {"document": text.replace(str(C1), str(data("C2")))}
        told = (await api.post("/v1/explain", json=body)).json()
        assert told["same"] is False
        assert [item["at"] for item in told["differences"]] == ["/program/code"]

    async def test_a_refused_document_says_which(self, api: httpx.AsyncClient) -> None:
        body = {"a": {"document": json.dumps(WASM_JOB)}, "b": {"document": "{"}}
        told = problem(await api.post("/v1/explain", json=body), 422, "document")
        assert told["detail"].startswith("b: ")

    async def test_several_tasks_are_not_compared(self, api: httpx.AsyncClient) -> None:
        one = {"document": json.dumps(WASM_JOB)}
        two = {"document": json.dumps(WASM_JOB | {"Count": 2})}
        body = {"a": one, "b": two}
        problem(await api.post("/v1/explain", json=body), 422, "not-canonical")


class TestCaching:
    @pytest.mark.parametrize(
        "path",
        [
            f"/v1/who?program={C1}&input={D1}",
            f"/v1/claims?program={C1}",
            f"/v1/lineage/{R1}",
            "/v1/issuers",
            f"/v1/issuers/{BRISTOL.did}",
        ],
    )
    async def test_an_answer_is_asked_for_again_only_when_the_log_has_grown(
        self, api: httpx.AsyncClient, store: Octostore, full: Story, path: str
    ) -> None:
        first = await api.get(path)
        assert first.headers["cache-control"] == "no-cache"
        headers = {"if-none-match": first.headers["etag"]}
        again = await api.get(path, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        late, blocks = Issuer("late").says("Late")
        assert store.ingest(blocks, [late.envelope_cid]).accepted
        assert (await api.get(path, headers=headers)).status_code == 200

    async def test_a_proof_is_told_each_time(
        self, api: httpx.AsyncClient, store: Octostore, full: Story
    ) -> None:
        assert store.update_map(1_700_000_000) is not None
        path = f"/v1/who?program={C1}&input={D1}"
        tag = (await api.get(path)).headers["etag"]
        headers = {"if-none-match": tag}
        proved = await api.get(f"{path}&proof=1", headers=headers)
        assert proved.status_code == 200
        assert "proof" in proved.json()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/vnd.ipld.car", "application/vnd.ipld.car"),
        ("application/vnd.ipld.car;version=1, */*", "application/vnd.ipld.car"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
    ],
)
async def test_an_answer_comes_in_the_form_that_is_accepted(
    api: httpx.AsyncClient, full: Story, accept: str, kind: str
) -> None:
    path = f"/v1/who?program={C1}&input={D1}"
    answer = await api.get(path, headers={"accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert "accept" in answer.headers.get("vary", "").lower()
