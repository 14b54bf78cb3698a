"""Results in caches of actions become claims, or it is said why they do not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import CID, Resolutions
from invocation_spec.protobuf import encode
from octostore.cli.harvesting import reapi as cli
from octostore.errors import FileError
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.harvest.reapi import log as reapi_log
from octostore.harvest.reapi import messages as reapi_messages
from octostore.harvest.reapi.actions import harvested
from octostore.harvest.reapi.cache import MESSAGE_BYTES_MAX, FolderCache, HttpCache
from octostore.harvest.reapi.log import ExecutionLog
from octostore.lookup import Web
from octostore.result import Result
from octostore.told import RemoteError
from tests.octostore.actions import BARE, IMAGE, Stock, bare, named
from tests.octostore.said import Command

WORKER = "oci:worker.invalid/reapi:latest"


@pytest.fixture
def stock() -> Stock:
    return Stock()


def read(
    stock: Stock,
    folder: Path,
    actions: Sequence[str] | None = None,
    resolutions: Resolutions | None = None,
) -> list[Seen]:
    """By default the image is said to have no entrypoint."""
    cache = FolderCache(stock.write(folder / "cache"))
    asked = cache.actions() if actions is None else actions
    meanings = Resolutions.of(BARE) if resolutions is None else resolutions
    return list(harvested(cache, asked, {}, meanings))


def claimed(stock: Stock, folder: Path) -> Observed:
    (seen,) = read(stock, folder)
    assert isinstance(seen, Observed), seen
    assert seen.outcome.invocation is not None, seen.outcome.to_json()
    return seen


def result_of(stock: Stock, folder: Path) -> Result:
    result = claimed(stock, folder).reported.result
    assert result is not None
    return result


def left(stock: Stock, folder: Path, actions: Sequence[str] | None = None) -> str:
    (seen,) = read(stock, folder, actions)
    assert isinstance(seen, Unclaimed), seen
    return seen.reason


def test_a_result_says_who_ran_it_when_and_what_came_out(
    stock: Stock, tmp_path: Path
) -> None:
    metadata = {
        "worker": "worker-7",
        "execution_start_timestamp": {"seconds": 1_700_000_000, "nanos": 5},
        "execution_completed_timestamp": {"seconds": 1_700_000_009},
    }
    action = stock.result(
        stock.action(), exit_code=3, stdout_raw=b"hi", execution_metadata=metadata
    )
    seen = claimed(stock, tmp_path)
    said = seen.reported
    outputs = {
        "/input-root/b.txt": CID.of_bytes(b"a\n"),
        "stdout": CID.of_bytes(b"hi"),
    }
    assert said.result == Result(outputs, exit=3)
    assert (said.network, said.executor) == ("reapi", "worker-7")
    assert (said.started, said.finished) == (1_700_000_000, 1_700_000_009)
    assert said.job == stock.digest_of(action) == seen.outcome.aliases["reapi-action"]
    assert seen.item.split() == [said.job, str(said.result.cid)]


@pytest.mark.parametrize(
    ("worker", "executor"),
    [
        ("", None),
        ("unknown", None),
        ("127.0.0.1:60580", None),
        ("[::1]:60580", None),
        ("::1", None),
        ("10.0.0.7", None),
        ("host-7:60580", "host-7:60580"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_an_address_is_no_name_of_a_worker(
    stock: Stock, tmp_path: Path, worker: str, executor: str | None
) -> None:
    """A cache that is told none writes who put the result there."""
    stock.result(stock.action(), execution_metadata={"worker": worker})
    assert claimed(stock, tmp_path).reported.executor == executor


def test_outputs_are_named_from_the_working_directory_on(
    stock: Stock, tmp_path: Path
) -> None:
    root = stock.directory({}, {"w": stock.directory({"a.txt": b"a\n"})})
    outputs = [stock.output("b.txt", b"b"), stock.output("../c", b"c")]
    stock.result(stock.action(root, working_directory="w"), output_files=outputs)
    assert result_of(stock, tmp_path).outputs == {
        "/input-root/w/b.txt": CID.of_bytes(b"b"),
        "/input-root/c": CID.of_bytes(b"c"),
    }


def test_a_directory_that_came_out_is_its_files(stock: Stock, tmp_path: Path) -> None:
    leaf = {"files": [{"name": "z", "digest": named(b"z")}]}
    top = {
        "files": [{"name": "y", "digest": named(b"y")}],
        "directories": [
            {"name": "e", "digest": named(b"")},
            {"name": "one", "digest": named(encode("Directory", leaf))},
            {"name": "two", "digest": named(encode("Directory", leaf))},
        ],
        "symlinks": [{"name": "s", "target": "y"}],
    }
    tree = stock.add(encode("Tree", {"root": top, "children": [leaf, leaf, {}]}))
    stock.result(
        stock.action(),
        output_files=[],
        output_directories=[{"path": "o", "tree_digest": tree}],
        output_symlinks=[{"path": "l", "target": "o"}],
    )
    seen = claimed(stock, tmp_path)
    assert seen.reported.result is not None
    assert seen.reported.result.outputs == {
        "/input-root/o/y": CID.of_bytes(b"y"),
        "/input-root/o/one/z": CID.of_bytes(b"z"),
        "/input-root/o/two/z": CID.of_bytes(b"z"),
    }
    assert seen.reported.native == {"reapi-output-symlinks": "2"}


def test_a_directory_by_its_own_messages_is_the_same(
    stock: Stock, tmp_path: Path
) -> None:
    root = stock.directory({"y": b"y"}, {"d": stock.directory({"z": b"z"})})
    stock.result(
        stock.action(),
        output_files=[],
        output_directories=[{"path": "o", "root_directory_digest": root}],
    )
    assert result_of(stock, tmp_path).outputs == {
        "/input-root/o/y": CID.of_bytes(b"y"),
        "/input-root/o/d/z": CID.of_bytes(b"z"),
    }


@pytest.mark.parametrize(("code", "status"), [(0, 0), (1, 1), (-9, None)])
def test_an_exit_status_below_zero_is_none(
    stock: Stock, tmp_path: Path, code: int, status: int | None
) -> None:
    stock.result(stock.action(), exit_code=code)
    assert result_of(stock, tmp_path).exit == status


def test_stdout_that_was_captured_and_empty_is_told(
    stock: Stock, tmp_path: Path
) -> None:
    stock.result(stock.action(), stdout_digest=named(b""))
    assert result_of(stock, tmp_path).outputs["stdout"] == CID.of_bytes(b"")


def test_a_field_of_a_later_version_does_no_harm(stock: Stock, tmp_path: Path) -> None:
    action = stock.result(stock.action())
    stock.results[action] += b"\xfa\x07\x01a"  # field 127
    assert result_of(stock, tmp_path).exit == 0


def test_what_is_gone_gives_no_claim_and_the_reason(
    stock: Stock, tmp_path: Path
) -> None:
    leaf = stock.directory({"a.txt": b"a\n"})
    root = stock.directory({}, {"x": leaf})
    tree = stock.add(encode("Tree", {}))
    whole = stock.result(
        stock.action(root), output_directories=[{"path": "o", "tree_digest": tree}]
    )
    never = stock.action(arguments=["never"])
    command = named(
        encode("Command", {"arguments": ["gone"], "output_paths": ["b.txt"]})
    )
    lost = stock.result(stock.action(arguments=["gone"]))
    orphan = stock.result(stock.action(arguments=["orphan"]))
    stock.forget({"hash": orphan})
    stock.forget(command)
    reasons = {
        whole: "does not have its input tree",
        never: "no result of it",
        lost: "does not have its command",
        orphan: "not the action itself",
    }
    stock.forget(leaf)
    found = {
        seen.item: seen.reason
        for seen in read(stock, tmp_path, list(reasons))
        if isinstance(seen, Unclaimed)
    }
    assert found.keys() == reasons.keys()
    for action, words in reasons.items():
        assert words in found[action]


def test_an_output_tree_that_is_gone_gives_no_half_claim(
    stock: Stock, tmp_path: Path
) -> None:
    gone = named(encode("Tree", {"root": {}}))
    stock.result(
        stock.action(), output_directories=[{"path": "o", "tree_digest": gone}]
    )
    assert "does not have its output directory /input-root/o" in left(stock, tmp_path)


def output(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "digest": named(b"x"), **more}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"output_files": [output("/etc/passwd")]}, "relative to the input root"),
        ({"output_files": [output("../../x")]}, "climbs above the root"),
        ({"output_files": [output("a\0b")]}, "NUL"),
        ({"output_files": [output("a"), output("a/b")]}, "a/b"),
        ({"output_files": [{"path": "a"}]}, "a digest"),
        (
            {"output_files": [{"path": "a", "digest": {"hash": "ab" * 20}}]},
            "a hash of 40 characters",
        ),
        (
            {"output_files": [output("a"), {"path": "a", "digest": named(b"y")}]},
            "two files at /input-root/a",
        ),
        ({"stdout_raw": b"x", "stdout_digest": named(b"y")}, "two files at stdout"),
        ({"output_directories": [{"path": "o"}]}, "a digest"),
    ],
)
def test_a_result_that_breaks_a_rule_gives_no_claim(
    stock: Stock, tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    stock.result(stock.action(), **fields)
    assert words in left(stock, tmp_path)


def test_an_output_tree_that_is_a_bomb_gives_no_claim(
    stock: Stock, tmp_path: Path
) -> None:
    last = {"files": [{"name": "a", "digest": named(b"a")}]}
    children = [last]
    for _ in range(40):
        digest = named(encode("Directory", children[-1]))
        names = [{"name": name, "digest": digest} for name in "xy"]
        children.append({"directories": names})
    tree = encode("Tree", {"root": children[-1], "children": children[:-1]})
    digest = stock.add(tree)
    stock.result(
        stock.action(), output_directories=[{"path": "o", "tree_digest": digest}]
    )
    assert "more than" in left(stock, tmp_path)


def test_other_bytes_under_a_digest_give_no_claim(stock: Stock, tmp_path: Path) -> None:
    action = stock.result(stock.action())
    stock.blobs[action] = encode("Action", {"do_not_cache": True})
    assert "other bytes under the action's hash" in left(stock, tmp_path)


def test_other_bytes_for_a_directory_give_no_claim(
    stock: Stock, tmp_path: Path
) -> None:
    root = stock.directory({"a.txt": b"a\n"})
    stock.result(stock.action(root))
    stock.blobs[str(root["hash"])] = encode("Directory", {})
    assert "other bytes for a directory" in left(stock, tmp_path)


def test_other_bytes_for_a_command_give_no_claim(stock: Stock, tmp_path: Path) -> None:
    stock.result(stock.action(arguments=["a"]))
    command = named(encode("Command", {"arguments": ["a"], "output_paths": ["b.txt"]}))
    stock.blobs[str(command["hash"])] = encode("Command", {"arguments": ["b"]})
    assert "other bytes for its command" in left(stock, tmp_path)


def test_a_tree_of_too_many_bytes_is_not_fetched_to_its_end(
    stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock.result(stock.action())
    monkeypatch.setattr(reapi_messages, "DOCUMENT_BYTES_MAX", 10)
    assert "more than 10 bytes" in left(stock, tmp_path)


def test_a_directory_of_outputs_that_is_gone_gives_no_half_claim(
    stock: Stock, tmp_path: Path
) -> None:
    leaf = stock.directory({"z": b"z"})
    root = stock.directory({"y": b"y"}, {"d": leaf})
    gone = stock.directory({"x": b"x"})
    for path, digest in (("o", root), ("p", gone)):
        outputs = [{"path": path, "root_directory_digest": digest}]
        stock.result(
            stock.action(arguments=[path]), output_files=[], output_directories=outputs
        )
    stock.forget(leaf)
    stock.forget(gone)
    reasons = [
        seen.reason for seen in read(stock, tmp_path) if isinstance(seen, Unclaimed)
    ]
    assert len(reasons) == 2
    assert any("a directory is missing: /input-root/o/d" in text for text in reasons)
    assert any("/input-root/p" in text for text in reasons)


def test_a_result_that_is_no_message_gives_no_claim(
    stock: Stock, tmp_path: Path
) -> None:
    action = stock.action()
    stock.results[action] = b"<html>not found</html>"
    assert "no ActionResult" in left(stock, tmp_path)


def test_actions_of_a_folder_are_its_own_list_in_either_layout(
    stock: Stock, tmp_path: Path
) -> None:
    hashes = {stock.result(stock.action(arguments=[str(n)])) for n in range(20)}
    for sharded in (True, False):
        cache = FolderCache(stock.write(tmp_path / str(sharded), sharded=sharded))
        assert sorted(cache.actions()) == sorted(hashes)
        assert len(list(harvested(cache, sorted(hashes), {}))) == 20
    (tmp_path / "True/ac/README").write_text("no hash")
    assert "README" not in list(FolderCache(tmp_path / "True").actions())


def test_a_folder_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no folder ac in it"):
        FolderCache(tmp_path)
    (tmp_path / "ac.v2").mkdir()
    with pytest.raises(FileError, match="of bazel-remote: ask its server"):
        FolderCache(tmp_path)


def test_a_message_that_is_too_large_is_not_read(stock: Stock, tmp_path: Path) -> None:
    action = stock.result(stock.action())
    folder = stock.write(tmp_path / "cache")
    with (folder / "ac" / action[:2] / action).open("wb") as file:
        file.truncate(MESSAGE_BYTES_MAX + 1)
    with pytest.raises(FileError, match="which no message has"):
        list(harvested(FolderCache(folder), [action], {}))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _Dying(_Quiet):
    """Closes after some answers, half way through one."""

    left = 4

    def do_GET(self) -> None:
        _Dying.left -= 1
        if _Dying.left >= 0:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b"half")
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def served(folder: Path, handler: type[_Quiet] = _Quiet) -> Iterator[str]:
    """A folder over HTTP, as nginx serves the cache of Bazel's documentation."""
    here = partial(handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), here) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_cache_over_http_gives_what_its_folder_gives(
    stock: Stock, tmp_path: Path
) -> None:
    hashes = [stock.result(stock.action(arguments=[str(n)])) for n in range(3)]
    folder = stock.write(tmp_path / "cache", sharded=False)
    known = Resolutions.of(BARE)
    with served(folder) as url, Web() as web:
        found = list(harvested(HttpCache(url, web), [*hashes, "ab" * 32], {}, known))
    plain = list(harvested(FolderCache(folder), hashes, {}, known))
    assert [seen.item for seen in found[:3]] == [seen.item for seen in plain]  # type: ignore[union-attr]
    assert isinstance(found[3], Unclaimed)


