"""What Bacalhau reports becomes claims where nothing is in doubt, and else none."""

from __future__ import annotations

import io
import json
import tarfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import CID, DocumentError, canonicalize
from octostore.car import Block, CarReader
from octostore.harvest.bacalhau import answers as bacalhau_answers
from octostore.harvest.bacalhau.answers import ANSWER_BYTES_MAX, read
from octostore.records import Claim, parse_record
from octostore.result import Result
from tests.octostore.bacalhau_data import IMAGE, Json, execution, job, v1beta
from tests.octostore.said import Command, Said
from tests.octostore.test_published import Blocks, leaf, published, tar_gz, written

MODULE = CID.of_bytes(b"\0asm")
HELLO = CID.of_bytes(b"hello\n")
FOLDER = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG"


@pytest.fixture
def harvest(octostore: Command, tmp_path: Path) -> Any:
    """Harvest these answers, each a file, into CARs; what was said, and the claims."""
    octostore("key", "new", "me.key")

    def call(*answers: Any, more: tuple[str, ...] = ()) -> tuple[Json, list[Claim]]:
        names = []
        for index, answer in enumerate(answers):
            text = answer if isinstance(answer, str) else json.dumps(answer)
            (tmp_path / f"{index}.json").write_text(text)
            names.append(f"{index}.json")
        said: Said = octostore(
            *("harvest", "bacalhau", *names, "--key", "me.key", "--out", "out"),
            *("--json", *more),
        )
        return {**json.loads(said.out), "code": said.code}, claims(tmp_path / "out")

    return call


def claims(folder: Path) -> list[Claim]:
    """The claims in all CARs of a folder, in the order of their jobs' executions."""
    found: list[Claim] = []
    for path in folder.glob("*.car"):
        with path.open("rb") as stream:
            for block in CarReader(stream):
                assert isinstance(block, Block)
                if b"dtypeeclaim" in block.data:  # {"type": "claim"}
                    record = parse_record(block.data)
                    assert isinstance(record, Claim)
                    found.append(record)
    return sorted(found, key=lambda claim: claim.native["execution"])


def reasons(said: Json) -> list[str]:
    return [item["reason"] for item in said["unclaimed"]]


def invocations(document: Json) -> list[CID]:
    found = [item.invocation for item in canonicalize(json.dumps(document).encode())]
    return [item.cid for item in found if item is not None]


def test_an_execution_becomes_the_claim_of_a_witness(harvest: Any) -> None:
    said, (claim,) = harvest({"Job": job(), "Executions": {"Items": [execution()]}})
    assert (said["code"], said["read"], said["unclaimed"]) == (0, 1, [])
    assert [claim.invocation] == invocations(job())
    assert claim.result == Result({}, exit=0).cid
    assert (claim.network, claim.executor, claim.job) == ("bacalhau", "n-1", "j-1")
    assert (claim.started, claim.finished) == (1_700_388_690, 1_700_388_692)
    assert claim.dirs == ("/outputs",)
    assert claim.limits is not None
    assert claim.limits.network == "none"
    assert dict(claim.native) == {
        "execution": "e-1", "state": "9", "job_version": "1", "exit_code": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    "answers",
    [
        [[job()], [execution(new=False)]],
        [{"Jobs": [job()], "NextToken": ""}, {"Executions": [execution(new=False)]}],
        [{"Items": [job()], "NextToken": ""}, {"Items": [execution()]}],
        [{"Items": [execution()]}, {"Job": job(), "History": {"Items": []}}],
        [{"Items": [execution(job=job())]}],
        [{"items": [{"job": job()}]}, {"items": [execution()]}],
        [execution(job=job())],
    ],
    ids=["lists", "v1.1", "v1.5", "apart", "embedded", "lower", "one"],
)
def test_each_envelope_of_each_version_is_read(
    harvest: Any, answers: list[Any]
) -> None:
    said, (claim,) = harvest(*answers)
    assert reasons(said) == []
    assert [claim.invocation] == invocations(job())
    assert claim.result == Result({}, exit=0).cid


