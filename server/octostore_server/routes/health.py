"""GET /healthz: whether the store can be read."""

from __future__ import annotations

from fastapi import APIRouter

from octostore_server import models
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS

__all__ = ["router"]

router = APIRouter(tags=["node"], responses=PROBLEMS)


@router.get("/healthz", summary="Whether the store reads", response_model=models.Health)
def get_health(node: AtNode) -> dict[str, object]:
    """Reads the log's head from the disk; a store that fails is a problem."""
    return {"status": "ok", "checkpoint": node.store.checkpoint().to_json()}