def test_a_cache_that_dies_half_way_leaves_what_it_gave(
    stock: Stock, tmp_path: Path, octostore: Command
) -> None:
    hashes = [stock.result(stock.action(arguments=[str(n)])) for n in range(3)]
    folder = stock.write(tmp_path / "cache", sharded=False)
    octostore("key", "new", "me.key")
    _Dying.left = 4
    words = [*hashes, *bare(tmp_path), "--key", "me.key", "--json"]
    with served(folder, _Dying) as url:
        said = octostore("harvest", "reapi", url, *words)
        assert said.code == 7
        assert len(said.json["claimed"]) == 1
        assert said.json["error"] == "remote"
    with served(folder) as url:
        said = octostore("harvest", "reapi", url, *words)
    assert said.code == 0
    assert (len(said.json["claimed"]), said.json["known"]) == (2, 1)


def test_a_server_that_refuses_is_an_error_and_not_an_empty_cache(
    tmp_path: Path,
) -> None:
    class _Refusing(_Quiet):
        def do_GET(self) -> None:
            self.send_error(401)

    with (
        served(tmp_path, _Refusing) as url,
        Web() as web,
        pytest.raises(RemoteError, match="401"),
    ):
        list(harvested(HttpCache(url, web), ["ab" * 32], {}))


