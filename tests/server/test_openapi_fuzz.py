"""Anything that the OpenAPI document admits, and much that it does not.

`make fuzz-http` asks more of each operation, and installs schemathesis.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.world import Issuer, Ran, result
from tests.server.conftest import car_of

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = int(os.environ.get("FUZZ_HTTP_EXAMPLES", "6"))

#: It would listen for ever; tests/server/test_stream.py has it.
ENDLESS = ("/v1/stream",)


@pytest.fixture
def schema(tmp_path: Path) -> Iterator[Any]:
    with Octostore.open(tmp_path / "store") as store:
        statement, blocks = Issuer("bristol").claims(Ran(), result())
        car = car_of([statement.envelope_cid], blocks)
        assert store.ingest_car(io.BytesIO(car)).accepted
        app = create_app(store, Settings(path=tmp_path))
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.slow
def test_whatever_is_asked_is_answered_or_is_a_problem(schema: Any) -> None:
    asked = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        nonlocal asked
        answer = data.draw(cases).call()
        asked += 1
        kind = (answer.headers.get("content-type") or [""])[0]
        assert answer.status_code < 500, answer.text
        assert answer.status_code < 400 or kind == "application/problem+json"

    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in ENDLESS:
            continue
        cases = operation.as_strategy()
        # A CAR is no JSON; tests/fuzz has its reader.
        with suppress(schemathesis.errors.SerializationNotPossible):
            ask()
    assert asked >= EXAMPLES
