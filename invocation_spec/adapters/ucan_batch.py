"""Several UCAN tasks of December 2022 in one document, bare or in an invocation.

    {"left": {"with": .., "do": .., "inputs": .., "meta": {}}, "right": {..}}
    [{"with": .., "do": .., "inputs": ..}, ..]            labels are "0", "1", ..

    {"uiv": "0.1.0", "run": <batch>, "nnc": "6c*97-3=", "prf": [&UCAN],
     "meta": {}, "sig": bytes}
    {"ucan/invoke": {"v": "0.1.0", "run": {label: task}, "nnc": "abcdef",
                     "prf": [&UCAN], "ext": null}, "sig": bytes}    days before

Each task is an invocation. `with`, `do`, `inputs` are its identity, and `nnc`
for them all, as UTF-8: it makes every invocation of the closures distinct.
`meta`, `ext`, `prf`, `sig` are not; the signature is not checked, because who
made it stands in UCANs elsewhere. A promise names a task here by its label.

An ability that is no computation of ours (`msg/send`, `crud/update`) is an
effect: impure, and so is nothing else. In `inputs`, `_` holds promises that only
order the tasks. Source: ucan-wg/invocation README of 3, 6 and 17 December 2022
(6c75a60, 32f8562, 9cf808f); FORMATS 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

from invocation_spec import dagjson
from invocation_spec.adapters.homestar_args import Links
from invocation_spec.adapters.pipeline import TASKS_MAX, Task, fill
from invocation_spec.adapters.ucan_closure import COMMANDS, read_command
from invocation_spec.adapters.ucan_promise import find_labelled
from invocation_spec.adapters.wasm_call import Call, WasmCall, close
from invocation_spec.document import Document, Tree
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Reading
from invocation_spec.resolutions import Resolutions

__all__ = [
    "Scope",
    "check_version",
    "is_batch",
    "looks_like_batch",
    "read_batch",
    "read_scope",
]

_VERSION = "0.1.0"
_CALL = "wasm/run"


def looks_like_batch(tree: Tree) -> bool:
    """Whether a value holds maps only, and one of them has the marks of a task."""
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    if not isinstance(tree, list) or not all(isinstance(item, dict) for item in tree):
        return False
    return any(map(_is_task, tree))


def _is_task(tree: Tree) -> bool:
    return isinstance(tree, Mapping) and "with" in tree and "do" in tree


def is_batch(document: Document) -> bool:
    """Whether the document has the marks of a batch: `uiv`, or tasks by label."""
    root = document.tree
    if isinstance(root, Mapping) and ("uiv" in root or "ucan/invoke" in root):
        return True
    return not _is_task(root) and looks_like_batch(root)


def read_batch(document: Document, resolutions: Resolutions) -> list[Reading]:
    """One reading per task.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    root, tree = Node(document.tree), document.tree
    if isinstance(tree, Mapping) and ("uiv" in tree or "ucan/invoke" in tree):
        scope = read_scope(root)
        return scope.read("UCAN invocation 0.1", document, resolutions)
    return Scope(root, b"").read("UCAN batch", document, resolutions)


def read_scope(node: Node) -> Scope:
    """What an invocation of version 0.1 runs.

    Raises:
        DocumentError: another version, an unknown field, or tasks by reference.
    """
    fields = node.struct()
    if "ucan/invoke" in fields:
        fields.pass_over("sig")
        inner = fields["ucan/invoke"]
        close(fields, "ucan/invoke and sig")
        fields = inner.struct()
    fields.pass_over("prf", "meta", "ext", "sig")
    for name in ("uiv", "v"):
        check_version(fields[name])
    nonce, run = fields["nnc"], fields["run"]
    close(fields, "uiv or v, run, nnc, prf, meta or ext, and sig")
    if run.value == "*":
        raise run.refuse("the tasks themselves; `*` means those of the UCANs in prf")
    return Scope(run, b"" if nonce.is_absent else nonce.text().encode())


