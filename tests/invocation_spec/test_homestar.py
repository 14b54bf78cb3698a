"""Homestar: its own CIDs over real workflows, and rules that vectors cannot show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from multiformats import multibase

from invocation_spec import (
    CID,
    DocumentError,
    Outcome,
    Resolutions,
    canonicalize,
    dagjson,
)
from invocation_spec.adapters.homestar_ids import (
    hashed_instruction,
    hashed_task,
    native_cid,
)
from invocation_spec.adapters.pipeline import TASKS_MAX, in_order
from invocation_spec.document import read_document

_CODE = "ipfs://bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq"
_FOLDERS = ("homestar/", "homestar-history/", "svg-to-png/")


def _instruction(**fields: Any) -> dict[str, Any]:
    whole = {
        "rsc": _CODE,
        "op": "wasm/run",
        "nnc": "",
        "input": {"func": "add_one", "args": [1]},
    }
    return {**whole, **fields}


def _workflow(*instructions: dict[str, Any]) -> bytes:
    tasks: list[dict[str, Any]] = [
        {"run": run, "cause": None, "meta": {}, "prf": []} for run in instructions
    ]
    return json.dumps({"tasks": tasks}).encode()


def _indexed(folder: Path) -> Iterator[tuple[str, str]]:
    """Names and descriptions of the files that the index expects a CID of."""
    for line in (folder / "INDEX.md").read_text().splitlines():
        match = re.match(r"- \*\*(\S+)\*\*", line)
        if match and match[1].startswith(_FOLDERS) and "bafyrmi" in line:
            yield match[1], line


def _all(pattern: str, text: str) -> list[str]:
    found = re.search(pattern + r" ((?:`bafyrmi\w+`(?:, )?)+)", text)
    return [] if found is None else re.findall(r"bafyrmi\w+", found[1])


def _aliases(outcomes: tuple[Outcome, ...], name: str) -> list[str]:
    return [outcome.aliases[name] for outcome in outcomes]


def test_every_cid_of_the_index_is_computed(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "ipvm"
    files = set()
    for name, line in _indexed(folder):
        path = folder / name
        if name.startswith("svg-to-png/receipt"):
            continue
        files.add(path)
        workflow = _all("workflow", line)
        instructions = _all("instructions?", line)
        ran = re.findall(r"invocation (?:\(`ran`\) )?`(\w+)`", line)
        assert instructions, name
        if name.endswith("ce0c49f3_test-workflow-jco.json"):
            _check_without_resource(path, workflow, instructions)
            continue
        outcomes = canonicalize(path.read_bytes())
        assert _aliases(outcomes, "homestar-instruction") == instructions, name
        for expected in workflow:
            assert set(_aliases(outcomes, "homestar-workflow")) == {expected}, name
        if ran:
            assert _aliases(outcomes, "homestar-ran") == ran, name
    assert files == {path for each in _FOLDERS for path in folder.glob(f"{each}*.json")}


def _check_without_resource(
    path: Path, workflow: list[str], instructions: list[str]
) -> None:
    """`rsc` is `ipfs://`: we refuse it, Homestar's hash of it is as stated."""
    with pytest.raises(DocumentError) as refused:
        canonicalize(path.read_bytes())
    assert refused.value.at == "/workflow/tasks/0/run/rsc"
    assert "names no content" in refused.value.reason
    tree: Any = dagjson.decode(read_document(path.read_bytes()).tree)
    (task,) = tree["workflow"]["tasks"]
    assert hashed_instruction(task["run"]) == task["run"]
    assert [str(native_cid(task["run"]))] == instructions
    hashed = hashed_task(task, task["run"])
    assert hashed is not None
    assert [str(native_cid({"tasks": [hashed]}))] == workflow


def test_the_awaits_of_the_index_are_found_or_left_unresolved(
    shared_fixtures: Path,
) -> None:
    folder = shared_fixtures / "ipvm"
    for name, line in _indexed(folder):
        if name.startswith("svg-to-png/") or name.endswith(
            "ce0c49f3_test-workflow-jco.json"
        ):
            continue
        dangling = re.findall(r"DANGLING (\w+)", line)
        outcomes = canonicalize((folder / name).read_bytes())
        unresolved = [found for outcome in outcomes for found in outcome.unresolved]
        assert [found.reference for found in unresolved] == dangling, name
        assert {found.kind for found in unresolved} <= {"await"}
        inputs = [outcome.input for outcome in outcomes if outcome.input is not None]
        awaits = sum(len(given.awaits) for given in inputs)
        assert awaits == len(re.findall(r"ok #", line)), name


def test_the_receipt_of_svg_to_png_names_the_instruction_that_ran(
    shared_fixtures: Path,
) -> None:
    folder = shared_fixtures / "ipvm" / "svg-to-png"
    (receipt,) = folder.glob("receipt-*.dag-cbor")
    value: Any = read_document(receipt.read_bytes()).tree
    (outcome,) = canonicalize((folder / "6c916cd6_workflow.json").read_bytes())
    assert str(value["ran"]) == outcome.aliases["homestar-ran"]
    assert str(native_cid(value)) in receipt.name


