"""DAG-CBOR, strictly: one value, one encoding.

Encodes and decodes with cbrrr, which is strict on form; here are added what it
leaves out: our CID profile, limits of size and depth, -0.0, and integers below
-2^63. The slower `dag_cbor` words the refusals, because it knows where in the
bytes it stopped. Source: the IPLD DAG-CBOR specification; FORMATS 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, cast

import cbrrr

from invocation_spec.cid import CID
from invocation_spec.errors import CidError, EncodingError

__all__ = [
    "BLOCK_BYTES_MAX",
    "DEPTH_MAX",
    "INT_MAX",
    "INT_MIN",
    "Ipld",
    "Link",
    "decode",
    "encode",
    "peek",
]

#: A block travels whole; IPFS peers and gateways carry at most about 1 MiB.
BLOCK_BYTES_MAX = 1 << 20

#: Deepest nesting of a block; workflows of real networks stay below 20.
DEPTH_MAX = 128

#: Longest wording of a refusal, in characters: a line of a terminal or three.
_WORDS_MAX = 300

INT_MIN = -(2**63)
INT_MAX = 2**64 - 1

_Scalar: TypeAlias = bool | int | float | str | bytes | CID | None
Ipld: TypeAlias = "_Scalar | Sequence[Ipld] | Mapping[str, Ipld]"

#: What stands in any block as it is, wherever it is.
_PLAIN = frozenset((str, bytes, CID, bool, type(None)))


class Link(bytes):
    """The bytes of a link that nobody has looked at; what `peek` gives for one."""


def encode(
    value: Ipld, *, floats: bool = False, bytes_max: int = BLOCK_BYTES_MAX
) -> bytes:
    """The one encoding of `value`; floats (float64) only where a form allows them.

    Raises:
        EncodingError: a value that DAG-CBOR or our profile cannot hold.
    """
    _check(value, floats=floats)
    try:
        block = cbrrr.encode_dag_cbor(cast("cbrrr.DagCborTypes", value), cid_type=CID)
    except (TypeError, ValueError, UnicodeError, OverflowError) as error:
        raise EncodingError(f"cannot be written as DAG-CBOR: {error}") from error
    if len(block) > bytes_max:
        raise EncodingError(f"{len(block)} bytes; a block has at most {bytes_max}")
    return block


def decode(
    block: bytes, *, floats: bool = False, bytes_max: int = BLOCK_BYTES_MAX
) -> Ipld:
    """The value whose one encoding `block` is; CIDs come out as `CID`.

    Raises:
        EncodingError: too large, too deep, trailing bytes, any other spelling of
            a value than the canonical one, a CID or a float that is not allowed.
    """
    if len(block) > bytes_max:
        raise EncodingError(f"{len(block)} bytes; a block has at most {bytes_max}")
    try:
        value = cast("Ipld", cbrrr.decode_dag_cbor(block, cid_ctor=_canonical_cid))
    except CidError as error:
        raise EncodingError(f"a link is no CID: {error.reason}") from error
    except (ValueError, TypeError, UnicodeError, OverflowError) as error:
        raise EncodingError(f"not DAG-CBOR: {_explained(block, error)}") from error
    _check(value, floats=floats)
    return value


def peek(block: bytes) -> object:
    """The value without limits and with links unread; None if it is not canonical.

    For whoever looks at every field himself and has `decode` for all that is odd.
    """
    try:
        return cbrrr.decode_dag_cbor(block, cid_ctor=cast("type[CID]", Link))
    except (ValueError, TypeError, UnicodeError, OverflowError):
        return None


def _canonical_cid(raw: bytes) -> CID:
    # Never `CID.from_bytes`: inside a block a CIDv0 or identity CID would be a
    # second encoding of a value that has one already.
    return CID(raw)


def _check(value: Ipld, *, floats: bool) -> None:
    """Walk without recursion, so that depth is a limit and never a crash."""
    stack: list[tuple[Ipld, int]] = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, int):
            if not INT_MIN <= item <= INT_MAX:
                raise EncodingError(f"integer {item} is outside -2^63 .. 2^64-1")
        elif isinstance(item, float):
            _check_float(item, floats=floats)
        elif type(item) in _PLAIN:
            continue
        elif depth > DEPTH_MAX:
            raise EncodingError(f"nested deeper than {DEPTH_MAX} levels")
        else:
            children = item.values() if isinstance(item, dict) else _children(item)
            stack += [
                (child, depth + 1) for child in children if type(child) not in _PLAIN
            ]


def _children(item: Ipld) -> Iterable[Ipld]:
    if isinstance(item, list | tuple):
        return item
    return item.values() if isinstance(item, Mapping) else ()


def _check_float(value: float, *, floats: bool) -> None:
    if not floats:
        raise EncodingError(f"float {value!r} where no float is allowed")
    if not math.isfinite(value):
        raise EncodingError(f"{value!r} has no place in DAG-CBOR")
    if value == 0 and math.copysign(1, value) < 0:
        raise EncodingError("-0.0 is refused: it equals 0.0 and is written otherwise")


def _explained(block: bytes, error: Exception) -> str:
    import dag_cbor  # pure Python: only for the wording of a refusal

    head = block[:4096]
    if len(head) < len(block):
        return str(error)
    try:
        dag_cbor.decode(head)
    except RecursionError:
        return "nested too deeply"
    except Exception as reference:  # noqa: BLE001 - any wording is better than none
        # It tells every level above the fault; where in the bytes is enough.
        said = " ".join(str(reference).split()).rpartition(
            " further details below. \\ "
        )
        return (
            said[2] if len(said[2]) <= _WORDS_MAX else said[2][: _WORDS_MAX - 3] + "..."
        )
    return str(error)
