"""The shapes of JSON that the server reads and tells; nothing below imports them.

They restate `to_json` of the values in `octostore` for other languages: a field
that an answer leaves out is optional here, and none is ever null unless it says
so. Source: FORMATS 4, 7 and 9; schemas/ is generated from these modules.
"""

from octostore_server.models.base import Checkpoint, MapHead
from octostore_server.models.documents import DocumentRequest, Outcome, Outcomes
from octostore_server.models.node import Health, Ready
from octostore_server.models.questions import (
    ClaimsAnswer,
    ExplainRequest,
    Explanation,
    InvocationsAnswer,
    InvocationsRequest,
    IssuerAnswer,
    IssuersAnswer,
    LineageAnswer,
    ManyAnswer,
    ManyRequest,
)
from octostore_server.models.who import Receipt, WhoAnswer

__all__ = [
    "Checkpoint",
    "ClaimsAnswer",
    "DocumentRequest",
    "ExplainRequest",
    "Explanation",
    "Health",
    "InvocationsAnswer",
    "InvocationsRequest",
    "IssuerAnswer",
    "IssuersAnswer",
    "LineageAnswer",
    "ManyAnswer",
    "ManyRequest",
    "MapHead",
    "Outcome",
    "Outcomes",
    "Ready",
    "Receipt",
    "WhoAnswer",
]
