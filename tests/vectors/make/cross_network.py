"""One computation in the words of several networks: invocation/cross-network.json.

The members of a family share `family` and have one invocation; what each family
is, stands here as Program and Input.

    python -m tests.vectors.make.cross_network
"""

from __future__ import annotations

import hashlib
from typing import Any

from tests.vectors.make import reapi
from tests.vectors.make.bacalhau_terms import (
    DATA,
    FILE,
    HEX,
    IMAGE,
    LIBRARY,
    MODULE,
    OCI,
    SUM,
    V0,
    V1,
    WASI,
    beta,
    beta_wasm,
    data_url,
    docker,
    inline,
    source,
    tar_gz,
    wasm,
    wasm_17,
)
from tests.vectors.make.cases import canonical, case, raw, write

SHA3 = hashlib.sha3_224(b"an image of Golem's").hexdigest()
PACKAGE = f"hash:sha3:{SHA3}:http://example.org/image.gvmi"
CODE = str(raw(MODULE))
URL = "http://example.org/d/a.csv"
TOOL = "oci:docker.io/example/tool:v1"

JOB_7, JOB_1, BETA, BETA_2 = (
    "models.Job v1.7",
    "models.Job v1.1",
    "V1beta1",
    "V1beta2",
)
UCAN, GOLEM, YAML = "UCAN task", "Golem bundle", "models.Job in YAML"
TES, REAPI = "TES task", "action"
#: The image has no entrypoint, which TES and actions leave open.
BARE = {f"oci:docker.io/{IMAGE}": {"digest": f"sha256:{HEX}", "entrypoint": []}}


def family(
    name: str, why: str, program: Any, given: Any, members: dict[str, Any]
) -> None:
    """All members of one; a member is a document, or that with resolutions."""
    for network, member in members.items():
        document, meanings = member if isinstance(member, tuple) else (member, None)
        more = {} if meanings is None else {"resolutions": meanings}
        case(
            f"{name}: {network}",
            why,
            document,
            canonical(program, given),
            family=name,
            **more,
        )


def task(ability: str, resource: str, **inputs: Any) -> dict[str, Any]:
    """A UCAN task of December 2022."""
    return {"with": resource, "do": ability, "inputs": {"outputs": {}, **inputs}}


def ucan_wasm(resource: str = f"ipfs://{CODE}", **inputs: Any) -> dict[str, Any]:
    """One that runs a module."""
    own = {"entrypoint": "_start", "parameters": [], "modules": [], "mounts": {}}
    return task("wasm32-wasi/run", resource, **{**own, "env": {}, **inputs})


def ucan_docker(**inputs: Any) -> dict[str, Any]:
    """One that runs an image."""
    own = {"entrypoint": ["echo", "hi"], "mounts": {}, "env": {}, "workdir": ""}
    return task("docker/run", IMAGE, **{**own, **inputs})


