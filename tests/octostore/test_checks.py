"""What an invocation teaches of its claimants, and what it must not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from octostore.belief.checks import checks_of
from octostore.belief.evidence import Check
from octostore.belief.heard import Heard
from octostore.belief.policy import Policy
from tests.octostore.hearing import DAY_S, fails, groups, heard, says, value

POLICY = Policy(
    name="p",
    model="evidence",
    groups=groups(["A", "B", "C", "D", "me", "we"]),
    anchors=("me", "we"),
)
ME, WE = says("me", index=90), says("we", index=91)


def blind(group: str | None, what: Any = "R", **more: Any) -> Any:
    """A claim that was committed to before any other was made."""
    return says(group, what, committed=0, **more)


def taught(*claims: Any, policy: Policy = POLICY, **more: Any) -> dict[str, bool]:
    """Who was right or wrong."""
    numbered = [{"index": 10 + i, **claim} for i, claim in enumerate(claims)]
    return {one.group: one.right for one in checks_of(policy, heard(*numbered, **more))}


@pytest.mark.parametrize(
    ("claims", "lessons"),
    [
        # An anchor's claim checks those of others, and not its own.
        ([says("A"), ME], {"A": True}),
        ([says("A", "R2"), ME], {"A": False}),
        ([says("A"), blind("B"), ME], {"A": True, "B": True}),
        ([says("A"), WE], {"A": True}),
        # One anchor checks the other.
        ([says("me"), blind("we")], {"me": True, "we": True}),
        ([blind("me"), says("we", "R2")], {}),
        # The crowd teaches nothing, however large it is.
        ([blind("A"), blind("B"), blind("C")], {}),
        ([blind(None), blind("X"), says("A")], {}),
        # What is silent teaches nothing.
        ([says("A"), {**ME, "silent": "revoked"}], {}),
        ([says("A", silent="revoked"), ME], {}),
        ([says("A", equivocates=True), ME], {}),
        ([says("A", log_time_s=None), ME], {}),
        ([fails("A"), ME], {}),
        ([says("A"), fails("me")], {}),
        # One group has one lesson, however many claims.
        ([says("A"), says("A"), ME], {"A": True}),
        ([says("A"), says("A", "R2"), ME], {"A": False}),
        # Copies: the value was public, and nobody can tell.
        ([says("A"), says("B"), ME], {"A": True}),
        ([says(None), says("B"), ME], {}),
        ([says("me"), says("B")], {}),
        ([says("me"), blind("B")], {"B": True}),
        ([says("A", "R2"), says("B", "R2"), ME], {"A": False, "B": False}),
    ],
)
def test_what_claims_beside_an_anchors_teach(
    claims: list[Any], lessons: dict[str, bool]
) -> None:
    assert taught(*claims) == lessons


@pytest.mark.parametrize(
    ("outputs", "anchored", "right"),
    [
        ({"/r": "R", "/s": "S"}, {"/r": "R", "/s": "S"}, True),
        # All that the anchor says and that is not empty, and nothing beside.
        ({"/s": "S"}, {"/r": "R", "/s": "S"}, None),
        ({"/r": "R", "/s": "S"}, {"/s": "S"}, None),
        ({"/r": "R"}, {"/r": "R", "stdout": ""}, True),
        ({"/r": "R", "stdout": ""}, {"/r": "R"}, True),
        ({"stdout": ""}, {"stdout": ""}, None),
        # One difference suffices, an empty output or an exit status too.
        ({"/r": "R", "/s": "S2"}, {"/r": "R", "/s": "S"}, False),
        ({"/s": "S2"}, {"/r": "R", "/s": "S"}, False),
        ({"/r": ""}, {"/r": "R"}, False),
        ({"/r": "R"}, {"/r": ""}, False),
    ],
)
def test_agreement_covers_every_output_that_is_not_empty(
    outputs: dict[str, str], anchored: dict[str, str], right: bool | None
) -> None:
    found = taught(blind("A", outputs), {**says("me", anchored), "index": 90})
    assert found.get("A") is right


def test_exits_differ_or_are_not_known() -> None:
    assert taught(says("A", exit=1), {**ME, "exit": 0}) == {"A": False}
    assert taught(says("A", exit=0), {**ME, "exit": 0}) == {"A": True}
    assert taught(says("A"), {**ME, "exit": 0}) == {"A": True}


def test_values_of_another_codec_teach_nothing() -> None:
    raw = value("R").raw
    unixfs = type(value("R"))(b"\x01\x70" + raw[2:])
    assert taught(says("A", {"/r": unixfs}), ME) == {}


def test_anchors_that_contradict_each_other_teach_nothing() -> None:
    assert taught(blind("A"), blind("B", "R2"), ME, says("we", "R2", index=91)) == {}


def test_what_anchors_do_not_dispute_is_still_checked() -> None:
    anchors = [
        says("me", {"/r": "R", "/s": "S"}, index=90),
        says("we", {"/r": "R2", "/s": "S"}, index=91),
    ]
    assert taught(says("A", {"/r": "R", "/s": "S2"}), *anchors)["A"] is False
    assert "A" not in taught(blind("A", {"/r": "R", "/s": "S"}), *anchors)


def test_a_program_that_differs_by_itself_punishes_nobody() -> None:
    twice = {**says("me", "R2"), "index": 92}
    assert taught(says("A", "R3"), blind("B"), ME, twice) == {}
    crowd = [says(name, word) for name in "AB" for word in ("R2", "R3")]
    assert taught(*crowd, says("C", "R4"), ME) == {}


def test_two_that_contradict_themselves_do_not_shield_a_third() -> None:
    crowd = [says(name, word) for name in "AB" for word in ("R2", "R3")]
    found = taught(*crowd, says("C", "R3"), blind("D"), blind("we"), ME)
    assert (found["A"], found["B"], found["C"], found["D"]) == (
        False,
        False,
        False,
        True,
    )


def test_who_contradicts_itself_after_an_anchor_spoke_does_not_escape() -> None:
    lies = [says(name, "R2") for name in "AB"]
    late = [says(name, "R3", index=95) for name in "AB"]
    assert taught(*lies, ME) == {"A": False, "B": False}
    assert taught(*lies, ME, *late) == {"A": False, "B": False}


def test_platforms_of_two_classes_do_not_check_each_other() -> None:
    amd = {"platform": "linux/amd64"}
    assert taught(says("A", "R2"), {**ME, **amd}) == {}
    assert taught(says("A", "R2", platform="linux/386"), {**ME, **amd}) == {}
    policy = replace(POLICY, platforms=(("linux/386", "linux/amd64"),))
    found = taught(says("A", "R2", platform="linux/386"), {**ME, **amd}, policy=policy)
    assert found == {"A": False}


def test_who_withdraws_after_the_check_was_wrong_all_the_same() -> None:
    late = says("A", "R2", silent="withdrawn", silent_since=95)
    soon = says("A", "R2", silent="withdrawn", silent_since=50)
    unknown = says("A", "R2", silent="withdrawn")
    assert taught(late, ME) == {"A": False}
    assert taught(soon, ME) == {}
    assert taught(unknown, ME) == {"A": False}
    assert taught(soon, blind("A"), ME) == {"A": True}
    assert taught(says("A", silent="withdrawn"), ME) == {}


def test_agreement_with_who_is_vouched_for_counts_if_both_had_committed() -> None:
    vouched = (*groups("AB"), *groups(["Z"], error=10**7))
    policy = replace(POLICY, groups=vouched, anchors=())
    assert taught(blind("A"), blind("Z"), policy=policy) == {"A": True}
    assert taught(blind("A"), says("Z"), policy=policy) == {}
    assert taught(says("A"), blind("Z"), policy=policy) == {}
    assert taught(blind("A", "R2"), blind("Z"), policy=policy) == {}
    assert taught(blind("A"), blind("B"), policy=policy) == {}
    after = says("A", committed=50, index=60)
    assert taught(after, blind("Z"), policy=policy) == {}
    more = blind("Z", {"/r": "R", "/s": "S"})
    assert taught(blind("A"), more, policy=policy) == {}


def test_a_lesson_is_of_the_day_on_which_it_could_be_drawn() -> None:
    claims = [
        says("A", log_time_s=3 * DAY_S),
        says("me", index=90, log_time_s=7 * DAY_S + 1),
        says("we", index=91, log_time_s=9 * DAY_S),
    ]
    of = heard(*claims)
    (check, *_) = checks_of(POLICY, of)
    assert check == Check(
        group="A",
        kind="wasi",
        platform="",
        day=7,
        right=True,
        by=tuple(sorted(one.claim for one in of.testimonies[:2])),
    )


def test_the_order_of_testimonies_changes_nothing_but_places_do() -> None:
    of = heard(says("A"), says("B", "R2"), blind("C"), says("D"), ME)
    found = {
        checks_of(
            POLICY, Heard(invocation=of.invocation, kind="wasi", testimonies=order)
        )
        for order in itertools.permutations(of.testimonies)
    }
    (only,) = found
    assert [(one.group, one.right) for one in only] == [
        ("A", True),
        ("B", False),
        ("C", True),
    ]


def test_a_withheld_program_is_a_kind_of_its_own() -> None:
    numbered = heard(says("A"), ME, kind=None)
    assert [one.kind for one in checks_of(POLICY, numbered)] == [""]
