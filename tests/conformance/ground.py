"""Suites of others on CIDs, hashes, bases, DAG-CBOR and DAG-JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from multiformats import multibase

from invocation_spec import dagcbor, dagjson
from invocation_spec.cid import CID
from invocation_spec.document import read_document, read_json
from invocation_spec.errors import CidError, DocumentError, EncodingError
from tests.conformance.suite import NOT_APPLICABLE, PASSED, STRICTER, WIDER, Case

__all__ = [
    "codec_fixtures_cbor",
    "codec_fixtures_json",
    "codec_fixtures_negative",
    "dasl",
    "json_canonicalization",
    "multibase_registry",
    "multibase_tables",
    "multicodec",
    "multihash",
]

_WEAK = "a hash that is weak, truncated, or not in the table of hashes"
_SAMPLE = CID.of_bytes(b"conformance")


def _refused(name: str, kind: type[Exception], act: Callable[[], object]) -> None:
    try:
        act()
    except kind:
        return
    raise AssertionError(f"{name} is not refused")


def multihash(folder: Path) -> Iterator[Case]:
    """The digests of multihash, each in a CID of raw bytes."""
    path = folder / "conformance/multihash/tests/values/test_cases.csv"
    with path.open() as rows:
        for row in csv.DictReader(rows):
            name = f"{row['algorithm']}-{row['bits']} of {row['input'][:8]}"
            try:
                cid = CID(b"\x01\x55" + bytes.fromhex(row["multihash"]))
            except CidError:
                assert (row["algorithm"], row["bits"]) not in _WHOLE, name
                yield name, STRICTER, _WEAK
                continue
            assert cid.matches(row["input"].encode()), name
            yield name, PASSED, ""


_WHOLE = {("sha2-256", "256"), ("sha2-512", "512"), ("sha3", "512")}


def multibase_tables(folder: Path) -> Iterator[Case]:
    """Text in many bases that holds no CID: only CIDs are read from text here."""
    for table in ("basic", "leading_zero"):
        path = folder / f"conformance/multibase/tests/{table}.csv"
        with path.open() as rows:
            for base, text in list(csv.reader(rows, skipinitialspace=True))[1:]:
                name = f"{table} {base}"
                _refused(name, CidError, partial(CID.parse, text))
                yield name, STRICTER, "text that holds no CID"


def multibase_registry(folder: Path) -> Iterator[Case]:
    """Each base of the registry, with a CID that another library wrote in it."""
    path = folder / "conformance/multibase/multibase.csv"
    with path.open() as rows:
        for row in csv.DictReader(rows, skipinitialspace=True):
            name, prefix = row["encoding"].strip(), row["character"].strip()
            if name == "none":
                yield f"{prefix} {name}", NOT_APPLICABLE, "reserved, no base"
                continue
            try:
                base = multibase.get(name)
                written = base.encode(_SAMPLE.raw)
            except KeyError:
                yield name, NOT_APPLICABLE, "no library at hand writes it"
                continue
            assert base.code == prefix, name
            assert CID.parse(written) == _SAMPLE, name
            yield name, PASSED, ""


#: Codes that have a meaning here, by the registry's names.
_CODES = {
    **{"cidv1": 0x01, "identity": 0x00, "ed25519-pub": 0xED, "dag-json": 0x0129},
    **{"raw": 0x55, "dag-pb": 0x70, "dag-cbor": 0x71, "libp2p-key": 0x72},
}


def multicodec(folder: Path) -> Iterator[Case]:
    """The registry: our codes are its codes, and our hashes are those it knows."""
    path = folder / "conformance/multicodec/table.csv"
    hashes = dict(dagcbor_hashes())
    with path.open() as rows:
        for row in csv.DictReader(rows, skipinitialspace=True):
            name, code = row["name"].strip(), int(row["code"].strip(), 16)
            known = _CODES | {word: number for number, word in hashes.items()}
            if name in known:
                assert known[name] == code, name
                yield name, PASSED, ""
            else:
                assert code not in hashes, name
                yield name, NOT_APPLICABLE, "a code without a meaning here"


def dagcbor_hashes() -> Iterator[tuple[int, str]]:
    """The hashes of the specification's table, which a test holds to the code."""
    page = Path(__file__).parents[2] / "docs/spec/invocation.md"
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and cells[1].startswith("`0x") and cells[2].isdigit():
            code, size = int(cells[1].strip("`"), 16), int(cells[2])
            CID(b"\x01\x55" + _multihash(code, size))  # refused if it is not known
            yield code, cells[0]


def _multihash(code: int, size: int) -> bytes:
    found = bytearray()
    while code >= 0x80:
        found.append(code & 0x7F | 0x80)
        code >>= 7
    return bytes((*found, code, size)) + bytes([1] * size)


