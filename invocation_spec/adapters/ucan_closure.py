"""What a UCAN closure of December 2022 asks to run, for `docker/run` and WASI.

    {"with": "ubuntu@sha256:..", "do": "docker/run",
     "inputs": {"entrypoint": ["date"], "workdir": "/", "mounts": {"/in": "ipfs://Qm.."},
                "outputs": {"/outputs": ""}, "env": {"HELLO": "world"}}}

    {"with": "ipfs://bafy..", "do": "wasm32-wasi/run",
     "inputs": {"entrypoint": "_start", "parameters": ["-v"], "modules": ["ipfs://.."],
                "mounts": {}, "outputs": {}, "env": {}}}

An IPLD schema knows one spelling of each key and one type of each value: absent
is empty, null is refused. `{{` is plain text. Where the form has promises, one
may stand for any value; it is left unresolved, because neither a container nor a
WASI command takes typed values.
Source: bacalhau v1.0.3 pkg/model/{task,docker_task,wasm_task}.go,
pkg/model/schemas/{invocation,bacalhau}.ipldsch; research: bacalhau 1.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from invocation_spec.adapters.bacalhau_storage import download
from invocation_spec.adapters.homestar_args import FindPromise
from invocation_spec.adapters.wasm_call import close
from invocation_spec.cid import CID
from invocation_spec.containers import command
from invocation_spec.model import (
    DEFAULT_ENTRY,
    Import,
    Input,
    OciProgram,
    WasiProgram,
)
from invocation_spec.model.values import check_text
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Files, Reading, clean_at, made
from invocation_spec.references import parse_url

__all__ = ["COMMANDS", "read_command"]


@dataclass(slots=True)
class _Part:
    """The program or the input while it is read; promises make it incomplete."""

    reading: Reading
    find: FindPromise | None
    complete: bool = True

    def awaits(self, node: Node) -> bool:
        """Whether a promise stands here; it is left unresolved."""
        promise = None if self.find is None else self.find(node)
        if promise is None:
            return False
        self.reading.findings.leave_unresolved(node.at, str(promise.target), "await")
        self.complete = False
        return True

    def text(self, node: Node) -> str:
        return "" if self.awaits(node) else node.text()

    def elements(self, node: Node) -> list[Node]:
        if self.awaits(node):
            return []
        if not node.is_absent and not isinstance(node.value, list):
            raise node.refuse("a list")
        return node.elements()

    def texts(self, node: Node) -> list[str]:
        found = []
        for item in self.elements(node):
            found.append(self.text(item))
            made(item.at, check_text, found[-1], "text")
        return found

    def entries(self, node: Node) -> list[tuple[str, Node]]:
        if self.awaits(node):
            return []
        if not node.is_absent and not isinstance(node.value, Mapping):
            raise node.refuse("a map")
        return list(node.entries())

    def content(self, node: Node) -> CID | None:
        """What a resource names: the schema's union of `ipfs` and `http` prefixes."""
        if self.awaits(node):
            return None
        text = node.text()
        if text.startswith("ipfs:"):
            # The converter trimmed `:` and `/` before the CID, however many.
            text = "ipfs://" + text.removeprefix("ipfs:").lstrip(":/")
        elif not text.startswith(("http://", "https://")):
            raise node.refuse("ipfs://CID or an http(s) URL")
        return self.reading.resolver.content(text, node.at)


def read_command(
    reading: Reading,
    ability: str,
    resource: Node,
    given: Node,
    *,
    inputs: Struct | None,
    find: FindPromise | None = None,
    nonce: bytes = b"",
) -> None:
    """Read a closure whose ability is one of `COMMANDS`.

    Args:
        reading: where program and input go.
        ability: what `do` says.
        resource: the place of `with`.
        given: the place of `inputs`.
        inputs: its fields; None while a promise stands for them all.
        find: the form's promises, if it has any.
        nonce: what makes this run its own.

    Raises:
        DocumentError: the closure breaks a rule of the form.
    """
    program, input = _Part(reading, find), _Part(reading, find)
    if inputs is None:
        program.complete = input.complete = False
    fields = Struct({}, given) if inputs is None else inputs
    COMMANDS[ability](program, input, resource, fields, nonce)
    reading.findings.warn(
        given.at,
        "network-by-default",
        "a task says nothing of a network; a claim says what was available",
    )