def check_version(node: Node) -> None:
    """Refuse another version than the one that is read here.

    Raises:
        DocumentError: it is another.
    """
    if not node.is_absent and node.text() != _VERSION:
        raise node.refuse(f"version {_VERSION}")


@dataclass(frozen=True, slots=True)
class Scope:
    """Labelled tasks that run together, and the nonce that they share."""

    tasks: Node
    nonce: bytes

    def read(
        self, form: str, document: Document, resolutions: Resolutions
    ) -> list[Reading]:
        """One reading per task.

        Raises:
            DocumentError: the tasks break a rule of the form.
        """
        if not looks_like_batch(cast("Tree", self.tasks.value)):
            raise self.tasks.refuse("tasks {with, do, inputs}, by label or in a list")
        labelled = _labelled(self.tasks)
        if len(labelled) > TASKS_MAX:
            raise self.tasks.refuse(f"at most {TASKS_MAX} tasks")
        tasks = [
            _Reader(Reading.start(form, resolutions), document, self.nonce).read(node)
            for node in labelled.values()
        ]
        fill(tasks, {f"/{label}": index for index, label in enumerate(labelled)})
        return [task.reading for task in tasks]


def _labelled(node: Node) -> Mapping[str, Node]:
    if isinstance(node.value, Mapping):
        return dict(node.entries())
    return {str(index): item for index, item in enumerate(node.elements())}


@dataclass(slots=True)
class _Reader:
    """Reads one task."""

    reading: Reading
    document: Document
    nonce: bytes

    def read(self, node: Node) -> Task:
        fields = node.struct()
        # The workflow's first example has its limits beside `meta`, not in it.
        fields.pass_over("meta", "ipvm/config")
        links = Links()
        resource, ability, given = (
            self._decoded(fields[name], links) for name in ("with", "do", "inputs")
        )
        close(fields, "with, do, inputs and meta")
        call = WasmCall(self.reading, links, partial(find_labelled, links=links))
        return Task(
            at=node.at,
            reading=self.reading,
            call=self._read(call, resource, ability, given),
        )

    def _decoded(self, node: Node, links: Links) -> Node:
        """Only what is identity is read as IPLD: nobody else's typo refuses it."""
        if node.is_absent or self.document.syntax == "dag-cbor":
            return node
        tree = cast("Tree", node.value)
        return Node(dagjson.decode(tree, node.at, link=links), node.at)

    def _read(
        self, call: WasmCall, resource: Node, ability: Node, given: Node
    ) -> Call | None:
        if call.awaits(ability):
            return None
        kind = ability.text()
        if kind not in (_CALL, *COMMANDS):
            self.reading.findings.call_impure(
                ability.at,
                "effect",
                f"{kind} acts on the world outside; a computation is"
                f" {_CALL}, {' or '.join(COMMANDS)}",
            )
            return None
        inputs = None if call.awaits(given) else self._inputs(call, given)
        if kind == _CALL:
            return self._call(call, resource, inputs)
        read_command(
            self.reading,
            kind,
            resource,
            given,
            inputs=inputs,
            find=call.find,
            nonce=self.nonce,
        )
        return None

    def _inputs(self, call: WasmCall, given: Node) -> Struct:
        if not isinstance(given.value, Mapping):
            raise given.refuse("a map")
        inputs = given.struct()
        if "_" in inputs:
            self._drop_order(call, inputs["_"])
        return inputs

    def _drop_order(self, call: WasmCall, node: Node) -> None:
        items = node.elements() if isinstance(node.value, list) else [node]
        for item in items:
            if call.find(item) is None:
                raise item.refuse("a promise: `_` only says what comes before")
        self.reading.findings.warn(
            node.at, "order-dropped", "says what runs before; no part of what is run"
        )

    def _call(self, call: WasmCall, resource: Node, inputs: Struct | None) -> Call:
        code = call.code(resource)
        if inputs is None:
            return Call(nonce=self.nonce)
        call.function(code, inputs["func"])
        found = call.arguments(inputs["args"], self.nonce)
        close(inputs, "func and args")
        return found