def spawn(files: dict[str, bytes], **more: Any) -> str:
    inputs = [
        {
            "path": path,
            "digest": {
                "hash": named(data)["hash"],
                "sizeBytes": str(len(data)),
                "hashFunctionName": "SHA-256",
            },
        }
        for path, data in files.items()
    ]
    return json.dumps({"commandArgs": ["x"], "inputs": inputs, **more}, indent=2)


def test_a_tree_that_the_cache_lacks_is_made_of_the_log(
    stock: Stock, tmp_path: Path, octostore: Command
) -> None:
    """As Bazel makes it: every file executable."""

    def put(files: dict[str, bytes], **inner: dict[str, Any]) -> dict[str, Any]:
        entries = [
            {"name": name, "digest": named(data), "is_executable": True}
            for name, data in files.items()
        ]
        below = [{"name": name, "digest": item} for name, item in inner.items()]
        data = encode("Directory", {"files": entries, "directories": below})
        return named(data)

    root = put({"a.txt": b"a\n"}, lib=put({"b": b"b", "\u00e9": b""}))
    action = stock.result(stock.action(root))
    folder = stock.write(tmp_path / "cache")
    files = {"lib/\u00e9": b"", "a.txt": b"a\n", "lib/b": b"b"}
    other = spawn({"other": b"o", "lib/b": b"c"})
    named_in_log = {"hash": action, "sizeBytes": "100"}
    log = tmp_path / "log.json"
    log.write_text(f"{other}\n{spawn(files, digest=named_in_log)}\n")
    octostore("key", "new", "me.key")
    words = ["harvest", "reapi", folder, "--key", "me.key", "--json", *bare(tmp_path)]
    without = octostore(*words)
    assert "--execution-log" in without.json["unclaimed"][0]["reason"]
    said = octostore(*words, "--execution-log", "log.json")
    assert len(said.json["claimed"]) == 1, said.json
    assert list(ExecutionLog.read(log).actions) == [action]
    log.write_text(spawn({**files, "lib/b": b"changed"}))
    (tmp_path / "me.key.outbox").unlink()
    refused = octostore(*words, "--execution-log", "log.json")
    assert refused.json["claimed"] == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"inputs": {}} x',
        '{"inputs": [{"digest": {"hash": "ab"}}]}',
        '{"inputs": [{"path": "a", "digest": {"hash": "ab", "sizeBytes": "x"}}]}',
        '{"inputs": [{"path": "a", "digest": {"hash": "ab"}},'
        ' {"path": "a/b", "digest": {"hash": "ab"}}]}',
        '{"inputs": [{"path": "%s", "digest": {"hash": "ab"}}]}' % ("a/" * 300),
        '{"digest": 1}',
        '{"inputs": [{"path": "a", "digest": {"hash": "\\ud800"}}]}',
        "[" * 5000,
    ],
)
def test_a_log_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "log.json"
    file.write_text(text)
    with pytest.raises(FileError):
        ExecutionLog.read(file)


