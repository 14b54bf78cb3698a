"""An answer as a table for people.

/outputs/residuals.csv   CONFLICT
       signed by                ran on     reported by
  R1   University of Bristol*   golem      who ran it
       Caltech*                 bacalhau   who ran it
  R2   Faulty Build Ltd*        bacalhau   who ran it
  R1 = bafkreibg..
  R2 = bafkreifr..
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from invocation_spec import CID
from octostore.cli.rim import one_line
from octostore.counted import entries
from octostore.questions.answer import Answer, ClaimAnswer, InvocationAnswer
from octostore.questions.claims import called
from octostore.result import EXIT

__all__ = [
    "UNVERIFIED",
    "Believed",
    "Signers",
    "answer_lines",
    "claims_table",
    "signers_of",
]

#: How who signed a claim is shown, by its statement and record.
Signers: TypeAlias = Mapping[tuple[CID, CID], str]


class Believed(Protocol):
    """What a policy makes of an answer (`believing.py`)."""

    @property
    def names(self) -> frozenset[str]:
        """The names of its groups, by which nobody else is shown."""
        ...

    def group_of(self, invocation: CID, claim: ClaimAnswer) -> str | None:
        """The group for which a claim speaks."""
        ...

    def lines(self, invocation: CID) -> Iterable[str]:
        """The verdict on an invocation, in words."""
        ...


#: What the star after a name means.
UNVERIFIED = "* the name that the key gives itself; nobody has checked it"


def answer_lines(answer: Answer, believed: Believed | None = None) -> list[str]:
    """The lines of an answer, as plain aligned text, and what a policy believes."""
    if not answer.invocations:
        lines = ["no claims"]
    else:
        lines = [
            line
            for invocation in answer.invocations
            for line in (*_invocation(invocation, believed), "")
        ]
        if any(
            c.name
            and (believed is None or believed.group_of(item.invocation, c) is None)
            for item in answer.invocations
            for c in item.claims
        ):
            lines.append(UNVERIFIED)
    lines.append(f"from a log of {entries(answer.checkpoint.size)}")
    lines += _of_map(answer)
    if answer.next is not None:
        lines.append(f"there is more: --after {answer.next}")
    return lines


def _of_map(answer: Answer) -> list[str]:
    """How far the map goes that could prove the answer."""
    if answer.map is None:
        return []
    size = answer.map.head.size
    claims = [c for item in answer.invocations for c in item.claims if c.index >= size]
    late = f"; {len(claims)} of these claims came later" if claims else ""
    return [f"its map covers {entries(size)}{late}"]


def _invocation(item: InvocationAnswer, believed: Believed | None) -> Iterable[str]:
    by_cid, signers = _by_cid(item.claims), signers_of(item.claims)
    if believed is not None:
        signers = _named(item, believed, signers)
    yield f"invocation  {item.invocation}" + ("  (with a nonce)" if item.nonced else "")
    yield f"  program   {item.program}"
    yield f"  input     {item.input}"
    for name, values in sorted(item.outputs.items()):
        title = one_line(name) or "the whole tree"
        yield from _headed(title, conflict=name in item.conflicts)
        marks = [f"R{number}" for number in range(1, len(values) + 1)]
        yield from claims_table(
            (
                (mark, [claim for cid in value.claims for claim in by_cid[cid]])
                for mark, value in zip(marks, values, strict=True)
            ),
            signers,
        )
        for mark, value in zip(marks, values, strict=True):
            yield f"    {mark} = {value.value}"
    yield from _exits(item, signers)
    withdrawn = [claim for claim in item.claims if claim.withdrawn]
    for title, group in (
        (
            "failed, which contradicts no result",
            [claim for cid in item.failures for claim in by_cid[cid]],
        ),
        ("withdrawn by who signed it", withdrawn),
    ):
        if group:
            yield from _headed(title, conflict=False)
            yield from claims_table([("", group)], signers)
    if believed is not None:
        yield ""
        yield from believed.lines(item.invocation)


def _exits(item: InvocationAnswer, signers: Signers) -> Iterable[str]:
    """Who reports which exit status, if they differ or some report nothing else."""
    by_exit: dict[int, list[ClaimAnswer]] = {}
    for claim in item.claims:
        if claim.exit is not None and not claim.withdrawn:
            by_exit.setdefault(claim.exit, []).append(claim)
    with_outputs = {
        cid
        for values in item.outputs.values()
        for value in values
        for cid in value.claims
    }
    conflict = EXIT in item.conflicts
    if conflict or any(
        claim.claim not in with_outputs for group in by_exit.values() for claim in group
    ):
        yield from _headed("exit status", conflict=conflict)
        yield from claims_table(
            ((str(code), by_exit[code]) for code in sorted(by_exit)), signers
        )


def signers_of(claims: Sequence[ClaimAnswer]) -> Signers:
    """How who signed each is shown: a name that could be another's with the DID."""
    names = called(claims)
    return {
        (claim.statement, claim.claim): str(claim.issuer)
        if claim.name is None
        else f"{one_line(claim.name)}*"
        if names[str(claim.issuer)] == claim.name
        else f"{one_line(claim.name)}* {claim.issuer}"
        for claim in claims
    }


def _named(item: InvocationAnswer, believed: Believed, signers: Signers) -> Signers:
    """The same with groups by the names that the policy gives them, and no one else."""
    shown = dict(signers)
    for claim in item.claims:
        group = believed.group_of(item.invocation, claim)
        if group is not None:
            shown[claim.statement, claim.claim] = one_line(group)
        elif claim.name in believed.names:
            text = f"{one_line(claim.name)}* {claim.issuer}"
            shown[claim.statement, claim.claim] = text
    return shown


def _by_cid(claims: Iterable[ClaimAnswer]) -> dict[CID, list[ClaimAnswer]]:
    """Claims by record: one record may be signed by several issuers."""
    found: dict[CID, list[ClaimAnswer]] = {}
    for claim in claims:
        if not claim.withdrawn:
            found.setdefault(claim.claim, []).append(claim)
    return found


def _headed(title: str, *, conflict: bool) -> Iterable[str]:
    yield ""
    yield f"  {title}" + ("   CONFLICT" if conflict else "")


def claims_table(
    groups: Iterable[tuple[str, Sequence[ClaimAnswer]]], signers: Signers
) -> Iterable[str]:
    """Claims under marks: who signed, where it ran, who reports it."""
    rows = [("", "signed by", "ran on", "reported by")]
    for mark, claims in groups:
        # Saying the same again adds nothing.
        said = dict.fromkeys(
            _row(claim, signers[claim.statement, claim.claim]) for claim in claims
        )
        rows += [("" if number else mark, *row) for number, row in enumerate(said)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("    " + "   ".join(cells)).rstrip()


def _row(claim: ClaimAnswer, signer: str) -> tuple[str, str, str]:
    where = claim.network
    if claim.executor:
        where += f" ({one_line(claim.executor)})"
    if claim.platform:
        where += f", {claim.platform}"
    own = "who ran it" if claim.executor else "not said"
    by = "a witness" if claim.witness else own
    if claim.failure:
        by += f"; {claim.failure}"
    return signer, where, by
