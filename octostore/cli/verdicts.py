"""A verdict for people and as JSON: what is believed, of whom, and why not of others.

agreed: use it again                       quorum "my lab", as of 7 entries
  /outputs/residuals.csv   bafkreibg..
    for       Bristol, Caltech
    against   Faulty Build Ltd
  not counted
    did:key:z6Mk..  in no group of the policy
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from invocation_spec.cid import CID
from octostore.belief.heard import Heard, Silence, Testimony
from octostore.belief.judge import Moved
from octostore.belief.policy import ONE, Policy
from octostore.belief.reader import Judged
from octostore.belief.verdict import Advice, OutputVerdict, State
from octostore.cli.rim import one_line
from octostore.counted import counted

__all__ = [
    "heard_json",
    "moved_json",
    "moved_lines",
    "percent",
    "verdict_json",
    "verdict_lines",
]

_STATES: Final[Mapping[State, str]] = {
    "agreed": "agreed",
    "conflict": "CONFLICT",
    "failed": "it failed",
    "nondeterministic": "nondeterministic: one party reports several values",
    "single": "undecided: too few say so",
    "unknown": "unknown",
}

_ADVICE: Final[Mapping[Advice, str]] = {
    "compare": "run it and compare",
    "reuse": "use it again",
    "run": "run it",
}

#: Why a claim is shown and not counted.
SILENCES: Final[Mapping[Silence, str]] = {
    "delegation-expired": "its delegation is over",
    "delegation-scope": "its delegation is for another network",
    "no-group": "in no group of the policy",
    "revoked": "revoked",
    "two-organisations": "tied to two groups, so to none",
    "withdrawn": "withdrawn by who signed it",
}

#: A delegation that ends says nothing of a claim whose log time is not known yet.
_UNTIMED: Final = (
    "its delegation ends, and no map head covers it yet: `octostore map update`"
)

_EQUIVOCATES: Final = "its key signed two histories"

#: Lines of claims that do not count; the rest is a number.
_SHOWN: Final = 20


def verdict_lines(judged: Judged, policy: Policy) -> Iterator[str]:
    """A verdict in words, with what did not count and which links it relied on."""
    verdict, heard = judged.verdict, judged.heard
    state, advice = _STATES[verdict.state], _ADVICE[verdict.advice]
    yield f"  verdict   {state}; {advice}"
    yield f"    by the policy {one_line(policy.name)!r} ({policy.model})"
    for name, output in sorted(verdict.outputs.items()):
        yield f"    {one_line(name) or 'the whole tree'}   {_value(output)}"
        if policy.model == "evidence" and output.finding != "incomparable":
            yield f"      surely    {percent(output.lower_bound)} at least"
        for word, groups in (
            ("for", output.for_),
            ("against", output.against),
            ("silent", output.silent),
        ):
            if groups:
                yield f"      {word:<9} {', '.join(map(one_line, groups))}"
    yield from _silent(heard)
    if verdict.links:
        yield "    relied on links"
        for link in verdict.links:
            yield f"      {link}"
    for cid, why in heard.cuts:
        yield f"    links not followed: {cid}: {why}"


def _value(output: OutputVerdict) -> str:
    if output.finding == "value":
        return str(output.value)
    if output.finding == "incomparable":
        return "incomparable: " + ", ".join(map(str, output.values))
    return "undecided" + ("" if output.value is None else f"; most for {output.value}")


def _silent(heard: Heard) -> Iterator[str]:
    silent = [(item, _why(item)) for item in heard.testimonies]
    found = [(item, why) for item, why in silent if why is not None]
    if not found and not heard.strangers:
        return
    yield "    not counted"
    for item, why in found[:_SHOWN]:
        yield f"      {_speaker(item)}  on {item.network}  {why}"
    more = len(found) - _SHOWN + heard.strangers
    if more > 0 and len(found) >= _SHOWN:
        yield f"      and {counted(more, 'claim')} more"
    elif heard.strangers:
        yield f"      and {counted(heard.strangers, 'claim')} more"


def _why(item: Testimony) -> str | None:
    if item.silent == "delegation-expired" and item.log_time_s is None:
        return _UNTIMED
    if item.silent is not None:
        return SILENCES[item.silent]
    return _EQUIVOCATES if item.equivocates else None


def _speaker(item: Testimony) -> str:
    group = "" if item.group is None else f"{one_line(item.group)}  "
    return f"{group}{item.issuer.did}"


def moved_lines(moved: Sequence[Moved], policy: Policy) -> Iterator[str]:
    """Which groups moved the numbers, by how much, and with which claims."""
    yield "  why"
    if not moved:
        yield "    no output has a leading value"
    claims: dict[str, tuple[CID, ...]] = {}
    for name, some in groupby(moved, lambda item: item.output):
        yield f"    {one_line(name) or 'the whole tree'}"
        for item in some:
            side = "for" if item.agrees else "against"
            yield f"      {side:<9} {one_line(item.group)}{_moved(item, policy)}"
            claims[item.group] = item.claims
    for group, cids in claims.items():
        yield f"    claims of {one_line(group)}"
        for claim in cids:
            yield f"      {claim}"


def _moved(item: Moved, policy: Policy) -> str:
    if policy.model != "evidence":
        return ""
    if item.error is None:
        return "   no weight: it was checked too seldom"
    return (
        f"   errs {percent(item.error)} at most; {percent(item.bound)} with it,"
        f" {percent(item.without)} without"
    )


def moved_json(moved: Sequence[Moved]) -> list[dict[str, object]]:
    """The same as JSON; probabilities are parts of 10^9."""
    return [
        {
            "output": item.output,
            "value": _plain(item.value),
            "group": item.group,
            "agrees": item.agrees,
            "error": item.error,
            "weight": item.weight,
            "bound": item.bound,
            "without": item.without,
            "claims": [str(cid) for cid in item.claims],
        }
        for item in moved
    ]


def percent(parts: int) -> str:
    """A probability, rounded down to what is told apart; never up to certainty."""
    whole, rest = divmod(parts * 100, ONE)
    digits = f"{rest:09d}"[:4].rstrip("0")
    return f"{whole}.{digits} %" if digits else f"{whole} %"


def verdict_json(judged: Judged) -> dict[str, object]:
    """`{state, advice, outputs, policy, .., silent}`: what the block says, in text."""
    verdict = judged.verdict
    return {
        "invocation": str(verdict.invocation),
        "policy": str(verdict.policy),
        "checkpoint": {
            "size": verdict.size,
            "root": base64.b64encode(verdict.root).decode(),
        },
        "state": verdict.state,
        "advice": verdict.advice,
        "outputs": {
            name: _output_json(output) for name, output in verdict.outputs.items()
        },
        "evidence": [str(cid) for cid in verdict.evidence],
        "links": [str(cid) for cid in verdict.links],
        "also": [str(cid) for cid in judged.heard.also],
        "not_counted": heard_json(judged.heard),
        "cid": str(verdict.cid),
    }


def _output_json(output: OutputVerdict) -> dict[str, object]:
    found: object = None if output.value is None else _plain(output.value)
    if output.finding == "incomparable":
        found = [_plain(value) for value in output.values]
    return {
        output.finding: found,
        "for": list(output.for_),
        "against": list(output.against),
        "silent": list(output.silent),
        "lower_bound": output.lower_bound,
    }


def _plain(value: object) -> object:
    return value if isinstance(value, int) else str(value)


def heard_json(heard: Heard) -> dict[str, object]:
    """Claims that do not count, each with its reason, and how many are not listed."""
    silent: Iterable[dict[str, object]] = (
        {
            "claim": str(item.claim),
            "statement": str(item.statement),
            "issuer": str(item.issuer.did),
            "group": item.group,
            "reason": item.silent or "equivocates",
        }
        for item in heard.testimonies
        if _why(item) is not None
    )
    found: dict[str, object] = {"claims": list(silent), "more": heard.strangers}
    if heard.cuts:
        found["cuts"] = [{"at": str(cid), "reason": why} for cid, why in heard.cuts]
    return found
