"""What servers of GA4GH TES report becomes claims: states, outputs, pages, resuming."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import CID, Resolutions
from octostore.harvest.observed import Observed, Unclaimed
from octostore.harvest.tes.tasks import MESSAGE_CHARACTERS_MAX, TesTasks
from octostore.records import Failure
from octostore.result import Result
from tests.octostore.said import Command, Said
from tests.octostore.tes_server import BARE, BASE, TesServer, task, tes_server


@pytest.fixture
def server() -> Iterator[TesServer]:
    with tes_server() as found:
        yield found


@pytest.fixture
def harvest(octostore: Command, tmp_path: Path) -> Command:
    assert octostore("key", "new", "me.key").code == 0
    (tmp_path / "bare.json").write_text(json.dumps(BARE))

    def call(*words: str | Path) -> Said:
        given = ("--key", "me.key", "--resolutions", "bare.json", "--json")
        return octostore("harvest", "tes", *words, *given)

    return call


def seen(found: dict[str, Any], results: Path | None = None) -> Observed | Unclaimed:
    tasks = TesTasks(
        network="tes", resolutions=Resolutions.parse(json.dumps(BARE).encode()),
        results=results,
    )  # fmt: skip
    run = tasks.seen(found, "answer.json")
    assert isinstance(run, Observed | Unclaimed)
    return run


def said_of(found: dict[str, Any], results: Path | None = None) -> Any:
    run = seen(found, results)
    assert isinstance(run, Observed), run
    return run.reported


def reason(found: dict[str, Any], results: Path | None = None) -> str:
    run = seen(found, results)
    assert isinstance(run, Unclaimed)
    return run.reason


def with_log(found: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The same task with fields of its last log."""
    return {**found, "logs": [{**found["logs"][-1], **fields}]}


def test_a_server_is_harvested_page_by_page_and_asked_for(
    harvest: Command, octostore: Command, server: TesServer, tmp_path: Path
) -> None:
    server.tasks = [task(f"t{number}") for number in range(5)]
    server.tasks[2] = {**server.tasks[2], "state": "RUNNING"}
    said = harvest(server.url)
    assert said.code == 0, said.err
    assert said.json["read"] == 5
    assert [item["item"] for item in said.json["claimed"]] == ["t0", "t1", "t3", "t4"]
    assert [item["reason"] for item in said.json["unclaimed"]] == [
        "has not ended: RUNNING"
    ]
    pages = [path for path in server.asked if path.startswith(f"{BASE}/tasks?")]
    assert len(pages) == 3
    spec = tmp_path / "t0.json"
    spec.write_text(json.dumps(server.tasks[0]))
    answer = octostore("who", spec, "--resolutions", "bare.json", "--json")
    (invocation,) = answer.json["invocations"]
    (claim,) = invocation["claims"]
    assert claim["network"] == "tes"
    assert claim["exit"] == 0


def test_what_was_claimed_is_not_asked_for_again(
    harvest: Command, server: TesServer
) -> None:
    server.tasks = [task(f"t{number}") for number in range(3)]
    assert harvest(server.url).code == 0
    server.tasks.append(task("t3"))
    server.asked.clear()
    said = harvest(f"{server.url}{BASE}/tasks/")
    assert (said.json["read"], said.json["known"]) == (4, 3)
    assert [item["item"] for item in said.json["claimed"]] == ["t3"]
    assert server.fetched == ["t3"]


def test_a_server_that_dies_half_way_is_gone_on_with(
    harvest: Command, server: TesServer
) -> None:
    server.tasks = [task(f"t{number}") for number in range(6)]
    server.dies_after = 5
    said = harvest(server.url)
    assert said.code == 7
    first = [item["item"] for item in said.json["claimed"]]
    assert first == ["t0", "t1", "t2"]
    assert "cannot be looked up" in said.json["reason"]
    server.dies_after = None
    server.asked.clear()
    said = harvest(server.url)
    assert said.code == 0
    assert [item["item"] for item in said.json["claimed"]] == ["t3", "t4", "t5"]
    assert server.fetched == ["t3", "t4", "t5"]


