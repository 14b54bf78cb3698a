"""Bacalhau's V1beta jobs, and what they are read as: invocation/bacalhau-v1beta.json.

python -m tests.vectors.make.bacalhau_v1beta
"""

from __future__ import annotations

from typing import Any

from tests.vectors.make.bacalhau_terms import (
    DATA,
    ECHO,
    ENTRY,
    FILE,
    HEX,
    IMAGE,
    INDEX,
    LIBRARY,
    MODULE,
    NETWORK,
    OCI,
    SUM,
    V0,
    V1,
    V1_BASE58,
    WASI,
    beta,
    beta_wasm,
    data_url,
    tar_gz,
)
from tests.vectors.make.cases import (
    canonical,
    case,
    impure,
    raw,
    refused,
    several,
    unresolved,
    write,
)

PLAIN = canonical(OCI, ECHO)
DOCKER = "/Spec/Docker"
INPUT = "/Spec/inputs/0"


def mount(kind: str, path: str = "/inputs", **fields: Any) -> dict[str, Any]:
    """One storage spec."""
    return {"StorageSource": kind, "path": path, **fields}


def put(path: str, cid: Any = FILE) -> Any:
    """`echo hi` with one file."""
    return canonical(OCI, {**ECHO, "files": {path: cid}})


def versions() -> None:
    """V1beta1, V1beta2, and the spellings between."""
    case("V1beta1", "the plain case", beta(), {**PLAIN, "warnings": [INDEX]})
    case("V1beta2", "the API version is no identity", beta(version="V1beta2"), PLAIN)
    case("v1beta1", "its case neither", beta(version="v1beta1"), PLAIN)
    case("V1beta3", "of no form that is known", beta(version="V1beta3"), refused())
    case(
        "EngineSpec",
        "the same in the words of V1beta2",
        beta(
            version="V1beta2",
            Engine=...,
            Docker=...,
            EngineSpec={
                "Type": "docker",
                "Params": {
                    "Image": IMAGE,
                    "entrypoint": ["echo"],
                    "Parameters": ["hi"],
                },
            },
        ),
        PLAIN,
    )
    case(
        "EngineSpec beside Engine",
        "the old one counts: v1.1.0 copies it over, older servers know no other",
        beta(
            version="V1beta2",
            EngineSpec={"Type": "docker", "Params": {"Image": "other"}},
        ),
        PLAIN,
    )
    case(
        "Entrypoint []",
        "the old fields leave it out on the way to Docker: as absent",
        beta({"Entrypoint": []}),
        canonical(OCI, {}),
    )
    case(
        "Entrypoint [] in EngineSpec",
        "reaches Docker, and clears the image's",
        beta(
            version="V1beta2",
            Engine=...,
            Docker=...,
            EngineSpec={
                "Type": "docker",
                "Params": {
                    "Image": IMAGE,
                    "Entrypoint": [],
                    "Parameters": ["echo", "hi"],
                },
            },
        ),
        PLAIN,
    )
    case(
        "Entrypoint [] in EngineSpec, alone",
        "the image's CMD alone, which nothing states",
        beta(
            version="V1beta2",
            Engine=...,
            Docker=...,
            EngineSpec={"Type": "docker", "Params": {"Image": IMAGE, "Entrypoint": []}},
        ),
        unresolved(
            OCI,
            None,
            (
                "/Spec/EngineSpec/Params/Entrypoint",
                f"oci:docker.io/{IMAGE}",
                "oci-cmd",
            ),
        ),
    )
    case(
        "Parameters in V1beta2",
        "beside Entrypoint",
        beta({"Entrypoint": ["echo"], "Parameters": ["hi"]}, version="V1beta2"),
        PLAIN,
    )
    case(
        "Parameters in V1beta1",
        "v1.0.3 passes over them, v1.1.0 does not: two computations",
        beta({"Entrypoint": ["echo"], "Parameters": ["hi"]}),
        refused(f"{DOCKER}/Parameters"),
    )
    case(
        "Parameters in V1beta1, empty",
        "say nothing to either",
        beta({"Parameters": []}),
        PLAIN,
    )
    case("wrapped", "real files stand under Job", {"Job": beta()}, PLAIN)
    case(
        "wrapped and bare",
        "two jobs in one document",
        {**beta(), "Job": beta()},
        refused("/Spec"),
    )
    case(
        "Contexts of a docker job",
        "were mounted like inputs, v0.3.12 to v0.3.22",
        beta(Contexts=[mount("IPFS", "/job", CID=V0)]),
        put("/job", V1),
    )
    case(
        "an id",
        "is an alias",
        {**beta(), "Metadata": {"ID": "abc", "ClientID": "x"}},
        {**PLAIN, "aliases": {"bacalhau-job": "abc"}},
    )
    case(
        "a Kelvin sign is no k",
        "words fold ASCII only, unlike keys",
        beta(Engine="doc\u212aer"),
        refused("/Spec/Engine"),
    )
    case(
        "no Spec",
        "a flat layout under this label is never an empty job",
        {"APIVersion": "V1beta1", "Engine": "Docker", "Docker": {"Image": IMAGE}},
        refused("/Spec"),
    )
    case(
        "Deal outside Spec",
        "where Nov 2022 had it",
        {**beta(), "Deal": {"Concurrency": 3}},
        {**PLAIN, "warnings": [INDEX]},
    )
    for engine in ("Noop", "Language", "PythonWasm", ""):
        case(
            f"Engine {engine or 'empty'}",
            "docker and wasm are read",
            beta(Engine=engine),
            refused("/Spec/Engine"),
        )


