"""Verdicts: a second implementation of docs/spec/verdict.md, slow and plain.

Exact fractions where the package has decimals, and no shortcut. It covers what the
vectors ask: one output or several, platforms, shared infrastructure, the three models.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import dag_cbor
from multiformats import CID

from tests.vectors.make.curve import public
from tests.vectors.make.rows import INVOCATION, Row, as_json, cid_of, did

ONE = 10**9
TERMS: dict[str, int] = {
    "confidence": 990_000_000,
    "prior_wrong": 1,
    "prior_right": 9,
    "level": 950_000_000,
    "checks": 5,
    "half_life_days": 365,
    "shared": 500_000_000,
    "floor": 100_000,
    "anchor_error": 1_000_000,
}
QUORUM = {"groups": 2, "networks": 1, "against": 0}
ROOT = hashlib.sha256(b"root").digest()
SIZE = 40
DIGITS = 70


def bound_of(a: int, b: int, level: int) -> int:
    """The least x with P[Beta(a, b) <= x / ONE] >= level / ONE, in fractions."""
    if a >= b:
        return ONE
    n, low, high = a + b - 1, 0, ONE
    while high - low > 1:
        x = (low + high) // 2
        fewer = sum(math.comb(n, i) * x**i * (ONE - x) ** (n - i) for i in range(a))
        if fewer * ONE <= (ONE - level) * ONE**n:
            high = x
        else:
            low = x
    return high


def faded_of(age: int, half_life: int) -> int:
    """floor(ONE 2^(-age / half_life)): the greatest x with x^h 2^age <= ONE^h."""
    low, high = 0, ONE + 1
    while high - low > 1:
        x = (low + high) // 2
        if x**half_life << age <= ONE**half_life:
            low = x
        else:
            high = x
    return low


def error_rate(
    days: Mapping[int, Sequence[int]],
    today: int,
    held: int | None,
    terms: dict[str, int],
) -> int | None:
    """Rules 1 to 6; None has no weight."""
    if held is None and sum(sum(counts) for counts in days.values()) < terms["checks"]:
        return None

    def u(wrong: int, right: int) -> int:
        a, b = terms["prior_wrong"] + wrong, terms["prior_right"] + right
        found = bound_of(a, b, terms["level"])
        if held is None:
            return found
        return min(held, found) if wrong == 0 else max(held, found)

    starts = [min(days, default=0)]
    for day in days:
        later = sum(days[other][0] for other in days if other >= day)
        if days[day][0] and later > 1:
            starts.append(day)
    bounds = []
    for start in starts:
        kept = [day for day in days if day >= start]
        left = {
            day: faded_of(max(0, today - day), terms["half_life_days"]) for day in kept
        }
        wrong = min(sum(days[day][0] * left[day] for day in kept), 10_000 * ONE)
        right = min(sum(days[day][1] * left[day] for day in kept) // ONE, 10_000)
        w = wrong // ONE
        step = Fraction((u(w + 1, right) - u(w, right)) * (wrong - w * ONE), ONE)
        bounds.append(u(w, right) + math.ceil(step))
    return max(bounds)


def weight_of(error: int | None) -> int:
    """floor(ONE ln((ONE - e) / e)), 0 from one half on."""
    if error is None or 2 * error >= ONE:
        return 0
    with localcontext(prec=DIGITS):
        return int(
            ((Decimal(ONE - error) / error).ln() * ONE).to_integral_value("ROUND_FLOOR")
        )


def support_of(clusters: Iterable[Sequence[int]], shared: int) -> int:
    """The best prefix of each cluster, summed."""
    total = 0
    for weights in clusters:
        ordered = sorted(weights, reverse=True)
        total += max(
            (
                sum(ordered[: n + 1]) * ONE // (ONE + shared * n)
                for n in range(len(ordered))
            ),
            default=0,
        )
    return total


def bounds_of(supports: dict[str, int], against: int, floor: int) -> dict[str, int]:
    """The lower bound of each value."""
    with localcontext(prec=DIGITS):

        def odds(worth: int) -> Decimal:
            return 1 / ((-Decimal(worth) / ONE).exp() + Decimal(floor) / ONE)

        gained = {value: odds(s) - odds(0) for value, s in supports.items()}
        total = sum(gained.values(), odds(against))
        return {
            value: min(ONE - 1, int((x / total * ONE).to_integral_value("ROUND_FLOOR")))
            for value, x in gained.items()
        }


# Verdicts.


def _clusters(policy: Row, names: Iterable[str]) -> list[list[str]]:
    """Groups that share infrastructure, directly or through others."""
    shares = {group["name"]: set(group.get("shares", ())) for group in policy["groups"]}
    parts = [{name} for name in shares]
    for a in shares:
        for b in shares:
            if shares[a] & shares[b]:
                joined = [part for part in parts if a in part or b in part]
                parts = [part for part in parts if part not in joined]
                parts.append(set().union(*joined))
    found = [sorted(part & set(names)) for part in parts]
    return [part for part in found if part]


def _coincides(value: Any) -> bool:
    return isinstance(value, int) or value == cid_of(b"", "raw")


def _can_be_checked(value: Any) -> bool:
    if isinstance(value, int):
        return True
    return (value.codec.name, value.hashfun.name) in (
        ("raw", "sha2-256"),
        ("dag-cbor", "sha2-256"),
    )


def _judge_output(
    policy: Row, votes: list[tuple[str, str, Any, str]], rates: dict[str, int | None]
) -> Row:
    """One output; votes are (group, class, value, network), all of one family."""
    evidence = policy["model"] == "evidence"
    terms = {**TERMS, **policy.get("evidence", {})}
    quorum = {**QUORUM, **policy.get("quorum", {})}
    names = {group["name"] for group in policy["groups"]}
    weights = {name: weight_of(rates.get(name)) for name in names}
    if any(not _can_be_checked(vote[2]) for vote in votes):
        stated = {group["name"] for group in policy["groups"] if "error" in group}
        for name in names - stated - set(policy.get("anchors", ())):
            weights[name] = 0

    def worth(groups: Iterable[str]) -> int:
        heavy = [name for name in groups if weights[name]]
        apart = _clusters(policy, heavy)
        return support_of(
            [[weights[name] for name in part] for part in apart], terms["shared"]
        )

    best: dict[Any, tuple[bool, Any, list[str], list[str], int]] = {}
    for value in {vote[2] for vote in votes}:
        told = sorted({vote[1] for vote in votes if vote[2] == value and vote[1]})
        scopes: list[str | None] = [*told] if told else [None]
        for scope in scopes:
            here = [vote for vote in votes if scope is None or vote[1] in (scope, "")]
            said = {vote[0]: {v[2] for v in here if v[0] == vote[0]} for vote in here}
            ranks, bounds = {}, {}
            for v in {vote[2] for vote in here}:
                for_ = [name for name in said if said[name] == {v}]
                ranks[v] = (len(_clusters(policy, for_)), len(for_) - len(said))
            if evidence:
                bounds = bounds_of(
                    {
                        v: max((weights[n] for n in said if said[n] == {v}), default=0)
                        if _coincides(v)
                        else worth(n for n in said if said[n] == {v})
                        for v in ranks
                    },
                    worth(name for name in said if len(said[name]) > 1),
                    terms["floor"],
                )
                ranks = {v: (bounds[v], 0) for v in ranks}
            first = sorted(ranks.values(), reverse=True)[:2]
            leads = ranks[value] == first[0] and first[1:] != first[:1]
            for_ = sorted(name for name in said if said[name] == {value})
            against = sorted(set(said) - set(for_))
            networks = {
                vote[3].split(":")[0]
                for vote in here
                if vote[0] in for_ and vote[2] == value
            }
            enough = {
                "open": False,
                "quorum": ranks[value][0] >= quorum["groups"]
                and len(networks) >= quorum["networks"]
                and len(against) <= quorum["against"]
                and ranks[value][0] > len(against),
                "evidence": bounds.get(value, 0) >= terms["confidence"],
            }[policy["model"]]
            case = (leads and enough, ranks[value], for_, against, bounds.get(value, 0))
            if value not in best or case[:2] > best[value][:2]:
                best[value] = case
    enough = [value for value in best if best[value][0]]
    heard = sorted({vote[0] for vote in votes})
    if len(enough) > 1:
        for_ = sorted({name for value in enough for name in best[value][2]})
        found: Row = {"incomparable": sorted(enough, key=bytes), "for": for_}
        found |= {"against": [], "lower_bound": 0}
    else:
        ranked = sorted(best.values(), key=lambda case: case[1], reverse=True)
        tie = not enough and len(ranked) > 1 and ranked[0][1] == ranked[1][1]
        value = enough[0] if enough else max(best, key=lambda v: best[v][1])
        _, _, for_, against, bound = best[value]
        found = {
            "value" if enough else "undecided": None if tie else value,
            "for": [] if tie else for_,
            "against": heard if tie else against,
            "lower_bound": 0 if tie else bound,
        }
    found["silent"] = sorted(names - set(found["for"]) - set(found["against"]))
    return found


def key_of(name: str) -> str:
    """The key of a group."""
    return did(public(hashlib.sha256(name.encode()).digest()))


def policy_of(model: str, names: str, **more: Any) -> Row:
    """A policy of groups with names of one letter; `groups` says more of them."""
    said = more.pop("groups", {})
    return {
        "name": "vector",
        "model": model,
        "groups": [
            {"name": name, "keys": [key_of(name)], **said.get(name, {})}
            for name in names
        ],
        **more,
    }


def value_of(word: str | bytes | int) -> Any:
    """A raw CID of a word, of bytes by sha3-256; a number is an exit."""
    if isinstance(word, bytes):
        digest = hashlib.sha3_256(word).digest()
        return CID("base32", 1, "raw", ("sha3-256", digest))
    return word if isinstance(word, int) else cid_of(word.encode(), "raw")


def claims_of(
    *said: tuple[str, dict[str, Any]] | tuple[str, dict[str, Any], Row],
) -> list[Row]:
    """Claims in log order: group, outputs by name, and what else is to be said."""
    return [
        {
            "claim": cid_of(f"claim {i}".encode()),
            "index": i,
            "group": one[0],
            "network": "bacalhau",
            "outputs": {name: value_of(word) for name, word in one[1].items()},
            **(one[2] if len(one) > 2 else {}),
        }
        for i, one in enumerate(said)
    ]


def verdict(
    name: str,
    why: str,
    policy: Row,
    claims: list[Row],
    state: str,
    advice: str,
    counts: dict[str, dict[int, list[int]]] | None = None,
    today: int = 0,
) -> Row:
    """A row: policy, what is heard and counted, and the verdict with its block."""
    terms = {**TERMS, **policy.get("evidence", {})}
    held = {group["name"]: group.get("error") for group in policy["groups"]}
    for anchor in policy.get("anchors", ()):
        held[anchor] = held[anchor] or terms["anchor_error"]
    rates = {
        group: error_rate((counts or {}).get(group, {}), today, held[group], terms)
        for group in held
    }
    counting = [one for one in claims if one["group"] in held and "silent" not in one]
    outputs: Row = {}
    for output in sorted({output for one in counting for output in one["outputs"]}):
        votes = [
            (
                one["group"],
                one.get("platform", ""),
                one["outputs"][output],
                one["network"],
            )
            for one in counting
            if output in one["outputs"]
        ]
        outputs[output] = _judge_output(policy, votes, rates)
    spoke = {
        name for found in outputs.values() for name in found["for"] + found["against"]
    }
    heavy = {
        name
        for name in spoke
        if policy["model"] != "evidence" or weight_of(rates[name])
    }
    block = dag_cbor.encode({"octostore/policy@1": policy})
    value: Any = {
        "octostore/verdict@1": {
            "invocation": INVOCATION,
            "policy": cid_of(block),
            "size": SIZE,
            "root": ROOT,
            "state": state,
            "advice": advice,
            "outputs": outputs,
            "evidence": sorted(
                (one["claim"] for one in counting if one["group"] in heavy), key=bytes
            ),
            "links": [],
        }
    }
    return {
        "name": name,
        "why": why,
        "policy": block.hex(),
        "heard": as_json(claims),
        "counts": {
            group: [[day, *found] for day, found in sorted(days.items())]
            for group, days in (counts or {}).items()
        },
        "today": today,
        "block": dag_cbor.encode(value).hex(),
        "verdict": as_json(value),
    }
