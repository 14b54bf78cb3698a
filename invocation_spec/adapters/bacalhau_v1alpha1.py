"""Bacalhau's v1alpha1 jobs, July to November 2022, in their three layouts.

    snake_case (v0.2.0)     PascalCase (v0.2.4)        nested (v0.2.5 to v0.3.11)
    apiVersion: v1alpha1    APIVersion: v1alpha1       APIVersion: V1alpha1
    engine_name: docker     EngineName: docker         Spec:
    job_spec_docker:        JobSpecDocker:               Engine: Docker
      image: ..               Image: ..                  Docker: {Image: ..}
      entrypoint: [..]        Entrypoint: [..]           Wasm: {EntryPoint: ..}
      env: [K=V]              EnvironmentVariables: []   Contexts: [..]
      workdir: ..             WorkingDirectory: ..       inputs:
    inputs:                 InputVolumes:                - StorageSource: IPFS
    - engine_name: ipfs     - EngineName: ipfs             CID: Qm..
      cid: Qm..               CID: Qm..                    path: /inputs
      path: /inputs           Path: /inputs              outputs: [..]

Fields were renamed from week to week, so every spelling is read in every layout
and one of them may be used; `engine: 2` is Docker, too. Contexts are
inputs that sharding leaves whole; of a wasm job the first is the module, for
there is no EntryModule yet. A URL lands at its target, in the nested layout from
about v0.3.1 below it, so that there only a resolution's `name` can tell. No
layout has a network to ask for. `describe` writes the nested one, with ids, plan
and state beside the Spec. The flat layouts run docker only.
Source: bacalhau pkg/model/{job,engine,storage}.go at v0.2.0, f56255459 and
v0.2.5, pkg/model/v1alpha1 at v1.0.3, pkg/executor/{docker,wasm}/executor.go and
pkg/storage/url/urldownload/storage.go at v0.2.5, v0.3.0, v0.3.5 and v0.3.11;
FORMATS 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from invocation_spec.adapters.bacalhau_spellings import (
    ENGINES,
    SOURCES,
    chosen,
    one_of,
)
from invocation_spec.adapters.bacalhau_storage import Landing, Source, place
from invocation_spec.adapters.bacalhau_tasks import (
    Module,
    merge_env,
    read_docker,
    read_network,
    read_outputs,
    read_wasm,
    refuse_two,
    task_env,
    unwrapped,
)
from invocation_spec.document import Document
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node, Struct, word_of
from invocation_spec.reading import Files, Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["is_v1alpha1", "read_v1alpha1"]

_VERSION: Final = "v1alpha1"

#: The field that makes a layout, and the name of the form.
_LAYOUTS: Final = {
    "job_spec_docker": "v1alpha1 snake_case",
    "JobSpecDocker": "v1alpha1 PascalCase",
    "Spec": "V1alpha1",
}

#: What the type of a storage source was called, newest first.
_SOURCE_NAMES: Final = (
    *("StorageSource", "StorageSourceName", "EngineName", "Engine", "engine_name"),
)

#: Of an output: a storage, which is written to.
_OF_OUTPUTS: Final = (*_SOURCE_NAMES, "CID", "URL", "Metadata")

#: What the parameters of engines were called, in whichever layout.
_DOCKERS: Final = ("Docker", "job_spec_docker", "JobSpecDocker")
_LANGUAGES: Final = ("Language", "job_spec_language", "JobSpecLanguage")


def is_v1alpha1(document: Document) -> bool:
    """Whether the document says that it is v1alpha1, or has its docker field.

    The first weeks wrote no version.
    """
    root = unwrapped(Node(document.tree, fold=True))
    versions = [root.peek(name) for name in ("APIVersion", "JobAPIVersion")]
    said = [node.value for node in versions if not node.is_empty]
    if said:
        return isinstance(said[0], str) and word_of(said[0]) == _VERSION
    flat = (root.peek(name).value for name in _LAYOUTS if name != "Spec")
    return any(isinstance(value, Mapping) for value in flat)


def read_v1alpha1(document: Document, resolutions: Resolutions) -> list[Reading]:
    """The one reading of a v1alpha1 job.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    root = Node(document.tree, fold=True)
    refuse_two(root, "Spec")
    job = unwrapped(root).struct()
    layout = _layout(job)
    nested = layout == "Spec"
    spec = job["Spec"].struct() if nested else job
    reading = Reading.start(_LAYOUTS[layout], resolutions)
    engine = chosen(spec, ENGINES, "Engine", "engine_name", "EngineName")
    if engine.value not in (("docker", "wasm") if nested else ("docker",)):
        raise engine.refuse("docker or wasm" if nested else "docker")
    reading.form += f" {engine.text()}"
    files = Files()
    landing: Landing = "named" if nested else "at"
    for item in one_of(spec, "inputs", "InputVolumes").elements():
        _read_input(reading, item, files, landing)
    outputs = one_of(spec, "outputs", "OutputVolumes")
    if engine.value == "docker":
        for item in spec["Contexts"].elements():
            _read_input(reading, item, files, landing)
        params = _docker(reading, one_of(spec, *_DOCKERS).struct())
        env = Node(None, params.at, fold=True)
        # Flat layouts were written without `omitempty`: v0.2.4 pkg/model/job.go.
        read_docker(reading, params, env, files, clears=not nested)
        read_outputs(reading, outputs, "Path", *_OF_OUTPUTS)
    else:
        params = spec["Wasm"].struct()
        _read_wasm(reading, spec, params, files)
        read_outputs(reading, outputs, "Name", *_OF_OUTPUTS)
    _read_sharding(reading, spec["Sharding"])
    read_network(reading, spec["Network"])
    if not job["ID"].is_empty:
        reading.aliases["bacalhau-job"] = job["ID"].text()
    _pass_over(spec, job)
    for struct in (params, spec) if spec is job else (params, spec, job):
        reading.ignore(struct.unknown())
    reading.finish(spec.at)
    return [reading]


