"""A running orchestrator is read page by page, and whatever it does is survived.

The server is a real one on loopback; what it answers is of our own making, in the
shapes of v1.9. `make interop-bacalhau` asks a real Bacalhau.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from invocation_spec import Resolutions
from octostore.harvest.bacalhau import api as api_module
from octostore.harvest.bacalhau import orchestrator as orchestrator_module
from octostore.harvest.bacalhau.api import PAGE_JOBS, Orchestrator
from octostore.harvest.bacalhau.executions import Reader
from octostore.harvest.bacalhau.followed import FollowedOrchestrator
from octostore.harvest.bacalhau.orchestrator import Cursor, seen_at
from octostore.harvest.observed import Observed, Reached, Seen, Unclaimed
from octostore.lookup import Web
from octostore.told import RemoteError
from tests.octostore.bacalhau_data import IMAGE, NS, Json, execution, job
from tests.octostore.said import Command

JOBS = "/api/v1/orchestrator/jobs"

ORDERS: dict[str, Callable[[Json], int]] = {
    "created_at": lambda job: int(job["CreateTime"]),
    "modified_at": lambda job: int(job["ModifyTime"]),
}


@dataclass
class Site:
    """An orchestrator: its jobs in the order they were made, their executions.

    `faults` are taken one a request: a status, or bytes of the body after which the
    connection breaks. `dies_at` is the first request that gets no answer any more.
    An endless one says after each page that there is another.
    """

    jobs: list[Json] = field(default_factory=list)
    versions: dict[tuple[str, int], Json] = field(default_factory=dict)
    executions: dict[str, list[Json]] = field(default_factory=dict)
    faults: list[int] = field(default_factory=list)
    dies_at: int | None = None
    page_jobs: int = 2
    page_executions: int = 1000
    is_endless: bool = False
    goes_round: set[str] = field(default_factory=set)
    orders: tuple[str, ...] = ("created_at", "modified_at")
    is_ordered: bool = True
    asker: str | None = None
    before: Callable[[str], object] = str
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def add(self, id_: str, made: int, *executions: Json, **said: Any) -> Json:
        found = job(id_, **said)
        found["CreateTime"] = found["ModifyTime"] = made * NS
        self.jobs.append(found)
        self.executions[id_] = list(executions)
        return found

    def answer(self, target: str) -> tuple[int, bytes]:
        self.before(target)
        at = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(at.query).items()}
        if at.path == JOBS and query["order_by"] not in self.orders:
            return 400, b'{"Message": "OrderBy modified_at not supported"}'
        if at.path == JOBS:
            return 200, json.dumps(self.page(query)).encode()
        id_, _, what = at.path.removeprefix(f"{JOBS}/").partition("/")
        if what == "executions" and id_ in self.executions:
            found = self.executions[id_]
            if query.get("all_job_versions") != "true":
                found = found[-1:]
            answer = self.turned(found, query)
            if id_ in self.goes_round:
                answer["NextToken"] = "0"
            return 200, json.dumps(answer).encode()
        version = int(query.get("job_version", "0"))
        if not what and (id_, version) in self.versions:
            return 200, json.dumps({"Job": self.versions[id_, version]}).encode()
        return 404, b'{"Message": "job not found"}'

    def page(self, query: dict[str, str]) -> Json:
        assert query["namespace"] == "*"
        assert query["limit"] == str(PAGE_JOBS)
        order = query["order_by"] if self.is_ordered else "created_at"
        jobs = sorted(self.jobs, key=lambda job: ORDERS[order](job))
        if query.get("reverse") == "true":
            jobs.reverse()
        start = int(query.get("next_token", "0"))
        end = start + self.page_jobs
        token = str(end) if end < len(self.jobs) else ""
        token = "0" if self.is_endless else token
        return {"NextToken": token, "Items": jobs[start:end]}

    def turned(self, found: list[Json], query: dict[str, str]) -> Json:
        start = int(query.get("next_token", "0"))
        end = start + self.page_executions
        token = str(end) if end < len(found) else ""
        return {"NextToken": token, "Items": found[start:end]}

    def paths(self) -> list[str]:
        return [urlsplit(target).path.removeprefix(JOBS) for target in self.asked]


@pytest.fixture
def site() -> Iterator[Site]:
    here = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            status, body = here.answer(self.path)
            if here.asker not in (None, self.headers["authorization"]):
                status = 401
            if here.dies_at is not None and len(here.asked) >= here.dies_at:
                self.connection.close()
                return
            fault = here.faults.pop(0) if here.faults else None
            cut = None if fault is None or fault >= 400 else fault
            self.send_response(status if fault is None or fault < 400 else fault)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        here.url = f"http://127.0.0.1:{server.server_port}"
        yield here
        server.shutdown()
        thread.join()


@dataclass
class Harvested:
    seen: list[Seen]
    error: RemoteError | None
    waited: list[float]
    cursor: str | None

    @property
    def items(self) -> list[str]:
        return [item.item for item in self.seen if isinstance(item, Observed)]


def harvested(
    site: Site, cursor: str | None = None, reader: Reader | None = None
) -> Harvested:
    seen: list[Seen] = []
    waited: list[float] = []
    error = None
    with Web(insecure=True, timeout_s=5) as web:
        api = Orchestrator(site.url, web, waited.append)
        reader = reader or Reader(Resolutions.none())
        try:
            for item in seen_at(api, reader, cursor, "here", lambda _: None):
                seen.append(item)
        except RemoteError as met:
            error = met
    reached = [item.value for item in seen if isinstance(item, Reached)]
    return Harvested(seen, error, waited, reached[-1] if reached else None)


def fill(site: Site, jobs: int) -> None:
    for index in range(jobs):
        id_ = f"j-{index}"
        site.add(id_, 1000 + index, execution(f"e-{index}", id_))


def test_all_pages_are_read_and_claimed_once(octostore: Command, site: Site) -> None:
    fill(site, 5)
    octostore("key", "new", "me.key")
    arguments = ("harvest", "bacalhau", site.url, "--key", "me.key", "--json")
    said = octostore(*arguments)
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert [item["item"] for item in found["claimed"]] == [f"e-{i}" for i in range(5)]
    assert site.paths().count("") == 3
    again = json.loads(octostore(*arguments).out)
    assert (again["read"], again["claimed"]) == (0, [])
    site.add("j-new", 2000, execution("e-new", "j-new"))
    site.jobs[-1]["ModifyTime"] = 4_000_000_000 * NS  # after the last harvest
    found = json.loads(octostore(*arguments).out)
    assert [item["item"] for item in found["claimed"]] == ["e-new"]


def test_an_orchestrator_is_followed(octostore: Command, site: Site) -> None:
    """From where a harvest got; what runs, or is refused already, is not told again."""
    fill(site, 2)
    octostore("key", "new", "me.key")
    harvest = ("harvest", "bacalhau", site.url, "--key", "me.key", "--json")
    assert len(octostore(*harvest).json["claimed"]) == 2
    watch = ("watch", site.url, "--network", "bacalhau", "--key", "me.key", "--once")
    assert octostore(*watch).out == ""
    later = 4_000_000_000 * NS
    running = execution("e-runs", "j-2", state=5, desired="")
    site.add("j-2", 2000, running, execution("e-2", "j-2"))
    site.add("j-3", 2001, execution("e-3", "j-3"), image="ubuntu:latest")
    for changed in site.jobs[-2:]:
        changed["ModifyTime"] = later
    said = octostore(*watch)
    assert said.code == 0, said.err
    lines = [line.split()[:2] for line in said.out.splitlines()]
    assert lines == [["refused", "e-3"], ["claimed", "e-2"], ["delivered", "1"]]
    site.executions["j-2"][0] = execution("e-runs", "j-2")
    lines = [line.split()[:2] for line in octostore(*watch).out.splitlines()]
    assert ["claimed", "e-runs"] in lines
    assert ["claimed", "e-2"] not in lines


def test_a_url_may_name_the_api_itself(site: Site) -> None:
    fill(site, 1)
    site.url += "/api/v1/orchestrator/"
    assert harvested(site).items == ["e-0"]


def test_what_did_not_change_is_not_asked_for_again(site: Site) -> None:
    fill(site, 5)
    first = harvested(site)
    assert first.items == [f"e-{i}" for i in range(5)]
    site.asked.clear()
    second = harvested(site, first.cursor)
    assert (second.items, site.paths()) == ([], [""])
    site.jobs[1]["ModifyTime"] = 4_000_000_000 * NS
    site.executions["j-1"].append(execution("e-rerun", "j-1"))
    assert harvested(site, first.cursor).items == ["e-1", "e-rerun"]


def test_a_server_that_does_not_order_by_change_lists_all_jobs(site: Site) -> None:
    fill(site, 5)
    site.orders = ("created_at",)
    first = harvested(site)
    site.jobs[1]["ModifyTime"] = 4_000_000_000 * NS
    site.asked.clear()
    assert harvested(site, first.cursor).items == ["e-1"]
    assert site.paths().count("") == 4


def test_a_server_that_passes_the_order_over_lists_all_jobs(site: Site) -> None:
    fill(site, 5)
    first = harvested(site)
    site.jobs[3]["ModifyTime"] = 4_000_000_000 * NS
    site.is_ordered = False
    assert harvested(site, first.cursor).items == ["e-3"]


@pytest.mark.parametrize(
    "bad",
    [
        {"PartitionIndex": -1},
        {"ComputeState": {"StateType": {"State": "Completed"}}},
        {"PublishedResult": {"Type": "ipfs", "Params": {"CID": "a", "cid": "b"}}},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_a_job_whose_executions_cannot_be_read_keeps_no_other_back(
    site: Site, bad: Json
) -> None:
    fill(site, 5)
    site.executions["j-1"][0].update(bad)
    first = harvested(site)
    assert (first.items, first.error) == (["e-0", "e-2", "e-3", "e-4"], None)
    (left,) = (item for item in first.seen if isinstance(item, Unclaimed))
    assert left.item == "j-1"
    assert "sent no answer of Bacalhau's" in left.reason


def test_a_job_that_changes_while_pages_are_turned_is_not_missed(site: Site) -> None:
    fill(site, 8)
    cursor = str(Cursor(done=1001 * NS))
    changed: list[str] = []

    def turn(target: str) -> None:
        if "next_token" in target and not changed:
            changed.append(target)
            site.jobs[3]["ModifyTime"] = 4_000_000_000 * NS

    site.before = turn
    first = harvested(site, cursor)
    second = harvested(site, first.cursor)
    assert sorted(first.items + second.items) == [f"e-{i}" for i in range(2, 8)]
    assert second.items == ["e-3"]


@pytest.mark.parametrize("faults", [[503], [500, 502, 429], [3], [0, 20]], ids=str)
def test_a_server_that_stumbles_is_asked_again(site: Site, faults: list[int]) -> None:
    fill(site, 2)
    site.faults = list(faults)
    found = harvested(site)
    assert found.error is None
    assert found.items == ["e-0", "e-1"]
    assert found.waited == [0.5, 1.0, 2.0][: len(faults)]


def test_an_api_that_dies_half_way_keeps_what_came_and_goes_on_there(
    site: Site,
) -> None:
    fill(site, 7)
    site.dies_at = 6  # in the second page
    first = harvested(site)
    assert first.error is not None
    assert first.items == ["e-0", "e-1", "e-2"]
    assert len(first.waited) == 4
    assert first.cursor is not None
    assert Cursor.parse(first.cursor).through == 1001 * NS
    site.dies_at = None
    site.asked.clear()
    second = harvested(site, first.cursor)
    assert second.items == [f"e-{i}" for i in range(1, 7)]
    assert "/j-0/executions" not in site.paths()
    assert Cursor.parse(second.cursor).through == 0
    assert harvested(site, second.cursor).items == []


@pytest.mark.slow
def test_the_command_claims_what_came_and_its_exit_says_so(
    octostore: Command, site: Site
) -> None:
    fill(site, 5)
    site.dies_at = 6
    octostore("key", "new", "me.key")
    arguments = ("harvest", "bacalhau", site.url, "--key", "me.key", "--json")
    said = octostore(*arguments)
    found = json.loads(said.out)
    assert (said.code, found["error"], len(found["claimed"])) == (7, "remote", 3)
    assert len(said.err.splitlines()) == 1
    site.dies_at = None
    found = json.loads(octostore(*arguments).out)
    assert [item["item"] for item in found["claimed"]] == ["e-3", "e-4"]


def test_executions_in_pages_are_read_to_the_end(site: Site) -> None:
    site.page_executions = 2
    site.add("j-1", 1000, *(execution(f"e-{number}", "j-1") for number in range(5)))
    site.add("j-2", 1001, execution("e-last", "j-2"))
    assert harvested(site).items == [*(f"e-{number}" for number in range(5)), "e-last"]
    assert site.paths().count("/j-1/executions") == 3


def _endless(site: Site) -> None:
    site.add("j-1", 1000, execution("e-1", "j-1"), execution("e-2", "j-1"))
    site.add("j-2", 1001, execution("e-3", "j-2"))
    site.goes_round = {"j-1"}


def test_pages_of_executions_without_an_end_keep_no_other_back(site: Site) -> None:
    _endless(site)
    found = harvested(site)
    assert found.items == ["e-3"]
    (left,) = (item for item in found.seen if isinstance(item, Unclaimed))
    assert (left.item, "have no end" in left.reason) == ("j-1", True)


def test_pages_of_executions_have_a_largest_number(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "EXECUTION_PAGES_MAX", 1)
    _endless(site)
    found = harvested(site)
    assert found.items == ["e-3"]
    (left,) = (item for item in found.seen if isinstance(item, Unclaimed))
    assert "too many: " in left.reason
    assert "more than 1 pages" in left.reason


def test_pages_of_executions_have_one_size_together(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page_executions = 1
    runs = [execution(f"e-{number}", "j-1") for number in range(3)]
    site.add("j-1", 1000, *runs)
    site.add("j-2", 1001, execution("e-9", "j-2"))
    most = 2 * len(json.dumps({"NextToken": "1", "Items": runs[:1]}))
    monkeypatch.setattr(api_module, "ANSWER_BYTES_MAX", 2 * most)
    assert len(harvested(site).items) == 4
    monkeypatch.setattr(api_module, "ANSWER_BYTES_MAX", most + 100)
    found = harvested(site)
    assert found.items == ["e-9"]
    assert "too many: " in next(
        item.reason for item in found.seen if isinstance(item, Unclaimed)
    )


def test_a_job_that_still_runs_is_read_again_when_it_has_ended(site: Site) -> None:
    site.add("j-0", 1000, execution("e-0", "j-0", state=6))
    first = harvested(site)
    assert first.items == []
    site.jobs[0]["ModifyTime"] = 4_000_000_000 * NS
    site.executions["j-0"] = [execution("e-0", "j-0")]
    assert harvested(site, first.cursor).items == ["e-0"]


def test_what_can_be_settled_is_read_again(site: Site, tmp_path: Path) -> None:
    fill(site, 2)
    site.add("j-tag", 1500, execution("e-tag", "j-tag"), image="ubuntu:24.04")
    fill_later = site.add("j-9", 1600, execution("e-9", "j-9"))
    first = harvested(site)
    assert Cursor.parse(first.cursor).done == 1500 * NS - 1
    settled = {"oci:docker.io/library/ubuntu:24.04": IMAGE.partition("@")[2]}
    reader = Reader(Resolutions.parse(json.dumps(settled).encode()))
    second = harvested(site, first.cursor, reader)
    assert second.items == ["e-tag", "e-9"]
    assert Cursor.parse(second.cursor).done > fill_later["ModifyTime"]
    (tmp_path / "results").mkdir()
    site.executions["j-9"] = [execution("e-9", "j-9", published={
        "Type": "urlDownload", "Params": {"URL": "http://127.0.0.1:6001/e-9.tar.gz"}
    })]  # fmt: skip
    waiting = harvested(site, None, Reader(reader.resolutions, tmp_path / "results"))
    assert Cursor.parse(waiting.cursor).done == 1600 * NS - 1


def _followed(site: Site, results: Path | None = None) -> FollowedOrchestrator:
    return FollowedOrchestrator(
        url=site.url,
        network="bacalhau",
        resolutions=Resolutions.none(),
        results=results,
        publishes_credentials=False,
        cursor=lambda _: None,
        wait=lambda _: None,
    )


def test_a_job_that_is_open_has_no_other_asked_for_again(site: Site) -> None:
    site.add("j-open", 1000, execution("e-open", "j-open"), image="ubuntu:latest")
    running = execution("e-runs", "j-runs", state=5, desired="")
    site.add("j-runs", 1001, running)
    fill(site, 3)
    follow = _followed(site)
    assert len([item for item in follow() if isinstance(item, Observed)]) == 4
    site.asked.clear()
    again = [item.item for item in follow() if not isinstance(item, Reached)]
    assert again == ["e-open", "e-runs"]
    assert [path for path in site.paths() if path] == [
        "/j-open/executions",
        "/j-runs/executions",
    ]
    site.jobs[3]["ModifyTime"] += 1
    assert [item.item for item in follow() if isinstance(item, Observed)] == [
        "e-open",
        "e-1",
    ]
    follow.forget()
    assert len([item for item in follow() if isinstance(item, Observed)]) == 4


def test_jobs_that_were_read_are_remembered_up_to_a_number(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestrator_module, "READ_MAX", 2)
    fill(site, 3)
    follow = _followed(site)
    assert len(list(follow())) > 3
    assert len(follow._read) == 1
    items = [item.item for item in follow() if isinstance(item, Observed)]
    assert items == ["e-0", "e-1", "e-2"]


def test_the_version_that_ran_is_asked_for_where_no_answer_repeats_it(
    site: Site,
) -> None:
    first = job("j-0", version=1, args=("one",))
    site.versions["j-0", 1] = first
    runs = [execution("e-1", "j-0", version=1), execution("e-2", "j-0", version=2)]
    site.add("j-0", 1000, *runs, version=2, args=("two",))
    found = harvested(site)
    one, two = (item for item in found.seen if isinstance(item, Observed))
    assert one.outcome.invocation != two.outcome.invocation
    assert [target for target in site.asked if "job_version" in target]
    site.versions.clear()
    reasons = [x.reason for x in harvested(site).seen if isinstance(x, Unclaimed)]
    assert "it ran version 1" in reasons[0]


def test_a_job_that_was_collected_meanwhile_is_said(site: Site) -> None:
    fill(site, 2)
    del site.executions["j-0"]
    found = harvested(site)
    assert found.items == ["e-1"]
    (gone,) = (item for item in found.seen if isinstance(item, Unclaimed))
    assert "collected" in gone.reason


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "--authorization"), (403, "--authorization"), (418, "refuses (418)")],
)
def test_a_refusal_is_not_asked_again(site: Site, status: int, says: str) -> None:
    fill(site, 1)
    site.faults = [status]
    found = harvested(site)
    assert found.error is not None
    assert says in found.error.reason
    assert found.waited == []


def test_who_asks_is_told_to_the_server_that_wants_it(
    octostore: Command, site: Site
) -> None:
    fill(site, 1)
    site.asker = "Bearer s3cret"
    octostore("key", "new", "me.key")
    Path("secret").write_text("Bearer s3cret\n")
    arguments = ("harvest", "bacalhau", site.url, "--key", "me.key", "--json")
    said = octostore(*arguments)
    assert said.code == 7
    assert "--authorization FILE" in said.err
    said = octostore(*arguments, "--authorization", "secret")
    assert len(json.loads(said.out)["claimed"]) == 1
    assert "s3cret" not in said.out + said.err


def test_another_server_is_no_orchestrator(site: Site) -> None:
    site.url += "/elsewhere"
    found = harvested(site)
    assert found.error is not None
    assert "no orchestrator's API is there" in found.error.reason


def test_pages_without_an_end_are_given_up(site: Site) -> None:
    fill(site, 1)

    site.is_endless = True
    found = harvested(site)
    assert found.error is not None
    assert "no end" in found.error.reason


@pytest.mark.parametrize("text", [None, "", "7", "[1]", "[1, 2, null]", "{}", "x"])
def test_a_cursor_of_another_layout_begins_at_the_beginning(text: str | None) -> None:
    assert Cursor.parse(text) == Cursor()
    assert Cursor.parse(str(Cursor(1, 2, 3))) == Cursor(1, 2, 3)


def test_a_url_and_files_are_not_read_together(octostore: Command, site: Site) -> None:
    octostore("key", "new", "me.key")
    said = octostore("harvest", "bacalhau", site.url, "a.json", "--key", "me.key")
    assert said.code == 2
