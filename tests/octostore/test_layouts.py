"""The CIDs of bytes are found by hashing them: flat, and as files of IPFS."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID, DAG_CBOR, DAG_PB
from invocation_spec.errors import CidError
from octostore.layouts import LAYOUTS, Layout, Names
from tests.octostore.said import Command

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "unixfs.json").read_text()
)
ROWS = [pytest.param(row, id=row["name"]) for row in VECTORS]

#: The layouts of the small, deep vectors.
SMALL = tuple(
    Layout(16, links, version, raw_leaves=version == 1)
    for links in (2, 3)
    for version in (0, 1)
)


def content(size: int) -> bytes:
    """The bytes that the vectors speak of."""
    return hashlib.shake_128(b"octostore").digest(size)


def layout_of(row: dict[str, Any]) -> Layout:
    return Layout(
        *(row["leaf_bytes"], row["links"], row["version"]), raw_leaves=row["raw_leaves"]
    )


def named(data: bytes, cid: CID, *layouts: Layout) -> str | None:
    names = Names([cid], layouts or LAYOUTS)
    names.update(data)
    return names.known(cid)


@pytest.mark.parametrize("row", ROWS)
def test_a_file_has_the_cid_of_its_layout(row: dict[str, Any]) -> None:
    data, cid, layout = content(row["size"]), CID.parse(row["cid"]), layout_of(row)
    if cid.codec != DAG_PB:  # a raw leaf is the file
        assert named(data, cid) == "raw"
        return
    assert named(data, cid, layout) == str(layout)
    assert named(data + b"\0", cid, layout) is None
    if data:
        assert named(data[:-1], cid, layout) is None
        changed = bytes([data[0] ^ 1]) + data[1:]
        assert named(changed, cid, layout) is None


def test_every_usual_layout_has_its_vectors() -> None:
    shown = {layout_of(row) for row in VECTORS}
    assert shown == {*LAYOUTS, *SMALL}
    for row in VECTORS:
        if layout_of(row) in LAYOUTS and row["size"] < 1 << 21:
            assert named(content(row["size"]), CID.parse(row["cid"])) is not None


def test_of_several_layouts_the_usual_one_is_told() -> None:
    data = b"1234"
    cid = CID.parse("QmTPqcLhVnCtjoYuCZwPzfXcFrUviiPComTepHfEEaGf7g")
    assert named(data, cid) == "UnixFS, size-262144, 174 links, CIDv0"


@given(st.lists(st.integers(0, 40), max_size=12))
def test_in_which_pieces_bytes_come_does_not_matter(sizes: list[int]) -> None:
    data = content(sum(sizes))
    for layout in SMALL:
        whole, parted = Names([_SOME], [layout]), Names([_SOME], [layout])
        whole.update(data)
        at = 0
        for size in sizes:
            parted.update(data[at : at + size])
            at += size
        assert whole.size == parted.size == len(data)
        assert whole._forests[0x12].roots() == parted._forests[0x12].roots()


_SOME = CID.parse("QmTPqcLhVnCtjoYuCZwPzfXcFrUviiPComTepHfEEaGf7g")

FLAT: list[tuple[int, Callable[[bytes], Any]]] = [
    (0x12, hashlib.sha256),
    (0x13, hashlib.sha512),
    (0x20, hashlib.sha384),
    (0x14, hashlib.sha3_512),
    (0x15, hashlib.sha3_384),
    (0x16, hashlib.sha3_256),
    (0x17, hashlib.sha3_224),
    (0xB220, lambda data: hashlib.blake2b(data, digest_size=32)),
]


@pytest.mark.parametrize(("code", "function"), FLAT)
def test_a_flat_cid_is_checked_by_its_own_hash_function(
    code: int, function: Callable[[bytes], Any]
) -> None:
    data = content(1000)
    cid = CID.of_digest(function(data).digest(), hash_code=code)
    assert named(data, cid) == "raw"
    assert named(data + b"x", cid) is None


def test_a_block_of_another_codec_is_its_own_bytes() -> None:
    cid = CID.of_block(b"\xa0")
    assert cid.codec == DAG_CBOR
    assert named(b"\xa0", cid) == "codec 0x71, of these very bytes"
    assert named(b"\xa1", cid) is None


def test_a_hash_function_that_cannot_be_computed_is_told() -> None:
    cid = CID.of_digest(bytes(32), hash_code=0x1E)
    with pytest.raises(CidError, match="blake3"):
        Names([cid])


def test_several_cids_are_checked_at_once() -> None:
    data = content(300_000)
    raw = CID.of_bytes(data)
    names = Names([raw, _SOME, CID.of_bytes(b"other")])
    for at in range(0, len(data), 4096):
        names.update(data[at : at + 4096])
    assert names.known(raw) == "raw"
    assert names.known(_SOME) is None
    assert names.known(CID.of_bytes(b"other")) is None


UNIXFS = "QmTPqcLhVnCtjoYuCZwPzfXcFrUviiPComTepHfEEaGf7g"


@pytest.fixture
def file() -> str:
    Path("file").write_bytes(b"1234")
    return "file"


def test_a_link_is_checked_on_the_command_line(octostore: Command, file: str) -> None:
    found = octostore("link", "check", UNIXFS, "./file", file)
    assert (found.code, found.err) == (0, "")
    assert "UnixFS, size-262144, 174 links, CIDv0" in found.out
    assert "the same 4 bytes" in found.out
    told = octostore("link", "check", UNIXFS, "./file", file, "--json")
    assert told.json == {
        "same": True,
        "bytes": 4,
        "names": [
            {
                "cid": str(CID.parse(UNIXFS)),
                "as": "UnixFS, size-262144, 174 links, CIDv0",
            },
            {"cid": str(CID.of_bytes(b"1234")), "as": "raw"},
        ],
    }


def test_it_is_told_which_of_the_two_differs(octostore: Command, file: str) -> None:
    Path("other").write_bytes(b"12345")
    found = octostore("link", "check", UNIXFS, "./file", "other")
    assert found.code == 1
    assert found.out.count("DIFFERS") == 2
    found = octostore("link", "check", UNIXFS, "./other", file)
    assert found.code == 1
    assert found.out.splitlines()[1].endswith("DIFFERS: another digest")
    (first, second) = octostore(
        "link", "check", UNIXFS, "./other", file, "--json"
    ).json["names"]
    assert first["as"] is not None
    assert second["as"] is None


def test_what_cannot_be_checked_is_bad_usage(octostore: Command, file: str) -> None:
    Path("folder").mkdir()
    for arguments in (
        (UNIXFS, "./file", "folder"),
        (UNIXFS, "./file", "nowhere"),
        ("bafy", "./file", file),
        (str(CID.of_digest(bytes(32), hash_code=0x1E)), "./file", file),
    ):
        assert octostore("link", "check", *arguments).code == 2


def test_same_bytes_is_signed_only_if_it_holds(octostore: Command, file: str) -> None:
    octostore("key", "new", "me.key")
    Path("other").write_bytes(b"12345")
    sign = ("link", "same-bytes", UNIXFS, "./file", "--key", "me.key")
    refused = octostore(*sign, "--check", "other", "--out", "link.car")
    assert refused.code == 1
    assert "nothing was signed" in refused.out
    assert not Path("link.car").exists()
    asked = octostore(*sign, "--check", "other", "--out", "link.car", "--json")
    assert (asked.code, asked.json["same"]) == (1, False)
    signed = octostore(*sign, "--check", file, "--out", "link.car")
    assert signed.code == 0
    assert Path("link.car").exists()
