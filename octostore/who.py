"""Skeleton: signatures are final, bodies follow."""

from __future__ import annotations

from typing import Final

from octostore.answer import Answer, Asked
from octostore.store import Octostore

__all__ = ["CLAIMS_MAX", "who"]

#: Claims on one page of an answer, unless one invocation alone has more.
CLAIMS_MAX: Final = 1000


def who(
    store: Octostore, asked: Asked, *, limit: int = CLAIMS_MAX, after: str | None = None
) -> Answer:
    """Who claims which results; an empty answer is an answer."""
    raise NotImplementedError
