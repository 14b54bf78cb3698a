"""Why two documents do or do not hash alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import Outcome, Resolutions, canonicalize
from invocation_spec.adapters.own import to_car
from invocation_spec.cid import CID
from invocation_spec.explanation import ABSENT, Explanation, explain
from invocation_spec.model import Input, Program, WasmFunctionProgram

KEPLER = Path(__file__).parents[2] / "examples" / "kepler"
CODE, DATA = CID.of_bytes(b"code"), CID.of_bytes(b"data")
BLOCK = CID.of_block(b"\xa0")
TREE = CID.parse("QmYtUc4iTCbbfVSDNKvtQqrfyezPPnFvE33wFmutw9PBBk")
TAG = "oci:docker.io/library/ubuntu:latest"
WASI = {"kind": "wasi", "code": CODE}


def _json(value: Any) -> Any:
    if isinstance(value, CID):
        return {"/": str(value)}
    if isinstance(value, bytes):
        return {"/": {"bytes": "AAEC"}}
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, list) else value


def _read(document: Any, resolutions: dict[str, Any] | None = None) -> Outcome:
    data = json.dumps(_json(document)).encode()
    (outcome,) = canonicalize(data, Resolutions.of(resolutions or {}))
    return outcome


def _own(program: Any, given: Any) -> Outcome:
    return _read({"program": program, "input": given})


def _task(image: str, **inputs: Any) -> Outcome:
    return _read({"with": image, "do": "docker/run", "inputs": inputs})


def _explained(a: Any, b: Any) -> Explanation:
    return explain(_own(*a), _own(*b))


def test_three_networks_have_no_differences() -> None:
    resolutions = Resolutions.parse((KEPLER / "resolutions.json").read_bytes())
    outcomes = [
        canonicalize((KEPLER / name).read_bytes(), resolutions)[0]
        for name in ("bacalhau-job.yaml", "ucan-task.json", "golem-bundle.json")
    ]
    for a in outcomes:
        for b in outcomes:
            found = explain(a, b)
            assert found.same is True
            assert found.differences == ()


@pytest.mark.parametrize(
    ("a", "b", "at", "words"),
    [
        ((WASI | {"entry": "f"}, {}), (WASI, {}), "/program/entry", "entry"),
        ((WASI, {}), (WASI | {"code": DATA}, {}), "/program/code", "code"),
        (
            (WASI | {"imports": [{"code": DATA}]}, {}),
            (WASI | {"imports": [{"code": DATA, "name": "env"}]}, {}),
            "/program/imports/0/name",
            "imports[0] name",
        ),
        ((WASI, {"args": ["a"]}), (WASI, {"args": ["b"]}), "/input/args/0", "args[0]"),
        (
            (WASI, {"args": ["a"]}),
            (WASI, {"args": ["a", "b"]}),
            "/input/args/1",
            "args[1]",
        ),
        ((WASI, {"args": ["a"]}), (WASI, {}), "/input/args", "args"),
        (
            (WASI, {"env": {"A": "1", "B": ""}}),
            (WASI, {"env": {"A": "1"}}),
            "/input/env/B",
            "env B",
        ),
        ((WASI, {"env": {"A": "1"}}), (WASI, {}), "/input/env/A", "env A"),
        (
            (WASI, {"files": {"/in": DATA}}),
            (WASI, {}),
            "/input/files/~1in",
            "file /in",
        ),
        ((WASI, {"stdin": DATA}), (WASI, {"stdin": CODE}), "/input/stdin", "stdin"),
        ((WASI, {"nonce": b"any"}), (WASI, {}), "/input/nonce", "nonce"),
        (
            (WASI, {"steps": [{"run": ["a"]}, {"run": ["b"]}]}),
            (WASI, {"steps": [{"run": ["a"]}, {"run": ["c"]}]}),
            "/input/steps/1/run/0",
            "steps[1] run[0]",
        ),
        (
            ({"kind": "gvmi", "code": CODE}, {"argv": ["a"], "cwd": "/a"}),
            ({"kind": "gvmi", "code": CODE}, {"argv": ["a"], "cwd": "/b"}),
            "/input/cwd",
            "cwd",
        ),
        (
            ({"kind": "gvmi", "code": CODE}, {}),
            ({"kind": "oci", "code": CODE}, {}),
            "/program/kind",
            "kind",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value[0] == "/" else "",
)
def test_the_one_difference_is_named(a: Any, b: Any, at: str, words: str) -> None:
    found = _explained(a, b)
    assert found.same is False
    (difference,) = found.differences
    assert (difference.at, difference.words) == (at, words)
    (back,) = _explained(b, a).differences
    assert (back.a, back.b) == (difference.b, difference.a)


def test_one_and_one_point_nought_and_true_are_three_values() -> None:
    program = {"kind": "wasm-function", "code": CODE, "function": "f"}
    for a, b in ((1, 1.0), (1, True), (1.0, True), (None, False)):
        found = _explained((program, {"args": [a]}), (program, {"args": [b]}))
        assert [item.at for item in found.differences] == ["/input/args/0"]


def test_awaits_are_compared_place_by_place() -> None:
    program = {"kind": "wasm-function", "code": CODE, "function": "f"}
    sides = [
        {"args": [None], "awaits": [{"at": [0], "when": when, "invocation": BLOCK}]}
        for when in ("ok", "any")
    ]
    (found,) = _explained((program, sides[0]), (program, sides[1])).differences
    assert found.words == "awaits[0] when"
    assert (found.a, found.b) == ("ok", "any")


def test_two_encodings_may_hold_the_same_bytes() -> None:
    sides = [(WASI, {"files": {"/in": cid}}) for cid in (DATA, TREE)]
    found = _explained(*sides)
    (difference,) = found.differences
    assert difference.hint is not None
    assert "may be the same bytes" in difference.hint
    assert any("agree but for CIDs" in note for note in found.notes)


def test_two_raw_cids_of_one_hash_hold_different_bytes() -> None:
    found = _explained(
        (WASI, {"files": {"/in": DATA}}), (WASI, {"files": {"/in": CODE}})
    )
    assert found.differences[0].hint is None
    assert found.notes == ()


def test_a_real_difference_beside_an_encoding_is_no_agreement() -> None:
    found = _explained(
        (WASI, {"files": {"/in": DATA}}),
        (WASI, {"files": {"/in": TREE}, "args": ["a"]}),
    )
    assert [item.hint is None for item in found.differences] == [True, False]
    assert found.notes == ()


def test_two_images_may_be_an_index_and_its_manifest() -> None:
    found = _explained(
        ({"kind": "oci", "code": CODE}, {}), ({"kind": "oci", "code": DATA}, {})
    )
    assert found.differences[0].hint is not None
    assert "index" in found.differences[0].hint


def test_only_a_nonce_is_said_to_be_only_a_nonce() -> None:
    found = _explained((WASI, {"nonce": b"any"}), (WASI, {}))
    assert found.differences[0].b is ABSENT
    assert any("but for the nonce" in note for note in found.notes)


def test_a_part_that_is_not_complete_is_not_compared() -> None:
    a, b = _task("ubuntu", entrypoint=["date"]), _own(WASI, {"args": ["x"]})
    found = explain(a, b)
    assert found.same is False
    assert all(item.at.startswith("/input/") for item in found.differences)
    assert found.to_json()["outcomes"] == {"a": a.to_json(), "b": b.to_json()}


def test_what_agrees_and_is_not_complete_is_not_decided() -> None:
    a = _task("ubuntu", entrypoint=["date"])
    found = explain(a, _task("ubuntu:latest", entrypoint=["date"]))
    assert found.same is None
    assert found.differences == ()
    assert any("same references" in note for note in found.notes)
    other = explain(a, _task("debian", entrypoint=["date"]))
    assert other.same is None
    assert other.notes == ()


def test_a_resolution_that_re_keys_is_named() -> None:
    task = {
        "with": f"ipfs://{TREE}",
        "do": "wasm32-wasi/run",
        "inputs": {"entrypoint": "_start"},
    }
    found = explain(_read(task), _read(task, {f"ipfs:{TREE}": str(CODE)}))
    assert found.same is False
    assert any("without some of its resolutions" in note for note in found.notes)


def test_text_and_order_are_no_differences() -> None:
    a = b'{"program": {"kind": "wasi", "code": {"/": "%s"}}, "input": {"env": {"B": "", "A": ""}}}'  # noqa: E501
    b = b'{"input":{"env":{"A":"","B":""}},"program":{"code":{"/":"%s"},"kind":"wasi"}}'
    code = str(CODE).encode()
    (one,), (other,) = canonicalize(a % code), canonicalize(b % code)
    assert explain(one, other).same is True


def test_differences_do_not_depend_on_the_order_in_the_documents() -> None:
    sides = [{"env": {"B": "1", "A": "1"}}, {"env": {"A": "2", "B": "2"}}]
    found = _explained((WASI, sides[0]), (WASI, sides[1]))
    assert [item.words for item in found.differences] == ["env A", "env B"]


def test_json_says_values_as_dag_json_and_leaves_an_absent_side_out() -> None:
    found = _explained((WASI, {"stdin": DATA}), (WASI, {})).to_json()
    assert found["same"] is False
    assert found["differences"] == [{"at": "/input/stdin", "a": {"/": str(DATA)}}]


def test_a_value_that_dag_json_cannot_say_is_given_as_its_block() -> None:
    program: Program = WasmFunctionProgram(CODE, function="f")
    a, b = (
        canonicalize(to_car(program, Input(args=args)))[0]
        for args in (({"/": "x"},), (1,))
    )
    (difference,) = explain(a, b).differences
    assert difference.to_json() == {
        "at": "/input/args/0",
        "a": {"dag-cbor": {"/": {"bytes": "oWEvYXg"}}},
        "b": 1,
    }


def test_args_and_argv_of_one_image_are_decided_by_its_configuration() -> None:
    image = "ubuntu@sha256:" + 64 * "a"

    def job(name: str, **command: list[str]) -> bytes:
        engine = {"Type": "docker", "Params": {"Image": name, **command}}
        return json.dumps({"Tasks": [{"Engine": engine}]}).encode()

    args, argv = job(image, Parameters=["x"]), job(image, Entrypoint=["x"])
    found = explain(*(canonicalize(data)[0] for data in (args, argv)))
    assert found.same is False
    assert any("entrypoint and cmd decide" in note for note in found.notes)
    other = job("ubuntu@sha256:" + 64 * "b", Entrypoint=["x"])
    for a, b in ((args, args), (argv, argv), (args, other)):
        notes = explain(*(canonicalize(data)[0] for data in (a, b))).notes
        assert not any("entrypoint and cmd" in note for note in notes)
