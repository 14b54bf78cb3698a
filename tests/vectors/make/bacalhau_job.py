"""Bacalhau's `models.Job`, and what it is read as: invocation/bacalhau-job.json.

python -m tests.vectors.make.bacalhau_job
"""

from __future__ import annotations

import gzip
import json
from typing import Any

from multiformats import CID

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
    OTHER_HEX,
    PARAMS,
    SOURCE,
    SUM,
    TASK,
    V0,
    V1,
    V1_BASE58,
    WASI,
    data_url,
    docker,
    inline,
    source,
    tar_gz,
    wasm,
    wasm_17,
)
from tests.vectors.make.cases import (
    IPNS,
    canonical,
    case,
    impure,
    invocation,
    oci,
    raw,
    refused,
    several,
    unresolved,
    write,
)

PLAIN = canonical(OCI, ECHO)


def text(document: Any) -> str:
    """JSON, with nothing rewritten."""
    return json.dumps(document)


def ran(**more: Any) -> Any:
    """`echo hi` with more of an input."""
    return canonical(OCI, {**ECHO, **more})


def put(path: str, cid: CID = FILE) -> Any:
    """`echo hi` with one file."""
    return ran(files={path: cid})


def long_s() -> Any:
    """`echo hi`, its keys with U+017F for s and U+212A for k."""
    job = docker({"Parameters": ..., "Parameter\u017f": ["hi"]})
    task = {key.replace("k", "\u212a"): item for key, item in job["Tasks"][0].items()}
    rest = {key: item for key, item in job.items() if key != "Tasks"}
    return {**rest, "Ta\u017f\u212as": [task]}


def by_kelvin(job: Any) -> Any:
    """A job that asks for a network by a key with U+212A for k."""
    (task,) = job["Tasks"]
    rest = {key: item for key, item in task.items() if key != "Network"}
    return {"Tasks": [{**rest, "Networ\u212a": {"Type": "Full"}}]}


def empties() -> None:
    """Go's five ways to say nothing."""
    case("docker", "the plain case", docker(), PLAIN, warnings=[INDEX])
    for name, empty in (("null", None), ('""', ""), ("[]", []), ("{}", {})):
        case(
            f"{name} everywhere",
            "absent, null, empty string, list and map are one to a Go struct",
            {
                **docker(
                    {"EnvironmentVariables": empty, "WorkingDirectory": empty},
                    Env=empty,
                    InputSources=empty,
                    ResultPaths=empty,
                ),
                "Type": empty,
                "Count": empty,
            },
            PLAIN,
        )
        if empty != []:
            case(
                f"Entrypoint {name}",
                "as absent: the image's entrypoint stays in force, Parameters replace"
                " CMD",
                docker({"Entrypoint": empty}),
                canonical(OCI, {"args": ["hi"]}),
            )
        case(
            f"Network {name}",
            "as a spec that says nothing",
            docker(Network=empty),
            {**PLAIN, "warnings": [INDEX, NETWORK]},
        )
    case(
        "Entrypoint []",
        "Docker clears the image's entrypoint: the parameters are the command",
        docker({"Entrypoint": [], "Parameters": ["echo", "hi"]}),
        PLAIN,
    )
    case(
        "Entrypoint [] alone",
        "the image's CMD alone, which nothing states",
        docker({"Entrypoint": [], "Parameters": []}),
        unresolved(
            OCI, None, (f"{PARAMS}/Entrypoint", f"oci:docker.io/{IMAGE}", "oci-cmd")
        ),
    )
    tag = "oci:docker.io/library/ubuntu:latest"
    case(
        "Entrypoint [] of a tag",
        "the parameters are the command, whatever the image",
        docker(
            {"Image": "ubuntu", "Entrypoint": [], "Parameters": ["echo", "hi"]},
        ),
        unresolved(None, ECHO, (f"{PARAMS}/Image", tag, "oci-tag")),
    )
    case(
        "Entrypoint [] of a tag, alone",
        "the image's configuration may state its CMD",
        docker({"Image": "ubuntu", "Entrypoint": [], "Parameters": []}),
        unresolved(None, None, (f"{PARAMS}/Image", tag, "oci-tag")),
    )
    case(
        "neither Entrypoint nor Parameters",
        "the image's own ENTRYPOINT and CMD: an empty input",
        docker({"Entrypoint": ..., "Parameters": ...}),
        canonical(OCI, {}),
    )
    case(
        'Entrypoint [""]',
        "clears the image's entrypoint, so the parameters are the whole command",
        docker({"Entrypoint": [""], "Parameters": ["echo", "hi"]}),
        PLAIN,
    )
    case(
        'Entrypoint [""] alone',
        "nothing is left to run",
        docker({"Entrypoint": [""], "Parameters": []}),
        refused(f"{PARAMS}/Entrypoint"),
    )
    case(
        "empty arguments",
        "elements of a list are never dropped",
        docker({"Parameters": ["", "hi", ""]}),
        canonical(OCI, {"argv": ["echo", "", "hi", ""]}),
    )
    case(
        "null argument",
        "the five empties coincide in fields, not in elements",
        docker({"Parameters": [None]}),
        refused(f"{PARAMS}/Parameters/0"),
    )
    case(
        "argument that is a number",
        "a JSON number is no string, and Go would refuse it",
        docker({"Parameters": [1]}),
        refused(f"{PARAMS}/Parameters/0"),
    )
    case(
        "argument with NUL",
        "no argv can hold it",
        docker({"Parameters": ["a\0b"]}),
        refused(f"{PARAMS}/Parameters/0"),
    )
    case(
        "Parameters a string",
        "a list is due; splitting at spaces would be a guess",
        docker({"Parameters": "hi"}),
        refused(f"{PARAMS}/Parameters"),
    )


def commands() -> None:
    """Where the command is split makes no difference, what it is does."""
    case(
        "Entrypoint alone",
        "argv is entrypoint ++ parameters wherever the spec splits it",
        docker({"Entrypoint": ["echo", "hi"], "Parameters": []}),
        PLAIN,
    )
    case(
        "another argv[0]",
        "argv[0] names the file that is executed",
        docker({"Entrypoint": ["/bin/echo"]}),
        canonical(OCI, {"argv": ["/bin/echo", "hi"]}),
    )
    case(
        "WorkingDirectory",
        "identity, cleaned",
        docker({"WorkingDirectory": "/srv//a/./b/../"}),
        ran(cwd="/srv/a"),
    )
    case(
        "WorkingDirectory is the root",
        "not the same as none, which is the image's own",
        docker({"WorkingDirectory": "/"}),
        ran(cwd="/"),
    )
    case(
        "WorkingDirectory relative",
        "Docker wants an absolute one",
        docker({"WorkingDirectory": "work"}),
        refused(f"{PARAMS}/WorkingDirectory"),
    )
    case(
        "code points are kept",
        "no normalisation: é in two code points is another argument than in one",
        docker({"Parameters": ["e\u0301 \U0001f600"]}),
        canonical(OCI, {"argv": ["echo", "e\u0301 \U0001f600"]}),
    )
    case(
        "shell variables",
        "`${` is plain text for a shell; only Golem's YAML fills it in",
        docker({"Parameters": ["${HOME}"]}),
        canonical(OCI, {"argv": ["echo", "${HOME}"]}),
    )


