"""Every case of the language-neutral vectors gives what it says, and nothing else.

A case is a document with its expectation; what a case leaves out it does not
speak of, but for `program`, `input` and `invocation`: absent, they are not known.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import CID, DocumentError, Outcome, Resolutions, canonicalize

FOLDER = Path(__file__).parents[1] / "vectors" / "invocation"

Case = dict[str, Any]

FILES = {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*"))}
CASES = [
    pytest.param(case, id=f"{file}::{case['name']}")
    for file, cases in FILES.items()
    for case in cases
]
WORST = ("canonical", "unresolved", "impure")

#: What a case may say; a word that no test reads would promise in vain.
FIELDS = {
    *("name", "why", "family", "document", "document_hex", "resolutions", "network"),
    *("outcome", "error_at", "invocations", "program", "input", "invocation"),
    *("without_nonce", "also", "aliases", "unresolved", "impure", "warnings"),
    *("blocks", "dirs"),
}


def read(case: Case) -> tuple[Outcome, ...]:
    if "document_hex" in case:
        document = bytes.fromhex(case["document_hex"])
    else:
        document = case["document"].encode()
    given = case.get("resolutions")
    resolutions = (
        None if given is None else Resolutions.parse(json.dumps(given).encode())
    )
    return canonicalize(document, resolutions, network=case.get("network"))


def text_of(value: Any) -> str | None:
    return None if value is None else str(value.cid)


def check(expected: Case, found: Outcome) -> None:
    rows = found.to_json()
    assert found.name == expected["outcome"], (rows["unresolved"], rows["impure"])
    for name in ("program", "input", "invocation"):
        assert rows[name] == expected.get(name), name
        assert rows[name] == text_of(getattr(found, name)), name
    blocks = {"program": found.program, "input": found.input}
    for name, block in expected.get("blocks", {}).items():
        value = blocks[name]
        assert value is not None
        assert value.block.hex() == block
        assert expected[name] == str(CID.of_block(bytes.fromhex(block)))
    check_findings(expected, rows)
    check_rest(expected, found, rows)


def check_findings(expected: Case, rows: dict[str, Any]) -> None:
    for name, fields in (
        ("unresolved", ("at", "reference", "kind")),
        ("impure", ("at", "kind")),
    ):
        told = [{field: row[field] for field in fields} for row in rows[name]]
        assert told == expected.get(name, told), name
        if expected["outcome"] == "canonical":
            assert told == [], name
    kinds = [row["kind"] for row in rows["warnings"]]
    assert sorted(kinds) == sorted(expected.get("warnings", kinds))


def check_rest(expected: Case, found: Outcome, rows: dict[str, Any]) -> None:
    assert rows.get("without_nonce") == expected.get("without_nonce")
    assert rows["also"] == expected.get("also", rows["also"])
    assert list(found.dirs) == expected.get("dirs", list(found.dirs))
    for name, value in expected.get("aliases", {}).items():
        assert rows["aliases"][name] == value


@pytest.mark.parametrize("case", CASES)
def test_a_document_gives_what_its_case_says(case: Case) -> None:
    if case["outcome"] == "refused":
        with pytest.raises(DocumentError) as caught:
            read(case)
        assert caught.value.reason
        if "error_at" in case:
            assert caught.value.at == case["error_at"], caught.value
        return
    found = read(case)
    expected = case.get("invocations", [case])
    assert len(found) == len(expected)
    assert max((one.name for one in found), key=WORST.index) == case["outcome"]
    for one, said in zip(found, expected, strict=True):
        check(said, one)


#: A path that is filled in; what lies there is asked for next.
STORED = f"/nix/store/{'0' * 32}-filled-in"


def filled(asked: Any) -> Any:
    """What a finding asks for, with any value."""
    if isinstance(asked, dict):
        return {name: filled(value) for name, value in asked.items()}
    if str(asked).startswith("sha256:"):
        return "sha256:" + "ab" * 32
    if str(asked).startswith("<CID"):
        return str(CID.of_bytes(b""))
    told = {"<file name>": "a", "<store paths>": [], "<store path>": STORED}
    return told.get(asked, asked) if isinstance(asked, str) else asked


@pytest.mark.parametrize("case", CASES)
def test_what_a_finding_asks_for_settles_it(case: Case) -> None:
    if case["outcome"] == "refused":
        return
    left = asked_for(case)
    settled = with_filled(case, left)
    left = asked_for(settled)
    assert all(key == f"nix:{STORED}" for key in left)
    assert asked_for(with_filled(settled, left)) == {}


def asked_for(case: Case) -> Case:
    """All that the findings of a case ask for."""
    return {
        key: filled(value)
        for found in read(case)
        for row in found.unresolved
        for key, value in row.settle.items()
    }


def with_filled(case: Case, asked: Case) -> Case:
    """The case with what its findings ask for."""
    return {**case, "resolutions": {**case.get("resolutions", {}), **asked}}


@pytest.mark.parametrize("file", FILES)
def test_names_are_unique_and_every_case_has_a_why(file: str) -> None:
    cases = FILES[file]
    assert len({case["name"] for case in cases}) == len(cases)
    assert all(case["why"].strip() for case in cases)


@pytest.mark.parametrize("case", CASES)
def test_a_case_says_only_what_is_checked(case: Case) -> None:
    for said in (case, *case.get("invocations", ())):
        assert set(said) <= FIELDS
        assert ("document" in case) != ("document_hex" in case)


def families() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for cases in FILES.values():
        for case in cases:
            if "family" in case:
                found[case["family"]].append(case)
    return found


@pytest.mark.parametrize("family", families())
def test_one_computation_has_one_cid_in_every_network(family: str) -> None:
    members = families()[family]
    assert len(members) > 1
    assert len({case["invocation"] for case in members}) == 1
    assert len({str(found.cid) for case in members for found in invocations(case)}) == 1


def test_families_are_different_computations() -> None:
    keys = [cases[0]["invocation"] for cases in families().values()]
    assert len(set(keys)) == len(keys) >= 8


def invocations(case: Case) -> list[Any]:
    return [outcome.invocation for outcome in read(case)]
