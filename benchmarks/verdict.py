"""How many verdicts a second, and what of that is bare arithmetic.

    python -m benchmarks.verdict [--seconds 2]

Each model judges one invocation with 3, 30 and 3,000 claimants, one group each, nine of
ten agreeing, over and over. `limit` is measured in turn with it: the least that anybody
must do, which is to go through the claims once and count, in a set, who is for which
value. Seconds are of CPU, so that others on the machine do not count. `encoded` is the
verdict with its block and CID. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from typing import get_args

from benchmarks.crowd import key
from invocation_spec.cid import CID
from octostore.belief.evidence import Learned, Tally
from octostore.belief.heard import Heard, Testimony
from octostore.belief.judge import Judge
from octostore.belief.policy import Group, Model, Policy

CLAIMANTS = (3, 30, 3_000)
_HELD = 50_000_000


def _heard(n: int) -> Heard:
    claims = tuple(
        Testimony(
            claim=CID.of_bytes(f"claim {i}".encode()),
            statement=CID.of_bytes(b"statement"),
            index=i,
            record=0,
            issuer=key(i),
            network="bacalhau",
            group=f"group {i:05}",
            outputs={"/r": CID.of_bytes(b"other" if i % 10 == 9 else b"right")},
            log_time_s=0,
        )
        for i in range(n)
    )
    return Heard(invocation=CID.of_bytes(b"i"), kind="wasi", testimonies=claims)


def _policy(model: Model, n: int) -> Policy:
    groups = tuple(
        Group(name=f"group {i:05}", keys=(key(i).did,), error=_HELD) for i in range(n)
    )
    return Policy(name="measured", model=model, groups=groups)


def _count(heard: Heard) -> int:
    """The limit: who is for which value."""
    by: dict[CID, set[str | None]] = {}
    for testimony in heard.testimonies:
        for value in testimony.outputs.values():
            by.setdefault(value, set()).add(testimony.group)
    return max(map(len, by.values()))


def _rates(acts: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """How often each act runs in a second of CPU, all in turn, the best of each."""
    best: dict[str, float] = {}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for name, act in acts.items():
            repeats = 1
            while True:
                began = time.process_time()
                for _ in range(repeats):
                    act()
                took = time.process_time() - began
                if took > 0.02:
                    break
                repeats *= 4
            best[name] = max(best.get(name, 0.0), repeats / took)
    return best


def measured(model: Model, n: int, seconds: float) -> dict[str, object]:
    """Rates of one model with `n` claimants."""
    policy, heard = _policy(model, n), _heard(n)
    judge, policy_cid = Judge(policy), policy.cid
    learned = Learned(policy, Tally(), 0)

    def verdict() -> object:
        return judge.judge(
            heard, learned, policy_cid=policy_cid, size=0, root=bytes(32)
        )

    def encoded() -> object:
        return judge.judge(
            heard, learned, policy_cid=policy_cid, size=0, root=bytes(32)
        ).cid

    def limit() -> object:
        return _count(heard)

    rates = _rates({"verdict": verdict, "encoded": encoded, "limit": limit}, seconds)
    return {
        "model": model,
        "claimants": n,
        **{f"{name}_per_s": round(rate, 1) for name, rate in rates.items()},
        "verdict_of_limit": round(rates["verdict"] / rates["limit"], 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line")
    seconds = parser.parse_args().seconds
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "machine": platform.processor() or platform.machine(),
                "rates": [
                    measured(model, n, seconds)
                    for model in get_args(Model)
                    for n in CLAIMANTS
                ],
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
