"""UCAN tasks of December 2022: invocation/ucan-task.json.

python -m tests.vectors.make.ucan_task
"""

from __future__ import annotations

from typing import Any

from tests.vectors.make.cases import (
    CODE,
    DATA,
    IPNS,
    RSC,
    V0,
    V0_AS_V1,
    canonical,
    case,
    oci,
    refused,
    text,
    unresolved,
    write,
)

HEX = "9f2c" * 16
IMAGE = f"ubuntu@sha256:{HEX}"
OCI = {"kind": "oci", "code": oci(HEX)}
WASI = {"kind": "wasi", "code": CODE}
BY_DEFAULT = ["network-by-default"]
DOCKER_WARNS = ["digest-may-be-an-index", "network-by-default"]


def docker(**inputs: Any) -> dict[str, Any]:
    """A container task, every field of its schema present."""
    whole = {
        "entrypoint": ["date", "-u"],
        "workdir": "",
        "mounts": {},
        "outputs": {},
        "env": {},
    }
    return {"with": IMAGE, "do": "docker/run", "inputs": whole | inputs, "meta": {}}


def wasm(**inputs: Any) -> dict[str, Any]:
    """A WASI task, every field of its schema present."""
    whole = {
        "entrypoint": "_start",
        "parameters": ["-v"],
        "modules": [],
        "mounts": {},
        "outputs": {},
        "env": {},
    }
    return {"with": RSC, "do": "wasm32-wasi/run", "inputs": whole | inputs, "meta": {}}


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    """A task without some of its inputs."""
    inputs = {k: v for k, v in document["inputs"].items() if k not in names}
    return document | {"inputs": inputs}