def tasks() -> None:
    """Commands, environments, what is empty."""
    for name, empty in (("null", None), ('""', ""), ("[]", []), ("{}", {})):
        case(
            f"{name} everywhere",
            "absent, null, empty string, list and map are one to a Go struct",
            beta(
                {"EnvironmentVariables": empty, "WorkingDirectory": empty},
                inputs=empty,
                outputs=empty,
                Sharding=empty,
                Wasm=empty,
                Language=empty,
            ),
            PLAIN,
        )
    case(
        "no Entrypoint",
        "the image's own command",
        beta({"Entrypoint": ...}),
        canonical(OCI, {}),
    )
    case(
        "env",
        "a list, the last of a name wins",
        beta({"EnvironmentVariables": ["A=1", "B=", "A=2"]}),
        canonical(OCI, {**ECHO, "env": {"A": "2", "B": ""}}),
    )
    case(
        "env: is text",
        "no value of the node's: this form does not look it up",
        beta({"EnvironmentVariables": ["A=env:HOME"]}),
        canonical(OCI, {**ECHO, "env": {"A": "env:HOME"}}),
    )
    case(
        "env without =",
        "refused at its place",
        beta({"EnvironmentVariables": ["A"]}),
        refused(f"{DOCKER}/EnvironmentVariables/0"),
    )
    case(
        "two spellings of a key",
        "inputs and Inputs are one",
        beta(inputs=[], Inputs=[]),
        refused("/Spec/Inputs"),
    )
    case(
        "tag",
        "unresolved; the input is complete",
        beta({"Image": "ubuntu:latest"}),
        unresolved(
            None,
            ECHO,
            (f"{DOCKER}/Image", "oci:docker.io/library/ubuntu:latest", "oci-tag"),
        ),
    )
    case(
        "tag@digest",
        "as Lilypad's modules pin it",
        beta({"Image": f"example/tool:v1@sha256:{HEX}"}),
        PLAIN,
    )
    case(
        "Lilypad template",
        "an unrendered module",
        beta({"EnvironmentVariables": ["{{ if .m }}MESSAGE={{ js .m }}{{ end }}"]}),
        impure(OCI, None, (f"{DOCKER}/EnvironmentVariables/0", "template")),
    )
    case(
        "numbers that are no identity",
        "Timeout is a float in V1beta1",
        beta(Timeout=1800.5, Resources={"CPU": "0.5"}, Annotations=["a"]),
        {**PLAIN, "warnings": [INDEX]},
    )


