"""Verdicts as a second implementation computes them: tests/vectors/verdict.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invocation_spec.cid import CID
from octostore.belief import heard as hearing
from octostore.belief.evidence import (
    Check,
    Learned,
    Tally,
    confidences,
    error_bound,
    error_of,
    faded,
    weight,
)
from octostore.belief.judge import judge
from octostore.belief.policy import EvidenceTerms, Policy
from octostore.belief.verdict import Verdict
from octostore.result import EXIT
from tests.octostore.hearing import KEY

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "verdict.json").read_text()
)


def _days(rows: list[list[int]]) -> dict[int, tuple[int, int]]:
    return {day: (wrong, right) for day, wrong, right in rows}


def _number(row: dict[str, Any]) -> Any:
    terms = EvidenceTerms()
    if "u" in row:
        return error_bound(*row["u"])
    if "faded" in row:
        return faded(*row["faded"])
    if "weight" in row:
        return weight(row["weight"])
    if "supports" in row:
        return confidences(row["supports"], row["against"], terms.floor)
    said = row["error"]
    return error_of(_days(said["days"]), said["today"], terms, said["held"])


@pytest.mark.parametrize(
    "row", [row for row in ROWS if "is" in row], ids=lambda row: row["name"]
)
def test_numbers_are_those_of_exact_arithmetic(row: dict[str, Any]) -> None:
    assert _number(row) == row["is"]


def _testimony(said: dict[str, Any]) -> hearing.Testimony:
    outputs = dict(said["outputs"])
    return hearing.Testimony(
        claim=CID.parse(said["claim"]["/"]),
        statement=CID.of_block(b"statement"),
        index=said["index"],
        record=0,
        issuer=KEY,
        network=said["network"],
        group=said["group"],
        platform=said.get("platform"),
        exit=outputs.pop(EXIT, None),
        outputs={name: CID.parse(value["/"]) for name, value in outputs.items()},
    )


def _tally(counts: dict[str, list[list[int]]]) -> Tally:
    tally = Tally()
    for group, days in counts.items():
        for day, *found in days:
            for right, count in enumerate(found):
                for _ in range(count):
                    check = Check(
                        group=group,
                        kind="wasi",
                        platform="",
                        day=day,
                        right=bool(right),
                    )
                    tally.add(check)
    return tally


@pytest.mark.parametrize(
    "row", [row for row in ROWS if "block" in row], ids=lambda row: row["name"]
)
def test_verdicts_are_those_of_a_second_implementation(row: dict[str, Any]) -> None:
    policy = Policy.from_block(bytes.fromhex(row["policy"]))
    expected = Verdict.from_block(bytes.fromhex(row["block"]))
    heard = hearing.Heard(
        invocation=expected.invocation,
        kind="wasi",
        testimonies=tuple(map(_testimony, row["heard"])),
    )
    found = judge(
        policy,
        heard,
        Learned(policy, _tally(row["counts"]), row["today"]),
        policy_cid=policy.cid,
        size=expected.size,
        root=expected.root,
    )
    assert found == expected
    assert found.block.hex() == row["block"]
