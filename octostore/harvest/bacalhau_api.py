"""A running orchestrator of Bacalhau, read job by job.

    GET /api/v1/orchestrator/jobs?namespace=*&order_by=created_at&limit=100
    GET /api/v1/orchestrator/jobs/ID/executions?all_job_versions=true
    GET /api/v1/orchestrator/jobs/ID?job_version=2

Jobs are listed in the order in which they were made, which does not change while pages
are turned; after that only those that changed since, where the server can tell. Of the
others the executions are not asked for again: one that ends changes its job.
Source: bacalhau pkg/publicapi/endpoint/orchestrator/job.go at v1.9.0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Self
from urllib.parse import quote, urlencode

from invocation_spec.errors import DocumentError
from octostore.harvest.bacalhau import Reader, job_answers
from octostore.harvest.bacalhau_answers import (
    ANSWER_BYTES_MAX,
    Answer,
    Execution,
    Job,
    read,
)
from octostore.harvest.observed import Observed, Reached, Seen, Unclaimed
from octostore.lookup import Reply, Web
from octostore.told import RemoteError, TooLargeError

__all__ = ["PAGE_JOBS", "Cursor", "Orchestrator", "cursor_name", "seen_at"]

#: Jobs of one page; a job may carry its module inline.
PAGE_JOBS: Final = 100

#: Pages of one harvest: a hundred million jobs; a server whose pages have no end.
_PAGES_MAX: Final = 1_000_000

#: Seconds to wait before asking again, where a server did not answer.
_WAITS_S: Final = (0.5, 1.0, 2.0, 4.0)

#: Changed jobs that are kept at once; of more, all jobs are listed as they were made.
_CHANGED_MAX: Final = 1000

#: Clocks of a server and its nodes may differ by so much.
_SKEW_NS: Final = 60 * 1_000_000_000

#: What may be gone by the next second.
_PASSING: Final = (408, 429, 500, 502, 503, 504)

_API: Final = "/api/v1/orchestrator"


class Orchestrator:
    """The API at a URL that a person named; plain http is admitted.

    `authorization` is the header of that name, for this server alone.

    Raises:
        RemoteError: from every method: no answer after several tries, a refusal, or
            an answer that is no Bacalhau's.
    """

    def __init__(
        self,
        url: str,
        web: Web,
        wait: Callable[[float], None],
        authorization: str | None = None,
    ) -> None:
        self._headers = (
            {} if authorization is None else {"authorization": authorization}
        )
        self.url = url.rstrip("/").removesuffix(_API)
        self._web = web
        self._wait = wait
        #: What its clock said when it first answered, in nanoseconds; None if nothing.
        self.began_ns: int | None = None

    def pages(self, *, last_changed_first: bool = False) -> Iterator[Answer]:
        """All jobs, the first made first; or, from v1.5 on, the last changed first."""
        order = {"order_by": "created_at"}
        if last_changed_first:
            order = {"order_by": "modified_at", "reverse": "true"}
        token, seen = "", set[str]()
        for _ in range(_PAGES_MAX):
            query = {"namespace": "*", **order, "limit": PAGE_JOBS}
            answer = self._answer("/jobs", {**query, "next_token": token})
            if answer is None:
                raise RemoteError(
                    "no orchestrator's API is there (404)", at=f"{self.url}{_API}/jobs"
                )
            yield answer
            token = answer.next_token
            if not token:
                return
            if token in seen:
                break
            seen.add(token)
        raise RemoteError("its pages have no end", at=f"{self.url}{_API}/jobs")

    def executions(self, job: str) -> Answer | None:
        """The executions of a job, of all its versions; None if it has no such job."""
        # Servers before v1.8 have one version and pass the word over.
        query = {"all_job_versions": "true"}
        return self._answer(f"/jobs/{quote(job, safe='')}/executions", query)

    def version(self, job: str, version: int) -> Answer | None:
        """A job as it was in one version."""
        return self._answer(f"/jobs/{quote(job, safe='')}", {"job_version": version})

    def _answer(self, path: str, query: Mapping[str, object]) -> Answer | None:
        asked = urlencode({key: value for key, value in query.items() if value != ""})
        url = f"{self.url}{_API}{path}?{asked}"
        reply = self._asked(url)
        if self.began_ns is None:
            self.began_ns = _date_ns(reply)
        if reply.status == 404:
            return None
        if reply.status in (401, 403):
            raise RemoteError(
                f"refuses ({reply.status}); --authorization FILE says who asks", at=url
            )
        if reply.status != 200:
            raise RemoteError(f"refuses ({reply.status})", at=url)
        try:
            return read(reply.body, url)
        except DocumentError as error:
            raise RemoteError(
                f"sent no answer of Bacalhau's: {error.reason}", at=url
            ) from error

    def _asked(self, url: str) -> Reply:
        for wait in _WAITS_S:
            try:
                reply = self._get(url)
            except TooLargeError:
                raise
            except RemoteError:
                self._wait(wait)
                continue
            if reply.status not in _PASSING:
                return reply
            self._wait(wait)
        return self._get(url)

    def _get(self, url: str) -> Reply:
        return self._web.get(url, ANSWER_BYTES_MAX, self._headers, plain=True)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Which jobs need not be looked at again, in nanoseconds of the server's clock.

    Jobs last changed up to `done`; and of those made before `through`, jobs last
    changed up to `began`: a harvest that began then got no further.
    """

    done: int = 0
    began: int = 0
    through: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """What `str` wrote; one of another layout begins at the beginning."""
        try:
            numbers = json.loads(text or "[]")
            done, began, through = numbers
            return cls(int(done), int(began), int(through))
        except (ValueError, TypeError):
            return cls()

    def __str__(self) -> str:
        return json.dumps([self.done, self.began, self.through])

    def covers(self, made: int, changed: int) -> bool:
        """Whether a job with these times was dealt with."""
        return changed <= (self.began if made < self.through else self.done)


