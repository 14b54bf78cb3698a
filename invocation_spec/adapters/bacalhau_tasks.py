"""What all of Bacalhau's job forms share: docker and wasm tasks, network, mounts.

A form finds its own fields and hands them over as a `DockerTask` or `WasmTask`;
here the words become Program and Input. Source: FORMATS 3 and 4; bacalhau
pkg/executor/{docker,wasm}, pkg/lib/envvar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from invocation_spec.cid import CID
from invocation_spec.containers import (
    Command,
    cleared_command,
    command,
    env_list,
    working_directory,
)
from invocation_spec.errors import DocumentError
from invocation_spec.model import (
    DEFAULT_ENTRY,
    Import,
    Input,
    OciProgram,
    WasiProgram,
)
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Files, Reading, clean_at, made

__all__ = [
    "Env",
    "Module",
    "merge_env",
    "read_docker",
    "read_network",
    "read_outputs",
    "read_wasm",
    "refuse_two",
    "task_env",
    "unwrapped",
]

#: None stands for an environment that cannot be known: a template, a host's value.
Env = Mapping[str, str] | None

#: Network types that a spec can ask for; `None` is the one without.
_NETWORKS = ("full", "host", "bridge", "http", "default")


def unwrapped(root: Node) -> Node:
    """The job itself: `describe` and the API wrap it in `{"Job": ..}`."""
    inner = root.peek("Job")
    return inner if isinstance(inner.value, Mapping) else root


def refuse_two(root: Node, field: str) -> None:
    """Refuse a wrapper that is a job too: which of the two is meant?

    Raises:
        DocumentError: `field`, which makes a job, stands beside the `Job`; two
            spellings of one key do.
    """
    job = unwrapped(root)
    if job is root:
        return
    beside = root.struct()[field]
    if not beside.is_absent:
        raise DocumentError(
            f"stands beside {job.at}, so there are two jobs; keep one", at=beside.at
        )


def read_network(reading: Reading, network: Node) -> None:
    """Impure where the spec asks for a network; a warning where it says nothing."""
    fields = network.struct()
    kind = fields["Type"]
    name = "" if kind.is_empty else kind.word()
    asks = [fields[field] for field in ("Ports", "Domains")]
    for node in asks:
        if not name and not node.is_empty:
            reading.findings.call_impure(
                node.at, "network", "asks for a network without saying which"
            )
    reading.ignore(fields.unknown())
    if not name:
        reading.findings.warn(
            kind.at,
            "network-by-default",
            "the spec says nothing of a network; what a node gives then has changed"
            " between versions, so a claim says what was available",
        )
    elif name in _NETWORKS:
        reading.findings.call_impure(
            kind.at, "network", f"asks for the network {kind.text()}"
        )
    elif name != "none":
        raise kind.refuse("None, Full, Host, Bridge, HTTP or Default")


def task_env(reading: Reading, node: Node) -> Env:
    """A map of the environment; None if a value of it is a template."""
    env: dict[str, str] = {}
    complete = True
    for name, item in node.entries():
        _check_name(name, item.at)
        text = reading.block_text(item)
        if text is None or reading.block_text(Node(name, item.at)) is None:
            complete = False
        else:
            env[name] = text
    return env if complete else None


def _check_name(name: str, at: str) -> None:
    if not name or "=" in name:
        raise DocumentError(
            "found a name that is empty or holds `=`; expected a variable's name", at=at
        )
    if name.upper().startswith("BACALHAU_"):
        raise DocumentError(
            f"{name[:80]} begins with BACALHAU_, which Bacalhau keeps for itself;"
            " rename it",
            at=at,
        )


def _engine_env(reading: Reading, node: Node) -> Env:
    """The docker engine's list of `NAME=value`."""
    for item in node.elements():
        _check_name(item.text().partition("=")[0] or "?", item.at)
    return env_list(reading, node)


def _find_hosts(reading: Reading, node: Node, engine: Env) -> None:
    """Impure for each `env:NAME`: the value, a secret mostly, of some host.

    What the engine's own variables override is never looked up.
    """
    for name, item in node.entries():
        if item.text().startswith("env:") and name not in (engine or {}):
            reading.findings.call_impure(
                item.at, "host-env", "takes its value from the node that runs it"
            )


