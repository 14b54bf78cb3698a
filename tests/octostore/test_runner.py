"""The local runner: what a guest sees, how it ends, and what it cannot do."""

from __future__ import annotations

import re
import struct
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from octostore.runner import (
    Clock,
    RunError,
    RunLimits,
    RunReport,
    descriptors,
    paths,
    run_wasi,
    system,
)
from octostore.runner.errno import Errno, WasiError
from octostore.runner.filesystem import (
    EPOCH_NS,
    Directory,
    File,
    Filesystem,
    HostFile,
    LimitError,
)
from octostore.runner.guest import Guest

KEPLER = Path(__file__).parents[2] / "examples" / "kepler"
CALLS = {**system.CALLS, **descriptors.CALLS, **paths.CALLS}

# A module of WAT around the body of _start. What the guest writes is what it saw:
# `$say at n` prints bytes of memory, `$note x` prints one byte, `$path` opens.
HELPERS = """
(func $say (param $at i32) (param $n i32)
  (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $n))
  (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
(func $note (param $byte i32)
  (i32.store8 (i32.const 16) (local.get $byte))
  (call $say (i32.const 16) (i32.const 1)))
(func $open (param $at i32) (param $n i32) (param $how i32) (result i32)
  (call $path_open (i32.const 3) (i32.const 1) (local.get $at) (local.get $n)
    (local.get $how) (i64.const 0x42) (i64.const 0) (i32.const 0) (i32.const 20)))
(func $fd (result i32) (i32.load (i32.const 20)))
(func $put (param $fd i32) (param $at i32) (param $n i32) (result i32)
  (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $n))
  (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
"""


def wat(text: str) -> bytes:
    """Assembles WebAssembly text."""
    return bytes(wasmtime.wat2wasm(text))


def module(body: str, *, data: str = "", outside: str = "", pages: int = 2) -> bytes:
    """Assembles a command; numbers like `#5` are i32 constants, data stands at 1024."""
    code = f'{HELPERS} {outside} (func (export "_start") {body})'
    used = set(re.findall(r"\$([a-z_]+)", code)) & set(CALLS)
    imports = ""
    for name in sorted(used):
        params = " ".join({"i": "i32", "I": "i64"}[t] for t in CALLS[name][0])
        result = "" if name == "proc_exit" else "(result i32)"
        imports += (
            f'(import "wasi_snapshot_preview1" "{name}" '
            f"(func ${name} (param {params}) {result}))\n"
        )
    text = (
        f'(module {imports} (memory (export "memory") {pages}) '
        f'(data (i32.const 1024) "{data}") {code})'
    )
    return wat(re.sub(r"#(-?\w+)", r"(i32.const \1)", text))


def run(body: str, *, data: str = "", outside: str = "", **options: Any) -> RunReport:
    """Runs `module` with options of `run_wasi`."""
    return run_wasi(module(body, data=data, outside=outside), **options)


def stdout(report: RunReport) -> bytes:
    """What a run that gave a result has printed."""
    assert report.failure is None, report.failure
    return report.outputs["stdout"]


def failed(report: RunReport, kind: str, words: str) -> None:
    """Checks a failure and that no output is taken for a result."""
    assert report.failure is not None
    assert report.failure.kind == kind
    assert re.search(words, report.failure.message)
    assert "\n" not in report.failure.message
    assert report.exit is None
    assert report.outputs == {}


# A real program


def kepler(name: str = "kepler.wasm", table: bytes | Path | None = None) -> RunReport:
    source = KEPLER / "planets.csv" if table is None else table
    return run_wasi(
        (KEPLER / name).read_bytes(),
        args=["/inputs/planets.csv", "/outputs/residuals.csv"],
        files={"/inputs/planets.csv": source},
        output_dirs=["/outputs"],
    )


def test_kepler_finds_the_third_law() -> None:
    report = kepler()
    text = stdout(report).decode()
    assert report.exit == 0
    assert report.stderr == b""
    assert set(report.outputs) == {"stdout", "/outputs/residuals.csv"}
    assert "exponent k      1.4999453450812 " in text
    rows = report.outputs["/outputs/residuals.csv"].decode().splitlines()
    assert rows[3] == "Earth,365.256,365.236808108,0.019191892"
    assert len(rows) == 14


def test_two_runs_are_equal_to_the_last_byte() -> None:
    assert kepler() == kepler()


def test_an_input_from_disk_or_from_memory_makes_no_difference() -> None:
    assert kepler(table=(KEPLER / "planets.csv").read_bytes()) == kepler()


def test_the_faulty_build_gives_other_digits() -> None:
    good, faulty = kepler(), kepler("kepler-faulty.wasm")
    assert faulty.exit == 0
    for name in good.outputs:
        assert good.outputs[name] != faulty.outputs[name]
    assert stdout(good)[:60] == stdout(faulty)[:60]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"", b":1: expected the header"),
        (b"name,semi_major_axis_au,period_days\nEarth,1\n", b":2: expected two"),
        (b"name,semi_major_axis_au,period_days\nEarth,1,-3\n", b":2: expected two"),
        (b"name,semi_major_axis_au,period_days\nEarth,1,365\n", b"two bodies"),
        (b"name,semi_major_axis_au,period_days\n,1,365\n", b":2: expected a name"),
    ],
)
def test_kepler_refuses_a_malformed_table(table: bytes, message: bytes) -> None:
    report = kepler(table=table)
    assert report.exit == 2
    assert message in report.stderr
    assert report.outputs == {"stdout": b""}


def test_the_package_holds_the_module() -> None:
    with zipfile.ZipFile(KEPLER / "package.zip") as package:
        assert package.namelist() == ["manifest.json", "kepler.wasm"]
        module_bytes = package.read("kepler.wasm")
    assert module_bytes == (KEPLER / "kepler.wasm").read_bytes()


# How a run ends


def test_a_command_that_returns_has_exit_0() -> None:
    assert run("").exit == 0