def folding() -> None:
    """Keys match without regard to ASCII case, as Go's JSON reads them."""
    lower = {
        "tasks": [
            {
                "ENGINE": {
                    "type": "Docker",
                    "params": {"image": IMAGE, "ENTRYPOINT": ["echo", "hi"]},
                },
                "network": {"TYPE": "none"},
            }
        ]
    }
    case("case of keys", "folded, inside Params too; so are type names", lower, PLAIN)
    case(
        "two spellings of a key",
        "Go would take the last; two people would read it differently",
        docker({"image": IMAGE}),
        refused(f"{PARAMS}/image"),
    )
    case(
        "two spellings at the top",
        "duplicates at every level",
        {**docker(), "tasks": []},
        refused("/tasks"),
    )
    case(
        "two spellings of the wrapper",
        "which of the two jobs a server takes depends on their order",
        {"Job": docker(), "JOB": docker({"Image": IMAGE, "Entrypoint": ["false"]})},
        refused("/JOB"),
    )
    case(
        "two spellings beside the job",
        "the map around a job is read as well",
        {"Job": docker(), "State": {}, "state": {}},
        refused("/state"),
    )
    case(
        "one key twice",
        "refused by the JSON reader itself",
        '{"Tasks": [], "Tasks": []}',
        refused(),
    )
    case(
        "the Kelvin sign",
        "Go folds K (U+212A) to k: a second spelling",
        {**docker(), "Tas\u212as": 1},
        refused("/Tas\u212as"),
    )
    case(
        "the long s",
        "Go folds \u017f (U+017F) to s, inside Params too: a second spelling",
        docker({"Parameter\u017f": ["hi"]}),
        refused(f"{PARAMS}/Parameter\u017f"),
    )
    case(
        "the long s and the Kelvin sign, alone",
        "one spelling is read, as Go reads it",
        long_s(),
        PLAIN,
    )
    case(
        "a network by the Kelvin sign",
        "Networ\u212a is the network that is asked for",
        by_kelvin(docker()),
        impure(OCI, ECHO, (f"{TASK}/Networ\u212a/Type", "network")),
    )
    case(
        "names by the Kelvin sign",
        "never folded: two variables",
        docker(Env={"k": "1", "\u212a": "2"}),
        ran(env={"k": "1", "\u212a": "2"}),
    )
    case(
        "names of variables",
        "never folded: two variables",
        docker(Env={"a": "1", "A": "2"}),
        ran(env={"a": "1", "A": "2"}),
    )
    case(
        "unknown fields",
        "Bacalhau passes over them, and so do we, but say so",
        docker({"Privileged": True}, Colour="red"),
        {**PLAIN, "warnings": [INDEX, "ignored-field", "ignored-field"]},
    )
    field = "{{if .Z}}EnvironmentVariables{{else}}Unused{{end}}"
    case(
        "template in the name of a field",
        "rendered, it may be any field, so that neither part is known",
        docker({field: ["A=b"]}),
        impure(None, None, (f"{PARAMS}/{field}", "template")),
    )
    case(
        "template in an output path",
        "no identity, but a claim says the directory; both parts are known",
        docker(ResultPaths=[{"Name": "o", "Path": "/{{.Out}}", "Else": 1}]),
        impure(OCI, ECHO, (f"{TASK}/ResultPaths/0/Path", "template"))
        | {"warnings": [INDEX, "ignored-field"]},
    )
    case(
        "template with NUL",
        "what breaks a rule is refused, rendered or not",
        docker({"Entrypoint": ["{{.A}}\0"]}),
        refused(f"{PARAMS}/Entrypoint/0"),
    )
    case(
        "S3 checksum of no 32 bytes beside a template",
        "what breaks a rule is refused, rendered or not",
        docker(
            InputSources=[source("s3", Bucket="b", Key="{{.A}}", ChecksumSHA256="AA==")]
        ),
        refused(f"{SOURCE}/Source/Params/ChecksumSHA256"),
    )
    open_env = {"EnvironmentVariables": ["A={{.A}}"]}
    case(
        "no command beside a template",
        "nothing is left to run, whatever the variable is",
        docker({"Entrypoint": [""], "Parameters": [], **open_env}),
        refused(),
    )
    case(
        "a CMD that nothing states beside a template",
        "the lists of findings are whole, whatever else is not known",
        docker({"Entrypoint": [], "Parameters": [], **open_env}),
        impure(OCI, None, (f"{PARAMS}/EnvironmentVariables/0", "template"))
        | {
            "unresolved": [
                {
                    "at": f"{PARAMS}/Entrypoint",
                    "reference": f"oci:docker.io/{IMAGE}",
                    "kind": "oci-cmd",
                }
            ]
        },
    )
    case(
        "result path that is no map",
        "an element of a list is no field: empty text is not an empty map",
        docker(ResultPaths=[""]),
        refused(f"{TASK}/ResultPaths/0"),
    )
    case(
        "field beside the type of a source",
        "the network ignores it",
        docker(
            InputSources=[
                {
                    **source("ipfs", CID=str(V1)),
                    "Source": {"Type": "ipfs", "Params": {"CID": str(V1)}, "Extra": 1},
                }
            ]
        ),
        canonical(OCI, {**ECHO, "files": {"/inputs": V1}})
        | {"warnings": [INDEX, "ignored-field"]},
    )
    case(
        "repository of no URL",
        "nothing to clone",
        docker(InputSources=[source("repoClone")]),
        refused(f"{SOURCE}/Source/Params/Repo"),
    )
    for name, url in (
        ("no CID", "https://ipfs.io/ipfs/bafy/a.csv"),
        ("nothing", "https://ipfs.io/ipfs/"),
        ("an empty name", "https://ipfs.io/ipns//a.csv"),
    ):
        case(
            f"gateway that is asked for {name}",
            "who wrote it meant content, and there is none to find",
            docker(InputSources=[source("urlDownload", URL=url)]),
            refused(f"{SOURCE}/Source/Params/URL"),
        )
    case(
        "two host directories at one path",
        "of no known content, and yet two at one path",
        docker(InputSources=[source("localDirectory", SourcePath="/a")] * 2),
        refused(),
    )
    case(
        "unresolved file at the root",
        "refused, whatever it is",
        docker(InputSources=[source("ipfs", "/", CID=f"ipfs://{V1}/a")]),
        refused(f"{SOURCE}/Target"),
    )
    long = json.dumps("x" * 1100)
    case(
        "block too large beside a tag",
        "1000 times 1100 bytes are no block, whatever the tag means",
        "Tasks: [{Engine: {Type: docker, Params: {Image: ubuntu, Entrypoint: ["
        + f"&a {long}"
        + ", *a" * 999
        + "]}}, Network: {Type: None}}]",
        refused(),
    )
    case(
        "template in a name of what is dropped",
        "what is dropped may hold anything",
        docker(Meta={"{{.Name}}": "x"}),
        {**PLAIN, "warnings": [INDEX]},
    )


def environment() -> None:
    """Lists, maps, and which wins."""
    env = "EnvironmentVariables"
    case(
        "env as list",
        "NAME=value, value as it stands, empty ones stay",
        docker({env: ["B=2", "A=x=y", "C="]}),
        ran(env={"A": "x=y", "B": "2", "C": ""}),
    )
    case(
        "env as map",
        "Task.Env; the order of names is no identity",
        docker(Env={"A": "x=y", "C": "", "B": "2"}),
        ran(env={"A": "x=y", "B": "2", "C": ""}),
    )
    case(
        "last of a name wins",
        "as Docker reads the list",
        docker({env: ["A=1", "B=2", "A=3"]}),
        ran(env={"A": "3", "B": "2"}),
    )
    case(
        "engine overrides task",
        "MergeSlices(base, priority): bacalhau pkg/lib/envvar/utils.go",
        docker({env: ["A=engine"]}, Env={"A": "task", "B": "task"}),
        ran(env={"A": "engine", "B": "task"}),
    )
    case(
        "env entry without =",
        "an old reading made pairs of it; nobody can say what it means",
        docker({env: ["A", "1"]}),
        refused(f"{PARAMS}/{env}/0"),
    )
    case(
        "env entry without name",
        "= after a non-empty name",
        docker({env: ["=1"]}),
        refused(f"{PARAMS}/{env}/0"),
    )
    case(
        "env list as map",
        "the docker engine wants a list",
        docker({env: {"A": "1"}}),
        refused(f"{PARAMS}/{env}"),
    )
    case(
        "env map as list",
        "the task wants a map",
        docker(Env=["A=1"]),
        refused(f"{TASK}/Env"),
    )
    case(
        "env value null",
        "entries are no fields: null is no string",
        docker(Env={"A": None}),
        refused(f"{TASK}/Env/A"),
    )
    case(
        "env name with =",
        "it would be read as another variable",
        docker(Env={"A=B": "1"}),
        refused(f"{TASK}/Env/A=B"),
    )
    case(
        "env:HOST",
        "a value of whichever node runs it, a secret mostly",
        docker(Env={"TOKEN": "env:TOKEN"}),
        impure(OCI, None, (f"{TASK}/Env/TOKEN", "host-env")),
    )
    case(
        "env:HOST overridden",
        "what the engine overrides is never looked up",
        docker({env: ["TOKEN=x"]}, Env={"TOKEN": "env:TOKEN"}),
        ran(env={"TOKEN": "x"}),
    )
    case(
        "env: in the engine's list",
        "only Task.Env is resolved on the node; here it is text",
        docker({env: ["TOKEN=env:TOKEN"]}),
        ran(env={"TOKEN": "env:TOKEN"}),
    )
    case(
        "BACALHAU_ in the list",
        "kept for what Bacalhau injects",
        docker({env: ["A=1", "BACALHAU_JOB_ID=1"]}),
        refused(f"{PARAMS}/{env}/1"),
    )
    case(
        "BACALHAU_ in the map",
        "in any case of letters",
        docker(Env={"bacalhau_partition_index": "0"}),
        refused(f"{TASK}/Env/bacalhau_partition_index"),
    )