def test_what_is_unknown_is_passed_over_and_an_unknown_state_is_not_guessed(
    harvest: Any,
) -> None:
    newer = {**execution(), "Attestation": {"Type": "tpm"}, "Priority": 3}
    later = execution("e-2", state=12, desired="execution checkpointed")
    words = execution("e-3")
    words["ComputeState"]["StateType"] = "Suspended"
    said, (claim,) = harvest(
        {
            "Job": {**job(), "Owner": "me"},
            "Executions": {"Items": [newer, later, words]},
        }
    )
    assert claim.native["execution"] == "e-1"
    assert len(reasons(said)) == 2
    assert all("does not know" in reason for reason in reasons(said))


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        ({"state": 9}, "claim"),
        ({"state": 9, "desired": "x", "version": None}, "means one thing"),
        ({"state": 7, "desired": "x", "version": None}, "means one thing"),
        ({"state": 8, "desired": "x", "version": None}, "means one thing"),
        ({"state": 7, "version": None}, "claim"),
        ({"state": 7}, "not ended"),
        ({"state": 7, "partition": 2}, "not ended"),
        ({"state": 8, "desired": "execution failed", "version": None}, "claim"),
        ({"state": 10, "desired": "execution failed", "version": None}, "claim"),
        ({"state": 8, "desired": "bid rejected", "version": None}, "turned it down"),
        ({"state": 4, "desired": "x", "version": None}, "turned it down"),
        ({"state": 6}, "not ended"),
        ({"state": 6, "version": None, "desired": "x"}, "means one thing"),
        ({"state": 5, "version": None, "desired": ""}, "not ended"),
        ({"state": 11}, "cancelled"),
        ({"state": -1}, "does not know"),
    ],
    ids=str,
)
def test_the_number_of_a_state_is_decided_by_what_stands_beside_it(
    harvest: Any, made: Json, outcome: str
) -> None:
    said, found = harvest({"Job": job(), "Executions": [execution(**made)]})
    if outcome == "claim":
        assert (len(found), reasons(said)) == (1, [])
    else:
        assert found == []
        assert outcome in reasons(said)[0]


def test_v1_1_0_is_known_by_its_spelling(harvest: Any) -> None:
    said = execution(state=7, desired="", version=None)
    said["RunOutput"] = {
        "stdout": "hello\n", "stdouttruncated": False, "stderr": "",
        "stderrtruncated": False, "exitCode": 0, "runnerError": "",
    }  # fmt: skip
    _, (claim,) = harvest({"Executions": [said]}, {"Job": job()})
    assert claim.result == Result({}, exit=0).cid


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("execution timed out after 30s", "time-out"),
        ("context deadline exceeded", "time-out"),
        ("wasm error: unreachable\nwasm stack trace:", "trap"),
        ("failed to load entry module /a: Name section not found", "not-started"),
        ("container was killed: out of memory", "limit"),
        ("something", "other"),
        ("", "other"),
    ],
)
def test_a_run_that_failed_is_claimed_as_a_failure(
    harvest: Any, message: str, kind: str
) -> None:
    failed = execution(
        state=10, desired="execution failed", message=message, stdout="", exit_code=0
    )
    _, (claim,) = harvest({"Job": job(), "Executions": [failed]})
    assert claim.result is None
    assert claim.failure is not None
    assert (claim.failure.kind, claim.failure.message) == (kind, message or None)


def test_an_error_of_the_run_beside_completed_is_a_failure(harvest: Any) -> None:
    _, (claim,) = harvest(
        {"Job": job(), "Executions": [execution(error="x" * 9000 + "\0")]}
    )
    assert claim.failure is not None
    assert claim.failure.message == "x" * 4096


def test_minus_one_is_0_of_wasm_and_nothing_of_docker(harvest: Any) -> None:
    _, (claim,) = harvest(
        {"Job": job(wasm=MODULE), "Executions": [execution(exit_code=-1)]}
    )
    assert claim.result == Result({}, exit=0).cid
    assert claim.native["exit_code"] == "-1"
    said, _ = harvest({"Job": job(), "Executions": [execution("e-2", exit_code=-1)]})
    assert "no exit status" in reasons(said)[0]


