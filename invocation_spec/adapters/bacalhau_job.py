"""Bacalhau's `models.Job`, the form of every version since v1.1.

    Type: batch
    Count: 1
    Tasks:
      - Engine: {Type: wasm, Params: {EntryModule: /app/main.wasm, Parameters: [..]}}
        Env: {NAME: value}
        InputSources: [{Target: /inputs, Source: {Type: ipfs, Params: {CID: Qm..}}}]
        ResultPaths: [{Name: outputs, Path: /outputs}]
        Network: {Type: None}

Up to v1.6 a wasm module is an input source of its own (`EntryModule` a map);
from v1.7 it is the target path of one of the task's sources (`EntryModule` a
string). Keys match without regard to ASCII case, as Go's JSON reads them.
Source: bacalhau pkg/models/{job,task,spec_config,input_source}.go,
pkg/executor/{docker,wasm}/models/types.go; research: bacalhau 1.3 and 6.
"""

from __future__ import annotations

from dataclasses import replace

from invocation_spec.adapters.bacalhau_storage import Source, place
from invocation_spec.adapters.bacalhau_tasks import (
    Env,
    Module,
    merge_env,
    read_docker,
    read_network,
    read_outputs,
    read_wasm,
    refuse_two,
    task_env,
    unwrapped,
)
from invocation_spec.document import Document
from invocation_spec.errors import DocumentError
from invocation_spec.findings import FINDINGS_MAX
from invocation_spec.node import UNICODE_SPACE, Node, Struct
from invocation_spec.reading import Files, Reading, clean_at, made
from invocation_spec.resolutions import Resolutions

__all__ = ["COUNT_MAX", "PARTITIONS_BYTES_MAX", "is_job", "read_job"]

#: Partitions of one job; each is an invocation of its own.
COUNT_MAX = 10_000

#: Bytes of the inputs of all partitions: each repeats what all are given.
PARTITIONS_BYTES_MAX = 64 << 20

_TYPES_IMPURE = ("ops", "daemon", "service")


def is_job(document: Document) -> bool:
    """Whether the document has the marks of a `models.Job`: tasks with engines."""
    tasks = unwrapped(Node(document.tree, fold=True)).peek("Tasks").value
    if not isinstance(tasks, list) or not tasks:
        return False
    return not Node(tasks[0], fold=True).peek("Engine").is_absent


