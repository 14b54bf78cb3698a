"""Rows of verdict.json: golden numbers, and verdicts with all that they follow from."""

from __future__ import annotations

from collections.abc import Iterable

from tests.vectors.make.believed import (
    TERMS,
    bound_of,
    bounds_of,
    claims_of,
    error_rate,
    faded_of,
    policy_of,
    support_of,
    verdict,
    weight_of,
)
from tests.vectors.make.rows import Row


def numbers() -> Iterable[Row]:
    """Golden numbers of the evidence model."""
    for a, b, level in (
        (1, 9, 950),
        (2, 9, 950),
        (2, 59, 950),
        (3, 400, 999),
        (9, 9, 950),
    ):
        yield {
            "name": f"u({a}, {b}) at {level}",
            "why": "the credible bound" if a < b else "as often wrong as right: ONE",
            "u": [a, b, level * 10**6],
            "is": bound_of(a, b, level * 10**6),
        }
    for age, half in ((0, 365), (1, 365), (365, 365), (100, 7), (4_000, 30)):
        yield {
            "name": f"{age} days, half-life {half}",
            "why": "what is left of a check",
            "faded": [age, half],
            "is": faded_of(age, half),
        }
    held = 1_000_000
    cases: list[tuple[str, dict[int, list[int]], int, int | None]] = [
        ("never checked", {}, 0, None),
        ("four checks", {0: [0, 4]}, 0, None),
        ("five checks", {0: [0, 5]}, 0, None),
        ("faded, between two whole numbers", {0: [1, 9], 200: [0, 30]}, 300, None),
        ("one wrong", {day: [int(day == 50), 1] for day in range(60)}, 60, None),
        ("two wrong, and good before", {0: [0, 60], 70: [1, 0], 71: [1, 2]}, 80, None),
        ("held", {}, 0, held),
        ("held, and one wrong", {0: [1, 40]}, 100, held),
    ]
    for name, days, today, stated in cases:
        yield {
            "name": f"error rate: {name}",
            "why": "rules 1 to 6",
            "error": {
                "days": [[day, *counts] for day, counts in sorted(days.items())],
                "today": today,
                "held": stated,
            },
            "is": error_rate(days, today, stated, TERMS),
        }
    for error in (1, 1_000_000, 50_000_000, 499_999_999, 500_000_000):
        yield {
            "name": f"weight of {error}",
            "why": "log-odds",
            "weight": error,
            "is": weight_of(error),
        }
    w = weight_of(50_000_000)
    for name, supports, against in (
        ("one of one group", {"v": w}, 0),
        ("three against one", {"v": support_of([[w], [w], [w]], 0), "u": w}, 0),
        ("three that share", {"v": support_of([[w, w, w]], 500_000_000)}, 0),
        ("one, and one for none", {"v": w}, w),
        ("nobody with weight", {"v": 0, "u": 0}, 0),
        ("more than enough", {"v": 10**14}, 0),
    ):
        yield {
            "name": f"lower bound: {name}",
            "why": "the formula",
            "supports": supports,
            "against": against,
            "is": bounds_of(supports, against, TERMS["floor"]),
        }


