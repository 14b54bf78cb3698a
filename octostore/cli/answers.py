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

from collections.abc import Iterable, Sequence

from invocation_spec import CID
from octostore.answer import Answer, ClaimAnswer, InvocationAnswer

__all__ = ["answer_lines"]

_UNVERIFIED = "* the name that the key gives itself; nobody has checked it"


def answer_lines(answer: Answer) -> list[str]:
    """The lines of an answer, as plain aligned text."""
    if not answer.invocations:
        lines = ["no claims"]
    else:
        lines = [
            line
            for invocation in answer.invocations
            for line in (*_invocation(invocation), "")
        ]
        if any(c.name for item in answer.invocations for c in item.claims):
            lines.append(_UNVERIFIED)
    lines.append(f"from a log of {answer.checkpoint.size} entries")
    if answer.next is not None:
        lines.append(f"there is more: --after {answer.next}")
    return lines


def _invocation(item: InvocationAnswer) -> Iterable[str]:
    by_cid = _by_cid(item.claims)
    yield f"invocation  {item.invocation}" + ("  (with a nonce)" if item.nonced else "")
    yield f"  program   {item.program}"
    yield f"  input     {item.input}"
    for name, values in sorted(item.outputs.items()):
        title = _shown(name) or "the whole tree"
        yield from _headed(title, conflict=name in item.conflicts)
        marks = [f"R{number}" for number in range(1, len(values) + 1)]
        yield from _table(
            (mark, [claim for cid in value.claims for claim in by_cid[cid]])
            for mark, value in zip(marks, values, strict=True)
        )
        for mark, value in zip(marks, values, strict=True):
            yield f"    {mark} = {value.value}"
    if "exit" in item.conflicts:
        codes = sorted({c.exit for c in item.claims if c.exit is not None})
        yield from _headed("exit status", conflict=True)
        yield from _table(
            (str(code), [c for c in item.claims if c.exit == code]) for code in codes
        )
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
            yield from _table([("", group)])


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


def _table(groups: Iterable[tuple[str, Sequence[ClaimAnswer]]]) -> Iterable[str]:
    rows = [("", "signed by", "ran on", "reported by")]
    for mark, claims in groups:
        rows += [
            ("" if number else mark, *_row(claim))
            for number, claim in enumerate(claims)
        ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("    " + "   ".join(cells)).rstrip()


def _row(claim: ClaimAnswer) -> tuple[str, str, str]:
    signer = f"{_shown(claim.name)}*" if claim.name else str(claim.issuer)
    where = claim.network
    if claim.executor:
        where += f" ({_shown(claim.executor)})"
    if claim.platform:
        where += f", {claim.platform}"
    own = "who ran it" if claim.executor else "not said"
    by = "a witness" if claim.witness else own
    if claim.failure:
        by += f"; {claim.failure}"
    return signer, where, by


def _shown(text: str) -> str:
    # Names come from strangers: no terminal escapes, no right-to-left tricks.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
