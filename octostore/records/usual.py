"""Claims as they usually are, read without making a value of each field.

    {"type": "claim", "network": .., "invocation": .., "result": ..,
     "executor"?, "job"?, "platform"?, "started"?, "finished"?}

Nearly all claims are of this form, and a store reads each of them. What is read
here is valid by `Claim`; of all else nothing is said, and `parse_record` decides.
tests/octostore/test_records.py holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from invocation_spec.cid import DAG_CBOR, SHA2_256
from invocation_spec.dagcbor import Link, peek
from octostore.errors import RecordError
from octostore.records import shape

__all__ = ["USUAL_BYTES_MAX", "UsualClaim", "usual_claim"]

#: Such claims have some 300 bytes; the labels may be long.
USUAL_BYTES_MAX: Final = 2048

#: Networks and platforms that stay checked; there are dozens.
_WORDS_CACHED: Final = 1024

_OURS: Final = bytes((1, DAG_CBOR, SHA2_256, 32))
_OUR_BYTES: Final = len(_OURS) + 32

_NEEDED: Final = 4  # type, network, invocation, result


class UsualClaim(NamedTuple):
    """What a usual claim speaks of, as digests; nothing is withheld."""

    invocation: bytes
    result: bytes


def usual_claim(block: bytes) -> UsualClaim | None:
    """The claim whose one encoding this is; None if it is not a usual one."""
    if len(block) > USUAL_BYTES_MAX:
        return None
    value = peek(block)
    if type(value) is not dict:
        return None
    find = value.get
    invocation, result = find("invocation"), find("result")
    if (
        find("type") != "claim"
        or type(invocation) is not Link
        or type(result) is not Link
        or len(invocation) != _OUR_BYTES
        or len(result) != _OUR_BYTES
        or not invocation.startswith(_OURS)
        or not result.startswith(_OURS)
    ):
        return None
    if len(value) != _NEEDED + _usual_fields(value) or not _is_network(find("network")):
        return None
    return UsualClaim(invocation[4:], result[4:])


def _usual_fields(value: dict[str, object]) -> int:
    """How many of the fields that may be left out are there, and as they should be."""
    count = 0
    for name in ("executor", "job"):
        if name in value:
            label = value[name]
            # A part of what labels may be: in ASCII a character is a byte.
            if (
                type(label) is not str
                or not 0 < len(label) <= shape.LABEL_BYTES_MAX
                or not label.isascii()
                or not label.isprintable()
            ):
                return -1
            count += 1
    for name in ("started", "finished"):
        if name in value:
            time = value[name]
            if type(time) is not int or not 0 <= time <= shape.INTEGER_MAX:
                return -1
            count += 1
    if "platform" in value:
        if not _is_platform(value["platform"]):
            return -1
        count += 1
    return count


def _is_network(text: object) -> bool:
    return type(text) is str and _is_known_network(text)


def _is_platform(text: object) -> bool:
    return type(text) is str and _is_known_platform(text)


@lru_cache(_WORDS_CACHED)
def _is_known_network(text: str) -> bool:
    return _holds(shape.check_network, text)


@lru_cache(_WORDS_CACHED)
def _is_known_platform(text: str) -> bool:
    return _holds(shape.check_platform, text)


def _holds(check: Callable[[str, str], None], text: str) -> bool:
    try:
        check(text, "/")
    except RecordError:
        return False
    return True
