"""Homestar 0.2, the IPVM runtime: one function of one Wasm component.

    {"tasks": [{"run": {"rsc": "ipfs://bafy..", "op": "wasm/run", "nnc": "",
                        "input": {"func": "add_one", "args": [1]}},
                "cause": null, "meta": {"fuel": .., "memory": .., "time": ..},
                "prf": []}]}

A document is a workflow, the RPC's `{name, workflow}`, a task or a bare
instruction, in DAG-JSON or DAG-CBOR. An instruction is identity; `cause`,
`meta` and `prf` are not. Clients also have a *template*: `run` has a `name`,
`rsc` may be missing and `{{needs.NAME.output}}` stands for a promise; until the
client has rendered it, there is nothing to hash.
Source: homestar-invocation/src/task.rs, task/instruction.rs,
homestar-wasm/src/io.rs, homestar-workflow/src/workflow.rs,
homestar-runtime/src/{worker,workflow}.rs; stack packages/homestar/src/workflow;
research: ipvm 1, 3, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from invocation_spec import dagjson
from invocation_spec.adapters.homestar_args import Links
from invocation_spec.adapters.homestar_ids import (
    hashed_instruction,
    hashed_task,
    native_cid,
)
from invocation_spec.adapters.homestar_instruction import read_instruction
from invocation_spec.adapters.pipeline import TASKS_MAX, Task, fill
from invocation_spec.adapters.wasm_call import close
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import Document, Tree
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.node import Node
from invocation_spec.reading import Reading, made
from invocation_spec.resolutions import Resolutions

__all__ = ["is_homestar", "read_homestar"]


def is_homestar(document: Document) -> bool:
    """Whether the document has the marks of Homestar: `rsc`, or tasks that `run`."""
    root = document.tree
    if not isinstance(root, Mapping):
        return False
    if "rsc" in root or _runs(root):
        return True
    inner = root.get("workflow")
    tasks = (inner if isinstance(inner, Mapping) else root).get("tasks")
    return isinstance(tasks, list) and bool(tasks) and _runs(tasks[0])


def _runs(task: Tree) -> bool:
    """Whether a value has the marks of a task: it runs an instruction, or a link."""
    run = task.get("run") if isinstance(task, Mapping) else None
    return isinstance(run, CID) or (
        isinstance(run, Mapping) and any(key in run for key in ("rsc", "input", "/"))
    )


@dataclass(slots=True, kw_only=True)
class _Task(Task):
    """One task on its way; `hashed` and `cid` are its instruction's for Homestar.

    `node` is the task, or the instruction again where nothing is around it.
    """

    node: Node
    run: Node
    hashed: Mapping[str, Ipld] | None = None
    cid: CID | None = None


def read_homestar(document: Document, resolutions: Resolutions) -> list[Reading]:
    """One reading per task.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    links = Links()
    tree = document.tree
    if document.syntax != "dag-cbor":
        tree = dagjson.decode(tree, link=links)
    form, nodes = _task_nodes(Node(tree))
    template = any(_has_name(run) for _, run in nodes)
    tasks = [
        _task(node, run, Reading.start(form, resolutions), links, template=template)
        for node, run in nodes
    ]
    fill(tasks, _by_cid(tasks))
    _add_aliases(tasks, links)
    return [task.reading for task in tasks]


def _task_nodes(root: Node) -> tuple[str, list[tuple[Node, Node]]]:
    """The name of the form, and each task with its instruction."""
    fields = root.struct()
    if "rsc" in fields:
        return "Homestar 0.2 instruction", [(root, root)]
    if "run" in fields:
        return "Homestar 0.2 task", [(root, _run(root))]
    if "workflow" in fields:
        fields.pass_over("name")
        inner = fields["workflow"].struct()
        close(fields, "name and workflow")
        fields = inner
    tasks = fields["tasks"]
    close(fields, "tasks")
    nodes = tasks.elements()
    if len(nodes) > TASKS_MAX:
        raise tasks.refuse(f"at most {TASKS_MAX} tasks")
    return "Homestar 0.2 workflow", [(node, _run(node)) for node in nodes]


def _run(node: Node) -> Node:
    fields = node.struct()
    fields.pass_over("cause", "meta", "prf")
    run = fields["run"]
    close(fields, "run, cause, meta and prf")
    return run


def _has_name(run: Node) -> bool:
    return isinstance(run.value, Mapping) and "name" in run.value


def _task(
    node: Node, run: Node, reading: Reading, links: Links, *, template: bool
) -> _Task:
    call = read_instruction(reading, run, links, template=template)
    task = _Task(at=run.at, node=node, run=run, reading=reading, call=call)
    if reading.findings.impure or not links.are_as_written(run):
        return task  # an unrendered text, or bytes that nothing here keeps
    task.hashed = hashed_instruction(cast("Mapping[str, Ipld]", run.value))
    if task.hashed is not None:
        task.cid = made(run.at, native_cid, task.hashed)
    return task


def _by_cid(tasks: Sequence[_Task]) -> Mapping[CID | str, int]:
    """The tasks that a promise can name.

    Raises:
        DocumentError: an instruction twice: Homestar refuses the workflow.
    """
    known: dict[CID | str, int] = {}
    for index, task in enumerate(tasks):
        if task.cid is None:
            continue
        if task.cid in known:
            first = tasks[known[task.cid]].at
            raise DocumentError(
                f"the instruction of {first} again; Homestar refuses a workflow"
                " that has one twice, so give it a nonce or leave it out",
                at=task.run.at,
            )
        known[task.cid] = index
    return known


def _add_aliases(tasks: Sequence[_Task], links: Links) -> None:
    """Homestar's own names, where Homestar would give one."""
    hashed: list[Mapping[str, Ipld]] = []
    for task in tasks:
        if task.cid is None or task.hashed is None:
            continue
        task.reading.aliases["homestar-instruction"] = str(task.cid)
        if task.node is task.run or not links.are_as_written(task.node):
            continue
        whole = hashed_task(cast("Mapping[str, Ipld]", task.node.value), task.hashed)
        if whole is not None:
            hashed.append(whole)
            _add_alias([task], "homestar-ran", {"task": whole})
    if tasks[0].node.at and len(hashed) == len(tasks):
        _add_alias(tasks, "homestar-workflow", {"tasks": hashed})


def _add_alias(tasks: Iterable[_Task], name: str, value: Ipld) -> None:
    with suppress(EncodingError):  # a level deeper than the document may be too deep
        cid = str(native_cid(value))
        for task in tasks:
            task.reading.aliases[name] = cid
