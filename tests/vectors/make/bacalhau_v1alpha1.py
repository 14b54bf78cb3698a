"""Bacalhau's v1alpha1 jobs: invocation/bacalhau-v1alpha1.json.

python -m tests.vectors.make.bacalhau_v1alpha1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.vectors.make.bacalhau_terms import (
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
    V0,
    V1,
    WASI,
)
from tests.vectors.make.cases import (
    canonical,
    case,
    impure,
    raw,
    refused,
    unresolved,
    write,
)

WARNS = [INDEX, NETWORK]
URL = "https://example.org/d/a.csv"
TAG = "oci:docker.io/example/tool:v1"


@dataclass(frozen=True)
class Layout:
    """What the fields of one layout are called, and where they stand."""

    name: str
    version: tuple[str, str]
    engine: str
    docker: str
    image: str
    command: str
    env: str
    cwd: str
    inputs: str
    outputs: str
    kind: str
    cid: str
    url: str
    path: str
    sharding: str
    glob: str
    output: str
    root: str = ""

    def at(self, *names: str) -> str:
        """The pointer to a field of the spec."""
        return "/".join([self.root, *names])

    def job(self, params: Any = None, **spec: Any) -> dict[str, Any]:
        """A job that runs `echo hi` in a pinned image; `...` leaves a field out."""
        own = {self.image: IMAGE, self.command: ["echo", "hi"], **(params or {})}
        fields = {self.engine: "docker", self.docker: left(own), **spec}
        version = {self.version[0]: self.version[1]}
        if self.root:
            return {**version, "Spec": left(fields)}
        return left({**version, **fields})

    def ipfs(self, cid: Any, path: str) -> dict[str, Any]:
        """An input by CID."""
        return {self.kind: "ipfs", self.cid: str(cid), self.path: path}

    def download(self, url: str, path: str) -> dict[str, Any]:
        """An input by URL."""
        return {self.kind: "urlDownload", self.url: url, self.path: path}


SNAKE = Layout(
    name="snake",
    version=("apiVersion", "v1alpha1"),
    engine="engine_name",
    docker="job_spec_docker",
    image="image",
    command="entrypoint",
    env="env",
    cwd="workdir",
    inputs="inputs",
    outputs="outputs",
    kind="engine_name",
    cid="cid",
    url="url",
    path="path",
    sharding="sharding",
    glob="glob_pattern",
    output="name",
)
PASCAL = Layout(
    name="pascal",
    version=("APIVersion", "v1alpha1"),
    engine="EngineName",
    docker="JobSpecDocker",
    image="Image",
    command="Entrypoint",
    env="EnvironmentVariables",
    cwd="WorkingDirectory",
    inputs="InputVolumes",
    outputs="OutputVolumes",
    kind="EngineName",
    cid="CID",
    url="URL",
    path="Path",
    sharding="Sharding",
    glob="GlobPattern",
    output="Name",
)
NESTED = Layout(
    name="nested",
    version=("APIVersion", "V1alpha1"),
    engine="Engine",
    docker="Docker",
    image="Image",
    command="Entrypoint",
    env="EnvironmentVariables",
    cwd="WorkingDirectory",
    inputs="inputs",
    outputs="outputs",
    kind="StorageSource",
    cid="CID",
    url="URL",
    path="path",
    sharding="Sharding",
    glob="GlobPattern",
    output="Name",
    root="/Spec",
)
LAYOUTS = (SNAKE, PASCAL, NESTED)


def left(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that are not `...`."""
    return {key: value for key, value in fields.items() if value is not ...}


