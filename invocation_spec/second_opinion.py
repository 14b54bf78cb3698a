"""What the reference codec says of a block that our codec takes.

The fast codec decides; this one, slow and written by others, must never see
another value in the same bytes, nor write them otherwise. Source: ADR 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dag_cbor
from multiformats.multicodec.err import MulticodecKeyError

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError

__all__ = ["disagreement"]


def disagreement(block: bytes) -> str | None:
    """How the reference codec differs from ours about these bytes; None if not.

    What our codec refuses is no block of ours, so there is nothing to compare.
    """
    try:
        ours = dagcbor.decode(block, floats=True)
    except EncodingError:
        return None
    try:
        theirs = dag_cbor.decode(block)
        written = dag_cbor.encode(theirs)
    except MulticodecKeyError:
        return None  # a link of a codec that its table lacks; ours keeps any codec
    except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
        return f"the reference codec refuses it: {' '.join(str(error).split())}"
    if not _is_same(ours, theirs):
        return "the reference codec reads another value"
    if written != block:
        return "the reference codec writes it otherwise"
    return None


def _is_same(ours: object, theirs: object) -> bool:
    if isinstance(ours, CID):
        return type(theirs).__name__ == "CID" and bytes(theirs) == ours.raw  # type: ignore[call-overload] # multiformats' CID, by its bytes
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return list(ours) == list(theirs) and all(
            _is_same(ours[key], theirs[key]) for key in ours
        )
    if isinstance(ours, list) and isinstance(theirs, Sequence):
        return len(ours) == len(theirs) and all(map(_is_same, ours, theirs))
    return type(ours) is type(theirs) and ours == theirs
