"""Whether verdicts survive those who attack them, over the same functions as verdicts.

    python -m benchmarks.attacks [--seeds 20] [--first 5000] [--checks 0.05] [--sweeps]

Per attack and seed a world of its own (`crowd.py`): 2,000 invocations to get known,
then 2,000 under attack, 20 a day. Records of claimants are counted as claims come in.
Two anchors run `checks` of each day's invocations again, drawn so that nobody can tell
which. Scored is the verdict at the end of the day on which an invocation was claimed;
`at once` is before that day's checks. Other rules decide on the same claims. Prints one
JSON object; shares are of all invocations under attack, in per cent.

Seeds below 1,000 are for building; what is published begins at 5,000.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from benchmarks.crowd import ALSO_ME, ATTACKS, ME, PER_DAY, World, key
from invocation_spec.cid import CID
from octostore.belief.checks import checks_of
from octostore.belief.evidence import Learned, Tally
from octostore.belief.heard import Heard, Testimony
from octostore.belief.judge import Judge
from octostore.belief.policy import ONE, Group, Policy
from octostore.belief.verdict import OutputVerdict, Verdict

RULES = (
    "evidence",
    "evidence, at once",
    "majority of keys",
    "majority of organisations",
    "trained on agreement",
)
#: Lower bounds whose promise is looked at.
BOUNDS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995)
_POLICY_CID = CID.of_block(b"policy")
_OUTPUT = "/r"


@dataclass(slots=True)
class Score:
    """Counts of right, wrong and undecided answers."""

    right: int = 0
    wrong: int = 0
    undecided: int = 0

    def add(self, answer: CID | None, truth: CID) -> None:
        """Count one answer; None is undecided."""
        self.undecided += answer is None
        self.right += answer == truth
        self.wrong += answer not in (None, truth)

    def join(self, other: Score) -> None:
        """Count what another has counted."""
        self.right += other.right
        self.wrong += other.wrong
        self.undecided += other.undecided

    @property
    def count(self) -> int:
        """All that was asked."""
        return self.right + self.wrong + self.undecided


@dataclass(slots=True)
class Asked:
    """An invocation of today: what was heard so far, and what is true of it."""

    n: int
    truth: CID
    heard: Heard


@dataclass(slots=True)
class Reader:
    """A reader with a policy, following a world day by day."""

    world: World
    checks: float
    #: The share of checks that go where verdicts are least certain.
    aimed: float = 0.0
    tally: Tally = field(default_factory=Tally)
    scores: dict[str, Score] = field(
        default_factory=lambda: {rule: Score() for rule in RULES}
    )
    reliability: dict[float, Score] = field(
        default_factory=lambda: {bound: Score() for bound in BOUNDS}
    )
    agreed: Counter[str] = field(default_factory=Counter)
    claimed: Counter[str] = field(default_factory=Counter)
    policy: Policy = field(init=False)
    owed: float = 0.0

    def __post_init__(self) -> None:
        names = sorted([ME, ALSO_ME, *self.world.groups])
        self.policy = Policy(
            name="simulated",
            model="evidence",
            groups=tuple(
                Group(name=name, keys=(key(1_000 + i).did,))
                for i, name in enumerate(names)
            ),
            anchors=tuple(sorted((ME, ALSO_ME))),
        )

    def follow(self) -> None:
        """All days, one after the other."""
        judge, world = Judge(self.policy), self.world
        for day in range((world.warm_up + world.attacked) // PER_DAY):
            learned = Learned(self.policy, self.tally, day)
            today = [self._asked(day * PER_DAY + i, day) for i in range(PER_DAY)]
            certain: dict[int, int] = {}
            for one in today:
                verdict = _judged(judge, one, learned)
                found = verdict.outputs.get(_OUTPUT)
                certain[one.n] = found.lower_bound if found else 0
                self._score(one, "evidence, at once", verdict)
                self._decide_otherwise(one)
            for one in self._chosen(today, certain):
                self._check(one, day)
            learned = Learned(self.policy, self.tally, day)
            for one in today:
                verdict = _judged(judge, one, learned)
                self._score(one, "evidence", verdict)
                self._rely(one, verdict)

    def _asked(self, n: int, day: int) -> Asked:
        truth, said = self.world.invocation(n)
        heard = _heard(n, [self.world.logged(one, n, day) for one in said])
        return Asked(n, CID.of_bytes(truth.encode()), heard)

    def _chosen(
        self, today: list[Asked], certain: Mapping[int, int]
    ) -> Iterable[Asked]:
        self.owed += self.checks * len(today)
        count = int(self.owed)
        self.owed -= count
        drawn = self.world.random.sample(today, len(today))
        aimed = int(count * self.aimed + self.world.random.random() * (self.aimed > 0))
        first = sorted(drawn, key=lambda one: certain[one.n])[: min(aimed, count)]
        rest = [one for one in drawn if one not in first]
        return [*first, *rest[: count - len(first)]]

    def _check(self, one: Asked, day: int) -> None:
        """An anchor claims too; what this invocation teaches is counted anew."""
        for check in checks_of(self.policy, one.heard):
            self.tally.remove(check)
        name = self.world.random.choice((ME, ALSO_ME))
        said = self.world.logged(self.world.checked(name, one.n), one.n, day)
        one.heard = _heard(one.n, [*one.heard.testimonies, said])
        for check in checks_of(self.policy, one.heard):
            self.tally.add(check)

    def _score(self, one: Asked, rule: str, answer: Verdict | CID | None) -> None:
        if isinstance(answer, Verdict):
            found = answer.outputs[_OUTPUT] if answer.outputs else None
            decided = found is not None and found.finding == "value"
            answer = _cid(found) if decided else None
        if one.n >= self.world.warm_up:
            self.scores[rule].add(answer, one.truth)

    def _rely(self, one: Asked, verdict: Verdict) -> None:
        found = verdict.outputs[_OUTPUT] if verdict.outputs else None
        if one.n >= self.world.warm_up and found and found.value is not None:
            for bound, score in self.reliability.items():
                if found.lower_bound >= bound * ONE:
                    score.add(_cid(found), one.truth)

    def _decide_otherwise(self, one: Asked) -> None:
        """What others do: count keys, organisations, or agreement in the past."""
        keys: dict[CID, set[object]] = {}
        names: dict[CID, set[str]] = {}
        for testimony in one.heard.testimonies:
            value = testimony.outputs[_OUTPUT]
            keys.setdefault(value, set()).add(testimony.issuer)
            if testimony.group is not None:
                names.setdefault(value, set()).add(testimony.group)
        self._score(one, "majority of keys", _most(keys))
        self._score(one, "majority of organisations", _most(names))
        weights = {
            value: sum(self._agreement(name) for name in who)
            for value, who in names.items()
        }
        best = max(weights, key=lambda value: weights[value], default=None)
        self._score(one, "trained on agreement", best)
        for value, who in names.items():
            self.claimed.update(who)
            if value == best:
                self.agreed.update(who)

    def _agreement(self, name: str) -> float:
        """Log-odds of agreeing with the winner; who is new starts at 0.9."""
        rate = (self.agreed[name] + 9) / (self.claimed[name] + 10)
        return math.log(rate / (1 - rate))


def _cid(found: OutputVerdict | None) -> CID | None:
    return found.value if found and isinstance(found.value, CID) else None


def _heard(n: int, testimonies: Sequence[Testimony]) -> Heard:
    cid = CID.of_block(str(n).encode())
    return Heard(invocation=cid, kind="wasi", testimonies=tuple(testimonies))


def _judged(judge: Judge, one: Asked, learned: Learned) -> Verdict:
    return judge.judge(
        one.heard, learned, policy_cid=_POLICY_CID, size=0, root=bytes(32)
    )


def _most(by: Mapping[CID, Set[object]]) -> CID | None:
    """The value with most behind it; None in a tie."""
    ranked = sorted(((len(who), value) for value, who in by.items()), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]


@dataclass(frozen=True, slots=True)
class Job:
    """One world to follow."""

    attack: str
    seed: int
    checks: float = 0.05
    fixed: tuple[tuple[str, float], ...] = ()
    aimed: float = 0.0


def run(job: Job) -> Reader:
    """One world, followed to its end."""
    world = World(job.attack, job.seed, fixed=dict(job.fixed))
    reader = Reader(world, job.checks, job.aimed)
    reader.follow()
    return reader


def _outcome(job: Job) -> tuple[Job, dict[str, Score], dict[float, Score]]:
    reader = run(job)
    return job, reader.scores, reader.reliability


def _shares(scores: Sequence[Score]) -> dict[str, float]:
    """Per cent over all seeds, and of the worst seed."""

    def percent(part: int, of: int) -> float:
        return round(100 * part / of, 2) if of else 0.0

    return {
        "wrong": percent(sum(s.wrong for s in scores), sum(s.count for s in scores)),
        "undecided": percent(
            sum(s.undecided for s in scores), sum(s.count for s in scores)
        ),
        "worst_wrong": max(percent(s.wrong, s.count) for s in scores),
        "worst_undecided": max(percent(s.undecided, s.count) for s in scores),
    }


def _reliability(found: Iterable[dict[float, Score]]) -> list[dict[str, Any]]:
    """Of the leading values with at least this lower bound, how many are right."""
    totals = {bound: Score() for bound in BOUNDS}
    for scores in found:
        for bound, score in scores.items():
            totals[bound].join(score)
    return [
        {
            "at_least": bound,
            "values": score.count,
            "right": round(score.right / score.count, 6) if score.count else None,
        }
        for bound, score in totals.items()
    ]


#: What is swept: the attack, the name of the parameter, its values.
SWEEPS: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("none", "checks", (0, 0.01, 0.02, 0.05, 0.1)),
    ("6 sleepers", "checks", (0, 0.01, 0.02, 0.05, 0.1)),
    ("withholding server", "checks", (0, 0.01, 0.02, 0.05, 0.1)),
    ("6 sleepers", "bad", (2, 4, 8, 16, 32)),
    ("withholding server", "share", (0.05, 0.1, 0.2, 0.4)),
    ("none", "fault", (0.01, 0.02, 0.03, 0.05)),
    ("none", "aimed", (0, 0.25, 0.5, 1)),
)


def _swept(attack: str, name: str, value: float, seed: int) -> Job:
    if name == "checks":
        return Job(attack, seed, checks=value)
    if name == "aimed":
        return Job(attack, seed, aimed=value)
    return Job(attack, seed, fixed=((name, value),))


def main() -> None:
    """Run all worlds and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=5_000)
    parser.add_argument("--checks", type=float, default=0.05)
    parser.add_argument("--attack", action="append", choices=ATTACKS)
    parser.add_argument("--sweeps", action="store_true", help="where it breaks, too")
    parser.add_argument("--sweep-seeds", type=int, default=5)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    attacks = options.attack or ATTACKS
    began = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [Job(*job, checks=options.checks) for job in product(attacks, seeds)]
        found = list(pool.map(_outcome, jobs))
        printed: dict[str, Any] = {
            "seeds": [seeds[0], seeds[-1]],
            "checks": options.checks,
            "percent": {
                attack: {
                    rule: _shares(
                        [
                            scores[rule]
                            for job, scores, _ in found
                            if job.attack == attack
                        ]
                    )
                    for rule in RULES
                }
                for attack in attacks
            },
            "reliability": _reliability(kept for _, _, kept in found),
            "reliability_by_attack": {
                attack: _reliability(
                    kept for job, _, kept in found if job.attack == attack
                )
                for attack in attacks
            },
        }
        if options.sweeps:
            printed["sweeps"] = [
                {
                    "attack": attack,
                    name: value,
                    **_shares(
                        [
                            scores["evidence"]
                            for _, scores, _ in pool.map(
                                _outcome,
                                [
                                    _swept(attack, name, value, seed)
                                    for seed in seeds[: options.sweep_seeds]
                                ],
                            )
                        ]
                    ),
                }
                for attack, name, values in SWEEPS
                for value in values
            ]
    printed["seconds"] = round(time.monotonic() - began)
    print(json.dumps(printed, indent=1))


if __name__ == "__main__":
    main()
