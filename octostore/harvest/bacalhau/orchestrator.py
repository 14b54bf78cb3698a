"""A running orchestrator of Bacalhau, read job by job, from where the last harvest got.

Jobs are listed in the order in which they were made, which does not change while pages
are turned; after that only those that changed since, where the server can tell. Of the
others the executions are not asked for again: one that ends changes its job.
Source: ADR 20.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from invocation_spec.errors import DocumentError
from octostore.harvest.bacalhau.answers import Execution, Job
from octostore.harvest.bacalhau.api import Orchestrator
from octostore.harvest.bacalhau.executions import Reader, job_answers
from octostore.harvest.observed import Observed, Reached, Seen, Unclaimed
from octostore.told import RemoteError, TooLargeError

__all__ = ["READ_MAX", "Cursor", "cursor_name", "seen_at"]

#: Jobs that are remembered as read; of more, all are asked for once again.
READ_MAX: Final = 100_000

#: Changed jobs that are kept at once; of more, all jobs are listed as they were made.
_CHANGED_MAX: Final = 1000

#: Clocks of a server and its nodes may differ by so much.
_SKEW_NS: Final = 60 * 1_000_000_000


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
    read: MutableMapping[str, int] | None = None,
) -> Iterator[Seen]:
    """All executions of a running orchestrator that are new since the cursor.

    `source` names the cursor, `tell` is told how many jobs were looked at. What is
    unresolved or lacks its results keeps the cursor before it, so that it is read
    again when somebody has settled it. `read` is for who looks again and again: the
    jobs behind such a cursor about which nothing is open, by when they had changed;
    they are not asked for again until they change.
    """
    known = Cursor.parse(cursor)
    look = _Look(api, reader, {} if read is None else read)
    if known.done and not known.through:
        changed = _changed_since(api, known.done)
        if changed is not None:
            yield from _seen_of(look, changed, source, tell)
            return
    looked_at = 0
    for page in api.pages():
        through = 0
        for job in page.jobs:
            looked_at += 1
            tell(looked_at)
            through = max(through, job.made_ns)
            if known.covers(job.made_ns, job.changed_ns):
                continue
            yield from look.at(job)
        began = look.dealt_with_ns
        if began and through > known.through:
            yield Reached(source=source, value=str(Cursor(known.done, began, through)))
    if began := look.dealt_with_ns:
        yield Reached(source=source, value=str(Cursor(done=began)))


@dataclass(slots=True)
class _Look:
    """One look at an orchestrator: what of it is open, and what is read for good."""

    api: Orchestrator
    reader: Reader
    read: MutableMapping[str, int]
    _open_since: int | None = None

    def at(self, job: Job) -> Iterator[Seen]:
        """The executions of a job that was not read, or has changed since."""
        if job.changed_ns and self.read.get(job.id) == job.changed_ns:
            return
        is_open = False
        for item in _executions(self.api, self.reader, job):
            if _may_be_settled(item):
                since = self._open_since or job.changed_ns
                self._open_since = min(since, job.changed_ns)
                is_open = True
            elif isinstance(item, Unclaimed) and not item.has_ended:
                is_open = True
            yield item
        if not is_open:
            if len(self.read) >= READ_MAX:
                self.read.clear()
            self.read[job.id] = job.changed_ns

    @property
    def dealt_with_ns(self) -> int:
        """Up to which change everything is dealt with, as far as it was read."""
        if self.api.began_ns is None:
            return 0
        began = self.api.began_ns - _SKEW_NS
        since = self._open_since
        return max(0, began if since is None else min(began, since - 1))


def _changed_since(api: Orchestrator, done_ns: int) -> list[Job] | None:
    """The jobs that changed since, the first to change first; None if it cannot tell.

    They are listed from the last changed on down. What changes meanwhile moves up, so
    that others are seen twice; it is itself for the next time, for it changed after
    this one began.
    """
    found: dict[str, Job] = {}
    try:
        for page in api.pages(last_changed_first=True):
            changes = [job.changed_ns for job in page.jobs]
            if any(later > before for before, later in pairwise(changes)):
                return None  # it has passed the order over
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
    look: _Look, jobs: list[Job], source: str, tell: Callable[[int], None]
) -> Iterator[Seen]:
    """All executions of these jobs, and that they were read."""
    for looked_at, job in enumerate(jobs, 1):
        tell(looked_at)
        yield from look.at(job)
    if began := look.dealt_with_ns:
        yield Reached(source=source, value=str(Cursor(done=began)))


def _executions(api: Orchestrator, reader: Reader, job: Job) -> Iterator[Seen]:
    try:
        answers = api.executions(job.id)
        jobs, executions = job_answers(answers or ())
        jobs = [job, *jobs, *_versions(api, job, executions)]
    except DocumentError as error:  # of this job; others are as good as before
        yield Unclaimed(item=job.id, at=job.at, reason=f"its executions: {error}")
        return
    except TooLargeError as error:
        reason = f"its executions are too many: {error.reason}"
        yield Unclaimed(item=job.id, at=job.at, reason=reason)
        return
    if answers is None:
        yield Unclaimed(
            item=job.id, at=job.at, reason="its executions were collected (404)"
        )
        return
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
