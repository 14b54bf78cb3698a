"""The raw-block assertions of ipfs/gateway-conformance, and what ours adds."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from invocation_spec.cid import CID, DAG_PB
from octostore.car import Block, CarReader
from octostore.store import Octostore
from octostore_server.routes.gateway import PATH_CHARACTERS_MAX
from tests.octostore.world import C1, D1, Issuer, Ran, claim, data, result
from tests.server.conftest import Story

pytestmark = pytest.mark.anyio

RAW = "application/vnd.ipld.raw"
CAR = "application/vnd.ipld.car"
ASCII = b"hello application/vnd.ipld.raw\n"


@pytest.fixture
def held(store: Octostore) -> CID:
    return store.add_bytes(ASCII)


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("?format=raw", None),
        ("", RAW),
        ("", f"{RAW};q=0.5, text/html"),
        ("?format=raw", CAR),
        ("", None),
        ("", "*/*"),
    ],
)
async def test_a_block_is_served_raw(
    api: httpx.AsyncClient, held: CID, query: str, accept: str | None
) -> None:
    headers = {} if accept is None else {"accept": accept}
    answer = await api.get(f"/ipfs/{held}{query}", headers=headers)
    assert answer.status_code == 200
    assert answer.content == ASCII
    assert answer.headers["content-type"] == RAW
    assert answer.headers["content-length"] == str(len(ASCII))
    assert re.fullmatch(
        r'attachment;\s*filename=".*\.bin"', answer.headers["content-disposition"]
    )
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_block_is_cached_for_ever(api: httpx.AsyncClient, held: CID) -> None:
    answer = await api.get(f"/ipfs/{held}", headers={"accept": RAW})
    assert answer.headers["etag"] == f'"{held}.raw"'
    assert answer.headers["x-ipfs-path"] == f"/ipfs/{held}"
    assert answer.headers["x-ipfs-roots"] == str(held)
    directives = answer.headers["cache-control"].replace(" ", "").split(",")
    assert {"public", "immutable"} <= set(directives)
    (age,) = (item for item in directives if item.startswith("max-age="))
    assert int(age.removeprefix("max-age=")) >= 29030400


async def test_head_says_what_get_would(api: httpx.AsyncClient, held: CID) -> None:
    get = await api.get(f"/ipfs/{held}?format=raw")
    head = await api.head(f"/ipfs/{held}?format=raw")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


@pytest.mark.parametrize(
    "tag", ['"{cid}.raw"', 'W/"{cid}.raw"', '"x", "{cid}.raw"', "*"]
)
async def test_what_the_client_has_is_304(
    api: httpx.AsyncClient, held: CID, tag: str
) -> None:
    headers = {"if-none-match": tag.format(cid=held)}
    answer = await api.get(f"/ipfs/{held}?format=raw", headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")
    assert "immutable" in answer.headers["cache-control"]


async def test_the_tag_of_another_form_is_not_the_same(
    api: httpx.AsyncClient, held: CID
) -> None:
    headers = {"if-none-match": f'"{held}.raw"'}
    path = f"/ipfs/{held}?format=car&dag-scope=block"
    answer = await api.get(path, headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("foobar.bin", 'attachment; filename="foobar.bin"'),
        (
            'a"b\r\nx: y',
            "attachment; filename=\"a_b__x_ y\"; filename*=UTF-8''a%22b%0D",
        ),
        ("ć.csv", "attachment; filename=\"_.csv\"; filename*=UTF-8''%C4%87.csv"),
    ],
)
async def test_a_file_name_is_the_clients_and_harmless(
    api: httpx.AsyncClient, held: CID, name: str, header: str
) -> None:
    answer = await api.get(f"/ipfs/{held}", params={"filename": name})
    assert answer.headers["content-disposition"].startswith(header)


async def test_any_spelling_is_served_under_the_one_tag(
    api: httpx.AsyncClient, held: CID, full: Story
) -> None:
    answer = await api.get(f"/ipfs/{str(held).upper()}?format=raw")
    assert answer.status_code == 200
    assert answer.headers["etag"] == f'"{held}.raw"'


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_cid_of_nothing_answers_probes(
    api: httpx.AsyncClient, method: str
) -> None:
    answer = await api.request(method, "/ipfs/bafkqaaa?format=raw")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "0"


async def test_signed_part_and_envelope_are_both_blocks(
    api: httpx.AsyncClient, full: Story
) -> None:
    statement = full.statements[0]
    part = await api.get(f"/ipfs/{statement.cid}?format=raw")
    envelope = await api.get(f"/ipfs/{statement.envelope_cid}?format=raw")
    assert (part.content, envelope.content) == (statement.signed, statement.envelope)


@pytest.mark.parametrize(
    ("scope", "codec"), [("block", "cbor"), ("entity", "cbor"), ("all", "raw")]
)
async def test_a_car_of_one_block(
    api: httpx.AsyncClient, held: CID, full: Story, scope: str, codec: str
) -> None:
    cid = held if codec == "raw" else full.ran.cid
    answer = await api.get(f"/ipfs/{cid}?format=car&dag-scope={scope}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(f"{CAR}; version=1")
    assert answer.headers["content-disposition"].endswith('.car"')
    assert scope in answer.headers["etag"]
    reader = CarReader(io.BytesIO(answer.content))
    (block,) = reader
    assert isinstance(block, Block)
    assert (reader.roots, block.cid) == ((cid,), cid)


async def test_a_car_of_a_dag_has_all_of_it_and_says_how_long_it_is(
    api: httpx.AsyncClient, full: Story
) -> None:
    answer = await api.get(f"/ipfs/{full.ran.cid}", headers={"accept": CAR})
    assert answer.status_code == 404, "D1 and C1 are not kept here"
    ran = Ran()
    answer = await api.get(f"/ipfs/{ran.cid}/program?format=car&dag-scope=block")
    blocks = list(CarReader(io.BytesIO(answer.content)))
    assert [item.cid for item in blocks if isinstance(item, Block)] == [
        *(ran.cid, ran.program.cid)
    ]
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["x-ipfs-roots"] == f"{ran.cid},{ran.program.cid}"
    assert answer.headers["x-ipfs-path"] == f"/ipfs/{ran.cid}/program"


async def test_a_whole_dag_comes_once_all_of_it_is_here(
    api: httpx.AsyncClient, store: Octostore, full: Story
) -> None:
    store.add_bytes(b"C1")
    store.add_bytes(b"D1")
    answer = await api.get(f"/ipfs/{full.ran.cid}?format=car")
    assert answer.status_code == 200
    found = {item.cid for item in CarReader(io.BytesIO(answer.content))}
    assert found == {cid for cid, _ in full.ran.blocks} | {C1, D1}


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ("dag-scope=x", "query/dag-scope"),
        ("entity-bytes=x", "query/entity-bytes"),
        ("entity-bytes=0", "query/entity-bytes"),
        ("entity-bytes=*:1", "query/entity-bytes"),
        ("car-dups=maybe", "query/car-dups"),
        ("car-order=bfs", "query/car-order"),
    ],
)
async def test_what_no_car_can_be_is_400(
    api: httpx.AsyncClient, held: CID, query: str, at: str
) -> None:
    answer = await api.get(f"/ipfs/{held}?format=car&{query}")
    assert answer.status_code == 400
    assert answer.json()["at"] == at


async def test_what_is_no_unixfs_has_no_entity(
    api: httpx.AsyncClient, held: CID
) -> None:
    tree = CID(bytes((1, DAG_PB)) + held.raw[2:])
    answer = await api.get(f"/ipfs/{tree}?format=car&dag-scope=entity")
    assert answer.status_code == 422


async def test_a_block_is_shown_as_json_to_people(
    api: httpx.AsyncClient, held: CID, full: Story
) -> None:
    for headers, query in (
        ({"accept": "application/vnd.ipld.dag-json"}, ""),
        ({"accept": "application/json"}, ""),
        ({}, "?format=dag-json"),
    ):
        answer = await api.get(f"/ipfs/{full.ran.cid}{query}", headers=headers)
        assert answer.headers["content-type"] == "application/vnd.ipld.dag-json"
        assert answer.json() == {
            "program": {"/": str(full.ran.program.cid)},
            "input": {"/": str(full.ran.input.cid)},
        }
    same = await api.get(f"/ipfs/{full.ran.cid}?format=dag-cbor")
    assert same.content == full.ran.invocation.block
    below = await api.get(f"/ipfs/{full.ran.cid}/program?format=dag-json")
    assert below.json()["code"] == {"/": str(C1)}
    assert (await api.get(f"/ipfs/{held}?format=dag-json")).status_code == 406
    inside = await api.get(f"/ipfs/{full.ran.program.cid}/kind?format=raw")
    assert inside.status_code == 406


async def test_paths_that_lead_nowhere_are_404(
    api: httpx.AsyncClient, held: CID, full: Story
) -> None:
    for path in (f"{held}/a", f"{full.ran.cid}/nothing", f"{full.ran.cid}/..%2f.."):
        answer = await api.get(f"/ipfs/{path}?format=raw")
        assert answer.status_code == 404, path
        assert answer.json()["type"] == "urn:octostore:error:not-found"


async def test_an_unknown_block_is_404(api: httpx.AsyncClient) -> None:
    for method in ("GET", "HEAD"):
        answer = await api.request(method, f"/ipfs/{data('x')}?format=raw")
        assert answer.status_code == 404
        assert "immutable" not in answer.headers.get("cache-control", "")


@pytest.mark.parametrize(
    "text", ["nonsense", "Qm", "b" * 4999, "bafy%00", "k51qzi5uqu5d"]
)
async def test_what_is_no_cid_is_400(api: httpx.AsyncClient, text: str) -> None:
    answer = await api.get(f"/ipfs/{text}?format=raw")
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:octostore:error:not-a-cid"


async def test_another_format_is_400(api: httpx.AsyncClient, held: CID) -> None:
    answer = await api.get(f"/ipfs/{held}?format=tar")
    assert answer.status_code == 400


@pytest.mark.parametrize("accept", ["text/html", f"{RAW};q=0", "application/json"])
async def test_what_we_cannot_give_is_406(
    api: httpx.AsyncClient, held: CID, accept: str
) -> None:
    answer = await api.get(f"/ipfs/{held}", headers={"accept": accept})
    assert answer.status_code == 406


async def test_the_fixture_blocks_of_the_conformance_suite(
    api: httpx.AsyncClient, store: Octostore, shared_fixtures: Path
) -> None:
    folder = shared_fixtures / "conformance" / "gateway-conformance" / "fixtures"
    with (folder / "gateway-raw-block.car").open("rb") as stream:
        blocks = [item for item in CarReader(stream) if isinstance(item, Block)]
    assert blocks
    for block in blocks:
        store.add_bytes(block.data)
        answer = await api.get(f"/ipfs/{block.cid}?format=raw")
        assert (answer.status_code, answer.content) == (200, block.data)


async def test_evidence_that_came_with_a_claim_is_served(
    api: httpx.AsyncClient, store: Octostore
) -> None:
    receipt, got = b"a receipt", result()
    named = CID.of_bytes(receipt)
    record = replace(claim(Ran(), got), evidence=(named,))
    _, blocks = Issuer("one").state([record])
    store.ingest([*blocks, *Ran().blocks, (got.cid, got.block), (named, receipt)])
    answer = await api.get(f"/ipfs/{named}?format=raw")
    assert answer.content == receipt


async def test_a_path_has_so_many_characters(api: httpx.AsyncClient, held: CID) -> None:
    for length, status in ((PATH_CHARACTERS_MAX, 404), (PATH_CHARACTERS_MAX + 1, 400)):
        answer = await api.get(f"/ipfs/{held}/{'a' * length}")
        assert answer.status_code == status