def merge_env(reading: Reading, node: Node, engine: Env) -> Env:
    """The task's environment at `node`, overridden by the engine's; None if impure."""
    before = len(reading.findings.impure)
    task = task_env(reading, node)
    _find_hosts(reading, node, engine)
    if task is None or engine is None or len(reading.findings.impure) > before:
        return None
    return {**task, **engine}


def read_docker(
    reading: Reading,
    params: Struct,
    env_node: Node,
    files: Files,
    *,
    clears: bool = True,
) -> None:
    """The docker engine: an image, a command, an environment, a directory.

    `clears` says that the form hands an `Entrypoint` of `[]` on to Docker; structs
    with `omitempty` lose it on the way.
    """
    image_node = params["Image"]
    text = reading.literal(image_node)
    node = params["Entrypoint"]
    cleared = clears and node.value == []
    image = None
    if text is not None:
        image = reading.resolver.image(
            text, image_node.at, cmd_due=cleared and params["Parameters"].is_empty
        )
    if image is not None:
        reading.program = OciProgram(image.digest)
    entrypoint = reading.literals(node)
    parameters = reading.literals(params["Parameters"])
    engine_env = _engine_env(reading, params["EnvironmentVariables"])
    env = merge_env(reading, env_node, engine_env)
    cwd_node = params["WorkingDirectory"]
    cwd = working_directory(reading, cwd_node)
    complete = files.complete and (cwd is not None or cwd_node.is_empty)
    reading.check_known(
        params.at,
        args=(*(entrypoint or ()), *(parameters or ())),
        env=env or {},
        cwd=cwd,
        files=files.by_path,
    )
    files.refuse_root()
    if entrypoint is None or parameters is None:
        return
    run: Command | None
    if cleared:
        run = cleared_command(parameters, image, node.at)
        if run is None and image is not None and text is not None:
            reading.resolver.leave_unstated(text, image, node.at)
    elif entrypoint or image is not None:
        run = command(entrypoint, parameters, image, node.at)
    else:
        run = None  # the image's configuration may decide between argv and args
    if run is None or env is None or not complete:
        return
    reading.input = made(
        params.at,
        Input,
        argv=run.argv,
        args=run.args,
        env=env,
        cwd=cwd,
        files=files.by_path,
    )


@dataclass(frozen=True, slots=True)
class Module:
    """A module to link: its code, if known, and the name it is linked by."""

    code: CID | None
    name: str = ""


def read_wasm(
    reading: Reading,
    params: Struct,
    code: CID | None,
    imports: Sequence[Module],
    env: Env,
    files: Files,
) -> None:
    """The wasm engine: a WASI command with its arguments."""
    entry_node = params["Entrypoint"]
    entry = DEFAULT_ENTRY if entry_node.is_empty else reading.block_text(entry_node)
    if entry_node.is_empty:
        reading.findings.warn(
            entry_node.at,
            "entry-defaulted",
            f"no entry point; read as {DEFAULT_ENTRY}, which the client writes and"
            " the server does not",
        )
    linked = [
        made(params.at, Import, item.code, item.name)
        for item in imports
        if item.code is not None
    ]
    if code is not None and entry is not None and len(linked) == len(imports):
        reading.program = made(params.at, WasiProgram, code, entry, tuple(linked))
    args = reading.literals(params["Parameters"])
    reading.check_known(
        params.at, args=tuple(args or ()), env=env or {}, files=files.by_path
    )
    files.refuse_root()
    if args is not None and env is not None and files.complete:
        reading.input = made(
            params.at, Input, args=tuple(args), env=env, files=files.by_path
        )


def read_outputs(reading: Reading, outputs: Node, field: str, *dropped: str) -> None:
    """The output directories that the spec declares: the claim's `dirs`.

    `field` names where each stands: docker mounts at Path, wasm at Name. `dropped`
    are what the version of the form knows beside the two.
    """
    dirs: set[str] = set()
    for item in outputs.elements():
        if not isinstance(item.value, Mapping):
            raise item.refuse("a map")
        fields = item.struct()
        fields.pass_over(*dropped)
        node, name = fields[field], fields["Name"].text_or()
        fields.pass_over("Path")
        reading.ignore(fields.unknown())
        said = None if node.is_empty else reading.literal(node)
        if said is not None:
            path = clean_at(said, node.at)
            dirs.add(path)
            reading.result_names[name or path.lstrip("/")] = path
    reading.dirs = tuple(sorted(dirs))
