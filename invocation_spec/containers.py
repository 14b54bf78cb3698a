"""What a container runs: the command, its environment, its place.

Docker's rules, the same in every network that starts images: an entrypoint that
is set drops the image's CMD; arguments alone replace the CMD and leave the
entrypoint; an empty list clears the entrypoint and leaves the CMD. Source: moby
daemon/commit.go merge; the OCI image configuration; ADR 0018.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from invocation_spec.errors import DocumentError
from invocation_spec.node import Node
from invocation_spec.reading import Reading, clean_at
from invocation_spec.resolutions import ImageMeaning

__all__ = ["Command", "cleared_command", "command", "env_list", "working_directory"]


@dataclass(frozen=True, slots=True)
class Command:
    """Either the whole command, or what replaces the image's CMD."""

    argv: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


def command(
    entrypoint: list[str], parameters: list[str], image: ImageMeaning | None, at: str
) -> Command:
    """The command that a spec and, where stated, the image's configuration give.

    Raises:
        DocumentError: nothing is left to run.
    """
    if entrypoint:
        # One empty string is Docker's way to clear the image's entrypoint.
        cleared = [] if entrypoint == [""] else entrypoint
        return _whole([*cleared, *parameters], at)
    if image is None or image.entrypoint is None:
        return Command(args=tuple(parameters))
    if parameters:
        return _whole([*image.entrypoint, *parameters], at)
    if image.cmd is None:
        return Command()
    if not (image.entrypoint or image.cmd):
        raise DocumentError(
            "no command: the spec states none, and by its resolution the image has"
            " neither entrypoint nor cmd",
            at=at,
        )
    return _whole([*image.entrypoint, *image.cmd], at)


def cleared_command(
    parameters: list[str], image: ImageMeaning | None, at: str
) -> Command | None:
    """The command of an entrypoint that reaches Docker as an empty list.

    None if it is the image's CMD alone, which nothing states: no field of an input
    could leave that in force.

    Raises:
        DocumentError: nothing is left to run.
    """
    if parameters:
        return _whole(parameters, at)
    if image is None or image.cmd is None:
        return None
    return _whole([*image.cmd], at)


def _whole(argv: list[str], at: str) -> Command:
    if not argv:
        raise DocumentError(
            "no command is left: the entrypoint is cleared and there are no parameters",
            at=at,
        )
    return Command(argv=tuple(argv))


def env_list(reading: Reading, node: Node) -> Mapping[str, str] | None:
    """A list of `NAME=value` as a map, the last of a name wins; None if impure.

    Raises:
        DocumentError: an element without `=` after a non-empty name.
    """
    env: dict[str, str] = {}
    complete = True
    for item in node.elements():
        text = reading.block_text(item)
        if text is None:
            complete = False
            continue
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise item.refuse("NAME=value")
        env[name] = value
    return env if complete else None


def working_directory(reading: Reading, node: Node) -> str | None:
    """The working directory, None where the image's own is in force.

    Raises:
        DocumentError: a relative path.
    """
    if node.is_empty:
        return None
    text = reading.literal(node)
    if text is None:
        return None  # impure, so that no input is made of it
    if not text.startswith("/"):
        raise node.refuse("an absolute path")
    return clean_at(text, node.at)
