"""The suites of others give what docs/conformance.md says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests import fixtures_table
from tests.conformance.__main__ import PAGE, SUITES
from tests.conformance.suite import Suite, row_of


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.run.__name__)
def test_the_page_says_what_the_suite_gives(
    shared_fixtures: Path, suite: Suite
) -> None:
    rows = PAGE.read_text().splitlines()
    assert row_of(suite, shared_fixtures) in rows, "run: tests.conformance --write"


def test_the_page_has_a_row_for_each_suite_and_no_other() -> None:
    table = PAGE.read_text().split("<!-- table -->")[1].split("<!-- end -->")[0]
    rows = [row for row in table.splitlines() if row.startswith("| ")]
    assert len(rows) == len(SUITES) + 1


def test_every_folder_of_suites_is_run_or_named(shared_fixtures: Path) -> None:
    texts = "".join(
        path.read_text() for path in sorted(Path(__file__).parent.glob("[ag]*.py"))
    )
    for folder in sorted((shared_fixtures / "conformance").iterdir()):
        if folder.is_dir():
            assert folder.name in texts, folder.name


def test_the_table_of_real_documents_is_what_they_give(shared_fixtures: Path) -> None:
    assert fixtures_table.table(shared_fixtures) in PAGE.read_text()


def test_real_documents_are_all_counted(shared_fixtures: Path) -> None:
    found = sum(fixtures_table.counted(shared_fixtures).values(), Counter[str]())
    assert found.total() == len(list(fixtures_table.files(shared_fixtures))) > 250
