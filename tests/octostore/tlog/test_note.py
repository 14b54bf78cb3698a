from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from octostore.errors import NoteError
from octostore.keys import SecretKey
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import EMPTY_ROOT
from octostore.tlog.note import (
    NOTE_BYTES_MAX,
    TIME_S_MAX,
    KeyType,
    Note,
    Signer,
    VerifierKey,
    verify_note,
)

ROWS = json.loads((Path(__file__).parents[2] / "vectors" / "note.json").read_text())


def rows(kind: str) -> list[Any]:
    found = [pytest.param(row, id=row["name"]) for row in ROWS if row["kind"] == kind]
    assert found
    return found


@pytest.mark.parametrize("row", rows("vkey"))
def test_vectors_of_verifier_keys(row: dict[str, Any]) -> None:
    if not row["valid"]:
        with pytest.raises(NoteError):
            VerifierKey.parse(row["vkey"])
        return
    key = VerifierKey.parse(row["vkey"])
    assert (key.name, key.type, key.id.hex()) == (
        row["key_name"],
        row["type"],
        row["id"],
    )
    assert key.key.raw.hex() == row["public_key"]
    assert str(key) == row["vkey"]


@pytest.mark.parametrize("row", rows("note"))
def test_vectors_of_notes(row: dict[str, Any]) -> None:
    keys = [VerifierKey.parse(item) for item in row["vkeys"]]
    raw = row["note"].encode()
    if not row["valid"]:
        with pytest.raises(NoteError):
            verify_note(Note.from_bytes(raw), keys)
        return
    note = Note.from_bytes(raw)
    assert bytes(note) == raw
    held = verify_note(note, keys)
    assert [str(item.by) for item in held] == row["signed_by"]
    times = {str(item.by): item.time_s for item in held if item.time_s is not None}
    assert times == row.get("times_s", {})


@pytest.mark.parametrize("type_", KeyType)
def test_what_is_signed_verifies_and_no_bit_of_it_may_flip(type_: KeyType) -> None:
    signer = Signer("log.example", SecretKey.from_seed(bytes(32)), type_)
    text = "a\nb\n"
    note = bytes(Note(text, (signer.sign(text, time_s=1_669_075_200),)))
    (held,) = verify_note(Note.from_bytes(note), [signer.verifier])
    assert held.by == signer.verifier
    for at in range(len(note)):
        for bit in (0, 5):
            bent = bytearray(note)
            bent[at] ^= 1 << bit
            try:
                found = verify_note(Note.from_bytes(bytes(bent)), [signer.verifier])
            except NoteError:
                continue
            assert not found  # it is now a signature of another key


def test_a_cosignature_has_a_latest_time() -> None:
    key = SecretKey.from_seed(bytes(32))
    signer = Signer("w.example", key, KeyType.COSIGNATURE)
    for time_s in (0, TIME_S_MAX):
        note = Note("a\n", (signer.sign("a\n", time_s=time_s),))
        assert verify_note(note, [signer.verifier])[0].time_s == time_s
    for time_s in (TIME_S_MAX + 1, 2**64 - 1):
        note = Note("a\n", (signer.sign("a\n", time_s=time_s),))
        with pytest.raises(NoteError, match=f"at time {time_s}; at most"):
            verify_note(note, [signer.verifier])


def test_the_key_of_a_witness_is_no_key_of_a_log() -> None:
    signer = Signer("a", SecretKey.from_seed(bytes(32)), KeyType.COSIGNATURE)
    text = str(LogCheckpoint("a", 0, EMPTY_ROOT))
    raw = bytes(Note(text, (signer.sign(text, time_s=5),)))
    with pytest.raises(NoteError, match="the key of a witness"):
        SignedCheckpoint.open(raw, signer.verifier)


def test_a_note_has_a_limit() -> None:
    with pytest.raises(NoteError, match="at most"):
        Note.from_bytes(b"a" * (NOTE_BYTES_MAX + 1))


def test_no_key_has_a_name_that_would_break_a_line() -> None:
    key = SecretKey.from_seed(bytes(32)).public
    for name in (
        "",
        "a b",
        "a+b",
        "a\nb",
        "a\u00a0b",
        "a\u2003b",
        "x" * 256,
        "ex\udcff",
    ):
        with pytest.raises(NoteError, match="no name of a key"):
            VerifierKey(name, key)


def test_the_specimens_of_c2sp_verify(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "conformance" / "c2sp-specs"
    text = (folder / "signed-note.md").read_text()
    found = re.search(r"example\.com/foo\+[^\n]+", text)
    note = re.search(r"This is an example message\..*?\n(?=```)", text, re.DOTALL)
    assert found
    assert note
    key = VerifierKey.parse(found[0])
    (held,) = verify_note(Note.from_bytes(note[0].encode()), [key])
    assert held.by == key
