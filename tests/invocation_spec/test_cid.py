"""A CID has one value and one spelling; what does not resist collisions is none."""

from __future__ import annotations

import base64
import csv
import hashlib
from pathlib import Path

import multiformats as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import multibase

from invocation_spec.cid import (
    CID,
    CID_TEXT_MAX,
    DAG_CBOR,
    DAG_PB,
    EMPTY_BYTES,
    RAW,
    SHA2_256,
    SHA3_BY_BYTES,
    identity_of,
)
from invocation_spec.errors import CidError, MutableNameError

FILE = CID.of_bytes(b"file")
V0 = "QmYtUc4iTCbbfVSDNKvtQqrfyezPPnFvE33wFmutw9PBBk"
IPNS = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
BASES = [
    *("base2", "base8", "base10", "base16", "base16upper", "base32upper"),
    *("base32hex", "base32hexupper", "base32pad", "base32z", "base36", "base36upper"),
    *("base58btc", "base58flickr", "base64", "base64pad", "base64url"),
]

#: Accepted multihash: (code, name in hashlib, digest length).
HASHES = [
    (0x12, "sha256", 32),
    (0x20, "sha384", 48),
    (0x13, "sha512", 64),
    (0x17, "sha3_224", 28),
    (0x16, "sha3_256", 32),
    (0x15, "sha3_384", 48),
    (0x14, "sha3_512", 64),
]


def raw_cid(code: bytes, digest: bytes, codec: bytes = b"\x55") -> bytes:
    return b"\x01" + codec + code + bytes([len(digest)]) + digest


def test_the_preferred_cid_of_a_file_is_raw_sha2_256_in_lower_case_base32() -> None:
    assert str(FILE) == str(
        reference.CID(
            "base32", 1, "raw", ("sha2-256", hashlib.sha256(b"file").digest())
        )
    )
    assert (FILE.codec, FILE.hash_code) == (RAW, SHA2_256)
    assert FILE.digest == hashlib.sha256(b"file").digest()
    assert CID.of_block(b"\xa0").codec == DAG_CBOR


def test_cidv0_is_cidv1_dag_pb_with_the_same_hash() -> None:
    cid = CID.parse(V0)
    assert cid.codec == DAG_PB
    assert cid == CID.from_bytes(reference.CID.decode(V0).digest)
    assert str(cid) == str(
        reference.CID("base32", 1, "dag-pb", reference.CID.decode(V0).digest)
    )


@pytest.mark.parametrize("base", BASES)
def test_every_multibase_spells_the_same_cid(base: str) -> None:
    assert CID.parse(multibase.get(base).encode(FILE.raw)) == FILE


@pytest.mark.parametrize(("code", "name", "size"), HASHES)
def test_hashes_that_resist_collisions_are_kept(
    code: int, name: str, size: int
) -> None:
    digest = hashlib.new(name, b"x").digest()
    assert len(digest) == size
    cid = CID.of_digest(digest, hash_code=code)
    assert CID.parse(str(cid)) == cid
    assert (cid.hash_code, cid.digest) == (code, digest)
    assert cid.matches(b"x")
    assert not cid.matches(b"y")


def test_blake2b_is_checked_and_blake3_says_that_it_cannot_be() -> None:
    blake2b = hashlib.blake2b(b"x", digest_size=32).digest()
    assert CID.of_digest(blake2b, hash_code=0xB220).matches(b"x")
    with pytest.raises(CidError, match="blake3"):
        CID.of_digest(bytes(32), hash_code=0x1E).matches(b"x")


def test_a_sha3_of_golem_has_its_width_by_its_length() -> None:
    assert {size: code for code, name, size in HASHES if name.startswith("sha3")} == (
        SHA3_BY_BYTES
    )


@pytest.mark.parametrize(
    ("why", "raw"),
    [
        ("sha1", raw_cid(b"\x11", bytes(20))),
        ("md5", raw_cid(b"\xd5\x01", bytes(16))),
        ("murmur3", raw_cid(b"\x22", bytes(8))),
        ("keccak-256 is not in the list", raw_cid(b"\x1b", bytes(32))),
        ("double sha2-256 neither", raw_cid(b"\x56", bytes(32))),
        ("truncated to 31", raw_cid(b"\x12", bytes(31))),
        ("truncated to 20", raw_cid(b"\x12", bytes(20))),
        ("33 bytes of 32", raw_cid(b"\x12", bytes(33))),
        ("empty digest", raw_cid(b"\x12", b"")),
        ("blake2b of 20 bytes", raw_cid(b"\x94\xe4\x02", bytes(20))),
        ("one byte less", FILE.raw[:-1]),
        ("a trailing byte", FILE.raw + b"\0"),
        ("nothing", b""),
        ("version alone", b"\x01"),
        ("version 0 spelled out", b"\x00" + FILE.raw[1:]),
        ("version 2", b"\x02" + FILE.raw[1:]),
        ("a varint with a spare byte", b"\x81\x00" + FILE.raw[1:]),
        ("a codec with a spare byte", b"\x01\xd5\x00" + FILE.raw[2:]),
        ("a varint of ten bytes", b"\x01" + b"\xff" * 9 + b"\x01"),
        ("identity of a block", raw_cid(b"\x00", b"\xa0", b"\x71")),
        ("CIDv0 cut short", b"\x12\x20" + bytes(31)),
    ],
)
def test_nearest_invalid_bytes_are_refused(why: str, raw: bytes) -> None:
    with pytest.raises(CidError):
        CID.from_bytes(raw)


