"""What an activity of Golem answered becomes a claim where it says what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import CID, Resolutions, canonicalize
from invocation_spec.errors import DocumentError
from octostore.harvest.golem import answers as golem_batch
from octostore.harvest.golem import stream as golem_stream
from octostore.harvest.golem.answers import read_batches
from octostore.harvest.golem.batches import activity_seen
from octostore.harvest.golem.ended import COMMANDS_MAX, Batch
from octostore.harvest.golem.outputs import Sent, outputs_by_path
from octostore.harvest.observed import Observed, Seen, Unclaimed, judged
from octostore.records import Failure
from octostore.result import Result
from tests.octostore import golem_world as world
from tests.octostore.said import Command

EMPTY = CID.of_bytes(b"")
HI = CID.of_bytes(b"hi\n")
KEPLER = Path(__file__).parents[2] / "examples" / "kepler"


def batches(*answers: Any) -> list[Batch]:
    return [
        batch
        for answer in answers
        for batch in read_batches(
            answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        )
    ]


def seen(
    bundle: dict[str, Any],
    *answers: Any,
    files: dict[str, CID] | None = None,
    resolutions: Resolutions | None = None,
) -> Seen:
    data = json.dumps(bundle).encode()
    (outcome,) = canonicalize(data, resolutions)
    return activity_seen(
        "bundle", data, outcome, batches(*answers), files or {}, "digest"
    )


def claimed(bundle: dict[str, Any], *answers: Any, **more: Any) -> Observed:
    found = seen(bundle, *answers, **more)
    assert isinstance(found, Observed), found
    return found


def why(bundle: dict[str, Any], *answers: Any, **more: Any) -> str:
    found = seen(bundle, *answers, **more)
    if isinstance(found, Observed):
        judgement = judged(found, publishes_credentials=False)
        found = judgement if isinstance(judgement, Unclaimed) else found
    assert isinstance(found, Unclaimed), found
    return found.reason


def result(bundle: dict[str, Any], *answers: Any, **more: Any) -> Result | None:
    return claimed(bundle, *answers, **more).reported.result


def test_who_ran_it_is_the_provider_and_who_says_so_its_requestor() -> None:
    found = claimed(world.bundle(), world.results(out=[104, 105, 10]))
    said = found.reported
    assert said.network == "golem"
    assert said.executor == world.PROVIDER
    assert said.job == world.ACTIVITY
    assert said.native == {
        "agreement": world.AGREEMENT,
        "runtime-name": "vm",
        "runtime-version": "1",
    }
    assert said.result == Result({"stdout": HI}, exit=0)
    assert said.finished == 1732000003
    assert said.started is None
    assert found.outcome.invocation is not None
    assert found.item == f"{world.ACTIVITY}/{found.outcome.invocation.cid}"


def test_an_address_has_one_spelling() -> None:
    bundle = world.bundle()
    offer = bundle["agreement"]["offer"]
    offer["providerId"] = "0x" + world.PROVIDER[2:].upper()
    assert claimed(bundle, world.results()).reported.executor == world.PROVIDER
    del offer["providerId"]
    assert claimed(bundle, world.results()).reported.executor is None


def test_an_image_that_may_be_an_index_has_the_platform_of_its_provider() -> None:
    meaning = {"kind": "oci", "digest": "sha256:" + "ab" * 32}
    image = "golem:sha3-224:" + world.IMAGE.split(":")[2]
    resolutions = Resolutions.of({image: meaning})
    bundle = world.bundle()
    for name, platform in (
        ("x86_64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("riscv64", None),
    ):
        golem = bundle["agreement"]["offer"]["properties"]["golem"]
        golem["inf"] = {"cpu": {"architecture": name}}
        found = claimed(bundle, world.results(), resolutions=resolutions)
        assert found.reported.platform == platform
        assert claimed(bundle, world.results()).reported.platform is None


# Standard output


@pytest.mark.parametrize(
    ("capture", "out", "stdout"),
    [
        (world.ALL, [104, 105, 10], HI),
        (world.ALL, "hi\n", HI),
        (world.ALL, None, EMPTY),
        (world.ALL, [], EMPTY),
        ({"stdout": {"atEnd": {}}}, "hi\n", HI),
        (world.STREAM, "hi\n", HI),
        (world.ALL, [0xFF, 0], CID.of_bytes(b"\xff\0")),
        (world.ALL, "é → ÿ", CID.of_bytes("é → ÿ".encode())),
        (world.ALL, "Ã©", CID.of_bytes("Ã©".encode())),
        ({"stdout": {"atEnd": {"head": 4}}}, "hi\n", HI),
        ({"stdout": {"atEnd": {"tail": 4}}}, "hi\n", HI),
        ({"stdout": {"stream": {"limit": 4}}}, "hi\n", HI),
    ],
)
def test_stdout_is_the_bytes_that_were_written(
    capture: Any, out: Any, stdout: CID
) -> None:
    script = [world.DEPLOY, world.START, world.run("x", capture=capture)]
    found = claimed(world.bundle(script), world.results(3, out, at=2)).reported
    assert found.result == Result({"stdout": stdout}, exit=0)
    assert "stdout" not in found.native


@pytest.mark.parametrize(
    ("capture", "out", "mark"),
    [
        (None, None, "discarded"),
        ({}, None, "discarded"),
        ({"stderr": {"atEnd": {}}}, None, "discarded"),
        ({"stdout": {"atEnd": {"head": 3}}}, "hi\n", "truncated"),
        ({"stdout": {"atEnd": {"tail": 3}}}, "hi\n", "truncated"),
        ({"stdout": {"atEnd": {"headTail": 99}}}, "hihi", "truncated"),
        ({"stdout": {"stream": {"limit": 3}}}, "hi\n", "truncated"),
        ({"stdout": {"atEnd": {"head": 0}}}, None, "truncated"),
        (world.ALL, "ÿ", "not UTF-8"),
        (world.ALL, "a\ufffd", "not UTF-8"),
    ],
)
def test_what_was_not_caught_whole_is_marked_and_no_output(
    capture: Any, out: Any, mark: str
) -> None:
    script = [world.DEPLOY, world.START, world.run("x", capture=capture)]
    found = claimed(world.bundle(script), world.results(3, out, at=2)).reported
    assert found.result == Result({}, exit=0)
    assert found.native["stdout"] == mark


def test_an_answer_about_one_command_says_nothing_of_the_others() -> None:
    """`commandIndex` leaves out what all others printed, as if they had not."""
    answer = world.results()
    answer[0]["stdout"] = None
    found = claimed(world.bundle(), answer).reported
    assert found.result == Result({}, exit=0)
    assert found.native["stdout"] == "not in the answer"


@given(st.binary(max_size=40))
def test_text_is_never_taken_for_other_bytes(data: bytes) -> None:
    """Yagna writes what is not UTF-8 by one character a byte (vec_to_string)."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    script = [world.DEPLOY, world.START, world.run("x")]
    found = claimed(world.bundle(script), world.results(3, text or None, at=2)).reported
    assert found.result is not None
    assert found.result.outputs.get("stdout") in (None, CID.of_bytes(data))
    if data.isascii():
        assert "stdout" in found.result.outputs