def images() -> None:
    """Tags are unresolved, digests are addresses."""
    tag = "oci:docker.io/library/ubuntu:latest"
    for name in (
        "ubuntu",
        "ubuntu:latest",
        "docker.io/library/ubuntu:latest",
        "index.docker.io/ubuntu",
    ):
        case(
            f"image {name}",
            "one normal spelling of the reference; the input is complete already",
            docker({"Image": name}),
            unresolved(None, ECHO, (f"{PARAMS}/Image", tag, "oci-tag")),
        )
    case(
        "tag resolved",
        "a resolution says what the tag meant",
        docker({"Image": "ubuntu"}),
        {**PLAIN, "warnings": [INDEX], "also": []},
        resolutions={tag: f"sha256:{HEX}"},
    )
    case(
        "tag resolved, key spelled otherwise",
        "keys normalise as the document's references do",
        docker({"Image": "ubuntu"}),
        PLAIN,
        resolutions={"oci:ubuntu": f"sha256:{HEX}"},
    )
    case(
        "tag and digest",
        "the digest beats the tag, also in the reference",
        docker({"Image": f"ubuntu:22.04@sha256:{HEX}"}),
        PLAIN,
    )
    case(
        "another registry",
        "where an image comes from is no identity once its digest is known",
        docker({"Image": f"ghcr.io:443/Example/Tool@sha256:{HEX}"}),
        refused(f"{PARAMS}/Image"),
    )
    case(
        "another registry, lower case",
        "names of repositories are lower case",
        docker({"Image": f"ghcr.io:443/example/tool@sha256:{HEX}"}),
        PLAIN,
    )
    case(
        "another digest",
        "another program",
        docker({"Image": f"ubuntu@sha256:{OTHER_HEX}"}),
        canonical({"kind": "oci", "code": oci(OTHER_HEX)}, ECHO),
    )
    for name, digest in (
        ("short", f"sha256:{HEX[:-2]}"),
        ("upper case", f"sha256:{HEX.upper()}"),
        ("sha1", "sha1:" + "0" * 40),
    ):
        case(
            f"digest {name}",
            "a whole sha256 in lower-case hex and nothing else",
            docker({"Image": f"ubuntu@{digest}"}),
            refused(f"{PARAMS}/Image"),
        )
    case(
        "no image",
        "a container of what?",
        docker({"Image": ...}),
        refused(f"{PARAMS}/Image"),
    )
    case(
        "index resolved to a manifest",
        "also says what the invocation was without the resolution",
        docker(),
        {
            **canonical({"kind": "oci", "code": oci(OTHER_HEX)}, ECHO),
            "warnings": [],
            "also": [
                {
                    "invocation": str(invocation(OCI, ECHO)),
                    "without": [f"oci:docker.io/{IMAGE}"],
                }
            ],
        },
        resolutions={
            f"oci:{IMAGE}": {
                "digest": f"sha256:{OTHER_HEX}",
                "platform": "linux/amd64",
            }
        },
    )
    gateway = f"https://ipfs.io/ipfs/{FILE}"
    case(
        "refused without what replaces",
        "the URL gives no file name, and its CID lies at the module's path only where"
        " the resolution says so; then nobody can ask without it, and also is empty",
        {
            "Tasks": [
                {
                    "Engine": {
                        "Type": "wasm",
                        "Params": {"EntryModule": "/app", "Entrypoint": "_start"},
                    },
                    "InputSources": [source("urlDownload", "/app", URL=gateway)],
                    "Network": {"Type": "None"},
                }
            ]
        },
        {**canonical(WASI, {}), "also": []},
        resolutions={gateway: {"cid": str(WASI["code"]), "name": "main.wasm"}},
    )
    case(
        "two files at one path without what replaces",
        "the resolution's name moves one of them away",
        docker(
            InputSources=[
                source("urlDownload", "/in", URL=gateway),
                source("inline", f"/in/{FILE}", URL=data_url(b"x")),
            ]
        ),
        {
            **ran(files={"/in/a.csv": raw(MODULE), f"/in/{FILE}": raw(b"x")}),
            "also": [],
        },
        resolutions={gateway: {"cid": str(raw(MODULE)), "name": "a.csv"}},
    )


def configurations() -> None:
    """What an image's configuration, once stated, makes of the command."""

    def stated(**config: Any) -> dict[str, Any]:
        return {"resolutions": {f"oci:{IMAGE}": {"digest": f"sha256:{HEX}", **config}}}

    none = docker({"Entrypoint": ..., "Parameters": ...})
    args = docker({"Entrypoint": ...})
    without = invocation(OCI, {"args": ["hi"]})
    key = f"oci:docker.io/{IMAGE}"
    case(
        "entrypoint stated, args of the spec",
        "argv is complete, cmd is not asked",
        args,
        {**PLAIN, "also": [{"invocation": str(without), "without": [key]}]},
        **stated(entrypoint=["echo"]),
    )
    case(
        "entrypoint and cmd stated, nothing in the spec",
        "argv is both",
        none,
        {
            **PLAIN,
            "also": [{"invocation": str(invocation(OCI, {})), "without": [key]}],
        },
        **stated(entrypoint=["echo"], cmd=["hi"]),
    )
    case(
        "entrypoint stated, nothing in the spec",
        "cmd is not known, so the image's own stand",
        none,
        canonical(OCI, {}, also=[]),
        **stated(entrypoint=["echo"]),
    )
    case(
        "cmd stated, nothing in the spec",
        "entrypoint is not known",
        none,
        canonical(OCI, {}),
        **stated(cmd=["echo", "hi"]),
    )
    alone = docker({"Entrypoint": [], "Parameters": ...})
    case(
        "Entrypoint [] and cmd stated",
        "the image's CMD alone, whatever its entrypoint; without it there is no other",
        alone,
        {**PLAIN, "also": []},
        **stated(entrypoint=["sh"], cmd=["echo", "hi"]),
    )
    case(
        "Entrypoint [] and cmd not stated",
        "nobody says what runs",
        alone,
        unresolved(OCI, None, (f"{PARAMS}/Entrypoint", key, "oci-cmd")),
        resolutions={key: {"digest": f"sha256:{HEX}", "entrypoint": ["sh"]}},
    )
    case(
        "Entrypoint [] and cmd []",
        "nothing is left to run",
        alone,
        refused(f"{PARAMS}/Entrypoint"),
        **stated(cmd=[]),
    )
    case(
        "Entrypoint [] with Parameters, configuration stated",
        "the parameters alone, whatever the image has",
        docker({"Entrypoint": [], "Parameters": ["echo", "hi"]}),
        PLAIN,
        **stated(entrypoint=["sh"], cmd=["ls"]),
    )
    case(
        "entrypoint [] and args",
        "[] says that the image has none, so the args are the command",
        docker({"Entrypoint": ..., "Parameters": ["echo", "hi"]}),
        PLAIN,
        **stated(entrypoint=[]),
    )
    case(
        "entrypoint [] and cmd",
        "[] says that the image has none",
        none,
        PLAIN,
        **stated(entrypoint=[], cmd=["echo", "hi"]),
    )
    case(
        "entrypoint [] and cmd []",
        "the image has nothing to run, and the spec neither",
        none,
        refused(f"{PARAMS}/Entrypoint"),
        **stated(entrypoint=[], cmd=[]),
    )
    case(
        "Entrypoint of the spec drops cmd",
        "what is set drops the image's CMD",
        docker({"Parameters": ...}),
        canonical(OCI, {"argv": ["echo"]}),
        **stated(entrypoint=["x"], cmd=["y"]),
    )
    case(
        "workdir stated",
        "reported, never written to cwd",
        docker(),
        PLAIN,
        **stated(workdir="/srv"),
    )
    case(
        "cmd null",
        "null says neither that there is none nor that it is not known",
        none,
        refused(f"/oci:{IMAGE.replace('/', '~1')}/cmd"),
        **stated(cmd=None),
    )


