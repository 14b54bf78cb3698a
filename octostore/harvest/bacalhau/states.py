"""How an execution of Bacalhau ended, for numbers whose meaning moved.

    number           4        6        7           8        9          10      11
    v1.1 to v1.5.1   refused  refused  Completed   Failed   Cancelled
    from v1.5.2      refused  Running  Publishing  refused  Completed  Failed  Cancelled

An answer carries no version, and a server that was upgraded still answers with the
numbers that it stored before. So each execution is decided by what stands beside its
number, and where that does not settle it, by nothing.
Source: bacalhau pkg/models/execution.go at v1.1.0, v1.5.1, v1.5.2 and v1.9.0;
pkg/requester/endpoint.go at v1.1.0, pkg/orchestrator/{callback,message_handler}.go,
for what the requester writes beside it: the same words in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from invocation_spec.node import word_of
from octostore.harvest.bacalhau.answers import Execution

__all__ = ["Ending", "ending", "is_new", "is_old"]


class Ending(Enum):
    """What became of an execution; the values are reasons for whoever gets no claim."""

    COMPLETED = "it completed"
    FAILED = "it failed"
    REFUSED = "the node or the requester turned it down, so nothing ran"
    CANCELLED = "it was cancelled, so nothing came of it"
    OPEN = "it has not ended yet; harvest again when it has"
    UNDECIDED = (
        "its state is a number that means one thing up to v1.5.1 of Bacalhau and"
        " another since, and nothing beside it tells which"
    )
    UNKNOWN = "its state is of a version of Bacalhau that this one does not know"


#: First number after which all versions differ, and what each means.
_OLD: Final[Mapping[int, Ending]] = {
    **dict.fromkeys((0, 1, 2, 3, 5), Ending.OPEN),
    **dict.fromkeys((4, 6), Ending.REFUSED),
    7: Ending.COMPLETED,
    8: Ending.FAILED,
    9: Ending.CANCELLED,
}
_NEW: Final[Mapping[int, Ending]] = {
    **dict.fromkeys((0, 1, 2, 3, 5, 6, 7), Ending.OPEN),
    **dict.fromkeys((4, 8), Ending.REFUSED),
    9: Ending.COMPLETED,
    10: Ending.FAILED,
    11: Ending.CANCELLED,
}

#: What the requester writes into DesiredState when an execution ends.
_DESIRED: Final[Mapping[str, Ending]] = {
    "execution completed": Ending.COMPLETED,
    "execution failed": Ending.FAILED,
    "execution completed unexpectedly": Ending.FAILED,
    "bid rejected": Ending.REFUSED,
}

#: The words of v1alpha1 and V1beta, and of a server that would write words.
_WORDS: Final[Mapping[str, Ending]] = {
    "completed": Ending.COMPLETED,
    **dict.fromkeys(("failed", "error"), Ending.FAILED),
    **dict.fromkeys(("cancelled", "canceled"), Ending.CANCELLED),
    **dict.fromkeys(
        ("askforbidrejected", "bidrejected", "resultrejected"), Ending.REFUSED
    ),
    **dict.fromkeys(
        (
            *("new", "undefined", "inprogress", "queued", "askforbid"),
            *("askforbidaccepted", "bidaccepted", "running", "publishing"),
            *("resultproposed", "resultaccepted"),
            *("bidding", "waiting", "verifying"),
        ),
        Ending.OPEN,
    ),
}


def ending(execution: Execution) -> Ending:
    """How it ended, decided by what the answer says and never guessed."""
    state = execution.state
    if isinstance(state, str):
        return _WORDS.get(word_of(state), Ending.UNKNOWN)
    if is_new(execution):
        return _NEW.get(state, Ending.UNKNOWN)
    if is_old(execution):
        return _OLD.get(state, Ending.UNKNOWN)
    if state not in _NEW:
        return Ending.UNKNOWN
    old, new = _OLD.get(state), _NEW[state]
    return new if old == new else Ending.UNDECIDED


def is_new(execution: Execution) -> bool:
    """Whether it is sure to be of v1.5.2 or later.

    `JobVersion` is written since v1.8, `PartitionIndex` since v1.6.1 (where it is not
    0), and 10 and 11 were no states before.
    """
    return (
        execution.version is not None
        or execution.partition is not None
        or execution.state in (10, 11)
        or _is_said(execution, _NEW)
    )


def is_old(execution: Execution) -> bool:
    """Whether it is sure to be of v1.5.1 or before."""
    return execution.old_spelling or _is_said(execution, _OLD)


def _is_said(execution: Execution, table: Mapping[int, Ending]) -> bool:
    """Whether the requester's words fit this table, and not the other."""
    said = _DESIRED.get(execution.desired)
    other = _OLD if table is _NEW else _NEW
    state = execution.state
    if said is None or not isinstance(state, int):
        return False
    return table.get(state) is said and other.get(state) is not said