def test_of_several_runs_stdout_is_what_all_wrote() -> None:
    script = [world.DEPLOY, world.START, world.run("a"), world.PUT, world.run("b")]
    answer = [world.ended(index) for index in range(5)]
    answer[2]["stdout"], answer[4]["stdout"] = "hi", [10]
    answer[4]["isBatchFinished"] = True
    assert result(world.bundle(script), answer) == Result({"stdout": HI}, exit=0)
    script[2] = world.run("a", capture=None)
    found = claimed(world.bundle(script), answer).reported
    assert found.result == Result({}, exit=0)
    assert found.native["stdout"] == "discarded"


# How it ended


def failed(count: int, message: str, out: Any = None) -> list[dict[str, Any]]:
    return world.results(count, out, message=message)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (failed(4, world.exited(3), "hi\n"), Result({"stdout": HI}, exit=3)),
        (failed(4, world.exited(-1)), Failure("other", world.exited(-1))),
        (failed(4, "Runtime error: gone"), Failure("other", "Runtime error: gone")),
        (
            failed(4, "Usage limit exceeded: mem"),
            Failure("limit", "Usage limit exceeded: mem"),
        ),
        (
            failed(4, f"{world.exited(3)} or so"),
            Failure("other", f"{world.exited(3)} or so"),
        ),
        (failed(3, "Transfer error: http://x?token=1"), Failure("not-started")),
        (failed(1, world.exited(1)), Failure("not-started")),
        (failed(5, "Transfer error", "hi\n"), Result({"stdout": HI}, exit=0)),
    ],
)
def test_how_it_ended_is_a_status_or_a_failure(
    answer: list[dict[str, Any]], expected: Result | Failure
) -> None:
    found = claimed(world.bundle(), answer).reported
    if isinstance(expected, Failure):
        assert (found.result, found.failure) == (None, expected)
    else:
        assert (found.result, found.failure) == (expected, None)


