"""Bacalhau's V1beta1 and V1beta2 jobs, November 2022 to 2024.

    APIVersion: V1beta1
    Spec:
      Engine: Docker
      Docker: {Image: .., Entrypoint: [..], EnvironmentVariables: [K=V]}
      Wasm: {EntryModule: {StorageSource: IPFS, CID: ..}, Parameters: [..]}
      Contexts: [..]                       as inputs; for wasm, once, the module
      inputs: [{StorageSource: IPFS, CID: .., path: /inputs}]
      outputs: [{Name: outputs, path: /outputs}]
      Network: {Type: None}

V1beta2 adds `EngineSpec: {Type, Params}` in place of Engine, Docker and Wasm,
and `Parameters` beside a docker `Entrypoint`. `Job:` may wrap it all.
Source: bacalhau v1.0.3 pkg/model/{job,storage_spec}.go, v1.1.0
pkg/model/{docker,wasm}_engine_spec.go; research: bacalhau 1.1, 1.2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from invocation_spec.adapters.bacalhau_storage import Source, place
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

__all__ = ["is_v1beta", "read_v1beta"]

_VERSIONS = {"v1beta1": "V1beta1", "v1beta2": "V1beta2"}

_ENGINES = ("docker", "wasm")

#: Of an output: a storage, which is written to.
_OF_OUTPUTS: Final = ("StorageSource", "CID", "URL", "S3", "Metadata")


def is_v1beta(document: Document) -> bool:
    """Whether the document says that it is V1beta1 or V1beta2."""
    root = Node(document.tree, fold=True)
    job = unwrapped(root)
    version = job.peek("APIVersion").value
    if job is not root and not root.peek("machine").is_null:
        return False  # a module of Lilypad's: a machine beside a job
    return isinstance(version, str) and word_of(version) in _VERSIONS


def read_v1beta(document: Document, resolutions: Resolutions) -> list[Reading]:
    """The one reading of a V1beta job.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    root = Node(document.tree, fold=True)
    refuse_two(root, "Spec")
    job = unwrapped(root).struct()
    version = _VERSIONS[job["APIVersion"].word()]
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
    engine, params, modern = _engine(spec, version)
    reading.form = f"{version} {engine}"
    contexts = spec["Contexts"].elements()
    if engine == "docker":
        for item in contexts:  # mounted like inputs: v0.3.12 to v0.3.22
            _read_input(reading, item, files)
        env = Node(None, params.at, fold=True)
        # The old fields have `omitempty`: v1.0.3 pkg/model/job.go.
        read_docker(reading, params, env, files, clears=modern)
        read_outputs(reading, spec["Outputs"], "Path", *_OF_OUTPUTS)
    else:
        _read_wasm(reading, params, contexts, files)
        read_outputs(reading, spec["Outputs"], "Name", *_OF_OUTPUTS)
    _read_sharding(reading, spec["Sharding"])
    read_network(reading, spec["Network"])
    spec.pass_over("Verifier", "Publisher", "PublisherSpec", "Resources", "Timeout")
    spec.pass_over("Annotations", "NodeSelectors", "DoNotTrack", "Deal", "Language")
    metadata = job["Metadata"]
    if not metadata.is_empty and not metadata.struct()["ID"].is_empty:
        reading.aliases["bacalhau-job"] = metadata.struct()["ID"].text()
    spec.pass_over("ExecutionPlan")
    job.pass_over("Deal", "ID", "Status", "ClientID", "CreatedAt", "ExecutionPlan")
    job.pass_over("RequesterNodeID", "RequesterPublicKey", "JobState", "State")
    for struct in (params, spec, job):
        reading.ignore(struct.unknown())
    reading.finish(job["Spec"].at)
    return [reading]


def _engine(spec: Struct, version: str) -> tuple[str, Struct, bool]:
    """The engine's name, its parameters, and whether they are an EngineSpec's.

    Where both stand the old one counts: v1.1.0 copies it over the new one, in
    pkg/requester/jobtransform/migrate_engine.go, and older servers know no other.
    """
    old, modern = spec["Engine"], spec["EngineSpec"]
    spec.pass_over("Docker", "Wasm")
    if old.is_empty and not modern.is_empty:
        fields = modern.struct()
        kind = _kind(fields["Type"])
        return kind, fields["Params"].struct(), True
    kind = _kind(old)
    params = (spec["Docker"] if kind == "docker" else spec["Wasm"]).struct()
    parameters = params["Parameters"]
    if version == "V1beta1" and kind == "docker" and not parameters.is_empty:
        raise DocumentError(
            "a V1beta1 docker job has no Parameters: older servers pass over them,"
            " newer ones do not; append them to Entrypoint",
            at=parameters.at,
        )
    return kind, params, False


def _kind(node: Node) -> str:
    kind = node.word()
    if kind not in _ENGINES:
        raise node.refuse("docker or wasm")
    return kind


def _read_input(reading: Reading, node: Node, files: Files) -> None:
    source, fields = _source(node)
    if source.target.is_empty:
        raise source.target.refuse("the path where the input lands")
    if fields["ReadWrite"].flag():
        reading.findings.call_impure(
            fields["ReadWrite"].at, "read-write-mount", "the job may change its input"
        )
    place(reading, source, files)
    _ignore(reading, source, fields)


def _ignore(reading: Reading, source: Source, fields: Struct) -> None:
    reading.ignore(fields.unknown())
    if source.params is not fields:  # the map S3
        reading.ignore(source.params.unknown())


def _source(node: Node) -> tuple[Source, Struct]:
    fields = node.struct()
    fields.pass_over("Name", "Metadata", "SourcePath", "Repo", "S3", "CID", "URL")
    kind = fields["StorageSource"]
    params = fields["S3"].struct() if kind.word() == "s3" else fields
    # The JSON tag of ChecksumSHA256 is `Checksum`: pkg/model/storage_spec.go.
    return Source(kind, params, fields["Path"], checksum="Checksum"), fields


def _read_wasm(
    reading: Reading, params: Struct, contexts: list[Node], files: Files
) -> None:
    entry = params["EntryModule"]
    if contexts:  # up to v0.3.16 the module was the one context
        if not entry.is_empty or len(contexts) > 1:
            raise contexts[-1].refuse("one module, the context or the EntryModule")
        entry = contexts[0]
    main = _module(reading, entry)
    imports = [_module(reading, item) for item in params["ImportModules"].elements()]
    engine_env = task_env(reading, params["EnvironmentVariables"])
    env = merge_env(reading, Node(None, params.at, fold=True), engine_env)
    read_wasm(reading, params, main.code, imports, env, files)


def _module(reading: Reading, node: Node) -> Module:
    if node.is_empty:
        raise node.refuse("the module to run, a storage spec")
    source, fields = _source(node)
    nowhere = replace(source, target=Node(None, source.target.at))
    code = place(reading, nowhere, Files())
    node = fields["Name"]
    name = "" if node.is_empty else reading.literal(node)
    fields.pass_over("ReadWrite")
    _ignore(reading, nowhere, fields)
    return Module(code if name is not None else None, name or "")


def _read_sharding(reading: Reading, node: Node) -> None:
    """Sharding with a glob splits one job into as many as the glob finds."""
    fields = node.struct()
    pattern = fields["GlobPattern"]
    fields.pass_over("BatchSize", "GlobPatternBasePath", "BasePath")
    if not pattern.is_empty:
        reading.findings.leave_unresolved(pattern.at, pattern.text(), "sharding")
    reading.ignore(fields.unknown())
