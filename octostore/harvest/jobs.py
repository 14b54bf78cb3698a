"""A folder of jobs, each in a directory of its own: what a node leaves of its runs.

    FOLDER/JOB/spec.yaml         the job as submitted: one file, `spec` or `spec.*`
               results/          stdout, exitCode, outputs, as `claim --results` has it
               report.json       who ran it, when, how it ended; may be missing
               resolutions.json  what references in the spec meant; may be missing
               done              made last, of any content

    report.json  {"executor": "QmXa..", "job": "j-1", "platform": "linux/amd64",
                  "started": 1669111200, "finished": 1669111207, "network": "none",
                  "exit": 0, "failure": {"kind": "time-out", "message": "3600 s"},
                  "at": ["https://example.org/r/"], "task": 0}

JOB is the network's name of the run. A directory whose name begins with a dot is never
looked at; where a node moves finished directories into place, `done` is not needed.
Links are not followed. Source: docs/guides/watch.md.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

from invocation_spec import DocumentError, Outcome, Resolutions, canonicalize
from invocation_spec.document import DOCUMENT_BYTES_MAX, read_document
from invocation_spec.errors import OctostoreError
from invocation_spec.node import Node, Struct
from octostore.claiming import Reported
from octostore.errors import FileError, RecordError
from octostore.harvest.observed import ITEM_CHARACTERS_MAX, Observed, Seen, Unclaimed
from octostore.published import result_in
from octostore.records import Failure, Limits
from octostore.records.failure import FailureKind
from octostore.records.limits import NetworkAccess
from octostore.result import Result

__all__ = ["JOBS_MAX", "REPORT_BYTES_MAX", "Finished", "JobFolder"]

#: Directories in one folder: each is looked at again and again.
JOBS_MAX: Final = 100_000

#: Bytes of a report, which has a dozen short fields.
REPORT_BYTES_MAX: Final = 1 << 16

#: How a finished job is known: by the file `done`, or by being there at all.
Finished: TypeAlias = Literal["done", "moved"]

#: Changes when anything directly in a directory does.
_Stamp: TypeAlias = tuple[tuple[str, int], ...]


@dataclass(slots=True, kw_only=True)
class JobFolder:
    """The jobs of a folder, each given once unless it changes or is forgotten.

    `executor` and `limits` are said of jobs whose report says nothing of them.
    `is_claimed` tells of a name whether its run was claimed before.
    """

    path: Path
    network: str
    resolutions: Resolutions
    is_claimed: Callable[[str], bool]
    spec_network: str | None = None
    finished: Finished = "done"
    executor: str | None = None
    limits: Limits | None = None
    _given: dict[str, _Stamp] = field(default_factory=dict)
    #: Those that need not be looked into again, of what was there the last time.
    _claimed: set[str] = field(default_factory=set)

    def __call__(self) -> Iterator[Seen]:
        """The jobs that have finished since the last call, and those that changed.

        Raises:
            FileError: the folder cannot be read, or holds too many.
        """
        there = self._names()
        self._claimed &= there
        self._given = {name: self._given[name] for name in self._given.keys() & there}
        for name in sorted(there - self._claimed):
            if self.is_claimed(name):
                self._given.pop(name, None)
                self._claimed.add(name)
                continue
            stamp, reason = _stamp(self.path / name)
            if stamp == self._given.get(name) or not self._has_finished(stamp):
                continue
            self._given[name] = stamp
            if reason:
                at = str(self.path / name)
                yield Unclaimed(item=ascii(name), at=at, reason=reason)
            else:
                yield self._seen(name)

    def forget(self) -> None:
        """Give all jobs again that have no claim: the last ones came to nothing."""
        self._given.clear()

    def _names(self) -> set[str]:
        found: set[str] = set()
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if entry.name[0] == "." or not entry.is_dir(follow_symlinks=False):
                        continue
                    found.add(entry.name)
                    if len(found) > JOBS_MAX:
                        raise FileError(
                            f"more than {JOBS_MAX} jobs; move those away that were"
                            " claimed",
                            at=str(self.path),
                        )
        except OSError as error:
            raise FileError(
                f"cannot be read: {error.strerror}", at=str(self.path)
            ) from error
        return found

    def _has_finished(self, stamp: _Stamp) -> bool:
        if self.finished == "moved":
            return bool(stamp)  # an empty one, or one that is gone, is no job
        return any(name == "done" for name, _ in stamp)

    def _seen(self, name: str) -> Seen:
        at = self.path / name
        if not name.isprintable() or len(name) > ITEM_CHARACTERS_MAX:
            return Unclaimed(item=ascii(name), at=str(at), reason="no name of a run")
        outcome: Outcome | None = None
        try:
            report = _report(at / "report.json")
            outcome = self._outcome(at, report)
            reported = self._reported(name, at, outcome, report)
        except OctostoreError as error:
            return Unclaimed(item=name, at=str(at), reason=str(error), outcome=outcome)
        return Observed(item=name, at=str(at), outcome=outcome, reported=reported)

    def _outcome(self, at: Path, report: Struct) -> Outcome:
        spec = _spec(at)
        given = self.resolutions
        own = at / "resolutions.json"
        if own.exists():
            ours = Resolutions.parse(_read(own, DOCUMENT_BYTES_MAX))
            given = Resolutions(
                {**given.meanings, **ours.meanings}, {**given.source, **ours.source}
            )
        data = _read(spec, DOCUMENT_BYTES_MAX)
        outcomes = canonicalize(data, given, network=self.spec_network)
        task = report["task"]
        if task.is_absent and len(outcomes) > 1:
            raise DocumentError(
                f"holds {len(outcomes)} tasks; say in report.json which: task",
                at=str(spec),
            )
        number = 0 if task.is_absent else task.number()
        if not 0 <= number < len(outcomes):
            raise task.refuse(f"a task from 0 to {len(outcomes) - 1}")
        return outcomes[number]

    def _reported(
        self, name: str, at: Path, outcome: Outcome, report: Struct
    ) -> Reported:
        failure = _failure(report["failure"])
        result = None
        if failure is None:
            result = _result(at / "results", report["exit"], outcome.result_names)
        limits = self.limits
        if not report["network"].is_absent:
            access = cast("NetworkAccess", report["network"].text())
            limits = Limits(network=access)
        reported = Reported(
            network=self.network,
            result=result,
            failure=failure,
            executor=_optional(report["executor"]) or self.executor,
            job=_optional(report["job"]) or name,
            platform=_optional(report["platform"]),
            started=_seconds(report["started"]),
            finished=_seconds(report["finished"]),
            limits=limits,
            at=tuple(report["at"].texts()),
        )
        for unknown in report.unknown():
            raise DocumentError("no field of a report; remove it", at=unknown.at)
        return reported


def _stamp(directory: Path) -> tuple[_Stamp, str]:
    """Names and times of what is directly in a directory, or why they are not known.

    One that is gone has none; one that cannot be read counts as finished, to be told.
    """
    found: list[tuple[str, int]] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                found.append((entry.name, status.st_mtime_ns))
    except FileNotFoundError:
        return (), ""
    except OSError as error:
        return (("done", -1),), f"cannot be read: {error.strerror}"
    return tuple(sorted(found)), ""


def _spec(at: Path) -> Path:
    found = sorted(
        path for path in at.iterdir() if path.name == "spec" or path.stem == "spec"
    )
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise FileError(
            f"found {names}; expected one file `spec` or `spec.*`", at=str(at)
        )
    return found[0]


def _read(path: Path, bytes_max: int) -> bytes:
    """The bytes of a regular file; no link is followed and no pipe waited for."""
    try:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(path, flags), "rb") as stream:
            is_file = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            data = stream.read(bytes_max + 1) if is_file else b""
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error
    if not is_file or len(data) > bytes_max:
        raise FileError(f"no file of at most {bytes_max} bytes", at=str(path))
    return data


def _report(path: Path) -> Struct:
    if not path.exists() and not path.is_symlink():
        return Node({}).struct()
    document = read_document(_read(path, REPORT_BYTES_MAX))
    if document.syntax != "json" or not isinstance(document.tree, Mapping):
        raise DocumentError(f"{path.name}: expected a JSON object")
    return Node(document.tree, f"{path.name}#").struct()


def _optional(node: Node) -> str | None:
    return None if node.is_absent else node.text()


def _seconds(node: Node) -> int | None:
    return None if node.is_absent else node.number()


def _failure(node: Node) -> Failure | None:
    if node.is_absent:
        return None
    fields = node.struct()
    kind = cast("FailureKind", fields["kind"].text())
    found = Failure(kind, _optional(fields["message"]))
    for unknown in fields.unknown():
        raise DocumentError("no field of a failure; remove it", at=unknown.at)
    return found


def _result(folder: Path, status: Node, names: Mapping[str, str]) -> Result:
    """The result folder, and the exit status where only the report says one."""
    stated = None if status.is_absent else status.number()
    if folder.is_symlink() or not folder.is_dir():
        if stated is None:
            raise RecordError(
                "neither a folder nor an exit in report.json", at=str(folder)
            )
        return Result({}, exit=stated)
    found = result_in(folder, names, exit=stated)
    if stated is not None and found.exit != stated:
        raise RecordError(
            f"exitCode {found.exit}, and exit {stated} in report.json", at=str(folder)
        )
    return found
