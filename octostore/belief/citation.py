"""A verdict as a paper cites it: a sentence, a permalink, BibTeX and CSL-JSON.

    cite(judged, policy, Source("example.com/log", "https://..")) -> Citation

What is cited is invocation, policy and checkpoint: who has the log and the policy
computes the same verdict, and its CID says whether it is. Source: FORMATS 9; CSL 1.0.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from octostore.belief.policy import ONE, Policy
from octostore.belief.reader import Judged
from octostore.belief.verdict import OutputVerdict, State, Verdict
from octostore.counted import counted, first_entries

__all__ = ["Citation", "Source", "cite"]

#: Outputs, and groups, that a sentence names; of more it says how many.
_NAMED_MAX: Final = 3

_STATES: Final[dict[State, str]] = {
    "agreed": "is agreed",
    "conflict": "is in dispute",
    "failed": "is that the run failed",
    "nondeterministic": "differs from run to run",
    "single": "is reported and not agreed",
    "unknown": "is not known",
}

#: What TeX would obey, and how it is written.
_TEX: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where the log is: its name, and a URL of a server that has it, if there are."""

    origin: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """One verdict, in the forms that papers and their tools take."""

    sentence: str
    permalink: str
    bibtex: str
    csl: dict[str, object]

    def to_json(self) -> dict[str, object]:
        """`{sentence, permalink, bibtex, csl}`."""
        return {
            "sentence": self.sentence,
            "permalink": self.permalink,
            "bibtex": self.bibtex,
            "csl": self.csl,
        }


def cite(judged: Judged, policy: Policy, source: Source) -> Citation:
    """How to cite a verdict."""
    verdict = judged.verdict
    sentence = _sentence(verdict, policy, source)
    permalink = _permalink(verdict, source)
    key = f"octostore-{str(verdict.invocation)[-8:]}-{verdict.size}"
    title = f"Result of invocation {verdict.invocation}"
    day = _day(judged.heard.time_s)
    csl: dict[str, object] = {"id": key, "type": "dataset", "title": title}
    fields = {"title": title, "howpublished": "Octostore"}
    if source.origin is not None:
        csl["archive"] = source.origin
        fields["howpublished"] = f"Octostore, log {source.origin}"
    if day is not None:
        csl["issued"] = {"date-parts": [[day.year, day.month, day.day]]}
        fields |= {"year": str(day.year), "month": str(day.month)}
    csl |= {"URL": permalink, "note": sentence}
    fields["note"] = sentence
    lines = [f"  {name} = {{{_tex(text)}}}" for name, text in fields.items()]
    lines.append(f"  url = {{{permalink}}}")  # its characters are those of a URL
    bibtex = f"@misc{{{key},\n" + ",\n".join(lines) + "\n}\n"
    return Citation(sentence, permalink, bibtex, csl)


def _sentence(verdict: Verdict, policy: Policy, source: Source) -> str:
    outputs = [
        (name, output)
        for name, output in sorted(verdict.outputs.items())
        if output.finding == "value"
    ]
    what = "The result of invocation"
    text = f"{what} {verdict.invocation} {_STATES[verdict.state]}"
    if verdict.state == "agreed" and outputs:
        named = [_output(name, one, policy) for name, one in outputs[:_NAMED_MAX]]
        more = len(outputs) - len(named)
        named += [f"{counted(more, 'output')} more"] if more else []
        text += f" ({'; '.join(named)})"
    log = "an Octostore log" if source.origin is None else f"the log {source.origin}"
    return (
        f"{text} under the policy {policy.name!r} ({verdict.policy}), as of the"
        f" {first_entries(verdict.size)} of {log} with the root {verdict.root.hex()}:"
        f" verdict {verdict.cid}."
    )


def _output(name: str, output: OutputVerdict, policy: Policy) -> str:
    by = _listed(output.for_)
    text = f"{name or 'the whole tree'} is {output.value} by {by}"
    if output.against:
        text += f", against {_listed(output.against)}"
    if policy.model == "evidence":
        bound = output.lower_bound * 10_000 // (ONE // 100)
        whole, part = divmod(bound, 10_000)
        shown = f"{whole}.{part:04d}".rstrip("0").rstrip(".")
        text += f", with a probability of at least {shown} %"
    return text


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_NAMED_MAX])
    if len(names) > _NAMED_MAX:
        shown.append(f"{len(names) - _NAMED_MAX} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _permalink(verdict: Verdict, source: Source) -> str:
    """Invocation, policy and checkpoint; a server shows the claims as of then."""
    rest = urlencode(
        {
            "policy": str(verdict.policy),
            "root": verdict.root.hex(),
            "verdict": str(verdict.cid),
        }
    )
    if source.base is None:
        return f"octostore:{verdict.invocation}?as_of={verdict.size}#{rest}"
    asked = urlencode({"invocation": str(verdict.invocation), "as_of": verdict.size})
    return f"{source.base.rstrip('/')}/v1/who?{asked}#{rest}"


def _day(time_s: int | None) -> datetime | None:
    """The day of the last map head; None if there is none, or no calendar has it."""
    if time_s is None:
        return None
    try:
        return datetime.fromtimestamp(time_s, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)
