"""Two implementations of the text, on documents that nobody wrote: a sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.differential import cases, differences

_CASES = 1500
_SEED = 20


@pytest.mark.slow
def test_agree_on_changed_vectors(javascript: Path) -> None:
    found = list(differences(cases(_CASES, _SEED), javascript))
    assert [(one.kind, one.case) for one in found] == []


def test_the_same_cases_of_the_same_seed() -> None:
    assert list(cases(20, _SEED)) == list(cases(20, _SEED))
    assert list(cases(20, _SEED)) != list(cases(20, _SEED + 1))
