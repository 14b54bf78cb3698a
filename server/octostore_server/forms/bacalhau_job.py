"""The schema of Bacalhau's `models.Job`. Source: docs/spec/forms/bacalhau-job.md."""

from __future__ import annotations

from typing import Any, Final

from invocation_spec.node import UNICODE_SPACE
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
    either,
    listed,
    ref,
    schema,
    word,
)

__all__ = ["job"]

#: Something else than the white space that targets are trimmed of.
_NOT_BLANK: Final[Schema] = {"pattern": f"[^{UNICODE_SPACE}]"}


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
    landing = {"Source": source, "Target": {"allOf": [NUL_FREE, _NOT_BLANK]}}
    named = forms.struct("InputSource", {"Alias": ANYTHING}, landing)
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
    for name, given, place, source in (
        ("docker", docker_params(forms), "Path", named),
        ("wasm", by_path, "Name", named),
        ("wasm-old", by_source, "Name", named),
    ):
        engine = name.partition("-")[0]
        whole = forms.struct(
            f"Engine-{name}", {}, {"Type": word(engine), "Params": given}
        )
        tasks.append(
            forms.struct(
                f"Task-{name}",
                {
                    "Env": ENV,
                    "InputSources": listed(source),
                    "ResultPaths": outputs(forms, place),
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
