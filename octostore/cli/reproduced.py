"""What came of a reproduction, for people and as JSON.

/outputs/residuals.csv   DIFFERS
                 signed by                ran on     reported by
  R1   same      University of Bristol*   golem      who ran it
  R2   differs   Faulty Build Ltd*        bacalhau   who ran it
  R1 = bafkreibg..   ours
  R2 = bafkreifr..
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from invocation_spec import CID, Outcome
from invocation_spec.errors import OctostoreError
from octostore.cli.answers import UNVERIFIED, Signers, claims_table, signers_of
from octostore.cli.differing import compared_lines
from octostore.cli.rim import one_line
from octostore.differences import Compared
from octostore.questions.answer import ClaimAnswer
from octostore.records.claim import Withheld
from octostore.reproduction import (
    Again,
    Comparison,
    OutputComparison,
    Side,
    Standing,
)
from octostore.result import EXIT

__all__ = ["NotReproduced", "Reproduced"]


@dataclass(frozen=True, slots=True)
class NotReproduced:
    """One invocation of several that could not be run, and why."""

    invocation: CID
    error: OctostoreError

    def to_json(self) -> dict[str, object]:
        """`{invocation, error, at?, reason}`."""
        place = {} if self.error.at is None else {"at": self.error.at}
        return {
            "invocation": str(self.invocation),
            "error": self.error.code,
            **place,
            "reason": self.error.reason,
        }

    def lines(self) -> Iterable[str]:
        """The same for people."""
        yield f"invocation  {self.invocation}"
        yield f"not run     {self.error}"


@dataclass(frozen=True, slots=True)
class Reproduced:
    """One invocation, run again and compared; `dirs` were laid for its outputs.

    `others` are claims that ran with other folders, which a program can see. `gaps` say
    how values of others differ from ours, by output and value, where that was asked.
    What all others withhold is `withheld` in our claim, too.
    """

    outcome: Outcome
    dirs: tuple[str, ...]
    again: Again
    comparison: Comparison | None
    others: frozenset[str] = frozenset()
    gaps: Mapping[tuple[str, CID], Compared] = field(default_factory=dict)
    withheld: tuple[Withheld, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it gave one result, and nobody claims another."""
        return (
            self.comparison is not None
            and self.again.is_stable
            and not self.comparison.differs
        )

    def to_json(self) -> dict[str, object]:
        """`{invocation, program, input, dirs, engine, holds, result?, ..}`."""
        outcome, report = self.outcome, self.again.first.report
        found: dict[str, object] = {
            "invocation": _cid(outcome.invocation),
            "program": _cid(outcome.program),
            "input": _cid(outcome.input),
            "dirs": list(self.dirs),
            "engine": report.engine,
            "fuel_used": report.fuel_used,
            "holds": self.holds,
        }
        if self.withheld:
            found["withheld"] = list(self.withheld)
        if report.failure is not None:
            failure = report.failure
            found["failure"] = {"kind": failure.kind, "message": failure.message}
        if self.again.result is not None:
            result = self.again.result
            found["result"] = {
                "outputs": {n: str(c) for n, c in sorted(result.outputs.items())},
                "exit": result.exit,
            }
            found["varying"] = sorted(self.again.varying)
        if self.again.second_failure is not None:
            found["second_failure"] = self.again.second_failure
        if self.comparison is not None:
            found["outputs"] = {
                item.name: _output(item, self.gaps) for item in self.comparison.outputs
            }
            found["failures"] = [str(claim.claim) for claim in self.comparison.failures]
            found["claims"] = [
                claim.to_json()
                | ({"other_dirs": True} if str(claim.claim) in self.others else {})
                for claim in self.comparison.claims
            ]
        return found

    def lines(self) -> Iterable[str]:
        """The same for people."""
        outcome = self.outcome
        yield f"invocation  {_cid(outcome.invocation)}"
        for name, block in (("program", outcome.program), ("input", outcome.input)):
            is_secret = (
                "  (withheld by all, and by us)" if name in self.withheld else ""
            )
            yield f"  {name:<10}{_cid(block)}{is_secret}"
        yield f"ran here    {self._how_it_went()}"
        if self.comparison is None:
            return
        claims = self.comparison.claims
        signers = signers_of(claims)
        for item in self.comparison.outputs:
            if item.name != EXIT or item.varies or item.standing is Standing.DIFFERS:
                yield from _output_lines(item, signers, self.gaps)
        if self.comparison.failures:
            yield from ("", "  failed elsewhere, which contradicts no result")
            yield from claims_table([("", self.comparison.failures)], signers)
        yield ""
        if self.others:
            yield (
                f"{len(self.others)} of the claims ran with other folders for outputs"
                f" than {', '.join(self.dirs) or 'none'}; --output-dir lays others"
            )
        yield self._summary()
        if any(claim.name for claim in claims):
            yield UNVERIFIED

    def _how_it_went(self) -> str:
        again, report = self.again, self.again.first.report
        if report.failure is not None:
            return f"{report.engine}: {report.failure.kind}: {report.failure.message}"
        status = f"exit {again.result.exit}" if again.result else ""
        if again.second_failure is not None:
            return (
                f"{report.engine}, {status}; with another clock and other randomness:"
                f" {again.second_failure}"
            )
        if again.varying:
            names = ", ".join(sorted(again.varying))
            return (
                f"{report.engine}, twice, {status}; NONDETERMINISTIC: with another"
                f" clock and other randomness it gives another {names}"
            )
        return f"{report.engine}, twice, the same each time; {status}"

    def _summary(self) -> str:
        comparison = self.comparison
        if comparison is None or not comparison.claims:
            return "nobody has claimed it"
        standings = [_of_claim(claim, comparison) for claim in comparison.claims]
        counts = {
            word: standings.count(standing)
            for standing, word in (
                (Standing.SAME, "agree"),
                (Standing.DIFFERS, "differ"),
                (Standing.INCOMPARABLE, "cannot be compared"),
            )
        }
        said = [f"{count} {word}" for word, count in counts.items() if count]
        total = len(standings)
        return f"{total} claim{'s' if total != 1 else ''}: {', '.join(said)}"