@pytest.mark.parametrize("code", [0, 1, 126, 255, 2**32 - 1])
def test_any_exit_status_is_a_result(code: int) -> None:
    report = run(f"(call $note #65) (call $proc_exit #{code}) (call $note #66)")
    assert report.exit == code
    assert stdout(report) == b"A"


def test_a_module_without_memory_can_exit() -> None:
    text = """(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (func (export "_start") (call $exit (i32.const 3))))"""
    assert run_wasi(wat(text)).exit == 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("unreachable", "unreachable"),
        ("(drop (i32.load #-8))", "memory out of bounds"),
        ("(drop (i32.div_u #1 #0))", "division by zero"),
        ("(call $deep)", "stack overflow"),
    ],
)
def test_a_trap_is_a_failure(body: str, words: str) -> None:
    report = run(f"(call $note #65) {body}", outside="(func $deep (call $deep))")
    failed(report, "trap", words)


def test_a_failed_run_keeps_its_messages() -> None:
    report = run("(drop (call $put #2 #1024 #4)) unreachable", data="oops")
    failed(report, "trap", "unreachable")
    assert report.stderr == b"oops"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (b"", "begins with nothing"),
        (b"PK\x03\x04garbage", "expected a core WebAssembly module"),
        (b"(module)", "expected a core WebAssembly module"),
        (bytes.fromhex("0061736d0d000100"), "component"),
        (bytes.fromhex("0061736d01000000ff"), "the program: "),
        (wat("(module)"), "no export '_start'"),
        (wat('(module (memory (export "_start") 1))'), "no function"),
        (wat('(module (func (export "_start") (param i32)))'), "without"),
        (
            wat('(module (import "env" "f" (func)) (func (export "_start")))'),
            "env::f",
        ),
        (
            wat(
                '(module (import "wasi_unstable" "sched_yield" (func (result i32)))'
                '(func (export "_start")))'
            ),
            "wasi_unstable",
        ),
    ],
)
def test_what_cannot_start_is_not_started(code: bytes, words: str) -> None:
    failed(run_wasi(code), "not-started", words)


@pytest.mark.parametrize(
    "text",
    [
        '(module (memory 1 1 shared) (func (export "_start")))',
        '(module (memory i64 1048576) (func (export "_start")))',
        '(module (func (export "_start") (drop (f32x4.relaxed_madd (v128.const i64x2'
        " 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))",
    ],
    ids=["threads", "64 bits", "relaxed SIMD"],
)
def test_features_that_differ_between_machines_are_off(text: str) -> None:
    failed(run_wasi(wat(text)), "not-started", "the program: ")


# What the guest is given


def test_argv_0_is_empty_and_the_environment_is_sorted() -> None:
    body = """
      (drop (call $args_sizes_get #1024 #1028)) (call $say #1024 #8)
      (drop (call $args_get #1100 #2000)) (call $say #2000 #6)
      (drop (call $environ_sizes_get #1024 #1028)) (call $say #1024 #8)
      (drop (call $environ_get #1100 #2000)) (call $say #2000 #12)"""
    report = run(body, args=["a", "", "b"], env={"Z": "", "A": "1=2", "B": "x"})
    expected = struct.pack("<II", 4, 6) + b"\0a\0\0b\0"
    expected += struct.pack("<II", 3, 13) + b"A=1=2\0B=x\0Z="
    assert stdout(report) == expected


def test_nothing_of_the_host_environment_is_inherited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", "1")
    body = "(drop (call $environ_sizes_get #1024 #1028)) (call $say #1024 #8)"
    assert stdout(run(body)) == bytes(8)


def test_standard_input_is_what_was_given() -> None:
    read = """(i32.store #0 #2000) (i32.store #4 #4)
      (drop (call $fd_read #0 #0 #1 #8)) (call $say #2000 (i32.load #8))"""
    assert stdout(run(read * 3, stdin=b"abcdef")) == b"abcdef"
    assert stdout(run(read)) == b""


READ_FILE = """(call $note (call $open #1024 #4 #0))
  (i32.store #0 #2000) (i32.store #4 #100)
  (drop (call $fd_read (call $fd) #0 #1 #8)) (call $say #2000 (i32.load #8))"""


def test_files_lie_at_their_absolute_paths() -> None:
    report = run(READ_FILE, data="in/a", files={"/in/a": b"content"})
    assert stdout(report) == b"\0content"


def test_output_directories_exist_and_everything_in_them_is_output() -> None:
    body = """(call $note (call $path_create_directory #3 #1030 #7))
      (call $note (call $open #1024 #5 #1)) (call $note (call $put (call $fd) #1024 #3))
      (call $note (call $open #1030 #9 #1)) (call $note (call $put (call $fd) #1024 #3))
      (call $note (call $open #1040 #5 #1))"""
    report = run(
        body,
        data="out/f out/sub/g  other",
        files={"/out/given": b"1", "/elsewhere": b"2"},
        output_dirs=["/out", "/out/empty"],
    )
    assert report.outputs == {
        "stdout": bytes(6),
        "/out/f": b"out",
        "/out/given": b"1",
        "/out/sub/g": b"out",
    }


def test_the_root_may_be_the_output_directory() -> None:
    report = run("", files={"/a": b"1", "/b/c": b"2"}, output_dirs=["/"])
    assert report.outputs == {"stdout": b"", "/a": b"1", "/b/c": b"2"}


def test_a_written_input_leaves_the_host_file_alone(tmp_path: Path) -> None:
    source = tmp_path / "input"
    source.write_bytes(b"original")
    body = (
        "(drop (call $open #1024 #4 #0)) (call $note (call $put (call $fd) #1024 #2))"
    )
    report = run(body, data="in/a", files={"/in/a": source}, output_dirs=["/in"])
    assert report.outputs["/in/a"] == b"iniginal"
    assert source.read_bytes() == b"original"


# What would differ between machines


def test_the_clock_starts_at_a_fixed_time_and_moves_with_each_reading() -> None:
    read = "(drop (call $clock_time_get #{} (i64.const 1) #1024)) (call $say #1024 #8)"
    report = run(read.format(0) * 2 + read.format(1))
    first, second, third = struct.unpack("<QQQ", stdout(report))
    assert first == EPOCH_NS
    assert second == EPOCH_NS + 1_000_000
    assert third == 2_000_000


