"""Remote Execution API: an action, with the messages that it names.

    {"action": "CkQKQDc2..", "command": "CgRib..", "directories": ["CkkKBWEu.."]}

Each is base64 of a message in Protocol Buffers, as a content-addressed store has it.
An action names its command and the root of its input tree by digest, a directory its
files and directories: a Merkle tree, walked here. Where a worker puts the input root
is its own affair, so it has a place of its own here.

Action.timeout, do_not_cache, salt       dropped; they are in the action's digest,
                                         which is an alias therefore
Action.platform, else Command.platform   container-image: the program; dockerNetwork;
                                         what alters a run is unresolved
Command.arguments, environment_variables argv, where the image has no entrypoint; env
Command.working_directory                cwd, below the input root
Command.output_paths, or the older two   dirs: a worker makes the directories above
Directory.files                          files, below the input root

The API has no word on the entrypoint of the image, and workers differ: BuildBuddy's
leave it in force before the arguments. Where the image has none all agree.

Source: remote_execution.proto and platform.md of bazelbuild/remote-apis (becdd8f9);
buildbuddy.io/docs/rbe-platforms, at ENTRYPOINT and CMD;
FORMATS 3 and 4; ADR 24; research: golem-and-others 6.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from invocation_spec.adapters.reapi_digest import Digest, message
from invocation_spec.adapters.reapi_directory import Blobs
from invocation_spec.adapters.reapi_tree import (
    EXECUTABLE_ROOT,
    INPUT_ROOT,
    Tree,
    inside,
    walk,
)
from invocation_spec.document import Document
from invocation_spec.errors import DocumentError
from invocation_spec.model import Input, OciProgram
from invocation_spec.node import Node
from invocation_spec.reading import Reading, made
from invocation_spec.resolutions import Resolutions

__all__ = ["WORKER_IMAGE", "is_action", "read_action"]

#: What a worker is by, where no property says an image: a name that nobody can have
#: (RFC 2606), so that only a resolution can say what the worker's file system was.
WORKER_IMAGE: Final = "worker.invalid/reapi"

_IMAGE: Final = "container-image"

#: Of Google's RBE and BuildBuddy: what a container is connected to.
_NETWORK: Final = "dockerNetwork"

_ASKS_NOTHING: Final = frozenset({"", "false"})

#: Properties by which a worker runs something else than the command in the image says,
#: in lower case, and the values that ask for nothing. Of Google's RBE and BuildBuddy,
#: which takes names in any case.
_ALTERING: Final[Mapping[str, frozenset[str]]] = {
    # arguments and variables
    "extra-args": frozenset({""}),
    "env-overrides": frozenset({""}),
    "env-overrides-base64": frozenset({""}),
    "secret-env-overrides": frozenset({""}),
    "secret-env-overrides-base64": frozenset({""}),
    "include-secrets": _ASKS_NOTHING,
    # files: another root, what an action before it left, the host's
    "dockerchrootpath": frozenset({""}),
    "preserve-workspace": _ASKS_NOTHING,
    "dockersiblingcontainers": _ASKS_NOTHING,
    "workload-isolation-type": frozenset(
        {"", "docker", "podman", "oci", "firecracker"}
    ),
    # who it is, and may do
    "dockeruser": frozenset({""}),
    "dockerrunasroot": _ASKS_NOTHING,
    "dockerprivileged": _ASKS_NOTHING,
    "dockeraddcapabilities": frozenset({""}),
    "init-dockerd": _ASKS_NOTHING,
    "enable-dockerd-tcp": _ASKS_NOTHING,
    "network": frozenset({"", "off", "none"}),
}


def is_action(document: Document) -> bool:
    """Whether the document has the marks of an action: it and its command."""
    tree = document.tree
    return isinstance(tree, Mapping) and "action" in tree and "command" in tree


def read_action(document: Document, resolutions: Resolutions) -> list[Reading]:
    """One reading: an action is one run.

    Raises:
        DocumentError: the document or a message in it breaks a rule of the form.
    """
    fields = Node(document.tree).struct()
    reading = Reading.start("action", resolutions)
    data = _bytes(fields["action"])
    action = message("Action", data, "/action")
    named = Digest.read(action.peek("command_digest"))
    blob = _bytes(fields["command"])
    named.check(blob, fields["command"].at)
    command = message("Command", blob, "/command")
    blobs = Blobs(named.function)
    for node in fields["directories"].elements():
        blobs.add(_bytes(node), node.at)
    for node in fields.unknown():
        raise DocumentError(
            "unknown; an action has action, command and directories", at=node.at
        )
    reading.aliases["reapi-action"] = str(Digest.of(data, named.function))
    is_whole = _read_image(reading, _platform(action, command))
    is_altered = _leave_altering(reading, action, command)
    argv = _argv(command)
    cwd = inside(command.peek("working_directory"))
    tree = walk(reading, blobs, action.peek("input_root_digest"), cwd, argv[0])
    tree.complete = tree.complete and is_whole and not is_altered
    _fill(reading, command, tree, argv, cwd)
    if not tree.missing:
        blobs.refuse_unused()
    reading.finish()
    return [reading]


def _bytes(node: Node) -> bytes:
    """Base64 of the standard alphabet, padded, one spelling."""
    text = node.text()
    try:
        data = base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise node.refuse("base64 (padded) of a message in Protocol Buffers")
    return data


def _argv(command: Node) -> list[str]:
    node = command.peek("arguments")
    argv = node.texts()
    if not argv or not argv[0]:
        raise DocumentError("nothing is run; expected the name of a file", at=node.at)
    return argv


def _platform(action: Node, command: Node) -> Node:
    """The platform that counts: the action's, or that of older clients."""
    newer, older = action.peek("platform"), command.peek("platform")
    if newer.is_null:
        return newer if older.is_null else older
    for name in () if older.is_null else (_IMAGE, _NETWORK):
        if _values(newer, name) != _values(older, name):
            raise DocumentError(
                f"another {name} than the action has; which of the two a worker takes"
                " differs by version of the API, so keep one",
                at=older.at,
            )
    return newer


