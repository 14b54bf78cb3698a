r"""Lilypad's modules: a machine, and a Bacalhau job that a template makes.

    {"machine": {"gpu": 0, "cpu": 1000, "ram": 100},
     "job": {"APIVersion": "V1beta1", "Spec": {"Engine": "Docker", ..}}}

is a rendered module; its job is read by the rules of V1beta. A module's file,
`lilypad_module.json.tmpl`, is a template of that. As it stands it is rendered as
for a job offer without inputs, so that its defaults hold, each with a warning. An
offer's inputs come in a bundle, where the template is text:

    {"template": "{\"machine\": {..}, \"job\": {.. {{ if .Seed }} .. }}",
     "inputs": {"Seed": "7"}}

Places in a rendered template are those of the JSON that it gives. A file that is
JSON by itself is a rendered module: `{{` in it is then a template that nobody
rendered. Input files, which a node mounts read-write from the offer, are in no
document. Source: lilypad pkg/data/data.go (Module, JobOffer), pkg/module/utils.go
(LoadModule), pkg/executor/bacalhau/client.go (translateJob); FORMATS 2 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from invocation_spec.adapters.bacalhau_v1beta import read_v1beta
from invocation_spec.adapters.lilypad_template import Rendered, render
from invocation_spec.document import Document, read_json
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node, Struct, escape
from invocation_spec.reading import Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["is_module", "read_module"]

_MARKS = (re.compile(r'"machine"[ \t\r\n]*:'), re.compile(r'"job"[ \t\r\n]*:'))

_VERSIONS = ("v1beta1", "v1beta2")

#: Fields of a module beside the job; none of them is identity.
_FIELDS = ("machine", "author", "description", "image", "model")


def is_module(document: Document) -> bool:
    """Whether the document has the marks of a module: a machine beside a job.

    As JSON, as a template of it, or as a bundle of template and inputs.
    """
    tree = document.tree
    if document.syntax == "template":
        return isinstance(tree, str) and _is_template(tree)
    if not isinstance(tree, Mapping):
        return False
    bundled = tree.get("template")
    if isinstance(bundled, str):
        return _is_template(bundled)
    return _is_rendered(Node(tree, fold=True))


def _is_template(text: str) -> bool:
    return all(mark.search(text) for mark in _MARKS)


def _is_rendered(root: Node) -> bool:
    parts = (root.peek("machine").value, root.peek("job").value)
    return all(isinstance(part, Mapping) for part in parts)


def read_module(document: Document, resolutions: Resolutions) -> list[Reading]:
    """The one reading of a module.

    Raises:
        DocumentError: the document breaks a rule of the form.
    """
    tree = document.tree
    if isinstance(tree, str):
        return _read_template(tree, {}, "", resolutions)
    bundle = Node(tree).struct()
    if "template" not in bundle:
        return _read_rendered(document, "module", resolutions)
    text, inputs = bundle["template"].text(), bundle["inputs"].text_map()
    for node in bundle.unknown():
        raise DocumentError(
            "unknown; a bundle of a module has template and inputs", at=node.at
        )
    return _read_template(text, inputs, "/template", resolutions)


def _read_template(
    text: str, inputs: Mapping[str, str], at: str, resolutions: Resolutions
) -> list[Reading]:
    try:
        rendered = render(text, inputs)
    except DocumentError as error:
        raise DocumentError(error.reason, at=at or None) from error
    if rendered.text is None:
        readings = [_left(rendered, at, resolutions)]
    else:
        readings = _read_text(rendered.text, at, resolutions)
    for reading in readings:
        _tell_inputs(reading, rendered, inputs, at)
    return readings


def _read_text(text: str, at: str, resolutions: Resolutions) -> list[Reading]:
    try:
        module = Document(read_json(text), "json")
        return _read_rendered(module, "template", resolutions)
    except DocumentError as error:
        raise DocumentError(
            f"in the rendered template: {error.reason}", at=error.at or at or None
        ) from error


def _left(rendered: Rendered, at: str, resolutions: Resolutions) -> Reading:
    reading = Reading.start("template", resolutions)
    for action in rendered.left:
        reading.findings.call_impure(
            at,
            "template",
            f"{action} is not rendered here; give the module rendered, or as a bundle"
            " {template, inputs}",
        )
    return reading


def _tell_inputs(
    reading: Reading, rendered: Rendered, inputs: Mapping[str, str], at: str
) -> None:
    for name in rendered.absent:
        reading.findings.warn(
            at, "input-defaulted", f"no input {name}; the template's default stands"
        )
    unasked = (
        Node(value, f"/inputs/{escape(name)}")
        for name, value in inputs.items()
        if name not in rendered.asked
    )
    reading.ignore(unasked, templates=False)


def _read_rendered(
    document: Document, form: str, resolutions: Resolutions
) -> list[Reading]:
    root = Node(document.tree, fold=True)
    module = root.struct()
    if not _is_rendered(root):
        raise DocumentError("no machine beside a job; a module has both")
    version = module["job"].struct()["APIVersion"]
    if version.word() not in _VERSIONS:
        raise version.refuse("V1beta1 or V1beta2")
    readings = read_v1beta(document, resolutions)
    module.pass_over("job", *_FIELDS, "executionTimeoutSeconds")
    for reading in readings:
        reading.form = f"{form} {reading.form}"
        _read_files(reading, module)
        _tell_versions(reading, module["job"].struct()["Spec"].struct())
        reading.ignore(module.unknown())
    return readings


def _tell_versions(reading: Reading, spec: Struct) -> None:
    """Warn of what a node reads otherwise since v2.11.0, or does not read at all.

    It builds a models.Job for docker of the image, the entrypoint, the environment,
    the network and the outputs, and of nothing else.
    Source: lilypad pkg/executor/bacalhau/client.go translateJob.
    """
    dropped = [spec["Inputs"], spec["Contexts"], spec["EngineSpec"]]
    engine = spec["Engine"]
    if not engine.is_empty and engine.word() == "wasm":
        dropped.append(engine)
    elif not engine.is_empty:
        docker = spec["Docker"].struct()
        dropped += [docker["WorkingDirectory"], docker["Parameters"]]
        if docker["Entrypoint"].value == []:
            reading.findings.warn(
                docker["Entrypoint"].at,
                "version-dependent",
                "[] is as absent to nodes before v2.11.0, and clears the image's"
                " entrypoint since; leave it out",
            )
    for node in dropped:
        if not node.is_empty:
            reading.findings.warn(
                node.at,
                "version-dependent",
                "nodes since v2.11.0 pass over it and run a docker job without it",
            )


def _read_files(reading: Reading, module: Struct) -> None:
    """Files that come with the offer, into a directory that the job may change."""
    fields = module["inputFiles"].struct()
    for name in ("required", "optional"):
        if fields[name].elements():
            reading.findings.call_impure(
                fields[name].at,
                "read-write-mount",
                "input files are mounted at /inputs from the node, open to writing",
            )
    reading.ignore(fields.unknown())