def test_a_run_that_fails_ends_those_after_it() -> None:
    script = [world.DEPLOY, world.START, world.run("a"), world.run("b")]
    answer = failed(3, world.exited(2))
    answer[2]["stdout"] = "hi\n"
    assert result(world.bundle(script), answer) == Result({"stdout": HI}, exit=2)


def test_a_transfer_between_runs_that_fails_leaves_no_result() -> None:
    script = [world.DEPLOY, world.START, world.run("a"), world.PUT, world.run("b")]
    found = claimed(world.bundle(script), failed(4, "Transfer error")).reported
    assert found.failure == Failure("other")


def test_wasmtime_tells_no_status_of_its_guest() -> None:
    script = [world.DEPLOY, world.START, world.run("a")]
    resolutions = Resolutions.parse(
        json.dumps(
            {
                "golem:sha3-224:" + world.IMAGE.split(":")[2]: {
                    "kind": "wasi",
                    "code": world.DATA,
                }
            }
        ).encode()
    )
    bundle = world.bundle(script, runtime="wasmtime")
    found = claimed(bundle, failed(3, world.exited(1)), resolutions=resolutions)
    assert found.reported.failure == Failure("other", world.exited(1))
    assert result(bundle, world.results(3), resolutions=resolutions) == Result(
        {"stdout": EMPTY}, exit=0
    )


# Which batch it was


def test_a_batch_that_is_not_finished_gives_no_claim() -> None:
    answer = world.results(4)
    assert "4 of the 5 commands" in why(world.bundle(), answer)
    answer[-1]["isBatchFinished"] = False
    assert "batch 1 of 1 is not finished" in why(world.bundle(), answer)
    whole = world.results(5)
    whole[-1]["isBatchFinished"] = False
    assert "batch 1 of 1 is not finished" in why(world.bundle(), whole)


def test_a_batch_that_continues_an_earlier_one_is_no_invocation() -> None:
    script = world.SCRIPT[2:]
    reason = why(world.bundle(script), world.results(3))
    assert f"unresolved: /exeScript/0: golem-activity:{world.ACTIVITY}" in reason


def test_batches_together_are_the_script_of_the_activity() -> None:
    first, second = world.results(2), world.results(3, "hi\n", at=1)
    assert result(world.bundle(), first, second) == Result({"stdout": HI}, exit=0)
    # One that shows no output at all may be an answer about its last command.
    for item in second:
        item["stdout"] = None
    assert result(world.bundle(), first, second) == Result({}, exit=0)
    assert "3 of the 5 commands" in why(world.bundle(), second)
    assert "6 commands ended" in why(world.bundle(), second, second)
    first[-1]["result"] = "Error"
    assert "batch 1 of 2 failed" in why(world.bundle(), first, second)


