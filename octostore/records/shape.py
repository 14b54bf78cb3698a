"""What records are made of: which characters, how long, in which order.

Every `check_` function takes the value and `at`, a JSON pointer to it, and
raises `RecordError`. Source: FORMATS 6; docs/spec/records.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, Final

from invocation_spec import dagcbor
from invocation_spec.cid import CID, DAG_CBOR, SHA2_256
from invocation_spec.dagcbor import Ipld
from octostore.errors import RecordError

__all__ = [
    "INTEGER_MAX",
    "LABEL_BYTES_MAX",
    "NETWORK_BYTES_MAX",
    "TEXT_BYTES_MAX",
    "URL_BYTES_MAX",
    "URL_SCHEMES",
    "RecordBase",
    "check_block_link",
    "check_count",
    "check_integer",
    "check_label",
    "check_network",
    "check_platform",
    "check_sorted",
    "check_text",
    "check_url",
    "check_value",
    "present",
]

#: Largest integer of a record: every JSON reader keeps it exactly.
INTEGER_MAX: Final = 2**53 - 1

#: A line that a table shows: names, executors, jobs.
LABEL_BYTES_MAX: Final = 512

#: Words for people: messages, reasons; and values in a network's own tongue.
TEXT_BYTES_MAX: Final = 4096

#: What browsers, proxies and gateways all carry.
URL_BYTES_MAX: Final = 2048

#: Network and instance are columns of tables and parts of queries: short words.
NETWORK_BYTES_MAX: Final = 64

#: Schemes a reader may fetch from; closed, because pages make links of them and
#: `javascript:` is a scheme too.
URL_SCHEMES: Final = ("ftp", "gftp", "http", "https", "ipfs", "s3")

_WORD: Final = r"[a-z0-9]+(?:[-._][a-z0-9]+)*"
_NETWORK: Final = re.compile(rf"[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?::{_WORD})?")
_PLATFORM: Final = re.compile(rf"{_WORD}/{_WORD}(?:/{_WORD})?")
# RFC 3986 without user information: a secret, once signed, cannot be unsaid.
_URL: Final = re.compile(
    rf"(?:{'|'.join(URL_SCHEMES)})://[A-Za-z0-9\-._~%:\[\]]+"
    r"(?:[/?#][A-Za-z0-9\-._~%:/?#\[\]@!$&'()*+,;=]*)?"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class RecordBase:
    """What all records share: a type, a block and its CID."""

    __slots__ = ()

    type: ClassVar[str]

    def to_ipld(self) -> Ipld:
        """The value as it is encoded; what is absent or empty is left out."""
        raise NotImplementedError

    def links(self) -> tuple[CID, ...]:
        """The blocks that must be there before this record counts."""
        return ()

    @property
    def block(self) -> bytes:
        """Its one encoding.

        Raises:
            EncodingError: it is larger than a block may be.
        """
        return dagcbor.encode(self.to_ipld())

    @property
    def cid(self) -> CID:
        """The CID of its block."""
        return CID.of_block(self.block)


def check_block_link(cid: CID, at: str) -> None:
    """A link to a block of ours: dag-cbor, sha2-256."""
    if cid.codec != DAG_CBOR or cid.hash_code != SHA2_256:
        raise RecordError(
            f"{cid} is not dag-cbor with sha2-256, as our blocks are", at=at
        )


def check_integer(value: int, at: str, *, least: int = 0) -> None:
    """An integer that every reader keeps; Unix seconds are such."""
    if not least <= value <= INTEGER_MAX:
        raise RecordError(f"{value}; expected {least} to {INTEGER_MAX}", at=at)


def check_text(text: str, at: str, *, most: int = TEXT_BYTES_MAX) -> None:
    """Words for people: not empty, no NUL, lines and tabs allowed."""
    _check_length(text, most, at)
    if "\0" in text:
        raise RecordError("holds a NUL character", at=at)


def check_value(text: object, at: str) -> None:
    """Text in another's tongue, as it came: may be empty, no NUL."""
    if not isinstance(text, str):
        raise RecordError("expected text", at=at)
    if text:
        check_text(text, at)


def check_label(text: str, at: str) -> None:
    """One line: not empty, no control characters, so that it fits a table."""
    _check_length(text, LABEL_BYTES_MAX, at)
    if found := _CONTROL.search(text):
        raise RecordError(f"holds the control character {found[0]!r}", at=at)


def check_network(text: str, at: str) -> None:
    """`bacalhau`, `golem:polygon`: a lower-case name and perhaps an instance."""
    _check_length(text, NETWORK_BYTES_MAX, at)
    if not _NETWORK.fullmatch(text):
        raise RecordError(f"{text!r}; expected a network like 'golem:polygon'", at=at)


def check_platform(text: str, at: str) -> None:
    """`linux/arm64/v8`, `wasip1/wasm`: as OCI names platforms."""
    _check_length(text, LABEL_BYTES_MAX, at)
    if not _PLATFORM.fullmatch(text):
        raise RecordError(f"{text[:80]!r}; expected one like 'linux/amd64'", at=at)


def check_url(text: str, at: str) -> None:
    """An absolute URL of a known scheme, without user information."""
    _check_length(text, URL_BYTES_MAX, at)
    if not _URL.fullmatch(text):
        raise RecordError(
            f"{text[:80]!r}; expected {', '.join(URL_SCHEMES)}://host/..,"
            " percent-encoded and without user information",
            at=at,
        )


def check_count(items: Collection[object], most: int, at: str) -> None:
    """At most so many."""
    if len(items) > most:
        raise RecordError(f"{len(items)} items; expected at most {most}", at=at)


def check_sorted(items: Sequence[str] | Sequence[CID], at: str) -> None:
    """A set: in ascending order of the bytes, each once."""
    for before, after in pairwise(items):
        if not before < after:  # type: ignore[operator] # both of one kind
            raise RecordError(
                f"{str(after)[:80]!r} comes after {str(before)[:80]!r};"
                " expected ascending order, each once",
                at=at,
            )


def present(fields: Mapping[str, object]) -> dict[str, Ipld]:
    """The fields that say something, as plain IPLD; `None` and empty ones go."""
    return {
        name: _plain(value)
        for name, value in fields.items()
        if value is not None and value != () and value != {}
    }


def _plain(value: object) -> Ipld:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value  # type: ignore[return-value] # what records hold is IPLD


def _check_length(text: str, most: int, at: str) -> None:
    if not text:
        raise RecordError("empty; say something or leave the field out", at=at)
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise RecordError("holds half a surrogate pair", at=at) from error
    if size > most:
        raise RecordError(f"{size} bytes; expected at most {most}", at=at)
