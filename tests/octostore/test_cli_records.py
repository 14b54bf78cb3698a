"""The records that are no claims, signed on the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from invocation_spec import CID
from octostore.records import Record, parse_record
from octostore.store import Octostore
from tests.octostore.said import Command
from tests.octostore.test_cli import JOB

A, B = sorted((CID.of_bytes(b"a"), CID.of_block(b"\x01")))
BLOCK, OTHER = sorted((CID.of_block(b"\x01"), CID.of_block(b"\x02")))


@pytest.fixture
def key(octostore: Command) -> str:
    octostore("key", "new", "me.key")
    return "me.key"


def did_of(octostore: Command, key: str) -> str:
    return str(octostore("key", "show", key, "--json").json["did"])


def signed(octostore: Command, arguments: Sequence[str], key: str) -> Record:
    """The one record that the command put into the store."""
    said = octostore(*arguments, "--key", key, "--json")
    assert said.code == 0, said.err
    records = said.json["records"]
    assert isinstance(records, list)
    (cid,) = (CID.parse(text) for text in records)
    with Octostore.open(Path("store")) as store:
        block = store.get(cid)
    assert said.json["receipt"]["accepted"] == [said.json["statement"]]
    return parse_record(block)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("link", "same-bytes", str(B), str(A), "--how", "hashed both"),
            {"a": A, "b": B, "means": "same-bytes", "how": "hashed both"},
        ),
        (
            ("link", "same-program", str(A), str(B)),
            {"a": A, "b": B, "means": "same-program"},
        ),
        (
            ("link", "selects", str(B), str(A), "--platform", "linux/arm64"),
            {"a": B, "b": A, "means": "selects", "platform": "linux/arm64"},
        ),
        (
            ("link", "built-from", str(B), str(A)),
            {"a": B, "b": A, "means": "built-from"},
        ),
        (
            ("link", "reduces-to", str(OTHER), str(BLOCK)),
            {"a": OTHER, "b": BLOCK, "means": "reduces-to"},
        ),
        (
            ("withdraw", str(BLOCK), "--why", "another image"),
            {"type": "withdrawal", "claim": BLOCK, "why": "another image"},
        ),
    ],
)
def test_a_record_says_what_the_command_line_said(
    arguments: Sequence[str], expected: dict[str, object], octostore: Command, key: str
) -> None:
    record = signed(octostore, arguments, key).to_ipld()
    assert isinstance(record, dict)
    assert {"type": "link", **expected} == record


def test_an_organisation_and_its_member(octostore: Command, key: str) -> None:
    octostore("key", "new", "node.key")
    org, node = did_of(octostore, key), did_of(octostore, "node.key")
    delegated = signed(
        octostore,
        ("delegate", node, "--scope", "golem", "--until", "2027-01-01T01:00:00+01:00"),
        key,
    )
    assert delegated.to_ipld() == {
        "type": "delegation",
        "to": node,
        "scope": "golem",
        "until": 1798761600,
    }
    joined = signed(octostore, ("join", org), "node.key")
    assert joined.to_ipld() == {"type": "membership", "of": org}


def test_a_key_is_revoked_but_for_what_it_signed_before(
    octostore: Command, key: str
) -> None:
    did = did_of(octostore, key)
    kept = ("--keep", str(OTHER), "--keep", str(BLOCK))
    assert signed(octostore, ("revoke", did, *kept), key).to_ipld() == {
        "type": "revocation",
        "key": did,
        "keep": [BLOCK, OTHER],
    }
    record = signed(octostore, ("revoke", did, "--keep", "none"), key).to_ipld()
    assert record == {"type": "revocation", "key": did, "keep": []}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("link", "same-bytes", str(A), str(A)), "are one CID"),
        (("link", "same-bytes", str(A), "nothing"), "no file of that name"),
        (("link", "reduces-to", str(CID.of_bytes(b"x")), str(BLOCK)), "not dag-cbor"),
        (
            ("link", "selects", str(A), str(B), "--platform", "Linux"),
            "/platform: 'Linux'",
        ),
        (("delegate", "did:web:example.org"), "DID: "),
        (("delegate", "ME", "--until", "tomorrow"), "--until: 'tomorrow'"),
        (("delegate", "ME", "--until", "2027-01-01"), "has no time zone"),
        (("delegate", "ME", "--until", "0001-01-01T00:00:00+14:00"), "/until: -62"),
        (("delegate", "ME", "--scope", "Golem"), "/scope"),
        (("join", "me"), "DID: "),
        (("revoke", "ME"), "--keep: which statements"),
        (("revoke", "ME", "--keep", "none", "--keep", str(BLOCK)), "none and others"),
        (("revoke", "ME", "--keep", "x"), "--keep: 'x'"),
        (("withdraw", "x", "--why", "y"), "CLAIM: 'x'"),
        (("withdraw", str(BLOCK), "--why", ""), "/why"),
    ],
)
def test_what_no_record_can_say_is_refused_before_anything_is_signed(
    arguments: Sequence[str], reason: str, octostore: Command, key: str
) -> None:
    me = did_of(octostore, key)
    given = [me if item == "ME" else item for item in arguments]
    said = octostore(*given, "--key", key)
    assert said.code == 2
    assert reason in said.err
    assert not Path("me.key.state").exists()


RESULT = ("--output", f"stdout={CID.of_bytes(b'out')}", "--exit", "0")


def test_a_commitment_is_opened_by_the_claim_of_the_same_result(
    octostore: Command, key: str
) -> None:
    committed = octostore(
        "commit", JOB, *RESULT, "--secret", "s", "--key", key, "--json"
    )
    assert committed.code == 0
    (commitment,) = committed.json["records"]
    assert Path("s").stat().st_mode & 0o777 == 0o600
    claimed = octostore(
        "claim", JOB, "--network", "golem", *RESULT, "--reveals", "s", "--key", key,
        "--json",
    )  # fmt: skip
    assert claimed.code == 0, claimed.err
    with Octostore.open(Path("store")) as store:
        (record,) = claimed.json["records"]
        block = parse_record(store.get(CID.parse(str(record)))).to_ipld()
    assert isinstance(block, dict)
    assert block["reveals"] == {
        "commitment": CID.parse(str(commitment)),
        "salt": bytes.fromhex(json.loads(Path("s").read_text())["salt"]),
    }


def test_a_commitment_is_not_opened_by_another_claim(
    octostore: Command, key: str
) -> None:
    octostore("commit", JOB, *RESULT, "--secret", "s", "--key", key)
    claim = ("claim", JOB, "--network", "golem", "--reveals", "s")
    octostore("key", "new", "other.key")
    for arguments in (
        (*claim, "--exit", "1", "--key", key),
        (*claim, *RESULT, "--key", "other.key"),
    ):
        said = octostore(*arguments)
        assert said.code == 2
        assert "s: what was committed to is another" in said.err
    said = octostore(*claim, "--failure", "trap", "--key", key)
    assert said.code == 2
    assert "a failure reveals no result" in said.err


def test_the_same_commitment_is_made_again_after_a_try_that_failed(
    octostore: Command, key: str
) -> None:
    commit = ("commit", JOB, *RESULT, "--secret", "s", "--key", key, "--json")
    first, second = octostore(*commit), octostore(*commit)
    assert first.json["records"] == second.json["records"]
    said = octostore("commit", JOB, "--exit", "1", "--secret", "s", "--key", key)
    assert said.code == 2
    assert "s: exists, and opens another commitment" in said.err


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"commitment": "x", "salt": "00"}',
        b'{"commitment": 1, "salt": 2}',
        b"[" * 100_000,
        b" " * 5000,
        b"\xff",
    ],
)
def test_a_file_that_is_no_secret_is_refused(
    text: bytes, octostore: Command, key: str
) -> None:
    Path("s").write_bytes(text)
    said = octostore(
        "claim", JOB, "--network", "golem", *RESULT, "--reveals", "s", "--key", key
    )
    assert said.code == 2
    assert "s: not what `octostore commit` wrote" in said.err
