"""Actions of the Remote Execution API: invocation/reapi.json.

The messages are written here byte by byte, by the encoding's own documentation
(protobuf.dev/programming-guides/encoding), so that no library has a part in both.

python -m tests.vectors.make.reapi
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from multiformats import CID

from tests.vectors.make import cases
from tests.vectors.make.bacalhau_terms import (
    HEX,
    IMAGE,
    INDEX,
    NETWORK,
    OCI,
    OTHER_HEX,
)
from tests.vectors.make.cases import (
    Case,
    canonical,
    impure,
    raw,
    refused,
    unresolved,
    write,
)

Sub = tuple[int, bytes]

ROOT, EXECUTABLE = "/input-root", "/input-root+x"
A, B = b"a\n", b"b\n"
WORKER = "oci:worker.invalid/reapi:latest"
TAG = "oci:docker.io/example/tool:v1"
AT_IMAGE = "/action/platform/properties/0/value"

#: The image, as findings name it, and what says that it has no entrypoint.
NAMED = f"oci:docker.io/{IMAGE}"
NO_ENTRYPOINT = {"digest": f"sha256:{HEX}", "entrypoint": []}
BARE = {NAMED: NO_ENTRYPOINT}

SHAPE = "tree-shape"


def varint(number: int) -> bytes:
    """Base 128, the least significant group first."""
    out = bytearray()
    number &= (1 << 64) - 1
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def part(number: int, value: bytes | str | int) -> bytes:
    """One field: a number as varint, else its length and the bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def parts(*fields: tuple[int, bytes | str | int]) -> bytes:
    """A message."""
    return b"".join(part(number, value) for number, value in fields)


def digest(data: bytes, function: str = "sha256") -> bytes:
    """`Digest`: hash and size, which an empty one leaves out."""
    found = part(1, hashlib.new(function, data).hexdigest())
    return found + (part(2, len(data)) if data else b"")


def name_of(data: bytes, function: str = "sha256") -> str:
    """HASH/SIZE."""
    return f"{hashlib.new(function, data).hexdigest()}/{len(data)}"


def file(name: str, data: bytes = A, *, x: bool = False, more: bytes = b"") -> Sub:
    """A `FileNode` of a directory."""
    mode = part(4, 1) if x else b""
    return 1, parts((1, name), (2, digest(data))) + mode + more


def inner(name: str, directory: bytes) -> Sub:
    """A `DirectoryNode` of a directory."""
    return 2, parts((1, name), (2, digest(directory)))


def link(name: str, target: str) -> Sub:
    """A `SymlinkNode` of a directory."""
    return 3, parts((1, name), (2, target))


def properties(*pairs: tuple[str, str]) -> bytes:
    """A `Platform`."""
    return parts(
        *(
            (1, part(1, name) + (part(2, value) if value else b""))
            for name, value in pairs
        )
    )


IMAGE_PROPERTY = ("container-image", f"docker://{IMAGE}")
PINNED = properties(IMAGE_PROPERTY)
CAT = ["/bin/cat", "a.txt"]
FLAT = parts(file("a.txt"))


def command(
    arguments: list[str] | None = None,
    env: tuple[tuple[str, str], ...] = (),
    *fields: tuple[int, bytes | str | int],
) -> bytes:
    """A `Command`; `fields` are those from 3 on."""
    words = CAT if arguments is None else arguments
    return parts(
        *((1, word) for word in words),
        *(
            (2, part(1, name) + (part(2, value) if value else b""))
            for name, value in env
        ),
        *fields,
    )


def action(run: bytes, root: bytes, *fields: tuple[int, bytes | str | int]) -> bytes:
    """An `Action`; `fields` are those from 6 on."""
    return parts((1, digest(run)), (2, digest(root)), *fields)


def b64(data: bytes) -> str:
    """As documents carry bytes."""
    return base64.b64encode(data).decode()


