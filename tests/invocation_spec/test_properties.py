"""What is identity changes the CID, what is not does not, and nothing crashes."""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import multiformats as reference
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from invocation_spec import (
    CID,
    DocumentError,
    Input,
    Invocation,
    Outcome,
    Resolutions,
    canonicalize,
)
from invocation_spec.dagcbor import encode
from invocation_spec.model import program_from_block

FOLDER = Path(__file__).parents[1] / "vectors" / "invocation"
VECTORS: list[dict[str, Any]] = [
    case
    for path in sorted(FOLDER.glob("*.json"))
    for case in json.loads(path.read_text())
]
V0 = "QmYtUc4iTCbbfVSDNKvtQqrfyezPPnFvE33wFmutw9PBBk"
IMAGE = "example/tool@sha256:" + "ab" * 32


def job() -> dict[str, Any]:
    """A job with every field that is identity."""
    return {
        "Type": "batch",
        "Tasks": [
            {
                "Engine": {
                    "Type": "docker",
                    "Params": {
                        "Image": IMAGE,
                        "Entrypoint": ["sh", "-c"],
                        "Parameters": ["true"],
                        "WorkingDirectory": "/work",
                        "EnvironmentVariables": ["B=2"],
                    },
                },
                "Env": {"A": "1"},
                "InputSources": [
                    {
                        "Target": "/in",
                        "Source": {"Type": "ipfs", "Params": {"CID": V0}},
                    },
                    {
                        "Target": "/a",
                        "Source": {"Type": "inline", "Params": {"URL": "data:,a"}},
                    },
                ],
                "Network": {"Type": "None"},
            }
        ],
    }


