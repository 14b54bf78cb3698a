"""The IPVM workflow of version 0.1 (December 2022 to spring 2023).

    {"ipvm/workflow": {"v": "0.1.0", "meta": {}, "parent": null,
                       "config": {}, "defaults": {},
                       "tasks": {"v": "0.1.0", "nnc": "02468", "prf": [&UCAN],
                                 "run": {LABEL: {"with", "do", "inputs", "meta"}}},
                       "catch": null},
     "sig": bytes}

`tasks` is a UCAN invocation; a batch in its place, tasks by their labels, is
read too, and a workflow without the wrapper. Configuration (limits, secrecy, how
results are checked; `global` in the text's examples) is no identity, nor are
`meta`, `parent` and the signature. A `catch` is: the handler turns failures into
results, which an invocation has no field for, so it is refused.
Source: ipvm-wg/workflow, branch v0.1, README 2 to 5; research: ipvm 1 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping

from invocation_spec.adapters.ucan_batch import (
    Scope,
    check_version,
    looks_like_batch,
    read_scope,
)
from invocation_spec.adapters.wasm_call import close
from invocation_spec.document import Document, Tree
from invocation_spec.node import Node
from invocation_spec.reading import Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["is_workflow", "read_workflow"]

_WRAPPER = "ipvm/workflow"


def is_workflow(document: Document) -> bool:
    """Whether the document has the marks of a workflow: its tag, or labelled tasks."""
    root = document.tree
    if not isinstance(root, Mapping):
        return False
    return _WRAPPER in root or _is_scope(root.get("tasks"))


def _is_scope(tasks: Tree) -> bool:
    if not isinstance(tasks, Mapping):
        return False
    return looks_like_batch(tasks) or looks_like_batch(tasks.get("run"))


def read_workflow(document: Document, resolutions: Resolutions) -> list[Reading]:
    """One reading per task.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    fields = Node(document.tree).struct()
    if _WRAPPER in fields:
        fields.pass_over("sig", "signature")
        inner = fields[_WRAPPER]
        close(fields, f"{_WRAPPER} and sig")
        fields = inner.struct()
    check_version(fields["v"])
    fields.pass_over("meta", "parent", "config", "global", "defaults")
    tasks, handler = fields["tasks"], fields["catch"]
    close(fields, "v, meta, parent, config, defaults, tasks and catch")
    if not handler.is_empty:
        raise handler.refuse(
            "no handler: it turns failures into results, so that the same task gives"
            " others without it; leave it out to name the tasks alone"
        )
    return _scope(tasks).read("IPVM workflow 0.1", document, resolutions)


def _scope(tasks: Node) -> Scope:
    value = tasks.value
    if isinstance(value, Mapping) and not looks_like_batch(value):
        return read_scope(tasks)
    return Scope(tasks, b"")
