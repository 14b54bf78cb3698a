"""Real files of others: none crashes, and nothing mutable or impure has a CID."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import (
    CID,
    DocumentError,
    Outcome,
    Resolutions,
    canonicalize,
)

FOLDERS = ("bacalhau", "ipvm", "golem")
UBUNTU = "oci:docker.io/library/ubuntu:latest"
DIGEST = "sha256:" + "ab" * 32


def files(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (path for path in (root / folder).rglob("*") if path.is_file())


def resolved(**meanings: Any) -> Resolutions:
    return Resolutions.parse(json.dumps(meanings).encode())


def one(path: Path, resolutions: Resolutions | None = None) -> Outcome:
    (outcome,) = canonicalize(path.read_bytes(), resolutions)
    return outcome


def test_every_file_gives_outcomes_or_a_refusal(shared_fixtures: Path) -> None:
    seen = read = 0
    for path in files(shared_fixtures):
        seen += 1
        try:
            outcomes = canonicalize(path.read_bytes())
        except DocumentError:
            continue
        read += 1
        for outcome in outcomes:
            pure = not (outcome.unresolved or outcome.impure)
            assert (outcome.invocation is not None) is pure, path
            json.dumps(outcome.to_json())
    assert seen > 250
    assert read > 30


def test_jobs_of_bacalhau_without_digests_have_no_invocation(
    shared_fixtures: Path,
) -> None:
    """INDEX.md: of the real jobs only Lilypad's modules pin a digest."""
    for folder in ("v1beta1", "v1beta2", "models-job"):
        for path in sorted((shared_fixtures / "bacalhau" / folder).iterdir()):
            try:
                outcomes = canonicalize(path.read_bytes())
            except DocumentError:
                continue
            assert all(outcome.invocation is None for outcome in outcomes), path
            assert all(outcome.unresolved for outcome in outcomes), path


def test_the_api_version_is_no_identity(shared_fixtures: Path) -> None:
    old = one(shared_fixtures / "bacalhau/v1beta1/job.json")
    new = one(shared_fixtures / "bacalhau/v1beta2/job.json")
    assert old.input is not None
    assert old.input == new.input
    assert old.input.argv == ("/bin/bash", "-c", "echo 15")
    known = resolved(**{UBUNTU: DIGEST})
    old = one(shared_fixtures / "bacalhau/v1beta1/job.json", known)
    new = one(shared_fixtures / "bacalhau/v1beta2/job.json", known)
    assert old.invocation is not None
    assert old.invocation == new.invocation
    assert old.dirs == new.dirs == ("/output_custom",)


def test_engine_spec_is_another_spelling(shared_fixtures: Path) -> None:
    path = shared_fixtures / "bacalhau/v1beta2/job-docker-engine-spec.json"
    found = one(path, resolved(**{UBUNTU: DIGEST}))
    assert found.input is not None
    assert found.input.argv == ("/usr/bin/env bash", "-c", "echo 15")
    told = {row.at for row in found.warnings if row.kind == "ignored-field"}
    assert {"/Publisher", "/Outputs", "/Resources"} <= told


def test_twins_by_name_are_different_programs(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "bacalhau/models-job"
    meanings = {UBUNTU: DIGEST, "oci:busybox:1.37.0": "sha256:" + "cd" * 32}
    known = resolved(**meanings)
    json_, yaml_ = (
        one(folder / f"docker-output.{kind}", known) for kind in ("json", "yaml")
    )
    assert json_.invocation is not None
    assert yaml_.invocation is not None
    assert json_.program != yaml_.program
    assert json_.input != yaml_.input


def test_a_flat_layout_labelled_v1beta1_is_no_empty_job(shared_fixtures: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        one(shared_fixtures / "bacalhau/v1beta1/job-test-flat.yaml")
    assert caught.value.at == "/Spec"


def test_host_directories_and_networks_are_impure(shared_fixtures: Path) -> None:
    wrapped = one(shared_fixtures / "bacalhau/v1beta1/multi-sqlite-wrapped.yaml")
    assert {(row.at, row.kind) for row in wrapped.impure} == {
        ("/Job/Spec/inputs/0/StorageSource", "host-directory"),
        ("/Job/Spec/Network/Type", "network"),
    }
    window = one(shared_fixtures / "bacalhau/v1beta2/log-window-analysis.yaml")
    assert {row.kind for row in window.impure} >= {"host-directory"}


def test_values_of_a_host_are_impure_and_never_shown(shared_fixtures: Path) -> None:
    found = one(shared_fixtures / "bacalhau/models-job/sqs-proxy-env.yaml")
    kinds = {row.kind for row in found.impure}
    assert {"host-env", "job-type", "network"} <= kinds


def test_partitions_are_as_many_invocations(shared_fixtures: Path) -> None:
    path = shared_fixtures / "bacalhau/models-job/duckdb-hourly-operations.yaml"
    assert len(canonicalize(path.read_bytes())) == 3


def test_an_unknown_engine_is_refused(shared_fixtures: Path) -> None:
    path = shared_fixtures / "bacalhau/models-job/custom-task-type.yaml"
    with pytest.raises(DocumentError, match="docker or wasm"):
        one(path)


def test_a_url_is_settled_by_its_resolution_alone(shared_fixtures: Path) -> None:
    path = shared_fixtures / "bacalhau/models-job/trivial-python.yaml"
    found = one(path)
    settle = {
        key: value for row in found.unresolved for key, value in row.settle.items()
    }
    assert len(settle) == 2
    answers = {
        key: DIGEST if key.startswith("oci:") else str(CID.of_bytes(b"hello.py"))
        for key in settle
    }
    settled = one(path, resolved(**answers))
    assert settled.invocation is not None
    assert settled.input is not None
    assert list(settled.input.files) == ["/inputs/hello-world.py"]


def test_every_settle_can_be_filled_in(shared_fixtures: Path) -> None:
    """What a finding asks for, a resolutions document can say."""
    seen = 0
    for path in files(shared_fixtures):
        try:
            outcomes = canonicalize(path.read_bytes())
        except DocumentError:
            continue
        for outcome in outcomes:
            for row in outcome.unresolved:
                for key, asked in row.settle.items():
                    resolved(**{key: filled(asked)})
                    seen += 1
    assert seen > 10


def filled(asked: Any) -> Any:
    if isinstance(asked, dict):
        return {name: filled(value) for name, value in asked.items()}
    if asked == "<CID>":
        return str(CID.of_bytes(b""))
    if asked == "<file name>":
        return "a"
    return DIGEST if str(asked).startswith("sha256:") else asked