def task(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["Tasks"][0]
    return found


def params(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = task(document)["Engine"]["Params"]
    return found


def key(document: dict[str, Any] | bytes) -> Invocation:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    (outcome,) = canonicalize(data)
    assert outcome.invocation is not None, outcome.to_json()
    return outcome.invocation


BASE = key(job())


def shuffled(value: Any, random: Any) -> Any:
    if isinstance(value, dict):
        items = [(name, shuffled(item, random)) for name, item in value.items()]
        random.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [shuffled(item, random) for item in value]
    return value


def recased(value: Any, random: Any) -> Any:
    """Keys in other letters, but for those of the environment."""
    if isinstance(value, dict):
        return {
            (random.choice([name, name.lower(), name.upper()])): (
                item if name == "Env" else recased(item, random)
            )
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [recased(item, random) for item in value]
    return value


@given(st.randoms(use_true_random=False))
def test_order_and_case_of_keys_and_order_of_sources_are_no_identity(
    random: Any,
) -> None:
    document = shuffled(recased(job(), random), random)
    assert key(document) == BASE
    mixed = job()
    random.shuffle(task(mixed)["InputSources"])
    assert key(mixed) == BASE


@given(st.randoms(use_true_random=False), st.integers(0, 4), st.booleans())
def test_syntax_is_no_identity(random: Any, indent: int, flow: bool) -> None:
    document = shuffled(job(), random)
    assert key(json.dumps(document, indent=indent or None).encode()) == BASE
    text = yaml.safe_dump(document, default_flow_style=flow, sort_keys=False)
    if not text.startswith("{"):
        assert key(text.encode()) == BASE
    assert key(encode(document)) == BASE


@given(st.sampled_from(["base32", "base58btc", "base36", "base16", "base64url"]))
def test_the_spelling_of_a_cid_is_no_identity(base: str) -> None:
    document = job()
    cid = reference.CID(base, 1, "dag-pb", reference.CID.decode(V0).digest)
    for text in (
        str(cid),
        f"ipfs://{cid}",
        f"/ipfs/{cid}",
        f"https://ipfs.io/ipfs/{cid}",
    ):
        task(document)["InputSources"][0]["Source"]["Params"]["CID"] = text
        assert key(document) == BASE


EMPTY: st.SearchStrategy[Any] = st.sampled_from([None, "", [], {}])
TEXT = st.text(st.characters(codec="utf-8"), max_size=10)

#: Fields that are no identity: where they stand, and what may stand there.
FREE: list[tuple[Callable[[Any], Any], str, st.SearchStrategy[Any]]] = [
    (lambda document: document, "Name", TEXT),
    (lambda document: document, "Namespace", TEXT),
    (lambda document: document, "Priority", st.integers()),
    (lambda document: document, "Meta", st.dictionaries(TEXT, TEXT, max_size=2)),
    (lambda document: document, "Labels", st.dictionaries(TEXT, TEXT, max_size=2)),
    (lambda document: document, "Constraints", st.lists(st.just({"Key": "a"}))),
    (lambda document: document, "Count", st.sampled_from([0, 1, None])),
    (lambda document: document, "Type", st.sampled_from(["batch", "Batch", "", None])),
    (lambda document: document, "ID", TEXT),
    (lambda document: document, "Unknown", TEXT),
    (task, "Name", TEXT),
    (task, "Publisher", st.just({"Type": "s3", "Params": {"Key": "{date}"}})),
    (task, "Resources", st.just({"CPU": "1", "Memory": "{{.x}}"})),
    (task, "Timeouts", st.just({"TotalTimeout": 1.5})),
    (task, "ResultPaths", st.just([{"Name": "o", "Path": "/outputs"}])),
    (task, "Network", EMPTY),
    (params, "Unknown", EMPTY),
]


@given(st.data())
def test_what_is_no_identity_changes_no_cid(data: Any) -> None:
    document = job()
    for where, name, values in data.draw(st.lists(st.sampled_from(FREE), max_size=6)):
        where(document)[name] = data.draw(values)
    assert key(document) == BASE


@given(st.sampled_from(["EnvironmentVariables", "WorkingDirectory"]), EMPTY)
def test_a_field_left_out_is_a_field_that_says_nothing(name: str, empty: Any) -> None:
    absent, present = job(), job()
    del params(absent)[name]
    params(present)[name] = empty
    assert key(absent) == key(present) != BASE


def put(path: str, value: Any) -> Callable[[Any], None]:
    """A change of one place of the job."""

    def change(document: Any) -> None:
        *steps, last = (
            int(step) if step.isdigit() else step for step in path.split("/")
        )
        for step in steps:
            document = document[step]
        document[last] = value

    return change


PARAMS = "Tasks/0/Engine/Params"
SOURCES = "Tasks/0/InputSources"
CHANGES = {
    "image": put(f"{PARAMS}/Image", "example/tool@sha256:" + "cd" * 32),
    "entrypoint": put(f"{PARAMS}/Entrypoint", ["sh", "-e"]),
    "entrypoint longer": put(f"{PARAMS}/Entrypoint", ["sh", "-c", ""]),
    "entrypoint gone": put(f"{PARAMS}/Entrypoint", []),
    "parameters": put(f"{PARAMS}/Parameters", ["false"]),
    "parameters joined": put(f"{PARAMS}/Parameters", ["true", ""]),
    "parameters gone": put(f"{PARAMS}/Parameters", []),
    "cwd": put(f"{PARAMS}/WorkingDirectory", "/"),
    "engine env value": put(f"{PARAMS}/EnvironmentVariables", ["B=3"]),
    "engine env name": put(f"{PARAMS}/EnvironmentVariables", ["b=2"]),
    "engine env overrides": put(f"{PARAMS}/EnvironmentVariables", ["B=2", "A=2"]),
    "env value": put("Tasks/0/Env/A", ""),
    "env more": put("Tasks/0/Env/C", "1"),
    "file": put(f"{SOURCES}/0/Source/Params/CID", str(CID.of_bytes(b"x"))),
    "codec of a file": put(
        f"{SOURCES}/0/Source/Params/CID",
        str(reference.CID("base32", 1, "raw", reference.CID.decode(V0).digest)),
    ),
    "path of a file": put(f"{SOURCES}/0/Target", "/in2"),
    "inline bytes": put(f"{SOURCES}/1/Source/Params/URL", "data:,b"),
    "a file more": put(
        f"{SOURCES}/0",
        {"Target": "/b", "Source": {"Type": "inline", "Params": {"URL": "data:,"}}},
    ),
    "no files": put(SOURCES, []),
}


def test_what_is_identity_changes_the_cid() -> None:
    found = {"nothing": BASE.cid}
    for name, change in CHANGES.items():
        document = job()
        change(document)
        found[name] = key(document).cid
    assert len(set(found.values())) == len(found)


@given(st.lists(TEXT, max_size=4), st.lists(TEXT, max_size=4))
def test_two_commands_are_one_only_if_their_words_are(
    one: list[str], two: list[str]
) -> None:
    assume(not any("\0" in word or "{{" in word for word in one + two))
    assume(one != [""] and two != [""])
    first, second = job(), job()
    params(first)["Entrypoint"], params(first)["Parameters"] = ["x", *one], []
    params(second)["Entrypoint"], params(second)["Parameters"] = ["x"], two
    assert (key(first) == key(second)) == (one == two)


@given(TEXT)
def test_a_nonce_or_template_never_slips_through(text: str) -> None:
    assume("\0" not in text)
    document = job()
    params(document)["Parameters"] = [text + "{{" + text]
    (outcome,) = canonicalize(json.dumps(document).encode())
    assert outcome.name == "impure"
    assert outcome.invocation is None


def check(outcomes: tuple[Outcome, ...]) -> None:
    """What holds of whatever comes out."""
    assert outcomes
    for found in outcomes:
        json.dumps(found.to_json())
        if found.unresolved or found.impure:
            assert found.invocation is None
        else:
            assert found.invocation is not None
        if found.program is not None:
            assert program_from_block(found.program.block) == found.program
        if found.input is not None:
            assert Input.from_block(found.input.block) == found.input
        if found.invocation is not None:
            assert Invocation.from_block(found.invocation.block) == found.invocation
        places = [row.at for row in found.unresolved]
        places += [row.at for row in found.impure]
        places += [row.at for row in found.warnings]
        assert all(at == "" or at.startswith("/") for at in places)


def check_refusal(error: DocumentError) -> None:
    assert 0 < len(error.reason) < 1000
    assert error.at is None or error.at.startswith("/")


def attempt(data: bytes, resolutions: Resolutions | None = None) -> None:
    try:
        check(canonicalize(data, resolutions))
    except DocumentError as error:
        check_refusal(error)


@given(st.binary(max_size=100))
def test_any_bytes_give_outcomes_or_a_refusal(data: bytes) -> None:
    attempt(data)


WORDS = sorted(
    {
        *("Job", "Tasks", "Engine", "Type", "Params", "Image", "Entrypoint", "Env"),
        *("Parameters", "InputSources", "Source", "Target", "Count", "Network", "Spec"),
        *("APIVersion", "Docker", "Wasm", "EntryModule", "ImportModules", "inputs"),
        *("with", "do", "inputs", "mounts", "rsc", "op", "input", "nnc", "args", "run"),
        *(
            "tasks",
            "exeScript",
            "demand",
            "runtime",
            "meta",
            "prf",
            "cause",
            "/",
            "func",
        ),
    }
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=6)
    | st.sampled_from(
        [
            *("docker", "wasm", "batch", "V1beta1", "ipfs", "inline", "urlDownload"),
            *("docker/run", "wasm32-wasi/run", "wasm/run", "{{x}}", "env:X", "s3"),
            *(V0, f"ipfs://{V0}", IMAGE, "data:,a", "https://h/a", "/in", "A=1"),
        ]
    )
)
TREES: st.SearchStrategy[Any] = st.deferred(
    lambda: (
        LEAVES
        | st.lists(TREES, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS), TREES, max_size=4)
    )
)


@given(st.dictionaries(st.sampled_from(WORDS), TREES, max_size=6))
def test_any_tree_gives_outcomes_or_a_refusal(tree: Any) -> None:
    attempt(json.dumps(tree).encode())
    attempt(("--- " + json.dumps(tree)).encode())


def all_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for name, item in value.items():
            found += all_places(item, (*path, name))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            found += all_places(item, (*path, at))
    return found


def mutated(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    whole = copy.deepcopy(tree)
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return whole


DOCUMENTS = []
for _case in VECTORS:
    try:
        _tree = json.loads(_case.get("document", ""))
    except ValueError:
        continue
    DOCUMENTS.append((_tree, _case.get("resolutions")))


@given(st.data())
def test_documents_with_one_place_changed_give_outcomes_or_a_refusal(data: Any) -> None:
    tree, meanings = data.draw(st.sampled_from(DOCUMENTS))
    path = data.draw(st.sampled_from(all_places(tree)))
    changed = mutated(tree, path, data.draw(TREES))
    resolutions = None
    try:
        if meanings is not None:
            resolutions = Resolutions.parse(json.dumps(meanings).encode())
    except DocumentError:
        pass
    attempt(json.dumps(changed).encode(), resolutions)


@pytest.mark.parametrize("case", VECTORS[:: max(1, len(VECTORS) // 100)])
def test_the_same_bytes_give_the_same_outcome(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case.get("document_hex", "")) or case["document"].encode()
    try:
        first = canonicalize(data)
    except DocumentError as error:
        with pytest.raises(DocumentError, match=f"^{re.escape(str(error))}$"):
            canonicalize(data)
        return
    assert [one.to_json() for one in first] == [
        one.to_json() for one in canonicalize(data)
    ]


def large(**changes: Any) -> dict[str, Any]:
    document = job()
    for name, value in changes.items():
        if name in ("Env", "InputSources"):
            task(document)[name] = value
        else:
            params(document)[name] = value
    return document


LARGE: dict[str, Any] = {
    "100,000 arguments": large(Parameters=["a"] * 100_000),
    "100,000 variables": large(Env={f"A{at}": "" for at in range(100_000)}),
    "an argument of a megabyte": large(Parameters=["a" * (1 << 20)]),
    "eight of 200 kB": large(Parameters=["a" * 200_000] * 8),
    "30,000 sources": large(
        InputSources=[
            {
                "Target": f"/in/{at}",
                "Source": {"Type": "inline", "Params": {"URL": "data:,a"}},
            }
            for at in range(30_000)
        ]
    ),
    "an image of a megabyte": large(Image="a" * (1 << 20)),
    "a path of a megabyte": large(WorkingDirectory="/a" * (1 << 19)),
    "a path of dots": large(WorkingDirectory="/a/.." * 100_000 + "/w"),
    "an inline megabyte": large(
        InputSources=[
            {
                "Target": "/in",
                "Source": {
                    "Type": "inline",
                    "Params": {"URL": "data:," + "%41" * (1 << 20)},
                },
            }
        ]
    ),
    "unknown fields": {**job(), **{f"x{at}": 0 for at in range(90_000)}},
    "too many unknown fields": {**job(), **{f"x{at}": 0 for at in range(110_000)}},
    "10,000 partitions": {**job(), "Count": 10_000},
    "10,000 partitions of 600 kB": {
        **large(Env={f"A{at}": "x" for at in range(60_000)}),
        "Count": 10_000,
    },
    "10,000 partitions with 90,000 findings": {
        **job(),
        **{f"x{at}": 0 for at in range(90_000)},
        "Count": 10_000,
    },
    "a billion partitions": {**job(), "Count": 10**9},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_documents_take_no_longer_than_their_size(name: str) -> None:
    data = json.dumps(LARGE[name]).encode()
    start = time.process_time()
    try:
        canonicalize(data)
    except DocumentError as error:
        check_refusal(error)
    assert time.process_time() - start < 5
