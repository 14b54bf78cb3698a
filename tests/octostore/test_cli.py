"""The command line as its users meet it: in-process, on real files and stores."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import typer

import invocation_spec
import octostore as the_package
from invocation_spec.errors import OctostoreError
from octostore.cli import VERBS
from octostore.cli.rim import exit_code
from octostore.cli.verbs import loaded
from tests.modules import import_all
from tests.octostore.said import Command, Said

EXAMPLES = Path(__file__).parents[2] / "examples"
KEPLER = EXAMPLES / "kepler"
JOB = str(KEPLER / "bacalhau-job.yaml")
TASK = str(KEPLER / "ucan-task.json")
BUNDLE = str(KEPLER / "golem-bundle.json")
RESOLUTIONS = str(KEPLER / "resolutions.json")
INVOCATION = "bafyreiavh5egdrtu4ihta6shtjd4bgbakx7bl22eclgogdoodty3vmwxzq"
CODE = "bafkreidsbrhyps2mrugcfzljqozpb3w6xhi6vaplr3svvxx5qwhn5ihz5a"
LONG = "x" * 300
DATA = "bafkreiglpv35tswhlncvsqft23yewm3i4vbom2buicxshvwbm2w5ofwium"


@pytest.fixture
def key(octostore: Command) -> str:
    assert octostore("key", "new", "me.key").code == 0
    return "me.key"


@pytest.fixture
def results(octostore: Command) -> str:
    assert octostore("run", JOB, "--files", KEPLER, "--out", "results").code == 0
    return "results"


def test_three_networks_give_one_invocation(octostore: Command) -> None:
    for spec, extra in (
        (JOB, ()),
        (TASK, ()),
        (BUNDLE, ("--resolutions", RESOLUTIONS)),
    ):
        said = octostore("canonicalize", spec, *extra, "--json")
        assert said.code == 0
        assert said.json["invocation"] == INVOCATION


def test_a_bundle_may_name_its_input_bytes_by_path(
    octostore: Command, tmp_path: Path
) -> None:
    bundle = json.loads(Path(BUNDLE).read_text())
    (tmp_path / "planets.csv").write_bytes((KEPLER / "planets.csv").read_bytes())
    bundle["inputs"] = {url: {"path": "planets.csv"} for url in bundle["inputs"]}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    arguments = ("canonicalize", "bundle.json", "--resolutions", RESOLUTIONS, "--json")
    assert octostore(*arguments).json["invocation"] == INVOCATION


@pytest.mark.parametrize("path", ["../x", "/etc/hostname", "missing", 1])
def test_a_path_in_a_bundle_stays_in_its_folder(
    octostore: Command, tmp_path: Path, path: object
) -> None:
    bundle = json.loads(Path(BUNDLE).read_text())
    bundle["inputs"] = {url: {"path": path} for url in bundle["inputs"]}
    (tmp_path / "x").write_text("x")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "bundle.json").write_text(json.dumps(bundle))
    assert octostore("canonicalize", "inner/bundle.json").code == 2


def test_canonicalize_writes_blocks_that_hash_to_their_names(
    octostore: Command, tmp_path: Path
) -> None:
    from invocation_spec import CID

    assert octostore("canonicalize", JOB, "--out", "blocks").code == 0
    files = list((tmp_path / "blocks").iterdir())
    assert len(files) == 3
    for file in files:
        assert str(CID.of_block(file.read_bytes())) == file.name.split(".")[0]


def test_an_unresolved_spec_exits_3_and_says_how_to_settle_it(
    octostore: Command,
) -> None:
    said = octostore("canonicalize", EXAMPLES / "unpinned.yaml")
    assert said.code == 3
    assert "ubuntu:latest is a tag, not a digest" in said.out
    assert '"oci:docker.io/library/ubuntu:latest": "sha256:' in said.out


def test_an_impure_spec_exits_4(octostore: Command, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(
        Path(JOB).read_text().replace("Type: None", "Type: Full")
    )
    said = octostore("canonicalize", "job.yaml", "--json")
    assert said.code == 4
    assert said.json["outcome"] == "impure"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b"[" * 100_000, "nested deeper"),
        (b"\xff\xfe", "byte order mark"),
        (b"", "empty"),
        (b"hello", "of no form"),
        (b"{", "not JSON"),
    ],
)
def test_a_refused_document_exits_2_in_one_line_that_names_the_file(
    octostore: Command, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "spec").write_bytes(content)
    said = octostore("canonicalize", "spec", "--json")
    assert said.code == 2
    assert said.json["outcome"] == "refused"
    assert said.json["error"] == "document"
    assert len(said.err.splitlines()) == 1
    assert words in said.err
    assert "spec" in said.err


def test_a_spec_of_100_megabytes_is_refused_unread(
    octostore: Command, tmp_path: Path
) -> None:
    with (tmp_path / "big").open("wb") as stream:
        stream.truncate(100 << 20)
    said = octostore("canonicalize", "big")
    assert said.code == 2
    assert "more than 16777216 bytes" in said.err


def test_cid_of_a_file_and_of_a_folder(octostore: Command) -> None:
    assert octostore("cid", KEPLER / "planets.csv").out.strip() == DATA
    found = octostore("cid", KEPLER, "--json").json
    assert found[str(KEPLER / "kepler.wasm")] == CODE


def test_a_run_gives_the_same_result_each_time(octostore: Command) -> None:
    first = octostore("run", TASK, "--files", KEPLER, "--json")
    second = octostore("run", JOB, "--files", KEPLER, "--json")
    assert first.code == second.code == 0
    assert first.json["result"] == second.json["result"]
    assert first.json["exit"] == 0


def test_a_run_without_its_bytes_exits_6_and_names_them(octostore: Command) -> None:
    said = octostore("run", TASK)
    assert said.code == 6
    assert CODE in said.err


def test_a_run_finds_its_bytes_in_the_store(octostore: Command) -> None:
    assert octostore("cid", "--keep", KEPLER / "kepler.wasm").code == 0
    assert octostore("cid", "--keep", KEPLER / "planets.csv").code == 0
    assert octostore("run", TASK).code == 0


def test_a_run_that_fails_exits_1(octostore: Command) -> None:
    said = octostore("run", TASK, "--files", KEPLER, "--fuel", "1000", "--json")
    assert said.code == 1
    assert said.json["failure"] == {"kind": "limit", "message": _failure(said)}


def _failure(said: Said) -> str:
    failure = said.json["failure"]
    assert isinstance(failure, dict)
    return str(failure["message"])


def test_results_are_never_mixed_into_a_folder_that_is_not_empty(
    octostore: Command, results: str
) -> None:
    said = octostore("run", JOB, "--files", KEPLER, "--out", results)
    assert said.code == 2
    assert "not empty" in said.err


@pytest.mark.parametrize(
    "question",
    [
        (CODE, DATA),
        (str(KEPLER / "kepler.wasm"), str(KEPLER / "planets.csv")),
        (INVOCATION,),
        (JOB,),
        (TASK,),
        (BUNDLE, "--resolutions", RESOLUTIONS),
    ],
    ids=["raw", "paths", "invocation", "job", "task", "bundle"],
)
def test_who_finds_a_claim_by_every_name_of_its_invocation(
    octostore: Command, key: str, results: str, question: Sequence[str]
) -> None:
    claimed = octostore(
        "claim", JOB, "--network", "golem", "--results", results, "--key", key
    )
    assert claimed.code == 0
    said = octostore("who", *question, "--json")
    assert said.code == 0
    invocations = said.json["invocations"]
    assert isinstance(invocations, list)
    assert [item["invocation"] for item in invocations] == [INVOCATION]
    assert [item["network"] for item in invocations[0]["claims"]] == ["golem"]


def test_who_by_program_and_input_block(
    octostore: Command, key: str, results: str
) -> None:
    octostore("claim", JOB, "--network", "golem", "--results", results, "--key", key)
    outcome = octostore("canonicalize", JOB, "--json").json
    said = octostore("who", str(outcome["program"]), str(outcome["input"]), "--json")
    invocations = said.json["invocations"]
    assert isinstance(invocations, list)
    assert [item["invocation"] for item in invocations] == [INVOCATION]


def test_an_empty_answer_is_done(octostore: Command, key: str) -> None:
    octostore("profile", "--name", "N", "--key", key)
    said = octostore("who", CODE, DATA)
    assert said.code == 0
    assert "no claims" in said.out


def test_a_conflict_is_marked_per_output(
    octostore: Command, key: str, results: str, tmp_path: Path
) -> None:
    octostore("claim", JOB, "--network", "golem", "--results", results, "--key", key)
    (tmp_path / "other").write_text("other")
    (tmp_path / "results" / "outputs" / "residuals.csv").rename(tmp_path / "same.csv")
    octostore("key", "new", "other.key")
    said = octostore(
        "claim", JOB, "--network", "bacalhau", "--key", "other.key",
        "--output", "stdout=other", "--output", "/outputs/residuals.csv=same.csv",
    )  # fmt: skip
    assert said.code == 0
    table = octostore("who", JOB).out
    assert "stdout   CONFLICT" in table
    assert "/outputs/residuals.csv\n" in table
    assert "R2" in table


def test_a_claim_in_a_file_is_taken_in_elsewhere(
    octostore: Command, key: str, results: str
) -> None:
    said = octostore(
        "claim", TASK, "--network", "bacalhau", "--results", results, "--key", key,
        "--out", "a.car", "--json",
    )  # fmt: skip
    assert said.code == 0
    taken = octostore("ingest", "a.car", "--json")
    assert taken.code == 0
    assert taken.json["accepted"] == [said.json["statement"]]
    again = octostore("ingest", "a.car", "--json")
    assert again.json["known"] == [said.json["statement"]]


def test_a_claim_shows_what_it_publishes(
    octostore: Command, key: str, results: str
) -> None:
    said = octostore(
        "claim", JOB, "--network", "golem", "--results", results, "--key", key
    )
    assert "publishes" in said.out
    assert f"files: /inputs/planets.csv = {DATA}" in said.out


def test_a_secret_in_the_environment_is_not_published(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    task = json.loads(Path(TASK).read_text())
    task["inputs"]["env"] = {"AWS_SECRET_ACCESS_KEY": "abc"}
    (tmp_path / "task.json").write_text(json.dumps(task))
    arguments = ("claim", "task.json", "--network", "ipvm", "--exit", "0", "--key", key)
    said = octostore(*arguments)
    assert said.code == 2
    assert "AWS_SECRET_ACCESS_KEY" in said.err
    withheld = octostore(*arguments, "--withhold", "input", "--json")
    assert withheld.code == 0
    assert octostore(*arguments, "--publish-credentials").code == 0


def test_an_unresolved_spec_cannot_be_claimed(octostore: Command, key: str) -> None:
    said = octostore(
        "claim", EXAMPLES / "unpinned.yaml", "--network", "golem", "--exit", "0",
        "--key", key, "--json",
    )  # fmt: skip
    assert said.code == 3
    assert said.json["outcome"] == "unresolved"


def test_a_failure_is_claimed_and_contradicts_nothing(
    octostore: Command, key: str, results: str
) -> None:
    octostore("claim", JOB, "--network", "golem", "--results", results, "--key", key)
    said = octostore(
        "claim", JOB, "--network", "golem", "--key", key, "--failure", "time-out: slow"
    )
    assert said.code == 0
    table = octostore("who", JOB).out
    assert "CONFLICT" not in table
    assert "time-out" in table


def test_a_claim_to_a_dead_server_is_kept_for_later(
    octostore: Command, key: str
) -> None:
    said = octostore(
        "claim", JOB, "--network", "golem", "--exit", "0", "--key", key,
        "--server", "http://127.0.0.1:9",
    )  # fmt: skip
    assert said.code == 7
    assert "octostore ingest me.key.0.car" in said.err
    assert octostore("ingest", "me.key.0.car").code == 0


def test_a_claim_into_a_locked_store_is_not_signed(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    from octostore.store import Octostore

    with Octostore.open(tmp_path / "store"):
        said = octostore(
            "claim", JOB, "--network", "golem", "--exit", "0", "--key", key
        )
    assert said.code == 7
    assert not (tmp_path / "me.key.state").exists()


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda data: data[:-20], "malformed"),
        (lambda data: data + b"\x05xx", "malformed"),
        (lambda data: data[:150] + bytes([data[150] ^ 1]) + data[151:], "quarantined"),
    ],
    ids=["truncated", "trailing", "flipped"],
)
def test_a_damaged_car_exits_5_and_leaves_the_store_as_it_was(
    octostore: Command,
    key: str,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    word: str,
) -> None:
    octostore(
        "claim", JOB, "--network", "golem", "--exit", "0", "--key", key, "-o", "a.car"
    )
    octostore("profile", "--name", "somebody else", "--key", key)
    before = octostore("who", JOB, "--json").json
    data = (tmp_path / "a.car").read_bytes()
    (tmp_path / "bad.car").write_bytes(damage(data))
    said = octostore("ingest", "bad.car", "--json")
    assert said.code == 5
    assert said.json[word]
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("octostore: bad.car: ")
    if not said.json["accepted"]:
        assert octostore("who", JOB, "--json").json == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("who",),
        ("who", "nonsense"),
        ("who", "nonsense", "nonsense"),
        ("who", JOB, "--limit", "0"),
        ("cid", "nowhere"),
        ("canonicalize", "nowhere"),
        ("canonicalize", JOB, "--from", "golem"),
        ("canonicalize", JOB, "--from", "marsnet"),
        ("canonicalize", JOB, "--resolutions", TASK),
        ("claim", JOB, "--network", "Go lem", "--exit", "0", "--key", "me.key"),
        ("claim", JOB, "--network", "golem", "--key", "me.key"),
        ("claim", JOB, "--network", "golem", "--exit", "0", "--key", "nokey"),
        ("claim", JOB, "--network", "g", "--failure", "gone", "--key", "me.key"),
        ("claim", JOB, "--network", "g", "--output", "stdout", "--key", "me.key"),
        ("claim", JOB, "--network", "g", "--output", "a=nofile", "--key", "me.key"),
        (
            "claim",
            JOB,
            "--network",
            "g",
            "--exit",
            "0",
            "--withhold",
            "x",
            "--key",
            "k",
        ),
        ("ingest", "nowhere"),
        ("key", "new", "me.key"),
        ("key", "show", JOB),
        ("run", JOB, "--task", "3", "--files", str(KEPLER)),
    ],
    ids=lambda arguments: " ".join(Path(item).name for item in arguments[:5]),
)
def test_bad_usage_exits_2_in_one_line(
    octostore: Command, key: str, arguments: Sequence[str]
) -> None:
    said = octostore(*arguments)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("octostore: ")
    as_json = octostore(*arguments, "--json")
    assert as_json.code == 2
    assert as_json.json["reason"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("who", LONG),
        ("who", LONG, LONG),
        ("cid", LONG),
        ("claim", JOB, "--network", "g", "--key", "me.key", "--results", LONG),
        ("claim", JOB, "--network", "g", "--key", "me.key", "--output", f"/a={LONG}"),
        ("claim", JOB, "--network", "g", "--key", "me.key", "--output", "/a=/dev/zero"),
        (
            "claim",
            JOB,
            "--network",
            "g",
            "--key",
            "me.key",
            "--output",
            "\udcff=me.key",
        ),
        ("run", JOB, "--files", LONG),
        ("run", JOB, "--files", "nowhere"),
        ("who", "/proc/self/mem", "/proc/self/mem"),
        ("ingest", "/proc/self/mem"),
    ],
    ids=lambda arguments: " ".join(Path(item).name[:12] for item in arguments),
)
def test_what_cannot_be_a_file_is_bad_usage(
    octostore: Command, key: str, arguments: Sequence[str]
) -> None:
    said = octostore(*arguments, "--json")
    assert said.code == 2
    assert said.json["reason"]
    assert len(said.err.splitlines()) == 1


def test_a_store_that_cannot_be_made_exits_7(octostore: Command, key: str) -> None:
    said = octostore(
        "claim", JOB, "--network", "golem", "--exit", "0", "--key", key,
        "--store", "/dev/null/store",
    )  # fmt: skip
    assert said.code == 7


def test_a_key_that_others_may_read_is_refused_with_the_mend(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    (tmp_path / key).chmod(0o644)
    said = octostore("key", "show", key)
    assert said.code == 2
    assert "chmod 600" in said.err


def test_key_files_and_their_state_are_private(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    octostore("profile", "--name", "N", "--key", key)
    for name in (key, f"{key}.state"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["1_0", "+1", "1 0", "", "9" * 20, "\x1b[31m"])
def test_an_exit_code_that_is_no_number_is_refused(
    octostore: Command, key: str, results: str, tmp_path: Path, text: str
) -> None:
    (tmp_path / results / "exitCode").write_text(text)
    arguments = ("claim", JOB, "--network", "g", "--results", results, "--key", key)
    said = octostore(*arguments)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("kind", ["link", "pipe", "bytes"])
def test_results_that_a_claim_cannot_name_are_refused_not_left_out(
    octostore: Command, key: str, results: str, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / results / "outputs"
    if kind == "link":
        (folder / "link").symlink_to("residuals.csv")
    elif kind == "pipe":
        os.mkfifo(folder / "pipe")
    else:
        (folder / os.fsdecode(b"\xff")).touch()
    arguments = ("claim", JOB, "--network", "g", "--key", key)
    for extra in (("--results", results), ("--output", f"/o={results}")):
        said = octostore(*arguments, *extra)
        assert said.code == 2
        assert len(said.err.splitlines()) == 1
    assert not (tmp_path / f"{key}.state").exists()


def test_too_many_files_are_bad_usage(
    octostore: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octostore.contents.FILES_MAX", 3)
    (tmp_path / "many").mkdir()
    for number in range(4):
        (tmp_path / "many" / str(number)).touch()
    said = octostore("cid", "many")
    assert said.code == 2
    assert "more than 3 files" in said.err


def test_a_claim_that_cannot_be_signed_leaves_no_file(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    (tmp_path / f"{key}.state").mkdir()
    arguments = ("claim", JOB, "--network", "g", "--exit", "0", "--key", key)
    said = octostore(*arguments, "--out", "a.car")
    assert said.code == 2
    assert not (tmp_path / "a.car").exists()


def test_what_names_hold_is_shown_and_not_obeyed(
    octostore: Command, key: str, results: str, tmp_path: Path
) -> None:
    (tmp_path / results / "outputs" / "a\n\x1b[31m\u202e").touch()
    arguments = ("claim", JOB, "--network", "g", "--results", results, "--key", key)
    said = octostore(*arguments)
    assert said.code == 0
    for text in (said.out, octostore("who", JOB).out):
        assert "/outputs/a\\n\\x1b[31m\\u202e" in text
        assert "\x1b" not in text


def test_two_claims_that_were_not_delivered_are_both_kept(
    octostore: Command, key: str, tmp_path: Path
) -> None:
    arguments = (
        "claim", JOB, "--network", "golem", "--exit", "0", "--key", key,
        "--server", "http://127.0.0.1:9",
    )  # fmt: skip
    octostore(*arguments)
    (tmp_path / f"{key}.state").unlink()
    octostore(*arguments)
    kept = sorted(tmp_path.glob("*.car"))
    assert len(kept) == 2
    taken = octostore("ingest", *kept, "--json")
    accepted = taken.json["accepted"]
    assert isinstance(accepted, list)
    assert len(accepted) == 2


def _claimed(octostore: Command, name: str | None, *more: str) -> str:
    """A claim on JOB by a new key, which may call itself something; its DID."""
    file = f"{name or 'nameless'}-{len(list(Path().iterdir()))}.key".replace(":", "")
    did = octostore("key", "new", file).out.strip()
    if name is not None:
        assert octostore("profile", "--name", name, "--key", file).code == 0
    arguments = ("claim", JOB, "--network", "golem", "--key", file, *more)
    assert octostore(*arguments).code == 0
    return did


def test_one_record_that_two_sign_shows_both(octostore: Command, results: str) -> None:
    dids = [_claimed(octostore, None, "--results", results) for _ in range(2)]
    table = octostore("who", JOB).out
    claims = _only(octostore("who", JOB, "--json").json)["claims"]
    assert isinstance(claims, list)
    assert {claim["issuer"] for claim in claims} == set(dids)
    assert len({claim["claim"] for claim in claims}) == 1
    for did in dids:
        assert table.count(did) == 2  # stdout and the file


def test_who_says_the_same_twice_stands_there_once(
    octostore: Command, key: str, results: str
) -> None:
    for _ in range(2):
        octostore(
            "claim", JOB, "--network", "golem", "--results", results, "--key", key
        )
    did = octostore("key", "show", key).out.strip()
    assert octostore("who", JOB).out.count(did) == 2  # stdout and the file
    claims = _only(octostore("who", JOB, "--json").json)["claims"]
    assert isinstance(claims, list)
    assert len(claims) == 2


def test_a_name_that_could_be_another_s_is_shown_with_the_did(
    octostore: Command,
) -> None:
    victim = _claimed(octostore, None, "--exit", "0")
    twins = [_claimed(octostore, "Bristol", "--exit", "0") for _ in range(2)]
    thief = _claimed(octostore, victim, "--output", f"/b={CODE}")
    table = octostore("who", JOB).out
    for name, did in (("Bristol", twins[0]), ("Bristol", twins[1]), (victim, thief)):
        assert f"{name}* {did}" in table
    outputs = _only(octostore("who", JOB, "--json").json)["outputs"]
    assert isinstance(outputs, dict)
    assert [value["groups"] for value in outputs["/b"]] == [[thief]]


def test_who_reports_nothing_but_an_exit_status_is_shown_too(
    octostore: Command, results: str
) -> None:
    _claimed(octostore, "Full", "--results", results)
    assert "exit status" not in octostore("who", JOB).out
    _claimed(octostore, "Brief", "--exit", "0")
    table = octostore("who", JOB).out
    assert "Brief*" in table
    assert "  exit status\n" in table


def _only(answer: dict[str, object]) -> dict[str, object]:
    invocations = answer["invocations"]
    assert isinstance(invocations, list)
    (found,) = invocations
    assert isinstance(found, dict)
    return found


def test_every_error_has_an_exit_code() -> None:
    import_all(invocation_spec, the_package)

    def leaves(kind: type[OctostoreError]) -> list[type[OctostoreError]]:
        below = [leaf for sub in kind.__subclasses__() for leaf in leaves(sub)]
        return below or [kind]

    for leaf in leaves(OctostoreError):
        if leaf.__module__.startswith(("octostore.", "invocation_spec.")):
            assert 2 <= exit_code(leaf("reason")) <= 7


def test_the_demo_tells_the_same_story_twice(octostore: Command) -> None:
    first, second = octostore("demo"), octostore("demo")
    assert first.code == 0
    assert first.out == second.out
    assert first.out.count(INVOCATION) == 4
    for words in ("University of Bristol*   golem", "Caltech*", "CONFLICT", "R2 = "):
        assert words in first.out
    assert "ubuntu:latest is a tag, not a digest" in first.out


def test_every_command_has_help_with_an_example(octostore: Command) -> None:
    for arguments in (["--help"], *([name, "--help"] for name in _verbs())):
        said = octostore(*arguments)
        assert said.code == 0
        assert (
            len(arguments) == 1
            or arguments[0] in _groups()
            or ("Example: octostore" in said.out)
        )


def test_help_says_each_command_whole(octostore: Command) -> None:
    groups = [[], *([name] for name in _verbs() if name in _groups())]
    for group in groups:
        said = octostore(*group, "--help").out
        assert "..." not in said.partition("Commands:")[2]
    shown = octostore("--help").out
    places = [shown.index(f"\n  {name} ") for name in ("demo", "key", "claim", "who")]
    assert places == sorted(places)


def _verbs() -> list[str]:
    return list(VERBS)


def _groups() -> list[str]:
    return [name for name, at in VERBS.items() if isinstance(loaded(at), typer.Typer)]
