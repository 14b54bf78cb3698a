"""Schemas of Bacalhau's v1alpha1, in its three layouts.

Source: docs/spec/forms/bacalhau-v1alpha1.md.
"""

from __future__ import annotations

from typing import Any, Final

from octostore_server.forms.bacalhau import (
    DIRECTORY,
    ENV,
    ENV_LIST,
    FOLDS,
    IMAGE_OR_TEMPLATE,
    OLD_NAMES,
    TEXTS,
    WEB,
    dropped,
    network,
    outputs,
    wrapped,
)
from octostore_server.forms.words import (
    ANYTHING,
    NUL_FREE,
    TEXT,
    Folded,
    Schema,
    either,
    listed,
    ref,
    says,
    schema,
    word,
)

__all__ = ["v1alpha1"]

_ENGINES: Final = ("noop", "docker", "wasm", "language", "pythonwasm")
_SOURCES: Final = ("ipfs", "urldownload", "filecoinunsealed", "filecoin", "estuary")
_LAYOUTS: Final = ("job_spec_docker", "JobSpecDocker", "Spec")
_DOCKERS: Final = ("Docker", "job_spec_docker", "JobSpecDocker")
_LANGUAGES: Final = ("Language", "job_spec_language", "JobSpecLanguage")
_KINDS: Final = ("StorageSource", *OLD_NAMES)
_OF_OUTPUTS: Final = (*_KINDS, "CID", "URL", "Metadata")


def _numbered(kinds: tuple[str, ...], *names: str) -> Schema:
    """Some of these kinds, by name or by its number from 1; 0 says nothing."""
    numbers = [0, *(kinds.index(name) + 1 for name in names)]
    return either({"enum": numbers}, word(*names))


def v1alpha1(layout: str) -> dict[str, Any]:
    """One of the three layouts of v1alpha1, by the field that makes it."""
    forms = Folded()
    nested = layout == "Spec"
    by_cid, by_url = ("ipfs", "filecoinunsealed", "filecoin", "estuary"), "urldownload"
    kinds = [
        (_numbered(_SOURCES, *by_cid), "CID", NUL_FREE, "URL"),
        (_numbered(_SOURCES, by_url), "URL", WEB, "CID"),
    ]
    for path, prefix in ((NUL_FREE, "Input"), (None, "Module")):
        for kind, name, value, other in kinds:
            forms.struct(
                f"{prefix}By{name}",
                {
                    **dict.fromkeys(_KINDS, kind),
                    **dropped(other, "Metadata"),
                    "Name": ANYTHING if path else NUL_FREE,
                    **({} if path else {"Path": ANYTHING}),
                },
                {name: value, **({"Path": path} if path else {})},
            )
    source, module = (
        {
            "allOf": [
                either(ref(f"{prefix}ByCID"), ref(f"{prefix}ByURL")),
                says(*_KINDS),
            ]
        }
        for prefix in ("Input", "Module")
    )
    docker = forms.struct(
        "Docker",
        {
            "Entrypoint": TEXTS,
            **dict.fromkeys(("EnvironmentVariables", "env"), ENV_LIST),
            **dict.fromkeys(("WorkingDirectory", "workdir"), DIRECTORY),
        },
        {"Image": IMAGE_OR_TEMPLATE},
    )
    glob = dict.fromkeys(("GlobPattern", "glob_pattern"), TEXT)
    sizes = dropped("BatchSize", "batch_size")
    bases = dropped("GlobPatternBasePath", "glob_pattern_base_path")
    common: dict[str, Schema] = {
        "Sharding": forms.struct("Sharding", {**glob, **sizes, **bases}),
        "Network": network(forms),
        **dict.fromkeys(("inputs", "InputVolumes"), listed(source)),
        **dropped("Verifier", "verifier_name", "VerifierName", "Resources", "Timeout"),
        **dropped("Publisher", "publisher_name", "PublisherName", "Annotations"),
        **dropped("DoNotTrack", "Language", "job_spec_language", "JobSpecLanguage"),
    }
    outer: dict[str, Schema] = {
        "ID": TEXT,
        **dict.fromkeys(("APIVersion", "JobAPIVersion"), ANYTHING),
        **dropped("Deal", "ClientID", "CreatedAt", "JobState", "JobEvents"),
        **dropped("RequesterNodeID", "RequesterPublicKey", "ExecutionPlan"),
        **dropped("JobLocalEvents", "LocalJobEvents"),
    }
    engines = ("Engine", "engine_name", "EngineName")
    path_outputs = outputs(forms, "Path", *_OF_OUTPUTS)
    of_docker: dict[str, Schema] = {
        **common,
        **dict.fromkeys(engines, _numbered(_ENGINES, "docker")),
        **dict.fromkeys(("outputs", "OutputVolumes"), path_outputs),
        "Contexts": listed(source),
    }
    others = [name for name in _LAYOUTS if name != layout]
    if not nested:
        names = [*others, "Docker"]
        forms.struct("Flat", {**of_docker, **outer}, {layout: docker}, empty=names)
        forms.definitions["Job"] = {"allOf": [ref("Flat"), says(*engines)]}
    else:
        specs = [
            {
                "allOf": [
                    forms.struct(
                        "Spec-docker",
                        {
                            **of_docker,
                            **dict.fromkeys(_DOCKERS, docker),
                            "Wasm": ANYTHING,
                        },
                    ),
                    says(*_DOCKERS),
                ]
            },
            _alpha_wasm(forms, common, engines, module),
        ]
        forms.struct(
            "Job",
            outer,
            {"Spec": {"allOf": [either(*specs), says(*engines)]}},
            empty=others,
        )
    root = wrapped(forms, ref("Job"), "Spec")
    title = {"Spec": "nested", "JobSpecDocker": "PascalCase"}.get(layout, "snake_case")
    return schema(
        f"Bacalhau v1alpha1, {title}",
        "bacalhau-v1alpha1.md",
        root,
        forms.definitions,
        (
            *FOLDS,
            "Of several names of one field at most one is not empty; what engine and"
            " source are called has to agree.",
        ),
    )


def _alpha_wasm(
    forms: Folded, common: dict[str, Schema], engines: tuple[str, ...], module: Schema
) -> Schema:
    wasm = forms.struct(
        "Wasm",
        {
            "Entrypoint": NUL_FREE,
            "Parameters": TEXTS,
            "ImportModules": listed(module),
            "EnvironmentVariables": ENV,
        },
        empty=["EntryModule"],
    )
    language = forms.struct("Language", {}, empty=["Command", "ProgramPath"])
    name_outputs = outputs(forms, "Name", *_OF_OUTPUTS)
    return forms.struct(
        "Spec-wasm",
        {
            **common,
            **dict.fromkeys(engines, _numbered(_ENGINES, "wasm")),
            **dict.fromkeys(("outputs", "OutputVolumes"), name_outputs),
            **dict.fromkeys(_LANGUAGES, language),
            **dropped(*_DOCKERS),
            "Wasm": wasm,
        },
        {
            "Contexts": {
                "type": "array",
                "prefixItems": [module],
                "minItems": 1,
            }
        },
    )
