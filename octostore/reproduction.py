"""An invocation run again, and what its claims say beside what it gave.

    again = run_again(program, input, contents, dirs=("/out",), chance=token_bytes)
    compare(again.result, again.varying, [answer], same_bytes)
    -> Comparison(outputs=(OutputComparison("/out/r.csv", ours, ..), ..), ..)

It runs twice: as everybody runs it here, and once more with another clock and other
randomness. An output that then differs follows from neither program nor input, and
is compared with nothing. Source: DESIGN 6; FORMATS 5.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final, TypeAlias

from invocation_spec.cid import CID
from invocation_spec.model import Input, Program
from octostore.contents import Contents
from octostore.execution import Executed, execute
from octostore.questions.answer import ClaimAnswer, InvocationAnswer
from octostore.records import Claim
from octostore.records.claim import DIRS_MAX
from octostore.result import EXIT, Agreement, Result, compare_outputs
from octostore.runner import Clock, RunLimits
from octostore.runner.filesystem import NAME_BYTES_MAX
from octostore.settling import SameBytes

__all__ = [
    "Again",
    "Comparison",
    "OutputComparison",
    "Side",
    "Standing",
    "compare",
    "folders",
    "run_again",
]

#: The second run begins within so many years of the first, at steps so much longer.
_YEARS_NS: Final = 15 * 365 * 86_400 * 10**9
_STEPS_NS: Final = 9_000_000

#: Random bytes, so many.
Chance: TypeAlias = Callable[[int], bytes]


class Standing(StrEnum):
    """How what a claim says stands to what was found here."""

    SAME = "same"
    DIFFERS = "differs"
    INCOMPARABLE = "incomparable"


@dataclass(frozen=True, slots=True)
class Again:
    """Two runs of one invocation.

    `varying` are the names of outputs (`exit` among them) in which the second differs;
    `second_failure` says why it gave no result, if it gave none. There was no second
    if the first gave none.
    """

    first: Executed
    varying: frozenset[str] = frozenset()
    second_failure: str | None = None

    @property
    def result(self) -> Result | None:
        """What the first run gave."""
        return self.first.result

    @property
    def is_stable(self) -> bool:
        """Whether both gave the same, all of it."""
        return not self.varying and self.second_failure is None

    @property
    def stable(self) -> Result | None:
        """What both gave alike; None if there is nothing."""
        result = self.result
        if result is None or self.second_failure is not None:
            return None
        outputs = {
            name: cid
            for name, cid in result.outputs.items()
            if name not in self.varying
        }
        status = None if EXIT in self.varying else result.exit
        return Result(outputs, status) if outputs or status is not None else None


@dataclass(frozen=True, slots=True)
class Side:
    """One value that claims give to an output, and how it stands to ours."""

    value: CID | int
    standing: Standing
    claims: tuple[ClaimAnswer, ...]


@dataclass(frozen=True, slots=True)
class OutputComparison:
    """One output, or the exit status; `ours` is None where the run made none."""

    name: str
    ours: CID | int | None
    varies: bool
    theirs: tuple[Side, ...]

    @property
    def standing(self) -> Standing | None:
        """The worst of them; None if nobody claims this output."""
        found = {side.standing for side in self.theirs}
        for standing in (Standing.DIFFERS, Standing.INCOMPARABLE, Standing.SAME):
            if standing in found:
                return standing
        return None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All outputs by name, `exit` last; and the claims that it failed elsewhere."""

    outputs: tuple[OutputComparison, ...]
    failures: tuple[ClaimAnswer, ...]
    claims: tuple[ClaimAnswer, ...]

    @property
    def differs(self) -> bool:
        """Whether anybody claims another value than ours."""
        return any(item.standing is Standing.DIFFERS for item in self.outputs)


def run_again(
    program: Program,
    input: Input,
    contents: Contents,
    *,
    dirs: tuple[str, ...],
    limits: RunLimits,
    chance: Chance,
) -> Again:
    """Run an invocation twice, the second time in another world.

    Raises:
        NotFoundError: code or a file is not among the contents.
        RunError: it cannot be run here; `execution.execute` says which can.
    """
    first = execute(program, input, contents, output_dirs=dirs, limits=limits)
    if first.result is None:
        return Again(first)
    start, step = (int.from_bytes(chance(8), "big") for _ in range(2))
    plain = Clock()
    second = execute(
        program,
        input,
        contents,
        output_dirs=dirs,
        limits=limits,
        seed=chance(32),
        clock=Clock(
            plain.start_ns + 1 + start % _YEARS_NS, plain.step_ns + 1 + step % _STEPS_NS
        ),
    )
    if second.result is None:
        failure = second.report.failure
        said = f"{failure.kind}: {failure.message}" if failure else "no result"
        return Again(first, second_failure=said)
    return Again(first, frozenset(_varying(first.result, second.result)))


