"""Error rates, weights and confidence: golden numbers, and what must always hold."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octostore.belief.evidence import (
    COUNT_MAX,
    Check,
    Learned,
    Tally,
    confidences,
    error_bound,
    error_of,
    faded,
    support,
    weight,
)
from octostore.belief.policy import ONE, EvidenceTerms, Policy
from tests.octostore.hearing import groups, heard, says, verdict

TERMS = EvidenceTerms()
SLOW = EvidenceTerms(half_life_days=36_500)
NAMES = tuple(f"g{n}" for n in range(6))
WEIGHTS = st.lists(st.integers(0, 20 * ONE), max_size=6)


# Error rates.


def _chance_below(a: int, b: int, part: int) -> Fraction:
    """The distribution function of Beta(a, b) at part / ONE, exactly."""
    n, x = a + b - 1, Fraction(part, ONE)
    return sum(
        (math.comb(n, i) * x**i * (1 - x) ** (n - i) for i in range(a, n + 1)),
        Fraction(0),
    )


@pytest.mark.parametrize("level", [950_000_000, 500_000_001, 999_999_999])
@pytest.mark.parametrize(("a", "b"), [(1, 9), (1, 2), (2, 9), (3, 40), (7, 8)])
def test_the_bound_is_the_least_part_that_exact_arithmetic_finds(
    a: int, b: int, level: int
) -> None:
    bound = error_bound(a, b, level)
    assert _chance_below(a, b, bound) >= Fraction(level, ONE)
    assert _chance_below(a, b, bound - 1) < Fraction(level, ONE)


@given(st.integers(1, 40), st.integers(1, 200))
def test_a_right_check_never_raises_the_bound_and_a_wrong_one_never_lowers_it(
    a: int, b: int
) -> None:
    bound = error_bound(a, b, TERMS.level)
    assert error_bound(a, b + 1, TERMS.level) <= bound
    assert error_bound(a + 1, b, TERMS.level) >= bound


def test_a_check_fades_by_half_in_its_time() -> None:
    assert faded(0, 365) == ONE
    assert faded(365, 365) == ONE // 2
    assert faded(730, 365) == ONE // 4
    assert [faded(1, 2), faded(1, 365)] == [707_106_781, 998_102_768]
    assert faded(365 * 40, 365) == 0


def test_below_so_many_checks_there_is_no_weight() -> None:
    assert error_of({}, 0, TERMS) is None
    assert error_of({0: (0, 4)}, 0, TERMS) is None
    assert error_of({0: (0, 5)}, 0, TERMS) == error_bound(1, 14, TERMS.level)
    assert error_of({0: (0, 5)}, 10_000, TERMS) == error_bound(1, 9, TERMS.level)


def test_what_the_reader_holds_stands_until_a_check_was_wrong() -> None:
    held = ONE // 1000
    assert error_of({}, 0, TERMS, held) == held
    assert error_of({0: (0, 50)}, 0, TERMS, held) == held
    assert error_of({0: (0, COUNT_MAX)}, 0, TERMS, held) == error_bound(
        1, COUNT_MAX + 9, TERMS.level
    )
    assert error_of({0: (1, 50)}, 0, TERMS, held) == error_bound(2, 59, TERMS.level)


def test_a_wrong_check_cuts_and_two_undo_what_was_before() -> None:
    good = dict.fromkeys(range(60), (0, 1))
    never = error_of(good, 100, SLOW) or 0
    once = error_of(good | {90: (1, 0)}, 100, SLOW) or 0
    twice = error_of(good | {90: (1, 0), 95: (1, 0)}, 100, SLOW) or 0
    assert never < once < 2 * never
    assert twice == pytest.approx(error_bound(3, 9, SLOW.level), rel=0.01)
    afterwards = dict.fromkeys(range(100, 300), (0, 1))
    again = error_of(good | {90: (1, 0), 95: (1, 0)} | afterwards, 300, SLOW) or 0
    assert (error_of(good | afterwards, 300, SLOW) or 0) < again < twice


def test_so_many_checks_are_reckoned_with() -> None:
    most = error_of({0: (0, COUNT_MAX)}, 0, TERMS)
    assert error_of({0: (0, 10**12)}, 0, TERMS) == most
    assert error_of({0: (10**12, 0)}, 0, TERMS) == ONE


def test_who_equivocates_has_no_weight() -> None:
    policy = Policy(name="p", model="evidence", groups=groups("AB"))
    tally = Tally(_checks(["A"] * 9 + ["B"] * 9))
    learned = Learned(policy, tally, 0, ended=["B"])
    assert learned.error("A", "wasi", "") == error_bound(1, 18, TERMS.level)
    assert learned.error("B", "wasi", "") is None
    assert learned.error("A", "oci", "") is None


def _checks(who: list[str], **more: Any) -> list[Check]:
    fields = {"kind": "wasi", "platform": "", "day": 0, "right": True, **more}
    return [Check(group=name, **fields) for name in who]


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 9), st.booleans())))
def test_counting_one_by_one_in_any_order_gives_what_counting_anew_gives(
    facts: list[tuple[str, int, bool]],
) -> None:
    checks = [_checks([name], day=day, right=right)[0] for name, day, right in facts]
    tally = Tally()
    for check in reversed(checks):
        tally.add(check)
    for check in checks[::2]:
        tally.remove(check)
    assert tally == Tally(checks[1::2])


# Weights and confidence.


def test_golden_weights() -> None:
    assert weight(50_000_000) == 2_944_438_979
    assert weight(10_000_000) == 4_595_119_850
    assert weight(1) == 20_723_265_835
    assert [weight(ONE // 2), weight(ONE // 2 - 1), weight(ONE)] == [0, 4, 0]


def test_golden_confidence() -> None:
    one, three = weight(50_000_000), 3 * weight(50_000_000)
    assert confidences({"v": one}, 0, 1) == {"v": 947_368_420}
    assert confidences({"v": one}, 0, 100_000) == {"v": 947_273_693}
    assert confidences({"v": three, "u": one}, 0, 100_000) == {
        "v": 995_359_264,
        "u": 4_396_046,
    }
    assert confidences({"v": one}, one, 100_000) == {"v": 486_461_506}
    assert confidences({"v": 10**14}, 0, 1) == {"v": 999_999_999}


@given(st.lists(st.integers(0, 30 * ONE), min_size=1, max_size=5))
def test_confidence_is_what_the_formula_says(supports: list[int]) -> None:
    def gained(worth: float) -> float:
        return 1 / (math.exp(-worth / ONE) + 1e-4) - 1 / 1.0001

    found = confidences(dict(enumerate(supports)), 2 * ONE, 100_000)
    total = sum(map(gained, supports)) + 1 / (math.exp(-2) + 1e-4)
    for n, worth in enumerate(supports):
        assert found[n] / ONE == pytest.approx(gained(worth) / total, abs=1e-8)


def test_shared_infrastructure_is_worth_less() -> None:
    w = 3 * ONE
    assert support([[w], [w], [w]], ONE // 2) == 9 * ONE
    assert support([[w, w, w]], ONE // 2) == 9 * ONE // 2
    assert support([[w, w, w]], ONE) == w
    assert support([[w, 1]], ONE // 2) == w
    assert support([], ONE // 2) == 0


@given(WEIGHTS, st.integers(0, 20 * ONE), st.integers(0, ONE))
def test_one_more_that_agrees_never_lowers_support(
    weights: list[int], more: int, shared: int
) -> None:
    assert support([[*weights, more]], shared) >= support([weights], shared)


@given(
    st.dictionaries(st.text(max_size=3), st.integers(0, 20 * ONE), max_size=6),
    st.integers(0, 20 * ONE),
    st.integers(1, ONE // 2),
)
def test_bounds_are_chances_that_never_reach_one(
    supports: dict[str, int], against: int, floor: int
) -> None:
    found = confidences(supports, against, floor)
    assert all(0 <= bound < ONE for bound in found.values())
    assert sum(found.values()) < ONE


# What must hold of verdicts, whatever is said.

_SAID = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(["R1", "R2", "R3", ""]),
        st.sampled_from([None, "linux/amd64", "linux/arm64"]),
    ),
    max_size=10,
)
_ERRORS = st.fixed_dictionaries(
    {name: st.one_of(st.none(), st.integers(1, ONE)) for name in NAMES}
)
_SHARES = st.lists(
    st.sampled_from([(), ("x",), ("x", "y"), ("y",)]), min_size=6, max_size=6
)
_POLICIES = st.builds(
    lambda model, shares, failures: Policy(
        name="p",
        model=model,
        groups=tuple(
            group
            for name, labels in zip(NAMES, shares, strict=True)
            for group in groups([name], shares=labels)
        ),
        failures=failures,
    ),
    st.sampled_from(["evidence", "quorum"]),
    _SHARES,
    st.sampled_from(["against", "shown"]),
)
Said = list[tuple[str, str, str | None]]


def _claims(said: Said) -> list[Any]:
    return [says(name, word, platform=platform) for name, word, platform in said]


def _standing(policy: Policy, said: Said, errors: dict[str, int | None]) -> Any:
    """The one output, or None if nobody has named it."""
    return verdict(policy, heard(*_claims(said)), errors).outputs.get("/r")


@given(_POLICIES, _SAID, _ERRORS, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(
    policy: Policy, said: Said, errors: dict[str, int | None], random: Any
) -> None:
    before = verdict(policy, heard(*_claims(said)), errors)
    shuffled = [*said, *said[:3]]
    random.shuffle(shuffled)
    after = verdict(policy, heard(*_claims(shuffled)), errors)
    assert (after.state, dict(after.outputs)) == (before.state, dict(before.outputs))


@given(_POLICIES, _SAID, _ERRORS)
def test_names_of_groups_change_nothing(
    policy: Policy, said: Said, errors: dict[str, int | None]
) -> None:
    called = {name: f"z{9 - n}" for n, name in enumerate(NAMES)}
    other = Policy(
        name="p",
        model=policy.model,
        groups=tuple(
            group
            for one in reversed(policy.groups)
            for group in groups([called[one.name]], shares=one.shares)
        ),
        failures=policy.failures,
    )
    before = _standing(policy, said, errors)
    after = _standing(
        other,
        [(called[name], word, on) for name, word, on in said],
        {called[name]: error for name, error in errors.items()},
    )
    if before is None:
        assert after is None
        return
    assert (after.finding, after.value, after.lower_bound) == (
        before.finding,
        before.value,
        before.lower_bound,
    )
    assert after.for_ == tuple(sorted(called[name] for name in before.for_))


@given(_POLICIES, _SAID, _ERRORS, st.data())
def test_one_more_that_agrees_never_lowers_and_one_that_conflicts_never_raises(
    policy: Policy, said: Said, errors: dict[str, int | None], data: Any
) -> None:
    before = _standing(policy, said, errors)
    fresh = sorted(set(NAMES) - {name for name, _, _ in said})
    if before is None or before.value is None or not fresh:
        return
    word = next(w for w in ("R1", "R2", "R3", "") if _is(before.value, w))
    name = data.draw(st.sampled_from(fresh))
    platform = data.draw(st.sampled_from([None, "linux/amd64", "linux/arm64"]))
    agreed = _standing(policy, [*said, (name, word, platform)], errors)
    if before.finding == "value":
        assert (agreed.finding, agreed.value) == ("value", before.value)
    if agreed.value == before.value:
        assert agreed.lower_bound >= before.lower_bound
    conflict = _standing(policy, [*said, (name, "other", platform)], errors)
    if conflict.value == before.value:
        assert conflict.lower_bound <= before.lower_bound
        assert before.finding == "value" or conflict.finding != "value"


def _is(value: Any, word: str) -> bool:
    return bool(value == says("x", word)["outputs"]["/r"])
