"""Runs that Bacalhau reports: executions, each with the job that it ran.

    Answer .. -> jobs and executions matched -> Observed | Unclaimed

A job is updated under its id, so an execution is matched with the version that it ran;
of a job with `Count` over 1 each execution is the partition that its index names. What
leaves a doubt gives no claim, and the reason says what would settle it.
Source: research of bacalhau's API; FORMATS 4 and 5; ADR 20.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from invocation_spec import DocumentError, Outcome, Resolutions
from invocation_spec.canonicalization import canonicalize_document
from invocation_spec.document import Document, Tree
from invocation_spec.node import folded
from octostore.claiming import Reported
from octostore.errors import CarError, FileError, ResultError
from octostore.harvest.bacalhau.answers import Answer, Execution, Job
from octostore.harvest.bacalhau.runs import (
    failure_of,
    hints,
    limits_of,
    native_of,
    published_cid,
    said,
)
from octostore.harvest.bacalhau.states import Ending, ending, is_old
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.published import result_in, root_of
from octostore.result import Result

__all__ = ["NETWORK", "Reader", "job_answers"]

NETWORK: Final = "bacalhau"

#: Of a job's document what canonicalising it can depend on.
_PASSED_OVER: Final = frozenset(
    ("state", "revision", "createtime", "modifytime", "version", "meta", "labels")
)

#: Of a job's document what its server never changes in one version.
_ASKED: Final = frozenset(("tasks", "spec", "count"))

#: Names that a folder of results may have; what an answer says leads nowhere else.
_FOLDER_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
_FORMS: Final = ("", ".tar.gz", ".tgz", ".car")


#: The outcomes of a job, or why it is refused.
_Canonical: TypeAlias = tuple[Outcome, ...] | DocumentError


class _NoClaimError(Exception):
    """Why an execution gives no claim; `outcome` if its job was read."""

    def __init__(
        self, reason: str, outcome: Outcome | None = None, *, has_ended: bool = True
    ) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.has_ended = has_ended


@dataclass(slots=True)
class Reader:
    """Turns jobs and executions into what can be claimed.

    `results` is a folder with the results of executions: each a folder, a tar.gz or a
    CAR, named by the execution or by the CID that was published. `network` is the
    name of this Bacalhau network in claims.
    """

    resolutions: Resolutions
    results: Path | None = None
    network: str = NETWORK
    _last: dict[tuple[str, int, bool], tuple[Tree, _Canonical]] = field(
        default_factory=dict
    )

    def seen(
        self, jobs: Sequence[Job], executions: Sequence[Execution]
    ) -> Iterator[Seen]:
        """All executions, in order, then the jobs that have none."""
        by_id = _by_id(jobs)
        groups: dict[str, list[Execution]] = defaultdict(list)
        for execution in executions:
            groups[execution.job].append(execution)
        for execution in executions:
            yield self._one(execution, by_id[execution.job], groups[execution.job])
        for id_, found in by_id.items():
            if id_ not in groups:
                yield Unclaimed(
                    item=id_ or found[0].at,
                    at=found[0].at,
                    reason=(
                        "a job without its executions: they were collected, or are in"
                        " another answer, GET /api/v1/orchestrator/jobs/ID/executions"
                    ),
                )

    def _one(
        self, execution: Execution, jobs: Sequence[Job], group: Sequence[Execution]
    ) -> Seen:
        try:
            return self._observed(execution, jobs, group)
        except _NoClaimError as error:
            return Unclaimed(
                item=execution.id or execution.at,
                at=execution.at,
                reason=str(error),
                outcome=error.outcome,
                has_ended=error.has_ended,
            )

    def _observed(
        self, execution: Execution, jobs: Sequence[Job], group: Sequence[Execution]
    ) -> Observed:
        end = ending(execution)
        if end not in (Ending.COMPLETED, Ending.FAILED):
            shown = f" ({execution.state})" if end is not Ending.CANCELLED else ""
            raise _NoClaimError(f"{end.value}{shown}", has_ended=end is not Ending.OPEN)
        job = _job_of(execution, jobs)
        outcome = self._outcome(execution, job, group)
        failure = result = None
        if end is Ending.FAILED or _error(execution):
            failure = failure_of(execution)
        elif outcome.invocation is not None:
            result = self._result(execution, outcome, group)
        return Observed(
            item=execution.id,
            at=execution.at,
            outcome=outcome,
            reported=Reported(
                network=self.network,
                result=result,
                failure=failure,
                executor=execution.node,
                job=execution.job or None,
                started=execution.started,
                finished=execution.finished,
                limits=None if execution.era == "v1alpha1" else limits_of(outcome),
                at=hints(execution),
                native=native_of(execution),
            ),
        )

    def _outcome(
        self, execution: Execution, job: Job, group: Sequence[Execution]
    ) -> Outcome:
        """The invocation that this execution ran."""
        copies = job.count > 1 and not _is_partitioned(execution, group)
        found = self._outcomes(job, copies=copies)
        if isinstance(found, DocumentError):
            raise _NoClaimError(f"its job is refused: {found}")
        if len(found) == 1:
            return found[0]
        index = execution.partition or 0
        if index >= len(found):
            raise _NoClaimError(
                f"it is partition {index} of a job with {len(found)}; is this the"
                " version of the job that it ran?"
            )
        return found[index]

    def _outcomes(self, job: Job, *, copies: bool) -> _Canonical:
        """Canonicalise a job once, however many executions it has.

        Up to v1.6.0 a job with `Count` over 1 ran so many copies of one invocation.
        """
        tree = job.document.tree
        assert isinstance(tree, Mapping)  # noqa: S101 - jobs are maps
        drop = _PASSED_OVER | ({"count"} if copies else frozenset())
        core = {key: item for key, item in tree.items() if folded(key) not in drop}
        key = job.id, job.version or 0, copies
        # The last one is compared, for an id alone says nothing of what it names.
        before, found = self._last.get(key, (None, ()))
        if before != core:
            found = _canonical(Document(core, job.document.syntax), self.resolutions)
            self._last[key] = core, found
        return found

    def _result(
        self, execution: Execution, outcome: Outcome, group: Sequence[Execution]
    ) -> Result:
        told = said(execution, outcome)
        if self.results is not None:
            path = _find(self.results, _names(execution, group))
            if path is not None:
                return _opened(path, execution, outcome, told)
            if execution.published is not None:
                raise _NoClaimError(
                    f"its results are not in {self.results} as"
                    f" {' or '.join(_names(execution, group)[:2])}"
                    " (a folder, .tar.gz or .car); put them there, or leave --results"
                    " out and claim what the answer itself says",
                    outcome,
                )
        if told is None:
            raise _NoClaimError(
                "it says nothing of its result: no exit status, and nothing published"
                " on IPFS; name its folder with --results",
                outcome,
            )
        return told


def _canonical(document: Document, resolutions: Resolutions) -> _Canonical:
    try:
        return canonicalize_document(document, resolutions, network=NETWORK)
    except DocumentError as error:
        return error


def job_answers(answers: Iterable[Answer]) -> tuple[list[Job], list[Execution]]:
    """The jobs and executions of several answers; a thing that stands twice, once."""
    jobs: list[Job] = []
    executions: dict[str, Execution] = {}
    for answer in answers:
        jobs += answer.jobs
        for execution in answer.executions:
            known = executions.get(execution.id)
            # Saved twice, the later one knows more; v1alpha1 numbers no revisions.
            if known is None or _order(execution) > _order(known):
                executions[execution.id or execution.at] = execution
    return jobs, list(executions.values())


def _order(execution: Execution) -> tuple[int, bool]:
    return execution.revision, ending(execution) is not Ending.OPEN


def _by_id(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """The jobs of each id; of documents that ask for the same, the last.

    Of one version there are at most two: which of them ran is in doubt already.
    """
    found: dict[str, list[Job]] = defaultdict(list)
    kept: dict[tuple[str, int | None], list[tuple[Tree, int]]] = defaultdict(list)
    for job in jobs:
        asked, places = _asked(job), kept[job.id, job.version]
        place = next((at for other, at in places if other == asked), None)
        if place is not None:
            found[job.id][place] = job
        elif len(places) < 2:
            places.append((asked, len(found[job.id])))
            found[job.id].append(job)
    return found


def _asked(job: Job) -> dict[str, Tree]:
    """What of a job no answer changes: the rest says how it fares."""
    tree = job.document.tree
    assert isinstance(tree, Mapping)  # noqa: S101 - jobs are maps
    return {folded(key): item for key, item in tree.items() if folded(key) in _ASKED}


def _job_of(execution: Execution, jobs: Sequence[Job]) -> Job:
    """The job in the version that the execution ran."""
    found = [execution.embedded] if execution.embedded is not None else list(jobs)
    if not execution.job and execution.embedded is None:
        raise _NoClaimError("it does not say which job it ran: no JobID")
    if not found:
        raise _NoClaimError(
            f"job {execution.job} is in no answer; save"
            f" GET /api/v1/orchestrator/jobs/{execution.job} too"
        )
    wanted = execution.version
    if wanted:
        right = [job for job in found if job.version in (wanted, None)]
        if not right:
            there = ", ".join(sorted({str(job.version) for job in found}))
            raise _NoClaimError(
                f"it ran version {wanted} of job {execution.job}, and version {there}"
                f" is here; save GET /api/v1/orchestrator/jobs/{execution.job}"
                f"?job_version={wanted} too"
            )
        return _only(execution, [job for job in right if job.version] or right)
    versions = {job.version for job in found}
    if len(versions) > 1:
        raise _NoClaimError(
            f"which of {len(versions)} versions of job {execution.job} it ran, is not"
            " said"
        )
    return _only(execution, found)


def _only(execution: Execution, jobs: Sequence[Job]) -> Job:
    if len(jobs) > 1:
        raise _NoClaimError(
            f"{jobs[0].at} and {jobs[1].at} contradict each other about job"
            f" {execution.job}; leave out the one that it did not run"
        )
    return jobs[0]


def _is_partitioned(execution: Execution, group: Sequence[Execution]) -> bool:
    """Whether the executions of a job with `Count` over 1 are its partitions."""
    if execution.version is not None or any(
        item.partition is not None for item in group
    ):
        return True
    if is_old(execution):
        return False
    raise _NoClaimError(
        "its job has a Count over 1, and nothing tells whether it ran a copy of the"
        " job, as up to v1.6.0 of Bacalhau, or a partition of it, as later"
    )


def _error(execution: Execution) -> bool:
    """Whether the node says that the run itself went wrong, in words."""
    output = execution.output or {}
    return bool(output.get("errormsg") or output.get("runnererror"))


def _names(execution: Execution, group: Sequence[Execution]) -> list[str]:
    """What the results of an execution may be called, the best first."""
    published = execution.published or {}
    cid = published_cid(execution)
    names = [
        execution.id,
        published.get("cid"),
        None if cid is None else str(cid),
        published.get("name"),
        execution.job if len(group) == 1 else None,
    ]
    good = [
        name for name in names if isinstance(name, str) and _FOLDER_NAME.fullmatch(name)
    ]
    return list(dict.fromkeys(good))


def _find(folder: Path, names: Sequence[str]) -> Path | None:
    paths = (folder / f"{name}{form}" for name in names for form in _FORMS)
    return next((path for path in paths if path.exists()), None)


def _opened(
    path: Path, execution: Execution, outcome: Outcome, told: Result | None
) -> Result:
    """The result in a folder, which must not contradict the answer."""
    try:
        root = root_of(path)
        result = result_in(path, outcome.result_names)
    except (CarError, FileError, ResultError) as error:
        raise _NoClaimError(f"its results: {error}", outcome) from error
    published = published_cid(execution)
    if None not in (root, published) and root != published:
        raise _NoClaimError(
            f"{path} holds {root}, and {published} was published", outcome
        )
    if told is None:
        return result
    status = told.exit if result.exit is None else result.exit
    if None not in (result.exit, told.exit) and result.exit != told.exit:
        raise _NoClaimError(
            f"{path} holds another exit than the answer says; is it the folder of this"
            " execution?",
            outcome,
        )
    return Result(result.outputs, exit=status)
