"""A task of GA4GH TES as its API answers with it: a run, or why it is none.

    {"id": "b8tqh1ilo1", "state": "COMPLETE", "executors": [..], "inputs": [..],
     "logs": [{"logs": [{"exit_code": 0, "start_time": "2026-11-22T10:00:00Z"}],
               "outputs": [{"path": "/out/a", "url": "s3://b/a", "size_bytes": "6"}]}]}

    state                                a claim of
    COMPLETE                             the outputs that can be read, and the exit
    EXECUTOR_ERROR                       the exit, if one is reported, else a failure
    SYSTEM_ERROR                         a failure
    CANCELED, PREEMPTED                  nothing: somebody stopped it
    QUEUED, RUNNING, .. and UNKNOWN      nothing: it has not ended

No field says a digest. Outputs are hashed where somebody has them: in a folder, each
at its path in the container below the ID of its task. The stdout of a log is a head, a
tail or a URL, as a server likes, and no output.
Source: docs/spec/forms/tes.md; ga4gh/task-execution-schemas tesTaskLog, tesState.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from invocation_spec import CID, DocumentError, Resolutions, canonicalize
from invocation_spec.errors import EncodingError
from invocation_spec.paths import clean
from octostore.claiming import Reported
from octostore.contents import cid_of_file
from octostore.errors import FileError, RecordError, ResultError
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.records import Failure, Limits
from octostore.records.shape import check_url
from octostore.result import Result

__all__ = ["ENDED", "MESSAGE_CHARACTERS_MAX", "TesTasks", "is_id"]

#: States in which nothing more will happen.
ENDED: Final = frozenset(
    {"COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "CANCELED", "PREEMPTED"}
)

#: What servers write of a failure may be a whole log; its end says why.
MESSAGE_CHARACTERS_MAX: Final = 1000

#: URLs of outputs that a claim repeats, as hints.
_URLS_MAX: Final = 16

_EXIT_MAX: Final = (1 << 32) - 1
_STOPPED: Final = frozenset({"CANCELED", "PREEMPTED"})

#: One folder by this name, and no other: servers make IDs of UUIDs and the like.
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,254}")


def is_id(text: object) -> bool:
    """Whether an ID may stand in a path, of a URL and of a folder."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TesTasks:
    """How tasks are read: as runs on `network`, their outputs below `results`."""

    network: str
    resolutions: Resolutions
    results: Path | None = None
    limits: Limits | None = None

    def seen(self, task: Mapping[str, Any], at: str) -> Seen:
        """The run that a task of `view=FULL` reports, or why there is none."""
        item = task.get("id")
        if not isinstance(item, str) or not is_id(item):
            return Unclaimed(item="", at=at, reason="no id of a task")
        state = task.get("state")
        if state not in ENDED:
            reason = f"has not ended: {state}"
            return Unclaimed(item=item, at=at, reason=reason, has_ended=False)
        if "executors" not in task:
            return Unclaimed(
                item=item, at=at, reason="without executors; ask with view=FULL"
            )
        try:
            # A task is one document; what a list holds beside it is not.
            document = json.dumps(task).encode()
            (outcome,) = canonicalize(document, self.resolutions, network="tes")
        except DocumentError as error:
            return Unclaimed(item=item, at=at, reason=f"refused: {error}")
        if state in _STOPPED:
            return Unclaimed(
                item=item,
                at=at,
                reason=f"{state}: somebody stopped it",
                outcome=outcome,
            )
        try:
            reported = self._reported(item, task, str(state))
        except (FileError, RecordError, ResultError) as error:
            return Unclaimed(item=item, at=at, reason=str(error), outcome=outcome)
        return Observed(item=item, at=at, outcome=outcome, reported=reported)

    def _reported(self, item: str, task: Mapping[str, Any], state: str) -> Reported:
        logs = _maps(task.get("logs"))
        last = logs[-1] if logs else {}
        runs = _maps(last.get("logs"))
        run = runs[-1] if runs else {}
        result = self._result(item, task, state, last, run)
        native = {"state": state}
        if len(logs) > 1:
            native["attempts"] = str(len(logs))
        return Reported(
            network=self.network,
            result=result,
            failure=None if result is not None else _failure(state, last, runs),
            job=item,
            started=_seconds(run.get("start_time") or last.get("start_time")),
            finished=_seconds(run.get("end_time") or last.get("end_time")),
            limits=self.limits,
            at=_urls(last) if state == "COMPLETE" else (),
            native=native,
        )

    def _result(
        self,
        item: str,
        task: Mapping[str, Any],
        state: str,
        last: Mapping[str, Any],
        run: Mapping[str, Any],
    ) -> Result | None:
        status = run.get("exit_code")
        known = type(status) is int and 0 <= status <= _EXIT_MAX
        if state == "COMPLETE":
            # Writers of JSON that leave defaults out leave out a zero.
            stated = status if known else 0 if status is None else None
            return self._whole(dict(self._outputs(item, task, last)), stated)
        if state == "EXECUTOR_ERROR" and known and status:
            return Result({}, exit=status)
        return None

    def _whole(self, outputs: Mapping[str, CID], status: int | None) -> Result:
        if not outputs and status is None:
            raise ResultError("neither an output that can be read nor an exit status")
        return Result(outputs, exit=status)

    def _outputs(
        self, item: str, task: Mapping[str, Any], last: Mapping[str, Any]
    ) -> Iterator[tuple[str, CID]]:
        """The outputs of which the folder has the bytes, by name."""
        if self.results is None:
            return
        executor = _maps(task.get("executors"))[0]
        stdout, stderr = (_path(executor.get(name)) for name in ("stdout", "stderr"))
        for output in _maps(last.get("outputs")):
            path = _path(output.get("path"))
            if path is None or path == stderr:
                continue
            file = _inside(self.results / item, path)
            if file is None:
                continue
            _check_size(file, output.get("size_bytes"))
            yield ("stdout" if path == stdout else path), cid_of_file(file)


