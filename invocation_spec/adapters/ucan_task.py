"""Being written."""

from __future__ import annotations

from invocation_spec.document import Document
from invocation_spec.reading import Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["is_task", "read_task"]


def is_task(document: Document) -> bool:
    return False


def read_task(document: Document, resolutions: Resolutions) -> list[Reading]:
    raise NotImplementedError
