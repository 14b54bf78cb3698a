"""Blocks as they usually are, read without making a value of each field.

    claim    {type, network, invocation, result, executor?, job?, platform?,
              started?, finished?}
    input    {args | argv?, files?}         texts and links only
    result   {outputs: {one path?, stdout?}, exit?}

Nearly all blocks are of these forms, and a store reads each of them. What is read
here is valid by `Claim`, `Input` and `Result`; of all else nothing is said, and
those decide. tests/octostore/test_usual.py holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from invocation_spec.cid import CID, DAG_CBOR, RAW, SHA2_256
from invocation_spec.dagcbor import Link, peek
from invocation_spec.paths import is_clean
from octostore.errors import RecordError
from octostore.records import Claim, shape
from octostore.records.claim import checked_claim
from octostore.result import EXIT_MAX, STDOUT

__all__ = [
    "Given",
    "UsualClaim",
    "read_claim",
    "usual_claim",
    "usual_input",
    "usual_result",
]

#: Such blocks have some 300 bytes; labels and paths may be long.
_USUAL_BYTES_MAX: Final = 2048

#: Networks and platforms that stay checked; there are dozens.
_WORDS_CACHED: Final = 1024

_OURS: Final = bytes((1, DAG_CBOR, SHA2_256, 32))
_COMMON: Final = (_OURS, bytes((1, RAW, SHA2_256, 32)))
_DIGEST_AT: Final = len(_OURS)
_CID_BYTES: Final = _DIGEST_AT + 32

_CLAIM_NEEDS: Final = 4  # type, network, invocation, result


class UsualClaim(NamedTuple):
    """What a usual claim speaks of, as digests; nothing is withheld."""

    invocation: bytes
    result: bytes


class Given(NamedTuple):
    """What an index needs of an input: names of its fields, data CIDs, each once."""

    fields: frozenset[str]
    data: tuple[bytes, ...]
    is_usual: bool


def usual_claim(block: bytes) -> UsualClaim | None:
    """What a claim speaks of whose one encoding this is; None if it is not usual."""
    value = _usual_fields(block)
    if value is None:
        return None
    return UsualClaim(value["invocation"][_DIGEST_AT:], value["result"][_DIGEST_AT:])


def read_claim(block: bytes) -> Claim | None:
    """The claim whose one encoding this is; None if it is no usual one."""
    value = _usual_fields(block)
    if value is None:
        return None
    find = value.get
    return checked_claim(
        CID.of_block_digest(value["invocation"][_DIGEST_AT:]),
        value["network"],
        CID.of_block_digest(value["result"][_DIGEST_AT:]),
        find("executor"),
        find("job"),
        find("platform"),
        find("started"),
        find("finished"),
    )


def _usual_fields(block: bytes) -> dict[str, Any] | None:
    """The fields of a usual claim, each held to the rules of `Claim`."""
    value = peek(block) if len(block) <= _USUAL_BYTES_MAX else None
    if type(value) is not dict or value.get("type") != "claim":
        return None
    find = value.get
    invocation, result, network = find("invocation"), find("result"), find("network")
    if (
        type(invocation) is not Link
        or type(result) is not Link
        or len(invocation) != _CID_BYTES
        or len(result) != _CID_BYTES
        or invocation[:_DIGEST_AT] != _OURS
        or result[:_DIGEST_AT] != _OURS
        or type(network) is not str
        or not _is_network(network)
    ):
        return None
    count = _CLAIM_NEEDS + _usual_labels(find("executor"), find("job"))
    count += _usual_run(find("platform"), find("started"), find("finished"))
    # Whatever was not counted is another field, null, or not as it should be.
    return value if len(value) == count else None


def usual_input(block: bytes) -> Given | None:
    """The input whose one encoding this is; None if it is not a usual one."""
    value = peek(block) if len(block) <= _USUAL_BYTES_MAX else None
    if type(value) is not dict or not value.keys() <= {"args", "argv", "files"}:
        return None
    if "args" in value and "argv" in value:
        return None
    data: tuple[bytes, ...] = ()
    for name, item in value.items():
        if name == "files":
            if not _are_files(item):
                return None
            data = tuple(dict.fromkeys(item.values()))
        elif not _are_texts(item):
            return None
    return Given(frozenset(value), data, is_usual=True)


def usual_result(block: bytes) -> tuple[bytes, ...] | None:
    """The outputs, as CIDs in bytes, of a usual result; None for any other block."""
    value = peek(block) if len(block) <= _USUAL_BYTES_MAX else None
    if type(value) is not dict or not value.keys() <= {"outputs", "exit"}:
        return None
    status, outputs = value.get("exit", 0), value.get("outputs")
    if type(status) is not int or not 0 <= status <= EXIT_MAX:
        return None
    # More than one path could lie in each other.
    if type(outputs) is not dict or not 0 < len(outputs) <= 1 + (STDOUT in outputs):
        return None
    for name, link in outputs.items():
        if name != STDOUT and (name == "/" or not is_clean(name)):
            return None
        if not _is_common(link):
            return None
    return tuple(outputs.values())


def _usual_labels(executor: object, job: object) -> int:
    """How many of these are there and as labels usually are.

    A part of what they may be: in ASCII a character is a byte.
    """
    count = 0
    if type(executor) is str and executor.isascii() and executor.isprintable():
        count += 0 < len(executor) <= shape.LABEL_BYTES_MAX
    if type(job) is str and job.isascii() and job.isprintable():
        count += 0 < len(job) <= shape.LABEL_BYTES_MAX
    return count


def _usual_run(platform: object, started: object, finished: object) -> int:
    """How many of these are there and as they should be."""
    count = 0
    if type(platform) is str and _is_platform(platform):
        count += 1
    if type(started) is int and 0 <= started <= shape.INTEGER_MAX:
        count += 1
    if type(finished) is int and 0 <= finished <= shape.INTEGER_MAX:
        count += 1
    return count


def _are_files(item: object) -> bool:
    return (
        type(item) is dict
        and len(item) > 0
        and all(
            path != "/" and is_clean(path) and _is_common(link)
            for path, link in item.items()
        )
    )


def _are_texts(item: object) -> bool:
    return (
        type(item) is list
        and len(item) > 0
        and all(type(text) is str and "\0" not in text for text in item)
    )


def _is_common(link: object) -> bool:
    return type(link) is Link and len(link) == _CID_BYTES and link.startswith(_COMMON)


@lru_cache(_WORDS_CACHED)
def _is_network(text: str) -> bool:
    return _holds(shape.check_network, text)


@lru_cache(_WORDS_CACHED)
def _is_platform(text: str) -> bool:
    return _holds(shape.check_platform, text)


def _holds(check: Callable[[str, str], None], text: str) -> bool:
    try:
        check(text, "/")
    except RecordError:
        return False
    return True
