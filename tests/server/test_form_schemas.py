"""The schemas of forms and the reader of forms, held side by side.

A schema admits whatever `canonicalize` reads: every vector, and every vector bent
in one place. What it catches of what is refused is counted. And the fields that a
schema names are those that the reader knows, no more and no less.
"""

from __future__ import annotations

import ast
import copy
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

import invocation_spec
from invocation_spec import CID, DocumentError, Outcome, Resolutions, canonicalize
from invocation_spec.adapters import FORMS
from invocation_spec.document import Document, read_document
from invocation_spec.yamltext import Ambiguous
from octostore_server.forms import SCHEMAS

ROOT = Path(__file__).parents[2]
CASES = {
    f"{path.stem}::{case['name']}": case
    for path in sorted((ROOT / "tests/vectors/invocation").iterdir())
    for case in json.loads(path.read_text())
}
#: Which schemas a form of the table has, and which of them an outcome names.
OF_FORM = {
    "models.Job": ["bacalhau-job"],
    "V1beta": ["bacalhau-v1beta1", "bacalhau-v1beta2"],
    "v1alpha1": [name for name in SCHEMAS if "v1alpha1" in name],
    "module": ["lilypad-module"],
    "UCAN task, December 2022": ["ucan-task"],
    "UCAN batch, December 2022": ["ucan-batch"],
    "IPVM workflow 0.1": ["ipvm-workflow"],
    "Homestar 0.2": [name for name in SCHEMAS if "homestar" in name],
    "UCAN invocation 1.0": ["ucan-invocation"],
    "bundle": ["golem-bundle"],
    "task": ["tes-task"],
    "derivation": ["nix-derivation"],
    "action": ["reapi-action"],
    "own form": ["own"],
}
OF_OUTCOME = {
    "models.Job": "bacalhau-job",
    "V1beta1": "bacalhau-v1beta1",
    "V1beta2": "bacalhau-v1beta2",
    "v1alpha1 snake_case": "bacalhau-v1alpha1-snake-case",
    "v1alpha1 PascalCase": "bacalhau-v1alpha1-pascal-case",
    "V1alpha1": "bacalhau-v1alpha1-nested",
    "module": "lilypad-module",
    "template": "lilypad-module",
    "UCAN task": "ucan-task",
    "UCAN batch": "ucan-batch",
    "UCAN invocation 0.1": "ucan-batch",
    "IPVM workflow 0.1": "ipvm-workflow",
    "Homestar 0.2 instruction": "homestar-instruction",
    "Homestar 0.2 task": "homestar-task",
    "Homestar 0.2 workflow": "homestar-workflow",
    "UCAN invocation 1.0": "ucan-invocation",
    "bundle": "golem-bundle",
    "task": "tes-task",
    "derivation": "nix-derivation",
    "action": "reapi-action",
    "own form": "own",
}


@cache
def validator(name: str) -> Draft202012Validator:
    written = {
        f"{each}.schema.json": json.loads(
            (ROOT / f"schemas/forms/{each}.schema.json").read_text()
        )
        for each in SCHEMAS
    }
    registry: Registry[Any] = Registry().with_resources(
        (file, DRAFT202012.create_resource(contents))
        for file, contents in written.items()
    )
    schema = written[f"{name}.schema.json"]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, registry=registry)


def schema_of(outcome: Outcome) -> str:
    starts = [start for start in OF_OUTCOME if outcome.form.startswith(start)]
    return OF_OUTCOME[max(starts, key=len)]


def view(value: Any) -> Any:
    """A document as JSON has it, its links and bytes as DAG-JSON writes them."""
    if isinstance(value, Mapping):
        return {str(key): view(item) for key, item in value.items()}
    if isinstance(value, list):
        return [view(item) for item in value]
    if isinstance(value, CID):
        return {"/": str(value)}
    if isinstance(value, bytes):
        return json.loads(invocation_spec.dagjson.encode(value))
    return value.text if isinstance(value, Ambiguous) else value


def document_of(case: Mapping[str, Any]) -> bytes:
    if "document_hex" in case:
        return bytes.fromhex(case["document_hex"])
    return str(case["document"]).encode()


def resolutions_of(case: Mapping[str, Any]) -> Resolutions | None:
    given = case.get("resolutions")
    return None if given is None else Resolutions.parse(json.dumps(given).encode())