def cursor_name(reader: Reader, api: Orchestrator, publishes_credentials: bool) -> str:
    """What the outbox calls how far this orchestrator was read.

    Who publishes what looks like credentials begins anew: it was left out before.
    """
    credentials = ", with credentials" if publishes_credentials else ""
    return f"{reader.network} {api.url}{credentials}"


def seen_at(
    api: Orchestrator,
    reader: Reader,
    cursor: str | None,
    source: str,
    tell: Callable[[int], None],
) -> Iterator[Seen]:
    """All executions of a running orchestrator that are new since the cursor.

    `source` names the cursor, `tell` is told how many jobs were looked at. What is
    unresolved or lacks its results keeps the cursor before it, so that it is read
    again when somebody has settled it.
    """
    known = Cursor.parse(cursor)
    if known.done and not known.through:
        changed = _changed_since(api, known.done)
        if changed is not None:
            yield from _seen_of(api, reader, changed, source, tell)
            return
    open_since: int | None = None
    looked_at = 0
    for page in api.pages():
        through = 0
        for job in page.jobs:
            looked_at += 1
            tell(looked_at)
            through = max(through, job.made_ns)
            if known.covers(job.made_ns, job.changed_ns):
                continue
            for item in _executions(api, reader, job):
                if _may_be_settled(item):
                    open_since = min(open_since or job.changed_ns, job.changed_ns)
                yield item
        began = _before(api, open_since)
        if began and through > known.through:
            yield Reached(source=source, value=str(Cursor(known.done, began, through)))
    if began := _before(api, open_since):
        yield Reached(source=source, value=str(Cursor(done=began)))


def _changed_since(api: Orchestrator, done_ns: int) -> list[Job] | None:
    """The jobs that changed since, the first to change first; None if it cannot tell.

    They are listed from the last changed on down. What changes meanwhile moves up, so
    that others are seen twice; it is itself for the next time, for it changed after
    this one began.
    """
    found: dict[str, Job] = {}
    try:
        for page in api.pages(last_changed_first=True):
            for job in page.jobs:
                if job.changed_ns <= done_ns:
                    return list(found.values())[::-1]
                found.setdefault(job.id, job)
            if len(found) > _CHANGED_MAX:
                return None
    except RemoteError:
        return None  # before v1.5; if it is away, the other way says so
    return list(found.values())[::-1]


def _seen_of(
    api: Orchestrator,
    reader: Reader,
    jobs: list[Job],
    source: str,
    tell: Callable[[int], None],
) -> Iterator[Seen]:
    """All executions of these jobs, and that they were read."""
    open_since: int | None = None
    for looked_at, job in enumerate(jobs, 1):
        tell(looked_at)
        for item in _executions(api, reader, job):
            if _may_be_settled(item):
                open_since = min(open_since or job.changed_ns, job.changed_ns)
            yield item
    if began := _before(api, open_since):
        yield Reached(source=source, value=str(Cursor(done=began)))


def _before(api: Orchestrator, open_since: int | None) -> int:
    """Up to which change everything is dealt with, as far as it was read."""
    if api.began_ns is None:
        return 0
    began = api.began_ns - _SKEW_NS
    return max(0, began if open_since is None else min(began, open_since - 1))


def _executions(api: Orchestrator, reader: Reader, job: Job) -> Iterator[Seen]:
    try:
        answer = api.executions(job.id)
    except TooLargeError as error:
        reason = f"its executions are too many for one answer: {error.reason}"
        yield Unclaimed(item=job.id, at=job.at, reason=reason)
        return
    if answer is None:
        yield Unclaimed(
            item=job.id, at=job.at, reason="its executions were collected (404)"
        )
        return
    jobs, executions = job_answers([answer])
    jobs = [job, *jobs, *_versions(api, job, executions)]
    yield from reader.seen(jobs, executions)


def _versions(
    api: Orchestrator, job: Job, executions: list[Execution]
) -> Iterator[Job]:
    """The versions of a job that executions ran and no answer repeats."""
    wanted = {item.version for item in executions if item.embedded is None}
    for version in sorted(item for item in wanted if item):
        if version != job.version:
            answer = api.version(job.id, version)
            yield from answer.jobs if answer is not None else ()


def _may_be_settled(item: Seen) -> bool:
    """Whether another harvest may claim this: nothing about it is final."""
    if isinstance(item, Observed):
        return item.outcome.name == "unresolved"
    return isinstance(item, Unclaimed) and item.outcome is not None


def _date_ns(reply: Reply) -> int | None:
    try:
        date = parsedate_to_datetime(reply.headers.get("date", ""))
        return int(date.timestamp()) * 1_000_000_000
    except ValueError:
        return None
