from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from octostore.store import Octostore
from octostore_server import models
from octostore_server.forms import SCHEMAS
from octostore_server.schemas import generated
from tests.server.conftest import Story

FOLDER = Path(__file__).parents[2] / "schemas"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return generated()


@pytest.mark.parametrize(
    "name",
    [
        *("openapi.json", "receipt.schema.json", "who.schema.json"),
        *(f"forms/{form}.schema.json" for form in SCHEMAS),
    ],
)
def test_the_generated_schemas_are_not_stale(made: dict[str, str], name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == made[name], "run: python -m octostore_server.schemas schemas"


def test_every_operation_tells_of_problems(made: dict[str, str]) -> None:
    paths = json.loads(made["openapi.json"])["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            responses = operation["responses"]
            for family in ("4XX", "5XX"):
                content = responses[family]["content"]
                assert "application/problem+json" in content, (method, path)
            assert "HTTPValidationError" not in json.dumps(operation)


def test_every_reference_leads_somewhere(made: dict[str, str]) -> None:
    document = json.loads(made["openapi.json"])
    names = document["components"]["schemas"].keys()
    found = {
        part.split('"')[0]
        for part in made["openapi.json"].split("#/components/schemas/")[1:]
    }
    assert found <= names


def test_a_receipt_is_what_its_schema_says(store: Octostore, story: Story) -> None:
    for body in (story.cars[0], b"", story.cars[0] + b"\x01"):
        told = store.ingest_car(io.BytesIO(body)).to_json()
        receipt = models.Receipt.model_validate(told)
        assert receipt.model_dump(exclude_unset=True) == told