def inputs() -> None:
    """Where sources land, and which of them are addresses."""
    at = f"{SOURCE}/Source/Params"

    def one(kind: str, target: str = "/inputs", **params: Any) -> Any:
        return docker(InputSources=[source(kind, target, **params)])

    for name, spelled in (
        ("CIDv0", V0),
        ("CIDv1", str(V1)),
        ("base58btc", V1_BASE58),
        ("upper case base32", str(V1).upper()),
        ("ipfs://", f"ipfs://{V0}"),
        ("/ipfs/", f"/ipfs/{V1}"),
        ("a gateway", f"https://ipfs.io/ipfs/{V0}"),
        ("a subdomain of a gateway", f"https://{V1}.ipfs.dweb.link/?filename=a.csv"),
    ):
        case(
            f"ipfs by {name}",
            "one CID in any spelling; its codec and hash are kept",
            one("ipfs", CID=spelled),
            put("/inputs", V1),
        )
    case(
        "source type with space around",
        "trimmed, as Bacalhau's SpecConfig.Normalize does",
        one(" IPFS\t", CID=V0),
        put("/inputs", V1),
    )
    case(
        "source type with other space around",
        "only ASCII space is trimmed: what else is space changes with Unicode",
        one("ipfs\u00a0", CID=V0),
        refused(f"{at.removesuffix('/Params')}/Type"),
    )
    case(
        "ipfs by an unknown gateway",
        "only hosts on the list serve what they say",
        one("ipfs", CID=f"https://gateway.example/ipfs/{V0}"),
        {
            **unresolved(
                OCI,
                None,
                (f"{at}/CID", f"https://gateway.example/ipfs/{V0}", "url"),
            ),
            "warnings": [INDEX, "gateway-of-unknown-host"],
        },
    )
    case(
        "ipfs path",
        "what is below a CID has another CID, which only a resolution can say",
        one("ipfs", CID=f"ipfs://{V0}/a/b.csv"),
        unresolved(OCI, None, (f"{at}/CID", f"ipfs:{V1}/a/b.csv", "ipfs-path")),
    )
    case(
        "ipfs path resolved",
        "to the CID of what is there",
        one("ipfs", CID=f"ipfs://{V0}/a/b.csv"),
        put("/inputs"),
        resolutions={f"ipfs:{V0}/a/b.csv": str(FILE)},
    )
    case(
        "ipfs re-keyed",
        "to the flat hash of the same bytes; the older key is told",
        one("ipfs", CID=V0),
        {
            **put("/inputs"),
            "also": [
                {
                    "invocation": str(
                        invocation(OCI, {**ECHO, "files": {"/inputs": V1}})
                    ),
                    "without": [f"ipfs:{V1}"],
                }
            ],
        },
        resolutions={f"ipfs:{V0}": str(FILE)},
    )
    case(
        "ipfs resolved to itself",
        "nothing was replaced",
        one("ipfs", CID=V0),
        {**put("/inputs", V1), "also": []},
        resolutions={f"ipfs:{V0}": str(V1)},
    )
    case(
        "IPNS",
        "a name whose holder decides",
        one("ipfs", CID=f"ipns://{IPNS}"),
        unresolved(OCI, None, (f"{at}/CID", f"ipns:{IPNS}", "ipns")),
    )
    case(
        "IPNS as a CID",
        "a libp2p-key is a name, wherever it stands",
        one("ipfs", CID=IPNS),
        unresolved(OCI, None, (f"{at}/CID", f"ipns:{IPNS}", "ipns")),
    )
    case(
        "IPNS resolved",
        "to what it named",
        one("ipfs", CID=f"/ipns/{IPNS}"),
        put("/inputs"),
        resolutions={f"ipns:{IPNS}": str(FILE)},
    )
    identity = CID("base32", 1, "raw", ("identity", DATA))
    case(
        "identity CID of raw bytes",
        "re-hashed: the bytes stand in it",
        one("ipfs", CID=str(identity)),
        put("/inputs"),
    )
    case(
        "identity CID of another codec",
        "a block that is no block of ours",
        one("ipfs", CID=str(CID("base32", 1, "dag-pb", ("identity", b"\x0a\x00")))),
        refused(f"{at}/CID"),
    )
    case(
        "sha1",
        "not collision resistant",
        one("ipfs", CID=str(CID("base32", 1, "raw", ("sha1", b"\0" * 20)))),
        refused(f"{at}/CID"),
    )
    case("no CID", "what is to be mounted?", one("ipfs"), refused(f"{at}/CID"))
    case("not a CID", "nor a URL", one("ipfs", CID="data"), refused(f"{at}/CID"))
    case(
        "inline",
        "the decoded bytes as a file, at the target itself",
        one("inline", "/inputs/a.csv", URL=data_url(DATA)),
        put("/inputs/a.csv"),
    )
    case(
        "inline, percent-encoded",
        "the same bytes; the media type is no identity",
        one("inline", "/inputs/a.csv", URL="data:,a%2Cb%0A1,2%0A"),
        put("/inputs/a.csv"),
    )
    case(
        "inline with a bad escape",
        "% is no escape of anything",
        one("inline", URL="data:,100%"),
        refused(f"{at}/URL"),
    )
    case(
        "inline that is not base64",
        "though it says so",
        one("inline", URL="data:;base64,?"),
        refused(f"{at}/URL"),
    )
    case(
        "inline with a quoted parameter",
        "Go's reader takes the comma inside the quotes for text of the parameter",
        one("inline", URL='data:text/plain;a="x,y",hello'),
        refused(f"{at}/URL"),
    )
    case(
        "inline with a quotation mark among its bytes",
        "is a byte like others",
        one("inline", URL='data:,"'),
        put("/inputs", raw(b'"')),
    )
    case("inline without URL", "no bytes", one("inline"), refused(f"{at}/URL"))
    case(
        "host directory",
        "of whichever host runs it",
        one("localDirectory", SourcePath="/data", ReadWrite=True),
        impure(OCI, None, (f"{SOURCE}/Source/Type", "host-directory")),
    )
    case(
        "repository",
        "a branch moves",
        one("repoClone", Repo="https://example.org/a.git"),
        unresolved(
            OCI, None, (f"{at}/Repo", "https://example.org/a.git", "repository")
        ),
    )
    case(
        "unknown storage",
        "a name of no source",
        one("floppy"),
        refused(f"{SOURCE}/Source/Type"),
    )


def archives() -> None:
    """Inline `application/gzip` is unpacked by the network."""
    at = f"{SOURCE}/Source/Params/URL"

    def one(url: str, **more: Any) -> Any:
        return docker(InputSources=[source("inline", "/in", URL=url)], **more)

    two = ran(files={"/in/a.csv": FILE, "/in/d/b": raw(b"b")})
    case(
        "archive",
        "its regular files, one entry each",
        one(tar_gz(("a.csv", DATA), ("d", None), ("d/b", b"b"))),
        two,
    )
    case(
        "archive, other bytes",
        "order, times, owners and compression are no identity",
        one(tar_gz(("./d/b", b"b"), ("./a.csv", DATA), mtime=1_600_000_000, uid=1000)),
        two,
    )
    long = "d" * 90 + "/" + "é" * 60
    case(
        "archive with a long name",
        "a pax header says it",
        one(tar_gz((long, DATA))),
        put(f"/in/{long}"),
    )
    for name, why, url in (
        ("symbolic link", "no map of files can say it", tar_gz(("a", "b"))),
        ("..", "leads out", tar_gz(("../a", DATA))),
        ("absolute name", "leads out", tar_gz(("/a", DATA))),
        ("empty directory", "no map of files can say it", tar_gz(("d", None))),
        ("a file twice", "which of them?", tar_gz(("a", DATA), ("./a", b""))),
        (
            "a file that is a directory",
            "which of them?",
            tar_gz(("a", DATA), ("a/b", DATA)),
        ),
        ("nothing", "an empty directory at the target", tar_gz()),
        ("no tar", "gzip of something else", data_url(b"\x1f\x8b", "application/gzip")),
        (
            "a name that is not UTF-8",
            "no path here can say it",
            tar_gz(("\udcff", DATA)),
        ),
    ):
        case(
            f"archive: {name}",
            why,
            one(url),
            {
                **unresolved(OCI, None, (at, "data:application/gzip", "archive")),
                "warnings": [INDEX, "archive"],
            },
        )
    packed = gzip.compress(DATA, mtime=0)
    for name, media_type in (
        ("in another case", "application/GZIP"),
        ("after white space", " application/gzip"),
    ):
        case(
            f"gzip {name}",
            "the media type is compared as it is written: the bytes are the file",
            one(data_url(packed, media_type)),
            put("/in", raw(packed)),
        )
    case(
        "gzip with a parameter",
        "is no part of the media type: an archive",
        one(tar_gz(("a.csv", DATA)).replace("gzip;", "gzip;a=b;")),
        put("/in/a.csv"),
    )
    case(
        "gzip by another media type",
        "is not unpacked: the bytes are the file",
        one(data_url(gzip.compress(DATA, mtime=0), "application/x-gzip")),
        put("/in", raw(gzip.compress(DATA, mtime=0))),
    )


def downloads() -> None:
    """URLs land at target/<name>."""
    url = "https://example.org/d/a.csv"
    at = f"{SOURCE}/Source/Params/URL"

    def one(text: str = url) -> Any:
        return docker(InputSources=[source("urlDownload", "/in", URL=text)])

    case(
        "URL",
        "what it gives is nobody's to say",
        one(),
        unresolved(OCI, None, (at, url, "url")),
    )
    case(
        "URL resolved",
        "named by the last element of its path",
        one(),
        put("/in/a.csv"),
        resolutions={url: str(FILE)},
    )
    case(
        "URL resolved with a name",
        "as the server called it",
        one(),
        put("/in/b.csv"),
        resolutions={url: {"cid": str(FILE), "name": "b.csv"}},
    )
    case(
        'URL resolved with the name ""',
        "at the target itself",
        one(),
        put("/in"),
        resolutions={url: {"cid": str(FILE), "name": ""}},
    )
    case(
        "URL too long with its escapes",
        "a spelling that no resolution could name",
        one("https://example.org/" + "\u20ac" * 911),
        refused(at),
    )
    case(
        "URL in another spelling",
        "scheme, host and default port normalise; a fragment is not sent",
        one("HTTPS://Example.ORG:443/d/a.csv#top"),
        put("/in/a.csv"),
        resolutions={url: str(FILE)},
    )
    case(
        "URL with a query",
        "another URL, the same name",
        one(f"{url}?v=1"),
        put("/in/a.csv"),
        resolutions={f"{url}?v=1": str(FILE)},
    )
    case(
        "URL with an escape",
        "path.Base of the percent-decoded path",
        one("https://example.org/a%20b%2Fc.csv"),
        put("/in/c.csv"),
        resolutions={"https://example.org/a%20b%2Fc.csv": str(FILE)},
    )
    case(
        "URL that ends in /",
        "path.Base drops trailing slashes",
        one("https://example.org/a/"),
        put("/in/a"),
        resolutions={"https://example.org/a/": str(FILE)},
    )
    for path in ("", "/", "/a/..", "/a/.", "/%ff"):
        bare = f"https://example.org{path}"
        normal = {"": "/", "/a/..": "/", "/a/.": "/a/"}.get(path, path)
        case(
            f"URL without a name: {path!r}",
            "only a resolution with a name settles it",
            one(bare),
            unresolved(OCI, None, (at, f"https://example.org{normal}", "url-name")),
            resolutions={f"https://example.org{normal}": str(FILE)},
        )
    case(
        "URL of a gateway",
        "the CID is its content; the name is the path's, in its own spelling",
        one(f"https://dweb.link/ipfs/{V0}"),
        put(f"/in/{V0}", V1),
    )
    for name, url_with in (
        ("URL with \\ in its path", "https://example.org/d\\a.csv"),
        ("URL with \\ in its query", "https://example.org/a.csv?x=\\"),
        ("URL of a gateway with \\", f"https://dweb.link\\ipfs\\{V0}"),
    ):
        case(
            name,
            "a / to browsers, none to Go: two URLs in one text",
            one(url_with),
            refused(at),
        )
    gateway = f"https://{V1}.ipfs.dweb.link/"
    case(
        "URL of a gateway without a name",
        "the bytes are known, what they are called is not",
        one(gateway),
        unresolved(OCI, None, (at, gateway, "url-name")),
    )
    case(
        "URL of a gateway with a name",
        "and the finding is settled",
        one(gateway),
        put("/in/x", V1),
        resolutions={gateway: {"cid": str(V1), "name": "x"}},
    )
    for bad in (
        "ipfs://" + V0,
        "ftp://example.org/a",
        "file:///a",
        "https://[x/a",
        "a",
    ):
        case(
            f"URL {bad[:20]}",
            "only http and https are fetched",
            one(bad),
            refused(at),
        )


