"""A reader of closed maps.

Each field is taken once, with its type; whatever is left over is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from octostore.errors import RecordError

__all__ = ["Fields", "texts"]

_T = TypeVar("_T")


class Fields:
    """One closed map, read field by field.

    Raises:
        RecordError: it is no map; later, a field that is missing, of another
            type, empty where it should be left out, or unknown (`close`).
    """

    def __init__(self, value: Ipld, at: str = "") -> None:
        if not isinstance(value, Mapping):
            raise RecordError("not a map", at=at or "/")
        self._left = dict(value)
        self._at = at

    def need(self, name: str, kind: type[_T]) -> _T:
        """The value of a field that must be there."""
        if name not in self._left:
            raise RecordError(f"no field {name!r}", at=self._at or "/")
        return _typed(self._left.pop(name), kind, f"{self._at}/{name}")

    def find(self, name: str, kind: type[_T]) -> _T | None:
        """The value of a field that may be left out."""
        return self.need(name, kind) if name in self._left else None

    def list(self, name: str, kind: type[_T]) -> tuple[_T, ...]:
        """The items of a list that is left out when it is empty."""
        if name not in self._left:
            return ()
        items = self.whole_list(name, kind)
        if not items:
            raise RecordError("empty; leave the field out", at=f"{self._at}/{name}")
        return items

    def whole_list(self, name: str, kind: type[_T]) -> tuple[_T, ...]:
        """The items of a list that is always there, empty or not."""
        at = f"{self._at}/{name}"
        items = self.need(name, list)
        return tuple(_typed(item, kind, f"{at}/{i}") for i, item in enumerate(items))

    def map(self, name: str, kind: type[_T]) -> dict[str, _T]:
        """The entries of a map that is left out when it is empty."""
        if name not in self._left:
            return {}
        at = f"{self._at}/{name}"
        entries = self.need(name, dict)
        if not entries:
            raise RecordError("empty; leave the field out", at=at)
        return {key: _typed(item, kind, f"{at}/{key}") for key, item in entries.items()}

    def inner(self, name: str) -> Fields | None:
        """The reader of a map with fields of its own, if it is there."""
        if name not in self._left:
            return None
        return Fields(self.need(name, dict), f"{self._at}/{name}")

    def close(self) -> None:
        """Refuse what nobody asked for."""
        if self._left:
            unknown = min(self._left)
            raise RecordError(f"unknown field {unknown[:80]!r}", at=self._at or "/")


_KINDS: Final = {
    str: "text",
    int: "an integer",
    bool: "true or false",
    bytes: "bytes",
    CID: "a link",
    list: "a list",
    dict: "a map",
}


def _typed(value: object, kind: type[_T], at: str) -> _T:
    # Not isinstance: True is an int in Python and another value in DAG-CBOR.
    if kind is not object and type(value) is not kind:
        found = _KINDS.get(type(value), type(value).__name__)
        raise RecordError(f"{found}; expected {_KINDS[kind]}", at=at)
    return value  # type: ignore[return-value] # its type was just compared


def texts(items: Sequence[object], at: str) -> tuple[str, ...]:
    """The items of a list inside a map, all of them text."""
    return tuple(_typed(item, str, f"{at}/{i}") for i, item in enumerate(items))
