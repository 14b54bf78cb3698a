"""The UCAN task of December 2022, as Bacalhau v0.3.16 to v1.4.0 accepted it.

    {"with": "ubuntu@sha256:..", "do": "docker/run",
     "inputs": {"entrypoint": ["date"], "workdir": "/", "mounts": {"/in": "ipfs://Qm.."},
                "outputs": {"/outputs": ""}, "env": {"HELLO": "world"}},
     "meta": {}}

    {"with": "ipfs://bafy..", "do": "wasm32-wasi/run",
     "inputs": {"entrypoint": "_start", "parameters": ["-v"], "modules": ["ipfs://.."],
                "mounts": {}, "outputs": {}, "env": {}}}

`with`, `do` and `inputs` are the identity, which the authors called the closure;
`meta` is not. The task is read as it stands, never by way of Bacalhau's own job:
that converter lost the environment of containers. An IPLD schema knows one
spelling of each key and one type of each value: absent is empty, null is
refused. `{{` is plain text.
Source: bacalhau v1.0.3 pkg/model/{task,docker_task,wasm_task}.go,
pkg/model/schemas/{invocation,bacalhau}.ipldsch; research: bacalhau 1.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from invocation_spec.adapters.bacalhau_storage import download
from invocation_spec.cid import CID
from invocation_spec.containers import command
from invocation_spec.document import Document
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
from invocation_spec.references import parse_url
from invocation_spec.resolutions import Resolutions

__all__ = ["is_task", "read_task"]


def is_task(document: Document) -> bool:
    """Whether the document has the marks of a task: `with` and `do`."""
    root = document.tree
    return isinstance(root, Mapping) and "with" in root and "do" in root


def read_task(document: Document, resolutions: Resolutions) -> list[Reading]:
    """The one reading of a task.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    task = Node(document.tree).struct()
    task.pass_over("meta")
    resource, ability, given = task["with"], task["do"], task["inputs"]
    kind = ability.text()
    _close(task.unknown(), "with, do, inputs and meta; a batch is not read")
    if kind not in _ABILITIES:
        raise ability.refuse(" or ".join(_ABILITIES))
    reading = Reading.start(f"UCAN task {kind}", resolutions)
    if not isinstance(given.value, Mapping):
        raise given.refuse("a map")
    inputs = given.struct()
    _ABILITIES[kind](reading, resource, inputs)
    reading.findings.warn(
        given.at,
        "network-by-default",
        "a task says nothing of a network; a claim says what was available",
    )
    reading.finish()
    return [reading]


def _read_docker(reading: Reading, resource: Node, inputs: Struct) -> None:
    image = reading.resolver.image(resource.text(), resource.at)
    entrypoint = _texts(inputs["entrypoint"])
    cwd = _workdir(inputs["workdir"])
    files = _mounts(reading, inputs["mounts"])
    env = _env(inputs["env"])
    reading.dirs = _outputs(inputs["outputs"])
    _close(inputs.unknown(), "entrypoint, workdir, mounts, outputs and env")
    if image is not None:
        reading.program = OciProgram(image.digest)
    if not files.complete or (image is None and not entrypoint):
        return  # the image's configuration may decide between argv and args
    run = command(entrypoint, [], image, inputs["entrypoint"].at)
    reading.input = made(
        inputs.at,
        Input,
        argv=run.argv,
        args=run.args,
        env=env,
        cwd=cwd,
        files=files.by_path,
    )


def _read_wasm(reading: Reading, resource: Node, inputs: Struct) -> None:
    code = _content(reading, resource)
    modules = [_content(reading, item) for item in _elements(inputs["modules"])]
    entry_node = inputs["entrypoint"]
    entry = "" if entry_node.is_absent else entry_node.text()
    if not entry:
        reading.findings.warn(
            entry_node.at, "entry-defaulted", f"no entry point; read as {DEFAULT_ENTRY}"
        )
    args = _texts(inputs["parameters"])
    files = _mounts(reading, inputs["mounts"])
    env = _env(inputs["env"])
    reading.dirs = _outputs(inputs["outputs"])
    _close(inputs.unknown(), "entrypoint, parameters, modules, mounts, outputs and env")
    imports = tuple(Import(cid) for cid in modules if cid is not None)
    if code is not None and len(imports) == len(modules):
        reading.program = made(
            entry_node.at, WasiProgram, code, entry or DEFAULT_ENTRY, imports
        )
    if files.complete:
        reading.input = made(
            inputs.at, Input, args=tuple(args), env=env, files=files.by_path
        )


_ABILITIES = {"docker/run": _read_docker, "wasm32-wasi/run": _read_wasm}


def _close(unknown: Iterable[Node], names: str) -> None:
    for node in unknown:
        raise DocumentError(f"no field of this form; it has {names}", at=node.at)


def _elements(node: Node) -> list[Node]:
    if not node.is_absent and not isinstance(node.value, list):
        raise node.refuse("a list")
    return node.elements()


def _texts(node: Node) -> list[str]:
    return [item.text() for item in _elements(node)]


def _entries(node: Node) -> list[tuple[str, Node]]:
    if not node.is_absent and not isinstance(node.value, Mapping):
        raise node.refuse("a map")
    return list(node.entries())


def _env(node: Node) -> Mapping[str, str]:
    return {name: item.text() for name, item in _entries(node)}


def _outputs(node: Node) -> tuple[str, ...]:
    return tuple(sorted({clean_at(path, item.at) for path, item in _entries(node)}))


def _workdir(node: Node) -> str | None:
    text = "" if node.is_absent else node.text()
    if not text:
        return None
    if not text.startswith("/"):
        raise node.refuse("an absolute path")
    return clean_at(text, node.at)


def _mounts(reading: Reading, node: Node) -> Files:
    files = Files()
    for path, item in _entries(node):
        if item.text().startswith("http"):
            _mount_url(reading, path, item, files)
        else:
            files.put(path, _content(reading, item), item.at)
    return files


def _mount_url(reading: Reading, path: str, item: Node, files: Files) -> None:
    """A download lands in the mount, as it did in the job that a task became."""
    url = item.text()
    if path.endswith(".git"):
        # Bacalhau clones what is mounted at such a path: task.go parseStorageSource.
        reference = made(item.at, parse_url, url)
        reading.findings.leave_unresolved(item.at, reference, "repository")
        files.put(path, None, item.at)
        return
    landed, cid = download(reading, url, item.at, clean_at(path, item.at))
    files.put(landed, cid, item.at)


def _content(reading: Reading, node: Node) -> CID | None:
    """What a resource names: the schema's union of `ipfs` and `http` prefixes."""
    text = node.text()
    if text.startswith("ipfs:"):
        # The converter trimmed `:` and `/` before the CID, however many.
        text = "ipfs://" + text.removeprefix("ipfs:").lstrip(":/")
    elif not text.startswith(("http://", "https://")):
        raise node.refuse("ipfs://CID or an http(s) URL")
    return reading.resolver.content(text, node.at)
