"""The vectors cover the ground: enough of them, each trap, each disagreement."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "docs" / "spec"
TRAPS = (SPEC / "traps.md").read_text()
DISAGREEMENTS = (SPEC / "disagreements.md").read_text()
CASES = {
    path.stem: json.loads(path.read_text())
    for path in sorted((ROOT / "tests/vectors/invocation").iterdir())
}
OUTCOMES = ("canonical", "unresolved", "impure", "refused")

#: What a form cannot give, and why. The file of families has canonical ones alone.
NEVER = {
    ("ucan-task", "impure"): "a task has no network, no host and no template",
    ("ucan-invocation", "impure"): "a call has none of them",
    ("tes", "impure"): "a task asks for no network, and is no template",
    ("own", "unresolved"): "blocks hold no references",
    ("own", "impure"): "nor anything but content",
    **{("cross-network", name): "families" for name in OUTCOMES[1:]},
}


@pytest.mark.parametrize("file", CASES)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_no_form_has_fewer_than_three_of_an_outcome(file: str, outcome: str) -> None:
    found = sum(case["outcome"] == outcome for case in CASES[file])
    if (file, outcome) in NEVER:
        assert found == 0, "it can be given, so it needs three"
    else:
        assert found >= 3


def test_there_are_at_least_150_vectors() -> None:
    assert sum(map(len, CASES.values())) >= 150


def section(text: str, title: str) -> str:
    return re.split(rf"^#+ {re.escape(title)}$", text, flags=re.MULTILINE)[1].split(
        "\n## "
    )[0]


#: The section of traps.md, the document that numbers the traps, where its list begins
#: and ends, and how an item is written.
NUMBERED = {
    "Bacalhau": ("bacalhau.md", "\nTraps:\n", "\n## 7", r"^(\d+)\. "),
    "Homestar and UCAN 1.0": ("ipvm.md", "\n## 7. Traps", "\n## 8", r"^(\d+)\. "),
    "Golem": (
        "golem-and-others.md",
        "\n### Traps checklist\n",
        "\n## 6",
        r"(?:^| )(\d+)\. ",
    ),
}


def excused(title: str) -> set[int]:
    """Numbers of traps that are not of invocations, which the last section names."""
    word = title.split(maxsplit=1)[0]
    lists = re.findall(
        rf"\(([\d, ]+) of {word}\)", section(TRAPS, "Not of invocations")
    )
    return {int(number) for found in lists for number in found.split(",")}


def held(title: str) -> set[int]:
    rows = re.findall(
        r"^\| (\d+)\. .* \| `.*` \|$", section(TRAPS, title), re.MULTILINE
    )
    return set(map(int, rows))


@pytest.mark.parametrize("title", NUMBERED)
def test_traps_are_numbered_without_a_gap_but_what_is_excused(title: str) -> None:
    numbers = held(title) | excused(title)
    assert numbers == set(range(1, max(numbers) + 1))
    assert not held(title) & excused(title)


@pytest.mark.parametrize("title", NUMBERED)
def test_every_numbered_trap_of_the_field_is_held(
    shared_fixtures: Path, title: str
) -> None:
    name, start, end, item = NUMBERED[title]
    path = shared_fixtures.parent / "research" / name
    if not path.is_file():
        pytest.skip("what the numbers come from is not beside the checkout")
    text = path.read_text().partition(start)[2].partition(end)[0]
    numbers = [int(number) for number in re.findall(item, text, re.MULTILINE)]
    assert len(numbers) > 10
    assert held(title) | excused(title) == set(numbers)


ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in DISAGREEMENTS.splitlines()
    if line.startswith("| ") and "`" in line
]


def test_every_disagreement_names_its_reason_a_way_and_vectors() -> None:
    assert len(ROWS) > 20
    for row in ROWS:
        assert len(row) == 6, row
        assert all(row), row
        assert re.search(r"`[\w-]+::[^`]+`", row[-1]), row


@pytest.mark.parametrize(
    ("file", "name"), sorted(set(re.findall(r"`([\w-]+)::([^`]+)`", DISAGREEMENTS)))
)
def test_what_shows_a_disagreement_exists(file: str, name: str) -> None:
    if (file, name) != ("file", "name"):
        assert name in {case["name"] for case in CASES[file]}