def _layout(job: Struct) -> str:
    found = [name for name in _LAYOUTS if not job[name].is_empty]
    if not found:
        raise DocumentError(
            f"no {', '.join(_LAYOUTS)}: one of them makes a {_VERSION} job",
            at=job.at or None,
        )
    if len(found) > 1:
        raise DocumentError(
            f"stands beside {job[found[0]].at}; a job has one layout, so keep one",
            at=job[found[1]].at,
        )
    return found[0]


def _pass_over(spec: Struct, job: Struct) -> None:
    """What is not identity: of the spec, and beside it what `describe` adds."""
    spec.pass_over("Verifier", "verifier_name", "VerifierName", "Resources", "Timeout")
    spec.pass_over("Publisher", "publisher_name", "PublisherName", "Annotations")
    spec.pass_over("DoNotTrack", *_LANGUAGES)
    if spec is not job:
        spec.pass_over("Wasm", *_DOCKERS)
    job.pass_over("APIVersion", "JobAPIVersion", "Deal", "ClientID", "CreatedAt")
    job.pass_over("RequesterNodeID", "RequesterPublicKey", "ExecutionPlan", "JobState")
    job.pass_over("JobEvents", "JobLocalEvents", "LocalJobEvents")


def _read_input(reading: Reading, node: Node, files: Files, landing: Landing) -> None:
    source, fields = _source(node, landing)
    if source.target.is_empty:
        raise source.target.refuse("the path where the input lands")
    place(reading, source, files)
    reading.ignore(fields.unknown())


def _source(node: Node, landing: Landing) -> tuple[Source, Struct]:
    fields = node.struct()
    fields.pass_over("Name", "Metadata", "CID", "URL")
    kind = chosen(fields, SOURCES, *_SOURCE_NAMES)
    return Source(kind, fields, fields["Path"], landing=landing), fields


def _docker(reading: Reading, fields: Struct) -> Struct:
    """The docker parameters under the names that they have kept since."""
    params = {
        "image": fields["Image"],
        "entrypoint": fields["Entrypoint"],
        "environmentvariables": one_of(fields, "EnvironmentVariables", "env"),
        "workingdirectory": one_of(fields, "WorkingDirectory", "workdir"),
    }
    reading.ignore(fields.unknown())
    return Struct(params, fields.node)


def _read_wasm(reading: Reading, spec: Struct, params: Struct, files: Files) -> None:
    language = one_of(spec, *_LANGUAGES).struct()
    for name in ("Command", "ProgramPath"):
        if not language[name].is_empty:
            raise DocumentError(
                "names the module's file and function as before v0.3.8, which is not"
                " read; expected the module as the first of Contexts, its function as"
                " Wasm/EntryPoint",
                at=language[name].at,
            )
    contexts = spec["Contexts"].elements()
    if not contexts:
        raise spec["Contexts"].refuse("the module to run as the first context")
    if not params["EntryModule"].is_empty:
        raise DocumentError(
            f"a V1alpha1 job has no EntryModule; its module is {contexts[0].at}",
            at=params["EntryModule"].at,
        )
    main = _module(reading, contexts[0])
    for item in contexts[1:]:
        if not isinstance(item.value, Mapping):
            raise item.refuse("a map")
    reading.ignore(contexts[1:])  # the executor opens the first only
    imports = [_module(reading, item) for item in params["ImportModules"].elements()]
    engine_env = task_env(reading, params["EnvironmentVariables"])
    env = merge_env(reading, Node(None, params.at, fold=True), engine_env)
    read_wasm(reading, params, main.code, imports, env, files)


def _module(reading: Reading, node: Node) -> Module:
    source, fields = _source(node, "at")
    nowhere = replace(source, target=Node(None, source.target.at))
    code = place(reading, nowhere, Files())
    name_node = fields["Name"]
    name = "" if name_node.is_empty else reading.literal(name_node)
    reading.ignore(fields.unknown())
    return Module(code if name is not None else None, name or "")


def _read_sharding(reading: Reading, node: Node) -> None:
    """Sharding with a glob splits one job into as many as the glob finds."""
    fields = node.struct()
    pattern = one_of(fields, "GlobPattern", "glob_pattern")
    fields.pass_over("BatchSize", "batch_size")
    fields.pass_over("GlobPatternBasePath", "glob_pattern_base_path")
    if not pattern.is_empty:
        reading.findings.leave_unresolved(pattern.at, pattern.text(), "sharding")
    reading.ignore(fields.unknown())