def read_job(document: Document, resolutions: Resolutions) -> list[Reading]:
    """One reading, or one for each partition of a job with `Count` over 1.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    root = Node(document.tree, fold=True)
    refuse_two(root, "Tasks")
    job = unwrapped(root).struct()
    reading = Reading.start("models.Job", resolutions)
    _read_type(reading, job["Type"])
    tasks = job["Tasks"].elements()
    if len(tasks) != 1:
        raise job["Tasks"].refuse(f"exactly one task, not {len(tasks)}")
    _read_task(reading, tasks[0])
    if not job["ID"].is_empty:
        reading.aliases["bacalhau-job"] = job["ID"].text()
    count = _count(job["Count"])
    job.pass_over("Name", "Namespace", "Priority", "Constraints", "Meta", "Labels")
    job.pass_over("State", "Version", "Revision", "CreateTime", "ModifyTime")
    reading.ignore(job.unknown())
    reading.finish(tasks[0].at)
    if count == 1:
        return [reading]
    at = job["Count"].at
    _check_partitions(reading, count, at)
    return [_partition(reading, index, count, at) for index in range(count)]


def _read_type(reading: Reading, node: Node) -> None:
    name = "batch" if node.is_empty else node.word()
    if name in _TYPES_IMPURE:
        reading.findings.call_impure(
            node.at, "job-type", f"a {name} job runs as often as there are nodes"
        )
    elif name != "batch":
        raise node.refuse("batch, ops, daemon or service")


def _read_task(reading: Reading, node: Node) -> None:
    task = node.struct()
    engine = task["Engine"].struct()
    kind = engine["Type"].word()
    params = engine["Params"].struct()
    files = Files()
    env_node = task["Env"]
    _read_sources(reading, task["InputSources"], files)
    if kind == "docker":
        reading.form = "models.Job docker"
        read_docker(reading, params, env_node, files)
        read_outputs(reading, task["ResultPaths"], "Path")
    elif kind == "wasm":
        _read_wasm(reading, params, task, files)
        # Bacalhau mounts a wasm output at its name: pkg/executor/wasm/executor.go.
        read_outputs(reading, task["ResultPaths"], "Name")
    else:
        raise engine["Type"].refuse("docker or wasm")
    read_network(reading, task["Network"])
    task.pass_over("Name", "Publisher", "Meta", "Resources", "Timeouts")
    for struct in (task, engine, params):
        reading.ignore(struct.unknown())


def _read_sources(reading: Reading, sources: Node, files: Files) -> None:
    for item in sources.elements():
        source, fields = _source(reading, item)
        if source.target.is_empty:
            raise source.target.refuse("the path where the source lands")
        place(reading, source, files)
        fields.pass_over("Alias")
        reading.ignore([*fields.unknown(), *source.params.unknown()])


def _source(reading: Reading, node: Node) -> tuple[Source, Struct]:
    fields = node.struct()
    inner = fields["Source"].struct()
    target = _trimmed(fields["Target"])
    source = Source(inner["Type"], inner["Params"].struct(), target)
    reading.ignore(inner.unknown())
    return source, fields


def _trimmed(node: Node) -> Node:
    """The text here as strings.TrimSpace leaves it: InputSource.Normalize."""
    if not isinstance(node.value, str):
        return node
    text = node.value.strip(UNICODE_SPACE)
    return node if text == node.value else Node(text, node.at, node.fold)


def _read_wasm(reading: Reading, params: Struct, task: Struct, files: Files) -> None:
    env_node = task["Env"]
    entry = params["EntryModule"]
    modules = params["ImportModules"].elements()
    if isinstance(entry.value, str) and entry.value:
        reading.form = "models.Job wasm v1.7"
        env = merge_env(reading, env_node, {})
        main, path = _by_path(reading, entry, files)
        found = [_by_path(reading, item, files) for item in modules]
        imports = [module for module, _ in found]
        for taken in {path, *(where for _, where in found)}:
            files.drop(taken)
    else:
        reading.form = "models.Job wasm v1.1"
        _warn_of_aliases(reading, task["InputSources"])
        env = _env_of_two(reading, env_node, params["EnvironmentVariables"])
        main = _by_source(reading, entry)
        imports = [_by_source(reading, item) for item in modules]
    read_wasm(reading, params, main.code, imports, env, files)


def _warn_of_aliases(reading: Reading, sources: Node) -> None:
    """Warn of an alias of an input: from v1.3.1 to v1.6 a module may link by it.

    Before, any source of IPFS or a URL was linked; since, none is. Source:
    pkg/executor/wasm/loader.go loadModuleByName of v1.3.0, v1.3.1, v1.7.0.
    """
    for item in sources.elements():
        alias = item.struct()["Alias"]
        if not alias.is_empty:
            reading.findings.warn(
                alias.at,
                "version-dependent",
                "Bacalhau v1.3.1 to v1.6 links a module that imports this name to the"
                " input; a module belongs under ImportModules",
            )


def _env_of_two(reading: Reading, node: Node, engine_node: Node) -> Env:
    """The engine's variables, which alone count up to v1.6; the task's, from v1.7.

    Source: pkg/executor/wasm/handler.go of v1.6.5 and v1.7.0,
    pkg/orchestrator/transformer/wasm_legacy.go.
    """
    engine = task_env(reading, engine_node)
    task = merge_env(reading, node, {})  # from v1.7 `env:NAME` is looked up
    if task and engine is not None and task != engine:
        raise DocumentError(
            "differs from the engine's EnvironmentVariables; up to v1.6 those count,"
            " from v1.7 these, so write the same in both or leave Env out",
            at=node.at,
        )
    return None if task is None else engine


def _by_path(reading: Reading, node: Node, files: Files) -> tuple[Module, str]:
    """The module at a target path, and the file that it is; "" if none is known.

    Of a directory that is the one .wasm directly in it, whatever else it holds:
    pkg/executor/wasm/loader.go resolveModulePath.
    """
    text = reading.literal(node)
    if text is None:
        return Module(None), ""
    path = clean_at(text, node.at)
    if files.is_directory(path):
        found = files.modules_in(path)
    else:
        found = [path] if files.holds(path) else []
    if len(found) == 1:
        return Module(files.find(found[0]), path), found[0]
    if found or not files.somewhere:
        raise DocumentError(
            f"{path} is no module; expected the target of an input source that is"
            " one file, or a directory with one .wasm in it, as from v1.7 a module is",
            at=node.at,
        )
    return Module(None, path), ""


def _by_source(reading: Reading, node: Node) -> Module:
    if node.is_empty:
        raise node.refuse("the module to run: an input source, or its target path")
    source, fields = _source(reading, node)
    nowhere = replace(source, target=Node(None, source.target.at))
    code = place(reading, nowhere, Files())
    name = fields["Alias"]
    alias = "" if name.is_empty else reading.literal(name)
    reading.ignore([*fields.unknown(), *source.params.unknown()])
    return Module(code if alias is not None else None, alias or "")


def _count(node: Node) -> int:
    count = 1 if node.is_empty else node.number()
    if not 0 <= count <= COUNT_MAX:
        raise node.refuse(f"a count from 0 to {COUNT_MAX}")
    return count or 1  # 0 is what Go has where nothing is said


def _check_partitions(reading: Reading, count: int, at: str) -> None:
    size = 0 if reading.input is None else len(reading.input.block)
    if count * size > PARTITIONS_BYTES_MAX:
        raise DocumentError(
            f"{count} partitions of {size} bytes each; at most"
            f" {PARTITIONS_BYTES_MAX} in all",
            at=at,
        )
    if count * reading.findings.count > FINDINGS_MAX:
        raise DocumentError(
            f"{count} partitions with {reading.findings.count} findings each; at most"
            f" {FINDINGS_MAX} in all",
            at=at,
        )


def _partition(reading: Reading, index: int, count: int, at: str) -> Reading:
    """Partition `index`: told apart by the pair that Bacalhau injects from v1.7."""
    pair = {
        "BACALHAU_PARTITION_INDEX": str(index),
        "BACALHAU_PARTITION_COUNT": str(count),
    }
    given = reading.input
    if given is not None:
        given = made(at, replace, given, env={**given.env, **pair})
        made(at, lambda: given.block)
    return replace(reading, input=given)
