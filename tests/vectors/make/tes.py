"""Tasks of GA4GH's Task Execution Service: invocation/tes.json.

python -m tests.vectors.make.tes
"""

from __future__ import annotations

from typing import Any

from tests.vectors.make.bacalhau_terms import (
    DATA,
    ECHO,
    FILE,
    HEX,
    IMAGE,
    INDEX,
    NETWORK,
    OCI,
    OTHER_HEX,
    V0,
    V1,
)
from tests.vectors.make.cases import (
    canonical,
    case,
    raw,
    refused,
    unresolved,
    write,
)

#: The image, as findings name it, and what says that it has no entrypoint.
PINNED = f"oci:docker.io/{IMAGE}"
BARE = {PINNED: {"digest": f"sha256:{HEX}", "entrypoint": []}}
TAG = "oci:docker.io/example/tool:v1"
AT_IMAGE = "/executors/0/image"
ENTRYPOINT = (AT_IMAGE, PINNED, "oci-entrypoint")
VERSIONS, IGNORED = "version-dependent", "ignored-field"
URL_AT = "/inputs/0/url"


def task(executor: Any = None, **more: Any) -> dict[str, Any]:
    """A task of one executor that echoes; a field set to `...` is left out."""
    whole = {"image": IMAGE, "command": ["echo", "hi"], **(executor or {})}
    fields = {key: item for key, item in whole.items() if item is not ...}
    return {"executors": [fields], **more}


def file(path: Any = "/in/a.csv", **fields: Any) -> dict[str, Any]:
    """An input."""
    return {"path": path, **fields}


def good(name: str, why: str, document: Any, given: Any = None, **more: Any) -> None:
    """A canonical task of the image, which has no entrypoint."""
    rest = {"resolutions": more.pop("resolutions", {}) | BARE}
    case(name, why, document, canonical(OCI, given or ECHO, **more), **rest)


def bad(name: str, why: str, document: Any, at: str | None, **more: Any) -> None:
    """A task that breaks the form."""
    case(name, why, document, refused(at), **more)


def commands() -> None:
    """What runs: the command, where no entrypoint can come before it."""
    good(
        "task",
        "the command is the whole argv where the image has no entrypoint; nothing is"
        " said of a network",
        task(),
        warnings=[INDEX, NETWORK],
    )
    case(
        "entrypoint not stated",
        "Funnel's docker worker leaves the image's entrypoint before the command, its"
        " Kubernetes worker and TESK replace it: which one runs, no document says",
        task(),
        unresolved(OCI, None, ENTRYPOINT),
    )
    case(
        "entrypoint stated",
        "an image with an entrypoint is two computations, by engine",
        task(),
        unresolved(OCI, None, ENTRYPOINT),
        resolutions={PINNED: {"digest": f"sha256:{HEX}", "entrypoint": ["/init"]}},
    )
    case(
        "cmd stated, entrypoint not",
        "the command takes the place of the CMD, whichever it is",
        task(),
        unresolved(OCI, None, ENTRYPOINT),
        resolutions={PINNED: {"digest": f"sha256:{HEX}", "cmd": ["sh"]}},
    )
    case(
        "tag",
        "a tag moves, and with it the entrypoint",
        task({"image": "example/tool:v1"}),
        unresolved(None, None, (AT_IMAGE, TAG, "oci-tag")),
    )
    case(
        "tag resolved",
        "to a digest, and to an image without an entrypoint",
        task({"image": "example/tool:v1"}),
        canonical(OCI, ECHO, warnings=[NETWORK]),
        resolutions={
            TAG: {
                "digest": f"sha256:{HEX}",
                "entrypoint": [],
                "platform": "linux/amd64",
            }
        },
    )
    case(
        "index resolved",
        "the manifest of a platform takes the place of the digest that is pinned",
        task({"image": f"example/tool@sha256:{OTHER_HEX}"}),
        canonical(OCI, ECHO, warnings=[NETWORK]),
        resolutions={
            f"oci:docker.io/example/tool@sha256:{OTHER_HEX}": {
                "digest": f"sha256:{HEX}",
                "entrypoint": [],
                "platform": "linux/amd64",
            }
        },
    )
    good(
        "command of one argument",
        "Funnel from v0.12 hands it to a shell; the text of TES says argv",
        task({"command": ["ls -l"]}),
        {"argv": ["ls -l"]},
        warnings=[INDEX, VERSIONS, NETWORK],
    )
    good(
        "empty arguments and braces",
        "elements are kept as they are, and TES has no templates",
        task({"command": ["echo", "", "{{x}}", "${X}"]}),
        {"argv": ["echo", "", "{{x}}", "${X}"]},
    )
    for name, value in (("absent", ...), ("null", None), ("[]", []), ('""', "")):
        bad(
            f"command {name}",
            "TES wants a command, of one argument at least",
            task({"command": value}),
            "/executors/0/command",
        )
    bad(
        "command as text",
        "a list of arguments, which nobody splits",
        task({"command": "echo hi"}),
        "/executors/0/command",
    )
    bad(
        "argument that is a number",
        "nothing is converted",
        task({"command": ["sleep", 1]}),
        "/executors/0/command/1",
    )
    bad(
        "argument with NUL",
        "no argument can hold it",
        task({"command": ["echo", "a\0b"]}),
        "/executors/0/command/1",
    )
    bad(
        "image that is none",
        "upper case is no name of an image",
        task({"image": "Example/Tool"}),
        AT_IMAGE,
    )


