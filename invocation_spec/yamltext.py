r"""YAML text to a tree, where YAML 1.1 and YAML 1.2 agree.

    argv: [run, no]      ->  {"argv": ["run", Ambiguous("no")]}

`no` is false to a reader of 1.1 and text to one of 1.2, and both are in use.
The parser is libyaml's through PyYAML; its resolver is not used, since it knows
one version only. Anchors and aliases are read, bounded by what they expand to.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import yaml

from invocation_spec.dagcbor import INT_MAX, INT_MIN
from invocation_spec.errors import DocumentError

__all__ = [
    "YAML_CHARACTERS_MAX",
    "YAML_NODES_MAX",
    "Ambiguous",
    "AmbiguousKey",
    "read_yaml",
]

#: Nodes after aliases are expanded: ten lines of aliases make 10^9 of them.
YAML_NODES_MAX = 1_000_000

#: Characters of all values after aliases are expanded: as many as a document has.
YAML_CHARACTERS_MAX = 16 << 20

#: Longest numeral that is read as a number; float64 has no use for longer ones.
_NUMERAL_MAX = 400


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A plain scalar that YAML 1.1 and YAML 1.2 read as different values."""

    text: str


class AmbiguousKey(str):
    """A key that is no string, or not the same one, to every reader of YAML."""

    __slots__ = ()


_Scalar: TypeAlias = bool | int | float | str | Ambiguous | None
_Tree: TypeAlias = "_Scalar | list[_Tree] | dict[str, _Tree]"

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_BOOL_11 = {
    **dict.fromkeys(("y", "yes", "true", "on"), True),
    **dict.fromkeys(("n", "no", "false", "off"), False),
}
_NULL = ("", "~", "null", "Null", "NULL")
_INT_11 = re.compile(
    r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*(:[0-5]?[0-9])*)"
)
_FLOAT_11 = re.compile(
    r"[-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*"
)
_INT_12 = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT_12 = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
#: Blank lines and comments, then perhaps the one directive that is read.
_PROLOGUE = re.compile(
    r"(?:[ \t]*+(?:#[^\r\n]*+)?+(?:\r\n|[\r\n]))*+"
    r"(?:%YAML[ \t]++1\.[12](?:[ \t]++#[^\r\n]*+|[ \t]*+)(?=[\r\n]|\Z))?"
)
_DIRECTIVE = re.compile(r"(?:\A|(?<=[\r\n]))%[^\r\n]{0,80}")
_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")
_NOT_A_NUMBER = (".nan", ".NaN", ".NAN")


def read_yaml(text: str, *, depth_max: int) -> object:
    """The tree of the one document in `text`.

    Raises:
        DocumentError: not YAML, more than one document, a tag, a directive other
            than the version, a key twice, a key that is a collection, an alias inside
            its own anchor, too deep, or more than `YAML_NODES_MAX` nodes.
    """
    _check_breaks(text)
    _check_directives(text)
    try:
        return _Composer(text, depth_max).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise DocumentError(f"not YAML: {error.problem or error.context}{where}") from (
            error
        )
    except yaml.reader.ReaderError as error:
        raise DocumentError(
            f"not YAML: {error.reason} at character {error.position}; write it as an"
            " escape inside double quotes"
        ) from error
    except yaml.YAMLError as error:
        raise DocumentError(f"not YAML: {' '.join(str(error).split())}") from error


def _check_breaks(text: str) -> None:
    """Refuse what YAML 1.1 folds as a line break, or skips, and YAML 1.2 keeps."""
    found = _BREAKS.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise DocumentError(
            f"U+{ord(found[0]):04X} at line {line}, which YAML 1.1 and YAML 1.2 read"
            " differently; write it as an escape inside double quotes"
        )


def _check_directives(text: str) -> None:
    """Refuse directives but for one version: libyaml compares each with all others."""
    prologue = _PROLOGUE.match(text)
    found = _DIRECTIVE.search(text, prologue.end() if prologue else 0)
    if found is not None:
        line = len(re.findall("\r\n|[\r\n]", text[: found.start()])) + 1
        raise DocumentError(
            f"line {line} begins with %, found {_shown(found[0])}; no directive but one"
            " `%YAML 1.1` or `%YAML 1.2` at the top is read, so remove or indent it"
        )


class _Size(NamedTuple):
    """How much there is, aliases expanded."""

    nodes: int
    characters: int