def buckets() -> None:
    """S3 is an address only with the checksum of a single key."""
    at = f"{SOURCE}/Source/Params"

    def one(**params: Any) -> Any:
        whole = {"Bucket": "b", "Key": "d/a.csv", **params}
        return docker(
            InputSources=[
                source("s3", "/in", **{k: v for k, v in whole.items() if v is not ...})
            ]
        )

    def open_(reference: str, kind: str = "s3") -> Any:
        return unresolved(OCI, None, (f"{at}/Key", reference, kind))

    case(
        "S3 with checksum",
        "raw + that digest, at target/<base name of the key>",
        one(ChecksumSHA256=SUM, Region="eu-west-1", VersionID="v1"),
        {**put("/in/a.csv"), "warnings": [INDEX]},
    )
    case("S3", "a key can be written again", one(), open_("s3://b/d/a.csv"))
    case(
        "S3 with a version",
        "fixed in that bucket, but no content address",
        one(VersionID="v 1", Endpoint="https://s3.example"),
        open_(
            "s3://b/d/a.csv?endpoint=https%3A%2F%2Fs3.example&versionId=v+1",
        ),
    )
    case(
        "S3 resolved",
        "in that order of parameters",
        one(VersionID="v 1", Endpoint="https://s3.example"),
        put("/in/a.csv"),
        resolutions={
            "s3://b/d/a.csv?endpoint=https%3A%2F%2Fs3.example&versionId=v%201": str(
                FILE
            )
        },
    )
    case(
        "S3 with a multipart checksum",
        "a hash of hashes",
        one(ChecksumSHA256=f"{SUM}-3"),
        open_("s3://b/d/a.csv"),
    )
    for name, key in (
        ("prefix", "d/"),
        ("glob", "d/*"),
        ("glob inside", "d/*.csv"),
        ("no key", ""),
        ("..", "d/.."),
        ("spaces around", " d/a.csv"),
    ):
        spelled = key.replace("*", "%2A").replace(" ", "%20")
        case(
            f"S3 {name}",
            "several objects, or one that lands nobody knows where",
            one(Key=key, ChecksumSHA256=SUM),
            open_(f"s3://b/{spelled}", "s3-prefix"),
        )
    case(
        "S3 key with white space of Unicode",
        "strings.TrimSpace of Go takes it, so the key may be another's prefix",
        one(Key="d/a.csv\u3000", ChecksumSHA256=SUM),
        open_("s3://b/d/a.csv%E3%80%80", "s3-prefix"),
    )
    case(
        "S3 key with U+001C",
        "no white space to Go",
        one(Key="d/a.csv\x1c", ChecksumSHA256=SUM),
        put("/in/a.csv\x1c"),
    )
    case(
        "S3 with a filter",
        "a pattern over a listing",
        one(Filter=".*", ChecksumSHA256=SUM),
        open_("s3://b/d/a.csv", "s3-prefix"),
    )
    for name, params in (
        ("a filter", {"Filter": ".*"}),
        ("a prefix", {"Key": "d/"}),
        ("partitions", {"Partition": {"Type": "object"}}),
    ):
        case(
            f"S3 with {name} and a checksum that is a number",
            "no text, whatever the key finds",
            one(**params, ChecksumSHA256=1),
            refused(f"{SOURCE}/Source/Params/ChecksumSHA256"),
        )
    case(
        "S3 with partitions",
        "who reads what depends on the listing",
        one(Partition={"Type": "object"}, ChecksumSHA256=SUM),
        open_("s3://b/d/a.csv", "s3-partition"),
    )
    for name, checksum in (("short", "AAAA"), ("hex", HEX), ("not ASCII", "é")):
        case(
            f"S3 checksum {name}",
            "base64 of 32 bytes",
            one(ChecksumSHA256=checksum),
            refused(f"{at}/ChecksumSHA256"),
        )
    case("S3 without bucket", "of which?", one(Bucket=...), refused(f"{at}/Bucket"))
    case(
        "S3 with V1beta's name of the checksum",
        "models.Job passes over it, so nothing is checked",
        one(Checksum=SUM),
        {**open_("s3://b/d/a.csv"), "warnings": [INDEX, "ignored-field"]},
    )


def paths() -> None:
    """One spelling of each path, one file at each."""

    def at(*targets: str) -> Any:
        return docker(
            InputSources=[
                source("inline", target, URL=data_url(DATA)) for target in targets
            ]
        )

    for target in ("/in/a", "in/a", "/in//a", "/in/./a/", "/in/b/../a"):
        case(
            f"target {target}",
            "cleaned; a relative one is taken from the root",
            at(target),
            put("/in/a"),
        )
    case(
        "target in white space",
        "trimmed as Go trims it: ASCII, U+0085, U+00A0, U+1680, U+2000, U+3000",
        docker(
            InputSources=[source("ipfs", "\u3000\t/in\x85\xa0\u1680\u2000 ", CID=V0)]
        ),
        put("/in", V1),
    )
    case(
        "target with U+001C",
        "and U+FEFF, which others call white space, and Go does not",
        docker(InputSources=[source("ipfs", "/in\x1c\ufeff", CID=V0)]),
        put("/in\x1c\ufeff", V1),
    )
    case(
        "target of white space",
        "is none",
        docker(InputSources=[source("ipfs", " \u3000", CID=V0)]),
        refused(f"{SOURCE}/Target"),
    )
    case(
        "target climbs",
        "above the root",
        at("/in/../../a"),
        refused(f"{SOURCE}/Target"),
    )
    case("no target", "where?", at(""), refused(f"{SOURCE}/Target"))
    case(
        "two files at one path",
        "also in two spellings",
        at("/in/a", "in//a"),
        refused("/Tasks/0/InputSources/1/Target"),
    )
    case(
        "nested mounts",
        "the deeper wins, so both stand",
        at("/in", "/in/a"),
        ran(files={"/in": FILE, "/in/a": FILE}),
    )
    case(
        "order of sources",
        "no identity",
        at("/in/b", "/in/a"),
        ran(files={"/in/a": FILE, "/in/b": FILE}),
    )
    case(
        "path of 4097 bytes",
        "no path of Linux is as long",
        at("/" + "a" * 4096),
        refused(f"{SOURCE}/Target"),
    )


