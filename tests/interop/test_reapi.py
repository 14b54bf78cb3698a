"""A cache that is not ours, bazel-remote, and a client that is not, Bazel.

`make interop-reapi` runs this. It needs Go and a module proxy; Bazel for one test, pip
and an index of packages for another.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from invocation_spec import CID
from invocation_spec.protobuf import MESSAGES, PACKAGE, decode
from tests.interop.conftest import build
from tests.octostore.actions import Stock, bare
from tests.octostore.conftest import octostore
from tests.octostore.said import Command

__all__ = ["octostore"]

pytestmark = pytest.mark.slow

_START_S = 60
_BAZEL_S = 600
_PIP_S = 120

WORKER = "oci:worker.invalid/reapi:latest"
DIGEST = "sha256:" + "cd" * 32

#: What Bazel says where a newer one looks for its own modules, and nothing is there.
_NO_NETWORK = re.compile(
    r"Unknown host|UnknownHost|Error downloading|Connection refused"
)

#: What pip says without an index.
_NO_INDEX = re.compile(r"No matching distribution|Could not find a version|Max retries")


@pytest.fixture(scope="session")
def bazel_remote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bazel-remote, in the version that go.mod names."""
    folder = tmp_path_factory.mktemp("interop") / "reapi"
    shutil.copytree(Path(__file__).parent / "reapi", folder)
    build(folder, "install", "github.com/buchgr/bazel-remote/v2", bin_=folder / "bin")
    return folder / "bin" / "bazel-remote"


@pytest.fixture
def cache(bazel_remote: Path, tmp_path: Path) -> Iterator[str]:
    """A running cache on loopback; its URL. Its data are in `bazel-remote`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"127.0.0.1:{free.getsockname()[1]}"
    words = [str(bazel_remote), "--dir", str(tmp_path / "bazel-remote")]
    words += ["--max_size", "1", "--http_address", at, "--grpc_address", "none"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        alarm = threading.Timer(_START_S, running.kill)
        alarm.start()
        try:
            assert running.stdout
            said = []
            for line in running.stdout:
                said.append(line)
                if "Starting HTTP server" in line:
                    break
            alarm.cancel()
            _wait(f"http://{at}/status", said)
            yield f"http://{at}"
        finally:
            alarm.cancel()
            running.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.communicate(timeout=20)


def _wait(url: str, said: list[str]) -> None:
    transport = httpx.HTTPTransport(retries=8)  # half a second, then twice as long
    with httpx.Client(transport=transport) as client:
        assert client.get(url).status_code == 200, said


def put(url: str, stock: Stock) -> None:
    with httpx.Client() as client:
        for kind, held in (("cas", stock.blobs), ("ac", stock.results)):
            for name, data in held.items():
                reply = client.put(f"{url}/{kind}/{name}", content=data)
                assert reply.status_code == 200, reply.text


def test_results_in_a_cache_of_others_become_claims(
    cache: str, octostore: Command, tmp_path: Path
) -> None:
    stock = Stock()
    leaf = stock.directory({"planets.csv": b"a,b\n"})
    root = stock.directory({"a.txt": b"a\n"}, {"inputs": leaf})
    metadata = {"worker": "worker-7", "execution_start_timestamp": {"seconds": 1_700}}
    whole = stock.result(
        stock.action(root), stdout_raw=b"hi", execution_metadata=metadata
    )
    nameless = stock.result(stock.action(arguments=["nameless"]))
    never = stock.action(arguments=["never"])
    linked = stock.directory({}, symlinks=[{"name": "l", "target": "a"}])
    odd = stock.result(stock.action(linked))
    put(cache, stock)
    assert octostore("key", "new", "me.key").code == 0
    words = [whole, stock.digest_of(nameless), never, odd, *bare(tmp_path)]
    said = octostore("harvest", "reapi", cache, *words, "--key", "me.key", "--json")
    assert said.code == 0, said.err
    assert [item["item"].partition("/")[0] for item in said.json["claimed"]] == [
        whole, nameless,
    ]  # fmt: skip
    reasons = {item["item"].partition("/")[0]: item for item in said.json["unclaimed"]}
    assert reasons.keys() == {never, odd}
    assert reasons[odd]["outcome"]["unresolved"][0]["kind"] == "tree-shape"
    code = str(CID.parse("f01551220" + "ab" * 32))
    data = str(CID.of_bytes(b"a,b\n"))
    answer = octostore("who", code, data, "--json").json
    (invocation,) = answer["invocations"]
    assert set(invocation["outputs"]) == {"/input-root/b.txt", "stdout"}
    (claim,) = invocation["claims"]
    assert (claim["network"], claim["executor"]) == ("reapi", "worker-7")
    assert claim["witness"]
    answer = octostore("who", code, str(CID.of_bytes(b"a\n")), "--json").json
    (other,) = [
        claim
        for invocation in answer["invocations"]
        for claim in invocation["claims"]
        if invocation["invocation"] == said.json["claimed"][1]["invocation"]
    ]
    assert "executor" not in other  # the cache wrote our own address


def bazel(folder: Path, *words: str) -> None:
    """Build `//:upper` in a workspace; skip where Bazel cannot be had."""
    program = shutil.which("bazel")
    if program is None:
        pytest.skip("bazel is not installed")
    workspace = folder / "workspace"
    workspace.mkdir()
    for name in ("WORKSPACE", "MODULE.bazel"):
        (workspace / name).touch()
    (workspace / "planets.txt").write_text("mercury\nvenus\n")
    (workspace / "BUILD").write_text(
        'genrule(name = "upper", srcs = ["planets.txt"], outs = ["upper.txt"],\n'
        '    cmd = "tr a-z A-Z < $(SRCS) > $@")\n'
    )
    line = [program, f"--output_user_root={folder / 'bazel'}", "--batch", "build"]
    line += ["//:upper", "--incompatible_strict_action_env", *words]
    done = subprocess.run(
        line,
        cwd=workspace,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=_BAZEL_S,
        check=False,
    )
    missing = _NO_NETWORK.search(done.stderr)
    if done.returncode != 0 and missing:
        pytest.skip(f"bazel: not to be run here ({missing[0]})")
    assert done.returncode == 0, done.stderr


def test_what_bazel_built_becomes_a_claim(
    cache: str, octostore: Command, tmp_path: Path
) -> None:
    """Bazel runs it here and puts it into the cache; the tree is in its log alone.

    No property says an image, so that who knows this machine has to say what its
    workers are.
    """
    log = tmp_path / "log.json"
    bazel(tmp_path, f"--remote_cache={cache}", f"--execution_log_json_file={log}")
    held = (tmp_path / "bazel-remote" / "ac.v2").rglob("*")
    (action,) = [path.name.partition("-")[0] for path in held if path.is_file()]
    assert octostore("key", "new", "me.key").code == 0
    words = ["harvest", "reapi", cache, action, "--key", "me.key", "--json"]
    bare = octostore(*words).json
    assert "--execution-log" in bare["unclaimed"][0]["reason"]
    words += ["--execution-log", str(log)]
    first = octostore(*words, "--settle", "todo.json").json
    assert first["claimed"] == []
    assert json.loads((tmp_path / "todo.json").read_text()).keys() == {WORKER}
    known = {WORKER: {"digest": DIGEST, "entrypoint": []}}
    (tmp_path / "known.json").write_text(json.dumps(known))
    said = octostore(*words, "--resolutions", "known.json")
    assert said.code == 0, said.err
    (item,) = said.json["claimed"]
    code = str(CID.of_digest(bytes.fromhex(DIGEST.removeprefix("sha256:"))))
    data = str(CID.of_bytes(b"mercury\nvenus\n"))
    (invocation,) = octostore("who", code, data, "--json").json["invocations"]
    assert invocation["invocation"] == item["invocation"]
    outputs = {
        name: [value["value"] for value in values]
        for name, values in invocation["outputs"].items()
    }
    outputs.pop("stdout", None)  # empty; not all versions say so
    ((name, values),) = outputs.items()
    assert name.startswith("/input-root+x/bazel-out/")
    assert name.endswith("/upper.txt")
    assert values == [str(CID.of_bytes(b"MERCURY\nVENUS\n"))]
    print(json.dumps(invocation, indent=1))  # noqa: T201 - with -s, for people


#: Prints the fields of all messages of the API as others compiled them.
_FIELDS = """
import json
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2
from google.protobuf import any_pb2, duration_pb2, timestamp_pb2, wrappers_pb2
found = {}
def take(messages):
    for message in messages:
        found[message.full_name] = {
            field.name: [
                field.number, field.is_repeated, field.type,
                field.message_type and field.message_type.name,
            ]
            for field in message.fields
        }
        take(message.nested_types)
