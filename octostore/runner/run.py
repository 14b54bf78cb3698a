"""One run: lays out what the guest is given, runs it, collects what it made."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from octostore.runner.engine import ENGINE, execute
from octostore.runner.filesystem import File, Filesystem, HostFile, LimitError
from octostore.runner.guest import Clock, Guest
from octostore.runner.report import RunError, RunFailure, RunLimits, RunReport

__all__ = ["run_wasi"]

#: Modules linked into one program.
IMPORTS_MAX = 64


def run_wasi(
    code: bytes,
    *,
    entry: str = "_start",
    imports: Sequence[tuple[str, bytes]] = (),
    args: Sequence[str] = (),
    env: Mapping[str, str] = MappingProxyType({}),
    files: Mapping[str, bytes | Path] = MappingProxyType({}),
    stdin: bytes = b"",
    output_dirs: Sequence[str] = (),
    limits: RunLimits = RunLimits(),  # noqa: B008 - frozen
    seed: bytes = b"",
    clock: Clock = Clock(),  # noqa: B008 - frozen
) -> RunReport:
    """Runs a core module and reports its result, or why there is none.

    The guest sees argv[0] as the empty string, as on Bacalhau, then `args`; the
    environment `env`, sorted, and nothing else; and a root directory with `files`
    at their absolute paths, and `output_dirs`. `imports` are instantiated in order
    and linked by their names; a module that exports `_initialize` and is not
    started by `_start` is initialised first, as the WASI ABI demands. `entry` is
    an export without parameters and results. `seed` and `clock` are what no
    invocation says; another pair shows whether the program depends on them.

    A run that returns has exit 0, one that calls proc_exit has that status; any
    exit is a result. A trap, a limit, the time-out and a program that cannot start
    are failures.

    One run at a time in a process; others wait for their turn.

    Raises:
        RunError: the request itself is wrong, or an input cannot be read.
    """
    if len(imports) > IMPORTS_MAX:
        raise RunError(f"more than {IMPORTS_MAX} imports")
    _check_strings(args, env)
    guest = _guest(args, env, files, stdin, output_dirs, limits, seed, clock)
    execution = execute(guest, code, entry, imports, limits)
    failure = execution.failure
    outputs: dict[str, bytes] = {}
    skipped: list[str] = []
    if failure is None:
        try:
            outputs, skipped = _collect(guest, output_dirs, limits.output_bytes)
        except LimitError as error:
            failure = RunFailure("limit", str(error))
    return RunReport(
        outputs=MappingProxyType(outputs),
        exit=execution.exit if failure is None else None,
        failure=failure,
        stderr=bytes(guest.stderr.content),
        skipped=tuple(skipped),
        fuel_used=execution.fuel_used,
        memory_bytes=execution.memory_bytes,
        engine=ENGINE,
    )


def _guest(
    args: Sequence[str],
    env: Mapping[str, str],
    files: Mapping[str, bytes | Path],
    stdin: bytes,
    output_dirs: Sequence[str],
    limits: RunLimits,
    seed: bytes,
    clock: Clock,
) -> Guest:
    filesystem = Filesystem(bytes_max=limits.written_bytes, names_max=limits.names)
    for path in sorted(files):
        filesystem.lay_file(path, _content(files[path]))
    for path in sorted(output_dirs):
        filesystem.lay_directory(path)
    return Guest(
        filesystem,
        args=["", *args],
        env=env,
        stdin=stdin,
        stdout_bytes_max=limits.stdout_bytes,
        stderr_bytes_max=limits.stderr_bytes,
        seed=seed,
        clock=clock,
    )


def _content(source: bytes | Path) -> bytes | HostFile:
    if isinstance(source, bytes):
        return source
    try:
        status = source.stat()
    except OSError as error:
        raise RunError(f"cannot be read: {error}", at=str(source)) from error
    if not stat.S_ISREG(status.st_mode):
        raise RunError("expected a regular file", at=str(source))
    return HostFile(source, status.st_size)


def _collect(
    guest: Guest, output_dirs: Sequence[str], bytes_max: int
) -> tuple[dict[str, bytes], list[str]]:
    """Standard output and all regular files; symbolic links are only named."""
    outputs = {"stdout": bytes(guest.stdout.content)}
    skipped: list[str] = []
    left = bytes_max - len(outputs["stdout"])
    for directory in sorted(set(output_dirs)):
        for path, node in guest.filesystem.walk(directory):
            if not isinstance(node, File):
                skipped.append(path)
            elif path not in outputs:
                left -= len(path) + node.size
                if left < 0:
                    raise LimitError(f"made more than {bytes_max} bytes of outputs")
                outputs[path] = node.read(0, node.size)
    return outputs, skipped


def _check_strings(args: Sequence[str], env: Mapping[str, str]) -> None:
    for at, text in [
        *((f"args[{i}]", arg) for i, arg in enumerate(args)),
        *((f"env {name!r}", name + value) for name, value in env.items()),
    ]:
        if "\0" in text:
            raise RunError("holds a NUL character", at=at)
        if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            raise RunError("holds a lone surrogate", at=at)
    for name in env:
        if not name or "=" in name:
            raise RunError("expected a name without =", at=f"env {name!r}")
