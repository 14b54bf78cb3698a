"""Result folders of strangers: on disk, in a tar.gz, in a CAR, and hostile."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from invocation_spec import CID
from invocation_spec.cid import DAG_PB, RAW, SHA2_256
from octostore import car
from octostore.errors import CarError, FileError, ResultError
from octostore.published import result_in, root_of
from octostore.published.layout import (
    ENTRIES_MAX,
    EXIT_BYTES_MAX,
    NAMES_BYTES_MAX,
    File,
    laid_out,
)
from octostore.published.tarball import EXTENSION_BYTES_MAX, files_of_tarball
from octostore.published.unixfs import files_of_car
from octostore.result import Result
from octostore.unixfs import NODE_BYTES_MAX, TREE_DEPTH_MAX
from tests.octostore.said import Command

FILES = {
    "exitCode": b"0",
    "outputs/a.csv": b"1,2\n",
    "outputs/deep/ü": b"u",
    "stderr": b"words",
    "stdout": b"said\n",
}
NAMES = {"outputs": "/data/out"}
RESULT = Result(
    {
        "stdout": CID.of_bytes(b"said\n"),
        "/data/out/a.csv": CID.of_bytes(b"1,2\n"),
        "/data/out/deep/ü": CID.of_bytes(b"u"),
    },
    exit=0,
)


def tar_gz(path: Path, add: Callable[[tarfile.TarFile], None]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        add(tar)
    return path


def add_file(tar: tarfile.TarFile, name: str, data: bytes = b"x") -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def add_files(tar: tarfile.TarFile, *names: str) -> None:
    for name in names:
        add_file(tar, name)


def add_kind(tar: tarfile.TarFile, name: str, kind: bytes, to: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    tar.addfile(info)


def as_bacalhau_writes(tar: tarfile.TarFile) -> None:
    """`.` first, directories without a slash: pkg/lib/gzip/gzip.go."""
    for name in (".", "outputs", "outputs/deep", "empty"):
        add_kind(tar, name, tarfile.DIRTYPE)
    for name, data in FILES.items():
        add_file(tar, name, data)


# A UnixFS of our own writing, as the specification has it.


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def text(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


Blocks = dict[CID, bytes]


def put(blocks: Blocks, data: bytes, codec: int = DAG_PB) -> CID:
    raw = bytes((1, codec, SHA2_256, 32)) + hashlib.sha256(data).digest()
    cid = CID.from_bytes(raw)
    blocks[cid] = data
    return cid


def node(links: Sequence[tuple[str, CID]], data: bytes) -> bytes:
    return b"".join(
        text(2, text(1, cid.raw) + text(2, name.encode()) + number(3, 1))
        for name, cid in links
    ) + text(1, data)


def directory(blocks: Blocks, entries: Mapping[str, CID]) -> CID:
    return put(blocks, node(sorted(entries.items()), number(1, 1)))


def leaf(blocks: Blocks, data: bytes, *, raw: bool = True) -> CID:
    if raw:
        return put(blocks, data, RAW)
    return put(blocks, node([], number(1, 2) + text(2, data) + number(3, len(data))))


def of_pieces(blocks: Blocks, pieces: Sequence[bytes], *, raw: bool = True) -> CID:
    links = [("", leaf(blocks, piece, raw=raw)) for piece in pieces]
    data = number(1, 2) + number(3, sum(map(len, pieces)))
    data += b"".join(number(4, len(piece)) for piece in pieces)
    return put(blocks, node(links, data))


def written(path: Path, root: CID, blocks: Blocks) -> Path:
    with path.open("wb") as stream:
        car.write(stream, [root], blocks.items())
    return path


def published(blocks: Blocks, files: Mapping[str, bytes] = FILES) -> CID:
    deep = directory(blocks, {"ü": leaf(blocks, files["outputs/deep/ü"], raw=False)})
    outputs = {"a.csv": leaf(blocks, files["outputs/a.csv"]), "deep": deep}
    top = {name: leaf(blocks, files[name]) for name in ("exitCode", "stderr", "stdout")}
    return directory(blocks, {**top, "outputs": directory(blocks, outputs)})


@pytest.fixture(params=["folder", "tar", "car"])
def results(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "tar":
        return tar_gz(tmp_path / "r.tar.gz", as_bacalhau_writes)
    if request.param == "car":
        blocks: Blocks = {}
        return written(tmp_path / "r.car", published(blocks), blocks)
    for name, data in FILES.items():
        (tmp_path / "r" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "r" / name).write_bytes(data)
    return tmp_path / "r"


def test_one_result_whichever_way_it_was_published(results: Path) -> None:
    assert result_in(results, NAMES) == RESULT


def test_claim_takes_each_of_them(
    octostore: Command, results: Path, tmp_path: Path
) -> None:
    job = Path(__file__).parents[2] / "examples" / "kepler" / "bacalhau-job.yaml"
    octostore("key", "new", "me.key")
    said = octostore(
        *("claim", job, "--network", "bacalhau", "--key", "me.key"),
        *("--results", results, "--out", "c.car"),
    )
    assert said.code == 0, said.err
    assert str(CID.of_bytes(b"1,2\n")) in said.out


def test_a_wasi_command_that_returns_has_exit_0(tmp_path: Path) -> None:
    path = tar_gz(tmp_path / "r.tgz", lambda tar: add_file(tar, "exitCode", b"-1"))
    assert result_in(path, {}) == Result({}, exit=0)


def test_an_exit_status_is_read_from_so_many_bytes(tmp_path: Path) -> None:
    for more in (0, 1):
        data = b" " * (EXIT_BYTES_MAX - 1 + more) + b"3"
        path = tar_gz(
            tmp_path / "r.tgz",
            lambda tar, data=data: add_file(tar, "exitCode", data),  # type: ignore[misc]
        )
        if more:
            with pytest.raises(FileError, match="no exit status"):
                result_in(path, {})
        else:
            assert result_in(path, {}).exit == 3


@pytest.mark.parametrize("code", [b"0", b"-1"])
def test_what_stands_behind_an_exit_status_is_not_passed_over(
    tmp_path: Path, code: bytes
) -> None:
    data = code + b" " * EXIT_BYTES_MAX + b"137"
    archive = tar_gz(tmp_path / "r.tgz", lambda tar: add_file(tar, "exitCode", data))
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "exitCode").write_bytes(data)
    for path in (archive, tmp_path / "r"):
        with pytest.raises(FileError, match="no exit status"):
            result_in(path, {})


@pytest.mark.parametrize(
    ("add", "says"),
    [
        (lambda tar: add_file(tar, "/etc/passwd"), "leads out"),
        (lambda tar: add_file(tar, "../x"), "leads out"),
        (lambda tar: add_file(tar, "a/../../x"), "leads out"),
        (lambda tar: add_kind(tar, "a", tarfile.SYMTYPE, "/etc"), "neither"),
        (lambda tar: add_kind(tar, "a", tarfile.LNKTYPE, "stdout"), "neither"),
        (lambda tar: add_kind(tar, "a", tarfile.CHRTYPE), "neither"),
        (lambda tar: add_kind(tar, "a", tarfile.BLKTYPE), "neither"),
        (lambda tar: add_kind(tar, "a", tarfile.FIFOTYPE), "neither"),
        (lambda tar: add_files(tar, "o/a", "./o//a"), "twice"),
        (lambda tar: add_files(tar, "a", "a/b"), "twice"),
        (lambda tar: add_files(tar, "a/b", "a"), "twice"),
        (lambda tar: add_files(tar, "a", "a b", "a.b", "a/b"), "twice"),
        (lambda tar: add_file(tar, "."), "without a name"),
        (lambda tar: add_file(tar, "a" * (2 << 20)), "name or pax header"),
    ],
)
def test_an_archive_of_anything_but_files_is_refused(
    tmp_path: Path, add: Callable[[tarfile.TarFile], None], says: str
) -> None:
    path = tar_gz(tmp_path / "r.tar.gz", add)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileError, match=says):
        result_in(path, {})
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_is_a_directory_too_is_refused(tmp_path: Path) -> None:
    def add(tar: tarfile.TarFile) -> None:
        add_kind(tar, "a", tarfile.DIRTYPE)
        add_file(tar, "a")

    with pytest.raises(FileError, match="file and a directory"):
        result_in(tar_gz(tmp_path / "r.tar.gz", add), {})


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT, encoding="latin-1") as t:
        add_file(t, "o/\xff")
    with pytest.raises(FileError, match="not UTF-8"):
        result_in(path, {})


def test_a_long_name_and_a_large_header_are_read_up_to_a_size(tmp_path: Path) -> None:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("outputs/a")
        info.pax_headers = {"comment": "c" * (EXTENSION_BYTES_MAX - 100)}
        tar.addfile(info)

    assert result_in(tar_gz(tmp_path / "r.tar.gz", add), {}).outputs


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"x" * 512, mtime=0),
        gzip.compress(b"\0" * 1024, mtime=0)[:-9],
    ],
)
def test_what_is_no_archive_or_breaks_off_is_refused(
    tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "r.tar.gz").write_bytes(data)
    with pytest.raises(FileError):
        result_in(tmp_path / "r.tar.gz", {})


def test_each_byte_of_an_archive_that_is_cut_off_is_missed(tmp_path: Path) -> None:
    whole = tar_gz(tmp_path / "r.tar.gz", as_bacalhau_writes).read_bytes()
    for end in range(0, len(whole), 7):
        (tmp_path / "cut.tar.gz").write_bytes(whole[:end])
        with pytest.raises(FileError):
            result_in(tmp_path / "cut.tar.gz", {})


def test_an_archive_unpacks_to_so_much(tmp_path: Path) -> None:
    path = tar_gz(tmp_path / "r.tar.gz", lambda tar: add_file(tar, "a", b"x" * 5000))
    with gzip.open(path) as plain:
        size = len(plain.read())
    assert list(files_of_tarball(path, bytes_max=size))
    with pytest.raises(FileError, match="unpacks to more"):
        list(files_of_tarball(path, bytes_max=size - 1))


def test_an_archive_has_so_many_entries(tmp_path: Path) -> None:
    header = tarfile.TarInfo("d")
    header.type = tarfile.DIRTYPE
    block = header.tobuf()
    for more, says in ((0, "twice|nothing"), (1, "more than")):
        path = tmp_path / "r.tar.gz"
        data = block * (ENTRIES_MAX + more) + b"\0" * 1024
        path.write_bytes(gzip.compress(data, 1))
        if more:
            with pytest.raises(FileError, match=says):
                list(files_of_tarball(path))
        else:
            assert list(files_of_tarball(path)) == []


def test_names_in_results_have_so_many_bytes() -> None:
    cid = CID.of_bytes(b"x")
    name = "n" * 1023
    files = [File((f"{index:01024d}", name), cid, b"") for index in range(1 << 13)]
    assert sum(len("/".join(file.path)) for file in files) == NAMES_BYTES_MAX
    assert laid_out(files, {}, "here").outputs.keys() >= {f"/{0:01024d}/{name}"}
    with pytest.raises(FileError, match="names of more than"):
        laid_out([*files, File(("x",), cid, b"")], {}, "here")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_names_of_an_archive_are_no_bomb(tmp_path: Path, kind: bytes) -> None:
    def add(tar: tarfile.TarFile) -> None:
        add_file(tar, "exitCode", b"0")
        for index in range(1 << 13):
            add_kind(tar, f"{index}/" + "a/" * 2040 + "f", kind)

    path = tar_gz(tmp_path / "r.tar.gz", add)
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    with pytest.raises(FileError, match="names of more than"):
        result_in(path, {})
    assert tracemalloc.get_traced_memory()[1] < 128 << 20
    tracemalloc.stop()


@pytest.mark.slow
def test_bombs_of_results_are_refused_in_little_memory(tmp_path: Path) -> None:
    def bomb(path: Path, declared: int, size: int) -> Path:
        info = tarfile.TarInfo("outputs/zeros")
        info.size = declared
        with gzip.open(path, "wb", 1) as stream:
            stream.write(info.tobuf(tarfile.GNU_FORMAT))
            for _ in range(size >> 20):
                stream.write(b"\0" * (1 << 20))
        return path

    start = time.monotonic()
    tracemalloc.start()
    with pytest.raises(FileError, match="unpacks to more"):
        list(
            files_of_tarball(
                bomb(tmp_path / "a.tar.gz", 200 << 20, 200 << 20), bytes_max=100 << 20
            )
        )
    with pytest.raises(FileError, match=r"breaks off|octal"):
        list(files_of_tarball(bomb(tmp_path / "b.tar.gz", 1 << 40, 1 << 20)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20
    assert time.monotonic() - start < 60


# CAR


def test_the_root_of_a_car_is_the_cid_that_was_published(tmp_path: Path) -> None:
    blocks: Blocks = {}
    root = published(blocks)
    assert root_of(written(tmp_path / "r.car", root, blocks)) == root
    assert root_of(tar_gz(tmp_path / "r.tar.gz", as_bacalhau_writes)) is None


def test_a_root_in_the_older_form_is_the_same_folder(tmp_path: Path) -> None:
    """As `ipfs dag export Qm..` writes it, and Bacalhau publishes."""
    blocks: Blocks = {}
    root = published(blocks)
    whole = written(tmp_path / "r.car", root, blocks).read_bytes()
    new, old = (
        b"\xd8\x2a\x58\x25\x00" + root.raw,
        b"\xd8\x2a\x58\x23\x00" + root.raw[2:],
    )
    assert whole.count(new) == 1
    shorter = whole.replace(new, old)
    (tmp_path / "old.car").write_bytes(bytes([shorter[0] - 2]) + shorter[1:])
    assert root_of(tmp_path / "old.car") == root
    assert result_in(tmp_path / "old.car", NAMES) == RESULT
    with (tmp_path / "old.car").open("rb") as stream, pytest.raises(CarError):
        car.CarReader(stream)


@pytest.mark.parametrize("raw", [True, False])
def test_a_file_of_many_blocks_is_its_bytes(tmp_path: Path, raw: bool) -> None:
    blocks: Blocks = {}
    pieces = [bytes([index]) * 1000 for index in range(50)]
    top = directory(blocks, {"outputs": directory(
        blocks, {"big": of_pieces(blocks, pieces, raw=raw)}
    )})  # fmt: skip
    found = result_in(written(tmp_path / "r.car", top, blocks), {})
    assert found.outputs == {"/outputs/big": CID.of_bytes(b"".join(pieces))}


def inlined(data: bytes, codec: int = RAW) -> bytes:
    """An identity CID, as `ipfs add --inline` makes them."""
    return bytes((1, codec, 0)) + varint(len(data)) + data


def linked(blocks: Blocks, entries: Mapping[str, bytes], data: bytes) -> CID:
    """A node whose links are binary CIDs of any kind."""
    links = sorted(entries.items())
    return put(
        blocks,
        b"".join(
            text(2, text(1, raw) + text(2, name.encode()) + number(3, 1))
            for name, raw in links
        )
        + text(1, data),
    )


def test_what_an_identity_cid_names_is_read_from_it(tmp_path: Path) -> None:
    blocks: Blocks = {}
    small = number(1, 2) + text(2, b"in a file") + number(3, 9)
    pieces = number(1, 2) + number(3, 4) + number(4, 2) + number(4, 2)
    two = text(2, text(1, inlined(b"ab")) + text(2, b"") + number(3, 2))
    of_two = put(blocks, two + two + text(1, pieces))
    deep = text(2, text(1, inlined(b"x")) + text(2, b"x") + number(3, 1))
    root = linked(
        blocks,
        {
            "file": inlined(text(1, small), DAG_PB),
            "folder": inlined(deep + text(1, number(1, 1)), DAG_PB),
            "pieces": of_two.raw,
            "stdout": inlined(b"said\n"),
        },
        number(1, 1),
    )
    expected = {
        "stdout": CID.of_bytes(b"said\n"),
        "file": CID.of_bytes(b"in a file"),
        "folder/x": CID.of_bytes(b"x"),
        "pieces": CID.of_bytes(b"abab"),
    }
    found = files_of_car(written(tmp_path / "r.car", root, blocks))[1]
    assert {"/".join(file.path): file.cid for file in found} == expected
    # A CAR may have such blocks, too, which nobody needs.
    with (tmp_path / "more.car").open("wb") as stream:
        car.write(stream, [root], blocks.items())
        raw, data = inlined(text(1, small), DAG_PB), text(1, small)
        stream.write(varint(len(raw) + len(data)) + raw + data)
    assert len(list(files_of_car(tmp_path / "more.car")[1])) == 4


def test_an_identity_cid_of_no_file_and_no_folder_is_refused(tmp_path: Path) -> None:
    blocks: Blocks = {}
    root = linked(blocks, {"a": inlined(b"\xa0", 0x71)}, number(1, 1))
    path = written(tmp_path / "r.car", root, blocks)
    with pytest.raises(FileError, match="codec 0x71; expected raw or dag-pb"):
        list(files_of_car(path)[1])


def test_blocks_may_stand_in_any_order_and_be_shared(tmp_path: Path) -> None:
    blocks: Blocks = {}
    root = published(blocks, {**FILES, "stdout": b"same", "outputs/a.csv": b"same"})
    backwards = dict(reversed(blocks.items()))
    found = result_in(written(tmp_path / "r.car", root, backwards), NAMES)
    assert found.outputs["stdout"] == found.outputs["/data/out/a.csv"]


def hostile() -> Iterator[tuple[str, Callable[[Blocks], CID], str]]:
    def entry(name: str) -> Callable[[Blocks], CID]:
        return lambda blocks: directory(blocks, {name: leaf(blocks, b"x")})

    for name in ("..", ".", "", "a/b", "a\0"):
        yield f"name {name!r}", entry(name), "no name of a file"
    yield "a long name", entry("n" * 4097), "no name of a file"
    yield "a file", lambda blocks: leaf(blocks, b"x"), "is a file"
    yield "a file of UnixFS", lambda blocks: leaf(blocks, b"x", raw=False), "is a file"
    yield (
        "twice",
        lambda blocks: put(
            blocks,
            node([("a", leaf(blocks, b"1")), ("a", leaf(blocks, b"2"))], number(1, 1)),
        ),
        "twice",
    )
    yield "a shard", lambda blocks: put(blocks, node([], number(1, 5))), "HAMT"
    yield (
        "a symlink",
        lambda blocks: directory(
            blocks, {"a": put(blocks, node([], number(1, 4) + text(2, b"/etc")))}
        ),
        "symlink",
    )
    yield (
        "sizes that lie",
        lambda blocks: directory(
            blocks,
            {
                "a": put(
                    blocks,
                    node(
                        [("", leaf(blocks, b"123"))],
                        number(1, 2) + number(3, 3) + number(4, 2),
                    ),
                )
            },
        ),
        "other sizes",
    )
    yield (
        "a total that lies",
        lambda blocks: directory(
            blocks,
            {"a": put(blocks, node([], number(1, 2) + text(2, b"1") + number(3, 2)))},
        ),
        "another size",
    )
    yield (
        "a folder among pieces",
        lambda blocks: directory(
            blocks,
            {
                "a": put(
                    blocks,
                    node(
                        [("", directory(blocks, {}))],
                        number(1, 2) + number(3, 0) + number(4, 0),
                    ),
                )
            },
        ),
        "none",
    )
    yield "no UnixFS", lambda blocks: put(blocks, b""), "no UnixFS"
    yield "no protobuf", lambda blocks: put(blocks, b"\x0a\xff\x01x"), "no dag-pb"
    yield "unknown", lambda blocks: put(blocks, text(1, number(1, 1)) * 2), "canonical"


@pytest.mark.parametrize(
    ("make", "says"),
    [(make, says) for _, make, says in hostile()],
    ids=[name for name, *_ in hostile()],
)
def test_a_car_of_anything_but_a_folder_of_files_is_refused(
    tmp_path: Path, make: Callable[[Blocks], CID], says: str
) -> None:
    blocks: Blocks = {}
    path = written(tmp_path / "r.car", make(blocks), blocks)
    with pytest.raises(FileError, match=says):
        result_in(path, {})


def test_a_block_that_is_missing_or_changed_is_named(tmp_path: Path) -> None:
    blocks: Blocks = {}
    root = published(blocks)
    victim = next(cid for cid, data in blocks.items() if data == b"said\n")
    missing = {cid: data for cid, data in blocks.items() if cid != victim}
    with pytest.raises(FileError, match=f"{victim} is not there"):
        result_in(written(tmp_path / "r.car", root, missing), {})
    with pytest.raises(FileError, match="hash to another"):
        result_in(written(tmp_path / "r.car", root, {**blocks, victim: b"!"}), {})
    (tmp_path / "r.car").write_bytes(b"no CAR")
    with pytest.raises(CarError):
        result_in(tmp_path / "r.car", {})


def test_folders_lie_so_deep(tmp_path: Path) -> None:
    for more in (0, 1):
        blocks: Blocks = {}
        at = leaf(blocks, b"x")
        for _ in range(TREE_DEPTH_MAX + more):
            at = directory(blocks, {"d": at})
        path = written(tmp_path / "r.car", at, blocks)
        if more:
            with pytest.raises(FileError, match="deeper"):
                result_in(path, {})
        else:
            assert len(result_in(path, {}).outputs) == 1


def test_a_block_of_a_folder_is_so_large(tmp_path: Path) -> None:
    for more in (0, 1):
        blocks: Blocks = {}
        big = leaf(blocks, b"\0" * (NODE_BYTES_MAX + more))
        path = written(tmp_path / "r.car", directory(blocks, {"stdout": big}), blocks)
        if more:
            with pytest.raises(FileError, match="at most"):
                result_in(path, {})
        else:
            assert result_in(path, {}).outputs


@pytest.mark.slow
def test_a_folder_that_names_one_block_over_and_over_is_given_up(
    tmp_path: Path,
) -> None:
    blocks: Blocks = {}
    at, size = leaf(blocks, b""), 0
    for _ in range(6):  # 100^6 visits, of empty bytes
        links = [("", at)] * 100
        data = number(1, 2) + number(3, size) + number(4, 0) * 100
        at = put(blocks, node(links, data))
    path = written(tmp_path / "r.car", directory(blocks, {"stdout": at}), blocks)
    start = time.monotonic()
    with pytest.raises(FileError, match="on the way through it"):
        result_in(path, {})
    assert time.monotonic() - start < 120


def test_a_folder_that_names_much_over_and_over_is_given_up(tmp_path: Path) -> None:
    blocks: Blocks = {}
    zeros, size = leaf(blocks, b"\0" * (1 << 20)), 1 << 20
    for _ in range(2):
        links = [("", zeros)] * 100
        data = number(1, 2) + number(3, size * 100) + number(4, size) * 100
        zeros, size = put(blocks, node(links, data)), size * 100
    path = written(tmp_path / "r.car", directory(blocks, {"stdout": zeros}), blocks)
    with pytest.raises(FileError, match="more than 33554432 bytes"):
        list(files_of_car(path, bytes_max=32 << 20)[1])


def test_a_file_of_another_kind_and_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "r.zip").write_bytes(b"PK")
    with pytest.raises(FileError, match="expected a folder"):
        result_in(tmp_path / "r.zip", {})
    with pytest.raises(FileError, match="nothing is there"):
        result_in(tmp_path / "none", {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError):
        result_in(tmp_path / "empty", {})
