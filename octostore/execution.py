"""Running a canonical invocation here: content by CID, then the runner.

Source: DESIGN 6; FORMATS 3 and 5.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from invocation_spec.cid import CID
from invocation_spec.model import Input, Program, WasiProgram
from octostore.contents import FILES_MAX, Contents
from octostore.errors import FileError, StoreError
from octostore.result import STDOUT, Result
from octostore.runner import Clock, RunError, RunLimits, RunReport, run_wasi

__all__ = ["EXIT_FILE", "STDERR_FILE", "Executed", "execute", "write_results"]

#: Names in a result folder, as Bacalhau has them (pkg/executor/results.go).
EXIT_FILE: Final = "exitCode"
STDERR_FILE: Final = "stderr"

_RUNS_HERE: Final = (
    "what runs here is one run of a WASI command (kind wasi). Run it where it runs, and"
    " sign what it gave with `octostore claim`"
)

_TAKEN: Final = frozenset({"", ".", "..", STDOUT, STDERR_FILE, EXIT_FILE})


@dataclass(frozen=True, slots=True)
class Executed:
    """What a run gave: the report, and the canonical result unless it failed."""

    report: RunReport
    result: Result | None


def execute(
    program: Program,
    input: Input,
    contents: Contents,
    *,
    output_dirs: tuple[str, ...] = (),
    limits: RunLimits | None = None,
    seed: bytes = b"",
    clock: Clock = Clock(),  # noqa: B008 - frozen
) -> Executed:
    """Run a `wasi` invocation with the content that its CIDs name.

    Raises:
        NotFoundError: code or a file is not among the contents.
        RunError: a program of another kind, or one of several steps.
    """
    if not isinstance(program, WasiProgram):
        raise RunError(f"a program of kind {program.kind}; {_RUNS_HERE}")
    if input.steps:
        raise RunError(f"an input of {len(input.steps)} steps; {_RUNS_HERE}")
    bounds = limits or RunLimits()
    report = run_wasi(
        _bytes(contents, program.code, bounds.code_bytes),
        entry=program.entry,
        imports=[
            (item.name, _bytes(contents, item.code, bounds.code_bytes))
            for item in program.imports
        ],
        args=[str(item) for item in input.args],
        env=input.env,
        files=_files(input, contents),
        stdin=b""
        if input.stdin is None
        else _bytes(contents, input.stdin, bounds.written_bytes),
        output_dirs=output_dirs,
        limits=bounds,
        seed=seed,
        clock=clock,
    )
    result = None
    if report.failure is None:
        outputs = {name: CID.of_bytes(data) for name, data in report.outputs.items()}
        result = Result(outputs, exit=report.exit)
    return Executed(report, result)


def _files(input: Input, contents: Contents) -> dict[str, bytes | Path]:
    """The guest's files; below a folder the deeper mount wins (FORMATS 3).

    An input may name one folder ten thousand times: what is laid is what counts.
    """
    found: dict[str, bytes | Path] = {}
    for path in sorted(input.files):
        for inner, data in contents.laid(path, input.files[path]):
            found[inner] = data
            if len(found) > FILES_MAX:
                raise RunError(f"more than {FILES_MAX} files, which a run may have")
    return found


def _bytes(contents: Contents, cid: CID, bytes_max: int) -> bytes:
    found = contents.get(cid)
    if isinstance(found, bytes):
        return found
    with found.open("rb") as stream:
        data = stream.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise RunError(
            f"more than {bytes_max} bytes, which a run may have", at=str(cid)
        )
    return data


def write_results(folder: Path, report: RunReport, names: Mapping[str, str]) -> None:
    """Write what a run gave as Bacalhau does, so that `claim --results` reads it.

    `names` maps a folder name to the guest path of its output directory. After an
    error the folder is gone: half a result could be claimed as a whole one.

    Raises:
        FileError: the folder is not empty.
        StoreError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileError("not empty; results are never mixed", at=str(folder))
        try:
            _write(folder, report, names)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(folder)) from error


def _write(folder: Path, report: RunReport, names: Mapping[str, str]) -> None:
    (folder / STDERR_FILE).write_bytes(report.stderr)
    for name, data in report.outputs.items():
        target = folder / _place(name, names)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (folder / EXIT_FILE).write_text(f"{report.exit}")


def _place(name: str, names: Mapping[str, str]) -> str:
    """Where an output goes, always below the folder.

    A name is the spec's word, and a spec may be a stranger's: one that is a path,
    or that of a file beside, is not used, and the guest path stands for it.
    """
    for folder, path in names.items():
        root = path.rstrip("/") + "/"
        if "/" not in folder and folder not in _TAKEN and name.startswith(root):
            return f"{folder}/{name.removeprefix(root)}"
    return name.lstrip("/")
