"""What a small document can make us do: memory and answers have bounds.

Memory is that of Python's own allocations at its highest. Each bound leaves room for
the tree of the document and what it is rendered to, and none for what was once held.
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import pytest

from invocation_spec import DocumentError, Resolutions, canonicalize, explain
from invocation_spec.explain import DIFFERENCES_MAX, DIFFERENCES_PLACES_MAX

_MIB = 1 << 20
_IMAGE = "ubuntu@sha256:" + 64 * "a"

_T = TypeVar("_T")


def most_bytes(act: Callable[[], _T]) -> tuple[_T, int]:
    """What an act gives, and the most memory that it held."""
    tracemalloc.start()
    try:
        found = act()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refusal(document: bytes, resolutions: Resolutions | None = None) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        canonicalize(document, resolutions)
    return caught.value


def test_a_template_is_measured_before_it_is_filled_in() -> None:
    names = 400
    action = 'subst "' + "%s" * names + '"' + " .X" * names
    template = f'{{"machine": {{}}, "job": {{"a": "{{{{ {action} }}}}"}}}}'
    document = json.dumps({"template": template, "inputs": {"X": "x" * _MIB}}).encode()
    error, held = most_bytes(lambda: refusal(document))
    assert "rendered template" in error.reason
    assert held < 32 * _MIB


def call(*args: object) -> bytes:
    url = "ipfs://bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    run = {"rsc": url, "op": "wasm/run", "input": {"func": "f", "args": args}}
    return json.dumps(run).encode()


def test_differences_are_listed_up_to_a_number_and_counted() -> None:
    (one,), (other,) = (
        canonicalize(call([value] * 3 * DIFFERENCES_MAX)) for value in (1, 2)
    )
    found = explain(one, other)
    assert len(found.differences) == DIFFERENCES_MAX
    assert found.left_out == 2 * DIFFERENCES_MAX
    assert found.to_json()["left_out"] == found.left_out


def test_differences_below_a_long_key_are_few() -> None:
    key = "k" * 20_000
    (one,), (other,) = (canonicalize(call({key: [value] * 5000})) for value in (1, 2))
    found, held = most_bytes(lambda: explain(one, other).to_json())
    assert isinstance(found["differences"], list)
    listed = len(found["differences"])
    assert listed == -(-DIFFERENCES_PLACES_MAX // (len(key) + 16))
    assert found["left_out"] == 5000 - listed
    assert held < 8 * _MIB
