"""All modules of packages: classes count only once their module is imported."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

__all__ = ["import_all"]


def import_all(*packages: ModuleType) -> None:
    """Import every module below these packages, except those that are commands."""
    for package in packages:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