def bundle(
    runtime: str, run: list[str], meaning: Any, put: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Golem bundle with one run, its package resolved; `put` is where data goes."""
    transfer = {"transfer": {"from": URL, "to": f"container:{put}"}}
    whole = {
        "runtime": {"name": runtime},
        "demand": {"golem.srv.comp.task_package": PACKAGE},
        "exeScript": [
            {"deploy": {}},
            {"start": {}},
            *([] if put is None else [transfer]),
            {"run": {"entry_point": run[0], "args": run[1:]}},
        ],
        "inputs": {} if put is None else {URL: str(FILE)},
    }
    return whole, {f"golem:sha3-224:{SHA3}": meaning}


def golem_wasm(*args: str, put: str | None = None) -> Any:
    """A module of a package."""
    return bundle("wasmtime", ["main", *args], {"kind": "wasi", "code": CODE}, put)


def golem_docker(*argv: str, put: str | None = None) -> Any:
    """An image that was built from an OCI one."""
    meaning = {"kind": "oci", "digest": f"sha256:{HEX}"}
    return bundle("vm", list(argv), meaning, put)


def tes(*command: str, **more: Any) -> Any:
    """A TES task."""
    inputs = {"inputs": more.pop("inputs")} if "inputs" in more else {}
    executor = {"image": IMAGE, "command": list(command), **more}
    return {"executors": [executor], **inputs}, BARE


def programs() -> None:
    """WASI modules."""
    family(
        "module alone",
        "nothing but the code",
        WASI,
        {},
        {
            JOB_7: wasm_17(),
            JOB_1: wasm(),
            BETA: beta_wasm(),
            BETA_2: beta_wasm(version="V1beta2"),
            UCAN: ucan_wasm(),
            GOLEM: golem_wasm(),
        },
    )
    family(
        "module packed",
        "clients pack what is larger than 512 bytes; packed, it is the same module",
        {**WASI, "entry": "run"},
        {},
        {
            JOB_7: {
                "Tasks": [
                    {
                        **wasm_17({"EntryModule": "/app", "Entrypoint": "run"})[
                            "Tasks"
                        ][0],
                        "InputSources": [
                            source("inline", "/app", URL=tar_gz(("m.wasm", MODULE)))
                        ],
                    }
                ]
            },
            JOB_1: wasm(
                {
                    "EntryModule": {
                        "Source": {
                            "Type": "inline",
                            "Params": {"URL": tar_gz(("main.wasm", MODULE), mtime=9)},
                        }
                    },
                    "EntryPoint": "run",
                }
            ),
            BETA: beta_wasm({"EntryPoint": "run"}),
            UCAN: ucan_wasm(entrypoint="run"),
        },
    )
    family(
        "module with arguments and a file",
        "the headline",
        WASI,
        {"args": ["-c", "/in/a.csv"], "files": {"/in/a.csv": FILE}},
        {
            JOB_7: wasm_17(
                {"Parameters": ["-c", "/in/a.csv"]},
                source("inline", "in/a.csv", URL=data_url(DATA)),
            ),
            JOB_1: wasm(
                {"Parameters": ["-c", "/in/a.csv"]},
                InputSources=[source("ipfs", "/in/a.csv", CID=str(FILE))],
            ),
            BETA: beta_wasm(
                {"Parameters": ["-c", "/in/a.csv"]},
                inputs=[
                    {
                        "StorageSource": "Inline",
                        "URL": tar_gz(("a.csv", DATA)),
                        "path": "/in",
                    }
                ],
            ),
            UCAN: ucan_wasm(
                parameters=["-c", "/in/a.csv"],
                mounts={"/in/a.csv": f"ipfs://{FILE}"},
            ),
            GOLEM: golem_wasm("-c", "/in/a.csv", put="/in/a.csv"),
        },
    )
    family(
        "module with an environment and a folder",
        "Golem drops environments, so it has no member here",
        WASI,
        {"env": {"A": "1", "B": ""}, "files": {"/in": V1}},
        {
            JOB_7: wasm_17(
                {},
                source("ipfs", "/in", CID=V0),
                Env={"B": "", "A": "1"},
            ),
            JOB_1: wasm(
                {"EnvironmentVariables": {"A": "1", "B": ""}},
                InputSources=[source("ipfs", "/in/", CID=str(V1))],
            ),
            BETA: beta_wasm(
                {"EnvironmentVariables": {"B": "", "A": "1"}},
                inputs=[{"StorageSource": "IPFS", "CID": V0, "path": "/in"}],
            ),
            UCAN: ucan_wasm(env={"A": "1", "B": ""}, mounts={"/in": f"ipfs://{V0}"}),
        },
    )
    family(
        "module with a library",
        "linked by no name, which from v1.7 cannot be said",
        {**WASI, "imports": [{"code": raw(LIBRARY)}]},
        {},
        {
            JOB_1: wasm({"ImportModules": [{"Source": inline(LIBRARY)}]}),
            BETA: beta_wasm(
                {
                    "ImportModules": [
                        {"StorageSource": "Inline", "URL": data_url(LIBRARY)}
                    ]
                }
            ),
            UCAN: ucan_wasm(modules=[f"ipfs://{raw(LIBRARY)}"]),
        },
    )


def images() -> None:
    """Containers."""
    family(
        "container with a command",
        "wherever the spec splits it",
        OCI,
        {"argv": ["echo", "hi"]},
        {
            JOB_7: docker(),
            JOB_1: docker({"Entrypoint": ["echo", "hi"], "Parameters": []}),
            YAML: "Tasks: [{Engine: {Type: docker, Params: {Image: "
            f"{IMAGE}, Entrypoint: [echo, hi]}}}}}}]\n",
            BETA: beta(),
            BETA_2: beta(
                {"Entrypoint": ["echo"], "Parameters": ["hi"]}, version="V1beta2"
            ),
            "models.Job, CMD replaced": (
                docker({"Entrypoint": [], "Parameters": ["echo", "hi"]}),
                BARE,
            ),
            UCAN: ucan_docker(),
            GOLEM: golem_docker("echo", "hi"),
            TES: tes("echo", "hi"),
        },
    )
    family(
        "container by tag",
        "once it is resolved, and only then",
        OCI,
        {"argv": ["true"]},
        {
            network: (document, {TOOL: f"sha256:{HEX}"})
            for network, document in {
                JOB_7: docker(
                    {
                        "Image": "example/tool:v1",
                        "Entrypoint": ["true"],
                        "Parameters": [],
                    }
                ),
                BETA: beta({"Image": "example/tool:v1", "Entrypoint": ["true"]}),
                UCAN: {**ucan_docker(entrypoint=["true"]), "with": "example/tool:v1"},
            }.items()
        }
        | {
            TES: (
                {"executors": [{"image": "example/tool:v1", "command": ["true"]}]},
                {TOOL: {"digest": f"sha256:{HEX}", "entrypoint": []}},
            )
        },
    )
    family(
        "container with environment and directory",
        "lists and maps say the same",
        OCI,
        {"argv": ["env"], "env": {"A": "1", "B": "x=y"}, "cwd": "/srv"},
        {
            JOB_7: docker(
                {"Entrypoint": ["env"], "Parameters": [], "WorkingDirectory": "/srv"},
                Env={"A": "1", "B": "x=y"},
            ),
            JOB_1: docker(
                {
                    "Entrypoint": ["env"],
                    "Parameters": [],
                    "WorkingDirectory": "/srv/",
                    "EnvironmentVariables": ["B=x=y", "A=0", "A=1"],
                },
            ),
            BETA: beta(
                {
                    "Entrypoint": ["env"],
                    "WorkingDirectory": "/srv",
                    "EnvironmentVariables": ["A=1", "B=x=y"],
                }
            ),
            UCAN: ucan_docker(
                entrypoint=["env"], workdir="/srv", env={"B": "x=y", "A": "1"}
            ),
            TES: tes("env", workdir="/srv", env={"A": "1", "B": "x=y"}),
        },
    )
    family(
        "container with a file",
        "inline, by CID, from S3, by URL",
        OCI,
        {"argv": ["wc", "/in/a.csv"], "files": {"/in/a.csv": FILE}},
        {
            JOB_7: docker(
                {"Entrypoint": ["wc"], "Parameters": ["/in/a.csv"]},
                InputSources=[
                    source(
                        "s3",
                        "/in",
                        Bucket="b",
                        Key="d/a.csv",
                        ChecksumSHA256=SUM,
                    )
                ],
            ),
            JOB_1: (
                docker(
                    {"Entrypoint": ["wc"], "Parameters": ["/in/a.csv"]},
                    InputSources=[source("urlDownload", "/in", URL=URL)],
                ),
                {URL: str(FILE)},
            ),
            BETA: beta(
                {"Entrypoint": ["wc", "/in/a.csv"]},
                inputs=[
                    {
                        "StorageSource": "Inline",
                        "URL": data_url(DATA),
                        "path": "/in/a.csv",
                    }
                ],
            ),
            UCAN: ucan_docker(
                entrypoint=["wc", "/in/a.csv"],
                mounts={"/in/a.csv": f"ipfs://{FILE}"},
            ),
            GOLEM: golem_docker("wc", "/in/a.csv", put="/in/a.csv"),
            TES: tes(
                "wc",
                "/in/a.csv",
                inputs=[{"path": "/in/a.csv", "content": DATA.decode()}],
            ),
        },
    )
    root = "/input-root"
    table = f"{root}/planets.csv"
    family(
        "container where an action has its files",
        "whoever puts the same file at the same place asks for the same",
        OCI,
        {"argv": ["sort", "planets.csv"], "cwd": root, "files": {table: FILE}},
        {
            JOB_7: docker(
                {
                    "Entrypoint": ["sort"],
                    "Parameters": ["planets.csv"],
                    "WorkingDirectory": root,
                },
                InputSources=[source("ipfs", table, CID=str(FILE))],
            ),
            UCAN: ucan_docker(
                entrypoint=["sort", "planets.csv"],
                workdir=root,
                mounts={table: f"ipfs://{FILE}"},
            ),
            TES: tes(
                "sort",
                "planets.csv",
                workdir=root,
                inputs=[{"path": table, "content": DATA.decode()}],
            ),
            REAPI: (
                reapi.document(
                    reapi.command(["sort", "planets.csv"]),
                    reapi.parts(reapi.file("planets.csv", DATA)),
                ),
                BARE,
            ),
        },
    )
    family(
        "container as it is",
        "the image's own ENTRYPOINT and CMD",
        OCI,
        {},
        {
            JOB_7: docker({"Entrypoint": ..., "Parameters": ...}),
            JOB_1: docker({"Entrypoint": None, "Parameters": []}),
            BETA: beta({"Entrypoint": ...}),
            UCAN: ucan_docker(entrypoint=[]),
        },
    )


if __name__ == "__main__":
    programs()
    images()
    write("cross-network.json")
