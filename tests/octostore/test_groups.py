"""For which group a statement speaks, and why for none: by key, tie, scope and time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octostore.belief.groups import Groups, Voice
from octostore.belief.policy import Group, Policy
from octostore.questions.standing import Standings
from octostore.records import Delegation, Membership, Profile, Record, Revocation
from octostore.statement import Statement
from octostore.store import Octostore
from tests.octostore.world import Issuer

ORG = Issuer("org")

#: Any log time, for delegations that have no end.
NOW_S = 1_700_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


def say(store: Octostore, who: Issuer, *records: Record) -> Statement:
    statement, blocks = who.state(list(records) or [Profile(name="a note")], [])
    assert store.ingest(blocks).accepted == (statement.cid,)
    return statement


@pytest.fixture
def node() -> Issuer:
    return Issuer("node")


@pytest.fixture
def org() -> Issuer:
    return Issuer("org")


@pytest.fixture
def other() -> Issuer:
    return Issuer("other")


def delegate(
    to: Issuer, *, scope: str | None = None, until: int | None = None
) -> Record:
    return Delegation(to=to.key.public.did, scope=scope, until=until)


def join(org: Issuer) -> Record:
    return Membership(of=org.key.public.did)


def policy(*, delegations: bool = True, **groups: list[Issuer]) -> Policy:
    return Policy(
        name="test",
        model="open",
        groups=tuple(
            Group(name=name, keys=tuple(sorted(who.key.public.did for who in members)))
            for name, members in sorted(groups.items())
        ),
        delegations=delegations,
    )


def heard(
    store: Octostore,
    policy: Policy,
    statement: Statement,
    network: str | None = "golem:polygon",
    log_time_s: int | None = NOW_S,
) -> Voice:
    with store.view() as view:
        index = view.index(statement.cid)
        assert index is not None
        groups = Groups(policy, Standings(view))
        return groups.speaks(view.logged(index), network, log_time_s)


def test_a_key_that_is_named_speaks_for_its_group(
    store: Octostore, node: Issuer
) -> None:
    said = say(store, node)
    assert heard(store, policy(Lab=[node]), said) == Voice("Lab")


def test_a_key_in_no_group_is_silent(store: Octostore, node: Issuer) -> None:
    said = say(store, node)
    assert heard(store, policy(), said) == Voice(silent="no-group")
    assert heard(store, policy(Lab=[ORG]), said) == Voice(silent="no-group")


def test_a_member_speaks_for_the_group_of_its_organisation(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    said = say(store, node)
    lab = policy(Lab=[org])
    say(store, org, delegate(node))
    assert heard(store, lab, said) == Voice(silent="no-group")
    say(store, node, join(org))
    assert heard(store, lab, said) == Voice("Lab")
    alone = policy(Lab=[org], delegations=False)
    assert heard(store, alone, said) == Voice(silent="no-group")


def test_one_side_alone_does_nothing(
    store: Octostore, node: Issuer, org: Issuer, other: Issuer
) -> None:
    said = say(store, node, join(org))
    say(store, other, delegate(node))
    both = policy(Lab=[org], Other=[other])
    assert heard(store, both, said) == Voice(silent="no-group")
    named = policy(Mine=[node], Lab=[org], Other=[other])
    assert heard(store, named, said) == Voice("Mine")


def test_depth_is_one(
    store: Octostore, node: Issuer, org: Issuer, other: Issuer
) -> None:
    said = say(store, node, join(org))
    say(store, org, delegate(node), join(other))
    say(store, other, delegate(org))
    assert heard(store, policy(Top=[other]), said) == Voice(silent="no-group")


@pytest.mark.parametrize(
    ("scope", "network", "speaks"),
    [
        (None, "golem", True),
        (None, None, True),
        ("golem", "golem", True),
        ("golem", "golem:polygon", True),
        ("golem:polygon", "golem:polygon", True),
        ("golem:polygon", "golem", False),
        ("golem:polygon", "golem:goerli", False),
        ("golem", "golemish", False),
        ("golem", "bacalhau", False),
        ("golem", None, False),
    ],
)
def test_a_scope_without_instance_covers_all_of_a_network(
    store: Octostore,
    node: Issuer,
    org: Issuer,
    scope: str | None,
    network: str | None,
    speaks: bool,
) -> None:
    said = say(store, node, join(org))
    say(store, org, delegate(node, scope=scope))
    expected = Voice("Lab") if speaks else Voice(silent="delegation-scope")
    assert heard(store, policy(Lab=[org]), said, network) == expected


@pytest.mark.parametrize(
    ("log_time_s", "speaks"),
    [(999, True), (1000, False), (1001, False), (None, False)],
)
def test_until_is_compared_with_log_time_and_is_over_when_it_comes(
    store: Octostore, node: Issuer, org: Issuer, log_time_s: int | None, speaks: bool
) -> None:
    said = say(store, node, join(org))
    say(store, org, delegate(node, until=1000))
    expected = Voice("Lab") if speaks else Voice(silent="delegation-expired")
    found = heard(store, policy(Lab=[org]), said, log_time_s=log_time_s)
    assert found == expected


def test_of_several_delegations_one_that_is_in_force_will_do(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    said = say(store, node, join(org))
    lab = policy(Lab=[org])
    say(store, org, delegate(node, until=1), delegate(node, scope="bacalhau"))
    assert heard(store, lab, said) == Voice(silent="delegation-expired")
    say(store, org, delegate(node, scope="golem"))
    assert heard(store, lab, said) == Voice("Lab")


def test_a_key_with_two_organisations_counts_for_none(
    store: Octostore, node: Issuer, org: Issuer, other: Issuer
) -> None:
    said = say(store, node, join(org), join(other))
    say(store, org, delegate(node))
    say(store, other, delegate(node, scope="golem"))
    two = Voice(silent="two-organisations")
    assert heard(store, policy(Lab=[org], Other=[other]), said) == two
    assert heard(store, policy(Lab=[org]), said) == two
    # What does not cover this network does not bind there.
    assert heard(store, policy(Lab=[org]), said, "bacalhau") == Voice("Lab")
    # To this reader they are one.
    assert heard(store, policy(Lab=[org, other]), said) == Voice("Lab")


def test_an_organisation_that_was_left_in_time_binds_no_more(
    store: Octostore, node: Issuer, org: Issuer, other: Issuer
) -> None:
    said = say(store, node, join(org), join(other))
    say(store, org, delegate(node, until=1000))
    say(store, other, delegate(node))
    both = policy(Lab=[org], Other=[other])
    assert heard(store, both, said, log_time_s=1000) == Voice("Other")
    two = Voice(silent="two-organisations")
    assert heard(store, both, said, log_time_s=999) == two
    # No head covers it yet: nobody knows which of the two it is.
    assert heard(store, both, said, log_time_s=None) == two


def test_a_key_that_is_named_is_bound_by_its_organisation_too(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    said = say(store, node, join(org))
    say(store, org, delegate(node))
    two = Voice(silent="two-organisations")
    assert heard(store, policy(Mine=[node], Lab=[org]), said) == two
    assert heard(store, policy(Mine=[node, org]), said) == Voice("Mine")
    # An organisation that the reader does not know takes nobody away.
    assert heard(store, policy(Mine=[node]), said) == Voice("Mine")
    unbound = policy(Mine=[node], Lab=[org], delegations=False)
    assert heard(store, unbound, said) == Voice("Mine")


def test_what_is_revoked_is_silent(store: Octostore, node: Issuer, org: Issuer) -> None:
    say(store, org, delegate(node))
    kept = say(store, node, join(org))
    stolen = say(store, node)
    lab = policy(Lab=[org])
    assert heard(store, lab, stolen) == Voice("Lab")
    did = node.key.public.did
    say(store, org, Revocation(key=did, keep=(kept.cid,)))
    assert heard(store, lab, kept) == Voice("Lab")
    assert heard(store, lab, stolen) == Voice(silent="revoked")
    assert heard(store, policy(Mine=[node]), stolen) == Voice(silent="revoked")


def test_a_revoked_organisation_speaks_through_nobody(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    say(store, org, delegate(node))
    said = say(store, node, join(org))
    say(store, org, Revocation(key=org.key.public.did, keep=()))
    assert heard(store, policy(Lab=[org]), said) == Voice(silent="no-group")


def test_a_key_that_moved_to_a_new_one_speaks_through_it(
    store: Octostore, node: Issuer, org: Issuer
) -> None:
    """Rotation: the organisation delegates to the new key and revokes the old one."""
    new = Issuer("new")
    say(store, org, delegate(node))
    last = say(store, node, join(org))
    say(
        store, org, delegate(new), Revocation(key=node.key.public.did, keep=(last.cid,))
    )
    first = say(store, new, join(org))
    after = say(store, node)
    lab = policy(Lab=[org])
    assert heard(store, lab, last) == heard(store, lab, first) == Voice("Lab")
    assert heard(store, lab, after) == Voice(silent="revoked")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["org", "other"]),
            st.sampled_from([None, "golem", "bacalhau"]),
            st.sampled_from([None, 500, 1500]),
        ),
        max_size=4,
    ),
    st.sampled_from([None, 400, 1000, 2000]),
)
def test_whatever_is_delegated_nobody_speaks_beyond_it(
    tmp_path_factory: pytest.TempPathFactory,
    terms: list[tuple[str, str | None, int | None]],
    log_time_s: int | None,
) -> None:
    people = {name: Issuer(name) for name in ("node", "org", "other")}
    node = people["node"]
    with Octostore.open(tmp_path_factory.mktemp("s") / "store") as store:
        said = say(store, node, join(people["org"]), join(people["other"]))
        for name, scope, until in terms:
            say(store, people[name], delegate(node, scope=scope, until=until))
        both = policy(org=[people["org"]], other=[people["other"]])
        voice = heard(store, both, said, "golem", log_time_s)
    sure = {
        name
        for name, scope, until in terms
        if scope in (None, "golem")
        and (until is None or (log_time_s is not None and log_time_s < until))
    }
    if voice.group is not None:
        assert sure == {voice.group}
        assert voice.silent is None
    else:
        assert voice.silent is not None
        assert len(sure) != 1 or voice.silent == "two-organisations"
