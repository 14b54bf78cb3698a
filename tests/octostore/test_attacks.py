"""A small run of the simulator: the same each time, and verdicts survive it.

What is published is in docs/performance.md; this keeps what it shows from getting lost.
"""

from __future__ import annotations

import pytest

from benchmarks.attacks import Reader
from benchmarks.crowd import World


def _followed(attack: str, seed: int, checks: float = 0.2) -> Reader:
    """A fifth of the invocations, and as many checks."""
    reader = Reader(World(attack, seed, warm_up=400, attacked=300), checks)
    reader.follow()
    return reader


@pytest.mark.parametrize(
    "attack", ["none", "40 fresh organisations", "6 sleepers", "lying labels"]
)
def test_few_verdicts_are_wrong_and_few_undecided(attack: str) -> None:
    score = _followed(attack, 7).scores["evidence"]
    assert score.count == 300
    assert score.wrong <= 3
    assert score.undecided <= 30


def test_counting_heads_does_not_survive_the_same() -> None:
    scores = _followed("40 fresh organisations", 7).scores
    assert scores["majority of organisations"].wrong > 30
    assert scores["trained on agreement"].wrong > 30


def test_without_checks_nothing_is_decided() -> None:
    score = _followed("none", 7, checks=0).scores["evidence"]
    assert (score.right, score.wrong, score.undecided) == (0, 0, 300)


def test_a_seed_gives_the_same_each_time() -> None:
    first, second = _followed("6 sleepers", 9), _followed("6 sleepers", 9)
    assert first.scores == second.scores
    assert first.reliability == second.reliability
    assert first.tally == second.tally
