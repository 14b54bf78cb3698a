"""The record "running this invocation gave this result, or failed so".

    {"type": "claim", "network": "bacalhau", "invocation": bafyrei..,
     "result": bafyrei.., "executor": "QmXa..", "finished": 1669111200}

Source: FORMATS 6; docs/spec/records.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import ClassVar, Final, Literal, Self, TypeAlias, cast, get_args

from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.paths import is_clean
from octostore.errors import RecordError
from octostore.records import shape
from octostore.records.commitment import Reveal
from octostore.records.failure import Failure
from octostore.records.fields import Fields
from octostore.records.limits import Limits
from octostore.records.resolutions import Resolution, frozen_resolutions
from octostore.records.shape import RecordBase

__all__ = [
    "DIRS_MAX",
    "EVIDENCE_MAX",
    "NATIVE_MAX",
    "URLS_MAX",
    "Claim",
    "Withheld",
    "checked_claim",
]

#: Mount points and volumes that were laid over the image; jobs have a handful.
DIRS_MAX: Final = 256

#: Proofs by others: receipts, agreements, attestations.
EVIDENCE_MAX: Final = 256

#: Places to fetch outputs from; a hint, so a few are enough.
URLS_MAX: Final = 16

#: Fields of the network's own report that are kept as it spelled them.
NATIVE_MAX: Final = 64

Withheld: TypeAlias = Literal["input", "program"]
_NO_RESOLUTIONS: Final[Mapping[str, Resolution]] = frozen_resolutions({})
_NO_NATIVE: Final[Mapping[str, str]] = MappingProxyType({})
_WITHHELD: Final = frozenset(get_args(Withheld))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(RecordBase):
    """Running `invocation` on `network` gave `result`, or failed with `failure`.

    `executor` and `job` are the network's own words. Times are Unix seconds, as
    the network reports them; odd ones are findings, no reason to refuse. `dirs`
    are directories laid over the image; `at` are places to fetch outputs from,
    the best first; `native` keeps what the network reported in its own terms.

    Raises:
        RecordError: a field outside its rules, or not exactly one of result and
            failure.
    """

    type: ClassVar[str] = "claim"

    invocation: CID
    network: str
    result: CID | None = None
    failure: Failure | None = None
    executor: str | None = None
    job: str | None = None
    platform: str | None = None
    dirs: tuple[str, ...] = ()
    started: int | None = None
    finished: int | None = None
    limits: Limits | None = None
    resolutions: Mapping[str, Resolution] = field(default_factory=dict, hash=False)
    evidence: tuple[CID, ...] = ()
    at: tuple[str, ...] = ()
    reveals: Reveal | None = None
    withheld: tuple[Withheld, ...] = ()
    native: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "resolutions", frozen_resolutions(self.resolutions))
        put(self, "native", MappingProxyType(dict(self.native)))
        shape.check_block_link(self.invocation, "/invocation")
        shape.check_network(self.network, "/network")
        _check_outcome(self)
        _check_run(self)
        _check_support(self)
        shape.check_count(self.native, NATIVE_MAX, "/native")
        for key, value in self.native.items():
            shape.check_label(key, "/native")
            shape.check_value(value, f"/native/{key}")

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read the fields of the class, as docs/spec/records.md lists them."""
        failure, limits = fields.inner("failure"), fields.inner("limits")
        reveals = fields.inner("reveals")
        return cls(
            invocation=fields.need("invocation", CID),
            network=fields.need("network", str),
            result=fields.find("result", CID),
            failure=Failure.from_fields(failure) if failure else None,
            executor=fields.find("executor", str),
            job=fields.find("job", str),
            platform=fields.find("platform", str),
            dirs=fields.list("dirs", str),
            started=fields.find("started", int),
            finished=fields.find("finished", int),
            limits=Limits.from_fields(limits) if limits else None,
            resolutions=cast(
                "Mapping[str, Resolution]", fields.map("resolutions", object)
            ),
            evidence=fields.list("evidence", CID),
            at=fields.list("at", str),
            reveals=Reveal.from_fields(reveals) if reveals else None,
            withheld=cast("tuple[Withheld, ...]", fields.list("withheld", str)),
            native=fields.map("native", str),
        )

    def to_ipld(self) -> Ipld:
        """All fields that say something."""
        return shape.present(
            {
                "type": self.type,
                "invocation": self.invocation,
                "network": self.network,
                "result": self.result,
                "failure": self.failure.to_ipld() if self.failure else None,
                "executor": self.executor,
                "job": self.job,
                "platform": self.platform,
                "dirs": self.dirs,
                "started": self.started,
                "finished": self.finished,
                "limits": self.limits.to_ipld() if self.limits else None,
                "resolutions": self.resolutions,
                "evidence": self.evidence,
                "at": self.at,
                "reveals": self.reveals.to_ipld() if self.reveals else None,
                "withheld": self.withheld,
                "native": self.native,
            }
        )

    def links(self) -> tuple[CID, ...]:
        """The invocation, and the result if there is one."""
        if self.result is None:
            return (self.invocation,)
        return (self.invocation, self.result)