def same(layout: Layout) -> None:
    """What is canonical in each layout."""
    name = layout.name
    case(
        f"{name}-docker",
        "the entrypoint is the whole command",
        layout.job(),
        canonical(OCI, ECHO, warnings=WARNS),
        family="container with a command",
    )
    nothing = layout.job({layout.command: []})
    stated = {f"oci:{IMAGE}": {"digest": f"sha256:{HEX}", "cmd": ["echo", "hi"]}}
    if layout is NESTED:
        case(
            f"{name}-entrypoint-empty-list",
            "omitempty loses it before Docker: the image's own entrypoint and command",
            nothing,
            canonical(OCI, {}),
        )
    else:
        case(
            f"{name}-entrypoint-empty-list",
            "reaches Docker, and clears the image's: its CMD alone, not stated",
            nothing,
            unresolved(
                OCI,
                None,
                (
                    f"{layout.root}/{layout.docker}/{layout.command}",
                    f"oci:docker.io/{IMAGE}",
                    "oci-cmd",
                ),
            ),
        )
        case(
            f"{name}-entrypoint-empty-list-cmd-stated",
            "its CMD alone",
            nothing,
            canonical(OCI, ECHO),
            resolutions=stated,
        )
    case(
        f"{name}-full",
        "environment, directory and inputs are identity; the rest is not",
        layout.job(
            {layout.env: ["A=1", "B=x=y", "A=2", "EMPTY="], layout.cwd: "/w/./x/"},
            **{
                layout.inputs: [layout.ipfs(V0, "/in/"), layout.ipfs(FILE, "b/c.csv")],
                layout.outputs: [
                    {layout.output: "o", layout.path: "/outputs", layout.cid: ""}
                ],
                layout.sharding: {layout.glob: ""},
                "annotations": ["label"],
                "resources": {"cpu": "1", "gpu": ""},
            },
        ),
        canonical(
            OCI,
            ECHO
            | {
                "env": {"A": "2", "B": "x=y", "EMPTY": ""},
                "cwd": "/w/x",
                "files": {"/in": V1, "/b/c.csv": FILE},
            },
            warnings=WARNS,
            dirs=["/outputs"],
        ),
    )
    case(
        f"{name}-by-number",
        "2 is Docker and 1 is IPFS; a name beside it may say so too",
        layout.job(
            **{
                layout.engine: ...,
                "Engine": 2,
                "EngineName": "DOCKER ",
                layout.inputs: [{"Engine": 1, layout.cid: V0, layout.path: "/in"}],
            }
        ),
        canonical(OCI, ECHO | {"files": {"/in": V1}}),
    )
    for what, empty in (("null", None), ("text", ""), ("list", []), ("map", {})):
        case(
            f"{name}-empty-{what}",
            "absent, null, empty text, list and map are one to Go",
            layout.job(
                {layout.env: empty, layout.cwd: empty},
                **{
                    layout.inputs: empty,
                    layout.outputs: empty,
                    layout.sharding: empty,
                    "contexts": empty,
                    "resources": empty,
                },
            ),
            canonical(OCI, ECHO, warnings=WARNS),
        )
    case(
        f"{name}-image-alone",
        "the image's own command, which its digest fixes",
        layout.job({layout.command: ...}),
        canonical(OCI, {}, warnings=WARNS),
        family="container as it is",
    )
    case(
        f"{name}-contexts",
        "contexts are inputs that sharding leaves whole: docker mounts both",
        layout.job(
            **{
                layout.inputs: [layout.ipfs(FILE, "/a")],
                "Contexts": [layout.ipfs(V0, "/job")],
            }
        ),
        canonical(OCI, ECHO | {"files": {"/a": FILE, "/job": V1}}),
    )


def open_ends(layout: Layout) -> None:
    """What is unresolved in each layout."""
    name = layout.name
    image = layout.at(layout.docker, layout.image)
    case(
        f"{name}-tag",
        "a tag moves; the input is known all the same",
        layout.job({layout.image: "example/tool:v1"}),
        unresolved(None, ECHO, (image, TAG, "oci-tag")),
    )
    case(
        f"{name}-tag-without-command",
        "the image's configuration may decide what the input is",
        layout.job({layout.image: "example/tool:v1", layout.command: []}),
        unresolved(None, None, (image, TAG, "oci-tag")),
    )
    case(
        f"{name}-tag-resolved",
        "until a resolution pins it",
        layout.job({layout.image: "example/tool:v1"}),
        canonical(OCI, ECHO, warnings=WARNS),
        resolutions={TAG: f"sha256:{HEX}"},
    )
    case(
        f"{name}-glob",
        "a glob makes as many jobs as it finds entries",
        layout.job(**{layout.sharding: {layout.glob: "/inputs/*"}}),
        unresolved(
            OCI,
            ECHO,
            (layout.at(layout.sharding, layout.glob), "/inputs/*", "sharding"),
        ),
    )
    case(
        f"{name}-url",
        "a URL fixes nothing",
        layout.job(**{layout.inputs: [layout.download(URL, "/in/a.csv")]}),
        unresolved(OCI, None, (layout.at(layout.inputs, "0", layout.url), URL, "url")),
    )