def purity() -> None:
    """Networks, job types, templates."""
    case(
        "output without a path whose name is a number",
        "passed over, but a name is text",
        docker(ResultPaths=[{"Name": 1, "Path": ""}]),
        refused(f"{TASK}/ResultPaths/0/Name"),
    )
    case(
        "network None",
        "asks for none",
        docker(Network={"Type": " NONE "}),
        {**PLAIN, "warnings": [INDEX]},
    )
    case(
        "network absent",
        "the identity of None; the claim says what was available",
        docker(Network=...),
        {**PLAIN, "warnings": [INDEX, NETWORK]},
    )
    for kind in ("Full", "Host", "Bridge", "HTTP", "Default"):
        case(
            f"network {kind}",
            "what the spec asks for can answer anything; Default is bridge or host",
            docker(Network={"Type": kind}),
            impure(OCI, ECHO, (f"{TASK}/Network/Type", "network")),
        )
    case(
        "network with ports",
        "asks for a network without saying which",
        docker(Network={"Ports": [{"Name": "http"}]}),
        impure(OCI, ECHO, (f"{TASK}/Network/Ports", "network")),
    )
    case(
        "network unknown",
        "a name of none",
        docker(Network={"Type": "Carrier"}),
        refused(f"{TASK}/Network/Type"),
    )
    case("type batch", "the default", {**docker(), "Type": "Batch"}, PLAIN)
    for kind in ("ops", "daemon", "service"):
        case(
            f"type {kind}",
            "runs as often as there are nodes, or for ever",
            {**docker(), "Type": kind},
            impure(OCI, ECHO, ("/Type", "job-type")),
        )
    case("type unknown", "a name of none", {**docker(), "Type": "x"}, refused("/Type"))
    template = "{{.Name}}"
    url = data_url(DATA)
    for name, document, at, given in (
        (
            "argument",
            docker({"Parameters": [template]}),
            f"{PARAMS}/Parameters/0",
            None,
        ),
        ("env", docker(Env={"A": template}), f"{TASK}/Env/A", None),
        ("name of env", docker(Env={template: "1"}), f"{TASK}/Env/{template}", None),
        (
            "engine env",
            docker({"EnvironmentVariables": [f"A={template}"]}),
            f"{PARAMS}/EnvironmentVariables/0",
            None,
        ),
        (
            "directory",
            docker({"WorkingDirectory": template}),
            f"{PARAMS}/WorkingDirectory",
            None,
        ),
        (
            "target",
            docker(InputSources=[source("inline", f"/{template}", URL=url)]),
            f"{SOURCE}/Target",
            None,
        ),
        (
            "CID",
            docker(InputSources=[source("ipfs", CID=template)]),
            f"{SOURCE}/Source/Params/CID",
            None,
        ),
        (
            "inline bytes",
            docker(InputSources=[source("inline", URL=f"data:,{template}")]),
            f"{SOURCE}/Source/Params/URL",
            None,
        ),
        (
            "S3 bucket",
            docker(
                InputSources=[
                    source("s3", Bucket=template, Key="a", ChecksumSHA256=SUM)
                ]
            ),
            f"{SOURCE}/Source/Params/Bucket",
            None,
        ),
        (
            "S3 key",
            docker(
                InputSources=[
                    source("s3", Bucket="b", Key=template, ChecksumSHA256=SUM)
                ]
            ),
            f"{SOURCE}/Source/Params/Key",
            None,
        ),
    ):
        case(
            f"template in {name}",
            "render it, then hash it",
            document,
            impure(OCI, given, (at, "template")),
        )
    case(
        "template in image",
        "the program is not known, the input is",
        docker({"Image": template}),
        impure(None, ECHO, (f"{PARAMS}/Image", "template")),
    )
    case(
        "template in what is no identity",
        "reaches no block",
        {**docker(Name=template), "Name": template},
        PLAIN,
    )
    case(
        "impure and unresolved",
        "impure beats unresolved; both lists are filled",
        {**docker({"Image": "ubuntu"}), "Type": "ops"},
        {
            **impure(None, ECHO, ("/Type", "job-type")),
            "unresolved": [
                {
                    "at": f"{PARAMS}/Image",
                    "reference": "oci:docker.io/library/ubuntu:latest",
                    "kind": "oci-tag",
                }
            ],
        },
    )


def partitions() -> None:
    """`Count` over 1: as many invocations."""

    def part(index: int, count: int, **more: str) -> Any:
        pair = {
            "BACALHAU_PARTITION_INDEX": str(index),
            "BACALHAU_PARTITION_COUNT": str(count),
        }
        return ran(env={**more, **pair})

    case(
        "Count 2",
        "told apart by the pair that Bacalhau injects",
        {**docker(Env={"A": "1"}), "Count": 2},
        several(part(0, 2, A="1"), part(1, 2, A="1")),
    )
    case(
        "Count 11",
        "decimal without padding",
        {**docker(), "Count": 11},
        several(*(part(index, 11) for index in range(11))),
    )
    case("Count 1", "no pair", {**docker(), "Count": 1}, PLAIN)
    case(
        "Count 0", "what Go has where nothing is said", {**docker(), "Count": 0}, PLAIN
    )
    for name, count in (("-1", -1), ("1.0", 1.0), ('"2"', "2"), ("10001", 10_001)):
        case(
            f"Count {name}",
            "an integer of partitions",
            {**docker(), "Count": count},
            refused("/Count"),
        )


def not_identity() -> None:
    """What may differ without being another computation."""
    case(
        "everything that is no identity",
        "names, labels, resources, times, publishers, outputs",
        {
            **docker(
                Name="main",
                Publisher={"Type": "ipfs", "Params": {}},
                Meta={"a": "b"},
                Resources={"CPU": "500m", "Memory": "4gb", "GPU": "1"},
                Timeouts={"ExecutionTimeout": 300, "TotalTimeout": 1.5},
                ResultPaths=[{"Name": "out", "Path": "/outputs/"}],
            ),
            "Name": "n",
            "Namespace": "default",
            "Priority": 7,
            "Constraints": [{"Key": "a", "Operator": "=", "Values": ["b"]}],
            "Meta": {"a": "b"},
            "Labels": {"a": "b"},
            "State": {"StateType": "Completed"},
            "Version": 2,
            "Revision": 3,
            "CreateTime": 1,
            "ModifyTime": 2,
        },
        {**PLAIN, "warnings": [INDEX], "dirs": ["/outputs"]},
    )
    case(
        "alias of a file",
        "no identity",
        docker(
            InputSources=[
                {**source("inline", "/in/a", URL=data_url(DATA)), "Alias": "x"}
            ]
        ),
        {**put("/in/a"), "warnings": [INDEX]},
    )
    case(
        "job id",
        "reported as an alias",
        {**docker(), "ID": "j-1"},
        {**PLAIN, "aliases": {"bacalhau-job": "j-1"}},
    )
    case(
        "wrapped",
        "as the API and describe answer",
        {"Job": docker(), "Executions": {"Items": []}},
        PLAIN,
    )
    inner = docker({"Image": "ubuntu"})
    case(
        "wrapped: pointers",
        "lead through the wrapper",
        {"job": inner},
        unresolved(
            None,
            ECHO,
            (f"/job{PARAMS}/Image", "oci:docker.io/library/ubuntu:latest", "oci-tag"),
        ),
    )
    case(
        "wrapped and bare",
        "two jobs in one document",
        {"Job": docker(), **docker()},
        refused("/Tasks"),
    )
    case(
        "two tasks",
        "Bacalhau runs one",
        {"Tasks": docker()["Tasks"] * 2},
        refused("/Tasks"),
    )
    case(
        "unknown engine",
        "docker and wasm are read",
        docker(engine="flibble"),
        refused(f"{TASK}/Engine/Type"),
    )
    case(
        "for another network",
        "the name refuses, it never changes a CID",
        docker(),
        refused(),
        network="golem",
    )
    case(
        "for bacalhau", "the name changes nothing", docker(), PLAIN, network="bacalhau"
    )
    case("for nobody", "no network of that name", docker(), refused(), network="x")
    both = {**docker(), "exeScript": []}
    case("of two networks", "marks of both; somebody has to say", both, refused())
    case(
        "of two networks, said",
        "the name settles it; what the other form has is passed over",
        both,
        {**PLAIN, "warnings": [INDEX, "ignored-field"]},
        network="bacalhau",
    )


def resolutions() -> None:
    """Unused and malformed ones."""
    tag = "oci:docker.io/library/ubuntu:latest"
    case(
        "unused resolution",
        "a warning",
        docker(),
        {**PLAIN, "warnings": [INDEX, "unused-resolution"]},
        resolutions={tag: f"sha256:{HEX}"},
    )
    index, count = "BACALHAU_PARTITION_INDEX", "BACALHAU_PARTITION_COUNT"
    case(
        "unused resolution of a job with partitions",
        "told once, with the first",
        {**docker(), "Count": 2},
        several(
            {
                **ran(env={index: "0", count: "2"}),
                "warnings": [INDEX, "unused-resolution"],
            },
            {**ran(env={index: "1", count: "2"}), "warnings": [INDEX]},
        ),
        resolutions={tag: f"sha256:{HEX}"},
    )
    for name, key, value, at in (
        ("not a digest", tag, "latest", "/oci:docker.io~1library~1ubuntu:latest"),
        ("of no kind", "ubuntu", f"sha256:{HEX}", "/ubuntu"),
        ("no CID in its key", "ipfs:x", str(FILE), "/ipfs:x"),
        ("not a CID", "https://a.b/", "x", "/https:~1~1a.b~1"),
        ("a URL with \\", "https://a.b\\c", str(FILE), "/https:~1~1a.b\\c"),
        ("a number", "https://a.b/", 1, "/https:~1~1a.b~1"),
        ("another spelling of s3", "S3://b/k", str(FILE), "/S3:~1~1b~1k"),
        ("S3 with bytes that are no text", "s3://b/%ff", str(FILE), "/s3:~1~1b~1%ff"),
        ("S3 with no escape", "s3://b/a%z", str(FILE), "/s3:~1~1b~1a%z"),
        (
            "an unknown field",
            "https://a.b/",
            {"cid": str(FILE), "size": 1},
            "/https:~1~1a.b~1/size",
        ),
        (
            "a name with /",
            "https://a.b/",
            {"cid": str(FILE), "name": "a/b"},
            "/https:~1~1a.b~1/name",
        ),
    ):
        case(
            f"resolution: {name}",
            "malformed",
            docker(),
            refused(at),
            resolutions={key: value},
        )
    case(
        "two keys of one reference",
        "they normalise alike",
        docker(),
        refused("/oci:ubuntu"),
        resolutions={tag: f"sha256:{HEX}", "oci:ubuntu": f"sha256:{OTHER_HEX}"},
    )