#: The slots of a claim: to set them so takes half the time of `object.__setattr__`.
_SLOTS: Final = {item.name: vars(Claim)[item.name].__set__ for item in fields(Claim)}
_put_invocation = _SLOTS["invocation"]
_put_network = _SLOTS["network"]
_put_result = _SLOTS["result"]
_put_failure = _SLOTS["failure"]
_put_executor = _SLOTS["executor"]
_put_job = _SLOTS["job"]
_put_platform = _SLOTS["platform"]
_put_dirs = _SLOTS["dirs"]
_put_started = _SLOTS["started"]
_put_finished = _SLOTS["finished"]
_put_limits = _SLOTS["limits"]
_put_resolutions = _SLOTS["resolutions"]
_put_evidence = _SLOTS["evidence"]
_put_at = _SLOTS["at"]
_put_reveals = _SLOTS["reveals"]
_put_withheld = _SLOTS["withheld"]
_put_native = _SLOTS["native"]


def checked_claim(
    invocation: CID,
    network: str,
    result: CID,
    executor: str | None,
    job: str | None,
    platform: str | None,
    started: int | None,
    finished: int | None,
) -> Claim:
    """A claim of fields that `usual.py` has held to the rules of the class.

    To check them again would cost more than reading the claim did.
    """
    claim = object.__new__(Claim)
    _put_invocation(claim, invocation)
    _put_network(claim, network)
    _put_result(claim, result)
    _put_failure(claim, None)
    _put_executor(claim, executor)
    _put_job(claim, job)
    _put_platform(claim, platform)
    _put_dirs(claim, ())
    _put_started(claim, started)
    _put_finished(claim, finished)
    _put_limits(claim, None)
    _put_resolutions(claim, _NO_RESOLUTIONS)
    _put_evidence(claim, ())
    _put_at(claim, ())
    _put_reveals(claim, None)
    _put_withheld(claim, ())
    _put_native(claim, _NO_NATIVE)
    return claim


def _check_outcome(claim: Claim) -> None:
    if (claim.result is None) == (claim.failure is None):
        raise RecordError("expected either a result or a failure", at="/")
    if claim.result is not None:
        shape.check_block_link(claim.result, "/result")
    elif claim.reveals is not None:
        raise RecordError("a failure reveals no result", at="/reveals")


def _check_run(claim: Claim) -> None:
    if claim.executor is not None:
        shape.check_label(claim.executor, "/executor")
    if claim.job is not None:
        shape.check_label(claim.job, "/job")
    if claim.platform is not None:
        shape.check_platform(claim.platform, "/platform")
    if claim.started is not None:
        shape.check_integer(claim.started, "/started")
    if claim.finished is not None:
        shape.check_integer(claim.finished, "/finished")
    shape.check_count(claim.dirs, DIRS_MAX, "/dirs")
    shape.check_sorted(claim.dirs, "/dirs")
    for path in claim.dirs:
        if not is_clean(path):
            raise RecordError(f"{path[:80]!r} is no clean absolute path", at="/dirs")


def _check_support(claim: Claim) -> None:
    shape.check_count(claim.evidence, EVIDENCE_MAX, "/evidence")
    shape.check_sorted(claim.evidence, "/evidence")
    shape.check_count(claim.at, URLS_MAX, "/at")
    for url in claim.at:
        shape.check_url(url, "/at")
    if len(set(claim.at)) < len(claim.at):
        raise RecordError("one URL stands there twice", at="/at")
    shape.check_sorted(claim.withheld, "/withheld")
    if not _WITHHELD.issuperset(claim.withheld):
        raise RecordError('expected "input", "program" or both', at="/withheld")