def test_a_status_that_is_not_0_is_a_result(harvest: Any) -> None:
    _, (claim,) = harvest({"Job": job(), "Executions": [execution(exit_code=3)]})
    assert claim.result == Result({}, exit=3).cid


@pytest.mark.parametrize(
    "said",
    [{}, {"truncated": True}, {"stdout": "caf\ufffd"}],
    ids=["said to be whole", "cut", "not text"],
)
def test_stdout_of_an_answer_is_no_output(harvest: Any, said: Json) -> None:
    """A node of v1.9 said `truncated: false` of the first line of five."""
    _, (claim,) = harvest({"Job": job(), "Executions": [execution(**said)]})
    assert claim.result == Result({}, exit=0).cid


def test_a_published_folder_that_nobody_opened_is_named_and_hinted(
    harvest: Any,
) -> None:
    spec = {"Type": "ipfs", "Params": {"CID": FOLDER}}
    _, (claim,) = harvest({"Job": job(), "Executions": [execution(published=spec)]})
    assert claim.result == Result({"": CID.parse(FOLDER)}, exit=0).cid
    assert claim.at == (f"ipfs://{FOLDER}",)
    assert json.loads(claim.native["published"]) == {"cid": FOLDER, "type": "ipfs"}


@pytest.mark.parametrize(
    ("spec", "at"),
    [
        ({"Type": "urlDownload", "Params": {"URL": "http://n/e.tar.gz"}},
         ("http://n/e.tar.gz",)),
        ({"Type": "s3", "Params": {"Bucket": "b", "Key": "k/ü.tar.gz"}},
         ("s3://b/k/%C3%BC.tar.gz",)),
        ({"Type": "s3PreSigned", "Params": {
            "PreSignedURL": "https://b/k?X-Amz-Signature=s"}}, ()),
        ({"Type": "urlDownload", "Params": {"URL": "https://b/k?X-Amz-Signature=s"}},
         ()),
        ({"Type": "urlDownload", "Params": {"URL": "https://me:secret@b/k"}}, ()),
        (
            {"Type": "urlDownload", "Params": {"URL": "http://127.0.0.1:6001/e.tar.gz"}},
            (),
        ),
        ({"Type": "ipfs", "Params": {"CID": "no"}}, ("ipfs://no",)),
    ],
)  # fmt: skip
def test_hints_hold_no_secret(harvest: Any, spec: Json, at: tuple[str, ...]) -> None:
    _, (claim,) = harvest({"Job": job(), "Executions": [execution(published=spec)]})
    assert claim.at == at
    assert "s3PreSigned" not in str(claim.at)
    assert "Signature=s" not in str(claim.native)


def test_the_version_of_the_job_that_ran_is_claimed(harvest: Any) -> None:
    first, second = job(version=1), job(version=2, args=("bye",))
    runs = [execution("e-1", version=1), execution("e-2", version=2)]
    said, found = harvest({"Items": [first, second]}, {"Items": runs})
    assert [claim.invocation for claim in found] == [
        *invocations(first), *invocations(second),
    ]  # fmt: skip
    said, found = harvest({"Items": [second]}, {"Items": [execution("e-3", version=1)]})
    assert len(found) == 2
    assert "job_version=1" in reasons(said)[0]


def test_versions_that_nothing_tells_apart_give_no_claim(harvest: Any) -> None:
    said, found = harvest(
        {"Items": [job(version=1), job(version=2)]},
        {"Items": [execution(state=7, version=None)]},
    )
    assert found == []
    assert "2 versions" in reasons(said)[0]


@pytest.mark.parametrize("new", [True, False], ids=["versions", "none"])
def test_jobs_that_contradict_each_other_give_no_claim(harvest: Any, new: bool) -> None:
    one, other = job(), job(args=("bye",))
    again = {**job(), "State": {"StateType": 3}, "Labels": {"later": "1"}}
    jobs = [one, other, again]
    if not new:
        jobs = [{k: v for k, v in each.items() if k != "Version"} for each in jobs]
    said, found = harvest({"Items": jobs}, {"Items": [execution(new=new)]})
    assert found == []
    assert "#/Items/2 and 0.json#/Items/1 contradict" in reasons(said)[0]
    _, found = harvest({"Items": jobs[::2]}, {"Items": [execution(new=new)]})
    assert [claim.invocation for claim in found] == invocations(one)


