"""JSON Schemas of the forms that `canonicalize` reads: a table, one row a file.

They are for editors, and for whoever checks a document before it is sent. A schema
admits whatever is read and catches what breaks the shape of a form; tests bend
documents of each form and hold the two side by side, in both directions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from octostore_server.forms.bacalhau_job import job
from octostore_server.forms.bacalhau_v1alpha1 import v1alpha1
from octostore_server.forms.bacalhau_v1beta import lilypad, v1beta
from octostore_server.forms.golem import bundle
from octostore_server.forms.ipvm import batch, homestar, task, token, workflow
from octostore_server.forms.nix import derivation
from octostore_server.forms.own import own, resolutions
from octostore_server.forms.reapi import action
from octostore_server.forms.tes import tes

__all__ = ["SCHEMAS"]

#: File name without `.schema.json` -> what makes it.
SCHEMAS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "bacalhau-v1alpha1-snake-case": partial(v1alpha1, "job_spec_docker"),
    "bacalhau-v1alpha1-pascal-case": partial(v1alpha1, "JobSpecDocker"),
    "bacalhau-v1alpha1-nested": partial(v1alpha1, "Spec"),
    "bacalhau-v1beta1": partial(v1beta, "v1beta1"),
    "bacalhau-v1beta2": partial(v1beta, "v1beta2"),
    "bacalhau-job": job,
    "lilypad-module": lilypad,
    "ucan-task": task,
    "ucan-batch": batch,
    "ipvm-workflow": workflow,
    "homestar-instruction": partial(homestar, "instruction"),
    "homestar-task": partial(homestar, "task"),
    "homestar-workflow": partial(homestar, "workflow"),
    "ucan-invocation": token,
    "golem-bundle": bundle,
    "tes-task": tes,
    "nix-derivation": derivation,
    "reapi-action": action,
    "own": own,
    "resolutions": resolutions,
}