def task_docker() -> None:
    """`docker/run`."""
    date = {"argv": ["date", "-u"]}
    case(
        "docker-ability-in-a-list",
        "a list of one text is no text",
        docker() | {"do": ["docker/run"]},
        refused("/do"),
    )
    case(
        "docker",
        "the entrypoint is the whole command",
        docker(),
        canonical(OCI, date, warnings=DOCKER_WARNS),
    )
    case(
        "docker-full",
        "env is a map, taken from the task itself: the converter lost it",
        docker(
            workdir="/srv/./x/",
            mounts={"/in": RSC, "data/": f"https://ipfs.io/ipfs/{DATA}"},
            outputs={"/outputs": "", "a/b": None, "/a/b/": 1},
            env={"HELLO": "world", "EMPTY": "", "BACALHAU_X": "y"},
        ),
        canonical(
            OCI,
            date
            | {
                "cwd": "/srv/x",
                "files": {"/in": CODE, f"/data/{DATA}": DATA},
                "env": {"HELLO": "world", "EMPTY": "", "BACALHAU_X": "y"},
            },
            dirs=["/a/b", "/outputs"],
        ),
    )
    case(
        "docker-only-what-differs",
        "absent is empty",
        {"with": IMAGE, "do": "docker/run", "inputs": {"entrypoint": ["date", "-u"]}},
        canonical(OCI, date),
    )
    for name, document in (
        ("absent", without(docker(), "entrypoint")),
        ("empty", docker(entrypoint=[])),
    ):
        case(
            f"docker-entrypoint-{name}",
            "the image's own entrypoint and command, which its digest fixes",
            document,
            canonical(OCI, {}),
        )
    case(
        "docker-image-config-known",
        "with the image's configuration the command is written out",
        docker(entrypoint=[]),
        canonical(OCI, {"argv": ["/bin/sh", "-c", "ls"]}),
        resolutions={
            f"oci:docker.io/library/ubuntu@sha256:{HEX}": {
                "digest": f"sha256:{HEX}",
                "entrypoint": ["/bin/sh", "-c"],
                "cmd": ["ls"],
            }
        },
    )
    case(
        "docker-entrypoint-cleared",
        "one empty string clears the image's entrypoint; nothing is left to run",
        docker(entrypoint=[""]),
        refused("/inputs/entrypoint"),
    )
    tag = docker() | {"with": "ubuntu"}
    reference = "oci:docker.io/library/ubuntu:latest"
    case(
        "docker-tag",
        "a tag moves; the input is known all the same",
        tag,
        unresolved(None, date, ("/with", reference, "oci-tag"))
        | {"warnings": BY_DEFAULT},
    )
    case(
        "docker-tag-without-entrypoint",
        "the image's configuration may decide what the input is",
        tag | {"inputs": {}},
        unresolved(None, None, ("/with", reference, "oci-tag")),
    )
    case(
        "docker-tag-resolved",
        "until a resolution pins it, to a manifest of one platform",
        tag,
        canonical(OCI, date, warnings=BY_DEFAULT),
        resolutions={reference: {"digest": f"sha256:{HEX}", "platform": "linux/amd64"}},
    )
    case(
        "docker-workdir-relative",
        "what it is relative to, the image decides",
        docker(workdir="work"),
        refused("/inputs/workdir"),
    )
    case(
        "docker-parameters",
        "the documentation's example has them, the schema has not",
        docker(parameters=["-v"]),
        refused("/inputs/parameters"),
    )
    case(
        "docker-braces",
        "this form has no templates: `{{` is text",
        docker(entrypoint=["echo", "{{.x}}"], env={"A": "{{b}}"}),
        canonical(OCI, {"argv": ["echo", "{{.x}}"], "env": {"A": "{{b}}"}}),
    )
    case(
        "docker-with-a-cid",
        "an image is known by its name here",
        docker() | {"with": RSC},
        refused("/with"),
    )
    for name, inputs, at in (
        ("entrypoint-null", {"entrypoint": None}, "/inputs/entrypoint"),
        ("entrypoint-text", {"entrypoint": "date"}, "/inputs/entrypoint"),
        ("entrypoint-number", {"entrypoint": ["sleep", 1]}, "/inputs/entrypoint/1"),
        ("env-list", {"env": ["A=b"]}, "/inputs/env"),
        ("env-empty-list", {"env": []}, "/inputs/env"),
        ("env-number", {"env": {"A": 1}}, "/inputs/env/A"),
        ("mounts-null", {"mounts": None}, "/inputs/mounts"),
        ("workdir-null", {"workdir": None}, "/inputs/workdir"),
        ("Entrypoint", {"Entrypoint": ["date"]}, "/inputs/Entrypoint"),
        ("mount-climbs", {"mounts": {"/../x": RSC}}, "/inputs/mounts/~1..~1x"),
        ("mount-bare-cid", {"mounts": {"/x": str(CODE)}}, "/inputs/mounts/~1x"),
        ("mount-s3", {"mounts": {"/x": "s3://b/k"}}, "/inputs/mounts/~1x"),
        ("mounts-twice", {"mounts": {"/x": RSC, "x/": RSC}}, "/inputs/mounts/x~1"),
    ):
        case(
            f"docker-{name}",
            "an IPLD schema knows one type and one spelling",
            docker(**inputs),
            refused(at),
        )


def task_mounts() -> None:
    """Resources that are mounted."""
    for name, spelling in (
        ("cidv0", f"ipfs://{V0}"),
        ("without-slashes", f"ipfs:{V0}"),
    ):
        case(
            f"mount-{name}",
            "one content, however its CID is spelled",
            wasm(mounts={"/in": spelling}),
            canonical(WASI, {"args": ["-v"], "files": {"/in": V0_AS_V1}}),
        )
    gateway = f"https://{V0_AS_V1}.ipfs.w3s.link/"
    case(
        "mount-gateway-without-a-name",
        "the content is known; what the download is called in the mount is not",
        wasm(mounts={"/in": gateway}),
        unresolved(WASI, None, ("/inputs/mounts/~1in", gateway, "url-name")),
    )
    url = "https://www.example.com/data.tar.gz"
    at = "/inputs/mounts/~1inputs"
    case(
        "mount-url",
        "a URL fixes nothing; the program is known all the same",
        wasm(mounts={"/inputs": url}),
        unresolved(WASI, None, (at, url, "url")),
    )
    case(
        "mount-url-resolved",
        "a download lands in the mount, named by the path of its URL: Bacalhau's own"
        " sample passes /inputs/data.tar.gz to the program",
        wasm(mounts={"/inputs": url}),
        canonical(WASI, {"args": ["-v"], "files": {"/inputs/data.tar.gz": DATA}}),
        resolutions={url: str(DATA)},
    )
    case(
        "mount-url-resolved-with-a-name",
        "unless the resolution says what the download was called; here, the mount",
        wasm(mounts={"/inputs": url}),
        canonical(WASI, {"args": ["-v"], "files": {"/inputs": DATA}}),
        resolutions={url: {"cid": str(DATA), "name": ""}},
    )
    case(
        "mount-repository",
        "at a path that ends in .git Bacalhau clones what the URL names",
        wasm(mounts={"/x.git": "https://example.org/r"}),
        unresolved(
            WASI,
            None,
            ("/inputs/mounts/~1x.git", "https://example.org/r", "repository"),
        ),
        resolutions={"https://example.org/r": str(DATA)},
    )
    case(
        "mount-ipns",
        "a name means what its holder says",
        wasm(mounts={"/in": f"ipfs://{IPNS}"}),
        unresolved(WASI, None, ("/inputs/mounts/~1in", f"ipns:{IPNS}", "ipns")),
    )


