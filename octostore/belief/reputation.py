"""What one policy has learned of its groups, and its verdicts, kept beside the store.

    STORE/belief/POLICY/          an engine of its own (octostore/engine)
        state     "log 1"              -> [size, root, time]    as of which checkpoint
        taught    invocation(32)       -> [[check, ..], [group, ..]]   as DAG-CBOR
        counts    subject(32) day(4)   -> wrong(8) right(8)
        ended     sha256(group)        -> invocations(8) group     known to equivocate
        verdicts  invocation(32)       -> [verdict, [[subject, error], ..]]

A view that can be deleted: `update` brings it up to a checkpoint, by the invocations
that the log touched since, and replaces what each taught; from nothing it comes to the
same counts. Killed half-way, it goes on from the last checkpoint. Source: ADR 26.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeAlias

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from octostore.belief.checks import checks_of
from octostore.belief.evidence import Check, Days, Learned, Rates, Subject
from octostore.belief.hear import Hearing
from octostore.belief.heard import Heard
from octostore.belief.judge import Judge
from octostore.belief.policy import Policy
from octostore.belief.touched import all_claimed, touched
from octostore.belief.verdict import Verdict
from octostore.engine import Engine, Row, Snapshot, Table
from octostore.engine.choice import open_engine
from octostore.errors import NotFoundError, ProofError
from octostore.log import Checkpoint
from octostore.map.heads import head_at
from octostore.view import View

__all__ = ["Reputation", "ViewOf", "folder_of"]

#: Opens a view of the store as of a size, as `Octostore.view` does.
ViewOf: TypeAlias = Callable[[int], AbstractContextManager[View]]

_STATE: Final = "state"
_TAUGHT: Final = "taught"
_COUNTS: Final = "counts"
_ENDED: Final = "ended"
_VERDICTS: Final = "verdicts"
_TABLES: Final = tuple(map(Table, (_STATE, _TAUGHT, _COUNTS, _ENDED, _VERDICTS)))

#: Key of `state`; another name, if what is kept is to be computed anew.
_LOG: Final = b"log 1"

#: Invocations whose rows are committed together.
_AT_ONCE: Final = 1024

#: Verdicts that stay in memory between two checkpoints; each is a few kilobytes.
_MADE_MAX: Final = 1 << 16

#: Rows that are deleted together.
_ROWS: Final = 1 << 14

_DAY_S: Final = 86_400
_DAY_BYTES: Final = 4
_COUNT_BYTES: Final = 8


def folder_of(store: Path, policy: Policy) -> Path:
    """Where the reputation under a policy lies beside a store."""
    return store / "belief" / str(policy.cid)


class _Taught(NamedTuple):
    """What one invocation teaches: each subject and day, and who equivocates."""

    checks: Mapping[tuple[Subject, int], tuple[int, int]]
    ended: tuple[str, ...]

    @classmethod
    def of(cls, checks: Iterable[Check], heard: Heard) -> Self:
        counted: dict[tuple[Subject, int], tuple[int, int]] = {}
        for check in checks:
            subject = (check.group, check.kind, check.platform)
            wrong, right = counted.get((subject, check.day), (0, 0))
            counted[subject, check.day] = (
                wrong + (not check.right),
                right + check.right,
            )
        ended = {t.group for t in heard.testimonies if t.equivocates and t.group}
        return cls(counted, tuple(sorted(ended)))

    @classmethod
    def from_row(cls, row: bytes | None) -> Self:
        if row is None:
            return cls({}, ())
        checks, ended = _read(row)
        return cls(
            {
                ((group, kind, platform), day): (wrong, right)
                for group, kind, platform, day, wrong, right in checks
            },
            tuple(ended),
        )

    @property
    def row(self) -> bytes | None:
        """None if there is nothing to keep."""
        if not self.checks and not self.ended:
            return None
        checks: Ipld = [
            [*subject, day, wrong, right]
            for (subject, day), (wrong, right) in sorted(self.checks.items())
        ]
        return dagcbor.encode([checks, list(self.ended)])


class Reputation:
    """One policy's, in a folder; made with `open`, and true after `update`."""

    def __init__(self, folder: Path, policy: Policy, *, readonly: bool = False) -> None:
        self.policy = policy
        self._engine = open_engine(folder, _TABLES, readonly=readonly, name=None)
        self.cid = policy.cid
        self._judge = Judge(policy)
        self._rates: Rates | None = None
        #: Verdicts that were made of rows or anew, as of the checkpoint.
        self._made: dict[CID, Verdict] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; twice is harmless."""
        self._engine.close()

    def checkpoint(self) -> Checkpoint | None:
        """As of which size and root of the log; None if of none yet."""
        with self._engine.snapshot() as rows:
            state = _read_state(rows)
        return None if state is None else Checkpoint(state.size, state.root)

    def update(self, view: View) -> int:
        """Bring it up to the view; returns how many invocations were heard again.

        A log that is not the one before, or an earlier one, is begun with anew.

        Raises:
            StoreLockedError: another process does the same.
            StoreFullError: no space; it stays as of the checkpoint before.
            StoreError: the store or the folder cannot be read.
        """
        hearing = Hearing(view, self.policy)
        now, before = hearing.checkpoint, self.checkpoint()
        if before == now:
            return 0
        self._made.clear()
        if before is None or not _goes_on(view, before):
            self._clear()
            wanted: Iterable[CID] = _AllClaimed(view)
        else:
            head = head_at(view.rows, before.size)
            covered = 0 if head is None else head.head.size
            wanted = sorted(touched(hearing, before.size, covered))
        if self.policy.model == "evidence":
            for some in _groups(wanted):
                self._learn(hearing, some)
        self._rates, count = None, 0
        rates = self._learned(hearing.time_s)
        for some in _groups(wanted):
            rows = (self._judged(hearing, cid, rates) for cid in some)
            self._engine.commit(rows)
            count += len(some)
        self._engine.commit([Row(_STATE, _LOG, _state(hearing))])
        self._rates = rates
        return count

    def rates(self) -> Rates:
        """What is learned, as of the checkpoint."""
        if self._rates is None:
            with self._engine.snapshot() as rows:
                state = _read_state(rows)
            self._rates = self._learned(None if state is None else state.time_s)
        return self._rates

    def verdicts(
        self, invocations: Iterable[CID], view_of: ViewOf
    ) -> dict[CID, Verdict]:
        """The verdicts on those of these of which anything is claimed.

        As of the checkpoint of this reputation. What is kept is given as it is while
        what it hangs on is; else it is made again from the log, for which `view_of`
        opens a view as of a size.

        Raises:
            ProofError: more claims on one than a verdict is made of.
            StoreError: the store or the folder cannot be read.
        """
        if len(self._made) > _MADE_MAX:
            self._made.clear()
        made, wanted = self._made, list(invocations)
        asked = {cid.digest: cid for cid in wanted if cid not in made}
        with self._engine.snapshot() as rows:
            state = _read_state(rows)
            found = rows.get_many(_VERDICTS, asked) if state is not None else {}
        if state is None:
            return {}
        stale: list[CID] = []
        for digest, row in found.items():
            verdict = self._kept(row, state)
            if verdict is None:
                stale.append(asked[digest])
            else:
                self._keep(asked[digest], verdict)
        if stale:
            with view_of(state.size) as view:
                hearing, rates = Hearing(view, self.policy), self.rates()
                for cid in stale:
                    heard = hearing.hear(cid)
                    verdict = self._judge.judge(
                        heard,
                        rates,
                        policy_cid=self.cid,
                        size=state.size,
                        root=state.root,
                    )
                    self._keep(cid, verdict)
        return {cid: self._made[cid] for cid in wanted if cid in self._made}

    def _keep(self, cid: CID, verdict: Verdict) -> None:
        """Keep it in memory as long as the checkpoint is the same."""
        self._made[cid] = verdict

    def _kept(self, row: bytes, state: _State) -> Verdict | None:
        """The verdict in a row, unless a rate that it was made with is another now."""
        if not row:
            return None
        block, used = _read(row)
        rates = self.rates()
        if any(rates.error(*subject) != error for subject, error in used):
            return None
        verdict = Verdict.from_block(block)
        if self.policy.recheck and verdict.root != state.root:
            return None  # which ones are to be run again hangs on the root
        return replace(verdict, size=state.size, root=state.root)

    def _learned(self, time_s: int | None) -> Learned:
        with self._engine.snapshot() as rows:
            ended = [value[_COUNT_BYTES:].decode() for _, value in rows.scan(_ENDED)]
        today = 0 if time_s is None else time_s // _DAY_S
        return Learned(self.policy, _Counts(self._engine), today, ended)

    def _learn(self, hearing: Hearing, some: Iterable[CID]) -> None:
        """Replace what these invocations teach by what they teach now."""
        with self._engine.snapshot() as rows:
            changes = _Changes(rows)
            for cid in some:
                before = _Taught.from_row(rows.get(_TAUGHT, cid.digest))
                now = self._taught(hearing, cid)
                if now == before:
                    continue
                changes.put(_TAUGHT, cid.digest, now.row)
                changes.count(before, -1)
                changes.count(now, 1)
        self._engine.commit(changes.batch())

    def _taught(self, hearing: Hearing, cid: CID) -> _Taught:
        """What an invocation teaches; of those that are the same the least does."""
        try:
            heard = hearing.hear(cid)
        except (NotFoundError, ProofError):  # nothing, or too much to be looked at
            return _NOTHING
        if any(other < cid for other in heard.also):
            return _NOTHING
        return _Taught.of(checks_of(self.policy, heard), heard)

    def _judged(self, hearing: Hearing, cid: CID, rates: Learned) -> Row:
        """The row with the verdict; empty, if that must be made when it is asked."""
        try:
            heard = hearing.hear(cid)
        except NotFoundError:
            return Row(_VERDICTS, cid.digest, None)
        except ProofError:
            return Row(_VERDICTS, cid.digest, b"")
        used = _Used(rates)
        now = hearing.checkpoint
        verdict = self._judge.judge(
            heard, used, policy_cid=self.cid, size=now.size, root=now.root
        )
        try:
            told: Ipld = [
                [list(subject), error] for subject, error in used.told.items()
            ]
            row = dagcbor.encode([verdict.block, told])
        except EncodingError:  # larger than a block
            row = b""
        return Row(_VERDICTS, cid.digest, row)

    def _clear(self) -> None:
        for table in _TABLES:
            while True:
                with self._engine.snapshot() as rows:
                    keys = [key for key, _ in islice(rows.scan(table.name), _ROWS)]
                if not keys:
                    break
                self._engine.commit(Row(table.name, key, None) for key in keys)


class _State(NamedTuple):
    """As of which checkpoint of the log, and the time of its last map head."""

    size: int
    root: bytes
    time_s: int | None


class _Used:
    """Rates that remember what was asked of them."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self.told: dict[Subject, int | None] = {}

    def error(self, group: str, kind: str, platform: str) -> int | None:
        found = self._rates.error(group, kind, platform)
        self.told[group, kind, platform] = found
        return found