def test_an_identity_cid_holds_its_bytes() -> None:
    assert identity_of(raw_cid(b"\x00", b"hello")) == (0x55, b"hello")
    assert identity_of(raw_cid(b"\x00", b"\xa0", b"\x71")) == (0x71, b"\xa0")
    assert identity_of(raw_cid(b"\x00", b"h" * 32)) == (0x55, b"h" * 32)
    assert identity_of(CID.of_bytes(b"hello").raw) is None
    assert identity_of(b"\x12\x20" + bytes(32)) is None
    with pytest.raises(CidError):
        identity_of(raw_cid(b"\x00", b"hello")[:-1])


def test_identity_of_raw_bytes_is_the_hash_of_the_bytes() -> None:
    identity = raw_cid(b"\x00", b"hello")
    assert CID.from_bytes(identity) == CID.of_bytes(b"hello")
    assert CID.parse(multibase.get("base32").encode(identity)) == CID.of_bytes(b"hello")
    assert CID.from_bytes(raw_cid(b"\x00", b"")) == CID.of_bytes(b"")
    with pytest.raises(CidError, match="does not hash"):
        CID(identity)


def test_a_libp2p_key_is_a_name() -> None:
    with pytest.raises(MutableNameError):
        CID.parse(IPNS)
    with pytest.raises(MutableNameError):
        CID.from_bytes(raw_cid(b"\x12", bytes(32), b"\x72"))


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "Qm", "b", "z", "x", "bafy", "\0", "é", "b\u0000", "/ipfs/"),
        V0[:-1],
        V0 + "1",
        V0.replace("Q", "q"),
        V0[:-1] + "0",
        " " + str(FILE),
        str(FILE) + "\n",
        str(FILE) + "=",
        str(FILE)[:-1],
        str(FILE)[1:],
        "b" + str(FILE)[1:-1] + "1",
        "z" + V0,
        "b" + multibase.get("base32").encode(reference.CID.decode(V0).digest)[1:],
        "m" + str(FILE),
        "ipfs://" + str(FILE),
        "b" + "a" * CID_TEXT_MAX,
    ],
)
def test_text_that_is_no_cid_is_refused(text: str) -> None:
    with pytest.raises(CidError) as caught:
        CID.parse(text)
    assert len(str(caught.value)) < 300


def test_spare_bits_of_base32_are_refused() -> None:
    last = str(FILE)[-1]
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    spare = alphabet[alphabet.index(last) | 1]
    assert spare != last
    with pytest.raises(CidError, match="spare bits"):
        CID.parse(str(FILE)[:-1] + spare)


def test_cids_of_zero_bytes_are_known_by_every_hash() -> None:
    assert CID.of_bytes(b"") in EMPTY_BYTES
    assert len(EMPTY_BYTES) == 9
    assert all(cid.codec == RAW for cid in EMPTY_BYTES)


@given(st.binary(min_size=32, max_size=32))
def test_the_text_is_that_of_base32(digest: bytes) -> None:
    for cid in (CID.of_block_digest(digest), CID.of_digest(digest * 2, hash_code=0x13)):
        text = base64.b32encode(cid.raw).decode().lower().rstrip("=")
        assert str(cid) == f"b{text}"
        assert CID.parse(str(cid)) == cid


@given(st.binary(max_size=64))
def test_any_bytes_are_a_cid_or_refused(raw: bytes) -> None:
    try:
        cid = CID.from_bytes(raw)
    except CidError:
        return
    assert CID.parse(str(cid)) == cid


@given(st.text(max_size=80) | st.text("zbBfmMuk9Q170aA=-+/", max_size=120))
def test_any_text_is_a_cid_or_refused(text: str) -> None:
    try:
        cid = CID.parse(text)
    except CidError:
        return
    assert CID.parse(str(cid)) == cid


@given(st.sampled_from(BASES), st.integers(0, 120), st.characters(codec="ascii"))
def test_one_character_off_is_another_cid_or_refused(
    base: str, at: int, character: str
) -> None:
    text = multibase.get(base).encode(FILE.raw)
    at %= len(text)
    changed = text[:at] + character + text[at + 1 :]
    try:
        found = CID.parse(changed)
    except CidError:
        return
    assert found != FILE or changed.lower() == text.lower()


def test_the_table_of_multihash_is_taken_at_full_length(shared_fixtures: Path) -> None:
    table = shared_fixtures / "conformance/multihash/tests/values/test_cases.csv"
    # Stricter than multihash, which accepts any code and any truncation.
    whole = {("sha2-256", "256"), ("sha2-512", "512"), ("sha3", "512")}
    with table.open() as rows:
        for row in csv.DictReader(rows):
            raw = b"\x01\x55" + bytes.fromhex(row["multihash"])
            if (row["algorithm"], row["bits"]) in whole:
                assert CID(raw).matches(row["input"].encode())
            else:
                with pytest.raises(CidError):
                    CID(raw)


@pytest.mark.parametrize("table", ["basic", "leading_zero"])
def test_multibase_text_that_holds_no_cid_is_refused(
    shared_fixtures: Path, table: str
) -> None:
    path = shared_fixtures / f"conformance/multibase/tests/{table}.csv"
    with path.open() as rows:
        for _, text in csv.reader(rows, skipinitialspace=True):
            with pytest.raises(CidError):
                CID.parse(text)