def verdicts() -> Iterable[Row]:
    """Whole verdicts."""
    r, r2 = {"/r": "R"}, {"/r": "R2"}
    quorum = policy_of("quorum", "ABCDE")
    two = claims_of(("A", r), ("B", r))
    yield verdict(
        "quorum: two agree", "two groups are enough", quorum, two, "agreed", "reuse"
    )
    yield verdict(
        "quorum: nobody", "an empty answer is an answer", quorum, [], "unknown", "run"
    )
    yield verdict(
        "quorum: one group twice",
        "many claims of a group are one voice",
        quorum,
        claims_of(("A", r), ("A", r)),
        "single",
        "compare",
    )
    yield verdict(
        "quorum: a stranger agrees",
        "who is in no group of the policy is not counted",
        quorum,
        claims_of(("A", r), ("Z", r)),
        "single",
        "compare",
    )
    yield verdict(
        "quorum: three to one",
        "one against is one too many by default",
        quorum,
        claims_of(("A", r), ("B", r), ("C", r), ("D", r2)),
        "conflict",
        "compare",
    )
    lenient = policy_of("quorum", "ABCDE", quorum={"against": 2})
    yield verdict(
        "quorum: three to one, admitted",
        "a policy may admit some against",
        lenient,
        claims_of(("A", r), ("B", r), ("C", r), ("D", r2)),
        "agreed",
        "reuse",
    )
    yield verdict(
        "quorum: two to two",
        "a tie is undecided, and names no value",
        lenient,
        claims_of(("A", r), ("B", r), ("C", r2), ("D", r2)),
        "conflict",
        "compare",
    )
    yield verdict(
        "quorum: a group contradicts itself",
        "it is for none and against all",
        quorum,
        claims_of(("A", r), ("B", r), ("C", r), ("C", r2)),
        "conflict",
        "compare",
    )
    yield verdict(
        "quorum: two networks",
        "instances of a network are one",
        policy_of("quorum", "ABC", quorum={"networks": 2}),
        claims_of(
            ("A", r, {"network": "golem:polygon"}),
            ("B", r, {"network": "golem:goerli"}),
        ),
        "single",
        "compare",
    )
    shared = {
        "A": {"shares": ["x"]},
        "B": {"shares": ["x", "y"]},
        "C": {"shares": ["y"]},
    }
    yield verdict(
        "quorum: shared through a third",
        "A and C are one cluster, although B is silent",
        policy_of("quorum", "ABCD", groups=shared),
        claims_of(("A", r), ("C", r)),
        "single",
        "compare",
    )
    yield verdict(
        "quorum: exits and empty outputs",
        "they are judged, and are no result to rely on",
        quorum,
        claims_of(("A", {"stdout": "", "exit": 0}), ("B", {"stdout": "", "exit": 0})),
        "single",
        "compare",
    )
    arm, amd = {"platform": "linux/arm64"}, {"platform": "linux/amd64"}
    yield verdict(
        "quorum: platforms",
        "each class has enough; nobody knows which is meant",
        quorum,
        claims_of(("A", r, arm), ("B", r, arm), ("C", r2, amd), ("D", r2, amd)),
        "unknown",
        "compare",
    )
    yield verdict(
        "quorum: a claim without a platform",
        "it speaks in every class",
        quorum,
        claims_of(("A", r, arm), ("B", r), ("C", r2, amd)),
        "agreed",
        "reuse",
    )
    yield verdict(
        "quorum: no platform, and another value on one",
        "what no platform is told of stands against all",
        quorum,
        claims_of(("A", r), ("B", r), ("C", r2, amd)),
        "conflict",
        "compare",
    )
    yield verdict(
        "open",
        "all is shown, and nothing suffices",
        policy_of("open", "AB"),
        two,
        "single",
        "compare",
    )
    good = {name: {day: [0, 1] for day in range(40)} for name in "ABCD"}
    evidence = policy_of("evidence", "ABCDEM", anchors=["M"])
    yield verdict(
        "evidence: two who were checked",
        "two bounds of six per cent make 0.99",
        evidence,
        claims_of(("A", r), ("B", r)),
        "agreed",
        "reuse",
        good,
        40,
    )
    yield verdict(
        "evidence: one who was checked",
        "one is not enough",
        evidence,
        claims_of(("A", r)),
        "single",
        "compare",
        good,
        40,
    )
    yield verdict(
        "evidence: an anchor",
        "the reader holds one in a thousand of it",
        evidence,
        claims_of(("M", r)),
        "agreed",
        "reuse",
    )
    yield verdict(
        "evidence: nobody was checked",
        "agreement alone is worth nothing",
        evidence,
        claims_of(("A", r), ("B", r), ("C", r)),
        "unknown",
        "compare",
    )
    yield verdict(
        "evidence: one unchecked against two",
        "shown, and without effect",
        evidence,
        claims_of(("A", r), ("B", r), ("E", r2)),
        "agreed",
        "reuse",
        good,
        40,
    )
    yield verdict(
        "evidence: two to two",
        "a tie",
        evidence,
        claims_of(("A", r), ("B", r), ("C", r2), ("D", r2)),
        "conflict",
        "compare",
        good,
        40,
    )
    yield verdict(
        "evidence: four to an anchor",
        "however many agree, they may err together",
        evidence,
        claims_of(("A", r), ("B", r), ("C", r), ("D", r), ("M", r2)),
        "conflict",
        "compare",
        good,
        40,
    )
    yield verdict(
        "evidence: two that share",
        "their agreement is worth a third less",
        policy_of(
            "evidence",
            "ABM",
            anchors=["M"],
            groups={n: {"shares": ["x"]} for n in "AB"},
        ),
        claims_of(("A", r), ("B", r)),
        "single",
        "compare",
        good,
        40,
    )
    yield verdict(
        "evidence: two of whom one was wrong twice of late",
        "what it was before does not vouch for it",
        evidence,
        claims_of(("A", r), ("B", r)),
        "single",
        "compare",
        {**good, "B": {**good["B"], 38: [1, 0], 39: [1, 0]}},
        40,
    )
    yield verdict(
        "evidence: empty outputs",
        "wrong ones coincide, so that agreement adds nothing",
        evidence,
        claims_of(("A", {"stdout": ""}), ("B", {"stdout": ""}), ("C", {"stdout": ""})),
        "single",
        "compare",
        good,
        40,
    )
    yield verdict(
        "evidence: one for none",
        "who contradicts itself weighs against all",
        evidence,
        claims_of(("A", r), ("B", r), ("C", r2), ("C", {"/r": "R3"})),
        "conflict",
        "compare",
        good,
        40,
    )
    yield verdict(
        "evidence: a record in names that no check can find wrong",
        "by another hash a lie contradicts no anchor, so no record weighs",
        evidence,
        claims_of(*((group, {"/r": b"R"}) for group in "ABC")),
        "unknown",
        "compare",
        good,
        40,
    )