def test_a_script_that_is_longer_than_the_bundle_gives_no_claim() -> None:
    assert "6 commands ended, and the bundle's script has 5" in why(
        world.bundle(), world.results(6)
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "nothing of the batch has ended"),
        ([{}], "/0/index: missing"),
        ([{"index": "0"}], "/0/index: found the string"),
        ([{"index": -1, "result": "Ok"}], "command -1"),
        ([{"index": COMMANDS_MAX, "result": "Ok"}], "at most 10000"),
        ([{"index": 10**30, "result": "Ok"}], "/0/index: found the number 1e+30"),
        ([{"index": 0}], "/0/result: missing"),
        ([{"index": 0, "result": "ok"}], '"Ok" or "Error"'),
        ([{"index": 0, "result": "Ok", "stdout": 1}], "/0/stdout: found the number"),
        ([{"index": 0, "result": "Ok", "stdout": [256]}], "/0/stdout: found a list"),
        ([{"index": 0, "result": "Ok", "stdout": ["a"]}], "/0/stdout: found a list"),
        ([{"index": 0, "result": "Ok", "stdout": [True]}], "/0/stdout: found a list"),
        ([{"index": 0, "result": "Ok", "message": 1}], "/0/message: found"),
        ([{"index": 0, "result": "Ok", "isBatchFinished": 1}], "true or false"),
        ([world.ended(1)], "no result of command 0"),
        ([world.ended(0), world.ended(0)], "a second result of command 0"),
        ([world.ended(0, last=True), world.ended(1)], "finished with command 0"),
        ([world.ended(0, message="x"), world.ended(1)], "command 0 failed"),
        (b"", "empty; expected results"),
        (b"\xff", "not UTF-8"),
        (b"[" * 1_000_000, "nested deeper"),
        (b'[{"index": 0', "not JSON"),
        (b"hello\n", "line 1: no results and no event"),
        (b"data: {", "no events"),
        (b"data: {\n\n", "line 2: not JSON"),
        (b'{"batch_id": 1}', "line 1/batch_id: found the number"),
        (world.lines([world.event(0)]), "one of started"),
        (world.lines([world.event(0, a=1, b=2)]), "one of started"),
        (world.lines([world.event(0, finished={})]), "return_code: missing"),
        (world.lines([world.finished(0), world.finished(0)]), "of a command that has"),
        (world.lines([world.event(COMMANDS_MAX, stdout="")]), "at most 10000"),
        (
            world.lines([world.finished(0, 1), world.event(1, started={})]),
            "command 0 failed, and command 1 began",
        ),
        (world.kept([{"batch_id": "x"}]), "/0/index: missing"),
    ],
)
def test_what_is_no_answer_says_why(answer: Any, reason: str) -> None:
    with pytest.raises(DocumentError) as error:
        batches(answer)
    assert reason in str(error.value)


def test_an_answer_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [
        world.event(0, batch=str(number), stdout="")
        for number in range(golem_stream.BATCHES_MAX + 1)
    ]
    assert len(batches(world.lines(many[:-1]))) == golem_stream.BATCHES_MAX
    with pytest.raises(DocumentError, match="more than 100 batches"):
        batches(world.lines(many))
    monkeypatch.setattr(golem_batch, "ANSWER_BYTES_MAX", 10)
    with pytest.raises(DocumentError, match="an answer has at most 10"):
        batches(world.results())


# Streams

STREAMED = [world.DEPLOY, world.START, world.run("x", capture=world.STREAM)]


@pytest.mark.parametrize("written", [world.sse, world.lines, world.kept, json.dumps])
def test_a_stream_says_the_same_however_it_was_kept(written: Any) -> None:
    events = written(world.stream(STREAMED, {0: ["{}"], 2: ["h", [105], "\n"]}))
    data = events.encode() if isinstance(events, str) else events
    found = claimed(world.bundle(STREAMED), data).reported
    assert found.result == Result({"stdout": HI}, exit=0)
    assert found.native["batch"] == "04a9"
    assert (found.started, found.finished) == (1655980952, 1655980952)