def test_an_execution_of_no_job_is_not_of_a_job_without_an_id(harvest: Any) -> None:
    nameless = job()
    del nameless["ID"]
    said, found = harvest({"Items": [nameless, execution(job_id="")]})
    assert found == []
    assert "which job it ran" in reasons(said)[0]


def test_partitions_are_told_apart_by_their_index(harvest: Any) -> None:
    three = job(count=3)
    runs = [execution(f"e-{i}", partition=i) for i in (2, 0, 1)]
    said, found = harvest({"Job": three, "Executions": runs})
    assert [claim.invocation for claim in found] == invocations(three)
    assert len(set(invocations(three))) == 3
    said, _ = harvest({"Job": three, "Executions": [execution("e-9", partition=3)]})
    assert "partition 3 of a job with 3" in reasons(said)[0]


def test_before_partitions_a_count_made_copies_of_one_run(harvest: Any) -> None:
    runs = [execution(f"e-{i}", new=False) for i in range(3)]
    _, found = harvest({"Job": job(count=3), "Executions": runs})
    assert [claim.invocation for claim in found] == invocations(job()) * 3


def test_whether_it_was_a_copy_or_a_partition_is_not_guessed(harvest: Any) -> None:
    run = execution(version=None)
    said, found = harvest({"Job": job(count=3), "Executions": [run]})
    assert found == []
    assert "a copy of the job" in reasons(said)[0]
    other = execution("e-2", version=None, partition=1)
    _, found = harvest({"Job": job(count=3), "Executions": [run, other]})
    assert [claim.invocation for claim in found] == invocations(job(count=3))[:2]


def test_v1beta_is_read_and_its_stdout_is_not_believed(harvest: Any) -> None:
    said, found = harvest(v1beta("Completed", "Cancelled", "Failed", "BidAccepted"))
    completed, failed = found
    assert completed.result == Result({"": CID.parse(FOLDER)}, exit=0).cid
    assert (completed.started, completed.finished) == (1_672_628_645, 1_672_628_649)
    assert failed.failure is not None
    assert failed.failure.message == "words"
    assert [reason.partition(" (")[0][:12] for reason in reasons(said)] == [
        "it was cance", "it has not e",
    ]  # fmt: skip
    document = v1beta()["Job"]
    assert [completed.invocation] == invocations(document)
    listed, _ = harvest({"jobs": [v1beta("Completed")]})
    assert listed["known"] == 1


def test_executions_of_v1beta_without_a_name_on_one_node_are_several(
    harvest: Any,
) -> None:
    described = v1beta("Failed", "Completed", "Completed")
    states = described["State"]["Executions"]
    for state in states:
        state["ComputeReference"] = ""
        state["NodeId"] = "n-1"
    states[2]["NodeId"] = "n-2"
    _, found = harvest(described)
    names = [claim.native["execution"] for claim in found]
    id_ = found[0].job
    assert names == [f"{id_}/n-1", f"{id_}/n-1/2", f"{id_}/n-2"]
    assert [claim.failure is None for claim in found] == [False, True, True]
    # The same runs in a later answer, of which one more was made meanwhile.
    states.append({**states[0], "State": "Completed"})
    said, _ = harvest(described)
    assert (said["known"], [item["item"] for item in said["claimed"]]) == (
        3,
        [f"{id_}/n-1/3"],
    )


def test_a_job_that_is_not_canonical_says_what_would_settle_it(
    harvest: Any, tmp_path: Path
) -> None:
    answer = {"Job": job(image="ubuntu:24.04"), "Executions": [execution()]}
    said, found = harvest(answer, more=("--settle", "s.json"))
    assert found == []
    assert reasons(said)[0].startswith("unresolved: /Tasks/0/Engine/Params/Image")
    missing = json.loads((tmp_path / "s.json").read_text())
    assert list(missing) == ["oci:docker.io/library/ubuntu:24.04"]
    filled = dict.fromkeys(missing, "sha256:" + "ab" * 32)
    (tmp_path / "r.json").write_text(json.dumps(filled))
    said, (claim,) = harvest(answer, more=("--resolutions", "r.json"))
    assert dict(claim.resolutions) == filled
    assert [claim.invocation] == invocations(job(image=IMAGE))


