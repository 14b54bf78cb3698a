"""An archive is its regular files; anything that they cannot say is not plain."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import archive
from invocation_spec.archive import NotPlainError, unpack
from invocation_spec.cid import CID

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def packed(*entries: tarfile.TarInfo | tuple[str, bytes | None], **how: Any) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", **how) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry, io.BytesIO(bytes(entry.size)))
                continue
            name, content = entry
            item = tarfile.TarInfo(name)
            item.size = len(content or b"")
            item.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            tar.addfile(item, io.BytesIO(content or b""))
    return gzip.compress(plain.getvalue())


def plain(data: bytes) -> bytes:
    return gzip.decompress(data)


def odd(name: str = "a", **fields: Any) -> tarfile.TarInfo:
    item = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(item, field, value)
    return item


LONG = "/".join(["directory"] * 20) + "/" + "n" * 120


@pytest.mark.parametrize("form", FORMATS)
def test_every_common_dialect_gives_the_same_files(form: int) -> None:
    data = packed(
        ("d", None), ("d/a", b"1"), ("./b/", None), ("./b/c", b""), format=form
    )
    assert unpack(data) == {"d/a": CID.of_bytes(b"1"), "b/c": CID.of_bytes(b"")}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", [LONG, "é" * 60, "a\n", "x" * 100, "x" * 101])
def test_names_are_whole(form: int, name: str) -> None:
    assert unpack(packed((name, b"1"), format=form)) == {name: CID.of_bytes(b"1")}


def test_a_prefix_of_ustar_is_part_of_the_name() -> None:
    name = "p" * 120 + "/" + "n" * 90
    data = packed((name, b"1"), format=tarfile.USTAR_FORMAT)
    assert unpack(data) == {name: CID.of_bytes(b"1")}


def test_times_owners_modes_and_compression_are_no_identity() -> None:
    one = packed(odd(mtime=1, uid=1, mode=0o755, uname="x", size=5))
    two = gzip.compress(plain(packed(odd(size=5))), compresslevel=1, mtime=9)
    assert unpack(one) == unpack(two) == {"a": CID.of_bytes(bytes(5))}


def test_members_of_gzip_follow_each_other() -> None:
    whole = plain(packed(("a", b"1")))
    assert unpack(gzip.compress(whole[:700]) + gzip.compress(whole[700:]))


def test_comments_of_pax_are_passed_over() -> None:
    data = packed(("a", b"1"), format=tarfile.PAX_FORMAT, pax_headers={"comment": "x"})
    assert list(unpack(data)) == ["a"]


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("no gzip", b"plain"),
        ("nothing", b""),
        ("gzip that breaks off", packed(("a", b"1"))[:-9]),
        ("gzip with another checksum", packed(("a", b"1"))[:-8] + bytes(8)),
        ("bytes after gzip", packed(("a", b"1")) + b"x"),
        ("no tar", gzip.compress(b"x" * 2000)),
        ("an empty archive", packed()),
        ("no bytes in it", gzip.compress(b"")),
        ("half a block", gzip.compress(plain(packed(("a", b"1")))[:300])),
        ("no end", gzip.compress(plain(packed(("a", b"1")))[:1024])),
        ("data that break off", gzip.compress(plain(packed(("a", b"1")))[:512])),
        ("bytes after the end", gzip.compress(plain(packed(("a", b"1"))) + b"x")),
        ("a second archive", gzip.compress(plain(packed(("a", b"1"))) * 2)),
        ("symbolic link", packed(odd(type=tarfile.SYMTYPE, linkname="b"))),
        ("hard link", packed(("b", b""), odd(type=tarfile.LNKTYPE, linkname="b"))),
        ("device", packed(odd(type=tarfile.CHRTYPE))),
        ("fifo", packed(odd(type=tarfile.FIFOTYPE))),
        ("contiguous", packed(odd(type=tarfile.CONTTYPE))),
        ("sparse", packed(odd(type=tarfile.GNUTYPE_SPARSE))),
        ("unknown type", packed(odd(type=b"Z"))),
        ("directory with data", packed(odd("d", type=tarfile.DIRTYPE, size=1))),
        ("..", packed(("../a", b""))),
        (".. inside", packed(("a/../b", b""))),
        ("absolute", packed(("/a", b""))),
        ("no name", packed(("", b""))),
        ("the directory itself", packed((".", b""))),
        ("twice", packed(("a", b""), ("a", b""))),
        ("twice in two spellings", packed(("a", b""), ("./a", b""))),
        ("file and directory", packed(("a", b""), ("a", None))),
        ("file with files below", packed(("a", b""), ("a/b", b""))),
        ("empty directory", packed(("a", b""), ("d", None))),
        ("empty directory inside", packed(("d/a", b""), ("d/e", None))),
        ("like a directory only", packed(("d", None), ("d.a", b""))),
        ("not UTF-8", packed(("\udcff", b""), format=tarfile.GNU_FORMAT)),
        ("NUL in a pax name", packed(odd(pax_headers={"path": "a\0b"}), format=2)),
        ("sparse by pax", packed(odd(pax_headers={"GNU.sparse.map": "0"}), format=2)),
        (
            "another character set",
            packed(odd(pax_headers={"hdrcharset": "B"}), format=2),
        ),
        (
            "global names",
            packed(("a", b""), format=tarfile.PAX_FORMAT, pax_headers={"path": "x"}),
        ),
        ("a name of 5000 bytes", packed(("n" * 5000, b""), format=tarfile.PAX_FORMAT)),
    ],
)
def test_what_files_cannot_say_is_not_plain(why: str, data: bytes) -> None:
    with pytest.raises(NotPlainError) as caught:
        unpack(data)
    assert "\n" not in str(caught.value)


def header(kind: bytes, size: int, name: bytes = b"a") -> bytes:
    """A header of GNU's dialect, with its checksum."""
    whole = bytearray(512)
    whole[: len(name)] = name
    whole[124:136] = b"%011o\0" % size
    whole[148:156] = b" " * 8
    whole[156:157] = kind
    whole[148:156] = b"%06o\0 " % sum(whole)
    return bytes(whole)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


