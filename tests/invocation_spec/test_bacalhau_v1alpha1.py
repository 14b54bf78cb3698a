"""Bacalhau's first year: real jobs and harvested descriptions of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import CID, DocumentError, Outcome, Resolutions, canonicalize
from invocation_spec.adapters import FORMS
from invocation_spec.document import read_document
from invocation_spec.model import OciProgram

DIGEST = "sha256:" + "9f2c" * 16
DATA = CID.of_bytes(b"a")
PICTURE = "https://picsum.photos/500/500/"
UPLOADER = "oci:docker.io/bacalhauproject/uploader:v0.9.14"
GROMACS = "oci:docker.io/gromacs/gromacs:latest"
UBUNTU = "oci:docker.io/library/ubuntu:latest"
OWN = {("bacalhau", "v1alpha1"), ("lilypad", "module")}
FOLDERS = ("v1alpha1-snake", "v1alpha1-pascal", "v1alpha1-describe", "lilypad")


def read(path: Path, **meanings: Any) -> Outcome:
    given = Resolutions.of(meanings) if meanings else None
    (outcome,) = canonicalize(path.read_bytes(), given)
    return outcome


def test_four_descriptions_of_one_spec_wait_for_the_same_references(
    shared_fixtures: Path,
) -> None:
    paths = sorted((shared_fixtures / "bacalhau" / "v1alpha1-describe").iterdir())
    outcomes = [read(path) for path in paths]
    assert len(outcomes) == 4
    assert {
        tuple((item.reference, item.kind) for item in one.unresolved)
        for one in outcomes
    } == {((PICTURE, "url"), (UPLOADER, "oci-tag"))}
    assert {one.aliases["bacalhau-job"] for one in outcomes} == {
        path.stem for path in paths
    }


def test_a_picture_of_a_known_name_makes_the_four_one_invocation(
    shared_fixtures: Path,
) -> None:
    folder = shared_fixtures / "bacalhau" / "v1alpha1-describe"
    picture = {"cid": str(DATA), "name": "500"}
    outcomes = [
        read(path, **{PICTURE: picture, UPLOADER: DIGEST}) for path in folder.iterdir()
    ]
    assert {one.name for one in outcomes} == {"canonical"}
    assert len({one.invocation for one in outcomes}) == 1
    given = outcomes[0].input
    assert given is not None
    # What it printed: `Copying /inputs/500 to /outputs/500`.
    assert given.to_ipld() == {"files": {"/inputs/500": DATA}}
    assert outcomes[0].dirs == ("/outputs",)


def test_a_picture_without_a_name_leaves_open_where_it_lands(
    shared_fixtures: Path,
) -> None:
    folder = shared_fixtures / "bacalhau" / "v1alpha1-describe"
    for path in folder.iterdir():
        (found,) = read(path, **{PICTURE: str(DATA), UPLOADER: DIGEST}).unresolved
        assert found.kind == "url-name"
        assert found.settle == {PICTURE: {"cid": "<CID>", "name": "<file name>"}}


def test_another_output_publisher_and_verifier_make_no_other_invocation(
    shared_fixtures: Path,
) -> None:
    folder = shared_fixtures / "bacalhau" / "v1alpha1-snake"
    july = read(folder / "gromacs-ipfs-2022-07.json", **{GROMACS: DIGEST})
    august = read(folder / "gromacs-ipfs-2022-08.yaml", **{GROMACS: DIGEST})
    assert july.invocation == august.invocation is not None
    assert (july.dirs, august.dirs) == (("/output",), ("/output_custom",))


def test_the_commented_job_says_its_engine_twice_and_is_read_once(
    shared_fixtures: Path,
) -> None:
    path = shared_fixtures / "bacalhau" / "v1alpha1-snake" / "job-test-commented.yaml"
    outcome = read(path, **{UBUNTU: DIGEST})
    assert isinstance(outcome.program, OciProgram)
    assert outcome.input is not None
    assert outcome.input.to_ipld() == {"argv": ["/bin/bash", "-c", 'echo "hello"']}


def test_a_download_of_pascal_case_is_where_its_command_looks(
    shared_fixtures: Path,
) -> None:
    path = shared_fixtures / "bacalhau" / "v1alpha1-pascal" / "job-url.yaml"
    url = read(path).unresolved[0].reference
    given = read(path, **{url: str(DATA), UBUNTU: DIGEST}).input
    assert given is not None
    assert given.argv == ("/bin/bash", "-c", "cat /app/foo_data_1.txt")
    assert dict(given.files) == {"/app/foo_data_1.txt": DATA}


def test_a_flat_layout_labelled_v1beta1_is_refused(shared_fixtures: Path) -> None:
    path = shared_fixtures / "bacalhau" / "v1beta1" / "job-test-flat.yaml"
    with pytest.raises(DocumentError, match="a flat layout belongs to v1alpha1"):
        canonicalize(path.read_bytes())


def test_no_other_file_has_the_marks_of_v1alpha1_or_a_module(
    shared_fixtures: Path,
) -> None:
    for path in shared_fixtures.rglob("*"):
        if not path.is_file():
            continue
        try:
            document = read_document(path.read_bytes(), templates=True)
        except DocumentError:
            continue
        found = {
            (form.network, form.name) for form in FORMS if form.recognises(document)
        }
        assert bool(found & OWN) == (path.parent.name in FOLDERS), path
        assert len(found & OWN) <= 1, path
        if found & OWN:
            assert len(found) == 1, path


@pytest.mark.parametrize(
    "beside",
    [
        {"JobState": {"Nodes": {}}, "JobEvents": [], "JobLocalEvents": []},
        {"State": {"Executions": []}, "History": []},
        {"Executions": {"Items": [], "NextToken": ""}, "History": None},
    ],
)
@pytest.mark.parametrize(
    "job",
    [
        {"APIVersion": "V1alpha1", "Spec": {"Engine": "Docker", "Docker": {}}},
        {"APIVersion": "V1beta1", "Spec": {"Engine": "Docker", "Docker": {}}},
        {"Tasks": [{"Engine": {"Type": "docker", "Params": {}}}]},
    ],
)
def test_what_stands_beside_a_described_job_is_no_part_of_it(
    job: dict[str, Any], beside: dict[str, Any]
) -> None:
    tree = json.loads(json.dumps(job))
    spec = tree.get("Spec", {}).get("Docker")
    params = tree["Tasks"][0]["Engine"]["Params"] if spec is None else spec
    params |= {"Image": f"ubuntu@{DIGEST}", "Entrypoint": ["date"]}
    alone, described = (
        canonicalize(json.dumps(document).encode())[0]
        for document in (tree, {"Job": tree, **beside})
    )
    assert described.invocation == alone.invocation is not None
    assert len(described.warnings) == len(alone.warnings)
