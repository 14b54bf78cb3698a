"""One spelling of a key, and one rule by which a signature holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octostore.errors import DidError, SignatureError
from octostore.keys import Did, PublicKey, SecretKey

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "did-key.json").read_text()
)
KEY = SecretKey.from_seed(bytes(range(32)))


def rows(kind: str) -> list[Any]:
    return [pytest.param(row, id=row["name"]) for row in VECTORS if row["kind"] == kind]


@pytest.mark.parametrize("row", rows("did"))
def test_a_did_has_one_spelling(row: dict[str, Any]) -> None:
    if not row["valid"]:
        with pytest.raises(DidError):
            Did(row["did"])
        with pytest.raises(DidError):
            PublicKey.parse(row["did"])
        return
    key = PublicKey.parse(row["did"])
    assert key.raw.hex() == row["public_key"]
    assert Did(row["did"]).key == key
    assert str(key.did) == row["did"]
    assert SecretKey.from_seed(bytes.fromhex(row["seed"])).public == key


@pytest.mark.parametrize("row", rows("key"))
def test_a_key_is_a_canonical_point_not_of_small_order(row: dict[str, Any]) -> None:
    raw = bytes.fromhex(row["public_key"])
    if row["valid"]:
        assert bytes(PublicKey(raw)) == raw
    else:
        with pytest.raises(DidError):
            PublicKey(raw)


@pytest.mark.parametrize("row", rows("signature"))
def test_a_signature_holds_by_one_rule(row: dict[str, Any]) -> None:
    key = PublicKey(bytes.fromhex(row["public_key"]))
    signature = bytes.fromhex(row["signature"])
    message = bytes.fromhex(row["message"])
    if row["valid"]:
        key.verify(signature, message)
    else:
        with pytest.raises(SignatureError):
            key.verify(signature, message)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_what_a_key_signs_it_verifies(seed: bytes, message: bytes) -> None:
    key = SecretKey.from_seed(seed)
    key.public.verify(key.sign(message), message)
    assert PublicKey.parse(str(key.public.did)) == key.public
    assert SecretKey.from_multibase(key.to_multibase()) == key


def test_one_bit_flipped_anywhere_and_a_signature_does_not_hold() -> None:
    message = b"octostore"
    signature = KEY.sign(message)
    for bit in range(len(signature) * 8):
        bent = bytearray(signature)
        bent[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            KEY.public.verify(bytes(bent), message)


def test_the_seed_shows_nowhere() -> None:
    shown = repr(KEY) + str(KEY)
    assert KEY.seed.hex() not in shown
    assert repr(KEY.seed) not in shown
    assert KEY.to_multibase() not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY.to_multibase()[:-1],
        KEY.to_multibase() + "1",
        KEY.to_multibase()[1:],
        KEY.to_multibase().replace("z3u2", "z3u1"),
        str(KEY.public.did).removeprefix("did:key:"),
    ],
)
def test_a_secret_that_is_none_is_not_repeated(text: str) -> None:
    with pytest.raises(DidError) as caught:
        SecretKey.from_multibase(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(DidError):
        SecretKey.from_seed(bytes(size))


def test_a_new_key_is_made_of_the_randomness_it_is_given() -> None:
    assert SecretKey.generate(lambda size: bytes(range(size))) == KEY


def test_did_key_method_vectors(shared_fixtures: Path) -> None:
    text = (
        shared_fixtures / "conformance/did-key/test-vectors/ed25519-x25519.json"
    ).read_text()
    found = json.loads(text)
    assert len(found) > 3
    for did, row in found.items():
        assert str(SecretKey.from_seed(bytes.fromhex(row["seed"])).public.did) == did


def test_speccheck_accept_set(shared_fixtures: Path) -> None:
    text = (shared_fixtures / "conformance/ed25519-speccheck/cases.json").read_text()
    accepted = []
    for index, case in enumerate(json.loads(text)):
        try:
            PublicKey(bytes.fromhex(case["pub_key"])).verify(
                bytes.fromhex(case["signature"]), bytes.fromhex(case["message"])
            )
        except (DidError, SignatureError):
            continue
        accepted.append(index)
    # 3: mixed order, both equations hold. 4 and 5 hold with the cofactor only.
    assert accepted == [3]
