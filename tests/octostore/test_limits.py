"""The limits that other languages read are the limits of the code."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from invocation_spec import (
    archive,
    cid,
    dagcbor,
    document,
    findings,
    model,
    paths,
    references,
    resolutions,
    yamltext,
)
from invocation_spec.adapters import bacalhau_job, golem_terms, pipeline
from octostore import keys, result, statement
from octostore.records import claim, commitment, failure, issuers, link, shape
from octostore.records import resolutions as meanings

_SCHEMAS = Path(__file__).parents[2] / "schemas"
PUBLISHED: dict[str, dict[str, Any]] = json.loads(
    (_SCHEMAS / "limits.json").read_text()
)

CODE: dict[str, dict[str, Any]] = {
    "block": {
        "block_bytes_max": dagcbor.BLOCK_BYTES_MAX,
        "depth_max": dagcbor.DEPTH_MAX,
        "int_min": dagcbor.INT_MIN,
        "int_max": dagcbor.INT_MAX,
        "cid_text_max": cid.CID_TEXT_MAX,
    },
    "invocation": {
        "items_max": model.ITEMS_MAX,
        "text_bytes_max": model.TEXT_BYTES_MAX,
        "nonce_bytes_max": model.NONCE_BYTES_MAX,
        "path_bytes_max": paths.PATH_BYTES_MAX,
    },
    "document": {
        "document_bytes_max": document.DOCUMENT_BYTES_MAX,
        "yaml_nodes_max": yamltext.YAML_NODES_MAX,
        "reference_bytes_max": references.REFERENCE_BYTES_MAX,
        "resolutions_max": resolutions.RESOLUTIONS_MAX,
        "findings_max": findings.FINDINGS_MAX,
        "places_characters_max": findings.PLACES_CHARACTERS_MAX,
        "property_name_max": golem_terms.PROPERTY_NAME_MAX,
        "tasks_max": pipeline.TASKS_MAX,
        "count_max": bacalhau_job.COUNT_MAX,
        "archive_bytes_max": archive.ARCHIVE_BYTES_MAX,
        "archive_entries_max": archive.ARCHIVE_ENTRIES_MAX,
        "gateways": list(references.GATEWAYS),
    },
    "result": {
        "outputs_max": result.OUTPUTS_MAX,
        "exit_max": result.EXIT_MAX,
    },
    "record": {
        "integer_max": shape.INTEGER_MAX,
        "label_bytes_max": shape.LABEL_BYTES_MAX,
        "text_bytes_max": shape.TEXT_BYTES_MAX,
        "url_bytes_max": shape.URL_BYTES_MAX,
        "url_schemes": list(shape.URL_SCHEMES),
        "network_bytes_max": shape.NETWORK_BYTES_MAX,
        "dirs_max": claim.DIRS_MAX,
        "evidence_max": claim.EVIDENCE_MAX,
        "urls_max": claim.URLS_MAX,
        "reference_bytes_max": references.REFERENCE_BYTES_MAX,
        "resolutions_max": meanings.RESOLUTIONS_MAX,
        "resolution_parts_max": meanings.PARTS_MAX,
        "native_max": claim.NATIVE_MAX,
        "networks_max": issuers.NETWORKS_MAX,
        "executors_max": issuers.EXECUTORS_MAX,
        "keep_max": issuers.KEEP_MAX,
        "salt_bytes": commitment.SALT_BYTES,
        "failure_kinds": list(failure.FAILURE_KINDS),
        "meanings": list(link.MEANINGS),
        "commit_tag": commitment.COMMIT_TAG,
    },
    "statement": {
        "tag": statement.STATEMENT_TAG,
        "varsig_header": statement.VARSIG_HEADER.hex(),
        "chain_bytes": statement.CHAIN_BYTES,
        "records_max": statement.RECORDS_MAX,
        "integer_max": statement.INTEGER_MAX,
        "signature_bytes": keys.SIGNATURE_BYTES,
    },
}


def test_published_limits_are_those_of_the_code() -> None:
    assert PUBLISHED == CODE


@pytest.mark.parametrize(
    "module",
    [
        *(archive, bacalhau_job, document, findings, model, paths, pipeline),
        *(references, resolutions, yamltext),
        *(result, claim, commitment, issuers, meanings, shape),
    ],
)
def test_no_limit_of_validity_is_unpublished(module: ModuleType) -> None:
    published = [value for part in PUBLISHED.values() for value in part.values()]
    limits = [name for name in module.__all__ if name.endswith(("_MAX", "_BYTES"))]
    assert limits
    for name in limits:
        assert getattr(module, name) in published
