"""What a server says in JSON, read into values; nothing of it is believed yet."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from invocation_spec.cid import CID
from invocation_spec.errors import CidError, OctostoreError
from octostore.log import INDEX_MAX, Checkpoint
from octostore.receipt import Quarantined, Receipt, Skipped
from octostore.tlog.merkle import HASH_BYTES

__all__ = [
    "RemoteError",
    "TooLargeError",
    "checkpoint_of",
    "closed",
    "integer",
    "reading",
    "receipt_of",
]

_Json: TypeAlias = Mapping[str, Any]


class RemoteError(OctostoreError):
    """A server that cannot be reached, refuses, or talks of something else.

    `at` is its URL, or where in the request the server sees the fault.
    """

    code = "remote"


class TooLargeError(RemoteError):
    """An answer that is larger than it may be; asking again does not help."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn every way in which JSON can be of another shape into one error.

    Raises:
        RemoteError: it is not `what`.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RemoteError(
            f"{what} is not of the shape expected; is this an Octostore?"
        ) from error


def checkpoint_of(value: _Json) -> Checkpoint:
    """The checkpoint that `Checkpoint.to_json` wrote, and nothing else."""
    closed(value, {"size", "root"})
    root = base64.b64decode(value["root"], validate=True)
    if len(root) != HASH_BYTES:
        raise ValueError(f"a root of {len(root)} bytes; expected {HASH_BYTES}")
    return Checkpoint(integer(value["size"], INDEX_MAX + 1), root)


def integer(value: object, end: int) -> int:
    """An integer of 0 .. `end`, and no other kind of number."""
    if type(value) is not int or not 0 <= value <= end:
        raise ValueError(f"{value!r} is no integer of 0 .. {end}")
    return value


def closed(value: _Json, names: Collection[str]) -> None:
    """Refuse members that nobody here knows, and so would not check."""
    unknown = sorted(value.keys() - set(names))
    if unknown:
        raise ValueError(f"unknown member {unknown[0]!r}")


def receipt_of(value: _Json) -> Receipt:
    """The receipt that `Receipt.to_json` wrote.

    Raises:
        RemoteError: it is none.
    """
    with reading("the receipt"):
        try:
            return _receipt(value)
        except CidError as error:
            raise ValueError(error.reason) from error


def _receipt(value: _Json) -> Receipt:
    return Receipt(
        accepted=_cids(value["accepted"]),
        known=_cids(value["known"]),
        pending=_cids(value["pending"]),
        quarantined=tuple(
            Quarantined(CID.parse(item["cid"]), str(item["reason"]))
            for item in value["quarantined"]
        ),
        skipped=tuple(
            Skipped(CID.parse(item["record"]), str(item["reason"]))
            for item in value["skipped"]
        ),
        checkpoint=checkpoint_of(value["checkpoint"]),
        malformed=value.get("malformed"),
    )


def _cids(values: Sequence[str]) -> tuple[CID, ...]:
    return tuple(CID.parse(text) for text in values)
