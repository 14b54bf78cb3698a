"""Verbs by name, each loaded when it is asked for: a process imports what it needs.

    VERBS = {"who": "octostore.cli.asking:who_command", "key": "octostore.cli.keys:app"}

A place names a module and, after the colon, a function or a group in it. A help page
shows the first line of every verb, and loads them all for it.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

__all__ = ["group_of", "loaded"]


def group_of(places: Mapping[str, str]) -> type[TyperGroup]:
    """The class of a group whose commands lie at these places, in their order."""

    class Group(TyperGroup):
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.commands = _Commands(places)

    return Group


def loaded(place: str) -> Any:
    """The function or group at a place, its module imported."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


class _Commands(UserDict[str, Any]):
    """Commands by name; a place becomes its command when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        found = self.data[name]
        if isinstance(found, str):
            found = self.data[name] = _command(name, loaded(found))
        return found


def _command(name: str, found: Any) -> Any:
    """What typer makes of a function, or of a group, as part of another."""
    around = typer.Typer(rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name)
    else:
        around.command(name)(found)
    return get_group(around).commands[name]
