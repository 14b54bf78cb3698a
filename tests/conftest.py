"""What all tests share: where data of others lies, and how long to try."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

_ROOT = Path(__file__).parents[1]

settings.register_profile("test", max_examples=50, deadline=None)
settings.register_profile("fuzz", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))


_NAMED_BYTES_MAX = 16


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Many bytes are named by their number.

    What is packed anew says when, and workers that name a test differently stop.
    """
    if isinstance(val, bytes) and len(val) > _NAMED_BYTES_MAX:
        return f"{argname}-{len(val)}-bytes"
    return None


@pytest.fixture(scope="session")
def shared_fixtures() -> Path:
    """Data that other projects wrote; it stays outside this repository."""
    folder = _ROOT.parent / "shared" / "fixtures"
    if not folder.is_dir():
        pytest.skip("third-party data is not beside the checkout: ../shared/fixtures")
    return folder


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The repository's own language-neutral vectors."""
    return _ROOT / "tests" / "vectors"
