"""Whether a store is what it says: everything hashed, verified and derived again.

    files        pages and trees of the engine
    blocks       every block hashed; numbers without a gap; `at` leads to each
    log          every entry hashed, its envelope there, its signature holds, it is
                 whole; size and root as kept
    waiting      pending statements, what they wait for, what is quarantined
    map          derived again as far as each head in the log goes; roots compared
    indexes      every row derived again from blocks and log, and compared

Reads one snapshot and writes only beside it, in a scratch engine, so that memory
stays bounded and a writer may go on. Where the truth itself is damaged, nothing
can be derived from it: the indexes are then named as not checked.
Source: DESIGN 2, 6; docs/guides/check.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from invocation_spec.errors import OctostoreError
from octostore import tables
from octostore.check.blocks import check_blocks
from octostore.check.differences import differences
from octostore.check.leftovers import keep_leftovers
from octostore.check.logged import check_log
from octostore.check.mapped import check_map
from octostore.check.report import FAULTS_MAX, CheckReport, Fault, Progress, Seen
from octostore.check.waiting import check_waiting
from octostore.draft import Draft
from octostore.engine import Snapshot
from octostore.engine.choice import DEFAULT_ENGINE, ENGINES, engine_of
from octostore.errors import StoreError
from octostore.log import Checkpoint
from octostore.row_words import value_words
from octostore.scratch import scratch
from octostore.store import Octostore
from octostore.view import View

__all__ = ["FAULTS_MAX", "CheckReport", "Fault", "Progress", "check", "check_folder"]

#: What is derived again; `at` is held against the blocks themselves.
DERIVED: Final = frozenset(tables.INDEXES) - {tables.AT.name}

#: What cannot be judged where blocks are damaged or cannot be found.
_FROM_BLOCKS: Final = (
    tables.LOG.name,
    tables.PENDING.name,
    tables.WAITING.name,
    tables.QUARANTINE.name,
    *sorted(DERIVED),
)


def _silent(what: str, done: int, total: int | None) -> None:
    """Tell nobody."""


def check_folder(
    path: Path, *, second_opinion: bool = False, progress: Progress = _silent
) -> CheckReport:
    """Check the store in a folder; a writer may be at work in another process.

    The files are looked at before the engine opens them, where the engine trusts
    them blindly.

    Raises:
        StoreError: no store, or not to be opened.
    """
    kind = ENGINES[engine_of(path) or DEFAULT_ENGINE]
    if kind.faults is not None and (path / kind.data).exists():
        progress("files", 0, None)
        found = [_file_fault(kind.data, line) for line in kind.faults(path / kind.data)]
        if found:
            return CheckReport(None, {}, tuple(found), unchecked=("all tables",))
    with Octostore.open(path, readonly=True) as store:
        return check(store, second_opinion=second_opinion, progress=progress)


def check(
    store: Octostore, *, second_opinion: bool = False, progress: Progress = _silent
) -> CheckReport:
    """Check an open store at one snapshot.

    With `second_opinion` every block that is DAG-CBOR is also decoded with the
    reference codec, which must find the same value and write the same bytes.

    Raises:
        StoreError: the indexes are being rebuilt.
    """
    found = [_file_fault(store.path.name, line) for line in store.file_faults()]
    if found:
        return CheckReport(None, {}, tuple(found), unchecked=("all tables",))
    seen = Seen(progress)
    with store.view() as view:
        unchecked = _look(view, seen, second_opinion=second_opinion)
        return CheckReport(
            _checkpoint(view), seen.rows, tuple(seen.faults), seen.more, unchecked
        )


def _file_fault(name: str, line: str) -> Fault:
    return Fault("files", name, line, "a file as the engine writes it")


def _look(view: View, seen: Seen, *, second_opinion: bool) -> tuple[str, ...]:
    """Look at everything, the truth first; returns what could not be judged."""
    try:
        check_blocks(view.rows, seen, second_opinion=second_opinion)
        _check_meta(view.rows, seen)
        if seen.faults:
            return _FROM_BLOCKS
        with scratch(view.rows, DERIVED) as engine:
            with Draft(engine) as draft:
                check_log(view, seen, draft)
                draft.commit()
                keep_leftovers(view, draft)
                draft.commit()
            check_map(view, seen, engine)
            check_waiting(view, seen)
            with engine.snapshot() as derived:
                for table in sorted(DERIVED):
                    _compare(table, view.rows, derived, seen)
    except StoreError as error:
        seen.wrong("files", b"", str(error), "tables that can be read")
        return ("the rest",)
    return ()


def _checkpoint(view: View) -> Checkpoint | None:
    try:
        return view.checkpoint()
    except OctostoreError:
        return None


def _check_meta(rows: Snapshot, seen: Seen) -> None:
    name = tables.META.name
    for key, value in seen.count(name, rows.scan(name)):
        if key not in (tables.LAYOUT, tables.FRONTIER, tables.DELIVERING):
            seen.wrong(name, key, value_words(name, value), "no such key")


def _compare(table: str, kept: Snapshot, derived: Snapshot, seen: Seen) -> None:
    rows = seen.count(table, kept.scan(table))
    for key, found, expected in differences(rows, derived.scan(table)):
        words = value_words(table, found), value_words(table, expected)
        seen.wrong(table, key, *words)
