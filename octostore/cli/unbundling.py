"""A bundle verified for people: each step, the answer, and what is left to trust.

bundle: one answer, proved by this file alone
  checkpoint   holds   example.com/log signed that it has 6 entries
  ..
These are all claims on ... that example.com/log committed to in its first 4
entries, by 2022-11-22 07:06:40 UTC.
You still trust:
  that example.com/log did not fork: cosigned by w.example
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from invocation_spec.errors import OctostoreError
from octostore.bundle.verify import Reading, VerifiedBundle
from octostore.cli.answers import answer_lines
from octostore.cli.believing import Beliefs
from octostore.cli.rim import leave, print_json, report, say
from octostore.counted import first_entries
from octostore.tlog.note import VerifierKey
from octostore.tlog.witness import Quorum

__all__ = ["verify_bundle_file"]

_NAME_WIDTH = 12


def verify_bundle_file(
    stream: BinaryIO,
    log: VerifierKey | None,
    quorum: Quorum,
    *,
    as_json: bool,
) -> None:
    """Verify a bundle and say what holds; exit 5 at the first step that does not."""
    if not as_json:
        say("bundle: one answer, proved by this file alone")
    reading = None
    try:
        reading = Reading(stream, log=log, quorum=quorum)
        for step in reading.steps():
            if not as_json:
                say(f"  {step.name:<{_NAME_WIDTH}} holds   {step.says}")
    except OctostoreError as error:
        name = "file" if reading is None else reading.step
        if not as_json:
            say(f"  {name:<{_NAME_WIDTH}} DOES NOT HOLD")
        leave(report(error, as_json=as_json, step=name))
    if as_json:
        print_json(_json(reading.result))
        return
    for line in _lines(reading.result):
        say(line)


def _lines(found: VerifiedBundle) -> Iterator[str]:
    yield ""
    beliefs = _beliefs(found)
    yield from answer_lines(found.answer, beliefs)
    yield ""
    asked = " and ".join(
        f"{name} {cid}" for name, cid in found.answer.asked.to_json().items()
    )
    log = found.signed.log.name
    some = "These are all claims" if found.answer.invocations else "There are no claims"
    yield f"{some} on {asked}"
    yield (
        f"that {log} committed to in its {first_entries(found.head.size)}, by"
        f" {_when(found.head.time_s)}."
    )
    yield from found.unproven
    yield ""
    yield "You still trust:"
    for line in found.trusted:
        yield f"  {line}"


def _beliefs(found: VerifiedBundle) -> Beliefs | None:
    if found.believed is None:
        return None
    judged = {item.verdict.invocation: item for item in found.believed.judged}
    return Beliefs(found.believed.policy, judged, ())


def _json(found: VerifiedBundle) -> dict[str, object]:
    answer = found.answer.to_json()
    beliefs = _beliefs(found)
    if beliefs is not None:
        beliefs.add_to(answer, [found.answer])
    return {
        "holds": True,
        "proof": "bundle",
        "origin": found.signed.log.name,
        "steps": [{"step": step.name, "says": step.says} for step in found.steps],
        "answer": answer,
        "witnesses": [
            {"name": item.by.name, "time_s": item.time_s}
            for item in found.signed.cosigned
        ],
        "trusted": {
            "log": str(found.signed.log),
            "because": "only the file names it"
            if found.is_named_by_itself
            else "as --log names it",
            "that": list(found.trusted),
        },
        "not_proven": list(found.unproven),
    }


def _when(time_s: int) -> str:
    """A time for people; one that no calendar has stays a number."""
    try:
        return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{time_s} (Unix seconds)"
