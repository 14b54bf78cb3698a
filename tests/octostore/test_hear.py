"""What a policy hears on one invocation, from the log alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from octostore.belief import hear as hearing
from octostore.belief import heard as values
from octostore.belief.hear import hear
from octostore.belief.policy import Group, Policy
from octostore.errors import NotFoundError, ProofError
from octostore.keys import PublicKey
from octostore.records import Commitment, Failure, Record, Revocation, Withdrawal
from octostore.records.commitment import Reveal
from octostore.statement import Statement
from octostore.store import Octostore
from tests.octostore.world import R1, R2, Blocks, Issuer, Ran, data, result

RAN = Ran()
SALT = bytes(range(32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


def key_of(name: str) -> PublicKey:
    return Issuer(name).key.public


def policy_of(**groups: str) -> Policy:
    """Groups of one issuer each, by the name of both."""
    named = sorted(groups.items())
    return Policy(
        name="mine",
        model="open",
        groups=tuple(
            Group(name=group, keys=(key_of(issuer).did,)) for group, issuer in named
        ),
    )


MINE = policy_of(Bristol="bristol", Caltech="caltech", Golem="golem")


def log(store: Octostore, said: tuple[Statement, Blocks]) -> Statement:
    statement, blocks = said
    assert store.ingest(blocks).accepted == (statement.cid,)
    return statement


def say(store: Octostore, who: Issuer, *records: Record) -> Statement:
    return log(store, who.state(list(records)))


def heard(
    store: Octostore, policy: Policy = MINE, size: int | None = None
) -> values.Heard:
    with store.view(size) as view:
        return hear(view, policy, RAN.cid)


def one(store: Octostore, group: str, size: int | None = None) -> values.Testimony:
    (found,) = [t for t in heard(store, size=size).testimonies if t.group == group]
    return found


def test_claims_come_in_log_order_each_with_its_group(store: Octostore) -> None:
    first = log(store, Issuer("caltech").claims(RAN, result(), network="golem"))
    log(store, Issuer("nobody").claims(RAN, result(R2)))
    log(
        store,
        Issuer("bristol").claims(RAN, Failure(kind="trap"), platform="linux/arm64"),
    )
    found = heard(store)
    assert [(t.group, t.silent) for t in found.testimonies] == [
        ("Caltech", None),
        (None, "no-group"),
        ("Bristol", None),
    ]
    caltech, nobody, bristol = found.testimonies
    assert (caltech.statement, caltech.index) == (first.cid, 0)
    assert caltech.claim == first.part.records[0]
    assert (caltech.network, caltech.outputs, caltech.exit) == (
        "golem",
        {"/r.csv": R1},
        0,
    )
    assert nobody.issuer == key_of("nobody")
    assert (bristol.failure, bristol.platform, dict(bristol.outputs)) == (
        "trap",
        "linux/arm64",
        {},
    )
    assert (found.kind, found.also, found.links, found.strangers) == ("wasi", (), (), 0)


def test_what_came_later_is_not_heard_as_of_before(store: Octostore) -> None:
    log(store, Issuer("caltech").claims(RAN, result()))
    log(store, Issuer("bristol").claims(RAN, result()))
    assert [t.group for t in heard(store, size=1).testimonies] == ["Caltech"]


def test_an_invocation_that_nobody_claims_is_not_there(store: Octostore) -> None:
    with pytest.raises(NotFoundError, match="no such invocation"):
        heard(store)
    log(store, Issuer("caltech").claims(RAN, result()))
    with pytest.raises(NotFoundError, match="nobody claims"):
        heard(store, size=0)
    with store.view() as view, pytest.raises(NotFoundError, match="no such invocation"):
        hear(view, MINE, RAN.program.cid)


def test_a_program_that_is_withheld_has_no_kind(store: Octostore) -> None:
    log(store, Issuer("caltech").claims(RAN, result(), withheld=("program",)))
    log(store, Issuer("bristol").claims(RAN, result()))
    assert heard(store, size=1).kind is None
    assert heard(store).kind == "wasi"


def test_a_withdrawn_claim_keeps_its_group_and_is_silent_since(
    store: Octostore,
) -> None:
    caltech = Issuer("caltech")
    claimed = log(store, caltech.claims(RAN, result()))
    taken_back = Withdrawal(claim=claimed.part.records[0], why="wrong image")
    say(store, Issuer("bristol"), taken_back)
    assert one(store, "Caltech").silent is None
    say(store, caltech, taken_back)
    found = one(store, "Caltech")
    assert (found.silent, found.silent_since) == ("withdrawn", 2)
    assert one(store, "Caltech", 2).silent is None


def test_a_thief_withdraws_nothing_once_the_key_is_revoked(store: Octostore) -> None:
    caltech = Issuer("caltech")
    claimed = log(store, caltech.claims(RAN, result()))
    thief = Issuer("caltech", chain=bytes([1] * 16))
    say(store, thief, Withdrawal(claim=claimed.part.records[0], why="ours now"))
    assert one(store, "Caltech").silent == "withdrawn"
    say(store, caltech, Revocation(key=key_of("caltech").did, keep=(claimed.cid,)))
    assert one(store, "Caltech").silent is None


def test_of_very_many_revoked_withdrawals_the_first_are_looked_at(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    caltech = Issuer("caltech")
    claimed = log(store, caltech.claims(RAN, result()))
    taken_back = Withdrawal(claim=claimed.part.records[0], why="wrong image")
    thief = Issuer("caltech", chain=bytes([1] * 16))
    for _ in range(2):
        say(store, thief, taken_back)
    own = say(store, caltech, taken_back)
    say(store, caltech, Revocation(key=key_of("caltech").did, keep=(own.cid,)))
    assert one(store, "Caltech").silent_since == 3
    monkeypatch.setattr(hearing, "WITHDRAWALS_MAX", 2)
    assert one(store, "Caltech").silent is None


def test_a_claim_that_no_longer_counts_is_silent_as_revoked(store: Octostore) -> None:
    caltech = Issuer("caltech")
    log(store, caltech.claims(RAN, result()))
    say(store, caltech, Revocation(key=key_of("caltech").did, keep=()))
    assert heard(store).testimonies[0].silent == "revoked"
    assert one(store, "Caltech", 1).silent is None


def test_log_time_is_that_of_the_first_head_over_a_claim_if_it_is_there_yet(
    store: Octostore,
) -> None:
    log(store, Issuer("caltech").claims(RAN, result()))
    assert (heard(store).time_s, one(store, "Caltech").log_time_s) == (None, None)
    store.update_map(1_700_000_000)
    log(store, Issuer("bristol").claims(RAN, result()))
    store.update_map(1_700_000_060)
    assert one(store, "Caltech").log_time_s == 1_700_000_000
    assert one(store, "Bristol").log_time_s == 1_700_000_060
    assert one(store, "Bristol", 3).log_time_s is None
    assert one(store, "Caltech", 1).log_time_s is None
    assert heard(store, size=3).time_s == 1_700_000_000


def test_a_key_that_signed_two_histories_equivocates(store: Octostore) -> None:
    log(store, Issuer("caltech").claims(RAN, result()))
    assert not one(store, "Caltech").equivocates
    log(store, Issuer("caltech").says("Another first statement"))
    assert one(store, "Caltech").equivocates
    assert not one(store, "Caltech", 1).equivocates


def test_two_histories_of_which_one_is_revoked_are_one(store: Octostore) -> None:
    caltech = Issuer("caltech")
    claimed = log(store, caltech.claims(RAN, result()))
    log(store, Issuer("caltech").says("What a thief signed"))
    assert one(store, "Caltech").equivocates
    say(store, caltech, Revocation(key=key_of("caltech").did, keep=(claimed.cid,)))
    assert not one(store, "Caltech").equivocates


def test_a_key_of_very_many_histories_is_not_looked_through(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "DOUBLES_MAX", 1)
    caltech = Issuer("caltech")
    claimed = log(store, caltech.claims(RAN, result()))
    for n in range(2):
        log(store, Issuer("caltech").says(f"What a thief signed {n}"))
    say(store, caltech, Revocation(key=key_of("caltech").did, keep=(claimed.cid,)))
    assert one(store, "Caltech").equivocates


class Committed:
    """An issuer that commits to a result, and reveals it."""

    def __init__(self, store: Octostore, name: str, value: CID = R1) -> None:
        self.store, self.issuer, self.got = store, Issuer(name), result(value)
        self.commitment = Commitment.to(key_of(name).did, RAN.cid, self.got.cid, SALT)

    def commit(self) -> Statement:
        return say(self.store, self.issuer, self.commitment)

    def reveal(self, salt: bytes = SALT) -> Statement:
        reveals = Reveal(self.commitment.cid, salt)
        return log(self.store, self.issuer.claims(RAN, self.got, reveals=reveals))


def test_who_commits_before_anybody_else_speaks_has_not_copied(
    store: Octostore,
) -> None:
    both = [Committed(store, name) for name in ("caltech", "bristol")]
    for who in both:
        who.commit()
    for who in both:
        who.reveal()
    assert [t.committed for t in heard(store).testimonies] == [0, 1]


@pytest.mark.parametrize("other", ["bristol", "nobody"])
def test_a_commitment_after_the_claim_of_another_does_not_count(
    store: Octostore, other: str
) -> None:
    log(store, Issuer(other).claims(RAN, result()))
    caltech = Committed(store, "caltech")
    caltech.commit()
    caltech.reveal()
    assert one(store, "Caltech").committed is None


def test_own_claims_before_a_commitment_do_not_matter(store: Octostore) -> None:
    caltech = Committed(store, "caltech")
    log(store, caltech.issuer.claims(RAN, result(R2)))
    caltech.commit()
    caltech.reveal()
    log(store, Issuer("bristol").claims(RAN, result()))
    found = [t.committed for t in heard(store).testimonies if t.group == "Caltech"]
    assert found == [None, 1]


def test_a_commitment_that_comes_after_its_reveal_does_not_count(
    store: Octostore,
) -> None:
    caltech = Committed(store, "caltech")
    store.add_bytes(caltech.commitment.block)
    caltech.reveal()
    caltech.commit()
    assert one(store, "Caltech").committed is None


def test_another_salt_opens_nothing(store: Octostore) -> None:
    caltech = Committed(store, "caltech")
    caltech.commit()
    caltech.reveal(bytes(32))
    assert one(store, "Caltech").committed is None


def test_the_commitment_of_another_key_is_not_ones_own(store: Octostore) -> None:
    caltech = Committed(store, "caltech")
    say(store, Issuer("bristol"), caltech.commitment)
    caltech.reveal()
    assert one(store, "Caltech").committed is None


def test_a_commitment_that_is_not_here_or_none_does_not_count(store: Octostore) -> None:
    issuer = Issuer("caltech")
    for cid in (CID.of_block(b"nowhere"), RAN.cid):
        log(store, issuer.claims(RAN, result(), reveals=Reveal(cid, SALT)))
    assert [t.committed for t in heard(store).testimonies] == [None, None]


def test_a_revoked_commitment_does_not_count(store: Octostore) -> None:
    caltech = Committed(store, "caltech")
    caltech.commit()
    revealing = Issuer("caltech", chain=bytes([1] * 16))
    caltech.issuer = revealing
    kept = caltech.reveal()
    say(store, revealing, Revocation(key=key_of("caltech").did, keep=(kept.cid,)))
    assert one(store, "Caltech").silent is None
    assert one(store, "Caltech").committed is None
    assert one(store, "Caltech", 2).committed == 0


def test_strangers_are_counted_when_there_are_many_and_the_rest_is_heard(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "STRANGERS_MAX", 3)
    crowd = [Issuer("crowd"), Issuer("mob")]
    for n in range(8):
        log(store, crowd[n % 2].claims(RAN, result(data(f"{n}"))))
    late = Committed(store, "caltech")
    late.commit()
    late.reveal()
    found = heard(store)
    assert [t.group for t in found.testimonies] == [None, None, None, "Caltech"]
    assert found.strangers == 5
    assert found.testimonies[-1].committed is None


def test_a_stranger_beyond_the_most_still_speaks_before_a_commitment(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "STRANGERS_MAX", 0)
    log(store, Issuer("nobody").claims(RAN, result()))
    caltech = Committed(store, "caltech")
    caltech.commit()
    caltech.reveal()
    assert one(store, "Caltech").committed is None


@pytest.mark.parametrize("limit", ["TESTIMONIES_MAX", "LOOKS_MAX"])
def test_more_than_can_be_heard_is_no_answer_of_a_part(
    store: Octostore, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(hearing, limit, 2)
    caltech = Issuer("caltech")
    for n in range(3):
        if n == 2:
            assert len(heard(store).testimonies) == 2
        log(store, caltech.claims(RAN, result(data(f"{n}"))))
    with pytest.raises(ProofError, match="more than 2 claims"):
        heard(store)
