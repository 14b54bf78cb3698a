"""How one command of a batch ended, and how Golem writes what it printed.

Output is text or an array of bytes, as the command asked. What is not UTF-8 becomes
text by one character a byte in results, and loses bytes in a stream: such text is not
what was written. Source: ya-client model/src/activity/exe_script_command_result.rs;
yagna exe-unit/src/{output,error}.rs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from invocation_spec.document import Tree
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node

__all__ = [
    "COMMANDS_MAX",
    "Batch",
    "Ended",
    "exit_code_of",
    "index_of",
    "output_of",
    "time_s_of",
]

#: Commands of one batch; a script of a real task has some ten.
COMMANDS_MAX: Final = 10_000

_EXITED: Final = re.compile(r"ExeScript command exited with code (-?[0-9]{1,10})")

#: What decoding puts where bytes are no UTF-8.
_REPLACED: Final = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one command ended.

    `code` is its exit status, None where it failed without one. `stdout` is what was
    caught of it, None where nothing can be said; `mark` says why, or why the bytes are
    not all. `command` is what the stream says was started. Times are Unix seconds.
    """

    code: int | None
    message: str | None = None
    stdout: bytes | None = None
    mark: str | None = None
    command: Tree = None
    started_s: int | None = None
    finished_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The commands of one batch that have ended, from the first on.

    `is_last` is what results say of the last of them; a stream does not say it.
    """

    name: str | None
    ended: tuple[Ended, ...]
    streamed: bool
    is_last: bool | None = None


def exit_code_of(message: str | None) -> int | None:
    """The status that a message tells; None if it tells none, or one below zero."""
    found = _EXITED.fullmatch(message or "")
    return None if found is None or int(found[1]) < 0 else int(found[1])


def index_of(item: Node) -> int:
    """The place of a command in its batch, which a result or an event names."""
    place = item.peek("index")
    index = place.number()
    if not 0 <= index < COMMANDS_MAX:
        raise DocumentError(
            f"command {index}; a batch has at most {COMMANDS_MAX}", at=place.at
        )
    return index


def output_of(node: Node, *, streamed: bool) -> tuple[bytes, str | None]:
    """The bytes of an output, and why they may not be those that were written."""
    if node.is_null:
        return b"", None
    if isinstance(node.value, list):
        if any(type(item) is not int for item in node.value):
            raise node.refuse("text, or a list of bytes")
        try:
            return bytes(cast("list[int]", node.value)), None
        except ValueError as error:
            raise node.refuse("text, or a list of bytes") from error
    text = node.text()
    data = text.encode()
    if _REPLACED in text:
        return data, "not UTF-8"
    if not streamed and not text.isascii() and _may_be_bytes(text):
        return data, "not UTF-8"
    return data, None


def _may_be_bytes(text: str) -> bool:
    """Whether the text may stand for bytes that are no UTF-8, a character each."""
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def time_s_of(node: Node) -> int | None:
    """Unix seconds; of what is no time, nothing. A time without a zone is in UTC."""
    if not isinstance(node.value, str):
        return None
    try:
        time = datetime.fromisoformat(node.value)
        zoned = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
        found = int(zoned.timestamp())
    except (ValueError, OverflowError):
        return None
    return found if found >= 0 else None
