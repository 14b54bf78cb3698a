"""Whose word counts, and for whom: delegations, memberships, revocations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invocation_spec.cid import CID
from octostore.check import check_folder
from octostore.errors import NotFoundError
from octostore.keys import PublicKey
from octostore.questions import issuers as issuers_module
from octostore.questions.issuers import CHAINS_MAX, issuer, issuers
from octostore.questions.standing import Standings
from octostore.records import Delegation, Membership, Profile, Record, Revocation
from octostore.statement import RECORDS_MAX, Statement
from octostore.store import Octostore
from tests.octostore.said import Command
from tests.octostore.world import Issuer

#: What an answer may take, of the time to read what it rests on, which is twice.
TIMES = 6


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


@pytest.fixture
def node() -> Issuer:
    return Issuer("node")


@pytest.fixture
def org() -> Issuer:
    return Issuer("org")


@pytest.fixture
def thief() -> Issuer:
    return Issuer("thief")


def key_of(who: Issuer) -> PublicKey:
    return who.key.public


def say(store: Octostore, who: Issuer, *records: Record) -> Statement:
    statement, blocks = who.state(list(records), [])
    receipt = store.ingest(blocks)
    assert receipt.accepted == (statement.cid,)
    return statement


def note(store: Octostore, who: Issuer, text: str) -> Statement:
    """A statement that says nothing of keys."""
    return say(store, who, Profile(name=text))


def delegate(to: Issuer, **terms: object) -> Delegation:
    return Delegation(to=key_of(to).did, **terms)  # type: ignore[arg-type] # a test says


def join(org: Issuer) -> Membership:
    return Membership(of=key_of(org).did)


def revoke(who: Issuer, *keep: Statement | CID) -> Revocation:
    kept = {item.cid if isinstance(item, Statement) else item for item in keep}
    return Revocation(key=key_of(who).did, keep=tuple(sorted(kept)))


def listed(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def counted(store: Octostore, *statements: Statement) -> list[bool]:
    with store.view() as view:
        standings = Standings(view)
        return [
            standings.counts(view.logged(view.index(item.cid) or 0))
            for item in statements
        ]


def organisations(store: Octostore, who: Issuer) -> list[PublicKey]:
    with store.view() as view:
        found = Standings(view).affiliations(key_of(who))
        return [item.organisation for item in found]


def test_both_sides_make_an_organisation_in_any_order(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    say(store, node, join(org))
    assert organisations(store, node) == []
    say(store, org, delegate(node, scope="golem", until=99))
    assert organisations(store, node) == [key_of(org)]


def test_one_side_alone_makes_none(
    store: Octostore, node: Issuer, org: Issuer, thief: Issuer
) -> None:
    say(store, org, delegate(node))
    say(store, node, join(thief))
    say(store, thief, delegate(org))
    for who in (node, org, thief):
        assert organisations(store, who) == []


def test_no_key_is_an_organisation_of_its_own(store: Octostore, node: Issuer) -> None:
    say(store, node, delegate(node), join(node))
    assert organisations(store, node) == []


def test_what_keep_leads_back_to_stays(store: Octostore, node: Issuer) -> None:
    first, second, third = (note(store, node, text) for text in "abc")
    last = say(store, node, revoke(node, second))
    after = note(store, node, "d")
    assert counted(store, first, second, third, last, after) == [
        *(True, True),
        *(False, False, False),
    ]


def test_an_empty_keep_leaves_nothing(store: Octostore, node: Issuer) -> None:
    first = note(store, node, "a")
    say(store, node, revoke(node))
    assert counted(store, first) == [False]


def test_of_several_among_equals_only_what_all_keep_stays(
    store: Octostore, node: Issuer
) -> None:
    first, second, third = (note(store, node, text) for text in "abc")
    say(store, node, revoke(node, third))
    say(store, node, revoke(node, first))
    assert counted(store, first, second, third) == [True, False, False]


def test_keep_in_two_chains_keeps_both(store: Octostore, node: Issuer) -> None:
    other = Issuer("node", chain=bytes(15) + b"\x01")
    first, beside = note(store, node, "a"), note(store, other, "b")
    late = note(store, other, "c")
    say(store, node, revoke(node, first, beside))
    assert counted(store, first, beside, late) == [True, True, False]


def test_a_head_that_is_not_there_or_of_another_leads_nowhere(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    first, foreign = note(store, node, "a"), note(store, org, "b")
    say(store, node, revoke(node, foreign, CID.of_block(b"\xa0")))
    assert counted(store, first, foreign) == [False, True]


def test_a_stranger_revokes_nothing(
    store: Octostore, node: Issuer, thief: Issuer
) -> None:
    first = note(store, node, "a")
    say(store, thief, delegate(node))
    say(store, thief, revoke(node))
    assert counted(store, first) == [True]


def test_an_organisation_outranks_who_has_the_key(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    say(store, org, delegate(node))
    good = say(store, node, join(org))
    bad = note(store, node, "stolen")
    say(store, node, revoke(node))
    assert counted(store, good, bad) == [False, False]
    say(store, org, revoke(node, good))
    assert counted(store, good, bad) == [True, False]
    assert organisations(store, node) == [key_of(org)]


def test_a_revocation_before_the_tie_is_made_has_no_effect(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    first = note(store, node, "a")
    say(store, org, delegate(node))
    say(store, org, revoke(node))
    say(store, node, join(org))
    assert counted(store, first) == [True]


def test_a_thief_who_joins_his_own_organisation_voids_nothing(
    store: Octostore, node: Issuer, org: Issuer, thief: Issuer
) -> None:
    say(store, org, delegate(node))
    good = say(store, node, join(org))
    say(store, thief, delegate(node))
    bad = say(store, node, join(thief))
    say(store, thief, revoke(node))
    assert counted(store, good) == [False]
    say(store, org, revoke(node, good))
    assert counted(store, good, bad) == [True, False]
    assert organisations(store, node) == [key_of(org)]


def test_a_thief_who_joins_first_is_not_in_the_way(
    store: Octostore, node: Issuer, org: Issuer, thief: Issuer
) -> None:
    say(store, org, delegate(node))
    say(store, thief, delegate(node))
    good = note(store, node, "mine")
    stolen = replace(node)
    say(store, stolen, join(thief))
    bad = say(store, stolen, join(org))
    say(store, node, revoke(node, good))
    assert organisations(store, node) == []
    # On another machine the key joins as well, and that is what the owner keeps.
    other = Issuer("node", chain=bytes((1,)) * 16)
    joined = say(store, other, join(org), join(thief))
    say(store, org, revoke(node, good, joined))
    assert counted(store, bad, joined) == [False, True]
    assert set(organisations(store, node)) == {key_of(org), key_of(thief)}


@pytest.mark.slow
def test_who_says_thousands_of_things_is_answered_soon(
    store: Octostore, node: Issuer
) -> None:
    people = [Issuer(f"{number}") for number in range(2 * RECORDS_MAX)]
    for at in range(0, len(people), RECORDS_MAX):
        say(store, node, *map(join, people[at : at + RECORDS_MAX]))
    chain = [note(store, node, f"{number}") for number in range(600)]
    say(store, node, *(revoke(node, *chain[at : at + 500]) for at in range(50)))
    with store.view() as view:
        begin = time.process_time()
        Standings(view).said_of(key_of(node))
        read = time.process_time()
        found = issuer(view, key_of(node))
        end = time.process_time()
    assert end - read < TIMES * (read - begin)
    assert len(people) > len(found.unanswered) == issuers_module.SAID_MAX
    assert found.cut == ("unanswered",)
    assert not found.organisations


def test_an_organisation_that_revoked_itself_says_no_more(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    granted = say(store, org, delegate(node))
    joined = say(store, node, join(org))
    say(store, org, revoke(org, granted))
    say(store, org, revoke(node))
    assert counted(store, joined) == [True]
    assert organisations(store, node) == [key_of(org)]
    say(store, org, revoke(org))
    assert organisations(store, node) == []


def test_two_keys_in_a_circle_have_an_answer(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    one = say(store, node, delegate(org), join(org))
    two = say(store, org, delegate(node), join(node))
    say(store, node, revoke(org))
    say(store, org, revoke(node))
    assert counted(store, one, two) == [False, False]


def test_what_came_later_is_not_seen_as_of_before(
    store: Octostore, node: Issuer
) -> None:
    first = note(store, node, "a")
    say(store, node, revoke(node))
    with store.view(1) as view:
        assert Standings(view).counts(view.logged(view.index(first.cid) or 0))


def test_of_two_statements_for_one_place_keep_names_one(
    store: Octostore, node: Issuer
) -> None:
    first = note(store, node, "a")
    twin = Issuer("node")
    second = note(store, twin, "b")
    say(store, node, revoke(node, first))
    assert counted(store, first, second) == [True, False]


def test_an_issuer_is_described(
    store: Octostore, node: Issuer, org: Issuer, thief: Issuer
) -> None:
    note(store, org, "University of Bristol")
    say(store, org, delegate(node, scope="golem", until=4_000_000_000))
    head = say(store, node, Profile(name="node 7"), join(org), join(thief))
    say(store, thief, revoke(node))
    with store.view() as view:
        told = issuer(view, key_of(node)).to_json()
        of_org = issuer(view, key_of(org)).to_json()
    (chain,) = listed(told["chains"])
    assert chain["head"] == str(head.cid)
    assert told["name"] == "node 7"
    (organisation,) = listed(told["organisations"])
    assert organisation["organisation"] == str(key_of(org).did)
    assert organisation["name"] == "University of Bristol"
    assert organisation["scope"] == "golem"
    assert organisation["until"] == 4_000_000_000
    (unanswered,) = listed(told["unanswered"])
    assert unanswered["of"] == str(key_of(thief).did)
    (revocation,) = listed(told["revocations"])
    assert revocation["takes_effect"] is False
    (member,) = listed(of_org["members"])
    assert member["member"] == str(key_of(node).did)
    assert member["name"] == "node 7"


def test_a_key_that_nobody_knows_is_not_there(store: Octostore, node: Issuer) -> None:
    with store.view() as view, pytest.raises(NotFoundError, match="no such issuer"):
        issuer(view, key_of(node))


def test_chains_of_an_issuer_are_shown_up_to_so_many(store: Octostore) -> None:
    blocks = []
    for number in range(CHAINS_MAX + 1):
        who = Issuer("node", chain=number.to_bytes(16, "big"))
        blocks += who.state([Profile(name="node")])[1]
    assert len(store.ingest(blocks).accepted) == CHAINS_MAX + 1
    with store.view() as view:
        found = issuer(view, key_of(Issuer("node")))
    chains = found.chains
    assert found.cut == ("chains",)
    assert [int.from_bytes(chain.chain, "big") for chain in chains] == list(
        range(CHAINS_MAX)
    )


def test_what_is_said_of_a_key_is_shown_up_to_so_much(
    store: Octostore,
    node: Issuer,
    org: Issuer,
    thief: Issuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(issuers_module, "SAID_MAX", 3)
    did = key_of(node).did
    for number in range(2):
        say(store, thief, Delegation(to=did, until=number))
        say(store, thief, Revocation(key=did, keep=(CID.of_block(bytes([number])),)))
    with store.view() as view:
        found = issuer(view, key_of(node))
    assert (len(found.unanswered), len(found.revocations), found.cut) == (2, 2, ())
    assert "cut" not in found.to_json()
    for number in range(2, 4):
        say(store, thief, Delegation(to=did, until=number))
        say(store, thief, Revocation(key=did, keep=(CID.of_block(bytes([number])),)))
    own = say(store, node, Revocation(key=did, keep=()))
    with store.view() as view:
        found = issuer(view, key_of(node))
    assert (len(found.unanswered), len(found.revocations)) == (3, 3)
    assert found.to_json()["cut"] == ["unanswered", "revocations"]
    # The one that counts is shown, whoever says how often what takes no effect.
    first, counts = found.revocations[0]
    assert (first.by.cid, counts) == (own.cid, True)
    for number in range(4):
        member = Issuer(f"member {number}")
        say(store, org, Delegation(to=key_of(member).did))
        say(store, member, Membership(of=key_of(org).did))
    with store.view() as view:
        found = issuer(view, key_of(org))
    assert (len(found.members), found.cut) == (3, ("members",))


def test_issuers_are_listed_page_by_page(store: Octostore) -> None:
    keys = set()
    for number in range(5):
        who = Issuer(f"issuer {number}")
        keys.add(key_of(who))
        note(store, who, f"name {number}")
        note(store, Issuer(who.name, chain=b"c" * 16), "name")
    found: list[PublicKey] = []
    after = None
    with store.view() as view:
        while True:
            page = issuers(view, limit=2, after=after)
            found += [key for key, _ in page.issuers]
            if page.next is None:
                break
            after = page.next.key
    assert found == sorted(keys)


def test_the_index_is_made_again_from_the_log(
    tmp_path: Path, node: Issuer, org: Issuer
) -> None:
    path = tmp_path / "store"
    with Octostore.open(path) as store:
        say(store, org, delegate(node))
        say(store, node, join(org))
        say(store, org, revoke(node))
        before = organisations(store, node)
        store.rebuild()
        assert organisations(store, node) == before
    assert check_folder(path).holds


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from(["note", "delegate", "join", "revoke", "keep"]),
            st.sampled_from("ab"),
        ),
        max_size=10,
    )
)
def test_whatever_two_keys_say_has_one_answer_that_only_organisations_change(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, str]]
) -> None:
    """A key that nobody joined, and that does not revoke itself, is never void."""
    people = {name: Issuer(name) for name in "ab"}
    made: list[tuple[str, Statement]] = []
    with Octostore.open(tmp_path_factory.mktemp("s") / "store") as store:
        for number, (by, what, of) in enumerate(said):
            last = [item for name, item in made if name == of][-1:]
            records: dict[str, Record] = {
                "note": Profile(name=f"{number}"),
                "delegate": delegate(people[of]),
                "join": join(people[of]),
                "revoke": revoke(people[of]),
                "keep": revoke(people[of], *last),
            }
            made.append((by, say(store, people[by], records[what])))
        counts = counted(store, *(item for _, item in made))
        for name in "ab":
            spoke = {(what, of) for by, what, of in said if by == name}
            others = [of for what, of in spoke if what == "join" and of != name]
            if not others and not spoke & {("revoke", name), ("keep", name)}:
                own = [
                    ok for (by, _), ok in zip(made, counts, strict=True) if by == name
                ]
                assert all(own)


def test_the_command_tells_it(octostore: Command) -> None:
    octostore("key", "new", "org.key")
    octostore("key", "new", "node.key")
    org, node = (
        str(octostore("key", "show", name, "--json").json["did"])
        for name in ("org.key", "node.key")
    )
    octostore("profile", "--name", "Bristol", "--key", "org.key")
    octostore("delegate", node, "--until", "1798761600", "--key", "org.key")
    octostore("join", org, "--key", "node.key")
    told = octostore("issuers", node)
    assert told.code == 0
    assert f"speaks for    Bristol* {org}, until 2027-01-01T00:00:00Z" in told.out
    assert octostore("issuers", node, "--json").json["issuer"] == node
    listed = octostore("issuers", "--limit", "1")
    assert "there is more: --after did:key:" in listed.out
    octostore("revoke", node, "--keep", "none", "--key", "org.key")
    assert f"revoked       by {org}, entry 3" in octostore("issuers", node).out
    octostore("key", "new", "other.key")
    other = str(octostore("key", "show", "other.key", "--json").json["did"])
    assert octostore("issuers", other).code == 6
    assert octostore("issuers", "me").code == 2
