"""An error is one line that a person can read, whatever it is about."""

from __future__ import annotations

import json

import pytest

from invocation_spec import DocumentError, EncodingError, OctostoreError, canonicalize
from invocation_spec.errors import REASON_MAX
from invocation_spec.model import Input


@pytest.mark.parametrize("size", [0, 1, 50, 10**6])
def test_a_reason_keeps_its_ends_and_says_what_is_left_out(size: int) -> None:
    reason = OctostoreError("found " + "a" * size + "; do this").reason
    assert reason.startswith("found ")
    assert reason.endswith("; do this")
    assert len(reason) <= REASON_MAX
    assert ("characters left out" in reason) == (size > REASON_MAX)


def test_a_reason_of_the_longest_length_stands_whole() -> None:
    for over in (0, 1):
        reason = "a" * (REASON_MAX + over)
        assert (OctostoreError(reason).reason == reason) == (over == 0)
        assert len(OctostoreError(reason).reason) <= REASON_MAX


def test_the_text_of_an_error_is_where_and_why() -> None:
    error = DocumentError("found " + "a" * 10**6, at="/a")
    assert str(error) == f"/a: {error.reason}"


@pytest.mark.parametrize(
    "bad", ["\n", "\r", "\x1b[2J", "\x7f", "\x9b", "\u2028", "\ud800"]
)
def test_an_error_is_one_line_and_cannot_steer_a_terminal(bad: str) -> None:
    error = DocumentError(f"found a{bad}b; caf\u00e9", at=f"/a{bad}")
    shown = bad.encode("unicode_escape").decode()
    assert error.reason == f"found a{shown}b; caf\u00e9"
    assert error.at == f"/a{bad}"
    assert str(error) == f"/a{shown}: {error.reason}"


def test_a_refusal_does_not_repeat_the_document() -> None:
    long = "a" * 100_000
    with pytest.raises(EncodingError) as encoding:
        Input(env={f"{long}=": ""})
    bundle = {"runtime": {"name": long}, "exeScript": [], "demand": {}}
    with pytest.raises(DocumentError) as document:
        canonicalize(json.dumps(bundle).encode())
    for error in (encoding.value, document.value):
        assert len(str(error)) < 2 * REASON_MAX
