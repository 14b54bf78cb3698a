"""The client against an honest server, and against one that lies in many ways."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from invocation_spec.cid import CID, DAG_PB
from invocation_spec.model import Input
from octostore import client
from octostore.car import Block, CarReader
from octostore.client import Remote, RemoteError
from octostore.errors import (
    BlockMismatchError,
    CarError,
    NotFoundError,
    ProofError,
    StatementError,
)
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.records import Link, Withdrawal
from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.world import (
    C1,
    D1,
    R2,
    Issuer,
    Ran,
    block_of,
    claim,
    data,
    result,
)
from tests.server.conftest import Story, car_of, serving

ASKED = Asked(program=C1, input=D1)

Json = dict[str, Any]
Blocks = list[Block]
Alter = Callable[[bytes], bytes]
Lie = Callable[[Json, Blocks], None]


@pytest.fixture
def remote(store: Octostore, settings: Settings) -> Iterator[Remote]:
    with serving(create_app(store, settings)) as url, Remote(url) as remote:
        yield remote


@contextmanager
def lying(store: Octostore, settings: Settings, alter: Alter) -> Iterator[Remote]:
    """A server that alters what the real one answers."""
    transport = httpx.ASGITransport(create_app(store, settings))

    async def forward(request: Request) -> Response:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://honest.test"
        ) as honest:
            answer = await honest.get(f"{request.url.path}?{request.url.query}")
        kind = answer.headers["content-type"]
        return Response(
            alter(answer.content), status_code=answer.status_code, media_type=kind
        )

    app = Starlette(routes=[Route("/{path:path}", forward)])
    with serving(app) as url, Remote(url) as remote:
        yield remote


def told_otherwise(lie: Lie) -> Alter:
    """Alter the answer or its blocks, and put them into a sound CAR again."""

    def alter(body: bytes) -> bytes:
        blocks = [
            item for item in CarReader(io.BytesIO(body)) if isinstance(item, Block)
        ]
        answer = json.loads(blocks.pop(0).data)
        lie(answer, blocks)
        text = json.dumps(answer).encode()
        root = Block(CID.of_bytes(text), text)
        return car_of([root.cid], [root, *blocks])

    return alter


def ran_with(number: int) -> Ran:
    return Ran(input=Input(files={"/d": D1}, args=(str(number),)))


def claims(answer: Json) -> list[Json]:
    found: list[Json] = answer["invocations"][0]["claims"]
    return found


class TestHonest:
    def test_an_answer_is_the_servers_own_and_verified(
        self, remote: Remote, store: Octostore, full: Story
    ) -> None:
        found = remote.who(ASKED)
        assert found.answer.to_json() == who(store, ASKED).to_json()
        assert any("not proven" in note for note in found.notes)
        assert any("verified" in note for note in found.notes)

    def test_an_empty_answer_is_an_answer(self, remote: Remote) -> None:
        assert remote.who(Asked(invocation=data("x"))).answer.invocations == ()

    def test_withdrawals_links_and_later_names_come_with_their_proof(
        self, remote: Remote, store: Octostore
    ) -> None:
        issuer, ran = Issuer("bristol"), Ran()
        first, blocks = issuer.claims(ran, result(R2))
        a, b = sorted((C1, CID(bytes((1, DAG_PB)) + C1.raw[2:])))
        for statement, more in (
            issuer.says("Old name"),
            (first, blocks),
            issuer.state([Withdrawal(claim=first.part.records[0], why="wrong")]),
            issuer.state([Link(means="same-bytes", a=a, b=b)]),
            issuer.says("New name"),
        ):
            body = car_of([statement.envelope_cid], more)
            assert store.ingest_car(io.BytesIO(body)).sound
        answer = remote.who(ASKED).answer
        assert answer.to_json() == who(store, ASKED).to_json()
        (claim,) = answer.invocations[0].claims
        assert (claim.name, claim.withdrawn) == ("New name", True)
        assert len(answer.links) == 1

    def test_pages_follow_each_other(self, remote: Remote, store: Octostore) -> None:
        issuer = Issuer("bristol")
        rans = [ran_with(n) for n in range(5)]
        for ran in rans:
            statement, blocks = issuer.claims(ran, result())
            assert store.ingest(blocks, [statement.envelope_cid]).sound
        found, after = [], None
        while True:
            answer = remote.who(ASKED, limit=2, after=after).answer
            found += [item.invocation for item in answer.invocations]
            if (after := answer.next) is None:
                break
        assert sorted(found) == sorted(ran.cid for ran in rans)

    def test_one_statement_on_several_pages_is_no_omission(
        self, remote: Remote, store: Octostore
    ) -> None:
        rans = [ran_with(n) for n in range(3)]
        blocks = [block for ran in rans for block in ran.blocks]
        statement, blocks = Issuer("bristol").state(
            [claim(ran, result()) for ran in rans], [*blocks, block_of(result())]
        )
        assert store.ingest(blocks, [statement.envelope_cid]).sound
        first = remote.who(ASKED, limit=1).answer
        assert len(first.invocations) == 1
        second = remote.who(ASKED, limit=1, after=first.next).answer
        assert second.invocations[0].invocation != first.invocations[0].invocation

    def test_a_delivery_gives_the_receipt(
        self, remote: Remote, store: Octostore, story: Story
    ) -> None:
        receipt = remote.send(io.BytesIO(story.cars[0]))
        assert receipt.accepted == (story.statements[0].cid,)
        assert receipt.checkpoint == store.checkpoint()
        assert receipt.sound

    def test_a_refused_delivery_gives_the_receipt_too(
        self, remote: Remote, story: Story
    ) -> None:
        malformed = remote.send(io.BytesIO(story.cars[0] + b"\x40"))
        assert malformed.accepted == (story.statements[0].cid,)
        assert malformed.malformed is not None
        forged = bytearray(story.statements[1].envelope)
        forged[20] ^= 1
        block = Block(CID.of_block(bytes(forged)), bytes(forged))
        quarantined = remote.send(io.BytesIO(car_of([block.cid], [block])))
        assert [item.cid for item in quarantined.quarantined] == [block.cid]

    def test_bytes_are_had_by_their_cid(self, remote: Remote, store: Octostore) -> None:
        cid = store.add_bytes(b"x" * 3000)
        assert remote.get(cid) == b"x" * 3000

    def test_what_is_not_there_is_not_found(self, remote: Remote) -> None:
        with pytest.raises(NotFoundError) as caught:
            remote.get(data("nowhere"))
        assert caught.value.at == str(data("nowhere"))


def invent_a_claim(answer: Json, _blocks: Blocks) -> None:
    claims(answer).append(claims(answer)[0] | {"claim": str(data("c"))})


def sign_it_as_another_statement(answer: Json, _blocks: Blocks) -> None:
    claims(answer)[0]["statement"] = claims(answer)[1]["statement"]


def leave_a_claim_out(answer: Json, _blocks: Blocks) -> None:
    claims(answer).pop()


def leave_the_invocation_out(answer: Json, _blocks: Blocks) -> None:
    answer["invocations"].clear()


def change_the_network(answer: Json, _blocks: Blocks) -> None:
    claims(answer)[0]["network"] = "golem"


def change_the_issuer(answer: Json, _blocks: Blocks) -> None:
    claims(answer)[2]["issuer"] = claims(answer)[0]["issuer"]


def call_it_another_name(answer: Json, _blocks: Blocks) -> None:
    claims(answer)[2]["name"] = "CERN"


def call_it_no_witness(answer: Json, _blocks: Blocks) -> None:
    claims(answer)[1]["witness"] = False


def call_it_withdrawn(answer: Json, _blocks: Blocks) -> None:
    claims(answer)[0]["withdrawn"] = True


def change_the_result(answer: Json, _blocks: Blocks) -> None:
    claims(answer)[2]["result"] = claims(answer)[0]["result"]


def hide_the_conflict(answer: Json, _blocks: Blocks) -> None:
    answer["invocations"][0]["conflicts"] = []


def change_a_value(answer: Json, _blocks: Blocks) -> None:
    answer["invocations"][0]["outputs"]["/r.csv"][1]["value"] = str(data("R3"))


def move_a_claim_to_another_value(answer: Json, _blocks: Blocks) -> None:
    values = answer["invocations"][0]["outputs"]["/r.csv"]
    values[0]["claims"] += values[1]["claims"]


def add_a_group(answer: Json, _blocks: Blocks) -> None:
    answer["invocations"][0]["outputs"]["/r.csv"][1]["groups"].append("CERN")


def add_an_output(answer: Json, _blocks: Blocks) -> None:
    answer["invocations"][0]["outputs"]["stdout"] = []


def call_it_a_failure(answer: Json, _blocks: Blocks) -> None:
    answer["invocations"][0]["failures"] = [claims(answer)[0]["claim"]]


def change_the_program(answer: Json, _blocks: Blocks) -> None:
    answer["invocations"][0]["program"] = str(D1)


def invent_an_invocation(answer: Json, _blocks: Blocks) -> None:
    answer["invocations"].append({**answer["invocations"][0], "invocation": str(D1)})


def invent_a_link(answer: Json, _blocks: Blocks) -> None:
    answer["links"] = [str(data("link"))]


def answer_another_question(answer: Json, _blocks: Blocks) -> None:
    answer["asked"] = {"program": str(D1), "input": str(C1)}


def keep_a_block_back(_answer: Json, blocks: Blocks) -> None:
    del blocks[-1]


def keep_all_statements_back(_answer: Json, blocks: Blocks) -> None:
    blocks.clear()


@pytest.mark.parametrize(
    "lie",
    [
        invent_a_claim,
        sign_it_as_another_statement,
        leave_a_claim_out,
        leave_the_invocation_out,
        change_the_network,
        change_the_issuer,
        call_it_another_name,
        call_it_no_witness,
        call_it_withdrawn,
        change_the_result,
        hide_the_conflict,
        change_a_value,
        move_a_claim_to_another_value,
        add_a_group,
        add_an_output,
        call_it_a_failure,
        change_the_program,
        invent_an_invocation,
        invent_a_link,
        answer_another_question,
        keep_a_block_back,
        keep_all_statements_back,
    ],
)
def test_an_answer_that_its_statements_do_not_say_is_refused(
    store: Octostore, settings: Settings, full: Story, lie: Lie
) -> None:
    with (
        lying(store, settings, told_otherwise(lie)) as remote,
        pytest.raises(ProofError),
    ):
        remote.who(ASKED)


def test_an_answer_as_of_another_size_is_refused(
    store: Octostore, settings: Settings, full: Story
) -> None:
    size = store.checkpoint().size

    def say_it_is_longer(answer: Json, _blocks: Blocks) -> None:
        answer["checkpoint"]["size"] = size + 1

    with (
        lying(store, settings, told_otherwise(say_it_is_longer)) as remote,
        pytest.raises(ProofError, match=f"as of size {size + 1}, not {size}"),
    ):
        remote.who(ASKED, as_of=size)


def forge_a_signature(_answer: Json, blocks: Blocks) -> None:
    at = next(n for n, one in enumerate(blocks) if one.data.startswith(b"\x82\x58\x40"))
    forged = bytearray(blocks[at].data)
    forged[30] ^= 1
    blocks[at] = Block(CID.of_block(bytes(forged)), bytes(forged))


def exchange_the_bytes_of_a_block(_answer: Json, blocks: Blocks) -> None:
    blocks[-1] = Block(blocks[-1].cid, blocks[-1].data + b"\x00")


@pytest.mark.parametrize("lie", [forge_a_signature, exchange_the_bytes_of_a_block])
def test_a_statement_that_does_not_verify_is_refused(
    store: Octostore, settings: Settings, full: Story, lie: Lie
) -> None:
    with (
        lying(store, settings, told_otherwise(lie)) as remote,
        pytest.raises(StatementError),
    ):
        remote.who(ASKED)


@pytest.mark.parametrize(
    ("alter", "error"),
    [
        (lambda body: body[:-10], CarError),
        (lambda body: body[: len(body) // 2], CarError),
        (lambda _: b"", CarError),
        (lambda _: b"<html>", CarError),
        (lambda _: car_of([C1], [(C1, b"C2")]), ProofError),
        (lambda _: car_of([C1], [(C1, b"C1")]), RemoteError),
        (lambda _: car_of([C1], []), ProofError),
        (told_otherwise(lambda answer, _: answer.pop("links")), RemoteError),
        (told_otherwise(lambda answer, _: answer.update(asked=1)), ProofError),
        (told_otherwise(lambda answer, _: answer.update(invocations=7)), RemoteError),
        (told_otherwise(lambda answer, _: answer.update(links=[[]])), RemoteError),
        (told_otherwise(lambda a, _: a["checkpoint"].pop("root")), RemoteError),
        (told_otherwise(lambda a, _: claims(a)[0].pop("claim")), RemoteError),
    ],
)
def test_what_is_no_answer_is_refused(
    store: Octostore,
    settings: Settings,
    full: Story,
    alter: Alter,
    error: type[Exception],
) -> None:
    with lying(store, settings, alter) as remote, pytest.raises(error):
        remote.who(ASKED)


def test_deeply_nested_json_is_refused(
    store: Octostore, settings: Settings, full: Story
) -> None:
    text = b"[" * 100_000
    body = car_of([CID.of_bytes(text)], [(CID.of_bytes(text), text)])
    with (
        lying(store, settings, lambda _: body) as remote,
        pytest.raises(RemoteError),
    ):
        remote.who(ASKED)


def test_other_bytes_are_refused(store: Octostore, settings: Settings) -> None:
    cid = store.add_bytes(b"true")
    with (
        lying(store, settings, lambda _: b"false") as remote,
        pytest.raises(BlockMismatchError, match=str(cid)),
    ):
        remote.get(cid)


def test_more_bytes_than_the_limit_are_not_read(
    store: Octostore, settings: Settings, full: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PROOF_BYTES_MAX", 100)
    with (
        serving(create_app(store, settings)) as url,
        Remote(url) as remote,
        pytest.raises(RemoteError, match="more than 100 bytes"),
    ):
        remote.who(ASKED)


def test_a_refusal_is_told_in_the_servers_words(
    store: Octostore, tmp_path: Path, story: Story
) -> None:
    app = create_app(store, Settings(path=tmp_path, readonly=True))
    with (
        serving(app) as url,
        Remote(url) as remote,
        pytest.raises(RemoteError, match=r"403.*takes no statements"),
    ):
        remote.send(io.BytesIO(story.cars[0]))


def test_a_server_of_another_kind_is_told_as_such(story: Story) -> None:
    async def redirect(_: Request) -> Response:
        return Response("gone", status_code=302, headers={"location": "/elsewhere"})

    app = Starlette(routes=[Route("/{path:path}", redirect, methods=["GET", "POST"])])
    with serving(app) as url, Remote(url) as remote:
        with pytest.raises(RemoteError, match="is this an Octostore"):
            remote.who(ASKED)
        with pytest.raises(RemoteError, match="is this an Octostore"):
            remote.send(io.BytesIO(story.cars[0]))


def test_words_of_a_server_cannot_move_the_cursor() -> None:
    async def refuse(_: Request) -> Response:
        detail = "\x1b[2Jgone\r\nthere"
        return Response(json.dumps({"detail": detail}), status_code=400)

    app = Starlette(routes=[Route("/{path:path}", refuse)])
    with serving(app) as url, Remote(url) as remote:
        with pytest.raises(RemoteError) as caught:
            remote.who(ASKED)
        assert str(caught.value).isprintable()


def test_a_receipt_of_another_shape_is_refused(story: Story) -> None:
    bodies = iter((b"[]", b"{}", b"nonsense", b'{"accepted": ["x"]}'))

    async def receipt(_: Request) -> Response:
        return Response(next(bodies))

    app = Starlette(routes=[Route("/{path:path}", receipt, methods=["POST"])])
    with serving(app) as url, Remote(url) as remote:
        for _ in range(4):
            with pytest.raises(RemoteError, match="receipt"):
                remote.send(io.BytesIO(story.cars[0]))


def test_nobody_there_is_an_error_with_the_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Remote(f"http://127.0.0.1:{port}") as remote:
        with pytest.raises(RemoteError) as caught:
            remote.who(ASKED)
        assert caught.value.at == f"http://127.0.0.1:{port}"


def test_a_server_that_says_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with Remote(url, timeout_s=0.1) as remote, pytest.raises(RemoteError):
            remote.get(C1)


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x", "http://[", "http://x:y"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(RemoteError), Remote(url) as remote:
        remote.get(C1)
