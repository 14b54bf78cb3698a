"""The limits that other languages read are the limits of the code."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import invocation_spec
import octostore
import octostore_server
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
from invocation_spec.adapters import bacalhau_job, golem_terms, pipeline, reapi_tree
from invocation_spec.cid import CID
from octostore import ingest, keys, result, statement, tables
from octostore.belief import admitted, alike, policy, terms
from octostore.map import head as map_head
from octostore.map import keys as map_keys
from octostore.map import trie as map_trie
from octostore.records import claim, commitment, failure, issuers, link, shape
from octostore.records import resolutions as meanings
from octostore.store import Octostore
from octostore_server.settings import Settings
from tests.octostore.test_each_limit import LIMITS

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
        "yaml_characters_max": yamltext.YAML_CHARACTERS_MAX,
        "reference_bytes_max": references.REFERENCE_BYTES_MAX,
        "resolutions_max": resolutions.RESOLUTIONS_MAX,
        "findings_max": findings.FINDINGS_MAX,
        "told_characters_max": findings.TOLD_CHARACTERS_MAX,
        "property_name_max": golem_terms.PROPERTY_NAME_MAX,
        "tasks_max": pipeline.TASKS_MAX,
        "count_max": bacalhau_job.COUNT_MAX,
        "partitions_bytes_max": bacalhau_job.PARTITIONS_BYTES_MAX,
        "archive_bytes_max": archive.ARCHIVE_BYTES_MAX,
        "archives_bytes_max": archive.ARCHIVES_BYTES_MAX,
        "archive_entries_max": archive.ARCHIVE_ENTRIES_MAX,
        "tree_entries_max": reapi_tree.TREE_ENTRIES_MAX,
        "gateways": list(references.GATEWAYS),
    },
    "result": {
        "outputs_max": result.OUTPUTS_MAX,
        "exit_max": result.EXIT_MAX,
    },
    "map": {
        "rules": map_head.RULES,
        "pairs_max": map_keys.PAIRS_MAX,
        "key_bytes_max": map_trie.KEY_BYTES_MAX,
        "integer_max": map_head.INTEGER_MAX,
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
    "links": {
        "class_max": admitted.CLASS_MAX,
        "candidates_max": alike.CANDIDATES_MAX,
        "looks_max": admitted.LOOKS_MAX,
    },
    "policy": {
        "tag": policy.POLICY_TAG,
        "one": terms.ONE,
        "models": list(policy.MODELS),
        "groups_max": terms.GROUPS_MAX,
        "keys_max": terms.KEYS_MAX,
        "shares_max": terms.SHARES_MAX,
        "outputs_max": policy.OUTPUTS_MAX,
        "platforms_max": policy.PLATFORMS_MAX,
        "networks_max": terms.NETWORKS_MAX,
        "count_max": terms.COUNT_MAX,
        "half_life_days_max": terms.HALF_LIFE_DAYS_MAX,
        "quorum": {name: list(ends) for name, ends in terms.Quorum.BOUNDS.items()},
        "evidence": {
            name: list(ends) for name, ends in terms.EvidenceTerms.BOUNDS.items()
        },
    },
}


def test_published_limits_are_those_of_the_code() -> None:
    assert PUBLISHED == CODE


@pytest.mark.parametrize(
    "module",
    [
        *(archive, bacalhau_job, document, findings, model, paths, pipeline),
        *(references, resolutions, yamltext),
        *(result, claim, commitment, issuers, meanings, shape, policy, terms),
        *(admitted, alike),
    ],
)
def test_no_limit_of_validity_is_unpublished(module: ModuleType) -> None:
    published = [value for part in PUBLISHED.values() for value in part.values()]
    limits = [name for name in module.__all__ if name.endswith(("_MAX", "_BYTES"))]
    assert limits
    for name in limits:
        assert getattr(module, name) in published


def _rows(heading: str) -> list[list[str]]:
    """The cells of all tables below a heading of docs/limits.md."""
    text = (_SCHEMAS.parent / "docs" / "limits.md").read_text()
    part = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in lines]


PROTOCOL = _rows("Limits of validity")
NODE = [row for row in _rows("Limits of a node") if "." in row[0]]
SETTINGS = [row for row in _rows("Limits of a node") if "." not in row[0]]


def _constants() -> dict[str, int]:
    """Every public limit of the product, where it is defined."""
    found = {}
    for package in (invocation_spec, octostore, octostore_server):
        prefix = f"{package.__name__}."
        for item in pkgutil.walk_packages(package.__path__, prefix):
            if item.name.endswith("__main__"):
                continue
            module = importlib.import_module(item.name)
            assert module.__file__
            source = Path(module.__file__).read_text()
            for name in getattr(module, "__all__", ()):
                # Not where another module only passes it on.
                if name.endswith("_MAX") and re.search(rf"^{name}\b.*=", source, re.M):
                    found[f"{item.name}.{name}"] = getattr(module, name)
    return found


def test_the_tables_of_limits_are_those_of_the_code() -> None:
    written = {row[0]: int(row[1].replace(",", "")) for row in PROTOCOL + NODE}
    assert len(written) == len(PROTOCOL + NODE)
    assert written == _constants()


def test_the_defaults_of_the_settings_are_those_of_the_table() -> None:
    for name, value, *_ in SETTINGS:
        assert f"{Settings.model_fields[name].default:,}" == value
    limits = {name for name in Settings.model_fields if name.endswith("_max")}
    assert {row[0] for row in SETTINGS} == limits


def test_each_limit_has_its_test() -> None:
    cases = {limit.name for limit in LIMITS}
    tests = (
        "".join(
            path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py")
        )
        + Path(__file__).with_name("engine_suite.py").read_text()
    )
    for name, *_, test in PROTOCOL + NODE:
        if test == "each":
            assert name in cases
        elif test == "-":
            assert name in UNREACHED
        else:
            assert f"def {test}(" in tests, name
    assert cases == {row[0] for row in PROTOCOL + NODE if row[-1] == "each"}


#: What no test reaches yet. It only ever becomes less.
UNREACHED = {
    "octostore.check.leftovers.LEFTOVERS_MAX",
    "octostore.engine.lmdb_engine.MAP_BYTES_MAX",
    "octostore.engine.lmdb_engine.READERS_MAX",
    "octostore.log.INDEX_MAX",
    "octostore.lookup.DOWNLOAD_BYTES_MAX",
    "octostore.proven.ANSWER_BYTES_MAX",
    "octostore.registry.MANIFEST_BYTES_MAX",
    "octostore.tlog.note.NAME_BYTES_MAX",
    "octostore.tlog.note.SIGNATURES_MAX",
    "octostore.tlog.proof.EXTRA_BYTES_MAX",
    "octostore.tlog.tiles.ENTRY_BYTES_MAX",
    "octostore.questions.who.CLAIMS_MAX",
    "octostore.questions.who.LINKS_MAX",
    "octostore_server.routes.witnessing.LOGS_BYTES_MAX",
}


def test_every_limit_of_validity_has_a_test() -> None:
    assert not {row[0] for row in PROTOCOL} & UNREACHED
    assert all(row[-1] != "-" for row in PROTOCOL)


@pytest.mark.parametrize("more", [0, 1])
def test_a_quarantined_block_is_kept_up_to_a_size(tmp_path: Path, more: int) -> None:
    bad = b"\x82\x58\x40".ljust(ingest.QUARANTINE_BLOCK_BYTES_MAX + more, b"\0")
    with Octostore.open(tmp_path / "store") as store:
        (item,) = store.ingest([(CID.of_block(bad), bad)]).quarantined
        assert item.cid == CID.of_block(bad)
        with store.view() as view:
            ((_, row),) = view.rows.scan(tables.QUARANTINE.name)
    kept = dagcbor.decode(row)
    assert isinstance(kept, dict)
    assert kept.get("block") == (None if more else bad)