def test_another_clock_is_another_world() -> None:
    body = "(drop (call $clock_time_get #0 (i64.const 1) #1024)) (call $say #1024 #8)"
    report = run(body * 2, clock=Clock(5, 7))
    assert struct.unpack("<QQ", stdout(report)) == (5, 12)


@pytest.mark.parametrize(
    "start_and_step", [(-1, 1), (1 << 62, 1), (0, 0), (0, 1 << 40)]
)
def test_a_clock_that_no_time_fits_is_refused(start_and_step: tuple[int, int]) -> None:
    with pytest.raises(RunError, match="expected"):
        Clock(*start_and_step)


def test_a_program_that_waits_for_time_to_pass_gets_there() -> None:
    body = """(loop $again
      (drop (call $clock_time_get #1 (i64.const 0) #1024))
      (br_if $again (i64.lt_u (i64.load #1024) (i64.const 1000000000))))"""
    assert run(body).exit == 0


def test_a_sleep_returns_at_once_and_moves_the_clock() -> None:
    hour_ns = 3_600_000_000_000
    body = f"""(i64.store #2000 (i64.const 77)) (i32.store #2016 #1)
      (i64.store #2024 (i64.const {hour_ns}))
      (call $note (call $poll_oneoff #2000 #3000 #1 #1024))
      (call $note (i32.load #1024)) (call $say #3000 #32)
      (drop (call $clock_time_get #1 (i64.const 0) #1024)) (call $say #1024 #8)"""
    event = struct.pack("<QHB5xQH6x", 77, 0, 0, 0, 0)
    assert stdout(run(body)) == b"\0\1" + event + struct.pack("<Q", hour_ns)


def test_randomness_follows_from_the_seed() -> None:
    body = "(drop (call $random_get #1024 #32)) (call $say #1024 #32)"
    first = stdout(run(body * 2))
    assert first == stdout(run(body * 2, seed=b""))
    assert first != stdout(run(body * 2, seed=b"other"))
    assert first[:32] != first[32:]


def test_directories_are_listed_in_order() -> None:
    body = "(drop (call $fd_readdir #3 #2000 #500 (i64.const 0) #1024))"
    body += "(call $say #2000 (i32.load #1024))"
    report = run(body, files={"/b": b"", "/ä": b"", "/a": b"", "/B/x": b""})
    listed, names = stdout(report), []
    while listed:
        (size,) = struct.unpack_from("<16xI", listed)
        names.append(listed[24 : 24 + size].decode())
        listed = listed[24 + size :]
    assert names == [".", "..", "B", "a", "b", "ä"]


def test_a_program_that_removes_what_it_lists_meets_every_name() -> None:
    # A buffer for one entry at a time; the cookie counts on while names vanish.
    body = """(local $cookie i64) (local.set $cookie (i64.const 2))
      (block $end (loop $next
        (drop (call $fd_readdir #3 #2000 #25 (local.get $cookie) #1024))
        (br_if $end (i32.lt_u (i32.load #1024) #25))
        (local.set $cookie (i64.load #2000))
        (call $note (call $path_unlink_file #3 #2024 #1))
        (br $next)))"""
    files = {f"/{name}": b"" for name in "fedcba"}
    report = run(body, files=files, output_dirs=["/"])
    assert report.outputs == {"stdout": bytes(6)}


def test_file_status_holds_nothing_of_the_host() -> None:
    body = "(drop (call $path_filestat_get #3 #0 #1024 #4 #2000)) (call $say #2000 #64)"
    report = run(body, data="in/a", files={"/in/a": KEPLER / "planets.csv"})
    device, inode, kind, links, size, *times = struct.unpack(
        "<QQB7xQQQQQ", stdout(report)
    )
    assert (device, inode, kind, links, size) == (1, 3, 4, 1, 346)
    assert times == [EPOCH_NS] * 3


def test_the_order_in_which_files_are_given_makes_no_difference() -> None:
    body = "(drop (call $path_filestat_get #3 #0 #1024 #1 #2000)) (call $say #2000 #64)"
    one = run(body, data="b", files={"/a": b"", "/b": b""})
    assert one == run(body, data="b", files={"/b": b"", "/a": b""})


def test_nan_has_one_bit_pattern() -> None:
    body = """(f64.store #1024 (f64.div (f64.load #2000) (f64.load #2008)))
      (i64.store #3000 (i64.const -3)) (f64.store #1032
        (f64.add (f64.load #3000) (f64.const 1))) (call $say #1024 #16)"""
    assert stdout(run(body)) == struct.pack("<QQ", *[0x7FF8 << 48] * 2)


def test_there_is_no_network() -> None:
    body = """(call $note (call $sock_accept #3 #0 #1024))
      (call $note (call $sock_shutdown #9 #0))"""
    assert stdout(run(body)) == bytes([Errno.NOTSOCK, Errno.BADF])


# What a hostile guest cannot do


def test_a_path_never_leads_out_of_the_root() -> None:
    body = """(call $note (call $open #1024 #11 #0))
      (call $note (call $open #1024 #13 #0))
      (call $note (call $open #1027 #10 #0))"""
    report = run(body, data="../etc/passwd", files={"/etc/x": b""})
    assert stdout(report) == bytes([Errno.PERM, Errno.PERM, Errno.NOENT])


def test_a_symbolic_link_never_leads_out_of_the_root() -> None:
    body = """(call $note (call $path_symlink #1024 #11 #3 #1040 #5))
      (call $note (call $path_symlink #1050 #16 #3 #1040 #5))
      (call $note (call $open #1040 #5 #0))"""
    report = run(
        body,
        data="/etc/passwd     out/l     ../../etc/passwd",
        output_dirs=["/out"],
    )
    assert report.outputs == {"stdout": bytes([Errno.PERM, 0, Errno.PERM])}
    assert report.skipped == ("/out/l",)