def tree_of(data: bytes) -> tuple[Document, Any] | None:
    """A document and its JSON view; None if it is none, or has none."""
    try:
        document = read_document(data)
    except DocumentError:
        return None
    if document.syntax in ("car", "template", "derivation"):
        return None
    return document, view(document.tree)


READ = [name for name, case in CASES.items() if case["outcome"] != "refused"]
REFUSED = [name for name, case in CASES.items() if case["outcome"] == "refused"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_schema_and_says_where_its_form_is_told(name: str) -> None:
    schema = validator(name).schema
    assert isinstance(schema, dict)
    page, _, _ = schema["description"].rpartition("docs/spec/forms/")[2].partition("#")
    assert (ROOT / "docs/spec/forms" / page).is_file()


def test_every_form_has_a_schema_and_every_schema_a_form() -> None:
    assert set(OF_FORM) == {form.name for form in FORMS}
    named = {name for names in OF_FORM.values() for name in names}
    assert named == set(OF_OUTCOME.values()) == set(SCHEMAS) - {"resolutions"}
    files = {path.name for path in (ROOT / "schemas/forms").iterdir()}
    assert files == {f"{name}.schema.json" for name in SCHEMAS}


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_admitted(name: str) -> None:
    case = CASES[name]
    data = document_of(case)
    found = tree_of(data)
    if found is not None:
        network = case.get("network")
        outcome, *_ = canonicalize(data, resolutions_of(case), network=network)
        validator(schema_of(outcome)).validate(found[1])
    if "resolutions" in case:
        validator("resolutions").validate(case["resolutions"])


def candidates(found: tuple[Document, Any]) -> list[str]:
    """The schemas of the form that a document has the marks of; none if not one."""
    forms = [form.name for form in FORMS if form.recognises(found[0])]
    return OF_FORM[forms[0]] if len(forms) == 1 else []


def admitted(found: tuple[Document, Any]) -> bool:
    return any(validator(name).is_valid(found[1]) for name in candidates(found))


#: Refused vectors that the schemas caught when they were written. Not a share of all:
#: each vector about what a schema cannot say would lower it.
CAUGHT = {
    "bacalhau-job": 46,
    "bacalhau-v1alpha1": 34,
    "bacalhau-v1beta": 14,
    "golem": 19,
    "homestar": 27,
    "ipvm-workflow": 9,
    "lilypad": 6,
    "nix": 6,
    "own": 22,
    "tes": 30,
    "reapi": 6,
    "ucan-batch": 14,
    "ucan-invocation": 33,
    "ucan-task": 23,
}


def test_a_schema_catches_what_breaks_the_shape() -> None:
    """Of the vectors that are refused: the others break what a schema cannot say."""
    seen, caught = Counter[str](), Counter[str]()
    for name in REFUSED:
        found = tree_of(document_of(CASES[name]))
        if found is None or not candidates(found) or "network" in CASES[name]:
            continue
        form = name.partition("::")[0]
        seen[form] += 1
        caught[form] += not admitted(found)
    assert not {form: n for form, n in CAUGHT.items() if caught[form] < n}, caught
    assert seen.keys() == CAUGHT.keys()


GONE = object()
BENDS: tuple[Any, ...] = (
    *(GONE, None, "", [], {}, "x", "/x", 1, 1.5, True, ["x"], [1], {"x": "y"}),
    {"/": "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"},
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        yield (*at, key)
        if isinstance(item, dict | list):
            yield from places(item, (*at, key))


def bent(tree: Any, at: tuple[Any, ...], value: Any) -> bytes:
    changed = holder = copy.deepcopy(tree)
    for step in at[:-1]:
        holder = holder[step]
    if value is GONE:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return json.dumps(changed).encode()


#: A vector that is about its size would be nearly all that is bent.
BENT_PLACES_MAX = 1_000


#: Vectors of each schema, some in each of their files.
@cache
def trees() -> dict[str, list[tuple[str, Any]]]:
    made: dict[str, list[tuple[str, Any]]] = {name: [] for name in OF_OUTCOME.values()}
    for name in READ:
        case = CASES[name]
        found = tree_of(document_of(case))
        if found is None or "network" in case:
            continue
        if sum(1 for _ in places(found[1])) <= BENT_PLACES_MAX:
            (outcome, *_) = canonicalize(document_of(case), resolutions_of(case))
            made[schema_of(outcome)].append((name, found[1]))
    return made


@pytest.mark.parametrize("schema", sorted(set(OF_OUTCOME.values())))
def test_a_bent_document_that_is_read_is_admitted(schema: str) -> None:
    """And most that are refused are caught."""
    bends = [
        (name, tree, at, value)
        for name, tree in trees()[schema]
        for at in places(tree)
        for value in BENDS
    ]
    refused = caught = read = 0
    for name, tree, at, value in bends[:: len(bends) // 150 + 1]:
        data = bent(tree, at, value)
        found = tree_of(data)
        if found is None or not candidates(found):
            continue
        try:
            outcome, *_ = canonicalize(data)
        except DocumentError:
            refused += 1
            caught += not admitted(found)
            continue
        read += 1
        assert validator(schema_of(outcome)).is_valid(found[1]), (name, at, value)
    assert read + refused > 30
    assert caught >= 0.6 * refused, (caught, refused)


#: Words that an adapter might look for: names of fields are among them.
WORDS = sorted(
    {
        node.value.lower()
        for path in (Path(invocation_spec.__file__).parent / "adapters").iterdir()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.replace("_", "a").isalnum()
    }
)


def names_in(schema: Any) -> set[str]:
    """The fields that a schema names, folded."""
    if isinstance(schema, list):
        return {name for item in schema for name in names_in(item)}
    if not isinstance(schema, dict):
        return set()
    own = {name.lower() for name in schema.get("properties", ())}
    return own.union(*(names_in(item) for item in schema.values()), own)


def maps(tree: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(tree, dict):
        yield at, tree
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, item in inner:
        if isinstance(item, dict | list):
            token = str(key).replace("~", "~0").replace("/", "~1")
            yield from maps(item, f"{at}/{token}")


def ignored(tree: Any) -> set[str] | None:
    """The places that the reader passes over; None if it refuses the document."""
    try:
        (outcome, *_) = canonicalize(json.dumps(tree).encode())
    except DocumentError:
        return None
    return {row.at for row in outcome.warnings if row.kind == "ignored-field"}


def known_at(tree: Any, at: str, place: dict[str, Any]) -> set[str]:
    """The words that the reader knows in a map of a document, told by warnings."""
    keys = list(place)

    def known(*words: str) -> set[str] | None:
        place.update(dict.fromkeys(words))
        told = ignored(tree)
        for word in words:
            del place[word]
        if told is None:
            return None
        return {key.lower() for key in (*keys, *words) if f"{at}/{key}" not in told}

    here = known("unheardof")
    if here is None or "unheardof" in here:
        return set()  # nothing here is looked at, or it all is
    words = set(WORDS) - {key.lower() for key in keys}
    found = known(*words)
    if found is not None:
        return found
    # One of them means something even so: the mark of another form, a second name.
    return here.union(*(known(word) or () for word in words))


#: By schema, whose vectors are bent, and the fields that stand where nobody is told of
#: one that is not known: in a wrapper, EngineSpec, Language.
OPEN: dict[str, tuple[list[str], list[str]]] = {
    "bacalhau-job": (["bacalhau-job"], ["job"]),
    **dict.fromkeys(OF_FORM["V1beta"], (OF_FORM["V1beta"], ["job", "params"])),
    **{name: ([name], ["job"]) for name in OF_FORM["v1alpha1"]},
}
OPEN["bacalhau-v1alpha1-nested"][1].extend(["command", "programpath"])


@pytest.mark.parametrize("schema", OPEN)
def test_a_schema_names_the_fields_that_the_reader_knows(schema: str) -> None:
    """Bacalhau's forms are open: a field that is not known is told as ignored.

    Null says nothing in these forms, so that any field can be there with it.
    """
    bent_ones, unseen = OPEN[schema]
    named, known = names_in(validator(schema).schema), set()
    seen: set[str] = set()
    for _, tree in (found for name in bent_ones for found in trees()[name]):
        for at, place in maps(tree):
            kind = re.sub(r"/[0-9]+", "/#", at) + " ".join(sorted(place))
            if kind not in seen:
                seen.add(kind)
                known |= known_at(tree, at, place)
    assert (known & set(WORDS)) - named == set()
    assert sorted(named - known) == sorted(unseen)