def test_a_stream_has_the_status_itself() -> None:
    events = world.stream(STREAMED, {2: ["hi\n"]})
    events[-1] = world.finished(2, 7, world.exited(7))
    assert result(world.bundle(STREAMED), world.lines(events)) == Result(
        {"stdout": HI}, exit=7
    )
    for code, message in ((-1, "Runtime error"), (-1, world.exited(-1)), (5, "odd")):
        events[-1] = world.finished(2, code, message)
        found = claimed(world.bundle(STREAMED), world.lines(events)).reported
        assert found.failure == Failure("other", message)


@pytest.mark.parametrize(
    ("script", "out", "drop", "mark"),
    [
        (STREAMED, ["a\ufffd"], None, "not UTF-8"),
        (STREAMED, ["é"], None, None),
        (STREAMED, ["hi"], 4, "the stream begins after the command did"),
        (
            [world.DEPLOY, world.START, world.run("x")],
            [],
            None,
            "not in the stream",
        ),
    ],
)
def test_a_stream_that_may_lack_something_is_marked(
    script: list[Any], out: list[Any], drop: int | None, mark: str | None
) -> None:
    events = world.stream(script, {2: out})
    if drop is not None:
        del events[drop]
    found = claimed(world.bundle(script), world.lines(events)).reported
    assert found.native.get("stdout") == mark
    assert found.result is not None
    assert ("stdout" in found.result.outputs) == (mark is None)


def test_a_stream_that_begins_late_tells_that_what_was_before_ended_well() -> None:
    events = world.stream(STREAMED, {2: ["hi\n"]})[3:]
    assert result(world.bundle(STREAMED), world.lines(events)) == Result(
        {"stdout": HI}, exit=0
    )


def test_what_is_printed_late_is_marked() -> None:
    events = [*world.stream(STREAMED, {2: ["hi\n"]}), world.event(2, stdout="more")]
    found = claimed(world.bundle(STREAMED), world.lines(events)).reported
    assert found.native["stdout"] == "printed late"


def test_a_stream_that_breaks_off_gives_no_claim() -> None:
    events = world.stream(STREAMED, {2: ["hi\n"]})
    assert "2 of the 3 commands" in why(
        world.bundle(STREAMED), world.lines(events[:-1])
    )
    cut = world.sse(events)[:-1]  # the empty line after the last event
    assert "2 of the 3 commands" in why(world.bundle(STREAMED), cut)


@pytest.mark.parametrize(
    "other",
    [
        world.run("y", capture=world.STREAM),
        world.run("x", "y", capture=world.STREAM),
        world.PUT,
        {"run": {"entry_point": "/bin/sh", "args": "x"}},
        {"run": []},
        [],
    ],
)
def test_a_stream_of_another_script_gives_no_claim(other: dict[str, Any]) -> None:
    events = world.stream([*STREAMED[:2], other], {})
    reason = why(world.bundle(STREAMED), world.lines(events))
    assert reason == "command 2 of the stream is not that of the script"


def test_two_batches_of_one_stream_follow_each_other() -> None:
    first = world.stream(STREAMED[:2], {})
    second = [
        {**item, "batch_id": "5b", "index": item["index"] - 2}
        for item in world.stream(STREAMED, {2: ["hi\n"]})[4:]
    ]
    found = claimed(world.bundle(STREAMED), world.sse([*first, *second])).reported
    assert found.result == Result({"stdout": HI}, exit=0)
    assert found.native["batch"] == "04a9+5b"


def test_without_an_activity_the_batch_or_the_files_name_the_run() -> None:
    bundle = world.bundle(STREAMED)
    del bundle["activityId"]
    found = claimed(bundle, world.lines(world.stream(STREAMED, {})))
    assert found.item.startswith("04a9/")
    assert found.reported.job is None
    found = claimed(bundle, world.results(3))
    assert found.item.startswith("digest/")


# Outputs

