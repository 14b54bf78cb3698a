"""The specification of invocations says what the code does, to the byte."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import invocation_spec
from invocation_spec import CID, Outcome, canonicalize, dagjson
from invocation_spec.adapters import FORMS
from invocation_spec.dagcbor import decode
from invocation_spec.model import Input, Invocation, program_from_block

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "docs" / "spec"
GENERAL = (SPEC / "invocation.md").read_text()
PAGES = {path.name: path.read_text() for path in sorted((SPEC / "forms").iterdir())}
VECTORS = {path.name for path in (ROOT / "tests/vectors/invocation").iterdir()}
LIMITS: dict[str, dict[str, Any]] = json.loads(
    (ROOT / "schemas/limits.json").read_text()
)

#: Calls that make a finding, the section that lists it, where its kind stands.
CALLS = {
    "leave_unresolved": ("Unresolved", 2),
    "_named": ("Unresolved", 2),
    "call_impure": ("Impure", 1),
    "warn": ("Warnings", 1),
    "Warned": ("Warnings", 1),
}

KIND = r"[a-z0-9]+(?:-[a-z0-9]+)+"


def fenced(text: str) -> list[str]:
    return re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)


def worked(text: str) -> Iterator[tuple[str, CID, bytes]]:
    """Blocks as the pages show them: a name and a CID, then commented hex."""
    for block in fenced(text):
        for name, cid, lines in re.findall(
            r"^(\w+) (baf\w+)\n((?:  .*\n)+)", block, re.MULTILINE
        ):
            digits = re.sub(r"#.*|\s", "", re.sub(r"#.*", "", lines))
            yield name, CID.parse(cid), bytes.fromhex(digits)


WORKED = [
    pytest.param(*found, id=f"{page}-{found[0]}-{index}")
    for page, text in {"invocation.md": GENERAL, **PAGES}.items()
    for index, found in enumerate(worked(text))
]


def outcome_of(document: str) -> Outcome:
    (outcome,) = canonicalize(document.encode())
    return outcome


def section(title: str) -> str:
    return re.split(rf"^#+ {title}$", GENERAL, flags=re.MULTILINE)[1].split("\n#")[0]


def listed(title: str) -> list[str]:
    """The kinds that a table of findings has, each row one."""
    return re.findall(r"^\| `([a-z0-9-]+)` \|", section(title), re.MULTILINE)


def kinds_in_code() -> dict[str, set[str]]:
    """The kinds that findings are made with, by the section that lists them."""
    found: dict[str, set[str]] = {title: set() for title, _ in CALLS.values()}
    for path in Path(invocation_spec.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = called(call)
            title, position = CALLS.get(name, ("", 0))
            if title and len(call.args) > position:
                found[title] |= constants(call.args[position], tree)
    return found


def called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def constants(kind: ast.expr, tree: ast.Module) -> set[str]:
    """What an expression can be: a literal, or what a function here returns."""
    if isinstance(kind, ast.Constant):
        return {str(kind.value)}
    assert isinstance(kind, ast.Name), ast.dump(kind)
    makers = {
        called(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id == kind.id
    }
    return {
        str(node.value)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name in makers
        for answer in ast.walk(function)
        if isinstance(answer, ast.Return) and answer.value is not None
        for node in ast.walk(answer.value)
        if isinstance(node, ast.Constant) and re.fullmatch(KIND, str(node.value))
    }


@pytest.mark.parametrize(("name", "cid", "block"), WORKED)
def test_worked_blocks_are_blocks_and_have_their_cids(
    name: str, cid: CID, block: bytes
) -> None:
    read = {
        "program": program_from_block,
        "input": Input.from_block,
        "invocation": Invocation.from_block,
    }
    if name in read:
        assert read[name](block).block == block
        assert CID.of_block(block) == cid
    else:  # Homestar's name of an instruction
        decode(block)
        assert hashlib.sha3_256(block).digest() == cid.digest


@pytest.mark.parametrize("page", ["invocation.md", "homestar.md"])
def test_the_specimen_gives_the_blocks_below_it(page: str) -> None:
    text = {"invocation.md": GENERAL, **PAGES}[page]
    shown = {name: cid for name, cid, _ in list(worked(text))[:4]}
    documents = [
        block for block in fenced(text) if re.match(r'\{\s*"(with|rsc)":', block)
    ]
    if page == "invocation.md":
        outcome = outcome_of(documents[0])
    else:
        outcome = outcome_of(documents[-1])
        assert outcome.aliases["homestar-instruction"] == str(shown["instruction"])
    assert outcome.program is not None
    assert outcome.input is not None
    assert outcome.invocation is not None
    if page == "homestar.md":
        assert outcome.input.cid == shown["input"]
    assert outcome.program.cid == shown["program"]
    assert outcome.invocation.cid == shown["invocation"]


def test_the_specimen_is_the_example() -> None:
    example = json.loads((ROOT / "examples/kepler/ucan-task.json").read_text())
    assert json.loads(fenced(GENERAL)[0]) == example


def test_the_values_of_the_specimen_are_those_of_its_blocks() -> None:
    shown = re.split(r"\n\n", fenced(GENERAL)[1].strip())
    values = [dagjson.decode(json.loads(value)) for value in shown]
    blocks = [block for _, _, block in worked(GENERAL)][:3]
    assert values == [decode(block) for block in blocks]


def test_an_input_of_nothing_is_the_one_named() -> None:
    assert f"block `{Input().block.hex()}`, CID `{Input().cid}`" in GENERAL


@pytest.mark.parametrize("title", ["Unresolved", "Impure", "Warnings"])
def test_every_kind_of_finding_is_listed_and_no_other(title: str) -> None:
    rows = listed(title)
    assert len(set(rows)) == len(rows)
    assert set(rows) == kinds_in_code()[title]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_form_has_a_row_and_a_page(form: Any) -> None:
    rows = re.findall(
        rf"^\| `{form.network}` \| {re.escape(form.name)} \| \[.*\]\(forms/(.*)\) \|$",
        GENERAL,
        re.MULTILINE,
    )
    (page,) = rows
    assert "**Marks" in PAGES[page] or "| marks |" in PAGES[page]


def test_the_table_of_forms_has_the_order_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| \[", GENERAL, re.MULTILINE)
    assert rows == [(form.network, form.name) for form in FORMS]


@pytest.mark.parametrize(
    ("part", "name", "words"),
    [
        ("block", "block_bytes_max", "| bytes of a block | {} |"),
        ("block", "depth_max", "| depth of a block | {} |"),
        ("block", "cid_text_max", "At most {} characters. A reader"),
        ("invocation", "items_max", "| entries of one list or map of the model | {} |"),
        ("invocation", "text_bytes_max", "function, import name | {} |"),
        ("invocation", "path_bytes_max", "| bytes of one path | {} |"),
        ("invocation", "nonce_bytes_max", "| bytes of a nonce | {} |"),
        ("document", "document_bytes_max", "At most {} bytes, nested"),
        ("document", "yaml_nodes_max", "more than {} nodes"),
        ("document", "reference_bytes_max", "has at most {} bytes"),
        ("document", "resolutions_max", "a map of at most {} references"),
        ("document", "findings_max", "More than {} findings"),
        ("document", "told_characters_max", "more than {} characters in all"),
        ("document", "yaml_characters_max", "more than {} characters in all, keys"),
        ("document", "partitions_bytes_max", "without the pair MUST be at most {}"),
        ("document", "archives_bytes_max", "come to more than {} bytes"),
        ("document", "property_name_max", "a name of more than {} characters"),
        ("document", "tasks_max", "At most {} tasks"),
        ("document", "count_max", "an integer from 0 to {}"),
        ("document", "archive_bytes_max", "at most {} bytes after unpacking"),
        ("document", "archive_entries_max", "At most {} entries"),
        ("document", "tree_entries_max", "a tree of more than {} entries"),
    ],
)
def test_limits_in_the_text_are_those_published(
    part: str, name: str, words: str
) -> None:
    value = LIMITS[part][name]
    assert words.format(value) in GENERAL + "".join(PAGES.values())


def test_the_list_of_gateways_is_the_one_published() -> None:
    shown = ", ".join(f"`{host}`" for host in LIMITS["document"]["gateways"])
    assert f"host one of {shown}" in GENERAL


@pytest.mark.parametrize("page", PAGES)
def test_the_vectors_that_a_page_names_are_there(page: str) -> None:
    named = re.search(r"Vectors: (.*)\.$", PAGES[page], re.MULTILINE)
    if named is not None:
        assert set(re.findall(r"`([\w-]+\.json)`", named[1])) <= VECTORS


@pytest.mark.parametrize("page", ["../invocation.md", *PAGES])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    place = SPEC / "forms" / page
    text = re.sub(r"```.*?```|`[^`\n]*`", "", place.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        there = place.parent / file if file else place
        assert there.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
            anchors = {
                re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
                for title in titles
            }
            assert anchor in anchors, target


TRAPS = (SPEC / "traps.md").read_text()
ROWS = re.findall(r"^\| (.*) \| (`.*`) \|$", TRAPS, re.MULTILINE)


def named(row: str) -> list[tuple[str, str]]:
    return [
        (file, name)
        for file, _, name in (
            holder.partition("::") for holder in re.findall(r"`([^`]+)`", row)
        )
    ]


@pytest.mark.parametrize(
    ("file", "name"), sorted({holder for _, row in ROWS for holder in named(row)})
)
def test_what_holds_a_trap_exists(file: str, name: str) -> None:
    if file.endswith(".py"):
        text = (Path(__file__).parent / file).read_text()
        assert f"def {name}(" in text
    else:
        cases = json.loads((ROOT / f"tests/vectors/invocation/{file}.json").read_text())
        assert name in {case["name"] for case in cases}


def test_every_row_of_traps_is_held() -> None:
    rows = re.findall(r"^\| (?!---|rule or trap|trap \|)(.*) \|$", TRAPS, re.MULTILINE)
    assert len(rows) == len(ROWS) > 100
