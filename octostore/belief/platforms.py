"""Classes of platforms: within one, values are compared.

    platforms = [["linux/amd64", "linux/386"], ["linux/arm64"]]

A class is called by the least of its platforms, a platform in no class by itself, and
one that nobody told by "". Source: FORMATS 4, 9; docs/spec/verdict.md.
"""

from __future__ import annotations

from typing import Final

from octostore.belief.policy import Policy

__all__ = ["UNTOLD", "Platforms"]

#: The class of claims that do not say where they ran.
UNTOLD: Final = ""


class Platforms:
    """The classes of a policy."""

    def __init__(self, policy: Policy) -> None:
        self._classes = {
            platform: min(members)
            for members in policy.platforms
            for platform in members
        }

    def of(self, platform: str | None) -> str:
        """The name of the class that this platform is in."""
        if platform is None:
            return UNTOLD
        return self._classes.get(platform, platform)
