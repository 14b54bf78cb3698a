"""Golem's bundle: an agreement, a script, and the digests of its inputs.

    {"runtime": {"name": "vm", "version": "0.4.2"},
     "demand": {"golem.srv.comp.task_package": "hash:sha3:9a3b5d67..:http://.."},
     "exeScript": [{"deploy": {}}, {"start": {}},
                   {"transfer": {"from": "http://../p", "to": "container:/in/p"}},
                   {"run": {"entry_point": "/bin/wc", "args": ["-c", "/in/p"]}}],
     "inputs": {"http://../p": "bafkrei.."}}

Golem has no document that says all this: the image stands in the agreement, the
commands go to an activity later, the bytes come over HTTP or gftp. The bundle
is what its requestor holds of the three; keys that begin with `_` are notes.

runtime    package          program                      a run gives
vm*        gvmi image       gvmi, by the image's hash;   argv: entry_point, args
                            oci, where a resolution says
wasmtime   zip of modules   wasi, by a resolution only   args: args
                            (entry_point picks the code)

Source: FORMATS 3 and 4; yagna exe-unit/src/{agreement,lib,exe_unit}.rs and
exe-unit/src/runtime/process.rs; ya-runtime-wasi crates/api/src/wasmtime_unit.rs.
"""

from __future__ import annotations

from collections.abc import Mapping

from invocation_spec.adapters.golem_package import Package, read_package
from invocation_spec.adapters.golem_script import Command, Script, read_script
from invocation_spec.adapters.golem_terms import Family, read_runtime, read_terms
from invocation_spec.adapters.golem_transfer import Inputs
from invocation_spec.cid import CID
from invocation_spec.document import Document
from invocation_spec.errors import DocumentError
from invocation_spec.findings import Json
from invocation_spec.model import (
    GvmiProgram,
    Input,
    OciProgram,
    Program,
    Put,
    Run,
    Step,
    WasiProgram,
)
from invocation_spec.node import Node, Struct
from invocation_spec.reading import Reading, made
from invocation_spec.resolutions import PackageMeaning, Resolutions

__all__ = ["is_bundle", "read_bundle"]

_CID_TO_FILL: Json = "<CID>"


def is_bundle(document: Document) -> bool:
    """Whether the document has the mark of a bundle: an `exeScript`."""
    return isinstance(document.tree, Mapping) and "exeScript" in document.tree


def read_bundle(document: Document, resolutions: Resolutions) -> list[Reading]:
    """One reading: a bundle is one activity from deploy to the end.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    bundle = Node(document.tree).struct()
    reading = Reading.start("bundle", resolutions)
    terms = read_terms(bundle)
    family = read_runtime(bundle["runtime"], terms)
    reading.form = f"bundle {family}"
    activity = bundle["activityId"].text_or()
    inputs = Inputs(bundle["inputs"])
    package = read_package(reading, terms, family)
    script = read_script(reading, bundle["exeScript"], inputs, activity)
    if package is not None:
        reading.program = _program(reading, family, package, script.runs)
    reading.input = _input(family, script, bundle["exeScript"].at)
    reading.dirs = tuple(sorted(script.dirs))
    if terms.agreement_id is not None:
        reading.aliases["golem-agreement"] = terms.agreement_id.text()
    if activity:
        reading.aliases["golem-activity"] = activity
    inputs.warn_of_unused(reading)
    _take_notes(reading, bundle)
    reading.finish()
    return [reading]


def _take_notes(reading: Reading, bundle: Struct) -> None:
    for node in bundle.unknown():
        if not node.at.startswith("/_"):
            raise DocumentError(
                "unknown; a bundle has runtime, demand or agreement, exeScript, inputs,"
                " activityId and notes that begin with _",
                at=node.at,
            )
        reading.findings.warn(node.at, "ignored-field", "a note, no part of the job")


def _program(
    reading: Reading, family: Family, package: Package, runs: list[Command]
) -> Program | None:
    meaning = reading.resolver.package(package.hash)
    if family == "wasmtime":
        code = _code(reading, package, meaning, runs)
        return None if code is None else WasiProgram(code)
    if meaning is None:
        return GvmiProgram(reading.resolver.cid(package.hash.cid))
    if meaning.image is None:
        raise DocumentError(
            f"the resolution of {package.hash} says wasi; the runtime vm runs images",
            at=package.at,
        )
    reading.findings.warn(
        package.at,
        "digest-may-be-an-index",
        "an index differs by platform; resolve it to the manifest of one",
    )
    return OciProgram(meaning.image)


def _code(
    reading: Reading,
    package: Package,
    meaning: PackageMeaning | None,
    runs: list[Command],
) -> CID | None:
    """The module that the entry point of the runs is, by the resolution."""
    names = list(dict.fromkeys(run.entry_point for run in runs))
    key = str(package.hash)
    entries: Json = {"kind": "wasi", "entries": dict.fromkeys(names, _CID_TO_FILL)}
    single: Json = {"kind": "wasi", "code": _CID_TO_FILL}
    if meaning is None:
        # The zip's hash covers its time stamps; another network names the module.
        reading.findings.leave_unresolved(
            package.at,
            key,
            "golem-package",
            {key: entries if len(names) > 1 else single},
        )
        return None
    if meaning.image is not None:
        raise DocumentError(
            f"the resolution of {key} says oci; the runtime wasmtime runs modules",
            at=package.at,
        )
    known = meaning.entries
    if known is None and len(names) <= 1:
        return meaning.code
    if known is None or any(name not in known for name in names):
        reading.findings.leave_unresolved(
            package.at, key, "golem-entry", {key: entries}
        )
        return None
    codes = {known[name] for name in names}
    if len(codes) > 1:
        reading.findings.leave_unresolved(package.at, key, "many-programs")
    return codes.pop() if len(codes) == 1 else None


def _input(family: Family, script: Script, at: str) -> Input | None:
    """The plain form for one run and the puts before it, else steps."""
    complete = all(files.complete for files in script.puts)
    if script.incomplete or not complete or not script.runs:
        return None
    *before, after = (files.by_path for files in script.puts)
    commands = [_command(family, run) for run in script.runs]
    if len(commands) == 1 and not after:
        place = script.runs[0].at
        if family == "vm":
            return made(place, Input, argv=commands[0], files=before[0])
        return made(place, Input, args=commands[0], files=before[0])
    steps: list[Step] = []
    for files, command, run in zip(before, commands, script.runs, strict=True):
        steps += _put(files, at)
        steps.append(made(run.at, Run, command))
    return made(at, Input, steps=tuple(steps + _put(after, at)))


def _put(files: Mapping[str, CID], at: str) -> list[Step]:
    return [made(at, Put, files)] if files else []


def _command(family: Family, run: Command) -> tuple[str, ...]:
    return (run.entry_point, *run.args) if family == "vm" else run.args
