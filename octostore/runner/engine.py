"""Executes a guest in wasmtime, as alike on all machines as wasmtime allows."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import wasmtime

from octostore.runner import descriptors, paths, system
from octostore.runner.errno import Errno, WasiError
from octostore.runner.filesystem import LimitError
from octostore.runner.guest import Calls, Exit, Guest
from octostore.runner.report import RunFailure, RunLimits

__all__ = ["ENGINE", "Execution", "execute"]

ENGINE = f"wasmtime {version('wasmtime')}"

#: What a core module begins with; a component has 0d 00 01 00 after the magic.
CORE_HEADER = bytes.fromhex("0061736d01000000")
COMPONENT_HEADER = bytes.fromhex("0061736d0d000100")

#: Eight bytes each; a program has one entry per function whose address it takes.
TABLE_ELEMENTS_MAX = 1 << 20
TABLES_MAX = 64

#: wasmtime's own default, fixed so that it does not move between versions, and small
#: enough for the stack of any thread that Python makes.
STACK_BYTES = 512 << 10

#: wasmtime-py hands exceptions of host functions over in one global variable, so
#: that two runs at a time could take each other's exit.
_ONE_AT_A_TIME = threading.Lock()

_CALLS = Calls({**system.CALLS, **descriptors.CALLS, **paths.CALLS})
_MASKS = {"i": (1 << 32) - 1, "I": (1 << 64) - 1}


class _NotStartedError(Exception):
    """The program cannot start."""


@dataclass(frozen=True, slots=True)
class Execution:
    """How the guest ended: with an exit status or by a failure."""

    exit: int | None
    failure: RunFailure | None
    fuel_used: int
    memory_bytes: int


def execute(
    guest: Guest,
    code: bytes,
    entry: str,
    imports: Sequence[tuple[str, bytes]],
    limits: RunLimits,
) -> Execution:
    """Compiles, links and calls; one guest at a time, others wait for their turn."""
    with _engine() as engine, closing(wasmtime.Store(engine)) as store:
        store.set_fuel(limits.fuel)
        store.set_limits(
            memory_size=limits.memory_bytes,
            memories=1 + len(imports),
            instances=1 + len(imports),
            table_elements=TABLE_ELEMENTS_MAX,
            tables=TABLES_MAX,
        )
        run = _Run(engine, store, guest, limits)
        status: int | None = None
        failure: RunFailure | None = None
        try:
            status = run.status(code, entry, imports)
        except LimitError as error:
            failure = RunFailure("limit", str(error))
        except _NotStartedError as error:
            failure = RunFailure("not-started", str(error))
        except wasmtime.Trap as trap:
            failure = _trapped(trap, limits)
        fuel_used = limits.fuel - store.get_fuel()
    return Execution(status, failure, fuel_used, run.memory_bytes)


class _Run:
    """One program in one store."""

    def __init__(
        self,
        engine: wasmtime.Engine,
        store: wasmtime.Store,
        guest: Guest,
        limits: RunLimits,
    ) -> None:
        self.engine = engine
        self.store = store
        self.guest = guest
        self.limits = limits
        self.memory_bytes = 0

    def status(
        self, code: bytes, entry: str, imports: Sequence[tuple[str, bytes]]
    ) -> int:
        """The exit status."""
        size = len(code) + sum(len(module) for _, module in imports)
        if size > self.limits.code_bytes:
            raise LimitError(f"more than {self.limits.code_bytes} bytes of code")
        modules = [
            (name, self._compile(module, f"import {name!r}"))
            for name, module in imports
        ]
        main = self._compile(code, "the program")
        _check_entry(main, entry)
        with _ONE_AT_A_TIME, self._clock(), self._linker() as linker:
            try:
                self._call(linker, modules, main, entry)
            except Exit as exit_:
                return exit_.code
        return 0

    def _compile(self, code: bytes, what: str) -> wasmtime.Module:
        header = bytes(code[:8])
        if header == COMPONENT_HEADER:
            raise _NotStartedError(
                f"{what} is a WebAssembly component; expected a core module"
            )
        if header != CORE_HEADER:
            raise _NotStartedError(
                f"{what} begins with {header.hex() or 'nothing'}; "
                f"expected a core WebAssembly module, {CORE_HEADER.hex()}"
            )
        try:
            return wasmtime.Module(self.engine, code)
        except wasmtime.WasmtimeError as error:
            raise _NotStartedError(f"{what}: {_line(error)}") from error

    def _call(
        self,
        linker: wasmtime.Linker,
        modules: Sequence[tuple[str, wasmtime.Module]],
        main: wasmtime.Module,
        entry: str,
    ) -> None:
        for name, module in modules:
            instance = self._instantiate(linker, module)
            self._initialise(instance)
            try:
                linker.define_instance(self.store, name, instance)
            except wasmtime.WasmtimeError as error:
                raise _NotStartedError(f"import {name!r}: {_line(error)}") from error
        instance = self._instantiate(linker, main)
        exports = instance.exports(self.store)
        try:
            if entry not in ("_start", "_initialize"):
                self._initialise(instance)
            start = exports[entry]
            if isinstance(start, wasmtime.Func):
                start(self.store)
        finally:
            memory = exports.get("memory")
            if isinstance(memory, wasmtime.Memory):
                self.memory_bytes = memory.data_len(self.store)

    def _instantiate(
        self, linker: wasmtime.Linker, module: wasmtime.Module
    ) -> wasmtime.Instance:
        try:
            return linker.instantiate(self.store, module)
        except wasmtime.WasmtimeError as error:
            line = _line(error)
            if re.search(r"exceeds (memory|table) limits|resource limit", line):
                raise LimitError(line) from error
            raise _NotStartedError(line) from error

    def _initialise(self, instance: wasmtime.Instance) -> None:
        initialise = instance.exports(self.store).get("_initialize")
        if isinstance(initialise, wasmtime.Func):
            if not _is_plain(initialise.type(self.store)):
                raise _NotStartedError("_initialize has parameters or results")
            initialise(self.store)

    @contextmanager
    def _linker(self) -> Iterator[wasmtime.Linker]:
        with closing(wasmtime.Linker(self.engine)) as linker:
            for name, (types, call) in _CALLS.items():
                params = [_VALTYPES[t]() for t in types]
                results = [] if name == "proc_exit" else [wasmtime.ValType.i32()]
                linker.define_func(
                    "wasi_snapshot_preview1",
                    name,
                    wasmtime.FuncType(params, results),
                    _host_function(self.guest, types, call),
                    access_caller=True,
                )
            yield linker

    @contextmanager
    def _clock(self) -> Iterator[None]:
        """Interrupts the guest when its time is over."""
        self.store.set_epoch_deadline(1)
        timer = threading.Timer(
            min(self.limits.time_s, threading.TIMEOUT_MAX), self.engine.increment_epoch
        )
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _trapped(trap: wasmtime.Trap, limits: RunLimits) -> RunFailure:
    code = trap.trap_code
    if code is wasmtime.TrapCode.OUT_OF_FUEL:
        return RunFailure("limit", f"used more than {limits.fuel} fuel")
    if code is wasmtime.TrapCode.INTERRUPT:
        return RunFailure("time-out", f"ran for more than {limits.time_s} s")
    if code is None:
        return RunFailure("trap", _line(trap))
    return RunFailure("trap", code.name.lower().replace("_", " "))


class _CallerMemory:
    """The memory of the module that makes a call; a module need not have one."""

    def __init__(self, caller: wasmtime.Caller) -> None:
        self._caller = caller

    def read(self, at: int, count: int) -> bytes:
        memory = self._reaching(at + count)
        return bytes(memory.read(self._caller, at, at + count))

    def write(self, at: int, content: bytes) -> None:
        memory = self._reaching(at + len(content))
        if content:
            memory.write(self._caller, content, at)

    def _reaching(self, end: int) -> wasmtime.Memory:
        memory = self._caller.get("memory")
        if (
            not isinstance(memory, wasmtime.Memory)
            or memory.data_len(self._caller) < end
        ):
            raise WasiError(Errno.FAULT)
        return memory


_VALTYPES = {"i": wasmtime.ValType.i32, "I": wasmtime.ValType.i64}


def _host_function(
    guest: Guest, types: str, call: Callable[..., None]
) -> Callable[..., int]:
    masks = [_MASKS[t] for t in types]

    def function(caller: wasmtime.Caller, *values: int) -> int:
        try:
            unsigned = [value & mask for value, mask in zip(values, masks, strict=True)]
            call(guest, _CallerMemory(caller), *unsigned)
        except WasiError as error:
            return int(error.errno)
        return 0

    return function


@contextmanager
def _engine() -> Iterator[wasmtime.Engine]:
    """WebAssembly 2.0 and tail calls.

    Left out are the parts whose results may differ between machines (threads,
    relaxed SIMD) and those that our limits or 32-bit WASI do not cover.
    """
    config = wasmtime.Config()
    config.strategy = "cranelift"
    config.cranelift_nan_canonicalization = True
    config.consume_fuel = True
    config.epoch_interruption = True
    config.max_wasm_stack = STACK_BYTES
    config.shared_memory = False
    config.wasm_threads = False
    config.wasm_relaxed_simd = False
    config.wasm_relaxed_simd_deterministic = True
    config.wasm_memory64 = False
    config.wasm_multi_memory = False
    config.wasm_custom_page_sizes = False
    config.wasm_wide_arithmetic = False
    config.wasm_stack_switching = False
    config.wasm_exceptions = False
    config.wasm_gc = False
    config.wasm_function_references = False
    config.wasm_component_model = False
    with closing(wasmtime.Engine(config)) as engine:
        yield engine


def _check_entry(module: wasmtime.Module, entry: str) -> None:
    for export in module.exports:
        if export.name == entry:
            if isinstance(export.type, wasmtime.FuncType) and _is_plain(export.type):
                return
            raise _NotStartedError(
                f"export {entry!r} is no function without parameters and results"
            )
    raise _NotStartedError(f"the program has no export {entry!r}")


def _is_plain(function: wasmtime.FuncType) -> bool:
    return not function.params and not function.results


def _line(error: Exception) -> str:
    """What an engine says on several lines, on one."""
    lines = (line.strip() for line in str(error).splitlines())
    return "; ".join(line for line in lines if line)
