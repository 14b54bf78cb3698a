"""From a canonical outcome and a result to a claim, and what it publishes.

A claim makes its invocation public: arguments, environment and file names stand
in the input block. Environment values that look like secrets are refused here,
before anything is signed. Source: FORMATS 5 and 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from invocation_spec.cid import CID
from invocation_spec.findings import Json
from invocation_spec.model import Input, Invocation, Program
from invocation_spec.outcome import Outcome
from invocation_spec.references import GolemHash, parse_image, parse_sha256
from octostore.contents import cid_of_file, files_below
from octostore.errors import RecordError
from octostore.records import Claim, Failure, Limits, Link
from octostore.records.claim import Withheld
from octostore.records.commitment import Reveal
from octostore.records.resolutions import Resolution
from octostore.records.shape import RecordBase
from octostore.result import Result
from octostore.statement import Statement

__all__ = [
    "Prepared",
    "Reported",
    "closure",
    "credentials",
    "links",
    "outputs_of",
    "prepare",
]

#: Words in names, after `apiKey` has become `api_key`. PWD is where one works, and
#: MAX_TOKENS a number.
_SECRET_NAME: Final = re.compile(
    r"(secret|passw(or)?d|passphrase|credentials?|mnemonic"
    r"|(api|access|auth|private|secret)_?key(_?id)?)(_|$)|token$|_pwd$"
)
_WORD_BEGINS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

#: Keys that say what they are: PEM, AWS, GitHub, GitLab, Google, Slack, Stripe,
#: OpenAI, Hugging Face; JSON web tokens, HTTP authorization, passwords in URLs.
_SECRET_VALUE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36,}"
    r"|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}|\bAIza[\w-]{35}|\bxox[baprs]-[\w-]{10,}"
    r"|\b[rs]k_live_\w{16,}|\bsk-[\w-]{20,}|\bhf_\w{30,}"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|\b(?:Basic|Bearer) \S{8,}|://[^/\s:@]*:[^/\s@]+@"
)


@dataclass(frozen=True, slots=True)
class Reported:
    """What a node says of one run: a result or a failure, and its circumstances.

    Times are Unix seconds. `executor` and `job` are the network's own names, and
    `native` what it says in words of its own. `evidence` are blocks that others
    signed or wrote, such as receipts, by their CIDs; they travel with the claim.
    """

    network: str
    result: Result | None = None
    failure: Failure | None = None
    executor: str | None = None
    job: str | None = None
    platform: str | None = None
    started: int | None = None
    finished: int | None = None
    limits: Limits | None = None
    at: tuple[str, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    evidence: Mapping[CID, bytes] = field(default_factory=dict, hash=False)
    native: Mapping[str, str] = field(default_factory=dict, hash=False)
    reveals: Reveal | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A claim that is ready to be signed, and the blocks that it publishes.

    `evidence` are the blocks that the claim's field of that name lists.
    """

    claim: Claim
    program: Program
    input: Input
    invocation: Invocation
    result: Result | None
    evidence: Mapping[CID, bytes] = field(default_factory=dict, hash=False)

    @property
    def blocks(self) -> tuple[tuple[CID, bytes], ...]:
        """The claim's closure (invocation, result, program, input) and evidence."""
        parts: list[tuple[CID, bytes]] = [
            (self.claim.cid, self.claim.block),
            (self.invocation.cid, self.invocation.block),
        ]
        if self.result is not None:
            parts.append((self.result.cid, self.result.block))
        if "program" not in self.claim.withheld:
            parts.append((self.program.cid, self.program.block))
        if "input" not in self.claim.withheld:
            parts.append((self.input.cid, self.input.block))
        return (*parts, *self.evidence.items())


def prepare(outcome: Outcome, reported: Reported) -> Prepared:
    """The claim that `reported` makes about a canonical outcome.

    Raises:
        RecordError: the outcome is not canonical, or what was reported breaks a
            rule of claims.
    """
    invocation = outcome.invocation
    if invocation is None or outcome.program is None or outcome.input is None:
        raise RecordError(
            f"the spec is {outcome.name}; only a canonical one has claims"
        )
    result = reported.result
    claim = Claim(
        invocation=invocation.cid,
        network=reported.network,
        result=None if result is None else result.cid,
        failure=reported.failure,
        executor=reported.executor,
        job=reported.job,
        platform=reported.platform,
        dirs=outcome.dirs,
        started=reported.started,
        finished=reported.finished,
        limits=reported.limits,
        # The same JSON: `Resolutions` has checked it as the claim does again.
        resolutions=cast("Mapping[str, Resolution]", outcome.resolutions),
        at=reported.at,
        withheld=tuple(sorted(set(reported.withheld))),
        evidence=tuple(sorted(reported.evidence)),
        native=reported.native,
        reveals=reported.reveals,
    )
    return Prepared(
        claim, outcome.program, outcome.input, invocation, result, reported.evidence
    )


def links(outcome: Outcome) -> tuple[Link, ...]:
    """What the resolutions say of content that had an address already.

    A claim under the new address is found under the old one through these.
    """
    replaced = {key for also in outcome.also for key in also.without}
    found = (_link(key, outcome.resolutions.get(key)) for key in sorted(replaced))
    return tuple(link for link in found if link is not None)


def _link(reference: str, meaning: Json) -> Link | None:
    if reference.startswith("ipfs:") and isinstance(meaning, str):
        a, b = sorted((CID.parse(reference.removeprefix("ipfs:")), CID.parse(meaning)))
        return Link(a=a, b=b, means="same-bytes", how="stated by a resolution")
    if not isinstance(meaning, dict):
        return None
    digest, platform = meaning.get("digest"), meaning.get("platform")
    if not isinstance(digest, str):
        return None
    to = CID.of_digest(parse_sha256(digest))
    if reference.startswith("golem:"):
        bits, hexadecimal = reference.removeprefix("golem:sha3-").split(":")
        image = GolemHash(bytes.fromhex(hexadecimal), "").cid
        return Link(a=image, b=to, means="built-from", how=f"sha3-{bits}, resolved")
    index = parse_image(reference.removeprefix("oci:")).digest
    if index is None or not isinstance(platform, str) or index == to.digest:
        return None
    return Link(a=CID.of_digest(index), b=to, means="selects", platform=platform)


def credentials(input: Input) -> list[str]:
    """Names of environment variables whose name or value looks like a secret."""
    return [
        name
        for name, value in input.env.items()
        if value and (_is_secret(name) or _SECRET_VALUE.search(value))
    ]


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(_WORD_BEGINS.sub("_", name).lower()) is not None


def outputs_of(name: str, value: CID | Path) -> Iterator[tuple[str, CID]]:
    """The outputs that `NAME=VALUE` gives: one, or a folder's files by path.

    Raises:
        FileError: they cannot be read, or a folder holds more than files.
    """
    if isinstance(value, CID):
        yield name, value
    elif value.is_dir():
        for path in files_below(value, whole=True):
            inner = path.relative_to(value).as_posix()
            yield f"{name.rstrip('/')}/{inner}", cid_of_file(path)
    else:
        yield name, cid_of_file(value)


def closure(
    statement: Statement, prepared: Sequence[Prepared | RecordBase]
) -> dict[CID, bytes]:
    """All blocks that a statement needs to be logged, the envelope first."""
    blocks = {statement.envelope_cid: statement.envelope}
    for item in prepared:
        parts = item.blocks if isinstance(item, Prepared) else ((item.cid, item.block),)
        blocks.update(parts)
    return blocks
