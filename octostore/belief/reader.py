"""A reader with a policy before a store: verdicts as of one checkpoint.

    with believing(store, policy) as reader:
        reader.verdict(invocation)

What model `evidence` learned is kept beside the store (reputation.py). Where it cannot
be kept (another process writes there, the store is another's, the question is of
earlier) it is learned anew in a scratch folder: slower, and the same. Source: ADR 26.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from invocation_spec.cid import CID
from octostore.belief.evidence import Rates
from octostore.belief.hear import Hearing
from octostore.belief.heard import Heard
from octostore.belief.judge import Judge, Moved
from octostore.belief.policy import Policy
from octostore.belief.reputation import Reputation, folder_of
from octostore.belief.verdict import Verdict
from octostore.errors import NotFoundError, StoreError
from octostore.log import Checkpoint
from octostore.store import Octostore
from octostore.temporary import temporary_folder
from octostore.view import View

__all__ = ["NO_RATES", "Judged", "Reader", "believing"]


class _NoRates:
    """Of models that count heads: nothing is learned, and nothing asked."""

    def error(self, group: str, kind: str, platform: str) -> int | None:
        return None


NO_RATES: Final[Rates] = _NoRates()


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with what it was made of."""

    verdict: Verdict
    heard: Heard


@dataclass(slots=True)
class Reader:
    """One policy at one checkpoint of one store; `notes` say what was not as usual."""

    view: View
    policy: Policy
    rates: Rates
    notes: tuple[str, ...] = ()
    _hearing: Hearing = field(init=False)
    _judge: Judge = field(init=False)
    _cid: CID = field(init=False)

    def __post_init__(self) -> None:
        self._hearing = Hearing(self.view, self.policy)
        self._judge, self._cid = Judge(self.policy), self.policy.cid

    @property
    def checkpoint(self) -> Checkpoint:
        """As of which size and root of the log."""
        return self._hearing.checkpoint

    def judged(self, invocation: CID) -> Judged:
        """The verdict on an invocation, and all claims on it.

        Of one that nobody claims the state is `unknown`, and the advice to run it.

        Raises:
            ProofError: more claims than a verdict is made of.
            StoreError: the store cannot be read.
        """
        try:
            heard = self._hearing.hear(invocation)
        except NotFoundError:
            heard = Heard(
                invocation=invocation,
                kind=None,
                testimonies=(),
                time_s=self._hearing.time_s,
            )
        now = self._hearing.checkpoint
        verdict = self._judge.judge(
            heard, self.rates, policy_cid=self._cid, size=now.size, root=now.root
        )
        return Judged(verdict, heard)

    def verdict(self, invocation: CID) -> Verdict:
        """The same without what it was made of."""
        return self.judged(invocation).verdict

    def explain(self, heard: Heard) -> tuple[Moved, ...]:
        """What moved the numbers of a verdict, group by group."""
        return self._judge.explain(heard, self.rates)


@contextmanager
def believing(
    store: Octostore, policy: Policy, size: int | None = None
) -> Iterator[Reader]:
    """A reader of this store, as of now or of the first `size` entries of its log.

    Raises:
        NotFoundError: the log is shorter.
        StoreError: the store cannot be read, or there is no room for what is learned.
    """
    with ExitStack() as opened:
        if policy.model != "evidence":
            view = opened.enter_context(store.view(size))
            view.checkpoint()
            yield Reader(view, policy, NO_RATES)
            return
        kept, notes = _kept(store, policy, size, opened)
        view = opened.enter_context(store.view(size))
        view.checkpoint()
        if kept is None:
            path = opened.enter_context(temporary_folder("belief")) / "belief"
            kept = opened.enter_context(Reputation(path, policy))
        kept.update(view)
        yield Reader(view, policy, kept.rates(), notes)


def _kept(
    store: Octostore, policy: Policy, size: int | None, opened: ExitStack
) -> tuple[Reputation | None, tuple[str, ...]]:
    """What is kept beside the store, if it can be brought up to the question."""
    try:
        kept = Reputation(folder_of(store.path, policy), policy)
    except StoreError as error:
        return None, (f"learned anew, for nothing can be kept: {error}",)
    before = kept.checkpoint()
    if size is not None and before is not None and before.size > size:
        kept.close()
        return None, ()
    opened.enter_context(kept)
    return kept, ()