def surroundings() -> None:
    """Environment, directory, standard input."""
    good(
        "environment and directory",
        "names are kept, values may be empty, the path is cleaned",
        task({"env": {"B": "", "a": "{{1}}"}, "workdir": "/w/"}),
        {**ECHO, "env": {"B": "", "a": "{{1}}"}, "cwd": "/w"},
    )
    empties: tuple[Any, ...] = (None, "", [], {})
    for empty in empties:
        good(
            f"{empty!r} where nothing is said",
            "absent, null and what is empty are alike, but for image and command",
            task(
                dict.fromkeys(
                    ("workdir", "stdin", "stdout", "stderr", "env", "ignore_error"),
                    empty,
                ),
                **dict.fromkeys(("inputs", "outputs", "volumes", "id"), empty),
            ),
            warnings=[INDEX, NETWORK],
        )
    bad(
        "env value null",
        "entries of a map are values, and none is text",
        task({"env": {"A": None}}),
        "/executors/0/env/A",
    )
    bad(
        "env name with =",
        "no variable can have it",
        task({"env": {"A=B": "1"}}),
        "/executors/0",
    )
    bad(
        "relative workdir",
        "to what, the image decides",
        task({"workdir": "w"}),
        "/executors/0/workdir",
    )
    good(
        "stdin",
        "the bytes of the input at that path, which is there as a file too",
        task({"stdin": "/in/./a.csv"}, inputs=[file(content=DATA.decode())]),
        {**ECHO, "stdin": FILE, "files": {"/in/a.csv": FILE}},
    )
    good(
        "stdin without bytes",
        "is no stdin; the file stays",
        task({"stdin": "/in/e"}, inputs=[file("/in/e", url=f"ipfs://{raw(b'')}")]),
        {**ECHO, "files": {"/in/e": raw(b"")}},
    )
    case(
        "stdin inside a tree",
        "a file below a CID has another CID",
        task(
            {"stdin": "/in/d/a.csv"},
            inputs=[file("/in", url=f"ipfs://{V0}", type="DIRECTORY")],
        ),
        unresolved(
            OCI, None, ("/executors/0/stdin", f"ipfs:{V1}/d/a.csv", "ipfs-path")
        ),
        resolutions=BARE,
    )
    good(
        "stdin inside a tree, resolved",
        "by the path",
        task(
            {"stdin": "/in/d/a.csv"},
            inputs=[file("/in", url=f"ipfs://{V0}", type="DIRECTORY")],
        ),
        {**ECHO, "stdin": FILE, "files": {"/in": V1}},
        resolutions={f"ipfs:{V1}/d/a.csv": str(FILE)},
    )
    case(
        "stdin from the image",
        "what the image has there is stated nowhere",
        task({"stdin": "/etc/motd"}),
        unresolved(OCI, None, ("/executors/0/stdin", "/etc/motd", "image-file")),
        resolutions=BARE,
    )
    bad(
        "relative stdin",
        "TES wants an absolute path",
        task({"stdin": "a"}),
        "/executors/0/stdin",
    )


