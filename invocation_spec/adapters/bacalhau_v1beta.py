"""Bacalhau's V1beta1 and V1beta2 jobs, November 2022 to 2024.

    APIVersion: V1beta1
    Spec:
      Engine: Docker
      Docker: {Image: .., Entrypoint: [..], EnvironmentVariables: [K=V]}
      Wasm: {EntryModule: {StorageSource: IPFS, CID: ..}, Parameters: [..]}
      inputs: [{StorageSource: IPFS, CID: .., path: /inputs}]
      outputs: [{Name: outputs, path: /outputs}]
      Network: {Type: None}

V1beta2 adds `EngineSpec: {Type, Params}` in place of Engine, Docker and Wasm,
and `Parameters` beside a docker `Entrypoint`. `Job:` may wrap it all.
Source: bacalhau v1.0.3 pkg/model/{job,storage_spec}.go, v1.1.0
pkg/model/{docker,wasm}_engine_spec.go; research: bacalhau 1.1, 1.2.
"""

from __future__ import annotations

from collections.abc import Mapping

from invocation_spec.adapters.bacalhau_storage import Source, place
from invocation_spec.adapters.bacalhau_tasks import (
    Module,
    merge_env,
    read_docker,
    read_network,
    read_outputs,
    read_wasm,
    task_env,
)
from invocation_spec.document import Document
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Files, Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["is_v1beta", "read_v1beta"]

_VERSIONS = {"v1beta1": "V1beta1", "v1beta2": "V1beta2"}

_ENGINES = ("docker", "wasm")


def _unwrapped(root: Node) -> Node:
    if isinstance(root.value, Mapping):
        inner = root.struct()["Job"]
        if isinstance(inner.value, Mapping):
            return inner
    return root


def is_v1beta(document: Document) -> bool:
    """Whether the document says that it is V1beta1 or V1beta2."""
    root = _unwrapped(Node(document.tree, fold=True))
    if not isinstance(root.value, Mapping):
        return False
    version = root.struct()["APIVersion"].value
    return isinstance(version, str) and version.lower() in _VERSIONS


def read_v1beta(document: Document, resolutions: Resolutions) -> list[Reading]:
    """The one reading of a V1beta job.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    root = _unwrapped(Node(document.tree, fold=True))
    job = root.struct()
    version = _VERSIONS[job["APIVersion"].text().lower()]
    if job["Spec"].is_empty:
        raise DocumentError(
            f"no Spec; a {version} job has one, and a flat layout belongs to v1alpha1",
            at=job["Spec"].at,
        )
    spec = job["Spec"].struct()
    reading = Reading.start(version, resolutions)
    files = Files()
    for item in spec["Inputs"].elements():
        _read_input(reading, item, files)
    engine, params = _engine(spec)
    reading.form = f"{version} {engine}"
    if engine == "docker":
        read_docker(reading, params, Node(None, params.at, fold=True), files)
        read_outputs(reading, spec["Outputs"], "Path")
    else:
        _read_wasm(reading, params, files)
        read_outputs(reading, spec["Outputs"], "Name")
    _read_sharding(reading, spec["Sharding"])
    read_network(reading, spec["Network"])
    spec.pass_over("Verifier", "Publisher", "PublisherSpec", "Resources", "Timeout")
    spec.pass_over("Annotations", "NodeSelectors", "DoNotTrack", "Deal", "Language")
    job.pass_over("Metadata", "Deal", "ID", "ClientID", "CreatedAt", "ExecutionPlan")
    job.pass_over("RequesterNodeID", "RequesterPublicKey", "JobState", "State")
    for struct in (params, spec, job):
        reading.ignore(struct.unknown())
    reading.finish(job["Spec"].at)
    return [reading]


def _engine(spec: Struct) -> tuple[str, Struct]:
    """The engine's name and its parameters, in either version's spelling."""
    modern = spec["EngineSpec"].struct()
    if not modern["Type"].is_empty:
        kind = modern["Type"].text().lower()
        if kind not in _ENGINES:
            raise modern["Type"].refuse("docker or wasm")
        return kind, modern["Params"].struct()
    node = spec["Engine"]
    kind = node.text().lower()
    if kind not in _ENGINES:
        raise node.refuse("docker or wasm")
    docker, wasm = spec["Docker"], spec["Wasm"]
    return kind, (docker if kind == "docker" else wasm).struct()


def _read_input(reading: Reading, node: Node, files: Files) -> None:
    source, fields = _source(node)
    if source.target.is_empty:
        raise source.target.refuse("the path where the input lands")
    if fields["ReadWrite"].flag():
        reading.findings.call_impure(
            fields["ReadWrite"].at, "read-write-mount", "the job may change its input"
        )
    place(reading, source, files)
    reading.ignore(fields.unknown())


def _source(node: Node) -> tuple[Source, Struct]:
    fields = node.struct()
    fields.pass_over("Name", "Metadata", "SourcePath", "Repo", "S3", "CID", "URL")
    kind = fields["StorageSource"]
    params = fields["S3"].struct() if kind.text().lower() == "s3" else fields
    return Source(kind, params, fields["Path"]), fields


def _read_wasm(reading: Reading, params: Struct, files: Files) -> None:
    main = _module(reading, params["EntryModule"])
    imports = [_module(reading, item) for item in params["ImportModules"].elements()]
    engine_env = task_env(reading, params["EnvironmentVariables"])
    env = merge_env(reading, Node(None, params.at, fold=True), engine_env)
    read_wasm(reading, params, main.code, imports, env, files)


def _module(reading: Reading, node: Node) -> Module:
    if node.is_empty:
        raise node.refuse("the module to run, a storage spec")
    source, fields = _source(node)
    nowhere = Source(source.kind, source.params, Node(None, source.target.at))
    code = place(reading, nowhere, Files())
    return Module(code, fields["Name"].text_or())


def _read_sharding(reading: Reading, node: Node) -> None:
    """Sharding with a glob splits one job into as many as the glob finds."""
    fields = node.struct()
    pattern = fields["GlobPattern"]
    fields.pass_over("BatchSize", "GlobPatternBasePath", "BasePath")
    if not pattern.is_empty:
        reading.findings.leave_unresolved(pattern.at, pattern.text(), "sharding")
    reading.ignore(fields.unknown())