def test_a_symbolic_link_among_the_outputs_is_named_and_not_followed() -> None:
    body = "(call $note (call $path_symlink #1024 #5 #3 #1030 #5))" + READ_FILE
    report = run(body, data="../in out/l", files={"/in": b"x"}, output_dirs=["/out"])
    assert set(report.outputs) == {"stdout"}
    assert report.skipped == ("/out/l",)


def test_an_output_directory_replaced_by_a_link_yields_nothing() -> None:
    body = """(call $note (call $path_remove_directory #3 #1027 #3))
      (call $note (call $path_symlink #1024 #2 #3 #1027 #3))"""
    report = run(body, data="in out", files={"/in/a": b"x"}, output_dirs=["/out"])
    assert report.outputs == {"stdout": bytes(2)}
    assert report.skipped == ("/out",)


def test_an_endless_loop_ends_by_fuel() -> None:
    report = run("(loop (br 0))", limits=RunLimits(fuel=100_000))
    failed(report, "limit", "100000 fuel")
    assert report.fuel_used == 100_000


def test_an_endless_loop_ends_by_time() -> None:
    report = run("(loop (br 0))", limits=RunLimits(time_s=0.1))
    failed(report, "time-out", "0.1 s")


def test_an_endless_loop_of_calls_ends_by_time() -> None:
    body = "(loop (drop (call $sched_yield)) (br 0))"
    failed(run(body, limits=RunLimits(time_s=0.1)), "time-out", "0.1 s")


def test_a_memory_beyond_the_limit_is_not_made() -> None:
    code = module("", pages=17)
    failed(run_wasi(code, limits=RunLimits(memory_bytes=1 << 20)), "limit", "memory")
    assert run_wasi(code).memory_bytes == 17 << 16


def test_growth_beyond_the_memory_limit_is_refused() -> None:
    body = "(call $note (memory.grow #14)) (call $note (memory.grow #1))"
    report = run(body, limits=RunLimits(memory_bytes=1 << 20))
    assert stdout(report) == b"\x02\xff"
    assert report.memory_bytes == 1 << 20


def test_a_huge_table_is_not_made() -> None:
    text = '(module (table 100000000 funcref) (func (export "_start")))'
    failed(run_wasi(wat(text)), "limit", "table")


FLOOD = "(drop (call $open #1024 #5 #1)) (loop (drop (call $put {} #0 #65536)) (br 0))"


@pytest.mark.parametrize(
    ("fd", "words"),
    [
        ("#1", "1000000 bytes to standard output"),
        ("#2", "1000000 bytes to standard error"),
        ("(call $fd)", "1000000 bytes of files"),
    ],
)
def test_a_flood_of_output_ends_the_run(fd: str, words: str) -> None:
    limits = RunLimits(
        stdout_bytes=1_000_000, stderr_bytes=1_000_000, written_bytes=1_000_000
    )
    report = run(FLOOD.format(fd), data="out/f", output_dirs=["/out"], limits=limits)
    failed(report, "limit", words)
    assert len(report.stderr) <= 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        """(drop (call $fd_filestat_set_size (call $fd)
             (i64.const 0x7fffffffffffffff)))""",
        """(drop (call $fd_seek (call $fd) (i64.const 0x7ffffffffffffff0) #0 #1100))
           (drop (call $put (call $fd) #1024 #5))""",
    ],
)
def test_a_file_with_holes_counts_in_full(body: str) -> None:
    report = run(f"(drop (call $open #1024 #1 #1)) {body}", data="f")
    failed(report, "limit", "bytes of files")


def test_a_removed_file_gives_its_bytes_back() -> None:
    body = """(local $i i32) (loop $again
      (drop (call $open #1024 #1 #1)) (drop (call $put (call $fd) #0 #60000))
      (drop (call $path_unlink_file #3 #1024 #1)) (drop (call $fd_close (call $fd)))
      (local.set $i (i32.add (local.get $i) #1))
      (br_if $again (i32.lt_u (local.get $i) #20)))"""
    assert run(body, data="f", limits=RunLimits(written_bytes=60_000)).exit == 0


def test_a_flood_of_files_ends_the_run() -> None:
    body = """(loop (drop (call $path_link #3 #0 #1024 #1 #3 #1030 #4))
      (i32.store #1030 (i32.add (i32.load #1030) #1)) (br 0))"""
    report = run(body, data="f     AAAA", files={"/f": b""}, limits=RunLimits(names=50))
    failed(report, "limit", "more than 50 files")


def test_outputs_together_have_a_limit(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(1000))
    report = run(
        "",
        files={"/out/big": tmp_path / "big"},
        output_dirs=["/out"],
        limits=RunLimits(output_bytes=999),
    )
    failed(report, "limit", "999 bytes of outputs")


def test_too_much_code_is_not_compiled() -> None:
    failed(run("", limits=RunLimits(code_bytes=100)), "limit", "100 bytes of code")


def test_too_many_random_bytes_at_once_end_the_run() -> None:
    failed(run("(drop (call $random_get #0 #-1))"), "limit", "random bytes")


def test_open_files_have_a_limit() -> None:
    body = """(local $i i32) (loop $again
      (local.set $i (call $open #1024 #1 #0)) (br_if $again (i32.eqz (local.get $i))))
      (call $note (local.get $i)) (call $say #20 #4)"""
    report = run(body, data="f", files={"/f": b""})
    assert stdout(report) == struct.pack("<BI", Errno.MFILE, 1023)


@pytest.mark.parametrize(
    "body",
    [
        "(call $note (call $random_get #-8 #16))",
        "(call $note (call $clock_time_get #0 (i64.const 0) #131071))",
        "(call $note (call $fd_write #1 #-4 #1 #8))",
        "(call $note (call $path_unlink_file #3 #-1 #-1))",
    ],
)
def test_an_address_outside_memory_is_a_fault(body: str) -> None:
    assert stdout(run(body)) == bytes([Errno.FAULT])


# Programs of several modules


