"""Arguments of a Homestar function, and the promises among them.

    [1, {"/": "bafy.."}, {"await/ok": {"/": "bafyrmi.."}}]
     |  |                 the unwrapped value of another instruction
     |  the bytes behind a CID
     positional, never sorted

A promise is never a value: its place holds null, and the promise says what
comes there. Homestar takes *any* map of one key that holds a link for a
promise; here six keys are, and another such map is data, with a warning.
Source: homestar-invocation/src/pointer.rs, task/instruction/input.rs; rs-ucan
design/invocation.md for `ucan/await/`; FORMATS 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from invocation_spec.adapters.homestar_ids import is_hashed_as_written
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import CidError, DocumentError, MutableNameError
from invocation_spec.model import When
from invocation_spec.node import Node
from invocation_spec.reading import Reading

__all__ = ["Arguments", "FindPromise", "Links", "Path", "Promise", "find_promise"]

#: A place inside the arguments: a position, then keys and positions below it.
Path: TypeAlias = tuple[int | str, ...]

_WHEN: Mapping[str, When] = {
    "await/ok": "ok",
    "await/error": "error",
    "await/*": "any",
    "ucan/await/ok": "ok",
    "ucan/await/err": "error",
    "ucan/await/*": "any",
}


class Links:
    """Reads the links of one document, and keeps what no CID can say of them."""

    __slots__ = ("_around_reformed", "_names")

    def __init__(self) -> None:
        self._names: dict[tuple[str | int, ...], str] = {}
        self._around_reformed: set[tuple[str | int, ...]] = set()

    def __call__(self, text: str, node: Node) -> CID | None:
        """The CID of a link; None for a name.

        Raises:
            DocumentError: the text is no CID.
        """
        try:
            cid = CID.parse(text)
        except MutableNameError:
            self._names[node.path] = text
            self._note(node)
            return None
        except CidError as error:
            raise DocumentError(
                f"a link: {error.reason}", at=node.at or None
            ) from error
        if not is_hashed_as_written(text, cid):
            self._note(node)
        return cid

    def find_name(self, node: Node) -> str | None:
        """The name that the link at a place holds in place of a CID."""
        return self._names.get(node.path) if self._names else None

    def _note(self, node: Node) -> None:
        path = node.path
        while path and path not in self._around_reformed:
            self._around_reformed.add(path)
            path = path[:-1]

    def are_as_written(self, node: Node) -> bool:
        """Whether all links at and below a place are hashed as their CIDs."""
        return node.path not in self._around_reformed


@dataclass(frozen=True, slots=True)
class Promise:
    """A place that another task's result will fill.

    `at` is its JSON pointer, `target` the instruction's CID, or the IPNS name or
    the label that stands where one is due.
    """

    at: str
    when: When
    target: CID | str


#: The promise that a value is in some form, if it is one.
FindPromise: TypeAlias = Callable[[Node], Promise | None]


def _only_link(node: Node, links: Links) -> tuple[str, CID | str] | None:
    """The key and the link of a map that holds nothing else."""
    value = node.value
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((key, item),) = value.items()
    if isinstance(item, CID):
        return key, item
    name = links.find_name(Node(item, (node, key)))
    return None if name is None else (key, name)


def find_promise(node: Node, links: Links) -> Promise | None:
    """The promise that a value is to Homestar and to UCAN 1.0, if it is one."""
    found = _only_link(node, links)
    if found is None or found[0] not in _WHEN:
        return None
    return Promise(node.at, _WHEN[found[0]], found[1])


#: Values that are no promise, no link and no text.
_PLAIN = (int, bool, float, bytes)


@dataclass(slots=True)
class Arguments:
    """The arguments of one call while they are read.

    `find` knows the form's promises; `template` says that `{{` in a string is a
    place for the client to fill.
    """

    reading: Reading
    links: Links
    find: FindPromise
    template: bool
    promises: dict[Path, Promise] = field(default_factory=dict)
    complete: bool = True
    _above: int = 0

    def read(self, node: Node) -> list[Ipld]:
        """The values of the list at `node`, promises and what is unknown as null.

        Raises:
            DocumentError: it is no list.
        """
        if not isinstance(node.value, list):
            raise node.refuse("a list of arguments")
        self._above = len(node.path)
        return self._items(node, node.value)

    def _items(self, node: Node, items: list[Ipld]) -> list[Ipld]:
        return [
            item
            if type(item) in _PLAIN
            else self._value(Node(item, (node, index)), item)
            for index, item in enumerate(items)
        ]

    def _value(self, node: Node, value: Ipld) -> Ipld:
        if isinstance(value, CID):
            return self.reading.resolver.cid(value)
        if isinstance(value, str):
            return self._text(node)
        if isinstance(value, list):
            return self._items(node, value)
        if isinstance(value, dict):
            return self._map(node, value)
        name = self.links.find_name(node)
        return value if name is None else self._named(name, node)

    def _map(self, node: Node, value: Mapping[str, Ipld]) -> Ipld:
        promise = self.find(node)
        if promise is not None:
            self.promises[node.path[self._above :]] = promise
            return None
        if _only_link(node, self.links) is not None:
            self.reading.findings.warn(
                node.at,
                "may-be-read-as-promise",
                "a map of one key that holds a link: data to us, a promise to Homestar",
            )
        found: dict[str, Ipld] = {}
        for key, item in value.items():
            name = self._text(Node(key, (node, key)))
            found[name] = self._value(Node(item, (node, key)), item)
        return found

    def _named(self, name: str, node: Node) -> CID | None:
        cid = self.reading.resolver.content(f"ipfs://{name}", node.at)
        self.complete = self.complete and cid is not None
        return cid

    def _text(self, node: Node) -> str:
        if self.template and self.reading.literal(node) is None:
            self.complete = False
        return node.text()