def document(
    run: bytes | None = None,
    *directories: bytes,
    platform: bytes | None = PINNED,
    fields: tuple[tuple[int, bytes | str | int], ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """An action; the first of the directories is the root."""
    run = command() if run is None else run
    directories = directories or (FLAT,)
    tail = () if platform is None else ((10, platform),)
    return {
        "action": b64(action(run, directories[0], *fields, *tail)),
        "command": b64(run),
        "directories": [b64(each) for each in directories],
        **more,
    }


def given(*argv: str, root: str = ROOT, cwd: str = "", **more: Any) -> dict[str, Any]:
    """The input that `argv` below a root is."""
    files = more.pop("files", {"a.txt": raw(A)})
    found: dict[str, Any] = {"argv": list(argv) or CAT, "cwd": f"{root}{cwd}"}
    if files:
        found["files"] = {f"{root}/{path}": cid for path, cid in files.items()}
    return found | more


PLAIN = canonical(OCI, given())
INPUT = given()


def case(name: str, why: str, document: Any, expected: Case, **more: Any) -> None:
    """Add a case; of what is no refusal, the image is said to have no entrypoint."""
    if expected["outcome"] != "refused":
        more["resolutions"] = BARE | more.get("resolutions", {})
    cases.case(name, why, document, expected, **more)


def alias(found: dict[str, Any]) -> dict[str, str]:
    """The action's own name."""
    return {"reapi-action": name_of(base64.b64decode(found["action"]))}


def plain() -> None:
    """What is identity and what is not."""
    whole = document()
    case(
        "one file",
        "argv, the working directory and the tree's files below a root of its own; the"
        " image by digest",
        whole,
        PLAIN,
        warnings=[INDEX, NETWORK],
        aliases=alias(whole),
        dirs=[],
    )
    salted = document(
        fields=((6, parts((1, 60))), (7, 1), (9, b"salt")),
    )
    case(
        "timeout, do_not_cache and salt",
        "they are in the action's digest, and no part of what is computed",
        salted,
        PLAIN,
        aliases=alias(salted),
    )
    pool = properties(
        ("OSFamily", "linux"), ("Pool", "a"), ("container-image", f"docker://{IMAGE}")
    )
    case("other properties", "they choose a worker", document(platform=pool), PLAIN)
    case(
        "platform of the command",
        "clients before version 2.2 have it there",
        document(command(None, (), (5, PINNED)), platform=None),
        PLAIN,
    )
    case(
        "platform of both",
        "clients since 2.2 write both",
        document(command(None, (), (5, PINNED))),
        PLAIN,
    )
    case(
        "platform of both that differ",
        "an older worker takes one, a newer the other",
        document(command(None, (), (5, properties(("container-image", "b:1"))))),
        refused("/command/platform"),
    )
    off = properties(("container-image", f"docker://{IMAGE}"), ("dockerNetwork", "off"))
    case(
        "platform of both that differ in the network",
        "an older worker would connect it, or not",
        document(command(None, (), (5, PINNED)), platform=off),
        refused("/command/platform"),
    )
    case(
        "platform of both that differ in what is dropped",
        "no part of what is computed",
        document(
            command(
                None,
                (),
                (
                    5,
                    properties(("Pool", "b"), ("container-image", f"docker://{IMAGE}")),
                ),
            )
        ),
        PLAIN,
    )
    case(
        "environment",
        "variables are the input's, empty ones too",
        document(command(None, (("A", ""), ("PATH", "/bin")))),
        canonical(OCI, given(env={"A": "", "PATH": "/bin"})),
    )
    case(
        "braces are text",
        "no form of templates is known of actions",
        document(command(["/bin/cat", "{{a}}"])),
        canonical(OCI, given("/bin/cat", "{{a}}")),
    )
    case(
        "no files",
        "the empty directory needs not be in the document",
        {**document(None, b""), "directories": []},
        canonical(OCI, given(files={})),
    )
    case(
        "the empty directory given",
        "nor is it wrong there",
        document(None, b""),
        canonical(OCI, given(files={})),
    )
    case(
        "as YAML",
        "any syntax of documents",
        "".join(
            f"{key}: {value}\n"
            if isinstance(value, str)
            else f"{key}:\n" + "".join(f"- {item}\n" for item in value)
            for key, value in document().items()
        ),
        PLAIN,
    )
    case("for reapi", "the network's name", document(), PLAIN, network="reapi")
    case("for another network", "the same", document(), refused(), network="bacalhau")


def outputs() -> None:
    """What is collected is not identity; what a worker makes for it is told."""
    wd = parts(inner("w", parts(file("a.txt"))))
    below = parts(file("a.txt"))
    case(
        "output paths",
        "a worker makes the directories above them, unless they are there",
        document(
            command(None, (), (6, "w"), (7, "a"), (7, "o/b"), (7, "o/p/c")), wd, below
        ),
        canonical(OCI, given(cwd="/w", files={"w/a.txt": raw(A)})),
        dirs=[f"{ROOT}/w/o", f"{ROOT}/w/o/p"],
    )
    case(
        "output files and directories",
        "as clients before 2.1 write them",
        document(command(None, (), (3, "o/b"), (4, "p/q"))),
        PLAIN,
        dirs=[f"{ROOT}/o", f"{ROOT}/p"],
    )
    case(
        "output paths beside output files",
        "the older fields are ignored then",
        document(command(None, (), (3, "o/b"), (7, "p/c"))),
        PLAIN,
        dirs=[f"{ROOT}/p"],
    )
    case(
        "an output beside the working directory",
        "relative paths may climb inside the input root",
        document(command(None, (), (6, "w"), (7, "../o/b")), wd, below),
        canonical(OCI, given(cwd="/w", files={"w/a.txt": raw(A)})),
        dirs=[f"{ROOT}/o"],
    )
    case(
        "an output above the input root",
        "no worker collects it",
        document(command(None, (), (7, "../b"))),
        refused("/command/output_paths/0"),
    )
    case(
        "an absolute output",
        "the API has relative paths alone",
        document(command(None, (), (7, "/b"))),
        refused("/command/output_paths/0"),
    )
    case(
        "format and properties of outputs",
        "how a worker reports them",
        document(command(None, (), (7, "b"), (8, "mtime"), (9, 1))),
        PLAIN,
    )


def trees() -> None:
    """Directories, shared ones, deep ones, and what the model cannot hold."""
    leaf = parts(file("a.txt"))
    middle = parts(inner("x", leaf), inner("y", leaf))
    case(
        "a directory named twice",
        "its files stand at both places",
        document(None, middle, leaf),
        canonical(OCI, given(files={"x/a.txt": raw(A), "y/a.txt": raw(A)})),
    )
    case(
        "working directory",
        "it is below the input root",
        document(command(["tool", "b"], (), (6, "x")), middle, leaf),
        canonical(
            OCI,
            given("tool", "b", cwd="/x", files={"x/a.txt": raw(A), "y/a.txt": raw(A)}),
        ),
    )
    case(
        "working directory that is empty",
        "cwd says that it is there",
        document(
            command(None, (), (6, "x/y")),
            parts(file("a.txt"), inner("x", parts(inner("y", b"")))),
            parts(inner("y", b"")),
        ),
        canonical(OCI, given(cwd="/x/y")),
    )
    case(
        "working directory that is not there",
        "the API asks for it",
        document(command(None, (), (6, "z"))),
        refused("/command/working_directory"),
    )
    case(
        "working directory above the root",
        "it would be the worker's own",
        document(command(None, (), (6, "../z"))),
        refused("/command/working_directory"),
    )
    case(
        "absolute working directory",
        "the same",
        document(command(None, (), (6, "/z"))),
        refused("/command/working_directory"),
    )
    both = (file("a.txt"), link("b", "a.txt"))
    case(
        "a symbolic link",
        "the model has files alone",
        document(None, parts(*both)),
        unresolved(OCI, None, ("/directories/0/symlinks/0", "/b", SHAPE)),
        warnings=[INDEX, NETWORK],
    )
    case(
        "an empty directory",
        "the same",
        document(None, parts(file("a.txt"), inner("o", b""))),
        unresolved(OCI, None, ("/directories/0/directories/0/digest", "/o", SHAPE)),
    )
    timed = part(6, parts((2, parts((1, 1)))))
    case(
        "a file with a time",
        "a guest can see it, and the model cannot say it",
        document(None, parts(file("a.txt", more=timed))),
        unresolved(
            OCI, None, ("/directories/0/files/0/node_properties", "/a.txt", SHAPE)
        ),
    )
    case(
        "a directory with a mode",
        "the same",
        document(None, parts(file("a.txt"), (5, parts((3, parts((1, 493))))))),
        unresolved(OCI, None, ("/directories/0/node_properties", "/", SHAPE)),
    )
    gone = document(None, middle, leaf)
    gone["directories"].pop()
    case(
        "a directory that is gone",
        "its digest is known, its files are not",
        gone,
        unresolved(
            OCI,
            None,
            ("/directories/0/directories/0/digest", name_of(leaf), "missing-directory"),
            ("/directories/0/directories/1/digest", name_of(leaf), "missing-directory"),
        ),
    )
    case(
        "no directory at all",
        "a cache without remote execution has none",
        {**document(), "directories": []},
        unresolved(
            OCI, None, ("/action/input_root_digest", name_of(FLAT), "missing-directory")
        ),
    )
    bomb = [b"".join((parts(file("a")),))]
    for _ in range(16):
        bomb.append(parts(inner("x", bomb[-1]), inner("y", bomb[-1])))
    case(
        "a tree of 65536 files in 17 directories",
        "a Merkle tree is small where what it stands for is not",
        document(None, *reversed(bomb)),
        refused(),
    )
    deep = [parts(file("a.txt"))]
    for _ in range(20):
        deep.append(parts(inner("d" * 250, deep[-1])))
    case(
        "a path of more than 4096 bytes",
        "as in any form",
        document(None, *reversed(deep)),
        refused(),
    )


def modes() -> None:
    """What may be executed."""
    tool = ["bin/t", "a.txt"]
    binary = parts(file("t", B, x=True))
    files = {"a.txt": raw(A), "bin/t": raw(B)}
    case(
        "what is run is a file of the tree",
        "it is executable, and nothing else is",
        document(command(tool), parts(file("a.txt"), inner("bin", binary)), binary),
        canonical(OCI, given(*tool, files=files)),
    )
    case(
        "every file is executable",
        "so Bazel says of all; the root has another place then, which says it",
        document(
            command(tool), parts(file("a.txt", x=True), inner("bin", binary)), binary
        ),
        canonical(OCI, given(*tool, root=EXECUTABLE, files=files)),
    )
    case(
        "every file is executable, and what is run is not in the tree",
        "the same",
        document(
            command(None, (), (7, "o/b")),
            parts(file("a.txt", x=True)),
        ),
        canonical(OCI, given(root=EXECUTABLE)),
        dirs=[f"{EXECUTABLE}/o"],
    )
    case(
        "the only file is what is run",
        "both rules hold, and the first one counts",
        document(command(["./t"]), binary),
        canonical(OCI, given("./t", files={"t": raw(B)})),
    )
    case(
        "one file of two is executable",
        "and is not what is run",
        document(None, parts(file("a.txt"), file("t", B, x=True))),
        unresolved(OCI, None, ("/directories/0/files/1", "/t", SHAPE)),
    )
    plain_tool = parts(file("t", B))
    case(
        "what is run is not executable",
        "it would not run",
        document(
            command(tool), parts(file("a.txt"), inner("bin", plain_tool)), plain_tool
        ),
        unresolved(OCI, None, ("/directories/1/files/0", "/bin/t", SHAPE)),
    )
    case(
        "a name without a slash",
        "is looked up in PATH, and is no file of the tree",
        document(command(["t"]), parts(file("a.txt"), file("t", B, x=True))),
        unresolved(OCI, None, ("/directories/0/files/1", "/t", SHAPE)),
    )
    case(
        "a name that climbs above the input root",
        "is no file of the tree, and whether it is there is not said",
        document(command(["../t"])),
        canonical(OCI, given("../t")),
    )
    case(
        "what is run stands relative to the working directory",
        "as the API says since 2.3",
        document(
            command(["../bin/t"], (), (6, "w")),
            parts(inner("bin", binary), inner("w", FLAT)),
            binary,
            FLAT,
        ),
        canonical(
            OCI,
            given("../bin/t", cwd="/w", files={"bin/t": raw(B), "w/a.txt": raw(A)}),
        ),
    )


def images() -> None:
    """Where the program comes from."""
    tag = properties(("container-image", "docker://example/tool:v1"))
    cases.case(
        "an image by tag",
        "a tag moves, and with it the entrypoint",
        document(platform=tag),
        unresolved(None, None, (AT_IMAGE, TAG, "oci-tag")),
    )
    cases.case(
        "an image by tag, resolved",
        "the same computation as by digest",
        document(platform=tag),
        PLAIN,
        resolutions={TAG: NO_ENTRYPOINT},
    )
    for name, platform in (("no platform", None), ("no image", properties(("a", "b")))):
        cases.case(
            name,
            "the worker's own file system is the image, which only a resolution says",
            document(platform=platform),
            unresolved(None, None, ("/action/platform", WORKER, "oci-tag")),
        )
    cases.case(
        "no image, resolved",
        "by the image that the workers were started from, and that nothing runs before"
        " the arguments there",
        document(platform=None),
        PLAIN,
        resolutions={WORKER: NO_ENTRYPOINT},
    )
    case(
        "an image that is none",
        "it is no name of an image",
        document(platform=properties(("container-image", "docker://A B"))),
        refused(AT_IMAGE),
    )
    case(
        "two images",
        "a worker runs one",
        document(
            platform=properties(
                ("container-image", f"docker://{IMAGE}"), ("container-image", "b:1")
            )
        ),
        refused("/action/platform/properties/1/value"),
    )
    cases.case(
        "a file re-keyed",
        "a digest is a content address like others",
        document(platform=tag),
        canonical(OCI, given(files={"a.txt": raw(B)})),
        resolutions={TAG: NO_ENTRYPOINT, f"ipfs:{raw(A)}": str(raw(B))},
        also=[{"invocation": PLAIN["invocation"], "without": [f"ipfs:{raw(A)}"]}],
    )
    for value in ("standard", "bridge", "host"):
        asks = properties(
            ("container-image", f"docker://{IMAGE}"), ("dockerNetwork", value)
        )
        case(
            f"dockerNetwork {value}",
            "a property that asks for a network",
            document(platform=asks),
            impure(OCI, INPUT, ("/action/platform/properties/1/value", "network")),
            warnings=[INDEX],
        )
    for name, value, why in (
        ("dockerChrootPath", ".", "the input root is the file system"),
        ("env-overrides", "A=2", "another variable than the command has"),
        ("extra-args", "-x", "more arguments than the command has"),
        ("dockerUser", "nobody", "another user than the image's"),
        ("dockerRunAsRoot", "True", "another user than the image's"),
        ("workload-isolation-type", "none", "no image at all"),
        ("preserve-workspace", "true", "files of an action before it"),
        ("network", "external", "a network"),
        ("ENV-Overrides", "A=2", "workers take names in any case"),
        ("Container-Image", "b:1", "the image, to workers that take any case"),
    ):
        case(
            f"{name} {value}",
            why,
            document(platform=properties(IMAGE_PROPERTY, (name, value))),
            unresolved(
                OCI,
                None,
                ("/action/platform/properties/1/value", name, "platform-property"),
            ),
            warnings=[INDEX, NETWORK],
        )
    case(
        "an altering property of the command",
        "older workers take that platform",
        document(
            command(
                None, (), (5, properties(IMAGE_PROPERTY, ("env-overrides", "A=2")))
            ),
            platform=properties(IMAGE_PROPERTY),
        ),
        unresolved(
            OCI,
            None,
            (
                "/command/platform/properties/1/value",
                "env-overrides",
                "platform-property",
            ),
        ),
        warnings=[INDEX, NETWORK],
    )
    case(
        "altering properties that ask for nothing",
        "the identity of what says nothing",
        document(
            platform=properties(
                IMAGE_PROPERTY,
                ("dockerRunAsRoot", "False"),
                ("workload-isolation-type", "podman"),
                ("env-overrides", ""),
            )
        ),
        PLAIN,
        warnings=[INDEX, NETWORK],
    )
    off = properties(("container-image", f"docker://{IMAGE}"), ("dockerNetwork", "off"))
    case(
        "dockerNetwork off",
        "the identity of what says nothing",
        document(platform=off),
        PLAIN,
        warnings=[INDEX],
    )


def entrypoints() -> None:
    """What runs: the arguments, where no entrypoint can come before them."""
    pinned = document()
    tag = document(platform=properties(("container-image", "docker://example/tool:v1")))
    none = document(platform=None)
    older = document(command(None, (), (5, PINNED)), platform=None)
    by_digest = f"sha256:{HEX}"
    other = {"digest": by_digest, "entrypoint": ["/init"]}
    with_cmd = {"digest": by_digest, "cmd": ["sh"]}
    at_none, at_older = "/action/platform", "/command/platform/properties/0/value"
    for name, why, found, at, reference, meanings in (
        (
            "entrypoint not stated",
            "workers of BuildBuddy leave the image's entrypoint before the arguments,"
            " others start the arguments alone: which, no document says",
            pinned,
            AT_IMAGE,
            NAMED,
            {},
        ),
        (
            "entrypoint not stated, platform of the command",
            "at the value that counts",
            older,
            at_older,
            NAMED,
            {},
        ),
        (
            "entrypoint stated",
            "an image with an entrypoint is two computations, by worker",
            pinned,
            AT_IMAGE,
            NAMED,
            {NAMED: other},
        ),
        (
            "cmd stated, entrypoint not",
            "the arguments take the place of the CMD, whichever it is",
            pinned,
            AT_IMAGE,
            NAMED,
            {NAMED: with_cmd},
        ),
        (
            "tag resolved to a digest alone",
            "a tag and its digest give the same outcome",
            tag,
            AT_IMAGE,
            TAG,
            {TAG: by_digest},
        ),
        (
            "no image, resolved to a digest alone",
            "workers in containers may have an entrypoint, too",
            none,
            at_none,
            WORKER,
            {WORKER: by_digest},
        ),
        (
            "no image, entrypoint stated",
            "nothing but a resolution without one settles it",
            none,
            at_none,
            WORKER,
            {WORKER: other},
        ),
    ):
        cases.case(
            name,
            why,
            found,
            unresolved(OCI, None, (at, reference, "oci-entrypoint")),
            resolutions=meanings,
        )
    cases.case(
        "index resolved",
        "the manifest of a platform takes the place of the digest that is pinned",
        document(
            platform=properties(
                ("container-image", f"docker://example/tool@sha256:{OTHER_HEX}")
            )
        ),
        PLAIN,
        resolutions={
            f"oci:docker.io/example/tool@sha256:{OTHER_HEX}": {
                **NO_ENTRYPOINT,
                "platform": "linux/amd64",
            }
        },
        warnings=[NETWORK],
    )
    cases.case(
        "entrypoint not stated, and another finding",
        "everything that is to be mended is told",
        document(platform=properties(IMAGE_PROPERTY, ("dockerUser", "nobody"))),
        unresolved(
            OCI,
            None,
            (AT_IMAGE, NAMED, "oci-entrypoint"),
            ("/action/platform/properties/1/value", "dockerUser", "platform-property"),
        ),
    )


def digests() -> None:
    """Functions, sizes, and messages that are not what they are named by."""
    other = document()
    other["command"] = b64(command(["/bin/dog"]))
    case("another command", "its digest is checked", other, refused("/command"))
    for function in ("sha384", "sha512"):
        root = part(1, parts((1, "a.txt"), (2, digest(A, function))))
        run = command()
        code = {"sha384": "sha2-384", "sha512": "sha2-512"}[function]
        cid = CID("base32", 1, "raw", (code, hashlib.new(function, A).digest()))
        whole = parts(
            (1, digest(run, function)), (2, digest(root, function)), (10, PINNED)
        )
        case(
            f"digests by {function}",
            "files keep the hash that names them; lengths tell the functions apart",
            {"action": b64(whole), "command": b64(run), "directories": [b64(root)]},
            canonical(OCI, given(files={"a.txt": cid})),
            aliases={"reapi-action": name_of(whole, function)},
        )
    for function in ("sha1", "md5"):
        run = command()
        whole = parts(
            (1, digest(run, function)), (2, digest(FLAT, function)), (10, PINNED)
        )
        case(
            f"digests by {function}",
            "not collision resistant",
            {"action": b64(whole), "command": b64(run), "directories": [b64(FLAT)]},
            refused("/action/command_digest"),
        )
    mixed = part(1, parts((1, "a.txt"), (2, digest(A, "sha512"))))
    case(
        "two functions",
        "an action has one",
        document(None, mixed),
        refused("/directories/0/files/0/digest"),
    )
    upper = part(1, parts((1, "a.txt"), (2, parts((1, "AB" * 32), (2, 2)))))
    case(
        "a hash in upper case",
        "the API has lower case",
        document(None, upper),
        refused("/directories/0/files/0/digest"),
    )
    short = part(1, parts((1, "a.txt"), (2, parts((1, "ab" * 31), (2, 2)))))
    case(
        "a hash cut short",
        "of no function",
        document(None, short),
        refused("/directories/0/files/0/digest"),
    )
    for size, why in ((-1, "no file has it"), (0, "only one file has it")):
        number = part(2, size) if size else b""
        bad = part(1, parts((1, "a.txt"), (2, part(1, "ab" * 32) + number)))
        case(
            f"a size of {size}",
            why,
            document(None, bad),
            refused("/directories/0/files/0/digest"),
        )
    run, wrong = command(), parts((1, hashlib.sha256(command()).hexdigest()), (2, 1))
    case(
        "a command of another size",
        "the size is a part of the digest",
        {
            "action": b64(parts((1, wrong), (2, digest(FLAT)), (10, PINNED))),
            "command": b64(run),
            "directories": [b64(FLAT)],
        },
        refused("/command"),
    )
    case(
        "no digest of the input root",
        "the API asks for it",
        {
            "action": b64(parts((1, digest(run)), (10, PINNED))),
            "command": b64(run),
            "directories": [],
        },
        refused("/action/input_root_digest"),
    )


def encodings() -> None:
    """One value, one encoding: of messages, and of the document around them."""
    whole = document()
    plain = base64.b64decode(whole["action"])
    for name, why, bent in (
        ("an unknown field", "what it means is not known", plain + part(11, "a")),
        ("a field twice", "the last would win, or both", plain + part(10, PINNED)),
        ("fields out of order", "another digest", part(7, 1) + plain),
        (
            "a default written out",
            "another digest",
            plain[: -len(part(10, PINNED))] + part(7, 0) + part(10, PINNED),
        ),
        ("a group", "no field has one", plain + b"\x5b\x5c"),
        ("it breaks off", "half a message", plain[:-1]),
        ("a length with spare bytes", "a second spelling", b"\x0a\xc6\x00" + plain[2:]),
        ("a field of another type", "no digest", part(1, 1) + plain),
    ):
        case(f"action: {name}", why, {**whole, "action": b64(bent)}, refused("/action"))
    bad = part(1, b"\xff")
    case(
        "command: bytes that are not UTF-8",
        "text of the encoding is UTF-8",
        document(bad),
        refused("/command"),
    )
    for name, root, at in (
        ("names out of order", parts(file("b"), file("a")), "files/1/name"),
        ("a name twice", parts(file("a"), file("a")), "files/1/name"),
        (
            "a file and a directory of one name",
            parts(file("a"), inner("a", FLAT)),
            "directories/0/name",
        ),
        ("a name with a slash", parts(file("a/b")), "files/0/name"),
        ("the name ..", parts(file("..")), "files/0/name"),
        ("no name", parts((1, part(2, digest(A)))), "files/0/name"),
        ("a name with NUL", parts(file("a\0")), "files/0/name"),
    ):
        case(
            f"directory: {name}",
            "the API's rules for directories",
            document(None, root),
            refused(f"/directories/0/{at}"),
        )
    case(
        "variables out of order",
        "the API sorts them",
        document(command(None, (("B", "1"), ("A", "1")))),
        refused("/command/environment_variables/1"),
    )
    case(
        "a variable twice",
        "the first or the last would win",
        document(command(None, (("A", "1"), ("A", "2")))),
        refused("/command/environment_variables/1"),
    )
    case(
        "a variable with =",
        "as in any form",
        document(command(None, (("A=", "1"),))),
        refused(),
    )
    case(
        "no arguments",
        "nothing is run",
        document(command([])),
        refused("/command/arguments"),
    )
    case(
        "an empty name of the program",
        "no file has it",
        document(command(["", "a"])),
        refused("/command/arguments"),
    )
    case(
        "an argument with NUL", "as in any form", document(command(["a\0"])), refused()
    )
    case(
        "a directory that nothing names",
        "its author meant another tree",
        document(None, FLAT, parts(file("b"))),
        refused("/directories/1"),
    )
    case(
        "a directory twice",
        "in the document",
        document(None, FLAT, FLAT),
        refused("/directories/1"),
    )
    case(
        "an unknown field of the document",
        "it may mean something to its author",
        document(result=""),
        refused("/result"),
    )
    assert whole["command"].endswith("=")
    assert not whole["command"].endswith("==")
    case(
        "base64 without padding",
        "one spelling",
        {**whole, "command": whole["command"].rstrip("=")},
        refused("/command"),
    )
    spare = whole["command"].rstrip("=")
    assert spare[-1] in "AQgwEUk048cMIYosBFJNRVZdhlptx159"
    case(
        "base64 with spare bits",
        "one spelling",
        {
            **whole,
            "command": f"{spare[:-1]}{chr(ord(spare[-1]) + 1)}=",
        },
        refused("/command"),
    )
    case(
        "base64 with a line break",
        "one spelling",
        {**whole, "action": whole["action"][:4] + "\n" + whole["action"][4:]},
        refused("/action"),
    )
    case(
        "base64 for URLs",
        "another alphabet",
        {**whole, "action": "-_" + whole["action"][2:]},
        refused("/action"),
    )
    case(
        "an action that is no text",
        "base64 alone",
        {**whole, "action": {}},
        refused("/action"),
    )
    case(
        "directories null",
        "as absent: the tree is known by its digest alone",
        {**whole, "directories": None},
        unresolved(
            OCI, None, ("/action/input_root_digest", name_of(FLAT), "missing-directory")
        ),
    )


def main() -> None:
    """Write the file."""
    plain()
    outputs()
    trees()
    modes()
    images()
    entrypoints()
    digests()
    encodings()
    write("reapi.json")


if __name__ == "__main__":
    main()
