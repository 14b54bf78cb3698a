"""The UCAN task of December 2022: real ones, and the same work in other words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import CID, DocumentError, Outcome, Resolutions, canonicalize
from invocation_spec.model import OciProgram, WasiProgram

_CODE = "bafybeig7mdkzcgpacpozamv7yhhaelztfrnb6ozsupqqh7e5uyqdkijegi"
_IMAGE = "ubuntu@sha256:" + "9f2c" * 16


def _read(tree: Any, resolutions: dict[str, Any] | None = None) -> Outcome:
    given = None if resolutions is None else Resolutions.of(resolutions)
    (outcome,) = canonicalize(json.dumps(tree).encode(), given)
    return outcome


def test_the_docker_sample_waits_for_its_tag_only(shared_fixtures: Path) -> None:
    path = shared_fixtures / "bacalhau" / "ipvm-task" / "docker_task.json"
    (outcome,) = canonicalize(path.read_bytes())
    (found,) = outcome.unresolved
    assert found.reference == "oci:docker.io/library/ubuntu:latest"
    digest = "sha256:" + "9f2c" * 16
    (outcome,) = canonicalize(
        path.read_bytes(), Resolutions.of({found.reference: digest})
    )
    assert outcome.name == "canonical"
    assert isinstance(outcome.program, OciProgram)
    assert outcome.input is not None
    assert outcome.input.to_ipld() == {
        "argv": ["date"],
        "cwd": "/",
        "env": {"HELLO": "world"},
    }
    assert outcome.dirs == ("/outputs",)


def test_the_wasm_sample_waits_for_its_url_only(shared_fixtures: Path) -> None:
    path = shared_fixtures / "bacalhau" / "ipvm-task" / "wasm_task.json"
    (outcome,) = canonicalize(path.read_bytes())
    code = CID.parse(_CODE)
    assert isinstance(outcome.program, WasiProgram)
    assert outcome.program.to_ipld() == {
        "kind": "wasi",
        "code": code,
        "imports": [{"code": code}],
    }
    (found,) = outcome.unresolved
    assert dict(found.settle) == {"https://www.example.com/data.tar.gz": "<CID>"}


def test_one_wasi_command_is_one_invocation_as_a_task_and_as_a_job() -> None:
    data = str(CID.of_bytes(b"a"))
    task = {
        "with": f"ipfs://{_CODE}",
        "do": "wasm32-wasi/run",
        "inputs": {
            "entrypoint": "_start",
            "parameters": ["/in/a.csv"],
            "mounts": {"/in/a.csv": f"ipfs://{data}"},
            "env": {"A": "1"},
        },
    }
    job = {
        "Type": "batch",
        "Tasks": [
            {
                "Engine": {
                    "Type": "wasm",
                    "Params": {
                        "EntryModule": "/main.wasm",
                        "EntryPoint": "_start",
                        "Parameters": ["/in/a.csv"],
                    },
                },
                "Env": {"A": "1"},
                "InputSources": [
                    _ipfs(_CODE, "/main.wasm"),
                    _ipfs(data, "/in/a.csv"),
                ],
                "Network": {"Type": "None"},
            }
        ],
    }
    assert _read(task).invocation == _read(job).invocation is not None


def _ipfs(cid: str, target: str) -> dict[str, Any]:
    source = {"Type": "ipfs", "Params": {"CID": cid}}
    return {"Target": target, "Source": source}


def test_one_container_is_one_invocation_as_a_task_and_as_a_job() -> None:
    task = {
        "with": _IMAGE,
        "do": "docker/run",
        "inputs": {"entrypoint": ["sh", "-c", "date"], "env": {"A": "b"}},
    }
    job = {
        "Tasks": [
            {
                "Engine": {
                    "Type": "docker",
                    "Params": {
                        "Image": _IMAGE,
                        "Entrypoint": ["sh"],
                        "Parameters": ["-c", "date"],
                        "EnvironmentVariables": ["A=b"],
                    },
                },
                "Network": {"Type": "None"},
            }
        ]
    }
    assert _read(task).invocation == _read(job).invocation is not None


def test_a_name_that_climbs_is_no_place_for_a_download() -> None:
    url = "https://example.org/a"
    task = {
        "with": f"ipfs://{_CODE}",
        "do": "wasm32-wasi/run",
        "inputs": {"mounts": {"/..": url}},
    }
    with pytest.raises(DocumentError, match="climbs") as refused:
        _read(task, {url: {"cid": _CODE, "name": "b"}})
    assert refused.value.at == "/inputs/mounts/~1.."
