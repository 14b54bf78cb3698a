"""Runs a WASI command locally, the same way on every machine.

    run_wasi(code, args=["/in.csv", "/out/r.csv"], files={"/in.csv": b"..."},
             output_dirs=["/out"])
    -> RunReport(outputs={"stdout": b"...", "/out/r.csv": b"..."}, exit=0, ...)

Knows bytes, not CIDs. wasmtime executes; every WASI call is answered here, from
memory, so that nothing of the host shows through. Controlled, and therefore equal
in two runs on any machine:

- arguments, environment, standard input, files, order of directory entries, inode
  numbers, file times, error numbers; there is no network and no real disk;
- the clock: it starts at 2022-01-01 and moves 1 ms with each reading, unless told
  otherwise (`Clock`); a sleep returns at once and moves it by its length;
- randomness: a stream that follows from `seed`;
- NaN bit patterns, and the absence of threads and relaxed SIMD;
- fuel, and with it the point where an endless loop ends.

Not controlled:

- how deep the native stack reaches, which depends on the processor and wasmtime's
  version: a program that recurses without end traps everywhere, at its own depth;
- the wall clock of `time_s`, which is why fuel should end a run first;
- fuel itself between versions of wasmtime: compare it within one `engine`;
- a memory limit below 4 GiB: growth beyond it is answered -1, as WebAssembly
  allows, and what the guest then does is its result under that limit;
- time and memory of compiling, bounded only through the size of the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from octostore.runner.guest import Clock
from octostore.runner.report import RunError, RunFailure, RunLimits, RunReport

if TYPE_CHECKING:
    from octostore.runner.run import run_wasi
else:

    def __getattr__(name: str) -> object:
        """`run_wasi`, with the engine, when something is to be run (PEP 562)."""
        if name != "run_wasi":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from octostore.runner.run import run_wasi

        globals()[name] = run_wasi
        return run_wasi


__all__ = ["Clock", "RunError", "RunFailure", "RunLimits", "RunReport", "run_wasi"]
