"""The terms of a Golem agreement: its properties by flat name, and the runtime.

    {"demand": {"constraints": "(golem.runtime.name=vm)",
                "properties": {"golem.srv.comp.task_package": "hash:sha3:9a3b5d67..."}},
     "offer": {"properties": {"golem.runtime": {"name": "vm", "version": "0.4.2"}}}}

Properties come flat, nested or half of each, with `@tag` for a value that has
children too. The runtime stands in the offer; a demand alone asks for it in its
constraints.
Source: yagna utils/agreement-utils/src/agreement.rs (expand, flatten); ya-runtime-wasi
conf/ya-runtime-wasi.json; research: golem 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from invocation_spec.errors import DocumentError
from invocation_spec.node import Node, Struct

__all__ = [
    "PROPERTY_NAME_MAX",
    "Family",
    "Terms",
    "find",
    "read_runtime",
    "read_terms",
]

#: How a package is read: as the image of a virtual machine, or as WASI modules.
Family: TypeAlias = Literal["vm", "wasmtime"]

#: `vm-nvidia` runs the images of `vm`. Others (`ya-mock-runtime` runs nothing)
#: are refused: how they read a package is not known here.
_FAMILIES: Mapping[str, Family] = {
    "vm": "vm",
    "vm-nvidia": "vm",
    "wasmtime": "wasmtime",
}


#: Characters of a property's name, nested names joined; yagna has none of a hundred.
#: Each property below a key repeats it.
PROPERTY_NAME_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class Terms:
    """The properties of demand and offer by flat name, and the constraints."""

    at: str
    demand: Mapping[str, Node]
    offer: Mapping[str, Node]
    constraints: Node | None = None
    agreement_id: Node | None = None


def read_terms(bundle: Struct) -> Terms:
    """The terms of a bundle: of its agreement, or of a demand alone.

    A demand is its properties, or `{properties, constraints}`.

    Raises:
        DocumentError: both or neither, no maps, or one property twice.
    """
    demand, agreement = bundle["demand"], bundle["agreement"]
    if demand.is_null == agreement.is_null:
        raise DocumentError(
            "expected either a demand or an agreement",
            at=(demand if demand.is_null else agreement).at,
        )
    if not agreement.is_null:
        flat = _flatten(agreement)
        return Terms(
            agreement.at,
            demand=_below(flat, "demand.properties."),
            offer=_below(flat, "offer.properties."),
            constraints=find(flat, "demand.constraints"),
            agreement_id=find(flat, "agreementId"),
        )
    flat = _flatten(demand)
    properties = _below(flat, "properties.")
    beside = [node for name, node in flat.items() if name.startswith("golem.")]
    own = not properties and find(flat, "properties") is None
    if beside and not own:
        raise DocumentError("a property beside `properties`", at=beside[0].at)
    constraints = find(flat, "constraints")
    return Terms(demand.at, flat if own else properties, {}, constraints=constraints)


def _flatten(root: Node) -> dict[str, Node]:
    if not isinstance(root.value, Mapping):
        raise root.refuse("a map")
    found: dict[str, Node] = {}
    _flatten_below(root, None, found)
    return found


def _flatten_below(node: Node, name: str | None, found: dict[str, Node]) -> None:
    if name is not None and len(name.removesuffix(".@tag")) > PROPERTY_NAME_MAX:
        raise DocumentError(
            f"a property name of {len(name)} characters; at most {PROPERTY_NAME_MAX}",
            at=node.at,
        )
    if isinstance(node.value, Mapping) and node.value:
        for key, item in node.entries():
            _flatten_below(item, key if name is None else f"{name}.{key}", found)
    elif name is not None:
        name = name.removesuffix(".@tag")
        if name in found:
            raise DocumentError(
                f"a second spelling of {found[name].at}: nested and dotted names are"
                " one property",
                at=node.at,
            )
        found[name] = node


def _below(flat: Mapping[str, Node], prefix: str) -> dict[str, Node]:
    return {
        name.removeprefix(prefix): node
        for name, node in flat.items()
        if name.startswith(prefix)
    }


def find(flat: Mapping[str, Node], name: str) -> Node | None:
    """The place of a property; an absent one and a null one are the same."""
    node = flat.get(name)
    return None if node is None or node.is_null else node


def read_runtime(runtime: Node, terms: Terms) -> Family:
    """How the package is read; all places that name a runtime have to agree.

    Raises:
        DocumentError: no runtime is named, one that is not known here, or two
            that read packages differently.
    """
    found: Family | None = None
    for name, at in _runtimes(runtime, terms):
        family = _FAMILIES.get(name)
        if family is None:
            raise DocumentError(
                f"runtime {name!r}; expected one of {', '.join(_FAMILIES)}", at=at
            )
        if found not in (None, family):
            raise DocumentError(f"runtime {name!r}, elsewhere {found}", at=at)
        found = family
    if found is None:
        raise DocumentError(
            "missing; expected {name}, or golem.runtime.name in an offer's properties"
            " or a demand's constraints",
            at=runtime.at,
        )
    return found


def _runtimes(runtime: Node, terms: Terms) -> Iterator[tuple[str, str]]:
    if not runtime.is_null:
        fields = runtime.struct()
        yield fields["name"].text(), fields["name"].at
        fields.pass_over("version")
        for unknown in fields.unknown():
            raise DocumentError(
                "unknown; a runtime has name and version", at=unknown.at
            )
    offered = find(terms.offer, "golem.runtime.name")
    if offered is not None:
        yield offered.text(), offered.at
    if terms.constraints is not None:
        for name in _required_runtimes(terms.constraints.text()):
            yield name, terms.constraints.at


_TOKEN = re.compile(
    r"\(\s*([&|!]?)|(\))"
    r"|(?<![\w.])golem\.runtime\.name\s*=\s*([^\s()*<>=~]+)(?=\s*\))"
)


def _required_runtimes(constraints: str) -> Iterator[str]:
    """Runtimes that every match has to have: those under no `|` and no `!`."""
    operators: list[str] = []
    loose = 0  # how many of them let a match do without what is below
    for token in _TOKEN.finditer(constraints):
        if token[2]:
            if operators:
                loose -= operators.pop() in ("|", "!")
        elif token[3]:
            if not loose:
                yield token[3]
        else:
            operators.append(token[1])
            loose += token[1] in ("|", "!")