def _maps(value: object) -> list[Mapping[str, Any]]:
    """The maps in a list; what a server writes instead says nothing."""
    return [item for item in _list(value) if isinstance(item, Mapping)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _path(value: object) -> str | None:
    if not isinstance(value, str) or not value.startswith("/"):
        return None
    try:
        return clean(value)
    except EncodingError:
        return None


def _inside(folder: Path, path: str) -> Path | None:
    """The regular file at a guest path below a folder, no link on the way."""
    found = folder
    for part in path.split("/")[1:]:
        if found.is_symlink() or not found.is_dir():
            return None
        found /= part
    if found.is_symlink() or not found.is_file():
        return None
    return found


def _check_size(file: Path, said: object) -> None:
    """Refuse a file that is not as long as the log says: it is another one."""
    stated = str(said) if isinstance(said, str | int) else ""
    if not stated.isascii() or not stated.isdigit():
        return
    size = file.stat().st_size
    if size != int(stated[:20]):
        raise FileError(
            f"{size} bytes; the task's log says {stated[:20]}, so it is another file",
            at=str(file),
        )


def _failure(
    state: str, last: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]
) -> Failure:
    said = [line for line in _list(last.get("system_logs")) if isinstance(line, str)]
    message = f"{state}: {said[-1]}" if said else state
    has_begun = any(run.get("start_time") or run.get("exit_code") for run in runs)
    text = "".join(c if c.isprintable() else " " for c in message)
    return Failure(
        "other" if has_begun else "not-started", text[:MESSAGE_CHARACTERS_MAX]
    )


def _urls(last: Mapping[str, Any]) -> tuple[str, ...]:
    """Where outputs are said to be, as far as a claim can say it."""
    found: list[str] = []
    for output in _maps(last.get("outputs")):
        url = output.get("url")
        if not isinstance(url, str) or url in found:
            continue
        try:
            check_url(url, "/at")
        except RecordError:
            continue  # a path of the server, or a scheme that others cannot fetch
        found.append(url)
    return tuple(found[:_URLS_MAX])


def _seconds(value: object) -> int | None:
    """Unix seconds of an RFC 3339 time; None where there is none to be read."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None or moment.timestamp() < 0:
        return None
    return int(moment.timestamp())
