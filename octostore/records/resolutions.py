"""What the references of a document were taken to mean.

    {"oci:docker.io/library/python:3.11": {"digest": "sha256:..", "cmd": []}}

The words are those of the resolutions file, CIDs written out as text: what was
believed is reported, and no block is asked for. Source: FORMATS 4 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from invocation_spec.references import REFERENCE_BYTES_MAX
from octostore.errors import RecordError
from octostore.records import shape

__all__ = ["PARTS_MAX", "RESOLUTIONS_MAX", "Resolution", "frozen_resolutions"]

#: References that one document left open.
RESOLUTIONS_MAX: Final = 1024

#: Arguments of an entrypoint, entry points of a package.
PARTS_MAX: Final = 256

#: A list may be empty: an image that has no entrypoint says so with `[]`.
Part: TypeAlias = "str | Sequence[str] | Mapping[str, str]"
Resolution: TypeAlias = "str | Mapping[str, Part]"


def frozen_resolutions(
    resolutions: Mapping[str, Resolution],
) -> Mapping[str, Resolution]:
    """The same resolutions, checked and unchangeable.

    Raises:
        RecordError: too many, or a meaning that is not of the shape above.
    """
    shape.check_count(resolutions, RESOLUTIONS_MAX, "/resolutions")
    return MappingProxyType(
        {
            reference: _frozen(reference, meaning)
            for reference, meaning in resolutions.items()
        }
    )


def _frozen(reference: str, meaning: object) -> Resolution:
    shape.check_text(reference, "/resolutions", most=REFERENCE_BYTES_MAX)
    at = f"/resolutions/{reference[:80]}"
    if isinstance(meaning, str):
        shape.check_text(meaning, at)
        return meaning
    if not isinstance(meaning, Mapping) or not meaning:
        raise RecordError("expected text, or a map that is not empty", at=at)
    shape.check_count(meaning, PARTS_MAX, at)
    return MappingProxyType(
        {key: _frozen_part(key, part, at) for key, part in meaning.items()}
    )


def _frozen_part(key: str, part: object, at: str) -> Part:
    shape.check_label(key, at)
    if isinstance(part, str):
        shape.check_value(part, at)
        return part
    if not isinstance(part, (list, tuple, Mapping)):
        raise RecordError("expected text, a list of texts or a map of texts", at=at)
    shape.check_count(part, PARTS_MAX, at)
    if isinstance(part, Mapping):
        for name, text in part.items():
            shape.check_label(name, at)
            shape.check_value(text, at)
        return MappingProxyType(dict(part))
    for text in part:
        shape.check_value(text, at)
    return tuple(part)
