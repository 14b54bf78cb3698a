"""Fields that Bacalhau renamed, and enumerations that it wrote as numbers.

    engine: 2, engine_name: docker     EngineName: docker     Engine: Docker

Of several names of one field one may be used. A number and a name that
contradict each other are refused, though Bacalhau took the number.
Source: bacalhau pkg/model/{engine,storage}.go at v0.2.0, v0.2.5 and v0.3.11.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from invocation_spec.errors import DocumentError
from invocation_spec.node import Node, Struct, word_of

__all__ = ["ENGINES", "SOURCES", "chosen", "one_of"]

#: By number, from 1: the same from v0.2.0 to v0.3.11.
ENGINES: Final = ("noop", "docker", "wasm", "language", "pythonwasm")

#: By number, from 1; Estuary came after v0.2.0.
SOURCES: Final = ("ipfs", "urldownload", "filecoinunsealed", "filecoin", "estuary")


def one_of(fields: Struct, *names: str) -> Node:
    """The field that is not empty, of those that were its names in turn.

    Raises:
        DocumentError: two of them are not empty.
    """
    found = [fields[name] for name in names]
    said = [node for node in found if not node.is_empty]
    if len(said) > 1:
        raise DocumentError(
            f"a second spelling of {said[0].at}; keep one", at=said[1].at
        )
    return said[0] if said else found[0]


def chosen(fields: Struct, kinds: Sequence[str], *names: str) -> Node:
    """Which of `kinds` the fields say, by number or by name, at its place.

    Raises:
        DocumentError: none of them is said, or two of them are.
    """
    said = [node for node in (fields[name] for name in names) if not _is_unsaid(node)]
    if not said:
        raise fields[names[0]].refuse(f"one of {', '.join(kinds)}")
    found = [Node(_name(node, kinds), node.at, fold=True) for node in said]
    for node, given in zip(found, said, strict=True):
        if node.value != found[0].value:
            raise given.refuse(f"{found[0].text()}, as {found[0].at} says; keep one")
    return found[0]


def _is_unsaid(node: Node) -> bool:
    # 0 is the unknown of Go's enumerations, what stands there if nothing is said.
    return node.is_empty or (type(node.value) is int and node.value == 0)


def _name(node: Node, kinds: Sequence[str]) -> str:
    value = node.value
    if type(value) is int and 1 <= value <= len(kinds):
        return kinds[value - 1]
    name = word_of(value) if isinstance(value, str) else ""
    if name not in kinds:
        raise node.refuse(f"one of {', '.join(kinds)}, or its number from 1")
    return name
