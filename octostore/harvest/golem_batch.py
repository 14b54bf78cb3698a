r"""What a Golem activity answers about a batch: how each of its commands ended.

    [{"index": 2, "eventDate": "2024-11-19T07:06:42Z", "result": "Error",
      "stdout": [104, 105, 10], "stderr": "boom\n", "isBatchFinished": true,
      "message": "ExeScript command exited with code 3"}]            its results

    event: runtime                                                   its stream
    data: {"batch_id": "04a9..", "index": 2, "timestamp": "2022-06-23T10:42:39.957",
           "kind": {"finished": {"return_code": 0, "message": null}}}

A stream comes as server-sent events, as lines of their data, or as an array of either.
Output is text or an array of bytes, as the command asked. What is not UTF-8 becomes
text by one character a byte in results, and loses bytes in a stream: such text is not
what was written. Output that is empty is null in results, and so is output that was
not asked for: a question about one command leaves out that of all others.
Source: ya-client model/src/activity/{exe_script_command_result,runtime_event}.rs;
yagna exe-unit/src/{state,output,error}.rs, core/activity/src/requestor/control.rs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, cast

from invocation_spec.document import Tree, read_json
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node

__all__ = [
    "ANSWER_BYTES_MAX",
    "BATCHES_MAX",
    "COMMANDS_MAX",
    "Batch",
    "Ended",
    "read_batches",
]

#: Bytes of an answer; a byte of output takes four characters as a number.
ANSWER_BYTES_MAX: Final = 64 << 20

#: Commands of one batch; a script of a real task has some ten.
COMMANDS_MAX: Final = 10_000

#: Batches of one activity; clients send deploy and start by themselves, then the work.
BATCHES_MAX: Final = 100

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


def read_batches(data: bytes) -> list[Batch]:
    """The batch of results, or the batches of a stream, in the order they began.

    Raises:
        DocumentError: neither of them, or they contradict themselves.
    """
    if len(data) > ANSWER_BYTES_MAX:
        raise DocumentError(
            f"{len(data)} bytes; an answer has at most {ANSWER_BYTES_MAX}"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8 at byte {error.start}") from error
    if not text.strip():
        raise DocumentError("empty; expected results of a batch, or its events")
    if text.lstrip()[:1] != "[":
        return _streams(_lines(text))
    items = Node(read_json(text)).elements()
    if not items:
        raise DocumentError("empty; nothing of the batch has ended")
    if items[0].peek("kind").is_absent and items[0].peek("data").is_absent:
        return [_results(items)]
    return _streams(_unwrapped(item) for item in items)


# Results


def _results(items: Sequence[Node]) -> Batch:
    by_index: dict[int, tuple[Node, Ended]] = {}
    for item in items:
        index = _index(item, by_index)
        by_index[index] = (item, _result(item))
    ended = [by_index[index] for index in sorted(by_index)]
    if len(ended) <= max(by_index):
        missing = next(i for i in range(len(ended) + 1) if i not in by_index)
        raise DocumentError(f"no result of command {missing}, and of a later one")
    flags = [item.peek("isBatchFinished").flag() for item, _ in ended]
    if any(flags[:-1]):
        raise DocumentError(
            f"finished with command {flags.index(True)}, and results of later ones;"
            " expected one answer of GET .. /exec/BATCH, without commandIndex"
        )
    found = [result for _, result in ended]
    failed = [index for index, result in enumerate(found) if result.code != 0]
    if failed and failed[0] < len(found) - 1:
        raise DocumentError(f"command {failed[0]} failed, and there is a later result")
    # Deploy and start print; if nothing but the last command did, nobody asked.
    shown = any(
        not item.peek(name).is_null
        for item, _ in ended[:-1]
        for name in ("stdout", "stderr")
    )
    if not shown:
        found[:-1] = [
            replace(item, stdout=None, mark="not in the answer") for item in found[:-1]
        ]
    return Batch(name=None, ended=tuple(found), streamed=False, is_last=flags[-1])


def _result(item: Node) -> Ended:
    result, message = item.peek("result"), item.peek("message")
    if result.value not in ("Ok", "Error"):
        raise result.refuse('"Ok" or "Error"')
    words = None if message.is_null else message.text()
    stdout, mark = _output(item.peek("stdout"), streamed=False)
    return Ended(
        code=0 if result.value == "Ok" else _code(words),
        message=words,
        stdout=stdout,
        mark=mark,
        finished_s=_time_s(item.peek("eventDate")),
    )


def _code(message: str | None) -> int | None:
    found = _EXITED.fullmatch(message or "")
    return None if found is None or int(found[1]) < 0 else int(found[1])


# A stream


@dataclass(slots=True)
class _Running:
    started: Node | None = None
    finished: Node | None = None
    started_s: int | None = None
    finished_s: int | None = None
    stdout: bytearray = field(default_factory=bytearray)
    mark: str | None = None


def _streams(events: Iterator[Node]) -> list[Batch]:
    batches: dict[str, dict[int, _Running]] = {}
    for event in events:
        name = event.peek("batch_id").text()
        if name not in batches and len(batches) == BATCHES_MAX:
            raise DocumentError(f"more than {BATCHES_MAX} batches", at=event.at)
        _take(event, batches.setdefault(name, {}))
    if not batches:
        raise DocumentError("no events; expected those of a batch")
    return [
        Batch(name=name, ended=tuple(_ended(batch)), streamed=True)
        for name, batch in batches.items()
    ]


def _take(event: Node, batch: dict[int, _Running]) -> None:
    command = batch.setdefault(_index(event, ()), _Running())
    kinds = list(event.peek("kind").entries())
    if len(kinds) != 1:
        raise event.peek("kind").refuse("one of started, stdout, stderr, finished")
    ((kind, body),) = kinds
    ended = command.finished is not None
    if ended and kind in ("started", "finished"):
        raise DocumentError("of a command that has ended", at=body.at)
    if kind == "started":
        command.started = body.peek("command")
        command.started_s = _time_s(event.peek("timestamp"))
    elif kind == "stdout":
        data, mark = _output(body, streamed=True)
        command.stdout += data or b""
        command.mark = command.mark or mark or ("printed late" if ended else None)
    elif kind == "finished":
        body.peek("return_code").number()
        command.finished = body
        command.finished_s = _time_s(event.peek("timestamp"))
    # stderr is no output; progress, and what a later version adds, are no end.


def _ended(batch: dict[int, _Running]) -> Iterator[Ended]:
    """The commands that ended. One before another that began ended well, unseen."""
    last = max(batch)
    for index in range(last + 1):
        command = batch.get(index, _Running())
        if command.finished is None and index == last:
            return
        mark = command.mark
        if command.started is None:
            mark = "the stream begins after the command did"
        code: int | None = 0
        message = None
        if command.finished is not None:
            words = command.finished.peek("message")
            message = None if words.is_null else words.text()
            code = command.finished.peek("return_code").number()
            if code < 0 or (code and message is not None and _code(message) != code):
                code = None
        if code != 0 and index < last:
            raise DocumentError(f"command {index} failed, and command {last} began")
        yield Ended(
            code=code,
            message=message,
            stdout=bytes(command.stdout),
            mark=mark,
            command=None
            if command.started is None
            else cast("Tree", command.started.value),
            started_s=command.started_s,
            finished_s=command.finished_s,
        )


def _unwrapped(item: Node) -> Node:
    """An event, or what is in the `data` of one that was kept as the client got it."""
    data = item.peek("data")
    if data.is_absent:
        return item
    return Node(read_json(data.text()), item.at)


def _lines(text: str) -> Iterator[Node]:
    """The events of a text: their data in lines, or as a server sends them.

    An event that breaks off before the empty line after it is none (WHATWG HTML).
    """
    data: list[str] = []
    plain = text.lstrip().startswith("{")
    lines = re.split(r"\r\n|\n|\r", text)
    if not plain:
        lines.pop()  # what no line break ends is no line
    for number, line in enumerate(lines, 1):
        at = f"line {number}"
        if plain:
            if line.strip():
                yield Node(_json(line, at), at)
            continue
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif name not in ("", "event", "id", "retry"):
            raise DocumentError(
                "no results and no event; expected JSON, or data: {..}", at=at
            )
        elif not line and data:
            yield Node(_json("\n".join(data), at), at)
            data.clear()


def _json(text: str, at: str) -> Tree:
    try:
        return read_json(text)
    except DocumentError as error:
        raise DocumentError(error.reason, at=at) from error


# What both have


def _index(item: Node, known: object) -> int:
    place = item.peek("index")
    index = place.number()
    if not 0 <= index < COMMANDS_MAX:
        raise DocumentError(
            f"command {index}; a batch has at most {COMMANDS_MAX}", at=place.at
        )
    if isinstance(known, dict) and index in known:
        raise DocumentError(f"a second result of command {index}", at=place.at)
    return index


def _output(node: Node, *, streamed: bool) -> tuple[bytes | None, str | None]:
    """The bytes of an output, and why they may not be those that were written."""
    if node.is_null:
        return b"", None
    if isinstance(node.value, list):
        try:
            return bytes(cast("list[int]", node.value)), None
        except (TypeError, ValueError) as error:
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


def _time_s(node: Node) -> int | None:
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