def test_a_log_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log.json"
    file.write_text(spawn({"a": b"a"}))
    monkeypatch.setattr(reapi_log, "LOG_BYTES_MAX", file.stat().st_size)
    assert len(ExecutionLog.read(file).directories) == 1
    monkeypatch.setattr(reapi_log, "LOG_BYTES_MAX", file.stat().st_size - 1)
    with pytest.raises(FileError, match="log fewer actions"):
        ExecutionLog.read(file)


def test_a_list_that_is_too_large_is_refused(
    stock: Stock, tmp_path: Path, octostore: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = stock.result(stock.action())
    folder = stock.write(tmp_path / "cache")
    (tmp_path / "list").write_text(f"{action}\n")
    octostore("key", "new", "me.key")
    words = ["harvest", "reapi", folder, "--actions", "list", "--key", "me.key"]
    words += bare(tmp_path)
    assert octostore(*words).code == 0
    monkeypatch.setattr(cli, "LIST_BYTES_MAX", 64)
    said = octostore(*words)
    assert said.code == 2
    assert "more than 64 bytes" in said.err


def test_who_is_asked_by_the_action_or_by_code_and_data(
    stock: Stock, tmp_path: Path, octostore: Command
) -> None:
    action = stock.result(stock.action(), execution_metadata={"worker": "w"})
    folder = stock.write(tmp_path / "cache")
    octostore("key", "new", "me.key")
    words = ["harvest", "reapi", folder, action, "--key", "me.key", "--json"]
    said = octostore(*words, *bare(tmp_path))
    assert said.code == 0, said
    (item,) = said.json["claimed"]
    assert item["at"].endswith(action)
    code, data = CID.parse("f01551220" + "ab" * 32), CID.of_bytes(b"a\n")
    answer = octostore("who", str(code), str(data), "--json").json
    (invocation,) = answer["invocations"]
    assert invocation["invocation"] == item["invocation"]
    (claim,) = invocation["claims"]
    assert (claim["network"], claim["executor"], claim["witness"]) == (
        "reapi", "w", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "reference"),
    [
        ([], WORKER),
        (
            [{"name": "container-image", "value": "example/tool:v1"}],
            "oci:docker.io/example/tool:v1",
        ),
    ],
)
def test_an_action_without_a_pinned_image_is_settled_by_who_knows_the_workers(
    stock: Stock,
    tmp_path: Path,
    octostore: Command,
    properties: list[dict[str, str]],
    reference: str,
) -> None:
    """By what is missing, filled in as it says; a digest alone is not enough."""
    stock.result(stock.action(platform={"properties": properties}))
    folder = stock.write(tmp_path / "cache")
    octostore("key", "new", "me.key")
    words = ["harvest", "reapi", folder, "--key", "me.key", "--json"]
    said = octostore(*words, "--settle", "todo.json")
    assert said.json["claimed"] == []
    todo = json.loads((tmp_path / "todo.json").read_text())
    assert todo.keys() == {reference}
    assert todo[reference]["entrypoint"] == []
    digest = "sha256:" + "ab" * 32
    (tmp_path / "known.json").write_text(json.dumps({reference: digest}))
    said = octostore(*words, "--resolutions", "known.json")
    (left,) = said.json["unclaimed"]
    (found,) = left["outcome"]["unresolved"]
    assert (found["kind"], found["reference"]) == ("oci-entrypoint", reference)
    todo[reference]["digest"] = digest
    (tmp_path / "known.json").write_text(json.dumps(todo))
    said = octostore(*words, "--resolutions", "known.json")
    assert len(said.json["claimed"]) == 1


