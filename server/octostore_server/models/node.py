"""How a node is."""

from __future__ import annotations

from typing import Literal

from octostore_server.models.base import Checkpoint, Model

__all__ = [
    "Health",
]


class Health(Model):
    """The store reads, and this is its log."""

    status: Literal["ok"]
    checkpoint: Checkpoint