def test_an_impure_or_refused_job_gives_no_claim(harvest: Any) -> None:
    impure = job()
    impure["Tasks"][0]["Network"] = {"Type": "Full"}
    refused = job("j-2")
    refused["Tasks"][0]["Engine"]["Type"] = "flibble"
    said, found = harvest(
        {"Items": [impure, refused]},
        {"Items": [execution(), execution("e-2", "j-2")]},
    )
    assert found == []
    assert reasons(said)[0].startswith("impure")
    assert reasons(said)[1].startswith("its job is refused")


def test_what_is_missing_is_said(harvest: Any) -> None:
    said, found = harvest(
        {"Items": [job("j-1")], "NextToken": "abc"},
        {"Executions": [execution("e-1", "j-9")]},
        {"Results": [{"Type": "s3", "Params": {"Bucket": "b"}}]},
        {"Items": [{"Type": "JobLevel", "Event": {}}]},
    )
    assert found == []
    assert [reason[:24] for reason in reasons(said)] == [
        "goes on on another page;",
        "what /results answers na",
        "holds what is neither a ",
        "job j-9 is in no answer;",
        "a job without its execut",
    ]
    assert said["code"] == 0


def test_a_page_that_goes_on_among_the_files_is_no_matter(harvest: Any) -> None:
    first = {"Items": [job("j-1")], "NextToken": "2"}
    last = {"Items": [job("j-2")], "NextToken": ""}
    runs = [
        {"Items": [execution("e-1", "j-1")], "NextToken": "2"},
        {"Items": [execution("e-2", "j-1")], "NextToken": "3"},
        {"Items": [execution("e-3", "j-1")]},
    ]
    other = {"Items": [execution("e-4", "j-2")]}
    said, found = harvest(last, runs[2], first, runs[0], other, runs[1])
    assert (len(found), reasons(said)) == (4, [])


def test_a_page_that_goes_on_elsewhere_is_named(harvest: Any) -> None:
    first = {"Items": [job("j-1")], "NextToken": "2"}
    second = {"Items": [job("j-2")], "NextToken": "3"}
    described = {"Job": job("j-3"), "Executions": {"Items": [execution("e-3", "j-3")]}}
    said, _ = harvest(
        first,
        second,
        {"Items": [execution("e-1", "j-1")], "NextToken": "more"},
        {"Items": [execution("e-2", "j-2")]},
        described,
    )
    assert [
        (item["at"], item["reason"].split("=")[1]) for item in said["unclaimed"]
    ] == [
        ("1.json", "3 gives too"),
        ("2.json", "more gives too"),
    ]


def test_a_completed_run_that_says_nothing_gives_no_claim(harvest: Any) -> None:
    silent = execution()
    silent["RunOutput"] = None
    said, found = harvest({"Job": job(), "Executions": [silent]})
    assert found == []
    assert "says nothing of its result" in reasons(said)[0]


