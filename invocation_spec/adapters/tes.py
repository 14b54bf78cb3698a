"""A task of GA4GH's Task Execution Service (TES), 1.0 and 1.1.

    {"executors": [{"image": "alpine@sha256:..", "command": ["md5sum", "/in/a"],
                    "workdir": "/w", "env": {"A": "1"}, "stdin": "/in/a"}],
     "inputs": [{"path": "/in/a", "content": "hello"},
                {"path": "/in/b", "url": "s3://bucket/b"}],
     "outputs": [{"path": "/out/sum", "url": "s3://bucket/sum"}],
     "volumes": ["/scratch"]}

The same as its API answers, with id, state and logs. Keys do not fold. The text says
that `command` is the argv, its first the program; it has no word on the entrypoint of
the image, and engines differ: Funnel's docker worker leaves it in force, its
Kubernetes worker, TESK and TES on Azure put the command in its place. Where the image
has none all agree.
Source: ga4gh/task-execution-schemas openapi v1.0, v1.1 and its issue 74; funnel
worker/docker.go, config/default.go, config/kubernetes/executor-job.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping

from invocation_spec.adapters.tes_inputs import (
    absolute,
    file_type,
    read_inputs,
    read_stdin,
)
from invocation_spec.cid import CID
from invocation_spec.document import Document
from invocation_spec.errors import DocumentError
from invocation_spec.model import Input, OciProgram
from invocation_spec.model.values import check_text
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Files, Reading, clean_at, made
from invocation_spec.references import parse_image
from invocation_spec.resolutions import Resolutions

__all__ = ["is_tes", "read_tes"]

#: What a path of POSIX that selects several files holds.
_WILDCARDS = "*?["


def is_tes(document: Document) -> bool:
    """Whether the document has the marks of a task: an executor with an image."""
    executors = Node(document.tree).peek("executors").value
    if not isinstance(executors, list) or not executors:
        return False
    first = executors[0]
    return isinstance(first, Mapping) and "image" in first


def read_tes(document: Document, resolutions: Resolutions) -> list[Reading]:
    """One reading: a task is what its one executor runs.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    task = Node(document.tree).struct()
    reading = Reading.start("task", resolutions)
    files = read_inputs(reading, task["inputs"])
    executors = task["executors"].elements()
    readers = [_Executor(reading, item.struct(), files) for item in executors]
    if len(readers) == 1:
        readers[0].finish()
    else:
        _leave_several(reading, task["executors"].at, readers)
    reading.dirs = _dirs(reading, task["outputs"], task["volumes"])
    if not task["id"].is_empty:
        reading.aliases["tes-task"] = task["id"].text()
    task.pass_over("name", "description", "resources", "tags")
    task.pass_over("state", "logs", "creation_time")
    reading.ignore(task.unknown(), templates=False)
    reading.finish(executors[0].at)
    return [reading]


class _Executor:
    """One executor: what is known of it, whatever others there are."""

    def __init__(self, reading: Reading, fields: Struct, files: Files) -> None:
        self._reading = reading
        self._fields = fields
        self._files = files
        node = fields["image"]
        self.image = node.text()
        self._meaning = reading.resolver.image(self.image, node.at, entrypoint_due=True)
        self._command = _command(reading, fields["command"])
        self._env = {name: _text(item) for name, item in fields["env"].entries()}
        cwd = fields["workdir"]
        self._cwd = None if cwd.is_empty else clean_at(absolute(cwd), cwd.at)
        self._stdin = read_stdin(reading, fields["stdin"], files)
        for name in ("stdout", "stderr"):
            node = fields[name]
            if not node.is_empty and files.holds(clean_at(absolute(node), node.at)):
                raise DocumentError(
                    "an input stands there, which the engine would write over before"
                    " the program reads it; give another path",
                    at=node.at,
                )
        fields["ignore_error"].flag()
        reading.findings.warn(
            fields.at,
            "network-by-default",
            "TES says nothing of a network; a claim says what was available",
        )
        reading.ignore(fields.unknown(), templates=False)
        reading.check_known(
            fields.at,
            args=self._command,
            env=self._env,
            cwd=self._cwd,
            files=files.by_path,
        )

    def finish(self) -> None:
        """The program and the input of a task with this executor alone."""
        meaning = self._meaning
        if meaning is None:
            return  # its entrypoint may decide what runs
        self._reading.program = OciProgram(meaning.digest)
        stdin = self._stdin
        at = self._fields["image"].at
        is_bare = self._reading.resolver.is_bare(self.image, meaning, at)
        known = is_bare and self._files.complete
        if known and (isinstance(stdin, CID) or self._fields["stdin"].is_empty):
            self._reading.input = made(
                self._fields.at,
                Input,
                argv=self._command,
                env=self._env,
                cwd=self._cwd,
                files=self._files.by_path,
                stdin=stdin,
            )


def _text(node: Node) -> str:
    text = node.text()
    made(node.at, check_text, text, "text")
    return text


def _command(reading: Reading, node: Node) -> tuple[str, ...]:
    command = tuple(_text(item) for item in node.elements())
    if not command:
        raise node.refuse("a command: a list of one argument at least")
    if len(command) == 1:
        reading.findings.warn(
            node.at,
            "version-dependent",
            "Funnel from v0.12 hands a command of one argument to /bin/sh -c",
        )
    return command


def _leave_several(reading: Reading, at: str, readers: list[_Executor]) -> None:
    """Each executor is a container of its own that shares the volumes alone."""
    reading.findings.leave_unresolved(
        at, str(parse_image(readers[0].image)), "many-programs"
    )


def _dirs(reading: Reading, outputs: Node, volumes: Node) -> tuple[str, ...]:
    """Where engines lay an empty directory over the image: volumes and outputs."""
    found = set()
    for item in volumes.elements():
        found.add(clean_at(absolute(item), item.at))
    for item in outputs.elements():
        if not isinstance(item.value, Mapping):
            raise item.refuse("an output")
        fields = item.struct()
        fields.pass_over("name", "description", "path_prefix")
        found.add(_directory(fields["path"], fields["type"]))
        fields["url"].text_or()
        reading.ignore(fields.unknown(), templates=False)
    return tuple(sorted(found - {"/"}))


def _directory(path: Node, kind: Node) -> str:
    """The directory that an output is, or stands in, as far as it is no pattern."""
    word = file_type(kind)
    parts = clean_at(absolute(path), path.at).split("/")
    last = len(parts) if word == "DIRECTORY" else len(parts) - 1
    for index, part in enumerate(parts):
        if any(sign in part for sign in _WILDCARDS):
            last = min(last, index)
    return "/".join(parts[:last]) or "/"
