"""`octostore demo`: the whole story on a temporary store."""

from __future__ import annotations

from octostore.cli.rim import say

__all__ = ["demo_command"]


def demo_command() -> None:
    """Tell the story of one program on three networks.

    Example: octostore demo
    """
    # The story runs a program; its machine is loaded when it is told.
    from octostore.cli.story import tell

    tell(say)
