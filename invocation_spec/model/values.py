"""What all values of the model share: a block, and reading one strictly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar, cast

from invocation_spec import dagcbor
from invocation_spec.cid import CID, DAG_CBOR, SHA2_256
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError

__all__ = [
    "ITEMS_MAX",
    "TEXT_BYTES_MAX",
    "Block",
    "Value",
    "bytes_of",
    "check_block_link",
    "check_count",
    "check_fields",
    "check_text",
    "items",
    "link",
    "mapping",
    "same_block",
    "strings",
    "text",
    "texts",
]

#: Entries of any one list or map; a block of 1 MiB holds few more.
ITEMS_MAX: Final = 65_536

#: Longest single string in bytes; shell scripts inside argv can be long.
TEXT_BYTES_MAX: Final = 262_144


class Block(Protocol):
    """A value with one encoding."""

    @property
    def block(self) -> bytes:
        """Its DAG-CBOR bytes."""
        ...

    @property
    def cid(self) -> CID:
        """The CID of those bytes."""
        ...


class Value:
    """What all values here share: a block is `to_ipld` encoded, once."""

    __slots__ = ("_block", "_cid")

    _block: bytes
    _cid: CID

    def to_ipld(self) -> Ipld:
        """The value as IPLD, defaults left out."""
        raise NotImplementedError

    @property
    def block(self) -> bytes:
        """The one DAG-CBOR encoding of this value."""
        try:
            return self._block
        except AttributeError:
            block = dagcbor.encode(self.to_ipld(), floats=True)
            object.__setattr__(self, "_block", block)
            return block

    @property
    def cid(self) -> CID:
        """CIDv1, dag-cbor, sha2-256, of `block`."""
        try:
            return self._cid
        except AttributeError:
            cid = CID.of_block(self.block)
            object.__setattr__(self, "_cid", cid)
            return cid


_B = TypeVar("_B", bound=Block)
_T = TypeVar("_T")


def same_block(value: _B, block: bytes) -> _B:
    """The value, if `block` is the one encoding of it."""
    if value.block != block:
        raise EncodingError(
            "not what the encoder writes: an explicit default or another order"
        )
    return value


def mapping(value: Ipld, what: str) -> Mapping[str, Ipld]:
    """The map that a value must be."""
    if not isinstance(value, Mapping):
        raise EncodingError(f"{what} is a map; found {type(value).__name__}")
    return value


def check_fields(value: Mapping[str, Ipld], known: set[str], what: str) -> None:
    """Refuse fields that the shape does not have."""
    unknown = sorted(set(value) - known)
    if unknown:
        raise EncodingError(f"{what} has no field {', '.join(unknown)}")


def link(value: Mapping[str, Ipld], name: str) -> CID:
    """The link that a field must be."""
    found = value.get(name)
    if not isinstance(found, CID):
        raise EncodingError(f"{name} is a link; found {type(found).__name__}")
    return found


def text(value: Mapping[str, Ipld], name: str, default: _T) -> str | _T:
    """The string that a field must be, or its default."""
    if name not in value:
        return default
    found = value[name]
    if not isinstance(found, str):
        raise EncodingError(f"{name} is a string; found {type(found).__name__}")
    return found


def check_block_link(cid: CID, what: str) -> None:
    """Refuse a link to anything but a block of ours: dag-cbor, sha2-256."""
    if cid.codec != DAG_CBOR or cid.hash_code != SHA2_256:
        raise EncodingError(
            f"{what} is {cid}; expected dag-cbor with sha2-256, as our blocks are"
        )


def bytes_of(value: Mapping[str, Ipld], name: str) -> bytes:
    """The bytes that a field must be; none if it is absent."""
    found = value.get(name, b"")
    if not isinstance(found, bytes):
        raise EncodingError(f"{name} is bytes; found {type(found).__name__}")
    return found


def items(value: Mapping[str, Ipld], name: str) -> tuple[Ipld, ...]:
    """The list that a field must be; empty if it is absent."""
    found = value.get(name, [])
    if not isinstance(found, list):
        raise EncodingError(f"{name} is a list; found {type(found).__name__}")
    return tuple(found)


def strings(value: Mapping[str, Ipld], name: str) -> tuple[str, ...]:
    """The list of strings that a field must be; empty if it is absent."""
    return texts(cast("tuple[str, ...]", items(value, name)), name)


def check_text(text: str, what: str, *, empty: bool = True) -> None:
    """Refuse what is no string, too long, or holds NUL or a lone surrogate."""
    if not isinstance(text, str):  # decoded blocks come here unchecked
        raise EncodingError(f"{what} is a string; found {type(text).__name__}")
    if not text and not empty:
        raise EncodingError(f"{what} is empty")
    if "\0" in text:
        raise EncodingError(f"{what} holds a NUL character")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise EncodingError(f"{what} holds a lone surrogate") from error
    if size > TEXT_BYTES_MAX:
        raise EncodingError(f"{what} of {size} bytes; at most {TEXT_BYTES_MAX}")


def check_count(items: Sequence[object] | Mapping[str, object], what: str) -> None:
    """Refuse more entries than any list or map may have."""
    if len(items) > ITEMS_MAX:
        raise EncodingError(f"{len(items)} {what}; at most {ITEMS_MAX}")


def texts(items: Iterable[str], what: str) -> tuple[str, ...]:
    """A list of strings, each checked."""
    texts = tuple(items)
    check_count(texts, what)
    for text in texts:
        check_text(text, f"an element of {what}")
    return texts