def never(layout: Layout) -> None:
    """What is impure in each layout, and what is refused whatever is not known."""
    name = layout.name
    case(
        f"{name}-two-names-of-docker",
        "each name is read in each layout, and one of them may be used",
        layout.job(job_spec_docker={"image": "a"}, Docker={"image": "a"}),
        refused(),
    )
    case(
        f"{name}-template-in-image",
        "a template that nobody rendered",
        layout.job({layout.image: "example/tool:{{.Tag}}"}),
        impure(None, ECHO, (layout.at(layout.docker, layout.image), "template")),
    )
    case(
        f"{name}-template-in-env",
        "the program is known; the variable is not",
        layout.job({layout.env: ["A={{.A}}"]}),
        impure(OCI, None, (layout.at(layout.docker, layout.env, "0"), "template")),
    )
    case(
        f"{name}-template-in-path",
        "where the input lands is not known",
        layout.job(**{layout.inputs: [layout.ipfs(FILE, "/{{.Where}}")]}),
        impure(OCI, None, (layout.at(layout.inputs, "0", layout.path), "template")),
    )
    case(
        f"{name}-network",
        "no layout has the field, but it asks for one",
        layout.job(Network={"Type": "Full"}),
        impure(OCI, ECHO, (layout.at("Network", "Type"), "network")),
    )
    case(
        f"{name}-impure-and-unresolved",
        "impure beats unresolved, and both lists are filled",
        layout.job(
            {layout.image: "example/tool:v1", layout.command: ["echo", "{{.Words}}"]}
        ),
        impure(None, None, (layout.at(layout.docker, layout.command, "1"), "template"))
        | {
            "unresolved": [
                {
                    "at": layout.at(layout.docker, layout.image),
                    "reference": TAG,
                    "kind": "oci-tag",
                }
            ]
        },
    )


def broken(layout: Layout) -> None:
    """What is refused in each layout."""
    name = layout.name
    one = layout.ipfs(FILE, "/in")
    other = "InputVolumes" if layout.inputs == "inputs" else "inputs"
    second, third = layout.at(layout.inputs, "0"), layout.at(layout.inputs, "1")
    for what, why, document, at in (
        (
            "contradiction",
            "Bacalhau took the number; whoever wrote this may have meant the name",
            layout.job(**{layout.engine: ..., "Engine": 2, "EngineName": "wasm"}),
            None,
        ),
        (
            "engine-language",
            "this engine made a job of its own out of the spec",
            layout.job(**{layout.engine: "language"}),
            layout.at(layout.engine),
        ),
        (
            "engine-unknown-number",
            "there are five engines",
            layout.job(**{layout.engine: ..., "Engine": 6}),
            layout.at("Engine"),
        ),
        (
            "engine-missing",
            "the command line filled it in, the file does not say it",
            layout.job(**{layout.engine: ...}),
            None,
        ),
        (
            "inputs-twice",
            "two names of one field",
            layout.job(**{layout.inputs: [one], other: [one]}),
            None,
        ),
        (
            "input-s3",
            "no such storage yet",
            layout.job(**{layout.inputs: [{**one, layout.kind: "s3"}]}),
            f"{second}/{layout.kind}",
        ),
        (
            "input-nowhere",
            "an input lands somewhere",
            layout.job(**{layout.inputs: [{**one, layout.path: ""}]}),
            f"{second}/{layout.path}",
        ),
        (
            "one-place-twice",
            "two inputs at one path",
            layout.job(**{layout.inputs: [one, {**one, layout.path: "in/"}]}),
            f"{third}/{layout.path}",
        ),
        (
            "env-without-equals",
            "a variable is NAME=value",
            layout.job({layout.env: ["A"]}),
            layout.at(layout.docker, layout.env, "0"),
        ),
        (
            "key-twice",
            "keys match without regard to case, so these are one",
            layout.job({layout.image.swapcase(): IMAGE}),
            None,
        ),
        (
            "cwd-relative",
            "what it is relative to, the image decides",
            layout.job({layout.cwd: "w"}),
            layout.at(layout.docker, layout.cwd),
        ),
        (
            "two-layouts",
            "two jobs in one document",
            {**layout.job(), "Spec" if not layout.root else "JobSpecDocker": {"a": 1}},
            None,
        ),
    ):
        case(f"{name}-{what}", why, document, refused(at))