def inputs() -> None:
    """Storage specs."""
    case(
        "unknown field of the map S3",
        "the network passes over it, and so do we, but say so",
        beta(
            inputs=[
                mount(
                    "S3",
                    S3={"Bucket": "b", "Key": "d/a.csv", "Checksum": SUM, "Colour": 1},
                )
            ]
        ),
        {**put("/inputs/a.csv"), "warnings": [INDEX, "ignored-field"]},
    )
    case(
        "unknown field of a module",
        "the same of a storage spec that is a module; ReadWrite it knows",
        beta_wasm(
            {
                "EntryModule": {
                    "StorageSource": "Inline",
                    "URL": data_url(MODULE),
                    "ReadWrite": False,
                    "Colour": 1,
                }
            }
        ),
        {**canonical(WASI, {}), "warnings": ["ignored-field"]},
    )
    for name, spelled in (("v0", V0), ("v1", str(V1)), ("base58btc", V1_BASE58)):
        case(
            f"IPFS {name}",
            "one CID in any spelling",
            beta(inputs=[mount("IPFS", CID=spelled)]),
            put("/inputs", V1),
        )
    case(
        "space around version, engine and source",
        "trimmed, as Bacalhau's parsers of all three do",
        {
            **beta(inputs=[mount(" ipfs\n", CID=V0)], Engine="\tDocker "),
            "APIVersion": " V1beta1 ",
        },
        put("/inputs", V1),
    )
    case(
        "Inputs and Path",
        "as V1beta2 spells them",
        beta(Inputs=[{"StorageSource": "ipfs", "Path": "/inputs", "CID": V0}]),
        put("/inputs", V1),
    )
    for kind in ("Filecoin", "FilecoinUnsealed", "Estuary"):
        case(
            kind,
            "fixed by its CID, wherever it is fetched",
            beta(inputs=[mount(kind, CID=V0, URL="https://example.org/x")]),
            put("/inputs", V1),
        )
    case(
        "Inline",
        "before the requester pins it to IPFS",
        beta(inputs=[mount("Inline", "/in/a", URL=data_url(DATA))]),
        put("/in/a"),
    )
    case(
        "Inline archive",
        "its files",
        beta(inputs=[mount("inline", "/in", URL=tar_gz(("a", DATA)))]),
        put("/in/a"),
    )
    url = "https://example.org/d/a.csv"
    case(
        "URLDownload",
        "lands at path/<name>, as V1beta1 did already",
        beta(inputs=[mount("URLDownload", URL=url)]),
        put("/inputs/a.csv"),
        resolutions={url: str(FILE)},
    )
    case(
        "S3 with Checksum",
        "the JSON name of ChecksumSHA256",
        beta(
            inputs=[mount("S3", S3={"Bucket": "b", "Key": "d/a.csv", "Checksum": SUM})]
        ),
        {**put("/inputs/a.csv"), "warnings": [INDEX]},
    )
    case(
        "S3 without",
        "unresolved",
        beta(inputs=[mount("S3", S3={"Bucket": "b", "Key": "a", "VersionID": "1"})]),
        unresolved(OCI, None, (f"{INPUT}/S3/Key", "s3://b/a?versionId=1", "s3")),
    )
    case(
        "LocalDirectory",
        "a host's",
        beta(inputs=[mount("LocalDirectory", SourcePath="/db")]),
        impure(OCI, None, (f"{INPUT}/StorageSource", "host-directory")),
    )
    case(
        "ReadWrite",
        "the job may change its input, and the next one sees it",
        beta(inputs=[mount("LocalDirectory", SourcePath="/db", ReadWrite=True)]),
        impure(
            OCI,
            None,
            (f"{INPUT}/ReadWrite", "read-write-mount"),
            (f"{INPUT}/StorageSource", "host-directory"),
        ),
    )
    for kind in ("RepoClone", "RepoCloneLFS"):
        case(
            kind,
            "a branch moves",
            beta(inputs=[mount(kind, Repo="https://example.org/a.git")]),
            unresolved(
                OCI,
                None,
                (f"{INPUT}/Repo", "https://example.org/a.git", "repository"),
            ),
        )
    case(
        "input without path",
        "where?",
        beta(inputs=[mount("IPFS", "", CID=V0)]),
        refused(f"{INPUT}/path"),
    )
    case(
        "input without source",
        "of what kind?",
        beta(inputs=[{"path": "/inputs", "CID": V0}]),
        refused(f"{INPUT}/StorageSource"),
    )
    case(
        "Sharding with a glob",
        "as many jobs as the glob finds",
        beta(Sharding={"GlobPattern": "/inputs/*", "BatchSize": 2}),
        unresolved(OCI, ECHO, ("/Spec/Sharding/GlobPattern", "/inputs/*", "sharding")),
    )
    case(
        "Sharding without",
        "one job",
        beta(Sharding={"GlobPattern": "", "BatchSize": 1}),
        PLAIN,
    )
    case(
        "outputs",
        "no identity; told as dirs",
        beta(
            outputs=[
                {"StorageSource": "IPFS", "Name": "b", "path": "/b/"},
                {"StorageSource": "IPFS", "Name": "a", "path": "a"},
                {"StorageSource": "IPFS", "Name": "a", "path": "/c"},
            ]
        ),
        {**PLAIN, "dirs": ["/a", "/b", "/c"], "warnings": [INDEX]},
    )


