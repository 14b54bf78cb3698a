"""The UCAN task of December 2022, as Bacalhau v0.3.16 to v1.4.0 accepted it.

    {"with": "ubuntu@sha256:..", "do": "docker/run", "inputs": {..}, "meta": {}}

`with`, `do` and `inputs` are the identity, which the authors called the closure;
`meta` is not. The task is read as it stands, never by way of Bacalhau's own job:
that converter lost the environment of containers.
Source: bacalhau v1.0.3 pkg/model/task.go, pkg/model/schemas/invocation.ipldsch;
research: bacalhau 1.4.
"""

from __future__ import annotations

from collections.abc import Mapping

from invocation_spec.adapters.ucan_closure import COMMANDS, read_command
from invocation_spec.adapters.wasm_call import close
from invocation_spec.document import Document
from invocation_spec.node import Node
from invocation_spec.reading import Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["is_task", "read_task"]


def is_task(document: Document) -> bool:
    """Whether the document has the marks of a task: `with` and `do`."""
    root = document.tree
    return isinstance(root, Mapping) and "with" in root and "do" in root


def read_task(document: Document, resolutions: Resolutions) -> list[Reading]:
    """The one reading of a task.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    task = Node(document.tree).struct()
    task.pass_over("meta")
    resource, ability, given = task["with"], task["do"], task["inputs"]
    kind = ability.text()
    close(task, "with, do, inputs and meta")
    if kind not in COMMANDS:
        raise ability.refuse(" or ".join(COMMANDS))
    reading = Reading.start(f"UCAN task {kind}", resolutions)
    if not isinstance(given.value, Mapping):
        raise given.refuse("a map")
    read_command(reading, kind, resource, given, inputs=given.struct())
    reading.finish()
    return [reading]
