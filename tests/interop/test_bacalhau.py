"""A real Bacalhau runs jobs, its API is harvested, and `who` finds what it gave.

    Kubo 0.41, offline        holds modules and inputs by CID, takes results
    Bacalhau 1.9, one node    orchestrator and compute node on loopback
    octostore harvest         over its API, results from its publishers

`make interop-bacalhau` runs this; it needs Go and a module proxy, and builds both once.
Nothing of it is reachable from outside, and nothing of it asks anybody outside.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import wasmtime
import yaml

from invocation_spec import CID, canonicalize
from octostore.cli import run
from octostore.errors import FileError
from octostore.published import result_in, root_of
from tests.interop.built import cached

pytestmark = pytest.mark.slow

Json = dict[str, Any]

EXAMPLES = Path(__file__).parents[2] / "examples" / "kepler"
_START_S = 60
_JOB_S = 120

#: Copies its first 4 KiB of /inputs/data.txt to /outputs/copy.txt and to stdout. The
#: names matter: Bacalhau up to v1.9 runs no module without a section of names.
COPY = """
(module $copy
  (import "wasi_snapshot_preview1" "path_open" (func $open
    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read
    (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write
    (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close
    (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "inputs/data.txt")
  (data (i32.const 48) "outputs/copy.txt")
  (func $must (param i32) (if (local.get 0) (then unreachable)))
  (func $main (export "_start")
    (call $must (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 15)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 100)))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 4096))
    (call $must (call $read (i32.load (i32.const 100)) (i32.const 0) (i32.const 1)
      (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (call $must (call $open (i32.const 3) (i32.const 0) (i32.const 48) (i32.const 16)
      (i32.const 9) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 104)))
    (call $must (call $write (i32.load (i32.const 104)) (i32.const 0) (i32.const 1)
      (i32.const 8)))
    (call $must (call $close (i32.load (i32.const 104))))
    (call $must (call $write (i32.const 1) (i32.const 0) (i32.const 1)
      (i32.const 8)))))
"""
DATA = b"a text that travels\n"


def ports(count: int) -> list[int]:
    """Ports that are free now."""
    open_ = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [item.getsockname()[1] for item in open_]
    for item in open_:
        item.close()
    return found


@contextmanager
def daemon(
    words: Sequence[str | Path], env: dict[str, str], ready: str
) -> Iterator[None]:
    """A program that runs until the end, once it has said that it is ready."""
    with subprocess.Popen(
        [str(word) for word in words],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        alarm = threading.Timer(_START_S, running.kill)
        alarm.start()
        said: list[str] = []
        try:
            assert running.stdout
            for line in running.stdout:
                said.append(line)
                if ready in line:
                    break
            else:
                raise AssertionError("".join(said[-20:]))
            alarm.cancel()
            rest = threading.Thread(target=lambda: list(running.stdout or ()))
            rest.start()
            yield
        finally:
            alarm.cancel()
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()


@dataclass
class Kubo:
    program: Path
    env: dict[str, str]
    api: int

    def ipfs(self, *words: str | Path, data: bytes | None = None) -> bytes:
        command = [str(self.program), *map(str, words)]
        done = subprocess.run(
            command,
            env={**os.environ, **self.env},
            input=data,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, data: bytes) -> CID:
        words = ("add", "--quieter", "--cid-version=1", "--raw-leaves")
        return CID.parse(self.ipfs(*words, data=data).decode().strip())


@pytest.fixture(scope="module")
def kubo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubo]:
    """Kubo without any peer."""
    program = cached("kubo", "github.com/ipfs/kubo/cmd/ipfs")
    (api,) = ports(1)
    folder = tmp_path_factory.mktemp("kubo")
    found = Kubo(program, {"IPFS_PATH": str(folder), "IPFS_TELEMETRY": "off"}, api)
    found.ipfs("init", "--empty-repo")
    for name, value in {
        "Addresses.API": f"/ip4/127.0.0.1/tcp/{api}",
        "Addresses.Gateway": [],
        "Addresses.Swarm": [],
        "Bootstrap": [],
        "Discovery.MDNS.Enabled": False,
        "AutoConf.Enabled": False,
        "DNS.Resolvers": {},
        "Routing": {"Type": "none"},
        "Ipns.DelegatedPublishers": [],
    }.items():
        found.ipfs("config", "--json", name, json.dumps(value))
    words: list[str | Path] = [program, "daemon", "--offline"]
    with daemon(words, found.env, "Daemon is ready"):
        yield found


@dataclass
class Node:
    url: str
    folder: Path

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}") as answer:
            return json.load(answer)

    def run(self, job: Json) -> Json:
        """Submit a job and wait until it has ended; the job with its executions."""
        body = json.dumps({"Job": job}).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v1/orchestrator/jobs",
            data=body,
            method="PUT",
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                id_ = json.load(answer)["JobID"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        until = time.monotonic() + _JOB_S
        while time.monotonic() < until:
            found: Json = self.get(f"orchestrator/jobs/{id_}?include=executions")
            items = found["Executions"]["Items"]
            state = found["Job"]["State"]["StateType"]
            # Of an updated job the state is for a moment that of the version before.
            ended = [item["ComputeState"]["StateType"] >= 9 for item in items]
            if state in ("Completed", "Failed") and items and all(ended):
                return found
            time.sleep(0.2)  # it is another process: nothing else tells
        raise AssertionError(found["Job"]["State"])


@pytest.fixture(scope="module")
def node(kubo: Kubo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One Bacalhau, orchestrator and compute node, with a repository of its own."""
    program = cached("bacalhau", "github.com/bacalhau-project/bacalhau")
    folder = tmp_path_factory.mktemp("bacalhau")
    api, nats, local = ports(3)
    ipfs = {"Types": {"IPFS": {"Endpoint": f"/ip4/127.0.0.1/tcp/{kubo.api}"}}}
    config = {
        "DataDir": str(folder / "data"),
        "DisableAnalytics": True,
        "UpdateConfig": {"Interval": 0},
        "API": {"Host": "127.0.0.1", "Port": api},
        "Orchestrator": {"Enabled": True, "Host": "127.0.0.1", "Port": nats},
        "Compute": {"Enabled": True, "Orchestrators": [f"nats://127.0.0.1:{nats}"]},
        "Engines": {"Disabled": ["docker"]},
        "InputSources": ipfs,
        "Publishers": {
            "Types": {**ipfs["Types"], "Local": {"Address": "127.0.0.1", "Port": local}}
        },
        "WebUI": {"Enabled": False},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    words: list[str | Path] = [program, "serve", "-c", folder / "config.yaml"]
    words += ["--data-dir", folder / "data"]
    env = {"BACALHAU_DIR": str(folder / "data")}
    with daemon(words, env, "handshake successful"):
        yield Node(f"http://127.0.0.1:{api}", folder)


def sources(module: Json, data: Json) -> list[Json]:
    return [
        {"Target": "/app/main.wasm", "Source": module},
        {"Target": "/inputs/data.txt", "Source": data},
    ]


def inline(data: bytes) -> Json:
    text = base64.b64encode(data).decode()
    url = f"data:application/octet-stream;base64,{text}"
    return {"Type": "inline", "Params": {"URL": url}}


def ipfs(cid: CID) -> Json:
    return {"Type": "ipfs", "Params": {"CID": str(cid)}}


def copy_job(name: str, inputs: list[Json], publisher: str) -> Json:
    engine = {"EntryModule": "/app/main.wasm", "Entrypoint": "_start"}
    task = {
        "Name": "main",
        "Engine": {"Type": "wasm", "Params": engine},
        "InputSources": inputs,
        "ResultPaths": [{"Name": "outputs", "Path": "/outputs"}],
        "Publisher": {"Type": publisher},
        "Network": {"Type": "None"},
        "Resources": {"CPU": "0.1", "Memory": "128mb"},
    }
    return {"Name": name, "Type": "batch", "Count": 1, "Tasks": [task]}


@dataclass
class Place:
    """A folder with a key and a store, where commands are carried out."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def call(self, *words: str | Path) -> Json:
        self.capsys.readouterr()
        code = run([*map(str, words), "--json"])
        said = self.capsys.readouterr()
        assert code == 0, said.err
        found: Json = json.loads(said.out)
        return found

    def harvest(self, node: Node, *more: str | Path) -> Json:
        words = ("harvest", "bacalhau", node.url, "--key", self.folder / "me.key")
        return self.call(*words, *more)

    def who(self, document: Json) -> Json:
        path = self.folder / "spec.json"
        path.write_text(json.dumps(document))
        (found,) = self.call("who", path)["invocations"]
        (outcome,) = canonicalize(path.read_bytes())
        assert outcome.invocation is not None
        assert found["invocation"] == str(outcome.invocation.cid)
        return dict(found)

    def show(self, title: str, *words: str | Path) -> None:
        """Print what a person sees, with `make interop-bacalhau`."""
        self.capsys.readouterr()
        run([str(word) for word in words])
        text = self.capsys.readouterr().out
        with self.capsys.disabled():
            print(f"\n--- {title}\n{text}", end="")


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Place:
    monkeypatch.setenv("OCTOSTORE_PATH", str(tmp_path / "store"))
    monkeypatch.delenv("OCTOSTORE_SERVER", raising=False)
    assert run(["key", "new", str(tmp_path / "me.key")]) == 0
    return Place(tmp_path, capsys)


def test_one_invocation_whether_its_parts_come_inline_or_by_cid(
    node: Node, kubo: Kubo, place: Place
) -> None:
    module = bytes(wasmtime.wat2wasm(COPY))
    by_value = copy_job("by-value", sources(inline(module), inline(DATA)), "local")
    by_cid = copy_job(
        "by-cid", sources(ipfs(kubo.add(module)), ipfs(kubo.add(DATA))), "ipfs"
    )
    results = place.folder / "results"
    results.mkdir()
    for job in (by_value, by_cid):
        (execution,) = node.run(job)["Executions"]["Items"]
        assert execution["ComputeState"]["StateType"] == 9, execution
        published = execution["PublishedResult"]["Params"]
        if "URL" in published:  # as the local publisher serves it
            with urllib.request.urlopen(published["URL"]) as answer:
                data = answer.read()
            (results / f"{execution['ID']}.tar.gz").write_bytes(data)
        else:
            car = kubo.ipfs("dag", "export", "--progress=false", published["CID"])
            (results / f"{published['CID']}.car").write_bytes(car)
    said = place.harvest(node, "--results", results)
    assert [item["reason"] for item in said["unclaimed"]] == []
    found = place.who(by_value)
    assert found == place.who(by_cid)
    text = str(CID.of_bytes(DATA))
    outputs = found["outputs"].items()
    assert {name: [one["value"] for one in values] for name, values in outputs} == {
        "stdout": [text],
        "/outputs/copy.txt": [text],
    }
    assert len(found["claims"]) == 2
    assert found["conflicts"] == []
    name = node.get("orchestrator/nodes")["Nodes"][0]["Info"]["NodeID"]
    for claim in found["claims"]:
        assert (claim["executor"], claim["witness"]) == (name, True)
        assert (claim["network"], claim["exit"]) == ("bacalhau", 0)
    place.show("who, of the job by value and of the job by CID",
               "who", place.folder / "spec.json")  # fmt: skip
    assert place.harvest(node, "--results", results)["claimed"] == []


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--cid-version=1",),
        ("--raw-leaves=false", "--chunker=size-1048576"),
        ("--trickle", "--chunker=rabin"),
    ],
    ids=" ".join,
)
def test_folders_are_read_as_kubo_writes_them(
    kubo: Kubo, tmp_path: Path, options: tuple[str, ...]
) -> None:
    folder = tmp_path / "results"
    (folder / "outputs" / "deep").mkdir(parents=True)
    big = hashlib.shake_256(b"big").digest(50_000_000)  # three levels of blocks
    (folder / "outputs" / "big").write_bytes(big)
    (folder / "outputs" / "deep" / "ü").write_bytes(b"")
    (folder / "stdout").write_bytes(b"said")
    (folder / "exitCode").write_text("0")
    root = kubo.ipfs("add", "--recursive", "--quieter", *options, folder)
    cid = CID.parse(root.decode().strip())
    path = tmp_path / "r.car"
    path.write_bytes(
        kubo.ipfs("dag", "export", "--progress=false", root.decode().strip())
    )
    assert root_of(path) == cid
    assert result_in(path, {}) == result_in(folder, {})


def test_a_sharded_folder_is_refused_by_name(kubo: Kubo, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    (folder / "outputs").mkdir(parents=True)
    for index in range(8000):
        (folder / "outputs" / f"a name of some length, number {index:06}").touch()
    root = kubo.ipfs("add", "--recursive", "--quieter", folder).decode().strip()
    (tmp_path / "r.car").write_bytes(
        kubo.ipfs("dag", "export", "--progress=false", root)
    )
    with pytest.raises(FileError, match="HAMT"):
        result_in(tmp_path / "r.car", {})


def test_the_job_of_the_demo_gives_there_what_it_gives_here(
    node: Node, kubo: Kubo, place: Place
) -> None:
    for name in ("kepler.wasm", "planets.csv"):
        kubo.add((EXAMPLES / name).read_bytes())
    path = EXAMPLES / "bacalhau-job.yaml"
    document = yaml.safe_load(path.read_text())
    (ran,) = node.run(document)["Executions"]["Items"]
    (place.folder / "results").mkdir()
    with urllib.request.urlopen(ran["PublishedResult"]["Params"]["URL"]) as answer:
        data = answer.read()
    (place.folder / "results" / f"{ran['ID']}.tar.gz").write_bytes(data)
    place.harvest(node, "--results", place.folder / "results")
    there = place.who(document)
    here = place.call("run", path, "--files", EXAMPLES)
    assert [claim["exit"] for claim in there["claims"]] == [here["exit"]] == [0]
    assert {name: one["value"] for name, (one,) in there["outputs"].items()} == (
        here["outputs"]
    )
    place.show("who, of examples/kepler/bacalhau-job.yaml", "who", path)


def test_each_version_of_a_job_is_claimed_as_what_it_was(
    node: Node, place: Place
) -> None:
    module = bytes(wasmtime.wat2wasm(COPY))
    jobs = [
        copy_job("updated", sources(inline(module), inline(data)), "local")
        for data in (b"one\n", b"two\n")
    ]
    first, second = [node.run(job) for job in jobs]
    assert first["Job"]["ID"] == second["Job"]["ID"]
    assert [item["Job"]["Version"] for item in (first, second)] == [1, 2]
    place.harvest(node)
    for job in jobs:
        (claim,) = place.who(job)["claims"]
        assert claim["exit"] == 0


def test_watch_claims_what_a_node_runs(
    node: Node, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    module = bytes(wasmtime.wat2wasm(COPY))
    job = copy_job("watched", sources(inline(module), inline(b"seen\n")), "local")
    (ran,) = node.run(job)["Executions"]["Items"]
    words = ["watch", node.url, "--network", "bacalhau", "--once"]
    words += ["--key", str(place.folder / "me.key")]
    assert run(words) == 0
    assert f"claimed {ran['ID']} " in capsys.readouterr().out
    (claim,) = place.who(job)["claims"]
    assert claim["executor"] == ran["NodeID"]
    assert run(words) == 0
    assert capsys.readouterr().out == ""