def task_wasm() -> None:
    """`wasm32-wasi/run`, and what is no task of this form."""
    given = {"args": ["-v"]}
    case(
        "wasm",
        "a WASI command; `_start` is the default entry and is not written",
        wasm(),
        canonical(WASI, given, warnings=BY_DEFAULT),
    )
    for name, document in (
        ("absent", without(wasm(), "entrypoint")),
        ("empty", wasm(entrypoint="")),
    ):
        case(
            f"wasm-entrypoint-{name}",
            "the command line wrote `_start`, the server did not",
            document,
            canonical(WASI, given, warnings=["entry-defaulted", *BY_DEFAULT]),
        )
    case(
        "wasm-entrypoint-of-its-own",
        "another function is another program",
        wasm(entrypoint="main"),
        canonical(WASI | {"entry": "main"}, given),
    )
    modules = [f"ipfs://{DATA}", RSC, f"ipfs://{DATA}"]
    case(
        "wasm-modules",
        "imports in order, with no name to link by",
        wasm(modules=modules),
        canonical(
            WASI | {"imports": [{"code": DATA}, {"code": CODE}, {"code": DATA}]}, given
        ),
    )
    case(
        "wasm-full",
        "mounts, env and outputs as for containers",
        wasm(
            parameters=["", "a b"],
            mounts={"/in": f"ipfs://{DATA}"},
            env={"A": "1"},
            outputs={"/outputs": ""},
        ),
        canonical(
            WASI,
            {"args": ["", "a b"], "files": {"/in": DATA}, "env": {"A": "1"}},
            dirs=["/outputs"],
        ),
    )
    url = "https://example.org/m.wasm"
    case(
        "wasm-module-by-url",
        "the program waits for its module",
        wasm(modules=[url]),
        unresolved(None, given, ("/inputs/modules/0", url, "url")),
    )
    case(
        "wasm-with-by-url",
        "and for its code",
        wasm() | {"with": url},
        unresolved(None, given, ("/with", url, "url")),
    )
    case(
        "wasm-workdir",
        "a WASI command has no working directory in the schema",
        wasm(workdir="/"),
        refused("/inputs/workdir"),
    )
    case(
        "wasm-entrypoint-list",
        "a name here, a list for containers",
        wasm(entrypoint=["_start"]),
        refused("/inputs/entrypoint"),
    )
    case(
        "meta",
        "limits, publisher and labels are not identity; 300E9 is a number",
        text(wasm()).replace(
            '"meta": {}',
            '"meta": {"bacalhau/config": {"timeout": 300E9, "annotations": ["x"]}}',
        ),
        canonical(WASI, given),
    )
    for name, document, at in (
        ("noop", wasm() | {"do": "noop"}, "/do"),
        ("wasm-run", wasm() | {"do": "wasm/run"}, "/do"),
        ("upper-case", wasm() | {"do": "WASM32-WASI/RUN"}, "/do"),
        ("with-nonce", wasm() | {"nnc": "x"}, "/nnc"),
        ("with-version", wasm() | {"v": "0.1.0"}, "/v"),
        ("inputs-null", wasm() | {"inputs": None}, "/inputs"),
        ("inputs-missing", {"with": RSC, "do": "wasm32-wasi/run"}, "/inputs"),
    ):
        case(
            f"task-{name}",
            "no task that this form has",
            document,
            refused(at),
        )


def ucan_task() -> None:
    """All of them."""
    task_docker()
    task_mounts()
    task_wasm()
    write("ucan-task.json")


if __name__ == "__main__":
    ucan_task()
