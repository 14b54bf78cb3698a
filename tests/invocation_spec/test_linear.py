"""The time that a document takes grows with its size: no shape of it makes it worse.

Measured is the processor time of this process, without the garbage collector, so
that what else the machine does hardly counts. Sixteen times the bytes may take four
times as long for each byte: caches get smaller by comparison, logarithms grow. Work
that grows with the square takes sixteen times as long. A measurement that fails is
repeated, since an interruption can only make it longer.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from invocation_spec import DocumentError, canonicalize
from tests.invocation_spec.shapes import SHAPES

SIZE_BYTES = 32 << 10
GROWTH = 16
SLOWER_MAX = 4
ATTEMPTS = 4

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def per_byte(make: Callable[[int], bytes], size: int, *, repeats: int) -> float:
    document = make(size)
    times = []
    for _ in range(repeats):
        start = time.process_time()
        with suppress(DocumentError):
            canonicalize(document)
        times.append(time.process_time() - start)
    return min(times) / len(document)


@pytest.mark.parametrize("shape", SHAPES)
def test_time_for_each_byte_does_not_grow_with_the_document(shape: str) -> None:
    make = SHAPES[shape]
    found = []
    for _ in range(ATTEMPTS):
        small = per_byte(make, SIZE_BYTES, repeats=5)
        large = per_byte(make, GROWTH * SIZE_BYTES, repeats=1)
        found.append(large / small)
        if found[-1] <= SLOWER_MAX:
            return
    pytest.fail(f"slower for each byte by {found}; at most {SLOWER_MAX}")


def is_refused(document: bytes) -> bool:
    try:
        canonicalize(document)
    except DocumentError:
        return True
    return False


def test_shapes_are_read_to_their_end() -> None:
    refused = {shape for shape, make in SHAPES.items() if is_refused(make(4096))}
    assert refused == {
        "many brackets",
        "YAML aliases",
        "YAML directives",
        "YAML directives at the end",
        "YAML comments",
    }
