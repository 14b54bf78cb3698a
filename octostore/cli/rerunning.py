"""One invocation, run again here and compared; and the claim that says so."""

from __future__ import annotations

import math
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from invocation_spec import CID, Outcome
from invocation_spec.model import Block
from octostore.claiming import Prepared, Reported, prepare
from octostore.cli.at_hand import Place, claims_in, sources
from octostore.cli.reproduced import Reproduced
from octostore.contents import CONTENTS_BYTES_MAX, Contents
from octostore.differences import VALUES_MAX, Compared, beside
from octostore.questions.answer import InvocationAnswer
from octostore.records import Claim, Limits
from octostore.records.claim import Withheld
from octostore.reproduction import (
    Again,
    Comparison,
    Standing,
    compare,
    folders,
    run_again,
)
from octostore.runner import RunLimits
from octostore.settling import settler

__all__ = ["LOCAL", "Fetch", "Way", "check_of", "reproduced"]

#: What the network is called where nobody but the claimant's own machine took part.
LOCAL: Final = "local"


@dataclass(frozen=True, slots=True)
class Way:
    """How to run it: within which limits; with which folders, if the user says.

    With `diff` the values that differ are fetched, and compared with ours.
    """

    limits: RunLimits
    dirs: tuple[str, ...] = ()
    diff: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """Where code and files may be had, and how much of them is fetched."""

    folders: Sequence[Path] = ()
    gateways: Sequence[str] = ()
    server: str | None = None
    bytes_max: int = CONTENTS_BYTES_MAX


def reproduced(
    place: Place, outcome: Outcome, keys: Iterable[CID], way: Way, fetch: Fetch
) -> Reproduced:
    """Run a canonical outcome twice, and compare it with what is claimed of it.

    `keys` are the CIDs under which it may be claimed.

    Raises:
        NotFoundError: code or a file is nowhere to be had.
        RunError: it is nothing that runs here.
    """
    answers = [found for key in keys if (found := place.answer(key)) is not None]
    with sources(
        place, fetch.folders, fetch.gateways, fetch.server, fetch.bytes_max
    ) as contents:
        return _compared(place, outcome, answers, contents, way)


def _compared(
    place: Place,
    outcome: Outcome,
    answers: Sequence[InvocationAnswer],
    contents: Contents,
    way: Way,
) -> Reproduced:
    program, given = outcome.program, outcome.input
    assert program is not None and given is not None  # noqa: S101, PT018 - canonical
    secret = _withheld(place, outcome) if answers else ()
    claims = [pair for answer in answers for pair in claims_in(place, answer)]
    dirs = tuple(sorted({*way.dirs, *outcome.dirs}))
    if not dirs:
        dirs = folders(_with_names(claims, answers), given)[0]
    again = run_again(
        program,
        given,
        contents,
        dirs=dirs,
        limits=way.limits,
        chance=secrets.token_bytes,
    )
    if again.result is None:
        return Reproduced(outcome, dirs, again, None, withheld=secret)
    settle = settler(again.first.report.outputs, answers, contents)
    comparison = compare(again.result, again.varying, answers, settle)
    gaps = _gaps(comparison, again, contents) if way.diff else {}
    # Only their CIDs are told; of a sample, the bytes of all would be kept.
    report = replace(again.first.report, outputs={})
    again = replace(again, first=replace(again.first, report=report))
    others = frozenset(
        str(cid) for claim, cid in claims if claim.dirs and claim.dirs != dirs
    )
    return Reproduced(outcome, dirs, again, comparison, others, gaps, secret)


def _withheld(place: Place, outcome: Outcome) -> tuple[Withheld, ...]:
    """What all who claim it withhold, so that only a spec told it."""
    parts: dict[Withheld, Block | None] = {
        "input": outcome.input,
        "program": outcome.program,
    }
    return tuple(
        name
        for name, block in parts.items()
        if block is not None and place.find(block.cid) is None
    )


def _gaps(
    comparison: Comparison, again: Again, contents: Contents
) -> dict[tuple[str, CID], Compared]:
    """How values of others differ from ours, by output and value."""
    found: dict[tuple[str, CID], Compared] = {}
    for item in comparison.outputs:
        ours = again.first.report.outputs.get(item.name)
        sides = (side for side in item.theirs if side.standing is Standing.DIFFERS)
        for side in islice(sides, VALUES_MAX):
            if ours is not None and isinstance(side.value, CID):
                found[item.name, side.value] = beside(ours, side.value, contents)
    return found


def _with_names(
    claims: Iterable[tuple[Claim, CID]], answers: Iterable[InvocationAnswer]
) -> Iterable[tuple[Claim, list[str], object]]:
    """The claims with the outputs that each names, and who signed it."""
    names: dict[CID, list[str]] = defaultdict(list)
    issuers: dict[CID, object] = {}
    for answer in answers:
        issuers.update((claim.claim, claim.issuer) for claim in answer.claims)
        for name, values in answer.outputs.items():
            for value in values:
                for cid in value.claims:
                    names[cid].append(name)
    for claim, cid in claims:
        yield claim, names[cid], issuers.get(cid)


def check_of(
    done: Reproduced, way: Way, network: str, *, sign_stable: bool
) -> Prepared | str:
    """The claim of what was found here, or why there is none."""
    again = done.again
    report = again.first.report
    if again.result is None:
        return "a run without a result is told and not signed"
    result = again.result if again.is_stable else again.stable
    if not again.is_stable and not sign_stable:
        return (
            "the program is nondeterministic: no result is signed; --sign-stable signs"
            " what did not vary"
        )
    if result is None:
        return "the program is nondeterministic, and nothing in its result is stable"
    limits = Limits(
        "none",
        memory_bytes=way.limits.memory_bytes,
        time_s=math.ceil(way.limits.time_s),
        fuel=way.limits.fuel,
    )
    reported = Reported(
        network=network,
        result=result,
        limits=limits,
        native={"engine": report.engine},
        withheld=done.withheld,
    )
    return prepare(replace(done.outcome, dirs=tuple(sorted(done.dirs))), reported)
