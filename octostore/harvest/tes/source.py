"""Where TES tasks are read: files of answers, and servers.

    FILE   a task, or a page of a list: {"tasks": [..], "next_page_token": ".."}
    URL    GET URL/tasks?view=MINIMAL&page_token=..   which tasks there are, and states
           GET URL/tasks/ID?view=FULL                 each that has ended and is new

A server lists IDs and states only; what was claimed before is not asked for again,
so a harvest that broke off goes on where it was. `URL` may be the root of a host:
then `/ga4gh/tes/v1` is added.
Source: ga4gh/task-execution-schemas openapi, ListTasks and GetTask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote, urlencode, urlsplit

from invocation_spec.document import DOCUMENT_BYTES_MAX, read_document
from invocation_spec.errors import DocumentError
from octostore.errors import FileError
from octostore.harvest.observed import Known, Observed, Reached, Seen, Unclaimed
from octostore.harvest.tes.tasks import ENDED, TesTasks, is_id
from octostore.lookup import Web
from octostore.told import RemoteError

__all__ = ["PAGES_MAX", "PAGE_SIZE", "FollowedServer", "from_file", "from_server"]

#: Tasks of one page; servers take less than 2,048.
PAGE_SIZE: Final = 1000

#: Pages of one list: a hundred million tasks at the size asked for. A server whose
#: pages never end is broken.
PAGES_MAX: Final = 100_000

_BASE: Final = "/ga4gh/tes/v1"


def from_file(path: Path, tasks: TesTasks) -> Iterator[Seen]:
    """The tasks of a saved answer.

    Raises:
        FileError: it cannot be read.
        DocumentError: it is no answer with tasks.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error
    try:
        tree = _object(data)
    except DocumentError as error:
        raise DocumentError(f"{path}: {error.reason}", at=error.at) from error
    if "tasks" not in tree:
        yield tasks.seen(tree, str(path))
        return
    for index, task in enumerate(_tasks(tree, str(path))):
        yield tasks.seen(task, f"{path}#/tasks/{index}")
    if tree.get("next_page_token"):
        yield Unclaimed(
            item="",
            at=f"{path}#/next_page_token",
            reason="a page with others after it, which are not in this file",
        )


def from_server(
    web: Web,
    url: str,
    tasks: TesTasks,
    is_known: Callable[[str], bool],
    authorization: str | None = None,
) -> Iterator[Seen]:
    """The tasks of a server; those that have ended and are not known are asked for.

    `authorization` is the header of that name, for this server alone.

    Raises:
        RemoteError: it cannot be reached, refuses, or answers with something else.
    """
    base = _base(url)
    server = _Server(web, authorization)
    for listed in _listed(server, base):
        item, state = listed.get("id"), listed.get("state")
        at = f"{base}/tasks/{item}"
        if not isinstance(item, str) or not is_id(item) or state not in ENDED:
            yield tasks.seen(listed, at)
        elif is_known(item):
            yield Known(item=item, at=at)
        else:
            whole = server.get(f"{at}?view=FULL")
            if whole.get("id") != item:
                raise RemoteError("answers with another task", at=at)
            yield tasks.seen(whole, at)


def _listed(server: _Server, base: str) -> Iterator[Mapping[str, Any]]:
    seen: set[str] = set()
    query: dict[str, str | int] = {"view": "MINIMAL", "page_size": PAGE_SIZE}
    for _ in range(PAGES_MAX):
        page = server.get(f"{base}/tasks?{urlencode(query, quote_via=quote)}")
        yield from _tasks(page, f"{base}/tasks")
        token = page.get("next_page_token")
        if not token:
            return
        if not isinstance(token, str) or token in seen:
            raise RemoteError("lists in a circle, or has no page of it", at=base)
        seen.add(token)
        query["page_token"] = token
    raise RemoteError(f"lists more than {PAGES_MAX} pages", at=base)


def _tasks(page: Mapping[str, Any], at: str) -> list[Mapping[str, Any]]:
    found = page.get("tasks")
    if found is None:
        return []  # of no tasks, as writers of JSON say that leave defaults out
    if not isinstance(found, list) or not all(isinstance(x, Mapping) for x in found):
        raise RemoteError("`tasks` is no list of tasks; is this a TES server?", at=at)
    return found


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise RemoteError("a URL with a query; name the server", at=url)
    path = parts.path.rstrip("/").removesuffix("/tasks")
    return parts._replace(path=path or _BASE).geturl()


@dataclass(frozen=True, slots=True)
class _Server:
    """Answers of one server, each one JSON object."""

    web: Web
    authorization: str | None = field(repr=False)

    def get(self, url: str) -> Mapping[str, Any]:
        headers = {"accept": "application/json"}
        if self.authorization is not None:
            headers["authorization"] = self.authorization
        reply = self.web.get(url, DOCUMENT_BYTES_MAX, headers, plain=True)
        if reply.status != 200:
            hint = "; --authorization FILE says who asks" if reply.status == 401 else ""
            raise RemoteError(f"the server refuses ({reply.status}){hint}", at=url)
        try:
            return _object(reply.body)
        except DocumentError as error:
            raise RemoteError(
                f"no JSON of TES: {error.reason}; is this a TES server?", at=url
            ) from error


def _object(data: bytes) -> Mapping[str, Any]:
    document = read_document(data)
    if document.syntax != "json" or not isinstance(document.tree, Mapping):
        raise DocumentError("expected one JSON object, of a task or a list of tasks")
    return cast("Mapping[str, Any]", document.tree)


@dataclass(slots=True, kw_only=True)
class FollowedServer:
    """A server that is asked again and again; each task that has ended comes once.

    `is_claimed` tells of an ID whether its run was claimed before.
    """

    url: str
    tasks: TesTasks
    is_claimed: Callable[[str], bool]
    authorization: str | None = field(default=None, repr=False)
    _given: set[str] = field(default_factory=set)

    def __call__(self) -> Iterator[Seen]:
        """The tasks that have ended since the last call; see `from_server`."""

        def is_known(item: str) -> bool:
            return item in self._given or self.is_claimed(item)

        with Web() as web:
            for seen in from_server(
                web, self.url, self.tasks, is_known, self.authorization
            ):
                if isinstance(seen, Known | Reached):
                    continue
                if isinstance(seen, Observed) or seen.has_ended:
                    self._given.add(seen.item)
                yield seen

    def forget(self) -> None:
        """Give all tasks again that have no claim: the last ones came to nothing."""
        self._given.clear()
