"""Promises of December 2022: another task's result, by the label of the task.

    {"ucan/promise": ["/", "left"]}   until 5 December: the value under "ok"
    {"ucan/ok": ["/", "left"]}        until 16 December; ucan/err, ucan/ptr
    {"promise/ok": [&Invocation, "left"]}        since then; promise/err, promise/*

`"/"` is this document; a link is another, which is not here, so that the promise
stays unresolved. Source: ucan-wg/invocation README 7 and 10 (9cf808f).
"""

from __future__ import annotations

from collections.abc import Mapping

from invocation_spec.adapters.homestar_args import Links, Promise, find_promise
from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model import When
from invocation_spec.node import Node

__all__ = ["find_labelled"]

_WHEN: Mapping[str, When] = {
    "ucan/promise": "ok",
    "ucan/ok": "ok",
    "ucan/err": "error",
    "ucan/ptr": "any",
    "promise/ok": "ok",
    "promise/err": "error",
    "promise/*": "any",
}


def find_labelled(node: Node, links: Links) -> Promise | None:
    """The promise that a value is; of later forms too, which nobody here keeps.

    The target of one that names a task of this document is `/LABEL`.

    Raises:
        DocumentError: the key of a promise over anything but a pointer.
    """
    value = node.value
    if isinstance(value, dict) and len(value) == 1:
        ((key, pointer),) = value.items()
        if key in _WHEN:
            return Promise(node.at, _WHEN[key], _target(pointer, node.at))
    return find_promise(node, links)


def _target(pointer: object, at: str) -> str:
    match pointer:
        case ["/", str(label)]:
            return f"/{label}"
        case [CID() as invocation, str(label)]:
            return f"{invocation}/{label}"
    raise DocumentError(
        'a promise of another shape; expected ["/", LABEL] or [LINK, LABEL]', at=at
    )
