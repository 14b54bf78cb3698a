"""Actions as trees of their messages, so that what is changed is found by its digest.

A message in base64 is opened to a map of its fields, and a digest by which one names
another to its place; closed again, each has the digests of what it names now.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from invocation_spec import EncodingError
from invocation_spec.protobuf import decode_lenient, encode
from tests.fuzz.trees import Pairs, Tree

__all__ = ["closed", "opened"]

_PARTS = ("action", "command", "directories")

#: Deeper than any vector; a directory that comes to name itself has no end.
_DEPTH_MAX = 40


def opened(tree: Tree) -> Tree:
    """An action with its messages open; any other tree as it is."""
    fields = dict(tree) if isinstance(tree, Pairs) else {}
    if set(fields) != set(_PARTS) or len(tree) != len(_PARTS):
        return tree
    try:
        blobs = [
            base64.b64decode(text, validate=True) for text in fields["directories"]
        ]
        action = _message("Action", fields["action"])
        command = _message("Command", fields["command"])
        directories = [decode_lenient("Directory", blob) for blob in blobs]
    except (EncodingError, ValueError, TypeError):
        return tree
    places = {hashlib.sha256(blob).hexdigest(): at for at, blob in enumerate(blobs)}
    action["command_digest"] = "command"
    action["input_root_digest"] = _place(action["input_root_digest"], places)
    for directory in directories:
        for item in directory["directories"]:
            item["digest"] = _place(item["digest"], places)
    return _pairs({"action": action, "command": command, "directories": directories})


def closed(tree: Tree) -> Tree:
    """The document that an open action is; any other tree as it is.

    Raises:
        ValueError: a message that cannot be written, or a directory without an end.
    """
    fields = dict(tree) if isinstance(tree, Pairs) else {}
    if not isinstance(fields.get("action"), Pairs):
        return tree
    try:
        command = encode("Command", _plain(fields.get("command", Pairs())))
        closing = _Closing(_plain(fields.get("directories", [])))
        action = _plain(fields["action"])
        if action.get("command_digest") == "command":
            action["command_digest"] = _digest(command)
        action["input_root_digest"] = closing.digest(action.get("input_root_digest"), 0)
        data = encode("Action", action)
        blobs = [closing.blob(at, 0) for at in range(len(closing.directories))]
    except (EncodingError, TypeError, AttributeError, KeyError) as error:
        raise ValueError("no action") from error
    written = {
        "action": _text(data),
        "command": _text(command),
        "directories": [_text(blob) for blob in dict.fromkeys(blobs)],
    }
    return Pairs((key, written.get(key, item)) for key, item in tree)


class _Closing:
    def __init__(self, directories: list[Any]) -> None:
        self.directories = directories
        self._made: dict[int, bytes] = {}

    def blob(self, at: int, depth: int) -> bytes:
        if depth > _DEPTH_MAX:
            raise ValueError("a directory without an end")
        if at not in self._made:
            directory = dict(self.directories[at])
            directory["directories"] = [
                {**item, "digest": self.digest(item.get("digest"), depth)}
                for item in directory.get("directories") or []
            ]
            self._made[at] = encode("Directory", directory)
        return self._made[at]

    def digest(self, named: Any, depth: int) -> Any:
        if type(named) is not int or not self.directories:
            return named
        return _digest(self.blob(named % len(self.directories), depth + 1))


def _message(name: str, text: Any) -> dict[str, Any]:
    return decode_lenient(name, base64.b64decode(text, validate=True))


def _place(digest: Any, places: dict[str, int]) -> Any:
    return places.get(digest["hash"], digest) if digest else digest


def _digest(data: bytes) -> dict[str, Any]:
    return {"hash": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _pairs(value: Any) -> Tree:
    if isinstance(value, dict):
        return Pairs((key, _pairs(item)) for key, item in value.items())
    return [_pairs(item) for item in value] if isinstance(value, list) else value


def _plain(tree: Tree) -> Any:
    if isinstance(tree, Pairs):
        return {key: _plain(item) for key, item in tree}
    return [_plain(item) for item in tree] if isinstance(tree, list) else tree
