"""Lilypad's modules: real templates, and what rendering may cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import DocumentError, Outcome, canonicalize
from invocation_spec.adapters.lilypad_template import render
from invocation_spec.document import DOCUMENT_BYTES_MAX

SAYS = "lilysay_module.json.tmpl"
SEEDED = "synthetic-data_module.json.tmpl"


def module(folder: Path, name: str) -> str:
    return (folder / "bacalhau" / "lilypad" / name).read_text()


def read(document: str | dict[str, Any]) -> Outcome:
    text = document if isinstance(document, str) else json.dumps(document)
    (outcome,) = canonicalize(text.encode())
    return outcome


def env(outcome: Outcome) -> dict[str, str]:
    assert outcome.name == "canonical"
    assert outcome.network == "lilypad"
    assert outcome.input is not None
    return dict(outcome.input.env)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (SAYS, {"IMAGE": "lilypad", "Message": "Hello World"}),
        (SEEDED, {"NUM_CONTRACTS": "5", "SEED": "42"}),
    ],
)
def test_a_real_module_is_canonical_with_its_defaults(
    shared_fixtures: Path, name: str, expected: dict[str, str]
) -> None:
    outcome = read(module(shared_fixtures, name))
    assert env(outcome) == expected
    told = [item for item in outcome.warnings if item.kind == "input-defaulted"]
    assert len(told) == 2
    bundle = {"template": module(shared_fixtures, name), "inputs": {}}
    assert read(bundle).invocation == outcome.invocation


def test_the_default_said_aloud_is_another_invocation(shared_fixtures: Path) -> None:
    text = module(shared_fixtures, SAYS)
    said = read({"template": text, "inputs": {"Message": "Hello World"}})
    assert env(said) == {"IMAGE": "lilypad", "MESSAGE": "Hello World"}
    assert said.invocation != read(text).invocation


def test_the_seed_said_aloud_is_the_same_invocation(shared_fixtures: Path) -> None:
    text = module(shared_fixtures, SEEDED)
    said = read({"template": text, "inputs": {"Seed": "42"}})
    assert said.invocation == read(text).invocation


def test_what_is_left_is_named_with_its_line() -> None:
    text = '{"machine": {},\n "job": {"a": [{{ range .A }}{{ .B }}{{ end }}]}}'
    reasons = [item.reason for item in read(text).impure]
    assert len(reasons) == 1
    assert reasons[0].startswith("`{{ range .A }}` on line 2")


def test_broken_json_of_no_module_is_told_as_broken_json() -> None:
    with pytest.raises(DocumentError, match=r"not JSON: .* line 1, column 27"):
        canonicalize(b'{"Tasks": ["{{.a}}"], "b" 1}')


def test_broken_json_in_a_rendered_template_says_that_it_is_rendered() -> None:
    with pytest.raises(DocumentError, match="in the rendered template: not JSON"):
        canonicalize(b'{"machine": {}, "job": {{ if .A }}{}{{ end }} }')


def test_actions_are_counted_before_they_are_told() -> None:
    assert render('{{ subst "a" }}' * 10_000, {}).text == "a" * 10_000
    with pytest.raises(DocumentError, match="more than 10000 actions"):
        render('{{ subst "a" }}' * 10_001, {})


def test_what_is_rendered_is_no_larger_than_a_document() -> None:
    value = "é" * (DOCUMENT_BYTES_MAX // 8)
    assert render('{{ subst "%s" .A }}' * 4, {"A": value}).text is not None
    with pytest.raises(DocumentError, match="rendered template has more than"):
        render('{{ subst "%s" .A }}' * 4 + "x", {"A": value})


def test_braces_that_never_close_are_read_once() -> None:
    with pytest.raises(DocumentError, match="line 2 is not closed"):
        render("\n" + "{{" * 4_000_000, {})
