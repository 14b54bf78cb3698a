"""A run on Golem: a bundle, what its activity answered, and what was downloaded.

Nobody but the requestor has all three, and no provider signs a result; so the requestor
claims it, as a witness, and the provider of the agreement is the executor.

    all runs ended with 0                    their outputs, exit 0
    a run exited with N (vm)                 exit N; nothing after it ran
    a run failed without a status, or under  failure: `limit`, else `other`
    wasmtime with any
    a command before the first run failed    failure: `not-started`

wasmtime's process reports 1 for every status of its guest and for every trap. `stdout`
is what all runs wrote, one after the other; if what one of them wrote is not known to
the last byte there is none, and `native` says why. Outputs are what was sent after the
last run: what was sent before may have changed since.
Source: FORMATS 5; yagna exe-unit/src/{exe_unit,state,output}.rs; ya-runtime-wasi
crates/api/src/wasmtime_unit.rs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from invocation_spec import Outcome
from invocation_spec.adapters.golem_script import commands
from invocation_spec.adapters.golem_terms import find, read_terms
from invocation_spec.adapters.golem_transfer import container_path
from invocation_spec.cid import CID
from invocation_spec.document import Tree, read_document
from invocation_spec.model import OciProgram, WasiProgram
from invocation_spec.node import ASCII_SPACE, Node
from octostore.claiming import Reported
from octostore.errors import ResultError
from octostore.harvest.golem.ended import Batch, Ended
from octostore.harvest.golem.outputs import Sent, outputs_by_path
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.records import Failure
from octostore.records.failure import FailureKind
from octostore.records.shape import TEXT_BYTES_MAX
from octostore.result import STDOUT, Result

__all__ = ["NETWORK", "activity_seen"]

NETWORK: Final = "golem"

#: A node's address: 20 bytes in hex, whose case says nothing.
_ADDRESS: Final = re.compile(r"0x[0-9A-Fa-f]{40}")


#: Rust's names of architectures, which offers have; virtual machines run Linux.
_PLATFORMS: Final = {"aarch64": "linux/arm64", "x86_64": "linux/amd64"}


@dataclass(frozen=True, slots=True)
class _Command:
    """A command of the script, and how it ended if it did; by a stream or not."""

    name: str
    body: Node
    ended: Ended | None
    streamed: bool


class _NoClaimError(Exception):
    """Why there is nothing to be claimed."""


def activity_seen(
    at: str,
    bundle: bytes,
    outcome: Outcome,
    batches: Sequence[Batch],
    files: Mapping[str, CID],
    name: str,
) -> Seen:
    """What an activity did, from its bundle's first command to the last.

    `batches` are all that the activity was sent, in order; together they are the
    script of the bundle. `files` are what was downloaded, by path. `name` is what the
    run is called where neither the bundle has its activity nor a stream its batch.

    Raises:
        DocumentError: a downloaded file that is no output, or a capture that no
            exe-unit reads.
    """
    tree = Node(read_document(bundle).tree)
    script = commands(tree.peek("exeScript"))
    activity = outcome.aliases.get("golem-activity")
    names = "+".join(batch.name for batch in batches if batch.name is not None)
    item = activity or names or name
    if outcome.invocation is not None:
        # One activity may be read as its first batch, and as its first two; and a
        # bundle is its requestor's own file, in which there may be a mistake.
        item = f"{item}/{outcome.invocation.cid}"
    try:
        reported = Reported(network=NETWORK)
        if outcome.invocation is not None:  # of another one no result is asked
            done = _joined(script, batches)
            reported = _reported(tree, done, outcome, files, activity, names)
        return Observed(item=item, at=at, outcome=outcome, reported=reported)
    except (_NoClaimError, ResultError) as error:
        return Unclaimed(item=item, at=at, reason=str(error), outcome=outcome)


def _joined(script: Sequence[Node], batches: Sequence[Batch]) -> list[_Command]:
    """The commands of the script with how they ended, batch after batch."""
    ended = [item for batch in batches for item in batch.ended]
    if len(ended) > len(script):
        raise _NoClaimError(
            f"{len(ended)} commands ended, and the bundle's script has {len(script)};"
            " it has to be all that the activity was sent"
        )
    failed = any(item.code != 0 for item in ended)
    for number, batch in enumerate(batches, 1):
        if batch.is_last is False:
            raise _NoClaimError(f"batch {number} of {len(batches)} is not finished")
        if number < len(batches) and any(item.code != 0 for item in batch.ended):
            raise _NoClaimError(
                f"batch {number} of {len(batches)} failed; leave out the rest"
            )
    if len(ended) < len(script) and not failed:
        raise _NoClaimError(
            f"{len(ended)} of the {len(script)} commands of the script have ended; the"
            " batch is not finished, or an earlier one is missing"
        )
    found: list[_Command] = []
    for index, node in enumerate(script):
        ((name, body),) = node.entries()
        end = ended[index] if index < len(ended) else None
        if end is not None and end.command is not None:
            _check_same(name, body, Node(end.command), index)
        found.append(_Command(name, body, end, batches[-1].streamed))
    return found


def _check_same(name: str, body: Node, started: Node, index: int) -> None:
    """Hold what the stream says was started against the script."""
    other = started.peek(name)
    same = not other.is_absent
    if name == "run":
        same = same and _call(body) == _call(other)
    elif name == "transfer":
        same = same and all(
            body.peek(key).value == other.peek(key).value for key in ("from", "to")
        )
    if not same:
        raise _NoClaimError(f"command {index} of the stream is not that of the script")


def _call(run: Node) -> tuple[Tree, ...]:
    args = run.peek("args")
    called = run.peek("entry_point").value, [] if args.is_empty else args.value
    return cast("tuple[Tree, ...]", called)


def _reported(
    tree: Node,
    done: Sequence[_Command],
    outcome: Outcome,
    files: Mapping[str, CID],
    activity: str | None,
    batches: str,
) -> Reported:
    runs = [index for index, item in enumerate(done) if item.name == "run"]
    began = [done[index] for index in runs if done[index].ended is not None]
    failed = next(
        (
            index
            for index, item in enumerate(done)
            if item.ended is not None and item.ended.code != 0
        ),
        None,
    )
    native = _native(tree, outcome, batches)
    outputs = outputs_by_path(files, _sent(done[runs[-1] + 1 :]))
    result: Result | None = None
    failure: Failure | None = None
    if failed is not None and failed <= runs[-1]:
        exit_status = _exit(done[failed], outcome)
        if exit_status is None:
            failure = _failure(done[failed], is_early=failed < runs[0])
    else:
        exit_status = 0
    if failure is None:
        stdout, mark = _stdout(began)
        if mark is not None:
            native[STDOUT] = mark
        elif stdout is not None:
            outputs[STDOUT] = CID.of_bytes(stdout)
        result = Result(outputs, exit=exit_status)
    times = [item.ended for item in began if item.ended is not None]
    return Reported(
        network=NETWORK,
        result=result,
        failure=failure,
        executor=_provider(tree),
        job=activity,
        platform=_platform(tree, outcome),
        started=times[0].started_s if times else None,
        finished=times[-1].finished_s if times else None,
        native=native,
    )


def _exit(command: _Command, outcome: Outcome) -> int | None:
    """The status that a run of an image ended with; wasmtime tells none."""
    wasm = isinstance(outcome.program, WasiProgram)
    if command.ended is None or command.name != "run" or wasm:
        return None
    return command.ended.code


def _failure(command: _Command, *, is_early: bool) -> Failure:
    message = None if command.ended is None else command.ended.message
    kind: FailureKind = "not-started" if is_early else "other"
    if message is not None and message.startswith("Usage limit exceeded"):
        kind = "limit"
    # What is said of a transfer names its URL, which may hold a secret.
    told = message if command.name == "run" else None
    return Failure(kind, _cut(told) if told else None)


def _cut(text: str) -> str:
    data = text.replace("\0", " ").encode()[:TEXT_BYTES_MAX]
    return data.decode(errors="ignore")


def _sent(commands_: Iterable[_Command]) -> list[Sent]:
    """What left the container; of a path that was sent twice, the last."""
    found: dict[str, Sent] = {}
    for item in commands_:
        if item.name != "transfer" or item.ended is None or item.ended.code != 0:
            continue
        source, target = item.body.peek("from"), item.body.peek("to")
        path = container_path(source.text().strip(ASCII_SPACE), source.at)
        if path is not None:
            packed = not item.body.peek("format").is_null
            found[path] = Sent(path, target.text(), packed)
    return list(found.values())


def _stdout(runs: Sequence[_Command]) -> tuple[bytes | None, str | None]:
    """What the runs wrote, or why it is not known."""
    found = bytearray()
    for run in runs:
        assert run.ended is not None  # noqa: S101 - those that ended
        mark = _uncaught(run) or run.ended.mark
        if mark is not None:
            return None, mark
        found += run.ended.stdout or b""
    return bytes(found), None


def _uncaught(run: _Command) -> str | None:
    """Why what was caught need not be all: by what the script asks to be caught."""
    mode = run.body.peek("capture").peek("stdout")
    at_end, stream = mode.peek("atEnd"), mode.peek("stream")
    if at_end.is_absent and stream.is_absent:
        return "discarded"
    ended = run.ended
    if run.streamed and stream.is_absent:
        return "not in the stream"
    if not at_end.peek("headTail").is_null:
        return "truncated"  # of what is short it gives the same bytes twice
    size = len(ended.stdout or b"") if ended is not None else 0
    for node in (at_end.peek("head"), at_end.peek("tail"), stream.peek("limit")):
        if not node.is_null and size >= node.number():
            return "truncated"
    return None


def _provider(tree: Node) -> str | None:
    value = tree.peek("agreement").peek("offer").peek("providerId").value
    if not isinstance(value, str) or not value:
        return None
    return value.lower() if _ADDRESS.fullmatch(value) else value


def _platform(tree: Node, outcome: Outcome) -> str | None:
    """What an image that may be an index of platforms was run as (FORMATS 4)."""
    if not isinstance(outcome.program, OciProgram):
        return None
    offer = read_terms(tree.struct()).offer
    found = find(offer, "golem.inf.cpu.architecture")
    value = None if found is None else found.value
    return _PLATFORMS.get(value) if isinstance(value, str) else None


def _native(tree: Node, outcome: Outcome, batches: str) -> dict[str, str]:
    own, offer = tree.peek("runtime"), read_terms(tree.struct()).offer
    said: dict[str, object] = {
        "agreement": outcome.aliases.get("golem-agreement"),
        "batch": _cut(batches),
    }
    for name in ("name", "version"):
        offered = find(offer, f"golem.runtime.{name}")
        said[f"runtime-{name}"] = (offered or own.peek(name)).value
    return {
        key: value for key, value in said.items() if isinstance(value, str) and value
    }
