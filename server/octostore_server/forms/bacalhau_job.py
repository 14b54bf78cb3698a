"""The schema of Bacalhau's `models.Job`. Source: docs/spec/forms/bacalhau-job.md."""

from __future__ import annotations

from typing import Any

from octostore_server.forms.bacalhau import (
    ENV,
    FOLDS,
    OLD_NAMES,
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
    either,
    listed,
    ref,
    schema,
    word,
)

__all__ = ["job"]


def job() -> dict[str, Any]:
    """models.Job, v1.1 and later."""
    forms = Folded()
    parameters = source_params(forms, "ChecksumSHA256")
    sources = []
    for index, (kind, params) in enumerate(source_kinds(parameters)):
        needs = params != parameters["host"]
        sources.append(
            forms.struct(
                f"Source{index}",
                {} if needs else {"Params": params},
                {"Type": kind, **({"Params": params} if needs else {})},
            )
        )
    source = either(*sources)
    forms.struct(
        "InputSource",
        {"Alias": ANYTHING},
        {"Source": source, "Target": NUL_FREE},
    )
    forms.struct("Module", {"Alias": NUL_FREE, "Target": ANYTHING}, {"Source": source})
    by_path = forms.struct(
        "WasmByPath",
        {
            "Entrypoint": NUL_FREE,
            "Parameters": TEXTS,
            "ImportModules": listed(NUL_FREE),
        },
        {"EntryModule": NUL_FREE},
    )
    by_source = forms.struct(
        "WasmBySource",
        {
            "Entrypoint": NUL_FREE,
            "Parameters": TEXTS,
            "ImportModules": listed(ref("Module")),
            "EnvironmentVariables": ENV,
        },
        {"EntryModule": ref("Module")},
    )
    tasks = []
    for engine, given, place in (
        ("docker", docker_params(forms), "Path"),
        ("wasm", either(by_path, by_source), "Name"),
    ):
        whole = forms.struct(
            f"Engine-{engine}", {}, {"Type": word(engine), "Params": given}
        )
        tasks.append(
            forms.struct(
                f"Task-{engine}",
                {
                    "Env": ENV,
                    "InputSources": listed(ref("InputSource")),
                    "ResultPaths": outputs(forms, place, *OLD_NAMES),
                    "Network": network(forms),
                    **dropped("Name", "Publisher", "Meta", "Resources", "Timeouts"),
                },
                {"Engine": whole},
            )
        )
    names = ("Name", "Namespace", "Priority", "Constraints", "Meta", "Labels")
    states = ("State", "Version", "Revision", "CreateTime", "ModifyTime")
    forms.struct(
        "Job",
        {
            "Type": word("batch", "ops", "daemon", "service"),
            "Count": {"type": "integer", "minimum": 0, "maximum": 10_000},
            "ID": TEXT,
            **dropped(*names, *states),
        },
        {"Tasks": listed(either(*tasks), minItems=1, maxItems=1)},
    )
    root = wrapped(forms, ref("Job"), "Tasks")
    return schema(
        "Bacalhau models.Job", "bacalhau-job.md", root, forms.definitions, FOLDS
    )
