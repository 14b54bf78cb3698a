"""What a node answers per second over HTTP, beside an empty route of the same server.

    python -m benchmarks.http [--claims 10000] [--seconds 5]     needs wrk

A process serves a store of `claims` claims; another, with the same uvicorn, serves one
route of Starlette that answers nothing: the limit. Each is asked by wrk with 16
connections from one thread, one after the other; `ratio` is to the limit. Many keys are
asked 10,000 in a call, one in ten of them claimed. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.who import C1, D1, MATCHES, pairs, statement
from invocation_spec.cid import CID
from invocation_spec.model import Input, Invocation, WasiProgram
from octostore.store import Octostore

PER_STATEMENT = 100
KEYS = 10_000
CONNECTIONS = 16

EMPTY = """
import os, socket, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def empty(request): return Response(b"")
app = Starlette(routes=[Route("/", empty)])
listener = socket.create_server(("127.0.0.1", int(os.environ["OCTOSTORE_PORT"])))
config = uvicorn.Config(app, lifespan="off", http="h11", log_level="warning")
uvicorn.Server(config).run(sockets=[listener])
"""


@contextmanager
def serving(words: list[str], path: Path) -> Iterator[str]:
    """A server as a process; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = os.environ | {
        "OCTOSTORE_PATH": str(path),
        "OCTOSTORE_PORT": str(port),
        "OCTOSTORE_MAP_SECONDS": "0",
        "OCTOSTORE_LOG_LEVEL": "warning",
        "PYTHONPATH": f".{os.pathsep}server",
    }
    running = subprocess.Popen([sys.executable, *words], env=env)  # noqa: S603
    try:
        while running.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


def asked(url: str, seconds: int, script: Path | None = None) -> dict[str, float]:
    """Answers per second by wrk, and how long the slowest of a hundred took."""
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    words += ["-s", str(script)] if script is not None else []
    done = subprocess.run(  # noqa: S603
        [*words, url], capture_output=True, text=True, check=True
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if rate is None or slow is None or "Non-2xx" in done.stdout:
        raise SystemExit(done.stdout)
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}[slow[2]]
    return {"per_s": float(rate[1]), "p99_ms": float(slow[1]) * unit}


def fill(path: Path, claims: int) -> list[CID]:
    """A store of so many claims; keys, one in ten of them claimed."""
    world = list(pairs(claims))
    with Octostore.open(path) as store:
        for number, at in enumerate(range(0, claims, PER_STATEMENT)):
            root, blocks = statement(number, world[at : at + PER_STATEMENT])
            if not store.ingest(blocks.items(), [root]).accepted:
                raise SystemExit("not accepted")
    known = [
        Invocation(WasiProgram(code).cid, Input(files={"/d": given}).cid).cid
        for code, given, _ in world[: KEYS // 10]
    ]
    missing = range(KEYS - len(known))
    unknown = [CID.of_block(f"key {number}".encode()) for number in missing]
    return known + unknown


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (on Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        keys = fill(path, options.claims)
        body = json.dumps({"invocations": [str(cid) for cid in keys]})
        script = Path(folder) / "many.lua"
        script.write_text(f"wrk.method = 'POST'\nwrk.body = [[{body}]]\n")
        block = Invocation(WasiProgram(C1).cid, Input(files={"/d": D1}).cid).cid
        paths = {
            "who_of_ten_claims": f"/v1/who?program={C1}&input={D1}",
            "block": f"/ipfs/{block}?format=raw",
            "health": "/healthz",
        }
        with serving(["-c", EMPTY], path) as url:
            limit = asked(url, options.seconds)
        found: dict[str, dict[str, float]] = {}
        with serving(["-m", "octostore_server"], path) as url:
            for name, where in paths.items():
                found[name] = asked(url + where, options.seconds)
            found["many_keys"] = asked(f"{url}/v1/invocations", options.seconds, script)
    for item in found.values():
        item["ratio"] = round(item["per_s"] / limit["per_s"], 3)
    found["many_keys"]["keys_per_s"] = round(found["many_keys"]["per_s"] * KEYS)
    told = {
        "claims": options.claims,
        "matches": MATCHES,
        "cpus": os.cpu_count(),
        "connections": CONNECTIONS,
        "empty_starlette_route": limit,
        **found,
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
