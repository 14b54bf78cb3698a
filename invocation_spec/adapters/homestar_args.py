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
from invocation_spec.node import Node, escape
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
    """Reads the links of one document.

    `names` are those that name a key (IPNS) instead of content, by their place.
    """

    __slots__ = ("_around_reformed", "names")

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._around_reformed: set[str] = set()

    def __call__(self, text: str, at: str) -> CID | None:
        """The CID of a link; None for a name.

        Raises:
            DocumentError: the text is no CID.
        """
        try:
            cid = CID.parse(text)
        except MutableNameError:
            self.names[at] = text
            self._note(at)
            return None
        except CidError as error:
            raise DocumentError(f"a link: {error.reason}", at=at or None) from error
        if not is_hashed_as_written(text, cid):
            self._note(at)
        return cid

    def _note(self, at: str) -> None:
        while at and at not in self._around_reformed:
            self._around_reformed.add(at)
            at = at.rpartition("/")[0]
        self._around_reformed.add("")

    def are_as_written(self, at: str) -> bool:
        """Whether all links at and below a place are hashed as their CIDs."""
        return at not in self._around_reformed


@dataclass(frozen=True, slots=True)
class Promise:
    """A place that another task's result will fill.

    `at` is its JSON pointer, `target` the instruction's CID, or the IPNS name or
    the label that stands where one is due.
    """

    at: str
    when: When
    target: CID | str


#: The promise that a value at a JSON pointer is in some form, if it is one.
FindPromise: TypeAlias = Callable[[object, str], Promise | None]


def _only_link(value: object, at: str, links: Links) -> tuple[str, CID | str] | None:
    """The key and the link of a map that holds nothing else."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((key, item),) = value.items()
    if isinstance(item, CID):
        return key, item
    name = links.names.get(f"{at}/{escape(key)}")
    return None if name is None else (key, name)


def find_promise(value: object, at: str, links: Links) -> Promise | None:
    """The promise that a value is to Homestar and to UCAN 1.0, if it is one."""
    found = _only_link(value, at, links)
    if found is None or found[0] not in _WHEN:
        return None
    return Promise(at, _WHEN[found[0]], found[1])


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

    def read(self, node: Node) -> list[Ipld]:
        """The values of the list at `node`, promises and what is unknown as null.

        Raises:
            DocumentError: it is no list.
        """
        if not isinstance(node.value, list):
            raise node.refuse("a list of arguments")
        return [
            self._value(item, f"{node.at}/{index}", (index,))
            for index, item in enumerate(node.value)
        ]

    def _value(self, value: Ipld, at: str, path: Path) -> Ipld:
        if isinstance(value, CID):
            return self.reading.resolver.cid(value)
        if at in self.links.names:
            return self._named(self.links.names[at], at)
        if isinstance(value, str):
            return self._text(value, at)
        if isinstance(value, list):
            return [
                self._value(item, f"{at}/{index}", (*path, index))
                for index, item in enumerate(value)
            ]
        if isinstance(value, Mapping):
            return self._map(value, at, path)
        return value

    def _map(self, value: Mapping[str, Ipld], at: str, path: Path) -> Ipld:
        promise = self.find(value, at)
        if promise is not None:
            self.promises[path] = promise
            return None
        if _only_link(value, at, self.links) is not None:
            self.reading.findings.warn(
                at,
                "may-be-read-as-promise",
                "a map of one key that holds a link: data to us, a promise to Homestar",
            )
        return {
            self._text(key, f"{at}/{escape(key)}"): self._value(
                item, f"{at}/{escape(key)}", (*path, key)
            )
            for key, item in value.items()
        }

    def _named(self, name: str, at: str) -> CID | None:
        cid = self.reading.resolver.content(f"ipfs://{name}", at)
        self.complete = self.complete and cid is not None
        return cid

    def _text(self, text: str, at: str) -> str:
        if self.template and self.reading.literal(Node(text, at)) is None:
            self.complete = False
        return text