def networks() -> None:
    """As in the newer form."""
    case(
        "network absent",
        "None, with the warning that all networks have",
        beta(Network=...),
        {**PLAIN, "warnings": [INDEX, NETWORK]},
    )
    for kind in ("Full", "HTTP"):
        case(
            f"network {kind}",
            "asked for",
            beta(Network={"Type": kind, "Domains": ["example.org"]}),
            impure(OCI, ECHO, ("/Spec/Network/Type", "network")),
        )
    case(
        "domains alone",
        "asks for a network without saying which",
        beta(Network={"Domains": ["example.org"]}),
        impure(OCI, ECHO, ("/Spec/Network/Domains", "network")),
    )


def modules() -> None:
    """WebAssembly."""
    plain = canonical(WASI, {})
    case("wasm", "an inline module", beta_wasm(), {**plain, "warnings": []})
    case(
        "wasm packed",
        "clients pack what is larger than 512 bytes",
        beta_wasm(
            {
                "EntryModule": {
                    "StorageSource": "Inline",
                    "URL": tar_gz(("main.wasm", MODULE)),
                }
            }
        ),
        plain,
    )
    case(
        "wasm by CID",
        "another program: a UnixFS CID is another CID of the same bytes",
        beta_wasm({"EntryModule": {"StorageSource": "IPFS", "CID": V0}}),
        canonical({"kind": "wasi", "code": V1}, {}),
    )
    case(
        "wasm without entry point",
        "read as _start, with a warning",
        beta_wasm({"EntryPoint": ...}),
        {**plain, "warnings": [ENTRY]},
    )
    case(
        "wasm, all of it",
        "args, env, imports by Name, files",
        beta_wasm(
            {
                "Parameters": ["-v"],
                "EnvironmentVariables": {"A": "1", "B": "env:x"},
                "ImportModules": [
                    {
                        "StorageSource": "Inline",
                        "URL": data_url(LIBRARY),
                        "Name": "lib",
                    }
                ],
            },
            inputs=[mount("IPFS", "/in", CID=V0)],
            outputs=[{"Name": "out", "path": "/elsewhere"}],
        ),
        canonical(
            {**WASI, "imports": [{"code": raw(LIBRARY), "name": "lib"}]},
            {
                "args": ["-v"],
                "env": {"A": "1", "B": "env:x"},
                "files": {"/in": V1},
            },
            dirs=["/out"],
            warnings=[],
        ),
    )
    module = {"StorageSource": "Inline", "URL": data_url(MODULE)}
    case(
        "wasm by its one context",
        "how v0.3.12 to v0.3.16 named the module",
        beta_wasm({"EntryModule": ...}, Contexts=[module]),
        plain,
    )
    case(
        "wasm with a context and an EntryModule",
        "servers differ on which is the module",
        beta_wasm(Contexts=[module]),
        refused("/Spec/Contexts/0"),
    )
    case(
        "EngineSpec wasm",
        "the same in the words of V1beta2",
        beta_wasm(
            version="V1beta2",
            Engine=...,
            Wasm=...,
            EngineSpec={
                "Type": "wasm",
                "Params": {
                    "EntryModule": {
                        "StorageSource": "Inline",
                        "URL": data_url(MODULE),
                    },
                    "Entrypoint": "_start",
                },
            },
        ),
        plain,
    )
    case(
        "wasm without module",
        "nothing to run",
        beta_wasm({"EntryModule": {}}),
        refused("/Spec/Wasm/EntryModule"),
    )
    case(
        "wasm env as list",
        "this engine wants a map",
        beta_wasm({"EnvironmentVariables": ["A=1"]}),
        refused("/Spec/Wasm/EnvironmentVariables"),
    )
    case(
        "Concurrency",
        "copies for verification are one computation",
        beta(Deal={"Concurrency": 3, "Confidence": 2}),
        several(PLAIN),
    )


if __name__ == "__main__":
    for part in (versions, tasks, inputs, networks, modules):
        part()
    write("bacalhau-v1beta.json")
