"""An orchestrator of Bacalhau that is asked again and again.

What `octostore harvest bacalhau URL` reads, from where either of the two got last: they
share the cursor in the outbox, so a job that did not change is not asked for again.
What is unresolved keeps the cursor back; jobs behind it that were read are remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from invocation_spec import Resolutions
from octostore.harvest.bacalhau.api import Orchestrator
from octostore.harvest.bacalhau.executions import Reader
from octostore.harvest.bacalhau.orchestrator import cursor_name, seen_at
from octostore.harvest.observed import Seen
from octostore.lookup import Web

__all__ = ["FollowedOrchestrator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedOrchestrator:
    """A source of `Watch`; `cursor` reads the outbox, `wait` takes seconds.

    `authorization` is the header of that name, for this server alone.
    """

    url: str
    network: str
    resolutions: Resolutions
    results: Path | None
    publishes_credentials: bool
    cursor: Callable[[str], str | None]
    wait: Callable[[float], None]
    authorization: str | None = None
    _read: dict[str, int] = field(default_factory=dict, init=False)

    def __call__(self) -> Iterator[Seen]:
        """The executions that ended since the cursor; see `seen_at`."""
        with Web(insecure=True) as web:
            api = Orchestrator(self.url, web, self.wait, self.authorization)
            # One for each look: it keeps every job that it has read.
            reader = Reader(self.resolutions, self.results, self.network)
            name = cursor_name(reader, api, self.publishes_credentials)
            cursor = self.cursor(name)
            yield from seen_at(api, reader, cursor, name, lambda _: None, self._read)

    def forget(self) -> None:
        """Ask for all jobs behind the cursor again, which a kept batch moves."""
        self._read.clear()
