"""What a small document can make us do: memory and answers have bounds.

Memory is that of Python's own allocations at its highest. Each bound leaves room for
the tree of the document and what it is rendered to, and none for what was once held.
"""

from __future__ import annotations

import base64
import gzip
import json
import time
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import pytest

from invocation_spec import DocumentError, Resolutions, canonicalize, explain
from invocation_spec.archive import ARCHIVE_BYTES_MAX
from invocation_spec.explanation import DIFFERENCES_MAX, DIFFERENCES_PLACES_MAX

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


def mounted(*urls: str) -> bytes:
    engine = {"Type": "docker", "Params": {"Image": _IMAGE, "Entrypoint": ["a"]}}
    sources = [
        {"Target": f"/in/{at}", "Source": {"Type": "inline", "Params": {"URL": url}}}
        for at, url in enumerate(urls)
    ]
    task = {"Engine": engine, "InputSources": sources, "Network": {"Type": "None"}}
    return json.dumps({"Tasks": [task]}).encode()


def packed(data: bytes) -> str:
    return "data:application/gzip;base64," + base64.b64encode(data).decode()


@pytest.mark.slow
def test_archives_of_one_document_are_measured_together() -> None:
    whole = packed(gzip.compress(bytes(ARCHIVE_BYTES_MAX), 9))
    start = time.process_time()
    (found,) = canonicalize(mounted(*[whole] * 4))
    assert [row.kind for row in found.unresolved] == ["archive"] * 4
    error = refusal(mounted(*[whole] * 180))
    assert error.at == "/Tasks/0/InputSources/4/Source/Params/URL"
    assert time.process_time() - start < 20


def test_broken_archives_count_with_what_they_might_have_come_to() -> None:
    bomb = gzip.compress(bytes(ARCHIVE_BYTES_MAX + 1), 9)
    broken = packed(gzip.compress(bytes(ARCHIVE_BYTES_MAX), 9)[:-8] + bytes(8))
    assert len(bomb) * 1032 >= ARCHIVE_BYTES_MAX
    for archive in (packed(bomb), broken):
        error = refusal(mounted(*[archive] * 20))
        assert "unpack to more than" in error.reason
        assert error.at == "/Tasks/0/InputSources/4/Source/Params/URL"
    (found,) = canonicalize(mounted(*[packed(b"no gzip")] * 2000))
    assert len(found.unresolved) == 2000


@pytest.mark.slow
@pytest.mark.parametrize("field", ["ID", "reference", "resolution"])
def test_what_partitions_repeat_is_measured_first(field: str) -> None:
    long = "x" * 8000
    image, more, resolutions = _IMAGE, {}, Resolutions.none()
    if field == "ID":
        more = {"ID": long}
    elif field == "reference":
        image = f"e.org/{long}"
    else:
        resolutions = Resolutions.of(
            {f"oci:{_IMAGE}": {"digest": "sha256:" + 64 * "b", "workdir": long}}
        )
    engine = {"Type": "docker", "Params": {"Image": image, "Entrypoint": ["a"]}}
    job = {"Tasks": [{"Engine": engine}], "Count": 8000, **more}
    assert len(canonicalize(json.dumps(job).encode(), resolutions)) == 8000
    job["Count"] = 9000
    error, held = most_bytes(lambda: refusal(json.dumps(job).encode(), resolutions))
    assert "would be told" in error.reason
    assert held < 64 * _MIB


@pytest.mark.parametrize("field", ["ID", "Repo"])
def test_names_and_references_have_a_length(field: str) -> None:
    source = {"Type": "repoClone", "Params": {"Repo": "x" * 8193}}
    engine = {"Type": "docker", "Params": {"Image": _IMAGE, "Entrypoint": ["a"]}}
    task: dict[str, object] = {"Engine": engine}
    job: dict[str, object] = {"Tasks": [task]}
    if field == "ID":
        job["ID"] = "x" * 8193
    else:
        task["InputSources"] = [{"Target": "/in", "Source": source}]
    assert "8193 bytes; at most 8192" in refusal(json.dumps(job).encode()).reason


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
