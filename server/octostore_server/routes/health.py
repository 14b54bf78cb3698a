"""How the node is.

GET /healthz     the store can be read
GET /readyz      and the node can do its work: its disk, its map; 503 if not
GET /metrics     figures, as Prometheus reads them
"""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from octostore_server import models
from octostore_server.answering import json_response
from octostore_server.condition import checks
from octostore_server.errors import NotReadyError, problem, status_of
from octostore_server.node import AtNode
from octostore_server.openapi import PROBLEMS

__all__ = ["router"]

router = APIRouter(tags=["node"], responses=PROBLEMS)


@router.get("/healthz", summary="Whether the store reads", response_model=models.Health)
def get_health(node: AtNode) -> dict[str, object]:
    """Reads the log's head from the disk; a store that fails is a problem."""
    return {"status": "ok", "checkpoint": node.store.checkpoint().to_json()}


@router.get(
    "/readyz",
    summary="Whether the node can do its work",
    response_class=Response,
    responses={200: {"model": models.Ready}},
)
def get_ready(node: AtNode) -> Response:
    """The store reads, its disk has room, and somebody keeps the map up."""
    found = checks(node.store, node.settings, node.map_state)
    told = [check.to_json() for check in found]
    headers = {"cache-control": "no-store"}
    failing = [check.name for check in found if not check.ok]
    if failing:
        detail = f"not ready: {', '.join(failing)}"
        status = status_of(NotReadyError)
        return problem(NotReadyError.code, status, detail, headers=headers, checks=told)
    return json_response({"status": "ready", "checks": told}, headers)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"description": "Figures", "content": {"text/plain": {}}}},
)
def get_metrics(node: AtNode) -> Response:
    """Requests, deliveries and streams of this process, and its store."""
    headers = {"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"}
    return Response(generate_latest(node.metrics.registry), headers=headers)