def contents() -> None:
    """Inputs with their bytes."""
    good(
        "content",
        "the bytes of the text in UTF-8",
        task(inputs=[file(content="à\n{{x}}", type="FILE", name="n")]),
        {**ECHO, "files": {"/in/a.csv": raw("à\n{{x}}".encode())}},
    )
    good(
        "content and url",
        "TES ignores the URL where content is",
        task(inputs=[file(content="x", url="s3://b/k")]),
        {**ECHO, "files": {"/in/a.csv": raw(b"x")}},
        warnings=[INDEX, NETWORK, IGNORED],
    )
    good(
        "nested inputs",
        "the deeper wins",
        task(
            inputs=[
                file("/in", url=f"ipfs://{V0}", type="DIRECTORY"),
                file("/in/a.csv", content="x"),
            ]
        ),
        {**ECHO, "files": {"/in": V1, "/in/a.csv": raw(b"x")}},
    )
    bad(
        "neither content nor url",
        "as servers answer without view=FULL: the bytes are not there",
        task(inputs=[file(type="FILE")]),
        "/inputs/0",
    )
    bad(
        "content of a directory",
        "bytes are a file",
        task(inputs=[file(content="x", type="DIRECTORY")]),
        "/inputs/0/content",
    )
    bad(
        "type in lower case",
        "servers know FILE and DIRECTORY",
        task(inputs=[file(content="x", type="file")]),
        "/inputs/0/type",
    )
    bad(
        "relative path",
        "TES wants an absolute one",
        task(inputs=[file("a.csv", content="x")]),
        "/inputs/0/path",
    )
    bad(
        "two inputs at one path",
        "which of them wins differs",
        task(inputs=[file(content="x"), file("/in//a.csv", content="x")]),
        "/inputs/1/path",
    )
    bad(
        "a file at the root",
        "it is a directory to every container",
        task(inputs=[file("/", content="x")]),
        "/inputs/0/path",
    )
    bad(
        "path above the root",
        "another place on each server",
        task(inputs=[file("/in/../../a", content="x")]),
        "/inputs/0/path",
    )
    bad(
        "input that is text",
        "an input is a map",
        task(inputs=["s3://b/k"]),
        "/inputs/0",
    )


URLS = (
    ("https", "https://Example.org:443/a", "https://example.org/a", "url"),
    ("http", "http://example.org/a?b=c#d", "http://example.org/a?b=c", "url"),
    ("ftp", "ftp://example.org/a/../b", "ftp://example.org/b", "url"),
    ("gs", "gs://bucket/d/a b", "gs://bucket/d/a%20b", "url"),
    ("drs", "drs://drs.example.org/314", "drs://drs.example.org/314", "url"),
    ("file", "file:///mnt/a%20b", "file:///mnt/a%20b", "url"),
    ("path of the server", "/mnt/a b%", "file:///mnt/a%20b%25", "url"),
    ("s3", "s3://bucket/d/a b", "s3://bucket/d/a%20b", "s3"),
    ("s3, another case", "S3://bucket/?/%20#", "s3://bucket/%3F/%2520%23", "s3"),
    ("ipns", "ipns://example.org/a", "ipns:example.org/a", "ipns"),
    ("ipfs path", f"ipfs://{V0}/a.csv", f"ipfs:{V1}/a.csv", "ipfs-path"),
)


def urls() -> None:
    """Inputs by URL: nothing but IPFS fixes bytes."""
    for name, url, reference, kind in URLS:
        case(
            f"url: {name}",
            "no checksum stands beside it",
            task(inputs=[file(url=url)]),
            unresolved(OCI, None, (URL_AT, reference, kind)),
            resolutions=BARE,
        )
        good(
            f"url: {name}, resolved",
            "the content stands at the path, whatever the URL ends with",
            task(inputs=[file(url=url)]),
            {**ECHO, "files": {"/in/a.csv": FILE}},
            resolutions={reference: str(FILE)},
        )
    for name, url in (
        ("ipfs", f"ipfs://{V0}"),
        ("a path of IPFS", f"/ipfs/{V0}"),
        ("gateway", f"https://ipfs.io/ipfs/{V0}"),
    ):
        good(
            f"url: {name}",
            "a CID is content, of a file or of a tree",
            task(inputs=[file("/in", url=url, type="DIRECTORY")]),
            {**ECHO, "files": {"/in": V1}},
        )
    for name, url, reference, kind in (
        (
            "compact identifier of DRS",
            "drs://dg.4503:ab-1",
            "drs://dg.4503:ab-1",
            "url",
        ),
        ("whole bucket", "s3://bucket/", "s3://bucket/", "s3-prefix"),
    ):
        case(
            f"url: {name}",
            "no resolution can have it as a key",
            task(inputs=[file(url=url, type="DIRECTORY")]),
            unresolved(OCI, None, (URL_AT, reference, kind)),
            resolutions=BARE,
        )
    wrong: tuple[tuple[str, Any], ...] = (
        ("no URL", "bucket/key"),
        ("a bare CID", V0),
        ("data", "data:,x"),
        ("opaque", "gs:bucket/key"),
        ("backslash in ftp", "ftp://h/a\\b"),
        ("S3 without a bucket", "s3:///key"),
        ("a CID that is none", "ipfs://Qm"),
        ("too long", "https://h/" + "a" * 8192),
        ("a number", 1),
    )
    for name, text in wrong:
        bad(
            f"url: {name}",
            "not the URL of anything in storage",
            task(inputs=[file(url=text)]),
            URL_AT,
        )