class _Counts:
    """The counts as they are kept, read when they are asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def days(self, subject: Subject) -> Days:
        """See `evidence.Tally`."""
        with self._engine.snapshot() as rows:
            found = rows.scan(_COUNTS, _subject_key(subject))
            return {
                int.from_bytes(key[-_DAY_BYTES:], "big"): _pair(value)
                for key, value in found
            }


class _Changes:
    """Rows to be written over a snapshot, seen by whoever reads through it."""

    def __init__(self, rows: Snapshot) -> None:
        self._rows = rows
        self._changed: dict[tuple[str, bytes], bytes | None] = {}

    def put(self, table: str, key: bytes, value: bytes | None) -> None:
        self._changed[table, key] = value

    def batch(self) -> Iterator[Row]:
        for (table, key), value in self._changed.items():
            yield Row(table, key, value)

    def count(self, taught: _Taught, by: int) -> None:
        """Count all of it once more, or once less."""
        for (subject, day), (wrong, right) in taught.checks.items():
            key = _subject_key(subject) + day.to_bytes(_DAY_BYTES, "big")
            old = _pair(self._get(_COUNTS, key) or bytes(2 * _COUNT_BYTES))
            new = (old[0] + by * wrong, old[1] + by * right)
            value = b"".join(n.to_bytes(_COUNT_BYTES, "big") for n in new)
            self.put(_COUNTS, key, value if any(new) else None)
        for group in taught.ended:
            name = group.encode()
            key = hashlib.sha256(name).digest()
            row = self._get(_ENDED, key) or bytes(_COUNT_BYTES)
            number = int.from_bytes(row[:_COUNT_BYTES], "big") + by
            value = number.to_bytes(_COUNT_BYTES, "big") + name
            self.put(_ENDED, key, value if number else None)

    def _get(self, table: str, key: bytes) -> bytes | None:
        if (table, key) in self._changed:
            return self._changed[table, key]
        return self._rows.get(table, key)


class _AllClaimed:
    """All invocations that are claimed, as often as one likes."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __iter__(self) -> Iterator[CID]:
        return all_claimed(self._view)


def _groups(wanted: Iterable[CID]) -> Iterator[list[CID]]:
    left = iter(wanted)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _read(row: bytes) -> Any:
    """A row that was written here, as the docstring of the module says."""
    return dagcbor.decode(row)


def _goes_on(view: View, before: Checkpoint) -> bool:
    """Whether the log is the one that was read before, and not shorter now."""
    if before.size > view.checkpoint().size:
        return False
    return View(view.rows, before.size).checkpoint() == before


def _subject_key(subject: Subject) -> bytes:
    return hashlib.sha256(dagcbor.encode(list(subject))).digest()


def _pair(value: bytes) -> tuple[int, int]:
    wrong, right = value[:_COUNT_BYTES], value[_COUNT_BYTES:]
    return int.from_bytes(wrong, "big"), int.from_bytes(right, "big")


def _state(hearing: Hearing) -> bytes:
    now, time_s = hearing.checkpoint, hearing.time_s
    return dagcbor.encode([now.size, now.root, time_s])


def _read_state(rows: Snapshot) -> _State | None:
    row = rows.get(_STATE, _LOG)
    return None if row is None else _State(*_read(row))


_NOTHING: Final = _Taught({}, ())
