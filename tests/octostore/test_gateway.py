"""Content from a gateway: honest, wrong, endless, slow, or led astray."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from invocation_spec import CID
from invocation_spec.cid import DAG_PB
from octostore import gateway as gateways
from octostore import lookup
from octostore.contents import FILES_MAX, Contents
from octostore.errors import BlockMismatchError, FileError, NotFoundError
from octostore.gateway import ASKED_MAX, Gateway
from octostore.told import RemoteError, TooLargeError
from octostore.unixfs import NODE_BYTES_MAX
from tests.octostore.gateways import CAR, Answer, Asked, car_of, gateway, honest
from tests.octostore.test_published import (
    Blocks,
    directory,
    leaf,
    node,
    number,
    of_pieces,
    put,
    text,
)

DATA = b"name,period\nEarth,365.256\n"
CID_OF_DATA = CID.of_bytes(DATA)
MOST = 1 << 20


def fetched(url: str, cid: CID, folder: Path, bytes_max: int = MOST) -> bytes:
    """The content as a run gets it: one gateway, no folder, no store."""
    folder.mkdir(exist_ok=True)
    with Gateway(url, wait=lambda _: None) as one:
        found = Contents([], None, [one], scratch=folder, bytes_max=bytes_max).get(cid)
        return found.read_bytes() if isinstance(found, Path) else found


def saved(url: str, cid: CID = CID_OF_DATA, bytes_max: int = MOST) -> bytes:
    file = io.BytesIO()
    with Gateway(url, wait=lambda _: None) as one:
        one.save(cid, file, bytes_max)
    return file.getvalue()


@pytest.fixture
def big() -> tuple[CID, Blocks, bytes]:
    """A file of IPFS of many blocks, the root last among them."""
    blocks: Blocks = {}
    pieces = [bytes([index]) * 1000 for index in range(50)]
    return of_pieces(blocks, pieces), blocks, b"".join(pieces)


class TestHonest:
    def test_a_flat_file_is_its_bytes(self) -> None:
        with gateway(honest({CID_OF_DATA: DATA})) as (url, asked):
            assert saved(url) == DATA
        assert asked == [f"/ipfs/{CID_OF_DATA}?format=raw"]

    @pytest.mark.parametrize("size", [0, 1, 3 << 20])
    def test_a_flat_file_may_be_larger_than_a_block(
        self, tmp_path: Path, size: int
    ) -> None:
        data = b"\7" * size
        cid = CID.of_bytes(data)
        with gateway(honest({cid: data})) as (url, _):
            assert fetched(url, cid, tmp_path / "s", 4 << 20) == data

    def test_other_hash_functions_are_checked_too(self) -> None:
        sha3 = CID.of_digest(hashlib.sha3_256(DATA).digest(), hash_code=0x16)
        blake = CID.of_digest(
            hashlib.blake2b(DATA, digest_size=32).digest(), hash_code=0xB220
        )
        with gateway(honest({sha3: DATA, blake: DATA})) as (url, _):
            assert saved(url, sha3) == saved(url, blake) == DATA

    def test_a_file_of_many_blocks_comes_in_one_car(
        self, tmp_path: Path, big: tuple[CID, Blocks, bytes]
    ) -> None:
        root, blocks, data = big
        with gateway(honest(blocks)) as (url, asked):
            assert fetched(url, root, tmp_path / "s") == data
        assert asked == [f"/ipfs/{root}?format=car&dag-scope=all"]

    def test_where_no_cars_are_offered_it_comes_block_by_block(
        self, tmp_path: Path, big: tuple[CID, Blocks, bytes]
    ) -> None:
        root, blocks, data = big
        with gateway(honest(blocks, cars=False)) as (url, asked):
            assert fetched(url, root, tmp_path / "s") == data
        assert len(asked) == 1 + len(blocks)

    @pytest.mark.parametrize("kind", ["text/html", f"{CAR}; order=unk"])
    def test_what_calls_itself_no_car_in_order_is_not_read_as_one(
        self, tmp_path: Path, big: tuple[CID, Blocks, bytes], kind: str
    ) -> None:
        root, blocks, data = big

        def answer(asked: Asked) -> None:
            if asked.form == "car":
                asked.answer(200, [b"<html>"], kind)
            else:
                asked.answer(200, [blocks[asked.cid]])

        with gateway(answer) as (url, _):
            assert fetched(url, root, tmp_path / "s") == data

    def test_a_car_that_breaks_off_is_gone_on_with(
        self, tmp_path: Path, big: tuple[CID, Blocks, bytes]
    ) -> None:
        root, blocks, data = big

        def answer(asked: Asked) -> None:
            if asked.form == "car":
                whole = car_of(root, dict(reversed(blocks.items())))
                asked.answer(200, [whole[: len(whole) // 2]], CAR)
            else:
                asked.answer(200, [blocks[asked.cid]])

        with gateway(answer) as (url, asked):
            assert fetched(url, root, tmp_path / "s") == data
        assert 1 < len(asked) < len(blocks)

    def test_a_folder_is_laid_file_by_file(self, tmp_path: Path) -> None:
        blocks: Blocks = {}
        deep = directory(blocks, {"b.csv": of_pieces(blocks, [b"1", b"2"])})
        root = directory(blocks, {"a.csv": leaf(blocks, DATA), "deep": deep})
        with gateway(honest(blocks)) as (url, _), Gateway(url) as one:
            contents = Contents([], None, [one], scratch=tmp_path)
            laid = dict(contents.laid("/inputs", root))
            assert {
                path: item.read_bytes() if isinstance(item, Path) else item
                for path, item in laid.items()
            } == {"/inputs/a.csv": DATA, "/inputs/deep/b.csv": b"12"}
            with pytest.raises(NotFoundError, match="is a folder"):
                contents.get(root)

    def test_an_empty_folder_cannot_be_laid(self, tmp_path: Path) -> None:
        blocks: Blocks = {}
        root = directory(blocks, {"empty": directory(blocks, {})})
        with (
            gateway(honest(blocks)) as (url, _),
            pytest.raises(NotFoundError, match="is an empty folder"),
        ):
            fetched(url, root, tmp_path / "s")

    def test_a_redirect_is_followed(self) -> None:
        with gateway(honest({CID_OF_DATA: DATA})) as (there, _):

            def answer(asked: Asked) -> None:
                where = f"{there}/ipfs/{asked.cid}?format={asked.form}"
                asked.answer(301, headers={"location": where})

            with gateway(answer) as (url, _):
                assert saved(url) == DATA

    def test_one_that_has_no_time_is_asked_again_when_it_says(self) -> None:
        statuses = iter([(429, {"retry-after": "7"}), (503, {}), (200, {})])

        def answer(asked: Asked) -> None:
            status, headers = next(statuses)
            asked.answer(status, [DATA], headers=headers)

        waited: list[float] = []
        with (
            gateway(answer) as (url, _),
            Gateway(url, wait=waited.append) as one,
        ):
            assert one.block(CID_OF_DATA) == DATA
        assert waited == [7.0, 1.0]


def wrong(asked: Asked) -> None:
    asked.answer(200, [DATA[:-1] + b"!"])


def empty(asked: Asked) -> None:
    asked.answer(200)


def html(asked: Asked) -> None:
    asked.answer(200, [b"<html>Sign in</html>"], "text/html")


class TestHostile:
    @pytest.mark.parametrize("answer", [wrong, empty, html])
    def test_other_bytes_are_refused_and_it_is_asked_nothing_more(
        self, answer: Answer
    ) -> None:
        with gateway(answer) as (url, asked), Gateway(url) as one:
            with pytest.raises(BlockMismatchError, match="sent other bytes"):
                one.block(CID_OF_DATA)
            with pytest.raises(RemoteError, match="not asked again: sent other"):
                one.block(CID_OF_DATA)
        assert len(asked) == 1

    def test_bytes_without_end_are_left_at_the_limit(self) -> None:
        def answer(asked: Asked) -> None:
            asked.answer(200, itertools.repeat(b"\0" * (1 << 16)))

        with gateway(answer) as (url, _), Gateway(url) as one:
            tracemalloc.start()
            with pytest.raises(TooLargeError, match=f"more than {NODE_BYTES_MAX}"):
                one.block(CID_OF_DATA)
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
            tracemalloc.stop()
            with pytest.raises(RemoteError, match="not asked again"):
                one.block(CID_OF_DATA)

    @pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
    def test_one_that_drips_is_given_up_in_headers_and_in_the_body(
        self, monkeypatch: pytest.MonkeyPatch, begin: bytes
    ) -> None:
        monkeypatch.setattr(lookup, "_PATIENCE_S", 0.3)
        with gateway(lambda asked: asked.drip(0.02, begin)) as (url, _):
            start = time.monotonic()
            with pytest.raises(RemoteError, match="gave up"):
                saved(url)
            assert time.monotonic() - start < 10

    def test_one_is_waited_for_so_long_in_all(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gateways, "GATEWAY_S_MAX", 0.2)

        def answer(asked: Asked) -> None:
            asked.over.wait(0.15)
            asked.answer(200, [DATA])

        with gateway(answer) as (url, _), Gateway(url) as one:
            assert one.block(CID_OF_DATA) == DATA
            with pytest.raises(RemoteError, match=r"waited for 0\.2 s in all"):
                [one.block(CID_OF_DATA) for _ in range(3)]

    @pytest.mark.parametrize("status", [404, 410, 451])
    def test_what_it_does_not_have_is_not_found(self, status: int) -> None:
        with (
            gateway(lambda asked: asked.answer(status)) as (url, _),
            pytest.raises(NotFoundError, match=str(status)),
        ):
            saved(url)

    @pytest.mark.parametrize("status", [400, 401, 403, 500, 502, 504])
    def test_another_answer_is_a_refusal(self, status: int) -> None:
        with (
            gateway(lambda asked: asked.answer(status)) as (url, _),
            pytest.raises(RemoteError, match=f"refuses .{status}"),
        ):
            saved(url)

    def test_one_that_never_has_time_is_given_up(self) -> None:
        with (
            gateway(lambda asked: asked.answer(429)) as (url, asked),
            pytest.raises(RemoteError, match=r"has no time .429"),
        ):
            saved(url)
        assert len(asked) == ASKED_MAX

    def test_one_that_says_to_wait_for_a_day_is_not_waited_for(self) -> None:
        def answer(asked: Asked) -> None:
            asked.answer(503, headers={"retry-after": "86400"})

        with (
            gateway(answer) as (url, asked),
            pytest.raises(RemoteError, match=r"has no time .503. for 86400 s"),
        ):
            saved(url)
        assert len(asked) == 1

    def test_redirects_in_a_circle_are_left(self) -> None:
        def answer(asked: Asked) -> None:
            asked.answer(302, headers={"location": f"/ipfs/{asked.cid}?format=raw"})

        with (
            gateway(answer) as (url, _),
            pytest.raises(RemoteError, match="more than 10 redirects"),
        ):
            saved(url)

    @pytest.mark.parametrize(
        "where",
        ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://.../", "http://xn--/"],
    )
    def test_a_redirect_leads_to_the_web_only(self, where: str) -> None:
        def answer(asked: Asked) -> None:
            asked.answer(302, headers={"location": where})

        with gateway(answer) as (url, _), pytest.raises(RemoteError):
            saved(url)

    def test_compressed_bytes_are_refused(self) -> None:
        def answer(asked: Asked) -> None:
            asked.answer(200, [DATA], headers={"content-encoding": "gzip"})

        with (
            gateway(answer) as (url, _),
            pytest.raises(RemoteError, match="compressed"),
        ):
            saved(url)

    @pytest.mark.parametrize("url", ["", "ipfs.example", "file:///", "http://"])
    def test_what_is_no_url_of_a_gateway_is_refused(self, url: str) -> None:
        with pytest.raises(RemoteError):
            saved(url)

    def test_nobody_there_is_said(self) -> None:
        with gateway(empty) as (url, _):
            pass
        with pytest.raises(RemoteError, match="cannot be looked up"):
            saved(url)


def cars_that_lie(
    root: CID, blocks: Blocks
) -> Iterator[tuple[str, list[tuple[CID, bytes]], str]]:
    honestly = list(reversed(blocks.items()))
    more = (CID_OF_DATA, DATA)
    yield "a block too many at the end", [*honestly, more], "to which nothing leads"
    yield "one before the root", [more, *honestly], "to which nothing leads"
    yield "a child before its parent", honestly[::-1], "to which nothing leads"
    changed = [(cid, data[:-1] + b"!") for cid, data in honestly[1:]]
    yield "other bytes", [honestly[0], *changed], "hash to another CID"
    huge = b"\0" * (NODE_BYTES_MAX + 1)
    yield "a block too large", [honestly[0], (CID.of_bytes(huge), huge)], "at most"


class TestHostileCars:
    def test_a_car_that_lies_is_refused_with_the_reason(
        self, tmp_path: Path, big: tuple[CID, Blocks, bytes]
    ) -> None:
        root, blocks, _ = big
        for name, items, says in cars_that_lie(root, blocks):
            body = car_of(root, {}) + b"".join(
                car_of(root, {cid: data})[len(car_of(root, {})) :]
                for cid, data in items
            )

            def answer(asked: Asked, body: bytes = body) -> None:
                asked.answer(200, [body], CAR)

            with (
                gateway(answer) as (url, asked),
                pytest.raises(NotFoundError, match=says),
            ):
                fetched(url, root, tmp_path / "s", 64 << 20)
            assert len(asked) == 1, name

    def test_a_car_without_end_is_left_at_the_limit(
        self, tmp_path: Path, big: tuple[CID, Blocks, bytes]
    ) -> None:
        root, blocks, _ = big
        again = car_of(root, {root: blocks[root]})[len(car_of(root, {})) :]

        def answer(asked: Asked) -> None:
            begin = car_of(root, {})
            asked.answer(200, itertools.chain([begin], itertools.repeat(again)), CAR)

        with (
            gateway(answer) as (url, _),
            pytest.raises(NotFoundError, match="sends more than"),
        ):
            fetched(url, root, tmp_path / "s")

    def test_a_file_is_fetched_up_to_a_size(
        self, tmp_path: Path, big: tuple[CID, Blocks, bytes]
    ) -> None:
        root, blocks, data = big
        with gateway(honest(blocks)) as (url, _):
            assert fetched(url, root, tmp_path / "a", len(data)) == data
            with pytest.raises(NotFoundError, match=f"more than {len(data) - 1} bytes"):
                fetched(url, root, tmp_path / "b", len(data) - 1)

    def test_a_folder_has_so_many_files(self, tmp_path: Path) -> None:
        blocks: Blocks = {}
        empty = leaf(blocks, b"")
        many = {f"{index:x}": empty for index in range(25_000)}
        inner = directory(blocks, many)
        names = [(f"{index}", inner) for index in range(FILES_MAX // 25_000 + 1)]
        root = put(blocks, node(names, number(1, 1)))
        with (
            gateway(honest(blocks)) as (url, _),
            pytest.raises(NotFoundError, match=f"more than {FILES_MAX} entries"),
        ):
            fetched(url, root, tmp_path / "s")


class TestBombs:
    """Small on the way here, large where they are read."""

    def test_a_file_that_lies_of_its_size_takes_no_room(
        self, tmp_path: Path, big: tuple[CID, Blocks, bytes]
    ) -> None:
        _, blocks, _ = big
        pieces = [("", leaf(blocks, bytes([index]) * 1000)) for index in range(50)]
        sizes = b"".join(number(4, 1000) for _ in pieces)
        lies = put(blocks, node(pieces, number(1, 2) + number(3, 50_001) + sizes))
        true = of_pieces(blocks, [b"true"])
        folder = directory(blocks, {"a": true, "b": lies})
        with gateway(honest(blocks)) as (url, _), Gateway(url) as one:
            contents = Contents([], None, [one], scratch=tmp_path, bytes_max=60_000)
            for root in (lies, folder):
                with pytest.raises(NotFoundError, match="another size than it says"):
                    contents.get(root)
                assert list(tmp_path.iterdir()) == []
            assert contents.get(of_pieces(blocks, [bytes(50_000)]))

    def test_blocks_are_not_read_without_end(self, tmp_path: Path) -> None:
        blocks: Blocks = {}
        large = number(1, 2) + text(9, bytes(NODE_BYTES_MAX - 100))
        fat = put(blocks, node([], large))
        root = directory(blocks, {f"{index}": fat for index in range(100)})
        with (
            gateway(honest(blocks)) as (url, _),
            pytest.raises(NotFoundError, match="far more than the content"),
        ):
            fetched(url, root, tmp_path / "s")


class TestSources:
    def test_what_may_never_end_is_no_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path / "pipe", Path("/dev/zero")):
            with pytest.raises(FileError, match="neither a file nor a folder"):
                Contents([path]).get(CID_OF_DATA)

    def test_the_next_source_is_asked_and_what_the_first_said_is_told(
        self, tmp_path: Path
    ) -> None:
        with (
            gateway(wrong) as (liar, _),
            gateway(honest({})) as (without, _),
            gateway(honest({CID_OF_DATA: DATA})) as (good, _),
            Gateway(liar) as first,
            Gateway(without) as second,
            Gateway(good) as third,
        ):
            contents = Contents([], None, [first, second, third], scratch=tmp_path)
            found = contents.get(CID_OF_DATA)
            assert isinstance(found, Path)
            assert found.read_bytes() == DATA
            assert len(list(tmp_path.iterdir())) == 1
            with pytest.raises(NotFoundError) as caught:
                Contents([], None, [first, second], scratch=tmp_path).get(CID_OF_DATA)
        assert f"{liar} not asked again: sent other bytes" in str(caught.value)
        assert f"{without} does not have it (404)" in str(caught.value)

    def test_what_was_fetched_is_not_fetched_again(self, tmp_path: Path) -> None:
        with gateway(honest({CID_OF_DATA: DATA})) as (url, asked), Gateway(url) as one:
            contents = Contents([], None, [one], scratch=tmp_path)
            assert contents.get(CID_OF_DATA) == contents.get(CID_OF_DATA)
        assert len(asked) == 1

    def test_all_that_is_fetched_has_one_limit(self, tmp_path: Path) -> None:
        items = [b"a" * 600, b"b" * 600]
        blocks = {CID.of_bytes(data): data for data in items}
        with gateway(honest(blocks)) as (url, _), Gateway(url) as one:
            contents = Contents([], None, [one], scratch=tmp_path, bytes_max=1000)
            contents.get(CID.of_bytes(items[0]))
            with pytest.raises(NotFoundError, match="more than 400 bytes"):
                contents.get(CID.of_bytes(items[1]))

    def test_a_file_of_ipfs_in_the_store_is_its_bytes(
        self, big: tuple[CID, Blocks, bytes]
    ) -> None:
        root, blocks, data = big

        class Kept:
            def find(self, cid: CID) -> bytes | None:
                return blocks.get(cid)

        assert Contents([], Kept()).get(root) == data
        missing = CID(bytes((1, DAG_PB)) + CID_OF_DATA.raw[2:])
        with pytest.raises(NotFoundError, match="the store lacks block"):
            Contents([], Kept()).get(missing)
