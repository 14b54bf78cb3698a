"""How long a reproduction takes beside the bare run: milliseconds, as JSON.

    python -m benchmarks.reproduce [--times N]

The example, kepler.wasm on planets.csv. `wasmtime` is the limit, measured in the same
rounds: the same bytes compiled and run once by wasmtime with its own WASI, on a folder
of the host. Then our runner once (`run_wasi`, which counts fuel and answers WASI calls
in Python); a reproduction in this process, content from a folder, and from a gateway on
loopback (two runs, what is fetched hashed, all outputs compared with two claims,
nothing signed); and the command in a process of its own, start of the interpreter
included. Medians; one after the other in each round, so that whatever else the machine
does falls on all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import wasmtime

from invocation_spec import CID, canonicalize
from octostore.claiming import Reported, closure, prepare
from octostore.cli.at_hand import Known
from octostore.cli.rerunning import Fetch, Way, reproduced
from octostore.contents import Contents
from octostore.execution import execute
from octostore.runner import RunLimits, run_wasi
from octostore.store import Octostore
from tests.octostore.world import Issuer

KEPLER = Path(__file__).parents[1] / "examples" / "kepler"
CODE = (KEPLER / "kepler.wasm").read_bytes()
DATA = (KEPLER / "planets.csv").read_bytes()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=15, help="rounds")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(_measured(Path(folder), times), indent=2))


def _measured(folder: Path, times: int) -> dict[str, object]:
    (outcome,) = canonicalize((KEPLER / "bacalhau-job.yaml").read_bytes())
    assert outcome.invocation and outcome.program and outcome.input  # noqa: S101, PT018
    done = execute(
        outcome.program, outcome.input, Contents([KEPLER]), output_dirs=outcome.dirs
    )
    with Octostore.open(folder / "store") as store:
        for name in ("bristol", "caltech"):
            prepared = prepare(outcome, Reported("golem", done.result))
            statement = Issuer(name).sign([prepared.claim])
            blocks = closure(statement, [prepared])
            store.ingest(blocks.items(), [statement.envelope_cid])
    url, server = _gateway()
    way, keys = Way(RunLimits()), [outcome.invocation.cid]
    with Octostore.open(folder / "store", readonly=True) as store:

        def again(fetch: Fetch) -> None:
            if not reproduced(Known(store), outcome, keys, way, fetch).holds:
                raise AssertionError("the example agrees with itself")

        rounds: dict[str, Callable[[], object]] = {
            "wasmtime": lambda: _bare(folder),
            "run_wasi": _runner,
            "reproduce_folder": lambda: again(Fetch([KEPLER])),
            "reproduce_gateway": lambda: again(Fetch(gateways=[url])),
        }
        found: dict[str, list[float]] = {name: [] for name in (*rounds, "command")}
        for _ in range(times):
            for name, work in rounds.items():
                found[name].append(_ms(work))
            found["command"].append(_ms(lambda: _command(folder, keys[0])))
    server.shutdown()
    medians = {name: statistics.median(values) for name, values in found.items()}
    limit = medians["wasmtime"]
    return {
        "python": platform.python_version(),
        "machine": platform.processor() or platform.machine(),
        "unit": "milliseconds, median",
        "times": times,
        "medians": {name: round(value, 2) for name, value in medians.items()},
        "to_wasmtime": {
            name: round(value / limit, 2) for name, value in medians.items()
        },
    }


def _ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def _bare(folder: Path) -> None:
    """Compiled and run by wasmtime alone, as fast as it can be had from Python."""
    place = folder / "bare"
    for name in ("inputs", "outputs"):
        (place / name).mkdir(parents=True, exist_ok=True)
    (place / "inputs" / "planets.csv").write_bytes(DATA)
    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["", "/inputs/planets.csv", "/outputs/residuals.csv"]
    wasi.stdout_file = str(place / "stdout")
    wasi.preopen_dir(str(place), "/")
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)
    instance = linker.instantiate(store, wasmtime.Module(engine, CODE))
    start = instance.exports(store)["_start"]
    if not isinstance(start, wasmtime.Func):
        raise TypeError("no function")
    start(store)
    if not (place / "outputs" / "residuals.csv").stat().st_size:
        raise AssertionError("nothing was written")


def _runner() -> None:
    run_wasi(
        CODE,
        args=["/inputs/planets.csv", "/outputs/residuals.csv"],
        files={"/inputs/planets.csv": DATA},
        output_dirs=["/outputs"],
    )


def _command(folder: Path, cid: CID) -> None:
    words = ["reproduce", str(cid), "--files", str(KEPLER), "--store"]
    subprocess.run(  # noqa: S603 - our own words
        [
            str(Path(sys.executable).with_name("octostore")),
            *words,
            str(folder / "store"),
        ],
        check=True,
        capture_output=True,
        env=dict(os.environ),
    )


def _gateway() -> tuple[str, ThreadingHTTPServer]:
    """A gateway with two files on loopback."""
    blocks = {str(CID.of_bytes(data)): data for data in (CODE, DATA)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = blocks[self.path.rpartition("/")[2].partition("?")[0]]
            self.send_response(200)
            self.send_header("content-type", "application/vnd.ipld.raw")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}", server


if __name__ == "__main__":
    main()
