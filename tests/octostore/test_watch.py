"""`octostore watch` claims the runs of a node as they end, each once."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from invocation_spec import CID, Resolutions
from octostore.harvest.jobs import JOBS_MAX, REPORT_BYTES_MAX, JobFolder
from octostore.harvest.observed import Observed, Unclaimed
from octostore.harvest.outbox import Outbox
from octostore.harvest.run import Harvest
from octostore.harvest.watch import FLUSH_AFTER_S, RETRY_MOST_S, Watch
from octostore.keyfile import KeyFile
from octostore.keys import SecretKey
from octostore.receipt import Receipt
from octostore.records import Failure, Limits
from octostore.result import Result
from octostore.store import Octostore
from octostore.told import RemoteError
from tests.octostore.jobs import job
from tests.octostore.said import Command, Said
from tests.octostore.tes_server import BARE, task, tes_server

WAIT_S = 60


def jobs_of(folder: Path, **more: Any) -> JobFolder:
    given: dict[str, Any] = {
        "network": "bacalhau",
        "resolutions": Resolutions.none(),
        "is_claimed": lambda _: False,
        **more,
    }
    return JobFolder(path=folder, **given)


def one(folder: Path, **more: Any) -> Observed | Unclaimed:
    (found,) = jobs_of(folder, **more)()
    assert isinstance(found, Observed | Unclaimed)
    return found


def said_of(folder: Path, **more: Any) -> Any:
    found = one(folder, **more)
    assert isinstance(found, Observed), found
    return found.reported


def reason(folder: Path, **more: Any) -> str:
    found = one(folder, **more)
    assert isinstance(found, Unclaimed)
    return found.reason


# What a directory says


def test_a_job_waits_until_it_is_done(tmp_path: Path) -> None:
    at = job(tmp_path, "j1", finished=False)
    jobs = jobs_of(tmp_path)
    assert not list(jobs())
    (at / "done").touch()
    assert [seen.item for seen in jobs() if isinstance(seen, Observed)] == ["j1"]
    assert not list(jobs())


def test_a_job_that_is_moved_into_place_needs_no_mark(tmp_path: Path) -> None:
    at = job(tmp_path, ".j1", finished=False)
    jobs = jobs_of(tmp_path, finished="moved")
    assert not list(jobs())
    at.rename(tmp_path / "j1")
    assert [seen.item for seen in jobs() if isinstance(seen, Observed)] == ["j1"]


def test_a_link_and_a_file_are_no_jobs(tmp_path: Path) -> None:
    job(tmp_path / "elsewhere", "j1")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/j1").symlink_to(tmp_path / "elsewhere/j1")
    (tmp_path / "jobs/j2").write_text("")
    assert not list(jobs_of(tmp_path / "jobs")())


def test_a_job_without_a_report_is_what_its_results_are(tmp_path: Path) -> None:
    job(tmp_path, "j1")
    reported = said_of(tmp_path, executor="QmNode", limits=Limits(network="none"))
    assert reported.result == Result({"stdout": CID.of_bytes(b"out\n")}, exit=0)
    assert reported.job == "j1"
    assert reported.executor == "QmNode"
    assert reported.limits == Limits(network="none")


def test_a_report_says_who_and_when(tmp_path: Path) -> None:
    report = {
        "executor": "QmOther",
        "job": "j-77",
        "platform": "linux/amd64",
        "started": 1669111200,
        "finished": 1669111207,
        "network": "available",
        "exit": 0,
        "at": ["https://example.org/r/"],
        "task": 0,
    }
    job(tmp_path, "j1", report=report)
    reported = said_of(tmp_path, executor="QmNode")
    assert (reported.executor, reported.job) == ("QmOther", "j-77")
    assert (reported.started, reported.finished) == (1669111200, 1669111207)
    assert reported.platform == "linux/amd64"
    assert reported.limits == Limits(network="available")
    assert reported.at == ("https://example.org/r/",)


def test_a_failure_has_no_result(tmp_path: Path) -> None:
    report = {"failure": {"kind": "time-out", "message": "3600 s"}}
    job(tmp_path, "j1", report=report)
    reported = said_of(tmp_path)
    assert reported.result is None
    assert reported.failure == Failure("time-out", "3600 s")


def test_an_exit_alone_is_a_result(tmp_path: Path) -> None:
    at = job(tmp_path, "j1", report={"exit": 3})
    for name in ("stdout", "exitCode"):
        (at / "results" / name).unlink()
    assert said_of(tmp_path).result == Result({}, exit=3)
    (at / "results").rmdir()
    assert said_of(tmp_path).result == Result({}, exit=3)


def test_a_job_is_looked_at_again_when_it_changes(tmp_path: Path) -> None:
    image = "docker.io/library/ubuntu:22.04"
    at = job(tmp_path, "j1", image=image)
    jobs = jobs_of(tmp_path)
    (left,) = jobs()
    assert isinstance(left, Observed)
    assert left.outcome.unresolved
    assert not list(jobs())
    meaning = {f"oci:{image}": "sha256:" + "cd" * 32}
    (at / "resolutions.json").write_text(json.dumps(meaning))
    (found,) = jobs()
    assert isinstance(found, Observed)
    assert found.outcome.invocation is not None


Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda at: (at / "spec.json").unlink(), "found none; expected one file"),
        (lambda at: (at / "spec.yaml").write_text(""), "found spec.json, spec.yaml"),
        (lambda at: (at / "spec.json").write_text("{"), "JSON"),
        (lambda at: (at / "report.json").write_text("[]"), "expected a JSON object"),
        (lambda at: (at / "report.json").write_text('{"exot": 1}'), "no field"),
        (lambda at: (at / "report.json").write_text('{"exit": 1}'), "exitCode 0, and"),
        (lambda at: (at / "report.json").write_text('{"exit": "0"}'), "an integer"),
        (lambda at: (at / "report.json").write_text('{"task": 1}'), "task from 0 to 0"),
        (lambda at: (at / "report.json").write_text('{"network": "x"}'), "network"),
        (lambda at: (at / "report.json").symlink_to("/etc/hosts"), "cannot be read"),
        (
            lambda at: (at / "report.json").write_bytes(b" " * (REPORT_BYTES_MAX + 1)),
            f"at most {REPORT_BYTES_MAX} bytes",
        ),
        (lambda at: os.mkfifo(at / "report.json"), "no file of at most"),
        (lambda at: (at / "results/exitCode").write_text("x"), "no exit status"),
        (lambda at: (at / "results/l").symlink_to("/etc/hosts"), "neither a file"),
        (lambda at: (at / "results").rename(at / "other"), "neither a folder"),
        (lambda at: (at / "resolutions.json").write_text("[]"), "JSON map"),
    ],
)
def test_a_job_that_cannot_be_read_says_why(
    tmp_path: Path, spoil: Spoil, why: str
) -> None:
    spoil(job(tmp_path, "j1"))
    assert why in reason(tmp_path)


def test_one_bad_job_is_no_reason_to_leave_others(tmp_path: Path) -> None:
    (job(tmp_path, "bad") / "spec.json").unlink()
    job(tmp_path, "good")
    kinds = {seen.item: type(seen) for seen in jobs_of(tmp_path)()}  # type: ignore[union-attr]
    assert kinds == {"bad": Unclaimed, "good": Observed}


def test_a_folder_has_so_many_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert JOBS_MAX == 100_000
    monkeypatch.setattr("octostore.harvest.jobs.JOBS_MAX", 2)
    for number in range(3):
        (tmp_path / str(number)).mkdir()
    with pytest.raises(Exception, match="more than 2 jobs"):
        list(jobs_of(tmp_path)())


# The loop, with a clock that a test turns


class Turned:
    """A watch of a folder, a clock, and a destination that may be away."""

    def __init__(self, tmp_path: Path) -> None:
        self.jobs = tmp_path / "jobs"
        self.jobs.mkdir()
        self.now = 0.0
        self.is_away = False
        self.lines: list[str] = []
        self.tries = 0
        self.store = Octostore.open(tmp_path / "store")
        key = SecretKey.generate(secrets.token_bytes)
        key_file = KeyFile.create(tmp_path / "node.key", key)
        self.outbox = Outbox.open(tmp_path / "outbox", key.public.did)
        source = jobs_of(
            self.jobs,
            is_claimed=lambda item: not self.outbox.unclaimed("bacalhau", [item]),
        )
        harvest = Harvest(
            *("bacalhau", key_file, self.outbox, self._send, lambda: 1_700_000_000),
            delivers=False,
        )
        self.watch = Watch(
            source, harvest, self.outbox, self.lines.append, lambda: self.now
        )

    def _send(self, stream: BinaryIO) -> Receipt:
        self.tries += 1
        if self.is_away:
            raise RemoteError("cannot be asked", at="http://server")
        return self.store.ingest_car(io.BytesIO(stream.read()))

    def turn(self, seconds: float) -> None:
        self.now += seconds
        self.watch.turn()

    def said(self, word: str) -> list[str]:
        return [line for line in self.lines if line.startswith(word)]


@pytest.fixture
def turned(tmp_path: Path) -> Iterator[Turned]:
    found = Turned(tmp_path)
    with found.store, found.outbox:
        yield found


def test_jobs_that_end_together_share_a_signature(turned: Turned) -> None:
    job(turned.jobs, "j1")
    turned.turn(0)
    job(turned.jobs, "j2")
    turned.turn(FLUSH_AFTER_S / 2)
    assert turned.store.checkpoint().size == 0
    turned.turn(FLUSH_AFTER_S / 2)
    assert turned.store.checkpoint().size == 1
    first, second = turned.said("claimed")
    assert first.startswith("claimed j1 ")
    assert first.rpartition(" ")[2] == second.rpartition(" ")[2]
    assert turned.said("delivered") == ["delivered 1 statements"]


def test_a_destination_that_is_away_is_asked_less_and_less(turned: Turned) -> None:
    turned.is_away = True
    job(turned.jobs, "j1")
    turned.turn(0)
    turned.turn(FLUSH_AFTER_S)
    waits = []
    for _ in range(12):
        before = turned.tries
        seconds = 0
        while turned.tries == before:
            turned.turn(1)
            seconds += 1
        waits.append(seconds)
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == RETRY_MOST_S
    job(turned.jobs, "j2")
    turned.turn(0)
    turned.turn(FLUSH_AFTER_S)
    assert turned.outbox.waiting_count() == 2
    turned.is_away = False
    turned.turn(RETRY_MOST_S)
    assert turned.outbox.waiting_count() == 0
    assert turned.store.checkpoint().size == 2
    assert "again in 2 s" in turned.said("waiting")[1]


def test_what_could_not_be_signed_is_taken_again(turned: Turned) -> None:
    """The state of the chain cannot be written: a folder is in the way."""
    in_the_way = turned.jobs.with_name("node.key.state.new")
    in_the_way.mkdir()
    job(turned.jobs, "j1")
    turned.turn(0)
    turned.turn(FLUSH_AFTER_S)
    assert turned.said("not signed")
    assert not turned.said("claimed")
    in_the_way.rmdir()
    turned.turn(1)
    turned.turn(FLUSH_AFTER_S)
    assert [line.split()[1] for line in turned.said("claimed")] == ["j1"]
    assert turned.store.checkpoint().size == 1


def test_a_folder_that_is_gone_is_looked_at_again(turned: Turned) -> None:
    elsewhere = turned.jobs.rename(turned.jobs.with_name("elsewhere"))
    turned.turn(0)
    turned.turn(0.5)
    (line,) = turned.said("source")
    assert line.endswith("again in 1 s")
    job(elsewhere, "j1")
    elsewhere.rename(turned.jobs)
    turned.turn(1)
    turned.watch.finish()
    assert turned.said("claimed")


def test_a_refused_job_is_told_once(turned: Turned) -> None:
    (job(turned.jobs, "j1") / "spec.json").unlink()
    for _ in range(3):
        turned.turn(1)
    assert len(turned.said("refused")) == 1


def test_what_is_remembered_has_a_limit(
    turned: Turned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octostore.harvest.watch.TOLD_MAX", 2)
    for name in ("j1", "j2", "j3"):
        (job(turned.jobs, name) / "spec.json").unlink()
    turned.turn(0)
    (turned.jobs / "j1/more").touch()
    turned.turn(1)
    assert [line.split()[1] for line in turned.said("refused")] == [
        *("j1", "j2", "j3", "j1")
    ]


# The real command


@pytest.fixture
def watch(octostore: Command, tmp_path: Path) -> Command:
    assert octostore("key", "new", "node.key").code == 0
    (tmp_path / "jobs").mkdir()

    def call(source: str | Path, *words: str | Path) -> Said:
        given = () if "--network" in words else ("--network", "bacalhau")
        return octostore("watch", source, "--key", "node.key", "--once", *given, *words)

    return call


def test_each_job_is_claimed_once_whatever_is_started(
    watch: Command, octostore: Command, tmp_path: Path
) -> None:
    at = job(tmp_path / "jobs", "j1")
    said = watch("jobs", "--executor", "QmNode")
    assert said.code == 0, said.err
    assert [line.split()[0] for line in said.out.splitlines()] == [
        *("claimed", "delivered")
    ]
    (at / "results/stdout").write_text("something else\n")
    job(tmp_path / "jobs", "j2")
    said = watch("jobs")
    assert [line.split()[1] for line in said.out.splitlines()] == ["j2", "1"]
    answer = octostore("who", at / "spec.json", "--json").json
    ((claim,),) = (found["claims"] for found in answer["invocations"])
    assert claim["executor"] == "QmNode"
    assert list(answer["invocations"][0]["outputs"]) == ["stdout"]


def test_a_statement_that_waited_is_sent_as_it_was_signed(
    watch: Command, tmp_path: Path
) -> None:
    job(tmp_path / "jobs", "j1")
    blocked = tmp_path / "file"
    blocked.write_text("")
    said = watch("jobs", "--out", "file")
    assert said.code == 7
    claimed, waiting = said.out.splitlines()
    assert waiting.startswith("waiting 1 statements: ")
    said = watch("jobs", "--out", "cars")
    assert said.out == "delivered 1 statements\n"
    (car,) = (tmp_path / "cars").iterdir()
    assert car.read_bytes()
    assert "claimed j1" in claimed


def test_a_tes_server_is_followed(watch: Command, tmp_path: Path) -> None:
    (tmp_path / "bare.json").write_text(json.dumps(BARE))
    words = ("--network", "tes:lab", "--resolutions", "bare.json")
    with tes_server() as server:
        server.tasks = [task("t1"), task("t2", "RUNNING"), task("t3", "CANCELED")]
        said = watch(server.url, *words)
        assert said.code == 0, said.err
        lines = [line.split()[:2] for line in said.out.splitlines()]
        assert lines == [["refused", "t3"], ["claimed", "t1"], ["delivered", "1"]]
        server.tasks[1] = task("t2")
        server.asked.clear()
        said = watch(server.url, *words)
        lines = [line.split()[:2] for line in said.out.splitlines()]
        assert ["claimed", "t2"] in lines
        assert ["claimed", "t1"] not in lines
        assert server.fetched == ["t2", "t3"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("gone",), "neither a folder nor"),
        (("jobs", "--finished", "soon"), "expected done or moved"),
        (("jobs", "--results", "jobs"), "--results"),
        (("jobs", "--network", "Bad Name"), "--network"),
        (("http://127.0.0.1:1", "--network", "golem"), "--network"),
        (("http://127.0.0.1:1", "--network", "tes", "--results", "x"), "not a folder"),
        (("http://127.0.0.1:1", "--network", "tes", "--executor", "n"), "--executor"),
        (("http://127.0.0.1:1", "--network", "tes", "--finished", "moved"), "leave it"),
        (("http://127.0.0.1:1", "--network", "tes", "--from", "tes"), "--from"),
        (("http://127.0.0.1:1", "--network-access", "none"), "--network-access"),
        (("jobs", "--authorization", "jobs"), "--authorization"),
        (("jobs", "--network-access", "maybe"), "maybe"),
    ],
)
def test_bad_usage_exits_2(watch: Command, words: tuple[str, ...], why: str) -> None:
    said = watch(*words)
    assert said.code == 2, said.out
    assert why in said.err


def test_a_server_that_cannot_be_reached_exits_7_once(watch: Command) -> None:
    said = watch("http://127.0.0.1:1", "--network", "tes")
    assert said.code == 7
    assert said.out.startswith("source: ")


def test_sigterm_signs_and_delivers_what_was_taken(
    watch: Command, octostore: Command, tmp_path: Path
) -> None:
    """In a process of its own, well before the batch would be signed by time."""
    job(tmp_path / "jobs", "j0")
    command = Path(sys.executable).with_name("octostore")
    words = [*("watch", "jobs", "--network", "bacalhau"), "--key", "node.key"]
    with subprocess.Popen(
        [command, *words, "--every", "0.1"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"OCTOSTORE_PATH": str(tmp_path / "store")},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("watching jobs as did:key:")
        bad = tmp_path / "jobs/bad"
        bad.mkdir()
        (bad / "done").touch()
        # Told at once: it was looked at, and so was the job before it.
        assert process.stdout.readline().startswith("refused bad ")
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    first, delivered, stopped = rest.splitlines()
    assert first.startswith("claimed j0 ")
    assert (delivered, stopped) == ("delivered 1 statements", "stopped")
    spec = tmp_path / "jobs/j0/spec.json"
    assert octostore("who", spec, "--json").json["invocations"]