A, B = CID.of_bytes(b"a"), CID.of_bytes(b"b")


@pytest.mark.parametrize("name", ["out/a.txt", "a.txt", "w1cR"])
def test_a_file_is_the_output_at_its_path_in_the_guest(name: str) -> None:
    found = result(world.bundle(), world.results(), files={name: A})
    assert found == Result({"/out/a.txt": A, "stdout": EMPTY}, exit=0)


def test_a_path_of_the_guest_is_clean() -> None:
    script = [*world.SCRIPT[:4], world.get("///out/./x/../a%20b")]
    found = result(world.bundle(script), world.results(), files={"out/a b": A})
    assert found == Result({"/out/a b": A, "stdout": EMPTY}, exit=0)


@pytest.mark.parametrize(
    ("files", "sent", "outputs"),
    [
        (
            {"x/a": A, "y/a": B},
            [Sent("/x/a", ""), Sent("/y/a", "")],
            {"/x/a": A, "/y/a": B},
        ),
        (
            {"1": A, "2": B},
            [Sent("/x/a", "h://h/1"), Sent("/y/a", "h://h/2?q")],
            {"/x/a": A, "/y/a": B},
        ),
        ({"d/b/c": A}, [Sent("/d", "", packed=True)], {"/d/b/c": A}),
        ({"a": A}, [Sent("/a", ""), Sent("/x/a", "")], {"/a": A}),
        ({}, [Sent("/a", "")], {}),
    ],
)
def test_files_are_matched_with_transfers(
    files: dict[str, CID], sent: list[Sent], outputs: dict[str, CID]
) -> None:
    assert outputs_by_path(files, sent) == outputs


@pytest.mark.parametrize(
    ("files", "sent", "reason"),
    [
        ({"a": A}, [Sent("/x/a", ""), Sent("/y/a", "")], "a: may be /x/a or /y/a"),
        ({"a": A}, [], "a: made by no transfer"),
        ({"b": A}, [Sent("/a", "h://h/c")], "b: made by no transfer"),
        ({"x/a": A}, [Sent("/a", "")], "x/a: made by no transfer"),
        ({"d": A}, [Sent("/d", "", packed=True)], "d: made by no transfer"),
        ({"a": A, "1": B}, [Sent("/a", "h://h/1")], "a: a second file for /a"),
    ],
)
def test_a_file_that_may_be_something_else_is_refused(
    files: dict[str, CID], sent: list[Sent], reason: str
) -> None:
    with pytest.raises(DocumentError) as error:
        outputs_by_path(files, sent)
    assert reason in str(error.value)


def test_what_was_sent_before_the_last_run_is_no_output() -> None:
    script = [*world.SCRIPT, world.run("again")]
    with pytest.raises(DocumentError, match="after the last run; of these"):
        seen(world.bundle(script), world.results(6), files={"a.txt": A})


def test_a_transfer_that_failed_sent_no_output() -> None:
    answer = failed(5, "Transfer error")
    with pytest.raises(DocumentError, match="of these there are: none"):
        seen(world.bundle(), answer, files={"a.txt": A})


def test_outputs_that_no_result_can_have_give_no_claim() -> None:
    script = [*world.SCRIPT[:4], world.get("/o"), world.get("/o/a", "gftp://0x/2")]
    files = {"o": A, "2": B}
    assert "lies below output" in why(
        world.bundle(script), world.results(6), files=files
    )


# As people meet it


@pytest.fixture
def key(octostore: Command) -> str:
    assert octostore("key", "new", "me.key").code == 0
    return "me.key"