def outputs() -> None:
    """Outputs and volumes: the claim's `dirs`, no identity."""
    good(
        "outputs and volumes",
        "directories that engines lay over the image; which files are collected is no"
        " identity",
        task(
            {"stdout": "/logs/out", "stderr": "/logs/err"},
            outputs=[
                {"path": "/out/a", "url": "s3://b/a", "name": "n", "description": "d"},
                {"path": "/dir/", "url": "file:///d", "type": "DIRECTORY"},
                {"path": "/p/*/x", "url": "s3://b/", "path_prefix": "/p"},
                {"path": "/top", "url": "s3://b/t"},
            ],
            volumes=["/vol/A/", "/vol/A"],
        ),
        dirs=["/dir", "/out", "/p", "/vol/A"],
    )
    for name, more, at in (
        (
            "output without a path",
            {"outputs": [{"url": "s3://b/a"}]},
            "/outputs/0/path",
        ),
        (
            "output of another type",
            {"outputs": [{"path": "/a", "url": "s3://b", "type": "LINK"}]},
            "/outputs/0/type",
        ),
        ("relative volume", {"volumes": ["vol"]}, "/volumes/0"),
        ("output that is text", {"outputs": ["/a"]}, "/outputs/0"),
    ):
        bad(name, "as servers refuse it", task(**more), at)
    for stream in ("stdout", "stderr"):
        bad(
            f"{stream} over an input",
            "engines empty the file before the program reads it, or do not",
            task(
                {stream: "/in/../in/a"}, inputs=[{"path": "/in/a", "content": "hello"}]
            ),
            f"/executors/0/{stream}",
        )
    bad(
        "relative stdout",
        "TES wants an absolute path",
        task({"stdout": "out"}),
        "/executors/0/stdout",
    )


def whole() -> None:
    """Tasks as clients send them and servers give them back."""
    good(
        "everything that is no identity",
        "names, resources, tags, where it ended and what it printed",
        task(
            {"ignore_error": True},
            id="b8tqh1ilo1",
            state="COMPLETE",
            name="n",
            description="d",
            creation_time="2026-11-22T10:00:00Z",
            tags={"a": "b"},
            resources={
                "cpu_cores": 4,
                "ram_gb": 1.5,
                "preemptible": True,
                "zones": ["a"],
                "backend_parameters": {"VmSize": "x"},
                "backend_parameters_strict": True,
            },
            logs=[{"logs": [{"exit_code": 0, "stdout": "hi\n"}], "outputs": []}],
        ),
        aliases={"tes-task": "b8tqh1ilo1"},
        warnings=[INDEX, NETWORK],
    )
    good(
        "fields of nobody",
        "servers pass them over, each in its way; so do we, and tell",
        task({"Env": {"A": "1"}}, project="p"),
        warnings=[INDEX, NETWORK, IGNORED, IGNORED],
    )
    several = {
        **task(),
        "executors": [task()["executors"][0], {**task()["executors"][0]}],
    }
    case(
        "two executors",
        "two containers that share the volumes and nothing else, of one image or not",
        several,
        unresolved(None, None, ("/executors", PINNED, "many-programs")),
        resolutions=BARE,
    )
    case(
        "two executors, one by tag",
        "everything that is to be mended is told",
        {
            "executors": [
                {"image": "example/tool:v1", "command": ["true", "1"]},
                *several["executors"][1:],
            ]
        },
        unresolved(
            None,
            None,
            (AT_IMAGE, TAG, "oci-tag"),
            ("/executors", TAG, "many-programs"),
        ),
    )
    bad(
        "the second executor is malformed",
        "each is read",
        {"executors": [*task()["executors"], {"image": IMAGE}]},
        "/executors/1/command",
    )
    bad("no executors", "a task runs something", {"executors": []}, None)
    bad(
        "a page of a list",
        "tasks of a server are harvested, one document is one task",
        {"tasks": [task()], "next_page_token": ""},
        None,
    )
    bad(
        "a task without view=FULL",
        "ID and state are all that a server tells unless it is asked",
        {"id": "b8tqh1ilo1", "state": "COMPLETE"},
        None,
    )
    case(
        "for tes",
        "the network that it was written for may be named",
        task(),
        canonical(OCI, ECHO),
        resolutions=BARE,
        network="tes",
    )
    bad("for another network", "it is no job", task(), None, network="bacalhau")
    good(
        "YAML",
        "as some clients keep them",
        f"executors:\n- image: {IMAGE}\n  command: [echo, hi]\n",
    )
    bad(
        "YAML no as argument",
        "false in YAML 1.1 and text in 1.2",
        f"executors:\n- image: {IMAGE}\n  command: [echo, no]\n",
        "/executors/0/command/1",
    )


if __name__ == "__main__":
    commands()
    surroundings()
    contents()
    urls()
    outputs()
    whole()
    write("tes.json")
