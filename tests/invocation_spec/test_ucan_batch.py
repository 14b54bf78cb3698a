"""Batches and workflows: real ones, and the same work in other words."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import CID, DocumentError, canonicalize
from invocation_spec.adapters.pipeline import TASKS_MAX

_CODE = "bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq"


def _function(*args: Any, **fields: Any) -> dict[str, Any]:
    inputs = {"func": "add_one", "args": list(args)}
    return {"with": f"ipfs://{_CODE}", "do": "wasm/run", "inputs": inputs} | fields


def _invocations(tree: Any) -> list[CID | None]:
    outcomes = canonicalize(json.dumps(tree).encode())
    return [None if o.invocation is None else o.invocation.cid for o in outcomes]


def test_a_pipeline_is_one_invocation_as_a_workflow_and_for_homestar() -> None:
    first = {
        "rsc": f"ipfs://{_CODE}",
        "op": "wasm/run",
        "nnc": "",
        "input": {"func": "add_one", "args": [1]},
    }
    (outcome,) = canonicalize(json.dumps(first).encode())
    promise = {"await/ok": {"/": outcome.aliases["homestar-instruction"]}}
    second = first | {"input": {"func": "add_one", "args": [promise]}}
    tasks: list[dict[str, Any]] = [
        {"run": run, "cause": None, "meta": {}, "prf": []} for run in (first, second)
    ]
    batch = {"a": _function(1), "b": _function({"promise/ok": ["/", "a"]})}
    expected = _invocations({"tasks": tasks})
    assert None not in expected
    assert _invocations(batch) == expected
    assert _invocations({"ipvm/workflow": {"v": "0.1.0", "tasks": batch}}) == expected


def test_a_task_in_a_batch_is_the_task_alone() -> None:
    data = f"ipfs://{CID.of_bytes(b'a')}"
    task = {
        "with": f"ipfs://{_CODE}",
        "do": "wasm32-wasi/run",
        "inputs": {"parameters": ["-v"], "mounts": {"/in": data}, "env": {"A": "1"}},
    }
    assert _invocations([task]) == _invocations(task) != [None]


def test_labels_and_order_are_no_identity() -> None:
    tasks = {"a": _function(1), "b": _function({"ucan/ok": ["/", "a"]})}
    renamed = {"y": _function({"ucan/ok": ["/", "x"]}), "x": _function(1)}
    assert _invocations(tasks) == _invocations(renamed)[::-1]


def test_more_tasks_than_the_limit_are_refused() -> None:
    document = json.dumps([_function()] * (TASKS_MAX + 1))
    with pytest.raises(DocumentError, match="at most"):
        canonicalize(document.encode())


def test_a_long_chain_of_labels_is_read() -> None:
    tasks = [_function({"ucan/ok": ["/", str(at + 1)]}) for at in range(1500)]
    found = _invocations([*tasks, _function(1)])
    assert len(set(found)) == len(found) == 1501
    assert None not in found


def test_the_sketches_of_november_2022_are_of_no_known_form(
    shared_fixtures: Path,
) -> None:
    folder = shared_fixtures / "ipvm" / "ipvm-spec-2022"
    with pytest.raises(DocumentError, match="no form"):
        canonicalize((folder / "warpforge.json").read_bytes())
    with pytest.raises(DocumentError, match="not JSON"):
        canonicalize((folder / "job.var1.json").read_bytes())


_LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(
        ["", "/", "a", "*", "wasm/run", "docker/run", "wasm32-wasi/run", "0.1.0", _CODE]
    )
)
_KEYS = st.sampled_from(
    [
        *("_", "a", "with", "do", "inputs", "meta", "run", "tasks", "uiv", "v", "nnc"),
        *("func", "args", "entrypoint", "mounts", "env", "outputs", "modules"),
        *("workdir", "catch", "ucan/promise", "promise/*", "await/ok", "/"),
        *("ipvm/workflow", "ucan/invoke"),
    ]
)
_TREE = st.recursive(
    _LEAF,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)
_TASK = st.fixed_dictionaries(
    {
        "with": st.just(f"ipfs://{_CODE}") | _TREE,
        "do": st.sampled_from(["wasm/run", "docker/run", "wasm32-wasi/run"]) | _TREE,
        "inputs": _TREE | st.fixed_dictionaries({"func": _TREE, "args": _TREE}),
    }
)


@given(st.dictionaries(_KEYS, _TASK | _TREE, max_size=3), st.booleans())
def test_whatever_stands_in_a_batch_is_read_or_refused(
    batch: dict[str, Any], wrapped: bool
) -> None:
    document = {"ipvm/workflow": {"tasks": batch}} if wrapped else batch
    with suppress(DocumentError):
        outcomes = canonicalize(json.dumps(document).encode())
        assert all(outcome.to_json() for outcome in outcomes)