def modules() -> None:
    """WebAssembly, up to v1.6 and from v1.7."""
    plain = canonical(WASI, {})
    case("wasm v1.1", "the module is a source of its own", wasm(), plain, warnings=[])
    case("wasm v1.7", "the module is the target of a source", wasm_17(), plain)
    case(
        "wasm v1.7, path in another spelling",
        "both are cleaned",
        wasm_17({"EntryModule": "app//main.wasm"}),
        plain,
    )
    for name, document in (
        ("v1.1", wasm({"EntryPoint": ...})),
        ("v1.1, empty", wasm({"EntryPoint": ""})),
        ("v1.7", wasm_17({"Entrypoint": ...})),
    ):
        case(
            f"wasm without entry point: {name}",
            "read as _start, with a warning",
            document,
            {**plain, "warnings": [ENTRY]},
        )
    case(
        "wasm with another entry",
        "another program",
        wasm({"EntryPoint": ..., "Entrypoint": "main"}),
        canonical({**WASI, "entry": "main"}, {}),
    )
    whole = canonical(
        WASI,
        {
            "args": ["-v", ""],
            "env": {"A": "2", "B": "1"},
            "files": {"/in": V1},
        },
    )
    env = {"A": "2", "B": "1"}
    fields = {"InputSources": [source("ipfs", "/in", CID=V0)]}
    params = {"Parameters": ["-v", ""], "EnvironmentVariables": env}
    case(
        "wasm v1.1, all of it",
        "args without argv[0]; the env is the engine's",
        wasm(params, **fields),
        whole,
    )
    case(
        "wasm v1.1, env in both",
        "alike, so that it is the same whichever counts",
        wasm(params, Env=env, **fields),
        whole,
    )
    for name, task, engine in (
        ("another value", {"A": "1", "B": "1"}, env),
        ("a variable more", {**env, "C": "1"}, env),
        ("a variable less", {"A": "2"}, env),
        ("none in the engine", env, {}),
    ):
        case(
            f"wasm v1.1, env of the task: {name}",
            "up to v1.6 the engine's counts, from v1.7 the task's: two computations",
            wasm({"EnvironmentVariables": engine}, Env=task),
            refused(f"{TASK}/Env"),
        )
    case(
        "wasm v1.1, env:HOST in both",
        "text to the engine up to v1.6, a value of the host from v1.7",
        wasm({"EnvironmentVariables": {"A": "env:B"}}, Env={"A": "env:B"}),
        impure(WASI, None, (f"{TASK}/Env/A", "host-env")),
    )
    aliased = {**source("inline", "/in", URL=data_url(DATA)), "Alias": "lib"}
    case(
        "wasm v1.1, alias of an input",
        "dropped, with a warning: from v1.3.1 to v1.6 a module may link by it",
        wasm(InputSources=[aliased]),
        canonical(WASI, {"files": {"/in": FILE}}),
    )
    case(
        "wasm v1.1, empty alias of an input",
        "links nothing",
        wasm(InputSources=[{**aliased, "Alias": ""}]),
        canonical(WASI, {"files": {"/in": FILE}}),
    )
    main = source("inline", "/app/main.wasm", URL=data_url(MODULE))
    case(
        "wasm v1.7, alias of an input",
        "modules link by path; the alias is nothing to them",
        wasm_17(InputSources=[main, aliased]),
        canonical(WASI, {"files": {"/in": FILE}}),
    )
    case(
        "wasm v1.7, all of it",
        "its module leaves the files; env stands in the task only",
        wasm_17(
            {"Parameters": ["-v", ""]},
            source("ipfs", "/in", CID=V0),
            Env={"A": "2", "B": "1"},
        ),
        whole,
    )
    case(
        "wasm v1.7, env in the engine",
        "the new engine does not know it",
        wasm_17({"EnvironmentVariables": {"A": "2"}}),
        {**plain, "warnings": ["ignored-field"]},
    )
    imports = [{"code": raw(LIBRARY), "name": "lib"}, {"code": V1}]
    case(
        "imports up to v1.6",
        "in order, linked by Alias",
        wasm(
            {
                "ImportModules": [
                    {"Source": inline(LIBRARY), "Alias": "lib"},
                    {"Source": {"Type": "ipfs", "Params": {"CID": V0}}},
                ]
            }
        ),
        canonical({**WASI, "imports": imports}, {}),
    )
    case(
        "imports up to v1.6, other order",
        "another program",
        wasm(
            {
                "ImportModules": [
                    {"Source": {"Type": "ipfs", "Params": {"CID": V0}}},
                    {"Source": inline(LIBRARY), "Alias": "lib"},
                ]
            }
        ),
        canonical({**WASI, "imports": imports[::-1]}, {}),
    )
    library = source("inline", "lib/a.wasm", URL=data_url(LIBRARY))
    case(
        "imports from v1.7",
        "named by the cleaned target path; they leave the files",
        wasm_17({"ImportModules": ["/lib//a.wasm"]}, library),
        canonical(
            {**WASI, "imports": [{"code": raw(LIBRARY), "name": "/lib/a.wasm"}]}, {}
        ),
    )
    case(
        "module that is also a file",
        "one source is the module, the other stays",
        wasm_17({}, source("inline", "/copy.wasm", URL=data_url(MODULE))),
        canonical(WASI, {"files": {"/copy.wasm": raw(MODULE)}}),
    )
    case(
        "module as a packed file, v1.1",
        "clients pack what is larger than 512 bytes: the one file is the module",
        wasm(
            {
                "EntryModule": {
                    "Source": {
                        "Type": "inline",
                        "Params": {"URL": tar_gz(("main.wasm", MODULE))},
                    }
                }
            }
        ),
        plain,
    )
    case(
        "module as a packed file, v1.7",
        "the one .wasm below the target is the module",
        {
            "Tasks": [
                {
                    **wasm_17({"EntryModule": "/app"})["Tasks"][0],
                    "InputSources": [
                        source("inline", "/app", URL=tar_gz(("main.wasm", MODULE)))
                    ],
                }
            ]
        },
        plain,
    )
    case(
        "module as an archive of several",
        "which of them?",
        wasm(
            {
                "EntryModule": {
                    "Source": {
                        "Type": "inline",
                        "Params": {"URL": tar_gz(("a", MODULE), ("b", MODULE))},
                    }
                }
            }
        ),
        unresolved(
            None,
            {},
            (
                f"{PARAMS}/EntryModule/Source/Params/URL",
                "data:application/gzip",
                "archive",
            ),
        ),
    )
    url = "https://example.org/"
    case(
        "module by URL",
        "lands nowhere, so it needs no name",
        wasm(
            {"EntryModule": {"Source": {"Type": "urlDownload", "Params": {"URL": url}}}}
        ),
        plain,
        resolutions={url: str(raw(MODULE))},
    )
    main = source("inline", "/app/main.wasm", URL=data_url(MODULE))
    data = source("inline", "/app/a.csv", URL=data_url(DATA))
    deeper = source("inline", "/app/x/main.wasm", URL=data_url(MODULE))
    other = source("inline", "/app/b.wasm", URL=data_url(LIBRARY))
    unknown = source("inline", "{{.At}}", URL=data_url(MODULE))
    entry = {"EntryModule": "/app"}
    case(
        "wasm v1.7, one .wasm beside a file",
        "the one directly in the directory is the module, the rest are files",
        wasm_17(entry, InputSources=[main, data, deeper]),
        canonical(
            WASI, {"files": {"/app/a.csv": FILE, "/app/x/main.wasm": raw(MODULE)}}
        ),
    )
    case(
        "wasm v1.7, .wasm deeper",
        "is not looked for there",
        wasm_17(entry, InputSources=[deeper]),
        refused(f"{PARAMS}/EntryModule"),
    )
    case(
        "wasm v1.7, two .wasm",
        "which of them?",
        wasm_17(entry, InputSources=[main, other]),
        refused(f"{PARAMS}/EntryModule"),
    )
    case(
        "wasm v1.7, .WASM",
        "another name to Go",
        wasm_17(
            entry,
            InputSources=[source("inline", "/app/main.WASM", URL=data_url(MODULE))],
        ),
        refused(f"{PARAMS}/EntryModule"),
    )
    case(
        "wasm v1.7, a directory called .wasm",
        "is no module; the file beside it is",
        wasm_17(
            entry,
            InputSources=[
                main,
                source("inline", "/app/d.wasm/a.csv", URL=data_url(DATA)),
            ],
        ),
        canonical(WASI, {"files": {"/app/d.wasm/a.csv": FILE}}),
    )
    case(
        "wasm v1.7, no .wasm yet",
        "what lands nobody knows where may be the module",
        wasm_17(entry, InputSources=[data, unknown]),
        impure(None, None, (f"{SOURCE[:-1]}1/Target", "template")),
    )
    case(
        "module of no source",
        "from v1.7 it is the target of one",
        wasm_17({"EntryModule": "/other.wasm"}),
        refused(f"{PARAMS}/EntryModule"),
    )
    for name, empty in (("absent", ...), ("null", None), ('""', ""), ("{}", {})):
        case(
            f"module {name}",
            "nothing to run",
            wasm({"EntryModule": empty}),
            refused(f"{PARAMS}/EntryModule"),
        )
    case(
        "template as the name of an import",
        "it would reach the program",
        wasm({"ImportModules": [{"Source": inline(LIBRARY), "Alias": "{{.x}}"}]}),
        impure(None, {}, (f"{PARAMS}/ImportModules/0/Alias", "template")),
    )
    case(
        "wasm outputs",
        "mounted at Name, not at Path",
        wasm(ResultPaths=[{"Name": "out", "Path": "/elsewhere"}]),
        {**plain, "dirs": ["/out"]},
    )