END = bytes(1024)


def test_a_name_that_ends_in_a_slash_is_a_directory_of_v7() -> None:
    tar = header(b"\0", 0, b"d/") + header(b"\0", 1, b"d/a") + padded(b"1") + END
    assert unpack(gzip.compress(tar)) == {"d/a": CID.of_bytes(b"1")}


@pytest.mark.parametrize(
    "record",
    [
        *(b"6 a=b\n", b"5 a=b\n", b"7 a=b\n", b"6 abc\n", b"6 a=b ", b"x", b"0 a=b\n"),
        *(b"06 a=b\n", b"-6 a=b\n", b"6 a=b\n6 a=c\n", b"10 size=x\n", b" 6 a=b\n"),
        b"11 size=-1\n",
        b"999999999 a=b\n",
    ],
)
def test_pax_records_count_themselves(record: bytes) -> None:
    tar = header(b"x", len(record)) + padded(record) + header(b"0", 0) + END
    if record == b"6 a=b\n":
        assert unpack(gzip.compress(tar))
        return
    with pytest.raises(NotPlainError):
        unpack(gzip.compress(tar))


def test_pax_may_say_the_size() -> None:
    record = b"10 size=1\n"
    tar = (
        header(b"x", len(record))
        + padded(record)
        + header(b"0", 0)
        + padded(b"1")
        + END
    )
    assert unpack(gzip.compress(tar)) == {"a": CID.of_bytes(b"1")}


@pytest.mark.parametrize("chain", [b"L", b"x"])
def test_extensions_do_not_follow_each_other(chain: bytes) -> None:
    said = b"a\0" if chain == b"L" else b"9 path=b\n"
    one = header(chain, len(said)) + padded(said)
    assert unpack(gzip.compress(one + header(b"0", 0) + END))
    with pytest.raises(NotPlainError):
        unpack(gzip.compress(one * 5000 + header(b"0", 0) + END))
    with pytest.raises(NotPlainError):
        unpack(gzip.compress(header(b"0", 0) + one + END))


def test_a_wrong_checksum_is_no_header() -> None:
    for tar in (
        header(b"0", 0)[:-1] + b"\1" + END,
        header(b"0", 0) + header(b"0", 0, b"b")[:-1] + b"\1" + END,
        header(b"0", 0).replace(b"00000000000\0", b"0000000000\x80\0") + END,
    ):
        with pytest.raises(NotPlainError):
            unpack(gzip.compress(tar))


@pytest.mark.slow
def test_bombs_are_refused_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.process_time()
    bomb = gzip.compress(bytes(archive.ARCHIVE_BYTES_MAX + 1))
    with pytest.raises(NotPlainError, match="unpacks to more"):
        unpack(bomb)
    monkeypatch.setattr(archive, "ARCHIVE_ENTRIES_MAX", 2)
    with pytest.raises(NotPlainError, match="entries"):
        unpack(packed(("a", b""), ("b", b""), ("c", b"")))
    assert time.process_time() - start < 5


@pytest.mark.slow
def test_deep_names_are_checked_in_linear_time() -> None:
    names = [f"{at}/" + "d/" * 1900 + "f" for at in range(500)]
    data = packed(*((name, b"") for name in names), format=tarfile.PAX_FORMAT)
    start = time.process_time()
    assert len(unpack(data)) == 500
    assert time.process_time() - start < 5


@given(st.binary(max_size=1600), st.integers(0, 1600))
def test_any_bytes_are_files_or_not_plain(noise: bytes, at: int) -> None:
    whole = bytearray(plain(packed(("d/a", b"1" * 600))))
    whole[at : at + len(noise) // 100] = noise[: len(noise) // 100]
    for data in (noise, gzip.compress(noise), gzip.compress(bytes(whole))):
        try:
            files = unpack(data)
        except NotPlainError:
            continue
        assert all(name and ".." not in name.split("/") for name in files)
