"""Being written."""

from __future__ import annotations

from invocation_spec.document import Document
from invocation_spec.reading import Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["is_bundle", "read_bundle"]


def is_bundle(document: Document) -> bool:
    return False


def read_bundle(document: Document, resolutions: Resolutions) -> list[Reading]:
    raise NotImplementedError
