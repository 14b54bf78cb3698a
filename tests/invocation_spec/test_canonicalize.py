"""What is said of a document as a whole: which form it has, how much is told of it."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from invocation_spec import DocumentError, Resolutions, canonicalize
from invocation_spec.findings import FINDINGS_MAX

_IMAGE = "ubuntu@sha256:" + 64 * "a"
_DIGEST = "sha256:" + 64 * "b"


def job(image: str = _IMAGE, **more: object) -> bytes:
    engine = {"Type": "docker", "Params": {"Image": image, "Entrypoint": ["a"]}}
    task = {"Engine": engine, "Network": {"Type": "None"}}
    return json.dumps({"Tasks": [task], **more}).encode()


def tags(count: int) -> Resolutions:
    return Resolutions.of({f"oci:x/y:{index}": _DIGEST for index in range(count)})


def test_forms_of_one_network_are_not_told_apart_by_naming_it() -> None:
    both = {"APIVersion": "V1beta1", "Spec": {"Engine": "Docker"}}
    document = json.dumps({**both, **json.loads(job())}).encode()
    for network in (None, "bacalhau"):
        with pytest.raises(DocumentError, match="keep the fields of one"):
            canonicalize(document, network=network)


def test_forms_of_two_networks_are_told_apart_by_naming_one() -> None:
    both = {"rsc": "ipfs://x", "op": "wasm/run", "with": "ipfs://x", "do": "a"}
    document = json.dumps({**both, "exeScript": []}).encode()
    with pytest.raises(DocumentError, match="say which network it is for"):
        canonicalize(document)


def test_resolutions_that_nothing_needs_are_findings_too() -> None:
    (found,) = canonicalize(job(), tags(FINDINGS_MAX - 1))
    assert found.findings_count == FINDINGS_MAX
    with pytest.raises(DocumentError, match=r"100001 findings, 100000 of them"):
        canonicalize(job(), tags(FINDINGS_MAX))


def test_resolutions_that_nothing_needs_are_told_once_for_all_partitions() -> None:
    given = tags(2000)
    tracemalloc.start()
    try:
        found = canonicalize(job(Count=1000), given)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    counts = [outcome.findings_count for outcome in found]
    assert counts == [2001, *[1] * 999]
