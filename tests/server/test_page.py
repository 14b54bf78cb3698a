from __future__ import annotations

import base64
import hashlib
import io
import re

import httpx
import pytest

from octostore.records import Failure, Withdrawal
from octostore.store import Octostore
from tests.octostore.world import C1, D1, R1, Issuer, Ran, result
from tests.server.conftest import Story, car_of

pytestmark = pytest.mark.anyio

ASKED = {"program": str(C1), "input": str(D1)}


async def test_the_page_says_what_this_is_and_where_the_log_stands(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    answer = await api.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "Log: 0 entries" in answer.text
    assert str(store.checkpoint().to_json()["root"]) in answer.text


async def test_an_answer_is_a_table_that_a_person_reads(
    api: httpx.AsyncClient, full: Story
) -> None:
    text = (await api.get("/", params=ASKED)).text
    assert text.count("University of Bristol") == 1
    for word in ("signed by", "ran on", "reported by", "(0xca17)"):
        assert word in text
    assert re.findall("<td>(who ran it|a witness|not said)</td>", text) == [
        *("who ran it", "a witness", "not said")  # Bristol, Caltech, Mallory
    ]
    rows = re.findall(r'<td><span class="bad">(R\d)</span></td>', text)
    assert rows == ["R1", "R1", "R2"]
    assert "Conflict: /r.csv" in text
    assert str(R1) in text


async def test_failures_and_withdrawals_are_shown_and_give_no_value(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    issuer = Issuer("bristol")
    claimed, blocks = issuer.claims(Ran(), result())
    why = Withdrawal(claim=claimed.part.records[0], why="a broken disk")
    for statement, more in (
        (claimed, blocks),
        issuer.claims(Ran(), Failure("time-out")),
        issuer.state([why]),
    ):
        assert store.ingest(more, [statement.envelope_cid]).sound
    text = (await api.get("/", params=ASKED)).text
    assert "<td>withdrawn</td>" in text
    assert "<td>failed: time-out</td>" in text
    assert ">R1<" not in text


async def test_what_others_wrote_is_escaped(
    api: httpx.AsyncClient, store: Octostore, full: Story
) -> None:
    evil = Issuer("evil")
    name = '<script>alert("x")</script>'
    for statement, blocks in (evil.says(name), evil.claims(Ran(), result())):
        body = car_of([statement.envelope_cid], blocks)
        assert store.ingest_car(io.BytesIO(body)).sound
    text = (await api.get("/", params=ASKED)).text
    assert "Caltech &lt;3" in text
    assert "<script" not in text
    assert "&lt;script&gt;" in text


async def test_what_was_typed_is_escaped(api: httpx.AsyncClient) -> None:
    answer = await api.get("/", params={"program": '"><img src=x>', "input": str(D1)})
    assert answer.status_code == 400
    assert "<img" not in answer.text
    assert "&quot;&gt;&lt;img" in answer.text
    assert 'role="alert"' in answer.text


async def test_nobody_is_an_answer(api: httpx.AsyncClient) -> None:
    answer = await api.get("/", params=ASKED)
    assert answer.status_code == 200
    assert "Nobody has claimed" in answer.text


async def test_the_policy_lets_the_page_do_what_it_does_and_no_more(
    api: httpx.AsyncClient,
) -> None:
    answer = await api.get("/")
    policy = answer.headers["content-security-policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "style=" not in answer.text
    assert not re.findall(r'(?:src|href)="(?!/)', answer.text)


async def test_the_interface_documents_itself(api: httpx.AsyncClient) -> None:
    assert (await api.get("/docs")).status_code == 200
    paths = (await api.get("/openapi.json")).json()["paths"]
    assert paths.keys() >= {"/v1/who", "/v1/statements", "/ipfs/{cid}", "/healthz"}


async def test_the_reference_names_every_endpoint_and_loads_nothing(
    api: httpx.AsyncClient,
) -> None:
    text = (await api.get("/docs")).text
    for path in (await api.get("/openapi.json")).json()["paths"]:
        assert f" {path}</code>" in text
    assert "<script" not in text
    assert "http://" not in text
    assert "https://" not in text
