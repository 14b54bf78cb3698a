"""The stream of a batch's events, as an activity sends it and as clients keep it.

    event: runtime
    data: {"batch_id": "04a9..", "index": 2, "timestamp": "2022-06-23T10:42:39.957",
           "kind": {"finished": {"return_code": 0, "message": null}}}

Server-sent events, lines of their data, or an array of either. Source: ya-client
model/src/activity/runtime_event.rs; yagna core/activity/src/requestor/control.rs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, cast

from invocation_spec.document import Tree, read_json
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node
from octostore.harvest.golem.ended import (
    Batch,
    Ended,
    exit_code_of,
    index_of,
    output_of,
    time_s_of,
)

__all__ = ["BATCHES_MAX", "batches_of", "events_in", "unwrapped"]

#: Batches of one activity; clients send deploy and start by themselves, then the work.
BATCHES_MAX: Final = 100


@dataclass(slots=True)
class _Running:
    started: Node | None = None
    finished: Node | None = None
    started_s: int | None = None
    finished_s: int | None = None
    stdout: bytearray = field(default_factory=bytearray)
    mark: str | None = None


def batches_of(events: Iterator[Node]) -> list[Batch]:
    """The batches of a stream, in the order in which they began.

    Raises:
        DocumentError: no events of a batch, or they contradict themselves.
    """
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
    command = batch.setdefault(index_of(event), _Running())
    kinds = list(event.peek("kind").entries())
    if len(kinds) != 1:
        raise event.peek("kind").refuse("one of started, stdout, stderr, finished")
    ((kind, body),) = kinds
    ended = command.finished is not None
    if ended and kind in ("started", "finished"):
        raise DocumentError("of a command that has ended", at=body.at)
    if kind == "started":
        command.started = body.peek("command")
        command.started_s = time_s_of(event.peek("timestamp"))
    elif kind == "stdout":
        data, mark = output_of(body, streamed=True)
        command.stdout += data
        command.mark = command.mark or mark or ("printed late" if ended else None)
    elif kind == "finished":
        body.peek("return_code").number()
        command.finished = body
        command.finished_s = time_s_of(event.peek("timestamp"))
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
            if code < 0 or (
                code and message is not None and exit_code_of(message) != code
            ):
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


def unwrapped(item: Node) -> Node:
    """An event, or what is in the `data` of one that was kept as the client got it."""
    data = item.peek("data")
    if data.is_absent:
        return item
    return Node(read_json(data.text()), item.at)


def events_in(text: str) -> Iterator[Node]:
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
