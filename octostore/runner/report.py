"""What a run may use, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from invocation_spec.errors import OctostoreError

__all__ = ["RunError", "RunFailure", "RunLimits", "RunReport"]

#: One to three minutes of WebAssembly on a small server. Fuel counts instructions,
#: so it ends a run at the same place on every machine: it should strike first.
FUEL = 100_000_000_000

#: All that a 32-bit program can address, so that our limit never changes what it
#: computes: growth beyond a lower limit is answered -1 and the guest goes on.
MEMORY_BYTES = 4 << 30

#: The safety net for what fuel does not count, mostly time in host calls.
TIME_S = 600.0

#: Everything a result may hold: standard output and files, all in host memory.
OUTPUT_BYTES = 1 << 30

#: Files that the guest writes, temporary ones included, all in host memory.
WRITTEN_BYTES = 1 << 30

#: Text for people; data belongs into files.
STDOUT_BYTES = 64 << 20

#: Messages for people; never an output.
STDERR_BYTES = 1 << 20

#: Names that the guest makes: of files, directories, links. Each costs us about a
#: kilobyte.
NAMES = 65_536

#: Modules together. Compiling is not interrupted, and takes about a second per
#: two megabytes; a whole Python interpreter has 30 MB.
CODE_BYTES = 64 << 20

#: Keeps every limit an integer of 64 bits, whatever it is added to.
LIMIT_MAX = 1 << 53


class RunError(OctostoreError):
    """A run that was asked for wrongly; `at` names the path or the argument."""

    code = "run"


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may use; going beyond any of it is a failure, not a result.

    Raises:
        RunError: a limit is not positive, or absurd.
    """

    fuel: int = FUEL
    memory_bytes: int = MEMORY_BYTES  # of each linear memory
    time_s: float = TIME_S
    output_bytes: int = OUTPUT_BYTES
    written_bytes: int = WRITTEN_BYTES
    stdout_bytes: int = STDOUT_BYTES
    stderr_bytes: int = STDERR_BYTES
    names: int = NAMES
    code_bytes: int = CODE_BYTES

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) <= LIMIT_MAX:
                raise RunError(f"expected more than 0 and at most {LIMIT_MAX}", at=name)


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Why a run gave no result."""

    kind: Literal["trap", "limit", "time-out", "not-started"]
    message: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """What came of a run: a result (`exit` is set) or a failure, never both.

    `outputs` holds "stdout" and, by absolute guest path, every regular file in
    the output directories; it is empty after a failure, since what a broken-off
    run has written so far is no result. `skipped` are the symbolic links found
    there. `memory_bytes` is the size of the main module's memory at the end, 0
    if it exports none. `fuel_used` is comparable within one `engine` only.
    """

    outputs: Mapping[str, bytes]
    exit: int | None
    failure: RunFailure | None
    stderr: bytes
    skipped: tuple[str, ...]
    fuel_used: int
    memory_bytes: int
    engine: str