def test_imports_are_linked_in_order_by_name_and_initialised() -> None:
    one = """(module (global $g (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $g (i32.const 41)))
      (func (export "get") (result i32) (global.get $g)))"""
    two = """(module (import "one" "get" (func $get (result i32)))
      (func (export "next") (result i32) (i32.add (call $get) (i32.const 1))))"""
    main = """(module (import "" "next" (func $next (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (func (export "_start") (call $exit (call $next))))"""
    parts = [("one", wat(one)), ("", wat(two))]
    assert run_wasi(wat(main), imports=parts).exit == 42
    failed(
        run_wasi(wat(main), imports=parts[::-1]),
        "not-started",
        "one::get",
    )
    failed(run_wasi(wat(main)), "not-started", "next")


def test_two_imports_of_one_name_clash() -> None:
    part = wat('(module (func (export "f")))')
    report = run_wasi(module(""), imports=[("a", part), ("a", part)])
    failed(report, "not-started", "import 'a'")
    failed(run_wasi(module(""), imports=[("a", b"")]), "not-started", "import 'a'")


def test_another_entry_is_called_after_initialising() -> None:
    text = """(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (global $g (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $g (i32.const 5)))
      (func (export "_start") unreachable)
      (func (export "work") (call $exit (global.get $g))))"""
    assert run_wasi(wat(text), entry="work").exit == 5
    failed(run_wasi(wat(text), entry="none"), "not-started", "'none'")


def test_a_start_function_runs_under_the_same_limits() -> None:
    text = '(module (func $s (loop (br 0))) (start $s) (func (export "_start")))'
    report = run_wasi(wat(text), limits=RunLimits(fuel=1000))
    failed(report, "limit", "fuel")


def test_runs_in_threads_do_not_take_each_others_exit() -> None:
    exits: dict[int, int | None] = {}

    def work(code: int) -> None:
        exits[code] = run(f"(call $proc_exit #{code})").exit

    threads = [threading.Thread(target=work, args=(code,)) for code in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert exits == {code: code for code in range(8)}


# Requests that are wrong


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"files": {"/a": b"", "/a/b": b""}}, "both a file and a directory"),
        ({"files": {"/a": b""}, "output_dirs": ["/a"]}, "both a file and a directory"),
        ({"files": {"/a/b": b""}, "output_dirs": ["/a/b/c"]}, "both a file"),
        ({"files": {"a": b""}}, "clean absolute path"),
        ({"files": {"/": b""}}, "clean absolute path"),
        ({"files": {"/a/../b": b""}}, "clean absolute path"),
        ({"files": {"/a\0": b""}}, "clean absolute path"),
        ({"files": {"/\ud800": b""}}, "clean absolute path"),
        ({"files": {"/" + "a" * 256: b""}}, "more than 255 bytes"),
        ({"output_dirs": ["/out/"]}, "clean absolute path"),
        ({"files": {"/a": KEPLER / "none"}}, "cannot be read"),
        ({"files": {"/a": KEPLER}}, "expected a regular file"),
        ({"args": ["a\0"]}, "NUL"),
        ({"args": ["\ud800"]}, "surrogate"),
        ({"env": {"A=": "1"}}, "name without ="),
        ({"env": {"": "1"}}, "name without ="),
        ({"imports": [("a", b"")] * 65}, "more than 64 imports"),
    ],
)
def test_a_wrong_request_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(RunError, match=words):
        run("", **options)


@pytest.mark.parametrize("value", [0, -1, 1 << 60, float("nan")])
def test_a_limit_is_positive_and_not_absurd(value: int) -> None:
    with pytest.raises(RunError, match="fuel"):
        RunLimits(fuel=value)


def test_an_input_that_changes_under_the_run_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "input"
    source.write_bytes(b"abc")
    assert HostFile(source, 3).read(1, 9) == b"bc"
    with pytest.raises(RunError, match="changed"):
        HostFile(source, 4).read(0, 9)


# The tree of files, as Linux has it


def tree() -> Filesystem:
    files = Filesystem(bytes_max=100, names_max=10)
    files.lay_file("/d/f", b"12345")
    files.lay_file("/d/sub/g", b"")
    files.symlink(b"sub", files.resolve(files.root, b"d/s", follow=False))
    files.symlink(b"loop", files.resolve(files.root, b"d/loop", follow=False))
    return files


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"d/f", "File"),
        (b"d//./f", "File"),
        (b"d/sub/../f", "File"),
        (b"d/s", "Symlink"),
        (b"d/s/", "Directory"),
        (b"d/s/g", "File"),
        (b"d/s/../f", "File"),
        (b".", "Directory"),
        (b"", Errno.NOENT),
        (b"d/none", Errno.NOENT),
        (b"d/none/x", Errno.NOENT),
        (b"d/f/", Errno.NOTDIR),
        (b"d/f/.", Errno.NOTDIR),
        (b"d/f/..", Errno.NOTDIR),
        (b"..", Errno.PERM),
        (b"d/../../d", Errno.PERM),
        (b"/d", Errno.PERM),
        (b"d/loop/x", Errno.LOOP),
        (b"d\0", Errno.INVAL),
        (b"\xff", Errno.ILSEQ),
        (b"a" * 256, Errno.NAMETOOLONG),
        (b"./" * 2049, Errno.NAMETOOLONG),
    ],
)
def test_paths_are_resolved(path: bytes, found: str | Errno) -> None:
    files = tree()
    if isinstance(found, Errno):
        with pytest.raises(WasiError, match=f"^{found.name}$"):
            _ = files.resolve(files.root, path, follow=False).found
    else:
        node = files.resolve(files.root, path, follow=False).found
        assert type(node).__name__ == found


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        (b"d/f", b"d/h", None),
        (b"d/f", b"d/f", None),
        (b"d/f", b"d/s", None),
        (b"d/f", b"d/sub/g", None),
        (b"d/sub", b"e", None),
        (b"d/sub", b"empty", None),
        (b"d/sub", b"e/", None),
        (b"d", b"d/sub/d", Errno.INVAL),
        (b"d", b".", Errno.INVAL),
        (b"d/sub", b"d/f", Errno.NOTDIR),
        (b"d/sub", b"d", Errno.NOTEMPTY),
        (b"d/f", b"empty", Errno.ISDIR),
        (b"d/f", b"new/", Errno.NOTDIR),
        (b"none", b"new", Errno.NOENT),
    ],
)
def test_names_are_moved(old: bytes, new: bytes, answer: Errno | None) -> None:
    files = tree()
    files.lay_directory("/empty")
    source = files.resolve(files.root, old, follow=False)
    target = files.resolve(files.root, new, follow=False)
    if answer:
        with pytest.raises(WasiError, match=f"^{answer.name}$"):
            files.rename(source, target)
    else:
        files.rename(source, target)
        assert files.resolve(files.root, new, follow=False).node is source.node
        gone = files.resolve(files.root, old, follow=False).node is None
        assert gone == (old != new)