def test_an_action_in_an_image_that_may_have_an_entrypoint_gives_no_claim(
    stock: Stock, tmp_path: Path
) -> None:
    """Workers of one cache start it before the arguments, those of another do not."""
    stock.result(stock.action())
    ((reference, meaning),) = BARE.items()
    stated = {reference: {**meaning, "entrypoint": ["/init"]}}
    for number, (known, settle) in enumerate((({}, BARE), (stated, {}))):
        folder = tmp_path / str(number)
        (seen,) = read(stock, folder, resolutions=Resolutions.of(known))
        assert isinstance(seen, Observed)
        assert seen.outcome.invocation is None
        (found,) = seen.outcome.unresolved
        assert (found.kind, found.settle) == ("oci-entrypoint", settle)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["http://127.0.0.1:1"], "has no list of its actions"),
        (["grpc://127.0.0.1:1", "ab" * 32], "expected a folder or a URL"),
        (["http://127.0.0.1:1", "ab"], "names no action"),
        (["."], "expected Bazel's --disk_cache"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake_of_the_command(
    octostore: Command, words: list[str], reason: str
) -> None:
    octostore("key", "new", "me.key")
    said = octostore("harvest", "reapi", *words, "--key", "me.key")
    assert said.code == 2
    assert reason in said.err


@pytest.mark.slow
def test_ten_thousand_results_are_read_one_after_another(
    stock: Stock, tmp_path: Path
) -> None:
    root = stock.directory({"a.txt": b"a\n"})
    hashes = [stock.result(stock.action(root, arguments=[str(n)])) for n in range(500)]
    assert IMAGE
    seen = read(stock, tmp_path, hashes * 20)
    assert len(seen) == 10_000
    assert len({item.item for item in seen if isinstance(item, Observed)}) == 500
