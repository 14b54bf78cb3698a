"""Tasks of one document that await each other: each becomes an invocation in turn.

A promise names another task, in the words of its form: by CID, by label. Where
that task is in the document and canonical, the promise becomes an `Await` of its
invocation; where it is not, it stays unresolved. A cycle is refused.
Source: FORMATS 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from invocation_spec.adapters.wasm_call import Call
from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model import Await, Input, Invocation
from invocation_spec.reading import Reading, made

__all__ = ["TASKS_MAX", "Task", "fill", "in_order"]

#: Tasks of one document; each is an invocation of its own.
TASKS_MAX = 10_000


@dataclass(slots=True, kw_only=True)
class Task:
    """One task on its way.

    `at` is where its refusals are told. A task that is no call of a function has
    its input already, if that is complete. `invocation` is ours, once it is known
    to be canonical, if another task awaits it.
    """

    at: str
    reading: Reading
    call: Call | None
    invocation: CID | None = None


def fill(tasks: Sequence[Task], known: Mapping[CID | str, int]) -> None:
    """Make inputs and invocations, each task after those that it awaits.

    `known` says which task, by its position, a promise's target is.

    Raises:
        DocumentError: a cycle, or an input that is no block.
    """
    awaited = [_awaited(task.call, known) for task in tasks]
    wanted = set[int]().union(*awaited)
    for index in in_order(awaited, [task.at for task in tasks]):
        task = tasks[index]
        if task.call is not None:
            _fill(task, task.call, tasks, known)
        reading = task.reading
        reading.finish(task.at)
        if index not in wanted:
            continue
        if reading.findings.unresolved or reading.findings.impure:
            continue
        if reading.program is not None and reading.input is not None:
            task.invocation = Invocation(reading.program.cid, reading.input.cid).cid


def _awaited(call: Call | None, known: Mapping[CID | str, int]) -> set[int]:
    if call is None:
        return set()
    targets = {promise.target for promise in call.promises.values()}
    return {known[target] for target in targets if target in known}


def in_order(awaited: Sequence[set[int]], places: Sequence[str]) -> Iterable[int]:
    """The positions of tasks, each after those that it awaits.

    Raises:
        DocumentError: a cycle, told with the places of its tasks.
    """
    if not any(awaited):
        return range(len(awaited))
    try:
        return tuple(TopologicalSorter(dict(enumerate(awaited))).static_order())
    except CycleError as error:
        cycle = ", ".join(places[index] for index in sorted(set(error.args[1])))
        raise DocumentError(f"tasks await each other in a cycle: {cycle}") from error


def _fill(
    task: Task, call: Call, tasks: Sequence[Task], known: Mapping[CID | str, int]
) -> None:
    awaits: list[Await] = []
    for path, promise in call.promises.items():
        index = known.get(promise.target)
        invocation = None if index is None else tasks[index].invocation
        if invocation is None:
            task.reading.findings.leave_unresolved(
                promise.at, str(promise.target), "await"
            )
        else:
            awaits.append(Await(path, promise.when, invocation))
    has_args = call.args is not None
    given = made(
        task.at,
        Input,
        args=tuple(call.args or ()),
        nonce=call.nonce or b"",
        awaits=tuple(awaits) if has_args else (),
    )
    # What no input can have is refused, whether or not all of it is known.
    made(task.at, lambda: given.block)
    if has_args and call.nonce is not None and len(awaits) == len(call.promises):
        task.reading.input = given
