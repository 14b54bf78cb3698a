"""Words for people: of outcomes, what is missing and how to mend it; of times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invocation_spec import Outcome
    from invocation_spec.findings import Unresolved

__all__ = ["mend", "outcome_lines", "outcomes_json", "time_words"]

_MENDS = {
    "oci-tag": "is a tag, not a digest; pin it as IMAGE@sha256:<digest>",
    "oci-cmd": "runs by its own CMD, for Entrypoint [] clears the image's; leave"
    " Entrypoint out, or give Parameters",
    "url": "is a URL, whose bytes may change; use a CID",
    "url-name": "gives no file name by its path",
    "s3": "is an object without ChecksumSHA256; add it",
    "s3-prefix": "names many objects; name one key with its checksum",
    "s3-partition": "is split among executions; name one key with its checksum",
    "ipfs-path": "is a path below a CID; use the CID of the file itself",
    "ipns": "is a name that its holder may point elsewhere; use a CID",
    "gftp": "is a transfer whose hash nobody checks",
    "archive": "is an archive that does not unpack to plain files; send the files",
    "repository": "is a repository; use the CID of what it held",
    "sharding": "splits the job by what a glob finds; write one job per shard",
    "await": "awaits a task that this document does not hold",
    "golem-package": "is a package by its own hash; say which module is in it",
    "golem-entry": "is a package whose resolution lacks this entry point",
    "many-programs": "runs several programs; write one job for each",
    "image-tag": "is a tag that Golem's registry may move; name the image's hash",
    "nix-path": "is a path of a store, which says no content; `nix path-info --json` of"
    " it and of all below does",
    "nix-output": "is an output of another derivation; say which path it has",
    "nix-deferred-output": "has no path yet; give the derivation that Nix made of it"
    " when its inputs were built",
    "nix-dynamic-derivation": "is made by a build; give the derivation that was made",
    "nix-references-graph": "tells a build which paths name which; no content says it",
    "earlier-batch": "goes on where an earlier batch stopped; give the whole script",
}


def mend(finding: Unresolved) -> str:
    """One line: where, what was found, and how to settle it."""
    what = _MENDS.get(finding.kind, f"has no content address ({finding.kind})")
    line = f"{finding.at}: {finding.reference} {what}"
    if finding.settle:
        entry = json.dumps(dict(finding.settle), ensure_ascii=False)
        line += f", or pass --resolutions with {entry}"
    return line


def outcome_lines(outcome: Outcome) -> list[str]:
    """The outcome as lines: aligned, the CIDs first, then the findings."""
    lines = [f"{outcome.name}  ({outcome.network}, {outcome.form})"]
    for name, value in (
        ("program", outcome.program),
        ("input", outcome.input),
        ("invocation", outcome.invocation),
        ("without nonce", outcome.without_nonce),
    ):
        if value is not None:
            lines.append(f"  {name:<13} {value.cid}")
    for also in outcome.also:
        lines.append(
            f"  {'also':<13} {also.invocation}  without {len(also.without)} resolutions"
        )
    for alias, text in outcome.aliases.items():
        lines.append(f"  alias         {text}  {alias}")
    lines += [f"  unresolved    {mend(item)}" for item in outcome.unresolved]
    lines += [f"  impure        {item.at}: {item.reason}" for item in outcome.impure]
    lines += [f"  warning       {item.at}: {item.reason}" for item in outcome.warnings]
    return lines


def outcomes_json(outcomes: Sequence[Outcome]) -> object:
    """One object for one task, `{"invocations": [..]}` for several."""
    if len(outcomes) == 1:
        return outcomes[0].to_json()
    return {"invocations": [outcome.to_json() for outcome in outcomes]}


def time_words(seconds: int) -> str:
    """A time in UTC; one that no calendar has stays a number, such as year 10,000."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s"
