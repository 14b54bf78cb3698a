"""What the schemas of Bacalhau's jobs share, from version to version.

Source: docs/spec/forms/bacalhau-job.md.
"""

from __future__ import annotations

from typing import Final

from octostore_server.forms.words import (
    ANYTHING,
    IMAGE,
    NUL_FREE,
    TEXT,
    Folded,
    Schema,
    any_case,
    any_key,
    either,
    listed,
    mapped,
    ref,
    word,
)

__all__ = [
    "DIRECTORY",
    "ENV",
    "ENV_LIST",
    "FOLDS",
    "IMAGE_OR_TEMPLATE",
    "OLD_NAMES",
    "TEXTS",
    "WEB",
    "docker_params",
    "dropped",
    "network",
    "outputs",
    "source_kinds",
    "source_params",
    "wrapped",
]

FOLDS: Final = (
    "Keys match without regard to case, as Go's do; two spellings of one key in one"
    " map are refused, which is not said here either.",
    "Absent, null, empty text, list and map are alike.",
)
TEXTS: Final = listed(NUL_FREE)
_TEMPLATE: Final = "\\{\\{"
IMAGE_OR_TEMPLATE: Final = either(IMAGE, {"type": "string", "pattern": _TEMPLATE})
ENV: Final = mapped(
    NUL_FREE,
    propertyNames={
        "pattern": "^[^=]+$",
        "not": {"pattern": "^" + any_case("bacalhau_")},
    },
)
ENV_LIST: Final = listed(
    {
        "type": "string",
        "pattern": f"^[^=]+=|{_TEMPLATE}",
        "not": {"pattern": "^" + any_case("bacalhau_")},
    }
)
DIRECTORY: Final[Schema] = {"type": "string", "pattern": f"^/|{_TEMPLATE}"}
WEB: Final[Schema] = {
    "type": "string",
    "pattern": f"^{any_case('http')}[Ss]?://[^\\\\]*$|{_TEMPLATE}",
}
_DATA: Final[Schema] = {
    "type": "string",
    "pattern": f'^{any_case("data")}:[^",]*,|{_TEMPLATE}',
}
_BY_CID: Final = ("ipfs", "filecoin", "filecoinunsealed", "estuary")
_S3: Final = ("Key", "Endpoint", "VersionID")


def dropped(*names: str) -> dict[str, Schema]:
    """Fields that a form knows and passes over."""
    return dict.fromkeys(names, ANYTHING)


def network(forms: Folded) -> Schema:
    """What a job says of a network."""
    kind = word("none", "full", "host", "bridge", "http", "default")
    return forms.struct("Network", {"Type": kind, **dropped("Ports", "Domains")})


def source_params(forms: Folded, checksum: str) -> dict[str, Schema]:
    """The parameters of each type of source that has some."""
    return {
        "ipfs": forms.struct("IPFS", {}, {"CID": NUL_FREE}),
        "inline": forms.struct("Inline", {}, {"URL": _DATA}),
        "url": forms.struct("URL", {}, {"URL": WEB}),
        "s3": forms.struct(
            "S3",
            {
                **dict.fromkeys(_S3, NUL_FREE),
                **dropped(checksum, "Region", "Filter", "Partition"),
            },
            {"Bucket": NUL_FREE},
        ),
        "repository": forms.struct("Repository", {}, {"Repo": TEXT}),
        "host": forms.struct("Host", dropped("SourcePath", "ReadWrite")),
    }


def source_kinds(parameters: dict[str, Schema]) -> list[tuple[Schema, Schema]]:
    """Types of sources, each with its parameters."""
    return [
        (word(*_BY_CID), parameters["ipfs"]),
        (word("inline"), parameters["inline"]),
        (word("urldownload"), parameters["url"]),
        (word("s3"), parameters["s3"]),
        (word("repoclone", "repoclonelfs"), parameters["repository"]),
        (word("localdirectory", "local"), parameters["host"]),
    ]


def outputs(forms: Folded, place: str, *beside: str) -> Schema:
    """Output directories, mounted at their path or at their name.

    `beside` are what the version of the form knows and drops.
    """
    other = "Path" if place == "Name" else "Name"
    known = {place: NUL_FREE, **dropped(other, *beside)}
    return listed(forms.struct(f"OutputBy{place}", known))


OLD_NAMES: Final = ("StorageSourceName", "EngineName", "Engine", "engine_name")


def docker_params(
    forms: Folded, name: str = "Docker", *, parameters: bool = True
) -> Schema:
    """The parameters of the docker engine."""
    fields: dict[str, Schema] = {
        "Entrypoint": TEXTS,
        "EnvironmentVariables": ENV_LIST,
        "WorkingDirectory": DIRECTORY,
    }
    if parameters:
        fields["Parameters"] = TEXTS
    empty = () if parameters else ("Parameters",)
    return forms.struct(name, fields, {"Image": IMAGE_OR_TEMPLATE}, empty=empty)


def wrapped(forms: Folded, job: Schema, beside: str) -> Schema:
    """The job itself, or under `Job` with nothing of a job beside it."""
    forms.struct("Wrapper", {}, {"Job": job})
    stray = {"propertyNames": {"not": {"pattern": f"^{any_key(beside)}$"}}}
    no_job: Schema = {
        "patternProperties": {f"^{any_key('Job')}$": {"not": {"type": "object"}}}
    }
    return either({"allOf": [ref("Wrapper"), stray]}, {"allOf": [job, no_job]})