def _varying(a: Result, b: Result) -> Iterator[str]:
    for name in a.outputs.keys() | b.outputs.keys():
        if a.outputs.get(name) != b.outputs.get(name):
            yield name
    if a.exit != b.exit:
        yield EXIT


def compare(
    ours: Result,
    varying: frozenset[str],
    answers: Sequence[InvocationAnswer],
    same_bytes: SameBytes,
) -> Comparison:
    """Lay what was found here beside all that is claimed.

    Claims that were withdrawn are left out. What `answers` say of several invocations
    is what several CIDs of one invocation have.
    """
    values = _claimed(answers)
    outputs = []
    for name in sorted(ours.outputs.keys() | values.keys()):
        mine = ours.outputs.get(name)
        sides = (
            Side(
                value,
                _standing(name, mine, value, same_bytes)
                if name not in varying
                else Standing.INCOMPARABLE,
                tuple(by.values()),
            )
            for value, by in values.get(name, {}).items()
        )
        outputs.append(OutputComparison(name, mine, name in varying, tuple(sides)))
    exits = _exits(ours.exit, answers, varies=EXIT in varying)
    every = {
        (claim.claim, claim.statement): claim
        for item in answers
        for claim in item.claims
    }
    standing = tuple(claim for claim in every.values() if not claim.withdrawn)
    return Comparison(
        (*outputs, exits),
        tuple(claim for claim in standing if claim.failure is not None),
        standing,
    )


_By: TypeAlias = "dict[tuple[CID, CID], ClaimAnswer]"


def _claimed(answers: Iterable[InvocationAnswer]) -> Mapping[str, dict[CID, _By]]:
    """Who claims which value of which output."""
    found: dict[str, dict[CID, _By]] = defaultdict(lambda: defaultdict(dict))
    for item in answers:
        said: dict[CID, list[ClaimAnswer]] = defaultdict(list)
        for claim in item.claims:
            if not claim.withdrawn:
                said[claim.claim].append(claim)
        for name, values in item.outputs.items():
            for value in values:
                for cid in value.claims:
                    for claim in said[cid]:
                        found[name][value.value][cid, claim.statement] = claim
    return found


def _standing(
    name: str, ours: CID | None, theirs: CID, same_bytes: SameBytes
) -> Standing:
    if ours is None:
        return Standing.INCOMPARABLE
    agreement = compare_outputs(ours, theirs)
    same: bool | None = agreement is Agreement.AGREE
    if agreement is Agreement.INCOMPARABLE:
        same = same_bytes(name, theirs)
    if same is None:
        return Standing.INCOMPARABLE
    return Standing.SAME if same else Standing.DIFFERS


def _exits(
    ours: int | None, answers: Iterable[InvocationAnswer], *, varies: bool
) -> OutputComparison:
    found: dict[int, _By] = defaultdict(dict)
    for item in answers:
        for claim in item.claims:
            if claim.exit is not None and not claim.withdrawn:
                found[claim.exit][claim.claim, claim.statement] = claim
    sides = []
    for status in sorted(found):
        standing = Standing.SAME if status == ours else Standing.DIFFERS
        if varies or ours is None:
            standing = Standing.INCOMPARABLE
        sides.append(Side(status, standing, tuple(found[status].values())))
    return OutputComparison(EXIT, ours, varies, tuple(sides))


def folders(
    claims: Iterable[tuple[Claim, Iterable[str], object]], input: Input
) -> Sequence[tuple[str, ...]]:
    """Which folders of outputs to lay for the guest, by how many issuers say so.

    `claims` are records, the outputs that each names, and who signed it. A claim's
    folders are its `dirs`, and those of outputs that lie elsewhere. Some that cannot be
    laid over the input are left out; none at all is always among them.
    """
    said: dict[tuple[str, ...], set[object]] = defaultdict(set)
    for claim, names, issuer in claims:
        if claim.failure is None or claim.dirs:
            said[_folders_of(claim.dirs, names)].add(issuer)
    counts = Counter({dirs: len(issuers) for dirs, issuers in said.items()})
    ordered = sorted(counts, key=lambda dirs: (-counts[dirs], -len(dirs), dirs))
    fitting = [dirs for dirs in ordered if not any(_is_taken(d, input) for d in dirs)]
    return [*fitting, ()]


def _folders_of(dirs: Sequence[str], names: Iterable[str]) -> tuple[str, ...]:
    found = set(dirs)
    for name in sorted(names):
        above = [str(path) for path in PurePosixPath(name).parents]
        is_elsewhere = name.startswith("/") and not found.intersection(above)
        if is_elsewhere and above[0] != "/":
            found.add(above[0])
    return tuple(sorted(found)[:DIRS_MAX])


def _is_taken(folder: str, input: Input) -> bool:
    """Whether a file of the input lies at a folder or above it, or no guest has it."""
    path = PurePosixPath(folder)
    if any(len(part.encode()) > NAME_BYTES_MAX for part in path.parts):
        return True
    return any(str(at) in input.files for at in (path, *path.parents))
