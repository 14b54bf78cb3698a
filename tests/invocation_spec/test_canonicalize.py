"""What is said of a document as a whole: which form it has, how much is told of it."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from invocation_spec import CID, DocumentError, Resolutions, canonicalize
from invocation_spec.findings import FINDINGS_MAX
from invocation_spec.model import ITEMS_MAX, TEXT_BYTES_MAX

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


_LONG = "x" * (TEXT_BYTES_MAX + 1)
_URL = "https://example.org/a.csv"
_MISSING = {"Target": "/in", "Source": {"Type": "urlDownload", "Params": {"URL": _URL}}}


@pytest.mark.parametrize(
    ("params", "task"),
    [
        ({}, {"Env": {"A": _LONG}}),
        ({}, {"Env": {_LONG: "1"}}),
        ({"EnvironmentVariables": [f"A={_LONG}x"]}, {}),
        ({"Parameters": [_LONG]}, {}),
        ({"Parameters": ["x"] * (ITEMS_MAX + 1)}, {}),
        ({"Parameters": ["x" * TEXT_BYTES_MAX] * 5}, {}),
        ({"Image": "ubuntu", "Entrypoint": None, "Parameters": [_LONG]}, {}),
    ],
)
def test_what_no_block_can_hold_is_refused_before_all_is_resolved(
    params: dict[str, object], task: dict[str, object]
) -> None:
    whole = {"Image": _IMAGE, "Entrypoint": ["a"], **params}
    engine = {"Type": "docker", "Params": whole}
    document = {"Tasks": [{"Engine": engine, "InputSources": [_MISSING], **task}]}
    data = json.dumps(document).encode()
    given = Resolutions.of({_URL: str(CID.of_bytes(b"")), "oci:ubuntu": _DIGEST})
    for resolutions in (None, given):
        with pytest.raises(DocumentError, match="at most"):
            canonicalize(data, resolutions)


@pytest.mark.parametrize("typed", [True, False])
def test_a_text_too_long_is_refused_before_the_code_is_known(typed: bool) -> None:
    call = {"rsc": _URL, "op": "wasm/run", "input": {"func": _LONG, "args": []}}
    command = {
        "with": _URL,
        "do": "wasm32-wasi/run",
        "inputs": {"entrypoint": "_start", "parameters": [_LONG]},
    }
    with pytest.raises(DocumentError, match="at most"):
        canonicalize(json.dumps(call if typed else {"t": command}).encode())


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
