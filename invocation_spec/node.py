"""A place in a document: its value, and the JSON pointer that names it.

    job["Tasks"].element(0)["Engine"]     ->  Node at /tasks/0/Engine

Adapters ask nodes for what a form expects there; a node refuses anything else
and says where, in the document's own spelling of the keys. Networks written in
Go match keys without regard to case, so their nodes `fold`.
Source: RFC 6901; Go's encoding/json, fold.go; ADR 0018.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from invocation_spec.cid import CID
from invocation_spec.document import Tree
from invocation_spec.errors import DocumentError
from invocation_spec.yamltext import Ambiguous, AmbiguousKey

__all__ = [
    "ASCII_SPACE",
    "UNICODE_SPACE",
    "Node",
    "Struct",
    "escape",
    "folded",
    "kind_of",
    "word_of",
]

#: What is trimmed from words.
ASCII_SPACE = " \t\n\v\f\r"

#: What Go's strings.TrimSpace and Rust's char::is_whitespace take, written out:
#: Python's `str.strip` takes U+001C-U+001F too.
UNICODE_SPACE = (
    f"{ASCII_SPACE}\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

#: What is not ASCII and yet, to Go, a spelling of an ASCII letter: the long s and
#: the Kelvin sign. No other character has an ASCII letter in its orbit of case.
_GO_FOLDS = str.maketrans({"\u017f": "s", "\u212a": "k"})


class _Absent:
    __slots__ = ()


_ABSENT = _Absent()


def escape(key: str) -> str:
    """One reference token of a JSON pointer (RFC 6901 section 3)."""
    if "~" not in key and "/" not in key:
        return key
    return key.replace("~", "~0").replace("/", "~1")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def word_of(text: str) -> str:
    """A word of a form: ASCII white space trimmed, ASCII case folded."""
    return _lower(text.strip(ASCII_SPACE))


def kind_of(value: object) -> str:
    """What a person calls a value of a document."""
    if isinstance(value, Ambiguous):
        return f"the bare word {_shown(value.text)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return f"the number {value!r}"
    if isinstance(value, str):
        return f"the string {_shown(value)}"
    if isinstance(value, CID):
        return f"the link {value}"
    if isinstance(value, bytes):
        return "bytes"
    return "a map" if isinstance(value, dict) else "a list"


class Node:
    """One place in a document.

    It stands at a JSON pointer, `""` for the whole, or below another node by a key
    or a position; `fold` says that keys below match as Go's JSON matches them.
    """

    __slots__ = ("_at", "_place", "fold", "value")

    def __init__(
        self,
        value: Tree | _Absent,
        at: str | tuple[Node, str | int] = "",
        fold: bool = False,
    ) -> None:
        self.value = value
        self.fold = fold
        self._place = at
        self._at: str | None = None

    @property
    def at(self) -> str:
        """Its JSON pointer; spelled when it is told, for most never are."""
        if self._at is None:
            place = self._place
            if not isinstance(place, str):
                above, key = place
                place = f"{above.at}/{escape(str(key))}"
            self._at = place
        return self._at

    @property
    def path(self) -> tuple[str | int, ...]:
        """The pointer of where nodes began, then keys and positions.

        It tells places apart as pointers do, whose keys may be as long as a document.
        """
        steps: list[str | int] = []
        place = self._place
        while not isinstance(place, str):
            above, key = place
            steps.append(key)
            place = above._place  # noqa: SLF001 - another of this class
        return (place, *reversed(steps))

    @property
    def is_absent(self) -> bool:
        """Whether the document says nothing here."""
        return self.value is _ABSENT

    @property
    def is_null(self) -> bool:
        """Whether the place is absent or null."""
        return self.value is _ABSENT or self.value is None

    @property
    def is_empty(self) -> bool:
        """Whether it is absent, null, "", [] or {}: all one to a Go struct."""
        value = self.value
        if value:
            return value is _ABSENT
        return value is None or isinstance(value, str | list | dict)

    def refuse(self, expected: str) -> DocumentError:
        """The error that says what stands here and what was expected."""
        if self.is_absent:
            return DocumentError(f"missing; expected {expected}", at=self.at or None)
        hint = ""
        if isinstance(self.value, Ambiguous):
            hint = ", which YAML 1.1 and YAML 1.2 read differently"
        mend = "; quote it" if isinstance(self.value, Ambiguous | int | float) else ""
        if "string" not in expected:
            mend = ""
        return DocumentError(
            f"found {kind_of(self.value)}{hint}; expected {expected}{mend}",
            at=self.at or None,
        )

    def text(self) -> str:
        """The string here."""
        if not isinstance(self.value, str):
            raise self.refuse("a string")
        return self.value

    def text_or(self, default: str = "") -> str:
        """The string here, or `default` where the place is empty."""
        return default if self.is_empty else self.text()

    def word(self) -> str:
        """The string here as a word of the form: trimmed, ASCII case folded."""
        return word_of(self.text())

    def number(self) -> int:
        """The integer here; a float with an integral value is not one."""
        if type(self.value) is not int:
            raise self.refuse("an integer")
        return self.value

    def flag(self) -> bool:
        """The boolean here, false where the place is empty."""
        if self.is_empty:
            return False
        if not isinstance(self.value, bool):
            raise self.refuse("true or false")
        return self.value

    def elements(self) -> list[Node]:
        """The elements of the list here; none where the place is empty."""
        if self.is_empty:
            return []
        if not isinstance(self.value, list):
            raise self.refuse("a list")
        return [
            Node(item, (self, index), self.fold)
            for index, item in enumerate(self.value)
        ]

    def texts(self) -> list[str]:
        """The list of strings here; none where the place is empty."""
        return [item.text() for item in self.elements()]

    def entries(self) -> Iterator[tuple[str, Node]]:
        """Keys and places of the map here, keys as written; never folded."""
        if self.is_empty:
            return
        if not isinstance(self.value, dict):
            raise self.refuse("a map")
        for key, item in self.value.items():
            node = Node(item, (self, key), self.fold)
            if isinstance(key, AmbiguousKey):
                raise DocumentError(
                    f"the key {str(key)!r} is no string to every YAML; quote it",
                    at=node.at,
                )
            yield key, node

    def text_map(self) -> dict[str, str]:
        """The map of strings here."""
        return {key: item.text() for key, item in self.entries()}

    def peek(self, name: str) -> Node:
        """The place of one field, nothing else judged: to recognise a form by.

        Absent where there is no map; the first of several spellings.
        """
        if isinstance(self.value, dict):
            wanted = folded(name)
            for key, item in self.value.items():
                if key == name or (self.fold and folded(key) == wanted):
                    return Node(item, (self, key), self.fold)
        return Node(_ABSENT, (self, name), self.fold)

    def struct(self) -> Struct:
        """The fields of the map here; an empty place has none."""
        if self.is_empty:
            return Struct({}, self)
        if not isinstance(self.value, dict):
            raise self.refuse("a map")
        fields: dict[str, Node] = {}
        for key, item in self.value.items():
            node = Node(item, (self, key), self.fold)
            name = folded(key) if self.fold else str(key)
            if name in fields:
                raise DocumentError(
                    f"a second spelling of {fields[name].at}; keys here match"
                    " without regard to case, so keep one",
                    at=node.at,
                )
            fields[name] = node
        return Struct(fields, self)


class Struct:
    """The fields of one map of a form, by the names that the form gives them.

    `node` is the place of the map.
    """

    __slots__ = ("_asked", "_fields", "node")

    def __init__(self, fields: dict[str, Node], node: Node) -> None:
        self._fields = fields
        self._asked: set[str] = set()
        self.node = node

    @property
    def at(self) -> str:
        """JSON pointer of the map."""
        return self.node.at

    def __getitem__(self, name: str) -> Node:
        """The place of a field; an absent one has the pointer it would have."""
        fold = self.node.fold
        key = folded(name) if fold else name
        self._asked.add(key)
        return self._fields.get(key) or Node(_ABSENT, (self.node, name), fold)

    def __contains__(self, name: str) -> bool:
        return (folded(name) if self.node.fold else name) in self._fields

    def pass_over(self, *names: str) -> None:
        """Say that the form knows these fields and that they are not identity."""
        self._asked.update(_all_folded(names) if self.node.fold else names)

    def unknown(self) -> list[Node]:
        """The fields that nobody has asked for."""
        return [node for key, node in self._fields.items() if key not in self._asked]


@cache
def _all_folded(names: tuple[str, ...]) -> tuple[str, ...]:
    # Kept: they are the fields of forms, which stand in the code.
    return tuple(map(folded, names))


def folded(key: str) -> str:
    """A key as Go's JSON reads it, without regard to case.

    Every Go folds so: up to 1.20 `equalFoldRight` for names with an s or a k,
    since 1.21 `foldName` by `unicode.SimpleFold`. Source: encoding/json/fold.go.
    """
    if key.isascii():
        return key.lower()
    return _lower(key.translate(_GO_FOLDS))


def _lower(text: str) -> str:
    """A-Z as a-z, and nothing else: `str.lower` would fold the Kelvin sign too."""
    if text.isascii():
        return text.lower()
    data = text.encode("utf-8", "surrogatepass")
    return data.lower().decode("utf-8", "surrogatepass")