def test_outputs_are_hashed_where_the_folder_has_them(tmp_path: Path) -> None:
    for name, text in (("out/a", b"6 /in/a\n"), ("out/log", b""), ("out/err", b"!")):
        path = tmp_path / "t1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    outputs = [
        {"path": "/out/a", "url": "s3://b/a", "size_bytes": "8"},
        {"path": "/out/log", "url": "file:///mnt/log", "size_bytes": 0},
        {"path": "/out/err", "url": "https://h/err", "size_bytes": "1"},
        {"path": "/out/gone", "url": "gs://b/gone", "size_bytes": "3"},
    ]
    reported = said_of(with_log(task("t1"), outputs=outputs), tmp_path)
    assert reported.result == Result(
        {"/out/a": CID.of_bytes(b"6 /in/a\n"), "stdout": CID.of_bytes(b"")}, exit=0
    )
    assert (reported.started, reported.finished) == (1795341600, 1795341607)
    assert reported.job == "t1"
    assert "https://h/err" in reported.at
    assert not any(url.startswith("file:") for url in reported.at)


def test_the_text_of_a_log_is_no_output() -> None:
    assert said_of(task("t1")).result == Result({}, exit=0)


def test_a_file_that_is_not_as_long_as_the_log_says_is_another(tmp_path: Path) -> None:
    (tmp_path / "t1/out").mkdir(parents=True)
    (tmp_path / "t1/out/a").write_bytes(b"short")
    outputs = [{"path": "/out/a", "url": "s3://b/a", "size_bytes": "8"}]
    found = with_log(task("t1"), outputs=outputs)
    assert "5 bytes; the task's log says 8" in reason(found, tmp_path)


@pytest.mark.parametrize("path", ["/out/../../secret", "/link/a", "/out/linked"])
def test_nothing_outside_of_the_folder_is_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    (tmp_path / "results/t1/out").mkdir(parents=True)
    (tmp_path / "results/t1/link").symlink_to(tmp_path)
    (tmp_path / "results/t1/out/linked").symlink_to(tmp_path / "secret")
    (tmp_path / "a").write_bytes(b"a")
    found = with_log(task("t1"), outputs=[{"path": path, "url": "s3://b/a"}])
    assert said_of(found, tmp_path / "results").result == Result({}, exit=0)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (task("t", exit_code=None), Result({}, exit=0)),
        (task("t", "EXECUTOR_ERROR", exit_code=3), Result({}, exit=3)),
        (
            task("t", "EXECUTOR_ERROR", exit_code=0),
            Failure("other", "EXECUTOR_ERROR"),
        ),
        (
            task("t", "EXECUTOR_ERROR", exit_code=-9),
            Failure("other", "EXECUTOR_ERROR"),
        ),
        (
            {**task("t", "SYSTEM_ERROR"), "logs": []},
            Failure("not-started", "SYSTEM_ERROR"),
        ),
        (
            with_log(task("t", "SYSTEM_ERROR"), system_logs=["a", "disk\nis full"]),
            Failure("other", "SYSTEM_ERROR: disk is full"),
        ),
        (
            with_log(task("t", "SYSTEM_ERROR"), logs=[], system_logs="no list"),
            Failure("not-started", "SYSTEM_ERROR"),
        ),
    ],
)
def test_what_a_state_claims(found: dict[str, Any], expected: Result | Failure) -> None:
    reported = said_of(found)
    given = reported.result if isinstance(expected, Result) else reported.failure
    assert given == expected
    assert reported.native["state"] == found["state"]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (task("t", "QUEUED"), "has not ended: QUEUED"),
        (task("t", "UNKNOWN"), "has not ended: UNKNOWN"),
        (task("t", "SOMETHING_NEW"), "has not ended: SOMETHING_NEW"),
        (task("t", "CANCELED"), "somebody stopped it"),
        (task("t", "PREEMPTED"), "somebody stopped it"),
        ({"id": "t", "state": "COMPLETE"}, "ask with view=FULL"),
        ({"state": "COMPLETE"}, "no id"),
        (task("../t"), "no id"),
        (task("t", exit_code=-1), "nor an exit status"),
        (task("t", inputs=[{"path": "/in/a"}]), "view=FULL"),
        (task("t", executors=[{"image": "Bad", "command": ["x"]}]), "refused"),
    ],
)
def test_what_gives_no_claim_says_why(found: dict[str, Any], why: str) -> None:
    assert why in reason(found)


def test_long_words_of_a_failure_are_cut() -> None:
    words = ["x" * (2 * MESSAGE_CHARACTERS_MAX)]
    reported = said_of(with_log(task("t", "SYSTEM_ERROR"), system_logs=words))
    assert len(reported.failure.message) == MESSAGE_CHARACTERS_MAX