def test_dag_cbor_and_dag_json_are_one_document(shared_fixtures: Path) -> None:
    stem = shared_fixtures / "ipvm" / "homestar" / "test-workflow-image-pipeline"
    as_json = canonicalize(stem.with_suffix(".json").read_bytes())
    as_cbor = canonicalize(stem.with_suffix(".cbor").read_bytes())
    assert [o.to_json() | {"aliases": {}} for o in as_cbor] == [
        o.to_json() | {"aliases": {}} for o in as_json
    ]
    name = "homestar-instruction"
    assert _aliases(as_cbor, name) == _aliases(as_json, name)


@pytest.mark.parametrize("folder", ["homestar-llm", "every-workflows"])
def test_an_unrendered_template_is_impure(shared_fixtures: Path, folder: str) -> None:
    for path in sorted((shared_fixtures / "ipvm" / folder).iterdir()):
        outcomes = canonicalize(path.read_bytes())
        assert {outcome.name for outcome in outcomes} == {"impure"}, path
        kinds = {found.kind for outcome in outcomes for found in outcome.impure}
        assert kinds == {"template"}
        assert not any(outcome.aliases for outcome in outcomes)


def test_a_cycle_of_awaits_is_refused() -> None:
    # No document has one unless sha3-256 is broken; the order must not hang on it.
    with pytest.raises(DocumentError, match="await each other"):
        in_order([{1}, {0}], ["/tasks/0", "/tasks/1"])
    assert list(in_order([{1}, {2}, set()], ["a", "b", "c"])) == [2, 1, 0]


def test_a_long_chain_written_backwards_is_read() -> None:
    runs = [_instruction()]
    for _ in range(1500):
        cid = native_cid(dagjson.decode(runs[-1]))
        promise = {"await/ok": {"/": str(cid)}}
        runs.append(_instruction(input={"func": "add_one", "args": [promise]}))
    outcomes = canonicalize(_workflow(*reversed(runs)))
    assert {outcome.name for outcome in outcomes} == {"canonical"}


def test_more_tasks_than_the_limit_are_refused() -> None:
    task = json.dumps({"run": _instruction()})
    text = '{"tasks":[' + ",".join([task] * (TASKS_MAX + 1)) + "]}"
    with pytest.raises(DocumentError, match="at most") as refused:
        canonicalize(text.encode())
    assert refused.value.at == "/tasks"


def test_arguments_beyond_the_size_of_a_block_are_refused_at_their_place() -> None:
    big = _instruction(input={"func": "f", "args": ["x" * (1 << 20)]})
    with pytest.raises(DocumentError, match="at most") as refused:
        canonicalize(_workflow(_instruction(), big))
    assert refused.value.at == "/tasks/1/run"


def test_a_task_as_deep_as_a_document_may_be_has_no_ran() -> None:
    args: Any = []
    for _ in range(124):
        args = [args]
    whole = {"run": _instruction(input={"func": "f", "args": args}), "prf": []}
    (outcome,) = canonicalize(json.dumps({**whole, "meta": {}}).encode())
    assert outcome.name == "canonical"
    assert set(outcome.aliases) == {"homestar-instruction"}


def test_a_resolution_re_keys_code_and_links_in_arguments() -> None:
    code, link = CID.parse(_CODE.removeprefix("ipfs://")), CID.of_bytes(b"a")
    flat, other = CID.of_bytes(b"code"), CID.of_bytes(b"b")
    run = _instruction(input={"func": "f", "args": [{"x": [{"/": str(link)}]}]})
    document = json.dumps(run).encode()
    resolutions = Resolutions.of(
        {f"ipfs:{code}": str(flat), f"ipfs:{link}": str(other)}
    )
    (outcome,) = canonicalize(document, resolutions)
    (plain,) = canonicalize(document)
    assert outcome.program is not None
    assert outcome.program.code == flat
    assert outcome.input is not None
    assert outcome.input.args == ({"x": [other]},)
    assert plain.invocation is not None
    assert [item.invocation for item in outcome.also] == [plain.invocation.cid]


@pytest.mark.parametrize(
    "link",
    [
        "QmYtUc4iTCbbfVSDNKvtQqrfyezPPnFvE33wFmutw9PBBk",
        "bafkqabiaaebagba",
    ],
)
def test_no_native_cid_is_stated_over_a_link_whose_bytes_are_not_kept(
    link: str,
) -> None:
    run = _instruction(input={"func": "f", "args": [{"/": link}]})
    first, second = canonicalize(_workflow(run, _instruction()))
    assert first.name == second.name == "canonical"
    assert first.aliases == {}
    assert set(second.aliases) == {"homestar-instruction", "homestar-ran"}


def test_a_link_is_hashed_as_its_bytes_in_whatever_base() -> None:
    cid = CID.of_bytes(b"a")
    links = (str(cid), multibase.encode(bytes(cid), "base58btc"))
    runs = [_instruction(input={"func": "f", "args": [{"/": it}]}) for it in links]
    first, second = (canonicalize(json.dumps(run).encode())[0] for run in runs)
    assert first.aliases == second.aliases != {}


def test_another_json_with_run_is_not_taken_for_homestar() -> None:
    for text in ('{"run": {"image": "x"}}', '{"tasks": [{"run": "make"}]}'):
        with pytest.raises(DocumentError, match="no form"):
            canonicalize(text.encode())