YAML = """\
# the plain case
Tasks:
  - Engine:
      Type: docker
      Params:
        Image: {image}
        Entrypoint: {entrypoint}
    Network: {{Type: None}}
{rest}"""


def yaml(entrypoint: str = "[echo, hi]", rest: str = "") -> str:
    """The plain case in YAML."""
    return YAML.format(image=IMAGE, entrypoint=entrypoint, rest=rest)


def flow_colons() -> None:
    """Colons in flow style, which readers of YAML take in several ways."""
    for name, flow in (("inside a word", "{a: b:c}"), ("before a word", '{"a":b}')):
        case(
            f"YAML flow: a colon {name}",
            "part of the word, or of a map",
            yaml(rest=f"Meta: {flow}\n"),
            PLAIN,
        )
    for name, argument in (
        ("first in a word", "[:echo, hi]"),
        ("alone", "[: echo, hi]"),
        ("last in a word", "[echo, hi:]"),
        ("before a list", "[echo, hi:[b]]"),
        ("before a question mark", "[echo, hi:?]"),
    ):
        case(
            f"YAML flow: a colon {name}",
            "text to some readers, a key to others, and refused by libyaml",
            yaml(argument),
            refused(),
        )


def breaks() -> None:
    """Ends of lines: CR LF, CR and LF, as YAML 1.2 has them in section 5.4."""
    for name, end in (("CR LF", "\r\n"), ("CR alone", "\r")):
        case(
            f"YAML with {name} for every break",
            "as with LF",
            yaml().replace("\n", end),
            PLAIN,
        )
    for name, argument, word in (
        ("before a word", "{}hi", "hi"),
        ("in a plain scalar", "h{}i", "h i"),
        ("in quotes", "'h{}i'", "h i"),
        ("in double quotes", '"h  {}i"', "h i"),
        ("escaped", '"h\\{}i"', "hi"),
    ):
        for end in ("\r\n", "\r", "\n"):
            case(
                f"YAML flow: {end!a} {name}",
                "with the spaces around it a space, or nothing",
                yaml(f"[echo, {argument.format(end + 12 * ' ')}]"),
                canonical(OCI, {"argv": ["echo", word]}),
            )


def blank_lines() -> None:
    """A blank line in a flow scalar is a break of its value."""
    for end in ("\r\n", "\r", "\n"):
        case(
            f"YAML flow: {end!a} twice",
            "the first is folded away, the second is LF",
            yaml(f"[echo, h{end}{end}{12 * ' '}i]"),
            canonical(OCI, {"argv": ["echo", "h\ni"]}),
        )


def words() -> None:
    """YAML, where 1.1 and 1.2 agree."""
    flow_colons()
    breaks()
    blank_lines()
    case("YAML", "as the same in JSON", yaml(), PLAIN)
    case("YAML quoted", "a string in every version", yaml('["echo", "hi"]'), PLAIN)
    case(
        "YAML key as far from its colon as can be",
        "1024 characters from its start, two bytes each",
        yaml(rest="Meta: {" + "\u00e9" * 1024 + ": a}\n"),
        PLAIN,
    )
    for name, key in (
        ("further from its colon", "\u00e9" * 1025),
        ("on another line than its colon", "a\n "),
    ):
        case(
            f"YAML key {name}",
            "libyaml takes none such without ?, in flow style either",
            yaml(rest="Meta: {" + key + ": a}\n"),
            refused(),
        )
    case("YAML alias", "expanded", yaml("&a [echo, hi]", "Meta: *a\n"), PLAIN)
    for word in ("no", "010", "1_0", "0o17", "1e3", "y", "On", "190:20:30", "0x1F"):
        case(
            f"YAML {word} as argument",
            "YAML 1.1 and 1.2 differ, or both say that it is no string",
            yaml(f"[echo, {word}]"),
            refused(f"{PARAMS}/Entrypoint/1"),
        )
    for word in ("10", "1.5", "true", "null", "~", "1e999", "9" * 500):
        case(
            f"YAML {word[:8]} as argument",
            "no string, as Go would say too",
            yaml(f"[echo, {word}]"),
            refused(f"{PARAMS}/Entrypoint/1"),
        )
    for word in ("2001-12-14", "=", "<<", "1.2.3", "08:61", "nope", "0b", "+", "."):
        case(
            f"YAML {word} as argument",
            "text to both",
            yaml(f"[echo, '{word}']").replace(f"'{word}'", word),
            canonical(OCI, {"argv": ["echo", word]}),
        )
    for name, before in (
        ("a version", "%YAML 1.1\n---\n"),
        ("the other version", "# a comment\n\n%YAML 1.2 # and another\n---\n"),
    ):
        case(
            f"YAML with {name}",
            "whichever is stated: both tables read every scalar",
            before + yaml(),
            PLAIN,
        )
    for name, document in (
        ("two versions", "%YAML 1.1\n%YAML 1.1\n---\n" + yaml()),
        ("a version to come", "%YAML 2.0\n---\n" + yaml()),
        ("a directive for tags", "%TAG !a! tag:example.org:\n---\n" + yaml()),
        ("a directive of its own", "%ANY x\n---\n" + yaml()),
        ("a directive after it", yaml() + "\n%TAG !a! x\n---\n"),
        ("a directive behind its end", yaml() + "\n...\n%TAG !a! x\n---\n"),
    ):
        case(
            f"YAML: {name}",
            "no reader of jobs needs it, and a parser compares each with all others",
            document,
            refused(),
        )
    case(
        "YAML: % at the beginning of a line inside quotes",
        "the line is looked at, not what it stands in; inside quotes \\x25 is the same",
        yaml('["echo", "a\n%b"]'),
        refused(),
    )
    case(
        "YAML -0",
        "refused wherever it stands, as in JSON",
        yaml(rest="Priority: -0\n"),
        refused(),
    )
    case(
        "YAML -0x0 in what is no identity",
        "-0 to one version only: ambiguous, and of no consequence",
        yaml(rest="Labels: {x: -0x0}\n"),
        PLAIN,
    )
    case(
        "YAML no in what is no identity",
        "ambiguous where it reaches no block",
        yaml(rest="Meta: {answer: no, port: 010}\nPriority: 1_0\n"),
        PLAIN,
    )
    case(
        "YAML no as a name of env",
        "a key that is no string to every reader",
        yaml(rest="    Env: {no: '1'}\n"),
        refused(f"{TASK}/Env/no"),
    )
    for name, document in (
        ("tag", yaml("!!seq [echo, hi]")),
        ("two documents", yaml() + "---\n" + yaml()),
        ("key twice", yaml(rest="Meta: {a: 1, a: 2}\n")),
        ("merge key", yaml(rest="Meta: {<<: {a: 1}}\n")),
        ("alias before its anchor", yaml(rest="Meta: *a\n")),
        ("alias inside its anchor", yaml(rest="Meta: &a [*a]\n")),
        ("next line", yaml("[echo, 'a\u0085b']")),
        ("line separator", yaml("[echo, 'a\u2028b']")),
        ("tab as indent", "Tasks:\n\t- a\n"),
        ("nothing", "# nothing\n"),
    ):
        case(f"YAML with {name}", "refused", document, refused())
    case(
        "YAML next line escaped",
        "inside double quotes both versions keep it",
        yaml('[echo, "a\\Nb"]'),
        canonical(OCI, {"argv": ["echo", "a\u0085b"]}),
    )
    case(
        "byte order mark",
        "refused",
        "\ufeff" + text(docker()),
        refused(),
    )
    for name, document in (
        ("comment", "{} // no"),
        ("trailing comma", '{"a": 1,}'),
        ("NaN", '{"a": NaN}'),
        ("lone surrogate", '{"a": "\\ud800"}'),
        ("-0", '{"a": -0}'),
        ("1e999", '{"a": 1e999}'),
        ("129 levels", "[" * 129 + "]" * 129),
        ("nothing", "{}"),
        ("an empty list", "[]"),
        ("text after it", "{} {}"),
    ):
        case(f"JSON: {name}", "RFC 8259 and nothing else", document, refused())


if __name__ == "__main__":
    for part in (
        empties,
        commands,
        folding,
        environment,
        images,
        configurations,
        inputs,
        archives,
        downloads,
        buckets,
        paths,
        purity,
        partitions,
        not_identity,
        resolutions,
        modules,
        words,
    ):
        part()
    write("bacalhau-job.json")
