"""What importing the package brings: its names, and no adapter before one is used."""

from __future__ import annotations

import ast
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import invocation_spec

SOURCE = Path(str(invocation_spec.__file__)).read_text()


def _loaded_by(statement: str) -> set[str]:
    code = f"import json, sys; {statement}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout))


def test_an_error_or_a_cid_brings_no_adapter() -> None:
    for name in ("CID", "OctostoreError", "errors", "cid", "dagcbor"):
        found = _loaded_by(f"from invocation_spec import {name}")
        assert "invocation_spec.errors" in found
        assert "invocation_spec.adapters" not in found
        assert not found & {"yaml", "dag_cbor", "multiformats", "google.protobuf"}


def test_canonicalize_brings_all() -> None:
    found = _loaded_by("from invocation_spec import canonicalize")
    assert "invocation_spec.adapters.nix" in found


def test_every_name_is_what_its_types_say() -> None:
    tree = ast.parse(SOURCE)
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed
    for name, module in typed.items():
        found = getattr(invocation_spec, name)
        assert found is getattr(sys.modules[str(module)], name)
    assert set(typed) < set(invocation_spec.__all__) == set(dir(invocation_spec))


def test_no_module_takes_the_place_of_a_name() -> None:
    modules = {module.name for module in pkgutil.iter_modules(invocation_spec.__path__)}
    assert not modules & set(invocation_spec.__all__)


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="'canonicalise'"):
        getattr(invocation_spec, "canonicalise")  # noqa: B009 - mypy knows better
