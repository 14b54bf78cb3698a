"""A CAR is read one block at a time; a bad block stops nothing, a bad frame all."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from octostore.car import HEADER_BYTES_MAX, Block, CarReader, Damaged, chunks, write
from octostore.errors import CarError

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "car.json").read_text()
)
VALID = [pytest.param(row, id=row["name"]) for row in VECTORS if row["valid"]]
INVALID = [pytest.param(row, id=row["name"]) for row in VECTORS if not row["valid"]]

ONE = Block(CID.of_bytes(b"one"), b"one")
CONFORMANCE = Path("conformance")


def read(car: bytes) -> tuple[tuple[CID, ...], list[Block | Damaged]]:
    reader = CarReader(io.BytesIO(car))
    return reader.roots, list(reader)


class Trickle(io.RawIOBase):
    """A stream that gives a byte at a time, as a slow peer does."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1, /) -> bytes:
        return self._data.read(min(size, 1))


@pytest.mark.parametrize("row", VALID)
def test_valid_cars(row: dict[str, Any]) -> None:
    roots, found = read(bytes.fromhex(row["car"]))
    assert [str(root) for root in roots] == row["roots"]
    blocks = [item for item in found if isinstance(item, Block)]
    damaged = [item for item in found if isinstance(item, Damaged)]
    assert [str(block.cid) for block in blocks] == row["blocks"]
    assert [item.error.code for item in damaged] == row["damaged"]
    assert all(item.text.startswith("b") for item in damaged)
    assert all(block.cid.matches(block.data) for block in blocks)


@pytest.mark.parametrize("row", INVALID)
def test_malformed_cars_are_refused_with_their_place(row: dict[str, Any]) -> None:
    with pytest.raises(CarError) as caught:
        read(bytes.fromhex(row["car"]))
    assert caught.value.at is not None
    assert 0 <= int(caught.value.at.removeprefix("byte ")) <= len(row["car"]) // 2


@pytest.mark.parametrize("row", VALID)
def test_a_stream_may_come_in_pieces(row: dict[str, Any]) -> None:
    car = bytes.fromhex(row["car"])
    reader = CarReader(Trickle(car))  # type: ignore[arg-type] # it reads bytes
    assert list(reader) == read(car)[1]
    assert reader.offset == len(car)


def test_car_v2_is_named() -> None:
    with pytest.raises(CarError, match="CAR version 2; expected version 1"):
        read(bytes.fromhex("0aa16776657273696f6e02"))


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_what_is_written_reads_back(data: list[bytes]) -> None:
    blocks = [Block(CID.of_bytes(item), item) for item in data]
    stream = io.BytesIO()
    write(stream, [blocks[0].cid], blocks)
    assert stream.getvalue() == b"".join(chunks([blocks[0].cid], blocks))
    assert read(stream.getvalue()) == ((blocks[0].cid,), blocks)


@given(st.integers(0, 100))
def test_a_file_that_breaks_off_is_refused_unless_between_blocks(size: int) -> None:
    car = b"".join(chunks([ONE.cid], [ONE, ONE]))
    whole = {len(car), len(car) - 40, len(car) - 80}
    if size in whole:
        read(car[:size])
    else:
        cut = car[: min(size, len(car) - 1)]
        if len(cut) not in whole:
            with pytest.raises(CarError):
                read(cut)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(noise: bytes) -> None:
    header = b"".join(chunks([ONE.cid], []))
    for car in (noise, header + noise):
        try:
            read(car)
        except CarError:
            continue


def test_a_block_past_the_limit_is_skipped_and_the_next_is_read() -> None:
    fits, over = bytes(BLOCK_BYTES_MAX), bytes(BLOCK_BYTES_MAX + 1)
    blocks = [
        Block(CID.of_bytes(over), over),
        Block(CID.of_bytes(fits), fits),
        ONE,
    ]
    _, found = read(b"".join(chunks([ONE.cid], blocks)))
    assert found[1:] == blocks[1:]
    assert isinstance(found[0], Damaged)
    assert found[0].text == str(blocks[0].cid)
    assert found[0].error.code == "encoding"


class Endless(io.RawIOBase):
    """A header, then a section that says it is huge, then too few bytes."""

    def __init__(self, head: bytes) -> None:
        self._head = io.BytesIO(head)
        self.largest_read = 0

    def read(self, size: int = -1, /) -> bytes:
        self.largest_read = max(self.largest_read, size)
        return self._head.read(size)


def test_a_declared_length_reserves_no_memory() -> None:
    head = b"".join(chunks([ONE.cid], []))
    claimed = b"\xff\xff\xff\xff\xff\xff\xff\x7f" + ONE.cid.raw + bytes(300)
    stream = Endless(head + claimed)
    reader = CarReader(stream)  # type: ignore[arg-type] # it reads bytes
    with pytest.raises(CarError, match="breaks off"):
        list(reader)
    assert stream.largest_read <= HEADER_BYTES_MAX


def test_blake3_cannot_be_checked_and_says_so() -> None:
    cid = CID.of_digest(bytes(32), hash_code=0x1E)
    _, found = read(b"".join(chunks([ONE.cid], [Block(cid, b"x")])))
    assert isinstance(found[0], Damaged)
    assert "blake3" in found[0].error.reason


def test_the_example_of_the_car_specification(shared_fixtures: Path) -> None:
    folder = shared_fixtures / CONFORMANCE / "ipld-specs/specs/transport/car/fixture"
    car = (folder / "carv1-basic/carv1-basic.car").read_bytes()
    expected = json.loads((folder / "carv1-basic/carv1-basic.json").read_text())
    roots, found = read(car)
    assert [str(root) for root in roots] == [
        root["/"] for root in expected["header"]["roots"]
    ]
    assert [item.cid for item in found] == [
        CID.parse(block["cid"]["/"]) for block in expected["blocks"]
    ]
    for item, block in zip(found, expected["blocks"], strict=True):
        assert isinstance(item, Block)
        start = block["blockOffset"]
        assert item.data == car[start : start + block["blockLength"]]


@pytest.mark.parametrize(
    "name",
    [
        "go-car/cmd/car/testdata/inputs/badheaderlength.car",
        "go-car/cmd/car/testdata/inputs/badsectionlength.car",
        "go-car/v2/testdata/sample-v1-with-zero-len-section2.car",
        "go-car/v2/testdata/sample-rw-bs-v2.car",
        "js-car/test/fixtures/sample-unixfs-v2.car",
    ],
)
def test_bad_cars_of_others_are_refused(shared_fixtures: Path, name: str) -> None:
    with pytest.raises(CarError):
        read((shared_fixtures / CONFORMANCE / name).read_bytes())


def test_crashers_of_others_are_refused(shared_fixtures: Path) -> None:
    found = list((shared_fixtures / CONFORMANCE / "go-car").rglob("Fuzz*/*"))
    assert found
    for path in found:
        # A Go string: bytes as they are, and escapes that Python has too.
        text = path.read_text(encoding="latin-1").splitlines()[1]
        string = text.removeprefix("[]byte(").removesuffix(")")
        car = ast.literal_eval(string).encode("latin-1")
        with pytest.raises(CarError):
            read(car)


def test_a_unixfs_car_of_go_has_a_root_in_cidv0(shared_fixtures: Path) -> None:
    path = shared_fixtures / CONFORMANCE / "go-car/cmd/car/testdata/inputs"
    # DAG-CBOR of ours spells no link so; sections may, because there the CID is bare.
    with pytest.raises(CarError, match="a link is no CID"):
        read((path / "simple-unixfs.car").read_bytes())
