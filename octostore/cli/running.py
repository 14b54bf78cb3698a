"""`octostore run`: run a WASI invocation here, as deterministically as can be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from invocation_spec import Outcome
from octostore.cli.at_hand import Folders, Gateways, MaxBytes, known, sources
from octostore.cli.inputs import From, ResolutionsFile, Task, one_canonical, outcomes_of
from octostore.cli.rim import (
    DONE,
    NO,
    AsJson,
    StorePath,
    leave,
    print_json,
    say,
)
from octostore.cli.specs import leave_not_canonical
from octostore.contents import CONTENTS_BYTES_MAX, Contents
from octostore.execution import Executed, execute, write_results
from octostore.runner import RunLimits
from octostore.runner.report import FUEL, MEMORY_BYTES, TIME_S

__all__ = ["Fuel", "Memory", "Time", "run_command"]

Fuel: TypeAlias = Annotated[
    int, typer.Option("--fuel", help="Instructions of a run, about.")
]
Memory: TypeAlias = Annotated[
    int, typer.Option("--memory", metavar="BYTES", help="Most memory of the guest.")
]
Time: TypeAlias = Annotated[
    float, typer.Option("--time", metavar="SECONDS", help="Longest run.")
]


def run_command(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A spec; - for stdin.")],
    files: Folders = None,
    gateway: Gateways = None,
    output_dir: Annotated[
        list[str] | None,
        typer.Option(
            "--output-dir",
            metavar="PATH",
            help="A guest directory to collect, beside those that the spec declares.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Write the outputs here."),
    ] = None,
    fuel: Fuel = FUEL,
    memory: Memory = MEMORY_BYTES,
    time: Time = TIME_S,
    max_bytes: MaxBytes = CONTENTS_BYTES_MAX,
    task: Task = None,
    network: From = None,
    resolutions: ResolutionsFile = None,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Run a WASI invocation locally and print its result.

    Code and files are found by CID, in the folders given, in the store, and at the
    gateways; what is sent is hashed.

    Example: octostore run job.yaml --files . --out results
    """
    outcome = one_canonical(outcomes_of(spec, resolutions, network), task)
    if not isinstance(outcome, Outcome):
        leave_not_canonical(outcome, as_json=as_json)
    limits = RunLimits(fuel=fuel, memory_bytes=memory, time_s=time)
    with (
        known(store, None) as place,
        sources(place, files or (), gateway or (), None, max_bytes) as contents,
    ):
        done = _execute(outcome, output_dir or [], limits, contents)
    if out is not None and done.result is not None:
        write_results(out, done.report, outcome.result_names)
    if as_json:
        print_json(_json(outcome, done))
    else:
        _print(outcome, done)
    leave(DONE if done.result is not None else NO)


def _execute(
    outcome: Outcome, output_dirs: list[str], limits: RunLimits, contents: Contents
) -> Executed:
    program, input = outcome.program, outcome.input
    if program is None or input is None:
        raise AssertionError("a canonical outcome has both")
    dirs = (*outcome.dirs, *output_dirs)
    return execute(program, input, contents, output_dirs=dirs, limits=limits)


def _json(outcome: Outcome, done: Executed) -> dict[str, object]:
    invocation = outcome.invocation
    found: dict[str, object] = {
        "invocation": None if invocation is None else str(invocation.cid)
    }
    if done.result is not None:
        found["result"] = str(done.result.cid)
        found["outputs"] = {
            name: str(cid) for name, cid in sorted(done.result.outputs.items())
        }
        found["exit"] = done.result.exit
    if done.report.failure is not None:
        failure = done.report.failure
        found["failure"] = {"kind": failure.kind, "message": failure.message}
    if done.report.skipped:
        found["skipped"] = list(done.report.skipped)
    return found | {
        "fuel_used": done.report.fuel_used,
        "engine": done.report.engine,
        "stderr": done.report.stderr.decode(errors="replace"),
    }


def _print(outcome: Outcome, done: Executed) -> None:
    if outcome.invocation is not None:
        say(f"invocation  {outcome.invocation.cid}")
    if done.report.failure is not None:
        say(f"failed      {done.report.failure.kind}: {done.report.failure.message}")
    if done.result is not None:
        say(f"result      {done.result.cid}  exit {done.result.exit}")
        outputs = sorted(done.result.outputs.items())
        width = max((len(name) for name, _ in outputs), default=0)
        for name, cid in outputs:
            say(f"  {name:<{width}}  {cid}")
    for path in done.report.skipped:
        say(f"left out    {path}  a symbolic link, which is no output")
    for line in done.report.stderr.decode(errors="replace").splitlines():
        say(f"stderr      {line}")
