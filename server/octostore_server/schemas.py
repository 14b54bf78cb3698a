"""Writes what other languages need: `python -m octostore_server.schemas schemas`.

    openapi.json, who.schema.json, receipt.schema.json, forms/*.schema.json

Generated from the models, the routes and the tables of `forms`; a test fails when
they are stale.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from octostore.store import Octostore
from octostore_server import models
from octostore_server.app import create_app
from octostore_server.forms import SCHEMAS
from octostore_server.settings import Settings

__all__ = ["generated", "write"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def generated() -> dict[str, str]:
    """Path below `schemas` -> content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        with Octostore.open(path) as store:
            openapi = create_app(store, Settings(path=path)).openapi()
    return {
        "openapi.json": _text(openapi),
        "who.schema.json": _text(_schema(models.WhoAnswer)),
        "receipt.schema.json": _text(_schema(models.Receipt)),
        **{
            f"forms/{name}.schema.json": _text(make()) for name, make in SCHEMAS.items()
        },
    }


def write(folder: Path) -> None:
    """Write all of them into `folder`."""
    for name, text in generated().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return {"$schema": _DIALECT, **model.model_json_schema(mode="serialization")}


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