def test_names_and_bytes_are_given_back() -> None:
    files = Filesystem(bytes_max=10, names_max=2)
    for _ in range(5):
        for name in (b"a", b"b"):
            place = files.resolve(files.root, name, follow=False)
            node = files.create(place, File)
            files.write(node, 0, b"12345")
        with pytest.raises(LimitError):
            files.write(node, 5, b"6")
        with pytest.raises(LimitError):
            files.create(files.resolve(files.root, b"c", follow=False), Directory)
        files.rename(
            files.resolve(files.root, b"a", follow=False),
            files.resolve(files.root, b"b", follow=False),
        )
        files.unlink(files.resolve(files.root, b"b", follow=False))


# The calls, one by one


class Ram:
    """64 KiB of guest memory; strings go to 100, answers to 0."""

    def __init__(self) -> None:
        self.content = bytearray(65536)

    def read(self, at: int, count: int) -> bytes:
        if at + count > len(self.content):
            raise WasiError(Errno.FAULT)
        return bytes(self.content[at : at + count])

    def write(self, at: int, content: bytes) -> None:
        self.read(at, len(content))
        self.content[at : at + len(content)] = content


class Caller:
    """Calls as a guest does; `call` answers the error number, or None."""

    def __init__(self) -> None:
        files = Filesystem(bytes_max=1000, names_max=20)
        files.lay_file("/d/f", b"12345")
        self.ram = Ram()
        self.guest = Guest(
            files,
            args=[""],
            env={},
            stdin=b"abc",
            stdout_bytes_max=100,
            stderr_bytes_max=100,
            seed=b"",
        )

    def call(self, name: str, *values: int) -> Errno | None:
        types, function = CALLS[name]
        assert len(values) == len(types)
        try:
            function(self.guest, self.ram, *values)
        except WasiError as error:
            return error.errno
        return None

    def path(self, path: str, at: int = 100) -> tuple[int, int]:
        self.ram.write(at, path.encode())
        return at, len(path.encode())

    def open(
        self, path: str, how: int = 0, *, rights: int = 0x42, flags: int = 0
    ) -> int:
        where = self.path(path)
        assert self.call("path_open", 3, 1, *where, how, rights, 0, flags, 0) is None
        return self.u32()

    def write(
        self, fd: int, content: bytes, *, offset: int | None = None
    ) -> Errno | None:
        self.ram.write(100, content)
        self.ram.write(8, struct.pack("<II", 100, len(content)))
        if offset is None:
            return self.call("fd_write", fd, 8, 1, 0)
        return self.call("fd_pwrite", fd, 8, 1, offset, 0)

    def read(self, fd: int, count: int, *, offset: int | None = None) -> bytes | Errno:
        self.ram.write(8, struct.pack("<II", 100, count))
        if offset is None:
            answer = self.call("fd_read", fd, 8, 1, 0)
        else:
            answer = self.call("fd_pread", fd, 8, 1, offset, 0)
        return answer or self.ram.read(100, self.u32())

    def u32(self) -> int:
        return int.from_bytes(self.ram.read(0, 4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.ram.read(0, 8), "little")


@pytest.fixture
def guest() -> Caller:
    return Caller()


def test_an_offset_moves_with_reads_writes_and_seeks(guest: Caller) -> None:
    fd = guest.open("d/f")
    assert guest.read(fd, 2) == b"12"
    assert guest.write(fd, b"xy") is None
    assert guest.read(fd, 9) == b"5"
    assert guest.read(fd, 9) == b""
    assert guest.call("fd_seek", fd, (1 << 64) - 4, 2, 0) is None
    assert guest.u64() == 1
    assert guest.read(fd, 2) == b"2x"
    assert guest.call("fd_tell", fd, 0) is None
    assert guest.u64() == 3
    assert guest.call("fd_seek", fd, (1 << 64) - 9, 1, 0) is Errno.INVAL
    assert guest.call("fd_seek", fd, 0, 3, 0) is Errno.INVAL


def test_reading_and_writing_at_an_offset_moves_nothing(guest: Caller) -> None:
    fd = guest.open("d/f")
    assert guest.write(fd, b"9", offset=7) is None
    assert guest.read(fd, 9, offset=3) == b"45\0\0009"
    assert guest.read(fd, 9) == b"12345\0\0009"
    assert guest.read(fd, 1, offset=1 << 63) is Errno.INVAL
    assert guest.write(fd, b"1", offset=1 << 63) is Errno.INVAL


def test_appending_writes_at_the_end(guest: Caller) -> None:
    fd = guest.open("d/f", flags=descriptors.APPEND)
    assert guest.write(fd, b"6") is None
    assert guest.call("fd_fdstat_set_flags", fd, 0) is None
    assert guest.call("fd_seek", fd, 0, 0, 0) is None
    assert guest.write(fd, b"0") is None
    assert guest.read(fd, 9, offset=0) == b"023456"
    assert guest.call("fd_fdstat_set_flags", fd, 99) is Errno.INVAL


def test_a_size_is_cut_and_filled_up(guest: Caller) -> None:
    fd = guest.open("d/f")
    for size, content in [(2, b"12"), (4, b"12\0\0"), (0, b"")]:
        assert guest.call("fd_filestat_set_size", fd, size) is None
        assert guest.read(fd, 9, offset=0) == content
    assert guest.call("fd_filestat_set_size", fd, 1 << 63) is Errno.INVAL


def test_a_file_is_opened_for_what_was_asked(guest: Caller) -> None:
    reader = guest.open("d/f", rights=descriptors.RIGHT_READ)
    writer = guest.open("d/f", rights=descriptors.RIGHT_WRITE)
    assert guest.write(reader, b"1") is Errno.BADF
    assert guest.read(writer, 1) is Errno.BADF
    assert guest.call("fd_filestat_set_size", reader, 0) is Errno.INVAL
    for fd, readable, writable in [(reader, True, False), (writer, False, True)]:
        assert guest.call("fd_fdstat_get", fd, 0) is None
        kind, rights = struct.unpack("<B7xQ", guest.ram.read(0, 16))
        assert kind == 4
        assert bool(rights & descriptors.RIGHT_READ) is readable
        assert bool(rights & descriptors.RIGHT_WRITE) is writable


CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE = 1, 2, 4, 8


@pytest.mark.parametrize(
    ("path", "how", "rights", "answer"),
    [
        ("d/f", CREATE | EXCLUSIVE, 0x42, Errno.EXIST),
        ("d/f", DIRECTORY, 0x2, Errno.NOTDIR),
        ("d/f", CREATE | DIRECTORY, 0x2, Errno.INVAL),
        ("d", 0, 0x42, Errno.ISDIR),
        ("d", TRUNCATE, 0x2, Errno.ISDIR),
        ("d", CREATE, 0x2, Errno.ISDIR),
        ("new/", CREATE, 0x42, Errno.ISDIR),
        ("none", 0, 0x2, Errno.NOENT),
        ("none/x", CREATE, 0x42, Errno.NOENT),
        ("d", DIRECTORY, 0x2, None),
        ("d/f", TRUNCATE, 0x42, None),
        ("new", CREATE | EXCLUSIVE, 0x42, None),
    ],
)
def test_opening(
    guest: Caller, path: str, how: int, rights: int, answer: Errno | None
) -> None:
    where = guest.path(path)
    assert guest.call("path_open", 3, 1, *where, how, rights, 0, 0, 0) is answer
    if how & TRUNCATE and answer is None:
        assert guest.read(guest.u32(), 9) == b""
    assert guest.call("path_open", 3, 1, *where, how, rights, 0, 99, 0) is Errno.INVAL


def test_a_symbolic_link_is_read_and_not_opened_itself(guest: Caller) -> None:
    target, link = guest.path("d/f"), guest.path("l", at=200)
    assert guest.call("path_symlink", *target, 3, *link) is None
    assert guest.call("path_open", 3, 0, *link, 0, 2, 0, 0, 0) is Errno.LOOP
    assert guest.call("path_open", 3, 1, *link, 0, 2, 0, 0, 0) is None
    assert guest.call("path_readlink", 3, *link, 300, 2, 0) is None
    assert (guest.u32(), guest.ram.read(300, 3)) == (2, b"d/\0")
    assert guest.call("path_readlink", 3, *target, 300, 9, 0) is Errno.INVAL
    assert guest.call("path_filestat_get", 3, 0, *link, 400) is None
    kind, _, size = struct.unpack("<16xB7xQQ", guest.ram.read(400, 40))
    assert (kind, size) == (7, 3)


def test_a_removed_file_lives_while_it_is_open(guest: Caller) -> None:
    fd = guest.open("d/f")
    where = guest.path("d/f")
    assert guest.call("path_unlink_file", 3, *where) is None
    assert guest.call("path_filestat_get", 3, 0, *where, 0) is Errno.NOENT
    assert guest.read(fd, 9) == b"12345"
    assert guest.call("fd_close", fd) is None
    assert guest.call("fd_close", fd) is Errno.BADF


def test_a_removed_directory_takes_no_names(guest: Caller) -> None:
    where = guest.path("e", at=200)
    assert guest.call("path_create_directory", 3, *where) is None
    fd = guest.open("e", DIRECTORY, rights=0)
    assert guest.call("path_remove_directory", 3, *where) is None
    assert guest.call("path_create_directory", fd, *where) is Errno.NOENT
    assert guest.call("path_rename", 3, *guest.path("d/f"), fd, *where) is Errno.NOENT


def test_links_names_and_directories(guest: Caller) -> None:
    old, new = guest.path("d/f"), guest.path("g", at=200)
    directory, root = guest.path("d", at=300), guest.path(".", at=310)
    assert guest.call("path_link", 3, 0, *old, 3, *new) is None
    assert guest.call("path_link", 3, 0, *old, 3, *new) is Errno.EXIST
    assert guest.call("path_link", 3, 1, *old, 3, *new) is Errno.INVAL
    assert guest.call("path_link", 3, 0, *directory, 3, *new) is Errno.PERM
    assert guest.call("path_rename", 3, *new, 3, *directory) is Errno.ISDIR
    assert guest.call("path_unlink_file", 3, *directory) is Errno.ISDIR
    assert guest.call("path_remove_directory", 3, *directory) is Errno.NOTEMPTY
    assert guest.call("path_remove_directory", 3, *root) is Errno.INVAL
    assert guest.call("path_rename", 3, *root, 3, *new) is Errno.INVAL
    assert guest.call("path_create_directory", 3, *root) is Errno.EXIST
    assert guest.call("path_unlink_file", 9, *old) is Errno.BADF
    assert guest.call("path_unlink_file", 1, *old) is Errno.NOTDIR


def test_times_change_only_when_they_are_set(guest: Caller) -> None:
    fd = guest.open("d/f")
    where = guest.path("d/f", at=200)

    def times() -> tuple[int, ...]:
        assert guest.call("fd_filestat_get", fd, 400) is None
        return struct.unpack("<QQ", guest.ram.read(440, 16))

    assert guest.write(fd, b"x") is None
    assert times() == (EPOCH_NS, EPOCH_NS)
    assert guest.call("fd_filestat_set_times", fd, 5, 6, 1) is None
    assert times() == (5, EPOCH_NS)
    assert guest.call("path_filestat_set_times", 3, 0, *where, 7, 8, 4) is None
    assert times() == (5, 8)
    assert guest.call("fd_filestat_set_times", fd, 0, 0, 2 | 8) is None
    assert times() == (EPOCH_NS, EPOCH_NS + 1_000_000)
    assert guest.call("fd_filestat_set_times", fd, 0, 0, 3) is Errno.INVAL
    assert guest.call("fd_filestat_set_times", 3, 0, 0, 1) is None


def test_streams_cannot_be_sought_and_are_no_terminals(guest: Caller) -> None:
    for fd in (0, 1, 2):
        assert guest.call("fd_seek", fd, 0, 0, 0) is Errno.SPIPE
        assert guest.call("fd_fdstat_get", fd, 0) is None
        assert guest.ram.read(0, 1) == b"\0"
        assert guest.call("fd_filestat_get", fd, 0) is None
        assert guest.ram.read(0, 64) == bytes(64)
        assert guest.call("fd_prestat_get", fd, 0) is Errno.BADF
        assert guest.call("fd_sync", fd) is None
    assert guest.write(0, b"x") is Errno.BADF
    assert guest.read(1, 1) is Errno.BADF


def test_the_root_is_the_one_directory_opened_beforehand(guest: Caller) -> None:
    assert guest.call("fd_prestat_get", 3, 0) is None
    assert guest.ram.read(0, 8) == struct.pack("<II", 0, 1)
    assert guest.call("fd_prestat_dir_name", 3, 0, 1) is None
    assert guest.ram.read(0, 1) == b"/"
    assert guest.call("fd_prestat_dir_name", 3, 0, 0) is Errno.NAMETOOLONG
    assert guest.call("fd_prestat_get", 4, 0) is Errno.BADF
    assert guest.call("fd_seek", 3, 0, 0, 0) is Errno.BADF
    assert guest.call("fd_readdir", 0, 0, 9, 0, 0) is Errno.NOTDIR
    assert guest.call("fd_fdstat_get", 3, 0) is None
    assert guest.ram.read(0, 1) == b"\3"
    assert guest.call("fd_filestat_get", 3, 0) is None


def test_a_descriptor_is_renumbered_onto_another(guest: Caller) -> None:
    one, two = guest.open("d/f"), guest.open("new", CREATE)
    assert guest.call("fd_renumber", one, two) is None
    assert guest.read(two, 9) == b"12345"
    assert guest.call("fd_renumber", two, two) is None
    assert guest.call("fd_renumber", one, two) is Errno.BADF
    assert guest.call("fd_renumber", two, one) is Errno.BADF
    assert guest.open("d/f") == one


def test_what_is_not_supported_says_so(guest: Caller) -> None:
    fd = guest.open("d/f")
    assert guest.call("fd_allocate", fd, 0, 9) is Errno.NOTSUP
    assert guest.call("fd_fdstat_set_rights", fd, 0, 0) is Errno.NOTSUP
    assert guest.call("proc_raise", 9) is Errno.NOTSUP
    assert guest.call("fd_advise", fd, 0, 0, 0) is None
    assert guest.call("fd_advise", fd, 0, 0, 6) is Errno.INVAL
    assert guest.call("fd_datasync", fd) is None
    assert guest.call("clock_res_get", 1, 0) is None
    assert guest.u64() == 1_000_000
    assert guest.call("clock_res_get", 4, 0) is Errno.INVAL
    assert guest.call("clock_time_get", 4, 0, 0) is Errno.INVAL
    assert guest.call("fd_read", 0, 8, 1025, 0) is Errno.INVAL


def test_a_poll_answers_what_is_ready(guest: Caller) -> None:
    fd = guest.open("d/f")
    asked = [(1, fd), (2, fd), (1, 0), (1, 99), (7, fd), (0, 9)]
    for i, (tag, subject) in enumerate(asked):
        guest.ram.write(1000 + 48 * i, struct.pack("<QB7xI28x", i, tag, subject))
    assert guest.call("poll_oneoff", 1000, 2000, len(asked), 0) is None
    events = guest.ram.read(2000, 32 * guest.u32())
    assert list(struct.iter_unpack("<QHB5xQ8x", events)) == [
        (0, 0, 1, 5),
        (1, 0, 2, 1),
        (2, 0, 1, 3),
        (3, Errno.BADF, 1, 1),
        (4, Errno.INVAL, 7, 1),
        (5, Errno.INVAL, 0, 1),
    ]
    assert guest.call("poll_oneoff", 1000, 2000, 0, 0) is Errno.INVAL


def test_an_absolute_sleep_ends_at_its_time(guest: Caller) -> None:
    wait = struct.Struct("<QB7xI4xQ8xH6x")
    guest.ram.write(1000, wait.pack(1, 0, 0, EPOCH_NS + 7_000_000, 1))
    guest.ram.write(1048, wait.pack(2, 0, 1, 9_000_000, 1))
    assert guest.call("poll_oneoff", 1000, 2000, 2, 0) is None
    assert guest.u32() == 1
    assert guest.guest.now_ns(1) == 7_000_000


def test_arguments_at_the_end_of_the_address_space_are_a_fault(guest: Caller) -> None:
    guest.guest.args = [b"\0", b"a\0"]
    assert guest.call("args_get", 0, 2**32 - 1) is Errno.FAULT


def test_names_read_at_a_time_have_a_limit(
    guest: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octostore.runner.guest.NAMES_LISTED_MAX", 0)
    directory = guest.open("d", rights=0)
    assert guest.call("fd_readdir", directory, 100, 24, 0, 0) is None
    with pytest.raises(LimitError, match="names at a time"):
        guest.call("fd_readdir", 3, 100, 24, 0, 0)


def test_a_path_too_long_to_name_an_output_ends_the_run() -> None:
    files = Filesystem(bytes_max=1, names_max=100)
    here = files.root
    for _ in range(20):
        here = files.create(files.resolve(here, b"a" * 255, follow=False), Directory)
    with pytest.raises(LimitError, match="4096"):
        list(files.walk("/"))
