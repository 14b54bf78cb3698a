"""Following a node for ever: its runs are claimed as they end, whatever else breaks.

    look at the source -> take what is new -> sign a batch -> deliver, again and again

What is signed is on the disk before it leaves, and stays there until somebody has it:
a destination that is away is asked again after 1 s, 2 s, 4 s, up to five minutes, and
meanwhile runs are claimed as before. A source that fails is looked at again likewise.
Source: ADR 20; docs/guides/watch.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from invocation_spec.errors import OctostoreError
from octostore.errors import KeyFileError, StoreError
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.harvest.outbox import Outbox
from octostore.harvest.run import Harvest

__all__ = [
    "FLUSH_AFTER_S",
    "RETRY_FIRST_S",
    "RETRY_MOST_S",
    "TOLD_MAX",
    "Source",
    "Watch",
]

#: Seconds that a run waits for others to share its signature.
FLUSH_AFTER_S: Final = 10.0

#: Seconds until what failed is tried again, doubled each time, and the most of it.
RETRY_FIRST_S: Final = 1.0
RETRY_MOST_S: Final = 300.0

#: Runs without a claim that are remembered, so that each is told once.
TOLD_MAX: Final = 100_000


class Source(Protocol):
    """What is looked at again and again."""

    def __call__(self) -> Iterable[Seen]:
        """What there is that was not given before."""
        ...

    def forget(self) -> None:
        """Give again what has no claim: the last of it could not be signed."""
        ...


@dataclass(slots=True)
class _Retry:
    """When something that failed is tried again; `after_s` is 0 while it works."""

    due: float = 0.0
    after_s: float = 0.0

    def fail(self, now: float) -> float:
        self.after_s = min(2 * self.after_s or RETRY_FIRST_S, RETRY_MOST_S)
        self.due = now + self.after_s
        return self.after_s

    def work(self) -> None:
        self.due = self.after_s = 0.0


class Watch:
    """One source, one key, one destination.

    Args:
        source: what is followed.
        harvest: claims and delivers; made with `delivers=False`.
        outbox: of the same key.
        log: takes a line for each run, and for what goes wrong.
        now: seconds of a clock that only goes on.
    """

    def __init__(
        self,
        source: Source,
        harvest: Harvest,
        outbox: Outbox,
        log: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        self._source = source
        self._harvest = harvest
        self._outbox = outbox
        self._log = log
        self._now = now
        self._looking = _Retry()
        self._signing = _Retry()
        self._delivering = _Retry()
        self._oldest: float | None = None
        self._refused: dict[str, str] = {}

    def run(self, wait: Callable[[float], bool], every_s: float) -> None:
        """Follow the source until `wait`, given seconds, says that it is to end.

        Then what was taken is signed, and brought if the destination is there.
        """
        while True:
            self.turn()
            if wait(every_s):
                break
        self.finish()

    def turn(self) -> None:
        """Look once; sign and deliver what is due."""
        if self._now() >= self._looking.due:
            self._look()
        begun = self._oldest
        if begun is None or self._now() - begun >= FLUSH_AFTER_S:
            self._sign()
        if self._now() >= self._delivering.due:
            self._deliver()

    def once(self) -> OctostoreError | None:
        """Look, sign and deliver, once; what went wrong, if anything did."""
        failed = self._look()
        return self.finish() or failed

    def finish(self) -> OctostoreError | None:
        """Sign and deliver now, once; what went wrong, if anything did."""
        failed = self._sign()
        return self._deliver() or failed

    def _look(self) -> OctostoreError | None:
        try:
            for seen in self._source():
                self._take(seen)
        except (StoreError, KeyFileError) as error:  # of our disk: nothing was signed
            self._put_off_signing(error)
            return error
        except OctostoreError as error:
            again = self._looking.fail(self._now())
            self._log(f"source: {error}; again in {again:.0f} s")
            return error
        self._looking.work()
        return None

    def _take(self, seen: Seen) -> None:
        if isinstance(seen, Unclaimed) and not seen.has_ended:
            return  # it will be there again
        self._harvest.take(seen)
        self._tell()
        if self._harvest.is_empty:
            self._oldest = None
        elif isinstance(seen, Observed) and self._oldest is None:
            self._oldest = self._now()

    def _sign(self) -> OctostoreError | None:
        """Sign the batch; without one, note how far the source was read."""
        signs = not self._harvest.is_empty
        try:
            self._harvest.sign()
        except OctostoreError as error:
            self._put_off_signing(error)
            return error
        self._oldest = None
        if signs:
            self._signing.work()
        self._tell()
        return None

    def _put_off_signing(self, error: OctostoreError) -> None:
        """Nothing was signed; after a while the source gives all of it again."""
        self._oldest = None
        self._source.forget()
        again = self._signing.fail(self._now())
        self._looking.due = self._now() + again
        self._log(f"not signed: {error}; again in {again:.0f} s")

    def _deliver(self) -> OctostoreError | None:
        report = self._harvest.report
        try:
            self._harvest.deliver()
        except OctostoreError as error:
            again = self._delivering.fail(self._now())
            count = self._outbox.waiting_count()
            self._log(f"waiting {count} statements: {error}; again in {again:.0f} s")
            return error
        finally:
            if report.statements:
                self._log(f"delivered {report.statements} statements")
                report.statements = 0
        self._delivering.work()
        return None

    def _tell(self) -> None:
        """A line for each run that something became of, told once."""
        report = self._harvest.report
        for claimed in report.claimed:
            self._log(
                f"claimed {claimed.item} invocation {claimed.invocation}"
                f" statement {claimed.statement}"
            )
        for left in report.unclaimed:
            self._tell_once(left.item or left.at, left.reason)
        for note in report.notes:
            self._log(note)
        for told in (report.claimed, report.unclaimed, report.notes):
            told.clear()

    def _tell_once(self, item: str, reason: str) -> None:
        if self._refused.get(item) == reason:
            return
        if len(self._refused) >= TOLD_MAX:
            self._refused.clear()
        self._refused[item] = reason
        self._log(f"refused {item} {reason}")
