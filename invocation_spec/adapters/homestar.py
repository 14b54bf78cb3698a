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

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import cast

from invocation_spec import dagcbor, dagjson
from invocation_spec.adapters.homestar_args import (
    Arguments,
    Links,
    Promise,
    find_promise,
)
from invocation_spec.adapters.homestar_ids import (
    ability,
    hashed_instruction,
    hashed_task,
    native_cid,
    ran_cid,
    workflow_cid,
)
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import Document
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.model import Await, Input, Invocation, WasmFunctionProgram
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Reading, made
from invocation_spec.references import parse_data_url
from invocation_spec.resolutions import Resolutions

__all__ = ["TASKS_MAX", "is_homestar", "read_homestar"]

#: Tasks of one workflow; each is an invocation of its own.
TASKS_MAX = 10_000

_OP = "wasm/run"

#: 12 bytes (xid) or 16 (UUID) in base32hex, lower case, no padding.
_NONCE_TEXT = re.compile(r"[0-9a-v]{20}|[0-9a-v]{26}")


def is_homestar(document: Document) -> bool:
    """Whether the document has the marks of Homestar: `rsc`, or tasks that `run`."""
    root = document.tree
    if not isinstance(root, Mapping):
        return False
    if "rsc" in root or isinstance(root.get("run"), Mapping | CID):
        return True
    inner = root.get("workflow")
    tasks = (inner if isinstance(inner, Mapping) else root).get("tasks")
    if not isinstance(tasks, list) or not tasks:
        return False
    return isinstance(tasks[0], Mapping) and "run" in tasks[0]


@dataclass(slots=True)
class _Task:
    """One instruction on its way; `hashed` and `cid` are Homestar's own."""

    node: Node
    run: Node
    reading: Reading
    args: list[Ipld] | None = None
    nonce: bytes | None = None
    promises: Mapping[tuple[int | str, ...], Promise] = field(default_factory=dict)
    hashed: Mapping[str, Ipld] | None = None
    cid: CID | None = None

    @property
    def invocation(self) -> CID | None:
        """The canonical invocation, if the task has one."""
        program, given = self.reading.program, self.reading.input
        findings = self.reading.findings
        if findings.unresolved or findings.impure or program is None or given is None:
            return None
        return Invocation(program.cid, given.cid).cid


def read_homestar(document: Document, resolutions: Resolutions) -> list[Reading]:
    """One reading per task.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    links = Links()
    tree = document.tree
    if document.syntax != "dag-cbor":
        tree = dagjson.decode(tree, link=links)
    form, tasks = _tasks(Node(tree), resolutions)
    template = any(
        isinstance(task.run.value, Mapping) and "name" in task.run.value
        for task in tasks
    )
    for task in tasks:
        _read_instruction(task, links, template=template)
        _identify(task, links)
    by_cid = _by_cid(tasks)
    awaited = {
        at: {by_cid[promise.target] for promise in task.promises.values()
             if promise.target in by_cid}
        for at, task in enumerate(tasks)
    }
    for at in _in_order(awaited):
        _fill(tasks[at], tasks, by_cid)
    _add_aliases(form, tasks, links)
    return [task.reading for task in tasks]


def _tasks(root: Node, resolutions: Resolutions) -> tuple[str, list[_Task]]:
    fields = root.struct()
    if "rsc" in fields:
        form = "Homestar 0.2 instruction"
        return form, [_Task(root, root, Reading.start(form, resolutions))]
    if "run" in fields:
        form = "Homestar 0.2 task"
        return form, [_task(root, form, resolutions)]
    if "workflow" in fields:
        fields.pass_over("name")
        inner = fields["workflow"].struct()
        _close(fields, "name and workflow")
        fields = inner
    form = "Homestar 0.2 workflow"
    nodes = fields["tasks"].elements()
    _close(fields, "tasks")
    if len(nodes) > TASKS_MAX:
        raise fields["tasks"].refuse(f"at most {TASKS_MAX} tasks")
    return form, [_task(node, form, resolutions) for node in nodes]


def _task(node: Node, form: str, resolutions: Resolutions) -> _Task:
    fields = node.struct()
    fields.pass_over("cause", "meta", "prf")
    run = fields["run"]
    _close(fields, "run, cause, meta and prf")
    return _Task(node, run, Reading.start(form, resolutions))


def _close(fields: Struct, names: str) -> None:
    unknown = fields.unknown()
    if unknown:
        raise DocumentError(f"no field of the form; it has {names}", at=unknown[0].at)