def test_the_example_is_claimed_as_golem_would_answer_it(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    """It meets what a node of another network claims of the same invocation."""
    job, bundle = KEPLER / "bacalhau-job.yaml", KEPLER / "golem-bundle.json"
    assert octostore("run", job, "--files", KEPLER, "--out", "ran").code == 0
    claim = ("--network", "bacalhau", "--results", "ran", "--key", key)
    assert octostore("claim", job, *claim).code == 0
    printed = (tmp_path / "ran" / "stdout").read_text()
    answer = world.results(6, printed, at=3)
    (tmp_path / "results.json").write_text(json.dumps(answer))
    (file,) = (tmp_path / "ran").rglob("residuals.csv")
    (tmp_path / "got").mkdir()
    file.rename(tmp_path / "got" / "residuals.csv")
    arguments = ("--outputs", "got", "--key", key)
    meanings = ("--resolutions", str(KEPLER / "resolutions.json"), "--json")
    said = octostore(
        "harvest", "golem", bundle, "--batch", "results.json", *arguments, *meanings
    )
    assert said.code == 0, said.err
    assert len(said.json["claimed"]) == 1
    (found,) = octostore("who", job, "--json").json["invocations"]
    assert {item["network"] for item in found["claims"]} == {"bacalhau", "golem"}
    assert found["conflicts"] == []
    for values in found["outputs"].values():
        assert len(values[0]["claims"]) == 2


def test_a_stream_is_no_batch_and_a_batch_no_stream(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps(world.bundle(STREAMED)))
    (tmp_path / "events").write_bytes(world.sse(world.stream(STREAMED, {})))
    (tmp_path / "results").write_text(json.dumps(world.results(3)))
    command = ("harvest", "golem", "bundle.json", "--key", key)
    for wrong in (
        (),
        ("--batch", "results", "--events", "events"),
        ("--batch", "events"),
        ("--events", "results"),
        ("--batch", "results", "--outputs", "missing"),
        ("--batch", "missing"),
        ("--batch", "bundle.json"),
    ):
        assert octostore(*command, *wrong).code == 2, wrong
    assert octostore(*command, "--events", "events").code == 0
    again = octostore(*command, "--batch", "results", "--json")
    assert again.json["known"] == 1


def test_a_file_that_is_no_output_ends_with_2_and_nothing_is_signed(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps(world.bundle()))
    (tmp_path / "results").write_text(json.dumps(world.results()))
    (tmp_path / "got").mkdir()
    (tmp_path / "got" / "other").write_text("x")
    arguments = ("--batch", "results", "--outputs", "got", "--key", key, "--json")
    said = octostore("harvest", "golem", "bundle.json", *arguments)
    assert said.code == 2
    assert said.json["claimed"] == []
    assert "other: made by no transfer" in said.err


def test_the_recorded_stream_is_claimed(
    octostore: Command, key: str, shared_fixtures: Path, tmp_path: Path
) -> None:
    """INDEX.md: recorded and then edited; its first event is lost."""
    golem = shared_fixtures / "golem"
    agreement = json.loads(
        (golem / "agreement" / "yagna-agreement-9ce65424.json").read_text()
    )
    run = {"entry_point": "/bin/sh", "args": ["-c", 'echo +"test"']}
    script = [world.DEPLOY, world.START, {"run": {**run, "capture": world.STREAM}}]
    bundle = {"agreement": agreement, "exeScript": [*script, {"terminate": {}}]}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    events = golem / "result" / "activity-events.json"
    arguments = ("--events", events, "--key", key, "--json")
    said = octostore("harvest", "golem", "bundle.json", *arguments)
    assert said.code == 0
    (found,) = octostore("who", "bundle.json", "--json").json["invocations"]
    ((value,),) = found["outputs"].values()
    assert value["value"] == str(CID.of_bytes(b"test event 1"))
    (claim,) = found["claims"]
    assert claim["executor"] == "0xb3dfb4222764d4e0ada2f17ee12efd6eae7c54fb"
    assert claim["witness"] is True


def test_the_written_results_are_claimed(
    shared_fixtures: Path,
) -> None:
    """INDEX.md: stdout as text, as bytes and null; a status in the message only."""
    answer = (
        shared_fixtures / "golem" / "handwritten" / "batch-results.json"
    ).read_bytes()
    script = [*world.SCRIPT[:4]]
    assert result(world.bundle(script), answer) == Result({"stdout": HI}, exit=3)