def landings() -> None:
    """Where downloads land: the versions of the nested layout differ."""
    for layout in (SNAKE, PASCAL):
        document = layout.job(**{layout.inputs: [layout.download(URL, "/in/x")]})
        for what, meaning in (
            ("", str(FILE)),
            ("-with-a-name", {"cid": str(FILE), "name": "other.csv"}),
        ):
            case(
                f"{layout.name}-url-resolved{what}",
                "at its target itself, whatever the download is called",
                document,
                canonical(OCI, ECHO | {"files": {"/in/x": FILE}}),
                resolutions={URL: meaning},
            )
    nested = NESTED.job(inputs=[NESTED.download(URL, "/in/x")])
    case(
        "nested-url-resolved-without-a-name",
        "at its target at v0.3.0, below it at v0.3.5: whoever resolves it may know",
        nested,
        unresolved(OCI, None, ("/Spec/inputs/0/URL", URL, "url-name")),
        resolutions={URL: str(FILE)},
    )
    for what, name, path in (
        ("at-its-target", "", "/in/x"),
        ("below-its-target", "a.csv", "/in/x/a.csv"),
    ):
        case(
            f"nested-url-resolved-{what}",
            "the resolution says what the download was called",
            nested,
            canonical(OCI, ECHO | {"files": {path: FILE}}),
            resolutions={URL: {"cid": str(FILE), "name": name}},
        )
    gateway = f"https://ipfs.io/ipfs/{FILE}"
    case(
        "snake-gateway",
        "a gateway on the list is the content itself, and it lands at the target",
        SNAKE.job(inputs=[SNAKE.download(gateway, "/in")]),
        canonical(OCI, ECHO | {"files": {"/in": FILE}}),
    )
    case(
        "nested-gateway",
        "the content is known, where it lands is not",
        NESTED.job(inputs=[NESTED.download(gateway, "/in")]),
        unresolved(OCI, None, ("/Spec/inputs/0/URL", gateway, "url-name")),
    )


def wasm(params: Any = None, **spec: Any) -> dict[str, Any]:
    """A nested wasm job: the module is the first context."""
    fields = {
        "Engine": "Wasm",
        "Wasm": {"EntryPoint": "_start", **(params or {})},
        "Contexts": [NESTED.ipfs(raw(MODULE), "/job")],
        **spec,
    }
    return {"APIVersion": "V1alpha1", "Spec": left(fields)}


