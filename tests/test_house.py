"""The house stands as the plan says: what the wheel holds, what modules show."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    ROOT / "invocation_spec",
    ROOT / "octostore",
    ROOT / "server" / "octostore_server",
)

#: Longest module, in lines. When it will not fit, the idea is two ideas.
LINES_MAX = 450


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted(package.rglob("*.py"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_three_packages_and_no_more(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    packages = {top for top in tops if not top.endswith(".dist-info")}
    assert packages == {"invocation_spec", "octostore", "octostore_server"}
    assert "py.typed" in {Path(name).name for name in wheel.namelist()}


def test_the_wheel_holds_what_the_demo_reads(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for file in ("kepler/kepler.wasm", "kepler/golem-bundle.json", "unpinned.yaml"):
        assert f"octostore/examples/{file}" in names


def test_modules_say_what_they_are() -> None:
    for module in _modules():
        assert ast.get_docstring(ast.parse(module.read_text())), module


def test_modules_are_short() -> None:
    long = {
        str(module.relative_to(ROOT)): lines
        for module in _modules()
        if (lines := len(module.read_text().splitlines())) > LINES_MAX
    }
    assert not long


def test_public_names_are_those_of_all() -> None:
    for module in _modules():
        tree = ast.parse(module.read_text())
        exported = _exported(tree)
        if exported is None or module.name == "__init__.py":
            continue
        defined = {node.name for node in tree.body if _is_public(node)}
        assert defined <= exported, f"{module}: {sorted(defined - exported)}"


def _is_public(node: ast.stmt) -> TypeGuard[ast.ClassDef | ast.FunctionDef]:
    """A class or function by its name; what is decorated is known by that."""
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        return False
    return isinstance(node, ast.ClassDef | ast.FunctionDef) and (
        not node.name.startswith("_")
    )


def _exported(tree: ast.Module) -> set[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__"
            for target in node.targets
        ):
            return set(ast.literal_eval(node.value))
    return None
