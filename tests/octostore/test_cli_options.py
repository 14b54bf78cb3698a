"""A dataclass of options in a command: expanded in its place, given as one value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from inspect import signature
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from octostore.cli import VERBS
from octostore.cli.options import expanded
from octostore.cli.publishing import Publication
from octostore.cli.verbs import loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two options, one of which must be given."""

    first: Annotated[int, typer.Option("--first", help="The first.")]
    second: Annotated[str | None, typer.Option("--second", help="The second.")] = None


@expanded
def command(name: str, *, pair: Pair, loud: bool = False) -> None:
    """Say what came."""
    typer.echo(f"{name} {pair} {loud}")


def _run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(command)
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.output


def test_options_stand_where_the_dataclass_does() -> None:
    assert list(signature(command).parameters) == ["name", "first", "second", "loud"]
    help_text = _run("--help")[1]
    places = [help_text.index(text) for text in ("The first.", "The second.", "--loud")]
    assert places == sorted(places)


def test_a_command_gets_one_value_of_its_options() -> None:
    assert _run("x", "--first", "1") == (0, f"x {Pair(first=1)} False\n")
    both = _run("x", "--first", "1", "--second", "b", "--loud")
    assert both == (0, f"x {Pair(first=1, second='b')} True\n")


def test_a_field_without_a_default_must_be_given() -> None:
    code, said = _run("x", "--second", "b")
    assert code == 2
    assert "--first" in said


@pytest.mark.parametrize(
    "verb", ["claim", "profile", "commit", "withdraw", "delegate", "join", "revoke"]
)
def test_all_that_sign_have_the_same_options(verb: str) -> None:
    shared = [each.name for each in fields(Publication)]
    assert list(signature(loaded(VERBS[verb])).parameters)[-len(shared) :] == shared
