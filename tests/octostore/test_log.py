from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from octostore.errors import StatementError, StoreCorruptError
from octostore.log import (
    EMPTY_ROOT,
    KIND_MAP_HEAD,
    KIND_STATEMENT,
    Entry,
    Frontier,
    leaf_hash,
    node_hash,
)

# The leaves that the tests of Certificate Transparency use, and the roots of
# their logs (RFC 6962 reference implementation).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def frontier(leaves: list[bytes]) -> Frontier:
    grown = Frontier()
    for leaf in leaves:
        grown = grown.append(leaf_hash(leaf))
    return grown


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_by_definition(leaves[:k]), root_by_definition(leaves[k:]))


def test_roots_are_those_of_rfc_6962() -> None:
    for size, root in enumerate(ROOTS, start=1):
        checkpoint = frontier(LEAVES[:size]).checkpoint
        assert (checkpoint.size, checkpoint.root.hex()) == (size, root)


def test_the_root_of_an_empty_log_is_the_hash_of_nothing() -> None:
    assert Frontier().checkpoint.root == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_the_frontier_gives_the_root_that_the_definition_gives() -> None:
    leaves = [bytes([n]) * 37 for n in range(70)]
    for size in range(71):
        assert frontier(leaves[:size]).checkpoint.root == root_by_definition(
            leaves[:size]
        )


def test_roots_of_the_merkle_vectors_of_others(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "conformance" / "merkle" / "testdata" / "inclusion"
    seen = 0
    for path in folder.glob("*/happy-path.json"):
        case = json.loads(path.read_text())
        if case["treeSize"] > len(LEAVES):
            continue
        seen += 1
        found = frontier(LEAVES[: case["treeSize"]]).checkpoint.root
        assert found == base64.b64decode(case["root"])
        leaf = base64.b64decode(case["leafHash"])
        assert leaf == leaf_hash(LEAVES[case["leafIdx"]])
    assert seen


def test_a_frontier_is_written_and_read() -> None:
    for size in (0, 1, 2, 7, 8):
        grown = frontier(LEAVES[:size])
        assert Frontier.from_bytes(bytes(grown)) == grown


@pytest.mark.parametrize("raw", [b"", bytes(5), bytes(7), bytes(6) + bytes(32)])
def test_a_frontier_that_contradicts_itself_is_refused(raw: bytes) -> None:
    with pytest.raises(StoreCorruptError):
        Frontier.from_bytes(raw)


def test_an_entry_is_a_kind_and_a_cid_in_37_bytes() -> None:
    cid = CID.of_block(b"\xa0")
    for kind in (KIND_STATEMENT, KIND_MAP_HEAD):
        entry = Entry(kind, cid)
        assert bytes(entry) == bytes([kind]) + cid.raw
        assert len(bytes(entry)) == 37
        assert Entry.from_bytes(bytes(entry)) == entry


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" + CID.of_block(b"\xa0").raw[:-1],
        b"\x00" + CID.of_block(b"\xa0").raw + b"\x00",
        b"\x02" + CID.of_block(b"\xa0").raw,
        b"\x00" + CID.of_bytes(b"raw").raw,
    ],
)
def test_any_other_entry_is_refused(raw: bytes) -> None:
    with pytest.raises(StatementError):
        Entry.from_bytes(raw)


def test_a_checkpoint_writes_its_root_as_notes_do() -> None:
    assert frontier(LEAVES[:1]).checkpoint.to_json() == {
        "size": 1,
        "root": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
    }