def _properties(platform: Node, name: str) -> list[Node]:
    properties = [] if platform.is_null else platform.peek("properties").elements()
    return [
        item.peek("value") for item in properties if item.peek("name").text() == name
    ]


def _values(platform: Node, name: str) -> list[str]:
    return [node.text() for node in _properties(platform, name)]


def _read_image(reading: Reading, platform: Node) -> bool:
    """Note the program; whether the arguments are known to be all that it is given."""
    _read_network(reading, platform)
    images = _properties(platform, _IMAGE)
    if len(images) > 1:
        raise DocumentError(f"a second {_IMAGE}; a worker runs one", at=images[1].at)
    at = images[0].at if images else platform.at
    text = images[0].text() if images else WORKER_IMAGE
    image = reading.resolver.image(text, at, entrypoint_due=True)
    if image is None:
        return False  # its entrypoint may decide what runs
    reading.program = OciProgram(image.digest)
    return reading.resolver.is_bare(text, image, at)


def _read_network(reading: Reading, platform: Node) -> None:
    """Impure where a property asks for a network."""
    stated = _properties(platform, _NETWORK)
    for node in stated:
        if node.text() != "off":
            reading.findings.call_impure(
                node.at, "network", "the container is connected to a network"
            )
    if not stated:
        reading.findings.warn(
            platform.at,
            "network-by-default",
            "nothing is said of a network; a claim says what was available",
        )


def _leave_altering(reading: Reading, action: Node, command: Node) -> bool:
    """Whether a property of either platform changes what is run.

    Of both, since which one a worker takes differs by version of the API.
    """
    found = False
    for platform in (action.peek("platform"), command.peek("platform")):
        properties = [] if platform.is_null else platform.peek("properties").elements()
        for item in properties:
            name, value = item.peek("name").text(), item.peek("value")
            if name not in (_IMAGE, _NETWORK) and _alters(name, value.text()):
                reading.findings.leave_unresolved(value.at, name, "platform-property")
                found = True
    return found


def _alters(name: str, value: str) -> bool:
    lower = name.lower()
    if lower in (_IMAGE, _NETWORK.lower()):
        return True  # to a worker that takes names in any case it is that property
    return lower in _ALTERING and value.lower() not in _ALTERING[lower]


def _env(command: Node) -> dict[str, str]:
    env: dict[str, str] = {}
    last: bytes | None = None
    for item in command.peek("environment_variables").elements():
        name = item.peek("name").text()
        if last is not None and name.encode() <= last:
            raise DocumentError(
                "a variable out of order or twice; the API sorts them by name",
                at=item.at,
            )
        last = name.encode()
        env[name] = item.peek("value").text()
    return env


def _fill(
    reading: Reading, command: Node, tree: Tree, argv: list[str], cwd: str
) -> None:
    """The input, as far as it is known, and the directories that a worker makes."""
    root = EXECUTABLE_ROOT if tree.all_executable else INPUT_ROOT
    known: dict[str, Any] = {
        "argv": argv,
        "env": _env(command),
        "cwd": f"{root}{cwd}".rstrip("/"),
        "files": {f"{root}{path}": cid for path, cid in tree.files.items()},
    }
    reading.check_known(command.at, **known)
    if tree.complete:
        reading.input = made(command.at, Input, **known)
    above = {path.rpartition("/")[0] for path in _outputs(command, cwd)}
    reading.dirs = tuple(
        sorted(root + path for path in above - tree.directories if path)
    )


def _outputs(command: Node, cwd: str) -> set[str]:
    """What a worker collects, below the input root."""
    newer = command.peek("output_paths").elements()
    older = [
        node
        for name in ("output_files", "output_directories")
        for node in command.peek(name).elements()
    ]
    return {inside(node, cwd) for node in newer or older}
