"""Being written."""

from __future__ import annotations

from invocation_spec.document import Document
from invocation_spec.reading import Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["is_homestar", "read_homestar"]


def is_homestar(document: Document) -> bool:
    return False


def read_homestar(document: Document, resolutions: Resolutions) -> list[Reading]:
    raise NotImplementedError
