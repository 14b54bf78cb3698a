"""How a node is."""

from __future__ import annotations

from typing import Literal

from octostore_server.models.base import Checkpoint, Model

__all__ = ["CheckItem", "Health", "Ready"]


class Health(Model):
    """The store reads, and this is its log."""

    status: Literal["ok"]
    checkpoint: Checkpoint


class CheckItem(Model):
    """One thing that must hold."""

    name: str
    ok: bool
    says: str


class Ready(Model):
    """All of these hold."""

    status: Literal["ready"]
    checks: list[CheckItem]
