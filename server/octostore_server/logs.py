"""What a server writes to stderr: lines for people, or a line of JSON for each.

{"time": "2026-11-23T03:40:00.123Z", "level": "info", "logger": "uvicorn.access",
 "client": "127.0.0.1:5000", "method": "GET", "path": "/v1/who?..", "status": 200}
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final

from uvicorn.config import LOGGING_CONFIG

__all__ = ["JsonLines", "log_config"]

#: What uvicorn says of a request, in the order of its arguments.
_ACCESS: Final = ("client", "method", "path", "http", "status")


class JsonLines(logging.Formatter):
    """A record as one line of JSON, whatever stands in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        when = datetime.fromtimestamp(record.created, UTC)
        value: dict[str, object] = {
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        args = record.args
        if record.name == "uvicorn.access" and isinstance(args, tuple):
            value |= dict(zip(_ACCESS, args, strict=False))
        else:
            value["message"] = record.getMessage()
        if record.exc_info:
            value["trace"] = self.formatException(record.exc_info)
        return json.dumps(value, default=str)


def log_config(form: str) -> Mapping[str, Any]:
    """The configuration of logging for uvicorn; `form` is `text` or `json`."""
    config: dict[str, Any] = deepcopy(LOGGING_CONFIG)
    config["handlers"]["access"]["stream"] = "ext://sys.stderr"
    config["loggers"]["octostore.server"] = {
        "handlers": ["default"],
        "propagate": False,
    }
    if form == "json":
        for name in ("default", "access"):
            config["formatters"][name] = {"()": JsonLines}
    return config