for file in (remote_execution_pb2, any_pb2, duration_pb2, timestamp_pb2, wrappers_pb2):
    take(file.DESCRIPTOR.message_types_by_name.values())
print(json.dumps(found))
"""

#: Of google.protobuf.FieldDescriptor; an enum is read as the number that it is.
_TYPES = {
    "int64": 3, "int32": 5, "bool": 8, "string": 9, "bytes": 12, "uint32": 13,
}  # fmt: skip
_ENUM, _MESSAGE = 14, 11


@pytest.fixture
def compiled(tmp_path: Path) -> dict[str, dict[str, list[Any]]]:
    """The messages of BuildGrid, a server of the API, by their full names."""
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    words += ["--disable-pip-version-check", "--retries", "0"]
    words += ["--target", str(tmp_path / "site"), "buildgrid>=0.4"]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=_PIP_S, check=False
    )
    missing = _NO_INDEX.search(done.stderr)
    if done.returncode != 0 and missing:
        pytest.skip(f"pip: no index of packages ({missing[0]})")
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-c", _FIELDS],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=_PIP_S,
        check=True,
    )
    found: dict[str, dict[str, list[Any]]] = json.loads(done.stdout)
    return found


def test_our_table_of_messages_is_the_one_that_others_compiled(
    compiled: dict[str, dict[str, list[Any]]],
) -> None:
    by_name = {name.rpartition(".")[2]: fields for name, fields in compiled.items()}
    assert f"{PACKAGE}.Action" in compiled
    for name, fields in MESSAGES.items():
        theirs = by_name[name]
        assert fields.keys() == theirs.keys(), name
        for field, (number, kind) in fields.items():
            item = kind.strip("[]")
            their_number, repeated, their_type, their_message = theirs[field]
            assert (number, item != kind) == (their_number, repeated), (name, field)
            if item in MESSAGES:
                assert (their_type, their_message) == (_MESSAGE, item), (name, field)
            else:
                known = {_TYPES[item]} | ({_ENUM} if item == "int32" else set())
                assert their_type in known, (name, field)


def test_a_message_of_bazel_is_in_its_one_encoding(cache: str, tmp_path: Path) -> None:
    """Whatever it stores as an action or a command, byte by byte."""
    bazel(tmp_path, f"--remote_cache={cache}", f"--disk_cache={tmp_path / 'disk'}")
    (result,) = [
        path for path in (tmp_path / "disk" / "ac").rglob("*") if path.is_file()
    ]
    blobs = tmp_path / "disk" / "cas"
    (action,) = blobs.rglob(result.name)
    fields = decode("Action", action.read_bytes())
    (command,) = blobs.rglob(fields["command_digest"]["hash"])
    assert decode("Command", command.read_bytes())["arguments"][0].endswith("bash")
