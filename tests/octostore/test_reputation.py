"""What a policy learned: one by one and at once the same, and never stale."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invocation_spec.cid import CID
from invocation_spec.model import Input, WasiProgram
from octostore.belief import reputation
from octostore.belief.policy import EvidenceTerms, Group, Policy
from octostore.belief.reputation import Reputation
from octostore.belief.touched import all_claimed
from octostore.records import (
    Commitment,
    Delegation,
    Link,
    Membership,
    Record,
    Revocation,
    Withdrawal,
)
from octostore.records.commitment import Reveal
from octostore.statement import Statement
from octostore.store import Octostore
from tests.octostore.world import C1, D1, Issuer, Ran, data, result

D2 = data("D2")
RANS = (
    Ran(),
    Ran(input=Input(files={"/d": D2})),
    Ran(program=WasiProgram(data("C2"))),
)
NAMES = ("anchor", "caltech", "bristol", "org", "node", "nobody")
SALT = bytes(32)
START_S = 1_700_000_000


def did(name: str) -> str:
    return str(Issuer(name).key.public.did)


def policy(**more: object) -> Policy:
    groups = tuple(
        Group(name=name.title(), keys=(Issuer(name).key.public.did,))
        for name in ("anchor", "bristol", "caltech", "org")
    )
    terms = EvidenceTerms(checks=1, confidence=800_000_000)
    fields = {
        "name": "mine",
        "model": "evidence",
        "groups": groups,
        "anchors": ("Anchor",),
        "evidence": terms,
        "links": ("Anchor", "Org"),
    }
    return Policy(**{**fields, **more})  # type: ignore[arg-type] # a test says which


MINE = policy()


@dataclass
class World:
    """A store in which many say many things."""

    store: Octostore
    issuers: dict[str, Issuer] = field(
        default_factory=lambda: {name: Issuer(name) for name in NAMES}
    )
    heads: dict[str, list[CID]] = field(default_factory=dict)
    claims: list[tuple[str, CID]] = field(default_factory=list)
    now_s: int = START_S

    def log(self, name: str, records: list[Record], *more: tuple[CID, bytes]) -> None:
        statement, blocks = self.issuers[name].state(records, more)
        self._take(name, statement, blocks)

    def _take(
        self, name: str, statement: Statement, blocks: list[tuple[CID, bytes]]
    ) -> None:
        assert self.store.ingest(blocks).accepted == (statement.cid,)
        self.heads.setdefault(name, []).append(statement.cid)

    def claim(self, name: str, ran: int, value: int, **more: object) -> None:
        got = result(data(f"R{value}"))
        statement, blocks = self.issuers[name].claims(RANS[ran], got, **more)
        self._take(name, statement, blocks)
        self.claims.append((name, statement.part.records[0]))

    def commit(self, name: str, ran: int, value: int) -> None:
        self.log(name, [self._commitment(name, ran, value)])

    def reveal(self, name: str, ran: int, value: int) -> None:
        reveals = Reveal(self._commitment(name, ran, value).cid, SALT)
        self.claim(name, ran, value, reveals=reveals)

    def _commitment(self, name: str, ran: int, value: int) -> Commitment:
        got = result(data(f"R{value}"))
        issuer = self.issuers[name].key.public.did
        return Commitment.to(issuer, RANS[ran].cid, got.cid, SALT)

    def withdraw(self, number: int) -> None:
        if self.claims:
            name, cid = self.claims[number % len(self.claims)]
            self.log(name, [Withdrawal(claim=cid, why="wrong")])

    def delegate(self, org: str, name: str) -> None:
        self.log(org, [Delegation(to=self.issuers[name].key.public.did)])

    def join(self, name: str, org: str) -> None:
        self.log(name, [Membership(of=self.issuers[org].key.public.did)])

    def revoke(self, by: str, name: str, kept: int) -> None:
        heads = self.heads.get(name, [])
        keep = tuple(heads[:kept][-1:])
        self.log(by, [Revocation(key=self.issuers[name].key.public.did, keep=keep)])

    def link(self, name: str, pair: int) -> None:
        # One side is not raw: else two digests would be two contents.
        one, other = ((D1, D2), (C1, data("C2")), (data("R0"), data("R1")))[pair]
        means = "same-program" if pair == 1 else "same-bytes"
        b = other if pair == 1 else CID.of_block_digest(other.digest)
        for side in {one, other} if pair != 1 else {one}:
            a, c = sorted((side, b))
            self.log(name, [Link(a=a, b=c, means=means)])  # type: ignore[arg-type]

    def twice(self, name: str) -> None:
        """Sign another first statement."""
        twin = Issuer(name)
        statement, blocks = twin.says(f"another {len(self.heads.get(name, []))}")
        if statement.cid not in self.heads.get(name, []):
            self._take(name, statement, blocks)

    def head(self, days: int) -> None:
        self.now_s += days * 86_400
        self.store.update_map(self.now_s)


def tables(kept: Reputation) -> dict[str, list[tuple[bytes, bytes]]]:
    """What was learned, and as of when; verdicts may be kept or made when asked."""
    with kept._engine.snapshot() as rows:
        return {
            table.name: list(rows.scan(table.name))
            for table in reputation._TABLES
            if table.name != "verdicts"
        }


def verdicts(world: World, kept: Reputation) -> dict[CID, bytes]:
    with world.store.view() as view:
        wanted = [*all_claimed(view), *(ran.cid for ran in RANS)]
    found = kept.verdicts(wanted, world.store.view)
    return {cid: verdict.block for cid, verdict in found.items()}


def update(world: World, kept: Reputation) -> int:
    with world.store.view() as view:
        return kept.update(view)


def check(world: World, kept: Reputation, folder: Path, policy: Policy = MINE) -> None:
    """Hold what is kept against what is computed anew."""
    update(world, kept)
    with Reputation(folder / "anew", policy) as anew:
        update(world, anew)
        assert tables(kept) == tables(anew)
        assert verdicts(world, kept) == verdicts(world, anew)
    shutil.rmtree(folder / "anew")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Octostore.open(tmp_path / "store") as store:
        yield World(store)


_NAME = st.sampled_from(NAMES)
_RAN, _VALUE = st.integers(0, 2), st.integers(0, 1)
_EVENTS = st.one_of(
    st.tuples(st.just("claim"), _NAME, _RAN, _VALUE),
    st.tuples(st.just("claim"), st.just("anchor"), _RAN, _VALUE),
    st.tuples(st.just("commit"), _NAME, _RAN, _VALUE),
    st.tuples(st.just("reveal"), _NAME, _RAN, _VALUE),
    st.tuples(st.just("withdraw"), st.integers(0, 9)),
    st.tuples(st.just("delegate"), st.sampled_from(("org", "caltech")), _NAME),
    st.tuples(st.just("join"), _NAME, st.sampled_from(("org", "caltech"))),
    st.tuples(st.just("revoke"), _NAME, _NAME, st.integers(0, 3)),
    st.tuples(st.just("link"), _NAME, st.integers(0, 2)),
    st.tuples(st.just("twice"), _NAME),
    st.tuples(st.just("head"), st.integers(0, 400)),
)


@given(events=st.lists(_EVENTS, min_size=3, max_size=14), every=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_one_by_one_gives_what_all_at_once_gives(
    events: list[tuple[str, object]], every: int
) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        with (
            Octostore.open(folder / "store") as store,
            Reputation(folder / "kept", MINE) as kept,
        ):
            world = World(store)
            for number, (what, *how) in enumerate(events):
                act: Callable[..., None] = getattr(world, what)
                act(*how)
                if number % every == 0:
                    update(world, kept)
            check(world, kept, folder)


def kept_and_anew(
    tmp_path: Path, world: World, act: Callable[[], object], *, count: int
) -> None:
    """What is kept before and after an act is what is computed anew; and how much."""
    with Reputation(tmp_path / "kept", MINE) as kept:
        update(world, kept)
        act()
        assert update(world, kept) == count
        check(world, kept, tmp_path)


def test_one_new_claim_is_heard_with_its_invocation_alone(
    world: World, tmp_path: Path
) -> None:
    for ran in range(3):
        world.claim("caltech", ran, 0)
    kept_and_anew(tmp_path, world, lambda: world.claim("anchor", 1, 0), count=1)


def test_what_a_head_covers_is_heard_again_when_it_has_a_log_time(
    world: World, tmp_path: Path
) -> None:
    world.claim("anchor", 0, 0)
    world.head(0)
    for who in ("caltech", "anchor"):
        world.claim(who, 1, 0)
    world.claim("caltech", 2, 0)

    def act() -> None:
        world.head(1)

    kept_and_anew(tmp_path, world, act, count=2)


def test_two_histories_of_a_key_change_all_that_it_said(
    world: World, tmp_path: Path
) -> None:
    for ran in range(2):
        world.claim("caltech", ran, 0)
        world.claim("anchor", ran, 0)
    world.claim("bristol", 2, 0)
    world.head(0)
    kept_and_anew(tmp_path, world, lambda: world.twice("caltech"), count=2)


def test_a_delegation_counts_when_both_have_said_so(
    world: World, tmp_path: Path
) -> None:
    world.claim("node", 0, 0)
    world.claim("anchor", 0, 0)
    world.head(0)
    kept_and_anew(tmp_path, world, lambda: world.join("node", "org"), count=0)
    kept_and_anew(tmp_path, world, lambda: world.delegate("org", "node"), count=1)
    with Reputation(tmp_path / "kept", MINE) as kept:
        error = kept.rates().error("Org", "wasi", "")
    assert error is not None
    assert error < 500_000_000


def test_what_an_organisation_revoked_of_itself_reaches_those_below(
    world: World, tmp_path: Path
) -> None:
    """The organisation revokes a key; then itself, and with it that revocation.

    What the key delegated, too, counts again: two steps below.
    """
    world.claim("node", 0, 0)
    world.claim("anchor", 0, 0)
    world.head(0)
    world.delegate("org", "caltech")
    world.join("caltech", "org")
    world.delegate("caltech", "node")
    world.join("node", "caltech")
    kept_and_anew(tmp_path, world, lambda: world.revoke("org", "caltech", 0), count=1)
    kept_and_anew(tmp_path, world, lambda: world.revoke("org", "org", 1), count=1)


def test_what_strangers_say_of_a_key_touches_nothing(
    world: World, tmp_path: Path
) -> None:
    world.claim("caltech", 0, 0)

    def act() -> None:
        world.delegate("nobody", "caltech")
        world.revoke("nobody", "caltech", 0)
        world.join("nobody", "caltech")

    kept_and_anew(tmp_path, world, act, count=0)


def test_a_withdrawal_and_a_link_touch_what_they_speak_of(
    world: World, tmp_path: Path
) -> None:
    for who in ("caltech", "anchor"):
        for ran in range(3):
            world.claim(who, ran, 0)
    world.head(0)
    kept_and_anew(tmp_path, world, lambda: world.withdraw(2), count=1)
    kept_and_anew(tmp_path, world, lambda: world.link("anchor", 0), count=3)
    kept_and_anew(tmp_path, world, lambda: world.revoke("anchor", "anchor", 0), count=3)


def test_another_log_is_begun_with_anew(world: World, tmp_path: Path) -> None:
    world.claim("caltech", 0, 0)
    with Reputation(tmp_path / "kept", MINE) as kept:
        update(world, kept)
        with Octostore.open(tmp_path / "other") as store:
            other = World(store)
            other.claim("anchor", 1, 0)
            other.claim("anchor", 2, 0)
            assert update(other, kept) == 2
            check(other, kept, tmp_path)
        with world.store.view() as view:
            assert kept.update(view) == 1
        check(world, kept, tmp_path)


def test_what_broke_off_half_way_is_gone_on_with(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reputation, "_AT_ONCE", 1)
    for who in ("caltech", "anchor"):
        for ran in range(3):
            world.claim(who, ran, 0)
    world.head(0)
    with Reputation(tmp_path / "kept", MINE) as kept:
        real, left = kept._learn, [2]

        def broken(*args: object) -> None:
            if not left[0]:
                raise OSError("killed")
            left[0] -= 1
            real(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(kept, "_learn", broken)
        with pytest.raises(OSError, match="killed"):
            update(world, kept)
        assert kept.checkpoint() is None
    with Reputation(tmp_path / "kept", MINE) as kept:
        check(world, kept, tmp_path)


def test_a_verdict_is_made_again_when_a_rate_is_another(
    world: World, tmp_path: Path
) -> None:
    for who in ("caltech", "anchor"):
        world.claim(who, 0, 0)
    world.claim("caltech", 1, 0)
    world.head(0)
    with Reputation(tmp_path / "kept", MINE) as kept:
        update(world, kept)
        before = kept.verdicts([RANS[1].cid], world.store.view)[RANS[1].cid]
        world.claim("caltech", 2, 0)
        world.claim("anchor", 2, 1)
        world.head(1)
        assert update(world, kept) == 1
        after = kept.verdicts([RANS[1].cid], world.store.view)[RANS[1].cid]
        lower = [v.outputs["/r.csv"].lower_bound for v in (before, after)]
        assert lower[0] > lower[1]
        assert after.size == world.store.checkpoint().size
        check(world, kept, tmp_path)


def test_verdicts_in_memory_are_those_of_the_rows_and_end_with_the_checkpoint(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reputation, "_MADE_MAX", 1)
    for ran in range(3):
        world.claim("caltech", ran, 0)
    with Reputation(tmp_path / "kept", MINE) as kept:
        update(world, kept)
        first = verdicts(world, kept)
        assert verdicts(world, kept) == first
        world.claim("bristol", 1, 1)
        update(world, kept)
        again = verdicts(world, kept)
        assert all(again[ran.cid] != first[ran.cid] for ran in RANS)
        check(world, kept, tmp_path)


def test_of_what_nobody_claims_there_is_no_verdict(
    world: World, tmp_path: Path
) -> None:
    world.claim("caltech", 0, 0)
    with Reputation(tmp_path / "kept", MINE) as kept:
        assert kept.verdicts([RANS[0].cid], world.store.view) == {}
        update(world, kept)
        found = kept.verdicts([ran.cid for ran in RANS], world.store.view)
        assert list(found) == [RANS[0].cid]
