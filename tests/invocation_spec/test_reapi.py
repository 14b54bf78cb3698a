"""Actions: messages, and trees that are larger than what says them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import (
    CID,
    DocumentError,
    EncodingError,
    Outcome,
    Resolutions,
    canonicalize,
)
from invocation_spec.adapters.reapi_digest import Digest
from invocation_spec.protobuf import MESSAGES, decode, decode_lenient, encode

HEX = "ab" * 32
IMAGE = f"docker://example/tool@sha256:{HEX}"
BARE = {
    f"oci:docker.io/example/tool@sha256:{HEX}": {
        "digest": f"sha256:{HEX}",
        "entrypoint": [],
    }
}


def named(data: bytes) -> dict[str, Any]:
    digest = Digest.of(data, "sha256")
    return {"hash": digest.hash, "size_bytes": digest.size_bytes}


def directory(**entries: Any) -> bytes:
    return encode("Directory", entries)


def document(*directories: bytes, **run: Any) -> bytes:
    """The first directory is the root."""
    command = encode("Command", {"arguments": ["/bin/true"], **run})
    platform = {"properties": [{"name": "container-image", "value": IMAGE}]}
    fields = {
        "command_digest": named(command),
        "input_root_digest": named(directories[0]),
        "platform": platform,
    }
    blobs = [base64.b64encode(each).decode() for each in directories]
    return json.dumps(
        {
            "action": base64.b64encode(encode("Action", fields)).decode(),
            "command": base64.b64encode(command).decode(),
            "directories": blobs,
        }
    ).encode()


def read(data: bytes) -> Outcome:
    (outcome,) = canonicalize(data, Resolutions.of(BARE))
    return outcome


@pytest.mark.slow
def test_a_merkle_bomb_is_refused_before_it_is_walked() -> None:
    bomb = [directory(files=[{"name": "a", "digest": named(b"a")}])]
    for _ in range(60):
        names = [{"name": name, "digest": named(bomb[-1])} for name in "xy"]
        bomb.append(directory(directories=names))
    start = time.process_time()
    with pytest.raises(DocumentError, match="more than 65536 entries"):
        read(document(*reversed(bomb)))
    assert time.process_time() - start < 1


@pytest.mark.slow
def test_a_tree_of_many_files_is_read_in_time_of_its_size() -> None:
    names = [f"file-{number:05}" for number in range(10_000)]
    files = [{"name": name, "digest": named(name.encode())} for name in names]
    outcome = read(document(directory(files=files)))
    assert outcome.input is not None
    assert outcome.input.files["/input-root/file-00007"] == CID.of_bytes(b"file-00007")
    assert len(outcome.input.files) == 10_000


def test_no_directory_names_itself() -> None:
    """It would have to hold its own hash; one that tries names another."""
    inner = directory(directories=[{"name": "a", "digest": named(b"not yet known")}])
    outer = directory(directories=[{"name": "a", "digest": named(inner)}])
    outcome = read(document(outer, inner))
    assert [item.kind for item in outcome.unresolved] == ["missing-directory"]


SCALARS = {
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    "bytes": st.binary(max_size=4),
    "bool": st.booleans(),
    "int32": st.integers(-(1 << 31), (1 << 31) - 1),
    "uint32": st.integers(0, (1 << 32) - 1),
    "int64": st.integers(-(1 << 63), (1 << 63) - 1),
}


def values(kind: str) -> st.SearchStrategy[Any]:
    plain = kind.strip("[]")
    item = SCALARS[plain] if plain in SCALARS else messages(plain)
    if kind != plain:
        return st.lists(item, max_size=2)
    return item if plain in SCALARS else st.none() | item


def messages(name: str) -> st.SearchStrategy[dict[str, Any]]:
    fields = {field: values(kind) for field, (_, kind) in MESSAGES[name].items()}
    return st.deferred(lambda: st.fixed_dictionaries(fields))


CASES = st.sampled_from(sorted(MESSAGES)).flatmap(
    lambda name: st.tuples(st.just(name), messages(name))
)


@given(CASES)
def test_what_is_written_is_read_as_the_same_properties(
    case: tuple[str, dict[str, Any]],
) -> None:
    name, value = case
    data = encode(name, value)
    assert decode(name, data) == value
    assert decode_lenient(name, data + b"\xfa\x7f\x00") == value  # field 2047
    with pytest.raises(EncodingError):
        decode(name, data + b"\xfa\x7f\x00")


@given(CASES, st.data())
def test_a_bit_more_is_another_message_or_none_properties(
    case: tuple[str, dict[str, Any]], drawn: st.DataObject
) -> None:
    name, value = case
    data = bytearray(encode(name, value))
    if not data:
        return
    at = drawn.draw(st.integers(0, 8 * len(data) - 1))
    data[at // 8] ^= 1 << at % 8
    try:
        found = decode(name, bytes(data))
    except EncodingError:
        return
    assert found != value
    assert encode(name, found) == data


@pytest.mark.parametrize(
    "value", [{"name": "a"}, {"arguments": [1]}, {"platform": {"arguments": []}}]
)
def test_what_is_no_message_is_not_written(value: dict[str, Any]) -> None:
    with pytest.raises(EncodingError, match="no Command"):
        encode("Command", value)
