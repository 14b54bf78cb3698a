"""One computation under two names of its data: told apart, linked, believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from invocation_spec.cid import CID
from invocation_spec.model import Input
from octostore.belief.admitted import CLASS_MAX
from octostore.keyfile import KeyFile
from octostore.keys import Did
from octostore.records import Link
from octostore.statement import SignedPart, sign
from octostore.store import Octostore
from tests.octostore.said import Command
from tests.octostore.world import D1, Blocks, Issuer, Ran, block_of, claim, result

#: A file as a compute network names it, and as Kubo does; and what both made of it.
BYTES = b"1234"
RAW = CID.of_bytes(BYTES)
UNIXFS = CID.parse("QmTPqcLhVnCtjoYuCZwPzfXcFrUviiPComTepHfEEaGf7g")

BRISTOL, CALTECH, STRANGER = (Issuer(name) for name in ("bristol", "caltech", "x"))


def take(*blocks: Blocks) -> None:
    with Octostore.open(Path("store")) as store:
        for delivery in blocks:
            assert store.ingest(delivery).accepted


def linked(who: Issuer, a: CID, b: CID) -> Blocks:
    low, high = sorted((a, b))
    return who.state([Link(a=low, b=high, means="same-bytes")])[1]


@pytest.fixture
def runs() -> tuple[Ran, Ran]:
    """The two claim results that are one file, too, under the same two names."""
    flat, tree = (Ran(input=Input(files={"/d": cid})) for cid in (RAW, UNIXFS))
    made = {cid: result(cid) for cid in (RAW, UNIXFS)}
    deliveries = [
        Issuer(name).state(
            [claim(ran, made[cid], network=network)],
            [*ran.blocks, block_of(made[cid])],
        )[1]
        for name, ran, cid, network in (
            ("bristol", flat, RAW, "bacalhau"),
            ("caltech", tree, UNIXFS, "ipvm"),
        )
    ]
    take(*deliveries)
    return flat, tree


@pytest.fixture
def me(octostore: Command) -> Did:
    octostore("key", "new", "me.key")
    return Did(octostore("key", "show", "me.key", "--json").json["did"])


@pytest.fixture
def policy(octostore: Command, me: Did) -> str:
    made = octostore(
        *("policy", "new", "quorum", "-o", "lab.toml", "--links", "me"),
        *("--group", f"Bristol={BRISTOL.key.public.did}"),
        *("--group", f"Caltech={CALTECH.key.public.did}", "--group", f"me={me}"),
    )
    assert made.code == 0, made.err
    assert octostore("policy", "check", "lab.toml").code == 0
    return "lab.toml"


def believed(octostore: Command, ran: Ran, policy: str) -> Any:
    said = octostore("verdict", str(ran.cid), "--policy", policy, "--json")
    found = said.json
    text = str(found)
    return said.code, found, text


def test_a_checked_link_makes_two_networks_agree(
    octostore: Command, runs: tuple[Ran, Ran], policy: str
) -> None:
    Path("planets.csv").write_bytes(BYTES)
    for ran in runs:
        code, _, text = believed(octostore, ran, policy)
        assert code == 1
        assert "agreed" not in text
    signed = octostore(
        *("link", "same-bytes", str(RAW), "./planets.csv", "--key", "me.key"),
        *("--check", "planets.csv"),
    )
    assert signed.code == 2  # one CID needs no link
    signed = octostore(
        *("link", "same-bytes", str(UNIXFS), "./planets.csv", "--key", "me.key"),
        *("--check", "planets.csv", "--json"),
    )
    assert signed.code == 0, signed.err
    (link,) = signed.json["records"]
    for ran in runs:
        code, _, text = believed(octostore, ran, policy)
        assert code == 0, text
        assert link in text
        assert "Bristol" in text
        assert "Caltech" in text


def test_a_bad_link_by_a_stranger_changes_no_verdict(
    octostore: Command, runs: tuple[Ran, Ran], policy: str
) -> None:
    before = [believed(octostore, ran, policy)[1] for ran in runs]
    take(linked(STRANGER, RAW, UNIXFS), linked(STRANGER, D1, UNIXFS))
    after = [believed(octostore, ran, policy)[1] for ran in runs]
    assert [without_checkpoint(one) for one in after] == [
        without_checkpoint(one) for one in before
    ]
    assert after != before


def test_a_class_that_is_too_large_is_told_with_the_verdict(
    octostore: Command, runs: tuple[Ran, Ran], policy: str, me: Did
) -> None:
    owner = KeyFile.open(Path("me.key")).key
    links = []
    for number in range(CLASS_MAX + 1):
        low, high = sorted((RAW, CID(UNIXFS.raw[:4] + number.to_bytes(32, "big"))))
        links.append(Link(a=low, b=high, means="same-bytes"))
    records = tuple(item.cid for item in links)
    part = SignedPart(
        iss=me, chain=bytes(16), seq=0, prev=None, iat=1_700_000_000, records=records
    )
    statement = sign(part, owner)
    take(
        [(statement.envelope_cid, statement.envelope)]
        + [block_of(item) for item in links]
    )
    code, found, _ = believed(octostore, runs[0], policy)
    assert code == 1
    assert f"over {CLASS_MAX} CIDs" in str(found)
    said = octostore("verdict", str(runs[0].cid), "--policy", policy)
    assert "links not followed" in said.out


def without_checkpoint(value: Any) -> Any:
    """An answer without which log it is of; the verdict's own CID is of that, too."""
    if isinstance(value, dict):
        return {
            key: without_checkpoint(item)
            for key, item in value.items()
            if key not in ("checkpoint", "cid", "root", "size")
        }
    if isinstance(value, list):
        return [without_checkpoint(item) for item in value]
    return value
