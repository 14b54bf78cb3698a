"""Schemas of Bacalhau's V1beta1 and V1beta2, and of the modules that hold them.

Source: docs/spec/forms/bacalhau-v1beta.md and lilypad.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from octostore_server.forms.bacalhau import (
    ENV,
    FOLDS,
    TEXTS,
    docker_params,
    dropped,
    network,
    outputs,
    source_kinds,
    source_params,
    wrapped,
)
from octostore_server.forms.words import (
    ANYTHING,
    NUL_FREE,
    TEXT,
    Folded,
    Schema,
    any_key,
    closed,
    either,
    listed,
    mapped,
    ref,
    schema,
    word,
)

__all__ = ["lilypad", "v1beta"]

_OF_OUTPUTS: Final = ("StorageSource", "CID", "URL", "Metadata", "S3")


def _storage(
    forms: Folded, prefix: str, beside: dict[str, Schema], **needed: Schema
) -> Schema:
    """A storage spec of V1beta: the type and its parameters side by side."""
    parameters = source_params(forms, "Checksum")
    kinds = []
    for index, (kind, params) in enumerate(source_kinds(parameters)):
        is_s3 = params == parameters["s3"]
        spec = forms.struct(
            f"{prefix}{index}",
            {**dropped("Name", "Metadata"), **beside},
            {"StorageSource": kind, **needed, **({"S3": params} if is_s3 else {})},
        )
        kinds.append(spec if is_s3 else {"allOf": [spec, params]})
    return either(*kinds)


def _job(forms: Folded, version: str) -> Schema:
    flag: Schema = {"type": "boolean"}
    source = _storage(forms, "Input", {"ReadWrite": flag}, Path=NUL_FREE)
    module = _storage(forms, "Module", {"Name": NUL_FREE, "Path": ANYTHING})
    wasm_fields: dict[str, Schema] = {
        "Entrypoint": NUL_FREE,
        "Parameters": TEXTS,
        "ImportModules": listed(module),
        "EnvironmentVariables": ENV,
    }
    wasm = forms.struct("Wasm", wasm_fields, {"EntryModule": module})
    bare = forms.struct("WasmWithoutModule", wasm_fields, empty=["EntryModule"])
    docker = docker_params(forms)
    old_docker = docker
    if version == "v1beta1":
        old_docker = docker_params(forms, "DockerOfV1beta1", parameters=False)
    fields: dict[str, Schema] = {
        "Inputs": listed(source),
        "Network": network(forms),
        "Sharding": forms.struct(
            "Sharding",
            {
                "GlobPattern": TEXT,
                **dropped("BatchSize", "GlobPatternBasePath", "BasePath"),
            },
        ),
        **dropped("Verifier", "Publisher", "PublisherSpec", "Resources", "Timeout"),
        **dropped("Annotations", "NodeSelectors", "DoNotTrack", "Deal", "Language"),
        **dropped("ExecutionPlan"),
    }
    common = forms.struct("Spec", fields)
    engines = (
        _Engine("docker", old_docker, docker, {"Contexts": listed(source)}),
        _Engine("wasm", wasm, wasm),
        _Engine("wasm", bare, bare, module=module),
    )
    specs = [spec for engine in engines for spec in _specs(forms, engine)]
    ids = ("Deal", "ID", "Status", "ClientID", "CreatedAt", "ExecutionPlan")
    states = ("RequesterNodeID", "RequesterPublicKey", "JobState", "State")
    return forms.struct(
        "Job",
        {
            "Metadata": forms.struct("Metadata", {"ID": TEXT}),
            **dropped(*ids, *states),
        },
        {
            "APIVersion": word(version),
            "Spec": {"allOf": [common, either(*specs)]},
        },
    )


@dataclass(frozen=True, slots=True)
class _Engine:
    """An engine with its parameters, in the old fields and in EngineSpec.

    `module` is that of a wasm job that has it as its one context.
    """

    kind: str
    old: Schema
    modern: Schema
    fields: Mapping[str, Schema] = field(default_factory=dict)
    module: Schema | None = None


def _specs(forms: Folded, engine: _Engine) -> Iterator[Schema]:
    """What a Spec says of one engine, in old fields and in EngineSpec."""
    kind, name = engine.kind, engine.kind.capitalize()
    place = "Path" if kind == "docker" else "Name"
    fields = {
        **engine.fields,
        "Outputs": outputs(forms, place, *_OF_OUTPUTS),
        **dropped("Docker", "Wasm", "EngineSpec"),
    }
    old, modern = {name: engine.old}, {"Params": engine.modern}
    needed: dict[str, Schema] = {}
    empty = ["Contexts"] if kind == "wasm" else []
    # With the module in the context, nothing need stand in the parameters.
    optional = engine.module is not None
    if engine.module is not None:
        kind += "-by-context"
        needed["Contexts"] = listed(engine.module, minItems=1, maxItems=1)
        empty = []
    yield forms.struct(
        f"Spec-{kind}",
        {**fields, **(old if optional else {})},
        {"Engine": word(engine.kind), **({} if optional else old), **needed},
        empty=empty,
    )
    spec = forms.struct(
        f"EngineSpec-{kind}",
        modern if optional else {},
        {"Type": word(engine.kind), **({} if optional else modern)},
    )
    yield forms.struct(
        f"Spec-{kind}-by-EngineSpec",
        fields,
        {"EngineSpec": spec, **needed},
        empty=["Engine", *empty],
    )


def v1beta(version: str) -> dict[str, Any]:
    """V1beta1 or V1beta2, by its name in lower case."""
    forms = Folded()
    root = wrapped(forms, _job(forms, version), "Spec")
    return schema(
        f"Bacalhau {version.capitalize()}",
        "bacalhau-v1beta.md",
        root,
        forms.definitions,
        (*FOLDS, "Engine beside EngineSpec: the former counts."),
    )


def lilypad() -> dict[str, Any]:
    """A rendered module, or a bundle of template and inputs."""
    forms = Folded()
    jobs = [
        {"$ref": f"bacalhau-{version}.schema.json#/$defs/Job"}
        for version in ("v1beta1", "v1beta2")
    ]
    some = listed(ANYTHING)
    files = forms.struct("InputFiles", {"required": some, "optional": some})
    names = ("author", "description", "image", "model", "executionTimeoutSeconds")
    module = forms.struct(
        "Module", {"inputFiles": files, **dropped(*names)}, {"job": either(*jobs)}
    )
    is_machine = f"^{any_key('machine')}$"
    machine: Schema = {
        "patternProperties": {is_machine: {"type": "object"}},
        "not": {"propertyNames": {"not": {"pattern": is_machine}}},
    }
    bundle = closed(
        {"template": TEXT, "inputs": either(ref("empty"), mapped(TEXT))}, ["template"]
    )
    return schema(
        "Lilypad module",
        "lilypad.md",
        either({"allOf": [module, machine]}, bundle),
        forms.definitions,
        (*FOLDS, "A bundle's keys do not fold. A template by itself is no JSON."),
    )
