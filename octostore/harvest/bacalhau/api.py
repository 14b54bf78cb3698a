"""The API of a running orchestrator of Bacalhau.

    GET /api/v1/orchestrator/jobs?namespace=*&order_by=created_at&limit=100
    GET /api/v1/orchestrator/jobs/ID/executions?all_job_versions=true&next_token=
    GET /api/v1/orchestrator/jobs/ID?job_version=2

Source: bacalhau pkg/publicapi/endpoint/orchestrator/job.go at v1.9.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, urlencode

from invocation_spec.errors import DocumentError
from octostore.harvest.bacalhau.answers import ANSWER_BYTES_MAX, Answer, read
from octostore.lookup import Reply, Web
from octostore.told import RemoteError, TooLargeError

__all__ = ["EXECUTION_PAGES_MAX", "PAGE_JOBS", "Orchestrator"]

#: Jobs of one page; a job may carry its module inline.
PAGE_JOBS: Final = 100

#: Pages of one harvest: a hundred million jobs; a server whose pages have no end.
_PAGES_MAX: Final = 1_000_000

#: Pages of the executions of one job; all have the bytes of one answer together.
EXECUTION_PAGES_MAX: Final = 10_000

#: Seconds to wait before asking again, where a server did not answer.
_WAITS_S: Final = (0.5, 1.0, 2.0, 4.0)

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
            try:
                answer = self._answer("/jobs", {**query, "next_token": token})
            except DocumentError as error:
                raise RemoteError(error.reason, at=error.at) from error
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

    def executions(self, job: str) -> list[Answer] | None:
        """The executions of a job, of all its versions; None if it has no such job.

        They come in pages, which have `ANSWER_BYTES_MAX` together.

        Raises:
            DocumentError: it answers what no version of Bacalhau does, or pages that
                have no end.
            TooLargeError: more than that, or more than `EXECUTION_PAGES_MAX`.
        """
        path = f"/jobs/{quote(job, safe='')}/executions"
        # Servers before v1.8 have one version and pass the word over.
        query = {"all_job_versions": "true"}
        found: list[Answer] = []
        token, seen, left = "", set[str](), ANSWER_BYTES_MAX
        while len(found) < EXECUTION_PAGES_MAX:
            answer = self._answer(path, {**query, "next_token": token}, left)
            if answer is None:
                return found or None
            found.append(answer)
            token, left = answer.next_token, left - answer.size
            if not token:
                return found
            if token in seen:
                raise DocumentError("its pages have no end", at=answer.at)
            seen.add(token)
        raise TooLargeError(f"more than {EXECUTION_PAGES_MAX} pages", at=self.url)

    def version(self, job: str, version: int) -> Answer | None:
        """A job as it was in one version.

        Raises:
            DocumentError: as `executions` does.
        """
        return self._answer(f"/jobs/{quote(job, safe='')}", {"job_version": version})

    def _answer(
        self,
        path: str,
        query: Mapping[str, object],
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer | None:
        asked = urlencode({key: value for key, value in query.items() if value != ""})
        url = f"{self.url}{_API}{path}?{asked}"
        reply = self._asked(url, bytes_max)
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
            raise DocumentError(
                f"sent no answer of Bacalhau's: {error.reason}", at=url
            ) from error

    def _asked(self, url: str, bytes_max: int) -> Reply:
        for wait in _WAITS_S:
            try:
                reply = self._get(url, bytes_max)
            except TooLargeError:
                raise
            except RemoteError:
                self._wait(wait)
                continue
            if reply.status not in _PASSING:
                return reply
            self._wait(wait)
        return self._get(url, bytes_max)

    def _get(self, url: str, bytes_max: int) -> Reply:
        return self._web.get(url, bytes_max, self._headers, plain=True)


def _date_ns(reply: Reply) -> int | None:
    try:
        date = parsedate_to_datetime(reply.headers.get("date", ""))
        return int(date.timestamp()) * 1_000_000_000
    except ValueError:
        return None