def modules() -> None:
    """The wasm engine, from v0.3.8 in the nested layout."""
    case(
        "wasm",
        "the first context is the module; it lands nowhere",
        wasm(),
        canonical(WASI, {}, warnings=[NETWORK]),
        family="module alone",
    )
    case(
        "wasm-full",
        "arguments, variables, inputs; imports by the name that they link under",
        wasm(
            {
                "EntryPoint": "run",
                "Parameters": ["-v", ""],
                "EnvironmentVariables": {"A": "1"},
                "ImportModules": [NESTED.ipfs(raw(LIBRARY), "") | {"Name": "lib"}],
            },
            inputs=[NESTED.ipfs(FILE, "/in")],
            outputs=[{"Name": "o", "path": "/outputs"}],
            Language={"JobContext": {}},
        ),
        canonical(
            WASI | {"entry": "run", "imports": [{"code": raw(LIBRARY), "name": "lib"}]},
            {"args": ["-v", ""], "env": {"A": "1"}, "files": {"/in": FILE}},
            warnings=[NETWORK],
            dirs=["/o"],
        ),
    )
    case(
        "wasm-without-entry-point",
        "the command line wrote `_start`",
        wasm({"EntryPoint": ""}),
        canonical(WASI, {}, warnings=[NETWORK, ENTRY]),
    )
    case(
        "wasm-second-context",
        "the executor opens the first only",
        wasm(Contexts=[NESTED.ipfs(raw(MODULE), ""), NESTED.ipfs(FILE, "/x")]),
        canonical(WASI, {}, warnings=[NETWORK, "ignored-field"]),
    )
    case(
        "wasm-beside-docker-by-its-names",
        "the engine is wasm: what docker would read is dropped, by any of its names",
        wasm(Docker={"Image": "a"}, JobSpecDocker={"Image": "b"}),
        canonical(WASI, {}, warnings=[NETWORK]),
    )
    case(
        "wasm-module-by-url",
        "the program waits for its module",
        wasm(Contexts=[NESTED.download(URL, "/job")]),
        unresolved(None, {}, ("/Spec/Contexts/0/URL", URL, "url")),
    )
    case(
        "wasm-module-by-url-resolved",
        "what a module's download is called matters to nobody",
        wasm(Contexts=[NESTED.download(URL, "/job")]),
        canonical(WASI, {}),
        resolutions={URL: str(raw(MODULE))},
    )
    case(
        "wasm-import-by-url",
        "and for what it links",
        wasm({"ImportModules": [NESTED.download(URL, "")]}),
        unresolved(None, {}, ("/Spec/Wasm/ImportModules/0/URL", URL, "url")),
    )
    case(
        "wasm-glob",
        "a glob makes as many jobs as it finds entries",
        wasm(Sharding={"GlobPattern": "/*"}),
        unresolved(WASI, {}, ("/Spec/Sharding/GlobPattern", "/*", "sharding")),
    )
    for what, params, at in (
        ("argument", {"Parameters": ["{{.A}}"]}, "/Spec/Wasm/Parameters/0"),
        (
            "variable",
            {"EnvironmentVariables": {"A": "{{.A}}"}},
            "/Spec/Wasm/EnvironmentVariables/A",
        ),
    ):
        case(
            f"wasm-template-in-{what}",
            "the program is known all the same",
            wasm(params),
            impure(WASI, None, (at, "template")),
        )
    case(
        "wasm-template-in-entry-point",
        "and here the input",
        wasm({"EntryPoint": "{{.Entry}}"}),
        impure(None, {}, ("/Spec/Wasm/EntryPoint", "template")),
    )
    for what, why, document, at in (
        ("no-context", "nothing to run", wasm(Contexts=...), "/Spec/Contexts"),
        (
            "command-by-an-older-name-of-language",
            "each name is read in each layout",
            wasm(JobSpecLanguage={"Command": "f"}),
            "/Spec/JobSpecLanguage/Command",
        ),
        (
            "context-that-is-no-map",
            "ignored, but a map: an element of a list is no field",
            wasm(Contexts=[NESTED.ipfs(raw(MODULE), ""), []]),
            "/Spec/Contexts/1",
        ),
        (
            "entry-module",
            "a field of V1beta1: older servers would run the context instead",
            wasm({"EntryModule": NESTED.ipfs(FILE, "")}),
            "/Spec/Wasm/EntryModule",
        ),
        (
            "language-command",
            "before v0.3.8 the module was a file inside the context",
            wasm(Language={"Command": "_start", "ProgramPath": "main.wasm"}),
            "/Spec/Language/Command",
        ),
        (
            "flat",
            "the flat layouts had no wasm executor",
            SNAKE.job(engine_name="wasm"),
            "/engine_name",
        ),
    ):
        case(f"wasm-{what}", why, document, refused(at))


