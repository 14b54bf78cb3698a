"""Walking DAGs: paths, scopes, spans and what is not there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import dagcbor
from invocation_spec.cid import CID, DAG_PB, RAW
from invocation_spec.errors import EncodingError
from octostore.dagpb import DIRECTORY, FILE, SHARD
from octostore.errors import NotFoundError
from octostore.published import dag
from octostore.published.dag import Named, Scope, Span, blocks, resolve
from octostore.published.murmur3 import murmur3

Blocks = dict[CID, bytes]


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out, value = out + bytes((value & 0x7F | 0x80,)), value >> 7
    return out + bytes((value,))


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(
    kept: Blocks,
    kind: int,
    links: Sequence[tuple[str, CID]] = (),
    *,
    sizes: Sequence[int] = (),
    fanout: int | None = None,
) -> CID:
    data = field(1, kind) + b"".join(field(4, size) for size in sizes)
    data += b"" if fanout is None else field(5, 0x22) + field(6, fanout)
    block = b"".join(
        field(2, field(1, cid.raw) + field(2, name.encode()) + field(3, 0))
        for name, cid in links
    ) + field(1, data)
    cid = CID(bytes((1, DAG_PB)) + CID.of_bytes(block).raw[2:])
    kept[cid] = block
    return cid


def raw(kept: Blocks, data: bytes) -> CID:
    cid = CID.of_bytes(data)
    kept[cid] = data
    return cid


def cbor(kept: Blocks, value: dagcbor.Ipld) -> CID:
    block = dagcbor.encode(value)
    kept[CID.of_block(block)] = block
    return CID.of_block(block)


def walked(
    kept: Blocks, root: CID, path: str = "", scope: Scope = Scope.ALL, **more: object
) -> list[CID]:
    found = resolve(kept.get, Named(root, root.raw), path.split("/") if path else [])
    named = blocks(kept.get, found, scope, **more)  # type: ignore[arg-type]
    return [item.cid for item in named]


@pytest.fixture
def kept() -> Blocks:
    return {}


def test_a_path_leads_through_folders_and_values(kept: Blocks) -> None:
    leaf = raw(kept, b"1,2")
    folder = node(kept, DIRECTORY, [("r.csv", leaf), ("other", leaf)])
    value = cbor(kept, {"a": [1, {"b": folder}]})
    assert walked(kept, value, "a/1/b/r.csv") == [value, folder, leaf]
    assert walked(kept, value, "a/1/b", Scope.ENTITY) == [value, folder]
    assert walked(kept, value, "a/1/b", Scope.BLOCK) == [value, folder]
    assert walked(kept, value) == [value, folder, leaf]
    assert walked(kept, value, "a/0") == [value]


@pytest.mark.parametrize(
    "path", ["b", "a/2", "a/01", "a/-1", "a/x", "a/0/y", "a/1/b/z"]
)
def test_what_is_not_there_is_said(kept: Blocks, path: str) -> None:
    folder = node(kept, DIRECTORY, [("r", raw(kept, b"r"))])
    value = cbor(kept, {"a": [1, {"b": folder}]})
    with pytest.raises(NotFoundError):
        walked(kept, value, path)


def test_below_a_leaf_is_nothing(kept: Blocks) -> None:
    with pytest.raises(NotFoundError):
        walked(kept, raw(kept, b"x"), "a")


def test_a_block_that_comes_twice_is_sent_once_unless_asked_for(kept: Blocks) -> None:
    leaf = raw(kept, b"same")
    folder = node(kept, DIRECTORY, [("a", leaf), ("b", leaf)])
    assert walked(kept, folder) == [folder, leaf]
    assert walked(kept, folder, may_repeat=True) == [folder, leaf, leaf]


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    first=st.integers(-70, 70),
    last=st.none() | st.integers(-70, 70),
)
def test_a_span_has_the_pieces_with_its_bytes_and_no_other(
    sizes: list[int], first: int, last: int | None
) -> None:
    kept: Blocks = {}
    pieces = [raw(kept, bytes((n,)) * size) for n, size in enumerate(sizes)]
    inner = node(kept, FILE, [("", cid) for cid in pieces[1:]], sizes=sizes[1:])
    root = node(
        kept,
        FILE,
        [("", pieces[0]), ("", inner)],
        sizes=[sizes[0], sum(sizes[1:])],
    )
    whole = [n for n, size in enumerate(sizes) for _ in range(size)]
    begin = first if first >= 0 else max(len(whole) + first, 0)
    end = (
        len(whole) if last is None else last + 1 if last >= 0 else len(whole) + last + 1
    )
    touched = sorted(set(whole[begin : max(end, 0)]))
    found = walked(kept, root, scope=Scope.ENTITY, span=Span(first, last))
    assert [pieces.index(cid) for cid in found if cid in pieces] == touched


def test_a_piece_outside_the_span_need_not_be_there(kept: Blocks) -> None:
    one, two = raw(kept, b"1" * 5), raw(kept, b"2" * 5)
    root = node(kept, FILE, [("", one), ("", two)], sizes=[5, 5])
    del kept[two]
    assert walked(kept, root, scope=Scope.ENTITY, span=Span(0, 4)) == [root, one]
    with pytest.raises(NotFoundError):
        walked(kept, root, scope=Scope.ENTITY)


def test_old_cids_come_as_the_link_has_them(kept: Blocks) -> None:
    leaf = node(kept, FILE)
    old = leaf.raw[2:]  # CIDv0: the multihash alone
    data = field(1, DIRECTORY)
    block = field(2, field(1, old) + field(2, b"a")) + field(1, data)
    root = CID(bytes((1, DAG_PB)) + CID.of_bytes(block).raw[2:])
    kept[root] = block
    found = resolve(kept.get, Named(root, root.raw[2:]), [])
    named = list(blocks(kept.get, found, Scope.ALL))
    assert [item.raw for item in named] == [root.raw[2:], old]


def test_a_sharded_folder_is_read_by_the_hash_of_names(kept: Blocks) -> None:
    names = [f"{n}.txt" for n in range(40)]
    leaves = {name: raw(kept, name.encode()) for name in names}

    def shard(level: int, inside: list[str]) -> CID:
        slots: dict[int, list[str]] = {}
        for name in inside:
            digest = murmur3(name.encode())
            slots.setdefault(digest >> 64 - 4 * (level + 1) & 15, []).append(name)
        links = [
            (f"{slot:X}{some[0]}", leaves[some[0]])
            if len(some) == 1
            else (f"{slot:X}", shard(level + 1, some))
            for slot, some in sorted(slots.items())
        ]
        return node(kept, SHARD, links, fanout=16)

    root = shard(0, names)
    for name in names:
        *way, leaf = walked(kept, root, name)
        assert leaf == leaves[name]
        assert way[0] == root
        assert all(cid.codec == DAG_PB for cid in way)
    shards = walked(kept, root, scope=Scope.ENTITY)
    assert {cid.codec for cid in shards} == {DAG_PB}
    assert set(walked(kept, root)) == set(kept)
    with pytest.raises(NotFoundError):
        walked(kept, root, "40.txt")


@pytest.mark.parametrize("fanout", [None, 0, 1, 3, 1 << 11])
def test_a_shard_of_no_width_is_refused(kept: Blocks, fanout: int | None) -> None:
    root = node(kept, SHARD, [("0a", raw(kept, b"a"))], fanout=fanout)
    for path, scope in (("a", Scope.ALL), ("", Scope.ENTITY)):
        with pytest.raises(EncodingError):
            walked(kept, root, path, scope)


def test_what_is_no_dag_pb_is_refused(kept: Blocks) -> None:
    cid = CID(bytes((1, DAG_PB)) + CID.of_bytes(b"nonsense").raw[2:])
    kept[cid] = b"nonsense"
    for scope in (Scope.ENTITY, Scope.ALL):
        with pytest.raises(EncodingError):
            walked(kept, cid, scope=scope)
    assert walked(kept, cid, scope=Scope.BLOCK) == [cid]
    assert cid.codec != RAW


def test_a_walk_has_a_number_of_visits_and_a_depth(
    kept: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = raw(kept, b"deep")
    for _ in range(dag.DEPTH_MAX):
        at = cbor(kept, {"next": at})
    assert len(walked(kept, at)) == dag.DEPTH_MAX + 1
    with pytest.raises(EncodingError, match="deeper"):
        walked(kept, cbor(kept, {"next": at}))
    leaf = raw(kept, b"leaf")
    wide = node(kept, DIRECTORY, [(f"{n}", leaf) for n in range(9)])
    monkeypatch.setattr(dag, "VISITS_MAX", 10)
    assert walked(kept, wide) == [wide, leaf]
    monkeypatch.setattr(dag, "VISITS_MAX", 9)
    with pytest.raises(EncodingError, match="more than 9"):
        walked(kept, wide)


@pytest.mark.parametrize(
    ("text", "half"),
    [
        (b"", 0),
        (b"hello", 0xCBD8A7B341BD9B02),
        (b"hello, world", 0x342FAC623A5EBC8E),
        (b"The quick brown fox jumps over the lazy dog.", 0xCD99481F9EE902C9),
    ],
)
def test_murmur3_is_that_of_others(text: bytes, half: int) -> None:
    """Known values, as the tests of spaolacci/murmur3 have them too."""
    assert murmur3(text) == half


def test_blocks_are_decoded_up_to_a_size_together_however_often_they_come(
    kept: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = dagcbor.encode({"x": "y" * 1000})
    folder = node(kept, DIRECTORY, [("n" * 1000, raw(kept, b"z"))])
    for inner in (CID.of_block(large), folder):
        kept[CID.of_block(large)] = large
        root = dagcbor.encode([inner] * 10)
        cid = CID.of_block(root)
        kept[cid] = root
        monkeypatch.setattr(dag, "DECODED_BYTES_MAX", 12_000)
        found = resolve(kept.get, Named(cid, cid.raw), [])
        assert len(list(blocks(kept.get, found, Scope.ALL))) >= 2
        monkeypatch.setattr(dag, "DECODED_BYTES_MAX", 9_000)
        with pytest.raises(EncodingError, match="more than 9000 bytes to decode"):
            list(blocks(kept.get, found, Scope.ALL))
        monkeypatch.setattr(dag, "DECODED_BYTES_MAX", 300)
        with pytest.raises(EncodingError, match="more than 300 bytes to decode"):
            resolve(kept.get, Named(cid, cid.raw), ["3"])