def test_a_list_without_end_is_left(
    harvest: Command, server: TesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octostore.harvest.tes.source.PAGES_MAX", 2)
    server.tasks = [task(f"t{number}") for number in range(5)]
    said = harvest(server.url)
    assert said.code == 7
    assert "more than 2 pages" in said.json["reason"]
    assert len(said.json["claimed"]) == 4


def test_the_last_of_several_attempts_counts() -> None:
    logs = [*task("t", exit_code=9)["logs"], *task("t", exit_code=0)["logs"]]
    reported = said_of({**task("t"), "logs": logs})
    assert reported.result == Result({}, exit=0)
    assert reported.native == {"state": "COMPLETE", "attempts": "2"}


def test_saved_answers_are_tasks_and_pages(harvest: Command, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(task("t1")))
    page = {"tasks": [task("t1"), task("t2")], "next_page_token": "more"}
    (tmp_path / "page.json").write_text(json.dumps(page))
    said = harvest("one.json", "page.json", "--instance", "lab")
    assert said.code == 0, said.err
    assert said.json["network"] == "tes:lab"
    assert [item["item"] for item in said.json["claimed"]] == ["t1", "t2"]
    assert said.json["known"] == 1
    (left,) = said.json["unclaimed"]
    assert "not in this file" in left["reason"]


def test_what_resolutions_would_settle_is_written_down(
    octostore: Command, server: TesServer, tmp_path: Path
) -> None:
    server.tasks = [task("t1")]
    assert octostore("key", "new", "me.key").code == 0
    words = ("harvest", "tes", server.url, "--key", "me.key")
    said = octostore(*words, "--settle", "missing.json")
    assert said.code == 0, said.err
    assert "not claimed  1" in said.out
    assert json.loads((tmp_path / "missing.json").read_text()) == BARE
    again = octostore(*words, "--resolutions", "missing.json", "--json")
    assert [item["item"] for item in again.json["claimed"]] == ["t1"]


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("/tasks", b"<html>", "no JSON of TES"),
        ("/tasks", b"[]", "no JSON of TES"),
        ("/tasks", b'{"tasks": [1]}', "no list of tasks"),
        ("/tasks", b'{"tasks": [], "next_page_token": "a"}', "lists in a circle"),
        ("/tasks", b'{"tasks": [], "next_page_token": 1}', "lists in a circle"),
        ("/tasks/t1", b'{"id": "t2"}', "answers with another task"),
        ("/tasks", b" " * ((1 << 24) + 1), "sends more than 16777216 bytes"),
    ],
)
def test_a_server_that_answers_otherwise_is_not_believed(
    harvest: Command, server: TesServer, path: str, body: bytes, why: str
) -> None:
    server.tasks = [task("t1")]
    server.answers[BASE + path] = (200, body)
    said = harvest(server.url)
    assert said.code == 7
    assert why in said.json["reason"]


def test_a_server_is_told_who_asks_and_nobody_else_is(
    harvest: Command, server: TesServer, tmp_path: Path
) -> None:
    server.tasks = [task("t1")]
    server.wants = "Bearer secret"
    said = harvest(server.url)
    assert said.code == 7
    assert "--authorization FILE" in said.json["reason"]
    (tmp_path / "token").write_text("Bearer secret\n")
    said = harvest(server.url, "--authorization", "token")
    assert said.code == 0, said.err
    assert [item["item"] for item in said.json["claimed"]] == ["t1"]
    with tes_server() as other:
        server.moved_to = other.url
        assert harvest(server.url, "--authorization", "token").code == 0
        assert other.asked
        assert not any(other.told)


@pytest.mark.parametrize(
    ("url", "text", "why"),
    [
        ("http://tes.example.org", "Bearer secret", "plain http"),
        ("https://tes.example.org", "secret", "expected one line"),
        ("https://tes.example.org", "Bearer a\nX: b", "expected one line"),
        ("https://tes.example.org", "Bearer " + "x" * 8192, "8192 bytes"),
    ],
)
def test_a_secret_is_not_sent_astray(
    harvest: Command, tmp_path: Path, url: str, text: str, why: str
) -> None:
    (tmp_path / "token").write_text(text)
    said = harvest(url, "--authorization", "token")
    assert said.code == 2
    assert why in said.err
    assert "secret" not in said.err


def test_a_server_that_refuses_is_named(harvest: Command, server: TesServer) -> None:
    server.answers[f"{BASE}/tasks"] = (401, b"{}")
    said = harvest(server.url)
    assert said.code == 7
    assert "refuses (401)" in said.json["reason"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--instance", "A B"), "--instance"),
        (("--results", "gone"), "not a folder"),
        (("--network-access", "some"), "some"),
    ],
)
def test_bad_usage_exits_2(
    harvest: Command, words: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    (tmp_path / "one.json").write_text(json.dumps(task("t1")))
    said = harvest("one.json", *words)
    assert said.code == 2
    assert why in said.err