DESCRIBED = f"""APIVersion: V1alpha1
ClientID: f2da
CreatedAt: "2022-10-18T00:35:58.624965846Z"
Deal:
  Concurrency: 1
ExecutionPlan:
  ShardsTotal: 1
ID: 3b82af1d
JobState:
  Nodes:
    QmYgxZ:
      Shards:
        "0":
          State: Completed
          PublishedResults: {{CID: {V0}}}
RequesterNodeID: QmYgxZ
RequesterPublicKey: CAAS
Spec:
  Docker:
    Image: {IMAGE}
    Entrypoint: [echo, hi]
  Engine: Docker
  Language:
    JobContext: {{}}
  Publisher: Estuary
  Sharding:
    BatchSize: 1
    GlobPatternBasePath: /inputs
  Verifier: Noop
"""


def documents() -> None:
    """Wrappers, marks and YAML."""
    told = {"aliases": {"bacalhau-job": "3b82af1d"}, "warnings": WARNS}
    case(
        "described",
        "ids, plan and state stand beside the spec and are no part of it",
        DESCRIBED,
        canonical(OCI, ECHO, **told),
    )
    wrapped = "".join(f"  {line}\n" for line in DESCRIBED.splitlines())
    case(
        "described-wrapped",
        "what the API answers holds the job as one field",
        f"Job:\n{wrapped}JobState: {{}}\nJobEvents: []\nJobLocalEvents: []\n",
        canonical(OCI, ECHO, **told),
    )
    case(
        "job-api-version",
        "v0.2.5 called it so",
        {"JobAPIVersion": "v1alpha1", "Spec": NESTED.job()["Spec"]},
        canonical(OCI, ECHO),
    )
    case(
        "snake-yaml",
        "YAML reads as JSON does",
        "apiVersion: v1alpha1\nengine: 2\nengine_name: docker\nverifier: 1\n"
        f"job_spec_docker:\n    image: {IMAGE}\n    entrypoint:\n    - echo\n"
        "    - hi\n    env: []\n    workdir: ''\ncontexts: []\ndonottrack: false\n",
        canonical(OCI, ECHO, warnings=WARNS),
    )
    case(
        "snake-yaml-ambiguous",
        "true to YAML 1.1 and text to YAML 1.2",
        "engine_name: docker\n"
        f"job_spec_docker: {{image: {IMAGE}, entrypoint: [yes]}}\n",
        refused("/job_spec_docker/entrypoint/0"),
    )
    for layout in (SNAKE, PASCAL):
        document = layout.job()
        del document[layout.version[0]]
        case(
            f"{layout.name}-without-version",
            "the first weeks wrote none; the docker field says what it is",
            document,
            canonical(OCI, ECHO),
        )
    case(
        "pascal-labelled-v1beta1",
        "a label of another version on a flat layout: nobody knows which it is",
        {**PASCAL.job(), "APIVersion": "v1beta1"},
        refused("/Spec"),
    )
    case(
        "no-layout",
        "a version alone is no job",
        {"apiVersion": "v1alpha1", "engine_name": "docker"},
        refused(),
    )
    case(
        "wrapped-beside-a-spec",
        "two jobs in one document",
        {"Job": NESTED.job(), "Spec": {}},
        refused("/Spec"),
    )
    case(
        "parameters",
        "a field of V1beta2, which these servers pass over",
        NESTED.job({"Parameters": ["-n"]}),
        canonical(OCI, ECHO, warnings=[*WARNS, "ignored-field"]),
    )


def bacalhau_v1alpha1() -> None:
    """All of them."""
    for layout in LAYOUTS:
        same(layout)
        open_ends(layout)
        never(layout)
        broken(layout)
    landings()
    modules()
    documents()
    write("bacalhau-v1alpha1.json")


if __name__ == "__main__":
    bacalhau_v1alpha1()
