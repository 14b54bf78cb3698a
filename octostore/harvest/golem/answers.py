r"""What a Golem activity answers about a batch: how each of its commands ended.

    [{"index": 2, "eventDate": "2024-11-19T07:06:42Z", "result": "Error",
      "stdout": [104, 105, 10], "stderr": "boom\n", "isBatchFinished": true,
      "message": "ExeScript command exited with code 3"}]

or the stream of its events. In results, output that is empty is null, and so is output
that was not asked for: a question about one command leaves out that of all others.
Source: ya-client model/src/activity/exe_script_command_result.rs; yagna
exe-unit/src/state.rs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from invocation_spec.document import read_json
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
from octostore.harvest.golem.stream import batches_of, events_in, unwrapped

__all__ = ["ANSWER_BYTES_MAX", "read_batches"]

#: Bytes of an answer; a byte of output takes four characters as a number.
ANSWER_BYTES_MAX: Final = 64 << 20


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
        return batches_of(events_in(text))
    items = Node(read_json(text)).elements()
    if not items:
        raise DocumentError("empty; nothing of the batch has ended")
    if items[0].peek("kind").is_absent and items[0].peek("data").is_absent:
        return [_results(items)]
    return batches_of(unwrapped(item) for item in items)


def _results(items: Sequence[Node]) -> Batch:
    by_index: dict[int, tuple[Node, Ended]] = {}
    for item in items:
        index = index_of(item)
        if index in by_index:
            raise DocumentError(f"a second result of command {index}", at=item.at)
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
    stdout, mark = output_of(item.peek("stdout"), streamed=False)
    return Ended(
        code=0 if result.value == "Ok" else exit_code_of(words),
        message=words,
        stdout=stdout,
        mark=mark,
        finished_s=time_s_of(item.peek("eventDate")),
    )
