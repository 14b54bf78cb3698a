"""Verdicts: what suffices, what is a tie, and what other deciders got wrong.

The tests whose names say `percentage`, `denominator` and the like are the defects
found in another project's deciders, each kept from happening here.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID, DAG_PB, RAW
from octostore.belief.ballot import CLASSES_MAX
from octostore.belief.judge import EXPLAINED_MAX, explain
from octostore.belief.models import Clusters
from octostore.belief.policy import ONE, EvidenceTerms, Policy, Quorum
from octostore.belief.verdict import Verdict
from octostore.result import EXIT
from tests.octostore.hearing import (
    INVOCATION,
    POLICY,
    Held,
    fails,
    groups,
    heard,
    says,
    value,
    verdict,
)

NAMES = tuple("ABCDE")
QUORUM = Policy(name="p", model="quorum", groups=groups(NAMES))
EVIDENCE = Policy(name="p", model="evidence", groups=groups(NAMES))
OPEN = Policy(name="p", model="open", groups=groups(NAMES))
PERCENT = ONE // 100


def _unixfs(word: str) -> CID:
    return CID(bytes((1, DAG_PB)) + value(word).raw[2:])


# What other deciders got wrong.


def test_no_integer_division_lowers_agreement_of_three() -> None:
    found = verdict(QUORUM, heard(says("A"), says("B"), says("C"))).outputs["/r"]
    assert (found.finding, found.value) == ("value", value("R"))
    assert found.for_ == ("A", "B", "C")


@pytest.mark.parametrize("policy", [QUORUM, EVIDENCE])
@pytest.mark.parametrize("n", [1, 2, 3, 99, 100, 101, 1_000, 10_000])
def test_a_hundred_groups_and_more_can_agree(n: int, policy: Policy) -> None:
    names = [f"g{i:05}" for i in range(n)]
    policy = replace(policy, groups=groups(names))
    found = verdict(policy, heard(*(says(name) for name in names)), 5 * PERCENT)
    assert found.state == ("agreed" if n > 1 else "single")
    assert found.outputs["/r"].for_ == tuple(names)


@pytest.mark.parametrize("policy", [QUORUM, EVIDENCE, OPEN])
def test_a_tie_is_undecided_in_whatever_order_it_is_heard(policy: Policy) -> None:
    if policy.model == "quorum":
        policy = replace(policy, quorum=Quorum(groups=2, against=9))
    claims = [says("A", "R1"), says("B", "R1"), says("C", "R2"), says("D", "R2")]
    found = {
        verdict(policy, heard(*order), PERCENT).outputs["/r"]
        for order in itertools.permutations(claims)
    }
    (only,) = found
    assert (only.finding, only.value, only.for_) == ("undecided", None, ())
    assert only.against == ("A", "B", "C", "D")


def test_the_denominator_is_whom_the_policy_names_and_silence_is_shown() -> None:
    found = verdict(QUORUM, heard(says("A"))).outputs["/r"]
    assert found.finding == "undecided"
    assert (found.for_, found.silent) == (("A",), ("B", "C", "D", "E"))
    both = verdict(QUORUM, heard(says("A"), says("B", {"/x": "R"}))).outputs["/r"]
    assert (both.finding, both.for_) == ("undecided", ("A",))


def test_a_second_value_of_one_group_is_heard_and_counts_for_none() -> None:
    found = verdict(QUORUM, heard(says("A"), says("B"), says("A", "R2")))
    assert found.outputs["/r"].finding == "undecided"
    assert found.outputs["/r"].for_ == ("B",)
    assert found.outputs["/r"].against == ("A",)
    assert found.state == "conflict"


def test_confidence_is_computed_and_never_a_constant() -> None:
    some = {
        verdict(EVIDENCE, heard(*map(says, NAMES[:n])), 10 * PERCENT)
        .outputs["/r"]
        .lower_bound
        for n in (1, 2, 3)
    }
    assert len(some) == 3
    assert max(some) < ONE
    assert (
        verdict(EVIDENCE, heard(says("A")), 10 * PERCENT).outputs["/r"].lower_bound
        <= 90 * PERCENT
    )


# The table of states and advice.


@pytest.mark.parametrize(
    ("claims", "state", "advice"),
    [
        ([], "unknown", "run"),
        ([says(None)], "unknown", "compare"),
        ([says("X")], "unknown", "compare"),
        ([says("A", silent="withdrawn")], "unknown", "compare"),
        ([says("A", equivocates=True)], "unknown", "compare"),
        ([fails("A")], "failed", "run"),
        ([fails("A"), says("B")], "single", "compare"),
        ([says("A")], "single", "compare"),
        ([says("A"), says("A")], "single", "compare"),
        ([says("A"), says("B")], "agreed", "reuse"),
        ([says("A"), says("B"), fails("C")], "agreed", "reuse"),
        ([says("A"), says("B"), says("C", "R2")], "conflict", "compare"),
        ([says("A"), says("A", "R2")], "conflict", "compare"),
        (
            [says("A"), says("A", "R2"), says("B"), says("B", "R2")],
            "nondeterministic",
            "run",
        ),
        ([says("A", ""), says("B", "")], "single", "compare"),
        ([says("A", {}, exit=0), says("B", {}, exit=0)], "single", "compare"),
        ([says("A", exit=0), says("B", exit=1)], "conflict", "compare"),
        ([says("A", exit=0), says("B", exit=0)], "agreed", "reuse"),
        (
            [
                says(g, {"/r": v})
                for g, v in zip(
                    "ABCD", [value("R")] * 2 + [_unixfs("R")] * 2, strict=True
                )
            ],
            "unknown",
            "compare",
        ),
    ],
)
def test_state_and_advice_follow_the_table(
    claims: list[object], state: str, advice: str
) -> None:
    found = verdict(QUORUM, heard(*claims))
    assert (found.state, found.advice) == (state, advice)
    assert Verdict.from_block(found.block) == found


def test_an_anchor_that_contradicts_itself_makes_it_nondeterministic() -> None:
    policy = replace(QUORUM, anchors=("A",))
    assert (
        verdict(policy, heard(says("A"), says("A", "R2"))).state == "nondeterministic"
    )


def test_every_output_that_somebody_names_must_be_agreed() -> None:
    claims = [says("A", {"/r": "R", "/s": "S"}), says("B")]
    assert verdict(QUORUM, heard(*claims)).state == "single"
    assert verdict(replace(QUORUM, outputs=("/r",)), heard(*claims)).state == "agreed"
    assert verdict(replace(QUORUM, ignored=("/s",)), heard(*claims)).state == "agreed"


def test_an_output_that_the_policy_names_and_nobody_has_is_shown() -> None:
    found = verdict(replace(QUORUM, outputs=("/r", "/s")), heard(says("A"), says("B")))
    assert found.state == "unknown"
    assert found.outputs["/s"].silent == NAMES


def test_open_shows_and_counts_nothing() -> None:
    found = verdict(OPEN, heard(*map(says, NAMES)))
    assert (found.state, found.outputs["/r"].for_) == ("single", NAMES)


def test_recheck_asks_for_its_share_and_nobody_can_tell_before_the_root() -> None:
    policy = replace(QUORUM, recheck=ONE // 10)
    again = 0
    for n in range(1_000):
        one = replace(
            heard(says("A"), says("B")), invocation=CID.of_block(str(n).encode())
        )
        again += verdict(policy, one).advice == "compare"
    assert 60 < again < 140


# What counts.


def test_networks_are_counted_without_their_instance() -> None:
    policy = replace(QUORUM, quorum=Quorum(networks=2))
    one = heard(says("A", network="golem:polygon"), says("B", network="golem:goerli"))
    two = heard(says("A", network="golem:polygon"), says("B", network="bacalhau"))
    assert verdict(policy, one).state == "single"
    assert verdict(policy, two).state == "agreed"


def test_groups_that_share_infrastructure_are_one_head() -> None:
    shared = (*groups("AB", shares=("rack",)), *groups("C"))
    policy = replace(QUORUM, groups=shared)
    assert verdict(policy, heard(says("A"), says("B"))).state == "single"
    assert verdict(policy, heard(says("A"), says("C"))).state == "agreed"


@given(
    st.lists(
        st.sets(st.sampled_from("stuvwxyz"), max_size=3).map(lambda one: sorted(one)),
        min_size=1,
        max_size=40,
    )
)
def test_clusters_are_all_that_hang_together_by_labels(shares: list[list[str]]) -> None:
    names = [f"g{index:02}" for index in range(len(shares))]
    one_by_one = tuple(
        replace(group, shares=tuple(own))
        for group, own in zip(groups(names), shares, strict=True)
    )
    clusters = Clusters(replace(QUORUM, groups=one_by_one))
    left = [({name}, set(own)) for name, own in zip(names, shares, strict=True)]
    found = []
    while left:
        members, labels = left.pop()
        while near := [item for item in left if item[1] & labels]:
            for item in near:
                left.remove(item)
                members, labels = members | item[0], labels | item[1]
        found.append(members)
    apart = clusters.apart(names)
    assert sorted(map(sorted, apart.values())) == sorted(map(sorted, found))
    assert all(min(members) == first for first, members in apart.items())


def test_a_failure_is_shown_or_is_against_as_the_policy_says() -> None:
    claims = heard(says("A"), says("B"), fails("C"))
    assert verdict(QUORUM, claims).outputs["/r"].against == ()
    policy = replace(QUORUM, failures="against")
    found = verdict(policy, claims)
    assert (found.state, found.outputs["/r"].against) == ("single", ("C",))
    tried_again = heard(says("A"), says("B"), fails("C"), says("C"))
    assert verdict(policy, tried_again).outputs["/r"].for_ == ("A", "B", "C")


def test_platforms_of_two_classes_do_not_conflict() -> None:
    arm = {"platform": "linux/arm64"}
    claims = [says("A", platform="linux/amd64"), says("B", platform="linux/386")]
    policy = replace(QUORUM, platforms=(("linux/386", "linux/amd64"),))
    found = verdict(policy, heard(*claims, says("C", "R2", **arm)))
    assert (found.state, found.outputs["/r"].value) == ("agreed", value("R"))
    two = verdict(
        policy, heard(*claims, says("C", "R2", **arm), says("D", "R2", **arm))
    )
    assert two.outputs["/r"].finding == "incomparable"
    assert two.outputs["/r"].values == tuple(sorted((value("R"), value("R2"))))
    untold = verdict(policy, heard(*claims, says("C", "R2")))
    assert untold.state == "conflict"


def test_values_of_two_codecs_neither_agree_nor_conflict() -> None:
    claims = [says("A"), says("B"), says("C", {"/r": _unixfs("R")})]
    found = verdict(QUORUM, heard(*claims))
    assert (found.state, found.outputs["/r"].against) == ("agreed", ())
    assert found.outputs["/r"].silent == ("C", "D", "E")


def test_a_record_weighs_only_for_what_a_check_could_find_wrong() -> None:
    lie = CID.from_bytes(bytes((1, RAW, 0x16, 32)) + bytes(32))
    learned = dict.fromkeys(NAMES, PERCENT)
    claims = [says("A", {"/r": lie}), says("B", {"/r": lie}), says("C")]
    unseen = replace(EVIDENCE, anchors=(), groups=groups(NAMES))
    found = verdict(unseen, heard(*claims), learned)
    assert found.state == "single"
    assert found.outputs["/r"].value == value("R")
    assert found.outputs["/r"].against == ()
    vouched = replace(unseen, groups=groups(NAMES, error=PERCENT))
    assert verdict(vouched, heard(*claims), learned).outputs["/r"].value == lie


def test_who_has_no_weight_is_shown_and_moves_nothing() -> None:
    fresh = [f"fresh {i}" for i in range(40)]
    policy = replace(EVIDENCE, groups=groups([*NAMES, *fresh]))
    errors = dict.fromkeys(NAMES, 5 * PERCENT)
    alone = verdict(policy, heard(says("A"), says("B"), says("C")), errors)
    for word in ("R2", None):
        crowd = [says(name, word or name) for name in fresh]
        extra = [says(name, {"/junk": "J"}) for name in fresh]
        found = verdict(
            policy, heard(*crowd, says("A"), says("B"), says("C"), *extra), errors
        )
        assert found.outputs["/r"].lower_bound == alone.outputs["/r"].lower_bound
        assert (found.state, len(found.evidence)) == ("agreed", 3)
        assert len(found.outputs["/r"].against) == 40


def test_empty_outputs_and_exits_do_not_add_up() -> None:
    one = verdict(EVIDENCE, heard(says("A", "")), 5 * PERCENT).outputs["/r"]
    many = heard(*(says(name, "", exit=0) for name in NAMES))
    found = verdict(EVIDENCE, many, 5 * PERCENT)
    assert found.outputs["/r"].lower_bound == one.lower_bound
    assert found.outputs[EXIT].lower_bound == one.lower_bound


@pytest.mark.parametrize("block", ["0a0408021800", "0a020801"])
def test_nothing_as_ipfs_writes_it_does_not_add_up_either(block: str) -> None:
    nothing = CID(bytes((1, DAG_PB)) + CID.of_bytes(bytes.fromhex(block)).raw[2:])
    found = verdict(EVIDENCE, heard(*(says(n, {"/r": nothing}) for n in NAMES)), 10**7)
    assert found.outputs["/r"].lower_bound <= 99 * PERCENT
    assert found.state == "single"


def test_an_anchor_is_never_outvoted_by_those_who_may_err_together() -> None:
    errors = {"A": ONE // 1000, **dict.fromkeys("BCDE", PERCENT)}
    claims = heard(says("A"), *(says(name, "R2") for name in "BCDE"))
    assert verdict(EVIDENCE, claims, errors).state == "conflict"


def test_a_verdict_names_what_it_was_given() -> None:
    found = verdict(QUORUM, heard(says("A"), says("B"), links=(value("L"),)))
    assert (found.invocation, found.policy) == (INVOCATION, POLICY)
    assert found.links == (value("L"),)
    assert len(found.evidence) == 2


def test_terms_are_those_of_the_policy() -> None:
    strict = replace(EVIDENCE, evidence=EvidenceTerms(confidence=999 * ONE // 1000))
    claims = heard(says("A"), says("B"))
    assert verdict(EVIDENCE, claims, 5 * PERCENT).state == "agreed"
    assert verdict(strict, claims, 5 * PERCENT).state == "single"


# What moved the number.


def test_an_explanation_leaves_out_each_group_in_turn() -> None:
    errors = {"A": 5 * PERCENT, "B": 5 * PERCENT, "C": 20 * PERCENT}
    claims = heard(says("A"), says("B"), says("C", "R2"), says("D"), fails("E"))
    whole = verdict(EVIDENCE, claims, errors).outputs["/r"]
    moved = explain(EVIDENCE, claims, Held(errors))
    assert [(one.group, one.agrees) for one in moved] == [
        ("A", True),
        ("B", True),
        ("C", False),
        ("D", True),
    ]
    for one in moved:
        rest = [t for t in claims.testimonies if t.group != one.group]
        without = verdict(EVIDENCE, replace(claims, testimonies=tuple(rest)), errors)
        assert (one.output, one.value) == ("/r", value("R"))
        assert one.bound == whole.lower_bound
        assert one.without == without.outputs["/r"].lower_bound
    assert moved[0].without < moved[0].bound < moved[2].without
    assert (moved[3].error, moved[3].weight, moved[3].without) == (
        None,
        0,
        whole.lower_bound,
    )
    assert moved[0].claims == (claims.testimonies[0].claim,)


def test_a_failure_that_is_against_is_explained_too() -> None:
    policy = replace(EVIDENCE, failures="against")
    claims = heard(says("A"), fails("B"))
    moved = {one.group: one for one in explain(policy, claims, Held(5 * PERCENT))}
    assert moved["B"].without > moved["B"].bound
    assert moved["A"].without == 0


def test_what_is_undecided_between_two_has_nothing_to_explain() -> None:
    assert explain(EVIDENCE, heard(says("A"), says("B", "R2")), Held(PERCENT)) == ()


def test_explaining_many_groups_has_an_end() -> None:
    names = [f"g{i:03}" for i in range(EXPLAINED_MAX + 9)]
    policy = replace(EVIDENCE, groups=groups(names))
    moved = explain(policy, heard(*map(says, names)), Held(5 * PERCENT))
    assert len(moved) == EXPLAINED_MAX


def test_with_too_many_platforms_all_claims_are_laid_side_by_side() -> None:
    names = [f"g{i:03}" for i in range(CLASSES_MAX + 1)]
    policy = replace(QUORUM, groups=groups(names))
    apart = [says(name, name, platform=f"os/{name}") for name in names]
    assert verdict(policy, heard(*apart[:-1])).state == "single"
    assert verdict(policy, heard(*apart)).state == "conflict"
