"""The tasks of Homestar's workflows, by the CIDs that receipts and promises name.

A task may await one of an earlier workflow: the node finds its receipt. So tasks that
await what their own workflow has not are read again, together with those they await.
What is identity of a task stays the same whatever stands beside it. Source:
homestar-runtime/src/worker/resolver.rs; FORMATS 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

from invocation_spec import Outcome, Resolutions, canonicalize, dagcbor, dagjson
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import DOCUMENT_BYTES_MAX, read_document
from invocation_spec.errors import DocumentError, EncodingError

__all__ = ["NETWORK", "Tasks", "instruction_of"]

#: As FORMATS 6 names it; Homestar is its one runtime.
NETWORK: Final = "ipvm"

_Task: TypeAlias = Mapping[str, Ipld]


def instruction_of(outcome: Outcome) -> str:
    """The instruction of a task that has a `ran`, as the task has it."""
    return outcome.aliases["homestar-instruction"]


@dataclass(frozen=True, slots=True)
class _Workflow:
    """Its tasks that have a `ran`, as values and as what they mean."""

    tasks: Sequence[tuple[_Task, Outcome]]


@dataclass(slots=True)
class Tasks:
    """The tasks of workflows, by the CID that receipts name them by."""

    _by_ran: dict[CID, Outcome] = field(default_factory=dict)
    _workflows: list[_Workflow] = field(default_factory=list)

    def add(self, data: bytes, outcomes: Sequence[Outcome]) -> int:
        """Add a document and what its tasks mean; how many of them have a `ran`."""
        if not any("homestar-ran" in outcome.aliases for outcome in outcomes):
            return 0  # another form, or the instruction alone
        named = [
            (task, outcome)
            for task, outcome in zip(_tasks(data), outcomes, strict=True)
            if "homestar-ran" in outcome.aliases
        ]
        for _, outcome in named:
            self._put(outcome)
        self._workflows.append(_Workflow(named))
        return len(named)

    def join(self, resolutions: Resolutions | None = None) -> None:
        """Read tasks again that await those of other workflows; call it after all."""
        known: dict[CID, _Task] = {}
        for workflow in self._workflows:
            for task, outcome in workflow.tasks:
                known.setdefault(CID.parse(instruction_of(outcome)), task)
        for workflow in self._workflows:
            if any(
                item.kind == "await"
                for _, outcome in workflow.tasks
                for item in outcome.unresolved
            ):
                self._read_again(workflow, known, resolutions)

    def find(self, ran: CID) -> Outcome | None:
        """The task that ran."""
        return self._by_ran.get(ran)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._by_ran.values())

    def _put(self, outcome: Outcome) -> None:
        cid = CID.parse(outcome.aliases["homestar-ran"])
        # One task in two workflows: where what it awaits is there too is best.
        known = self._by_ran.get(cid)
        if known is None or _order(outcome) < _order(known):
            self._by_ran[cid] = outcome

    def _read_again(
        self,
        workflow: _Workflow,
        known: Mapping[CID, _Task],
        resolutions: Resolutions | None,
    ) -> None:
        tasks = [
            *(task for task, _ in workflow.tasks),
            *(known[cid] for cid in _behind(workflow, known)),
        ]
        # What is too much together stays as it is, and is told as unresolved.
        with suppress(DocumentError, EncodingError):
            joined = dagcbor.encode(
                {"tasks": tasks}, floats=True, bytes_max=DOCUMENT_BYTES_MAX
            )
            found = canonicalize(joined, resolutions, network=NETWORK)
            for (_, before), after in zip(workflow.tasks, found, strict=False):
                ran = before.aliases["homestar-ran"]
                if after.aliases.get("homestar-ran") == ran:
                    self._put(after)


def _order(outcome: Outcome) -> tuple[bool, str]:
    return outcome.invocation is None, repr(outcome.to_json())


def _tasks(data: bytes) -> Sequence[_Task]:
    """The tasks of a document that was canonicalised, in its order."""
    document = read_document(data, templates=True)
    tree = document.tree
    if document.syntax in ("json", "yaml"):
        tree = dagjson.decode(tree, link=lambda text, _: CID.parse(text))
    if not isinstance(tree, Mapping):
        return ()
    inner = tree.get("workflow", tree)
    found = inner.get("tasks") if isinstance(inner, Mapping) else None
    return cast("Sequence[_Task]", [tree] if found is None else found)


def _behind(workflow: _Workflow, known: Mapping[CID, _Task]) -> list[CID]:
    """The instructions that a workflow awaits and has not, and those they await."""
    own = {CID.parse(instruction_of(outcome)) for _, outcome in workflow.tasks}
    found: dict[CID, None] = {}
    waiting: list[Ipld] = [task.get("run") for task, _ in workflow.tasks]
    while waiting:
        item = waiting.pop()
        if isinstance(item, CID):
            if item in known and item not in own and item not in found:
                found[item] = None
                waiting.append(known[item].get("run"))
        elif isinstance(item, Mapping):
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item
    return list(found)