def _of_claim(claim: ClaimAnswer, comparison: Comparison) -> Standing:
    """How one claim as a whole stands: one output that differs is enough."""
    found = {
        side.standing
        for item in comparison.outputs
        for side in item.theirs
        if claim in side.claims
    }
    for standing in (Standing.DIFFERS, Standing.SAME):
        if standing in found:
            return standing
    return Standing.INCOMPARABLE


def _output_lines(
    item: OutputComparison,
    signers: Signers,
    gaps: Mapping[tuple[str, CID], Compared],
) -> Iterable[str]:
    word = "VARIES" if item.varies else ""
    if item.standing is Standing.DIFFERS:
        word = "DIFFERS"
    elif not word and item.standing is not None:
        word = item.standing.value
    title = "exit status" if item.name == EXIT else one_line(item.name)
    yield ""
    yield f"  {title or 'the whole tree'}   {word or 'nobody else names it'}"
    numbers = {side: f"R{at}" for at, side in enumerate(_theirs(item), 2)}
    marks = {side: numbers.get(side, "R1") for side in item.theirs}
    if item.theirs:
        yield from claims_table(
            ((_mark(marks[side], side), side.claims) for side in item.theirs), signers
        )
    if item.ours is not None:
        yield f"    R1 = {item.ours}   ours" + (", this time" if item.varies else "")
    for side, mark in numbers.items():
        yield f"    {mark} = {side.value}"
    for side, mark in numbers.items():
        gap = gaps.get((item.name, side.value)) if isinstance(side.value, CID) else None
        for line in () if gap is None else compared_lines(f"R1 to {mark}", gap):
            yield f"    {line}"


def _mark(mark: str, side: Side) -> str:
    return f"{mark}   {side.standing.value}"


def _theirs(item: OutputComparison) -> list[Side]:
    """Values that are not spelled as ours."""
    return [side for side in item.theirs if side.value != item.ours]


def _output(
    item: OutputComparison, gaps: Mapping[tuple[str, CID], Compared]
) -> dict[str, object]:
    return {
        "ours": _value(item.ours),
        "varies": item.varies,
        "theirs": [
            {
                "value": _value(side.value),
                "is": side.standing.value,
                "claims": list(
                    dict.fromkeys(str(claim.claim) for claim in side.claims)
                ),
            }
            | _gap(item, side, gaps)
            for side in item.theirs
        ],
    }


def _gap(
    item: OutputComparison, side: Side, gaps: Mapping[tuple[str, CID], Compared]
) -> dict[str, object]:
    found = gaps.get((item.name, side.value)) if isinstance(side.value, CID) else None
    return {} if found is None else found.to_json()


def _value(value: object) -> object:
    return value if value is None or isinstance(value, int) else str(value)


def _cid(block: object) -> str | None:
    cid = getattr(block, "cid", None)
    return None if cid is None else str(cid)