def _read_docker(
    program: _Part, input: _Part, resource: Node, inputs: Struct, nonce: bytes
) -> None:
    reading, image = program.reading, None
    if not program.awaits(resource):
        image = reading.resolver.image(resource.text(), resource.at)
    entrypoint = input.texts(inputs["entrypoint"])
    cwd = _workdir(input, inputs["workdir"])
    files = _mounts(input, inputs["mounts"])
    env = _env(input, inputs["env"])
    reading.dirs = _outputs(input, inputs["outputs"])
    close(inputs, "entrypoint, workdir, mounts, outputs and env")
    if image is not None:
        reading.program = OciProgram(image.digest)
    reading.check_known(
        inputs.at,
        args=tuple(entrypoint),
        env=env,
        cwd=cwd,
        files=files.by_path,
        nonce=nonce,
    )
    files.refuse_root()
    if not input.complete or not files.complete:
        return
    if image is None and not entrypoint:
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
        nonce=nonce,
    )


def _read_wasi(
    program: _Part, input: _Part, resource: Node, inputs: Struct, nonce: bytes
) -> None:
    reading = program.reading
    code = program.content(resource)
    modules = [program.content(item) for item in program.elements(inputs["modules"])]
    entry = _entry(program, inputs["entrypoint"])
    args = input.texts(inputs["parameters"])
    files = _mounts(input, inputs["mounts"])
    env = _env(input, inputs["env"])
    reading.dirs = _outputs(input, inputs["outputs"])
    close(inputs, "entrypoint, parameters, modules, mounts, outputs and env")
    imports = tuple(Import(cid) for cid in modules if cid is not None)
    made(inputs["entrypoint"].at, check_text, entry, "entry")
    if program.complete and code is not None and len(imports) == len(modules):
        at = inputs["entrypoint"].at
        reading.program = made(at, WasiProgram, code, entry, imports)
    reading.check_known(
        inputs.at, args=tuple(args), env=env, files=files.by_path, nonce=nonce
    )
    files.refuse_root()
    if input.complete and files.complete:
        reading.input = made(
            inputs.at,
            Input,
            args=tuple(args),
            env=env,
            files=files.by_path,
            nonce=nonce,
        )


#: Abilities that run a command, by what reads them.
COMMANDS = {"docker/run": _read_docker, "wasm32-wasi/run": _read_wasi}


def _entry(program: _Part, node: Node) -> str:
    if program.awaits(node):
        return ""
    entry = "" if node.is_absent else node.text()
    if not entry and program.complete:
        program.reading.findings.warn(
            node.at, "entry-defaulted", f"no entry point; read as {DEFAULT_ENTRY}"
        )
    return entry or DEFAULT_ENTRY


def _env(part: _Part, node: Node) -> Mapping[str, str]:
    return {name: part.text(item) for name, item in part.entries(node)}


def _outputs(part: _Part, node: Node) -> tuple[str, ...]:
    return tuple(sorted({clean_at(path, item.at) for path, item in part.entries(node)}))


def _workdir(part: _Part, node: Node) -> str | None:
    text = "" if node.is_absent else part.text(node)
    if not text:
        return None
    if not text.startswith("/"):
        raise node.refuse("an absolute path")
    return clean_at(text, node.at)


def _mounts(part: _Part, node: Node) -> Files:
    files = Files()
    for path, item in part.entries(node):
        if isinstance(item.value, str) and item.value.startswith("http"):
            _mount_url(part.reading, path, item, files)
        else:
            files.put(path, part.content(item), item.at)
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