class _Composer:
    """Builds the tree from libyaml's events; a stack, no recursion."""

    def __init__(self, text: str, depth_max: int) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)
        self._depth_max = depth_max
        self._anchors: dict[str, tuple[_Tree, _Size]] = {}
        self._size = _Size(0, 0)

    def document(self) -> _Tree:
        root: list[_Tree] = []
        open_: list[_Open] = [_Open(root, None, self._size)]
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise DocumentError("more than one YAML document; expected one")
            elif isinstance(event, yaml.NodeEvent):
                self._node(event, open_)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close(open_)
        return root[0] if root else None

    def _node(self, event: yaml.NodeEvent, open_: list[_Open]) -> None:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise DocumentError(
                    f"alias {_shown(f'*{event.anchor}')} stands before or inside"
                    " its anchor"
                )
            value, size = self._anchors[event.anchor]
            self._count(size)
            open_[-1].add(value, _line(event), plain=False)
            return
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise DocumentError(
                f"tag {_shown(tag)} at line {_line(event)}; tags are read"
                " by no network and refused"
            )
        size = _Size(1, len(event.value) if isinstance(event, yaml.ScalarEvent) else 0)
        self._count(size)
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == ""
            value = _resolve(event.value) if plain else event.value
            if event.anchor:
                self._anchors[event.anchor] = (value, size)
            open_[-1].add(value, _line(event), text=event.value, plain=plain)
            return
        if len(open_) > self._depth_max:
            raise DocumentError(f"nested deeper than {self._depth_max} levels")
        collection: list[_Tree] | dict[str, _Tree] = (
            [] if isinstance(event, yaml.SequenceStartEvent) else {}
        )
        open_[-1].add(collection, _line(event), plain=False)
        open_.append(_Open(collection, event.anchor, self._size))

    def _close(self, open_: list[_Open]) -> None:
        closed = open_.pop()
        if closed.anchor:
            nodes = self._size.nodes - closed.before.nodes + 1
            characters = self._size.characters - closed.before.characters
            self._anchors[closed.anchor] = (closed.collection, _Size(nodes, characters))

    def _count(self, size: _Size) -> None:
        nodes = self._size.nodes + size.nodes
        characters = self._size.characters + size.characters
        if nodes > YAML_NODES_MAX or characters > YAML_CHARACTERS_MAX:
            raise DocumentError(
                f"more than {YAML_NODES_MAX} values or {YAML_CHARACTERS_MAX}"
                " characters, aliases expanded; write less"
            )
        self._size = _Size(nodes, characters)


class _Open:
    """A collection whose end has not come yet, and the key that waits in it."""

    __slots__ = ("_key", "anchor", "before", "collection")

    def __init__(
        self,
        collection: list[_Tree] | dict[str, _Tree],
        anchor: str | None,
        before: _Size,
    ) -> None:
        self.collection = collection
        self.anchor = anchor
        self.before = before
        self._key: str | None = None

    def add(self, value: _Tree, line: int, *, text: str = "", plain: bool) -> None:
        if isinstance(self.collection, list):
            self.collection.append(value)
        elif self._key is None:
            self._key = _key(value, text, line, plain=plain)
            if self._key in self.collection:
                raise DocumentError(
                    f"key {_shown(self._key)} at line {line} stands twice in one"
                    " mapping; keep one"
                )
        else:
            self.collection[self._key] = value
            self._key = None


def _key(value: _Tree, text: str, line: int, *, plain: bool) -> str:
    if plain and text == "<<":
        raise DocumentError(
            f"merge key `<<` at line {line}: not part of YAML 1.2; write the keys out"
        )
    if isinstance(value, dict | list):
        raise DocumentError(
            f"a mapping key that is a collection, at line {line}; expected text"
        )
    if isinstance(value, str):
        return value
    return AmbiguousKey(value.text if isinstance(value, Ambiguous) else text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _line(event: yaml.NodeEvent) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _resolve(text: str) -> _Scalar:
    old, new = _yaml_11(text), _yaml_12(text)
    if type(old) is not type(new) or old != new:
        return Ambiguous(text)
    if isinstance(old, int | float) and old == 0 and text.startswith("-"):
        raise DocumentError(f"{text} is refused, as in JSON; write 0")
    return old


def _yaml_11(text: str) -> _Scalar:
    if text in _NULL:
        return None
    if text.lower() in _BOOL_11 and text in (text.lower(), text.upper(), text.title()):
        return _BOOL_11[text.lower()]
    if _INT_11.fullmatch(text):
        return _bounded(lambda: _int_11(text.replace("_", "")), text)
    if _FLOAT_11.fullmatch(text) and any(c.isdigit() for c in text):
        return _bounded(lambda: _float_11(text.replace("_", "")), text)
    return _special(text)


def _yaml_12(text: str) -> _Scalar:
    if text in _NULL:
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INT_12.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return _bounded(lambda: int(text[2:] if base != 10 else text, base), text)
    if _FLOAT_12.fullmatch(text):
        return _bounded(lambda: float(text), text)
    return _special(text)


def _special(text: str) -> _Scalar:
    if _INFINITY.fullmatch(text) or text in _NOT_A_NUMBER:
        raise DocumentError(f"{text} is no number that a job can hold; quote it")
    return text


def _int_11(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("+-")
    if ":" in body:
        total = 0
        for part in body.split(":"):
            total = total * 60 + int(part)
        return sign * total
    for prefix, base in (("0b", 2), ("0x", 16), ("0", 8)):
        if body.startswith(prefix) and len(body) > len(prefix):
            return sign * int(body[len(prefix) :], base)
    return sign * int(body)


def _float_11(text: str) -> float:
    if ":" not in text:
        return float(text)
    sign = -1 if text.startswith("-") else 1
    total = 0.0
    for part in text.lstrip("+-").split(":"):
        total = total * 60 + float(part)
    return sign * total


def _bounded(read: Callable[[], int | float], text: str) -> _Scalar:
    """Numbers as JSON has them; readers differ on one too large for float64."""
    if len(text) > _NUMERAL_MAX:
        return Ambiguous(text)
    try:
        number = read()
        if isinstance(number, int) and not INT_MIN <= number <= INT_MAX:
            number = float(number)
    except ValueError:
        return text  # `0b_`: the pattern of 1.1 lets through what is no number
    except OverflowError:
        return Ambiguous(text)
    if isinstance(number, float) and not math.isfinite(number):
        return Ambiguous(text)
    return number
