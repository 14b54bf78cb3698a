"""The tongues that invocations are written in: a table, one row a form.

An adapter is a module that reads like its network's own documentation. To add
one: write `is_x(document)`, which recognises the form by marks that no other
form has, and `read_x(document, resolutions)`, which gives a reading per task;
then add its row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from invocation_spec.adapters.bacalhau_job import is_job, read_job
from invocation_spec.adapters.bacalhau_v1alpha1 import is_v1alpha1, read_v1alpha1
from invocation_spec.adapters.bacalhau_v1beta import is_v1beta, read_v1beta
from invocation_spec.adapters.golem import is_bundle, read_bundle
from invocation_spec.adapters.homestar import is_homestar, read_homestar
from invocation_spec.adapters.ipvm_workflow import is_workflow, read_workflow
from invocation_spec.adapters.lilypad import is_module, read_module
from invocation_spec.adapters.nix import is_derivation, read_derivation
from invocation_spec.adapters.own import is_own, read_own
from invocation_spec.adapters.reapi import is_action, read_action
from invocation_spec.adapters.tes import is_tes, read_tes
from invocation_spec.adapters.ucan_batch import is_batch, read_batch
from invocation_spec.adapters.ucan_invocation import is_token, read_invocation
from invocation_spec.adapters.ucan_task import is_task, read_task
from invocation_spec.document import Document
from invocation_spec.node import folded
from invocation_spec.reading import Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["FORMS", "Form", "recognised"]


@dataclass(frozen=True, slots=True)
class Form:
    """One form of one network: its marks, and how it is read.

    `network` is who a document of this form was written for; `recognises` looks
    at marks only, `read` refuses what breaks the form. `fields` are those of which
    every map of this form has one, whatever their case: who has none of them is not
    looked at any further. None where no field is sure to be there.
    """

    network: str
    name: str
    recognises: Callable[[Document], bool]
    read: Callable[[Document, Resolutions], Sequence[Reading]]
    fields: frozenset[str] | None

    def may_have(self, fields: Set[str]) -> bool:
        """Whether a map with these fields, case folded, may be of this form."""
        return self.fields is None or not self.fields.isdisjoint(fields)


def _form(
    network: str,
    name: str,
    recognises: Callable[[Document], bool],
    read: Callable[[Document, Resolutions], Sequence[Reading]],
    *fields: str,
) -> Form:
    return Form(network, name, recognises, read, frozenset(fields) or None)


FORMS = (
    _form("bacalhau", "models.Job", is_job, read_job, "job", "tasks"),
    _form("bacalhau", "V1beta", is_v1beta, read_v1beta, "job", "apiversion"),
    _form(
        *("bacalhau", "v1alpha1", is_v1alpha1, read_v1alpha1),
        *("job", "apiversion", "jobapiversion", "job_spec_docker", "jobspecdocker"),
    ),
    _form("lilypad", "module", is_module, read_module, "template", "machine"),
    _form("ipvm", "UCAN task, December 2022", is_task, read_task, "with"),
    _form("ipvm", "UCAN batch, December 2022", is_batch, read_batch),
    _form(
        *("ipvm", "IPVM workflow 0.1", is_workflow, read_workflow),
        *("ipvm/workflow", "tasks"),
    ),
    _form(
        *("ipvm", "Homestar 0.2", is_homestar, read_homestar),
        *("rsc", "run", "workflow", "tasks"),
    ),
    _form("ipvm", "UCAN invocation 1.0", is_token, read_invocation),
    _form("golem", "bundle", is_bundle, read_bundle, "exescript"),
    _form("tes", "task", is_tes, read_tes, "executors"),
    _form("nix", "derivation", is_derivation, read_derivation),
    _form("reapi", "action", is_action, read_action, "action"),
    _form("octostore", "own form", is_own, read_own, "program"),
)


def recognised(document: Document) -> list[Form]:
    """The forms whose marks a document has; one, unless it is ambiguous or unknown."""
    forms: Sequence[Form] = FORMS
    if isinstance(document.tree, Mapping):
        fields = set(map(folded, document.tree))
        forms = [form for form in FORMS if form.may_have(fields)]
    return [form for form in forms if form.recognises(document)]