@pytest.mark.parametrize("form", ["folder", "tar.gz", "car"])
def test_a_folder_of_results_tells_more_than_the_answer(
    harvest: Any, tmp_path: Path, form: str
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    files = {"stdout": b"hello\n", "exitCode": b"0", "outputs/a.csv": b"1\n"}
    blocks: Blocks = {}
    files |= {"outputs/deep/ü": b"u", "stderr": b""}
    root = published(blocks, files)
    if form == "folder":
        for name, data in files.items():
            (results / "e-1" / name).parent.mkdir(parents=True, exist_ok=True)
            (results / "e-1" / name).write_bytes(data)
    elif form == "car":
        written(results / f"{root}.car", root, blocks)
    else:
        pack(results / "e-1.tar.gz", files)
    spec = {"Type": "ipfs", "Params": {"CID": str(root)}}
    _, (claim,) = harvest(
        {"Job": job(), "Executions": [execution(published=spec, stdout="hello\n")]},
        more=("--results", "results"),
    )
    outputs = {"stdout": HELLO, "/outputs/a.csv": CID.of_bytes(b"1\n")}
    outputs["/outputs/deep/ü"] = CID.of_bytes(b"u")
    assert claim.result == Result(outputs, exit=0).cid


def pack(path: Path, files: dict[str, bytes]) -> Path:
    def add(tar: tarfile.TarFile) -> None:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

    return tar_gz(path, add)


URL = {"Type": "urlDownload", "Params": {"URL": "http://127.0.0.1:6001/e-1.tar.gz"}}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (None, "results are not in"),
        ({"stdout": b"hello\n", "exitCode": b"4"}, "another exit"),
        ({"../stdout": b"hello\n"}, "leads out"),
        ({"exitCode": b"zero"}, "no exit status"),
    ],
    ids=["collected", "exit", "hostile", "no number"],
)
def test_a_folder_that_is_missing_or_contradicts_gives_no_claim(
    harvest: Any, tmp_path: Path, files: dict[str, bytes] | None, says: str
) -> None:
    (tmp_path / "results").mkdir()
    if files is not None:
        pack(tmp_path / "results" / "e-1.tar.gz", files)
    said, found = harvest(
        {"Job": job(), "Executions": [execution(published=URL)]},
        more=("--results", "results"),
    )
    assert found == []
    assert says in reasons(said)[0]


def test_a_car_that_is_not_what_was_published_gives_no_claim(
    harvest: Any, tmp_path: Path
) -> None:
    (tmp_path / "results").mkdir()
    blocks: Blocks = {}
    root = published(blocks)
    spec = {"Type": "ipfs", "Params": {"CID": FOLDER}}
    written(tmp_path / "results" / "e-1.car", root, blocks)
    said, found = harvest(
        {"Job": job(), "Executions": [execution(published=spec)]},
        more=("--results", "results"),
    )
    assert found == []
    assert f"holds {root}" in reasons(said)[0]


def test_no_name_in_an_answer_leads_out_of_the_folder(
    harvest: Any, tmp_path: Path
) -> None:
    (tmp_path / "results").mkdir()
    pack(tmp_path / "secret.tar.gz", {"stdout": b"hello\n"})
    said, found = harvest(
        {"Job": job(), "Executions": [execution("../secret", published=URL)]},
        more=("--results", "results"),
    )
    assert found == []
    assert "results are not in" in reasons(said)[0]


def test_a_run_is_claimed_once_though_it_is_saved_twice(harvest: Any) -> None:
    answer = {"Job": job(), "Executions": [execution()]}
    running = {"Items": [execution(state=6)]}
    said, found = harvest(running, answer, answer)
    assert (len(found), said["read"]) == (1, 1)
    said, found = harvest(answer)
    assert (len(found), said["known"]) == (1, 1)


@pytest.mark.parametrize("last", [0, 1])
def test_of_one_revision_that_which_has_ended_is_claimed(
    harvest: Any, last: int
) -> None:
    running, ended = v1beta("Running"), v1beta("Completed")
    saved = [ended, running] if last else [running, ended]
    said, found = harvest(*saved)
    assert (len(found), said["read"]) == (1, 1)


@pytest.mark.parametrize(
    "text",
    ["", "[1", "no: [", "7", '{"Job": {"Tasks": [], "tasks": []}}',
     '{"Items": [{"ComputeState": 7}]}',
     '{"Items": [{"ComputeState": {"StateType": [7]}}]}',
     '{"Items": [{"ComputeState": {"StateType": 9}, "JobVersion": "1"}]}',
     "\ud800".encode("utf-16", "surrogatepass").hex()],
)  # fmt: skip
def test_what_is_no_answer_is_refused(octostore: Command, text: str) -> None:
    octostore("key", "new", "me.key")
    Path("a.json").write_text(text)
    said = octostore("harvest", "bacalhau", "a.json", "--key", "me.key")
    assert said.code == 2
    assert len(said.err.splitlines()) == 1