_CBOR_STRICTER = {
    **dict.fromkeys(
        (
            "cid-QmQg1v4o9xdT3Q14wh4S7dxZkDjyZ9ssFzFzyep1YrVJBY",
            "cid-QmRgutAxd8t7oGkSm4wmeuByG6M51wcTso6cubDdQtuEfL",
            "cid-QmXg9Pp2ytZ14xgmQjYEiHjVjMFXzCVVEcRTWJBmLgR39V",
        ),
        "a link by CIDv0, which has a CIDv1",
    ),
    "cid-bafkqabiaaebagba": "an identity hash, which holds bytes and hashes none",
    **dict.fromkeys(
        (
            *("cid-arrayof", "cid-mapof", "cid-z8mWaJ1dZ9fH5EetPuRsj8jj26pXsgpsr"),
            "cid-bahaacvrabdhd3fzrwaambazyivoiustl2bo2c3rgweo2ug4rogcoz2apaqaa",
            "cid-bahaacvrasyauh7rmlyrmyc7qzvktjv7x6q2h6ttvei6qon43tl3riaaaaaaa",
            *("garbage-02", "garbage-14", "garbage-20"),
        ),
        _WEAK,
    ),
}


def codec_fixtures_cbor(folder: Path) -> Iterator[Case]:
    """Blocks of codec-fixtures: read, and written again to the same bytes."""
    for path in sorted((folder / "ipvm/codec-fixtures").glob("*/*.dag-cbor")):
        name, block = path.parent.name, path.read_bytes()
        try:
            value = dagcbor.decode(block, floats=True)
        except EncodingError:
            yield name, STRICTER, _CBOR_STRICTER[name]
            continue
        assert name not in _CBOR_STRICTER, name
        assert dagcbor.encode(value, floats=True) == block, name
        yield name, PASSED, ""


def codec_fixtures_json(folder: Path) -> Iterator[Case]:
    """The same values in DAG-JSON, which give the same block."""
    for path in sorted((folder / "ipvm/codec-fixtures").glob("*/*.dag-json")):
        name = path.parent.name
        (cbor,) = path.parent.glob("*.dag-cbor")
        try:
            value = dagjson.decode(read_json(path.read_text()))
        except DocumentError:
            assert _CBOR_STRICTER[name] == _WEAK, name
            yield name, STRICTER, _WEAK
            continue
        same = dagcbor.encode(value, floats=True) == cbor.read_bytes()
        if name in _CBOR_STRICTER:
            assert not same, name
            reason = "read and written as CIDv1, or by sha2-256 of inline bytes"
            yield name, STRICTER, reason
            continue
        assert same, name
        yield name, PASSED, ""


def codec_fixtures_negative(folder: Path) -> Iterator[Case]:
    """Blocks that a decoder has to refuse."""
    root = folder / "conformance/codec-fixtures/negative-fixtures"
    for path in sorted(root.rglob("*.json")):
        for index, row in enumerate(json.loads(path.read_text())):
            name = f"{path.stem} {index}"
            if "dag-pb" in path.parts:
                yield name, NOT_APPLICABLE, "dag-pb is named here and never decoded"
                continue
            block = bytes.fromhex(row["hex"])
            _refused(name, EncodingError, partial(dagcbor.decode, block, floats=True))
            yield name, PASSED, ""


def dasl(folder: Path) -> Iterator[Case]:
    """DASL's cases for DAG-CBOR: round trips, and bytes that are to be refused."""
    root = folder / "conformance/dasl-testing/fixtures/cbor"
    for path in sorted(root.glob("*.json")):
        for row in json.loads(path.read_text()):
            name, block = f"{path.stem}: {row['name']}", bytes.fromhex(row["data"])
            if row["type"] == "invalid_out":
                yield name, NOT_APPLICABLE, "says what an encoder in CBOR's types omits"
                continue
            try:
                value = dagcbor.decode(block, floats=True)
            except EncodingError:
                assert row["type"] == "invalid_in", name
                yield name, PASSED, ""
                continue
            assert dagcbor.encode(value, floats=True) == block, name
            if row["type"] == "roundtrip":
                yield name, PASSED, ""
            else:
                assert row["name"] == "CIDv1 that isn't raw or cbor", name
                yield name, WIDER, "DASL has no dag-pb; IPFS and DAG-CBOR do"


def json_canonicalization(folder: Path) -> Iterator[Case]:
    """RFC 8785's pairs: input and output are one value to our reader of JSON."""
    root = folder / "conformance/json-canonicalization/testdata"
    for path in sorted((root / "input").iterdir()):
        wanted = (root / "output" / path.name).read_bytes()
        digits = (root / "outhex" / f"{path.stem}.txt").read_text()
        assert bytes.fromhex(digits.replace("\n", " ")) == wanted, path.name
        assert read_document(path.read_bytes()).tree == read_document(wanted).tree
        yield path.stem, PASSED, ""
        yield f"{path.stem} as text", NOT_APPLICABLE, "blocks are DAG-CBOR, not JSON"