def test_an_answer_has_a_largest_size() -> None:
    text = b'{"Items": []' + b" " * (ANSWER_BYTES_MAX - 13) + b"}"
    assert read(text, "a").jobs == []
    with pytest.raises(DocumentError, match="at most"):
        read(text + b" ", "a")


@pytest.mark.parametrize("name", ["", "Expanso", "a:b"])
def test_an_instance_is_a_part_of_a_networks_name(
    octostore: Command, name: str
) -> None:
    octostore("key", "new", "me.key")
    said = octostore("harvest", "bacalhau", "x", "--key", "me.key", "--instance", name)
    assert said.code == 2


def test_claims_name_the_instance(harvest: Any) -> None:
    answer = {"Job": job(), "Executions": [execution()]}
    _, (claim,) = harvest(answer, more=("--instance", "expanso"))
    assert claim.network == "bacalhau:expanso"


@pytest.mark.slow
def test_ten_thousand_executions_of_one_job(harvest: Any, tmp_path: Path) -> None:
    runs = [execution(f"e-{index:05}", job=job()) for index in range(10_000)]
    start = time.monotonic()
    said, _ = harvest({"Items": runs})
    took = time.monotonic() - start
    assert (said["read"], len(said["claimed"])) == (10_000, 10_000)
    assert said["delivered"] == 10
    assert took < 120
    data = json.dumps({"Items": runs}).encode()
    tracemalloc.start()
    assert len(bacalhau_answers.read(data, "a").executions) == 10_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * len(data)


@pytest.mark.slow
def test_jobs_of_one_id_that_differ_are_not_taken_for_one_another(
    harvest: Any,
) -> None:
    jobs = [job(args=(str(index % 3),)) for index in range(600)]
    runs = [execution(f"e-{index:03}", job=item) for index, item in enumerate(jobs)]
    start = time.monotonic()
    _, found = harvest({"Items": runs})
    assert [claim.invocation for claim in found] == [
        *(invocations(jobs[0]) + invocations(jobs[1]) + invocations(jobs[2])) * 200
    ]
    assert time.monotonic() - start < 60


def test_answers_that_others_saved(octostore: Command, shared_fixtures: Path) -> None:
    octostore("key", "new", "me.key")
    api = shared_fixtures / "bacalhau" / "api"
    described = sorted((shared_fixtures / "bacalhau" / "v1alpha1-describe").iterdir())
    said = octostore(
        *("harvest", "bacalhau", *sorted(api.iterdir()), *described),
        *("--key", "me.key", "--json"),
    )
    found = json.loads(said.out)
    assert found["claimed"] == []
    states = [item["reason"] for item in found["unclaimed"]]
    assert sum("it was cancelled" in reason for reason in states) == 14
    # A URL that gives another picture each time, and an image by its tag.
    assert sum(reason.startswith("unresolved") for reason in states) == 4
    assert len(found["settle"]) == 2
    assert sum("is in no answer" in reason for reason in states) == 3


def test_a_described_job_of_others_is_claimed_once_it_is_settled(
    octostore: Command, shared_fixtures: Path, tmp_path: Path
) -> None:
    octostore("key", "new", "me.key")
    described = sorted((shared_fixtures / "bacalhau" / "v1alpha1-describe").iterdir())
    settled = {
        "oci:docker.io/bacalhauproject/uploader:v0.9.14": {
            "digest": "sha256:" + "cd" * 32, "entrypoint": ["/up"], "cmd": [],
        },
        "https://picsum.photos/500/500/": {
            "cid": str(leaf({}, b"picture")), "name": "500",
        },
    }  # fmt: skip
    (tmp_path / "r.json").write_text(json.dumps(settled))
    said = octostore(
        *("harvest", "bacalhau", *described, "--key", "me.key", "--json"),
        *("--resolutions", "r.json", "--out", "out"),
    )
    found = claims(tmp_path / "out")
    assert len(json.loads(said.out)["claimed"]) == 4
    # One invocation by what was settled, and four folders: that is what it shows.
    assert len({claim.invocation for claim in found}) == 1
    assert len({claim.result for claim in found}) == 4
    assert all(claim.executor and claim.executor.startswith("Qm") for claim in found)
